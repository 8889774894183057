"""Real amplitudes as a tree of RY angles: state preparation with a fixed circuit.

The circuit is the same for every record, only its angles differ, so that a batch of
amplitude encodings is one broadcast PUB and is transpiled once.
"""

import numpy as np
from qiskit.circuit import QuantumCircuit

__all__ = ["state_tree", "tree_angles"]


def state_tree(angles):
    """Circuit that prepares any real state from |0...0> (Mottonen et al. 2005, sect. 4).

    Parameters
    ----------
    angles : list of Parameter or float
        ``2 ** n - 1`` of them: what :func:`tree_angles` computes.

    Returns
    -------
    qiskit.QuantumCircuit
        On n qubits, with ``2 ** n - 2`` CX.

    Notes
    -----
    The highest qubit is turned first; the next one under its control, and so on. A rotation
    that 2^k control states select is 2^k plain rotations between CX that follow a Gray
    code (the paper's fig. 2).
    """
    n_qubits = (len(angles) + 1).bit_length() - 1
    circuit = QuantumCircuit(n_qubits)
    angles = iter(angles)
    for level in range(n_qubits):
        target = n_qubits - 1 - level
        for step in range(2**level):
            circuit.ry(next(angles), target)
            if level:
                flipped = ((step + 1) & -(step + 1)).bit_length() - 1
                circuit.cx(target + 1 + min(flipped, level - 1), target)
    return circuit


def tree_angles(amplitudes, n_qubits):
    """Angles of :func:`state_tree` for amplitudes of any norm.

    Parameters
    ----------
    amplitudes : ndarray of shape (..., d)
        At most ``2 ** n_qubits`` values, none of the rows all zeros; the rest are 0.
    n_qubits : int

    Returns
    -------
    ndarray of shape (..., 2 ** n_qubits - 1)
    """
    full = np.zeros((*amplitudes.shape[:-1], 2**n_qubits))
    full[..., : amplitudes.shape[-1]] = amplitudes
    pieces = []
    norms = full  # signed at the leaves, so that the last level carries the signs
    for level in reversed(range(n_qubits)):
        pairs = norms.reshape(*norms.shape[:-1], 2**level, 2)
        selected = 2 * np.arctan2(pairs[..., 1], pairs[..., 0])
        pieces.append(selected @ _gray_transform(level))
        norms = np.hypot(pairs[..., 0], pairs[..., 1])
    return np.concatenate(pieces[::-1], axis=-1)


def _gray_transform(level):
    """Matrix from the selected angles to those of the plain rotations (the paper's eq. 3)."""
    size = 2**level
    gray = np.arange(size) ^ (np.arange(size) >> 1)
    signs = 1 - 2 * (np.bitwise_count(np.arange(size)[:, None] & gray) & 1).astype(float)
    return signs / size
