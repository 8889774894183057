"""`RuntimeBackend` beside the runtime's primitives used directly, and its options of either kind.

This file looks inside: the seed of a job is read where the job is made.
"""

import warnings

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager

from skqmu.backends import RuntimeBackend
from skqmu.backends.runtime import _device, _options, _runtime
from skqmu.circuits import build_circuit
from skqmu.exceptions import BackendError

pytest.importorskip("qiskit_aer")
runtime = pytest.importorskip("qiskit_ibm_runtime")

FAKES = {"fake_manila": "FakeManilaV2", "fake_lima": "FakeLimaV2", "fake_belem": "FakeBelemV2"}
OBSERVABLES = [
    SparsePauliOp("IIZ"),
    SparsePauliOp(["ZZI", "XIX"], [0.5, -1.0]),
    SparsePauliOp(["III", "YIX"], [0.3, 0.8]),
]
QNN = build_circuit("angle", "strong", n_features=3, n_qubits=3, n_layers=1)
RNG = np.random.default_rng(0)
INPUTS, WEIGHTS = RNG.uniform(-2, 2, (3, 3)), RNG.uniform(-2, 2, len(QNN.weights))
SHOTS = 1000


def device(name):
    from qiskit_ibm_runtime import fake_provider

    return getattr(fake_provider, FAKES[name])()


def bound(circuit):
    """The user's circuit with a record's numbers, one a row."""
    for row in INPUTS:
        numbers = dict(zip(QNN.inputs, row, strict=True))
        numbers.update(zip(QNN.weights, WEIGHTS, strict=True))
        yield circuit.assign_parameters(numbers)


def by_sampler(name, seed):
    """What somebody writes who measures <P> with the runtime's Sampler and nothing else."""
    primitive = _options.runtime_classes()[0](mode=device(name))
    primitive.options.simulator.seed_simulator = seed
    manager = generate_preset_pass_manager(1, backend=device(name), seed_transpiler=0)
    values = np.zeros((len(INPUTS), len(OBSERVABLES)))
    for output, observable in enumerate(OBSERVABLES):
        for label, coefficient in observable.to_list():
            if set(label) == {"I"}:
                values[:, output] += coefficient.real
                continue
            measured = QNN.circuit.copy()
            for qubit, letter in enumerate(reversed(label)):
                if letter == "Y":
                    measured.sdg(qubit)
                if letter in "XY":
                    measured.h(qubit)
            measured.measure_all()
            pubs = [(manager.run(circuit),) for circuit in bound(measured)]
            result = primitive.run(pubs, shots=SHOTS).result()
            acting = [q for q, letter in enumerate(reversed(label)) if letter != "I"]
            for row, each in enumerate(result):
                parity = [sum(word[::-1][q] == "1" for q in acting) % 2
                          for word in each.data.meas.get_bitstrings()]  # fmt: skip
                values[row, output] += coefficient.real * (1 - 2 * np.mean(parity))
    return values


def by_estimator(name, seed):
    """The same with its Estimator."""
    primitive = _options.runtime_classes()[1](mode=device(name))
    primitive.options.simulator.seed_simulator = seed
    manager = generate_preset_pass_manager(1, backend=device(name), seed_transpiler=0)
    pubs = []
    for circuit in bound(QNN.circuit):
        physical = manager.run(circuit)
        pubs.append((physical, [o.apply_layout(physical.layout) for o in OBSERVABLES]))
    result = primitive.run(pubs, precision=SHOTS**-0.5).result()
    return np.array([each.data.evs for each in result])


def of_backend(name, resilience=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # fakes have no mitigation
        backend = RuntimeBackend(name, shots=SHOTS, seed=3, resilience=resilience)
        executable = backend.compile(
            QNN.circuit, OBSERVABLES, inputs=QNN.inputs, weights=QNN.weights
        )
        return executable.expectations(INPUTS, WEIGHTS), executable


# Two estimates of one value: each observable's terms have coefficients of at most 1.5 in all.
CLOSE = 5 * 1.5 * np.sqrt(2 / SHOTS)


def samplers_agree(name):
    direct = by_sampler(name, seed=11)
    found, executable = of_backend(name)
    assert np.abs(found - direct).max() < CLOSE
    assert executable.spent.shots == SHOTS * len(INPUTS) * len(executable.plan.settings)


def estimators_agree(name):
    estimated, executable = of_backend(name, resilience=0)
    assert executable.uses_estimator
    assert np.abs(estimated - by_estimator(name, seed=12)).max() < CLOSE


@pytest.mark.parametrize("name", FAKES)
def test_three_fakes_give_what_their_samplers_give(name):
    samplers_agree(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAKES)
def test_three_fakes_give_what_their_estimators_give(name):
    estimators_agree(name)


@pytest.mark.parametrize("name", FAKES)
def test_the_same_job_gives_the_same_bits(name, monkeypatch):
    """Not only in law: circuits, numbers and seed as they are sent, through a primitive by hand."""
    sent = []
    make = _runtime.make_primitive

    def recorded(backend, mode, uses_estimator, seed):
        primitive = make(backend, mode, uses_estimator, seed)
        run = primitive.run

        class Told:
            def run(self, pubs, **options):
                sent.append((pubs, options, seed))
                return run(pubs, **options)

        return Told()

    monkeypatch.setattr(_runtime, "make_primitive", recorded)
    found, executable = of_backend(name)
    [(pubs, options, seed)] = sent
    primitive = _options.runtime_classes()[0](mode=device(name))
    primitive.options.simulator.seed_simulator = seed
    result = primitive.run(pubs, **options).result()
    by_label = {}
    for setting, each in zip(executable.plan.settings, result, strict=True):
        bits = each.data.meas
        for term, mask in zip(setting.terms, setting.masks, strict=True):
            words = [[int(word, 2) for word in bits[row].get_bitstrings()] for row in range(3)]
            parity = np.array([[(w & int(mask)).bit_count() % 2 for w in row] for row in words])
            by_label[executable.plan.paulis[term]] = 1 - 2 * parity.mean(axis=1)
    by_hand = [
        sum(c.real * by_label.get(label, np.ones(3)) for label, c in o.to_list())
        for o in OBSERVABLES
    ]
    np.testing.assert_allclose(found, np.transpose(by_hand), atol=1e-12)


# --- options, and the service's names ----------------------------------------------------------


class OldClasses:
    """Primitives with dataclasses as options, whose values may be unset."""

    @staticmethod
    def both():
        return runtime.SamplerV2, runtime.EstimatorV2


OPTIONS = [
    {"resilience": 1},
    {"resilience": {"zne_mitigation": True, "zne": {"noise_factors": (1, 3, 5)}}},
    {"resilience": {"zne.extrapolator": "linear", "measure_mitigation": True}},
    {"dynamical_decoupling": "XY4"},
    {"dynamical_decoupling": {"enable": True, "sequence_type": "XpXm"}},
    {"twirling": True},
    {"twirling": {"enable_gates": True, "num_randomizations": 8}},
]
WRONG = [
    ({"resilience": {"zne_mitigatoin": True}}, "Did you mean 'zne_mitigation'"),
    ({"resilience": {"zne": {"factors": 1}}}, r"zne\b.*factors"),
    ({"dynamical_decoupling": "ABC"}, "sequence_type='ABC'.*XpXm"),
    ({"twirling": {"enable_gate": 3}}, "Did you mean 'enable_gates'"),
]


@pytest.fixture(params=["pydantic", "dataclasses"])
def kind(request, monkeypatch):
    if request.param == "dataclasses":
        monkeypatch.setattr(_options, "runtime_classes", OldClasses.both)
    return request.param


def checked(**params):
    backend = RuntimeBackend("fake_manila", **params)
    _options.check_options(backend, device("fake_manila"), backend.resilience is not None)


@pytest.mark.parametrize("params", OPTIONS)
def test_options_are_set_whatever_they_are_made_of(kind, params):
    checked(**params)


@pytest.mark.parametrize(("params", "message"), WRONG)
def test_options_that_are_none_are_named_with_those_that_are(kind, params, message):
    with pytest.raises(ValueError, match=message) as told:
        checked(**params)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("new_name", [True, False])
def test_the_service_is_found_by_either_name(new_name, monkeypatch):
    """It was renamed in qiskit-ibm-runtime 0.49."""
    opened = []

    class Service:
        def __init__(self, **account):
            opened.append(account)

        @staticmethod
        def saved_accounts():
            return {}

        def backend(self, name):
            raise LookupError(f"no {name}")

    monkeypatch.delattr(runtime, "IBMQuantumComputeService", raising=False)
    name = "IBMQuantumComputeService" if new_name else "QiskitRuntimeService"
    monkeypatch.setattr(runtime, name, Service, raising=False)
    if new_name:
        monkeypatch.setattr(runtime, "QiskitRuntimeService", None)
    with pytest.raises(BackendError, match="IBMQuantumComputeService"):
        _device.open_device(f"ibm_nowhere_{new_name}", account="mine")
    assert opened == [{"name": "mine", "instance": None}]
