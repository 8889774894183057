"""A small network of one dense layer, whose training can be computed by hand."""

import numpy as np
import pytest

from skqmu.network import Dense, Network
from skqmu.training import SGD, Objective, Point, Records, TrainingRun


@pytest.fixture
def records():
    rng = np.random.default_rng(0)
    labels = np.arange(23) % 3
    X = rng.normal(size=(23, 2)) + 2 * np.eye(3)[labels][:, :2]
    weights = rng.uniform(0.5, 1.5, 23)
    return Records(X, np.eye(3)[labels], weights / weights.mean())


@pytest.fixture
def make_run(records):
    """A fresh run at its start; keyword arguments replace its parts."""

    def make(**parts):
        network = Network([Dense("head", 2, 3)])
        parts = {
            "network": network,
            "objective": Objective({"train": records}),
            "solver": SGD(0.1, momentum=0.5),
            "point": Point(network.initial(np.random.default_rng(1))),
            "seed": np.random.SeedSequence(2),
            "max_iter": 6,
            "batch_size": 5,
            **parts,
        }
        return TrainingRun(**parts)

    return make
