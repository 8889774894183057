"""What is asked of a fitted classifier's member record: who is in it, and whose rows."""

import numpy as np

from .._validation import validate_data
from ..exceptions import MemberRecordError
from .state import fitted_state

__all__ = ["are_members", "encoded_labels", "ids_of", "member_record", "more_than_named"]


def encoded_labels(y, classes, n_rows, name):
    """Class indices of labels that must be known, and as many as the rows.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    classes : ndarray of shape (n_classes,)
    n_rows : int
    name : str
        The argument that `y` was given as, for messages.

    Returns
    -------
    ndarray of int of shape (n_rows,)
    """
    y = np.asarray(y)
    if y.shape != (n_rows,):
        raise ValueError(f"{name} has shape {y.shape}; expected ({n_rows},), one label a row.")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"{name} holds labels {unknown.tolist()} that are not in classes_={classes.tolist()}."
        )
    return np.searchsorted(classes, y)


def more_than_named(matches):
    """How many stored rows a request means beyond those that it names.

    Parameters
    ----------
    matches : list of ndarray of int
        From `MemberRecord.meant`.
    """
    named = {}
    for entries in matches:
        # A row that is named as often as it is stored means nothing but itself.
        copies = tuple(sorted(entries.tolist()))
        named[copies] = named.get(copies, 0) + 1
    return sum(max(0, len(copies) - times) for copies, times in named.items())


def member_record(estimator):
    """The member record of a fitted classifier.

    Raises
    ------
    MemberRecordError
        It is a released copy.
    """
    record = fitted_state(estimator).members
    if record is None:
        raise MemberRecordError(
            "this is a released copy: it predicts and holds no member record. Send the request "
            "to the estimator that release() was called on."
        )
    return record


def are_members(estimator, X, y=None, key=None):
    """Which rows a fitted classifier was trained on, with these labels, and has not forgotten."""
    record = member_record(estimator)
    if record.layout is None:
        X = validate_data(estimator, X, dtype=np.float64, reset=False)
    else:
        X = record.as_numbers(estimator, X)
    record.require("this")
    matches = record.match(X, key)
    if y is None:
        return np.array([len(entries) > 0 for entries in matches], dtype=bool)
    labels = encoded_labels(y, estimator.classes_, len(X), "y")
    found = zip(matches, labels, strict=True)
    return np.array([(record.labels[e] == label).any() for e, label in found], dtype=bool)


def ids_of(estimator):
    """Ids of the rows that a fitted classifier remembers, one a row; None where it tells none."""
    ids = getattr(fitted_state(estimator).members, "ids", None)  # a released copy has no record
    return None if ids is None or ids.hashed else ids.values.copy()
