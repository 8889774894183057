"""What an answer gives away about a record: one number each, greater = more like a member.

One convention: a *signal* is greater where a record looks more like a member, so the signal
``"loss"`` is MINUS the cross-entropy. A quantity that is not turned round has a name of its own:
:func:`cross_entropy` is in nats, small for members.

One clip: where a logarithm must stay finite, probabilities count as `PROBABILITY_EPS` from 0 and
1 at most. What is only ranked (the scorers' logit) is not clipped, so that no two records tie.

Attacks and audits import these names, and no private module of this room; they may change between
releases.
"""

import numpy as np
from scipy.special import entr

from .._validation import check_choice
from ._proba import align_columns, encode_labels, probabilities

__all__ = [
    "PROBABILITY_EPS",
    "SIGNALS",
    "align_columns",
    "asked",
    "cross_entropy",
    "encode_labels",
    "membership_signal",
    "modified_entropy",
    "resolution",
    "true_class_logit",
]

# Logits are clipped to +-ln((1 - eps)/eps) = +-20.7 and logarithms taken of at least eps:
# small enough to keep the ranking of an overfitted softmax.
PROBABILITY_EPS = 1e-9
# Where exact zeros occur, half of the least probability above zero, but no more than this.
LARGEST_EPS = 0.1


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
        0: not clipped, for ranks.

    Returns
    -------
    ndarray of shape (..., n)
        Carlini et al., 2022, equation 4. The sum is taken over the other classes instead
        of as 1 - p_y, which would lose every digit once p_y is close to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics.signals import true_class_logit
    >>> proba, y = np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0])
    >>> true_class_logit(proba, y).round(3)
    array([ 2.197, -0.405])
    """
    true, others = _true_and_others(proba, y)
    tiny = np.finfo(np.float64).tiny
    phi = np.log(np.maximum(true, tiny)) - np.log(np.maximum(others, tiny))
    bound = np.log1p(-eps) - np.log(eps) if eps else np.inf
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

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics.signals import resolution
    >>> of_ten_neighbours = np.array([[1.0, 0.0], [0.9, 0.1]])
    >>> resolution([(of_ten_neighbours, np.array([0, 0]))])
    0.05
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
    """Return -ln max(p_y, eps) for each record, shape (..., n).

    Parameters
    ----------
    proba : ndarray of shape (..., n, n_classes)
    y : ndarray of int of shape (n,)
        Columns of the true classes.
    eps : float, default=1e-9
        Least probability that counts.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics.signals import cross_entropy
    >>> proba, y = np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0])
    >>> cross_entropy(proba, y).round(3)
    array([0.105, 0.916])
    """
    y = np.broadcast_to(y, proba.shape[:-1])
    return -np.log(np.maximum(_of_true_class(proba, y), eps))


def modified_entropy(proba, y, eps=PROBABILITY_EPS):
    """Return the negative modified entropy of each record (larger = more likely a member).

    (1 - p_y) ln p_y + sum_{c != y} p_c ln(1 - p_c), Song & Mittal 2021, equation 8, with
    the sign that makes members large: 0 for a certain and right answer, very negative for
    a certain and wrong one.

    Parameters
    ----------
    proba : ndarray of shape (..., n, n_classes)
    y : ndarray of int of shape (n,)
        Columns of the true classes.
    eps : float, default=1e-9
        Least probability whose logarithm is taken.

    Returns
    -------
    ndarray of shape (..., n)

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics.signals import modified_entropy
    >>> proba, y = np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0])
    >>> modified_entropy(proba, y).round(3)
    array([-0.021, -1.1  ])
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


# what a scorer's attacker may look at: a signal, or only whether the label is right
SCORER_SIGNALS = (*SIGNALS, "correct")


def asked(model, X, y):
    """Ask a model about records: its probabilities, and the column of each true class.

    Parameters
    ----------
    model : fitted classifier with ``predict_proba``
    X : array-like of shape (n, d)
    y : array-like of shape (n,)
        A class that the model does not know has probability 0.

    Returns
    -------
    proba : ndarray of shape (n, n_classes)
    columns : ndarray of shape (n,), int64

    Raises
    ------
    NotFittedError
        The model has no `classes_`.
    ValueError
        It has no ``predict_proba``, or answers with nan.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skqmu.metrics.signals import asked
    >>> model = DummyClassifier().fit([[0.0]] * 4, ["a", "a", "a", "b"])
    >>> asked(model, [[0.0], [0.0]], ["a", "c"])  # a class that the model does not know
    (array([[0.75, 0.25, 0.  ],
           [0.75, 0.25, 0.  ]]), array([0, 2]))
    """
    y = np.asarray(y)
    labels = np.unique(np.concatenate([np.asarray(model.classes_), y]))
    # what rounding leaves below 0 has no logarithm
    return np.maximum(probabilities(model, X, labels), 0.0), encode_labels(y, labels)


def membership_signal(model, X, y, signal="logit"):
    """Membership score of each record, from the model's own output alone.

    Parameters
    ----------
    model : fitted classifier
    X : array-like of shape (n, d)
    y : array-like of shape (n,)
    signal : str, default="logit"
        ``"logit"``: ln p_y - ln sum_{c != y} p_c, not clipped; ``"loss"``: minus the
        cross-entropy; ``"confidence"``: the largest probability; ``"true_confidence"``: that of
        the true class; ``"entropy"`` and ``"modified_entropy"``: minus these; ``"correct"``:
        whether the label is right, which needs no probabilities.

    Returns
    -------
    ndarray of shape (n,)
        Greater = more like a member.

    Raises
    ------
    ValueError
        An unknown signal, or a model without probabilities where one needs them.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skqmu.metrics.signals import membership_signal
    >>> model = DummyClassifier().fit([[0.0]] * 4, ["a", "a", "a", "b"])
    >>> membership_signal(model, [[0.0], [0.0]], ["a", "b"]).round(3)
    array([ 1.099, -1.099])
    >>> membership_signal(model, [[0.0], [0.0]], ["a", "b"], signal="correct")
    array([1., 0.])
    """
    check_choice("signal", signal, SCORER_SIGNALS)
    if signal == "correct":
        return (np.asarray(model.predict(X)) == np.asarray(y)).astype(float)
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"{type(model).__name__} has no predict_proba: use signal='correct', which needs only "
            "labels."
        )
    answer = asked(model, X, y)
    return true_class_logit(*answer, eps=0) if signal == "logit" else SIGNALS[signal](*answer)
