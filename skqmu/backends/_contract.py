"""What every backend is: a value that compiles circuits into executables."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property

import numpy as np
from qiskit import QuantumCircuit
from sklearn.base import BaseEstimator

from .._site_links import SiteLinksMixin
from ..exceptions import BackendError
from ._noise_stream import NoiseStream
from ._spent import Spent

__all__ = ["ZERO_ROWS", "BaseBackend", "Executable"]

ZERO_ROWS = (
    "amplitude encoding cannot normalise rows of zeros: {rows}; drop such rows or shift the "
    "features."
)


class BaseBackend(ABC, SiteLinksMixin, BaseEstimator):
    """Base class of backends.

    A backend is a value: parameters only, no live handle, so that ``clone``, ``get_params``,
    ``pickle`` and joblib work by construction.

    Attributes
    ----------
    exact : bool
        Whether expectation values carry no sampling noise.
    sampled : bool
        ``not exact``.

    Examples
    --------
    A subclass has parameters, and says how a circuit becomes an executable; here in single
    precision where the circuit is wide.

    >>> import numpy as np
    >>> from skqmu.backends import BaseBackend, StatevectorBackend
    >>> from skqmu.circuits import build_circuit, z_observables
    >>> class ByWidth(BaseBackend):
    ...     def __init__(self, widest=12):
    ...         self.widest = widest
    ...
    ...     def compile(self, circuit, observables, *, inputs, weights):
    ...         dtype = "complex128" if circuit.num_qubits <= self.widest else "complex64"
    ...         engine = StatevectorBackend(dtype=dtype)
    ...         return engine.compile(circuit, observables, inputs=inputs, weights=weights)
    >>> qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    >>> backend = ByWidth(widest=1)
    >>> executable = backend.compile(
    ...     qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights
    ... )
    >>> executable.expectations(np.zeros((1, 2)), np.zeros(6)), executable.dtype
    (array([[1., 1.]]), dtype('complex64'))
    >>> backend.sampled, backend
    (False, ByWidth(widest=1))
    """

    exact = True

    @property
    def sampled(self):
        """Whether results carry sampling noise."""
        return not self.exact

    @abstractmethod
    def compile(self, circuit, observables, *, inputs, weights):
        """Return an :class:`Executable`.

        Parameters
        ----------
        circuit : qiskit.QuantumCircuit
        observables : list of qiskit.quantum_info.SparsePauliOp, or Probabilities
        inputs, weights : ParameterVector or list of Parameter
            Members that the circuit does not use are allowed.

        Returns
        -------
        Executable

        Raises
        ------
        ValueError
            A parameter of the backend that is not allowed, by itself or beside another one.
        CircuitError
            When the circuit cannot be lowered, has a parameter in neither list, or more qubits
            than memory or the device has room for.
        BackendError
            What the backend works with is not there: a package, an account, a network.
        """

    def session(self):
        """Return a context manager to hold during a fit, a prediction or a request.

        What belongs to one piece of work lives as long as it: limited threads, a budget, an
        open session. This one does nothing.
        """
        return nullcontext()

    def limit_threads(self):
        """Former name of :meth:`session`; it goes with version 0.3."""
        warnings.warn(
            f"{type(self).__name__}.limit_threads() is called session() from now on; it goes with "
            "version 0.3.",
            FutureWarning,
            stacklevel=2,
        )
        return self.session()

    def artefacts(self, stream):
        """Return paths where results are kept of the estimator with that noise stream.

        Parameters
        ----------
        stream : NoiseStream

        Returns
        -------
        tuple of str
            Files and folders that a deletion request must remove; none by default.
        """
        return ()

    #: Parameters that change how circuits are run, but not what comes out.
    _without_effect: tuple[str, ...] = ()

    def described(self):
        """Return the parameters as values whose repr tells them apart."""
        return self.get_params()

    def identity(self):
        """Return a string that is equal for backends that run circuits alike."""
        return repr((type(self).__name__, sorted(self.described().items())))

    def __skqmu_identity__(self):
        """What caches tell backends apart by: what changes results."""
        params = self.get_params(deep=False)
        return {k: v for k, v in params.items() if k not in self._without_effect}

    def outcome_identity(self):
        """Return a string that is equal for backends that give the same results.

        A fit that was interrupted by a budget may so go on under a larger one.
        """
        kept = {k: v for k, v in self.described().items() if k not in self._without_effect}
        return repr((type(self).__name__, sorted(kept.items())))


class Executable(ABC):
    """A compiled circuit with observables: all that the rest of the package asks of one.

    `forward`, `backward` and the four numbers are enough to fit, predict, unlearn and estimate
    costs; the rest has defaults, which are those of exact values that cost nothing but time.
    :func:`skqmu.utils.estimator_checks.check_backend` holds a backend to this contract, and
    `docs/extending.md` builds one.

    Attributes
    ----------
    n_qubits, n_inputs, n_weights, n_outputs : int
    weight_periods : ndarray of shape (n_weights,)
        Period of the expectation values in each weight; by default inf, for none is known.
    noise : NoiseStream or None
        Where sampling noise comes from; None where values are exact by construction. An
        estimator puts its own stream here.
    noisy : bool
        Whether the circuit has errors, so that values are not those of the ideal state.
    spent : Spent or None
        Circuits and shots really run; None where running costs nothing but time.
    shots_a_row : int
        Shots that the values of one record take; 0 where they are exact.
    shares_rows : bool
        Whether :meth:`taken` is there: a training step then runs each distinct row once, and
        takes the others' tape from it. It matters where circuits are counted.
    takes_models : bool
        Whether weights may have a leading axis of models, (M, n_weights), and inputs too,
        (M, B, n_inputs); values and slopes then have it. False by default: models are then
        trained one after another. Where it is true, a model's numbers do not depend on those
        beside it, and :meth:`models_at_once` says how many a call should have.
    physical : sequence of qiskit.QuantumCircuit
        Circuits as they run, whose depth an estimate of costs states; empty by default.

    Examples
    --------
    One qubit that turns by a feature and a weight, in closed form.

    >>> import numpy as np
    >>> from skqmu.backends import Executable
    >>> class Cosine(Executable):
    ...     n_qubits = n_inputs = n_weights = n_outputs = 1
    ...
    ...     def forward(self, inputs, weights):
    ...         angles = inputs + weights
    ...         return np.cos(angles), angles
    ...
    ...     def backward(
    ...         self, tape, cotangent, per_sample=False, need_inputs=True, need_weights=True
    ...     ):
    ...         slopes = -np.sin(tape) * cotangent
    ...         return slopes, slopes if per_sample else slopes.sum(axis=0)
    >>> inputs, weights = np.array([[0.0], [np.pi]]), np.zeros(1)
    >>> Cosine().expectations(inputs, weights)
    array([[ 1.],
           [-1.]])
    >>> d_inputs, d_weights = Cosine().vjp(inputs, weights + np.pi / 2, np.ones((2, 1)))
    >>> d_inputs.ravel(), d_weights
    (array([-1.,  1.]), array([0.]))
    """

    n_qubits: int
    n_inputs: int
    n_weights: int
    n_outputs: int
    noise: NoiseStream | None = None
    noisy = False
    spent: Spent | None = None
    shots_a_row = 0
    shares_rows = False
    takes_models = False
    physical: Sequence[QuantumCircuit] = ()

    @cached_property
    def weight_periods(self) -> np.ndarray:
        """Period of the expectation values in each weight, shape (n_weights,)."""
        return np.full(self.n_weights, np.inf)

    def use_noise(self, stream: NoiseStream | None) -> None:
        """Draw sampling noise, if there is any, from a stream of somebody else.

        Parameters
        ----------
        stream : NoiseStream or None
        """
        if self.noise is not None:
            self.noise = stream

    @abstractmethod
    def forward(self, inputs, weights):
        """Return ``(values, tape)``.

        Parameters
        ----------
        inputs : array-like of shape (B, n_inputs)
        weights : array-like of shape (n_weights,)
            Each with a leading axis of models where `takes_models`.

        Returns
        -------
        values : ndarray of shape (B, n_outputs)
            Expectation values of the observables.
        tape : object
            For :meth:`backward`, any number of times.

        Raises
        ------
        ValueError
            Shapes that do not fit, or numbers that are not finite.
        BudgetExceededError
            Where circuits are counted: the next job would pass a budget, and was not sent.
        """

    @abstractmethod
    def backward(self, tape, cotangent, per_sample=False, need_inputs=True, need_weights=True):
        """Return ``(d_inputs, d_weights)`` of ``sum(cotangent * values)``.

        Parameters
        ----------
        tape : object
            From :meth:`forward`.
        cotangent : array-like of shape (B, n_outputs)
        per_sample : bool, default=False
            Whether the weights' gradient of each record is kept apart.
        need_inputs, need_weights : bool, default=True
            None may be returned for what is not needed.

        Returns
        -------
        d_inputs : ndarray of shape (B, n_inputs) or None
        d_weights : ndarray of shape (n_weights,), (B, n_weights) with `per_sample`, or None

        Raises
        ------
        ValueError
            A cotangent of another shape than the values.
        BudgetExceededError
            As for :meth:`forward`.
        """

    def models_at_once(self, n_rows):
        """Return how many models, of `n_rows` records each, a call should have at most.

        Parameters
        ----------
        n_rows : int
        """
        return 1

    def taken(self, tape, rows):
        """Return the tape of :meth:`forward` as if its inputs had been ``inputs[rows]``.

        Asked only where `shares_rows` is true.

        Parameters
        ----------
        tape : object
        rows : ndarray of int of shape (n,)
            A row may come several times.

        Returns
        -------
        object
        """
        raise NotImplementedError(f"{type(self).__name__} shares no rows.")

    def pretend(self):
        """Run nothing from now on, but count, and give out numbers that mean nothing.

        Asked only where circuits are counted (`spent`), by `estimate_cost`.

        Raises
        ------
        BackendError
            By default: what is counted by running it cannot be counted without.
        """
        raise BackendError(
            f"estimate_cost cannot count circuits of {type(self).__name__} without running them: "
            "it counts what it spends and has no method pretend()."
        )

    def quantum_fisher(self, inputs, weights, *, average=False):
        """Return the diagonal quantum Fisher information, shape (B, n_weights).

        Parameters
        ----------
        inputs : array-like of shape (B, n_inputs)
        weights : array-like of shape (n_weights,)
        average : bool, default=False
            Whether the mean over records is returned, shape (n_weights,).

        Returns
        -------
        ndarray of shape (B, n_weights)

        Raises
        ------
        BackendError
            Expectation values alone do not tell it, which is the default; nor do sampled or
            noisy ones.
        """
        raise BackendError(
            f"{type(self).__name__} does not give the quantum Fisher information; use "
            "importance='fisher', or set backend='statevector' for this request."
        )

    def expectations(self, inputs, weights):
        """Return the values of :meth:`forward` alone.

        Parameters
        ----------
        inputs : array-like of shape (B, n_inputs)
        weights : array-like of shape (n_weights,)

        Returns
        -------
        ndarray of shape (B, n_outputs)
        """
        return self.forward(inputs, weights)[0]

    def vjp(self, inputs, weights, cotangent, per_sample=False):
        """Return ``(d_inputs, d_weights)`` of ``sum(cotangent * expectations)``.

        Parameters
        ----------
        inputs : array-like of shape (B, n_inputs)
        weights : array-like of shape (n_weights,)
        cotangent : array-like of shape (B, n_outputs)
        per_sample : bool, default=False
            Whether the weights' gradient of each record is kept apart.

        Returns
        -------
        d_inputs : ndarray of shape (B, n_inputs)
        d_weights : ndarray of shape (n_weights,), or (B, n_weights) with `per_sample`
        """
        _, tape = self.forward(inputs, weights)
        return self.backward(tape, cotangent, per_sample=per_sample)

    def _checked(self, inputs, weights):
        """Return float64 arrays of the right widths.

        Raises
        ------
        ValueError
            For a wrong width or numbers that are not finite.
        """
        inputs = np.asarray(inputs, dtype=np.float64)
        weights = np.asarray(weights, dtype=np.float64)
        if inputs.ndim < 2 or inputs.shape[-1] != self.n_inputs:
            raise ValueError(
                f"inputs must have shape (n_samples, {self.n_inputs}); got {inputs.shape}."
            )
        if weights.ndim < 1 or weights.shape[-1] != self.n_weights:
            raise ValueError(f"weights must have shape ({self.n_weights},); got {weights.shape}.")
        for name, array in (("inputs", inputs), ("weights", weights)):
            if not np.isfinite(array).all():
                raise ValueError(f"{name} hold NaN or infinity; remove or impute them first.")
        return inputs, weights
