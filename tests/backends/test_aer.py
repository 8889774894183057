"""AerBackend: exact where it says so, unbiased with binomial variance where it samples."""

import logging
import pickle

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import RXGate, UnitaryGate
from qiskit.quantum_info import SparsePauliOp
from scipy import stats
from scipy.stats import unitary_group
from sklearn.base import clone

from skqmu.backends import (
    AdjointGradient,
    AerBackend,
    NoiseStream,
    ParameterShift,
    SPSAGradient,
    StatevectorBackend,
    resolve_backend,
)
from skqmu.circuits import build_circuit, z_observables

pytest.importorskip("qiskit_aer")

ONE_ANGLE = ("rx", "ry", "rz", "p", "rxx", "ryy", "rzz", "rzx", "crx", "cry", "crz", "cp")
FIXED = ("h", "x", "sx", "t", "sdg", "cx", "cz", "cy", "swap", "ccx", "ecr")
WIDTH = dict.fromkeys(("rx", "ry", "rz", "p", "h", "x", "sx", "t", "sdg", "u", "r"), 1)
WIDTH |= dict.fromkeys(("ccx", "mcrx"), 3)


def random_program(seed, n_gates=14):
    """Circuit of every kind of gate, with angles that mix inputs, weights and numbers."""
    rng = np.random.default_rng(seed)
    n_qubits = int(rng.integers(3, 5))
    x, w = ParameterVector("x", 3), ParameterVector("w", 5)

    def angle():
        i, j = rng.integers(3), rng.integers(5)
        return [
            w[j],
            x[i],
            2 * x[i] - 0.3,
            w[j] * x[i],
            w[j] + w[(j + 1) % 5],
            (w[j] / 2).sin(),
            float(rng.normal()),
        ][rng.integers(7)]

    circuit = QuantumCircuit(n_qubits)
    for _ in range(n_gates):
        kind = rng.choice([*ONE_ANGLE, *FIXED, "u", "r", "cu", "mcrx", "unitary"])
        qubits = [int(q) for q in rng.permutation(n_qubits)[: WIDTH.get(kind, 2)]]
        if kind in ONE_ANGLE:
            getattr(circuit, kind)(angle(), *qubits)
        elif kind in FIXED:
            getattr(circuit, kind)(*qubits)
        elif kind == "u":
            circuit.u(angle(), angle(), angle(), *qubits)
        elif kind == "r":
            circuit.r(angle(), angle(), *qubits)
        elif kind == "cu":
            circuit.cu(angle(), angle(), angle(), angle(), *qubits)
        elif kind == "mcrx":
            circuit.append(RXGate(angle()).control(2, ctrl_state=1, annotated=False), qubits)
        else:
            circuit.append(UnitaryGate(unitary_group.rvs(4, random_state=seed)), qubits)
    labels = rng.choice(list("IXYZ"), size=(3, 2, n_qubits))
    observables = [
        *z_observables(n_qubits),
        *(SparsePauliOp(["".join(p) for p in terms], rng.normal(size=2)) for terms in labels),
    ]
    return circuit, observables, x, w


def numbers(seed, n_rows=3):
    rng = np.random.default_rng(1000 + seed)
    return rng.uniform(-3, 3, (n_rows, 3)), rng.uniform(-3, 3, 5)


@pytest.fixture(scope="module")
def qnn():
    return build_circuit("angle", "strong", n_features=3, n_qubits=3, n_layers=1)


def compiled(backend, qnn, observables=None):
    observables = z_observables(qnn.circuit.num_qubits) if observables is None else observables
    return backend.compile(qnn.circuit, observables, inputs=qnn.inputs, weights=qnn.weights)


# ------------------------------------------------------------------------------- exact


@pytest.mark.parametrize("seed", range(50))
def test_exact_values_and_shifted_gradients_equal_those_of_the_state_vector(seed):
    circuit, observables, x, w = random_program(seed)
    inputs, weights = numbers(seed)
    exact = StatevectorBackend().compile(circuit, observables, inputs=x, weights=w)
    aer = AerBackend(gradient="parameter_shift").compile(circuit, observables, inputs=x, weights=w)
    expected, exact_tape = exact.forward(inputs, weights)
    values, tape = aer.forward(inputs, weights)
    np.testing.assert_allclose(values, expected, atol=1e-10)
    cotangent = np.random.default_rng(seed).normal(size=expected.shape)
    for mine, theirs in zip(
        aer.backward(tape, cotangent), exact.backward(exact_tape, cotangent), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-8)


@pytest.mark.parametrize("encoding", ["angle", "angle_xyz", "iqp", "amplitude"])
@pytest.mark.parametrize("ansatz", ["strong", "rotations_cz", "real_amplitudes", "efficient_su2"])
def test_shifted_gradients_of_library_circuits_equal_adjoint_ones(encoding, ansatz):
    qnn = build_circuit(encoding, ansatz, n_features=4, n_qubits=3, n_layers=1)
    rng = np.random.default_rng(0)
    inputs, weights = rng.normal(size=(3, 4)), rng.normal(size=len(qnn.weights))
    exact, aer = (
        compiled(StatevectorBackend(), qnn),
        compiled(AerBackend(gradient="parameter_shift"), qnn),
    )
    values, tape = aer.forward(inputs, weights)
    expected, exact_tape = exact.forward(inputs, weights)
    np.testing.assert_allclose(values, expected, atol=1e-10)
    cotangent = rng.normal(size=values.shape)
    for per_sample in (False, True):
        pairs = zip(
            aer.backward(tape, cotangent, per_sample=per_sample),
            exact.backward(exact_tape, cotangent, per_sample=per_sample),
            strict=True,
        )
        for mine, theirs in pairs:
            assert mine.shape == theirs.shape
            np.testing.assert_allclose(mine, theirs, atol=1e-8)


@pytest.mark.parametrize("gate", ["crx", "cry", "crz", "cp"])
def test_controlled_rotations_are_shifted_by_the_rule_of_two_frequencies(gate):
    w = ParameterVector("w", 1)
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.t(1)
    circuit.ry(0.4, 0)
    getattr(circuit, gate)(w[0], 0, 1)
    circuit.rx(0.7, [0, 1])
    observables = [SparsePauliOp("ZI"), SparsePauliOp("XY")]
    aer = AerBackend(gradient="parameter_shift").compile(circuit, observables, inputs=[], weights=w)
    inputs, weights = np.zeros((1, 0)), np.array([0.8])
    values, tape = aer.forward(inputs, weights)
    before = aer.spent.circuits
    _, gradient = aer.backward(tape, np.ones_like(values))
    exact = StatevectorBackend().compile(circuit, observables, inputs=[], weights=w)
    np.testing.assert_allclose(
        gradient, exact.vjp(inputs, weights, np.ones_like(values))[1], atol=1e-8
    )
    assert aer.spent.circuits - before == (2 if gate == "cp" else 4)


def test_a_gradient_is_one_broadcast_pub(qnn):
    aer = compiled(AerBackend(gradient="parameter_shift"), qnn)
    values, tape = aer.forward(np.zeros((5, 3)), np.zeros(9))
    assert (aer.spent.pubs, aer.spent.circuits) == (1, 5)
    aer.backward(tape, values, need_inputs=False)
    assert (aer.spent.pubs, aer.spent.circuits) == (2, 5 + 2 * 9 * 5)


def test_only_what_is_asked_for_is_shifted(qnn):
    aer = compiled(AerBackend(gradient="parameter_shift"), qnn)
    values, tape = aer.forward(np.zeros((2, 3)), np.zeros(9))
    before = aer.spent.circuits
    d_inputs, d_weights = aer.backward(tape, values, need_weights=False)
    assert d_weights is None
    assert d_inputs.shape == (2, 3)
    assert aer.spent.circuits - before == 2 * 3 * 2


def test_a_circuit_without_parameters_and_rows_without_features_run():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    for backend in (AerBackend(), AerBackend(shots=10, seed=0), AerBackend(noise="readout:0")):
        aer = backend.compile(circuit, [SparsePauliOp("Z")], inputs=[], weights=[])
        np.testing.assert_allclose(
            aer.expectations(np.zeros((4, 0)), np.zeros(0)), -np.ones((4, 1))
        )
        assert aer.vjp(np.zeros((4, 0)), np.zeros(0), np.ones((4, 1)))[1].shape == (0,)


def test_no_rows_give_no_values(qnn):
    assert compiled(AerBackend(shots=8), qnn).expectations(np.zeros((0, 3)), np.zeros(9)).shape == (
        0,
        3,
    )


# ----------------------------------------------------------------------------- sampled


def _estimates(backend, qnn, inputs, weights, repeats, observables=None):
    aer = compiled(backend, qnn, observables)
    rows = np.repeat(inputs, repeats, axis=0)
    return aer.expectations(rows, weights).reshape(len(inputs), repeats, -1)


@pytest.mark.parametrize("wide", [False, True])
def test_estimates_are_unbiased_with_binomial_variance(qnn, monkeypatch, wide):
    if wide:  # the path of registers that are too wide for a distribution: Aer's sampler
        monkeypatch.setattr("skqmu.backends.sampled._aer._WIDEST_DISTRIBUTION", 0)
    rng = np.random.default_rng(0)
    inputs, weights = rng.uniform(-2, 2, (4, 3)), rng.uniform(-3, 3, 9)
    observables = [*z_observables(3), SparsePauliOp("XZI"), SparsePauliOp("YYY")]
    exact = compiled(StatevectorBackend(), qnn, observables).expectations(inputs, weights)
    shots, repeats = 64, 600
    found = _estimates(AerBackend(shots=shots, seed=1), qnn, inputs, weights, repeats, observables)
    # Each estimate is 1 - 2 k / shots with k binomial; together shots * repeats draws.
    ones = np.rint((1 - found) * shots / 2).sum(axis=1).astype(int)
    p_values = [
        stats.binomtest(k, shots * repeats, p).pvalue
        for k, p in zip(ones.ravel(), np.clip((1 - exact) / 2, 0, 1).ravel(), strict=True)
    ]
    assert min(p_values) > 1e-3 / len(p_values)
    ratio = found.var(axis=1, ddof=1) / ((1 - exact**2) / shots)
    # A sample variance has the relative error sqrt(2 / (repeats - 1)) or less for a binomial.
    assert abs(ratio - 1).max() < 4.5 * np.sqrt(2 / (repeats - 1))


def test_identical_rows_of_a_batch_are_independent_draws(qnn):
    found = _estimates(AerBackend(shots=100, seed=0), qnn, np.ones((1, 3)), np.ones(9), 400)[0]
    assert len(np.unique(found, axis=0)) > 100
    correlation = np.corrcoef(found[:-1, 0], found[1:, 0])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(400)


def test_one_run_gives_every_commuting_observable_jointly():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    observables = [SparsePauliOp("ZI"), SparsePauliOp("IZ"), SparsePauliOp("ZZ")]
    aer = AerBackend(shots=50, seed=0).compile(circuit, observables, inputs=[], weights=[])
    values = aer.expectations(np.zeros((40, 0)), np.zeros(0))
    np.testing.assert_array_equal(values[:, 0], values[:, 1])  # a Bell pair agrees shot by shot
    np.testing.assert_array_equal(values[:, 2], 1.0)
    assert values[:, 0].std() > 0
    assert (aer.spent.circuits, aer.spent.shots) == (40, 2000)


def test_a_seed_fixes_a_sequence_of_calls_and_no_call_repeats(qnn):
    inputs, weights = np.ones((3, 3)), np.ones(9)
    runs = []
    for _ in range(2):
        aer = compiled(AerBackend(shots=100, seed=7), qnn)
        runs.append([aer.expectations(inputs, weights) for _ in range(3)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][0], runs[0][1])
    other = compiled(AerBackend(shots=100, seed=8), qnn).expectations(inputs, weights)
    assert not np.array_equal(other, runs[0][0])


def test_noise_comes_from_the_stream_that_is_put_in(qnn):
    inputs, weights = np.ones((3, 3)), np.ones(9)
    values = []
    for seed in (0, 0, 1):
        aer = compiled(AerBackend(shots=100), qnn)
        aer.noise = NoiseStream(seed)
        values.append(aer.expectations(inputs, weights))
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test_sampled_shift_gradients_are_unbiased(qnn):
    rng = np.random.default_rng(2)
    inputs, weights = rng.uniform(-2, 2, (2, 3)), rng.uniform(-3, 3, 9)
    cotangent = rng.normal(size=(2, 3))
    exact = compiled(StatevectorBackend(), qnn).vjp(inputs, weights, cotangent)[1]
    aer = compiled(AerBackend(shots=128, seed=0), qnn)
    assert isinstance(aer.gradient, ParameterShift)
    _, tape = aer.forward(inputs, weights)
    found = np.array([aer.backward(tape, cotangent)[1] for _ in range(150)])
    error = found.std(axis=0, ddof=1) / np.sqrt(150)
    assert (abs(found.mean(axis=0) - exact) / np.maximum(error, 1e-12)).max() < 4.5


def test_wide_registers_of_products_are_sampled_by_aer():
    n_qubits = 14
    circuit = QuantumCircuit(n_qubits)
    x = ParameterVector("x", n_qubits)
    for qubit in range(n_qubits):
        circuit.ry(x[qubit], qubit)
    aer = AerBackend(shots=2000, seed=0).compile(
        circuit, z_observables(n_qubits), inputs=x, weights=[]
    )
    angles = np.linspace(0, np.pi, n_qubits)
    values = aer.expectations(angles[None], np.zeros(0))[0]
    sigma = np.sqrt((1 - np.cos(angles) ** 2) / 2000)
    assert (abs(values - np.cos(angles)) <= 4.5 * sigma + 1e-12).all()


# ------------------------------------------------------------------------------- noise


def test_exact_noisy_values_are_those_of_aers_estimator(qnn):
    from qiskit_aer.primitives import EstimatorV2

    backend = AerBackend(noise="depolarizing:0.05+amplitude_damping:0.1")
    aer = compiled(backend, qnn)
    rng = np.random.default_rng(0)
    inputs, weights = rng.normal(size=(2, 3)), rng.normal(size=9)
    estimator = EstimatorV2(
        options={
            "default_precision": 0.0,
            "backend_options": {
                "method": "density_matrix",
                "noise_model": aer._noise_model,
                "max_parallel_threads": 1,
            },
        }
    )
    expected = []
    for row in inputs:
        bound = qnn.circuit.assign_parameters(
            {
                **dict(zip(qnn.inputs, row, strict=True)),
                **dict(zip(qnn.weights, weights, strict=True)),
            }
        )
        pub = (bound, z_observables(3))
        expected.append(estimator.run([pub]).result()[0].data.evs)
    np.testing.assert_allclose(aer.expectations(inputs, weights), expected, atol=1e-10)


def test_depolarizing_shrinks_an_expectation_value_by_its_probability_a_gate():
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(1)
    circuit.ry(x[0], 0)
    circuit.z(0)
    aer = AerBackend(noise="depolarizing:0.1").compile(
        circuit, [SparsePauliOp("Z")], inputs=x, weights=[]
    )
    values = aer.expectations(np.array([[0.0], [1.0]]), np.zeros(0))[:, 0]
    np.testing.assert_allclose(values, 0.9**2 * np.cos([0.0, 1.0]), atol=1e-12)


def test_readout_errors_reach_exact_and_sampled_values_alike():
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.3, 0.7]]), [1])
    circuit = QuantumCircuit(2)
    circuit.x([0, 1])
    observables = z_observables(2)
    backend = AerBackend(noise_model=model)
    exact = backend.compile(circuit, observables, inputs=[], weights=[])
    np.testing.assert_allclose(
        exact.expectations(np.zeros((1, 0)), np.zeros(0)), [[-1.0, 0.3 - 0.7]], atol=1e-12
    )
    sampled = clone(backend).set_params(shots=40_000, seed=0)
    sampled = sampled.compile(circuit, observables, inputs=[], weights=[])
    found = sampled.expectations(np.zeros((1, 0)), np.zeros(0))[0]
    assert found[0] == -1.0
    assert abs(found[1] + 0.4) < 4.5 * np.sqrt((1 - 0.4**2) / 40_000)


@pytest.mark.parametrize("gate", ["cp", "crx", "cu"])
def test_noisy_gradients_are_those_of_the_noisy_values(gate):
    # Noise between the pieces of a controlled gate keeps frequencies that cancel without it.
    w = ParameterVector("w", 1)
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.ry(0.4, 0)
    angles = [0.3, w[0], 0.2, 0.1] if gate == "cu" else [w[0]]
    getattr(circuit, gate)(*angles, 0, 1)
    circuit.rx(0.7, [0, 1])
    aer = AerBackend(noise="depolarizing:0.1+readout:0.05").compile(
        circuit, z_observables(2), inputs=[], weights=w
    )
    inputs, step = np.zeros((1, 0)), 1e-5

    def total(value):
        return aer.expectations(inputs, np.array([value])).sum()

    _, gradient = aer.vjp(inputs, np.array([0.8]), np.ones((1, 2)))
    numeric = (total(0.8 + step) - total(0.8 - step)) / (2 * step)
    assert gradient[0] == pytest.approx(numeric, abs=1e-8)


def test_a_fake_devices_noise_and_coupling_are_taken(qnn):
    pytest.importorskip("qiskit_ibm_runtime")
    rng = np.random.default_rng(0)
    inputs, weights = rng.normal(size=(2, 3)), rng.normal(size=9)
    ideal = compiled(StatevectorBackend(), qnn).expectations(inputs, weights)
    exact = compiled(AerBackend(noise="fake_manila"), qnn)
    values = exact.expectations(inputs, weights)
    assert 1e-3 < abs(values - ideal).max() < 0.3
    device_pairs = {(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3)}
    for instruction in exact.physical[0].data:
        if instruction.operation.name == "cx":
            pair = tuple(exact.physical[0].find_bit(q).index for q in instruction.qubits)
            assert pair in device_pairs
    sampled = compiled(AerBackend(noise="fake_manila", shots=4000, seed=0), qnn)
    found = sampled.expectations(inputs, weights)
    assert (abs(found - values) < 4.5 * np.sqrt((1 - values**2) / 4000)).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"noise": "depolarising:0.02:3"}, "strength of 'depolarizing'"),
        ({"noise": "depolarisation:0.02"}, "Did you mean 'depolarizing'"),
        ({"noise": "depolarizing:2"}, r"in \[0, 1\]"),
        ({"noise": "fake_manilla"}, "Did you mean 'fake_manila'"),
        ({"shots": 0}, "shots"),
        ({"shots": 12.5}, "shots"),
        ({"gradient": "parameter_shit"}, "Did you mean 'parameter_shift'"),
        ({"noise": "readout:0.1", "method": "statevector"}, "density_matrix"),
        ({"gradient": SPSAGradient(step=-1)}, "step"),
    ],
)
def test_bad_parameters_are_named_with_what_is_allowed(qnn, params, message):
    with pytest.raises(ValueError, match=message):
        compiled(AerBackend(**params), qnn)


def test_two_ways_to_say_noise_are_one_too_many(qnn):
    from qiskit_aer.noise import NoiseModel

    with pytest.raises(ValueError, match="one of the two"):
        compiled(AerBackend(noise="readout:0.1", noise_model=NoiseModel()), qnn)


# --------------------------------------------------------------------------- gradients


def test_auto_takes_the_exact_gradient_where_values_are_exact_and_says_so(qnn, caplog):
    with caplog.at_level(logging.INFO, logger="skqmu.backends"):
        aer = compiled(AerBackend(), qnn)
    assert isinstance(aer.gradient, AdjointGradient)
    assert "gradient='auto' takes AdjointGradient" in caplog.text
    assert isinstance(compiled(AerBackend(shots=10), qnn).gradient, ParameterShift)
    assert isinstance(compiled(AerBackend(noise="readout:0.1"), qnn).gradient, ParameterShift)


def test_auto_takes_random_directions_for_circuits_of_too_many_angles():
    qnn = build_circuit("angle", "strong", n_features=3, n_qubits=3, n_layers=60)
    aer = compiled(AerBackend(shots=10), qnn)
    assert isinstance(aer.gradient, SPSAGradient)


def test_the_mixture_costs_no_circuits_on_the_way_back(qnn):
    aer = compiled(AerBackend(shots=10, gradient="adjoint"), qnn)
    rng = np.random.default_rng(0)
    inputs, weights, cotangent = rng.normal(size=(2, 3)), rng.normal(size=9), np.ones((2, 3))
    _, tape = aer.forward(inputs, weights)
    spent = aer.spent.circuits
    exact = compiled(StatevectorBackend(), qnn).vjp(inputs, weights, cotangent)
    for mine, theirs in zip(aer.backward(tape, cotangent), exact, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-10)
    assert aer.spent.circuits == spent


def test_random_directions_average_to_the_gradient(qnn):
    rng = np.random.default_rng(1)
    inputs, weights, cotangent = rng.normal(size=(1, 3)), rng.normal(size=9), np.ones((1, 3))
    expected = compiled(StatevectorBackend(), qnn).vjp(inputs, weights, cotangent)
    aer = compiled(AerBackend(gradient=SPSAGradient(n_directions=800, step=1e-3), seed=0), qnn)
    _, tape = aer.forward(inputs, weights)
    before = aer.spent.circuits
    d_inputs, d_weights = aer.backward(tape, cotangent)
    assert aer.spent.circuits - before == 1600
    norm = np.sqrt(sum(np.sum(part**2) for part in expected))
    for mine, theirs in zip((d_inputs, d_weights), expected, strict=True):
        # A parameter's estimate scatters by the others' slopes: |gradient| / sqrt(directions).
        assert abs(mine - theirs).max() < 4.5 * norm / np.sqrt(800)
    per_sample = aer.backward(tape, cotangent, per_sample=True)[1]
    assert per_sample.shape == (1, 9)


# -------------------------------------------------------------------------- as a value


def test_backends_are_values():
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["x"])
    backend = AerBackend(shots=100, noise_model=model, gradient=SPSAGradient(n_directions=3))
    copy = clone(backend)
    assert copy.get_params()["gradient__n_directions"] == 3
    assert pickle.loads(pickle.dumps(backend)).identity() == backend.identity()
    assert copy.identity() == backend.identity()
    assert set(vars(backend)) == set(backend.get_params(deep=False))


def test_identity_tells_noise_models_apart_that_print_alike():
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    identities = set()
    for strength in (0.1, 0.2):
        model = NoiseModel()
        model.add_all_qubit_quantum_error(depolarizing_error(strength, 1), ["x"])
        identities.add(AerBackend(noise_model=model).identity())
    assert len(identities) == 2


def test_the_name_resolves():
    assert resolve_backend("aer").identity() == AerBackend().identity()


def test_one_model_at_a_time(qnn):
    with pytest.raises(ValueError, match="one model at a time"):
        compiled(AerBackend(), qnn).forward(np.zeros((2, 3)), np.zeros((4, 9)))
