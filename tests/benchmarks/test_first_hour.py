"""The first hour's benchmark: its figures are cross-validation's, and no failure is dropped."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PARTS = ("caps", "data", "limits", "models", "parts")
BUSY = """
import threading

def busy(renew):
    yield {"status": "ended"}
    renew()
    thread = threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True)
    thread.start()
    thread.join()
"""


@pytest.fixture(scope="module")
def study():
    """Modules of the benchmark by their last name; they import each other from their folder."""
    if not BENCHMARKS.exists():
        pytest.skip("the benchmarks are not beside the tests")
    sys.path.insert(0, str(BENCHMARKS))
    try:
        modules = {part: __import__(f"_first_hour_{part}") for part in PARTS}
        yield modules | {"first_hour": __import__("first_hour")}  # its processes find them too
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_ten_sets_of_which_defaults_were_chosen_on_half(study):
    data = study["data"]
    halves = [told["half"] for told in (each.told() for each in data.SETS.values())]
    assert (halves.count(data.CHOSEN), halves.count(data.REPORTED)) == (5, 5)


def test_accuracies_are_those_of_cross_validation(study):
    found = study["parts"].fits_of("LogisticRegression", "wine_pca6", 3, study["parts"].FULL)
    pipeline = make_pipeline(StandardScaler(), PCA(6), LogisticRegression(max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    expected = cross_val_score(pipeline, *load_wine(return_X_y=True), cv=folds)
    np.testing.assert_allclose([row["accuracy"] for row in found["folds"]], expected)


def test_small_protocol_takes_a_stratified_subsample_drawn_with_the_seed(study):
    digits, parts = study["data"].SETS["digits_pca8"], study["parts"]
    X, y = digits.load(parts.SMALL.rows, seed=1)
    again, _ = digits.load(parts.SMALL.rows, seed=1)
    other, _ = digits.load(parts.SMALL.rows, seed=2)
    assert len(X) == parts.SMALL.rows
    np.testing.assert_array_equal(X, again)
    assert not np.array_equal(X, other)
    share = np.bincount(load_digits().target) / 1797
    assert np.abs(np.bincount(y) - parts.SMALL.rows * share).max() <= 1


def test_a_fit_beyond_its_cap_is_reported_and_the_next_folds_are_not_tried(study):
    parts = study["parts"]
    tight = parts.Protocol("tight", folds=3, cap=1)
    found = parts.fits_of("QNNClassifier", "digits_pca8", 0, tight)
    assert [row["status"] for row in found["folds"]] == ["capped", "not tried", "not tried"]
    assert found["folds"][0]["told"] == "more than 1 s of CPU"
    row = study["first_hour"].summary([found])
    assert "accuracy" not in row
    assert row["status"] == {"ended": 0, "failed": 0, "capped": 1, "not tried": 2}


def test_what_waits_for_a_thread_meets_its_cap_too(study, tmp_path, monkeypatch):
    (tmp_path / "busy_thread.py").write_text(BUSY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    rows = list(study["caps"].within(1, __import__("busy_thread").busy, ()))
    assert [row["status"] for row in rows] == ["ended", "capped"]


def test_a_fit_that_fails_is_reported_with_its_error(study, monkeypatch):
    failing = study["models"].CLASSICAL | {"failing": lambda seed: LogisticRegression(C=-1)}
    monkeypatch.setitem(study["models"].CLASSICAL, "failing", failing["failing"])
    found = study["parts"].fits_of("failing", "iris", 0, study["parts"].FULL)
    assert found["folds"][0]["status"] == "failed"
    assert "'C' parameter" in found["folds"][0]["told"]
    assert "accuracy" not in study["first_hour"].summary([found])


def test_a_set_that_ends_in_one_seed_only_has_no_mean(study):
    parts = study["parts"]
    ended = parts.fits_of("SVC", "iris", 0, parts.FULL)
    other = {"n_rows": 150, "folds": [{"status": "capped", "told": "more than 1 s of CPU"}]}
    assert "accuracy" not in study["first_hour"].summary([ended, other])


def test_peers_that_cannot_take_a_set_are_told_apart_from_those_that_were_not_run(study):
    parts, peers = study["parts"], study["models"].PEERS
    binary = next(name for name, peer in peers.items() if peer.binary)
    found = parts.fits_of(binary, "iris", 0, parts.SMALL)
    assert {row["status"] for row in found["folds"]} == {"not tried"}
    assert "two classes only" in found["folds"][0]["told"]
    wide = parts.fits_of(binary, "breast_cancer", 0, parts.SMALL)
    assert "a qubit a feature: 30" in wide["folds"][0]["told"]


def test_checks_are_those_of_check_estimator(study, monkeypatch):
    clf = MLPClassifier((3,), max_iter=5, random_state=0)
    monkeypatch.setitem(study["models"].CLASSICAL, "brief", lambda seed: clf)
    found = study["parts"].checks_of("brief")
    with pytest.warns():
        expected = check_estimator(clf, on_fail=None)
    for ours, theirs in (("passed", "passed"), ("failed", "failed"), ("skipped", "skipped")):
        assert len(found[ours]) == sum(row["status"] == theirs for row in expected)
    assert "check_classifiers_train" in found["failed"][0]  # five steps learn too little


def test_pace_compares_equal_epochs(study):
    row = study["parts"].pace_of("QNNClassifier", "iris")
    assert row["epochs"] == 30
    assert len(row["seconds"]) == len(row["seconds_before"]) >= 3
    assert row["ratio"] == np.median(row["seconds"]) / np.median(row["seconds_before"])


@pytest.fixture
def result(study):
    """A result that holds all limits."""
    sets, models = study["data"].SETS, study["models"]
    everyone = (*models.OURS, *models.CLASSICAL, *models.PEERS)
    rows = {name: {"accuracy": 0.985, "warnings": {}} for name in sets}
    fits = {who: {name: dict(row) for name, row in rows.items()} for who in everyone}
    small = {who: {name: dict(row) for name, row in rows.items()} for who in everyone}
    for who in models.PEERS:
        for row in small[who].values():
            row["accuracy"] = 0.7
    checks = dict.fromkeys(("failed", "capped", "not_tried", "skipped"), ())
    checks |= {"status": "checked", "passed": ["a"]}
    return {
        "fits": {"full": fits, "small": small},
        "pace": {who: {name: {"ratio": 1.2} for name in sets} for who in models.OURS},
        "checks": {who: checks | {"poor_score": False} for who in models.OURS},
    }


def broken(study, result):
    return [row for row in study["limits"].limits(result) if not row["holds"]]


def test_limits_hold_on_a_good_result(study, result):
    assert broken(study, result) == []


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [("digits_pca8", 0.87), ("breast_cancer_pca8", 0.94), ("circles", 0.97), ("iris", 0.94),
     ("moons", 0.98)],
)  # fmt: skip
def test_a_set_below_its_limit_is_found(study, result, name, accuracy):
    result["fits"]["full"]["HybridQNNClassifier"][name]["accuracy"] = accuracy
    (row,) = broken(study, result)
    assert row["holds"] is False
    assert row["limit"].startswith(f"HybridQNNClassifier: {name}")


def test_a_reported_half_that_lags_is_found_though_all_sets_hold(study, result):
    full, data = result["fits"]["full"], study["data"]
    for name, each in data.SETS.items():
        if each.half == data.REPORTED:
            full["LogisticRegression"][name]["accuracy"] = 1.0
            full["QNNClassifier"][name]["accuracy"] = 0.975
    assert [row["limit"] for row in broken(study, result) if "iris" not in row["limit"]] == [
        "QNNClassifier: within 2 points of LogisticRegression in the mean over "
        "the half not chosen on",
        "QNNClassifier: moons no worse than MLPClassifier (16)",
    ]


def test_peers_are_compared_on_the_sets_where_they_end(study, result):
    small, peer = result["fits"]["small"], next(iter(study["models"].PEERS))
    for name, row in small[peer].items():
        if name == "circles":
            row["accuracy"] = 0.99
        else:
            del row["accuracy"]
    rows = broken(study, result)
    assert [row["holds"] for row in rows] == [False, False]
    assert all("1 of 10 sets that ran ended" in row["told"] for row in rows)


@pytest.mark.parametrize("part", ["fits", "pace", "checks"])
def test_what_was_not_measured_does_not_hold(study, result, part):
    result[part] = {}
    assert {row["holds"] for row in broken(study, result)} == {None}


def test_slow_fits_failed_checks_and_warnings_are_found(study, result):
    who = "QNNClassifier"
    result["pace"][who]["moons"]["ratio"] = 1.6
    result["checks"][who] = result["checks"][who] | {"poor_score": True}
    result["fits"]["full"][who]["wine"]["warnings"] = {"ConvergenceWarning": 2}
    told = [row["told"] for row in broken(study, result)]
    assert len(told) == 3
    assert "1.60 on moons" in told[0]
    assert told[2] == "wine ConvergenceWarning x2"


@pytest.fixture
def run(study, tmp_path):
    def run(*more):
        chosen = ["--models", "LogisticRegression", "SVC", "--sets", "circles", "--no-peers"]
        places = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "first_hour.json")]
        return study["first_hour"].main([*chosen, *places, *more])

    return run


def test_one_command_measures_prints_and_writes(run, study, tmp_path, capsys):
    assert run("--seeds", "2") == 0
    printed = capsys.readouterr().out
    assert "circles (chosen on)" in printed
    assert "not measured" in printed
    result = json.loads((tmp_path / "first_hour.json").read_text(encoding="utf-8"))
    row = result["fits"]["full"]["SVC"]["circles"]
    assert len(row["by_seed"]) == 2
    assert row["low"] <= row["accuracy"] <= row["high"]
    assert result["sets"]["moons"]["rows"] == "make_moons(400, noise=0.2, random_state=0)"
    assert run("--check") == 1


def test_a_run_resumes_and_makes_damaged_parts_anew(run, tmp_path, capsys):
    run("--seeds", "1")
    capsys.readouterr()
    run("--seeds", "1", "--resume")
    assert " of " not in capsys.readouterr().out.partition("full protocol")[0]
    part = next((tmp_path / "work").glob("full-SVC-circles-0.json"))
    part.write_text(part.read_text(encoding="utf-8").replace('"ended"', '"endad"', 1))
    run("--seeds", "1", "--resume")
    assert "1 of 1: full-SVC-circles-0" in capsys.readouterr().out
    run("--seeds", "1")
    assert "2 of 2" in capsys.readouterr().out
