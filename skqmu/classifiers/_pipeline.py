"""`skqmu.unlearn`: a deletion request through a fitted pipeline."""

import warnings

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples

from .._validation import check_choice, check_is_fitted
from .._what_to_forget import parsed
from ..exceptions import UnlearningWarning
from ._upstream_refit import explained, flat_pipeline, nested_pipelines, refit
from .deletion import noting

__all__ = ["unlearn"]

_ROWS = ("X_forget", "X_retain", "X_reference")


def unlearn(estimator, X_forget=None, y_forget=None, *, upstream="warn", **request):
    """Honour a deletion request on an estimator or on a fitted pipeline that ends in one.

    The rows are passed through the pipeline's fitted steps; the last step forgets them.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted; it, or its last step (of its last step, where pipelines are nested), has
        `unlearn`.
    X_forget : array-like of shape (k, n_features) or str, default=None
        Rows as they were given to the pipeline's `fit`, or words for them: ``"class:LABEL"``,
        ``"ids:A,B"``; conditions on columns where no step comes before the classifier. Where a
        step makes of a row something else in `fit` than afterwards (`TargetEncoder`, by
        cross-fitting), the classifier never saw what the row looks like now: name rows by
        ``index=`` or ``ids=`` then.
    y_forget : array-like of shape (k,), default=None
    upstream : {"warn", "refit"}, default="warn"
        What becomes of the fitted steps before the classifier, which saw the rows too.
        ``"warn"`` leaves them and names them. ``"refit"`` fits steps and classifier anew, with
        their own parameters, on the raw rows that stay: `X_retain` and `y_retain`, which the
        pipeline does not keep and which must be passed. The classifier is retrained
        whatever its own way to forget: its weights, and the rows it stores, were in the
        coordinates of the old steps. From then on positions (``index=``) count in
        `X_retain`. Frozen steps stay as they are, and are named.
    **request : dict
        ``index=``, ``ids=`` and more, passed on to ``unlearn`` of the classifier; `X_retain` and
        `X_reference` go through the steps as well. With ``upstream="refit"`` also
        `sample_weight`, of `X_retain`.

    Returns
    -------
    estimator
        The same object.

    Raises
    ------
    ValueError
        ``upstream="refit"`` without a pipeline, or without the raw rows that stay.
    TypeError
        The estimator, or the pipeline's last step, cannot `unlearn`.
    NotATrainingSampleError
        A row was never trained on. What else `unlearn` of the classifier raises comes through;
        nothing is changed then.

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
    if not isinstance(estimator, Pipeline):
        if upstream == "refit":
            raise ValueError(
                f"upstream='refit' is for a fitted Pipeline; got {type(estimator).__name__}. "
                "Without steps before it, its own unlearn is enough."
            )
        _forgetting(estimator).unlearn(X_forget, y_forget, **request)
        return estimator
    steps = flat_pipeline(estimator)
    last = _forgetting(steps[-1], estimator)
    check_is_fitted(estimator)
    if isinstance(X_forget, str) and len(steps.steps) > 1:
        _check_words(X_forget)
    if upstream == "refit":
        caches = any(part.memory is not None for part in nested_pipelines(estimator))
        refit(steps[:-1], last, X_forget, y_forget, caches=caches, **request)
        return estimator
    _forget_last(steps[:-1], last, X_forget, y_forget, **request)
    return estimator


def _check_words(text):
    """Refuse words about columns, which the steps have made others of."""
    if parsed(text, "X_forget").kind == "condition":
        raise ValueError(
            f"X_forget={text!r} speaks of the pipeline's own columns, and the classifier holds "
            "rows as the steps before it have made them; pass the rows themselves, such as "
            "X[X['age'] >= 65], or ids=."
        )


def _forget_last(upstream, last, X_forget, y_forget, **request):
    """Let the classifier forget; name the steps before it."""
    request["X_forget"] = X_forget
    for name in _ROWS:
        rows = request.get(name)
        if rows is None or isinstance(rows, str) or not len(upstream.steps):
            continue
        if _num_samples(rows):
            request[name] = upstream.transform(rows)
    fitted = [
        (f"{name} ({type(step).__name__})", isinstance(step, FrozenEstimator))
        for name, step in upstream.steps
        if hasattr(step, "fit") and get_tags(step).requires_fit
    ]
    messages = []
    if saw := [name for name, frozen in fitted if not frozen]:
        messages.append(
            "upstream steps were fitted on the forgotten rows too and still hold what they "
            f"learned from them: {', '.join(saw)}. Removing that, too, is upstream='refit', with "
            "X_retain and y_retain."
        )
    if frozen := [name for name, frozen in fitted if frozen]:
        messages.append(
            f"frozen steps were left as they are: {', '.join(frozen)}. Whether they were fitted "
            "on the forgotten rows is not known here; if they were, they still hold what they "
            "learned from them."
        )
    with explained(upstream), noting(*messages):
        last.unlearn(y_forget=y_forget, **request)
    for message in messages:
        warnings.warn(message, UnlearningWarning, stacklevel=3)


def _forgetting(estimator, pipeline=None):
    if hasattr(estimator, "unlearn"):
        return estimator
    what = type(estimator).__name__
    if pipeline is not None:
        what = f"the last step of the pipeline, {what},"
    raise TypeError(f"{what} has no method unlearn; {_way_out(estimator)}")


def _way_out(estimator):
    """What to do with a model that does not forget by itself."""
    kind = type(estimator).__name__
    if hasattr(estimator, "best_estimator_"):
        return (
            f"pass what it found: skqmu.unlearn(search.best_estimator_, ...). The {kind} itself "
            "keeps the scores that it chose by, which saw the rows too."
        )
    if hasattr(estimator, "param_grid") or hasattr(estimator, "param_distributions"):
        return "fit it with refit=True, then pass its best_estimator_."
    if isinstance(estimator, FrozenEstimator):
        return "pass what is frozen: its attribute estimator."
    if hasattr(estimator, "neural_network"):
        return (
            "give its neural_network as HybridQNNClassifier(core=...), which is trained and "
            "forgets here."
        )
    if hasattr(estimator, "state_dict") and hasattr(estimator, "forward"):
        return (
            "give the module as HybridQNNClassifier(front_end=...), which is trained and forgets "
            "here."
        )
    return (
        f"use a classifier of skqmu, or ShardedClassifier({kind}()), which trains the shards anew "
        "that saw a row."
    )
