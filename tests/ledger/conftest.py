"""A small model in a file, and a ledger beside it."""

import numpy as np
import pytest

import skqmu
from skqmu import QNNClassifier
from skqmu.ledger import DeletionLedger

KEY = bytes(range(32))


@pytest.fixture(scope="session")
def rows():
    rng = np.random.default_rng(5)
    y = np.arange(60) % 3
    return rng.normal(size=(60, 3)) + y[:, None], y


@pytest.fixture(scope="session")
def fitted(rows):
    clf = QNNClassifier(
        n_qubits=3, n_layers=1, trainable="head", head="ridge", unlearning="exact_downdate",
        random_state=0,
    )  # fmt: skip
    return clf.fit(*rows)


@pytest.fixture
def model(fitted, tmp_path):
    path = tmp_path / "model.joblib"
    skqmu.save(fitted, path)
    return path


@pytest.fixture
def ledger(tmp_path):
    return DeletionLedger(tmp_path / "deletions.db", key=KEY)


@pytest.fixture
def again(ledger, tmp_path):
    """The same ledger, as another process would open it."""
    return lambda **options: DeletionLedger(tmp_path / "deletions.db", key=KEY, **options)
