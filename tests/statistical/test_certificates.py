"""What (epsilon, delta) promises, put to the test by an attacker who knows everything else."""

import numpy as np
import pytest
from scipy.stats import beta

from skqmu.training import LogisticHead

EPSILON, DELTA = 1.0, 1e-2
N_DRAWS = 4000


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    phi = rng.normal(size=(60, 3))
    phi /= np.maximum(1, np.linalg.norm(phi, axis=1, keepdims=True))
    signs = np.where(phi[:, :1] + 0.3 * rng.normal(size=(60, 1)) > 0, 1.0, -1.0)
    return LogisticHead(penalty=0.02), phi, signs


def bound_and_step(head, phi, signs, w):
    """Newton step for the removal of the first row, and what it adds to the bound."""
    delta = head.gradient(w, phi[:1], signs[:1], np.ones(1))
    step = np.linalg.solve(head.hessian(w[:, 0], phi[1:], np.ones(len(phi) - 1)), delta[:, 0])
    spectral = np.linalg.norm(phi[1:], 2)
    bound = 0.25 * np.linalg.norm(step) * np.linalg.norm(phi[1:] @ step) * spectral
    return w + step[:, None], bound


def draws(problem, sigma, *, removed, n, seed):
    """Perturbed gradients of the retained rows at the weights that an attacker sees.

    The attacker knows all rows: seeing w is seeing the linear term that would make w the
    optimum on the retained rows, b' = -gradient(w). Never trained: b' is the noise itself.
    Removed: it is the noise less the residual of the Newton step.
    """
    head, phi, signs = problem
    rng = np.random.default_rng(seed)
    seen, bounds = [], []
    for _ in range(n):
        noise = rng.normal(0.0, sigma, (3, 1))
        if removed:
            w = head.solve(phi, signs, np.ones(len(phi)), noise)
            w, bound = bound_and_step(head, phi, signs, w)
            bounds.append(bound)
        else:
            w = head.solve(phi[1:], signs[1:], np.ones(len(phi) - 1), noise)
        seen.append(-head.gradient(w, phi[1:], signs[1:], np.ones(len(phi) - 1))[:, 0])
    return np.array(seen), np.array(bounds)


def excess(inside, outside, direction, epsilon):
    """Lower confidence bound on max over thresholds of P_in - e^eps P_out."""
    scores_in, scores_out = inside @ direction, outside @ direction
    half = len(scores_in) // 2
    thresholds = np.quantile(scores_out[:half], np.linspace(0.01, 0.99, 50))
    advantage = [
        (scores_in[:half] > t).mean() - np.exp(epsilon) * (scores_out[:half] > t).mean()
        for t in thresholds
    ]
    best = thresholds[int(np.argmax(advantage))]  # chosen on one half, judged on the other
    n = len(scores_in) - half
    hits_in, hits_out = (scores_in[half:] > best).sum(), (scores_out[half:] > best).sum()
    low = beta.ppf(0.005, hits_in, n - hits_in + 1) if hits_in else 0.0
    high = beta.ppf(0.995, hits_out + 1, n - hits_out) if hits_out < n else 1.0
    return low - np.exp(epsilon) * high


def attack(problem, sigma, n=N_DRAWS, epsilon=EPSILON):
    removed, bounds = draws(problem, sigma, removed=True, n=n, seed=1)
    never, _ = draws(problem, sigma, removed=False, n=n, seed=2)
    # The optimal direction between two shifted Gaussians is along the shift; learned apart.
    shift_in, _ = draws(problem, sigma, removed=True, n=n // 4, seed=3)
    shift_out, _ = draws(problem, sigma, removed=False, n=n // 4, seed=4)
    shift = shift_in.mean(axis=0) - shift_out.mean(axis=0)
    direction = shift / np.linalg.norm(shift)
    found = max(
        excess(removed, never, direction, epsilon),
        excess(never, removed, -direction, epsilon),
    )
    return found, bounds


def needed_sigma(bound):
    return bound * np.sqrt(2 * np.log(1.5 / DELTA)) / EPSILON


@pytest.mark.slow
def test_an_optimal_attacker_stays_within_epsilon_and_delta(problem):
    _, bounds = draws(problem, 0.05, removed=True, n=200, seed=9)
    sigma = needed_sigma(bounds.max())
    found, bounds = attack(problem, sigma)
    assert (bounds <= sigma * EPSILON / np.sqrt(2 * np.log(1.5 / DELTA))).mean() > 0.95
    assert found <= DELTA


@pytest.mark.slow
def test_the_attacker_wins_where_nothing_was_removed(problem, monkeypatch):
    """The same attacker, same noise: without the Newton step the promise is broken."""
    _, bounds = draws(problem, 0.05, removed=True, n=200, seed=9)
    sigma = needed_sigma(bounds.max())
    monkeypatch.setitem(globals(), "bound_and_step", lambda head, phi, signs, w: (w, np.inf))
    found, _ = attack(problem, sigma, n=1000)
    assert found > DELTA


def test_the_perturbed_gradient_is_the_noise_where_nothing_was_ever_trained(problem):
    seen, _ = draws(problem, 0.3, removed=False, n=300, seed=0)
    noise = np.random.default_rng(0).normal(0.0, 0.3, (300, 3, 1))[:, :, 0]
    np.testing.assert_allclose(seen, noise, atol=1e-8)
