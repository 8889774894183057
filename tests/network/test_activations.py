"""Activations, dropout and their derivatives."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from skqmu.network import Activation, Dropout, activations

NOTHING = np.zeros(0)


@pytest.mark.parametrize("function", activations())
def test_the_slope_is_that_of_finite_differences(function):
    layer = Activation(function)
    X = np.random.default_rng(0).normal(0.0, 2.0, (3, 4))
    weight = np.random.default_rng(1).normal(size=(3, 4))
    _, tape = layer.forward(NOTHING, X)
    _, d_inputs = layer.backward(NOTHING, tape, weight, per_sample=False, need_inputs=True)
    numeric = approx_fprime(
        X.ravel(), lambda x: (weight * layer.outputs(NOTHING, x.reshape(X.shape))).sum(), 1e-7
    )
    np.testing.assert_allclose(d_inputs.ravel(), numeric, atol=2e-5)


@pytest.mark.parametrize("function", activations())
def test_huge_values_stay_finite(function):
    outputs, tape = Activation(function).forward(NOTHING, np.array([[-1e4, 1e4]]))
    d_inputs = Activation(function).backward(
        NOTHING, tape, np.ones((1, 2)), per_sample=True, need_inputs=True
    )[1]
    assert np.isfinite(outputs).all()
    assert np.isfinite(d_inputs).all()


@pytest.mark.parametrize(
    ("function", "at_minus_one"),
    [("relu", 0.0), ("leaky_relu", -0.01), ("elu", np.expm1(-1.0)), ("pi_tanh", -2.3926185)],
)
def test_functions_have_their_definition(function, at_minus_one):
    value = Activation(function).outputs(NOTHING, np.array([[-1.0]]))[0, 0]
    assert value == pytest.approx(at_minus_one, rel=1e-6)


def test_an_unknown_activation_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'relu'"):
        Activation("relo")


def test_dropout_is_the_identity_in_prediction_and_keeps_the_mean_in_training():
    layer, X = Dropout(0.25), np.ones((400, 50))
    assert np.array_equal(layer.outputs(NOTHING, X), X)
    outputs, tape, buffers = layer.forward_training(NOTHING, X, np.random.default_rng(0))
    assert buffers is None
    # 20,000 draws: the share kept has a standard error of 0.003
    assert (outputs == 0).mean() == pytest.approx(0.25, abs=0.013)
    assert outputs.mean() == pytest.approx(1.0, abs=0.017)
    _, d_inputs = layer.backward(NOTHING, tape, X, per_sample=False, need_inputs=True)
    assert np.array_equal(d_inputs, outputs)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0])
def test_a_rate_that_is_no_probability_is_refused(rate):
    with pytest.raises(ValueError, match="must lie in"):
        Dropout(rate)
