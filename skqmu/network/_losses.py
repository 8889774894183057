"""Softmax cross-entropy with soft targets, and its derivative by the logits."""

import numpy as np
from scipy.special import log_softmax, softmax

__all__ = ["cross_entropy", "cross_entropy_gradient", "entropy", "log_softmax", "softmax"]


def _log_p(logits):
    """`log_softmax` along the classes; scipy's takes .1 ms a batch to find out what it got."""
    top = logits.max(axis=-1, keepdims=True)
    below = logits - np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):  # a row of -inf
        return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))


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
