"""Requests one after another to one model: rows, oracles, order, how many are borne, and how told.

What is law: a sequence of exact requests is one big request to 1e-8, where no seed is drawn in
between. Retraining with fresh seeds draws one a request: its law is the same, its model is not.

This file looks inside, at the command line.
"""

import json

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier, audit
from skqmu.audit import AuditReport
from skqmu.unlearning import Retrain

X, Y = load_iris(return_X_y=True)
X = scale(X)
# in no order, and without the one row of which there is a copy
ORDER = np.random.default_rng(0).permutation(np.unique(X, axis=0, return_index=True)[1])
X, Y = X[ORDER], Y[ORDER]
THREE = ["fraction:0.1", "class:0", "fraction:0.1"]
QUICK = {"attacks": "loss", "n_oracles": 2, "random_state": 0, "sequential": True}


def noisy(seed=0, n=240):
    """Rows that a forest learns by heart."""
    return make_classification(n, 6, n_informative=4, flip_y=0.4, random_state=seed)


def told(report, name):
    return next(each for each in report.data["sequence"]["mechanisms"] if each["name"] == name)


def numbers(report):
    """A report without what depends on the clock."""

    def settled(value):
        if isinstance(value, dict):
            gone = ("seconds", "cpu_seconds", "created", "digests")
            return {key: settled(each) for key, each in value.items() if key not in gone}
        return [settled(each) for each in value] if isinstance(value, list) else value

    return settled(json.loads(report.to_json()))


@pytest.fixture(scope="module")
def one():
    """A sequence on a model that forgets exactly, whatever the order."""
    model = ShardedClassifier(LogisticRegression(), n_shards=2, random_state=0)
    return audit(model, X, Y, forget=THREE, **QUICK)


# --- whose rows --------------------------------------------------------------------------------


def test_each_request_is_about_rows_that_are_left_and_is_judged_with_those_before(one):
    assert one.scenarios == ["fraction:0.1", "class:0", "fraction:0.1 (2)"]
    asked = [scenario["n_asked"] for scenario in one.data["scenarios"]]
    gone = [scenario["n_forget"] for scenario in one.data["scenarios"]]
    left = [scenario["n_retain"] for scenario in one.data["scenarios"]]
    assert gone == np.cumsum(asked).tolist()
    n = one.data["settings"]["n_train"]
    assert [g + r for g, r in zip(gone, left, strict=True)] == [n] * 3
    # a tenth of what the first two have left, not of the table; copies go with their record
    assert asked[2] == pytest.approx(0.1 * left[1], abs=2.5)
    assert asked[1] <= 35 < asked[1] + asked[0]
    assert [s["removed_classes"] for s in one.data["scenarios"]] == [[], [0], [0]]


def test_oracles_are_trained_without_all_rows_that_were_asked_for_by_then(forest):
    asked = {"first": np.arange(0, 20), "second": np.arange(10, 40)}
    report = audit(
        forest, X[:100], Y[:100], X_test=X[100:], y_test=Y[100:], forget=asked,
        mechanisms="retrain", reference_size=0, **QUICK,
    )  # fmt: skip
    second = report["second"]
    assert (second["n_asked"], second["n_forget"]) == (20, 40)
    # the forest keeps what it is trained on by heart, and counts what it is told to forget
    assert report.model("second", "retrain")["cost"]["gradient_rows"] == 20
    big = audit(
        forest, X[:100], Y[:100], X_test=X[100:], y_test=Y[100:], forget={"both": np.arange(40)},
        mechanisms="retrain", reference_size=0, **{**QUICK, "sequential": False},
    )  # fmt: skip
    first_way = report.model("second", "retrain")["accuracy"]
    assert first_way == big.model("both", "retrain")["accuracy"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"forget": "class:0"}, "two requests or more"),
        ({"forget": ["class:0", "class:0"]}, "among the rows that earlier requests have left"),
        ({"forget": {"a": [1, 2], "b": [2, 1]}}, "have asked for all of its rows"),
        ({"forget": ["vulnerable:5", "class:0"]}, "Make a sequence of each"),
        ({"forget": THREE, "sequential": "yes"}, "must be True or False"),
        ({"forget": ["class:0", "class:1"]}, "leaves a single class"),
    ],
)
def test_what_makes_no_sense_as_a_sequence_is_refused_before_anything_is_trained(options, problem):
    asked = {**QUICK, "random_state": 3, **options}
    with pytest.raises(ValueError, match=problem):
        audit(LogisticRegression(), X, Y, test_size=0.1, dry_run=True, **asked)


def test_the_same_text_twice_is_one_request_outside_a_sequence():
    found = audit(LogisticRegression(), X, Y, forget=["class:0"] * 2, attacks="loss", n_oracles=1,
                  random_state=0, dry_run=True)  # fmt: skip
    assert found["oracles"] == 1


# --- order, and one big request ----------------------------------------------------------------


def qnn(**params):
    return QNNClassifier(
        **{"n_qubits": 2, "n_layers": 1, "max_iter": 3, "random_state": 0, **params}
    )


EXACT = {
    "retrain with the fit's seeds": (qnn(), Retrain("same")),
    "exact_downdate": (qnn(trainable="head", head="ridge"), "exact_downdate"),
    "statistics_downdate": (qnn(loss="linear"), "statistics_downdate"),
    "shards": (ShardedClassifier(LogisticRegression(), n_shards=3, random_state=0), None),
    "shards of slices": (
        ShardedClassifier(qnn(max_iter=1), n_shards=2, n_slices=2, random_state=0),
        None,
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_a_sequence_of_exact_requests_is_one_big_request_in_any_order(name):
    model, strategy = EXACT[name]
    how = {} if strategy is None else {"strategy": strategy}
    parts = [np.arange(0, 8), np.arange(60, 70), np.arange(30, 35)]
    models = []
    for order in (parts, parts[::-1], [np.concatenate(parts)]):
        fitted = type(model)(**model.get_params(deep=False)).fit(X[:120], Y[:120])
        for rows in order:
            fitted.unlearn(X[rows], **how)
        models.append(fitted.predict_proba(X))
    np.testing.assert_allclose(models[1], models[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(models[2], models[0], rtol=0, atol=1e-8)


def test_the_report_shows_that_order_does_not_matter_where_that_is_claimed(one):
    order = told(one, "default")["order"]
    assert max(order["reversed"], order["at_once"]) <= 1e-8
    assert order["sentence"].startswith("The order does not matter: reversed, and as one request")
    assert order["oracles"] > 1e-3  # the models could have differed


def test_fresh_seeds_make_another_draw_of_one_big_request_and_the_report_says_so():
    report = audit(
        qnn(), X, Y, forget=["fraction:0.1"] * 2, mechanisms=("retrain", "fine_tune"), **QUICK
    )
    order = told(report, "retrain")["order"]
    assert order["reversed"] <= 1e-8 < order["at_once"]
    assert "One request for all rows is another draw" in order["sentence"]
    assert told(report, "fine_tune")["order"] is None  # it claims nothing


def test_an_order_that_matters_is_said_to(forest):
    """A model that calls itself exact and is not: it forgets the first request alone."""

    class Once(type(forest)):
        def unlearn(self, X_forget, y_forget=None, *, strategy="retrain"):
            first = len(self.unlearning_log_) == 0
            super().unlearn(X_forget, y_forget, strategy="retrain" if first else "pretend")
            self.unlearning_log_[-1]["kind"] = "exact"
            return self

    X, y = noisy()
    report = audit(
        Once(random_state=0), X, y, forget=["fraction:0.1"] * 2, mechanisms="retrain", **QUICK
    )
    order = told(report, "retrain")["order"]
    assert order["reversed"] > 0.1
    assert order["sentence"].startswith("Another order gives another model")


# --- how many are borne ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leaving(forest_class):
    """A mechanism that forgets nothing, one that does, one that gives up."""
    X, y = noisy()
    return audit(
        forest_class(random_state=0), X, y, forget=["fraction:0.1"] * 4,
        mechanisms=("retrain", "pretend", "explode"), n_oracles=6, attacks=("loss",),
        random_state=1, sequential=True,
    )  # fmt: skip


def test_the_report_says_after_which_request_a_mechanism_leaves_the_oracles(leaving):
    gone, kept = told(leaving, "pretend"), told(leaving, "retrain")
    levels = [leaving.model(name, "pretend")["verdict"]["level"] for name in leaving.scenarios]
    assert gone["leaves_after"] == 1 + levels.index("differs")
    assert gone["sentence"].startswith(f"Leaves the oracles after request {gone['leaves_after']} ")
    assert kept["leaves_after"] is None
    assert kept["sentence"].startswith("Not told from the oracles after any of 4 requests.")


def test_a_mechanism_that_gives_up_is_asked_no_more(leaving):
    gave_up = told(leaving, "explode")
    assert gave_up["failed_at"] == 1
    assert gave_up["holds_until"] == 0
    later = leaving.model(leaving.scenarios[2], "explode")
    assert later["status"] == "failed"
    assert later["error"].startswith("an earlier request of the sequence failed: it exploded")


def test_the_verdicts_of_a_sequence_share_the_error(leaving, forest):
    """Each is given at 1 - 0.05 / 4, so its intervals are wider than those of one request."""
    X, y = noisy()
    alone = audit(
        forest, X, y, forget="fraction:0.1", mechanisms="retrain", n_oracles=6, attacks="loss",
        random_state=1,
    )  # fmt: skip
    key = "accuracy_test"
    wide = leaving.model(leaving.scenarios[0], "retrain")["gaps"][key]
    narrow = alone.model("fraction:0.1", "retrain")["gaps"][key]
    assert wide["value"] == pytest.approx(narrow["value"])
    assert wide["high"] - wide["low"] > 1.1 * (narrow["high"] - narrow["low"])


@pytest.mark.slow
def test_retraining_leaves_the_oracles_in_no_more_sequences_than_it_may():
    """5 requests, 120 sequences, error 0.05 of each whole sequence: binomial, one in 1000."""
    left = 0
    for seed in range(120):
        X, y = noisy(seed, n=160)
        report = audit(
            RandomForestClassifier(5), X, y, forget=["fraction:0.08"] * 5, attacks="loss",
            n_oracles=5, random_state=seed, sequential=True,
        )  # fmt: skip
        left += told(report, "retrain")["leaves_after"] is not None
    assert left <= 14  # scipy.stats.binom.isf(1e-3, 120, 0.05)


# --- together with the rest of an audit --------------------------------------------------------


def test_a_sequence_goes_with_repeats_and_its_statement_is_on_all_of_them(forest):
    X, y = noisy()
    report = audit(
        forest, X, y, forget=["fraction:0.15"] * 2, mechanisms=("pretend", "retrain"), repeats=4,
        **QUICK,
    )  # fmt: skip
    assert {scenario["repeats"]["n"] for scenario in report.data["scenarios"]} == {4}
    gone = told(report, "pretend")
    levels = [report.model(name, "pretend")["verdict"]["level"] for name in report.scenarios]
    assert gone["leaves_after"] == 1 + levels.index("differs")
    assert told(report, "retrain")["order"]["reversed"] <= 1e-8


def test_a_fitted_model_is_left_as_it_was(forest):
    fitted = type(forest)(random_state=0).fit(X[:100], Y[:100])
    before = fitted.predict_proba(X)
    report = audit(
        fitted, X[:100], Y[:100], X_test=X[100:], y_test=Y[100:], prefit=True,
        forget={"a": np.arange(10), "b": np.arange(20, 40)}, mechanisms="retrain", **QUICK,
    )  # fmt: skip
    assert np.array_equal(fitted.predict_proba(X), before)
    assert fitted.unlearning_log_ == []
    assert told(report, "retrain")["order"]["at_once"] <= 1e-8


def test_any_model_that_forgets_by_refitting_takes_part():
    model = UnlearningClassifier(LogisticRegression(), strategy="retrain")
    report = audit(model, X, Y, forget=["fraction:0.1"] * 2, **QUICK)
    assert told(report, "default")["order"]["at_once"] <= 1e-8


def test_a_model_without_unlearn_is_retrained_after_each_request():
    report = audit(RandomForestClassifier(3), X, Y, forget=THREE, **QUICK)
    assert told(report, "retrain")["order"] is None
    assert told(report, "retrain")["failed_at"] is None


def test_a_sequence_that_was_cut_off_goes_on_from_its_models(tmp_path):
    asked = {
        "forget": ["fraction:0.1"] * 2, "mechanisms": "retrain", "memory": tmp_path,
        **QUICK,
    }  # fmt: skip
    whole = audit(qnn(max_iter=1), X, Y, **{**asked, "memory": None})

    class Cut(Exception):
        pass

    def cut(stage, done, total):
        if stage.startswith("fraction:0.1 (2)") and done == total:
            raise Cut

    with pytest.raises(Cut):
        audit(qnn(max_iter=1), X, Y, verbose=cut, **asked)
    assert numbers(audit(qnn(max_iter=1), X, Y, **asked)) == numbers(whole)


def test_what_was_finished_before_an_interrupt_is_reported():
    def cut(stage, done, total):
        if stage == "class:0: attacks" and done == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        audit(LogisticRegression(), X, Y, forget=THREE, verbose=cut, **QUICK)
    report = interrupt.value.report
    assert report.scenarios == ["fraction:0.1"]
    assert report.data["sequence"]["n_requests"] == 3
    assert "after any of 1 requests" in told(report, "retrain")["sentence"]
    assert "How many requests each mechanism bears" in report.to_markdown()


def test_a_dry_run_counts_the_other_orders():
    found = audit(qnn(), X, Y, forget=THREE, mechanisms="retrain", dry_run="count", **QUICK)
    assert found["mechanism runs"] == 3
    assert found["runs in another order, and at once (at most)"] == 4


# --- ways out ----------------------------------------------------------------------------------


def test_a_sequence_is_told_in_every_way_out(one, capsys):
    read = AuditReport.from_json(one.to_json())
    assert read.data == json.loads(one.to_json())
    sentence = told(one, "default")["sentence"]
    for text in (one.to_html(), one.to_markdown(), one.to_model_card()):
        assert sentence in text
    assert "How many requests each mechanism bears" in one.to_markdown()
    print(one)
    assert "The order does not matter" in " ".join(capsys.readouterr().out.split())
    frame = one.to_frame()
    assert frame.groupby("scenario", sort=False)["n_asked"].first().tolist() == [
        scenario["n_asked"] for scenario in one.data["scenarios"]
    ]


def test_a_sequence_is_carried_out_again_from_its_report(one):
    again = AuditReport.from_json(one.to_json()).rerun(X, Y)
    assert again.same_numbers(one)
    assert numbers(again)["sequence"] == numbers(one)["sequence"]


def test_a_report_without_a_sequence_has_none():
    report = audit(LogisticRegression(), X, Y, forget=THREE, **{**QUICK, "sequential": False})
    assert "sequence" not in report.data
    assert "n_asked" not in report.data["scenarios"][0]


def test_the_command_line_takes_the_same_request_several_times(tmp_path, capsys):
    from skqmu._cli import main

    asked = ["--forget", "fraction:0.1"] * 2 + ["--sequential", "--repeats", "1", "--quiet"]
    asked += [
        "--dataset",
        "iris",
        "--model",
        "features",
        "--mechanism",
        "retrain",
        "--attack",
        "loss",
        "--oracles",
        "2",
    ]
    assert main(["audit", *asked, "--n-jobs", "1", "--out", str(tmp_path / "out")]) == 0
    report = AuditReport.from_json(tmp_path / "out" / "audit.json")
    assert report.scenarios == ["fraction:0.1", "fraction:0.1 (2)"]
    assert report.data["settings"]["sequential"]
