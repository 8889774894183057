"""Rows of a table as numbers, by which they are found again in another table."""

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils.validation import _num_samples

from ._matching import RowLaw, match_rows
from ._rows import (
    column_names,
    columns_of,
    missing_in,
    n_columns,
    numbers_in,
    row_bytes,
    tokens_of,
)

__all__ = ["Layout", "same_rows"]

# A hash is kept in two whole numbers of so many bits, which floats hold exactly.
_HASH_BITS = 48
# Sparse matrices of up to so many numbers are compared as if they were dense.
_DENSE_SIZE = 2**23


@dataclass(frozen=True)
class Layout:
    """How the rows of one table are written as numbers, by which rows are found again.

    Columns of numbers are kept, with one more that says where they are missing; of any other
    column, and of a row of a large sparse matrix, there is a hash in two whole numbers. So each
    column of numbers has its own tolerance (see :class:`~skqmu._matching.RowLaw`), and all else
    must be equal.

    Attributes
    ----------
    numeric : tuple of int
        Columns of numbers.
    missing : tuple of int
        Those of them where some are missing.
    others : tuple of int
    width : int
        Number of columns.
    names : tuple of str or None
        Of a data frame's columns, which requests must have.
    is_sparse : bool
    is_hashed : bool
        Whether rows are hashed whole: of a large sparse matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu._row_layout import Layout
    >>> X = np.array([[1.5, "a"], [2.5, "b"]], dtype=object)
    >>> layout = Layout.of(X)
    >>> layout.numbers(X).shape, layout.is_plain
    ((2, 3), False)
    """

    numeric: tuple
    missing: tuple
    others: tuple
    width: int
    names: tuple | None = None
    is_sparse: bool = False
    is_hashed: bool = False

    @classmethod
    def of(cls, X):
        """Layout for the rows of a table and for all that are compared with them."""
        width, names = n_columns(X), column_names(X)
        names = None if names is None else tuple(names)
        is_sparse = sparse.issparse(X)
        if is_sparse and X.shape[0] * width > _DENSE_SIZE:
            return cls((), (), (), width, is_sparse=True, is_hashed=True)
        columns = columns_of(X)
        numeric = tuple(j for j, column in enumerate(columns) if column.dtype.kind == "f")
        missing = tuple(j for j in numeric if np.isnan(columns[j]).any())
        others = tuple(j for j in range(len(columns)) if j not in set(numeric))
        return cls(numeric, missing, others, width, names, is_sparse=is_sparse)

    @property
    def is_plain(self):
        """Whether the numbers are the rows themselves."""
        return not (self.missing or self.others or self.is_sparse or self.names is not None)

    def numbers(self, X, *, name="X"):
        """Write rows as numbers, shape (n, m).

        Parameters
        ----------
        X : table with the same columns
        name : str, default="X"

        Raises
        ------
        ValueError
            It has other columns.
        """
        self._check_columns(X, name)
        if self.is_hashed:
            return _hashed(row_bytes(sparse.csr_matrix(X)))
        columns = columns_of(X)
        written = {j: numbers_in(columns[j]) for j in self.numeric}
        absent = {j: missing_in(columns[j]) for j in self.missing}
        for j, gaps in absent.items():
            written[j] = np.where(gaps, 0.0, written[j])
        hashes = [_hashed(tokens_of(columns[j])) for j in self.others]
        return np.column_stack([*written.values(), *absent.values(), *hashes])

    def _check_columns(self, X, name):
        width, names = n_columns(X), column_names(X)
        if width != self.width:
            raise ValueError(f"{name} has {width} columns; the rows to compare with {self.width}.")
        if self.names is not None and names is not None and tuple(names) != self.names:
            raise ValueError(
                f"{name} has the columns {names[:8]}; the rows to compare with "
                f"{list(self.names[:8])}: pass the same columns in the same order."
            )


def _hashed(texts):
    """Two whole numbers for each of some bytes, shape (n, 2)."""
    size = _HASH_BITS // 8
    digests = [hashlib.blake2b(text, digest_size=2 * size).digest() for text in texts]
    parts = [[int.from_bytes(d[:size], "big"), int.from_bytes(d[size:], "big")] for d in digests]
    return np.array(parts, dtype=np.float64).reshape(len(digests), 2)


def same_rows(X, reference):
    """Which rows of a table are rows of another one, up to the last bits.

    Within each column's own tolerance, as in a classifier's member record; what is no number must
    be equal, and what is missing equals what is missing.

    Parameters
    ----------
    X : table of shape (n, d)
    reference : table of shape (m, d)

    Returns
    -------
    ndarray of bool of shape (n,)
    """
    if _num_samples(X) == 0 or _num_samples(reference) == 0:
        return np.zeros(_num_samples(X), dtype=bool)
    if n_columns(X) != n_columns(reference):
        return np.zeros(_num_samples(X), dtype=bool)
    layout = Layout.of(reference)
    known = layout.numbers(reference)
    matches = match_rows(layout.numbers(X), known, RowLaw.of(known))
    return np.array([len(entries) > 0 for entries in matches], dtype=bool)
