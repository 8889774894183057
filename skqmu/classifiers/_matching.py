"""Which stored rows a request means, when the last bits of a row may differ.

A transformer upstream gives one row different last bits than the same row among many
(BLAS picks another kernel), so rows are compared within a tolerance, not by their bytes.
"""

import numpy as np

__all__ = ["RTOL", "column_scale", "match_rows", "row_digests"]

RTOL = 1e-9
# Rows are hashed on a grid of this many binary digits (about 9 decimal ones).
_GRID_BITS = 30
# Values beyond 2^this times their column's scale are hashed relative to themselves.
_ABSOLUTE_BITS = 12
# A rotation leaves rounding errors of a few units in the last place of a row's LARGEST
# component in all of its components; RTOL times this share of it is some 270 such units.
_ROTATED = 2.0**-14
# Columns smaller than this against the rest hold nothing but such errors.
_NOISE = 2.0**-44
# Beyond it, sums over the columns are near overflow.
_LARGEST_SUM = 1e300


def column_scale(X):
    """Magnitude that differences in each column are compared with, shape (n_features,).

    The usual size of the column, because a component that happens to be near 0 in one row
    still carries rounding errors of its column's usual size; the median keeps one outlier
    from widening the tolerance. A column that is near 0 in most rows (a component that tells
    few rows apart) or in all (beyond the rank of the data) carries the rounding errors of
    the other columns. Only powers of two are kept: a median is some row's own value, and
    rows are to be forgotten.
    """
    if not len(X):
        return np.zeros(X.shape[1])
    size = np.abs(X)
    largest = size.max(axis=0)
    rotated = _ROTATED * np.median(size.max(axis=1))
    noise_only = largest <= _NOISE * rotated / _ROTATED
    floor = np.where(noise_only, rotated, np.minimum(rotated, largest))
    scale = np.maximum(np.median(size, axis=0), floor)
    mantissa, exponent = np.frexp(scale)
    return np.where(mantissa > 0, np.ldexp(0.5, exponent), 0.0)


def match_rows(X_request, X_stored, scale, rtol=RTOL):
    """Stored rows that equal each requested row within `rtol`.

    Parameters
    ----------
    X_request : ndarray of shape (k, n_features)
    X_stored : ndarray of shape (n, n_features)
    scale : ndarray of shape (n_features,)
        From `column_scale` of the stored rows.

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
    # Sorting by one number a row leaves few candidates. It is a sum over all columns, because
    # images tell few rows apart in any one of them, and each column brings in its tolerance.
    direction = _direction(scale)
    with np.errstate(over="ignore", invalid="ignore"):
        key = X_stored @ direction
        order = np.argsort(key, kind="stable")
        key = key[order]
        centre = X_request @ direction
        width = 2 * rtol * (np.maximum(np.abs(X_request), scale) @ direction)
        first = np.searchsorted(key, centre - width, side="left")
        last = np.searchsorted(key, centre + width, side="right")
    # Sums that overflow say nothing: such a row is compared with every stored one.
    overflown = ~(np.abs(centre) + width < _LARGEST_SUM)
    first[overflown], last[overflown] = 0, n
    for i in range(k):
        candidates = order[first[i] : last[i]]
        difference = np.abs(X_stored[candidates] - X_request[i])
        size = np.maximum(np.abs(X_stored[candidates]), np.maximum(np.abs(X_request[i]), scale))
        near = (difference <= rtol * size).all(axis=1)
        distance = difference[near].max(axis=1, initial=0.0)
        matches[i] = candidates[near][np.argsort(distance, kind="stable")]
    return matches


def _direction(scale):
    """Weights of the columns in the number that rows are sorted by, shape (n_features,).

    Each column counts by its scale; fixed random factors keep rows with equal sums apart.
    """
    factors = np.random.default_rng(0).uniform(0.5, 1.0, len(scale))
    usable = scale > 1 / _LARGEST_SUM
    return np.divide(factors, scale, out=np.zeros(len(scale)), where=usable)


def row_digests(X, scale, keyed_hash):
    """Two digests a row, on two grids shifted by half a step.

    A difference in the last bits can carry a value across the border of one grid, not of
    both: two rows are taken for equal if either digest agrees.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    scale : ndarray of shape (n_features,)
    keyed_hash : callable
        From bytes to bytes.

    Returns
    -------
    list of (bytes, bytes)
    """
    mantissa, exponent = np.frexp(X)
    # All but outliers are put on the grid of their column's scale: a grid of their own would
    # tear apart values to both sides of a power of two.
    floor = np.frexp(np.where(scale > 0, scale, 1.0))[1]
    usual = (exponent < floor + _ABSOLUTE_BITS) | (X == 0)  # frexp gives 0 the exponent 0
    mantissa = np.where(usual, np.ldexp(X, -floor), mantissa)
    exponent = np.where(usual, floor, exponent)
    steps = mantissa * 2.0**_GRID_BITS
    grids = [
        np.concatenate([np.floor(steps + shift), exponent], axis=1).astype(np.int64)
        for shift in (0.25, 0.75)
    ]
    return [
        tuple(keyed_hash(bytes([which]) + grid[i].tobytes()) for which, grid in enumerate(grids))
        for i in range(len(X))
    ]
