"""A circuit rewritten so that every angle in it is one number of its own.

That is what the parameter-shift rule needs (each occurrence is shifted by itself) and what
one broadcast PUB takes (an array with a column for each angle). The chain rule from the
columns back to inputs and weights is `AngleMap`'s.
"""

from typing import NamedTuple

import numpy as np
from qiskit.circuit import (
    AnnotatedOperation,
    Barrier,
    ControlledGate,
    Delay,
    Parameter,
    ParameterExpression,
    ParameterVector,
    QuantumCircuit,
)
from qiskit.circuit.library import UnitaryGate
from qiskit.transpiler.passes import HighLevelSynthesis

from ...circuits import AmplitudeGate
from ...circuits.lowering import (
    NO_STATE,
    AngleMap,
    Rotation,
    affine_form,
    check_unit,
    lower_circuit,
    parameter_list,
    parse_expression,
)
from ...exceptions import CircuitError, InputRowsError
from .._contract import ZERO_ROWS
from ._state_tree import state_tree, tree_angles

__all__ = [
    "ColumnCircuit",
    "circuit_frequencies",
    "frequencies_of",
    "is_free",
    "is_standard",
    "opened",
]

# Gates whose angles can be replaced by others; everything else is opened first.
_ROTATIONS = {
    *("p", "u1", "u2", "u3", "u", "r", "rx", "ry", "rz", "rxx", "ryy", "rzz", "rzx"),
    *("xx_plus_yy", "xx_minus_yy"),
}
_STANDARD_GATES = "qiskit.circuit.library.standard_gates."


class Preparation(NamedTuple):
    """A state of numbers: its columns, the parameters of its tree, and the gate's rules."""

    columns: slice
    parameters: slice
    n_qubits: int
    rule: str
    imaginary: bool


class ColumnCircuit:
    """A circuit with one parameter for each occurrence of an angle.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    inputs, weights : ParameterVector or list of Parameter

    Attributes
    ----------
    circuit : qiskit.QuantumCircuit
        Equal to the original when its parameters take the values of :meth:`bind`.
    parameters : list of Parameter
        Of that circuit, in the order of :meth:`bind`.
    angle_map : AngleMap
        Columns: the angles of rotations, then the values of amplitude encodings.
    frequencies : list of tuple of float
        For each rotation column, the frequencies of an expectation value in it.
    preparations : list of Preparation
    """

    def __init__(self, circuit, inputs, weights):
        inputs, weights = parameter_list("inputs", inputs), parameter_list("weights", weights)
        lower_circuit(circuit)  # says what cannot be part of a program
        self.n_qubits = circuit.num_qubits
        vector = ParameterVector("a", 0)
        rotations, encodings = [], []
        self.circuit = QuantumCircuit(circuit.num_qubits)
        for operation, qubits in _opened(circuit, range(circuit.num_qubits)):
            if not is_free(operation):
                self.circuit.append(operation, qubits)
            elif isinstance(operation, AmplitudeGate):
                encodings.append((len(self.circuit.data), operation, qubits))
            else:
                self.circuit.append(_with_columns(operation, rotations, vector), qubits)
        self.n_rotations = len(rotations)
        expressions = list(rotations)
        self.preparations = []
        # Encodings stand first on their qubits, so that appending to the front is the same.
        for _, operation, qubits in encodings:
            if operation.rule == "keep":
                raise CircuitError(NO_STATE)
            tree = _fresh(vector, (2**operation.num_qubits - 1) * (1 + operation.imaginary))
            block = QuantumCircuit(circuit.num_qubits)
            block.compose(state_tree(tree, phases=operation.imaginary), qubits, inplace=True)
            self.circuit.compose(block, front=True, inplace=True)
            self.preparations.append(
                Preparation(
                    slice(len(expressions), len(expressions) + len(operation.params)),
                    slice(len(vector) - len(tree), len(vector)),
                    operation.num_qubits,
                    operation.rule,
                    operation.imaginary,
                )
            )
            expressions += operation.params
        self.parameters = list(vector)
        self.angle_map = AngleMap(expressions, inputs, weights)
        self.frequencies = circuit_frequencies(self.circuit, self.parameters)[: self.n_rotations]

    @property
    def leaf_kinds(self):
        """For each column, a subset of {"x", "w"}: what its angle depends on."""
        return [{kind for kind, _ in _leaves(node)} for node in self.angle_map.nodes]

    @property
    def n_columns(self):
        """Number of columns."""
        return self.angle_map.n_columns

    def evaluate(self, inputs, weights):
        """Return ``(columns, tape)``, columns of shape (B, n_columns)."""
        shared, sampled, tape = self.angle_map.evaluate(inputs, weights)
        columns = np.empty((len(inputs), self.n_columns))
        mask = self.angle_map.is_sampled
        columns[:, ~mask] = shared
        columns[:, mask] = sampled
        for own in self.preparations:
            if own.rule == "unit":
                check_unit(np.linalg.norm(columns[:, own.columns], axis=1))
        return columns, tape

    def pullback(self, tape, slopes, *, per_sample=False):
        """Return ``(d_inputs, d_weights)`` from derivatives by the columns, (B, n_columns)."""
        mask = self.angle_map.is_sampled
        shared = slopes[:, ~mask] if per_sample else slopes[:, ~mask].sum(axis=0)
        return self.angle_map.pullback(tape, shared, slopes[:, mask], per_sample=per_sample)

    def bind(self, columns):
        """Return the values of `parameters`, shape (..., n_parameters).

        Raises
        ------
        InputRowsError
            An amplitude encoding of zeros.
        """
        values = np.empty((*columns.shape[:-1], len(self.parameters)))
        values[..., : self.n_rotations] = columns[..., : self.n_rotations]
        for own in self.preparations:
            amplitudes = columns[..., own.columns]
            zero = ~amplitudes.any(axis=-1)
            if zero.any():
                rows = np.unique(np.argwhere(zero)[:, -1])
                raise InputRowsError(ZERO_ROWS, rows)
            if own.imaginary:
                real, imaginary = np.split(amplitudes, 2, axis=-1)
                amplitudes = real + 1j * imaginary
            values[..., own.parameters] = tree_angles(amplitudes, own.n_qubits)
        return values


def circuit_frequencies(circuit, parameters):
    """Frequencies of an expectation value in each parameter, from the gates that hold it.

    A gate's angle t enters as exp(i t s) with s in its spectrum, hence the expectation value
    as exp(i t (s - s')). A parameter that enters several gates (a decomposed controlled
    rotation) has the sums.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    parameters : list of Parameter

    Returns
    -------
    list of tuple of float
        Positive, ascending; empty where the parameter does not matter.

    Raises
    ------
    CircuitError
        An angle that is not affine in the parameters.
    """
    position = {p: ("w", i) for i, p in enumerate(parameters)}
    sums = [{0.0} for _ in parameters]
    for instruction in circuit.data:
        operation = instruction.operation
        if not is_free(operation):
            continue
        for own, expression in zip(_gate_frequencies(operation), operation.params, strict=True):
            form = affine_form(parse_expression(expression, position))
            if form is None:
                raise CircuitError(
                    f"the angle {expression} is not affine in a shifted parameter, so that no "
                    "shift rule follows from the gate."
                )
            for (_, index), slope in form[1].items():
                sums[index] = _added(sums[index], {abs(slope) * f for f in own})
    return [tuple(sorted(f for f in found if f > 1e-9)) for found in sums]


def frequencies_of(circuits, parameters, n_rotations):
    """Frequencies that the first parameters have in any of some circuits.

    Parameters
    ----------
    circuits : list of qiskit.QuantumCircuit
        As they run: their parameters are elements of the vector, perhaps of a twin of it.
    parameters : list of Parameter
        The vector of angles.
    n_rotations : int

    Returns
    -------
    list of tuple of float
    """
    found = [set() for _ in range(n_rotations)]
    for circuit in circuits:
        named = {p.index: p for p in circuit.parameters}
        own = [named.get(i, p) for i, p in enumerate(parameters)]
        for have, more in zip(found, circuit_frequencies(circuit, own), strict=False):
            have.update(more)
    return [tuple(sorted(each)) for each in found]


_KNOWN_FREQUENCIES: dict = {}


def _gate_frequencies(operation):
    """Sets of frequencies (0 included), one for each parameter of the gate."""
    key = (
        operation.name,
        operation.num_qubits,
        len(operation.params),
        getattr(operation, "ctrl_state", None),
    )
    if key not in _KNOWN_FREQUENCIES:
        own = [Parameter(f"t{i}") for i in range(len(operation.params))]
        position = {p: ("w", i) for i, p in enumerate(own)}
        single = QuantumCircuit(operation.num_qubits)
        single.append(_with_params(operation, own), range(operation.num_qubits))
        found = [{0.0} for _ in own]
        for element in lower_circuit(single):
            if not isinstance(element, Rotation):
                continue
            spectrum = np.unique(np.round(element.spectrum, 9))
            gaps = set(np.abs(spectrum[:, None] - spectrum).ravel())
            for (_, index), slope in affine_form(parse_expression(element.angle, position))[
                1
            ].items():
                found[index] = _added(found[index], {abs(slope) * gap for gap in gaps})
        _KNOWN_FREQUENCIES[key] = found
    return _KNOWN_FREQUENCIES[key]


def _added(first, second):
    return {round(abs(a + sign * b), 9) for a in first for b in second for sign in (1, -1)}


def _leaves(node):
    if node[0] in ("x", "w"):
        return {node}
    return set() if node[0] == "c" else set().union(*map(_leaves, node[1:]))


def is_free(operation):
    """Whether an operation holds unbound parameters."""
    if isinstance(operation, AnnotatedOperation):
        return is_free(operation.base_op)
    return any(isinstance(p, ParameterExpression) and p.parameters for p in operation.params)


def _opened(circuit, qubits):
    """Yield (operation, qubits), composite operations with free parameters opened."""
    position = {qubit: index for index, qubit in enumerate(circuit.qubits)}
    for instruction in circuit.data:
        operation = instruction.operation
        here = [qubits[position[q]] for q in instruction.qubits]
        if operation.name == "initialize":
            # Its resets act on fresh qubits (lower_circuit has checked).
            definition = operation.definition.copy_empty_like()
            definition.data = [i for i in operation.definition.data if i.operation.name != "reset"]
            yield from _opened(definition, here)
        elif isinstance(operation, AmplitudeGate) or (
            is_standard(operation)
            and (not is_free(operation) or _base_name(operation) in _ROTATIONS)
        ):
            yield operation, here
        else:
            yield from _opened(opened(operation), here)


def is_standard(operation):
    """Whether name and parameters say all of an operation.

    They do not of composed ones, which may be called anything, ``"h"`` too: simulators,
    caches and journals that go by the name would take one for another.
    """
    if isinstance(operation, AnnotatedOperation):
        return False
    while type(operation) is ControlledGate:
        operation = operation.base_gate
    kind = getattr(operation, "base_class", type(operation))
    return kind in (UnitaryGate, Barrier, Delay) or kind.__module__.startswith(_STANDARD_GATES)


def opened(operation):
    """Return a circuit that is the operation in simpler ones."""
    definition = getattr(operation, "definition", None)
    if definition is None and not is_free(operation) and hasattr(operation, "to_matrix"):
        definition = QuantumCircuit(operation.num_qubits)
        definition.append(UnitaryGate(operation.to_matrix()), range(operation.num_qubits))
        return definition
    if isinstance(operation, AnnotatedOperation) or definition is None:
        single = QuantumCircuit(operation.num_qubits)
        single.append(operation, range(operation.num_qubits))
        definition = HighLevelSynthesis(basis_gates=["u", "cx", "p", "cp"])(single)
        if len(definition.data) == 1 and definition.data[0].operation.name == operation.name:
            raise CircuitError(
                f"instruction {operation.name!r} has no definition; decompose it into standard "
                "gates before compiling."
            )
    return definition


def _base_name(operation):
    while isinstance(operation, ControlledGate):
        operation = operation.base_gate
    return operation.name


def _with_columns(operation, expressions, vector):
    """Return the operation with a column in place of each free parameter."""
    params = []
    for param in operation.params:
        if isinstance(param, ParameterExpression) and param.parameters:
            expressions.append(param)
            params.append(_fresh(vector, 1)[0])
        else:
            params.append(float(param))
    return _with_params(operation, params)


def _with_params(operation, params):
    if type(operation) is ControlledGate:
        # Made by `control()`: its definition would keep the old parameters.
        return _with_params(operation.base_gate, params).control(
            operation.num_ctrl_qubits, ctrl_state=operation.ctrl_state, annotated=False
        )
    copy = operation.to_mutable()
    copy.params = params
    copy.definition = None  # made anew from the parameters when asked for
    return copy


def _fresh(vector, n):
    size = len(vector)
    vector.resize(size + n)
    return [vector[size + i] for i in range(n)]
