"""The two commands beside Study H: quick runs write what they say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import skqmu

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def run(tmp_path):
    if not BENCHMARKS.exists():
        pytest.skip("the benchmarks are not beside the tests")
    root = os.path.dirname(os.path.dirname(skqmu.__file__))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}

    def run(name, *more):
        command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--quick", "--n-jobs", "1"]
        out = tmp_path / "results"
        done = subprocess.run(
            [*command, "--out", str(out), *more], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        (path,) = out.glob("*.json")
        return json.loads(path.read_text(encoding="utf-8"))

    return run


def test_fresh_seeds_are_judged_beside_retrained_models(run, tmp_path):
    work = ("--groups", "1", "--work", str(tmp_path / "work"))
    result = run("study_h_fresh", *work)
    (group,) = result["groups"]
    assert group["first"] == 30
    for who in ("mechanism", "retrained"):
        assert result[who]["passes"] == (group[who]["verdict"] == "passes")
        assert set(result[who]["failed"]) == set(group[who]["failed"])
    assert group["retrained"]["kl_other"] > 0  # other models than the oracles that judge
    assert run("study_h_fresh", "--resume", *work) == result


def test_features_are_compared_with_those_of_retrained_models(run):
    result = run("study_h_features", "--seeds", "2")
    assert result["auc"]["retrained"]["more_than_retrained"]["value"] == 0
    for name, found in result["auc"].items():
        assert 0 <= found["mean"] <= 1, name
    assert len(result["seeds"]) == 2
