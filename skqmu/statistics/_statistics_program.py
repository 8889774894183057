"""A circuit that is trained on statistics: its loss, and the loss's gradient."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..backends import MixedStates, StatevectorBackend
from ..circuits.lowering import parameter_lists
from ..exceptions import CircuitError
from ._class_statistics import ClassStatistics
from ._fixed_encoding import FixedEncoding

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter, ParameterVector

__all__ = ["Risk", "StatisticsProgram", "split_circuit"]

# Of a sum of probabilities' slopes.
_ROUNDING = 1e-14


def split_circuit(
    circuit: "QuantumCircuit",
    inputs: "Sequence[Parameter] | ParameterVector",
    weights: "Sequence[Parameter] | ParameterVector",
) -> "tuple[QuantumCircuit, QuantumCircuit]":
    """The part of a circuit that holds features, and what follows.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    inputs, weights : list of Parameter

    Returns
    -------
    encoding, trained : qiskit.QuantumCircuit

    Raises
    ------
    CircuitError
        A weight comes before a feature.

    Examples
    --------
    >>> from skqmu.circuits import build_circuit
    >>> from skqmu.statistics import split_circuit
    >>> qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    >>> encoding, trained = split_circuit(*qnn)
    >>> encoding.count_ops()["ry"], trained.num_parameters
    (2, 6)
    """
    inputs, weights = set(inputs), set(weights)
    used = [_parameters_of(step.operation) for step in circuit.data]
    last = max((i for i, own in enumerate(used) if own & inputs), default=-1)
    first = min((i for i, own in enumerate(used) if own & weights), default=len(used))
    if first <= last:
        raise CircuitError(
            f"instruction {first} ({circuit.data[first].operation.name!r}) holds a trained weight "
            "and features come behind it: the encoding is not fixed, and the loss is no function "
            "of the encoded states alone. Use reuploading=False, and circuits that encode first."
        )
    parts = []
    for steps in (circuit.data[: last + 1], circuit.data[last + 1 :]):
        part = circuit.copy_empty_like()
        for step in steps:
            part.append(step)
        parts.append(part)
    return parts[0], parts[1]


def _parameters_of(operation):
    found = set()
    for value in operation.params:
        found |= set(getattr(value, "parameters", ()))
    return found


class StatisticsProgram:
    """A circuit whose encoding is fixed, as a function of its weights and of class statistics.

    With the projector P_c on class c (the lowest qubits, read as a number; modulo `n_classes`
    where they hold more) and the state U(w)|x> behind the circuit, the loss

    ``sum_i a_{y_i} w_i (1 - <P_{y_i}>_i) / sum_i a_{y_i} w_i
    = 1 - sum_c a_c tr(P_c U S_c U^+) / sum_c a_c W_c``

    is the share of wrong answers if the class were read off one shot a row. It is linear in the
    states, so the rows enter through ``S_c = sum w_i |x_i><x_i|`` alone, whatever their number
    is. Class weights a_c and the normaliser are applied afterwards.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    inputs, weights : list of Parameter
    n_classes : int
    backend : StatevectorBackend
    before : sequence of Layer
        Layers without parameters between rows and circuit.

    Raises
    ------
    CircuitError
        The encoding is not fixed, the qubits cannot name the classes, or the matrices do not
        fit into the backend's `max_memory`.

    Notes
    -----
    The summation form is that of Cao and Yang 2015 (machine unlearning); that expectation
    values make a whole circuit's training data such a sum is ours. Breaks even with rows at some
    ``n_classes * 2**n_qubits`` of them.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.circuits import build_circuit
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.statistics import StatisticsProgram
    >>> qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    >>> program = StatisticsProgram(*qnn, n_classes=2, backend=StatevectorBackend())
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> statistics = program.of(X, (X[:, 0] > 0).astype(int), np.ones(1000))
    >>> loss, gradient = program.risk(statistics).value_and_gradient(np.zeros(6))
    >>> bool(0 <= loss <= 1), gradient.shape
    (True, (6,))
    """

    def __init__(
        self,
        circuit: "QuantumCircuit",
        inputs: "Sequence[Parameter] | ParameterVector",
        weights: "Sequence[Parameter] | ParameterVector",
        *,
        n_classes: int,
        backend: StatevectorBackend,
        before: Sequence = (),
    ):
        lists = parameter_lists(inputs, weights)
        n = circuit.num_qubits
        if n_classes > 2**n:
            raise CircuitError(
                f"{n} qubits name {2**n} classes, and there are {n_classes}; use n_qubits >= "
                f"{(n_classes - 1).bit_length()}."
            )
        self.n_classes, self.n_qubits = n_classes, n
        self._check_memory(backend.max_memory)
        encoding, trained = split_circuit(circuit, **lists)
        self.encoding = FixedEncoding(encoding, lists["inputs"], before)
        self.mixed = MixedStates(backend, trained, n_classes, weights=lists["weights"])
        self.n_weights = self.mixed.n_weights

    @property
    def nbytes(self) -> int:
        """Bytes of the statistics in whole numbers, and once more in double precision."""
        return 2 * 16 * self.n_classes * 4**self.n_qubits

    def _check_memory(self, allowed):
        if self.nbytes > allowed:
            raise CircuitError(
                f"statistics of {self.n_classes} classes on {self.n_qubits} qubits take "
                f"{self.nbytes:,} bytes (2 x 16 x n_classes x 4**n_qubits), and max_memory="
                f"{allowed:,} bytes are allowed: use fewer qubits (features fold onto them), or "
                "raise the backend's max_memory."
            )

    @cached_property
    def origin(self) -> str:
        """Digest of what the encoding makes of some rows."""
        digest = hashlib.blake2b(self.encoding.probe(), digest_size=16)
        return digest.hexdigest()

    def statistics(self) -> ClassStatistics:
        """Of no rows."""
        return ClassStatistics.zero(self.n_classes, 2**self.n_qubits, self.origin)

    def of(self, X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> ClassStatistics:
        """Statistics of rows.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
        labels : ndarray of int of shape (n,)
            Index of each row's class.
        weights : ndarray of shape (n,)
            Sample weights, each between 2^-10 and 2^10.

        Returns
        -------
        ClassStatistics

        Raises
        ------
        ValueError
            A weight out of range.
        InputRowsError
            Rows that the encoding cannot take.
        """
        return ClassStatistics.of(
            self.encoding, X, labels, weights, n_classes=self.n_classes, origin=self.origin
        )

    def risk(self, statistics: ClassStatistics, class_weights: np.ndarray | None = None) -> "Risk":
        """The loss on statistics, as a function of the circuit's weights.

        Parameters
        ----------
        statistics : ClassStatistics
        class_weights : ndarray of shape (n_classes,) or None, default=None

        Returns
        -------
        Risk

        Raises
        ------
        ValueError
            There is no row with a weight, or the statistics come from another encoding.
        """
        if statistics.origin != self.origin or len(statistics.counts) != self.n_classes:
            raise ValueError(
                "these statistics come from another encoding or number of classes, or from a "
                "machine whose sines differ in the last bit; make them with this program."
            )
        factors = np.ones(self.n_classes) if class_weights is None else np.asarray(class_weights)
        total = float(factors @ statistics.weights)
        if total <= 0:
            raise ValueError("the statistics hold no row with a weight: there is nothing to train.")
        operators = statistics.matrices() * (factors / total)[:, None, None]
        return Risk(self.mixed, operators, factors * statistics.weights / total)


@dataclass(frozen=True, eq=False)
class Risk:
    """Loss on statistics, and its gradient.

    Parameters
    ----------
    mixed : MixedStates
    operators : ndarray of shape (n_classes, size, size)
        The S_c, class weights and the normaliser in.
    shares : ndarray of shape (n_classes,)
        Each class's part of the summed weight.

    Examples
    --------
    >>> import numpy as np
    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> from skqmu.backends import MixedStates, StatevectorBackend
    >>> from skqmu.statistics import Risk
    >>> w, circuit = Parameter("w"), QuantumCircuit(1)
    >>> _ = circuit.ry(w, 0)
    >>> mixed = MixedStates(StatevectorBackend(), circuit, 2, weights=[w])
    >>> zero, one = np.diag([0.5, 0.0]), np.diag([0.0, 0.5])  # one row of each class
    >>> risk = Risk(mixed, np.stack([zero, one]), shares=np.array([0.5, 0.5]))
    >>> loss, gradient = risk.value_and_gradient(np.array([np.pi / 2]))  # sin(w / 2)^2
    >>> round(loss, 6), gradient.round(6)
    (0.5, array([0.5]))
    """

    mixed: MixedStates
    operators: np.ndarray
    shares: np.ndarray

    @property
    def n_columns(self) -> int:
        """Basis states that a gradient sends through the circuit."""
        return 2**self.mixed.n_qubits

    def value_and_gradient(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient.

        Slopes below 1e-14, of weights that cannot matter, are rounding and count as 0: Adam
        would divide them by their size.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)

        Returns
        -------
        loss : float
            Between 0 and 1 up to rounding.
        gradient : ndarray of shape (n_weights,)
        """
        value, gradient = self.mixed.value_and_gradient(weights, self.operators)
        return 1.0 - value, np.where(np.abs(gradient) < _ROUNDING, 0.0, -gradient)
