"""The rows of an audit by role: trained on, held out, or shown to mechanisms."""

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from .._rows import take
from ..attacks.tools import RecordIndex

__all__ = ["Data", "split_data"]


@dataclass(frozen=True)
class Data:
    """Rows by role; no row has two roles.

    Attributes
    ----------
    X, y : the training rows
    X_test, y_test : held-out rows, for evaluation only
    X_reference, y_reference : held-out rows that mechanisms may look at; possibly empty
    train_rows : ndarray of int
        Position of each training row in the data that `audit` was given.
    test_rows : ndarray of int
        That of each held-out row; rows of `X_test` are counted on from those of `X`.
    notes : tuple of str
    truth : Truth or None
        What the rows were before some of them were made bad; None: they are as they were given.
    """

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray
    X_reference: Any
    y_reference: np.ndarray
    train_rows: np.ndarray
    test_rows: np.ndarray
    notes: tuple = ()
    truth: Any = None

    @property
    def comparable(self):
        """Which held-out rows may stand for forgotten ones that were never seen."""
        if self.truth is None:
            return np.ones(len(self.y_test), dtype=bool)
        return self.truth.comparable

    @property
    def table_rows(self):
        """Position of all rows that models answer.

        Training rows first, then held-out ones, and these once more as they are in truth, where
        some of them were made bad.
        """
        parts = [self.train_rows, self.test_rows]
        return np.concatenate(parts if self.truth is None else [*parts, self.test_rows])


def split_data(X, y, X_test, y_test, *, train=None, test_size, reference_size, rng):
    """Give every row one role.

    Held-out rows that equal a training row are dropped: they are members by content, and
    would be called non-members. The reference rows are taken from the held-out part, so
    that a mechanism's stop rule never sees a row that it is judged on.
    """
    notes = []
    rows = np.arange(len(y))
    test = None if X_test is None else len(y) + np.arange(len(y_test))
    if X_test is None:
        if train is None:
            _check_test_size(test_size)
            purpose = f"test_size={test_size!r}: to hold rows out"
            rows, test = _stratified(rows, y, test_size, rng, purpose)
        else:
            rows, test = train, np.setdiff1d(rows, train)
        X_test, y_test, X, y = take(X, test), y[test], take(X, rows), y[rows]
    fresh = RecordIndex(X, y).locate(X_test, y_test) < 0
    if not fresh.all():
        notes.append(
            f"{(~fresh).sum()} held-out row(s) equal a training row, label included, and were "
            "left out: they are members by content."
        )
        X_test, y_test, test = take(X_test, fresh), y_test[fresh], test[fresh]
    if not len(y_test):
        raise ValueError("X_test holds no row that is not also a training row.")
    reference = np.zeros(0, dtype=int)
    evaluation = np.arange(len(y_test))
    if reference_size:
        evaluation, reference = _stratified(
            evaluation, y_test, reference_size, rng, "to set reference rows aside"
        )
    return Data(
        X=X,
        y=y,
        X_test=take(X_test, evaluation),
        y_test=y_test[evaluation],
        X_reference=take(X_test, reference),
        y_reference=y_test[reference],
        train_rows=rows,
        test_rows=test[evaluation],
        notes=tuple(notes),
    )


def _check_test_size(size):
    whole = isinstance(size, numbers.Integral) and not isinstance(size, bool) and size >= 1
    if not whole and not (isinstance(size, numbers.Real) and 0 < size < 1):
        raise ValueError(
            f"test_size={size!r} must lie strictly between 0 and 1, a share of the rows, or be a "
            "number of rows."
        )


def _stratified(rows, y, size, rng, purpose):
    try:
        first, second = train_test_split(
            rows, test_size=size, stratify=y, random_state=int(rng.integers(2**31 - 1))
        )
    except ValueError as error:
        raise ValueError(
            f"{purpose}, the rows are split by class, and scikit-learn cannot: {error} "
            "Give more rows of each class, or pass X_test and y_test (and reference_size=0)."
        ) from error
    return np.sort(first), np.sort(second)
