"""Encodings: the circuits that carry the features of a record into the register."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from qiskit.circuit import Gate, ParameterExpression, ParameterVector, QuantumCircuit

from ..exceptions import CircuitError

__all__ = ["AmplitudeGate", "encoding_circuit", "encodings"]


def _fold(n_features, n_qubits):
    """Return chunks of (qubit, feature) pairs: how the features meet the qubits.

    Feature ``i`` acts on qubit ``i % n_qubits``; chunk ``c`` holds the features from
    ``c * n_qubits`` on. With fewer features than qubits, qubit ``q`` repeats feature
    ``q % n_features``, so that no qubit stays idle.
    """
    if n_features < n_qubits:
        return [[(qubit, qubit % n_features) for qubit in range(n_qubits)]]
    return [
        [(i - start, i) for i in range(start, min(start + n_qubits, n_features))]
        for start in range(0, n_features, n_qubits)
    ]


def _angle(x, n_qubits):
    """RY, RX, RY, ... chunk after chunk: two chunks on one axis would merely add up."""
    circuit = QuantumCircuit(n_qubits)
    for chunk, pairs in enumerate(_fold(len(x), n_qubits)):
        for qubit, feature in pairs:
            (circuit.rx if chunk % 2 else circuit.ry)(x[feature], qubit)
    return circuit


def _angle_xyz(x, n_qubits):
    """RX, RY, RZ of the same feature, chunk after chunk."""
    circuit = QuantumCircuit(n_qubits)
    for pairs in _fold(len(x), n_qubits):
        for qubit, feature in pairs:
            circuit.rx(x[feature], qubit)
            circuit.ry(x[feature], qubit)
            circuit.rz(x[feature], qubit)
    return circuit


def _iqp(x, n_qubits):
    """H, P(2 x_i) and P(2 (pi - x_i)(pi - x_j)) on every pair, twice a chunk.

    The ZZ feature map of Havlicek et al. (2019), eq. in "Quantum feature map", with
    full entanglement and two repetitions.
    """
    circuit = QuantumCircuit(n_qubits)
    for pairs in _fold(len(x), n_qubits):
        for _ in range(2):
            circuit.h(range(n_qubits))
            for qubit, feature in pairs:
                circuit.p(2 * x[feature], qubit)
            for a, (qubit_a, i) in enumerate(pairs):
                for qubit_b, j in pairs[a + 1 :]:
                    circuit.cx(qubit_a, qubit_b)
                    circuit.p(2 * (np.pi - x[i]) * (np.pi - x[j]), qubit_b)
                    circuit.cx(qubit_a, qubit_b)
    return circuit


def _amplitude(x, n_qubits):
    circuit = QuantumCircuit(n_qubits)
    circuit.append(AmplitudeGate(n_qubits, list(x)), range(n_qubits))
    return circuit


class AmplitudeGate(Gate):
    """Prepare the state whose amplitudes are the parameters, divided by their norm.

    Acts on qubits in ``|0>``. Missing amplitudes are 0.

    Parameters
    ----------
    num_qubits : int
    params : list of float or ParameterExpression
        At most ``2 ** num_qubits`` real values; entry ``k`` belongs to basis state ``k``
        (qiskit's order: qubit 0 is the lowest bit).

    Notes
    -----
    The statevector engine evaluates it for a whole batch. Other backends see its
    definition, which exists once the parameters are bound to numbers.

    Examples
    --------
    >>> from skqmu.circuits import AmplitudeGate
    >>> AmplitudeGate(1, [3.0, 4.0]).amplitudes()
    array([0.6, 0.8])
    """

    def __init__(self, num_qubits: int, params: Sequence):
        if not 1 <= len(params) <= 2**num_qubits:
            raise CircuitError(
                f"amplitude encoding on {num_qubits} qubits holds 1 to {2**num_qubits} values; "
                f"got {len(params)}: use at least {max(1, (len(params) - 1).bit_length())} qubits."
            )
        super().__init__("amplitude", num_qubits, list(params))

    def validate_parameter(self, parameter: Any) -> ParameterExpression | float:
        """Accept real numbers and parameter expressions."""
        return parameter if isinstance(parameter, ParameterExpression) else float(parameter)

    def amplitudes(self) -> np.ndarray:
        """Return the normalised amplitudes of bound parameters, shape (2**num_qubits,).

        Raises
        ------
        CircuitError
            When a parameter is unbound, or all values are 0.
        """
        values = np.zeros(2**self.num_qubits)
        try:
            values[: len(self.params)] = [float(value) for value in self.params]
        except TypeError:
            raise CircuitError(
                "amplitude encoding has no gate definition before its parameters are bound; "
                "bind them first, one circuit a record."
            ) from None
        norm = np.linalg.norm(values)
        if not norm > 0 or not np.isfinite(norm):
            raise CircuitError(
                "amplitude encoding needs a finite row that is not all zeros: the zero vector "
                "has no direction; drop such rows or shift the features."
            )
        return values / norm

    def _define(self):
        from qiskit.circuit.library import StatePreparation

        definition = QuantumCircuit(self.num_qubits)
        definition.append(StatePreparation(self.amplitudes()), range(self.num_qubits))
        self.definition = definition


_ENCODINGS = {
    "amplitude": _amplitude,
    "angle": _angle,
    "angle_xyz": _angle_xyz,
    "iqp": _iqp,
}


def encodings() -> list[str]:
    """Return the names of the encodings that :func:`build_circuit` knows.

    Examples
    --------
    >>> from skqmu.circuits import encodings
    >>> encodings()
    ['amplitude', 'angle', 'angle_xyz', 'iqp']
    """
    return sorted(_ENCODINGS)


def encoding_circuit(name, n_features, n_qubits):
    """Return ``(circuit, inputs)`` of a named encoding; the name is already checked."""
    inputs = ParameterVector("x", n_features)
    if name == "amplitude" and n_features > 2**n_qubits:
        raise CircuitError(
            f"encoding='amplitude' on {n_qubits} qubits holds {2**n_qubits} features; got "
            f"{n_features}: use n_qubits >= {(n_features - 1).bit_length()}."
        )
    return _ENCODINGS[name](inputs, n_qubits), list(inputs)
