"""Many models fitted, or asked to forget, at once by whatever their classes offer for it."""

import inspect
from collections import defaultdict

from sklearn import config_context
from sklearn.pipeline import Pipeline

__all__ = [
    "fit_many",
    "fit_one",
    "fits_many",
    "has_own_fit",
    "last_step",
    "unlearn_many",
    "unlearns_many",
]


def _definer(cls, name):
    """The class of the line of descent that defines an attribute; None: none does."""
    return next((each for each in cls.__mro__ if name in vars(each)), None)


def _protocol(estimator, verb="fit"):
    """Class whose `fit_many` fits an estimator as its own `fit` does; None: there is none."""
    cls = type(estimator)
    many, own = _definer(cls, f"{verb}_many"), _definer(cls, verb)
    # A subclass that has a fit of its own is fitted by that.
    return many if many is not None and own is not None and issubclass(many, own) else None


def has_own_fit(estimator):
    """Whether a class overrides the `fit` that its `fit_many` stands for."""
    return _protocol(estimator) is None


def last_step(estimator):
    """The estimator itself, or the last step of a pipeline."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def fits_many(estimator):
    """Whether models like this one (or its last step) are fitted side by side."""
    kept = isinstance(estimator, Pipeline) and estimator.memory is not None
    return not kept and _protocol(last_step(estimator)) is not None


def fit_many(estimators, Xs, ys, *, sample_weights=None, classes=None):
    """Fit models, those of one class side by side where the class has ``fit_many``.

    That is a function ``fit_many(estimators, Xs, ys, *, sample_weights, classes)`` on the class,
    which leaves each model as its own ``fit`` would have and returns the errors by number (see
    :meth:`skqmu.QNNClassifier.fit_many`). A pipeline's earlier steps are fitted one by one, and
    its last steps together. Every other model is fitted by its own ``fit``.

    Parameters
    ----------
    estimators : sequence of M estimators
        Of their own each.
    Xs, ys : sequences of M array-likes
    sample_weights : sequence of M (array-like or None), default=None
    classes : array-like of shape (n_classes,), default=None
        All classes, for estimators whose ``fit`` takes them.

    Returns
    -------
    dict of int to Exception
        What ended a fit, by the model's number.
    """
    weights = [None] * len(estimators) if sample_weights is None else sample_weights
    failures, together = {}, defaultdict(list)
    for number, asked in enumerate(zip(estimators, Xs, ys, weights, strict=True)):
        try:
            _begin(number, *asked, classes, together)
        except Exception as error:
            failures[number] = error
    for cls, members in together.items():
        numbers, models, inputs, labels, given = zip(*members, strict=True)
        more = {} if classes is None else {"classes": classes}
        errors = cls.fit_many(models, inputs, labels, sample_weights=given, **more)
        failures.update({numbers[place]: error for place, error in errors.items()})
    return dict(sorted(failures.items()))


def _begin(number, estimator, X, y, weights, classes, together):
    """Fit a model, or what comes before its last step, and put that among its like."""
    if not fits_many(estimator):
        fit_one(estimator, X, y, weights, classes)
        return
    if isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
        X = estimator[:-1].fit_transform(X, y)  # (the very same steps)
    last = last_step(estimator)
    together[_protocol(last)].append((number, last, X, y, weights))


def fit_one(estimator, X, y, sample_weight=None, classes=None, ids=None, **more):
    """Fit a model with what its ``fit`` takes of sample weights, class list and ids."""
    last, prefix = last_step(estimator), ""
    if isinstance(estimator, Pipeline):
        prefix = f"{estimator.steps[-1][0]}__"
    if sample_weight is not None:
        more[f"{prefix}sample_weight"] = sample_weight
    if classes is not None and "classes" in inspect.signature(last.fit).parameters:
        more[f"{prefix}classes"] = classes
    if ids is not None:
        more[f"{prefix}ids"] = ids
    if not (prefix and more):
        return estimator.fit(X, y, **more)
    # with routing on, pipelines would not take what is meant for one step by its name
    with config_context(enable_metadata_routing=False):
        return estimator.fit(X, y, **more)


def unlearns_many(estimator):
    """Whether fitted models like this one (or its last step) unlearn side by side."""
    return _protocol(last_step(estimator), "unlearn") is not None


def unlearn_many(estimators, Xs, ys):
    """Let fitted models forget rows, those of one class side by side.

    Their class has a function ``unlearn_many(estimators, Xs, ys)``, which leaves each model as
    its own ``unlearn`` would have and returns the errors by number (see
    :meth:`skqmu.QNNClassifier.unlearn_many`). In a pipeline the last step is asked, about the rows
    as the earlier ones, which stay, make them.

    Parameters
    ----------
    estimators : sequence of M estimators for which `unlearns_many` holds
    Xs, ys : sequences of M array-likes

    Returns
    -------
    dict of int to Exception
        What ended a request, by the model's number.
    """
    failures, together = {}, defaultdict(list)
    for number, (estimator, X, y) in enumerate(zip(estimators, Xs, ys, strict=True)):
        last = last_step(estimator)
        try:
            if isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
                X = estimator[:-1].transform(X)
        except Exception as error:
            failures[number] = error
        else:
            together[_protocol(last, "unlearn")].append((number, last, X, y))
    for cls, members in together.items():
        numbers, models, inputs, labels = zip(*members, strict=True)
        errors = cls.unlearn_many(models, inputs, labels)
        failures.update({numbers[place]: error for place, error in errors.items()})
    return failures
