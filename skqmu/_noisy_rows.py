"""Rows whose features say nothing: drawn anew, in the kind of table that they stand in."""

import numpy as np
from scipy import sparse

from ._rows import columns_of, is_frame, join, measured_columns, n_columns, with_columns

__all__ = ["noisy_rows"]


def noisy_rows(X, bad, rng, *, noise="columns", like=None):
    """Return a table with other features in some rows.

    Parameters
    ----------
    X : table of n rows, as `as_table` returns it
    bad : ndarray of bool of shape (n,)
    rng : RandomState
    noise : {"columns", "unit"}, default="columns"
        ``"columns"``: each column on its own; measurements are normal with the column's mean and
        standard deviation, all else is a value of the column, drawn at random. ``"unit"``: a
        normal row, divided by its length.
    like : table, default=None
        Whose columns are imitated; None: those of `X`.

    Returns
    -------
    table
        Of the same kind; numbers of an array become floats.
    """
    if noise == "unit":
        return _of_length_one(X, bad, rng)
    like = X if like is None else like
    if sparse.issparse(X):
        return _sparse(X, bad, rng, like)
    measured = measured_columns(X)
    others = [j for j in range(n_columns(X)) if j not in measured]
    known = columns_of(like)
    values = {}
    for j, column in measured.items():
        finite = known[j][np.isfinite(known[j])]
        centre, width = (finite.mean(), finite.std()) if finite.size else (0.0, 1.0)
        values[j] = column.copy()
        values[j][bad] = centre + width * rng.standard_normal(bad.sum())
    X = _drawn(X, bad, rng, like, others)
    return _with_floats(X, values) if values else X


def _of_length_one(X, bad, rng):
    columns = [] if sparse.issparse(X) else columns_of(X)
    if not columns or any(column.dtype.kind != "f" for column in columns):
        raise ValueError(
            "noise='unit' puts a random direction in the place of a row, which must be dense and "
            "hold numbers alone; noise='columns' takes any table."
        )
    rows = rng.standard_normal((bad.sum(), len(columns)))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values = {}
    for j, column in enumerate(columns):
        values[j] = column.copy()
        values[j][bad] = rows[:, j]
    return _with_floats(X, values)


def _with_floats(X, values):
    """A table with other numbers in some columns, of the precision that it had."""
    noisy = with_columns(X, values)
    if hasattr(X, "iloc"):
        for j in values:
            kind = X.dtypes.iloc[j]
            if getattr(kind, "kind", "") == "f":
                noisy.isetitem(j, noisy.iloc[:, j].astype(kind))
    elif is_frame(X):
        kinds = {name: kind for name, kind in X.schema.items() if kind.is_float()}
        names = [X.columns[j] for j in values if X.columns[j] in kinds]
        noisy = noisy.with_columns([noisy[name].cast(kinds[name]) for name in names])
    elif X.dtype.kind == "f":
        noisy = noisy.astype(X.dtype)
    return noisy


def _drawn(X, bad, rng, like, positions):
    """A table with values from random rows of another one in some columns of its bad rows."""
    if not positions:
        return X
    n, both = len(bad), X if like is X else join(X, like)
    first = 0 if like is X else n
    n_like = n_rows(like)

    def sources():
        rows = np.arange(n)
        rows[bad] = first + rng.randint(n_like, size=bad.sum())
        return rows

    if hasattr(X, "iloc"):
        noisy = X.copy()
        for j in positions:
            noisy.isetitem(j, both.iloc[:, j].take(sources()).set_axis(X.index))
        return noisy
    if is_frame(X):
        return X.with_columns([both.to_series(j).gather(sources()) for j in positions])
    if X.ndim == 1:
        return both[sources()]
    noisy = X.copy()
    for j in positions:
        noisy[:, j] = both[sources(), j]
    return noisy


def n_rows(X):
    """Return how many rows a table has."""
    return X.shape[0]


def _sparse(X, bad, rng, like):
    """The same for a sparse matrix, all of whose columns are drawn: it stays sparse."""
    n, n_bad, like = len(bad), int(bad.sum()), like.tocsc()
    columns = [like[:, [j]][rng.randint(like.shape[0], size=n_bad)] for j in range(like.shape[1])]
    rows = np.arange(n)
    rows[bad] = n + np.arange(n_bad)
    # Rows are taken, not computed: whole numbers beyond 2**53 are no floats.
    noisy = sparse.vstack([X, sparse.hstack(columns, format="csr")], format="csr")[rows]
    return type(X)(noisy, dtype=X.dtype)
