"""Heads that are solved: their optimum, their gradients, their moments."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from skqmu.training import LogisticHead, RidgeHead, SoftmaxHead


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    phi = np.c_[rng.normal(size=(60, 3)), np.ones(60)]
    phi /= np.linalg.norm(phi, axis=1).max()
    labels = (phi[:, 0] + 0.3 * rng.normal(size=60) > 0).astype(int) + (phi[:, 1] > 0.2)
    return phi, labels, rng.uniform(0.5, 2, 60)


def test_a_logistic_head_is_scikit_learn_s_logistic_regression(data):
    phi, labels, weights = data
    signs = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    w = LogisticHead(penalty=0.05).solve(phi, signs, weights, np.zeros((4, 3)))
    for k in range(3):
        theirs = LogisticRegression(
            C=1 / (0.05 * weights.sum()), fit_intercept=False, tol=1e-10, max_iter=5000
        ).fit(phi, signs[:, k], sample_weight=weights)
        np.testing.assert_allclose(w[:, k], theirs.coef_[0], rtol=1e-4, atol=1e-6)


def test_the_optimum_of_the_perturbed_loss_has_no_gradient_left(data):
    phi, labels, weights = data
    signs = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    noise = np.random.default_rng(1).normal(size=(4, 3))
    head = LogisticHead(penalty=0.05)
    w = head.solve(phi, signs, weights, noise)
    assert np.abs(head.gradient(w, phi, signs, weights) + noise).max() < 1e-10


def test_gradient_and_hessian_are_derivatives(data):
    phi, labels, weights = data
    signs = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    head, w, h = LogisticHead(penalty=0.05), np.random.default_rng(2).normal(size=(4, 3)), 1e-6
    gradient = head.gradient(w, phi, signs, weights)
    for k in range(3):
        for j in range(4):
            step = np.zeros((4, 3))
            step[j, k] = h
            rise = head.loss(w + step, phi, signs, weights) - head.loss(
                w - step, phi, signs, weights
            )
            assert gradient[j, k] == pytest.approx(rise[k] / (2 * h), rel=1e-6, abs=1e-7)
            change = head.gradient(w + step, phi, signs, weights) - head.gradient(
                w - step, phi, signs, weights
            )
            np.testing.assert_allclose(
                head.hessian(w[:, k], phi, weights)[j], change[:, k] / (2 * h), rtol=1e-6, atol=1e-7
            )


def test_a_ridge_head_is_scikit_learn_s_ridge(data):
    phi, labels, weights = data
    phi = np.c_[phi[:, :3], np.ones(60)]  # the last feature is the intercept
    targets = np.eye(3)[labels]
    w = RidgeHead(penalty=0.7).solve(*RidgeHead.moments(phi, targets, weights))
    theirs = Ridge(alpha=0.7, tol=1e-12).fit(phi[:, :3], targets, sample_weight=weights)
    np.testing.assert_allclose(w[:3], theirs.coef_.T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(w[3], theirs.intercept_, rtol=1e-8)


def test_moments_are_sums_over_rows(data):
    phi, labels, weights = data
    targets = np.eye(3)[labels]
    whole = RidgeHead.moments(phi, targets, weights)
    parts = [
        RidgeHead.moments(phi[s], targets[s], weights[s]) for s in np.array_split(range(60), 7)
    ]
    for k in range(2):
        np.testing.assert_allclose(whole[k], sum(part[k] for part in parts), atol=1e-12)


@pytest.mark.parametrize("penalty", [1e-1, 1e-4])
def test_a_softmax_head_is_scikit_learn_s_multinomial_regression(data, penalty):
    phi, labels, weights = data
    n = weights.sum()
    w = SoftmaxHead(penalty).solve(phi, np.eye(3)[labels], weights, n)
    theirs = LogisticRegression(
        C=1 / (penalty * n), fit_intercept=False, solver="newton-cg", tol=1e-10, max_iter=1000
    ).fit(phi, labels, sample_weight=weights)
    np.testing.assert_allclose(w, theirs.coef_.T, rtol=1e-4, atol=1e-4)


def test_a_soft_target_is_a_row_a_class(data):
    phi, _, weights = data
    soft = np.random.default_rng(1).dirichlet([1, 1, 1], size=60)
    w = SoftmaxHead(0.01).solve(phi, soft, weights, n=60.0)
    apart = SoftmaxHead(0.01).solve(
        np.repeat(phi, 3, axis=0),
        np.tile(np.eye(3), (60, 1)),
        (soft * weights[:, None]).ravel(),
        n=60.0,
    )
    np.testing.assert_allclose(w, apart, atol=1e-6)


def test_a_class_without_rows_settles_at_a_low_logit(data):
    phi, labels, weights = data
    phi = np.c_[phi, np.ones(60)]
    targets = np.zeros((60, 4))
    targets[np.arange(60), labels] = 1.0
    w = SoftmaxHead(1e-3).solve(phi, targets, weights, n=60.0)
    logits = phi @ w
    assert np.isfinite(w).all()
    assert (logits[:, 3] < logits[:, :3].max(axis=1) - 2).all()
