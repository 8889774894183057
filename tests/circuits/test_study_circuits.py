"""The circuits of Study H (arXiv 2512.19253), gate by gate in qiskit, against the compiler."""

from itertools import combinations

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables

# Pairs that a layer entangles, written down once more: a test must not ask what it tests.
PAIRS = {
    "none": lambda n: [],
    "linear": lambda n: [(q, q + 1) for q in range(n - 1)],
    "ring": lambda n: [(q, (q + 1) % n) for q in range(n)],
    "full": lambda n: list(combinations(range(n), 2)),
}
DEPTHS = (1, 2, 4, 6, 8)
# Every depth and entanglement on Iris' four qubits; those of the image networks on 8 and 10.
CASES = [(4, depth, name) for depth in DEPTHS for name in PAIRS]
CASES += [(n, 2, name) for n in (8, 10) for name in PAIRS]
CASES += [(n, depth, "ring") for n in (8, 10) for depth in DEPTHS if depth != 2]


def by_qiskit(row, weights, n_qubits, n_layers, entanglement):
    """<Z> of each qubit: RX, RY, RZ of a feature, then layers of RX, RY, RZ and CZ."""
    circuit = QuantumCircuit(n_qubits)
    for qubit, angle in enumerate(row):
        circuit.rx(angle, qubit)
        circuit.ry(angle, qubit)
        circuit.rz(angle, qubit)
    for layer in weights.reshape(n_layers, n_qubits, 3):
        for qubit, (a, b, c) in enumerate(layer):
            circuit.rx(a, qubit)
            circuit.ry(b, qubit)
            circuit.rz(c, qubit)
        for pair in PAIRS[entanglement](n_qubits):
            circuit.cz(*pair)
    state = Statevector(circuit)
    return [
        state.expectation_value(SparsePauliOp.from_sparse_list([("Z", [q], 1)], n_qubits)).real
        for q in range(n_qubits)
    ]


@pytest.mark.parametrize(("n_qubits", "n_layers", "entanglement"), CASES)
def test_study_h_circuit_equals_qiskits_statevector(n_qubits, n_layers, entanglement):
    rng = np.random.default_rng(n_qubits + n_layers)
    qnn = build_circuit(
        "angle_xyz",
        "rotations_cz",
        n_features=n_qubits,
        n_qubits=n_qubits,
        n_layers=n_layers,
        entanglement=entanglement,
    )
    assert len(qnn.weights) == 3 * n_qubits * n_layers
    rows = rng.uniform(-np.pi, np.pi, (3, n_qubits))
    weights = rng.uniform(-np.pi, np.pi, len(qnn.weights))
    expected = [by_qiskit(row, weights, n_qubits, n_layers, entanglement) for row in rows]
    for dtype, atol in (("complex128", 1e-10), ("complex64", 1e-5)):
        executable = StatevectorBackend(dtype=dtype).compile(
            qnn.circuit, z_observables(n_qubits), inputs=qnn.inputs, weights=qnn.weights
        )
        found = executable.expectations(rows, weights)
        np.testing.assert_allclose(found, expected, atol=atol, rtol=0)
