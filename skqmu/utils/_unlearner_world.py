"""What the checks of forgetting classifiers stand on: a small world, and how to ask in it."""

import contextlib
import copy
import inspect
import warnings
from functools import cached_property

import numpy as np
from sklearn.base import clone

from skqmu._same_state import same_state
from skqmu.exceptions import UnlearningWarning

__all__ = [
    "KEY",
    "Case",
    "failing_strategy",
    "holds",
    "if_accepted",
    "make_world",
    "members",
    "must_raise",
    "quick_estimator",
    "quick_strategy",
    "unchanged",
]

KEY = bytes(range(32))


def make_world(n=36, n_classes=3, n_features=3, seed=0):
    """Rows of `n_classes` classes in turns; every value is unique."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, n_features)) + rng.normal(size=(n_classes, n_features))[y], y


class Case:
    """An estimator and a strategy, with what both need to be fitted and asked."""

    def __init__(self, estimator, strategy):
        estimator = estimator() if isinstance(estimator, type) else clone(estimator)
        self.strategy = strategy
        self.estimator = set_where_known(estimator, **getattr(strategy, "classifier_params", {}))
        names = self.estimator.get_params(deep=True)
        seeds = [name for name in names if name.split("__")[-1] == "random_state"]
        self.estimator.set_params(**dict.fromkeys(seeds, 0))

    @cached_property
    def _accepted(self):
        parameters = inspect.signature(self.estimator.unlearn).parameters.values()
        everything = any(p.kind is p.VAR_KEYWORD for p in parameters)
        return {p.name for p in parameters}, everything

    def accepts(self, name):
        """Whether `unlearn` takes an argument of this name."""
        names, everything = self._accepted
        return name in names or everything

    def has(self, parameter):
        return parameter in self.estimator.get_params(deep=False)

    def fitted(self, X=None, y=None, *, fit=None, **params):
        if X is None:
            X, y = make_world()
        return set_where_known(clone(self.estimator), **params).fit(X, y, **(fit or {}))

    def unlearn(self, fitted, X=None, y=None, **request):
        """Ask with the strategy of this case, and with unseen rows for its stop rule."""
        if self.strategy is not None and self.accepts("strategy"):
            request.setdefault("strategy", self.strategy)
        if self.accepts("X_reference") and "X_reference" not in request:
            labels = fitted.classes_
            unseen, which = make_world(4 * len(labels), len(labels), seed=99)
            if unseen.shape[1] == fitted.n_features_in_:
                request.update(X_reference=unseen, y_reference=labels[which])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnlearningWarning)
            return fitted.unlearn(X, y, **request)

    def assert_same(self, one, other, **tolerance):
        """Two fits of one seed agree; those of private training only in shape."""
        names = self.estimator.get_params(deep=True).items()
        private = any(n.split("__")[-1] == "privacy" and value is not None for n, value in names)
        if private:
            assert one.shape == other.shape
        elif tolerance:
            np.testing.assert_allclose(one, other, **tolerance)
        else:
            np.testing.assert_array_equal(one, other)

    @property
    def kind(self):
        """What the strategy claims; None where the estimator has a way of its own."""
        return getattr(self.strategy, "kind", None)


def set_where_known(estimator, **params):
    """Set those of the parameters that an estimator, or the one inside it, has."""
    for name, value in params.items():
        for place in (name, f"estimator__{name}"):
            if place in estimator.get_params(deep=True):
                estimator.set_params(**{place: value})
                break
    return estimator


def must_raise(kinds, call, why, match=""):
    try:
        call()
    except kinds as error:
        if match.lower() not in str(error).lower():
            raise AssertionError(f"{why}: the message lacks {match!r}: {error}") from error
        return error
    raise AssertionError(f"{why}: no error")


@contextlib.contextmanager
def unchanged(fitted, X, why, *, but=()):
    """The estimator's attributes, nested ones included, and its predictions stay."""
    before = copy.deepcopy(vars(fitted)), fitted.predict_proba(X)
    yield
    difference = same_state(before[0], dict(vars(fitted)), but=but)
    assert difference is None, f"{why} changed the estimator: {difference}"
    np.testing.assert_array_equal(fitted.predict_proba(X), before[1], err_msg=why)


def members(fitted, X, y=None, **more):
    return fitted.is_member(X, y, **more).tolist()


def holds(content, X):
    """Whether bytes hold a value of the rows: as it is, negative, single or big-endian."""
    forms = [X, -X, X.astype(np.float32), X.astype(">f8")]
    return any(value.tobytes() in content for form in forms for value in form.ravel())


def failing_strategy(outcome):
    from skqmu.unlearning import Outcome, UnlearningStrategy

    class Failing(UnlearningStrategy):
        refits = keeps_privacy = True  # no model refuses such a one

        def unlearn(self, request):
            if isinstance(outcome, BaseException):
                raise outcome
            return Outcome(params=np.full_like(request.params, outcome), stop_reason="")

    return Failing()


def if_accepted(case, name, value):
    return {"y": value} if case.accepts(name) else {}


def quick_strategy(strategy):
    """A strategy with few epochs, from a name, a class or an instance (which stays as it is)."""
    if strategy is None:
        return None
    from skqmu.unlearning import STRATEGIES

    factory = STRATEGIES.get(strategy, strategy) if isinstance(strategy, str) else strategy
    if isinstance(factory, str):
        raise ValueError(f"strategy={strategy!r} is unknown; known: {', '.join(STRATEGIES)}.")
    if not isinstance(factory, type):
        return factory
    return set_where_known(factory(), max_iter=3)


def quick_estimator(estimator):
    """A class with few epochs; an instance stays as it is."""
    return set_where_known(estimator(), max_iter=6) if isinstance(estimator, type) else estimator
