"""Sums over rows against the rows themselves; exactness bit by bit."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit

from skqmu.backends import MixedStates, StatevectorBackend
from skqmu.circuits import Probabilities, build_circuit
from skqmu.exceptions import CircuitError, InputRowsError
from skqmu.network import InputScale
from skqmu.statistics import ClassStatistics, StatisticsProgram, split_circuit

BACKEND = StatevectorBackend()
CASES = [
    ("angle", 4, 4, 3),
    ("angle", 9, 4, 3),
    ("angle", 2, 5, 2),
    ("angle_xyz", 3, 3, 2),
    ("iqp", 4, 4, 5),
    ("amplitude", 13, 4, 3),
]


def case(encoding="angle", n_features=4, n_qubits=4, n_classes=3, n=300, seed=0):
    qnn = build_circuit(encoding, "strong", n_features=n_features, n_qubits=n_qubits, n_layers=2)
    program = StatisticsProgram(*qnn, n_classes=n_classes, backend=BACKEND)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    y = rng.integers(0, n_classes, n)
    w = rng.uniform(0.1, 3.0, n)
    w[: n // 2] = 1.0
    return qnn, program, X, y, w


@pytest.mark.parametrize("shape", CASES)
def test_statistics_are_the_sums_of_the_rows_states(shape):
    qnn, program, X, y, w = case(*shape)
    encoding, _ = split_circuit(*qnn)
    n, k = shape[2:]
    engine = BACKEND.compile(encoding, Probabilities(n), inputs=qnn.inputs, weights=[])
    psi = engine.statevectors(X, np.zeros(0))
    statistics = program.of(X, y, w)
    for label in range(k):
        own = psi[y == label]
        expected = np.einsum("i,ia,ib->ab", w[y == label], own, own.conj())
        np.testing.assert_allclose(statistics.matrices()[label], expected, atol=1e-10)
    assert statistics.counts == tuple(np.bincount(y, minlength=k))


@pytest.mark.parametrize("shape", CASES)
def test_loss_and_gradient_are_those_of_the_rows(shape):
    qnn, program, X, y, w = case(*shape)
    n, k = shape[2:]
    theta = np.random.default_rng(1).normal(size=program.n_weights)
    factors = np.linspace(0.5, 2.0, k)
    loss, gradient = program.risk(program.of(X, y, w), factors).value_and_gradient(theta)
    engine = BACKEND.compile(
        qnn.circuit, Probabilities(n, "first", k), inputs=qnn.inputs, weights=qnn.weights
    )
    values, tape = engine.forward(X, theta)
    each = w * factors[y] / (w * factors[y]).sum()
    cotangent = -np.eye(k)[y] * each[:, None]
    _, expected = engine.backward(tape, cotangent, need_inputs=False)
    assert loss == pytest.approx(1 + (cotangent * values).sum(), abs=1e-12)
    np.testing.assert_allclose(gradient, expected, atol=1e-12)


@pytest.mark.parametrize("shape", CASES)
def test_order_and_company_of_rows_leave_no_trace(shape):
    _, program, X, y, w = case(*shape)
    rng = np.random.default_rng(3)
    everyone = program.of(X, y, w)
    order = rng.permutation(len(X))
    parts = np.split(order, [1, 40, 41, 203])
    total = program.statistics()
    for part in parts:
        total = total + program.of(X[part], y[part], w[part])
    assert total == everyone
    gone, left = order[:25], np.sort(order[25:])
    for i in gone:
        total = total - program.of(X[[i]], y[[i]], w[[i]])
    assert total == program.of(X[left], y[left], w[left])
    assert pickle.dumps(total) == pickle.dumps(program.of(X[left], y[left], w[left]))


def test_a_bit_of_a_row_would_show():
    _, program, X, y, w = case()
    other = X.copy()
    other[7, 2] = np.nextafter(other[7, 2], np.inf) + 1e-11
    assert program.of(X, y, w) != program.of(other, y, w)


def test_nothing_is_left_of_rows_that_are_all_taken_out():
    _, program, X, y, w = case("iqp")
    nothing = program.of(X, y, w) - program.of(X[::-1], y[::-1], w[::-1])
    assert nothing == program.statistics()
    assert not nothing.high.any()
    assert not nothing.low.any()
    with pytest.raises(ValueError, match="no row with a weight"):
        program.risk(nothing)


def test_weights_add_up_as_fractions():
    _, program, X, y, w = case()
    w[:3] = 2.0**-10, 2.0**10, 1 / 3
    statistics = program.of(X, y, w)
    for label in range(3):
        exact = sum(Fraction(float(value)) for value in w[y == label])
        assert Fraction(statistics.totals[label], 2**63) == exact


@pytest.mark.parametrize("scale", [2.0**-10, 1.0, 2.0**10])
def test_extreme_weights_stay_exact(scale):
    """Sums of one basis state, the largest that there are, against whole numbers."""
    qnn = build_circuit("amplitude", "strong", n_features=2, n_qubits=1)
    program = StatisticsProgram(*qnn, n_classes=1, backend=BACKEND)
    X = np.tile([[1.0, 0.0], [0.6, 0.8]], (2600, 1))
    rows = program.of(X, np.zeros(5200, int), np.full(5200, scale))
    one = program.of(X[:2], np.zeros(2, int), np.full(2, scale))
    wide = [int(h) * 2**64 + int(l) for h, l in zip(rows.high.ravel(), rows.low.ravel())]  # noqa: B905, E741
    single = [int(h) * 2**64 + int(l) for h, l in zip(one.high.ravel(), one.low.ravel())]  # noqa: B905, E741
    assert wide == [2600 * value for value in single]
    amplitudes = [
        np.rint(np.array(v) * np.sqrt(scale) * 2.0**42).astype(int).tolist() for v in X[:2]
    ]
    assert single[0] == sum(v[0] * v[0] for v in amplitudes)
    assert single[2] == sum(v[1] * v[0] for v in amplitudes)
    assert single[1] == 0  # an imaginary part


def test_a_deletion_of_rows_that_were_not_there_is_refused():
    _, program, X, y, w = case()
    few = program.of(X[:5], y[:5], w[:5])
    with pytest.raises(ValueError, match="never added"):
        few - program.of(X, y, w)
    unit = np.ones(1)
    one = program.of(X[:1], np.zeros(1, int), unit)
    far = program.of(X[:1] + np.pi * np.array([1, 0, 0, 0]), np.zeros(1, int), unit)
    with pytest.raises(ValueError, match="never added"):
        one - far


@pytest.mark.parametrize("weight", [0.0, 2.0**-11, 2000.0, np.nan])
def test_weights_out_of_range_are_refused(weight):
    _, program, X, y, w = case()
    w[4] = weight
    with pytest.raises(ValueError, match=r"row 4, 1 in all.*Divide the weights"):
        program.of(X, y, w)


def test_statistics_of_other_encodings_are_not_mixed():
    _, program, X, y, w = case()
    qnn = build_circuit("angle", "strong", n_features=4, n_qubits=4, n_layers=2)
    layer = InputScale(np.full(4, np.pi), learned=False)
    scaled = StatisticsProgram(*qnn, n_classes=3, backend=BACKEND, before=[layer])
    with pytest.raises(ValueError, match="another encoding"):
        program.of(X, y, w) + scaled.of(X, y, w)
    with pytest.raises(ValueError, match="another encoding"):
        program.risk(scaled.of(X, y, w))
    # A scale that nothing goes through would be another's with the same digest.
    assert scaled.of(X, y, w) == program_of_outputs(qnn, layer).of(X, y, w)


def program_of_outputs(qnn, layer):
    return StatisticsProgram(*qnn, n_classes=3, backend=BACKEND, before=[layer])


def test_expressions_of_inputs_give_a_row_the_same_bits_in_any_company():
    x = [Parameter(f"x{i}") for i in range(2)]
    w = Parameter("w")
    circuit = QuantumCircuit(2)
    circuit.ry(x[0].sin() + x[1].exp(), 0)
    circuit.crx(x[0] ** 2 * x[1], 0, 1)
    circuit.rzz(x[0] * x[1], 0, 1)
    circuit.ry(w, 1)
    program = StatisticsProgram(circuit, x, [w], n_classes=2, backend=BACKEND)
    rng = np.random.default_rng(0)
    X, y = rng.uniform(0.1, 1.0, (37, 2)), rng.integers(0, 2, 37)
    total = program.statistics()
    for i in range(37):
        total = total + program.of(X[[i]], y[[i]], np.ones(1))
    assert total == program.of(X, y, np.ones(37))


def test_rows_that_cannot_be_encoded_are_named():
    _, program, X, y, w = case("amplitude", 13)
    X[[5, 9]] = 0.0
    with pytest.raises(InputRowsError, match="rows of zeros"):
        program.of(X, y, w)
    with pytest.raises(InputRowsError) as told:
        program.of(X, np.arange(300) % 2, w)  # both are in class 1
    assert told.value.rows == (5, 9)


def test_what_is_no_fixed_encoding_is_refused():
    qnn = build_circuit("angle", "strong", n_features=3, n_qubits=3, n_layers=2, reuploading=True)
    with pytest.raises(CircuitError, match="reuploading=False"):
        StatisticsProgram(*qnn, n_classes=2, backend=BACKEND)


def test_memory_and_classes_are_checked_before_anything_is_made():
    qnn = build_circuit("angle", "strong", n_features=3, n_qubits=3)
    with pytest.raises(CircuitError, match="use n_qubits >= 4"):
        StatisticsProgram(*qnn, n_classes=9, backend=BACKEND)
    large = build_circuit("angle", "strong", n_features=12, n_qubits=12)
    with pytest.raises(CircuitError, match=r"5,368,709,120 bytes.*fewer qubits"):
        StatisticsProgram(*large, n_classes=10, backend=BACKEND)
    small = StatevectorBackend(max_memory=5_000)
    with pytest.raises(CircuitError, match="and its gradient take"):
        StatisticsProgram(*qnn, n_classes=2, backend=small)


@pytest.mark.parametrize("ansatz", ["strong", "rotations_cz", "real_amplitudes", "efficient_su2"])
@pytest.mark.parametrize("chunk_size", [None, 3])
def test_mixed_states_of_any_ansatz_and_chunking(ansatz, chunk_size):
    qnn = build_circuit("angle", ansatz, n_features=4, n_qubits=4, n_layers=2)
    _, trained = split_circuit(*qnn)
    backend = StatevectorBackend(chunk_size=chunk_size)
    states = MixedStates(backend, trained, 3, weights=qnn.weights)
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, 3, 16, 16))
    operators = parts[0] + 1j * parts[1]
    operators = operators + operators.conj().swapaxes(1, 2)
    theta = rng.normal(size=len(qnn.weights))
    _, gradient = states.value_and_gradient(theta, operators)
    step = 1e-6 * np.eye(len(theta))
    slopes = [
        states.value_and_gradient(theta + s, operators)[0]
        - states.value_and_gradient(theta - s, operators)[0]
        for s in step
    ]
    np.testing.assert_allclose(gradient, np.array(slopes) / 2e-6, atol=1e-7)


def test_zero_is_the_neutral_element():
    _, program, X, y, w = case()
    rows = program.of(X, y, w)
    assert rows + program.statistics() == rows
    assert isinstance(rows, ClassStatistics)
    assert rows.nbytes == 16 * 3 * 4**4
