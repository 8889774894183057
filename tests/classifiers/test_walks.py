"""The way of rows through `fit` and `unlearn`, file by file, as docs/architecture.md tells it.

This file looks inside: it follows calls by a trace.
"""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier, UnlearningClassifier

DOCS = Path(__file__).parents[2] / "docs"
MOST_FILES, MOST_ENTRIES = 8, 2
# Where rows become numbers: the rooms below are the one data path of all training.
BELOW = ("network", "backends", "training", "unlearning")


def holds(value, rows, depth=0):
    """Whether a value is these rows, or holds them one or two layers down."""
    if isinstance(value, np.ndarray):
        same = value.dtype == float and value.shape == rows.shape
        return value is rows or (same and np.array_equal(value, rows))
    if depth < 2 and isinstance(value, tuple | list):
        return any(holds(each, rows, depth + 1) for each in value[:8])
    ours = str(getattr(type(value), "__module__", "")).startswith("skqmu")
    if depth < 1 and ours and hasattr(value, "__dict__"):
        return any(holds(each, rows, depth + 1) for each in vars(value).values())
    return False


@pytest.fixture
def walk(files_handed):
    """Files that rows are handed to, in order, down to the network."""

    def walked(call, rows):
        return files_handed(call, lambda value: holds(value, rows), lambda room: room not in BELOW)

    return walked


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    return rng.normal(size=(40, 2)), np.arange(40) % 2


def small(**params):
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=0, **params)


KINDS = {
    "qnn": small,
    "hybrid": lambda: HybridQNNClassifier(n_qubits=2, n_layers=1, max_iter=2, random_state=0),
    "ridge": lambda: small(trainable="head", head="ridge"),
    "fingerprints": lambda: small(store_data="fingerprints"),
    "shards": lambda: ShardedClassifier(small(), n_shards=2, random_state=0),
    "experiment": lambda: UnlearningClassifier(small()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_to_forget_pass_through_few_files_and_none_again_and_again(kind, data, walk):
    X, y = data
    key = {"fingerprint_key": bytes(range(16))} if kind == "fingerprints" else {}
    clf = KINDS[kind]().fit(X, y, **key)
    rows = X[[4, 7, 9]].copy()
    more = {"X_retain": np.delete(X, [4, 7, 9], axis=0), "y_retain": np.delete(y, [4, 7, 9])}
    files = walk(lambda: clf.unlearn(rows, **key, **(more if key else {})), rows)
    told = " -> ".join(files)
    around = kind == "experiment"  # the model around it, and `skqmu.unlearn`
    assert len(set(files)) <= MOST_FILES + 2 * around, told
    assert max(Counter(files).values()) <= MOST_ENTRIES, told
    assert "classifiers/deletion/_meant_rows.py" in files


@pytest.mark.parametrize("kind", ["qnn", "hybrid", "ridge", "shards"])
def test_rows_to_learn_pass_through_few_files_and_none_again_and_again(kind, data, walk):
    X, y = data
    files = walk(lambda: KINDS[kind]().fit(X, y), X)
    told = " -> ".join(files)
    assert len(set(files)) <= MOST_FILES, told
    assert max(Counter(files).values()) <= MOST_ENTRIES, told


def test_the_walk_is_the_one_that_the_architecture_tells(data, walk):
    X, y = data
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    section = page[page.index("## Three walks") :]
    fitted = small().fit(X, y)
    rows = X[[4, 7]].copy()
    for files in (walk(lambda: small().fit(X, y), X), walk(lambda: fitted.unlearn(rows), rows)):
        missing = [name for name, _ in itertools.groupby(files) if Path(name).name not in section]
        assert not missing, missing
