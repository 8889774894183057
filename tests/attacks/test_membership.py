"""Balanced halves: laws for any pool.

This file looks inside.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skqmu.attacks._balance import balanced_membership


@st.composite
def pools(draw):
    strata = draw(st.lists(st.integers(0, 4), min_size=2, max_size=60))
    copies = draw(st.lists(st.integers(1, 3), min_size=len(strata), max_size=len(strata)))
    groups = np.repeat(np.arange(len(strata)), copies)
    order = np.random.default_rng(draw(st.integers(0, 1000))).permutation(groups.size)
    return groups[order], np.repeat(strata, copies)[order]


@given(pools(), st.sampled_from([2, 4, 8, 10, 20]), st.integers(0, 1000))
@settings(max_examples=80, deadline=None)
def test_records_are_balanced_copies_stay_together_and_strata_are_halved(pool, n_shadows, seed):
    groups, strata = pool
    inside = balanced_membership(groups, strata, n_shadows, np.random.default_rng(seed))
    assert (inside.sum(axis=0) == n_shadows // 2).all()
    first = np.unique(groups, return_index=True)[1]
    np.testing.assert_array_equal(inside, inside[:, first][:, groups])
    alone, strata_alone = inside[:, first], strata[first]
    for s in np.unique(strata):
        size = (strata_alone == s).sum()
        taken = alone[:, strata_alone == s].sum(axis=1)
        assert set(taken) <= {size // 2, size - size // 2}
    assert np.ptp(alone.sum(axis=1)) <= 1
    assert alone.any(axis=1).all()


def test_a_longer_draw_with_the_same_remainder_starts_with_a_shorter_one():
    groups, strata = np.arange(31), np.arange(31) % 3
    short, long = (
        balanced_membership(groups, strata, n, np.random.default_rng(3)) for n in (10, 26)
    )
    np.testing.assert_array_equal(long[:10], short)


def test_two_shadows_of_a_block_are_nearly_independent():
    inside = balanced_membership(np.arange(2000), np.zeros(2000, int), 64, np.random.default_rng(0))
    correlation = np.corrcoef(inside.astype(float))[np.triu_indices(64, 1)]
    # 4 of 8 without replacement: -1/7 within a block, 0 between blocks; of 2000 records
    # the estimate has a standard deviation of .022
    assert correlation.min() > -1 / 7 - 5 * 0.022
    assert correlation.max() < 5 * 0.022


def test_every_half_is_as_likely_as_every_other():
    draws = [
        balanced_membership(np.arange(4), np.zeros(4, int), 2, np.random.default_rng(i))[0]
        for i in range(1200)
    ]
    _, counts = np.unique(draws, axis=0, return_counts=True)
    assert counts.size == 6
    # 1200 draws of 6 halves: mean 200, standard deviation 12.9; five of them
    assert np.abs(counts - 200).max() < 65
