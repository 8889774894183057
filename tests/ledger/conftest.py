"""A small model in a file, and a ledger beside it."""

import shutil
from datetime import timedelta

import numpy as np
import pytest

import skqmu
from skqmu import QNNClassifier
from skqmu.ledger import BatchingPolicy, DeletionLedger

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
    return clf.fit(*rows, ids=[f"customer {i}" for i in range(60)])


@pytest.fixture(scope="session")
def model_file(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.joblib"
    skqmu.save(fitted, path)
    return path


@pytest.fixture
def model(model_file, tmp_path):
    return shutil.copy(model_file, tmp_path / "model.joblib")


@pytest.fixture(scope="session")
def served_files(model_file, rows, tmp_path_factory):
    """Three requests by row, honoured in two batches."""
    X, _ = rows
    folder = tmp_path_factory.mktemp("served")
    model = shutil.copy(model_file, folder / "model.joblib")
    ledger = DeletionLedger(folder / "deletions.db", key=KEY)
    for i in range(3):
        ledger.receive(row=X[i], due=timedelta(days=30))
    policy = BatchingPolicy(number=1, most=2)
    while ledger.honour(model, policy=policy, rows=X, trust=True, report="none"):
        pass
    return folder


@pytest.fixture
def served(served_files, model, tmp_path):
    for path in served_files.iterdir():
        shutil.copy(path, tmp_path / path.name)
    return DeletionLedger(tmp_path / "deletions.db", key=KEY)


@pytest.fixture
def ledger(tmp_path):
    return DeletionLedger(tmp_path / "deletions.db", key=KEY)


@pytest.fixture
def again(ledger, tmp_path):
    """The same ledger, as another process would open it."""
    return lambda **options: DeletionLedger(tmp_path / "deletions.db", key=KEY, **options)
