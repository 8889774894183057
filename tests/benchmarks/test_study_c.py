"""Study C's command: a quick run makes a page, a killed run goes on; figures and intervals."""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import skqmu

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = BENCHMARKS / "study_c.py"


@pytest.fixture(scope="module", autouse=True)
def _beside():
    if not SCRIPT.exists():
        pytest.skip("the benchmarks are not beside the tests")
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def environment():
    root = os.path.dirname(os.path.dirname(skqmu.__file__))
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path]), "OMP_NUM_THREADS": "1"}


def command(out, *more):
    given = ["--quick", "--seeds", "1", "--runs", "1", "--n-jobs", "1", "--out", str(out)]
    return [sys.executable, str(SCRIPT), *given, *more]


def fits(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "work-quick").glob("*.json")}


def test_a_killed_run_is_resumed_and_makes_the_page(tmp_path, environment):
    part = ["--part", "forgetting"]
    run = subprocess.Popen(command(tmp_path, *part), env=environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 100
    while not list(tmp_path.glob("work-quick/forgetting-*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    run.kill()
    run.wait()
    before = fits(tmp_path)
    results = tmp_path / "all.json"
    arguments = command(tmp_path, *part, "--resume", "--results", str(results))
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    after = fits(tmp_path)
    assert 10 < len(before) < len(after) == 13
    assert {name: after[name] for name in before} == before
    found = json.loads(results.read_text(encoding="utf-8"))
    assert found["quick"]
    assert {row["model"] for row in found["forgetting"]} == {"circuit", "mlp", "projection_linear"}
    for row in found["forgetting"]:
        assert row["rows"]["oracle_1"]["kl_to_oracle"] >= 0
        assert "refused" in row["rows"]["exact_downdate"]
        assert row["rows"]["fine_tune"]["gradient_rows"] > 0
    page = (tmp_path / "study_c.html").read_text(encoding="utf-8")
    assert "A QUICK run" in page
    assert "projection_linear (1 seeds)" in page
    # from the results alone nothing is fitted again
    for path in tmp_path.glob("work-quick/*.json"):
        path.unlink()
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not fits(tmp_path)
    assert json.loads(results.read_text(encoding="utf-8")) == found


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--seeds", "0"], "--seeds 0: must be 1 or more"),
        (["--runs", "-1"], "--runs -1: must be 1 or more"),
        (["--n-jobs", "0"], "--n-jobs 0: must be 1 or more, or -1"),
        (["--data", "nowhere"], "there is no nowhere/mnist_70000.npz; leave --data out"),
        (["--page-only"], "no fits in .*work; name their --out"),
        (["--page-only", "--results", "nowhere/x.json"], "no fits in .*work; name their --out"),
        (["--quick", "--results", "all.json"], "holds no quick run, which would be lost"),
    ],
)
def test_what_nothing_can_come_of_ends_before_any_fit(
    tmp_path, monkeypatch, capsys, given, message
):
    from study_c import main

    monkeypatch.chdir(tmp_path)
    rest = {part: [] for part in ("tuned", "sound", "published", "forgetting")}
    Path("all.json").write_text(json.dumps({"quick": False, **rest}), encoding="utf-8")
    before = Path("all.json").read_bytes()
    monkeypatch.setattr(sys, "argv", ["study_c.py", "--out", "page", *given])
    with pytest.raises(SystemExit):
        main()
    assert re.search(message, capsys.readouterr().err)
    assert [path.name for path in tmp_path.rglob("*")] == ["all.json"]
    assert Path("all.json").read_bytes() == before


def test_a_quick_run_is_about_the_images_where_it_is_told_to():
    from study_c import settled

    open_ones = {"quick": True, "data": None, "seeds": 9, "runs": 9, "n_jobs": 1, "results": None}
    for task, expected in ((None, ["xxz"]), (["mnist"], ["mnist"])):
        given = argparse.Namespace(**open_ones, task=task, page_only=False)
        assert settled(argparse.ArgumentParser(), given).task == expected
    given = argparse.Namespace(**{**open_ones, "quick": False}, task=None, page_only=False)
    assert settled(argparse.ArgumentParser(), given).task == ["mnist", "xxz"]


def test_twins_have_at_most_the_weights_of_the_circuit_and_equal_updates():
    from _study_c_sound import sound_fit

    rows = [
        sound_fit("xxz", model, 0.01, 0.3, 0, "unit", None, quick=True)
        for model in ("circuit", "projection_linear", "projection_mlp")
    ]
    # the quick chain has half the qubits, and its twins those of the whole one
    assert rows[0]["n_weights"] == 4 * 4 * 6
    assert rows[1]["n_weights"] == 4 * 4 * 12
    assert 150 < rows[2]["n_weights"] <= 4 * 4 * 12
    assert len({row["updates"] for row in rows}) == 1
    assert len({row["gradient_rows"] for row in rows}) == 1
    assert all(0 <= row["stop_bad"] <= 1 for row in rows)


def test_the_circuit_is_the_published_one():
    from _study_c_models import circuit
    from _study_c_tasks import TASKS

    from skqmu.network import softmax

    for task, n_weights in (("mnist", 240), ("xxz", 192)):
        network = circuit(TASKS[task], 784 if task == "mnist" else 2**13)
        assert network.layout.size == n_weights
    # a vector of norm 3 has 9 times the expectation value: sigmoid(5 * 9 <Z>)
    network = circuit(TASKS["mnist"], 784)
    x, params = np.zeros((1, 784)), np.zeros(240)
    x[0, 0] = 3
    assert softmax(network.logits(params, x), axis=1)[0, 1] == pytest.approx(1 / (1 + np.exp(-45)))
    x[0, :2] = 0, 3  # basis state 1: the last qubit of the published code is up
    assert softmax(network.logits(params, x), axis=1)[0, 1] == pytest.approx(1 / (1 + np.exp(45)))


def test_prediction_intervals_hold_one_more_run_as_often_as_they_say():
    from _study_c_figures import inside, prediction_interval

    rng = np.random.default_rng(0)
    hits = [
        inside(rng.normal(size=1), prediction_interval(rng.normal(size=5))) for _ in range(2000)
    ]
    assert 0.935 < np.mean(hits) < 0.965
    assert prediction_interval([0.5]) == (-np.inf, np.inf)


def test_the_rule_needs_every_rival_and_a_lower_end_above_the_margin():
    from _study_c_figures import quantum_wins
    from _study_c_rule import RIVALS

    from skqmu.metrics import Estimate

    ahead = dict.fromkeys(RIVALS, Estimate(0.05, 0.02, 0.08, 0.95))
    assert quantum_wins(ahead) is True
    one = next(iter(RIVALS))
    assert quantum_wins({**ahead, one: Estimate(0.05, 0.009, 0.1, 0.95)}) is False
    assert quantum_wins({name: own for name, own in ahead.items() if name != one}) is None


def test_the_released_accuracies_are_multiples_of_the_rows_that_are_judged_on():
    from _study_c_figures import released
    from _study_c_tasks import TASKS, parts_of

    assert len(parts_of(TASKS["xxz"], "published", 0).y_test) == 84
    for row in released():
        n = {"mnist": 2144, "xxz": 84}[row["task"]]
        share = float(row["validation_accuracy"]) * n
        assert share == pytest.approx(round(share), abs=2e-3)


def test_random_phases_are_nothing_to_the_circuit_and_something_to_the_mlp():
    from _study_c_models import circuit, mlp
    from _study_c_published import PHASES, models_of
    from _study_c_tasks import TASKS, parts_of, with_random_phases

    assert PHASES in models_of("xxz")
    assert PHASES not in models_of("mnist")
    parts = parts_of(TASKS["xxz"], "published", 0, quick=True)
    turned = with_random_phases(parts)
    np.testing.assert_array_equal(turned.y, parts.y)
    n = parts.X.shape[1]
    for network, alike in (
        (circuit(TASKS["xxz"], n, n_qubits=6), True),
        (mlp(n, (4,)), False),
    ):
        params = network.initial(np.random.default_rng(0))
        for one, other in ((parts.X, turned.X), (parts.X_val, turned.X_val)):
            answers = [network.logits(params, X) for X in (one, other)]
            assert np.allclose(*answers, rtol=0, atol=1e-10) is alike


def test_what_was_published_of_the_mlp_goes_with_both_of_ours():
    from _study_c_figures import compared_curves
    from _study_c_page import published_share

    rows = [
        {"task": task, "model": model, "kind": "label_flip", "rate": 0.3, "accuracy": accuracy}
        for task, model, accuracies in (
            ("mnist", "MLP", (0.73, 0.74)),
            ("xxz", "MLP", (0.94, 0.95)),
            ("xxz", "MLP_phases", (0.70, 0.74)),
        )
        for accuracy in accuracies
    ]
    cells = compared_curves(rows)
    assert [key[:2] for key in cells] == [("mnist", "MLP"), ("xxz", "MLP"), ("xxz", "MLP_phases")]
    assert (
        cells["xxz", "MLP", "label_flip", 0.3][0]
        == cells["xxz", "MLP_phases", "label_flip", 0.3][0]
    )
    fixed, random = published_share(rows).split(". And ")
    assert "of 10 released points" in fixed
    assert random.startswith("with random phases")
    assert "corruption curves 100% of 10 released points" in random
