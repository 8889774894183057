"""Which record is which: rows with their labels, checked, hashed and found again."""

import hashlib

import numpy as np
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples, column_or_1d

from .._rows import as_floats, as_table, is_frame, row_bytes, take
from ._estimators import unwrap

__all__ = [
    "RecordIndex",
    "check_count",
    "check_labels",
    "check_mask",
    "check_records",
    "check_rows",
    "record_keys",
    "takes_nan",
]


def check_rows(X, model, *, name="X"):
    """Check rows against what a fitted classifier takes, and leave their container alone.

    Data frames stay data frames (a column transformer in a pipeline needs the names), text
    stays text, sparse matrices become CSR; everything else becomes a 2-D array.

    Parameters
    ----------
    X : array-like, sparse matrix or data frame of shape (n, n_features)
    model : fitted classifier
    name : str, default="X"

    Returns
    -------
    The rows, ready for `model` and for row indexing.

    Raises
    ------
    ValueError
        NaN or infinity that the classifier does not take, wrong number of columns, no rows.
    """
    tags = get_tags(model).input_tags
    if tags.pairwise:
        raise ValueError(
            f"{type(model).__name__} takes a precomputed kernel or distance matrix; attacks "
            "need rows that they can take subsets of. Pass an estimator that computes the "
            "kernel itself."
        )
    known = getattr(model, "feature_names_in_", None)
    if is_frame(X) and known is not None and list(known) != list(X.columns):
        way_out = "pass the same columns in the same order."
        if set(known) <= set(X.columns):
            way_out = f"pass {name}[list(model.feature_names_in_)]."
        raise ValueError(
            f"{name} has columns {list(X.columns)[:8]}, the target was fitted on "
            f"{list(known)[:8]}; {way_out}"
        )
    X = as_table(X, name=name, allow_nan=takes_nan(model))
    width = getattr(model, "n_features_in_", None)
    if width is not None and getattr(X, "ndim", 1) == 2 and X.shape[1] != width:
        raise ValueError(
            f"{name} has {X.shape[1]} features, but {type(model).__name__} was fitted on "
            f"{width} features."
        )
    return X


def takes_nan(model):
    """Whether the model's first step takes missing numbers, or may: it will say so itself.

    Parameters
    ----------
    model : classifier or pipeline

    Returns
    -------
    bool

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.attacks.tools import takes_nan
    >>> takes_nan(HistGradientBoostingClassifier()), takes_nan(LogisticRegression())
    (True, False)
    """
    model = unwrap(model)
    if isinstance(model, Pipeline):
        steps = [step for _, step in model.steps if step not in (None, "passthrough")]
        # these do not say what their parts take; the fitted target will say it itself
        if not steps or isinstance(steps[0], ColumnTransformer | FeatureUnion):
            return True
        return takes_nan(steps[0])
    return get_tags(model).input_tags.allow_nan


def check_labels(y, n, *, name="y"):
    """Return labels as a 1-D array of length `n`, or say what is wrong with them.

    Parameters
    ----------
    y : array-like of shape (n,)
    n : int
        Rows that they are to belong to.
    name : str, default="y"
        For errors.

    Raises
    ------
    ValueError
        Labels are missing, of another number, or not finite.

    Examples
    --------
    >>> from skqmu.attacks.tools import check_labels
    >>> check_labels(["a", "b"], 2)
    array(['a', 'b'], dtype='<U1')
    >>> check_labels(["a", "b"], 3)
    Traceback (most recent call last):
        ...
    ValueError: y has 2 labels for 3 rows.
    """
    if y is None:
        raise ValueError(
            f"{name} is missing: a membership attack scores records, a row with its label."
        )
    y = column_or_1d(y, warn=False)
    if y.shape[0] != n:
        raise ValueError(f"{name} has {y.shape[0]} labels for {n} rows.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError(f"{name} holds NaN or infinity.")
    return y


def check_records(X, y, model, *, suffix=""):
    """Return checked rows and labels; see :func:`check_rows` and :func:`check_labels`."""
    X = check_rows(X, model, name=f"X{suffix}")
    return X, check_labels(y, _num_samples(X), name=f"y{suffix}")


def check_count(name, value, least):
    """Raise unless `value` is an integer of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}.")


def check_mask(name, mask, n):
    """Return a boolean mask over the pool, or say what is wrong with it."""
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (n,):
        raise ValueError(
            f"{name} must be a boolean mask of shape ({n},), one value a record of the pool; "
            f"got dtype {mask.dtype}, shape {mask.shape}."
        )
    return mask


def record_keys(X, y):
    """Return one 16-byte key a record; equal keys mean equal rows and equal labels.

    Rows are compared as :func:`skqmu._rows.row_bytes` says.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
    y : array-like of shape (n,)

    Returns
    -------
    list of bytes

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks.tools import record_keys
    >>> first, second, third = record_keys(np.array([[0.0], [-0.0], [0.0]]), [1, 1.0, 2])
    >>> first == second, first == third
    (True, False)
    """
    labels = [_label_bytes(label) for label in np.asarray(y).tolist()]
    return [
        hashlib.blake2b(row + b"|" + label, digest_size=16).digest()
        for row, label in zip(row_bytes(X), labels, strict=True)
    ]


def _label_bytes(label):
    number = isinstance(label, bool | int | float)
    return (f"n{float(label)!r}" if number else f"s{label}").encode()


class RecordIndex:
    """Find records of a pool: groups of equal records, and positions of given ones.

    Parameters
    ----------
    X : rows of shape (n, n_features)
    y : array-like of shape (n,)

    Attributes
    ----------
    groups : ndarray of shape (n,)
        Equal numbers for equal records. Copies of a record go into a shadow together: with
        one copy in and one out, "out" would be a lie.
    n_groups : int

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks.tools import RecordIndex
    >>> X, y = np.array([[0.1], [0.2], [0.1]]), np.array([0, 1, 0])
    >>> index = RecordIndex(X, y)
    >>> index.groups, index.locate(np.array([[0.2], [0.3]]), np.array([1, 1]))
    (array([0, 1, 0]), array([ 1, -1]))
    """

    def __init__(self, X, y):
        first, groups = {}, []
        for position, key in enumerate(record_keys(X, y)):
            if key not in first:
                first[key] = (len(first), position)
            groups.append(first[key][0])
        self._position = {key: position for key, (_, position) in first.items()}
        self._narrow, self._single = _is_single(X), _single_positions(X, y, groups)
        self.groups = np.asarray(groups, dtype=np.int64)
        self.n_groups = len(first)

    def locate(self, X, y):
        """Return the position of each record in the pool, -1 where it is not in it.

        A copy in single precision (of a pool in double, or the other way round) is the record,
        unless two records of the pool have the same one.

        Parameters
        ----------
        X : rows of shape (k, n_features)
        y : array-like of shape (k,)

        Returns
        -------
        ndarray of int of shape (k,)
        """
        at = np.array([self._position.get(key, -1) for key in record_keys(X, y)], dtype=np.int64)
        missing = np.flatnonzero(at < 0)
        if not missing.size or not self._single:
            return at
        rows = take(X, missing)
        rounded = _rounded(rows)
        if rounded is None:
            return at
        if not (self._narrow or _is_single(X)):
            # float32 rows that came through float64
            same = np.fromiter(map(bytes.__eq__, row_bytes(rows), row_bytes(rounded)), bool)
            missing, rounded = missing[same], take(rounded, np.flatnonzero(same))
        keys = record_keys(rounded, np.asarray(y)[missing])
        at[missing] = [self._single.get(key, -1) for key in keys]
        return at


def _is_single(X):
    """Whether some values are floats of less than double precision."""
    dtypes = list(X.dtypes) if is_frame(X) else [getattr(X, "dtype", np.dtype(object))]
    return any(getattr(t, "kind", "") == "f" and t.itemsize < 8 for t in dtypes)


def _rounded(X):
    """Rows in single precision, as float64; None where they are not all numbers."""
    values = X if sparse.issparse(X) else as_floats(X)
    if values is None:
        return None
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _single_positions(X, y, groups):
    """Position of each record by its copy in single precision; -1 where several share it."""
    rounded = _rounded(X)
    if rounded is None:
        return {}
    found = {}
    for position, key in enumerate(record_keys(rounded, y)):
        first = found.setdefault(key, position)
        if first >= 0 and groups[first] != groups[position]:
            found[key] = -1
    return found
