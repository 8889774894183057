"""Circuits as JSON: OpenQASM 3 for every other tool, and gate by gate to build them again.

OpenQASM 3 has no `Rzz`, renames parameters, and writes 1.5707963267 as pi/2. So the gates stand
beside it, with each number and each name as it is.
"""

import ast
import math
import operator
from importlib import import_module

from ._plain import Unidentifiable

__all__ = ["circuit_record", "made_circuit", "made_parameter", "parameter_record"]

# What an angle may be made of, beside numbers, parameters and + - * / **.
_FUNCTIONS = {"sin", "cos", "tan", "arcsin", "arccos", "arctan", "exp", "log", "abs", "conjugate"}
_OTHER_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "conj": "conjugate"}
_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
# Longer or deeper than these no circuit of a classifier is; a file may be anybody's.
_MOST_QUBITS, _MOST_GATES, _LONGEST_ANGLE, _DEEPEST = 64, 100_000, 10_000, 20
_HIGHEST_POWER = 100


def circuit_record(circuit, digest):
    """A circuit as JSON.

    Parameters
    ----------
    circuit : QuantumCircuit
    digest : callable
        Of a value; raises `Unidentifiable`.

    Returns
    -------
    dict
        ``n_qubits``, ``openqasm3`` (None: OpenQASM 3 does not have its gates), ``digest`` (None:
        it cannot be told from others), and ``gates`` with ``parameters`` and ``phase``, where a
        circuit that is made of them is the same.
    """
    record = {"n_qubits": circuit.num_qubits, "openqasm3": _openqasm3(circuit)}
    try:
        record["digest"] = digest(circuit)
    except Unidentifiable:
        record["digest"] = None
    try:
        gates = _parts(circuit)
        # what cannot be made again is not said to be
        is_same = record["digest"] == digest(made_circuit({**record, **gates}, {}))
    except Exception:  # whatever gates of others say that cannot be read or made
        is_same = False
    return {**record, **gates} if is_same else record


class _NotRecorded(Exception):
    """A gate of a kind that only its own class can make."""


def _openqasm3(circuit):
    from qiskit import qasm3

    try:
        return qasm3.dumps(circuit)
    except Exception:  # whatever the exporter says of gates that OpenQASM 3 does not have
        return None


def _parts(circuit):
    if circuit.num_clbits or circuit.num_qubits > _MOST_QUBITS:
        raise _NotRecorded
    at = {qubit: i for i, qubit in enumerate(circuit.qubits)}
    names = _numbered(circuit.parameters)
    return {
        "parameters": [parameter_record(each) for each in names],
        "phase": _angle(circuit.global_phase, names),
        "gates": [
            [_gate(each.operation, names), [at[qubit] for qubit in each.qubits]]
            for each in circuit.data
        ],
    }


def _numbered(parameters):
    """Names that can be read in a text, as ``p3``: a parameter may be called "e" or "2 x"."""
    ordered = sorted(parameters, key=lambda each: each.name)
    return {each: f"p{i:06d}" for i, each in enumerate(ordered)}


def _gate(operation, names):
    from qiskit.circuit import Barrier, ControlledGate, Gate
    from qiskit.circuit.library import UnitaryGate

    kind = getattr(operation, "base_class", type(operation))
    label = {} if operation.label is None else {"label": operation.label}
    if kind is Barrier:
        return {"kind": "barrier", **label}
    if kind is UnitaryGate:
        rows = operation.to_matrix()
        pairs = [[[value.real, value.imag] for value in row] for row in rows.tolist()]
        return {"kind": "unitary", "matrix": pairs, **label}
    angles = [_angle(each, names) for each in operation.params]
    if kind.__module__.startswith("qiskit.circuit.library.standard_gates"):
        state = getattr(operation, "ctrl_state", None)
        own = {} if state is None else {"ctrl_state": state}
        return {"kind": "standard", "name": kind.__name__, "angles": angles, **own, **label}
    if kind.__module__.startswith("skqmu.circuits."):
        return {"kind": "skqmu", "name": kind.__name__, "angles": angles, **label}
    if kind is ControlledGate:
        base = _gate(operation.base_gate, names)
        state = {"n_controls": operation.num_ctrl_qubits, "ctrl_state": operation.ctrl_state}
        return {"kind": "controlled", "base": base, **state, **label}
    if kind in (Gate, Gate.__mro__[1]) and operation.definition is not None:
        inner = _parts(operation.definition)
        name = {"kind": "composed", "name": operation.name, "is_gate": kind is Gate}
        width = operation.definition.num_qubits
        return {**name, "angles": angles, "n_qubits": width, "definition": inner, **label}
    raise _NotRecorded


def _angle(value, names):
    from qiskit.circuit import Parameter, ParameterExpression

    if isinstance(value, ParameterExpression):
        own = {each: Parameter(names[each]) for each in value.parameters}
        return str(value.subs(own))
    if isinstance(value, bool | int | float):
        return value
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        return _angle(value.item(), names)
    raise _NotRecorded


def parameter_record(parameter):
    """A circuit's parameter as JSON: its name, and its place where it is of a vector."""
    vector = getattr(parameter, "vector", None)
    if vector is None:
        return {"name": parameter.name}
    return {"name": parameter.name, "vector": [vector.name, len(vector), parameter.index]}


# ------------------------------------------------------------------------------- made again


def made_parameter(record, known):
    """The parameter of a record.

    Parameters
    ----------
    record : dict
    known : dict
        Parameters and vectors that were made before, by name: circuits and lists of the same
        settings share theirs.
    """
    from qiskit.circuit import Parameter, ParameterVector

    if "vector" not in record:
        return known.setdefault(("parameter", record["name"]), Parameter(record["name"]))
    name, length, index = record["vector"]
    if not 0 <= index < length <= _MOST_GATES:
        raise ValueError(f"there is no element {index!r:.20} of a vector of {length!r:.20}.")
    vector = known.get(("vector", name, length))
    if vector is None:
        vector = known[("vector", name, length)] = ParameterVector(name, length)
    return vector[index]


def made_circuit(record, known):
    """The circuit of a record that has gates; parameters as in :func:`made_parameter`."""
    return _made(record, record["n_qubits"], known, 0)


def _made(record, n_qubits, known, depth):
    from qiskit.circuit import QuantumCircuit

    if depth > _DEEPEST or not 0 < n_qubits <= _MOST_QUBITS or len(record["gates"]) > _MOST_GATES:
        raise ValueError("a circuit is larger than any that a classifier runs.")
    own = [made_parameter(each, known) for each in record["parameters"]]
    names = {name: each for each, name in _numbered(own).items()}
    circuit = QuantumCircuit(n_qubits, global_phase=_value(record["phase"], names))
    for gate, qubits in record["gates"]:
        operation = _operation(gate, len(qubits), names, known, depth)
        circuit.append(operation, qubits, copy=False)
    return circuit


def _operation(gate, width, names, known, depth):
    import numpy as np
    from qiskit.circuit import Barrier, ControlledGate, Gate, Instruction, library
    from qiskit.circuit.library import UnitaryGate

    label = {"label": gate["label"]} if "label" in gate else {}
    if gate["kind"] == "barrier":
        return Barrier(width, **label)
    if gate["kind"] == "unitary":
        matrix = np.array(gate["matrix"], dtype=float)
        return UnitaryGate(matrix[..., 0] + 1j * matrix[..., 1], **label)
    if gate["kind"] == "controlled":
        n_controls = gate["n_controls"]
        base = _operation(gate["base"], width - n_controls, names, known, depth + 1)
        state = {"ctrl_state": gate["ctrl_state"], "annotated": False}
        return base.control(n_controls, **state, **label)
    angles = [_value(each, names) for each in gate["angles"]]
    if gate["kind"] == "standard":
        kind = getattr(library, gate["name"], None)
        _check_gate(kind, gate["name"], "qiskit.circuit.library.standard_gates")
        if "ctrl_state" in gate and issubclass(kind, ControlledGate):
            label["ctrl_state"] = gate["ctrl_state"]
        return kind(*angles, **label)
    if gate["kind"] == "skqmu":
        kind = getattr(import_module("skqmu.circuits"), gate["name"], None)
        _check_gate(kind, gate["name"], "skqmu.circuits")
        return kind(width, angles)
    inner = _made(gate["definition"], gate["n_qubits"], known, depth + 1)
    if gate["is_gate"]:
        operation = Gate(gate["name"], gate["n_qubits"], angles, **label)
    else:
        operation = Instruction(gate["name"], gate["n_qubits"], 0, angles, **label)
    operation.definition = inner
    return operation


def _check_gate(kind, name, package):
    from qiskit.circuit import Gate

    if not (isinstance(kind, type) and issubclass(kind, Gate)) or not (
        kind.__module__.startswith(package)
    ):
        raise ValueError(f"{name!r:.60} is no gate of {package}.")


def _value(angle, names):
    """The number or expression that a text stands for: it is read, never run."""
    if not isinstance(angle, str):
        return angle
    if len(angle) > _LONGEST_ANGLE:
        raise ValueError("an angle is longer than any that a classifier turns.")
    try:
        return _read(ast.parse(angle, mode="eval").body, names)
    except (SyntaxError, RecursionError, TypeError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(f"the angle {angle!r:.60} cannot be read.") from error


def _read(node, names):
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | complex):
        # the text of a large float has no point
        return float(node.value) if abs(node.value) > 2**53 else node.value
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.Name) and node.id in ("pi", "I"):
        return math.pi if node.id == "pi" else 1j
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = _read(node.left, names), _read(node.right, names)
        is_power = isinstance(node.op, ast.Pow) and isinstance(right, int | float)
        if is_power and abs(right) > _HIGHEST_POWER:
            raise ValueError("an angle has a power that no circuit needs.")
        value = _OPERATIONS[type(node.op)](left, right)
        # whole numbers that grow without end would fill the memory
        return float(value) if isinstance(value, int) and abs(value) > 2**53 else value
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_read(node.operand, names))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        name = _OTHER_NAMES.get(node.func.id, node.func.id)
        value = _read(node.args[0], names)
        if name in _FUNCTIONS and hasattr(value, name):
            return getattr(value, name)()
        if name == "abs":
            return abs(value)
    raise ValueError(f"an angle holds {ast.dump(node)[:60]}, which is no arithmetic.")
