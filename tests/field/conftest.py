"""What the cases share: a few rows with two and three classes."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs


@pytest.fixture(scope="session")
def two_classes():
    """24 rows of two features in [-1, 1], two classes that a model can learn."""
    X, y = make_blobs(24, centers=[[-0.6, -0.5], [0.6, 0.5]], cluster_std=0.25, random_state=0)
    return np.clip(X, -1, 1), y


@pytest.fixture(scope="session")
def three_classes():
    """24 rows of two features in [-1, 1], three classes that a model can learn."""
    centers = [[-0.7, 0.0], [0.6, 0.6], [0.6, -0.6]]
    X, y = make_blobs(24, centers=centers, cluster_std=0.2, random_state=0)
    return np.clip(X, -1, 1), y
