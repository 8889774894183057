"""Wishes that users of qiskit-aer reported, granted here or told how."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_aer.noise import NoiseModel, depolarizing_error
from sklearn.model_selection import cross_val_score

from skqmu import QNNClassifier
from skqmu.backends import AerBackend, StatevectorBackend
from skqmu.exceptions import BackendError, CircuitError

EXACT = [StatevectorBackend(), AerBackend()]


def entangled(n_qubits=4):
    """A layered circuit of n qubits, and its parameters."""
    weights = ParameterVector("w", 2 * n_qubits)
    circuit = QuantumCircuit(n_qubits)
    for layer in range(2):
        for qubit in range(n_qubits):
            circuit.ry(weights[layer * n_qubits + qubit], qubit)
        for qubit in range(n_qubits - 1):
            circuit.cz(qubit, qubit + 1)
    return circuit, weights


def values_of(backend, circuit, observables, weights=(), numbers=(), n_rows=1):
    executable = backend.compile(circuit, observables, inputs=[], weights=weights)
    return executable.expectations(np.zeros((n_rows, 0)), np.asarray(numbers, dtype=float))


def one_coin():
    """A circuit whose <Z> is 0: a fair coin."""
    w = Parameter("w")
    circuit = QuantumCircuit(1)
    circuit.ry(w, 0)
    return circuit, [w], [np.pi / 2]


# Qiskit/qiskit-aer#2019
def test_terms_that_are_measured_together_give_the_values_of_each():
    circuit, weights = entangled()
    numbers = np.linspace(0.2, 1.1, 8)
    terms = [SparsePauliOp(word) for word in ("ZZII", "IZZI", "XXII", "IIXX", "ZIIZ", "XIXI")]
    state = Statevector(circuit.assign_parameters(dict(zip(weights, numbers, strict=True))))
    expected = np.array([state.expectation_value(term).real for term in terms])
    for backend in EXACT:
        found = values_of(backend, circuit, terms, weights, numbers)[0]
        np.testing.assert_allclose(found, expected, atol=1e-9)
    sampled = values_of(AerBackend(shots=4000, seed=0), circuit, terms, weights, numbers)[0]
    assert np.abs(sampled - expected).max() < 5 / np.sqrt(4000)
    assert np.abs(sampled - expected).max() > 0


# Qiskit/qiskit-aer#1773
@pytest.mark.parametrize("backend", EXACT, ids=["statevector", "aer"])
def test_a_parameter_that_nobody_binds_is_an_error(backend):
    circuit, weights = entangled()
    with pytest.raises(ValueError, match=r"w\[7\]"):
        backend.compile(circuit, [SparsePauliOp("IIIZ")], inputs=[], weights=list(weights)[:7])


# Qiskit/qiskit-aer#1837
@pytest.mark.parametrize("backend", EXACT, ids=["statevector", "aer"])
def test_an_energy_is_the_state_vector_s(backend):
    circuit, weights = entangled(2)
    numbers = [0.3, -1.2, 2.0, 0.7]
    energy = SparsePauliOp(["II", "IZ", "ZI", "ZZ", "XX"], [-1.05, 0.39, -0.39, -0.01, 0.18])
    state = Statevector(circuit.assign_parameters(dict(zip(weights, numbers, strict=True))))
    found = values_of(backend, circuit, [energy], weights, numbers)[0, 0]
    np.testing.assert_allclose(found, state.expectation_value(energy).real, atol=1e-9)


# Qiskit/qiskit-aer#1999
@pytest.mark.parametrize("backend", EXACT, ids=["statevector", "aer"])
def test_a_rotation_by_minus_half_a_turn_among_fixed_gates(backend):
    w = Parameter("w")
    circuit = QuantumCircuit(1)
    circuit.ry(w, 0)
    circuit.rz(0, 0)
    circuit.sx(0)
    circuit.rz(np.pi / 2, 0)
    circuit.sx(0)
    circuit.rz(0, 0)
    found = values_of(backend, circuit, [SparsePauliOp("Z")], [w], [-np.pi / 2])
    np.testing.assert_allclose(found, [[-1.0]], atol=1e-9)


# Qiskit/qiskit-aer#2442
@pytest.mark.parametrize("backend", EXACT, ids=["statevector", "aer"])
def test_idle_qubits_take_nothing_from_the_others(backend):
    circuit = QuantumCircuit(6)
    circuit.h(0)
    for target in (2, 3):
        circuit.cx(0, target)
    circuit.cx(2, 5)
    circuit.cx(3, 5)
    found = values_of(backend, circuit, [SparsePauliOp("ZIIIII"), SparsePauliOp("IIIIZZ")])
    np.testing.assert_allclose(found, [[1.0, 0.0]], atol=1e-9)


# Qiskit/qiskit-aer#895
@pytest.mark.parametrize("backend", [*EXACT, AerBackend(shots=4000, seed=1)])
def test_the_y_axis_is_measured_as_the_others(backend):
    words = [SparsePauliOp(word) for word in "XYZ"]
    ground = values_of(backend, QuantumCircuit(1), words)[0]
    tilted = QuantumCircuit(1)
    tilted.rx(-np.pi / 2, 0)
    up = values_of(backend, tilted, words)[0]
    tolerance = 1e-9 if backend.exact else 0.08
    np.testing.assert_allclose(ground, [0, 0, 1], atol=tolerance)
    np.testing.assert_allclose(up, [0, 1, 0], atol=tolerance)


# Qiskit/qiskit-aer#585
def test_a_seed_repeats_the_list_and_not_its_members():
    circuit, weights, numbers = one_coin()
    first, again = (
        values_of(
            AerBackend(shots=100, seed=5), circuit, [SparsePauliOp("Z")], weights, numbers, 20
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.unique(first).size > 5


# Qiskit/qiskit-metapackage#1586
def test_two_calls_do_not_repeat_each_other_s_noise():
    circuit, weights, numbers = one_coin()
    executable = AerBackend(shots=100, seed=5).compile(
        circuit, [SparsePauliOp("Z")], inputs=[], weights=weights
    )
    calls = [executable.expectations(np.zeros((20, 0)), np.array(numbers)) for _ in range(2)]
    assert np.abs(calls[0] - calls[1]).max() > 0.01


# Qiskit/qiskit-aer#1511
def test_noisy_rows_with_equal_numbers_are_drawn_apart():
    circuit, weights, numbers = one_coin()
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["ry"])
    backend = AerBackend(shots=64, noise_model=noise, seed=0)
    found = values_of(backend, circuit, [SparsePauliOp("Z")], weights, numbers, 30)
    assert np.unique(found).size > 5


# Qiskit/qiskit-aer#2379
def test_a_noise_model_lowers_what_it_should():
    w = Parameter("w")
    circuit = QuantumCircuit(1)
    circuit.ry(w, 0)
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), ["ry"])
    found = values_of(AerBackend(noise_model=noise), circuit, [SparsePauliOp("Z")], [w], [0.0])
    np.testing.assert_allclose(found, [[0.8]], atol=1e-9)


# Qiskit/qiskit-aer#425
@pytest.mark.slow
def test_worker_processes_simulate_after_this_one_has(two_classes):
    X, y = two_classes
    model = QNNClassifier(
        n_qubits=2, n_layers=1, max_iter=2, random_state=0, backend=AerBackend(shots=64)
    )
    model.fit(X, y)
    alone = cross_val_score(model, X, y, cv=2, n_jobs=1)
    np.testing.assert_array_equal(cross_val_score(model, X, y, cv=2, n_jobs=2), alone)


# Qiskit/qiskit-aer#2135
def test_a_classifier_on_aer_travels_with_its_noise(two_classes):
    import pickle

    X, y = two_classes
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["ry", "rx", "rz"])
    backend = AerBackend(shots=64, noise_model=noise)
    model = QNNClassifier(
        n_qubits=2, n_layers=1, max_iter=1, solver="spsa", random_state=0, backend=backend
    ).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))


# Qiskit/qiskit-aer#1491
def test_a_register_beyond_memory_is_refused_before_it_is_filled():
    circuit = QuantumCircuit(45)
    circuit.h(range(45))
    observable = SparsePauliOp("Z" + "I" * 44)
    with pytest.raises(CircuitError, match=r"45 qubits takes .* bytes.*use fewer qubits"):
        values_of(StatevectorBackend(), circuit, [observable])


# Qiskit/qiskit-aer#1240
@pytest.mark.xfail(strict=True, reason="a QiskitError of Aer's passes through")
def test_a_simulation_that_fails_is_a_backend_s_error():
    circuit = QuantumCircuit(45)
    circuit.h(range(45))
    with pytest.raises(BackendError, match="memory"):
        values_of(AerBackend(), circuit, [SparsePauliOp("Z" + "I" * 44)])


# Qiskit/qiskit-aer#1927
def test_a_method_that_cannot_serve_is_named_with_those_that_can():
    with pytest.raises(
        ValueError, match=r"extended_stabilizer.*use method='automatic', or set shots"
    ):
        values_of(AerBackend(method="extended_stabilizer"), QuantumCircuit(1), [SparsePauliOp("Z")])


# Qiskit/qiskit-aer#1916
def test_neighbouring_seeds_draw_apart():
    circuit, weights, numbers = one_coin()
    found = np.array([
        values_of(AerBackend(shots=100, seed=s), circuit, [SparsePauliOp("Z")], weights, numbers)[0]
        for s in range(60)
    ]).ravel()  # fmt: skip
    # standard deviation .1 of 100 coins; 60 draws of it
    assert 0.07 < found.std() < 0.13
    assert abs(found.mean()) < 0.06
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.4
