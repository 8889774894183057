"""Any table in the place of an array: checked as far as the pipeline inside does not do itself."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from .._rows import as_table, is_array
from .._validation import validate_data

__all__ = ["checked_rows", "checked_training"]


def _is_array(X):
    known = isinstance(X, np.ndarray) and X.dtype.kind not in "OUST"
    return known or is_array(X)


def checked_training(estimator, X, y):
    """Rows and labels to train on; an estimator learns its columns from them.

    Parameters
    ----------
    estimator : estimator
        Without ``n_features_in_``, or with that of an earlier fit.
    X : table of shape (n, n_columns)
    y : array-like of shape (n,)

    Returns
    -------
    X : table
        An array of numbers, also where a list was passed; else what it was.
    y : ndarray of shape (n,)
    """
    if _is_array(X):
        return validate_data(estimator, X, y, dtype=None, ensure_all_finite=False)
    X = as_table(X)
    validate_data(estimator, X, y, skip_check_array=True)
    y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    return X, y


def checked_rows(estimator, X):
    """Rows with the columns that a fitted estimator knows.

    Parameters
    ----------
    estimator : fitted estimator
    X : table
    """
    if _is_array(X):
        return validate_data(estimator, X, reset=False, dtype=None, ensure_all_finite=False)
    X = as_table(X)
    validate_data(estimator, X, skip_check_array=True, reset=False)
    return X
