"""What Aer's simulation methods can run, said before anything runs."""

__all__ = ["METHODS", "check_method"]

#: Methods that can be measured ("unitary" and "superop" cannot).
METHODS = (
    *("automatic", "statevector", "density_matrix", "stabilizer", "extended_stabilizer"),
    *("matrix_product_state", "tensor_network"),
)
# Only these lack gates that a circuit may be made of.
_NARROW = {"stabilizer", "extended_stabilizer"}
# Not among the gates that Aer lists, but run by every method.
_ALWAYS = {"barrier", "delay", "measure", "quantum_channel", "reset", "pauli", "id"}


def check_method(method, circuits, errors):
    """Refuse instructions that a method does not know.

    Parameters
    ----------
    method : str
    circuits : list of qiskit.QuantumCircuit
        As they run.
    errors : iterable of qiskit_aer.noise.QuantumError

    Raises
    ------
    ValueError
        Names the instructions.
    """
    if method not in _NARROW:
        return
    from qiskit_aer import AerSimulator

    known = {*AerSimulator(method=method).configuration().basis_gates, *_ALWAYS}
    asked = {
        "the circuit": _names(circuits),
        "the noise": _names(part for error in errors for part in error.circuits),
    }
    for whose, names in asked.items():
        if unknown := sorted(names - known):
            raise ValueError(
                f"method={method!r} cannot run {', '.join(map(repr, unknown))}, found in {whose}; "
                "use method='automatic', or only what the method knows."
            )


def _names(circuits):
    return {
        instruction.operation.name
        for circuit in circuits
        for instruction in circuit.data
        if not hasattr(instruction.operation, "_quantum_error")
    }
