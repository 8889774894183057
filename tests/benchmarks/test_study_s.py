"""Study S's command: a quick run makes JSON and a page, and goes on where it stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import skqmu

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "study_s.py"
NAME = "mnist-basic-L5-dense-quick-0.json"


@pytest.fixture(scope="module")
def environment():
    if not SCRIPT.exists():
        pytest.skip("the benchmarks are not beside the tests")
    root = os.path.dirname(os.path.dirname(skqmu.__file__))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A file like MNIST's: ten noisy patterns."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    y = np.arange(7600) % 10
    patterns = rng.integers(0, 200, size=(10, 28, 28))
    X = (patterns[y] + rng.integers(0, 56, size=(len(y), 28, 28))).astype(np.uint8)
    np.savez(folder / "mnist_70000.npz", X=X, y=y.astype(np.uint8), index=np.arange(len(y)))
    return folder


def run(out, images, environment, *more):
    arguments = ["--model", "basic", "--quick", "--n-jobs", "1", "--out", str(out), *more]
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments, "--data", str(images)],
        env=environment,
        capture_output=True,
        text=True,
    )


def test_a_quick_run_reports_both_protocols_and_resumes(tmp_path, images, environment):
    done = run(tmp_path, images, environment, "--variants", "dense")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / NAME).read_text(encoding="utf-8"))
    rows = result["parts"]["rows"]
    assert set(rows) == {
        *("original", "oracle 0", "oracle 1", "GA, as published", "GA"),
        *("Fisher-based (SSD)", "RGA"),
    }
    for row in rows.values():
        assert set(row["published"]) == {"tpr", "tpr_hidden", "fpr"}  # no rate without the other
        for attack in (row["loss"], row["confidence"], *row["sound"].values()):
            value, low, high = attack["auc"]
            assert 0 <= low <= value <= high <= 1
    assert rows["oracle 0"]["acc_forget"] == 0
    assert len(rows["GA"]["oracles_refitted"]) == 2
    page = (tmp_path / "study_s.html").read_text(encoding="utf-8")
    assert "mnist-basic-L5-dense-quick" in page
    assert "not refitted" in page
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*.pkl")}
    assert len(before) == 7  # the original, two oracles, four shadows
    again = run(tmp_path, images, environment, "--variants", "dense", "--resume")
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / NAME).read_text(encoding="utf-8")) == result
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*.pkl")}
    assert after == before
    # What a killed run left is enough to go on from: nothing is trained again.
    (tmp_path / NAME).unlink()
    third = run(tmp_path, images, environment, "--variants", "dense", "--resume")
    assert third.returncode == 0, third.stderr
    retold = json.loads((tmp_path / NAME).read_text(encoding="utf-8"))["parts"]["rows"]
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "work").glob("*.pkl")} == before
    for name, row in rows.items():
        assert retold[name]["sound"] == row["sound"]
        assert retold[name]["published"] == row["published"]
