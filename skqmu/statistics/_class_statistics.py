"""What a linear loss knows of the rows: for each class the sum of their states."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ldexp
from typing import Any

import numpy as np

from ..exceptions import InputRowsError
from ._fixed_encoding import FixedEncoding
from ._fixed_point import (
    BLOCK_ROWS,
    BLOCK_WEIGHT,
    add_wide,
    combined_wide,
    negated_wide,
    outer_sums,
    to_floats,
    whole_numbers,
    zeros_wide,
)

__all__ = ["ClassStatistics"]

# Weights that a row may have, and the binary digits behind the point that they then need.
LEAST_WEIGHT, MOST_WEIGHT, _WEIGHT_DIGITS = 2.0**-10, 2.0**10, 63
# Blocks whose integer sums fit 64 binary digits together.
_BLOCKS = 512


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """``S_c = sum_i w_i |x_i><x_i|`` over the rows of each class, with counts and weights.

    Whole numbers throughout: sums and differences are exact, whatever the order, and equal bit
    by bit where the rows are the same. What is subtracted leaves nothing.

    Parameters
    ----------
    high, low : ndarray of int64 and uint64 of shape (n_classes, size, size)
        The matrices in 128 binary digits, in units of 2^-84: real parts on and below the
        diagonal, imaginary ones above it. 16 bytes a number, 16 K 4^q in all.
    counts : tuple of int
        Rows of each class.
    totals : tuple of int
        Weights of each class, in units of 2^-63: exact.
    squares : tuple of int
        Their squares, in units of 2^-126: they tell whether all weights are 1, without a trace
        of rows that were taken out.
    origin : str
        Digest of the encoding and of what it makes of some rows. Statistics of different
        encodings, or of machines whose sines differ, are not added.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.circuits import build_circuit
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.statistics import StatisticsProgram
    >>> qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    >>> program = StatisticsProgram(*qnn, n_classes=2, backend=StatevectorBackend())
    >>> X, y, w = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]), np.array([0, 1, 0]), np.ones(3)
    >>> both = program.of(X, y, w)
    >>> both - program.of(X[:1], y[:1], w[:1]) == program.of(X[1:], y[1:], w[1:])
    True
    >>> both.counts, both.weights.tolist()
    ((2, 1), [2.0, 1.0])
    """

    high: np.ndarray
    low: np.ndarray
    counts: tuple
    totals: tuple
    squares: tuple
    origin: str

    @classmethod
    def zero(cls, n_classes: int, size: int, origin: str) -> "ClassStatistics":
        """Of no rows.

        Parameters
        ----------
        n_classes : int
        size : int
            Of a state: ``2**n_qubits``.
        origin : str
        """
        none = (0,) * n_classes
        return cls(*zeros_wide((n_classes, size, size)), none, none, none, origin)

    @classmethod
    def of(
        cls,
        encoding: FixedEncoding,
        X: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        *,
        n_classes: int,
        origin: str,
    ) -> "ClassStatistics":
        """Of some rows; the matrices of one block of rows are held at a time.

        Parameters
        ----------
        encoding : FixedEncoding
        X : ndarray of shape (n, n_features)
        labels : ndarray of int of shape (n,)
            Index of each row's class.
        weights : ndarray of shape (n,)
            Each between 2^-10 and 2^10.
        n_classes : int
        origin : str

        Raises
        ------
        ValueError
            A weight out of range.
        InputRowsError
            Rows that the encoding cannot take.
        """
        _check_weights(weights)
        size = 2**encoding.n_qubits
        high, low = zeros_wide((n_classes, size, size))
        for label in range(n_classes):
            rows = np.flatnonzero(labels == label)
            for part in _wide_sums(encoding, X, weights, rows):
                high[label], low[label] = add_wide((high[label], low[label]), part)
        own = [weights[labels == label] for label in range(n_classes)]
        totals, squares = zip(*map(_exact_sums, own), strict=True)
        return cls(high, low, tuple(map(len, own)), totals, squares, origin)

    @property
    def nbytes(self) -> int:
        """Bytes of the matrices."""
        return self.high.nbytes + self.low.nbytes

    @property
    def weights(self) -> np.ndarray:
        """Sum of the rows' weights of each class, shape (n_classes,)."""
        return np.array([ldexp(total, -_WEIGHT_DIGITS) for total in self.totals])

    @property
    def has_unit_weights(self) -> bool:
        """Whether each row weighs 1: the sum of ``(w - 1)^2``, which is exact, is 0."""
        sums = zip(self.counts, self.totals, self.squares, strict=True)
        return all(
            square - (total << _WEIGHT_DIGITS + 1) + (count << 2 * _WEIGHT_DIGITS) == 0
            for count, total, square in sums
        )

    def matrices(self) -> np.ndarray:
        """The S_c, complex, of shape (n_classes, size, size)."""
        packed = to_floats((self.high, self.low))
        below = np.tril(packed)
        real = below + np.tril(packed, -1).swapaxes(1, 2)
        above = np.triu(packed, 1)
        return real + 1j * (above - above.swapaxes(1, 2))

    def __add__(self, other: "ClassStatistics") -> "ClassStatistics":
        """Of the rows of both."""
        return self._with(other, 1)

    def __sub__(self, other: "ClassStatistics") -> "ClassStatistics":
        """Of the rows that are left.

        Raises
        ------
        ValueError
            Rows were never added: a count, a weight or a probability would be negative.
        """
        left = self._with(other, -1)
        diagonal = np.einsum("kaa->ka", left.high)
        if min(left.counts) < 0 or min(left.totals) < 0 or (diagonal < 0).any():
            raise ValueError(
                "rows that were never added cannot be taken out of the statistics: what is left "
                "would have negative counts or probabilities. Pass rows and weights as they were "
                "given to fit."
            )
        return left

    def _with(self, other, sign):
        if other.origin != self.origin or other.high.shape != self.high.shape:
            raise ValueError(
                "these statistics come from another encoding or number of classes, or from a "
                "machine whose sines differ in the last bit; make both with one program on one "
                "machine, or fit again."
            )
        theirs = (other.high, other.low)
        wide = add_wide((self.high, self.low), theirs if sign > 0 else negated_wide(theirs))
        counts = tuple(a + sign * b for a, b in zip(self.counts, other.counts, strict=True))
        totals = tuple(a + sign * b for a, b in zip(self.totals, other.totals, strict=True))
        squares = tuple(a + sign * b for a, b in zip(self.squares, other.squares, strict=True))
        return ClassStatistics(*wide, counts, totals, squares, self.origin)

    def __eq__(self, other):
        if not isinstance(other, ClassStatistics):
            return NotImplemented
        return (
            (self.counts, self.totals, self.squares) == (other.counts, other.totals, other.squares)
            and self.origin == other.origin
            and np.array_equal(self.high, other.high)
            and np.array_equal(self.low, other.low)
        )

    __hash__ = None  # it would have to read all of the matrices


def _check_weights(weights):
    bad = np.flatnonzero(~((weights >= LEAST_WEIGHT) & (weights <= MOST_WEIGHT)))
    if len(bad):
        raise ValueError(
            f"sample_weight={weights[bad[0]]:g} (row {bad[0]}, {len(bad)} in all) is out of range: "
            f"statistics are sums in fixed point and hold weights from {LEAST_WEIGHT:g} to "
            f"{MOST_WEIGHT:g}. Divide the weights by a number of your choice, such as their mean "
            "(the loss is a mean: nothing else changes), or leave the row out."
        )


def _exact_sums(weights):
    """Sum of weights as a whole number of 2^-63, and of their squares as one of 2^-126."""
    values, counts = np.unique(weights, return_counts=True)
    whole = [int(ldexp(value, _WEIGHT_DIGITS)) for value in values.tolist()]
    pairs = list(zip(whole, counts.tolist(), strict=True))
    return sum(v * count for v, count in pairs), sum(v * v * count for v, count in pairs)


def _wide_sums(encoding, X, weights, rows) -> Iterator[tuple]:
    """Sums over a few blocks of rows each, in 128 binary digits."""
    sums: Any = 0
    number = 0
    for number, block in enumerate(_blocks(weights, rows), start=1):
        roots = np.sqrt(weights[block])
        try:
            states = encoding.states(X[block])
        except InputRowsError as error:
            raise error.at(block) from None
        real, imag = (whole_numbers(part, roots) for part in states)
        sums = sums + np.stack(outer_sums(real, imag if imag.any() else None))
        if number % _BLOCKS == 0:
            yield combined_wide(*sums)
            sums = 0
    if number % _BLOCKS:
        yield combined_wide(*sums)


def _blocks(weights, rows) -> Iterator[Sequence[int]]:
    """Parts of the rows whose number and weight stay within what a block may have."""
    reached = np.cumsum(weights[rows])
    start = 0
    while start < len(rows):
        before = reached[start - 1] if start else 0.0
        # The first row's own weight always fits.
        stop = np.searchsorted(reached, before + BLOCK_WEIGHT, side="right")
        stop = min(max(int(stop), start + 1), start + BLOCK_ROWS)
        yield rows[start:stop]
        start = stop
