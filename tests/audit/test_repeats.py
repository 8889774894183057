"""Repeats of an audit: one verdict on the procedure, decided, or with what it would take."""

import json
import re

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.datasets import load_iris, load_wine, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skqmu import audit
from skqmu.audit import AuditReport

X, Y = load_iris(return_X_y=True)
QUICK = {"attacks": "loss", "n_oracles": 2, "random_state": 0}


def noisy(seed=0, n=300):
    """Rows that a tree learns by heart."""
    return make_classification(
        n, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, flip_y=0.4, random_state=seed
    )


def numbers(report):
    """A report without what depends on the clock."""
    data = json.loads(report.to_json())
    for key in ("created", "seconds"):
        data.pop(key)
    data["data"].pop("digests")  # of a key that was drawn
    for scenario in data["scenarios"]:
        for model in scenario["models"]:
            model.pop("cost")
    return data


def test_repeats_are_independent_and_the_first_is_the_audit_without_repeats(forest):
    one = audit(forest, X, Y, forget="fraction:0.2", mechanisms="pretend", **QUICK)
    many = audit(forest, X, Y, forget="fraction:0.2", mechanisms="pretend", repeats=5, **QUICK)
    (alone,), (first,) = one.data["scenarios"], many.data["scenarios"]
    for key in ("n_forget", "n_members", "n_nonmembers", "notes"):
        assert first[key] == alone[key]
    for a, b in zip(alone["models"], first["models"], strict=True):
        assert (a["accuracy"], a["attacks"]) == (b["accuracy"], b["attacks"])
    assert first["repeats"] == {"n": 5, "looks": [5], "ended_by": "repeats"}
    gaps = first["models"][-1]["gaps"]
    assert gaps["accuracy_test"]["each"][0] == pytest.approx(
        alone["models"][-1]["gaps"]["accuracy_test"]["value"]
    )
    assert len(set(gaps["distance_test"]["each"])) == 5


def test_a_mechanism_that_does_nothing_differs_and_retraining_does_not(forest):
    X, y = noisy()
    found = audit(
        forest,
        X,
        y,
        forget="fraction:0.2",
        mechanisms=("pretend", "retrain"),
        attacks=("loss", "confidence"),
        n_oracles=3,
        random_state=0,
        until="decided",
    )
    (scenario,) = found.data["scenarios"]
    levels = {model["name"]: model.get("verdict", {}).get("level") for model in scenario["models"]}
    assert levels["original"] == levels["pretend"] == "differs"
    assert levels["retrain"] == "indistinguishable"
    repeats = scenario["repeats"]
    assert repeats["ended_by"] == "decided"
    assert repeats["looks"] == [4, 8, 16, 32][: len(repeats["looks"])]
    # a verdict that was reached at an early look stays, with the numbers it was reached with
    decided = found.model("fraction:0.2", "pretend")["verdict"]["n_repeats"]
    assert decided <= found.model("fraction:0.2", "retrain")["verdict"]["n_repeats"]


# filters of warnings belong to the process: with threads one may restore another's
@pytest.mark.filterwarnings("ignore::skqmu.exceptions.ResolutionWarning")
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_change_no_number(backend):
    asked = {**QUICK, "forget": ["class:0", "fraction:0.2"], "repeats": 3}
    alone = audit(DecisionTreeClassifier(), X, Y, **asked)
    with parallel_config(backend=backend, n_jobs=2):
        beside = audit(DecisionTreeClassifier(), X, Y, **asked)
    assert numbers(alone) == numbers(beside)


def test_given_test_rows_keep_rows_and_requests_the_same(forest):
    seen = []

    class Watched(type(forest)):
        def fit(self, X, y):
            seen.append(X.copy())
            return super().fit(X, y)

    half = np.arange(len(X)) % 2 == 0
    audit(
        Watched(),
        X[half],
        Y[half],
        forget=np.arange(6),
        X_test=X[~half],
        y_test=Y[~half],
        mechanisms="pretend",
        repeats=3,
        **QUICK,
    )
    originals = [rows for rows in seen if len(rows) == half.sum()]
    assert len(originals) >= 3
    assert all(np.array_equal(rows, originals[0]) for rows in originals)


def test_each_repeat_has_an_original_of_its_own():
    report = audit(
        DecisionTreeClassifier(splitter="random"), X, Y, forget="fraction:0.2", repeats=4, **QUICK
    )
    original = report.data["scenarios"][0]["models"][0]
    assert len(set(original["gaps"]["distance_forget"]["each"])) >= 3


def test_an_audit_ends_in_time_and_says_what_it_would_take():
    X, y = noisy()
    report = audit(
        DecisionTreeClassifier(),
        X,
        y,
        forget="fraction:0.05",
        until="decided",
        max_seconds=1e-6,
        **QUICK,
    )
    (scenario,) = report.data["scenarios"]
    assert scenario["repeats"] == {"n": 4, "looks": [4], "ended_by": "time"}
    verdict = report.model("fraction:0.05", "retrain")["verdict"]
    assert verdict["level"] == "unresolved"
    assert verdict["repeats_needed"] > 4
    assert "repeats would decide" in verdict["sentence"]


class FailsSometimes(GaussianNB):
    """Forgets nothing, and refuses where the first of the rows is a large flower."""

    def unlearn(self, X_forget, y_forget=None, *, strategy="retrain"):
        from skqmu.exceptions import UnlearningError

        if X_forget[0, 0] > 5:
            raise UnlearningError("not today")
        return self


def test_a_mechanism_that_fails_in_some_repeats_has_failed():
    report = audit(
        FailsSometimes(), X, Y, forget="fraction:0.05", mechanisms="retrain", repeats=12, **QUICK
    )
    verdict = report.model("fraction:0.05", "retrain")["verdict"]
    assert verdict["level"] == "failed"
    assert "of 12 repeats" in verdict["sentence"]
    assert "not today" in verdict["sentence"]


def test_an_interrupt_reports_the_repeats_that_were_finished(monkeypatch):
    done = []

    def listener(stage, n, total):
        done.append((stage, n, total))
        if n == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        audit(GaussianNB(), X, Y, forget="fraction:0.2", repeats=6, verbose=listener, **QUICK)
    report = caught.value.report
    assert not report.data["complete"]
    assert report.data["scenarios"][0]["repeats"] == {
        "n": 3,
        "looks": [3],
        "ended_by": "interrupt",
    }
    assert done[0] == ("repeats 1 to 6", 0, 6)


def test_the_report_is_read_again_and_drawn():
    report = audit(GaussianNB(), X, Y, forget=["class:0", "fraction:0.2"], repeats=4, **QUICK)
    again = AuditReport.from_json(report.to_json())
    assert again == report
    text = report.to_table(width=100)
    assert "minus retraining, on average over them" in " ".join(text.split())
    assert "verdicts on 4 repeats" in text
    # of a bounded difference at its end, the whole half
    differences = re.findall(r"Δ\+1\.00.*\n.*±(0\.0\d)", text)
    assert differences
    assert "0.00" not in differences
    page = report.to_html()
    assert "Means over 4 repeats" in page
    assert "Other numbers are those of" in page


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"repeats": 0}, "repeats=0 must be an integer of at least 1"),
        ({"repeats": 1, "until": "decided"}, "repeats=1 must be an integer of at least 2"),
        ({"repeats": 2, "n_oracles": 1}, "n_oracles=1 must be an integer of at least 2"),
        ({"until": "tired"}, "until='tired' must be None or 'decided'"),
        ({"max_seconds": 5}, "belongs to until='decided'"),
        ({"until": "decided", "max_seconds": -1}, "max_seconds=-1 must be a positive number"),
        ({"delta": 0}, "delta=0 must lie strictly between 0 and 1"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(wrong, message):
    with pytest.raises(ValueError, match=message):
        audit(LogisticRegression(), X, Y, **{"forget": "class:0", **QUICK, **wrong})


def test_a_request_that_some_repeats_cannot_draw_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"repeat \d+ of 12: .*pass X_test and y_test"):
        audit(GaussianNB(), X, Y, forget=np.array([3]), repeats=12, **{**QUICK, "random_state": 1})
    # all rows of a class but for one, which is sometimes held out
    rows = np.flatnonzero(Y == 0)[:-1]
    with pytest.raises(ValueError, match=r"removes .* in repeat \d+ .*Pass X_test and y_test"):
        audit(GaussianNB(), X, Y, forget=rows, repeats=20, **QUICK)


def test_the_cost_of_all_repeats_is_counted():
    one = audit(GaussianNB(), X, Y, forget="class:0", dry_run=True, **QUICK)
    most = audit(GaussianNB(), X, Y, forget="class:0", until="decided", dry_run=True, **QUICK)
    assert {purpose: 32 * n for purpose, n in one.items()} == most


def test_delta_is_what_is_held_to_be_the_same():
    X, y = load_wine(return_X_y=True)
    strict, lax = (
        audit(
            GaussianNB(),
            X,
            y,
            forget="fraction:0.2",
            repeats=6,
            delta=delta,
            attacks="loss",
            random_state=1,
        )
        for delta in (0.001, 0.5)
    )
    assert strict.model("fraction:0.2", "retrain")["verdict"]["level"] == "unresolved"
    assert lax.model("fraction:0.2", "retrain")["verdict"]["level"] == "indistinguishable"
