"""The verdict keeps its level: a retrained model is called different from retraining rarely."""

import warnings

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skqmu.metrics import retraining_verdict


def problem(seed, *, n_oracles, removed, retrained=True):
    """The verdict on one more retrained model (or on the original), beside oracles."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(3, 2)) * 3
    X, y = make_blobs(180, centers=centers, cluster_std=1.0, random_state=seed)
    trained, test = np.arange(180) < 120, np.arange(180) >= 120
    gone = trained & (y == 0) if removed else trained & (rng.random(180) < 0.15)
    stay = trained & ~gone
    left = test & (y != 0) if removed else test
    unseen = test & (y == 0) if removed else test & np.isin(y, y[gone])

    def fitted(number, rows):
        net = MLPClassifier((6,), max_iter=60, learning_rate_init=0.05, random_state=number)
        return net.fit(X[rows], y[rows])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracles = [fitted(1000 * seed + k, stay) for k in range(n_oracles)]
        model = fitted(1000 * seed + 999, stay if retrained else trained)
    parts = {"forget": gone, "nonmembers": unseen, "test": left, "retain": stay}
    parts = {name: (X[rows], y[rows]) for name, rows in parts.items()}
    return retraining_verdict(model, oracles, **parts, removed=[0] if removed else ())


def differing(seeds, **options):
    levels = [problem(seed, **options).level for seed in seeds]
    return sum(level == "differs" for level in levels), len(levels)


@pytest.mark.parametrize("removed", [True, False], ids=["class", "subset"])
def test_one_more_retrained_model_is_rarely_called_different(removed):
    n, of = differing(range(30), n_oracles=3, removed=removed)
    assert binomtest(n, of, 0.05, alternative="greater").pvalue > 1e-3, n


@pytest.mark.slow
@pytest.mark.parametrize("n_oracles", [2, 3, 5, 10, 16])
@pytest.mark.parametrize("removed", [True, False], ids=["class", "subset"])
def test_one_more_retrained_model_is_rarely_called_different_whatever_the_number(
    n_oracles, removed
):
    n, of = differing(range(300), n_oracles=n_oracles, removed=removed)
    assert binomtest(n, of, 0.05, alternative="greater").pvalue > 0.01, n


def test_a_model_that_kept_the_class_differs_with_three_oracles():
    n, of = differing(range(8), n_oracles=3, removed=True, retrained=False)
    assert n == of
