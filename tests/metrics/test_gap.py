"""Differences to retraining: the intervals cover, and allow for the oracles' own spread.

This file looks inside.
"""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skqmu.metrics._auc import placements
from skqmu.metrics._gap import (
    auc_difference,
    distance_difference,
    gap_summary,
    mean_difference,
)


def test_placements_average_to_the_auc_with_ties():
    rng = np.random.default_rng(0)
    for m, n in ((5, 9), (40, 3), (1, 1)):
        members, others = rng.integers(0, 6, m), rng.integers(0, 6, n)
        below, above = placements(members, others)
        auc = roc_auc_score(np.repeat([1, 0], [m, n]), np.concatenate([members, others]))
        assert below.mean() == pytest.approx(auc)
        assert above.mean() == pytest.approx(auc)
        for value, share in zip(members, below, strict=True):
            assert share == pytest.approx((others < value).mean() + (others == value).mean() / 2)


def coverage(hits):
    return np.mean(hits), 3 * np.sqrt(0.05 * 0.95 / len(hits))


@pytest.mark.parametrize("n_oracles", [2, 3, 6])
def test_an_interval_of_a_mean_covers_zero_when_the_model_is_one_more_oracle(n_oracles):
    """Record effects are shared by all models, seed effects are not."""
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(600):
        record = rng.normal(size=60)
        models = (
            record
            + rng.normal(0, 0.5, (n_oracles + 1, 1))
            + rng.normal(0, 0.3, (n_oracles + 1, 60))
        )
        gap = mean_difference(models[0], models[1:]).gap(0.95)
        hits.append(gap["low"] <= 0 <= gap["high"])
    share, slack = coverage(hits)
    assert share >= 0.95 - slack


def test_the_interval_covers_a_true_difference():
    rng = np.random.default_rng(2)
    hits, claimed = [], []
    for _ in range(600):
        record = rng.normal(size=50)
        models = record + rng.normal(0, 0.2, (4, 1)) + rng.normal(0, 0.5, (4, 50))
        gap = mean_difference(models[0] + 0.7, models[1:]).gap(0.95)
        hits.append(gap["low"] <= 0.7 <= gap["high"])
        claimed.append(gap["margin"] >= 0.7)
    share, slack = coverage(hits)
    assert share >= 0.95 - slack
    # equivalence within less than the true difference is claimed at most once in twenty
    share, slack = coverage(claimed)
    assert share >= 0.95 - slack


def test_without_any_seed_effect_records_alone_give_the_interval_its_width():
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(600):
        right = (rng.random((4, 40)) < 0.8).astype(float)
        gap = mean_difference(right[0], np.repeat(right[1:2], 3, axis=0), bounded=True).gap(0.95)
        hits.append(gap["low"] <= 0 <= gap["high"])
    share, slack = coverage(hits)
    assert 0.95 - slack <= share


def test_an_auc_interval_covers_zero_when_the_model_is_one_more_oracle():
    rng = np.random.default_rng(4)
    hits = []
    for _ in range(400):
        shared_m, shared_n = rng.normal(0.5, 1, 30), rng.normal(0, 1, 40)
        pairs = [
            (shared_m + rng.normal(0, 0.5, 30), shared_n + rng.normal(0, 0.5, 40)) for _ in range(4)
        ]
        gap = auc_difference(pairs[:1], pairs[1:]).gap(0.95)
        hits.append(gap["low"] <= 0 <= gap["high"])
    share, slack = coverage(hits)
    assert share >= 0.95 - slack


def test_a_planted_leak_is_found():
    rng = np.random.default_rng(5)
    oracles = [(rng.normal(size=80), rng.normal(size=80)) for _ in range(5)]
    gap = auc_difference([(rng.normal(2.5, 1, 80), rng.normal(size=80))], oracles).gap(
        0.95, family=6
    )
    assert gap["differs"]
    assert gap["low"] > 0.2


def test_identical_answers_still_leave_room_for_unseen_disagreement():
    same = np.ones(20)
    gap = mean_difference(same, np.ones((3, 20)), bounded=True).gap(0.95)
    assert gap["value"] == 0
    assert 0.05 < gap["high"] < 0.2
    assert gap["margin"] > 0


def test_more_comparisons_make_a_finding_harder_and_leave_the_interval():
    means = np.array([0.0, 0.1, -0.1])
    alone, many = (gap_summary(0.7, 0.0, means, 0.95, family) for family in (1, 20))
    assert alone["differs"]
    assert not many["differs"]
    assert (alone["low"], alone["high"]) == (many["low"], many["high"])


def test_a_single_oracle_gives_no_interval():
    gap = gap_summary(0.7, 0.01, np.array([0.2]), 0.95)
    assert gap["low"] is gap["high"] is gap["margin"] is gap["differs"] is None
    assert gap["oracle_mean"] == gap["oracle_low"] == gap["oracle_high"] == 0.2


@pytest.mark.parametrize("oddity", [0.0, 0.2], ids=["independent", "one odd oracle is odd to all"])
@pytest.mark.parametrize("n_oracles", [3, 5])
def test_an_interval_of_the_distance_covers_zero_when_the_model_is_one_more_oracle(
    n_oracles, oddity
):
    rng, hits = np.random.default_rng(6), []
    for _ in range(400):
        # how far a model strays is its own trait: its distances to all others share it
        scale = 0.05 + oddity * rng.random((n_oracles + 1, 1))
        first = np.clip(0.5 + scale * rng.normal(size=(n_oracles + 1, 40)), 0, 1)
        proba = list(np.stack([first, 1 - first], axis=2))
        gap = distance_difference(proba[:1], proba[1:]).gap(0.95)
        hits.append(gap["low"] <= 0 <= gap["high"])
    share, slack = coverage(hits)
    assert share >= 0.95 - slack


def test_several_runs_of_a_mechanism_bring_their_own_spread():
    rng, hits, widths = np.random.default_rng(7), [], []
    for _ in range(600):
        record = rng.normal(size=60)
        own = record + rng.normal(0, 0.8, (4, 1)) + rng.normal(0, 0.3, (4, 60))
        oracles = record + rng.normal(0, 0.2, (5, 1)) + rng.normal(0, 0.3, (5, 60))
        gap = mean_difference(own, oracles).gap(0.95)
        hits.append(gap["low"] <= 0 <= gap["high"])
        widths.append(gap["high"] - gap["low"])
    share, slack = coverage(hits)
    assert share >= 0.95 - slack
    assert np.median(widths) > 1  # four runs with a deviation of .8, not five with .2


def test_no_interval_of_a_share_lies_beyond_one():
    wild = [(np.ones(4), np.zeros(4)), (np.zeros(4), np.ones(4))]
    gap = auc_difference(wild[:1], [*wild, *wild]).gap(0.95)
    assert -1 <= gap["low"] < gap["high"] <= 1
    assert gap["margin"] == 1
    loss = mean_difference(np.full(4, 9.0), np.array([[1.0] * 4, [5.0] * 4])).gap(0.95)
    assert loss["high"] > 9
