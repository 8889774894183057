"""Small data and a small classifier: two qubits, one layer, few epochs."""

import numpy as np
import pytest

from skqmu import QNNClassifier


@pytest.fixture
def blobs():
    """60 rows of 3 features in 3 classes, in a random order."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(60) % 3)
    return rng.normal(size=(60, 3)) * 0.5 + rng.normal(size=(3, 3))[y], y


@pytest.fixture
def small():
    """A factory of classifiers that train in milliseconds."""

    def make(**params):
        params = {"n_qubits": 2, "n_layers": 1, "max_iter": 5, "random_state": 0, **params}
        return QNNClassifier(**params)

    return make
