"""The adapter: any V2 estimator, V2 sampler or device of qiskit as a backend."""

from contextlib import contextmanager
from numbers import Integral

from qiskit.primitives import (
    BaseEstimatorV2,
    BaseSamplerV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import BackendV2
from sklearn.base import clone

from ..._identity import Unidentifiable
from ..._validation import Interval, StrOptions, validate_params
from .._budget import Budget, limited
from .._contract import BaseBackend
from .._threads import limit_blas_threads
from ..sampled._gradients import GRADIENTS, GradientMethod
from ._given_executable import GivenExecutable
from ._live import Carried, default_of, device_of, identity_of, is_aer, is_remote, parts_of

__all__ = ["PrimitiveBackend"]

# Of samplers and devices that name no number.
_USUAL_SHOTS = 1024
# Methods of Aer by which noise is exact.
_DENSITY = ("automatic", "density_matrix")


class PrimitiveBackend(BaseBackend):
    """Your own V2 primitive or device of qiskit: circuits run on the object that you bring.

    ``backend=AerSimulator()``, ``backend=StatevectorSampler()``, ``backend=FakeManilaV2()`` are
    short for this with its defaults; the adapter has the settings.

    Parameters
    ----------
    primitive : BaseEstimatorV2, BaseSamplerV2, BackendV2 or None, default=None
        An estimator is asked for the observables; a sampler for counts, with one measured
        circuit for all observables that commute qubit by qubit; a device is given a sampler
        (Aer's, the runtime's, or qiskit's on its ``run``). None: qiskit's
        `StatevectorEstimator`.
    shots : int or None, default=None
        For each circuit; of an estimator the precision ``shots ** -0.5``. None: what the
        primitive or device has for a default (samplers and devices without one: 1024). Where
        that is an estimator's precision 0, values are exact.
    optimization_level : int, default=1
        Of the transpilation for the device, where the primitive has one; others get the
        circuit as it is.
    gradient : {"auto", "parameter_shift", "spsa", "adjoint"} or GradientMethod, \
default="auto"
        ``"auto"``: ``"adjoint"`` (of the exact state, at no circuits) where values are exact and
        the primitive is known to be free of noise; otherwise ``"parameter_shift"``, or ``"spsa"``
        where that would take more than 1024 circuits a record.
    seed : int or None, default=None
        Of the sampling noise. Within a fitted classifier it follows from the classifier's
        `random_state` and this seed (None: the seed that the primitive was made with).
        Primitives of qiskit, of Aer, and the runtime's on a local device are given a seed for
        each job; the draws of any other are its own.
    n_threads : int, default=1
        BLAS threads of the classical part. Aer's threads are an option of the object.
    budget : Budget, dict or None, default=None
        What each fit, each prediction and each deletion request may spend at most.

    Raises
    ------
    ValueError
        By `compile`: an estimator of an unknown class that states no precision (pass `shots`); or
        one that claims exact values of trajectories.

    See Also
    --------
    AerBackend : Faster and exact where it can be, for the same simulator.
    RuntimeBackend : IBM's devices by name, with retries, sessions and a journal of jobs.

    Notes
    -----
    Live objects make an exception from "a backend is a value": the object is an attribute. A
    clone shares it. A pickle holds it where it can be pickled; where it cannot (an open
    connection), pickling raises an error that says so. A deletion reaches no job that an
    account keeps. Whatever the primitive raises comes as a `BackendError`, with its cause.

    `StatevectorEstimator` and Aer's `EstimatorV2` with a precision add normal noise of that size
    to each value, whatever it is: that is not what shots do, and the counted ones are nominal.

    Circuits and shots are counted before the object sees them: settings times rows; what an
    estimator adds to it (mitigation, groups of its own) is not seen. Processor seconds are
    estimated, as by `RuntimeBackend`, for devices that state a delay between shots.

    Examples
    --------
    >>> from qiskit.primitives import StatevectorSampler
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.backends import PrimitiveBackend
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = QNNClassifier(max_iter=2, random_state=0).fit(X, y)
    >>> clf = clf.set_params(backend=StatevectorSampler(default_shots=100))
    >>> clf.predict_proba(X[:5]).shape, clf.backend_.shots_
    ((5, 3), 100)
    >>> clf.set_params(backend=PrimitiveBackend(StatevectorSampler(), shots=50)).backend_.shots_
    50
    """

    _parameter_constraints = {
        "primitive": [BaseEstimatorV2, BaseSamplerV2, BackendV2, None],
        "shots": [Interval(Integral, 1, None, closed="left"), None],
        "optimization_level": [Interval(Integral, 0, 3, closed="both")],
        "gradient": [StrOptions({"auto", *GRADIENTS}), GradientMethod],
        "seed": [Interval(Integral, 0, None, closed="left"), None],
        "n_threads": [Interval(Integral, 1, None, closed="left")],
        "budget": [Budget, dict, None],
    }

    _without_effect = ("budget", "n_threads")

    def __init__(
        self,
        primitive=None,
        *,
        shots=None,
        optimization_level=1,
        gradient="auto",
        seed=None,
        n_threads=1,
        budget=None,
    ):
        self.primitive = primitive
        self.shots = shots
        self.optimization_level = optimization_level
        self.gradient = gradient
        self.seed = seed
        self.n_threads = n_threads
        self.budget = budget

    @property
    def shots_(self):
        """Shots a circuit: `shots`, or what the primitive has for a default; None where exact."""
        if self.shots is not None:
            return self.shots
        primitive = self.primitive_
        if isinstance(primitive, BaseEstimatorV2):
            return self._shots_of_estimator(primitive)
        found = default_of(primitive, "default_shots")
        if found is None:
            found = getattr(getattr(device_of(primitive), "options", None), "shots", None)
        return int(found) if isinstance(found, Integral) and found > 0 else _USUAL_SHOTS

    def _shots_of_estimator(self, primitive):
        shots = default_of(primitive, "default_shots")
        if shots:
            return int(shots)
        precision = default_of(primitive, "default_precision")
        if precision is None:
            raise ValueError(
                f"{type(primitive).__name__} states no default_precision, so that nobody knows how "
                f"many shots a value takes: PrimitiveBackend({type(primitive).__name__}(...), "
                "shots=1024)."
            )
        if precision == 0:
            self._check_exact(primitive)
            return None
        # As qiskit's own estimators count; rounding adds no shot.
        return int(-(-(1 - 1e-12) // precision**2))

    def _check_exact(self, primitive):
        method = getattr(getattr(device_of(primitive), "options", None), "method", "automatic")
        if self.noisy_ and is_aer(device_of(primitive)) and method not in _DENSITY:
            raise ValueError(
                f"{type(primitive).__name__} with a noise model and method={method!r} draws "
                "trajectories, which its precision 0 does not count: use "
                "method='density_matrix', or a sampler."
            )

    @property
    def primitive_(self):
        """The object that runs circuits."""
        return StatevectorEstimator() if self.primitive is None else self.primitive

    @property
    def exact(self):
        """Whether values carry no sampling noise; not where nobody knows."""
        try:
            return self.shots_ is None
        except ValueError:  # `compile` says what is wrong
            return False

    @property
    def noisy_(self):
        """Whether circuits have errors, or may have: what is not known to be ideal."""
        primitive = self.primitive_
        if type(primitive) in (StatevectorEstimator, StatevectorSampler):
            return False
        device = device_of(primitive)
        if is_aer(device):
            return getattr(device.options, "noise_model", None) is not None
        return True

    @contextmanager
    def session(self):
        """Return the context of one piece of work: BLAS threads, and the budget."""
        with limit_blas_threads(self.n_threads), limited(self.budget):
            yield

    def compile(self, circuit, observables, *, inputs, weights):
        validate_params(self)
        if self.budget is not None:
            Budget.of(self.budget)
        return GivenExecutable(self, circuit, observables, inputs, weights)

    def described(self):
        """See :class:`BaseBackend`; the primitive counts by what it is made of."""
        return {**super().described(), "primitive": identity_of(self.primitive)}

    def __skqmu_identity__(self):
        """See :class:`BaseBackend`."""
        if is_remote(device_of(self.primitive_)):
            raise Unidentifiable(
                "an open connection cannot be told from others; name the device by "
                "RuntimeBackend(name=...)."
            )
        told = {} if self.primitive is None else {"primitive": parts_of(self.primitive)}
        return {**super().__skqmu_identity__(), **told}

    def __sklearn_clone__(self):
        params = {
            name: value if name == "primitive" else clone(value, safe=False)
            for name, value in self.get_params(deep=False).items()
        }
        return type(self)(**params)

    def __getstate__(self):
        return Carried.within(super().__getstate__(), "primitive", type(self).__name__)

    def __setstate__(self, state):
        super().__setstate__(Carried.unpacked(state, "primitive"))
