"""The equivalence test keeps its level at the margin, and has power inside it."""

import numpy as np
import pytest
from scipy.stats import binom

from skqmu.metrics import oracle_equivalence


def most(rate, runs):
    """Largest share of successes that is believable at `rate`."""
    return binom.ppf(0.9999, runs, rate) / runs


@pytest.mark.parametrize("k", [2, 3, 5, 10])
def test_level_with_one_number_an_oracle(k):
    """The model lies exactly delta from the oracles' true mean: at most 5 % pass."""
    rng, runs = np.random.default_rng(k), 500
    passed = [
        oracle_equivalence(0.9 + 0.05, rng.normal(0.9, sd, k), delta=0.05).equivalent
        for sd in (0.005, 0.02)
        for _ in range(runs // 2)
    ]
    assert np.mean(passed) <= most(0.05, runs)


def test_level_with_several_models():
    rng, runs = np.random.default_rng(0), 500
    passed = [
        oracle_equivalence(
            rng.normal(0.85, 0.03, 4), rng.normal(0.9, 0.01, 5), delta=0.05
        ).equivalent
        for _ in range(runs)
    ]
    assert np.mean(passed) <= most(0.05, runs)


def records(rng, k, n, gap, seed_sd):
    """Correctness of a model and k oracles on shared records; true accuracies differ by `gap`."""
    hardness = rng.normal(0, 1, n)
    oracles = hardness + rng.normal(0, 0.5, (k, n)) < 1 + rng.normal(0, seed_sd, (k, 1))
    model = hardness + rng.normal(0, 0.5, n) < 1 + gap
    return model.astype(float), oracles.astype(float)


@pytest.mark.parametrize(("k", "n"), [(3, 30), (5, 150), (10, 60)])
def test_level_with_records(k, n):
    """Records and seeds both vary; the margin is the true difference of the accuracies."""
    rng, runs, gap, seed_sd = np.random.default_rng(3), 400, -0.35, 0.15
    big = [records(rng, 200, 4000, gap, seed_sd) for _ in range(5)]
    delta = abs(np.mean([model.mean() - oracles.mean() for model, oracles in big]))
    passed = [
        oracle_equivalence(*records(rng, k, n, gap, seed_sd), delta=delta).equivalent
        for _ in range(runs)
    ]
    assert np.mean(passed) <= most(0.05, runs)


def test_power_for_an_oracle_among_oracles():
    rng, runs = np.random.default_rng(4), 200
    passed = [
        oracle_equivalence(*records(rng, 8, 600, 0.0, 0.05), delta=0.06).equivalent
        for _ in range(runs)
    ]
    assert np.mean(passed) > 0.9


def test_planned_numbers_reach_their_power():
    """What `oracles_needed` and `records_needed` promise, kept in nine of ten cases."""
    rng = np.random.default_rng(5)
    pilot = oracle_equivalence(*records(rng, 4, 80, 0.0, 0.1), delta=0.06)
    assert not pilot.equivalent
    k, n = pilot.oracles_needed, pilot.records_needed
    assert k > 4
    assert n > 80
    passed = [
        oracle_equivalence(*records(rng, k, n, 0.0, 0.1), delta=0.06).equivalent for _ in range(100)
    ]
    assert np.mean(passed) > 0.7  # the pilot's own spread and difference are estimates
