"""Every gate becomes a product of fixed matrices and one-parameter rotations.

A rotation is ``V diag(exp(i angle spectrum)) V^dagger`` with a fixed V: that one form
covers every parametrised standard gate (several in a row for U, CU, ...), its controlled
versions, and its derivative. Matrices are in qiskit's order: the first qubit of a gate is
the lowest bit of the index.
"""

from dataclasses import dataclass

import numpy as np
from qiskit.circuit import ControlledGate, ParameterExpression
from qiskit.circuit.exceptions import CircuitError as QiskitCircuitError

from ..exceptions import CircuitError
from ._encodings import AmplitudeGate

__all__ = ["Fixed", "Prepare", "Rotation", "lower_circuit"]

_WIDEST_MATRIX = 4


@dataclass(frozen=True, eq=False)
class Fixed:
    """A unitary without parameters; a vector `matrix` is a diagonal."""

    qubits: tuple
    matrix: np.ndarray

    @property
    def is_diagonal(self):
        return self.matrix.ndim == 1


@dataclass(frozen=True, eq=False)
class Rotation:
    """``V diag(exp(i angle spectrum)) V^dagger``; `basis` None stands for V = 1."""

    qubits: tuple
    basis: np.ndarray | None
    spectrum: np.ndarray
    angle: object

    @property
    def is_diagonal(self):
        return self.basis is None


@dataclass(frozen=True, eq=False)
class Prepare:
    """Amplitude encoding of `values` on qubits that are still in |0>."""

    qubits: tuple
    values: tuple


_H = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
_PAULI_BASIS = {"X": _H, "Y": np.diag([1, 1j]) @ _H, "Z": np.eye(2)}
_IGNORED = {"barrier", "id", "delay"}
_WAY_OUT = {
    "measure": "remove the measurements: the backend reads expectation values of the final state",
    "reset": "start from a fresh qubit instead of a reset one",
    "initialize": "use it only first, on qubits in |0>, or use StatePreparation",
}
_CONTROL_FLOW = {"if_else", "for_loop", "while_loop", "switch_case", "break_loop", "continue_loop"}


def _pauli_rotation(pauli):
    """exp(-i angle P / 2); the string's first letter acts on the gate's first qubit."""

    def build(angle):
        basis, signs = np.eye(1), np.ones(1)
        for letter in pauli:
            basis = np.kron(_PAULI_BASIS[letter], basis)
            signs = np.kron([1, -1], signs)
        n_qubits = tuple(range(len(pauli)))
        return [Rotation(n_qubits, None if set(pauli) == {"Z"} else basis, -0.5 * signs, angle)]

    return build


def _phase(angle, qubit=0, sign=1):
    return Rotation((qubit,), None, np.array([0.0, sign]), angle)


def _ry(angle):
    return _pauli_rotation("Y")(angle)[0]


def _u(theta, phi, lam, gamma=0.0):
    """U, with the phase gamma that qiskit hands to the base gate of a controlled CU."""
    return [_phase(lam), _ry(theta), _phase(phi), _global_phase(gamma)]


def _global_phase(angle):
    return Rotation((), None, np.ones(1), angle)


def _u2(phi, lam):
    return [_phase(lam), _ry(np.pi / 2), _phase(phi)]


def _r(theta, phi):
    return [_phase(phi, sign=-1), *_pauli_rotation("X")(theta), _phase(phi)]


def _cu(theta, phi, lam, gamma):
    return _controlled(_u(theta, phi, lam, gamma), 1, 1)


def _xx_yy(sign):
    """exp(-i theta (XX + sign YY) / 4) between phases that turn its axis by beta."""
    x, y = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
    spectrum, basis = np.linalg.eigh((np.kron(x, x) + sign * np.kron(y, y)).real / 4)
    spectrum = -np.round(2 * spectrum) / 2
    turned = 0 if sign > 0 else 1

    def build(theta, beta=0.0):
        return [
            _phase(beta, turned, sign),
            Rotation((0, 1), basis, spectrum, theta),
            _phase(beta, turned, -sign),
        ]

    return build


_PARAMETRISED = {
    "global_phase": lambda angle: [_global_phase(angle)],
    "p": lambda angle: [_phase(angle)],
    "u1": lambda angle: [_phase(angle)],
    "rx": _pauli_rotation("X"),
    "ry": _pauli_rotation("Y"),
    "rz": _pauli_rotation("Z"),
    "rxx": _pauli_rotation("XX"),
    "ryy": _pauli_rotation("YY"),
    "rzz": _pauli_rotation("ZZ"),
    "rzx": _pauli_rotation("ZX"),
    "u": _u,
    "u3": _u,
    "u2": _u2,
    "r": _r,
    "cu": _cu,
    "xx_plus_yy": _xx_yy(+1),
    "xx_minus_yy": _xx_yy(-1),
}


def lower_circuit(circuit):
    """Return the elements of a circuit, in time order, without its global phase.

    Raises
    ------
    CircuitError
        Names the instruction that is no unitary gate, and what to do.
    """
    return [element for element in _lower_definition(circuit) if element.qubits]


def _lower_definition(circuit):
    """Return the elements of a circuit; a phase is an element on no qubit.

    Phases are kept because a control that comes later turns them into gates.
    """
    position = {qubit: index for index, qubit in enumerate(circuit.qubits)}
    elements, touched = [], set()
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = tuple(position[qubit] for qubit in instruction.qubits)
        if operation.name in _IGNORED:
            continue
        if isinstance(operation, AmplitudeGate):
            if touched & set(qubits):
                raise CircuitError(
                    "instruction 'amplitude' prepares a state from |0> but acts on qubits that "
                    "earlier gates touch; put it first."
                )
            lowered = [Prepare(tuple(range(len(qubits))), tuple(operation.params))]
        elif operation.name == "initialize" and not touched & set(qubits):
            lowered = _lower_definition(_without_resets(operation.definition))
        else:
            lowered = _lower(operation)
        elements += [_moved(element, qubits) for element in lowered]
        touched |= set(qubits)
    if isinstance(circuit.global_phase, ParameterExpression) or circuit.global_phase:
        elements.append(_global_phase(circuit.global_phase))
    return elements


def _without_resets(circuit):
    """Drop the resets that `initialize` begins with: fresh qubits are in |0> already."""
    kept = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.operation.name != "reset":
            kept.append(instruction)
    return kept


def _moved(element, qubits):
    """Return the element with its local qubits renamed to `qubits`."""
    fields = {**element.__dict__, "qubits": tuple(qubits[q] for q in element.qubits)}
    return type(element)(**fields)


def _lower(operation):
    """Return the elements of one operation, on local qubits 0, 1, ..."""
    name, params = operation.name, operation.params
    if name in _IGNORED:
        return []
    if name in _WAY_OUT or name in _CONTROL_FLOW or getattr(operation, "num_clbits", 0):
        way_out = _WAY_OUT.get(name, "unroll the classical control flow into plain gates")
        raise CircuitError(f"instruction {name!r} cannot be part of a program: {way_out}.")
    if isinstance(operation, AmplitudeGate):
        raise CircuitError("instruction 'amplitude' must stand first, not inside another gate.")
    if name in _PARAMETRISED and not isinstance(operation, ControlledGate):
        return _PARAMETRISED[name](*params)
    if name == "cu":
        return _PARAMETRISED[name](*params)
    matrix = _numeric_matrix(operation)
    if matrix is not None:
        return [_fixed(matrix)]
    if isinstance(operation, ControlledGate):
        return _lower_controlled(operation)
    definition = getattr(operation, "definition", None)
    if definition is None:
        raise CircuitError(
            f"instruction {name!r} has neither a matrix nor a definition; decompose it into "
            "standard gates (for example with qiskit.transpile) before compiling."
        )
    return _lower_definition(definition)


def _numeric_matrix(operation):
    if operation.num_qubits > _WIDEST_MATRIX:
        return None
    if any(isinstance(p, ParameterExpression) and p.parameters for p in operation.params):
        return None
    try:
        matrix = np.asarray(operation.to_matrix())
    except (AttributeError, TypeError, QiskitCircuitError):
        return None
    return matrix


def _fixed(matrix):
    n_qubits = len(matrix).bit_length() - 1
    diagonal = np.diagonal(matrix)
    if not np.any(matrix - np.diag(diagonal)):
        matrix = diagonal.copy()
    return Fixed(tuple(range(n_qubits)), matrix)


def _lower_controlled(operation):
    """Control the base gate's elements; qiskit puts the control qubits first."""
    return _controlled(_lower(operation.base_gate), operation.num_ctrl_qubits, operation.ctrl_state)


def _controlled(elements, n_control, state):
    """Return the elements controlled by qubits 0 .. n_control - 1 being in `state`."""
    result = []
    for element in elements:
        targets = tuple(q + n_control for q in element.qubits)
        if isinstance(element, Rotation):
            basis, phases = element.basis, element.spectrum
        elif element.is_diagonal:
            basis, phases = None, np.angle(element.matrix)
        else:
            basis, phases = _diagonalise(element.matrix)
        if basis is not None:
            result.append(Fixed(targets, basis.conj().T))
        spectrum = np.zeros((len(phases), 2**n_control))
        spectrum[:, state] = phases
        qubits = tuple(range(n_control)) + targets
        if isinstance(element, Rotation):
            result.append(Rotation(qubits, None, spectrum.ravel(), element.angle))
        else:
            result.append(Fixed(qubits, np.exp(1j * spectrum.ravel())))
        if basis is not None:
            result.append(Fixed(targets, basis))
    return result


def _diagonalise(unitary):
    """Return (V, phases) with unitary = V diag(exp(i phases)) V^dagger."""
    from scipy.linalg import schur

    triangular, basis = schur(unitary, output="complex")
    return basis, np.angle(np.diagonal(triangular))
