"""Every gate becomes a product of fixed matrices and one-parameter rotations.

A rotation is ``V diag(exp(i angle spectrum)) V^dagger`` with a fixed V: that one form
covers every parametrised standard gate (several in a row for U, CU, ...), its controlled
versions, and its derivative. Matrices are in qiskit's order: the first qubit of a gate is
the lowest bit of the index.
"""

from dataclasses import replace

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import (
    AnnotatedOperation,
    ControlledGate,
    Gate,
    Instruction,
    ParameterExpression,
)
from qiskit.circuit.annotated_operation import ControlModifier, InverseModifier, PowerModifier
from qiskit.exceptions import QiskitError

from ..exceptions import CircuitError
from ._elements import Fixed, Prepare, Rotation, control, inverse
from ._encodings import AmplitudeGate

__all__ = ["lower_circuit", "qiskit_name"]

# A gate on more qubits than this is taken apart by its definition, which is cheaper than
# its matrix; gates that ARE matrices stay whole.
_WIDEST_MATRIX = 4

_H = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
_PAULI_BASIS = {"X": _H, "Y": np.diag([1, 1j]) @ _H, "Z": np.eye(2)}
_IGNORED = {"barrier", "id", "delay"}
_WAY_OUT = {
    "measure": "remove the measurements (circuit.remove_final_measurements()): the backend "
    "reads expectation values of the final state",
    "reset": "start from a fresh qubit instead of a reset one",
    "initialize": "use it first, on qubits in |0>, or use StatePreparation, which is unitary",
}
# What to take in the place of an instruction that nothing here can run.
_INSTEAD = {
    # qiskit-machine-learning's raw_feature_vector: numbers are normalised before they are known
    "ParameterizedInitialize": (
        "it loads a row as amplitudes, which has no gates before the row is known: use "
        "encoding='amplitude', with your trainable gates as ansatz."
    ),
}


def _pauli_rotation(pauli):
    """exp(-i angle P / 2); the string's first letter acts on the gate's first qubit."""
    basis, signs = np.eye(1), np.ones(1)
    for letter in pauli:
        basis = np.kron(_PAULI_BASIS[letter], basis)
        signs = np.kron([1, -1], signs)
    basis = None if set(pauli) == {"Z"} else basis
    qubits, spectrum = tuple(range(len(pauli))), -0.5 * signs
    return lambda angle: [Rotation(qubits, basis, spectrum, angle)]


_rx, _ry = _pauli_rotation("X"), _pauli_rotation("Y")


def _phase(angle, qubit=0, sign=1.0):
    return Rotation((qubit,), None, np.array([0.0, sign]), angle)


def _global_phase(angle):
    return Rotation((), None, np.ones(1), angle)


def _u(theta, phi, lam, gamma=0.0):
    """U, with the phase gamma that qiskit hands to the base gate of a controlled CU."""
    return [_phase(lam), *_ry(theta), _phase(phi), _global_phase(gamma)]


def _u2(phi, lam):
    return [_phase(lam), *_ry(np.pi / 2), _phase(phi)]


def _r(theta, phi):
    return [_phase(phi, sign=-1.0), *_rx(theta), _phase(phi)]


def _cu(theta, phi, lam, gamma):
    return control(_u(theta, phi, lam, gamma), 1, 1)


def _xx_yy(sign):
    """exp(-i theta (XX + sign YY) / 4) between phases that turn its axis by beta."""
    x, y = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
    halves, basis = np.linalg.eigh((np.kron(x, x) + sign * np.kron(y, y)).real / 4)
    spectrum = -np.round(2 * halves) / 2
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
    "rx": _rx,
    "ry": _ry,
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
    "xx_plus_yy": _xx_yy(+1.0),
    "xx_minus_yy": _xx_yy(-1.0),
}


def lower_circuit(circuit: QuantumCircuit) -> list[Fixed | Rotation | Prepare]:
    """Return the elements of a circuit, in time order, without its global phase.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit

    Returns
    -------
    list of Fixed, Rotation and Prepare
        A rotation's angle, and a preparation's values, are still qiskit's expressions.

    Raises
    ------
    CircuitError
        Names the instruction that is no unitary gate, and what to do.

    Examples
    --------
    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> from skqmu.circuits.lowering import lower_circuit
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.rz(Parameter("x"), 1), circuit.cz(0, 1)
    >>> rotation, cz = lower_circuit(circuit)
    >>> rotation.qubits, rotation.angle, rotation.spectrum
    ((1,), Parameter(x), array([-0.5,  0.5]))
    >>> cz.qubits, cz.matrix.real
    ((0, 1), array([ 1.,  1.,  1., -1.]))
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
        if qiskit_name(operation) in _IGNORED:
            continue
        qubits = tuple(position[qubit] for qubit in instruction.qubits)
        lowered = _lower(operation, fresh=touched.isdisjoint(qubits))
        elements += [element.moved(qubits) for element in lowered]
        touched.update(qubits)
    phase = circuit.global_phase
    if isinstance(phase, ParameterExpression) or phase:
        elements.append(_global_phase(phase))
    return elements


def _lower(operation, fresh=False):
    """Return the elements of one operation, on local qubits 0, 1, ...

    `fresh` says that its qubits are still in |0>, which a state preparation needs.
    """
    name = qiskit_name(operation)
    if name in _IGNORED:
        return []
    if isinstance(operation, AmplitudeGate):
        if not fresh:
            raise CircuitError(
                f"instruction {operation.name!r} prepares a state from |0>; put it first, before "
                "any other gate on its qubits."
            )
        prepare = Prepare(tuple(range(operation.num_qubits)), tuple(operation.params))
        return [replace(prepare, rule=operation.rule, imaginary=operation.imaginary)]
    if name == "initialize" and fresh:
        return _lower_definition(_without_resets(operation.definition))
    if name in _WAY_OUT or getattr(operation, "blocks", None) or operation.num_clbits:
        way_out = _WAY_OUT.get(name, "unroll classical control flow into plain gates")
        raise CircuitError(
            f"instruction {operation.name!r} cannot be part of a program: {way_out}."
        )
    if isinstance(operation, AnnotatedOperation):
        return _lower_annotated(operation)
    build = _PARAMETRISED.get(name)
    if build is not None and (name == "cu" or not isinstance(operation, ControlledGate)):
        return build(*operation.params)
    if name == "diagonal":
        return [Fixed(tuple(range(operation.num_qubits)), np.array(operation.params, complex))]
    matrix = _numeric_matrix(operation)
    if matrix is not None:
        return [Fixed.from_matrix(matrix)]
    if isinstance(operation, ControlledGate):
        base = _lower(operation.base_gate)
        return control(base, operation.num_ctrl_qubits, operation.ctrl_state)
    try:
        definition = operation.definition
    except QiskitError:  # some gates have a definition for numbers only
        definition = None
    return _lower_definition(_synthesised(operation) if definition is None else definition)


def qiskit_name(operation):
    """Return the name of a gate of qiskit's own, else None.

    Names are free: a gate that someone made of a circuit may be called "rx", too.
    """
    kind = getattr(operation, "base_class", type(operation))
    own = kind.__module__.startswith("qiskit.circuit.")  # not those that qiskit.qasm2 defines
    if kind in (Gate, ControlledGate, Instruction) or not own:
        return None
    return operation.name


def _numeric_matrix(operation):
    """Return the matrix of a narrow gate without free parameters, else None.

    An evolution gate's matrix is the exact exponential while its definition is a product
    formula; with a free time only the latter exists, so it is always the latter that counts.
    """
    wide = operation.num_qubits > _WIDEST_MATRIX and operation.name != "unitary"
    if wide or operation.name == "PauliEvolution":
        return None
    if any(isinstance(p, ParameterExpression) and p.parameters for p in operation.params):
        return None
    try:
        return np.asarray(operation.to_matrix(), dtype=complex)
    except (AttributeError, TypeError, QiskitError):
        return None


def _synthesised(operation):
    """Let qiskit's transpiler find gates for an operation that states none itself."""
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.append(operation, range(operation.num_qubits))
    try:
        result = transpile(
            circuit, basis_gates=["u", "cx", "cp", "swap"], optimization_level=0, seed_transpiler=0
        )
    except QiskitError as error:
        raise CircuitError(
            f"instruction {operation.name!r} has no numeric matrix, no definition and no synthesis "
            f"({error}); {_way_out(operation)}"
        ) from error
    if any(step.operation.name == operation.name for step in result.data):
        raise CircuitError(
            f"instruction {operation.name!r} has no numeric matrix and no definition; "
            f"{_way_out(operation)}"
        )
    return result


def _way_out(operation):
    usual = "decompose it into standard gates, or bind its parameters, before compiling."
    return _INSTEAD.get(operation.name, usual)


def _lower_annotated(operation):
    """Lower the base operation and apply the modifiers, innermost first."""
    elements = _lower(operation.base_op)
    for modifier in operation.modifiers:
        if isinstance(modifier, InverseModifier):
            elements = inverse(elements)
        elif isinstance(modifier, ControlModifier):
            elements = control(elements, modifier.num_ctrl_qubits, modifier.ctrl_state)
        elif isinstance(modifier, PowerModifier) and float(modifier.power).is_integer():
            power = int(modifier.power)
            elements = (elements if power >= 0 else inverse(elements)) * abs(power)
        else:
            raise CircuitError(
                f"instruction {operation.name!r} has the modifier {modifier}, which has no "
                "lowering; use an integer power, or put the gate's own matrix."
            )
    return elements


def _without_resets(circuit):
    """Drop the resets that `initialize` begins with: fresh qubits are in |0> already."""
    kept = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.operation.name != "reset":
            kept.append(instruction)
    return kept
