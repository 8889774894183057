"""The circuit of Study S (arXiv 2509.06086), gate by gate in qiskit, against the compiler."""

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables

QUBITS = 8


def by_qiskit(row, weights, n_layers, entangled):
    """<Z> of each qubit after layers of U3 on each qubit and a ring of CNOT."""
    circuit = QuantumCircuit(QUBITS)
    for angles in weights.reshape(n_layers, QUBITS, 3):
        for qubit in range(QUBITS):
            circuit.u(*angles[qubit], qubit)
        if entangled:
            for qubit in range(QUBITS):
                circuit.cx(qubit, (qubit + 1) % QUBITS)
    amplitudes = np.zeros(2**QUBITS)
    amplitudes[: len(row)] = row / np.linalg.norm(row)
    state = Statevector(amplitudes).evolve(circuit)
    return [
        state.expectation_value(SparsePauliOp.from_sparse_list([("Z", [q], 1)], QUBITS)).real
        for q in range(QUBITS)
    ]


@pytest.mark.parametrize("n_features", [256, 200])
@pytest.mark.parametrize(("n_layers", "entangled"), [(1, True), (5, True), (10, True), (5, False)])
def test_study_s_circuit_equals_qiskits_statevector(n_layers, entangled, n_features):
    rng = np.random.default_rng(n_layers)
    qnn = build_circuit(
        "amplitude",
        "strong",
        n_features=n_features,
        n_qubits=QUBITS,
        n_layers=n_layers,
        entanglement="ring" if entangled else "none",
    )
    assert len(qnn.weights) == 24 * n_layers
    rows = rng.normal(size=(4, n_features))  # of both signs, as a PCA gives
    weights = rng.uniform(-np.pi, np.pi, len(qnn.weights))
    executable = StatevectorBackend().compile(
        qnn.circuit, z_observables(QUBITS), inputs=qnn.inputs, weights=qnn.weights
    )
    expected = [by_qiskit(row, weights, n_layers, entangled) for row in rows]
    np.testing.assert_allclose(executable.expectations(rows, weights), expected, atol=1e-10)
