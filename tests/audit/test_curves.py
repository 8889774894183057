"""Epochs of mechanisms in an audit: what is told of them, what it cost, and who has none.

This file looks inside.
"""

import json

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier, audit
from skqmu.audit import AuditReport
from skqmu.unlearning import FineTune, SelectiveDampening

X, Y = load_iris(return_X_y=True)
MECHANISMS = {
    "retrain": "retrain",
    "tune": FineTune(max_iter=3, guard=None),
    "leap": SelectiveDampening(guard=None),
}
QUICK = {"forget": "fraction:0.1", "attacks": "loss", "n_oracles": 3, "random_state": 0}


def qnn():
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=4, random_state=0)


@pytest.fixture(scope="module")
def followed():
    return audit(
        make_pipeline(StandardScaler(), qnn()), X, Y, mechanisms=MECHANISMS, curves=True, **QUICK
    )


def test_each_epoch_has_its_difference_to_retraining_and_the_end_is_the_model(followed):
    for name, n_epochs in (("retrain", 4), ("tune", 3), ("leap", 0)):
        entry = followed.model("fraction:0.1", name)
        curve = entry["curve"]
        assert curve["epochs"] == list(range(n_epochs + 2))
        for key in ("accuracy_forget", "accuracy_test", "distance_test", "confidence_forget"):
            gap = curve["gaps"][key]
            assert gap["value"][-1] == pytest.approx(entry["gaps"][key]["value"])
            low, value, high = (np.array(gap[part]) for part in ("low", "value", "high"))
            assert ((low < value) & (value < high)).all()
            original = followed.model("fraction:0.1", "original")["gaps"][key]
            assert gap["value"][0] == pytest.approx(original["value"], abs=1e-6)
        band = curve["oracles"]["accuracy_test"]
        assert band["low"] <= 0 <= band["high"]


def test_what_following_cost_is_told_and_is_in_no_cost_of_the_mechanism(followed):
    model = make_pipeline(StandardScaler(), qnn())
    alone = audit(model, X, Y, mechanisms=MECHANISMS, **QUICK)
    settings = followed.data["settings"]
    n_rows = settings["n_train"] + settings["n_test"]
    for name, n_models in (("retrain", 5), ("tune", 4), ("leap", 1)):
        one, other = (r.model("fraction:0.1", name) for r in (alone, followed))
        curve = other["curve"]
        assert (curve["n_models"], curve["n_rows"]) == (n_models, n_models * n_rows)
        counted = ("forward_rows", "gradient_rows", "circuits")
        assert {k: one["cost"].get(k) for k in counted} == {
            k: other["cost"].get(k) for k in counted
        }
        assert one["accuracy"] == other["accuracy"]
        assert "curve" not in one
    page = followed.to_html()
    assert f"tune: 4 models, {4 * n_rows} rows asked" in page.replace("\u202f", "")
    assert "differences to retraining after each epoch" in page


def test_curves_are_read_back_shown_and_made_again(followed):
    read = AuditReport.from_json(followed.to_json())
    again = read.rerun(X, Y)
    assert again.same_numbers(read)
    assert "curve" in again.model("fraction:0.1", "tune")


def test_a_curve_with_a_missing_epoch_is_refused(followed):
    data = json.loads(followed.to_json())
    data["scenarios"][0]["models"][-1]["curve"]["gaps"]["accuracy_test"]["low"].pop()
    with pytest.raises(ValueError, match="must hold a number for each epoch"):
        AuditReport.from_json(json.dumps(data))


def test_of_repeats_the_first_is_followed():
    report = audit(
        qnn(), X, Y, mechanisms={"tune": FineTune(max_iter=2)}, curves=True, repeats=2,
        **{**QUICK, "n_oracles": 2},
    )  # fmt: skip
    curve = report.model("fraction:0.1", "tune")["curve"]
    n_rows = report.data["settings"]["n_train"] + report.data["settings"]["n_test"]
    assert curve["n_rows"] == curve["n_models"] * n_rows


def test_each_request_of_a_sequence_has_its_run():
    report = audit(
        qnn(), X, Y, mechanisms={"tune": FineTune(max_iter=2, guard=None)}, curves=True,
        **{**QUICK, "forget": ["fraction:0.1"] * 2, "n_oracles": 2}, sequential=True,
    )  # fmt: skip
    first, second = (report.model(name, "tune")["curve"] for name in report.scenarios)
    assert first["epochs"] == second["epochs"] == [0, 1, 2, 3]
    # the second begins where the first has ended, and is judged beside other oracles
    assert (
        first["gaps"]["accuracy_retain"]["value"][0]
        != second["gaps"]["accuracy_retain"]["value"][0]
    )


def test_a_kept_model_that_nobody_followed_is_not_taken_for_one_that_was(tmp_path):
    how = {"mechanisms": {"tune": FineTune(max_iter=1)}, "memory": tmp_path, **QUICK}
    audit(qnn(), X, Y, **how)
    report = audit(qnn(), X, Y, curves=True, **how)
    assert report.model("fraction:0.1", "tune")["curve"]["n_models"] >= 2


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        ShardedClassifier(LogisticRegression(), n_shards=2),
        UnlearningClassifier(LogisticRegression()),
    ],
    ids=["no unlearn", "no epochs", "refits another"],
)
def test_a_model_that_shows_no_epochs_is_refused(model):
    with pytest.raises(ValueError, match="needs a classifier whose unlearn takes watch"):
        audit(model, X, Y, curves=True, **QUICK)
    with pytest.raises(ValueError, match="curves='yes' must be True or False"):
        audit(qnn(), X, Y, curves="yes", **QUICK)


def test_answers_of_epochs_take_no_rows_along(followed):
    """What travels between processes, and into a folder of kept models."""
    import pickle

    from skqmu.audit._epochs import Course

    class Rows:
        X, X_test = X, X[:5] + 1

    model = qnn().fit(X, Y)
    course = Course(Rows, model)
    course(0, model)
    text = pickle.dumps(course)
    assert len(pickle.loads(text).answers[0]) == 155
    assert np.ascontiguousarray(X[7]).tobytes() not in text
