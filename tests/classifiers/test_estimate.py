"""Costs that are told beforehand are those that are met."""

import numpy as np
import pytest

from skqmu import QNNClassifier
from skqmu.backends import AerBackend, RuntimeBackend

pytest.importorskip("qiskit_aer")

X = np.random.default_rng(0).normal(size=(21, 2))
Y = np.arange(21) % 3


def small(backend, **params):
    fixed = {"n_qubits": 2, "n_layers": 1, "max_iter": 4, "tol": 0.0, "n_iter_no_change": 9}
    return QNNClassifier(backend=backend, random_state=0, **{**fixed, **params})


@pytest.mark.parametrize(
    "params",
    [{}, {"batch_size": 8}, {"early_stopping": True}, {"max_iter": 1}, {"observables": "zz"}],
    ids=str,
)
@pytest.mark.parametrize(
    "backend",
    ["statevector", AerBackend(), AerBackend(shots=16), AerBackend(shots=16, gradient="spsa")],
    ids=str,
)
def test_the_estimate_of_a_fit_is_what_the_fit_spends(backend, params):
    clf = small(backend, **params)
    before = dict(vars(clf))
    cost = clf.estimate_cost(X, Y)
    assert vars(clf) == before
    fitted = clf.fit(X, Y)
    assert {name: cost[name] for name in fitted.fit_cost_} == fitted.fit_cost_
    assert cost["qpu_seconds"] == 0


def test_a_device_is_estimated_with_depth_gates_and_seconds():
    pytest.importorskip("qiskit_ibm_runtime")
    clf = small(RuntimeBackend("fake_manila", shots=16, gradient="spsa"), max_iter=2)
    cost = clf.estimate_cost(X, Y)
    fitted = clf.fit(X, Y)
    spent = fitted._network().executables[0].spent
    assert {name: cost[name] for name in fitted.fit_cost_} == fitted.fit_cost_
    assert (cost["jobs"], cost["pubs"]) == (spent.jobs, spent.pubs)
    assert cost["qpu_seconds"] == pytest.approx(spent.qpu_seconds)
    assert cost["qpu_seconds"] > 2 * cost["jobs"]
    assert cost["depth"] > 3
    assert cost["two_qubit_gates"] >= 1


def test_a_prediction_is_estimated_and_not_counted_as_a_query():
    clf = small(AerBackend(shots=16)).fit(X, Y)
    cost = clf.estimate_cost(X, method="predict")
    assert (cost["circuits"], cost["shots"], cost["jobs"]) == (21, 21 * 16, 1)
    assert clf.query_report()["n_calls"] == 0
    with pytest.raises(ValueError, match="labels"):
        clf.estimate_cost(X)
