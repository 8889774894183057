"""Angle expressions: values, derivatives and refusals, for whole batches.

This file looks inside.
"""

import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector

from skqmu.circuits._expressions import AngleMap
from skqmu.circuits._trees import affine_form, parse_expression
from skqmu.exceptions import CircuitError

X, W = ParameterVector("x", 3), ParameterVector("w", 4)

EXPRESSIONS = [
    0.7,
    W[0],
    X[1],
    2 * X[0] + 0.3,
    2 * X[2] + 0.3,
    -W[3],
    W[1] / 4 - 1,
    X[0] * W[0],
    X[0] * X[0],
    W[2] * W[2] * W[2],
    W[0] + W[0] + X[0],
    (np.pi - X[0]) * (np.pi - X[1]),
    X[0] - (W[1] - (X[1] - W[2] * X[2])),
    X[1] / (2 + W[0] ** 2),
    2 / (3 + X[0] ** 2),
    (1 + X[0] ** 2) ** (W[1] / 3),
    2 ** (W[0] - X[0]),
    W[0].sin() * X[0].cos() + W[1].tan() / 5,
    (W[0] / 9).arcsin() + (X[0] / 9).arccos() - X[1].arctan(),
    (X[0] / 3).exp() + (X[1] * X[1] + 1).log(),
    abs(X[0] - 0.2) + X[1].sign() * W[0],
    W[0].conjugate() * 2,
    (X[0] + W[0]).subs({X[0]: W[1]}),
    (X[0] * W[0]).assign(X[0], 0.3),
    1 * X[0] ** 1,
]


@pytest.fixture
def angles():
    return AngleMap(EXPRESSIONS, list(X), list(W))


def bound(expression, row, weights):
    if isinstance(expression, float):
        return expression
    values = dict(zip(X, row, strict=True)) | dict(zip(W, weights, strict=True))
    return float(
        expression.bind(
            {p: values[p] for p in expression.parameters}, allow_unknown_parameters=True
        )
        .numeric()
        .real
    )


def columns(angles, inputs, weights):
    """Return all columns' values, shape (B, n_columns)."""
    shared, sampled, _ = angles.evaluate(inputs, weights)
    values = np.empty((len(inputs), angles.n_columns))
    values[:, ~angles.is_sampled] = shared
    values[:, angles.is_sampled] = sampled
    return values


def test_values_agree_with_qiskit(angles):
    rng = np.random.default_rng(0)
    inputs, weights = rng.normal(size=(5, 3)), rng.normal(size=4)
    expected = [[bound(e, row, weights) for e in EXPRESSIONS] for row in inputs]
    np.testing.assert_allclose(columns(angles, inputs, weights), expected, rtol=1e-13, atol=1e-13)


def test_columns_of_one_form_are_evaluated_together(angles):
    forms = AngleMap([2 * X[0] + 0.3, 2 * X[2] + 0.3, -X[1]], list(X), [])
    assert len(forms._sampled) == 1


def slopes_of(angles, tape, weights_of_columns, per_sample):
    d_shared = weights_of_columns[:, ~angles.is_sampled]
    return angles.pullback(
        tape,
        d_shared if per_sample else d_shared.sum(axis=0),
        weights_of_columns[:, angles.is_sampled],
        per_sample=per_sample,
    )


def test_pullback_agrees_with_finite_differences(angles):
    rng = np.random.default_rng(1)
    inputs, weights = rng.normal(size=(4, 3)), rng.normal(size=4)
    cotangent = rng.normal(size=(4, angles.n_columns))
    tape = angles.evaluate(inputs, weights)[2]
    d_inputs, d_weights = slopes_of(angles, tape, cotangent, False)
    by_record = slopes_of(angles, tape, cotangent, True)[1]
    np.testing.assert_allclose(by_record.sum(axis=0), d_weights, rtol=1e-12)

    def total(x, w):
        return (columns(angles, x, w) * cotangent).sum()

    step = 1e-6
    for index in np.ndindex(inputs.shape):
        up, down = inputs.copy(), inputs.copy()
        up[index] += step
        down[index] -= step
        slope = (total(up, weights) - total(down, weights)) / (2 * step)
        assert d_inputs[index] == pytest.approx(slope, rel=1e-6, abs=1e-6)
    for k in range(4):
        up, down = weights.copy(), weights.copy()
        up[k] += step
        down[k] -= step
        slope = (total(inputs, up) - total(inputs, down)) / (2 * step)
        assert d_weights[k] == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_weight_slopes_are_the_columns_derivatives(angles):
    rng = np.random.default_rng(2)
    inputs, weights = rng.normal(size=(3, 3)), rng.normal(size=4)
    tape = angles.evaluate(inputs, weights)[2]
    slopes = angles.weight_slopes(tape)
    for column in range(angles.n_columns):
        unit = np.zeros((3, angles.n_columns))
        unit[:, column] = 1.0
        expected = slopes_of(angles, tape, unit, True)[1]
        for k in range(4):
            actual = np.broadcast_to(slopes.get((column, k), 0.0), 3)
            np.testing.assert_allclose(actual, expected[:, k], rtol=1e-12, atol=1e-14)


def test_a_leading_model_axis_is_a_loop_over_models(angles):
    rng = np.random.default_rng(3)
    inputs, weights = rng.normal(size=(5, 3)), rng.normal(size=(2, 4))
    shared, sampled, _ = angles.evaluate(inputs, weights)
    for m in range(2):
        one, each, _ = angles.evaluate(inputs, weights[m])
        np.testing.assert_array_equal(shared[m], one)
        np.testing.assert_array_equal(sampled[m], each)


def test_a_parameter_in_neither_list_is_named():
    with pytest.raises(CircuitError, match="'stray' is neither in inputs nor in weights"):
        AngleMap([2 * Parameter("stray")], list(X), list(W))


def test_complex_angles_are_refused():
    with pytest.raises(CircuitError, match="complex number"):
        AngleMap([(X[0] + 1j) * W[0]], list(X), list(W))


def test_leaving_the_domain_names_expression_and_row():
    angles = AngleMap([W[0], X[0].log()], list(X), list(W))
    inputs = np.ones((3, 3))
    inputs[2, 0] = -1.0
    with pytest.raises(ValueError, match=r"log\(x\[0\]\) is not a finite number for row 2"):
        angles.evaluate(inputs, np.zeros(4))


def test_an_infinite_derivative_is_an_error_not_a_nan():
    angles = AngleMap([X[0] ** 0.5], list(X), list(W))
    tape = angles.evaluate(np.zeros((1, 3)), np.zeros(4))[2]
    with pytest.raises(ValueError, match="derivative of the angle"):
        angles.pullback(tape, np.zeros(0), np.ones((1, 1)))


@pytest.mark.parametrize(
    ("expression", "form"),
    [
        (2 * X[0] + 0.3, (0.3, {("x", 0): 2.0})),
        ((W[0] - 1) / 2 - W[0], (-0.5, {("w", 0): -0.5})),
        (3 - (2 - X[0]) * 2, (-1.0, {("x", 0): 2.0})),
        (X[0] * W[0], None),
        (W[0].sin(), None),
    ],
)
def test_affine_form(expression, form):
    position = {p: ("x", i) for i, p in enumerate(X)} | {p: ("w", i) for i, p in enumerate(W)}
    assert affine_form(parse_expression(expression, position)) == form
