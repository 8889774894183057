"""Circuits, and what is true of them, for the checks of backends."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

__all__ = ["Case", "cases", "one_qubit"]


@dataclass(frozen=True)
class Case:
    """A circuit with observables, and numbers to run it with.

    Attributes
    ----------
    name : str
    circuit : QuantumCircuit
    inputs, weights : ParameterVector
    observables : list of SparsePauliOp
    """

    name: str
    circuit: object
    inputs: object
    weights: object
    observables: list

    def compiled(self, backend):
        """The case's executable on a backend."""
        return backend.compile(
            self.circuit, self.observables, inputs=self.inputs, weights=self.weights
        )

    @cached_property
    def numbers(self):
        """Three rows of inputs, and weights."""
        rng = np.random.default_rng(len(self.name))
        return rng.uniform(-2, 2, (3, len(self.inputs))), rng.uniform(-2, 2, len(self.weights))

    def values(self, inputs, weights):
        """Expectation values by qiskit's own state vector, shape (B, n_outputs)."""
        from qiskit.quantum_info import Statevector

        found = []
        for row in inputs:
            bound = dict(zip(self.inputs, row, strict=True))
            bound.update(zip(self.weights, weights, strict=True))
            present = {p: v for p, v in bound.items() if p in self.circuit.parameters}
            state = Statevector(self.circuit.assign_parameters(present))
            found.append([state.expectation_value(o).real for o in self.observables])
        return np.array(found).reshape(len(inputs), len(self.observables))

    def slopes(self, inputs, weights, cotangent):
        """Gradients of ``sum(cotangent * values)`` by central differences of `values`."""

        def loss(x, w):
            return float((cotangent * self.values(x, w)).sum())

        return _differences(lambda x: loss(x, weights), inputs), _differences(
            lambda w: loss(inputs, w), weights
        )


def _differences(function, at, step=1e-4):
    slopes = np.empty(at.size)
    for i in range(at.size):
        move = np.zeros(at.size)
        move[i] = step
        move = move.reshape(at.shape)
        slopes[i] = (function(at + move) - function(at - move)) / (2 * step)
    return slopes.reshape(at.shape)


@cache
def cases():
    """Circuits of all kinds."""
    return _layered(), _shared(), _unused()


def _layered():
    circuit, x, w = _empty(2, 2, 4)
    for qubit in range(2):
        circuit.ry(x[qubit], qubit)
        circuit.rx(w[qubit], qubit)
    circuit.cx(0, 1)
    for qubit in range(2):
        circuit.rz(w[2 + qubit], qubit)
        circuit.ry(0.3, qubit)
    return _case("layered", circuit, x, w, [["IZ"], ["ZI"]])


def _shared():
    """Parameters that come several times, times a number, and in a controlled gate."""
    circuit, x, w = _empty(3, 2, 3)
    circuit.h(range(3))
    circuit.rz(2 * x[0], 0)
    circuit.rz(x[0] + x[1], 1)
    circuit.crx(w[0], 0, 2)
    circuit.ry(w[1], 1)
    circuit.ry(0.5 * w[1], 2)
    circuit.rzz(w[2], 0, 1)
    circuit.h(2)
    return _case("shared", circuit, x, w, [["XXI", "IZZ"]], [0.5, -0.7])


def _unused():
    """An input and a weight that the circuit does not have."""
    circuit, x, w = _empty(2, 2, 2)
    circuit.rx(x[1], 0)
    circuit.ry(w[0], 1)
    circuit.cz(0, 1)
    return _case("unused", circuit, x, w, [["YI"], ["ZZ"]])


def one_qubit():
    """<Z> is the cosine of the one input."""
    circuit, x, w = _empty(1, 1, 1)
    circuit.ry(x[0], 0)
    circuit.rz(w[0], 0)
    return _case("one qubit", circuit, x, w, [["Z"]])


def _empty(n_qubits, n_inputs, n_weights):
    from qiskit.circuit import ParameterVector, QuantumCircuit

    inputs, weights = ParameterVector("x", n_inputs), ParameterVector("w", n_weights)
    return QuantumCircuit(n_qubits), inputs, weights


def _case(name, circuit, inputs, weights, paulis, coefficients=None):
    from qiskit.quantum_info import SparsePauliOp

    observables = [SparsePauliOp(terms, coefficients) for terms in paulis]
    return Case(name, circuit, inputs, weights, observables)
