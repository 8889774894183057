"""An audit of a privately trained model shows its promise beside what attacks find."""

import json

import pytest
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import scale

from skqmu import QNNClassifier, audit
from skqmu.audit import AuditReport
from skqmu.metrics import attack_limits

pytest.importorskip("dp_accounting")

from skqmu.privacy import DifferentialPrivacy

X, Y = load_iris(return_X_y=True)
X = scale(X)
FEW = {"attacks": "loss", "n_oracles": 2, "random_state": 0}


@pytest.fixture(scope="module")
def report():
    privacy = DifferentialPrivacy(2.0, classes=[0, 1, 2])
    small = {"n_qubits": 2, "n_layers": 1, "observables": "z", "max_iter": 2, "random_state": 0}
    clf = QNNClassifier(privacy=privacy, unlearning="private_by_training", **small)
    return audit(clf, X, Y, forget="fraction:0.02", **FEW)


def test_every_private_model_has_its_promise_and_the_page_shows_both(report):
    (scenario,) = report.data["scenarios"]
    for model in scenario["models"]:
        promise = model["promise"]
        # the retrained model has spent two private fits
        n_fits = 1 + (model["name"] == "retrain")
        assert (promise["epsilon"] == pytest.approx(2.0, abs=1e-2)) == (n_fits == 1)
        limits = attack_limits(promise["epsilon"], promise["delta"])
        assert {name: promise[name] for name in limits} == limits
    assert [m["name"] for m in scenario["models"] if m["role"] == "mechanism"] == [
        "retrain",
        "default",
    ]
    assert sum("has promised that no row shows" in note for note in report.data["notes"]) == 2
    page = report.to_html()
    assert "What private training promises" in page
    assert f"{attack_limits(2.0, 1e-5)['auc']:.2f}" in page
    assert AuditReport.from_json(json.dumps(report.data)).data == report.data


def test_other_models_promise_nothing():
    plain = audit(GaussianNB(), X, Y, forget="fraction:0.1", **FEW)
    assert all("promise" not in model for model in plain.data["scenarios"][0]["models"])
    assert "What private training promises" not in plain.to_html()


def test_what_the_model_does_by_itself_is_among_the_default_mechanisms():
    small = {"n_qubits": 2, "n_layers": 1, "max_iter": 2, "random_state": 0}
    clf = QNNClassifier(unlearning="scrub", **small)
    few = slice(None, None, 2)
    (scenario,) = audit(clf, X[few], Y[few], forget="fraction:0.1", **FEW).data["scenarios"]
    names = [m["name"] for m in scenario["models"] if m["role"] == "mechanism"]
    assert names == ["retrain", "gradient_ascent", "label_complement", "default"]
