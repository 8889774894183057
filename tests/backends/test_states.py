"""Rows that are states, and vectors of any norm: values, gradients and refusals.

This file looks inside.
"""

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

from skqmu.backends import AerBackend, StatevectorBackend
from skqmu.backends.sampled._state_tree import state_tree, tree_angles
from skqmu.circuits import (
    Probabilities,
    StateGate,
    UnnormalisedGate,
    ansatze,
    build_circuit,
    z_observables,
)
from skqmu.exceptions import CircuitError, InputRowsError
from skqmu.statistics import FixedEncoding

OBSERVABLES = [SparsePauliOp("ZII"), SparsePauliOp(["IXY", "ZIZ"], [0.5, -1.2])]
STEP = 1e-4


def compiled(encoding, ansatz="rotations_rzz", backend=None, observables=None, n_layers=2):
    n_features = 16 if encoding == "state" else 8
    qnn = build_circuit(encoding, ansatz, n_features=n_features, n_qubits=3, n_layers=n_layers)
    backend = backend or StatevectorBackend()
    observables = OBSERVABLES if observables is None else observables
    return qnn, backend.compile(qnn.circuit, observables, inputs=qnn.inputs, weights=qnn.weights)


def numbers(executable, n_rows=4, seed=0, unit=True):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, executable.n_inputs))
    X = X / np.linalg.norm(X, axis=1, keepdims=True) if unit else X
    return X, rng.normal(size=executable.n_weights), rng.normal(size=(n_rows, executable.n_outputs))


def trained_part(qnn, weights):
    """The unitary behind the preparation, by qiskit."""
    layers = QuantumCircuit(3)
    for step in qnn.circuit.data[1:]:
        layers.append(step.operation, [qnn.circuit.find_bit(q).index for q in step.qubits])
    values = dict(zip(qnn.weights, weights, strict=True))
    return Operator(layers.assign_parameters(values)).data


@pytest.mark.parametrize("ansatz", ansatze())
def test_states_run_as_in_qiskit(ansatz):
    qnn, executable = compiled("state", ansatz)
    X, weights, _ = numbers(executable)
    found = executable.expectations(X, weights)
    states = executable.statevectors(X, weights)
    for row, values, state in zip(X, found, states, strict=True):
        numbers_of = dict(zip([*qnn.inputs, *qnn.weights], [*row, *weights], strict=True))
        bound = qnn.circuit.assign_parameters(numbers_of)
        reference = Statevector(row[:8] + 1j * row[8:]).evolve(Operator(trained_part(qnn, weights)))
        assert abs(reference.inner(Statevector(bound))) == pytest.approx(1, abs=1e-10)
        assert abs(np.vdot(reference.data, state)) == pytest.approx(1, abs=1e-10)
        expected = [reference.expectation_value(o).real for o in OBSERVABLES]
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-10)


def test_vectors_of_any_norm_are_propagated_as_they_stand():
    qnn, executable = compiled("unnormalised")
    X, weights, _ = numbers(executable, unit=False)
    out = trained_part(qnn, weights) @ X.T
    expected = [[np.vdot(v, o.to_matrix() @ v).real for o in OBSERVABLES] for v in out.T]
    found = executable.expectations(X, weights)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert np.abs(found).max() > 1.5
    # and with the norms divided out they are those of the amplitude encoding
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    amplitude = compiled("amplitude")[1].expectations(X, weights)
    np.testing.assert_allclose(found / norms**2, amplitude, rtol=0, atol=1e-10)


@pytest.mark.parametrize("encoding", ["state", "unnormalised"])
def test_gradients_equal_differences(encoding):
    _, executable = compiled(encoding, n_layers=1)
    X, weights, cotangent = numbers(executable, unit=encoding == "state")
    tape = executable.forward(X, weights)[1]
    d_inputs, d_weights = executable.backward(tape, cotangent)
    per_row = executable.backward(tape, cotangent, per_sample=True)[1]
    np.testing.assert_allclose(per_row.sum(axis=0), d_weights, rtol=0, atol=1e-12)

    def rows(X, weights):
        return (cotangent * executable.expectations(X, weights)).sum(axis=1)

    for k, unit in enumerate(np.eye(len(weights))):
        slope = (rows(X, weights + STEP * unit) - rows(X, weights - STEP * unit)) / (2 * STEP)
        np.testing.assert_allclose(per_row[:, k], slope, rtol=0, atol=1e-6)
    directions = np.random.default_rng(5).normal(size=(6, *X.shape))
    if encoding == "state":
        # Along great circles: states stay states; towards the state itself nothing changes.
        np.testing.assert_allclose((d_inputs * X).sum(axis=1), 0, atol=1e-12)
        directions -= (directions * X).sum(axis=-1, keepdims=True) * X
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    for direction in directions:
        ends = [X + s * STEP * direction for s in (1, -1)]
        if encoding == "state":
            ends = [np.cos(STEP) * X + s * np.sin(STEP) * direction for s in (1, -1)]
        slope = (rows(ends[0], weights) - rows(ends[1], weights)) / (2 * STEP)
        np.testing.assert_allclose((d_inputs * direction).sum(axis=1), slope, rtol=0, atol=1e-6)


def test_measured_circuits_prepare_the_same_states_and_slopes():
    backend = AerBackend(gradient="parameter_shift")
    _, exact = compiled("state", n_layers=1)
    _, aer = compiled("state", n_layers=1, backend=backend)
    X, weights, cotangent = numbers(exact, 2)
    X[1] = np.eye(16)[11]  # amplitude i on state 3, all others 0
    expected, exact_tape = exact.forward(X, weights)
    values, tape = aer.forward(X, weights)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-10)
    for mine, theirs in zip(
        aer.backward(tape, cotangent), exact.backward(exact_tape, cotangent), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_qubits", [1, 2, 4])
def test_trees_prepare_any_complex_state(n_qubits, seed):
    rng = np.random.default_rng(seed)
    state = rng.normal(size=2**n_qubits) + 1j * rng.normal(size=2**n_qubits)
    state[rng.random(2**n_qubits) < 0.5] = 0.0
    state[rng.integers(2**n_qubits)] -= 1.0
    state /= np.linalg.norm(state)
    tree = state_tree(list(tree_angles(state, n_qubits)), phases=True)
    assert abs(Statevector(tree).inner(Statevector(state))) == pytest.approx(1, abs=1e-12)


def test_the_fisher_information_of_weights_in_a_state():
    """Weights among the amplitudes, alone and twice, against differences of the states."""
    x, w = ParameterVector("x", 5), ParameterVector("w", 3)
    circuit = QuantumCircuit(2)
    circuit.append(StateGate(2, [*x[:3], w[0], w[1], x[3], x[4], w[2]]), range(2))
    circuit.cx(0, 1)
    circuit.ry(w[2], 1)
    executable = StatevectorBackend().compile(circuit, z_observables(2), inputs=x, weights=w)
    row = np.random.default_rng(2).normal(size=8)
    row /= np.linalg.norm(row)
    X, weights = row[None, [0, 1, 2, 5, 6]], row[[3, 4, 7]]

    def state(weights):
        full = np.empty(8)
        full[[0, 1, 2, 5, 6]], full[[3, 4, 7]] = X[0], weights
        full /= np.linalg.norm(full)
        layer = QuantumCircuit(2)
        layer.cx(0, 1)
        layer.ry(weights[2], 1)
        return Statevector(full[:4] + 1j * full[4:]).evolve(layer).data

    expected = []
    for unit in np.eye(3):
        tangent = (state(weights + STEP * unit) - state(weights - STEP * unit)) / (2 * STEP)
        overlap = np.vdot(state(weights), tangent)
        expected.append(4 * (np.vdot(tangent, tangent).real - abs(overlap) ** 2))
    found = executable.quantum_fisher(X, weights)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_states_of_single_rows_have_the_same_bits():
    qnn = build_circuit("state", "strong", n_features=16, n_qubits=3)
    only = QuantumCircuit(3)
    only.append(qnn.circuit.data[0].operation, range(3))
    encoding = FixedEncoding(only, qnn.inputs)
    X, _, _ = numbers(compiled("state")[1])
    real, imag = encoding.states(X)
    np.testing.assert_allclose((real + 1j * imag).T, X[:, :8] + 1j * X[:, 8:], atol=1e-15)
    alone = encoding.states(X[2:3])
    np.testing.assert_array_equal([real[:, 2], imag[:, 2]], [part[:, 0] for part in alone])
    assert encoding.probe() == encoding.probe()


@pytest.mark.parametrize("backend", [StatevectorBackend(chunk_size=2), AerBackend()])
def test_rows_of_another_norm_are_named_with_it(backend):
    _, executable = compiled("state", backend=backend)
    X, weights, _ = numbers(executable, 5)
    executable.expectations(X.astype(np.float32), weights)  # rounding passes
    X[3] *= 1 + 2e-6
    with pytest.raises(InputRowsError, match=r"norm is 1.000002 .*for row 3\. Divide") as caught:
        executable.expectations(X, weights)
    assert caught.value.rows == (3,)
    X[3] = 0
    with pytest.raises(InputRowsError, match=r"norm is 0 .*row 3"):
        executable.expectations(X, weights)


def test_vectors_whose_square_overflows_are_named():
    _, executable = compiled("unnormalised")
    X, weights, _ = numbers(executable)
    X[3] = 1e200
    with pytest.raises(InputRowsError, match=r"overflows for row 3.*Scale the features") as caught:
        executable.expectations(X, weights)
    assert caught.value.rows == (3,)
    X[3] = 1e150
    assert np.isfinite(executable.expectations(X, weights)).all()
    _, single = compiled("unnormalised", backend=StatevectorBackend(dtype="complex64"))
    X[3] = 1e19  # its square is a number in double precision alone
    with pytest.raises(InputRowsError, match="overflows for row 3"):
        single.expectations(X, weights)
    X[3] = 1e18
    assert np.isfinite(single.expectations(X, weights)).all()


def test_what_needs_a_state_refuses_vectors():
    with pytest.raises(CircuitError, match="only backend='statevector'"):
        compiled("unnormalised", backend=AerBackend())
    with pytest.raises(CircuitError, match="identity term"):
        compiled("unnormalised", observables=[SparsePauliOp(["III", "ZII"], [0.5, 1.0])])
    with pytest.raises(CircuitError, match="probabilities are read"):
        compiled("unnormalised", observables=Probabilities(3))
    _, executable = compiled("unnormalised")
    X, weights, _ = numbers(executable)
    with pytest.raises(CircuitError, match="Fisher information is asked for"):
        executable.quantum_fisher(X, weights)
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(2)
    circuit.append(UnnormalisedGate(1, list(x)), [0])
    with pytest.raises(CircuitError, match="takes all qubits"):
        StatevectorBackend().compile(circuit, z_observables(2), inputs=x, weights=[])


def test_gates_of_numbers_say_what_they_cannot_be():
    with pytest.raises(CircuitError, match=r"takes 8 features, 4 real parts .*got 4"):
        StateGate(2, [1.0, 0.0, 0.0, 0.0])
    with pytest.raises(CircuitError, match="norm is 2"):
        StateGate(1, [2.0, 0.0, 0.0, 0.0]).amplitudes()
    with pytest.raises(CircuitError, match="before its parameters are bound"):
        StateGate(1, list(ParameterVector("x", 4))).amplitudes()
    with pytest.raises(CircuitError, match="no quantum device can prepare"):
        UnnormalisedGate(1, [2.0, 0.0]).amplitudes()
    with pytest.raises(CircuitError, match="cannot be repeated"):
        build_circuit("state", "strong", n_features=8, n_qubits=2, reuploading=True)
