"""What (epsilon, delta) promises, put to the test by an attacker who knows everything else.

This file looks inside.
"""

import numpy as np
import pytest
from scipy.stats import beta

from skqmu import QNNClassifier
from skqmu.classifiers import _head
from skqmu.training import LogisticHead
from skqmu.unlearning import CertifiedRemoval

EPSILON, DELTA = 1.0, 1e-2
PENALTY = 0.005
N_DRAWS = 4000


class World:
    """Models on 40 records, the first of which was removed, or was never there."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.X = rng.uniform(-2.0, 2.0, (40, 2))
        self.y = (self.X[:, 0] + 0.5 * rng.normal(size=40) > 0).astype(int)
        # A record that the others speak against: the one that a head remembers.
        self.X[0], self.y[0] = (2.0, 0.0), 0
        self.loss = LogisticHead(PENALTY)

    def fit(self, rows, sigma, seed):
        clf = QNNClassifier(
            n_qubits=2,
            n_layers=1,
            trainable="head",
            head="logistic",
            head_penalty=PENALTY,
            circuit_weights=np.linspace(0.1, 0.6, 6),
            objective_noise=sigma,
            random_state=seed,
        )
        return clf.fit(self.X[rows:], self.y[rows:])

    def seen(self, clf):
        """The linear term that would make the weights the optimum on the rows that stay."""
        layout = _head._Head(clf, clf._network())
        phi = layout.features(clf.params_, self.X[1:])
        signs = layout.signs(self.y[1:], 2)
        w = layout.weights_of(clf.params_)
        return -self.loss.gradient(w, phi, signs, np.ones(len(phi)))[:, 0]


def draws(world, sigma, *, removed, n, seed, strategy=None):
    """What an attacker sees who knows all rows.

    Never trained: the noise itself. Removed: the noise less what the Newton step left of the
    gradient.
    """
    strategy = strategy or CertifiedRemoval(epsilon=EPSILON, delta=DELTA)
    seen, bounds = [], []
    for number in range(n):
        clf = world.fit(0 if removed else 1, sigma, seed * 1_000_000 + number)
        if removed:
            clf.unlearn(index=[0], strategy=strategy)
            entry = clf.unlearning_log_[-1]
            newton = entry["stop_reason"].startswith("Newton")
            bounds.append(entry["certificate"]["residual_bound"] if newton else np.nan)
        seen.append(world.seen(clf))
    return np.array(seen), np.array(bounds, dtype=float)


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


def attack(world, sigma, n=N_DRAWS, strategy=None):
    removed, bounds = draws(world, sigma, removed=True, n=n, seed=1, strategy=strategy)
    never, _ = draws(world, sigma, removed=False, n=n, seed=2)
    # The optimal direction between two shifted Gaussians is along the shift; learned apart.
    shift_in, _ = draws(world, sigma, removed=True, n=n // 4, seed=3, strategy=strategy)
    shift_out, _ = draws(world, sigma, removed=False, n=n // 4, seed=4)
    shift = shift_in.mean(axis=0) - shift_out.mean(axis=0)
    direction = shift / np.linalg.norm(shift)
    found = max(
        excess(removed, never, direction, EPSILON),
        excess(never, removed, -direction, EPSILON),
    )
    return found, bounds


class DoesNothing(CertifiedRemoval):
    """Claims what it does not do."""

    def _newton(self, request):
        return request.head.weights, request.head.state["residuals"]


class RetrainsWithNewNoise(CertifiedRemoval):
    """What the source does beyond the budget."""

    def _solve_anew(self, request):
        return request.head.weights, np.array([np.inf])


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def sigma(world):
    """The least noise that certifies most draws of the removal."""
    generous = CertifiedRemoval(epsilon=1e6)
    # The residual depends on the noise a little: from a first guess to the noise that it needs.
    noise = 0.05
    for _ in range(3):
        _, bounds = draws(world, noise, removed=True, n=100, seed=9, strategy=generous)
        noise = np.quantile(bounds, 0.95) * np.sqrt(2 * np.log(1.5 / DELTA)) / EPSILON
    return noise


@pytest.mark.slow
def test_an_optimal_attacker_stays_within_epsilon_and_delta(world, sigma):
    found, bounds = attack(world, sigma)
    assert 0.8 < np.isfinite(bounds).mean() < 1  # the others passed the budget: retrained
    assert found <= DELTA


@pytest.mark.slow
def test_the_attacker_wins_where_nothing_was_removed(world, sigma):
    """The same attacker, same noise: without the Newton step the promise is broken."""
    found, _ = attack(world, sigma, n=1000, strategy=DoesNothing(epsilon=EPSILON, delta=DELTA))
    assert found > DELTA


@pytest.mark.slow
def test_the_attacker_wins_where_passing_the_budget_draws_new_noise(world, sigma):
    """Models that were not retrained are a selection by their noise, and it shows."""
    strategy = RetrainsWithNewNoise(epsilon=EPSILON, delta=DELTA)
    found, _ = attack(world, sigma, strategy=strategy)
    assert found > DELTA


def test_the_perturbed_gradient_is_the_noise_where_nothing_was_ever_trained(world):
    clf = world.fit(1, 0.3, 5)
    layout = _head._Head(clf, clf._network())
    shape = layout.weights_of(clf.params_).shape
    noise = _head._noise(clf, np.random.SeedSequence(clf._fitted.seed), shape)[:, 0]
    np.testing.assert_allclose(world.seen(clf), noise, atol=1e-6)
