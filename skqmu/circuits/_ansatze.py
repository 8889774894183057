"""Ansaetze: the trainable layers of a circuit, and which qubits a layer entangles."""

from qiskit.circuit import ParameterVector, QuantumCircuit

__all__ = ["Ansatz", "ansatze", "entangled_pairs", "entanglements"]

_ENTANGLEMENTS = ("none", "linear", "ring", "full")


def entanglements() -> list[str]:
    """Return the names of the entanglement patterns.

    Examples
    --------
    >>> from skqmu.circuits import entanglements
    >>> entanglements()
    ['full', 'linear', 'none', 'ring']
    """
    return sorted(_ENTANGLEMENTS)


def entangled_pairs(entanglement: str, n_qubits: int) -> list[tuple[int, int]]:
    """Return the (control, target) pairs of one entangling layer, in order.

    Parameters
    ----------
    entanglement : {"none", "linear", "ring", "full"}
        ``"linear"``: (q, q+1). ``"ring"``: linear and (n-1, 0); on two qubits the same as
        linear, because there the closing gate would undo (CZ) or double the first.
        ``"full"``: every pair q < r.
    n_qubits : int

    Returns
    -------
    list of (int, int)

    Examples
    --------
    >>> from skqmu.circuits import entangled_pairs
    >>> entangled_pairs("ring", 3)
    [(0, 1), (1, 2), (2, 0)]
    """
    if entanglement == "none":
        return []
    if entanglement == "full":
        return [(a, b) for a in range(n_qubits) for b in range(a + 1, n_qubits)]
    pairs = [(a, a + 1) for a in range(n_qubits - 1)]
    if entanglement == "ring" and n_qubits > 2:
        pairs.append((n_qubits - 1, 0))
    return pairs


class Ansatz:
    """One family of layers: rotations on every qubit, then an entangling layer.

    Parameters
    ----------
    gates : tuple of str
        Rotations on each qubit, in time order; ``"u"`` takes three angles.
    entangler : {"cx", "cz", "rzz"}
        ``"rzz"`` takes an angle for each pair, behind those of the layer's rotations.
    closing : bool
        Whether one more rotation layer follows the last entangling layer.
    """

    def __init__(self, gates, entangler, closing=False):
        self.gates = gates
        self.entangler = entangler
        self.closing = closing
        self.angles_per_qubit = sum(3 if gate == "u" else 1 for gate in gates)

    def _per_layer(self, n_qubits, pairs):
        """Angles of rotations and of pairs in one layer."""
        return self.angles_per_qubit * n_qubits, len(pairs) * (self.entangler == "rzz")

    def n_weights(self, n_qubits, n_layers, entanglement):
        """Return how many weights `n_layers` layers have."""
        turns, pairs = self._per_layer(n_qubits, entangled_pairs(entanglement, n_qubits))
        return turns * (n_layers + self.closing) + pairs * n_layers

    def weights(self, n_qubits, n_layers, entanglement):
        """Return the weight vector, ordered by layer, then qubit, then axis; pairs come last."""
        return list(ParameterVector("w", self.n_weights(n_qubits, n_layers, entanglement)))

    def layers(self, n_qubits, n_layers, entanglement, weights):
        """Return one circuit a layer; the closing rotations belong to the last."""
        pairs = entangled_pairs(entanglement, n_qubits)
        turns, joints = self._per_layer(n_qubits, pairs)
        circuits, weights = [], list(weights)
        for _ in range(n_layers):
            circuit = QuantumCircuit(n_qubits)
            self._rotate(circuit, weights[:turns])
            angles = iter(weights[turns : turns + joints])
            for pair in pairs:
                own = [next(angles)] if joints else []
                getattr(circuit, self.entangler)(*own, *pair)
            circuits.append(circuit)
            weights = weights[turns + joints :]
        if self.closing:
            self._rotate(circuits[-1], weights)
        return circuits

    def _rotate(self, circuit, weights):
        for qubit in range(circuit.num_qubits):
            angles = iter(weights[qubit * self.angles_per_qubit :])
            for gate in self.gates:
                if gate == "u":
                    circuit.u(next(angles), next(angles), next(angles), qubit)
                else:
                    getattr(circuit, gate)(next(angles), qubit)


_ANSATZE = {
    "strong": Ansatz(("u",), "cx"),
    "rotations_cz": Ansatz(("rx", "ry", "rz"), "cz"),
    "rotations_rzz": Ansatz(("rx", "ry", "rx"), "rzz"),
    "real_amplitudes": Ansatz(("ry",), "cx", closing=True),
    "efficient_su2": Ansatz(("ry", "rz"), "cx", closing=True),
}


def ansatze() -> list[str]:
    """Return the names of the ansaetze that :func:`build_circuit` knows.

    Examples
    --------
    >>> from skqmu.circuits import ansatze
    >>> ansatze()
    ['efficient_su2', 'real_amplitudes', 'rotations_cz', 'rotations_rzz', 'strong']
    """
    return sorted(_ANSATZE)


def named_ansatz(name):
    """Return the :class:`Ansatz` of a name that is already checked."""
    return _ANSATZE[name]
