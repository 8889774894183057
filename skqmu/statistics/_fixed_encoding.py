"""The state of a row by itself: the same bits whatever rows come with it."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..circuits import Probabilities
from ..circuits.lowering import Fixed, Prepare, check_unit, compile_program
from ..exceptions import InputRowsError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter, ParameterVector

__all__ = ["FixedEncoding"]

_ZERO_ROWS = (
    "amplitude encoding cannot normalise rows of zeros: {rows}; drop such rows or shift the "
    "features."
)
# Elementwise, each rounded as IEEE 754 says: what they give a number does not depend on where
# in an array it stands. Not so sines and powers of NumPy, nor products of complex numbers.
_ROUNDED = {"ADD", "SUB", "MUL", "DIV", "ABS", "SIGN", "CONJ", "x", "c"}


class FixedEncoding:
    """States of rows behind a circuit without weights, row by row the same bits.

    A fast engine gives a row other last bits among many rows than alone (vector instructions,
    kernels of BLAS), which is of no account until what was added is to be taken away again
    without a trace. Here each number goes through products and sums of real numbers only, one
    elementwise operation after the other, each of them rounded as the standard says, and
    through the C library's sine and cosine.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    inputs : list of Parameter
    before : sequence of Layer
        Layers without parameters that the rows go through first; elementwise.

    Notes
    -----
    Another C library may round a sine in another way: `probe` tells whether one does.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.circuits import build_circuit
    >>> from skqmu.statistics import FixedEncoding
    >>> qnn = build_circuit("iqp", "strong", n_features=3, n_qubits=3)
    >>> encoding = FixedEncoding(qnn.circuit.copy_empty_like(), qnn.inputs)
    >>> real, imag = encoding.states(np.zeros((2, 3)))
    >>> real[:, 0].tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self,
        circuit: "QuantumCircuit",
        inputs: "Iterable[Parameter] | ParameterVector",
        before: Sequence = (),
    ):
        self.n_qubits = circuit.num_qubits
        self.before = list(before)
        inputs = list(inputs)
        program = compile_program(
            circuit, Probabilities(self.n_qubits), inputs=inputs, weights=[], fusion="none"
        )
        self.n_inputs = len(inputs)
        self.elements, self.angles = program.elements, program.angles
        self._together = all(_kinds(node) <= _ROUNDED for node in self.angles.nodes)

    def states(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Real and imaginary parts of the states, each of shape (2**n_qubits, B).

        Parameters
        ----------
        X : ndarray of shape (B, n_inputs)

        Raises
        ------
        InputRowsError
            Names the rows that the encoding cannot take.
        """
        columns = self._columns(X)
        register = _Registers(self.n_qubits, len(X))
        for element in self.elements:
            if isinstance(element, Prepare):
                register.prepare(element, columns)
            elif isinstance(element, Fixed):
                register.apply(element.qubits, _entries_of(element.matrix))
            else:
                register.apply(element.qubits, _entries_at(element, columns[element.column]))
        return register.state()

    def probe(self) -> bytes:
        """States of rows that are the same everywhere, as bytes: equal where all rows' are."""
        rows = np.random.default_rng(0).uniform(-3.0, 3.0, (64, self.n_inputs))
        if any(isinstance(e, Prepare) and e.rule == "unit" for e in self.elements):
            # Rounded alike everywhere, as a norm by BLAS would not be.
            rows /= [[math.sqrt(math.fsum(value * value for value in row))] for row in rows]
        return b"".join(part.tobytes() for part in self.states(rows))

    def _columns(self, X):
        """Values of the circuit's angles, shape (n_columns, B)."""
        for layer in self.before:
            X = layer.outputs(np.zeros(0), X)
        if self._together:
            return self._evaluated(X)
        # Functions whose last bits may depend on the neighbours: each row by itself.
        rows = [self._evaluated(X[i : i + 1]) for i in range(len(X))]
        return np.concatenate(rows, axis=1) if rows else self._evaluated(X)

    def _evaluated(self, X):
        _, sampled, _ = self.angles.evaluate(X, np.zeros(0))
        return np.ascontiguousarray(sampled.T)


def _kinds(node):
    if node[0] in ("x", "c"):
        return {node[0]}
    return {node[0]}.union(*map(_kinds, node[1:]))


def _entries_of(matrix):
    """Entries ``(row, column, real, imag)`` of a fixed matrix that are not 0."""
    matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
    return [
        (a, b, matrix[a, b].real, matrix[a, b].imag)
        for a, b in zip(*np.nonzero(matrix), strict=True)
    ]


def _entries_at(rotation, angles):
    """Entries of ``V diag(exp(i angle spectrum)) V^+``, a number a row each."""
    turns = [_phase(angles, float(s)) for s in rotation.spectrum]
    if rotation.basis is None:
        return [(d, d, cos, sin) for d, (cos, sin) in enumerate(turns)]
    basis, entries = rotation.basis, []
    for a in range(len(basis)):
        for b in range(len(basis)):
            real = imag = 0.0
            for d, (cos, sin) in enumerate(turns):
                factor = basis[a, d] * basis[b, d].conjugate()
                real = real + factor.real * cos - factor.imag * sin
                imag = imag + factor.real * sin + factor.imag * cos
            entries.append((a, b, real, imag))
    return entries


def _phase(angles, factor):
    """Cosine and sine of ``factor * angles``, by the C library one by one."""
    turned = (factor * angles).tolist()
    n = len(turned)
    return (
        np.fromiter(map(math.cos, turned), float, n),
        np.fromiter(map(math.sin, turned), float, n),
    )


class _Registers:
    """Groups of qubits that have met, each with real and imaginary parts by bits and rows.

    A group's axes are its qubits, highest first, then the rows.
    """

    def __init__(self, n_qubits, n_rows):
        self.n_rows = n_rows
        zero = np.repeat([[1.0], [0.0]], n_rows, axis=1)
        self.groups = [([q], zero, np.zeros_like(zero)) for q in range(n_qubits)]

    def _group(self, qubits):
        """The one group with all of some qubits, joined where they were apart."""
        wanted = set(qubits)
        own = [group for group in self.groups if wanted & set(group[0])]
        self.groups = [group for group in self.groups if not wanted & set(group[0])]
        while len(own) > 1:
            own.sort(key=lambda group: (len(group[0]), group[0]))
            own = [_joined(own[0], own[1]), *own[2:]]
        return own[0]

    def apply(self, qubits, entries):
        """Apply a matrix, given by its entries, to some qubits (lowest first)."""
        axes, real, imag = self._group(qubits)
        new_real, new_imag = np.zeros_like(real), np.zeros_like(imag)
        for row, column, c, s in entries:
            to, source = (_at(axes, qubits, state) for state in (row, column))
            a, b = real[source], imag[source]
            # Real and imaginary parts apart: a product of complex numbers may be fused.
            new_real[to] = new_real[to] + c * a - s * b
            new_imag[to] = new_imag[to] + c * b + s * a
        self.groups.append((axes, new_real, new_imag))

    def prepare(self, element, columns):
        """Amplitudes, divided by their norm, on qubits that are in |0>."""
        values = columns[list(element.columns)]
        scale = np.abs(values).max(axis=0)
        if element.rule == "unit":
            check_unit(np.sqrt((values * values).sum(axis=0)))
        elif not scale.all():
            raise InputRowsError(_ZERO_ROWS, np.flatnonzero(scale == 0))
        values = values / scale
        square = np.zeros(self.n_rows)
        for value in values:  # one after the other: `sum` adds in an order of its own
            square = square + value * value
        values = values / np.sqrt(square)
        qubits = list(element.qubits)
        inside = set(qubits)
        self.groups = [group for group in self.groups if not inside & set(group[0])]
        axes = sorted(qubits, reverse=True)
        real = np.zeros((*(2,) * len(axes), self.n_rows))
        imag = np.zeros_like(real)
        n_real = len(values) // (1 + element.imaginary)
        for place, value in enumerate(values):
            part = real if place < n_real else imag
            part[_at(axes, qubits, place % n_real)] = value
        self.groups.append((axes, real, imag))

    def state(self):
        """All qubits together, lowest qubit in the lowest bit."""
        every = [qubit for group in self.groups for qubit in group[0]]
        _, real, imag = self._group(every)
        return real.reshape(-1, self.n_rows), imag.reshape(-1, self.n_rows)


def _at(axes, qubits, state):
    """Index of a group's part in which some qubits (lowest first) are in a basis state."""
    place = {qubit: state >> bit & 1 for bit, qubit in enumerate(qubits)}
    return tuple(place.get(qubit, slice(None)) for qubit in axes)


def _joined(first, second):
    """The product of two groups, with the axes in order."""
    axes = sorted(first[0] + second[0], reverse=True)
    a, b = (_spread(group, axes) for group in (first, second))
    return axes, a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _spread(group, axes):
    """Real and imaginary part with an axis of length 1 for each qubit of other groups."""
    shape = [2 if qubit in group[0] else 1 for qubit in axes]
    return [part.reshape(*shape, part.shape[-1]) for part in group[1:]]
