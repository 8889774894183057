"""Solvers against scikit-learn's own and against the papers' recursions by hand."""

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from skqmu.training import SGD, Adam


def path(solver, gradients, params):
    moments, points = None, []
    for gradient in gradients:
        params, moments = solver.step(params, gradient, moments)
        points.append(params)
    return np.array(points)


def sklearn_path(optimizer, gradients, params):
    points = []
    for gradient in gradients:
        optimizer.update_params([params], [gradient])  # in place
        points.append(params.copy())
    return np.array(points)


@pytest.fixture
def gradients():
    return np.random.default_rng(0).normal(size=(30, 5)) * 10.0 ** np.arange(-2, 3)


@pytest.mark.parametrize(("beta_1", "beta_2", "epsilon"), [(0.9, 0.999, 1e-8), (0.5, 0.9, 1e-3)])
def test_adam_takes_the_steps_of_the_paper(gradients, beta_1, beta_2, epsilon):
    solver = Adam(0.1, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
    m, v, theta = np.zeros(5), np.zeros(5), np.ones(5)
    for t, (g, mine) in enumerate(
        zip(gradients, path(solver, gradients, np.ones(5)), strict=True), start=1
    ):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        theta = theta - 0.1 * (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        np.testing.assert_allclose(mine, theta, rtol=1e-13)


def test_adam_is_that_of_scikit_learn(gradients):
    # scikit-learn puts epsilon beside the uncorrected second moment; without it they agree.
    theirs = AdamOptimizer([np.ones(5)], learning_rate_init=0.1, epsilon=0.0)
    np.testing.assert_allclose(
        path(Adam(0.1, epsilon=0.0), gradients, np.ones(5)),
        sklearn_path(theirs, gradients, np.ones(5)),
        rtol=1e-12,
    )


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_that_of_scikit_learn(gradients, momentum, nesterov):
    theirs = SGDOptimizer(
        [np.ones(5)], learning_rate_init=0.01, momentum=momentum, nesterov=nesterov
    )
    np.testing.assert_allclose(
        path(SGD(0.01, momentum=momentum, nesterov=nesterov), gradients, np.ones(5)),
        sklearn_path(theirs, gradients, np.ones(5)),
        rtol=1e-12,
    )


@pytest.mark.parametrize("solver", [Adam(0.1), SGD(0.1)])
def test_a_step_changes_nothing_in_place(solver):
    params, gradient = np.ones(3), np.arange(3.0)
    new, moments = solver.step(params, gradient)
    assert params.tolist() == [1, 1, 1]
    assert gradient.tolist() == [0, 1, 2]
    again, _ = solver.step(new, gradient, moments)
    twice, _ = solver.step(new, gradient, moments)  # the moments are as they were
    np.testing.assert_array_equal(again, twice)


@pytest.mark.parametrize("solver", [Adam(0.05), SGD(0.05)])
def test_both_find_the_bottom_of_a_bowl(solver):
    params, moments, scales = np.array([3.0, -2.0]), None, np.array([1.0, 4.0])
    for _ in range(600):
        params, moments = solver.step(params, scales * params, moments)
    assert np.abs(params).max() < 1e-3
