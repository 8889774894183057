"""Deletion requests to many classifiers at once, each honoured as its own `unlearn` would."""

from functools import partial

from ..training import train_together
from ._predicting import sharing_networks

__all__ = ["unlearn_many"]

# Models whose requests, runs and working copies are held at a time.
_MOST_MODELS = 64


def unlearn_many(estimators, Xs, ys, **request):
    """Let many classifiers unlearn, what equal networks train taken side by side.

    Each ends as its own ``unlearn(X, y)`` would have left it: the same draws, parameters to
    rounding, the same end, guard and log, whoever unlearns beside it. Retraining, mechanisms that
    run through the training loop, and repairs go side by side where fits do (see
    :meth:`skqmu.QNNClassifier.fit_many`); what is asked of one model alone (measures, stop rules)
    is not.

    Parameters
    ----------
    estimators : sequence of M fitted classifiers of this class
        Each another object; nobody else uses them meanwhile.
    Xs : sequence of M array-likes of shape (k, n_features)
        Rows that each is to forget.
    ys : sequence of M (array-like of shape (k,) or None)
    **request : object
        More for every `unlearn`, such as ``strategy=``.

    Returns
    -------
    dict of int to Exception
        What ended a request before its time, by the model's number: that model is as it was, but
        for its log. The others are not touched by it.

    Raises
    ------
    ValueError
        The same estimator twice: its second request would wait for the first one.
    KeyboardInterrupt
        Every request that was on its way ended so, and its model is as it was, but for its log.

    Notes
    -----
    Found on the class by whoever needs many models that have unlearned. A subclass with an
    `unlearn` of its own is asked by that.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> models = [QNNClassifier(max_iter=5, random_state=seed).fit(X, y) for seed in range(2)]
    >>> QNNClassifier.unlearn_many(models, [X[:3]] * 2, [y[:3]] * 2)
    {}
    >>> [bool(model.is_member(X[:3]).any()) for model in models]
    [False, False]
    """
    seen = {}
    for number, estimator in enumerate(estimators):
        other = seen.setdefault(id(estimator), number)
        if other != number:
            raise ValueError(
                f"estimators {other} and {number} are the same object; send it one request after "
                "the other."
            )
    jobs = [
        partial(estimator.unlearn, X, y, **request)
        for estimator, X, y in zip(estimators, Xs, ys, strict=True)
    ]
    failures = {}
    for start in range(0, len(jobs), _MOST_MODELS):
        with sharing_networks():
            _, failed = train_together(jobs[start : start + _MOST_MODELS])
        failures.update({start + number: error for number, error in failed.items()})
    return failures
