"""Many classifiers fitted at once, each as its own `fit` would have left it."""

from collections import defaultdict
from contextlib import ExitStack

from .._fit_many import fit_one, has_own_fit
from ..training import train_many
from ._one_fit import ended
from ._predicting import sharing_networks
from .state import Writing

__all__ = ["fit_many"]

# Models whose rows, runs and working copies are held at a time.
_MOST_MODELS = 64


def fit_many(estimators, Xs, ys, *, sample_weights=None, classes=None):
    """Fit many classifiers, the steps of equal networks taken side by side.

    Each ends as its own ``fit(X, y)`` would have left it: the same draws, parameters to
    rounding, the same epoch, costs and record, whoever is fitted beside it. It pays where a
    step is calls more than arithmetic: small circuits, few rows. What cannot go side by
    side (sampled backends, torch modules, solvers that look at all rows at once, ...) is
    fitted one by one.

    Parameters
    ----------
    estimators : sequence of M classifiers of this class
        Of their own each; nobody else uses them meanwhile. Parameters may differ.
    Xs : sequence of M array-likes of shape (n_samples, n_features)
    ys : sequence of M array-likes of shape (n_samples,)
    sample_weights : sequence of M (array-like or None), default=None
    classes : array-like of shape (n_classes,), default=None
        All classes that the models shall know.

    Returns
    -------
    dict of int to Exception
        What ended a fit before its time, by the model's number; the others are not
        touched by it.

    Raises
    ------
    KeyboardInterrupt
        Models that are on their way have the last step that was taken, as after `fit`;
        those that were not begun are as they were.

    Notes
    -----
    Found on the class by whoever needs many models. A subclass with a `fit` of its own is
    fitted by that, one by one. A backend's budget counts all models of a call together: the
    models that it does not pay for have its error.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> models = [QNNClassifier(max_iter=5, random_state=seed) for seed in range(3)]
    >>> QNNClassifier.fit_many(models, [X] * 3, [y] * 3)
    {}
    >>> [model.n_iter_ for model in models]
    [5, 5, 5]
    """
    weights = [None] * len(estimators) if sample_weights is None else sample_weights
    asked = list(enumerate(zip(estimators, Xs, ys, weights, strict=True)))
    failures = {}
    for start in range(0, len(asked), _MOST_MODELS):
        _fit_side_by_side(asked[start : start + _MOST_MODELS], classes, failures)
    return dict(sorted(failures.items()))


def _goes_beside_others(estimator):
    """Whether a fit is nothing but its steps: no bar, no file, no callback, no fit of its own."""
    return not (
        has_own_fit(estimator)
        or estimator.verbose
        or estimator.warm_start
        or estimator.checkpoint is not None
        or estimator.store_data == "fingerprints"
        or getattr(estimator, "_skl_callbacks", None)
    )


def _fit_side_by_side(asked, classes, failures):
    """Fit some models; `failures` receives what went wrong."""
    waiting = defaultdict(list)
    with ExitStack() as stack:
        stack.enter_context(sharing_networks())
        for number, (estimator, X, y, weights) in asked:
            with _noted(failures, number):
                if not _goes_beside_others(estimator):
                    fit_one(estimator, X, y, weights, classes)
                    continue
                work = stack.enter_context(Writing(estimator))
                course = work.model._fit_course(X, y, weights, classes, None)
                run, hooks = _begun(course)
                if run is None:  # solved already
                    work.commit()
                else:
                    key = work.model._backend().identity()
                    waiting[key].append((number, work, course, run, hooks))
        for members in waiting.values():
            _train_members(members, failures)


class _noted:
    """Context of one model's work: what goes wrong is its own."""

    def __init__(self, failures, number):
        self.failures = failures
        self.number = number

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, Exception):
            self.failures[self.number] = error
            return True
        return False


def _begun(course):
    try:
        return next(course)
    except StopIteration:
        return None, ()


def _train_members(members, failures):
    """Train models on one backend, and put in place what came of it."""
    numbers, works, courses, runs, hooks = zip(*members, strict=True)
    cut_off, errors = None, {}
    with works[0].model._backend().session():
        try:
            errors = train_many(runs, hooks)
        except BaseException as interrupt:
            cut_off = interrupt
        for place, (number, work, course) in enumerate(zip(numbers, works, courses, strict=True)):
            own = errors.get(place)
            if cut_off is not None and not runs[place].finished:
                own = cut_off
            with _noted(failures, number):
                _end(work, course, own, cut_off)
    if cut_off is not None:
        raise cut_off


def _end(work, course, own, cut_off):
    """Put one model in place as its run has left it."""
    try:
        stopped = ended(course, own)
    except KeyboardInterrupt:
        if cut_off is None:
            raise
        return  # it was not begun: as it was
    work.commit()
    if stopped is not None and cut_off is None:
        raise stopped
