"""The table of strategies, and the page of mechanisms: both come from the classes.

This file looks inside.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skqmu import QNNClassifier
from skqmu.classifiers import suggest_strategy
from skqmu.classifiers._reference import reference_page
from skqmu.exceptions import MemberRecordError, NotATrainingSampleError
from skqmu.unlearning import STRATEGIES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


def qnn(**changes):
    return QNNClassifier(**{"n_layers": 1, "max_iter": 5, "random_state": 0, **changes})


def by_name(table):
    return {row["name"]: row for row in table.rows}


def test_lists_every_strategy_and_changes_nothing(iris):
    X, y = iris
    clf = qnn().fit(X, y)
    before = clf.params_
    table = suggest_strategy(clf, X[:5])
    assert set(by_name(table)) == set(STRATEGIES)
    assert clf.params_ is before
    assert clf.unlearning_log_ == []
    assert clf.is_member(X[:5]).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"log_updates": True},
        {"store_data": "none"},
        {"early_stopping": True},
        {"trainable": "head", "head": "ridge"},
        {"trainable": "head", "head": "logistic", "objective_noise": 1.0},
    ],
)
@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
def test_what_it_calls_possible_works_and_what_not_is_refused(iris, changes):
    X, y = iris
    labels = y[:3] if changes.get("store_data") == "none" else None
    for name, row in by_name(suggest_strategy(qnn(**changes).fit(X, y), X[:3], labels)).items():
        clf = qnn(**changes).fit(X, y)
        if row["possible"]:
            clf.unlearn(X[:3], labels, strategy=name)
            assert clf.unlearning_log_[-1]["kind"] == row["kind"]
            continue
        with pytest.raises((MemberRecordError, ValueError)) as refusal:
            clf.unlearn(X[:3], labels, strategy=name)
        assert str(refusal.value) == row["why_not"]


def test_costs_are_relative_to_retraining_and_never_too_low(iris):
    X, y = iris
    whole = qnn().fit(X, y).unlearn(X[:5]).unlearning_log_[-1]["cost"]["gradient_rows"]
    for name, row in by_name(suggest_strategy(qnn().fit(X, y), X[:5])).items():
        if row["possible"] and name == "fine_tune":
            clf = qnn().fit(X, y).unlearn(X[:5], strategy=name)
            spent = clf.unlearning_log_[-1]["cost"]["gradient_rows"]
            assert spent / whole <= row["cost"] * (1 + 1e-9)
    assert by_name(suggest_strategy(qnn().fit(X, y), X[:5]))["retrain"]["cost"] == 1.0


def test_exact_ones_come_first_and_it_prints_as_a_table(iris):
    X, y = iris
    table = suggest_strategy(qnn().fit(X, y), X[:5])
    order = [(not row["possible"], row["kind"] != "exact") for row in table.rows]
    assert order == sorted(order)
    lines = str(table).splitlines()
    assert len(lines) == 1 + len(STRATEGIES)
    assert any("not possible: " in line for line in lines)


CLAIMS, DAMAGES = ["exact", "certified", "approximate"], ["none", "some", "much"]


@pytest.mark.parametrize("changes", [{}, {"early_stopping": True}, {"log_updates": True}])
def test_the_first_row_is_the_recommendation_and_the_order_is_claim_damage_cost(iris, changes):
    X, y = iris
    rows = suggest_strategy(qnn(**changes).fit(X, y), X[40:45]).rows
    assert rows[0]["name"] == "retrain"
    possible = [row for row in rows if row["possible"]]
    order = [(CLAIMS.index(r["kind"]), DAMAGES.index(r["damage"]), r["cost"]) for r in possible]
    assert order == sorted(order)
    sources = {row["reference"] for row in possible} - {None}
    assert sources == {"validation" if changes.get("early_stopping") else "leave-one-out"}


def test_an_exact_answer_without_training_comes_before_retraining(iris):
    X, y = iris
    table = suggest_strategy(qnn(trainable="head", head="ridge").fit(X, y), X[:5])
    assert [row["name"] for row in table.rows[:2]] == ["exact_downdate", "retrain"]


def test_where_a_rule_would_go_by_members_alone_it_says_so_and_puts_the_mechanism_last(iris):
    X, y = iris
    clf = qnn(store_data="none").fit(X, y)
    table = suggest_strategy(clf, X[:5], y[:5])
    rows = by_name(table)
    assert not rows["retrain"]["possible"]
    assert rows["gradient_ascent"]["reference"] == "members"
    line = next(line for line in str(table).splitlines() if line.startswith("gradient_ascent"))
    assert "May forget nothing" in line
    assert "prefer retrain" in line
    stays = {"X_retain": X[5:], "y_retain": y[5:]}
    assert suggest_strategy(clf, X[:5], y[:5], **stays).rows[0]["name"] == "retrain"


def test_a_wrong_request_is_an_error_and_no_table(iris):
    X, y = iris
    clf = qnn().fit(X, y)
    with pytest.raises(NotATrainingSampleError):
        suggest_strategy(clf, X[:2] + 1)
    with pytest.raises(ValueError, match="features"):
        suggest_strategy(clf, X[:2, :3])
    with pytest.raises(ValueError, match="holds no rows"):
        suggest_strategy(clf, np.empty((0, 4)))
    with pytest.raises(TypeError, match="retain"):
        suggest_strategy(clf, X[:2], retain=X[5:])


def test_the_page_is_the_one_that_the_classes_write():
    page = ROOT / "docs" / "mechanisms.md"
    if not page.exists():
        pytest.skip("docs/ is not part of an installed package")
    assert page.read_text() == reference_page()


def test_the_page_knows_every_strategy():
    page = reference_page()
    for name, cls in STRATEGIES.items():
        assert f"[`{name}`](#{cls.__name__.lower()})" in page
        assert f"\n## {cls.__name__}\n" in page
        assert cls.source in page


def test_the_page_is_written_by_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "skqmu.classifiers._reference"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == reference_page()
