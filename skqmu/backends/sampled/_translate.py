"""From any gate to gates that a simulator runs with numbers bound later.

Aer 0.18 fails on arrays of values for controlled gates ("Result for experiment 1 could not
be found"), and its noise sits on gate names: so circuits are opened down to a known set.
"""

from qiskit.circuit import ControlledGate

from ._columns import is_free, opened

__all__ = ["NATIVE_GATES", "ONE_QUBIT_GATES", "TWO_QUBIT_GATES", "translate", "without_labels"]

ONE_QUBIT_GATES = (
    *("h", "id", "p", "r", "rx", "ry", "rz", "s", "sdg", "sx", "sxdg", "t", "tdg"),
    *("u", "u1", "u2", "u3", "x", "y", "z"),
)
TWO_QUBIT_GATES = ("cx", "cy", "cz", "ecr", "rxx", "ryy", "rzx", "rzz", "swap")
NATIVE_GATES = {*ONE_QUBIT_GATES, *TWO_QUBIT_GATES, "ccx", "unitary"}
_KEPT = {"barrier", "measure"}


def translate(circuit, gates):
    """Return the circuit in the named gates, without its global phase.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    gates : collection of str

    Raises
    ------
    CircuitError
        A gate that is none of them and has no definition.
    """
    result = circuit.copy_empty_like()
    result.global_phase = 0
    _open(circuit, circuit.qubits, result, gates)
    return result


def without_labels(circuit):
    """Return the circuit with gates known by their names alone.

    Aer looks for noise under a gate's label where it has one, and a device's noise does not
    care what its user calls a gate.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    """
    if not any(instruction.operation.label for instruction in circuit.data):
        return circuit
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if operation.label:
            operation = operation.to_mutable()
            operation.label = None
        result.append(operation, instruction.qubits, instruction.clbits)
    result._layout = circuit._layout  # observables are moved by it
    return result


def _open(circuit, qubits, result, gates):
    place = dict(zip(circuit.qubits, qubits, strict=True))
    for instruction in circuit.data:
        operation = instruction.operation
        here = [place[qubit] for qubit in instruction.qubits]
        if operation.name in _KEPT:
            result.append(operation, here, instruction.clbits)
        elif operation.name == "delay" and "delay" not in gates:
            continue
        elif operation.name in gates and not (
            isinstance(operation, ControlledGate) and is_free(operation)
        ):
            result.append(operation, here)
        else:
            _open(opened(operation), here, result, gates)
