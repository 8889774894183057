"""Features of any size become angles: in order, without wrapping, with the right derivative."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from skqmu.network import InputScale

BOUNDS = np.array([3.0, 1.0, 0.5])
VALUES = st.floats(-1e308, 1e308, allow_nan=False)


@given(st.lists(VALUES, min_size=2, max_size=2, unique=True), st.floats(-400, 400))
def test_angles_keep_the_order_of_their_values_and_never_pass_the_bound(values, log_scale):
    layer = InputScale([2.0])
    low, high = np.sort(values)
    angles = layer.outputs(np.array([log_scale]), np.array([[low], [high]])).ravel()
    assert np.isfinite(angles).all()
    # near the bound neighbours round to either side of each other
    assert -2.0 <= angles[0] <= angles[1] + 4 * np.spacing(2.0)
    assert angles[1] <= 2.0


@given(st.floats(1e-12, 1e-3))
def test_near_zero_an_angle_is_the_value_times_its_scale(value):
    layer = InputScale(BOUNDS, scale=[1.0, 2.0, 5.0])
    params = np.array([0.0, 0.1, -0.2])
    angles = layer.outputs(params, np.full((1, 3), value))
    np.testing.assert_allclose(angles[0], layer.scales(params) * value, rtol=2e-2)


def test_values_of_either_sign_stay_apart_however_large():
    angles = InputScale([0.75 * np.pi]).outputs(np.zeros(1), np.array([[-1e12], [1e12]]))
    assert abs(np.exp(1j * angles[0, 0]) - np.exp(1j * angles[1, 0])) > 1.0


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_derivatives_agree_with_finite_differences(learned, size):
    rng = np.random.default_rng(0)
    layer = InputScale(BOUNDS, scale=[1.0, 0.3, 2.0], learned=learned)
    params = 0.3 * rng.normal(size=layer.n_parameters)
    X, d_outputs = size * rng.normal(size=(4, 3)), rng.normal(size=(4, 3))

    def total(params, X):
        return float((layer.outputs(params, X) * d_outputs).sum())

    tape = layer.forward(params, X)[1]
    d_params, d_inputs = layer.backward(params, tape, d_outputs, per_sample=False, need_inputs=True)
    each, _ = layer.backward(params, tape, d_outputs, per_sample=True, need_inputs=False)
    assert each.shape == (4, layer.n_parameters)
    np.testing.assert_allclose(each.sum(axis=0), d_params)
    if learned:
        numeric = approx_fprime(params, lambda p: total(p, X), 1e-7)
        np.testing.assert_allclose(d_params, numeric, rtol=1e-4, atol=1e-6)
    numeric = approx_fprime(X.ravel(), lambda x: total(params, x.reshape(X.shape)), 1e-7 * size)
    np.testing.assert_allclose(d_inputs.ravel(), numeric, rtol=1e-4, atol=1e-6)


def test_a_scale_that_ran_away_gives_numbers_and_no_gradient():
    layer = InputScale([1.0])
    params, X = np.array([1e6]), np.array([[0.0], [1e300], [-1.0]])
    angles, tape = layer.forward(params, X)
    np.testing.assert_allclose(angles.ravel(), [0.0, 1.0, -1.0])
    d_params, d_inputs = layer.backward(
        params, tape, np.ones((3, 1)), per_sample=False, need_inputs=True
    )
    assert np.isfinite(d_params).all()
    assert np.isfinite(d_inputs[1:]).all()


def test_neither_dampening_nor_penalties_reach_it():
    assert not InputScale(BOUNDS).shrinkable().any()
    assert not InputScale(BOUNDS).decayed().any()
