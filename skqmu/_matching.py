"""Which stored rows a request means, when the last bits of a row may differ.

A transformer upstream gives one row different last bits than the same row among many
(BLAS picks another kernel). So a row that no stored row equals bit for bit is taken for the
nearest one within a tolerance, which each column has from its own values.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["RowLaw", "match_rows", "row_digests"]

RTOL = 1e-9
# Copies of one record that a decomposition (PCA.fit_transform) tore apart differ by less.
_ROUNDING = 2.0**-37
# Rows are hashed on a grid of this many binary digits (about 9 decimal ones).
_GRID_BITS = 30
# Values beyond 2^this times their column's scale are hashed relative to themselves.
_ABSOLUTE_BITS = 12
# A rotation leaves rounding errors of a few units in the last place of a row's LARGEST
# component in all of its components (27 measured, 193 for a kernel's): here are 1024 of them.
_ROTATED = 2.0**-42
# How centred and uncorrelated a rotation's columns are; those smaller than the second
# number against the largest do not count, for their own rounding errors hide it.
_UNCORRELATED, _MAIN = 2.0**-28, 2.0**-16
# Beyond it, sums over the columns are near overflow.
_LARGEST_SUM = 1e300
# Rows that are compared with all stored ones before these are sorted.
_FEW = 4
# Numbers that are compared at a time.
_AT_A_TIME = 2**21
# Whole floats from here on have no neighbours that are not whole.
_ALL_WHOLE = 2.0**52
# Whole numbers are told apart down to this many binary digits: exactly below 2^48, and a date
# in nanoseconds to some microseconds, which is what arithmetic on it leaves of it.
_WHOLE_BITS = 48


@dataclass(frozen=True, eq=False)
class RowLaw:
    """How far apart two numbers of one column may be and still be one.

    Each column has its own measure: an hour in nanoseconds says nothing of a length beside it.
    The one exception are the principal components of the very rows (centred, uncorrelated),
    all of which carry the rounding errors of the largest.

    Attributes
    ----------
    scale : ndarray of shape (n_features,)
        The column's usual size, because a component that happens to be near 0 in one row
        still carries rounding errors of its column's usual size; the median keeps one outlier
        from widening the tolerance. Only powers of two are kept: a median is some row's own
        value, and rows are to be forgotten.
    whole : ndarray of bool of shape (n_features,)
        Columns of whole numbers (codes, counts, dates in nanoseconds) came through no
        arithmetic that rounds: two whole numbers are one if they are equal, or too large for
        their last bits to be kept.
    noise : float
        Absolute error of every column, 0 unless the rows are principal components.
    """

    scale: np.ndarray
    whole: np.ndarray
    noise: float = 0.0

    @classmethod
    def of(cls, X):
        """Law for rows that are compared with those of `X`, shape (n, n_features)."""
        if not len(X):
            return cls(np.zeros(X.shape[1]), np.zeros(X.shape[1], dtype=bool))
        size = np.abs(X)
        scale = _usual_size(size)
        if _are_principal_components(X, size.max(axis=0)):
            noise = _power_of_two(_ROTATED * np.median(size.max(axis=1)))
            scale = np.maximum(scale, 2.0 ** (_GRID_BITS - 1) * noise)
            return cls(scale, np.zeros(X.shape[1], dtype=bool), float(noise))
        # Floats this large are whole whatever they came from; dates and codes have one sign.
        whole = (np.floor(X) == X).all(axis=0)
        whole &= (size.max(axis=0) < _ALL_WHOLE) | (X.min(axis=0) >= 0) | (X.max(axis=0) <= 0)
        return cls(scale, whole)

    def snapped(self, X):
        """Rows to be compared, with whole numbers where rounding alone kept them from it."""
        if not self.whole.any():
            return X
        X = X.copy()
        part, scale = X[:, self.whole], self.scale[self.whole]
        nearest = np.rint(part)
        near = np.abs(part - nearest) <= RTOL * np.maximum(np.abs(part), scale)
        X[:, self.whole] = np.where(near, nearest, part) + 0.0  # -0.0 is 0.0
        return X

    def tolerance(self, size):
        """Largest difference of two rows that are taken for one; `size` is the larger value's."""
        return np.where(self.whole, 2.0**-_WHOLE_BITS * size, self._of_each(RTOL, size))

    def rounding(self, size):
        """Largest difference of two copies of one record."""
        return np.where(self.whole, 0.0, self._of_each(_ROUNDING, size))

    def _of_each(self, relative, size):
        return np.maximum(relative * np.maximum(size, self.scale), self.noise)


def _usual_size(size):
    """Median of the sizes other than 0 (a sparse column has a size too), shape (n_features,)."""
    ordered = np.sort(size.T, axis=1)
    n = ordered.shape[1]
    zeros = np.count_nonzero(ordered == 0, axis=1)
    middle = np.minimum(zeros + (n - zeros) // 2, n - 1)
    return _power_of_two(ordered[np.arange(len(ordered)), middle])


def _power_of_two(values):
    mantissa, exponent = np.frexp(values)
    return np.where(mantissa > 0, np.ldexp(0.5, exponent), 0.0)


def _are_principal_components(X, largest):
    """Whether the columns are centred and uncorrelated to rounding, as no measured ones are."""
    peak = largest.max()
    if not 0 < peak < np.inf:
        return False
    norm = np.linalg.norm(X / peak, axis=0)
    main = norm > _MAIN * norm.max()
    if np.count_nonzero(main) < 2:
        return False
    X = X[:, main] / (peak * norm[main])
    if np.abs(X.sum(axis=0)).max() > _UNCORRELATED * np.sqrt(len(X)):
        return False
    if np.abs(X[:, 1:].T @ X[:, 0]).max() > _UNCORRELATED:  # nearly always ends it, cheaply
        return False
    return np.abs(X.T @ X - np.eye(X.shape[1])).max() <= _UNCORRELATED


def match_rows(X_request, X_stored, law):
    """Stored rows that each requested row means.

    A row that is stored bit for bit means its exact copies. Any other means the nearest
    stored row within the law's tolerance, and the copies of that: what equals it up to
    rounding. (Principal components have no exact copies: there the second rule holds for all.)

    Parameters
    ----------
    X_request : ndarray of shape (k, n_features)
    X_stored : ndarray of shape (n, n_features)
    law : RowLaw
        Of the stored rows.

    Returns
    -------
    list of ndarray
        For each requested row the positions of all its copies, nearest first; empty
        where there is none.
    """
    k, n = len(X_request), len(X_stored)
    matches = [np.zeros(0, dtype=int)] * k
    if n == 0 or k == 0:
        return matches
    request = X_request + 0.0  # -0.0 is 0.0
    # Asked once, however often a row is named: copies by copies would be many pairs.
    first = {}
    which = [first.setdefault(row.tobytes(), len(first)) for row in request]
    at = np.unique(which, return_index=True)[1]
    found = _few_exact(request[at], X_stored, law) or _matches(request[at], X_stored, law)
    return [found[i] for i in which]


def _few_exact(request, stored, law):
    """Exact copies of few rows, a comparison each; None where others are meant, or rows are many.

    Sorting the stored rows, which tells near ones, takes as long as some ten comparisons.
    """
    if law.noise or len(request) > _FEW:
        return None
    found = []
    for row in request:
        at = np.flatnonzero(stored[:, 0] == row[0])
        at = at[(stored[at] == row).all(axis=1)]
        if not len(at):
            return None
        found.append(at)
    return found


def _matches(request, stored, law):
    matches = [np.zeros(0, dtype=int)] * len(request)
    snapped = law.snapped(request)
    order, first, last = _candidates(snapped, stored, law)
    counts = last - first
    step = max(1, _AT_A_TIME // stored.shape[1])
    ends = np.cumsum(counts)
    begin = 0
    while begin < len(request):
        taken = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, taken + step, side="right")))
        asked = np.repeat(np.arange(begin, end), counts[begin:end])
        at = order[_ranges(first[begin:end], counts[begin:end])]
        exact = (stored[at] == request[asked]).all(axis=1)
        met = np.zeros(len(request), dtype=bool)
        if law.noise == 0:
            met[asked[exact]] = True
            for i, entries in _grouped(asked[exact], at[exact]):
                matches[i] = entries
        open_ = ~met[asked]
        if open_.any():
            for i, entries in _grouped(asked[open_], at[open_]):
                matches[i] = _nearest(snapped[i], stored, entries, law)
        begin = end
    return matches


def _ranges(first, counts):
    """Numbers first, first + 1, ... of each range, one after the other."""
    starts = np.repeat(first - (np.cumsum(counts) - counts), counts)
    return starts + np.arange(counts.sum())


def _grouped(keys, values):
    """Yield each key of a sorted array with its values."""
    if len(keys):
        cuts = np.flatnonzero(np.diff(keys)) + 1
        yield from zip(keys[np.r_[0, cuts]].tolist(), np.split(values, cuts), strict=True)


def _nearest(row, stored, entries, law):
    """Of the candidate entries, the nearest within the tolerance and its copies."""
    candidates = stored[entries]
    size = np.abs(candidates)
    with np.errstate(over="ignore", invalid="ignore"):
        difference = np.abs(candidates - row)
        tolerance = law.tolerance(np.maximum(size, np.abs(row)))
        near = (difference <= tolerance).all(axis=1)
    if not near.any():
        return np.zeros(0, dtype=int)
    entries, candidates = entries[near], candidates[near]
    share = np.divide(
        difference[near], tolerance[near], out=np.zeros(candidates.shape), where=tolerance[near] > 0
    )
    by_distance = np.argsort(share.max(axis=1, initial=0.0), kind="stable")
    entries, candidates = entries[by_distance], candidates[by_distance]
    apart = np.abs(candidates - candidates[0])
    copies = apart <= law.rounding(np.maximum(np.abs(candidates), np.abs(candidates[0])))
    return entries[copies.all(axis=1)]


def _candidates(request, stored, law):
    """An order of the stored rows, and the part of it that each requested row may mean.

    Sorting by one number a row leaves few candidates. It is a sum over all columns, because
    images tell few rows apart in any one of them, and each column brings in its tolerance.
    """
    direction = _direction(law.scale)
    with np.errstate(over="ignore", invalid="ignore"):
        key = stored @ direction
        order = np.argsort(key, kind="stable")
        key = key[order]
        centre = request @ direction
        width = 2 * RTOL * (np.maximum(np.abs(request), law.scale) @ direction)
        first = np.searchsorted(key, centre - width, side="left")
        last = np.searchsorted(key, centre + width, side="right")
    # Sums that overflow say nothing: such a row is compared with every stored one.
    overflown = ~(np.abs(centre) + width < _LARGEST_SUM)
    first[overflown], last[overflown] = 0, len(stored)
    return order, first, np.maximum(last, first)


def _direction(scale):
    """Weights of the columns in the number that rows are sorted by, shape (n_features,).

    Each column counts by its scale; fixed random factors keep rows with equal sums apart.
    """
    factors = np.random.default_rng(0).uniform(0.5, 1.0, len(scale))
    usable = scale > 1 / _LARGEST_SUM
    return np.divide(factors, scale, out=np.zeros(len(scale)), where=usable)


def row_digests(X, law, keyed_hash):
    """Three digests a row: of its bits, and on two grids shifted by half a step.

    A difference in the last bits can carry a value across the border of one grid, not of
    both: rows that differ in their bits are taken for equal if either grid's digest agrees.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    law : RowLaw
    keyed_hash : callable
        From bytes to bytes.

    Returns
    -------
    list of (bytes, bytes, bytes)
    """
    bits = np.ascontiguousarray(X, dtype=np.float64) + 0.0
    X = law.snapped(bits)
    mantissa, exponent = np.frexp(X)
    # All but outliers are put on the grid of their column's scale: a grid of their own would
    # tear apart values to both sides of a power of two.
    floor = np.frexp(np.where(law.scale > 0, law.scale, 1.0))[1]
    usual = (exponent < floor + _ABSOLUTE_BITS) | (X == 0)  # frexp gives 0 the exponent 0
    mantissa = np.where(usual, np.ldexp(X, -floor), mantissa)
    exponent = np.where(usual, floor, exponent)
    steps = mantissa * 2.0**_GRID_BITS
    exact = law.whole & (np.rint(X) == X)
    large = exact & (np.abs(X) >= 2.0**_WHOLE_BITS)
    own_mantissa, own_exponent = np.frexp(X)
    steps = np.where(large, own_mantissa * 2.0**_WHOLE_BITS, steps)
    exponent = np.where(large, own_exponent, exponent)
    exact &= ~large
    grids = [
        np.concatenate(
            [
                np.where(exact, X.view(np.int64), np.floor(steps + shift).astype(np.int64)),
                np.where(exact, 1 << 20, exponent),  # no number's exponent
            ],
            axis=1,
        )
        for shift in (0.25, 0.75)
    ]
    return [
        tuple(
            keyed_hash(bytes([which]) + row.tobytes())
            for which, row in enumerate((grids[0][i], grids[1][i], bits[i]))
        )
        for i in range(len(X))
    ]
