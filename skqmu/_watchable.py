"""Whether a classifier shows its epochs to somebody while it forgets."""

import inspect

from ._fit_many import last_step

__all__ = ["shows_epochs"]


def shows_epochs(classifier):
    """Whether ``unlearn`` of a classifier, or of the end of a pipeline, takes ``watch=``.

    One that passes on whatever it is given is asked about the one that it wraps.

    Parameters
    ----------
    classifier : classifier or Pipeline

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu import QNNClassifier, UnlearningClassifier
    >>> from skqmu._watchable import shows_epochs
    >>> shows_epochs(UnlearningClassifier(QNNClassifier()))
    True
    >>> shows_epochs(UnlearningClassifier(LogisticRegression()))
    False
    """
    last = last_step(classifier)
    unlearn = getattr(last, "unlearn", None)
    if unlearn is None:
        return False
    taken = inspect.signature(unlearn).parameters
    if "watch" in taken:
        return True
    passes_on = any(p.kind is p.VAR_KEYWORD for p in taken.values())
    return passes_on and hasattr(last, "estimator") and shows_epochs(last.estimator)
