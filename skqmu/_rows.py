"""Rows of any table: taken, joined, compared and hashed without making them anything else.

A table is what a pipeline takes: an array, a data frame (pandas, polars), a sparse matrix, a list
of texts, an array of objects. It stays what it is until the model's own pipeline sees it.
"""

import numbers

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import _num_samples

from ._validation import told_of_complex_rows

__all__ = [
    "as_floats",
    "as_table",
    "column",
    "column_names",
    "columns_of",
    "cut",
    "is_array",
    "is_frame",
    "join",
    "measured_columns",
    "missing_in",
    "n_columns",
    "numbers_in",
    "row_bytes",
    "take",
    "tokens_of",
    "with_columns",
]

# Whole numbers from here on are not all float64s.
_NOT_ALL_FLOATS = 2**53


def is_frame(X):
    """Whether a table has columns with names and types of their own."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def is_array(X):
    """Whether a table is an array of numbers, or becomes one: no frame, sparse, text or mixed."""
    return not (is_frame(X) or sparse.issparse(X) or _is_text(X) or _is_mixed(X))


def as_table(X, *, name="X", allow_nan=True):
    """Return a table that :func:`take` and :func:`join` know, with the values as they are.

    Frames stay frames and sparse matrices become CSR; lists of texts and of mixed values become
    arrays of objects, everything else a 2-D array of numbers.

    Parameters
    ----------
    X : array-like, sparse matrix or data frame
    name : str, default="X"
        For messages.
    allow_nan : bool, default=True
        Whether numbers may be missing.

    Raises
    ------
    ValueError
        No rows, more than two axes, or infinity (and NaN, unless `allow_nan`) among numbers.
    """
    finite = "allow-nan" if allow_nan else True
    if is_frame(X):
        if _num_samples(X) == 0:
            raise ValueError(f"{name} has no rows.")
        numeric = [column for column in columns_of(X) if column.dtype.kind == "f"]
        if len(numeric) == n_columns(X):
            check_array(np.column_stack(numeric), ensure_all_finite=finite, input_name=name)
        return X
    if _is_text(X) or _is_mixed(X):
        X = np.asarray(X, dtype=object)
        if not len(X):
            raise ValueError(f"{name} has no rows.")
        return X
    shape = getattr(X, "shape", ())
    if len(shape) > 2:
        raise ValueError(
            f"{name} has shape {tuple(shape)}; a record is a row of numbers here: pass "
            f"{name}.reshape(len({name}), -1). as_target(module, input_shape={tuple(shape[1:])}) "
            "and image_shape= of HybridQNNClassifier give rows their shape back."
        )
    with told_of_complex_rows():
        return check_array(
            X, accept_sparse="csr", dtype="numeric", ensure_all_finite=finite, input_name=name
        )


def _is_text(X):
    if sparse.issparse(X):
        return False
    X = np.asarray(X) if not hasattr(X, "dtype") else X
    return X.ndim == 1 and X.dtype.kind in "OUST"


def _is_mixed(X):
    """Whether rows hold something that is no number: an encoder comes first, and decides."""
    if sparse.issparse(X) or getattr(X, "dtype", np.dtype(object)).kind not in "OUST":
        return False
    X = np.asarray(X, dtype=object)
    return X.ndim == 2 and not all(isinstance(v, numbers.Real) for v in X.ravel())


def n_columns(X):
    """Return how many columns a table has; a list of texts has one."""
    return X.shape[1] if getattr(X, "ndim", 2) == 2 else 1


def column_names(X):
    """Return the columns' names as a list of str, or None where a table has none."""
    return list(map(str, X.columns)) if is_frame(X) else None


def take(X, rows):
    """Return some rows of a table.

    Parameters
    ----------
    X : table
    rows : ndarray of int or bool
    """
    rows = np.asarray(rows)
    if not is_frame(X):
        return X[rows]
    return X.iloc[rows] if hasattr(X, "iloc") else _safe_indexing(X, rows)


def cut(X, rows):
    """Return some rows of a table that hold nothing of the others: no category, no shared text.

    Parameters
    ----------
    X : table
    rows : ndarray of int or bool
    """
    left = take(X, rows)
    if not is_frame(left):
        return left
    if not hasattr(left, "iloc"):
        return left.with_columns([_own_series(column) for column in left.get_columns()])
    names = [name for name, kind in left.dtypes.items() if kind == "category"]
    left = left.assign(**{name: left[name].cat.remove_unused_categories() for name in names})
    return left.set_axis(_own_index(left.index))


def _own_index(index):
    """Names of a pandas frame's rows without those of rows that were there once."""
    import pandas

    if isinstance(index, pandas.MultiIndex):  # its levels outlive their rows
        return pandas.MultiIndex.from_tuples(index.tolist(), names=index.names)
    if isinstance(index, pandas.CategoricalIndex):
        return index.remove_unused_categories()
    return index


def _own_series(column):
    """A polars column without the values of rows that were there once, which it may share."""
    import polars

    kind = column.dtype
    if kind.is_numeric() or kind.is_temporal() or kind == polars.Boolean:
        return column
    if kind == polars.Enum:
        there = set(column.unique().to_list())
        kind = polars.Enum([name for name in kind.categories if name in there])
    return polars.Series(column.name, column.to_list(), dtype=kind)


def join(*tables):
    """Return the rows of all tables, one after the other; all are of one kind."""
    first = tables[0]
    if hasattr(first, "iloc"):
        import pandas

        return pandas.concat(tables, ignore_index=True)
    if is_frame(first):
        import polars

        return polars.concat(tables)
    if sparse.issparse(first):
        return sparse.vstack(tables, format="csr")
    return np.concatenate(tables)


# ------------------------------------------------------------------------------------ values


def columns_of(X):
    """Columns of a dense table: arrays of float64, or of objects where not all are numbers."""
    if hasattr(X, "iloc"):
        return [_pandas_column(X.iloc[:, j]) for j in range(X.shape[1])]
    if is_frame(X):
        columns = [X.to_series(j).to_numpy() for j in range(X.shape[1])]
    else:
        X = X.toarray() if sparse.issparse(X) else np.asarray(X)
        columns = list(X.reshape(len(X), n_columns(X)).T)
    return [_as_column(column) for column in columns]


def column(X, number):
    """Return one column of a table: of float64, of dates, or of objects where not all are numbers.

    Parameters
    ----------
    X : table with columns
    number : int
        From 0.
    """
    if is_frame(X):
        one = X.iloc[:, number] if hasattr(X, "iloc") else X.to_series(number)
        if getattr(one.dtype, "kind", None) == "M" or str(one.dtype).startswith("Date"):
            return np.asarray(one.to_numpy()).astype("datetime64[ns]")
        return _pandas_column(one) if hasattr(X, "iloc") else _as_column(one.to_numpy())
    return columns_of(X[:, [number]])[0]


def as_floats(X):
    """Return a dense table of numbers as a float64 array; None where not all are numbers."""
    columns = columns_of(X)
    if any(column.dtype.kind != "f" for column in columns):
        return None
    return np.column_stack(columns)


def _pandas_column(column):
    from pandas.api.types import is_numeric_dtype

    if is_numeric_dtype(column.dtype) and column.dtype.kind not in "iuc":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = column.dtype.kind in "iu" and column.isna().any()
    return _as_column(column.to_numpy(dtype=object if missing else None))


def _as_column(values):
    """Values as float64 where that loses nothing, else as objects."""
    values = np.asarray(values)
    if values.dtype.kind in "bf":
        return values.astype(np.float64)
    if values.dtype.kind in "iu" and not (len(values) and _is_large(values)):
        return values.astype(np.float64)
    values = values.astype(object)
    if all(_is_missing(v) or _is_float(v) for v in values):
        return np.array([np.nan if _is_missing(v) else float(v) for v in values], dtype=np.float64)
    return values


def _is_large(values):
    return max(abs(int(values.min())), abs(int(values.max()))) >= _NOT_ALL_FLOATS


def _is_float(value):
    """Whether a value is a number that a float64 holds."""
    if not isinstance(value, numbers.Real | np.bool_):
        return False
    return not isinstance(value, numbers.Integral) or abs(int(value)) < _NOT_ALL_FLOATS


def _is_missing(value):
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Real) and value != value


def _number_bytes(values):
    """Bytes of float64s, by which equal numbers are equal: one zero, one NaN."""
    values = np.ascontiguousarray(values, dtype=np.float64) + 0.0
    values[np.isnan(values)] = np.nan
    return values


def tokens_of(column):
    """For each value of a column bytes that are equal where the values are."""
    if column.dtype.kind == "f":
        return [b"n" + value.tobytes() for value in _number_bytes(column)]
    return [_token(value) for value in column.tolist()]


def _token(value):
    if _is_missing(value):
        value = np.nan
    if _is_float(value):
        return b"n" + _number_bytes(np.array([float(value)]))[0].tobytes()
    if isinstance(value, np.generic):
        value = value.item()
    words = value.encode() if isinstance(value, str) else f"{type(value).__name__}:{value}".encode()
    return b"s" + len(words).to_bytes(8, "little") + words


def row_bytes(X):
    """Return for each row of a table bytes that are equal where the rows are.

    Numbers are compared by their value, so 1, 1.0 and True are one, and so are 0.0 and -0.0, and
    all that is missing (NaN, None, NA, NaT); a text is never a number. The kind of table does not
    matter: an array of numbers, and a data frame of them, have the same.

    Parameters
    ----------
    X : table of shape (n, n_columns)

    Returns
    -------
    list of bytes
    """
    if sparse.issparse(X):
        return list(_sparse_bytes(X))
    columns = columns_of(X)
    if all(column.dtype.kind == "f" for column in columns):
        return [row.tobytes() for row in _number_bytes(np.column_stack(columns))]
    rows = zip(*map(tokens_of, columns), strict=True)
    return [_joined(tokens) for tokens in rows]


def _joined(tokens):
    # a row of numbers alone is the same in a table where other rows hold something else
    if all(token.startswith(b"n") for token in tokens):
        return b"".join(token[1:] for token in tokens)
    return b"".join(tokens)


def _sparse_bytes(X):
    X = sparse.csr_matrix(X, dtype=np.float64, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    data = _number_bytes(X.data)
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        yield X.indices[start:stop].astype(np.int64).tobytes() + data[start:stop].tobytes()


def measured_columns(X):
    """Return the columns that hold measurements, as float64: ``{position: values}``.

    Of an array of numbers and of a sparse matrix all columns; of any other table those with
    fractions, for whole numbers beside texts may be codes.

    Parameters
    ----------
    X : table of shape (n, n_columns)
    """
    numeric = {j: column for j, column in enumerate(columns_of(X)) if column.dtype.kind == "f"}
    if sparse.issparse(X) or (not is_frame(X) and len(numeric) == n_columns(X)):
        return numeric
    with np.errstate(invalid="ignore"):
        return {j: c for j, c in numeric.items() if (c[np.isfinite(c)] % 1 != 0).any()}


def with_columns(X, columns):
    """Return a table with other numbers in some of its columns; a sparse one becomes dense.

    Parameters
    ----------
    X : table of shape (n, n_columns)
    columns : dict of int to ndarray of shape (n,)
    """
    if hasattr(X, "iloc"):
        X = X.copy()
        for j, values in columns.items():
            X.isetitem(j, values)
        return X
    if is_frame(X):
        import polars

        return X.with_columns([polars.Series(X.columns[j], v) for j, v in columns.items()])
    X = X.toarray() if sparse.issparse(X) else X.copy()
    if X.dtype.kind != "O":
        X = X.astype(np.float64)
    for j, values in columns.items():
        X[:, j] = values
    return X


def numbers_in(column):
    """A column as float64; what is no number becomes NaN, which equals none."""
    if column.dtype.kind == "f":
        return column
    return np.array([float(v) if _is_float(v) else np.nan for v in column])


def missing_in(column):
    """Where a column has no value."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    return np.array([_is_missing(v) for v in column])
