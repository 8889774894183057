"""True-positive rates at an estimated threshold: our interval covers, a bootstrap does not.

This file looks inside.
"""

import numpy as np
import pytest
from scipy.stats import binom, norm

from skqmu.metrics._rates import members_above_nonmembers, tpr_interval


def floor_of(rate, n, error=1e-4):
    """Smallest share of successes out of n that is believable if each succeeds at `rate`."""
    return binom.ppf(error, n, rate) / n


@pytest.mark.parametrize(
    ("m", "n", "fpr", "shift"),
    [
        (100, 100, 0.01, 1.0),
        (100, 100, 0.01, 3.0),
        (20, 300, 0.01, 2.0),
        (300, 40, 0.1, 1.0),
        (5, 8, 0.1, 1.0),
        (200, 1000, 0.001, 3.0),
        (1000, 1000, 0.1, 0.5),
        (50, 1000, 0.3, 0.0),
    ],
)
def test_tpr_interval_covers_at_the_nominal_level(m, n, fpr, shift):
    rng, runs = np.random.default_rng(11), 300
    truth = norm.sf(norm.isf(fpr) - shift)
    covered = 0
    for _ in range(runs):
        above = members_above_nonmembers(rng.normal(shift, 1, m), rng.normal(0, 1, n))
        low, high = tpr_interval(above, m, fpr, 0.95)
        covered += low <= truth <= high
    assert covered / runs >= floor_of(0.95, runs)


def test_tpr_interval_narrows_with_the_sample():
    rng = np.random.default_rng(0)
    widths = []
    for size in (100, 1000, 10_000):
        above = members_above_nonmembers(rng.normal(1, 1, size), rng.normal(0, 1, size))
        low, high = tpr_interval(above, size, 0.1, 0.95)
        widths.append(high - low)
    # at least nearly as 1 / sqrt(n), and no wider than the normal theory's by a tenth
    slope = norm.pdf(norm.isf(0.1) - 1) / norm.pdf(norm.isf(0.1))
    truth = norm.sf(norm.isf(0.1) - 1)
    theory = 2 * 1.96 * np.sqrt((truth * (1 - truth) + slope**2 * 0.09) / 10_000)
    assert widths[2] < 1.1 * theory
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def test_tpr_bootstrap_would_undercover():
    """Why the interval is not the percentile bootstrap: it misses the truth too often."""
    rng, runs, n = np.random.default_rng(0), 200, 100
    truth, covered = norm.sf(norm.isf(0.01) - 2), 0

    def rate(members, nonmembers):
        second = np.partition(nonmembers, -2, axis=-1)[..., -2]
        return (members > second[..., None]).mean(-1)

    for _ in range(runs):
        members, nonmembers = rng.normal(2, 1, n), rng.normal(0, 1, n)
        drawn = rng.integers(0, n, (2, 300, n))
        low, high = np.quantile(rate(members[drawn[0]], nonmembers[drawn[1]]), [0.025, 0.975])
        covered += low <= truth <= high
    assert covered / runs < 0.9
