"""`benchmarks/metrics_of_metrics.py`: its models are what it says, its rates and its rule right.

This file looks inside.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("measures", "page", "problems", "table")


@pytest.fixture(scope="module")
def study():
    """Modules of the benchmark by their last name; they import each other from their folder."""
    if not (ROOT / "benchmarks").exists():
        pytest.skip("the benchmarks are not beside the tests")
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        modules = {part: __import__(f"_mom_{part}") for part in PARTS}
        yield modules | {"main": __import__("metrics_of_metrics")}
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def committed():
    path = ROOT / "benchmarks" / "results" / "metrics_of_metrics.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("table", ["digits", "breast_cancer", "memorising"])
def test_parts_of_a_problem_are_apart_and_unseen_rows_are_like_the_forgotten_ones(study, table):
    draw = study["problems"].problem
    case, again, other = draw(table, 3), draw(table, 3), draw(table, 4)
    np.testing.assert_array_equal(case.X, again.X)
    assert not np.array_equal(case.ids, other.ids) or not np.array_equal(case.X, other.X)
    held = [case.parts[name] for name in ("retain", "forget", "nonmembers", "test")]
    assert len(np.unique(np.concatenate(held))) == sum(map(len, held))
    assert len(case.parts["nonmembers"]) == 100
    assert np.isin(case.parts["forget"], case.parts["pool"]).all()
    assert np.isin(case.parts["pool_nonmembers"], case.parts["nonmembers"]).all()
    gone, unseen, test = (case.y[case.parts[name]] for name in ("forget", "nonmembers", "test"))
    if case.removed:
        assert set(gone) == set(unseen) == set(case.removed)
        assert not np.isin(case.removed, case.y[case.parts["retain"]]).any()
        assert not np.isin(case.removed, test).any()
    # a table and a request are shared by ten problems
    assert case.removed == other.removed
    (left, right) = (dict(zip(c.ids.tolist(), c.y.tolist(), strict=True)) for c in (case, other))
    assert all(right[n] == label for n, label in left.items() if n in right)


@pytest.fixture(scope="module")
def small(study):
    """The models of one problem, two of each kind, hardly trained."""
    problems = study["problems"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problems, "N_MODELS", 2)
        full = problems.classifier
        patch.setattr(problems, "classifier", lambda **p: full(**p).set_params(max_iter=2))
        case = problems.problem("breast_cancer", 0)
        yield case, problems.models_of(case, 3)


def test_models_hold_what_they_are_said_to_hold(study, small):
    case, models = small
    (gone, labels), (stays, others) = case.rows("forget"), case.rows("retain")

    def held(model):
        return model.is_member(gone, labels).mean()

    assert set(models) == {*study["problems"].HOLDING, *study["problems"].CLEAN, "oracles"}
    assert [held(m) for m in models["original"]] == [1, 1]
    assert [held(m) for m in models["half"]] == [0.5, 0.5]
    assert not any(
        held(m) for kind in ("oracles", "seeds", "sizes", "orders") for m in models[kind]
    )
    assert all(m.is_member(stays, others).all() for m in models["oracles"] + models["orders"])
    assert models["sizes"][0].is_member(stays, others).mean() == 0.8
    seeds = [
        m.random_state for kind in ("original", "half", "oracles", "seeds") for m in models[kind]
    ]
    assert len(set(seeds)) == len(seeds)
    assert models["orders"][0].random_state == models["oracles"][0].random_state


def test_a_relearned_head_stands_on_the_features_of_the_original(small):
    _, models = small
    original, head = models["original"][0], models["head"][0]
    same = original.params_ == head.params_
    n_head = 2 * (4 + 6 + 1)  # two classes: <Z>, <ZZ> and a bias each
    assert same[:-n_head].all()
    assert not same[-n_head:].any()


def test_filters_change_what_they_hide_and_nothing_else(study, small):
    case, models = small
    original, filtered = models["original"][0], models["masked"][0]
    for name in ("retain", "test", "nonmembers"):
        X, _ = case.rows(name)
        np.testing.assert_array_equal(filtered.predict_proba(X), original.predict_proba(X))
    X, _ = case.rows("forget")
    assert (filtered.predict_proba(X) != original.predict_proba(X)).any(axis=1).all()
    np.testing.assert_array_equal(filtered.predict_proba(X), filtered.predict_proba(X))
    mask = study["problems"].LogitMask(original, (1,))
    np.testing.assert_allclose(mask.predict_proba(X), [[1.0, 0.0]] * len(X))


def made_up(rng, powers, n=40):
    """Results of problems in which each rule calls with the given probabilities."""
    from _mom_problems import CLEAN, HOLDING, TABLES

    found = {}
    for table in TABLES:
        for number in range(n):
            calls = {
                kind: {
                    name: bool(rng.random() < (power if kind in HOLDING else alarms))
                    for name, (power, alarms) in powers.items()
                }
                for kind in (*HOLDING, *CLEAN)
            }
            scores = {kind: {"score": float(kind in HOLDING)} for kind in calls}
            found[table, number] = {
                "scores": scores,
                "calibrators": {"score": [0.0] * 19},
                "calls": calls,
                "passes": {kind: {"verdict": kind == "seeds"} for kind in calls},
                "seconds": {"score": (2.0, 4)},
                "differences": {},
            }
    return found


@pytest.fixture
def summary(study, monkeypatch):
    monkeypatch.setattr(study["table"], "repeated", lambda results: ({}, {}))
    powers = {"strong": (0.9, 0.03), "blind": (0.1, 0.03), "noisy": (1.0, 0.4)}
    return study["table"].summary(made_up(np.random.default_rng(0), powers))


def test_rates_have_intervals_and_the_rule_says_who_fails(summary):
    rows = {row["metric"]: row for row in summary["rules"]}
    assert rows["score"]["rates"]["original"]["all"]["rate"][0] == 1
    assert rows["score"]["rates"]["seeds"]["all"]["rate"][0] == 0  # a tie is no call
    value, low, high = rows["strong"]["rates"]["original"]["digits"]["rate"]
    assert low < value < high
    assert rows["strong"]["rates"]["original"]["all"]["n"] == 120
    assert rows["strong"]["fails"] == rows["score"]["fails"] == []
    assert rows["noisy"]["fails"] == ["false alarms"]
    assert "misses original on digits" in rows["blind"]["fails"]
    assert set(summary["metrics_that_fail"]) == {"blind", "noisy"}
    assert len(summary["findable"]) == 15
    assert summary["passes"]["verdict"]["seeds"]["all"]["rate"][0] == 1
    assert summary["seconds"] == {"score": 0.5}


def test_what_only_an_alarming_rule_finds_counts_as_not_to_be_found(study, monkeypatch):
    monkeypatch.setattr(study["table"], "repeated", lambda results: ({}, {}))
    results = made_up(np.random.default_rng(1), {"noisy": (1.0, 0.4), "blind": (0.1, 0.0)})
    for result in results.values():
        result["scores"], result["calibrators"] = {kind: {} for kind in result["calls"]}, {}
    told = study["table"].summary(results)
    assert told["findable"] == []
    assert told["pair"] is None
    assert set(told["metrics_that_fail"]) == {"noisy"}


def test_the_pair_is_chosen_on_even_problems_and_rated_on_odd_ones(study, monkeypatch):
    monkeypatch.setattr(study["table"], "repeated", lambda results: ({}, {}))
    results = made_up(np.random.default_rng(2), {"one": (0.0, 0.0), "other": (0.0, 0.0)})
    for (_, number), result in results.items():
        for scores in result["scores"].values():
            scores["score"] = 0.0
        for kind in study["problems"].HOLDING:
            # together they see everything on even problems, and nothing on odd ones
            first = kind in ("original", "masked")
            result["calls"][kind] = {
                "one": first and number % 2 == 0,
                "other": not first and number % 2 == 0,
                "third": number % 2 == 1,
            }
        for kind in study["problems"].CLEAN:
            result["calls"][kind] |= {"third": False}
        del result["calls"]["sizes"]["one"]  # not every rule is for every kind
    monkeypatch.setattr(study["table"], "HALF", 0.3)
    pair = study["table"].summary(results)["pair"]
    assert {name for name, _ in pair["pair"]} == {"one", "other"}
    assert pair["chosen_by"] == 1
    assert pair["rates"]["original on digits"]["rate"][0] == 0
    assert pair["rates"]["original on digits"]["n"] == 20
    assert pair["rates"]["sizes on digits"] is None


def test_a_problem_that_is_kept_is_not_run_again(study, tmp_path, monkeypatch):
    main, asked = study["main"], []

    def part(name):
        def measure(case):
            asked.append(name)
            return {
                "scores": {"original": {name: 1.0}},
                "calls": {"original": {name: True}},
                "calibrators": {name: [0.0]},
                "seconds": {name: (1.0, 1)},
            }

        return measure

    monkeypatch.setattr(main, "PARTS", {name: part(name) for name in ("all", "trained")})
    first = main.run(6, 1, tmp_path)
    assert asked == ["all"] * 6 + ["trained"] * 3
    assert first["digits", 0]["scores"]["original"] == {"all": 1.0, "trained": 1.0}
    assert first["digits", 1]["scores"]["original"] == {"all": 1.0}
    assert main.run(6, 1, tmp_path) == first
    assert len(asked) == 9
    damaged = next(tmp_path.glob("digits-1-*"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert main.run(6, 1, tmp_path) == first
    assert len(asked) == 10
    damaged.unlink()
    kept = main.run(6, 1, tmp_path, only_kept=True)
    assert set(first) - set(kept) == {("digits", 1)}
    assert len(asked) == 10


def test_what_is_committed_is_whole(study, committed):
    kinds = {*study["problems"].HOLDING, *study["problems"].CLEAN}
    assert committed["rule"] == study["table"].RULE
    assert sum(committed["problems"].values()) == committed["n_problems"]
    names = {row["metric"] for row in committed["rules"]}
    assert {"uqi_score", "klom: p value", "relearn_time", "zrf_score"} <= names
    assert {f"retraining_verdict, {n} oracles" for n in (5, 24)} <= names
    for row in committed["rules"]:
        assert set(row["rates"]) <= kinds
        for found in row["rates"].values():
            for each in found.values():
                value, low, high = each["rate"]
                assert low <= value <= high
                assert each["n"] > 0


def test_the_failures_follow_from_the_rates(study, committed):
    rates = {(row["metric"], row["rule"]): row["rates"] for row in committed["rules"]}
    findable, failures = study["table"].judged(rates)
    assert [list(case) for case in findable] == committed["findable"]
    assert {
        key: row["fails"] for key, row in zip(rates, committed["rules"], strict=True)
    } == failures
    assert study["table"].failing(failures) == committed["metrics_that_fail"]


def test_the_page_shows_these_tables(study, committed):
    page = (ROOT / "docs" / "which_number.md").read_text(encoding="utf-8")
    assert study["page"].into_page(page, committed) == page


@pytest.mark.slow
def test_a_quick_run_measures_every_metric(study, tmp_path, capsys):
    out = tmp_path / "told.json"
    study["main"].main(["--problems", "3", "--folder", str(tmp_path / "kept"), "--out", str(out)])
    told = json.loads(out.read_text(encoding="utf-8"))
    rules = {(row["metric"], row["rule"]): row["rates"] for row in told["rules"]}
    assert told["n_problems"] == 3
    assert ("UnlearningAttack: AUC", study["table"].BY_ITSELF) in rules
    assert ("relearn_time", study["table"].BY_ORACLES) in rules
    assert rules["klom: p value", study["table"].BY_ITSELF]["original"]["all"]["n"] == 3
    assert "| metric |" in capsys.readouterr().out
