"""A real classifier that can forget, for audits that need no quantum part."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

from skqmu.exceptions import UnlearningError


class ForgettingForest(ClassifierMixin, BaseEstimator):
    """A forest that memorises; it forgets by refitting, half-heartedly, or not at all."""

    def __init__(self, n_estimators=8, random_state=None):
        self.n_estimators = n_estimators
        self.random_state = random_state

    def fit(self, X, y):
        X, y = validate_data(self, X, y)
        self.classes_ = np.unique(y)
        self._fit(X, y)
        self.unlearning_log_ = []
        return self

    def _fit(self, X, y):
        self.X_, self.y_ = X, y
        self.forest_ = RandomForestClassifier(
            self.n_estimators, bootstrap=False, random_state=self.random_state
        ).fit(X, y)

    def predict_proba(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        proba = np.zeros((len(X), len(self.classes_)))
        proba[:, np.searchsorted(self.classes_, self.forest_.classes_)] = (
            self.forest_.predict_proba(X)
        )
        return proba

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def unlearn(self, X_forget, y_forget=None, *, strategy="retrain"):
        if strategy == "explode":
            raise UnlearningError("it exploded, and nothing was changed")
        if strategy not in ("retrain", "pretend"):
            raise ValueError(f"strategy={strategy!r} is unknown")
        gone = (self.X_[:, None] == np.asarray(X_forget)).all(axis=2).any(axis=1)
        if strategy == "retrain":
            self._fit(self.X_[~gone], self.y_[~gone])
        kind = "exact" if strategy == "retrain" else "approximate"
        cost = {"gradient_rows": int(gone.sum())}
        self.unlearning_log_ = [*self.unlearning_log_, {"kind": kind, "cost": cost}]
        return self


@pytest.fixture
def forest():
    return ForgettingForest(random_state=0)


@pytest.fixture(scope="session")
def forest_class():
    return ForgettingForest
