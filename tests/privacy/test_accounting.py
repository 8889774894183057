"""The account of noisy steps: what the library says, to 1e-3, and what is refused.

This file looks inside.
"""

import sys

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from scipy.stats import norm

from skqmu.metrics import epsilon_of_gaussian
from skqmu.privacy import (
    DifferentialPrivacy,
    PrivacyRecord,
    epsilon_spent,
    group_privacy,
    noise_needed,
)
from skqmu.privacy._accounting import steps_spent


def event(noise, rate, n_steps):
    step = dp_accounting.GaussianDpEvent(noise)
    if rate < 1:
        step = dp_accounting.PoissonSampledDpEvent(rate, step)
    return dp_accounting.SelfComposedDpEvent(step, n_steps)


def of_library(noise, rate, n_steps, delta):
    """What the library's accountant of privacy losses says, asked as its users ask it."""
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    return accountant.compose(event(noise, rate, n_steps)).get_epsilon(delta)


@pytest.mark.parametrize(
    ("noise", "rate", "n_steps", "delta"),
    [
        (20.0, 1.0, 100, 1e-5),
        (6.0, 1.0, 60, 1e-6),
        (1.0, 1.0, 1, 1e-3),
        (9.0, 0.14, 1200, 1e-5),
        (1.9, 0.05, 20, 1e-5),
    ],
)
def test_what_is_spent_is_what_the_library_says(noise, rate, n_steps, delta):
    spent = epsilon_spent(noise, sampling_rate=rate, n_steps=n_steps, delta=delta)
    # its distribution is rounded upwards, and the Gaussian's own curve is not
    assert spent == pytest.approx(of_library(noise, rate, n_steps, delta), abs=1e-3, rel=1e-3)


@pytest.mark.parametrize("mu", [0.1, 1.0, 4.0])
def test_all_rows_in_each_step_spend_what_a_gaussian_does(mu):
    for delta in (1e-3, 1e-6):
        spent = epsilon_spent(np.sqrt(50) / mu, n_steps=50, delta=delta)
        assert spent == pytest.approx(epsilon_of_gaussian(mu, delta), rel=1e-6)
        # (the definition, once more)
        delta_there = norm.cdf(-spent / mu + mu / 2) - np.exp(spent) * norm.cdf(
            -spent / mu - mu / 2
        )
        assert delta_there == pytest.approx(delta, rel=1e-5)


def test_little_noise_is_counted_by_renyi_s_orders_which_are_never_below_the_truth():
    spent = epsilon_spent(0.39, sampling_rate=0.05, n_steps=10, delta=1e-5)
    assert spent >= epsilon_spent(0.41, sampling_rate=0.05, n_steps=10, delta=1e-5)
    renyi = RdpAccountant(neighboring_relation=dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    assert spent >= renyi.compose(event(0.39, 0.05, 10)).get_epsilon(1e-5) - 1e-9


@pytest.mark.parametrize(
    ("epsilon", "delta", "rate", "n_steps"),
    [(1.0, 1e-5, 1.0, 100), (8.0, 1e-6, 1.0, 20), (0.1, 1e-5, 1.0, 5), (1.0, 1e-5, 0.14, 300)],
)
def test_the_noise_keeps_to_the_target_and_is_the_least_that_does(epsilon, delta, rate, n_steps):
    noise = noise_needed(epsilon, delta, sampling_rate=rate, n_steps=n_steps)
    assert of_library(noise, rate, n_steps, delta) <= epsilon * (1 + 1e-3)
    assert epsilon_spent(noise, sampling_rate=rate, n_steps=n_steps, delta=delta) <= epsilon
    less = epsilon_spent(noise / 1.001, sampling_rate=rate, n_steps=n_steps, delta=delta)
    assert less > epsilon


def test_what_no_noise_reaches_is_refused_with_the_figures():
    with pytest.raises(
        ValueError, match=r"epsilon=1e-09 at delta=1e-12 .* 100000 steps.*epsilon=0.0186"
    ):
        noise_needed(1e-9, 1e-12, n_steps=100_000)
    privacy = DifferentialPrivacy(1e-9, delta=1e-12)
    with pytest.raises(ValueError, match="cannot be reached"):
        privacy.plan(n_rows=100, batch_size=100, max_iter=100_000)


def test_given_noise_that_spends_more_than_epsilon_is_refused_with_the_figures():
    privacy = DifferentialPrivacy(1.0, noise_multiplier=2.0)
    with pytest.raises(ValueError, match=r"noise_multiplier=2 spends epsilon=20\.68 .* 50 steps"):
        privacy.plan(n_rows=100, batch_size=100, max_iter=50)
    plan = DifferentialPrivacy(40.0, noise_multiplier=2.0).plan(
        n_rows=100, batch_size=100, max_iter=50
    )
    assert plan.noise_multiplier == 2.0
    assert plan.epsilon == pytest.approx(epsilon_spent(2.0, n_steps=50, delta=1e-5))


def test_a_delta_that_would_allow_a_record_to_be_published_is_refused():
    with pytest.raises(ValueError, match=r"privacy__delta=0.01 is not below 1 / 100"):
        DifferentialPrivacy(delta=0.01).plan(n_rows=100, batch_size=10, max_iter=1)
    DifferentialPrivacy(delta=0.01).plan(n_rows=99, batch_size=99, max_iter=1)


def test_several_fits_spend_more_than_one_and_less_than_their_sum():
    one = epsilon_spent(30.0, n_steps=100, delta=1e-5)
    five = epsilon_spent(30.0, n_steps=100, n_fits=5, delta=1e-5)
    assert one < five < 5 * one
    assert five == pytest.approx(epsilon_spent(30.0, n_steps=500, delta=1e-5))
    assert steps_spent(((30.0, 1.0, 100),) * 5, 1e-5) == pytest.approx(five)


def test_fits_of_several_kinds_are_counted_together():
    kinds = ((9.0, 0.14, 100), (14.0, 1.0, 3))
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    for kind in kinds:
        accountant.compose(event(*kind))
    assert steps_spent(kinds, 1e-5) == pytest.approx(accountant.get_epsilon(1e-5), abs=2e-3)
    plans = [
        DifferentialPrivacy(0.5).plan(n_rows=n, batch_size=100, max_iter=50) for n in (900, 100)
    ]
    record = PrivacyRecord(tuple(plans[:1])).followed_by(plans[1])
    assert plans[1].epsilon < record.spent()["epsilon"] < sum(plan.epsilon for plan in plans)
    assert record.spent()["n_fits"] == 2


@pytest.mark.parametrize("m", [1, 2, 7])
def test_a_group_is_reached_a_record_at_a_time(m):
    epsilon, delta = 0.7, 1e-6
    assert group_privacy(epsilon, delta, m) == pytest.approx(
        (m * epsilon, delta * sum(np.exp(i * epsilon) for i in range(m)))
    )
    assert group_privacy(epsilon, 0.0, m) == (m * epsilon, 0.0)


def test_the_promise_about_a_group_holds_for_a_gaussian_s_own():
    # m records shift a Gaussian by m mu: what is promised is never less than that
    for epsilon in (0.5, 2.0):
        mu = np.sqrt(20) / noise_needed(epsilon, 1e-6, n_steps=20)
        for m in (2, 3, 5):
            promised, delta = group_privacy(epsilon, 1e-6, m)
            assert epsilon_of_gaussian(m * mu, delta) <= promised
    assert group_privacy(3.0, 1e-5, 1)[1] == 1e-5
    assert group_privacy(1000.0, 1e-5, 9)[1] == np.inf


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    steps_spent.cache_clear()
    with pytest.raises(ImportError, match=r"skqmu\[dp\]"):
        epsilon_spent(3.3, sampling_rate=0.5, n_steps=7, delta=1e-5)
