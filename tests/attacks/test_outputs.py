"""Asking a target: answers that are no probabilities, and averages of several."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from skqmu.attacks.tools import query_proba


class Broken(DummyClassifier):
    def predict_proba(self, X):
        proba = super().predict_proba(X)
        proba[1, 0] = np.nan
        return proba


def test_probabilities_that_are_none_are_refused():
    X, y = np.zeros((4, 1)), [0, 1, 0, 1]
    with pytest.raises(ValueError, match=r"not finite in 1 of 4 rows \(first: row 1"):
        query_proba(Broken().fit(X, y), X, [0, 1])


class Coin(DummyClassifier):
    """Answers with 0 or 1 at random: a model read out with one shot."""

    def fit(self, X, y):
        self.rng_ = np.random.default_rng(0)
        return super().fit(X, y)

    def predict_proba(self, X):
        p = self.rng_.integers(2, size=len(X)).astype(float)
        return np.column_stack((p, 1 - p))


def test_repeated_queries_of_a_sampled_model_average_its_noise():
    X, y = np.zeros((2000, 1)), np.arange(2000) % 2
    coin = Coin().fit(X, y)
    one = query_proba(coin, X, [0, 1], 1)[:, 0].var()
    many = query_proba(coin, X, [0, 1], 16)[:, 0].var()
    # variance 1/4 over 16: a sample variance of 2000 has a relative error of about 3 %
    assert one == pytest.approx(0.25, rel=0.05)
    assert many == pytest.approx(0.25 / 16, rel=0.15)
