"""Random circuits over the whole standard gate set, for the tests of circuits and backends."""

import numpy as np
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import (
    RXGate,
    RYYGate,
    UGate,
    UnitaryGate,
    XXPlusYYGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

NOT_UNITARY = {"measure", "reset", "delay"}
GATES = {
    name: gate for name, gate in get_standard_gate_name_mapping().items() if name not in NOT_UNITARY
}


def random_expression(rng, x, w):
    """Return a number, a parameter, or an expression of features and weights."""
    a, b = w[rng.integers(len(w))], w[rng.integers(len(w))]
    f, g = x[rng.integers(len(x))], x[rng.integers(len(x))]
    choices = [
        float(rng.uniform(-3, 3)),
        a,
        f,
        2 * f + 0.3,
        a * f,
        a + b,
        a * b - 0.5 * a,
        (f - 1.2) * (1.2 - g) / 2,
        a.sin() + f.cos(),
        (0.3 * a).exp() - f / 3,
        (a**2 + 1) ** 0.5 * 0.7,
        (f * f + 1.5).log() - a.arctan(),
        1 / (2 + a.cos()),
        -a,
    ]
    return choices[rng.integers(len(choices))]


def random_gate(rng, n_qubits, x, w):
    """Return a gate of at most `n_qubits` qubits with random expressions."""
    kind = rng.integers(12)
    if kind == 0 and n_qubits >= 2:
        return UnitaryGate(random_unitary(4, seed=int(rng.integers(2**31))))
    if kind == 1 and n_qubits >= 3:
        wide = [
            RXGate(random_expression(rng, x, w)).control(
                2, ctrl_state=int(rng.integers(4)), annotated=False
            ),
            UGate(*(random_expression(rng, x, w) for _ in range(3))).control(2, annotated=False),
            RYYGate(random_expression(rng, x, w)).control(1, ctrl_state=0, annotated=False),
            XXPlusYYGate(*(random_expression(rng, x, w) for _ in range(2))).control(
                1, annotated=False
            ),
        ]
        return wide[rng.integers(len(wide))]
    if kind == 2 and n_qubits >= 2:
        inner = QuantumCircuit(2, global_phase=random_expression(rng, x, w))
        inner.ry(random_expression(rng, x, w), 0)
        inner.cz(0, 1)
        inner.rz(random_expression(rng, x, w), 1)
        gate = inner.to_gate()
        if rng.integers(2):
            gate = gate.inverse()
        return gate.control(1, annotated=False) if n_qubits >= 3 and rng.integers(2) else gate
    while True:
        gate = list(GATES.values())[rng.integers(len(GATES))]
        if gate.num_qubits <= n_qubits:
            break
    if gate.params:
        return type(gate)(*(random_expression(rng, x, w) for _ in gate.params))
    return gate


def random_circuit(rng, n_qubits, n_gates, n_inputs=3, n_weights=4):
    """Return ``(circuit, x, w)`` with features and weights in expressions of all kinds."""
    x, w = ParameterVector("x", n_inputs), ParameterVector("w", n_weights)
    circuit = QuantumCircuit(n_qubits)
    for _ in range(n_gates):
        gate = random_gate(rng, n_qubits, x, w)
        circuit.append(gate, list(map(int, rng.permutation(n_qubits)[: gate.num_qubits])))
    return circuit, list(x), list(w)


def random_observables(rng, n_qubits, n_outputs=3):
    """Return observables, one of them diagonal, with a few Pauli strings each."""
    observables = []
    for output in range(n_outputs):
        letters = "IZ" if output == 0 else "IXYZ"
        strings = [
            "".join(letters[rng.integers(len(letters))] for _ in range(n_qubits)) for _ in range(3)
        ]
        observables.append(SparsePauliOp(strings, rng.normal(size=3)))
    return observables


def reference_state(circuit, x, w, row, weights):
    """Return qiskit's state vector of one record."""
    bound = circuit.assign_parameters(
        {
            p: value
            for p, value in [*zip(x, row, strict=True), *zip(w, weights, strict=True)]
            if p in circuit.parameters
        }
    )
    return Statevector(bound)


def reference_values(circuit, observables, x, w, inputs, weights):
    """Return expectation values by qiskit's Statevector, shape (B, n_outputs)."""
    states = [reference_state(circuit, x, w, row, weights) for row in inputs]
    return np.array([[s.expectation_value(o).real for o in observables] for s in states])


SHIFTS = np.array([1, -1, 2, -2, 3, -3]) * 1e-3
FACTORS = np.array([45.0, -45.0, -9.0, 9.0, 1.0, -1.0]) / 0.06


def stencil(point):
    """Return the points of sixth-order central differences, shape (n, 6, n)."""
    point = np.asarray(point, dtype=float)
    return point + SHIFTS[:, None] * np.eye(len(point))[:, None, :]


def numerical_gradient(executable, inputs, weights, cotangent):
    """Return central differences of sum(cotangent * values), inputs' first, then weights'.

    All moved points are evaluated as models of one call.
    """
    point = np.concatenate([inputs.ravel(), weights])
    moved = stencil(point).reshape(-1, len(point))
    values = executable.expectations(
        moved[:, : inputs.size].reshape(-1, *inputs.shape), moved[:, inputs.size :]
    )
    return (values * cotangent).sum(axis=(1, 2)).reshape(-1, len(FACTORS)) @ FACTORS


def numerical_fisher(by_rows, inputs, weights):
    """Return 4 (<d psi|d psi> - |<psi|d psi>|^2) by differences, shape (B, n_weights).

    `by_rows` is the circuit compiled with inputs and weights both as inputs.
    """
    result = np.empty((len(inputs), len(weights)))
    for i, row in enumerate(inputs):
        points = np.vstack([weights, stencil(weights).reshape(-1, len(weights))])
        rows = np.hstack([np.tile(row, (len(points), 1)), points])
        states = by_rows.statevectors(rows, np.zeros(0))
        moved = states[1:].reshape(len(weights), len(FACTORS), -1)
        change = np.einsum("ksz,s->kz", moved, FACTORS)
        overlap = change @ states[0].conj()
        result[i] = 4 * ((np.abs(change) ** 2).sum(axis=1) - np.abs(overlap) ** 2)
    return result
