"""Costs that are told beforehand are those that are met."""

import warnings

import numpy as np
import pytest

from skqmu import QNNClassifier
from skqmu.backends import AerBackend, Budget, RuntimeBackend
from skqmu.exceptions import UnlearningWarning
from skqmu.unlearning import (
    Composite,
    FineTune,
    GradientAscent,
    LabelComplement,
    LastLayersFineTune,
    SelectiveDampening,
)

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


def test_a_circuit_that_stays_as_it_is_costs_no_gradient():
    backend = AerBackend(shots=16)
    clf = small(backend, trainable="head", max_iter=2).fit(X, Y)
    assert clf.fit_cost_["circuits"] == 2 * len(X) == clf.estimate_cost(X, Y)["circuits"]
    clf = small(backend, max_iter=2).fit(X, Y)
    clf.unlearn(X[:2], strategy=LastLayersFineTune(max_iter=2, guard=None))
    assert clf.unlearning_log_[-1]["cost"]["circuits"] == 2 * (len(X) - 2)


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


REFERENCE = {"X_reference": X[:6] + 0.5, "y_reference": Y[:6]}


def deleted(clf, forget, strategy, **request):
    """What a real deletion spent, by its log and by the executable."""
    clf.fit(X, Y)
    (executable,) = clf._network().executables
    jobs, pubs = executable.spent.jobs, executable.spent.pubs
    rows = {"index": forget}
    if clf.store_data == "none":
        stays = np.setdiff1d(np.arange(len(X)), forget)
        rows = {"X_forget": X[forget], "y_forget": Y[forget]}
        rows.update(X_retain=X[stays], y_retain=Y[stays])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        entry = clf.unlearn(**rows, strategy=strategy, **request).unlearning_log_[-1]
    spent = {name: entry["cost"][name] + entry["measuring_cost"][name] for name in entry["cost"]}
    return {**spent, "jobs": executable.spent.jobs - jobs, "pubs": executable.spent.pubs - pubs}


@pytest.mark.parametrize("gradient", ["parameter_shift", "spsa"])
@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        ("retrain", {}),
        ("retrain", {"early_stopping": True}),
        (FineTune(guard=None), {"store_data": "none"}),
        (SelectiveDampening(guard=None), {}),
        (GradientAscent(max_iter=3, stop=None, guard=None), {"batch_size": 8}),
        (Composite([LabelComplement(max_iter=2, stop=None), FineTune(max_iter=2)], guard=None), {}),
    ],
    ids=str,
)
def test_the_estimate_of_a_deletion_of_known_length_is_what_it_spends(strategy, params, gradient):
    clf = small(AerBackend(shots=16, gradient=gradient), **params)
    before = dict(vars(clf))
    forget = np.array([2, 5, 7])
    cost = clf.estimate_cost(X, Y, method="unlearn", forget=forget, strategy=strategy)
    assert vars(clf) == before
    assert cost["circuits"] > 0
    spent = deleted(clf, forget, strategy)
    assert {name: cost[name] for name in spent} == spent


@pytest.mark.parametrize("forget", [np.array([2, 5, 7]), Y == 1], ids=["rows", "class"])
@pytest.mark.parametrize("rate", [1e-4, 0.05, 3.0])
@pytest.mark.parametrize("kind", [GradientAscent, LabelComplement])
def test_a_deletion_with_a_stop_rule_spends_no_more_than_was_told(kind, rate, forget):
    clf = small(AerBackend(shots=16, gradient="spsa"))
    strategy = kind(max_iter=4, learning_rate_init=rate)
    request = {"strategy": strategy, **REFERENCE}
    cost = clf.estimate_cost(X, Y, method="unlearn", forget=forget, **request)
    spent = deleted(clf, np.arange(len(X))[forget], **request)
    assert all(cost[name] >= value for name, value in spent.items())


@pytest.mark.parametrize("rate", [0.01, 3.0, 30.0])
def test_a_fit_whose_angles_saturate_is_counted_for_every_row(rate):
    clf = small(AerBackend(shots=16, gradient="spsa"), learning_rate_init=rate, max_iter=6)
    cost = clf.estimate_cost(X, Y)
    # A pass forward and, by SPSA, two more for the gradient, of each row in each epoch.
    assert cost["circuits"] == 6 * 3 * len(X)
    spent = clf.fit(X, Y).fit_cost_
    assert all(cost[name] >= value for name, value in spent.items())


def test_copies_of_rows_are_counted_though_they_share_circuits():
    clf = small(AerBackend(shots=16, gradient="spsa"))
    rows, labels = np.concatenate([X, X[:7]]), np.concatenate([Y, Y[:7]])
    cost = clf.estimate_cost(rows, labels)
    spent = clf.fit(rows, labels).fit_cost_
    assert spent["shots"] < cost["shots"] == 4 * 3 * 16 * len(rows)


@pytest.mark.parametrize("rate", [1e-4, 3.0])
@pytest.mark.parametrize("name", ["gradient_ascent", "fine_tune", "selective_dampening"])
def test_a_guarded_deletion_spends_no_more_than_was_told(name, rate):
    clf = small(AerBackend(shots=16, gradient="spsa"), max_iter=5)
    strategy = {
        "gradient_ascent": GradientAscent(max_iter=3, learning_rate_init=rate),
        "fine_tune": FineTune(max_iter=10, learning_rate_init=rate),
        "selective_dampening": SelectiveDampening(quantile=0.1),
    }[name]
    cost = clf.estimate_cost(X, Y, method="unlearn", forget=[2, 5, 7], strategy=strategy)
    spent = deleted(clf, np.array([2, 5, 7]), strategy)
    assert all(cost[name] >= value for name, value in spent.items())


def test_an_estimate_is_taken_from_no_budget_and_touches_no_fitted_state():
    clf = small(AerBackend(shots=16)).fit(X, Y)
    params, log = clf.params_, clf.unlearning_log_
    with Budget(shots=1).enforced():
        clf.estimate_cost(X, Y)
        clf.estimate_cost(X, Y, method="unlearn", forget=[0])
    assert clf.params_ is params
    assert clf.unlearning_log_ is log
    assert clf.is_member(X[:1]).all()


def test_a_deletion_is_estimated_with_its_rows_only():
    clf = small(AerBackend(shots=16))
    with pytest.raises(ValueError, match="rows of X to forget"):
        clf.estimate_cost(X, Y, method="unlearn")
    with pytest.raises(ValueError, match="method='unlearn'"):
        clf.estimate_cost(X, Y, forget=[0])


def test_a_prediction_is_estimated_before_there_is_a_model():
    cost = small(AerBackend(shots=16)).estimate_cost(X, Y, method="predict")
    assert (cost["circuits"], cost["shots"], cost["jobs"]) == (21, 21 * 16, 1)
