"""Which rows a request means: those to forget, those that stay, those to compare with."""

from dataclasses import dataclass, replace

import numpy as np

from ..._matching import RowLaw, match_rows
from ..._validation import validate_data
from ...exceptions import MemberRecordError
from .._members import encoded_labels, member_record, more_than_named
from ..state import fitted_state

__all__ = ["MeantRows", "forget_rows", "reference_rows", "retain_rows"]


@dataclass(frozen=True)
class MeantRows:
    """Rows with their record entries (None where there is no record).

    `n_more` of them were not named: they are copies of rows that were. `bits_known` says, where
    rows are to be subtracted, whether they are those of the record bit by bit; None: nobody can
    tell.
    """

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    entries: np.ndarray | None = None
    held_out: np.ndarray | None = None
    positions: np.ndarray | None = None
    n_more: int = 0
    bits_known: bool | None = True

    def __len__(self):
        return len(self.X)

    @classmethod
    def unrecorded(cls, X, labels):
        """Rows that no record knows."""
        return cls(X, labels, np.ones(len(X)), bits_known=None)

    @classmethod
    def of_record(cls, record, entries, X=None):
        """Entries of a record, with their rows where it keeps none."""
        return cls(
            X=record.X[entries] if X is None else X,
            labels=record.labels[entries],
            weights=record.weights[entries],
            entries=entries,
            held_out=record.held_out[entries],
            positions=record.positions[entries],
        )

    @property
    def trained_positions(self):
        """Positions of those that gradients saw; None without a member record."""
        return None if self.positions is None else self.positions[~self.held_out]

    def are_in(self, places):
        """Whether a batch at these positions held one of the rows."""
        return bool(np.isin(places, self.positions).any())


def forget_rows(estimator, X, y=None, index=None, key=None):
    """Rows to forget, by themselves or by position.

    Parameters
    ----------
    estimator : fitted classifier with a member record
    X : array-like of shape (k, n_features) or None
    y : array-like of shape (k,) or None
    index : array-like of int or bool, or None
    key : bytes or None
        For fingerprints.

    Raises
    ------
    NotATrainingSampleError, AlreadyForgottenError, MemberRecordError, ValueError
    """
    if (X is None) == (index is None):
        raise ValueError(
            "name the rows to forget either by X_forget= or by index= (positions in the fit data); "
            f"got {'neither' if X is None else 'both'}."
        )
    record = member_record(estimator)
    if X is not None:
        if np.shape(X)[:1] == (0,):
            raise ValueError("X_forget holds no rows: there is nothing to forget.")
        if record.layout is None:
            X = validate_data(estimator, X, dtype=np.float64, reset=False)
        else:
            X = record.as_numbers(estimator, X)
    elif y is not None:
        raise ValueError("y_forget= goes with X_forget=; with index= the labels are known.")
    labels = None if y is None else encoded_labels(y, estimator.classes_, len(X), "y_forget")
    if record.mode == "none":
        if X is None:
            record.require("index=")
        return MeantRows.unrecorded(X, _given_labels(labels, "y_forget"))
    n_more = 0
    if X is None:
        entries = record.locate(index)
    else:
        matches = record.meant(X, labels, key)
        entries, n_more = np.unique(np.concatenate(matches)), more_than_named(matches)
    _check_some_stay(record, entries)
    bits_known = True
    if record.mode == "rows":
        X = None
    elif X is None:
        raise MemberRecordError(
            'index= needs the rows themselves, and store_data="fingerprints" keeps hashes only; '
            "pass X_forget."
        )
    else:
        X = _rows_of_entries(X, entries, matches)
        if fitted_state(estimator).statistics is not None:
            bits_known = record.equal_bits(X, entries, key)
    return replace(MeantRows.of_record(record, entries, X), n_more=n_more, bits_known=bits_known)


def _check_some_stay(record, entries):
    if len(entries) == 0:
        raise ValueError("index= names no rows: there is nothing to forget.")
    if np.delete(record.held_out, entries).all():
        raise ValueError(
            f"the request names all {np.count_nonzero(~record.held_out)} rows that the classifier "
            "was trained on; a model of nothing cannot be fitted: delete the estimator instead."
        )


def _given_labels(labels, name):
    if labels is None:
        raise MemberRecordError(f'{name}= is needed: with store_data="none" no labels are kept.')
    return labels


def _rows_of_entries(X, entries, matches):
    """Rows in the order of `entries`, from passed rows that cover them."""
    rows = np.empty((len(entries), X.shape[1]))
    for row, matched in zip(X, matches, strict=True):
        rows[np.isin(entries, matched)] = row
    return rows


def retain_rows(estimator, forget, X=None, y=None, key=None):
    """Rows that stay, stored or passed; None where there are none at hand.

    Parameters
    ----------
    forget : MeantRows
    X, y, key
        As of `forget_rows`.
    """
    record = member_record(estimator)
    if X is None:
        if y is not None:
            raise ValueError("y_retain= goes with X_retain=.")
        if record.mode != "rows":
            return None
        entries = np.setdiff1d(np.arange(len(record)), forget.entries)
        return MeantRows.of_record(record, entries)
    X = validate_data(estimator, X, dtype=np.float64, reset=False)
    labels = None if y is None else encoded_labels(y, estimator.classes_, len(X), "y_retain")
    if record.mode == "none":
        labels = _given_labels(labels, "y_retain")
        shared = [i for i, m in enumerate(match_rows(X, forget.X, RowLaw.of(X))) if len(m)]
        if shared:
            raise ValueError(
                f"{len(shared)} rows of X_retain are in X_forget too (rows {shared[:5]}); a row is "
                "either forgotten or retained."
            )
        return MeantRows.unrecorded(X, labels)
    matches = record.meant(X, labels, key)
    entries = np.unique(np.concatenate(matches))
    shared = np.intersect1d(entries, forget.entries)
    if len(shared):
        raise ValueError(
            f"{len(shared)} rows of X_retain are among those to forget; a row is either forgotten "
            "or retained (every copy of a forgotten row is forgotten)."
        )
    rows = None if record.mode == "rows" else _rows_of_entries(X, entries, matches)
    return MeantRows.of_record(record, entries, rows)


def reference_rows(estimator, forget, X=None, y=None, key=None):
    """Rows that were not trained on, passed or `fit`'s validation part; None: there are none.

    Parameters are those of `retain_rows`.
    """
    record = member_record(estimator)
    if X is None:
        if y is not None:
            raise ValueError("y_reference= goes with X_reference=.")
        if record.mode != "rows" or not record.held_out.any():
            return None
        entries = np.setdiff1d(np.flatnonzero(record.held_out), forget.entries)
        # A copy of a held-out row may have been trained on.
        copies = record.match(record.X[entries])
        entries = entries[[bool(record.held_out[c].all()) for c in copies]]
        return MeantRows.of_record(record, entries) if len(entries) else None
    if y is None:
        raise ValueError("X_reference= needs y_reference=: stop rules compare within a class.")
    X = validate_data(estimator, X, dtype=np.float64, reset=False)
    labels = encoded_labels(y, estimator.classes_, len(X), "y_reference")
    if record.mode != "none":
        members = [
            i
            for i, entries in enumerate(record.match(X, key))
            if not record.held_out[entries].all() or np.isin(entries, forget.entries).any()
        ]
        if members:
            raise ValueError(
                f"{len(members)} rows of X_reference were trained on or are to be forgotten (rows "
                f"{members[:5]}); the stop rule compares with records that the model never saw."
            )
    return MeantRows.unrecorded(X, labels)
