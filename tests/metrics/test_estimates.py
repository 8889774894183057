"""Intervals of proportions, means and gaps; the equivalence test's answers."""

import json

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from skqmu.exceptions import ResolutionWarning
from skqmu.metrics import (
    Estimate,
    accuracy_interval,
    gap_interval,
    mean_interval,
    oracle_equivalence,
)


def test_accuracy_intervals_keep_inside_the_unit_interval():
    for method in ("clopper-pearson", "wilson"):
        assert accuracy_interval(0, 5, method=method).low == 0
        assert accuracy_interval(5, 5, method=method).high == 1
        assert accuracy_interval(5, 5, method=method).low < 0.6
    with pytest.raises(ValueError, match="Did you mean 'wilson'"):
        accuracy_interval(1, 2, method="wilsen")
    for bad in ((3, 2), (-1, 2), (0, 0), (0.5, 2)):
        with pytest.raises(ValueError, match="n_correct"):
            accuracy_interval(*bad)
    with pytest.raises(TypeError, match=r"np\.sum"):  # labels, as of other metrics
        accuracy_interval([0, 1], [0, 1])


def test_mean_interval_is_students():
    values = [0.9, 0.92, 0.85, 0.95]
    expected = ttest_1samp(values, 0).confidence_interval(0.9)
    estimate = mean_interval(values, level=0.9)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected))


def test_one_seed_has_no_interval_and_says_so():
    with pytest.warns(ResolutionWarning, match="Repeat over seeds"):
        estimate = mean_interval([0.9])
    assert (estimate.low, estimate.high) == (-np.inf, np.inf)
    with pytest.raises(ValueError, match="nan"):
        mean_interval([0.9, np.nan])


def test_a_gap_is_paired_on_the_records():
    rng = np.random.default_rng(0)
    base = rng.normal(0, 10, 200)
    paired = gap_interval(base + rng.normal(1, 0.1, 200), base)
    assert 0.9 < paired.low < 1 < paired.high < 1.1
    right, oracle = rng.random(60) < 0.8, rng.random(60) < 0.8
    one, two = gap_interval(right, oracle), gap_interval(oracle, right)
    assert one.value == -two.value
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))


def test_agreeing_records_do_not_prove_a_gap_of_zero():
    ten, thousand = gap_interval(np.ones(10), np.ones(10)), gap_interval(np.ones(999), np.ones(999))
    assert ten.low < -0.15
    assert ten.high > 0.15
    assert thousand.high < 0.01


def test_discrete_values_whose_resamples_hit_the_mean_give_no_warning():
    values = np.r_[np.zeros(5), np.full(30, 20.7)]
    estimate = gap_interval(values, np.zeros(35))
    assert estimate.low < values.mean() < estimate.high
    few = gap_interval([0.2, 0.7], [0.1, 0.3])
    assert (few.low, few.high) == (-np.inf, np.inf)  # two records hardly ever show a spread


def test_gap_interval_names_bad_input():
    with pytest.raises(ValueError, match="same records"):
        gap_interval([1, 0], [1])
    with pytest.raises(ValueError, match="lie outside"):
        gap_interval([0.5, 2.0], [0.1, 0.2], bounds=(0, 1))
    with pytest.raises(ValueError, match="one record has no spread"):
        gap_interval([0.5], [0.1])
    assert gap_interval([0.5], [0.1], bounds=(0, 1)).low < 0


def test_estimates_know_whether_they_overlap():
    one, two = Estimate(0.5, 0.4, 0.6, 0.95), Estimate(0.7, 0.6, 0.8, 0.95)
    assert one.overlaps(two)
    assert not one.overlaps(Estimate(0.8, 0.7, 0.9, 0.95))


def test_equivalence_says_yes_with_oracles_that_agree():
    result = oracle_equivalence(0.91, [0.90, 0.92, 0.91, 0.93, 0.90], delta=0.05)
    assert result.equivalent
    assert result.p_value < 0.05
    assert result.sentence.startswith("Indistinguishable from retraining within delta = 0.05 at")
    assert "inside the oracles' own range [0.9, 0.93]" in result.sentence
    assert result.position == pytest.approx(2.5 / 5)


def test_equivalence_says_how_much_more_would_be_needed():
    rng = np.random.default_rng(0)
    oracles = np.array([0.84, 0.97, 0.88, 0.93])
    few = oracle_equivalence(0.9, oracles, delta=0.05)
    assert not few.equivalent
    assert few.oracles_needed > 4
    assert f"about {few.oracles_needed} oracles would show it" in few.sentence
    passed = [
        oracle_equivalence(
            0.9 + few.difference,
            rng.normal(0.9, np.std(oracles, ddof=1), few.oracles_needed),
            delta=0.05,
        ).equivalent
        for _ in range(300)
    ]
    assert np.mean(passed) > 0.8  # planned for .9


def test_equivalence_that_no_number_would_show():
    far = oracle_equivalence(0.5, [0.9, 0.92, 0.91], delta=0.05)
    assert far.oracles_needed is None
    assert "differs by more than delta" in far.sentence
    near = oracle_equivalence(0.85, [0.7, 0.99, 1.0], delta=0.04)
    assert "no number of oracles" in near.sentence
    json.dumps(near.to_dict(), allow_nan=False)


def test_equivalence_counts_the_records_too():
    rng = np.random.default_rng(1)
    model, oracles = rng.random(12) < 0.9, rng.random((5, 12)) < 0.9
    few = oracle_equivalence(model, oracles, delta=0.1)
    assert not few.equivalent
    assert few.n_records == 12
    rows = 60
    many = oracle_equivalence(np.tile(model, rows), np.tile(oracles, rows), delta=0.2)
    assert few.high - few.low > many.high - many.low
    # values that all agree, on few records, are no proof either
    assert not oracle_equivalence(np.ones(5), np.ones((5, 5)), delta=0.1).equivalent
    assert oracle_equivalence(np.ones(500), np.ones((5, 500)), delta=0.1).equivalent


@pytest.mark.parametrize("n_oracles", [2, 5])
def test_equal_numbers_of_oracles_are_no_spread_of_zero(n_oracles):
    """A masked logit has the oracles' accuracy on the forgotten rows, 0, and so what?"""
    result = oracle_equivalence(0.0, np.zeros(n_oracles), delta=0.05)
    assert not result.equivalent
    assert result.p_value == 1
    assert "pass one number a record" in result.sentence
    json.dumps(result.to_dict(), allow_nan=False)
    # shown with records, as far as they reach
    assert oracle_equivalence(np.zeros(500), np.zeros((n_oracles, 500)), delta=0.05).equivalent


def test_equivalence_takes_several_models():
    rng = np.random.default_rng(2)
    one = oracle_equivalence(0.9, rng.normal(0.9, 0.01, 6), delta=0.05)
    several = oracle_equivalence(rng.normal(0.9, 0.05, 4), rng.normal(0.9, 0.01, 6), delta=0.05)
    assert several.n_models == 4
    assert several.high - several.low > one.high - one.low


@pytest.mark.parametrize(
    ("model", "oracles", "kwargs", "words"),
    [
        (0.9, [0.9], {"delta": 0.1}, "at least two oracles"),
        (0.9, 0.9, {"delta": 0.1}, "at least two oracles"),
        (0.9, [0.9, 0.8], {"delta": 0}, "delta=0"),
        (0.9, [0.9, 0.8], {"delta": 0.1, "alpha": 0.7}, "alpha=0.7"),
        (np.nan, [0.9, 0.8], {"delta": 0.1}, "finite"),
        ([0.9, 0.8], np.ones((3, 4)), {"delta": 0.1}, "does not hold the 4 records"),
        (np.ones((2, 2)), [0.9, 0.8], {"delta": 0.1}, "one number a model"),
    ],
)
def test_equivalence_names_bad_input(model, oracles, kwargs, words):
    with pytest.raises(ValueError, match=words):
        oracle_equivalence(model, oracles, **kwargs)
