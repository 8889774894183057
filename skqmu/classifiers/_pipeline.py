"""`skqmu.unlearn`: a deletion request through a fitted pipeline."""

import copy
import inspect
import time
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from .._validation import check_choice, check_is_fitted
from ..exceptions import UnlearningWarning

__all__ = ["unlearn"]

_ROWS = ("X_forget", "X_retain", "X_reference")


def unlearn(estimator, X_forget=None, y_forget=None, *, upstream="warn", **request):
    """Honour a deletion request on an estimator or on a fitted pipeline that ends in one.

    The rows are passed through the pipeline's fitted steps; the last step forgets them.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted; it, or its last step, has `unlearn`.
    X_forget : array-like of shape (k, n_features), default=None
        Rows as they were given to the pipeline's `fit`.
    y_forget : array-like of shape (k,), default=None
    upstream : {"warn", "refit"}, default="warn"
        What becomes of the fitted steps before the classifier, which saw the rows too.
        ``"warn"`` leaves them and names them. ``"refit"`` fits steps and classifier anew, with
        their own parameters, on the raw rows that stay: `X_retain` and `y_retain`, which the
        pipeline does not keep and which must be passed. The classifier is retrained
        whatever its own way to forget: its weights, and the rows it stores, were in the
        coordinates of the old steps. From then on positions (``index=``) count in
        `X_retain`.
    **request : dict
        Passed on to ``unlearn`` of the classifier; `X_retain` and `X_reference` go through
        the steps as well. With ``upstream="refit"`` also `sample_weight`, of `X_retain`.

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
    check_choice("upstream", upstream, ("warn", "refit"))
    if upstream == "refit":
        return _refit(estimator, X_forget, y_forget, **request)
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


def _refit(
    pipeline, X_forget, y_forget, *, X_retain=None, y_retain=None, sample_weight=None, **request
):
    """Fit all steps anew on the rows that stay; commit only when everything has worked."""
    if not isinstance(pipeline, Pipeline):
        raise ValueError(
            f"upstream='refit' is for a fitted Pipeline; got {type(pipeline).__name__}. Without "
            "steps before it, its own unlearn is enough."
        )
    last = _forgetting(pipeline.steps[-1][1], pipeline)
    check_is_fitted(pipeline)
    if X_retain is None or y_retain is None:
        raise ValueError(
            "upstream='refit' needs X_retain and y_retain, the raw rows that stay: the pipeline "
            "does not keep what it was fitted on, and the classifier's record holds rows as the "
            "old steps made them."
        )
    strategy = request.pop("strategy", None)
    if strategy is not None and not _retrains(strategy):
        raise ValueError(
            f"strategy={strategy!r} starts from weights fitted to the old steps' coordinates; "
            "upstream='refit' retrains the classifier: leave strategy out."
        )
    if request.pop("X_reference", None) is not None or request.pop("y_reference", None) is not None:
        raise ValueError("X_reference is of no use with upstream='refit', which only retrains.")
    record = getattr(last, "_members", None)
    if sample_weight is None and record is not None and len(record) and np.ptp(record.weights):
        raise ValueError(
            "the classifier was fitted with unequal weights; pass sample_weight=, of X_retain."
        )
    started = time.perf_counter()
    # the request is checked, and logged, by a copy that honours it in the old coordinates
    old, trial = pipeline[:-1], copy.deepcopy(last)
    if hasattr(trial, "checkpoint"):
        # files belong to the pipeline's own classifier
        trial.checkpoint, trial._artefacts = None, ()
    if X_forget is not None:
        request["X_forget"] = old.transform(X_forget) if len(old.steps) else X_forget
    if "strategy" in inspect.signature(trial.unlearn).parameters:
        request["strategy"] = "retrain"
    Z = old.transform(X_retain) if len(old.steps) else X_retain
    trial.unlearn(y_forget=y_forget, X_retain=Z, y_retain=y_retain, **request)
    entry = dict(trial.unlearning_log_[-1])
    new_steps, new_last = clone(old), clone(last)
    fit_params = {} if sample_weight is None else {"sample_weight": sample_weight}
    if "classes" in inspect.signature(new_last.fit).parameters:
        fit_params["classes"] = last.classes_
    if request.get("fingerprint_key") is not None:
        fit_params["fingerprint_key"] = request["fingerprint_key"]
    if len(old.steps):
        new_steps.memory = None  # what a cache holds was fitted on the forgotten rows
        X_retain = new_steps.fit_transform(X_retain, y_retain)
        new_steps.memory = old.memory
    new_last.fit(X_retain, y_retain, **fit_params)
    entry.update(
        strategy="Retrain",
        kind="exact",
        seconds=time.perf_counter() - started,
        cost=getattr(new_last, "fit_cost_", None),
        upstream="refit",
        notes=[
            f"steps fitted anew on the {len(y_retain)} rows that stay: "
            f"{', '.join(name for name, _ in old.steps) or 'none'}; the classifier retrained on "
            "what they make of the rows. Positions count in X_retain from here on.",
        ],
    )
    entry.pop("after", None)  # it was measured in the old coordinates
    if pipeline.memory is not None:
        entry["notes"].append("the pipeline's cache (memory=) still holds steps fitted before.")
        warnings.warn(
            "the pipeline's cache (memory=) still holds steps fitted on the forgotten rows; "
            "clear it.",
            UnlearningWarning,
            stacklevel=3,
        )
    new_last.unlearning_log_ = [*last.unlearning_log_, entry]
    for (_, step), (_, fresh) in zip(old.steps, new_steps.steps, strict=True):
        if hasattr(step, "fit"):
            # in place: whoever holds the step must not keep the old one by accident
            _become(step, fresh)
    _become(last, new_last)
    return pipeline


def _retrains(strategy):
    return strategy == "retrain" or type(strategy).__name__ == "Retrain"


def _become(estimator, fresh):
    state = dict(vars(fresh))
    vars(estimator).clear()
    vars(estimator).update(state)


def _forgetting(estimator, pipeline=None):
    if hasattr(estimator, "unlearn"):
        return estimator
    where = "" if pipeline is None else "the last step of the pipeline, "
    raise TypeError(
        f"{where}{type(estimator).__name__}, has no method unlearn; use a classifier of skqmu."
    )
