"""Encodings: the circuits that carry the features of a record into the register."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from qiskit.circuit import Gate, ParameterExpression, ParameterVector, QuantumCircuit

from ..exceptions import CircuitError
from ._elements import NO_STATE, UNIT_ROWS, UNIT_TOLERANCE

__all__ = [
    "PREPARING",
    "AmplitudeGate",
    "StateGate",
    "UnnormalisedGate",
    "encoding_circuit",
    "encodings",
]


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


def _prepared_by(gate):
    """The encoding that is one gate, which prepares a state."""

    def build(x, n_qubits):
        circuit = QuantumCircuit(n_qubits)
        circuit.append(gate(n_qubits, list(x)), range(n_qubits))
        return circuit

    return build


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

    #: What is done about the norm: "divide" by it, take "unit" vectors only, or "keep" it.
    rule = "divide"
    #: Whether imaginary parts follow the real ones.
    imaginary = False
    _called = "amplitude"

    def __init__(self, num_qubits: int, params: Sequence):
        self._check_count(num_qubits, len(params))
        super().__init__(self._called, num_qubits, list(params))

    @staticmethod
    def _check_count(num_qubits, count):
        if not 1 <= count <= 2**num_qubits:
            raise CircuitError(
                f"amplitude encoding on {num_qubits} qubits holds 1 to {2**num_qubits} values; "
                f"got {count}: use at least {max(1, (count - 1).bit_length())} qubits."
            )

    def validate_parameter(self, parameter: Any) -> ParameterExpression | float:
        """Accept real numbers and parameter expressions.

        Parameters
        ----------
        parameter : float or ParameterExpression
        """
        return parameter if isinstance(parameter, ParameterExpression) else float(parameter)

    def amplitudes(self) -> np.ndarray:
        """Return the normalised amplitudes of bound parameters, shape (2**num_qubits,).

        Raises
        ------
        CircuitError
            When a parameter is unbound, or all values are 0.
        """
        values = np.zeros(2**self.num_qubits)
        values[: len(self.params)] = self._numbers()
        norm = np.linalg.norm(values)
        if not norm > 0 or not np.isfinite(norm):
            raise CircuitError(
                "amplitude encoding needs a finite row that is not all zeros: the zero vector "
                "has no direction; drop such rows or shift the features."
            )
        return values / norm

    def _numbers(self):
        try:
            return np.array([float(value) for value in self.params])
        except TypeError:
            raise CircuitError(
                f"{self._called} encoding has no gate definition before its parameters are bound; "
                "bind them first, one circuit a record."
            ) from None

    def _define(self):
        from qiskit.circuit.library import StatePreparation

        definition = QuantumCircuit(self.num_qubits)
        definition.append(StatePreparation(self.amplitudes()), range(self.num_qubits))
        self.definition = definition


class StateGate(AmplitudeGate):
    """Prepare the state whose amplitudes are given: real parts, then imaginary parts.

    Acts on qubits in ``|0>``.

    Parameters
    ----------
    num_qubits : int
    params : list of float or ParameterExpression
        ``2 ** (num_qubits + 1)`` real values: entry ``k`` is the real part of the amplitude of
        basis state ``k``, entry ``2 ** num_qubits + k`` its imaginary part (qiskit's order:
        qubit 0 is the lowest bit of ``k``). Their norm must be 1, to `UNIT_TOLERANCE`.

    Examples
    --------
    >>> from skqmu.circuits import StateGate
    >>> StateGate(1, [0.6, 0.0, 0.0, 0.8]).amplitudes()
    array([0.6+0.j , 0. +0.8j])
    """

    rule = "unit"
    imaginary = True
    _called = "state"

    @staticmethod
    def _check_count(num_qubits, count):
        if count != 2 ** (num_qubits + 1):
            raise CircuitError(
                f"encoding='state' on {num_qubits} qubits takes {2 ** (num_qubits + 1)} features, "
                f"{2**num_qubits} real parts and as many imaginary parts behind them; got {count}. "
                "Leave n_qubits=None where the rows are states; encoding='amplitude' takes real "
                "rows of other lengths."
            )

    def amplitudes(self) -> np.ndarray:
        """Return the amplitudes of bound parameters, shape (2**num_qubits,), complex.

        Raises
        ------
        CircuitError
            When a parameter is unbound, or the norm is not 1.
        """
        values = self._numbers()
        norm = np.linalg.norm(values)
        if not abs(norm - 1) <= UNIT_TOLERANCE:
            raise CircuitError(UNIT_ROWS.format(norm=norm, rows="this row"))
        values = values / norm
        half = 2**self.num_qubits
        return values[:half] + 1j * values[half:]


class UnnormalisedGate(AmplitudeGate):
    """Let the amplitudes be the parameters as they stand, whatever their norm: no quantum state.

    A circuit is linear in its initial vector, so that the statevector engine can propagate any
    vector; a published protocol does so. "Expectation values" ``<v| U^+ O U |v>`` then grow
    with the squared norm of ``v`` and exceed 1. No device can do this, and other backends refuse.

    Parameters
    ----------
    num_qubits : int
    params : list of float or ParameterExpression
        As of `AmplitudeGate`.

    Examples
    --------
    >>> from qiskit.circuit import ParameterVector, QuantumCircuit
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.circuits import UnnormalisedGate, z_observables
    >>> x, circuit = ParameterVector("x", 2), QuantumCircuit(1)
    >>> _ = circuit.append(UnnormalisedGate(1, list(x)), [0])
    >>> vectors = StatevectorBackend().compile(circuit, z_observables(1), inputs=x, weights=[])
    >>> vectors.expectations([[2.0, 1.0]], []).tolist()  # 2^2 - 1^2
    [[3.0]]
    """

    rule = "keep"
    _called = "unnormalised"

    def amplitudes(self) -> np.ndarray:
        """Refuse: there is no such state.

        Raises
        ------
        CircuitError
            Always.
        """
        raise CircuitError(NO_STATE)


_ENCODINGS = {
    "amplitude": _prepared_by(AmplitudeGate),
    "angle": _angle,
    "angle_xyz": _angle_xyz,
    "iqp": _iqp,
    "state": _prepared_by(StateGate),
    "unnormalised": _prepared_by(UnnormalisedGate),
}
#: The encodings that are one preparation of a state.
PREPARING = ("amplitude", "state", "unnormalised")


def encodings() -> list[str]:
    """Return the names of the encodings that :func:`build_circuit` knows.

    Examples
    --------
    >>> from skqmu.circuits import encodings
    >>> encodings()
    ['amplitude', 'angle', 'angle_xyz', 'iqp', 'state', 'unnormalised']
    """
    return sorted(_ENCODINGS)


def encoding_circuit(name, n_features, n_qubits):
    """Return ``(circuit, inputs)`` of a named encoding; the name is already checked."""
    inputs = ParameterVector("x", n_features)
    if name in ("amplitude", "unnormalised") and n_features > 2**n_qubits:
        raise CircuitError(
            f"encoding={name!r} on {n_qubits} qubits holds {2**n_qubits} features; got "
            f"{n_features}: use n_qubits >= {(n_features - 1).bit_length()}."
        )
    return _ENCODINGS[name](inputs, n_qubits), list(inputs)
