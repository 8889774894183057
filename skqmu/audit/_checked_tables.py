"""The tables that an audit is given: checked, and left what they are."""

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples

from .._rows import as_table, column_names, is_frame, n_columns
from ..attacks.tools import check_labels, takes_nan
from ._checked_settings import check_answers

__all__ = ["checked_ids", "checked_tables"]


def checked_tables(X, y, X_test, y_test, estimator):
    """Return rows and labels, and held-out ones where there are any, or say what is wrong.

    Parameters
    ----------
    X, y, X_test, y_test : array-like
        The test rows may be None.
    estimator : classifier
        Says whether numbers may be missing.
    """
    X, y = _table_of(X, y, estimator, "")
    check_classification_targets(y)
    check_answers(estimator, X, y)
    if len(np.unique(y)) < 2:
        raise ValueError("y holds a single class; unlearning of a classifier needs two or more.")
    if (X_test is None) != (y_test is None):
        missing = "X_test" if X_test is None else "y_test"
        raise ValueError(f"{missing} is missing: pass X_test and y_test together, or neither.")
    if X_test is not None:
        X_test, y_test = _table_of(X_test, y_test, estimator, "_test")
        _check_alike(X, X_test)
        unknown = np.setdiff1d(y_test, y)
        if unknown.size:
            shown = ", ".join(map(repr, unknown.tolist()[:5]))
            raise ValueError(f"y_test holds labels that y does not: {shown}.")
    return X, y, X_test, y_test


def checked_ids(ids, n):
    """Return ids of the rows as an array, or None where there are none."""
    if ids is None:
        return None
    ids = np.asarray(ids)
    if ids.shape != (n,):
        raise ValueError(f"ids has shape {ids.shape}; X has {n} rows, so it needs ({n},).")
    return ids


def _table_of(X, y, estimator, suffix):
    """Rows and labels, checked as the estimator's first step would want them."""
    X = as_table(X, name=f"X{suffix}", allow_nan=takes_nan(estimator))
    return X, check_labels(y, _num_samples(X), name=f"y{suffix}")


def _check_alike(X, X_test):
    if n_columns(X_test) != n_columns(X):
        raise ValueError(f"X_test has {n_columns(X_test)} features, X has {n_columns(X)}.")
    if is_frame(X) != is_frame(X_test) or sparse.issparse(X) != sparse.issparse(X_test):
        raise ValueError(
            f"X is a {type(X).__name__} and X_test a {type(X_test).__name__}; pass both as one "
            "kind of table."
        )
    if column_names(X) != column_names(X_test):
        raise ValueError(
            f"X_test has the columns {column_names(X_test)[:8]}, X has {column_names(X)[:8]}; pass "
            "the same columns in the same order."
        )
