"""`skqmu.release`: a copy that only predicts, of a model or of whatever holds one."""

import copy
import warnings

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from .._inside import objects_in
from .._validation import check_is_fitted
from .state import StateMixin, fitted_state

__all__ = ["predict_only", "release"]

# Attributes in which estimators of scikit-learn keep rows that they were fitted on.
_KEPT_ROWS = ("_fit_X", "X_fit_", "X_train_", "X_", "support_vectors_")


def release(estimator):
    """Return a copy that only predicts: what one deploys.

    Every classifier of skqmu in it, as the last step of a pipeline or wherever else
    (`CalibratedClassifierCV`, `StackingClassifier`, the best estimator of a search), is replaced
    by what its own ``release()`` gives: without member record, ids, optimizer state and log.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted; it is left as it is.

    Returns
    -------
    estimator
        Pipelines in it have no cache (``memory=None``).

    Warns
    -----
    UserWarning
        Names the parts of other libraries that keep rows they were fitted on (nearest
        neighbours, kernels, support vectors): they need these to work.

    Examples
    --------
    >>> import pickle
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skqmu import QNNClassifier, release
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), QNNClassifier(max_iter=3, random_state=0)).fit(X, y)
    >>> deployed = release(model)
    >>> bool((deployed.predict(X) == model.predict(X)).all())
    True
    >>> deployed[-1].is_member(model[:-1].transform(X[:1]))
    Traceback (most recent call last):
        ...
    skqmu.exceptions.MemberRecordError: this is a released copy: ...
    """
    check_is_fitted(estimator)
    released = predict_only(estimator)
    keeping = set()
    for each in objects_in(released):
        if isinstance(each, Pipeline):
            each.set_params(memory=None)
        if isinstance(each, BaseEstimator) and any(name in vars(each) for name in _KEPT_ROWS):
            keeping.add(type(each).__name__)
    if keeping:
        warnings.warn(
            f"{', '.join(sorted(keeping))}: keeps rows that it was fitted on, which it needs to "
            "work, so that the released copy holds them.",
            UserWarning,
            stacklevel=2,
        )
    return released


def predict_only(model):
    """A copy of a model in which each part that offers ``release`` is what that gives.

    Parameters
    ----------
    model : fitted estimator
    """
    parts = filter(_offers_release, objects_in(model, closed=_offers_release))
    copies = {id(part): part.release() for part in parts}
    return copies[id(model)] if id(model) in copies else copy.deepcopy(model, copies)


def _offers_release(value):
    """Whether a value is an estimator with ``release``; one of skqmu must be fitted for it."""
    if isinstance(value, StateMixin):
        return fitted_state(value) is not None
    return isinstance(value, BaseEstimator) and callable(getattr(type(value), "release", None))
