"""IBM devices, and their fakes, through qiskit-ibm-runtime: the same circuits, paid for."""

import contextlib
import re
import warnings
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from ..._validation import Interval, StrOptions, validate_params
from ...exceptions import CircuitError
from .._budget import Budget, limited
from .._cache import ProcessCache
from .._contract import BaseBackend
from .._fakes import is_fake
from .._threads import limit_blas_threads
from ..sampled import PrimitiveExecutable
from ..sampled._columns import frequencies_of
from ..sampled._gradients import GRADIENTS, GradientMethod
from ..sampled._seconds import OVERHEAD_A_JOB, USUAL_REP_DELAY, seconds_a_shot
from ..sampled._settings import precision_of, read_settings, setting_pubs
from ..sampled._translate import without_labels
from ._device import Lease
from ._jobs import Job
from ._journal import job_digest
from ._options import check_options, make_primitive

__all__ = ["RuntimeBackend"]

# Circuits for a device, by its name and the circuit: transpiled once a process.
_TRANSPILED = ProcessCache(256)

# What one job may hold (IBM's limit is ten million executions); more is split.
_EXECUTIONS_A_JOB = 5_000_000
_CIRCUITS_A_JOB = 10_000


class RuntimeBackend(BaseBackend):
    """An IBM Quantum device, or a fake of one, through qiskit-ibm-runtime.

    Circuits are transpiled for the device once and run as broadcast PUBs: all rows of a
    batch, or all shifts of a gradient, are one job. Credentials are the runtime's own saved
    accounts (``IBMQuantumComputeService.save_account``; before its release 0.49 it was called
    ``QiskitRuntimeService``); no parameter takes a token.

    Parameters
    ----------
    name : str, default="least_busy"
        The device: ``"ibm_torino"``, the account's ``"least_busy"`` one, or a fake,
        ``"fake_manila"``, which runs the same code path offline.
    mode : {"job", "session", "batch"}, default="job"
        A session or batch is opened by the first job of a fit, a prediction or a deletion
        request and closed at its end, whatever happens; used as a context manager, the
        backend keeps it open over all calls inside.
    shots : int, default=1024
    optimization_level : {0, 1, 2, 3}, default=1
        Of the transpilation.
    resilience : int, dict or None, default=None
        Error mitigation: a resilience level, or options by name (``{"zne_mitigation":
        True}``). Values then come from the runtime's Estimator; otherwise from its Sampler,
        where one run gives every commuting observable.
    dynamical_decoupling : bool, str, dict or None, default=None
        A string is the sequence type, ``"XY4"``.
    twirling : bool, dict or None, default=None
        True: of gates and of measurements.
    max_retries : int, default=5
        For failures that pass by themselves (network, overload, a session that was closed),
        with waits of 1, 2, 4, ... s, at most a minute, with jitter.
    timeout : float or None, default=None
        Seconds to wait for a job.
    job_tags : list of str, default=()
    checkpoint_dir : path-like or None, default=None
        Where jobs are written down. A program that is run again after a crash takes what is
        done from there and waits for jobs that are under way instead of submitting again.
        Jobs are recognised by circuits, numbers and place in the noise stream, so the
        classifier needs an integer `random_state`; the same program with the same seed then
        gets the same answers until the folder is deleted. `unlearn` deletes the model's own
        part of it (also when it runs elsewhere, if `fit` ran here).
    account : str or None, default=None
        Name of a saved account; None: the default one.
    instance : str or None, default=None
    max_time : int, str or None, default=None
        Longest life of a session: seconds, or for example ``"1h 30m"``.
    seed : int or None, default=None
        Of the fakes' noise, as for `AerBackend`.
    gradient : {"auto", "parameter_shift", "spsa", "adjoint"} or GradientMethod, \
default="auto"
        ``"auto"``: ``"parameter_shift"``, or ``"spsa"`` where that would take more than 256
        circuits a record.
    n_threads : int, default=1
        BLAS threads of the classical part.
    budget : Budget, dict or None, default=None
        What each fit, each prediction and each deletion request may spend at most, for
        example ``{"shots": 1_000_000, "qpu_seconds": 60}``; see :class:`Budget`.

    See Also
    --------
    AerBackend : With ``noise="fake_manila"``, the same noise at a fraction of the time.

    Notes
    -----
    Tested on Aer and on 5-qubit fakes; not on a real device. Mitigation options have no
    effect on fakes, and a warning says so.

    Seconds of the processor are estimated as 2 s a job and, for each shot of each circuit,
    the device's delay between shots (250 microseconds where it states none) plus the
    circuit's scheduled duration. That is a rule of thumb which was not checked on a device;
    what IBM charges is the time that the processor is locked for a job (guide "Workload
    usage", quantum.cloud.ibm.com/docs/guides/estimate-job-run-time). A session is charged by
    the clock from its first job to its end, mitigation takes more shots than these: both cost
    more than the estimate.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.backends import RuntimeBackend
    >>> from skqmu.circuits import build_circuit, z_observables
    >>> qnn = build_circuit("angle", "real_amplitudes", n_features=2, n_qubits=2)
    >>> backend = RuntimeBackend("fake_manila", shots=500, seed=0)
    >>> executable = backend.compile(
    ...     qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights
    ... )
    >>> values = executable.expectations(np.array([[0.0, np.pi]]), np.zeros(4))
    >>> bool(values[0, 0] > 0.8), bool(values[0, 1] < -0.8)
    (True, True)
    """

    exact = False

    _parameter_constraints = {
        "name": [str],
        "mode": [StrOptions({"job", "session", "batch"})],
        "shots": [Interval(Integral, 1, None, closed="left")],
        "optimization_level": [Interval(Integral, 0, 3, closed="both")],
        "resilience": [Interval(Integral, 0, 2, closed="both"), dict, None],
        "dynamical_decoupling": ["boolean", str, dict, None],
        "twirling": ["boolean", dict, None],
        "max_retries": [Interval(Integral, 0, None, closed="left")],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "job_tags": [list, tuple],
        "checkpoint_dir": [str, Path, None],
        "account": [str, None],
        "instance": [str, None],
        "max_time": [Interval(Integral, 1, None, closed="left"), str, None],
        "seed": [Interval(Integral, 0, None, closed="left"), None],
        "gradient": [StrOptions({"auto", *GRADIENTS}), GradientMethod],
        "n_threads": [Interval(Integral, 1, None, closed="left")],
        "budget": [Budget, dict, None],
    }

    _without_effect = (
        *("mode", "max_retries", "timeout", "job_tags", "checkpoint_dir", "max_time"),
        *("n_threads", "budget"),
    )

    def __init__(
        self,
        name="least_busy",
        *,
        mode="job",
        shots=1024,
        optimization_level=1,
        resilience=None,
        dynamical_decoupling=None,
        twirling=None,
        max_retries=5,
        timeout=None,
        job_tags=(),
        checkpoint_dir=None,
        account=None,
        instance=None,
        max_time=None,
        seed=None,
        gradient="auto",
        n_threads=1,
        budget=None,
    ):
        self.name = name
        self.mode = mode
        self.shots = shots
        self.optimization_level = optimization_level
        self.resilience = resilience
        self.dynamical_decoupling = dynamical_decoupling
        self.twirling = twirling
        self.max_retries = max_retries
        self.timeout = timeout
        self.job_tags = job_tags
        self.checkpoint_dir = checkpoint_dir
        self.account = account
        self.instance = instance
        self.max_time = max_time
        self.seed = seed
        self.gradient = gradient
        self.n_threads = n_threads
        self.budget = budget

    def compile(self, circuit, observables, *, inputs, weights):
        validate_params(self)
        if self.budget is not None:
            Budget.of(self.budget)
        for parameter in ("name", "account"):
            if re.fullmatch(r"[\w-]{40,}", getattr(self, parameter) or ""):
                raise ValueError(
                    f"{parameter}= looks like a token, which no parameter takes: save it once with "
                    "IBMQuantumComputeService.save_account and pass the account's name, if it has "
                    "one."
                )
        return _RuntimeExecutable(self, circuit, observables, inputs, weights)

    def artefacts(self, stream):
        if self.checkpoint_dir is None:
            return ()
        return (str((Path(self.checkpoint_dir) / stream.name).absolute()),)

    def lease(self):
        """Return the process's lease on the device (see `Lease`)."""
        return Lease.of(self.name, self.account, self.instance, self.mode, self.max_time)

    @contextlib.contextmanager
    def session(self):
        """Return the context of one piece of work: threads, budget, and a session's life."""
        with limit_blas_threads(self.n_threads), limited(self.budget), self.lease().held():
            yield

    def __enter__(self):
        held = self.lease().held()
        held.__enter__()
        _CONTEXTS.setdefault(id(self), []).append(held)
        return self

    def __exit__(self, *exception):
        held = _CONTEXTS[id(self)]
        context = held.pop()
        if not held:
            del _CONTEXTS[id(self)]
        return context.__exit__(*exception)


# Contexts that `with backend:` holds open, beside the backends: they are live handles.
_CONTEXTS: dict = {}


class _RuntimeExecutable(PrimitiveExecutable):
    """Circuits transpiled for a device, run as journaled and retried jobs."""

    auto_limit = 256
    noisy = True

    def prepare(self, backend):
        self.backend = backend
        self.shots = backend.shots
        self.lease = backend.lease()
        self.uses_estimator = backend.resilience is not None
        device = self.lease.device
        check_options(backend, device, self.uses_estimator)
        if is_fake(backend.name) and any(
            option not in (None, False)
            for option in (backend.resilience, backend.dynamical_decoupling, backend.twirling)
        ):
            warnings.warn(
                f"resilience, dynamical_decoupling and twirling have no effect on "
                f"{backend.name!r}: fakes are simulated as they are.",
                UserWarning,
            )
        circuit = self.columns.circuit
        logical = (
            [circuit] if self.uses_estimator else [s.measured(circuit) for s in self.plan.settings]
        )
        self.physical = [_transpiled(device, c, backend.optimization_level) for c in logical]
        # By index: a circuit that was transpiled for another fit has parameters of its own.
        self._places = [[p.index for p in c.parameters] for c in self.physical]
        self.frequencies = frequencies_of(
            self.physical, self.columns.parameters, self.columns.n_rotations
        )
        self.digest = job_digest(
            device.name, *map(_described, self.physical), str(self._source[1]), self.shots,
            repr(backend.resilience), repr(backend.dynamical_decoupling), repr(backend.twirling),
        )  # fmt: skip

        timed = self.physical
        if self.uses_estimator:  # it measures its circuit itself, in as many settings
            measured = (setting.measured(circuit) for setting in self.plan.settings)
            timed = [_transpiled(device, c, backend.optimization_level) for c in measured]
        self._seconds_a_shot = seconds_a_shot(device, timed, USUAL_REP_DELAY)
        n_settings = max(1, len(self.plan.settings))
        most = min(_CIRCUITS_A_JOB, _EXECUTIONS_A_JOB // self.shots)
        self.rows_a_job = max(1, most // n_settings)

    def charge(self, n_rows):
        """See :class:`PrimitiveExecutable`."""
        charge = super().charge(n_rows)
        if self.uses_estimator:
            charge["pubs"] = 1
        else:  # a circuit without numbers cannot be broadcast: it is sent once a row
            charge["pubs"] = sum(1 if places else n_rows for places in self._places)
        seconds = n_rows * self.shots * self._seconds_a_shot
        charge["qpu_seconds"] = OVERHEAD_A_JOB + seconds
        return charge

    def run(self, columns):
        """Evaluate columns; all jobs of a call share a session."""
        with self.lease.held():
            return super().run(columns)

    def _expectations(self, columns):
        """Values of one job, from the journal or from the device."""
        job = Job(self, self.columns.bind(columns), self.draw())
        stored = job.stored()
        if stored is None:
            with self.paying(len(columns)) as charge:
                stored = job.run()
                charge.update(job.charged())
        return stored[0] if self.uses_estimator else self.plan.combine(stored, len(columns))

    def submit(self, values, seed):
        """Send one job to the device; returns the runtime's job object."""
        primitive = make_primitive(
            self.backend, self.lease.execution_mode(), self.uses_estimator, seed
        )
        if self.uses_estimator:
            layout = self.physical[0].layout
            observables = [[observable.apply_layout(layout)] for observable in self.observables]
            pubs = [(self.physical[0], observables, values[:, self._places[0]])]
            return primitive.run(pubs, precision=precision_of(self.shots))
        else:
            return primitive.run(
                setting_pubs(self.physical, self._places, values), shots=self.shots
            )

    def estimates(self, result, n_rows):
        """From a job's result to what is journaled: an array a setting, or the values."""
        if self.uses_estimator:
            return [np.asarray(result[0].data.evs, dtype=float).T]
        return read_settings(self.plan.settings, self._places, result, n_rows)

    def are_estimates(self, arrays, n_rows):
        """Whether arrays, from wherever they come, could be the journaled ones of a job."""
        if self.uses_estimator:
            widths = [len(self._source[1])]
        else:
            widths = [len(setting.terms) for setting in self.plan.settings]
        return [array.shape for array in arrays] == [(n_rows, width) for width in widths] and all(
            array.dtype == float and np.isfinite(array).all() for array in arrays
        )


def _transpiled(device, circuit, level):
    """The circuit in the device's own gates and coupling, transpiled once a process."""
    from qiskit.transpiler import generate_preset_pass_manager

    if circuit.num_qubits > device.num_qubits:
        raise CircuitError(
            f"the circuit has {circuit.num_qubits} qubits and {device.name} {device.num_qubits}; "
            "take a larger device or a smaller n_qubits."
        )
    manager = generate_preset_pass_manager(level, backend=device, seed_transpiler=0)
    key = (device.name, level, _described(circuit))
    return _TRANSPILED.get(key, lambda: without_labels(manager.run(circuit)))


def _described(circuit):
    """Gates, angles and places of a circuit as a digest, the same in every process.

    Composed gates, of which names and angles do not say all, are not among them:
    `ColumnCircuit` has opened them.
    """
    lines = [repr((circuit.num_qubits, circuit.num_clbits))]
    for instruction in circuit.data:
        operation = instruction.operation
        params = [
            p.tobytes().hex() if isinstance(p, np.ndarray) else str(p) for p in operation.params
        ]
        qubits = [circuit.find_bit(q).index for q in instruction.qubits]
        clbits = [circuit.find_bit(c).index for c in instruction.clbits]
        state = getattr(operation, "ctrl_state", None)
        unit = getattr(operation, "unit", None)  # of a delay
        lines.append(repr((operation.name, state, unit, params, qubits, clbits)))
    return job_digest(*lines)
