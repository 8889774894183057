"""Amplitudes as a tree of RY (and RZ) angles: state preparation with a fixed circuit.

The circuit is the same for every record, only its angles differ, so that a batch of
amplitude encodings is one broadcast PUB and is transpiled once.
"""

import numpy as np
from qiskit.circuit import QuantumCircuit

__all__ = ["state_tree", "tree_angles"]


def state_tree(angles, *, phases=False):
    """Circuit that prepares any real state from |0...0> (Mottonen et al. 2005, sect. 4).

    Parameters
    ----------
    angles : list of Parameter or float
        ``2 ** n - 1`` of them, twice as many with `phases`: what :func:`tree_angles` computes.
    phases : bool, default=False
        Whether the state is complex, up to a global phase: the same tree of RZ turns its phases
        behind that of RY, which sets the moduli.

    Returns
    -------
    qiskit.QuantumCircuit
        On n qubits, with ``2 ** n - 2`` CX, twice as many with `phases`.

    Notes
    -----
    The highest qubit is turned first; the next one under its control, and so on. A rotation
    that 2^k control states select is 2^k plain rotations between CX that follow a Gray
    code (the paper's fig. 2).
    """
    n_qubits = (len(angles) // (1 + phases) + 1).bit_length() - 1
    circuit = QuantumCircuit(n_qubits)
    angles = iter(angles)
    for turn in (circuit.ry, circuit.rz)[: 1 + phases]:
        _tree(circuit, turn, angles)
    return circuit


def _tree(circuit, turn, angles):
    """Append the selected rotations of one axis; those of RZ commute, in any order."""
    n_qubits = circuit.num_qubits
    for level in range(n_qubits):
        target = n_qubits - 1 - level
        for step in range(2**level):
            turn(next(angles), target)
            if level:
                flipped = ((step + 1) & -(step + 1)).bit_length() - 1
                circuit.cx(target + 1 + min(flipped, level - 1), target)


def tree_angles(amplitudes, n_qubits):
    """Angles of :func:`state_tree` for amplitudes of any norm.

    Parameters
    ----------
    amplitudes : ndarray of shape (..., d)
        At most ``2 ** n_qubits`` values, none of the rows all zeros; the rest are 0. Complex
        ones have angles of phases, too.
    n_qubits : int

    Returns
    -------
    ndarray of shape (..., 2 ** n_qubits - 1), or twice as many
    """
    full = np.zeros((*amplitudes.shape[:-1], 2**n_qubits), amplitudes.dtype)
    full[..., : amplitudes.shape[-1]] = amplitudes
    if np.iscomplexobj(full):
        moduli, phases = tree_angles(np.abs(full), n_qubits), _phase_angles(np.angle(full))
        return np.concatenate([moduli, phases], axis=-1)
    pieces = []
    norms = full  # signed at the leaves, so that the last level carries the signs
    for level in reversed(range(n_qubits)):
        pairs = norms.reshape(*norms.shape[:-1], 2**level, 2)
        selected = 2 * np.arctan2(pairs[..., 1], pairs[..., 0])
        pieces.append(selected @ _gray_transform(level))
        norms = np.hypot(pairs[..., 0], pairs[..., 1])
    return np.concatenate(pieces[::-1], axis=-1)


def _phase_angles(phases):
    """Angles of the RZ: of each pair the difference here, the mean on the next higher qubit."""
    pieces = []
    while phases.shape[-1] > 1:
        pairs = phases.reshape(*phases.shape[:-1], -1, 2)
        level = pairs.shape[-2].bit_length() - 1
        pieces.append((pairs[..., 1] - pairs[..., 0]) @ _gray_transform(level))
        phases = pairs.mean(axis=-1)
    return np.concatenate(pieces[::-1], axis=-1)


def _gray_transform(level):
    """Matrix from the selected angles to those of the plain rotations (the paper's eq. 3)."""
    size = 2**level
    gray = np.arange(size) ^ (np.arange(size) >> 1)
    signs = 1 - 2 * (np.bitwise_count(np.arange(size)[:, None] & gray) & 1).astype(float)
    return signs / size
