"""What a scorer is given, made explicit: the models, the members, and fair non-members.

A scorer is called as ``(estimator, X, y)`` and must find out the rest: which records were
forgotten and retained, which models to compare with, and which of the held-out rows can stand
for records that were never seen.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import _num_samples

from .._row_layout import same_rows
from .._rows import as_table, take
from ..exceptions import ResolutionWarning, UnscorableError


@dataclass(frozen=True)
class ScoringCase:
    """One fitted candidate and the data it is judged on; what a scorer's function is given.

    Parameters
    ----------
    model : fitted classifier
        After unlearning.
    original : fitted classifier or None
        Before unlearning.
    oracles : tuple of fitted classifiers
        Trained without the forget set; may be empty.
    X_member, y_member : array-like
        Records whose membership an attacker would like to know: the forget set, or, for a plain
        classifier, those of the given rows that it was trained on.
    X_nonmember, y_nonmember : array-like
        Held-out records in the members' class proportions, none of which was trained on.
    X_forget, y_forget, X_retain, y_retain : array-like or None
        None for a plain classifier.
    X, y : array-like
        All rows that the scorer was given (transformed by the earlier steps of a pipeline).

    Examples
    --------
    >>> from skqmu.metrics import make_privacy_scorer
    >>> def forgotten_share(case):
    ...     return float((case.model.predict(case.X_forget) != case.y_forget).mean())
    >>> scorer = make_privacy_scorer(forgotten_share)
    >>> scorer
    make_privacy_scorer(forgotten_share)
    """

    model: object
    original: object
    oracles: tuple
    X_member: object
    y_member: object
    X_nonmember: object
    y_nonmember: object
    X_forget: object
    y_forget: object
    X_retain: object
    y_retain: object
    X: object
    y: object

    @property
    def test(self):
        """Pair ``(X, y)`` of all held-out rows."""
        return self.X, self.y

    @property
    def forget(self):
        """Pair ``(X_forget, y_forget)``."""
        return self.X_forget, self.y_forget

    @property
    def retain(self):
        """Pair ``(X_retain, y_retain)``."""
        return self.X_retain, self.y_retain


def scoring_case(estimator, X, y, *, needs=()):
    """Find out what a scorer needs to know from a fitted estimator and held-out rows.

    Parameters
    ----------
    estimator : fitted UnlearningClassifier, Pipeline that ends in one, or classifier with
        ``is_member``
    X : array-like of shape (n, d)
    y : array-like of shape (n,)
    needs : subset of {"oracles", "original", "forget", "members"}
        "members" asks for fair non-members too, and fails where there are none; where every
        row was trained on (the training scores of a search) both are empty, with a warning.

    Returns
    -------
    ScoringCase

    Raises
    ------
    UnscorableError
        Something needed is not there; the message names the way out.
    """
    model, X = _unwrap(estimator, X)
    y = np.asarray(y)
    if _num_samples(X) != len(y):
        raise ValueError(f"X has {_num_samples(X)} rows and y {len(y)} labels.")
    if not hasattr(model, "X_forget_"):
        return _plain_case(model, X, y, needs)
    oracles = tuple(getattr(model, "oracles_", None) or ())
    if "oracles" in needs and not oracles:
        raise UnscorableError(
            f"this score compares with oracles, but {type(model).__name__} was fitted with "
            "n_oracles=0: set n_oracles=3 or more (memory=... lets candidates share them)."
        )
    forget = model.X_forget_, np.asarray(model.y_forget_)
    retain = model.X_retain_, np.asarray(model.y_retain_)
    if len(forget[1]) == 0 and set(needs) & {"members", "forget"}:
        raise UnscorableError(
            f"this {type(model).__name__} forgot no record, so there is nothing to score: pass "
            "fit(X, y, forget=mask); in a search, every fold must hold forgotten records "
            "(cv=skqmu.datasets.ForgetKFold(forget=mask) sees to that)."
        )
    members = others = _take(X, y, np.zeros(len(y), dtype=bool))
    if "members" in needs:
        seen = same_rows(X, retain[0]) | same_rows(X, forget[0])
        if seen.all():
            warnings.warn(
                f"all {len(y)} rows scored were trained on or forgotten: there is no non-member, "
                "and leakage is nan (as for the training scores of a search).",
                ResolutionWarning,
                stacklevel=4,
            )
        else:
            members, others = class_matched(*forget, *_take(X, y, ~seen))
    return ScoringCase(
        model.estimator_,
        getattr(model, "original_", None),
        oracles,
        *members,
        *others,
        *forget,
        *retain,
        X,
        y,
    )


def _unwrap(estimator, X):
    """The classifier behind a fitted pipeline, and X as that classifier sees it."""
    while hasattr(estimator, "steps") and hasattr(estimator, "named_steps"):
        if len(estimator.steps) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator.steps[-1][1]
    if not hasattr(estimator, "classes_"):
        raise NotFittedError(f"{type(estimator).__name__} is not fitted: it has no classes_.")
    return estimator, X if hasattr(X, "shape") else as_table(X)


def _take(X, y, rows):
    """Rows of a pair; a table stays what it is."""
    return take(X, rows), y[rows]


def _plain_case(model, X, y, needs):
    """A classifier that unlearned nothing, or on its own: members come from its record."""
    name = type(model).__name__
    if set(needs) & {"oracles", "original"}:
        raise UnscorableError(
            f"{name} knows no forget set, no original and no oracles (a deletion request drops "
            "them): wrap it, UnlearningClassifier(estimator, strategy, n_oracles=3), and pass "
            "fit(X, y, forget=mask)."
        )
    if not hasattr(model, "is_member"):
        raise UnscorableError(
            f"{name} keeps no record of its members (no is_member), so leakage cannot be scored. "
            "Wrap it in UnlearningClassifier, or use an attack of skqmu.attacks, which takes "
            "members and non-members."
        )
    member = np.asarray(model.is_member(X, y), dtype=bool)
    if "members" in needs and not member.any():
        raise UnscorableError(
            f"none of the {len(y)} rows is a member of this {name}: a held-out fold has none. "
            "Wrap it in UnlearningClassifier, which knows its forget set, or score rows that "
            "hold members and non-members."
        )
    members, others = class_matched(*_take(X, y, member), *_take(X, y, ~member))
    return ScoringCase(model, None, (), *members, *others, None, None, None, None, X, y)


def class_matched(X_member, y_member, X_other, y_other):
    """Members, and as many other rows as can be had in the members' class proportions.

    Members of a class that no other row has are left out, with a warning.  Rows are drawn
    evenly from their class, without randomness: the same candidates always meet the same rows.

    Returns
    -------
    tuple of (X, y), tuple of (X, y)
    """
    y_member, y_other = np.asarray(y_member), np.asarray(y_other)
    classes, wanted = np.unique(y_member, return_counts=True)
    there = np.array([np.sum(y_other == c) for c in classes])
    if len(classes) == 0 or not there.any():
        raise UnscorableError(
            f"no held-out row of class {classes.tolist()} to compare the {len(y_member)} members "
            "with: non-members must come from the members' classes. Use stratified folds, or "
            "cv=skqmu.datasets.ForgetKFold(forget=mask)."
        )
    if not there.all():
        warnings.warn(
            f"no held-out row of class {classes[there == 0].tolist()}: the "
            f"{int(wanted[there == 0].sum())} members of it are left out.",
            ResolutionWarning,
            stacklevel=4,
        )
        kept = np.isin(y_member, classes[there > 0])
        X_member, y_member = _take(X_member, y_member, kept)
        classes, wanted, there = classes[there > 0], wanted[there > 0], there[there > 0]
    scale = float((there / wanted).min())
    take = np.maximum(1, np.floor(scale * wanted + 1e-9).astype(int))
    rows = []
    for label, count in zip(classes, take, strict=True):
        at = np.flatnonzero(y_other == label)
        rows.append(at[np.linspace(0, len(at) - 1, count).round().astype(int)])
    rows = np.sort(np.concatenate(rows))
    return (X_member, y_member), _take(X_other, y_other, rows)
