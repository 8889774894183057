"""What the sampled backends share: an executable that evaluates columns of angles."""

import logging
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ...exceptions import BackendError
from .._budget import check_budgets, spend_budgets
from .._contract import Executable
from .._noise_stream import NoiseStream
from .._spent import Spent
from ..statevector._engine import StatevectorBackend
from ._columns import ColumnCircuit
from ._gradients import AdjointGradient, ParameterShift, SPSAGradient, resolve_gradient
from ._settings import MeasurementPlan, measured_observables

__all__ = ["PrimitiveExecutable"]

logger = logging.getLogger("skqmu.backends")


@dataclass(frozen=True)
class _Tape:
    inputs: np.ndarray
    weights: np.ndarray
    columns: np.ndarray
    angles: object


class PrimitiveExecutable(Executable):
    """An executable that asks a primitive, a simulator or a device: `evaluate` says how.

    What it brings: each angle of the circuit as a number of its own (`columns`), gradients by
    the parameter-shift rule, SPSA or the exact state, what is read together (`plan`), counts,
    budgets, and estimates of costs. A subclass sets `shots` (and `noisy`, `physical`) in
    `prepare`, and answers `evaluate`.

    Parameters
    ----------
    backend : BaseBackend
        With parameters `gradient` and `seed`.
    circuit, observables, inputs, weights : object
        As for `BaseBackend.compile`.

    Attributes
    ----------
    columns : ColumnCircuit
        Its `circuit` with `parameters`, in whose order `evaluate` gets numbers.
    observables : list of SparsePauliOp
        One an output.
    plan : MeasurementPlan
    frequencies : list of tuple of float
        Of each rotation column, in the circuit that runs.
    gradient : GradientMethod
    noise : NoiseStream
        Where sampling noise comes from; an estimator puts its own here.
    spent : Spent

    Examples
    --------
    One circuit after another, by qiskit's state vector; `docs/extending.md` has a backend on a
    primitive of qiskit.

    >>> import numpy as np
    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from qiskit.quantum_info import Statevector
    >>> from skqmu.backends import BaseBackend, PrimitiveExecutable
    >>> from skqmu.circuits import z_observables
    >>> class OneByOne(PrimitiveExecutable):
    ...     def evaluate(self, values):
    ...         bound = [self.columns.circuit.assign_parameters(row) for row in values]
    ...         states = [Statevector(circuit) for circuit in bound]
    ...         return np.array(
    ...             [[s.expectation_value(o).real for o in self.observables] for s in states]
    ...         )
    >>> class OneByOneBackend(BaseBackend):
    ...     def __init__(self, gradient="parameter_shift", seed=None):
    ...         self.gradient, self.seed = gradient, seed
    ...
    ...     def compile(self, circuit, observables, *, inputs, weights):
    ...         return OneByOne(self, circuit, observables, inputs, weights)
    >>> x, w, circuit = Parameter("x"), Parameter("w"), QuantumCircuit(1)
    >>> _ = circuit.ry(x, 0), circuit.ry(w, 0)
    >>> executable = OneByOneBackend().compile(
    ...     circuit, z_observables(1), inputs=[x], weights=[w]
    ... )
    >>> _, d_weights = executable.vjp([[0.0]], [np.pi / 2], np.ones((1, 1)))
    >>> d_weights.round(6), executable.spent.circuits  # a value, and the shifts of two angles
    (array([-1.]), 5)
    """

    #: With more shifted circuits a record than this, ``gradient="auto"`` takes SPSA.
    auto_limit = 1024
    #: Rows of angles that one job takes; more are several jobs.
    rows_a_job = 20_000

    def __init__(self, backend, circuit, observables, inputs, weights):
        self.columns = ColumnCircuit(self.written(backend, circuit), inputs, weights)
        self.observables = measured_observables(observables)
        self.plan = MeasurementPlan(self.observables, circuit.num_qubits)
        self.n_qubits = circuit.num_qubits
        self.n_inputs = self.columns.angle_map.n_inputs
        self.n_weights = self.columns.angle_map.n_weights
        self.n_outputs = len(self.plan.constant)
        self.frequencies = self.columns.frequencies
        self.noise = NoiseStream(backend.seed)
        self.salt = backend.seed
        self.spent = Spent()
        self._source = (circuit, observables, inputs, weights)
        self._twin = None
        self._pretended = None
        self.prepare(backend)
        self.gradient = self._chosen(backend)

    def written(self, backend, circuit):
        """Return the circuit with what must be known of it before it is rewritten.

        Parameters
        ----------
        backend : BaseBackend
        circuit : qiskit.QuantumCircuit

        Returns
        -------
        qiskit.QuantumCircuit
            `circuit` as it is, by default.
        """
        return circuit

    def prepare(self, backend):
        """Set up what runs circuits (before the gradient method is chosen).

        Parameters
        ----------
        backend : BaseBackend
        """

    def evaluate(self, values):
        """Expectation values of `observables`, shape (N, n_outputs); noise from :meth:`draw`.

        Parameters
        ----------
        values : ndarray of shape (N, n_parameters)
            Of ``columns.parameters``; at most `rows_a_job` rows.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how circuits run.")

    def _expectations(self, columns):
        """One job: the same for `columns` of shape (N, n_columns), paid for."""
        with self.paying(len(columns)):
            return self.evaluate(self.columns.bind(columns))

    def charge(self, n_rows):
        """What a job costs, before it is sent.

        Parameters
        ----------
        n_rows : int
            Rows of angles.

        Returns
        -------
        dict of str to float
            As `Spent.add` takes it.
        """
        circuits = n_rows * len(self.plan.settings)
        return {
            "circuits": circuits,
            "shots": circuits * (self.shots or 0),
            "pubs": len(self.plan.settings),
            "jobs": 1,
            "qpu_seconds": 0.0,
        }

    @contextmanager
    def paying(self, n_rows):
        """Context of one job: no budget must be passed by it; counted when it has succeeded.

        Yields the charge, in which a device's own figures may replace the estimated ones.

        Parameters
        ----------
        n_rows : int
            Rows of angles.

        Raises
        ------
        BudgetExceededError
            Before anything is sent.
        """
        charge = self.charge(n_rows)
        check_budgets(charge)
        yield charge
        self.spent.add(**charge)
        spend_budgets(charge)

    def pretend(self):
        """Run nothing from now on, but count, and give out random numbers in [-1, 1]."""
        self._pretended = np.random.default_rng(0)

    def _chosen(self, backend):
        """The gradient method; ``"auto"`` says in the log what it took and why."""
        if not (isinstance(backend.gradient, str) and backend.gradient == "auto"):
            return resolve_gradient(backend.gradient)
        shift = ParameterShift()
        n_shifts = shift.n_evaluations(self, need_inputs=False)
        if backend.exact and not self.noisy:
            method, why = AdjointGradient(), "values are exact and noiseless"
        elif n_shifts <= self.auto_limit:
            method, why = shift, f"{n_shifts} shifted circuits a record"
        else:
            method = SPSAGradient()
            why = f"parameter shift would take {n_shifts} circuits a record"
        logger.info(
            "%s: gradient='auto' takes %s (%s)", type(backend).__name__, type(method).__name__, why
        )
        return method

    shares_rows = True
    shots = None

    @property
    def shots_a_row(self):
        """Shots that the values of one record take; 0 where they are exact."""
        return (self.shots or 0) * len(self.plan.settings)

    @property
    def twin(self):
        """Exact executable of the same circuit, compiled when first asked for."""
        if self._twin is None:
            circuit, observables, inputs, weights = self._source
            self._twin = StatevectorBackend().compile(
                circuit, observables, inputs=inputs, weights=weights
            )
        return self._twin

    @property
    def weight_periods(self):
        return self.twin.weight_periods

    def quantum_fisher(self, inputs, weights, *, average=False):
        # the exact state's: it costs no circuits
        if self.noisy or self.shots is not None:
            raise BackendError(
                "the quantum Fisher information is a property of the exact state, which a backend "
                "with shots or noise does not give; use importance='fisher', or set "
                "backend='statevector' for this request."
            )
        return self.twin.quantum_fisher(inputs, weights, average=average)

    def draw(self):
        """Next seed of the noise stream (a `SeedSequence`)."""
        return self.noise.draw(self.salt)

    def run(self, columns):
        """Evaluate columns of angles, in as many jobs as they take.

        Parameters
        ----------
        columns : ndarray of shape (N, n_columns)

        Returns
        -------
        ndarray of shape (N, n_outputs)
        """
        if not len(columns) or not self.plan.settings:
            return np.broadcast_to(self.plan.constant, (len(columns), self.n_outputs)).copy()
        size = self.rows_a_job
        parts = [columns[start : start + size] for start in range(0, len(columns), size)]
        return np.concatenate([self._job(part) for part in parts])

    def _job(self, columns):
        if self._pretended is None:
            return self._expectations(columns)
        # Outside `paying`: what is not run is taken from no budget.
        self.spent.add(**self.charge(len(columns)))
        return self._pretended.uniform(-1, 1, (len(columns), self.n_outputs))

    def forward(self, inputs, weights):
        inputs, weights = self._checked(inputs, weights)
        if inputs.ndim != 2 or weights.ndim != 1:
            raise ValueError(
                "this backend evaluates one model at a time: inputs of shape (n_samples, "
                f"{self.n_inputs}) and weights of shape ({self.n_weights},); got {inputs.shape} "
                f"and {weights.shape}."
            )
        columns, angles = self.columns.evaluate(inputs, weights)
        return self.run(columns), _Tape(inputs, weights, columns, angles)

    def taken(self, tape, rows):
        _, angles = self.columns.evaluate(tape.inputs[rows], tape.weights)
        return _Tape(tape.inputs[rows], tape.weights, tape.columns[rows], angles)

    def backward(self, tape, cotangent, per_sample=False, need_inputs=True, need_weights=True):
        cotangent = np.asarray(cotangent, dtype=float)
        return self.gradient.backward(
            self,
            tape,
            cotangent,
            per_sample=per_sample,
            need_inputs=need_inputs,
            need_weights=need_weights,
        )
