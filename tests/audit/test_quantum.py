"""Audits of this package's own classifiers, which the audit knows by their public methods only."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.tree import DecisionTreeClassifier

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu.audit import audit
from skqmu.unlearning import LabelComplement

X, Y = load_iris(return_X_y=True)
X = scale(X)
QUICK = {"attacks": "loss", "n_oracles": 2, "random_state": 0}


def test_a_qnn_goes_through_every_default_mechanism_and_counts_what_it_spends():
    model = QNNClassifier(max_iter=30)
    report = audit(model, X, Y, forget="class:2", **QUICK)
    names = [entry["name"] for entry in report["class:2"]["models"] if entry["role"] != "oracle"]
    assert names == ["original", "retrain", "gradient_ascent", "label_complement"]
    for entry in report["class:2"]["models"]:
        assert entry["status"] == "ok"
        assert entry["cost"]["gradient_rows"] > 0
        assert entry["cost"]["seconds"] > 0
    kinds = {entry["name"]: entry["kind"] for entry in report["class:2"]["models"]}
    assert kinds["retrain"] == "exact"
    assert kinds["gradient_ascent"] == "approximate"
    # an ascent's stop rule tells why it ended; the report passes it on
    assert any("ended by" in note for note in report.model("class:2", "gradient_ascent")["notes"])


@pytest.mark.slow
def test_stop_rules_get_held_out_rows_that_no_attack_is_judged_on():
    report = audit(QNNClassifier(max_iter=20), X, Y, forget="fraction:0.2",
                   mechanisms="gradient_ascent", **QUICK)  # fmt: skip
    notes = " ".join(report.model("fraction:0.2", "gradient_ascent")["notes"])
    assert "no held-out records" not in notes
    assert report.data["settings"]["n_reference"] == 9
    without = audit(QNNClassifier(max_iter=20), X, Y, forget="fraction:0.2", reference_size=0,
                    mechanisms="gradient_ascent", **QUICK)  # fmt: skip
    notes = " ".join(without.model("fraction:0.2", "gradient_ascent")["notes"])
    assert "no held-out records" in notes


def test_strategy_objects_are_named_by_what_they_are():
    report = audit(QNNClassifier(max_iter=10), X, Y, forget="class:0",
                   mechanisms=[LabelComplement(beta=0.5), "retrain"], **QUICK)  # fmt: skip
    assert report.data["settings"]["mechanisms"] == ["LabelComplement(beta=0.5)", "retrain"]


def test_rows_that_the_classifier_does_not_keep_are_handed_to_it():
    model = QNNClassifier(max_iter=10, store_data="none")
    report = audit(model, X, Y, forget="class:0", mechanisms="label_complement", **QUICK)
    assert report.model("class:0", "label_complement")["status"] == "ok"


def test_a_pipeline_with_a_qnn_forgets_a_whole_class_through_its_scaler():
    pipeline = make_pipeline(StandardScaler(), QNNClassifier(max_iter=30))
    report = audit(pipeline, X, Y, forget="class:0", mechanisms="retrain", **QUICK)
    entry = report.model("class:0", "retrain")
    assert entry["accuracy"]["forget"]["value"] == 0
    assert "standardscaler" in entry["notes"][0]
    # oracles know of the class by name: no structural zero, which would be a loss of 20.7
    assert report.model("class:0", "oracle 1")["loss"]["forget"]["value"] < 20


@pytest.mark.parametrize(
    "model",
    [
        ShardedClassifier(DecisionTreeClassifier(), n_shards=3),
        UnlearningClassifier(QNNClassifier(max_iter=10), LabelComplement()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_meta_estimators_forget_their_own_way(model):
    report = audit(model, X, Y, forget="fraction:0.2", **QUICK)
    (name,) = report.data["settings"]["mechanisms"]
    assert report.model("fraction:0.2", name)["status"] == "ok"
    assert np.isfinite(report.attack("fraction:0.2", name, "loss").auc)
