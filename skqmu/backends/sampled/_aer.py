"""Qiskit Aer: the same circuits exact, sampled, noisy, through its V2 primitives."""

from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from qiskit.circuit import QuantumCircuit

from ..._validation import HasMethods, Interval, StrOptions, validate_params
from ...exceptions import BackendError
from .._budget import Budget, limited
from .._cache import ProcessCache
from .._contract import BaseBackend
from .._fakes import fake_device, is_fake
from .._threads import limit_blas_threads
from ._aer_errors import WrittenNoise, quantum_errors
from ._aer_failures import telling
from ._aer_methods import METHODS, check_method, method_for
from ._aer_noise import noise_from_word, noise_identity, readout_matrices
from ._columns import frequencies_of
from ._gradients import GRADIENTS, GradientMethod
from ._primitive import PrimitiveExecutable
from ._translate import NATIVE_GATES, ONE_QUBIT_GATES, TWO_QUBIT_GATES, translate, without_labels

__all__ = ["AerBackend"]

# Live simulators are the process's, never a backend's: backends are values.
_SIMULATORS = ProcessCache(16)

# Up to so many measured qubits the outcome distribution is computed and drawn from; beyond
# it would be larger than the shots.
_WIDEST_DISTRIBUTION = 10


class AerBackend(BaseBackend):
    """Qiskit Aer: exact, sampled or noisy simulation.

    Parameters
    ----------
    shots : int or None, default=None
        Shots for each circuit (each row, each shifted angle, each measurement setting).
        None: exact values.
    noise_model : qiskit_aer.noise.NoiseModel or None, default=None
        Its errors meet the instructions of the circuit as you wrote it, by name or label,
        as in Aer; see Notes. An error that cannot act is refused.
    noise : str or None, default=None
        Shorthand instead of `noise_model`: ``"depolarizing:0.02"`` (also
        ``amplitude_damping``, ``phase_damping``, ``bit_flip``, ``readout``; joined by
        ``+``), or the name of a fake device (``"fake_manila"``), whose noise, basis gates
        and coupling are taken.
    seed : int or None, default=None
        Of the sampling noise. Within a fitted classifier the noise follows from the
        classifier's `random_state` and this seed, and no two calls see the same noise.
    method : str, default="automatic"
        Aer's simulation method. ``"automatic"`` is the state vector, or the density matrix
        where there is noise and few qubits. With noise, ``"statevector"`` draws up to 8
        qubits from the density matrix, too: the law of its trajectories, many times faster.
    device : {"CPU", "GPU"}, default="CPU"
    gradient : {"auto", "parameter_shift", "spsa", "adjoint"} or GradientMethod, \
default="auto"
        ``"auto"``: ``"adjoint"`` (the exact gradient at no circuits) where values are exact
        and noiseless; otherwise ``"parameter_shift"``, or ``"spsa"`` where that would take
        more than 1024 circuits a record. The choice is logged (logger ``skqmu.backends``).
    optimization_level : int, default=1
        Of the transpilation to a device's gates.
    n_threads : int, default=1
        Threads that Aer and BLAS may use: 1, so that workers of a grid search do not
        compete.
    budget : Budget, dict or None, default=None
        What each fit, each prediction and each deletion request may spend at most, for
        example ``{"shots": 1_000_000}``; see :class:`Budget`.

    See Also
    --------
    StatevectorBackend : Exact values, much faster.

    Notes
    -----
    Exact noiseless values come from `qiskit_aer.primitives.EstimatorV2` with precision 0,
    all rows and shifts in one broadcast PUB. Sampled ones come from one run a measurement
    setting, whose shots give every commuting observable. Up to 10 measured qubits the run
    asks Aer for the distribution of the outcomes and draws the counts from it (the same
    law, 10 times faster than drawing shots one by one); beyond, `SamplerV2` draws. With
    noise, exact values too include the readout error of the noise model, which Aer's
    estimator leaves out, so that they are what sampled ones scatter around.

    A `noise_model` acts as in Aer itself: on the gates, measurements and delays of the
    circuit that carry the name (or, where they have one, the label) of an error, on gates
    that Aer does not know (composite ones) too, and on the H and Sdg that turn the axis of an
    observable. None of these is merged or rewritten. Other gates are free of noise, unless
    the model was made for a device: where its basis gates are not those that every
    `NoiseModel` starts with (as those of ``NoiseModel.from_backend``), or its errors are on
    "sx" or "cx" and it names no gate of the circuit with as many qubits, they are transpiled
    to the model's basis gates and meet the errors there. ``NoiseModel(basis_gates=...)`` with
    the circuit's own gates keeps all of them. A `noise` by word follows every gate, labelled
    or not.

    Examples
    --------
    >>> from skqmu.backends import AerBackend
    >>> from skqmu.circuits import build_circuit, z_observables
    >>> import numpy as np
    >>> qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    >>> executable = AerBackend(shots=100, seed=0).compile(
    ...     qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights
    ... )
    >>> executable.expectations(np.zeros((3, 2)), np.zeros(6))
    array([[1., 1.],
           [1., 1.],
           [1., 1.]])
    """

    _parameter_constraints = {
        "shots": [Interval(Integral, 1, None, closed="left"), None],
        "noise_model": [HasMethods(["to_dict", "add_quantum_error"]), None],
        "noise": [str, None],
        "seed": [Interval(Integral, 0, None, closed="left"), None],
        "method": [StrOptions(set(METHODS))],
        "device": [StrOptions({"CPU", "GPU"})],
        "gradient": [StrOptions({"auto", *GRADIENTS}), GradientMethod],
        "optimization_level": [Interval(Integral, 0, 3, closed="both")],
        "n_threads": [Interval(Integral, 1, None, closed="left")],
        "budget": [Budget, dict, None],
    }

    _without_effect = ("budget", "n_threads")

    def __init__(
        self,
        shots=None,
        *,
        noise_model=None,
        noise=None,
        seed=None,
        method="automatic",
        device="CPU",
        gradient="auto",
        optimization_level=1,
        n_threads=1,
        budget=None,
    ):
        self.shots = shots
        self.noise_model = noise_model
        self.noise = noise
        self.seed = seed
        self.method = method
        self.device = device
        self.gradient = gradient
        self.optimization_level = optimization_level
        self.n_threads = n_threads
        self.budget = budget

    @property
    def exact(self):
        """Whether values carry no sampling noise."""
        return self.shots is None

    @contextmanager
    def session(self):
        """Return the context of one piece of work: BLAS threads, and the budget."""
        with limit_blas_threads(self.n_threads), limited(self.budget):
            yield

    def described(self):
        """See :class:`BaseBackend`; a noise model counts by its content."""
        return {**super().described(), "noise_model": noise_identity(self.noise_model)}

    def compile(self, circuit, observables, *, inputs, weights):
        if isinstance(self.noise, Real):
            raise ValueError(
                f"noise={self.noise!r} is a number and does not say of what: write noise="
                f"'depolarizing:{self.noise}' (or amplitude_damping, phase_damping, bit_flip, "
                "readout), or pass a NoiseModel as noise_model=."
            )
        validate_params(self)
        if self.budget is not None:
            Budget.of(self.budget)
        if self.noise is not None and self.noise_model is not None:
            raise ValueError(
                f"noise={self.noise!r} is a shorthand for noise_model; pass one of the two."
            )
        return _AerExecutable(self, circuit, observables, inputs, weights)


def _import_aer():
    try:
        import qiskit_aer
    except ImportError as error:
        raise BackendError(
            "AerBackend needs qiskit-aer: pip install qiskit-aer; backend='statevector' gives "
            "exact values without it."
        ) from error
    return qiskit_aer


class _AerExecutable(PrimitiveExecutable):
    """Circuits on an Aer simulator, prepared once for every call."""

    def written(self, backend, circuit):
        """The circuit with marks where the noise model has an error for it."""
        _import_aer()
        self._noise = None
        if backend.noise_model is not None:
            self._noise = WrittenNoise(backend.noise_model, circuit)
            circuit = self._noise.circuit
        return circuit

    def prepare(self, backend):
        self.shots = backend.shots
        self.noisy = backend.noise_model is not None or backend.noise is not None
        self._method = method_for(backend, noisy=self.noisy, n_qubits=self.n_qubits)
        if not self.noisy and self.exact:
            self.physical = [translate(self.columns.circuit, NATIVE_GATES)]
            check_method(self._method, self.physical, ())
            with self._telling():
                self._estimator = self._make_estimator(backend)
        else:
            measured = [self._measured(setting) for setting in self.plan.settings]
            with self._telling():
                self.physical = self._physical(backend, measured)
            errors = quantum_errors(self._noise_model, self.physical)
            check_method(self._method, self.physical, errors)
            self._dense = (
                self._method == "density_matrix"
                or (self._method == "statevector" and not self.noisy)
            ) and (
                self.exact
                or max(map(len, (s.axes for s in self.plan.settings)), default=0)
                <= _WIDEST_DISTRIBUTION
            )
            if self._dense:
                self._prepare_distributions()
        position = {p: i for i, p in enumerate(self.columns.parameters)}
        self._places = [[position[p] for p in c.parameters] for c in self.physical]
        if self.noisy and (self._noise is None or self._noise.translates):
            # In the circuits that run: noise keeps those that cancel without it.
            self.frequencies = frequencies_of(
                self.physical, self.columns.parameters, self.columns.n_rotations
            )

    def _measured(self, setting):
        if self._noise is None:
            return setting.measured(self.columns.circuit)
        tail = self._noise.marked(setting.measured(QuantumCircuit(self.n_qubits)))
        return tail.compose(self.columns.circuit, range(self.n_qubits), front=True)

    @property
    def exact(self):
        return self.shots is None

    def _options(self, backend):
        options = {
            "method": self._method,
            "device": backend.device,
            "max_parallel_threads": backend.n_threads,
        }
        if self._method in ("statevector", "density_matrix"):
            # Twice as fast; `translate` leaves only gates that it gets right.
            options["runtime_parameter_bind_enable"] = True
        return options

    def _make_estimator(self, backend):
        from qiskit_aer.primitives import EstimatorV2

        options = self._options(backend)
        return _SIMULATORS.get(
            ("estimator", repr(options)),
            lambda: EstimatorV2(options={"default_precision": 0.0, "backend_options": options}),
        )

    def _physical(self, backend, circuits):
        """Circuits as they run, and the simulator that runs them."""
        from qiskit.transpiler import generate_preset_pass_manager
        from qiskit_aer import AerSimulator

        options = self._options(backend)
        key = ("simulator", repr(options), backend.noise, noise_identity(backend.noise_model))
        if backend.noise is not None and is_fake(backend.noise):
            device = fake_device(backend.noise)
            self._simulator = _SIMULATORS.get(
                key, lambda: AerSimulator.from_backend(device, **options)
            )
            self._noise_model = self._simulator.options.noise_model
            manager = generate_preset_pass_manager(
                backend.optimization_level, backend=device, seed_transpiler=0
            )
        elif backend.noise is not None:
            self._noise_model = noise_from_word(backend.noise)
            self._simulator = _SIMULATORS.get(
                key, lambda: AerSimulator(noise_model=self._noise_model, **options)
            )
            gates = {*ONE_QUBIT_GATES, *TWO_QUBIT_GATES}
            return [without_labels(translate(c, gates)) for c in circuits]
        elif backend.noise_model is not None:
            self._noise_model = self._noise.rest()
            self._simulator = _SIMULATORS.get(
                key, lambda: AerSimulator(noise_model=self._noise_model, **options)
            )
            return [self._noise.placed(c, backend.optimization_level) for c in circuits]
        else:
            self._noise_model = None
            self._simulator = _SIMULATORS.get(key, lambda: AerSimulator(**options))
            return [translate(c, NATIVE_GATES) for c in circuits]
        physical = [without_labels(manager.run(circuit)) for circuit in circuits]
        for circuit in physical:
            circuit.global_phase = 0
        return physical

    def _prepare_distributions(self):
        """Ask for the outcome distribution in place of the measurements."""
        self._readout = []
        for number, circuit in enumerate(self.physical):
            # Without classical bits, which Aer would carry along for a thousand shots.
            kept = QuantumCircuit(circuit.qubits)
            measured = {}
            for instruction in circuit.data:
                if instruction.operation.name == "measure":
                    bit = circuit.find_bit(instruction.clbits[0]).index
                    measured[bit] = instruction.qubits[0]
                else:
                    kept.append(instruction)
            qubits = [measured[bit] for bit in range(len(measured))]
            kept.save_probabilities(qubits)
            self.physical[number] = kept
            matrices = [None] * len(qubits)
            if self._noise_model is not None:
                places = [circuit.find_bit(qubit).index for qubit in qubits]
                matrices = readout_matrices(self._noise_model, places)
            self._readout.append(matrices)

    # ------------------------------------------------------------------------- running

    def charge(self, n_rows):
        """See :class:`PrimitiveExecutable`; Aer's estimator reads all terms of one circuit."""
        charge = super().charge(n_rows)
        if not self.noisy and self.exact:
            charge.update(circuits=n_rows, pubs=1)
        return charge

    def evaluate(self, values):
        if not self.noisy and self.exact:
            return self._estimated(values) @ self.plan.coefficients.T + self.plan.constant
        estimates = self._from_distributions(values) if self._dense else self._sampled(values)
        return self.plan.combine(estimates, len(values))

    def _estimated(self, values):
        """Exact values of all terms, one PUB: shape (N, n_terms)."""
        observables = [[pauli] for pauli in self.plan.paulis]
        bound = values[:, self._places[0]]
        # Aer runs a circuit without parameters once, however many rows it is given.
        pub = (self.physical[0], observables, bound if bound.shape[1] else np.empty((1, 0)))
        with self._telling():
            found = self._estimator.run([pub]).result()[0].data.evs.T
        return found if bound.shape[1] else np.repeat(found, len(values), axis=0)

    def _from_distributions(self, values):
        estimates = []
        rng = None if self.exact else np.random.default_rng(self.draw())
        for number, setting in enumerate(self.plan.settings):
            probabilities = self._distributions(number, values)
            if rng is not None:
                probabilities = rng.multinomial(self.shots, probabilities) / self.shots
            estimates.append(setting.from_probabilities(probabilities))
        return estimates

    def _distributions(self, number, values):
        """Outcome distributions after readout errors, shape (N, 2 ** n_measured)."""
        circuit = self.physical[number]
        binds = {
            p: values[:, place]
            for p, place in zip(circuit.parameters, self._places[number], strict=True)
        }
        rows = len(values) if binds else 1
        with self._telling():
            job = self._simulator.run(circuit, parameter_binds=[binds] if binds else None)
            result = job.result()
            found = np.array([result.data(i)["probabilities"] for i in range(rows)])
        if not binds:
            found = np.repeat(found, len(values), axis=0)
        found = np.clip(found, 0.0, None)
        found /= found.sum(axis=1, keepdims=True)
        for bit, matrix in enumerate(self._readout[number]):
            if matrix is not None:
                split = found.reshape(len(found), -1, 2, 2**bit)
                found = np.einsum("nhil,ij->nhjl", split, matrix).reshape(len(found), -1)
        return found

    def _sampled(self, values):
        """Estimates from Aer's own sampler, where the distribution would be too large."""
        from qiskit.primitives import BitArray
        from qiskit_aer.primitives import SamplerV2

        estimates = []
        for setting, circuit, places in zip(
            self.plan.settings, self.physical, self._places, strict=True
        ):
            seed = int(self.draw().generate_state(1)[0] >> 1)
            sampler = SamplerV2.from_backend(self._simulator, seed=seed)
            if places:
                bits = self._bits(sampler, (circuit, values[:, places]), self.shots)
            else:  # run once by Aer: all rows are one long run
                bits = self._bits(sampler, circuit, self.shots * len(values))
                array = bits.array.reshape(len(values), self.shots, -1)
                bits = BitArray(array, bits.num_bits)
            estimates.append(setting.from_bits(bits))
        return estimates

    def _bits(self, sampler, pub, shots):
        with self._telling():
            return sampler.run([pub], shots=shots).result()[0].data.meas

    def _telling(self):
        return telling(self._method, self.n_qubits)
