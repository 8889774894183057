"""A leading axis of models: what each model gives, all at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables
from skqmu.network import (
    Activation,
    BatchNorm,
    Dense,
    InputScale,
    Network,
    OneVsRest,
    QuantumLayer,
    activations,
    cross_entropy,
    cross_entropy_gradient,
    forward_many,
    models_at_once,
    weighted_cross_entropy,
)


def circuit():
    qnn = build_circuit("angle", "strong", n_features=3, n_qubits=3, n_layers=1)
    return QuantumLayer(
        StatevectorBackend().compile(
            qnn.circuit, z_observables(3), inputs=qnn.inputs, weights=qnn.weights
        )
    )


LAYERS = {
    "dense": Dense("dense", 3, 4),
    "scale": InputScale([1.0, 2.0, 3.0]),
    "fixed scale": InputScale([1.0, 2.0, 3.0], scale=[0.5, 1.0, 2.0], learned=False),
    "circuit": circuit(),
    "one vs rest": OneVsRest(),
    **{name: Activation(name) for name in activations()},
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_a_layer_of_many_models_is_each_models_layer(layer, per_sample, shared):
    assert layer.takes_models
    rng = np.random.default_rng(0)
    params = rng.normal(size=(4, layer.n_parameters))
    inputs = rng.normal(size=(5, 3) if shared else (4, 5, 3))
    outputs, tape = layer.forward(params, inputs)
    outputs = np.broadcast_to(outputs, (4, *outputs.shape[-2:]))
    d_outputs = rng.normal(size=outputs.shape)
    how = {"per_sample": per_sample, "need_inputs": True}
    d_params, d_inputs = layer.backward(params, tape, d_outputs, **how)
    for m in range(4):
        rows = inputs if shared else inputs[m]
        own, own_tape = layer.forward(params[m], rows)
        np.testing.assert_array_equal(outputs[m], own)
        alone = layer.backward(params[m], own_tape, d_outputs[m], **how)
        np.testing.assert_array_equal(d_params[m], alone[0])
        np.testing.assert_array_equal(d_inputs[m], alone[1])


def test_a_layer_that_changes_a_pass_takes_one_model_unless_it_says_otherwise():
    class Doubled(Dense):
        def forward(self, params, inputs):
            outputs, tape = super().forward(params, inputs)
            return 2 * outputs, tape

    class Named(Dense):
        def period(self):
            return np.ones(self.n_parameters)

    class OtherCircuit(QuantumLayer):
        def backward(self, *arguments, **how):
            return super().backward(*arguments, **how)

    assert not Doubled("a", 3, 2).takes_models
    assert Named("a", 3, 2).takes_models
    assert not OtherCircuit(circuit().executable).takes_models
    assert not Network([Doubled("a", 3, 2)]).takes_models


def network():
    return Network([InputScale([2.0] * 3), circuit(), Dense("head", 3, 2)])


@pytest.mark.parametrize("n_models", [1, 3, 200])
@pytest.mark.parametrize("shared", [False, True])
def test_logits_of_many_models_are_those_of_each(n_models, shared):
    net, rng = network(), np.random.default_rng(1)
    params = rng.normal(size=(n_models, net.layout.size))
    X = rng.normal(size=(6, 3) if shared else (n_models, 6, 3))
    logits = forward_many(net, params, X)
    assert net.meter.forward_rows == net.meter.circuits == 6 * n_models
    assert net.meter.gradient_rows == 0
    for m in range(n_models):
        np.testing.assert_array_equal(logits[m], net.logits(params[m], X if shared else X[m]))


def test_a_network_that_takes_one_model_at_a_time_gives_the_same():
    net = Network([Dense("a", 3, 4), BatchNorm("norm", 4), Dense("b", 4, 2)])
    assert not net.takes_models
    assert models_at_once(net, 5) == 1
    rng = np.random.default_rng(2)
    params = np.stack([net.initial(rng) for _ in range(3)])
    X = rng.normal(size=(5, 3))
    logits = forward_many(net, params, X)
    np.testing.assert_array_equal(logits, [net.logits(own, X) for own in params])


@pytest.mark.parametrize("per_sample", [False, True])
def test_the_gradient_of_many_models_is_that_of_each(per_sample):
    net, rng = network(), np.random.default_rng(3)
    params = rng.normal(size=(4, net.layout.size))
    X, d_logits = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 2))
    how = {"per_sample": per_sample, "need_inputs": True}
    _, tape = net.forward(params, X)
    together = net.backward(tape, d_logits, **how)
    assert net.meter.gradient_rows == 24
    for m in range(4):
        _, tape = net.forward(params[m], X[m])
        for found, own in zip(together, net.backward(tape, d_logits[m], **how), strict=True):
            np.testing.assert_array_equal(found[m], own)


def test_twins_share_layers_and_nothing_else():
    net = network()
    twin = net.twin()
    twin.logits(np.zeros(net.layout.size), np.zeros((2, 3)))
    twin.count(forward_rows=1)
    assert twin.meter.forward_rows == 3
    assert net.meter.forward_rows == 0
    assert all(one is other for one, other in zip(net.layers, twin.layers, strict=True))


@pytest.mark.parametrize(
    ("params", "X", "what"),
    [
        (np.zeros(20), np.zeros((2, 3)), "params must have shape"),
        (np.zeros((2, 19)), np.zeros((2, 3)), "params must have shape"),
        (np.zeros((0, 20)), np.zeros((2, 3)), "of one model at least"),
        (np.zeros((2, 20)), np.zeros(3), "X must have shape"),
        (np.zeros((2, 20)), np.zeros((3, 2, 3)), "X must have shape"),
    ],
)
def test_other_shapes_are_refused(params, X, what):
    net = network()
    assert net.layout.size == 20
    with pytest.raises(ValueError, match=what):
        forward_many(net, params, X)


@settings(deadline=None, max_examples=40)
@given(n_classes=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_losses_of_many_models_are_those_of_each(n_classes, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(3, 5, n_classes)) * 10.0 ** rng.uniform(-3, 3)
    targets = rng.dirichlet(np.ones(n_classes), size=(3, 5))
    weights = rng.normal(size=(3, 5))
    values, slopes = weighted_cross_entropy(logits, targets, weights)
    for m in range(3):
        own = weights[m] * cross_entropy(logits[m], targets[m])
        np.testing.assert_allclose(values[m], own, rtol=1e-12, atol=1e-12)
        own = cross_entropy_gradient(logits[m], targets[m], weights[m])
        np.testing.assert_allclose(slopes[m], own, rtol=1e-12, atol=1e-12)


def test_infinite_logits_mean_the_same():
    logits = np.array([[[-np.inf, -np.inf], [np.inf, 0.0], [1e308, -1e308]]])
    with np.errstate(over="ignore", invalid="ignore"):
        together = cross_entropy(logits, np.array([[[0.5, 0.5]] * 3]))
        alone = cross_entropy(logits[0], np.array([[0.5, 0.5]] * 3))
    np.testing.assert_array_equal(together[0], alone)
