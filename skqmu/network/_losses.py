"""Softmax cross-entropy with soft targets, and its derivative by the logits."""

import numpy as np
from scipy.special import log_softmax, softmax

__all__ = [
    "cross_entropy",
    "cross_entropy_gradient",
    "entropy",
    "entropy_gradient",
    "log_softmax",
    "softmax",
    "weighted_cross_entropy",
]


# numpy adds up to so many numbers in a row one after another.
_FEW_CLASSES = 7


def _log_p(logits):
    """`log_softmax` along the classes; scipy's takes .1 ms a batch to find out what it got."""
    top = _over_classes(np.maximum, logits)[..., None]
    below = logits - np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):  # a row of -inf
        return below - np.log(_over_classes(np.add, np.exp(below)))[..., None]


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Cross-entropy of each record.

    Parameters
    ----------
    logits : ndarray of shape (..., C)
    targets : ndarray of shape (..., C)
        Soft targets; rows sum to 1.

    Returns
    -------
    ndarray of shape (...,)
        In nats.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import cross_entropy
    >>> cross_entropy(np.zeros((1, 2)), np.array([[1.0, 0.0]])).round(4)
    array([0.6931])
    """
    return -(targets * _log_p(logits)).sum(axis=-1)


def cross_entropy_gradient(
    logits: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Derivative of ``sum_i weights_i CE(targets_i, p_i)`` by the logits.

    Parameters
    ----------
    logits, targets : ndarray of shape (..., C)
    weights : ndarray of shape (...,)
        Negative weights ascend.

    Returns
    -------
    ndarray of shape (..., C)

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import cross_entropy_gradient
    >>> logits, targets = np.zeros((1, 2)), np.array([[1.0, 0.0]])
    >>> cross_entropy_gradient(logits, targets, np.ones(1))
    array([[-0.5,  0.5]])
    """
    return weights[..., None] * (np.exp(_log_p(logits)) - targets)


def weighted_cross_entropy(
    logits: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``weights * cross_entropy`` and `cross_entropy_gradient`, from one logarithm.

    Parameters
    ----------
    logits, targets : ndarray of shape (..., C)
    weights : ndarray of shape (...,)

    Returns
    -------
    values : ndarray of shape (...,)
    d_logits : ndarray of shape (..., C)

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import weighted_cross_entropy
    >>> values, slopes = weighted_cross_entropy(np.zeros((1, 2)), np.eye(2)[:1], 2 * np.ones(1))
    >>> values.round(4), slopes
    (array([1.3863]), array([[-1.,  1.]]))
    """
    log_p = _log_p(logits)
    values = weights * -_over_classes(np.add, targets * log_p)
    return values, weights[..., None] * (np.exp(log_p) - targets)


def _over_classes(function, values):
    """Reduce the last axis, which is short: pass by pass, where many rows make that faster."""
    if values.shape[-1] > _FEW_CLASSES or values.ndim < 3:
        return function.reduce(values, axis=-1)
    total = values[..., 0]
    for place in range(1, values.shape[-1]):
        total = function(total, values[..., place])
    return total


def entropy(logits: np.ndarray) -> np.ndarray:
    """Entropy of each record's prediction.

    Parameters
    ----------
    logits : ndarray of shape (..., C)

    Returns
    -------
    ndarray of shape (...,)
        In nats, between 0 and ln C.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import entropy
    >>> entropy(np.zeros((1, 4))).round(4)
    array([1.3863])
    """
    log_p = _log_p(logits)
    return -(np.exp(log_p) * log_p).sum(axis=-1)


def entropy_gradient(logits: np.ndarray) -> np.ndarray:
    """Derivative of each record's entropy by its logits: ``-p (ln p + H)``.

    It is also minus that of the divergence from the uniform distribution, KL(p || U).

    Parameters
    ----------
    logits : ndarray of shape (..., C)

    Returns
    -------
    ndarray of shape (..., C)

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import entropy_gradient
    >>> bool((entropy_gradient(np.zeros((1, 4))) == 0).all())
    True
    """
    log_p = log_softmax(logits, axis=-1)
    return -np.exp(log_p) * (log_p + entropy(logits)[..., None])
