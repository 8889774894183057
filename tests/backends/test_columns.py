"""Circuits with one number an angle: equal to the original, with the right frequencies.

This file looks inside.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import (
    CPhaseGate,
    CRXGate,
    CUGate,
    PhaseGate,
    RGate,
    RXGate,
    RYGate,
    RZZGate,
    UGate,
    XXPlusYYGate,
)
from qiskit.quantum_info import Statevector

from skqmu.backends.sampled._columns import ColumnCircuit, circuit_frequencies
from skqmu.backends.sampled._state_tree import state_tree, tree_angles
from skqmu.backends.sampled._translate import NATIVE_GATES, translate
from skqmu.circuits import build_circuit
from skqmu.exceptions import CircuitError


def _same_state(columns, circuit, binding, inputs, weights):
    values, _ = columns.evaluate(inputs[None], weights)
    bound = columns.bind(values)[0]
    rewritten = columns.circuit.assign_parameters(dict(zip(columns.parameters, bound, strict=True)))
    for candidate in (rewritten, translate(rewritten, NATIVE_GATES)):
        overlap = Statevector(candidate).inner(Statevector(circuit.assign_parameters(binding)))
        assert abs(overlap) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("encoding", ["angle", "angle_xyz", "iqp", "amplitude"])
@pytest.mark.parametrize("ansatz", ["strong", "rotations_cz", "real_amplitudes", "efficient_su2"])
def test_library_circuits_are_unchanged_by_the_rewriting(encoding, ansatz):
    rng = np.random.default_rng(0)
    qnn = build_circuit(encoding, ansatz, n_features=4, n_qubits=3, n_layers=2)
    columns = ColumnCircuit(qnn.circuit, qnn.inputs, qnn.weights)
    x, w = rng.normal(size=4), rng.normal(size=len(qnn.weights))
    binding = {
        **dict(zip(qnn.inputs, x, strict=True)),
        **dict(zip(qnn.weights, w, strict=True)),
    }
    _same_state(columns, qnn.circuit, binding, x, w)


def test_controlled_annotated_nested_and_open_controls_are_unchanged():
    w, x = ParameterVector("w", 5), ParameterVector("x", 2)
    inner = QuantumCircuit(2)
    inner.rx(w[0] * x[0], 0)
    inner.crz(w[1], 0, 1)
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.append(inner.to_gate(), [2, 0])
    circuit.append(RXGate(w[2]).control(2, annotated=False), [0, 1, 2])
    circuit.append(RYGate(w[3]).control(2, ctrl_state=1, annotated=False), [2, 1, 0])
    circuit.append(PhaseGate(x[1].sin() + w[4]).control(1, annotated=True), [1, 2])
    circuit.append(UGate(w[0], 0.3, w[1]).control(1, annotated=False), [0, 2])
    circuit.barrier()
    circuit.ccx(0, 1, 2)
    columns = ColumnCircuit(circuit, x, w)
    values = np.random.default_rng(1).normal(size=7)
    binding = {x: values[:2], w: values[2:]}
    _same_state(columns, circuit, binding, values[:2], values[2:])


@pytest.mark.parametrize(
    ("gate", "n_parameters", "expected"),
    [
        (RXGate, 1, [(1.0,)]),
        (RZZGate, 1, [(1.0,)]),
        (UGate, 3, [(1.0,)] * 3),
        (CRXGate, 1, [(0.5, 1.0)]),
        (CPhaseGate, 1, [(1.0,)]),
        (CUGate, 4, [(0.5, 1.0), (1.0,), (1.0,), (1.0,)]),
        (RGate, 2, [(1.0,), (1.0, 2.0)]),
        (XXPlusYYGate, 2, [(0.5, 1.0), (1.0, 2.0)]),
    ],
)
def test_frequencies_follow_from_the_gate(gate, n_parameters, expected):
    angles = [Parameter(f"t{i}") for i in range(n_parameters)]
    operation = gate(*angles)
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.append(operation, range(operation.num_qubits))
    assert circuit_frequencies(circuit, angles) == expected


def test_a_parameter_of_two_gates_has_the_sums_of_their_frequencies():
    angle = Parameter("t")
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    circuit.ry(angle / 2, 0)
    assert circuit_frequencies(circuit, [angle]) == [(0.5, 1.0, 1.5)]


def test_frequencies_of_what_is_not_affine_are_refused():
    angle = Parameter("t")
    circuit = QuantumCircuit(1)
    circuit.rx(angle.sin(), 0)
    with pytest.raises(CircuitError, match="not affine"):
        circuit_frequencies(circuit, [angle])


def test_measurements_inside_are_refused_by_name():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with pytest.raises(CircuitError, match="measure"):
        ColumnCircuit(circuit, [], [])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10_000), st.floats(0.0, 0.9))
def test_state_trees_prepare_any_real_state_up_to_its_norm(n_qubits, seed, sparsity):
    rng = np.random.default_rng(seed)
    amplitudes = rng.normal(size=2**n_qubits) * 10 ** rng.uniform(-5, 5)
    amplitudes[rng.random(2**n_qubits) < sparsity] = 0.0
    amplitudes[rng.integers(2**n_qubits)] -= 1.0
    prepared = Statevector(state_tree(list(tree_angles(amplitudes, n_qubits)))).data
    np.testing.assert_allclose(prepared, amplitudes / np.linalg.norm(amplitudes), atol=1e-12)


def test_rows_of_zeros_have_no_amplitude_encoding():
    qnn = build_circuit("amplitude", "strong", n_features=3, n_qubits=2)
    columns = ColumnCircuit(qnn.circuit, qnn.inputs, qnn.weights)
    X = np.ones((3, 3))
    X[1] = 0.0
    values, _ = columns.evaluate(X, np.zeros(len(qnn.weights)))
    with pytest.raises(ValueError, match="rows of zeros: row 1;"):
        columns.bind(values)
