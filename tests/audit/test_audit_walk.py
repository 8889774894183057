"""The way of a deletion request through an audit, file by file, as docs/architecture.md tells it.

This file looks inside: it follows calls by a trace.
"""

import inspect
import os
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import skqmu
from skqmu import QNNClassifier, audit

ROOT = Path(skqmu.__file__).parent
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


def walk(call, mask):
    """Files of the audit tower, and of data sets, that the request is handed to, in order."""
    files, entered = [], []

    def look(frame, event, _):
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(str(ROOT)):
            return
        if any(frame is known for known in entered):
            return  # a generator that goes on
        if code.co_flags & inspect.CO_GENERATOR:
            entered.append(frame)
        name = os.path.relpath(code.co_filename, ROOT)
        if name.split(os.sep)[0] not in ("audit", "datasets") or (files and files[-1] == name):
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals.get(each) for each in names if each != "self"]
        if any(holds(each, mask) for each in given):
            files.append(name)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.setprofile(look)
        try:
            call()
        finally:
            sys.setprofile(None)
    return files


@pytest.fixture(scope="module")
def files():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    X_test, y_test = rng.normal(size=(20, 2)), np.arange(20) % 2
    mask = rng.permutation(60) < 6
    model = QNNClassifier(n_qubits=2, n_layers=1, max_iter=1, random_state=0)
    asked = {"mechanisms": "retrain", "attacks": "loss", "n_oracles": 1, "random_state": 0}
    return walk(
        lambda: audit(model, X, y, forget=mask, X_test=X_test, y_test=y_test, **asked), mask
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
