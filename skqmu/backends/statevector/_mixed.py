"""Mixed states through a circuit: the engine's passes over the columns of its unitary."""

from collections.abc import Iterable

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

from ...circuits import AmplitudeGate, Probabilities
from ...exceptions import CircuitError
from ._engine import StatevectorBackend

__all__ = ["MixedStates"]


class MixedStates:
    """A circuit without features, as a function of one mixed state an outcome.

    ``value(w) = sum_k tr(P_k U(w) R_k U(w)^+)`` with the projector P_k on outcome k of the
    lowest qubits (see `Probabilities`, ``"first"``) and Hermitian matrices R_k, with its exact
    gradient. The 2^n basis states go through the engine as records, which gives U column by
    column; the costate of the columns is ``sum_k P_k U R_k``. A projector keeps some rows of U
    only, so that all outcomes together cost one product of 2^n x 2^n matrices.

    Parameters
    ----------
    backend : StatevectorBackend
    circuit : qiskit.QuantumCircuit
    n_outcomes : int
    weights : list of Parameter

    Raises
    ------
    CircuitError
        The circuit has other parameters, or columns and costates do not fit into the backend's
        `max_memory`.

    Notes
    -----
    Measured (one thread, 3 layers of ``"strong"``, 4 outcomes; ``python
    benchmarks/statistics_downdate.py --part engine``): a gradient takes 12 ms of CPU on 8 qubits
    and 0.36 s on 10.

    Examples
    --------
    >>> import numpy as np
    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from skqmu.backends import MixedStates, StatevectorBackend
    >>> w = Parameter("w")
    >>> circuit = QuantumCircuit(1)
    >>> _ = circuit.ry(w, 0)
    >>> states = MixedStates(StatevectorBackend(), circuit, 2, weights=[w])
    >>> zero = np.diag([1.0, 0.0])
    >>> value, slope = states.value_and_gradient(np.array([np.pi / 2]), [zero, 0 * zero])
    >>> round(value, 6), slope.round(6).tolist()  # cos(w / 2)^2
    (0.5, [-0.5])
    """

    def __init__(
        self,
        backend: StatevectorBackend,
        circuit: QuantumCircuit,
        n_outcomes: int,
        *,
        weights: Iterable[Parameter] | ParameterVector,
    ):
        n = circuit.num_qubits
        self.n_qubits, self.n_outcomes = n, n_outcomes
        readout = Probabilities(n, "first", n_outcomes)
        amplitudes = ParameterVector("column", 2**n)
        columns = QuantumCircuit(n)
        columns.append(AmplitudeGate(n, list(amplitudes)), range(n))
        columns.compose(circuit, inplace=True)
        self.executable = backend.compile(columns, readout, inputs=amplitudes, weights=weights)
        self.n_weights = self.executable.n_weights
        self.rows = [np.flatnonzero(readout.labels == k) for k in range(n_outcomes)]
        (group,) = self.executable.program.readout
        self.slot = group.slot
        self._check_memory(backend.max_memory)

    @property
    def nbytes(self) -> int:
        """Bytes that a gradient takes: all columns at every step, and their costates."""
        # Two more of U: as one array, and its product with the R_k.
        size = 2**self.n_qubits
        return size * (self.executable._record_bytes + 2 * 16 * size)

    def _check_memory(self, allowed):
        if self.nbytes > allowed:
            raise CircuitError(
                f"the unitary of {self.n_qubits} qubits and its gradient take {self.nbytes:,} "
                f"bytes, and max_memory={allowed:,} bytes are allowed: use fewer qubits (features "
                "fold onto them), fewer layers, or raise the backend's max_memory."
            )

    def value_and_gradient(self, weights: np.ndarray, operators) -> tuple[float, np.ndarray]:
        """The value, and its gradient by the weights.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)
        operators : sequence of ndarray of shape (2**n_qubits, 2**n_qubits)
            R_k, Hermitian, one an outcome.

        Returns
        -------
        value : float
        gradient : ndarray of shape (n_weights,)
        """
        run_of, engine = self.executable, self.executable._engine
        columns, weights = run_of._checked(np.eye(2**self.n_qubits), weights)
        with run_of.limit_threads():
            tape = run_of._prepared(columns, weights[None], True)
            runs, unitary = self._evolved(tape)
            value, costates = self._costates(unitary, operators)
            d_blocks = run_of._empty_blocks(1, ())
            d_shared = np.zeros((1, run_of.program.angles.n_shared))
            for rows, run in runs:
                run.begin_backward(d_blocks, d_shared, None, False)
                start = run.scratch(self.slot)
                start[0] = costates[:, rows]
                run.set_costate(self.slot, start)
                engine.pull(run)
                engine.give(run)
            engine.matrices.backward(tape.matrices, d_blocks, d_shared)
            d_sampled = np.zeros((1, len(columns), run_of.program.angles.n_sampled))
            _, gradient = run_of.program.angles.pullback(tape.angles, d_shared, d_sampled)
        return value, gradient[0]

    def _evolved(self, tape):
        """The pass of each chunk of columns, and all columns behind the circuit."""
        size = 2**self.n_qubits
        unitary = np.empty((size, size), self.executable.dtype)
        runs = []
        for models, rows in self.executable._chunks(1, size):
            run = self.executable._evolve(tape, models, rows)
            unitary[:, rows] = run.states[self.slot][0]
            runs.append((rows, run))
        return runs, unitary

    def _costates(self, unitary, operators):
        """``sum_k tr(P_k U R_k U^+)``, and ``conj(sum_k P_k U R_k)``."""
        value, costates = 0.0, np.empty_like(unitary)
        for rows, operator in zip(self.rows, operators, strict=True):
            own = unitary[rows]
            product = own @ operator
            value += float(np.vdot(own, product).real)
            costates[rows] = product.conj()
        return value, costates
