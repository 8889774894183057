"""What a model's answer gives away about a record: one number, larger = more like a member."""

import numpy as np

from .._validation import check_choice
from ._proba import probabilities

_CLIP = 1e-12
SIGNALS = ("logit", "confidence", "entropy", "correct")


def membership_signal(model, X, y, signal="logit"):
    """Membership score of each record, from the model's own output alone.

    Parameters
    ----------
    model : fitted classifier
    X : array-like of shape (n, d)
    y : array-like of shape (n,)
    signal : {"logit", "confidence", "entropy", "correct"}
        ``ln p_y - ln sum_{c != y} p_c`` (orders records as the loss does), the largest
        probability, minus the entropy, or whether the label is right (which needs no
        probabilities).

    Returns
    -------
    ndarray of shape (n,)
        May hold infinities where probabilities are exactly 0 or 1.
    """
    check_choice("signal", signal, SIGNALS)
    y = np.asarray(y)
    if signal == "correct":
        return (np.asarray(model.predict(X)) == y).astype(float)
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"{type(model).__name__} has no predict_proba: use signal='correct', which needs only "
            "labels."
        )
    if signal == "logit":
        p, rest = true_class_probability(model, X, y)
        with np.errstate(divide="ignore"):
            return np.log(p) - np.log(rest)
    proba = probabilities(model, X)
    if signal == "confidence":
        return proba.max(axis=1)
    return (proba * np.log(np.maximum(proba, np.finfo(float).tiny))).sum(axis=1)


def true_class_probability(model, X, y):
    """Probability of the true class, and of all others together, shapes (n,).

    The second is summed, not taken as ``1 - p``, which would lose the digits of a small rest;
    a class that the model does not know has probability 0.
    """
    y = np.asarray(y)
    labels = np.unique(np.concatenate([np.asarray(model.classes_), y]))
    proba = probabilities(model, X, labels)
    at = np.arange(len(y)), np.searchsorted(labels, y)
    p = proba[at].copy()
    proba[at] = 0.0
    rest = proba.sum(axis=1)
    # one class alone: nothing to tell apart, and 0/0 would be nan
    rest[(p == 0) & (rest == 0)] = 1.0
    return p, rest


def true_class_signal(model, X, y, signal="loss"):
    """Loss, or logit, of each record with probabilities held 1e-12 from 0, so both are finite.

    Returns
    -------
    ndarray of shape (n,)
    """
    p, rest = true_class_probability(model, X, y)
    p = np.clip(p, _CLIP, 1.0)
    if signal == "loss":
        return -np.log(p)
    return np.log(p) - np.log(np.clip(rest, _CLIP, 1.0))
