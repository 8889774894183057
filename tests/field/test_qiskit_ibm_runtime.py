"""Wishes that users of qiskit-ibm-runtime reported, granted here or told how; on fakes."""

import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, Qubit
from qiskit.quantum_info import SparsePauliOp

from skqmu import QNNClassifier
from skqmu.backends import AerBackend, RuntimeBackend
from skqmu.exceptions import BackendError, BudgetExceededError

pytest.importorskip("qiskit_ibm_runtime")


def fake(**more):
    return RuntimeBackend("fake_manila", **{"shots": 400, "seed": 0, **more})


def values_of(backend, circuit, observables, weights=(), numbers=()):
    executable = backend.compile(circuit, observables, inputs=[], weights=weights)
    return executable.expectations(np.zeros((1, 0)), np.asarray(numbers, dtype=float))[0]


def flipped(n_qubits, flips):
    circuit = QuantumCircuit(n_qubits)
    for qubit in flips:
        circuit.x(qubit)
    return circuit


# Qiskit/qiskit-ibm-runtime#1723
@pytest.mark.parametrize("mode", ["job", "batch", "session"])
def test_every_mode_runs_on_a_fake(mode):
    found = values_of(fake(mode=mode), flipped(1, [0]), [SparsePauliOp("Z")])
    assert found[0] < -0.8


# Qiskit/qiskit-ibm-runtime#649
def test_each_qubit_of_two_is_read_as_well_as_both():
    words = [SparsePauliOp(word) for word in ("IZ", "ZI", "ZZ")]
    found = values_of(fake(), flipped(2, [0]), words)
    np.testing.assert_allclose(found, [-1, 1, -1], atol=0.2)


# Qiskit/qiskit-ibm-runtime#615
def test_qubits_without_a_register_run():
    circuit = QuantumCircuit([Qubit(), Qubit()])
    circuit.x(1)
    found = values_of(fake(), circuit, [SparsePauliOp("ZI")])
    assert found[0] < -0.8


# Qiskit/qiskit-ibm-runtime#229
def test_numbers_of_another_length_are_refused_though_others_ran_before():
    w = Parameter("w")
    circuit = QuantumCircuit(1)
    circuit.ry(w, 0)
    executable = fake().compile(circuit, [SparsePauliOp("Z")], inputs=[], weights=[w])
    executable.expectations(np.zeros((1, 0)), np.array([0.0]))
    with pytest.raises(ValueError, match=r"weights must have shape \(1,\); got \(2,\)"):
        executable.expectations(np.zeros((1, 0)), np.array([0.0, 1.0]))


# Qiskit/qiskit-ibm-runtime#3024
def test_numbers_go_to_parameters_in_the_order_in_which_these_were_named():
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2)
    circuit.ry(a, 0)
    circuit.ry(b, 1)
    words = [SparsePauliOp("IZ"), SparsePauliOp("ZI")]
    for order, numbers in (([a, b], [np.pi, 0.0]), ([b, a], [0.0, np.pi])):
        found = values_of(fake(), circuit, words, order, numbers)
        np.testing.assert_allclose(found, [-1, 1], atol=0.2)


# Qiskit/qiskit-ibm-runtime#338
@pytest.mark.parametrize("level", [0, 3])
def test_observables_follow_the_qubits_that_the_transpiler_moves(level):
    circuit = flipped(4, [1, 2])
    circuit.cx(0, 3)
    words = [SparsePauliOp(word) for word in ("IIIZ", "IIZI", "IZII", "ZIII")]
    found = values_of(fake(optimization_level=level), circuit, words)
    np.testing.assert_allclose(found, [1, -1, -1, 1], atol=0.35)


# Qiskit/qiskit-ibm-runtime#642
def test_what_trains_on_a_simulator_trains_on_a_device_s_fake(two_classes):
    X, y = two_classes
    settings = {"n_qubits": 2, "n_layers": 1, "max_iter": 2, "random_state": 0}
    backend = fake(shots=32, gradient="spsa")
    model = QNNClassifier(backend=backend, batch_size=8, **settings).fit(X[:8], y[:8])
    assert model.fit_cost_["shots"] > 0
    exact = model.predict_proba(X)
    model.set_params(backend=AerBackend())
    assert model.predict_proba(X).shape == exact.shape


# Qiskit/qiskit-ibm-runtime#2201
def test_a_device_that_there_is_not_is_told_from_one_that_cannot_be_reached():
    with pytest.raises(ValueError, match="fake_manila"):
        values_of(RuntimeBackend("fake_manilla"), QuantumCircuit(1), [SparsePauliOp("Z")])


# Qiskit/qiskit-ibm-runtime#1518
def test_without_an_account_the_way_to_one_is_named(tmp_path, monkeypatch):
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_IBM_CHANNEL", "QISKIT_IBM_INSTANCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(BackendError, match=r"account"):
        values_of(
            RuntimeBackend("ibm_torino", account="nobody", max_retries=0),
            QuantumCircuit(1),
            [SparsePauliOp("Z")],
        )


# Qiskit/qiskit-ibm-runtime#682
def test_a_program_that_is_run_again_takes_the_jobs_that_are_done(tmp_path, two_classes):
    X, y = two_classes
    settings = {"n_qubits": 2, "n_layers": 1, "max_iter": 1, "random_state": 0}
    costs = []
    for _ in range(2):
        backend = fake(shots=16, gradient="spsa", checkpoint_dir=tmp_path)
        model = QNNClassifier(backend=backend, **settings).fit(X[:6], y[:6])
        costs.append(model.params_)
    np.testing.assert_array_equal(*costs)
    assert list(tmp_path.iterdir())


# Qiskit/qiskit-ibm-runtime#708
def test_a_budget_ends_a_training_that_would_go_on(two_classes):
    X, y = two_classes
    backend = fake(shots=16, gradient="spsa", budget={"shots": 500})
    model = QNNClassifier(n_qubits=2, n_layers=1, max_iter=50, random_state=0, backend=backend)
    with pytest.raises(BudgetExceededError, match="shots"):
        model.fit(X, y)


# Qiskit/documentation#1125
def test_mitigation_that_a_fake_leaves_out_is_said_to_be_left_out():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        values_of(fake(resilience=1), flipped(1, []), [SparsePauliOp("Z")])
    told = [str(each.message) for each in caught]
    assert any("resilience" in text or "mitigation" in text for text in told)
