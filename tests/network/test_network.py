"""Layers, losses and the flat vector."""

import numpy as np
import pytest
from scipy.special import softmax as scipy_softmax
from sklearn.metrics import log_loss

from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables
from skqmu.network import (
    Dense,
    Layer,
    Meter,
    Network,
    OneVsRest,
    ParameterLayout,
    QuantumLayer,
    cross_entropy,
    cross_entropy_gradient,
    entropy,
)


def small_network(n_features=3, n_classes=2):
    qnn = build_circuit("angle", "strong", n_features=n_features, n_qubits=2, n_layers=2)
    executable = StatevectorBackend().compile(
        qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights
    )
    return Network([QuantumLayer(executable), Dense("head", 2, n_classes)])


# --- the flat vector ---------------------------------------------------------------------


def test_groups_tile_the_flat_vector_in_order():
    layout = ParameterLayout([("front", 3), ("quantum", 4), ("head", 2)])
    assert layout.names == ("front", "quantum", "head")
    assert layout.size == 9
    np.testing.assert_array_equal(
        sum(np.arange(9) * layout.mask([name]) for name in layout.names), np.arange(9)
    )
    assert layout.mask(["quantum"]).nonzero()[0].tolist() == [3, 4, 5, 6]
    assert layout.mask([]).sum() == 0
    assert repr(layout) == "ParameterLayout(front: 3, quantum: 4, head: 2)"


def test_the_last_groups_are_counted_from_the_head():
    layout = ParameterLayout([("front", 3), ("empty", 0), ("head", 2)])
    assert layout.last(0) == ()
    assert layout.last(1) == ("head",)
    assert layout.last(2) == layout.last(9) == ("front", "head")


def test_a_group_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match="no parameter group 'tail'; this network has a, b"):
        ParameterLayout([("a", 1), ("b", 1)]).mask(["tail"])
    with pytest.raises(ValueError, match="'a' stands twice"):
        ParameterLayout([("a", 1), ("a", 1)])


def test_a_network_names_a_group_a_layer_with_parameters():
    network = Network([*small_network().layers, OneVsRest()])
    assert network.layout.names == ("quantum", "head")
    assert network.layout.size == network.initial(np.random.default_rng(0)).size == 12 + 6


# --- layers ------------------------------------------------------------------------------


def test_initial_parameters_have_the_documented_spread():
    rng = np.random.default_rng(0)
    layer = Dense("head", 200, 100)
    params = layer.initial(rng)
    kernel, bias = params[:-100], params[-100:]
    bound = np.sqrt(6 / 300)
    assert np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    assert not bias.any()

    qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2, n_layers=100)
    layer = QuantumLayer(
        StatevectorBackend().compile(
            qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights
        )
    )
    angles = layer.initial(rng)  # 300 rotations on each of 2 qubits
    assert angles.std() == pytest.approx(1 / np.sqrt(300), rel=0.1)


def test_weight_decay_is_for_kernels_not_for_angles_and_biases():
    network = small_network(n_classes=3)
    assert network.decayed.nonzero()[0].tolist() == list(range(12, 18))


def test_one_vs_rest_gives_normalised_sigmoids():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(5, 3)) * 3
    outputs, _ = OneVsRest().forward(np.zeros(0), scores)
    sigmoids = 1 / (1 + np.exp(-scores))
    np.testing.assert_allclose(
        scipy_softmax(outputs, axis=1), sigmoids / sigmoids.sum(axis=1, keepdims=True)
    )
    outputs, _ = OneVsRest().forward(np.zeros(0), scores[:, :1])
    np.testing.assert_allclose(scipy_softmax(outputs, axis=1)[:, 1], sigmoids[:, 0])
    assert np.isfinite(OneVsRest().forward(np.zeros(0), np.array([[-1e4, 1e4]]))[0]).all()


class Doubled(Layer):
    """A layer without parameters, for places in between."""

    name = "doubled"

    def forward(self, params, inputs):
        return 2 * inputs, None

    def backward(self, params, tape, d_outputs, *, per_sample, need_inputs):
        shape = (len(d_outputs), 0) if per_sample else 0
        return np.zeros(shape), 2 * d_outputs if need_inputs else None


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("need_inputs", [False, True])
def test_a_layer_without_parameters_may_stand_anywhere(place, per_sample, need_inputs):
    layers = [Dense("a", 2, 3), Dense("b", 3, 2)]
    layers.insert(place, Doubled())
    network = Network(layers)
    rng = np.random.default_rng(2)
    params, X, d = network.initial(rng), rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    logits, tape = network.forward(params, X)
    kernels = [params[:6].reshape(2, 3), params[9:15].reshape(3, 2)]
    np.testing.assert_allclose(logits, 2 * X @ kernels[0] @ kernels[1])
    d_params, d_inputs = network.backward(tape, d, per_sample=per_sample, need_inputs=need_inputs)
    assert d_params.shape == ((4, 17) if per_sample else (17,))
    if need_inputs:
        np.testing.assert_allclose(d_inputs, 2 * d @ kernels[1].T @ kernels[0].T)
    else:
        assert d_inputs is None


# --- the network -------------------------------------------------------------------------


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("groups", [[], ["b"], ["c"], ["a", "c"]])
def test_what_is_not_wanted_is_not_gone_through_below_the_first_that_is(groups, per_sample):
    layers = [Dense("a", 2, 3), Dense("b", 3, 3), Dense("c", 3, 2)]
    network = Network(layers)
    rng = np.random.default_rng(4)
    params, d = network.initial(rng), rng.normal(size=(4, 2))
    _, tape = network.forward(params, rng.normal(size=(4, 2)))
    whole, _ = network.backward(tape, d, per_sample=per_sample)
    gone_through = []
    for layer in layers:
        layer.backward = lambda *a, _of=layer, **k: (
            gone_through.append(_of.name) or type(_of).backward(_of, *a, **k)
        )
    wanted = network.layout.mask(groups)
    part, _ = network.backward(tape, d, per_sample=per_sample, wanted=wanted)
    np.testing.assert_array_equal(np.where(wanted, part, 0), np.where(wanted, whole, 0))
    first = {(): 3, ("b",): 1, ("c",): 2, ("a", "c"): 0}[tuple(groups)]
    assert gone_through == ["a", "b", "c"][first:][::-1]


def test_logits_are_those_of_forward():
    network = small_network()
    rng = np.random.default_rng(3)
    params, X = network.initial(rng), rng.normal(size=(9, 3))
    expected, _ = network.forward(params, X)
    np.testing.assert_allclose(network.logits(params, X), expected, rtol=1e-13, atol=1e-14)
    hidden = network.outputs(params, X, n_layers=1)
    assert np.abs(hidden).max() <= 1
    np.testing.assert_allclose(hidden @ params[12:16].reshape(2, 2), expected, atol=1e-14)


def test_the_meter_counts_rows_and_circuits():
    network = small_network()
    start = network.meter.copy()
    params, X = network.initial(np.random.default_rng(0)), np.ones((5, 3))
    logits, tape = network.forward(params, X)
    network.logits(params, X[:2])
    network.backward(tape, np.ones_like(logits))
    assert network.meter.since(start) == {
        "forward_rows": 7,
        "gradient_rows": 5,
        "circuits": 7,
        "shots": 0,
    }
    assert start == Meter()


def test_wrapping_angles_changes_no_output():
    network = small_network()
    rng = np.random.default_rng(4)
    params, X = network.initial(rng), rng.normal(size=(6, 3))
    params[:12] += rng.integers(-3, 4, 12) * 4 * np.pi
    wrapped = network.wrapped(params)
    np.testing.assert_allclose(network.logits(wrapped, X), network.logits(params, X), atol=1e-12)
    np.testing.assert_array_equal(wrapped[12:], params[12:])
    periods = network.periods
    assert (np.abs(wrapped) <= periods / 2 * (1 + 1e-12)).all()
    assert np.isinf(periods[12:]).all()


def test_nothing_is_changed_in_place():
    network = small_network()
    rng = np.random.default_rng(5)
    params, X, d = network.initial(rng), rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    before = [a.copy() for a in (params, X, d)]
    _, tape = network.forward(params, X)
    network.backward(tape, d, per_sample=True, need_inputs=True)
    network.logits(params, X)
    for array, old in zip((params, X, d), before, strict=True):
        np.testing.assert_array_equal(array, old)


# --- losses ------------------------------------------------------------------------------


def test_cross_entropy_is_the_log_loss():
    rng = np.random.default_rng(6)
    logits, labels = rng.normal(size=(20, 4)) * 3, rng.integers(4, size=20)
    mine = cross_entropy(logits, np.eye(4)[labels]).mean()
    assert mine == pytest.approx(
        log_loss(labels, scipy_softmax(logits, axis=1), labels=range(4)), rel=1e-12
    )


def test_losses_stay_finite_where_probabilities_underflow():
    logits = np.array([[1e4, -1e4, 0.0]])
    assert cross_entropy(logits, np.array([[0.0, 1.0, 0.0]])) == pytest.approx(2e4)
    assert entropy(logits) == pytest.approx(0, abs=1e-300)
    gradient = cross_entropy_gradient(logits, np.array([[0.0, 1.0, 0.0]]), np.ones(1))
    np.testing.assert_allclose(gradient, [[1.0, -1.0, 0.0]])


def test_entropy_is_largest_for_the_uniform_prediction():
    assert entropy(np.full((2, 5), 3.0)) == pytest.approx(np.log(5))
    assert (entropy(np.random.default_rng(7).normal(size=(9, 5))) < np.log(5)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_gradient_of_the_loss_is_its_derivative(sign):
    rng = np.random.default_rng(8)
    logits, targets = rng.normal(size=(4, 3)), rng.dirichlet(np.ones(3), 4)
    weights = sign * rng.uniform(0.5, 2, 4)
    gradient = cross_entropy_gradient(logits, targets, weights)
    for i in range(4):
        for c in range(3):
            h = 1e-5 * np.outer(np.eye(4)[i], np.eye(3)[c])
            rise = weights @ (
                cross_entropy(logits + h, targets) - cross_entropy(logits - h, targets)
            )
            assert gradient[i, c] == pytest.approx(rise / 2e-5, abs=1e-8)
    assert np.abs(gradient.sum(axis=1)).max() < 1e-15
