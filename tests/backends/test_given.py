"""V2 primitives and devices of qiskit, given as `backend=`: values, counts, copies, failures."""

import copy
import pickle
import threading

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BaseEstimatorV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier
from skqmu.backends import AerBackend, PrimitiveBackend, StatevectorBackend, resolve_backend
from skqmu.circuits import build_circuit
from skqmu.exceptions import BackendError, BudgetExceededError, CircuitError
from skqmu.utils.estimator_checks import backend_checks, check_backend

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")

RNG = np.random.default_rng(0)
Y = np.arange(8) % 2
X = RNG.normal(size=(8, 2)) * 0.5 + Y[:, None]


def manila():
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    return FakeManilaV2()


def simulator(**options):
    from qiskit_aer import AerSimulator

    return AerSimulator(**options)


def aer(kind, **options):
    from qiskit_aer import primitives

    return getattr(primitives, kind)(**options)


def runtime(kind):
    """The runtime's primitives, on a local device."""
    from qiskit_ibm_runtime.executor_estimator import Estimator
    from qiskit_ibm_runtime.executor_sampler import Sampler

    return {"Sampler": Sampler, "Estimator": Estimator}[kind](mode=manila())


EXACT = {
    "StatevectorEstimator": StatevectorEstimator,
    "Aer EstimatorV2": lambda: aer("EstimatorV2"),
}
SAMPLED = {
    "StatevectorSampler": StatevectorSampler,
    "Aer SamplerV2": lambda: aer("SamplerV2"),
    "AerSimulator": simulator,
    "BackendSamplerV2 on Aer": lambda: BackendSamplerV2(backend=simulator()),
    "BackendEstimatorV2 on Aer": lambda: BackendEstimatorV2(backend=simulator()),
    "BasicSimulator": BasicSimulator,
}
NOISY = {
    "FakeManilaV2": manila,
    "BackendSamplerV2 on a fake": lambda: BackendSamplerV2(backend=manila()),
    "BackendEstimatorV2 on a fake": lambda: BackendEstimatorV2(backend=manila()),
    "runtime Sampler": lambda: runtime("Sampler"),
    "runtime Estimator": lambda: runtime("Estimator"),
}
ALL = {**EXACT, **SAMPLED, **NOISY}

OBSERVABLES = [
    SparsePauliOp("IZ"),
    SparsePauliOp(["XX", "YY"], [0.5, -1.0]),
    SparsePauliOp(["II", "XY", "ZZ"], [0.2, 1.0, 0.3]),
]
QNN = build_circuit("angle_xyz", "strong", n_features=2, n_qubits=2, n_layers=2)
INPUTS, WEIGHTS = RNG.uniform(-2, 2, (4, 2)), RNG.uniform(-2, 2, len(QNN.weights))


def values(backend, qnn=QNN, inputs=INPUTS, weights=WEIGHTS):
    executable = backend.compile(qnn.circuit, OBSERVABLES, inputs=qnn.inputs, weights=qnn.weights)
    return executable.expectations(inputs, weights), executable


@pytest.mark.parametrize("name", EXACT)
def test_exact_estimators_give_exact_values_and_gradients(name):
    backend = resolve_backend(EXACT[name]())
    assert isinstance(backend, PrimitiveBackend)
    found, executable = values(backend)
    wanted, exact = values(StatevectorBackend())
    np.testing.assert_allclose(found, wanted, atol=1e-10)
    cotangent = np.ones_like(wanted)
    for gradient in ("adjoint", "parameter_shift"):
        _, executable = values(backend.set_params(gradient=gradient))
        for one, other in zip(
            executable.vjp(INPUTS, WEIGHTS, cotangent),
            exact.vjp(INPUTS, WEIGHTS, cotangent),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, atol=1e-8)


@pytest.mark.parametrize("name", SAMPLED)
def test_samplers_turn_the_axes_of_observables(name):
    shots = 4000
    found, executable = values(PrimitiveBackend(SAMPLED[name](), shots=shots, seed=1))
    wanted, _ = values(StatevectorBackend())
    assert (np.abs(found - wanted) < 6 * 1.5 / np.sqrt(shots)).all()
    n_settings = len(executable.plan.settings)
    assert n_settings == 4  # Z and ZZ, XX, YY, XY
    assert executable.spent.circuits == 4 * n_settings
    assert executable.spent.shots == shots * executable.spent.circuits


@pytest.mark.parametrize("name", list(NOISY)[:3])
def test_a_device_s_noise_is_that_of_its_model(name):
    shots = 4000
    found, executable = values(PrimitiveBackend(NOISY[name](), shots=shots, seed=2))
    wanted, _ = values(AerBackend(noise="fake_manila"))
    assert (np.abs(found - wanted) < 6 * 1.5 / np.sqrt(shots) + 0.02).all()
    assert executable.noisy
    assert executable.spent.qpu_seconds > 2


def model(backend, **params):
    return QNNClassifier(
        n_qubits=2, n_layers=1, observables="z", input_scale=None, max_iter=1, random_state=0,
        backend=backend, **params,
    )  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_objects_train_predict_unlearn_and_are_counted(name):
    live = ALL[name]()
    clf = model(live)
    if name in EXACT:
        n_shots = 0
    else:
        n_shots = 32
        clf.set_params(backend=PrimitiveBackend(live, shots=n_shots, gradient="spsa"))
    estimate = clf.estimate_cost(X, Y)
    clf.fit(X, Y)
    assert clf.get_params()["backend"] is clf.backend
    assert clf.fit_cost_["shots"] == n_shots * clf.fit_cost_["circuits"] <= estimate["shots"]
    assert clf.fit_cost_["circuits"] >= len(X)
    assert clf.predict_proba(X).shape == (8, 2)
    clf.unlearn(index=[0])
    cost = clf.unlearning_log_[-1]["cost"]
    assert cost["shots"] == n_shots * cost["circuits"]
    assert cost["circuits"] >= 7
    again = pickle.loads(pickle.dumps(clf))
    assert type(again.backend) is type(clf.backend)
    assert again.predict(X).shape == (8,)


@pytest.mark.parametrize("name", ["AerSimulator", "FakeManilaV2", "StatevectorSampler"])
def test_bare_objects_are_run_with_their_defaults(name):
    live = ALL[name]()
    clf = model("statevector").fit(X, Y).set_params(backend=live)
    assert clf.predict_proba(X).shape == (8, 2)
    assert clf.backend_.shots_ == 1024
    assert clf.query_report()["max_shots_per_row"] == 1024
    assert clf.__sklearn_tags__().non_deterministic
    assert clone(clf).backend is live
    assert isinstance(copy.deepcopy(clf).backend, type(live))
    assert model(StatevectorEstimator()).__sklearn_tags__().non_deterministic is False


def test_shots_follow_from_precisions_and_defaults():
    def of(primitive, **params):
        return PrimitiveBackend(primitive, **params).shots_

    assert of(StatevectorEstimator()) is None
    assert of(StatevectorEstimator(default_precision=0.1)) == 100
    assert of(StatevectorEstimator(default_precision=1 / 3)) == 9
    assert of(BackendEstimatorV2(backend=simulator())) == 4096
    assert of(StatevectorSampler(default_shots=77)) == 77
    assert of(simulator(shots=55)) == 55
    assert of(BackendSamplerV2(backend=simulator(), options={"default_shots": 3})) == 3
    assert of(StatevectorEstimator(), shots=10) == 10


@pytest.mark.parametrize("shots", [3, 1000, 1023])
def test_an_estimator_takes_as_many_shots_as_are_counted(shots):
    asked = []

    class Counting(BackendEstimatorV2):
        def run(self, pubs, *, precision=None):
            asked.append(int(np.ceil(1 / precision**2)))
            return super().run(pubs, precision=precision)

    values(PrimitiveBackend(Counting(backend=simulator()), shots=shots))
    assert asked == [shots]


def test_one_seed_gives_one_model_and_the_primitive_s_seed_another():
    def fitted(primitive, random_state=0):
        backend = PrimitiveBackend(primitive, shots=20, gradient="spsa")
        return model(backend).set_params(random_state=random_state).fit(X, Y).params_

    first = fitted(StatevectorSampler())
    np.testing.assert_array_equal(fitted(StatevectorSampler()), first)
    seeded = fitted(StatevectorSampler(seed=5))
    assert (seeded != first).any()
    assert (fitted(StatevectorSampler(seed=6)) != seeded).any()
    np.testing.assert_array_equal(fitted(StatevectorSampler(seed=5)), seeded)


def test_rows_without_numbers_have_draws_of_their_own():
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    for primitive in (StatevectorSampler(), simulator(), BackendEstimatorV2(backend=simulator())):
        executable = PrimitiveBackend(primitive, shots=50).compile(
            circuit, [SparsePauliOp("IZ")], inputs=[], weights=[]
        )
        found = executable.expectations(np.empty((20, 0)), np.empty(0))
        assert found.shape == (20, 1)
        assert len(np.unique(found)) > 2
        assert executable.spent.shots == 20 * 50


# --- copies ------------------------------------------------------------------------------------


class Connected(StatevectorSampler):
    """A primitive with an open connection: it can be neither copied nor pickled."""

    def __init__(self, **options):
        super().__init__(**options)
        self.lock = threading.Lock()


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_cannot_be_pickled_is_shared_by_clones_and_named_by_pickles(wrapped):
    live = Connected(default_shots=20)
    clf = model(PrimitiveBackend(live, gradient="spsa") if wrapped else live).fit(X, Y)
    held = clf.backend.primitive if wrapped else clf.backend
    assert held is live
    for twin in (clone(clf), copy.copy(clf), copy.deepcopy(clf)):
        assert (twin.backend.primitive if wrapped else twin.backend) is live
    GridSearchCV(clf, {"max_iter": [1, 2]}, cv=2, error_score="raise").fit(X, Y)
    with pytest.raises(pickle.PicklingError, match=r"live Connected.*backend='statevector'"):
        pickle.dumps(clf)
    kept = pickle.loads(pickle.dumps(clf.set_params(backend="statevector")))
    kept.set_params(backend=live)
    assert kept.predict(X).shape == (8,)
    assert kept.is_member(X).all()


def test_shards_and_hybrids_take_them():
    backend = PrimitiveBackend(StatevectorSampler(), shots=10, gradient="spsa")
    sharded = ShardedClassifier(model(backend), n_shards=2, random_state=0).fit(X, Y)
    assert sharded.unlearn(index=[0]).predict(X).shape == (8,)
    hybrid = HybridQNNClassifier(n_qubits=2, max_iter=1, backend=StatevectorEstimator())
    assert hybrid.fit(X, Y).predict(X).shape == (8,)


def test_another_object_is_another_backend():
    backends = [PrimitiveBackend(StatevectorSampler(default_shots=n)) for n in (10, 10, 20)]
    same, twin, other = (each.identity() for each in backends)
    assert same == twin != other
    noisy = simulator().from_backend(manila())
    assert PrimitiveBackend(noisy).identity() != PrimitiveBackend(simulator()).identity()
    assert PrimitiveBackend(noisy).noisy_
    assert not PrimitiveBackend(simulator()).noisy_
    assert clone(PrimitiveBackend(noisy)).primitive is noisy


# --- failures ----------------------------------------------------------------------------------


class Broken(StatevectorSampler):
    def run(self, pubs, *, shots=None):
        raise OSError("the line is dead")


def test_a_failing_primitive_is_a_backend_s_failure_and_changes_nothing():
    clf = model("statevector").fit(X, Y)
    before = clf.params_
    clf.set_params(backend=Broken())
    with pytest.raises(BackendError, match=r"Broken, given as backend=.*the line is dead") as told:
        clf.unlearn(index=[0], strategy="gradient_ascent")
    assert isinstance(told.value.__cause__, OSError)
    assert clf.params_ is before
    assert clf.is_member(X).all()


class Silent(BaseEstimatorV2):
    """Of somebody else, and without a default precision."""

    def run(self, pubs, *, precision=None):
        return StatevectorEstimator().run(pubs, precision=precision)


def test_an_estimator_of_unknown_precision_asks_for_shots():
    with pytest.raises(ValueError, match=r"Silent states no default_precision.*shots=1024"):
        model(Silent()).fit(X, Y)
    backend = PrimitiveBackend(Silent(), shots=100)
    assert backend.noisy_  # nobody knows
    assert model(backend.set_params(gradient="spsa")).fit(X, Y).fit_cost_["shots"] > 0


def test_exact_values_of_noise_are_the_density_matrix_s():
    model_of_noise = simulator().from_backend(manila()).options.noise_model

    def estimator(method):
        options = {"backend_options": {"noise_model": model_of_noise, "method": method}}
        return PrimitiveBackend(aer("EstimatorV2", options=options), gradient="spsa")

    exact = estimator("density_matrix")
    assert exact.exact
    assert exact.noisy_
    np.testing.assert_array_equal(values(exact)[0], values(exact)[0])
    assert np.abs(values(exact)[0] - values(StatevectorBackend())[0]).max() > 0.01
    assert not estimator("statevector").exact
    with pytest.raises(ValueError, match=r"draws trajectories.*method='density_matrix'"):
        model(estimator("statevector")).fit(X, Y)


def test_limits_are_kept():
    with pytest.raises(CircuitError, match=r"3 qubits and generic_backend_2q 2"):
        model(GenericBackendV2(2)).set_params(n_qubits=3).fit(X, Y)
    small = PrimitiveBackend(StatevectorSampler(), shots=10, budget={"shots": 15})
    clf = model("statevector").fit(X, Y).set_params(backend=small)
    with pytest.raises(BudgetExceededError):
        clf.predict(X)
    assert clf.predict(X[:1]).shape == (1,)


def test_a_class_in_the_place_of_an_object_is_refused():
    with pytest.raises(ValueError, match="The 'backend' parameter of QNNClassifier"):
        model(StatevectorSampler).fit(X, Y)
    with pytest.raises(ValueError, match="The 'primitive' parameter of PrimitiveBackend"):
        model(PrimitiveBackend(3)).fit(X, Y)


def test_a_number_as_noise_says_of_what():
    with pytest.raises(ValueError, match=r"noise='depolarizing:0\.02'"):
        model(AerBackend(noise=0.02)).fit(X, Y)


@pytest.mark.parametrize("shots", [None, 10])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_qubits": 40, "n_layers": 1}, "40 qubits.*matrix_product_state"),
        ({"n_qubits": 2, "device": "GPU"}, "device='CPU'"),
        ({"n_qubits": 2, "method": "tensor_network"}, "'automatic'"),
    ],
)
def test_aer_s_own_failures_are_backend_errors(params, message, shots):
    options = {k: params[k] for k in ("device", "method") if k in params}
    clf = model(AerBackend(shots, gradient="spsa", **options))
    clf.set_params(n_qubits=params["n_qubits"], entanglement="linear")
    with pytest.raises(BackendError, match=message):
        clf.fit(X[:4], Y[:4])


# --- the whole contract ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["StatevectorSampler", "AerSimulator", "FakeManilaV2"])
def test_noise_and_counts_keep_the_contract(name):
    checks = dict(backend_checks(PrimitiveBackend(ALL[name](), shots=24)))
    for check in ("check_noise_stream", "check_pretended_runs", "check_counts"):
        checks[check]()


@pytest.mark.slow
@pytest.mark.parametrize("name", {**SAMPLED, **NOISY})
def test_every_object_keeps_the_contract(name):
    check_backend(PrimitiveBackend(ALL[name](), shots=64))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_every_exact_object_keeps_the_contract(name):
    check_backend(PrimitiveBackend(ALL[name]()))
