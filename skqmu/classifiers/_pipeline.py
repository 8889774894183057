"""`skqmu.unlearn`: a deletion request through a fitted pipeline."""

import warnings

from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from .._validation import check_is_fitted
from ..exceptions import UnlearningWarning

__all__ = ["unlearn"]

_ROWS = ("X_forget", "X_retain", "X_reference")


def unlearn(estimator, X_forget=None, y_forget=None, **request):
    """Honour a deletion request on an estimator or on a fitted pipeline that ends in one.

    The rows are passed through the pipeline's fitted steps; the last step forgets them.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted; it, or its last step, has `unlearn`.
    X_forget : array-like of shape (k, n_features), default=None
        Rows as they were given to the pipeline's `fit`.
    y_forget : array-like of shape (k,), default=None
    **request : dict
        Passed on to ``unlearn`` of the classifier; `X_retain` and `X_reference` go through
        the steps as well.

    Returns
    -------
    estimator
        The same object.

    Warns
    -----
    UnlearningWarning
        Names the fitted steps that saw the rows and still hold what they learned.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skqmu import QNNClassifier, unlearn
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), QNNClassifier(max_iter=5, random_state=0)).fit(X, y)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     model = unlearn(model, X[:1])
    >>> model[-1].unlearning_log_[-1]["n_forget"]
    1
    """
    if not isinstance(estimator, Pipeline):
        _forgetting(estimator).unlearn(X_forget, y_forget, **request)
        return estimator
    last = _forgetting(estimator.steps[-1][1], estimator)
    check_is_fitted(estimator)
    upstream = estimator[:-1]
    request["X_forget"] = X_forget
    for name in _ROWS:
        if request.get(name) is not None and len(upstream.steps) and len(request[name]):
            request[name] = upstream.transform(request[name])
    last.unlearn(y_forget=y_forget, **request)
    saw = [
        f"{name} ({type(step).__name__})"
        for name, step in upstream.steps
        if hasattr(step, "fit") and get_tags(step).requires_fit
    ]
    if saw:
        message = (
            f"upstream steps were fitted on the forgotten rows too and still hold what they "
            f"learned from them: {', '.join(saw)}. Refit the pipeline without the rows to remove "
            "that."
        )
        last.unlearning_log_[-1]["notes"].append(message)
        warnings.warn(message, UnlearningWarning, stacklevel=2)
    return estimator


def _forgetting(estimator, pipeline=None):
    if hasattr(estimator, "unlearn"):
        return estimator
    where = "" if pipeline is None else "the last step of the pipeline, "
    raise TypeError(
        f"{where}{type(estimator).__name__}, has no method unlearn; use a classifier of skqmu."
    )
