"""A small world to attack, for the checks of attacks: data, targets, and how to fit."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skqmu.exceptions import ThreatModelWarning


class Forgetful(ClassifierMixin, BaseEstimator):
    """A tree that unlearns by refitting, for attacks on unlearned models."""

    def __init__(self, max_depth=None, random_state=None):
        self.max_depth = max_depth
        self.random_state = random_state

    def fit(self, X, y):
        self._X, self._y = np.asarray(X), np.asarray(y)
        if not hasattr(self, "classes_"):
            self.classes_ = np.unique(self._y)
        self.n_features_in_ = self._X.shape[1]
        self.tree_ = DecisionTreeClassifier(
            max_depth=self.max_depth, random_state=self.random_state
        ).fit(self._X, self._y)
        return self

    def unlearn(self, X, y=None):
        gone = (self._X[:, None, :] == np.asarray(X)[None]).all(axis=2).any(axis=1)
        if gone.all():
            raise ValueError("cannot forget everything")
        return self.fit(self._X[~gone], self._y[~gone])

    def predict_proba(self, X):
        proba = np.zeros((len(X), self.classes_.size))
        columns = np.searchsorted(self.classes_, self.tree_.classes_)
        proba[:, columns] = self.tree_.predict_proba(X)
        return proba

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def make_world(n=60, n_classes=3, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, n_features)) + 0.7 * rng.normal(size=(n_classes, n_features))[y]
    return X, y


def first_half(n):
    """Members: the first half of every class, as far as classes go in turns."""
    return np.arange(n) < n // 2


def make_target(attack, X, y, **params):
    params = {"max_depth": 4, "random_state": 0, **params}
    if getattr(attack, "attacks_steps", False):
        # an attack on fitted steps: they are what it is to leave as they are
        return make_pipeline(StandardScaler(), DecisionTreeClassifier(**params)).fit(X, y)
    needs_unlearning = "forget" in attack.fit_requires
    model = Forgetful(**params) if needs_unlearning else DecisionTreeClassifier(**params)
    return model.fit(X, y)


def fit_quietly(attack, X, y, **more):
    """Fit with whatever this attack asks for beside the pool."""
    more = {
        **({"membership": first_half(len(y))} if "membership" in attack.fit_requires else {}),
        **({"forget": np.arange(len(y)) % 2 == 0} if "forget" in attack.fit_requires else {}),
        **more,
    }
    with warnings.catch_warnings():
        if "membership" in attack.fit_requires:
            warnings.simplefilter("ignore", ThreatModelWarning)
        return attack.fit(X, y, **more)


def new_attack(attack, target, **params):
    attack = clone(attack).set_params(target=target)
    return attack.set_params(**{k: v for k, v in params.items() if k in attack.get_params(False)})


def fitted_attack(attack, n=60, n_classes=3, **params):
    X, y = make_world(n, n_classes)
    members = first_half(n)
    params = {"random_state": 0, **params}
    attack = new_attack(attack, make_target(attack, X[members], y[members]), **params)
    return fit_quietly(attack, X, y), X, y


def assert_raises(kinds, call, why, match=""):
    try:
        call()
    except kinds as error:
        if match.lower() not in str(error).lower():
            raise AssertionError(f"{why}: the message lacks {match!r}: {error}") from error
    else:
        raise AssertionError(f"{why}: no error")


def checked_scores(attack, X, y):
    scores = attack.decision_function(X, y)
    assert isinstance(scores, np.ndarray)
    assert scores.shape == (len(y),)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all(), "scores are not finite"
    return scores


def fit_extras(attack, X):
    mask = first_half(len(X))
    return dict.fromkeys(attack.fit_requires, mask)


class Finite(FunctionTransformer):
    """Passes rows on unless they hold NaN, which it rejects like most estimators."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags

    def __init__(self):
        super().__init__(validate=True)


def evaluate_quietly(attack, X, y, membership):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ThreatModelWarning)
        return attack.evaluate(X, y, membership, fprs=(0.1,))
