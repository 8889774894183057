"""The way of a deletion request through an audit, file by file, as docs/architecture.md tells it.

This file looks inside: it follows calls by a trace.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from skqmu import QNNClassifier, audit

DOCS = Path(__file__).parents[2] / "docs"
MOST_FILES, MOST_ENTRIES = 8, 2


def holds(value, mask, depth=0):
    """Whether a value is the mask of a request, or settings or a scenario with it."""
    if isinstance(value, np.ndarray):
        return value.dtype == bool and value.shape == mask.shape and np.array_equal(value, mask)
    if depth < 2 and isinstance(value, dict):
        return any(holds(each, mask, depth + 1) for each in value.values())
    if depth < 2 and isinstance(value, tuple | list):
        return any(holds(each, mask, depth + 1) for each in value[:8])
    ours = str(getattr(type(value), "__module__", "")).startswith("skqmu")
    return ours and holds(getattr(value, "__dict__", {}).get("forget"), mask, depth + 1)


@pytest.fixture(scope="module")
def files(files_handed):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    X_test, y_test = rng.normal(size=(20, 2)), np.arange(20) % 2
    mask = rng.permutation(60) < 6
    model = QNNClassifier(n_qubits=2, n_layers=1, max_iter=1, random_state=0)
    asked = {"mechanisms": "retrain", "attacks": "loss", "n_oracles": 1, "random_state": 0}
    return files_handed(
        lambda: audit(model, X, y, forget=mask, X_test=X_test, y_test=y_test, **asked),
        lambda value: holds(value, mask),
        lambda room: room in ("audit", "datasets"),
    )


def test_a_request_passes_through_few_files_of_the_audit_and_none_again_and_again(files):
    told = " -> ".join(files)
    assert len(set(files)) <= MOST_FILES, told
    assert max(Counter(files).values()) <= MOST_ENTRIES, told


def test_the_walk_is_the_one_that_the_architecture_tells(files):
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    section = page[page.index("## Three walks") :]
    missing = [name for name in files if Path(name).name not in section]
    assert not missing, missing
