"""A dry run tells what the audit then spends."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier
from skqmu.audit import audit
from skqmu.backends import AerBackend, PrimitiveExecutable, Spent
from skqmu.unlearning import FineTune

pytest.importorskip("qiskit_aer")


@pytest.mark.parametrize(
    ("attacks", "forget"),
    [
        ("loss", "fraction:0.2"),
        ("loss", "vulnerable:8"),
        (("confidence", "lira"), "fraction:0.2"),
        (("rmia", "shadow_model", "qnn_output"), "fraction:0.2"),
        ("loss", ["corrupt:feature_noise:0.3", "fraction:0.2"]),
        (("loss", "lira"), "corrupt:label_flip:0.3:known=0.5"),
    ],
    ids=str,
)
def test_the_circuits_that_a_dry_run_tells_are_those_that_the_audit_runs(
    monkeypatch, attacks, forget
):
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.arange(40) % 2
    clf = QNNClassifier(
        n_qubits=2, n_layers=1, max_iter=2, tol=0.0,
        backend=AerBackend(shots=16, gradient="spsa"),
    )  # fmt: skip
    options = {
        "forget": forget, "attacks": attacks, "n_oracles": 2, "n_shadows": 4,
        "mechanisms": ["retrain", FineTune(max_iter=2, guard=None)], "random_state": 0,
    }  # fmt: skip
    costs = audit(clf, X, y, dry_run=True, **options)["cost"]
    spent, add = dict.fromkeys(costs["total"], 0), Spent.add
    pretend, unrun = PrimitiveExecutable.pretend, []

    def pretended(self):
        unrun.append(self.spent)
        pretend(self)

    def added(self, **amounts):
        add(self, **amounts)
        if any(self is other for other in unrun):
            return  # the audit's own rehearsal: nothing was run
        for name, amount in amounts.items():
            spent[name] += amount

    monkeypatch.setattr(Spent, "add", added)
    monkeypatch.setattr(PrimitiveExecutable, "pretend", pretended)
    audit(clf, X, y, **options)
    assert spent == costs["total"]
    for name in spent:
        assert sum(cost[name] for part, cost in costs.items() if part != "total") == spent[name]


def test_a_pipeline_costs_what_its_classifier_costs_on_what_reaches_it():
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = np.arange(40) % 2
    # Learned scales would cost by the number of features, which is another after the PCA.
    circuit = {"n_qubits": 2, "n_layers": 1, "input_scale": 1.0}
    clf = QNNClassifier(**circuit, max_iter=2, backend=AerBackend(shots=16))
    options = {
        "forget": "fraction:0.2", "attacks": "lira", "n_oracles": 2, "n_shadows": 4,
        "mechanisms": ["retrain", FineTune(max_iter=2)], "random_state": 0, "dry_run": True,
    }  # fmt: skip
    alone = audit(clf, X, y, **options)
    piped = audit(make_pipeline(StandardScaler(), PCA(2), clf), X, y, **options)
    assert piped == alone
    assert piped["cost"]["total"]["shots"] > 0
    assert "cost" not in audit(clf, X, y, **{**options, "dry_run": "count"})
    assert "cost" not in audit(make_pipeline(PCA(2), GaussianNB()), X, y, forget="fraction:0.2",
                               attacks="loss", dry_run=True)  # fmt: skip
