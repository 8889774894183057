"""What Aer says when it fails, as a backend's failure with the way out."""

from contextlib import contextmanager

from qiskit.exceptions import QiskitError

from ..._text import shortened
from ...exceptions import BackendError

__all__ = ["telling"]


@contextmanager
def telling(method, n_qubits):
    """Context in which Aer's failures become a `BackendError`.

    Parameters
    ----------
    method : str
    n_qubits : int
        Of the circuit, for the message.
    """
    try:
        yield
    except BackendError:
        raise
    except (QiskitError, RuntimeError) as error:
        raise BackendError(_failure(error, method, n_qubits)) from error


def _failure(error, method, n_qubits):
    reason = shortened(getattr(error, "message", str(error)))  # Aer repeats itself for each circuit
    if "Simulation device" in reason:
        way_out = "use device='CPU', or a build of qiskit-aer for this device."
    elif "memory" in reason.lower():
        way_out = (
            "use fewer qubits (features fold onto n_qubits), or method='matrix_product_state', "
            "whose memory grows with entanglement instead of qubits."
        )
    else:
        way_out = "another method may: 'automatic', or 'density_matrix' for example."
    return (
        f"Aer could not run the circuit of {n_qubits} qubits by method={method!r} ({reason}); "
        f"{way_out}"
    )
