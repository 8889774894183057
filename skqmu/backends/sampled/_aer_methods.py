"""Which of Aer's simulation methods runs, and what it cannot run, said before it does."""

__all__ = ["METHODS", "check_method", "method_for"]

#: Methods that can be measured ("unitary" and "superop" cannot).
METHODS = (
    *("automatic", "statevector", "density_matrix", "stabilizer", "extended_stabilizer"),
    *("matrix_product_state", "tensor_network"),
)
# Only these lack gates that a circuit may be made of.
_NARROW = {"stabilizer", "extended_stabilizer"}
# Not among the gates that Aer lists, but run by every method.
_ALWAYS = {"barrier", "delay", "measure", "quantum_channel", "reset", "pauli", "id"}
_WIDEST_DENSITY = 12
# Up to so many qubits a density matrix is cheaper than a thousand trajectories of states.
_WIDEST_INSTEAD = 8


def method_for(backend, *, noisy, n_qubits):
    """Return the method that runs a backend's circuits.

    Parameters
    ----------
    backend : AerBackend
    noisy : bool
    n_qubits : int

    Raises
    ------
    ValueError
        A method that cannot give the exact values that the backend promises.
    """
    method, exact = backend.method, backend.shots is None
    if method == "automatic":
        if not noisy:
            return "statevector"
        return "density_matrix" if exact or n_qubits <= _WIDEST_DENSITY else "automatic"
    if noisy and exact and method != "density_matrix":
        raise ValueError(
            f"method={method!r} cannot give exact values with noise; use "
            "method='density_matrix' (or 'automatic'), or set shots."
        )
    if method == "extended_stabilizer" and exact:
        raise ValueError(
            "method='extended_stabilizer' approximates and cannot give exact values; use "
            "method='automatic', or set shots."
        )
    if method == "statevector" and noisy and n_qubits <= _WIDEST_INSTEAD:
        return "density_matrix"  # drawn from, it has the law of trajectories
    return method


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
