"""What an attacker reads off a classifier's output: aligned probabilities and signals."""

import numpy as np
from scipy.special import entr

__all__ = [
    "PROBABILITY_EPS",
    "SIGNALS",
    "align_columns",
    "cross_entropy",
    "encode_labels",
    "modified_entropy",
    "query_labels",
    "query_proba",
    "resolution",
    "true_class_logit",
]

# Logits are clipped to +-ln((1 - eps)/eps) = +-20.7 and logarithms taken of at least eps:
# small enough to keep the ranking of an overfitted softmax.
PROBABILITY_EPS = 1e-9
# Where exact zeros occur, half of the least probability above zero, but no more than this.
LARGEST_EPS = 0.1


def encode_labels(y, classes, *, name="y"):
    """Turn labels into column numbers of `classes`.

    Parameters
    ----------
    y : array-like of shape (n,)
    classes : array-like of shape (n_classes,)
    name : str, default="y"
        What the labels are called in the error message.

    Returns
    -------
    ndarray of shape (n,), int64

    Raises
    ------
    ValueError
        A label is not one of `classes`.
    """
    # dictionaries, not searchsorted: labels of mixed types need not be comparable
    columns = {label: k for k, label in enumerate(np.asarray(classes).tolist())}
    labels = np.asarray(y).tolist()
    unknown = sorted({repr(label) for label in labels if label not in columns})
    if unknown:
        raise ValueError(
            f"{name} holds labels that the classifier does not know: "
            f"{', '.join(unknown[:5])}{', ...' if len(unknown) > 5 else ''}; "
            f"known: {', '.join(map(repr, list(columns)[:20]))}. "
            "Leave those rows out, or attack a classifier that was trained on them."
        )
    return np.fromiter((columns[label] for label in labels), dtype=np.int64, count=len(labels))


def align_columns(proba, classes_from, classes_to):
    """Reorder probability columns to `classes_to`; classes never seen get probability 0.

    Parameters
    ----------
    proba : ndarray of shape (n, len(classes_from))
    classes_from, classes_to : array-like of labels

    Returns
    -------
    ndarray of shape (n, len(classes_to))
    """
    proba = np.asarray(proba, dtype=np.float64)
    columns = encode_labels(classes_from, classes_to, name="classes_")
    aligned = np.zeros((proba.shape[0], len(classes_to)))
    aligned[:, columns] = proba
    return aligned


def query_proba(model, X, classes, n_queries=1):
    """Ask a classifier `n_queries` times for probabilities and average the answers.

    Parameters
    ----------
    model : classifier with ``predict_proba``
    X : rows, as the classifier takes them
    classes : ndarray of labels
        Order of the columns of the answer.
    n_queries : int, default=1
        Averaging K answers of a finite-shot model acts as K times the shots.

    Returns
    -------
    ndarray of shape (n, n_classes), float64

    Raises
    ------
    TypeError
        The classifier has no ``predict_proba``.
    ValueError
        It answered with values that are not probabilities.
    """
    if not hasattr(model, "predict_proba"):
        raise TypeError(
            f"{type(model).__name__} has no predict_proba, which this attack queries. Wrap it "
            "in CalibratedClassifierCV, or use LabelOnlyAttack, which needs predict only."
        )
    total = 0.0
    for _ in range(n_queries):
        proba = np.asarray(model.predict_proba(X), dtype=np.float64)
        if proba.ndim != 2:
            raise ValueError(
                f"predict_proba of {type(model).__name__} returned shape {proba.shape}; "
                "membership attacks need single-output classifiers, shape (n, n_classes)."
            )
        bad = ~(np.isfinite(proba) & (proba >= -1e-9) & (proba <= 1 + 1e-6)).all(axis=1)
        if bad.any():
            raise ValueError(
                f"predict_proba of {type(model).__name__} returned values outside [0, 1] or "
                f"not finite in {bad.sum()} of {bad.size} rows (first: row "
                f"{np.flatnonzero(bad)[0]}); the model is broken, and so would the attack be."
            )
        total = total + np.clip(proba, 0.0, 1.0)
    return align_columns(total / n_queries, model.classes_, classes)


def query_labels(model, X, classes):
    """Ask a classifier for labels; return column numbers of `classes`, shape (n,)."""
    return encode_labels(model.predict(X), classes, name="predict(X)")


def _of_true_class(proba, y):
    return np.take_along_axis(proba, y[..., None], axis=-1)[..., 0]


def _true_and_others(proba, y):
    y = np.broadcast_to(y, proba.shape[:-1])
    others = proba.copy()
    np.put_along_axis(others, y[..., None], 0.0, axis=-1)
    return _of_true_class(proba, y), others.sum(axis=-1)


def true_class_logit(proba, y, eps=PROBABILITY_EPS):
    """Return phi = ln p_y - ln sum_{c != y} p_c, clipped to +-ln((1 - eps)/eps).

    Parameters
    ----------
    proba : ndarray of shape (..., n, n_classes)
    y : ndarray of int, broadcastable to shape (..., n)
        Column of the true class.
    eps : float, default=1e-9

    Returns
    -------
    ndarray of shape (..., n)
        Carlini et al., 2022, equation 4. The sum is taken over the other classes instead
        of as 1 - p_y, which would lose every digit once p_y is close to 1.
    """
    true, others = _true_and_others(proba, y)
    tiny = np.finfo(np.float64).tiny
    phi = np.log(np.maximum(true, tiny)) - np.log(np.maximum(others, tiny))
    bound = np.log1p(-eps) - np.log(eps)
    return np.clip(phi, -bound, bound)


def resolution(blocks):
    """Return the eps at which logits of a model are to be clipped.

    Trees, neighbours and finite samples answer in steps, with probabilities of exactly 0
    and 1. Clipped far out, one of those swamps the variance of a record's logits; half a
    step from the end, as in a continuity correction, it is one step among others.

    Parameters
    ----------
    blocks : iterable of (proba, y)
        Probabilities of shape (..., n, n_classes), columns of the true classes (n,).

    Returns
    -------
    float
        1e-9 when no probability of a true class, or of all others together, is 0; else half
        of the smallest above 0, at most 0.1.
    """
    least, exact = np.inf, False
    for proba, y in blocks:
        for values in _true_and_others(proba, y):
            positive = values[values > np.finfo(np.float64).eps]
            exact |= positive.size < values.size
            least = min(least, positive.min(initial=np.inf))
    if not exact:
        return PROBABILITY_EPS
    return float(np.clip(least / 2, PROBABILITY_EPS, LARGEST_EPS))


def cross_entropy(proba, y, eps=PROBABILITY_EPS):
    """Return -ln max(p_y, eps) for each record, shape (..., n)."""
    y = np.broadcast_to(y, proba.shape[:-1])
    return -np.log(np.maximum(_of_true_class(proba, y), eps))


def modified_entropy(proba, y, eps=PROBABILITY_EPS):
    """Return the negative modified entropy of each record (larger = more likely a member).

    (1 - p_y) ln p_y + sum_{c != y} p_c ln(1 - p_c), Song & Mittal 2021, equation 8, with
    the sign that makes members large: 0 for a certain and right answer, very negative for
    a certain and wrong one.
    """
    y = np.broadcast_to(y, proba.shape[:-1])
    p_true = _of_true_class(proba, y)
    per_class = proba * np.log(np.maximum(1.0 - proba, eps))
    np.put_along_axis(per_class, y[..., None], 0.0, axis=-1)
    return (1.0 - p_true) * np.log(np.maximum(p_true, eps)) + per_class.sum(axis=-1)


def _confidence(proba, y):
    return proba.max(axis=-1)


def _true_confidence(proba, y):
    return _of_true_class(proba, np.broadcast_to(y, proba.shape[:-1]))


def _entropy(proba, y):
    return -entr(proba).sum(axis=-1)


def _loss(proba, y):
    return -cross_entropy(proba, y)


# every signal: (proba (..., n, n_classes), y (n,) column numbers) -> (..., n), larger = member
SIGNALS = {
    "loss": _loss,
    "confidence": _confidence,
    "true_confidence": _true_confidence,
    "entropy": _entropy,
    "modified_entropy": modified_entropy,
    "logit": true_class_logit,
}
