"""Study H's command: a quick run makes a page, and a killed run goes on where it stopped."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import skqmu

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "study_h.py"
NAME = "iris-quantum-L1-ring-quick-0.json"


def command(out, *more):
    arguments = ["--dataset", "iris", "--quick", "--n-layers", "1", "--n-jobs", "1"]
    return [sys.executable, str(SCRIPT), *arguments, "--out", str(out), *more]


@pytest.fixture(scope="module")
def environment():
    if not SCRIPT.exists():
        pytest.skip("the benchmarks are not beside the tests")
    root = os.path.dirname(os.path.dirname(skqmu.__file__))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}


def n_rows(result):
    return sum(len(rows) for tables in result["rows"].values() for rows in tables.values())


def test_a_killed_run_is_resumed_and_ends_with_what_a_whole_run_has(tmp_path, environment):
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    run = subprocess.Popen(command(broken), env=environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 100
    while not (broken / NAME).exists() and time.monotonic() < until:
        time.sleep(0.01)
    run.kill()
    run.wait()
    before = json.loads((broken / NAME).read_text(encoding="utf-8"))
    trained = {p: p.stat().st_mtime_ns for p in (broken / "work").glob("*.pkl")}
    assert len(trained) == 5  # the original, and two oracles a scenario
    for arguments in (command(broken, "--resume"), command(whole)):
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    after = json.loads((broken / NAME).read_text(encoding="utf-8"))
    afresh = json.loads((whole / NAME).read_text(encoding="utf-8"))
    assert 0 < n_rows(before) < n_rows(after) == n_rows(afresh)
    assert all(path.stat().st_mtime_ns == written for path, written in trained.items())
    for scenario, tables in after["rows"].items():
        for protocol, rows in tables.items():
            for method, row in rows.items():
                assert row["uqi"] == afresh["rows"][scenario][protocol][method]["uqi"]
    page = (broken / "study_h.html").read_text(encoding="utf-8")
    assert "logit mask" in page
    assert "SCRUB(+R)" in page
    levels = json.loads((broken / NAME.replace("-0.json", ".levels")).read_text(encoding="utf-8"))
    assert set(levels["fullclass"]) == set(after["rows"]["fullclass"]["sound"])
    for scenario in ("subset2pct", "fullclass"):
        for found in levels[scenario].values():
            assert found["level"] in page
            assert found["level"] != "indistinguishable"  # not with two oracles


def test_a_single_oracle_is_refused(tmp_path, environment):
    done = subprocess.run(
        command(tmp_path, "--oracles", "1"), env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--oracles must be at least 2" in done.stderr
