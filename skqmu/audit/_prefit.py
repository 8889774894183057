"""Audits of a model as it was handed over: it is the original, and nothing trains it again."""

import numpy as np

from ..attacks.tools import check_target, known_members
from ._models import Model

__all__ = [
    "as_original",
    "check_against_record",
    "check_prefit",
    "training_rows",
]


def check_prefit(estimator, prefit, train, repeats=1, until=None):
    """Return the fitted model of an audit with ``prefit=True``; None for any other audit.

    Parameters
    ----------
    estimator : classifier
    prefit, train, repeats, until
        As the caller gave them; see :func:`skqmu.audit`.

    Raises
    ------
    NotFittedError
        It is not fitted.
    ValueError
        Something else is asked for that only a model of the audit's own can give.
    """
    if not isinstance(prefit, bool):
        raise ValueError(f"prefit={prefit!r} must be True or False.")
    if not prefit:
        if train is not None:
            raise ValueError(
                "train= says which rows a fitted model has seen, and goes with prefit=True; "
                "without it rows are held out by test_size or X_test."
            )
        return None
    if repeats not in ("auto", 1) or until is not None:
        raise ValueError(
            f"prefit=True excludes repeats={repeats!r} and until={until!r}: "
            "there is one model, and repeats are new ones of the same kind; leave prefit out to "
            "audit the procedure."
        )
    check_target(estimator)
    return estimator


def training_rows(train, n, X_test):
    """Check which of the rows a fitted model was trained on.

    Parameters
    ----------
    train : array-like of bool of shape (n,), or of int, or None
        Mask or positions of the training rows; None: all, with `X_test` beside them.
    n : int
        Number of rows.
    X_test : table or None

    Returns
    -------
    ndarray of int or None
        Positions of the training rows; None: all.
    """
    if (train is None) == (X_test is None):
        raise ValueError(
            "prefit=True needs to know which rows the model was trained on: pass train= (a mask "
            "over X, or positions) or, where X holds the training rows alone, X_test and y_test; "
            f"got {'neither' if train is None else 'both'}."
        )
    if train is None:
        return None
    train = np.asarray(train)
    if train.dtype == bool:
        if train.shape != (n,):
            raise ValueError(
                f"train= is a mask of shape {train.shape}; X has {n} rows, so it needs ({n},)."
            )
        train = np.flatnonzero(train)
    if train.ndim != 1 or not np.issubdtype(train.dtype, np.integer):
        raise ValueError(
            "train= must be a boolean mask over the rows of X, or their positions as integers; "
            f"got {train.dtype} of shape {train.shape}."
        )
    outside = train[(train < 0) | (train >= n)]
    if outside.size:
        raise ValueError(f"train= holds the position {outside[0]}, outside 0 to {n - 1}.")
    train = np.unique(train)
    if not 0 < train.size < n:
        raise ValueError(
            f"train= names {train.size} of {n} rows; an audit needs rows that the model was "
            "trained on and rows that it was not. Pass X_test and y_test where all of X is "
            "training data."
        )
    return train


def check_against_record(fitted, data, scenarios=()):
    """Raise where the model's own member record says otherwise than the caller (guard 4).

    Parameters
    ----------
    fitted : fitted classifier
    data : Data
    scenarios : list of Scenario, default=()
        Of which none may be about rows that were never given to the model.
    """
    for scenario in scenarios:
        if scenario.data.truth is not None:
            raise ValueError(
                f"forget[{scenario.name!r}] makes rows bad before the original is trained, and "
                "prefit=True hands it over trained. Leave prefit out; or train it on the rows of "
                "skqmu.datasets.corrupt and ask for the mask, forget=data.bad."
            )
    unknown = np.setdiff1d(data.y, fitted.classes_)
    if unknown.size:
        raise ValueError(
            f"y holds labels that the fitted model does not know: {unknown.tolist()[:5]}; its "
            f"classes_ are {np.asarray(fitted.classes_).tolist()[:20]}."
        )
    trained = known_members(fitted, data.X, data.y)
    if trained is None:
        return
    if not trained.all():
        raise ValueError(
            f"{(~trained).sum()} of {len(trained)} training rows are not in the model's member "
            f"record (first: row {data.train_rows[~trained][0]}): it never saw them, or has "
            "forgotten them. Pass the rows that it was fitted on, as they were given to fit; "
            "train= says which of X they are."
        )
    held_out = known_members(fitted, data.X_test, data.y_test)
    if held_out.any():
        raise ValueError(
            f"{held_out.sum()} of {len(held_out)} held-out rows are in the model's member record: "
            "they were trained on, and no attack can be judged by them."
        )


def as_original(fitted):
    """Return the model as an audit's original.

    Parameters
    ----------
    fitted : fitted classifier
    """
    return Model(
        name="original",
        role="original",
        estimator=fitted,
        cost={"seconds": 0.0},
        notes=["It was handed over fitted; what its training took is not known."],
    )
