"""`forget_split`: every description selects what it says, and a wrong one says why."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skqmu.datasets import forget_split

Y = np.array([0] * 50 + [1] * 30 + [2] * 20)


@pytest.mark.parametrize(
    "y",
    [
        Y,
        Y.astype(float),
        np.array(["red", "green", "blue"])[Y],
        np.array(["red", "green", "blue"], dtype=object)[Y],
        Y == 0,
        Y - 1,
    ],
    ids=["int", "float", "str", "object", "bool", "negative"],
)
def test_a_class_is_forgotten_whole_whatever_its_label_type(y):
    for label in np.unique(y):
        np.testing.assert_array_equal(forget_split(y, f"class:{label}"), y == label)


def test_a_class_may_be_written_as_another_number():
    np.testing.assert_array_equal(forget_split(Y.astype(float), "class:1"), Y == 1)
    np.testing.assert_array_equal(forget_split(Y, "class: 1.0"), Y == 1)


def test_an_unknown_class_says_which_exist_and_which_is_nearest():
    y = np.array(["setosa", "virginica"])[Y % 2]
    with pytest.raises(ValueError, match=r"no class 'setsoa'.*setosa, virginica.*mean 'setosa'"):
        forget_split(y, "class:setsoa")
    with pytest.raises(ValueError, match=r"no class '9'; the classes are 0, 1, 2"):
        forget_split(Y, "class:9")


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_a_stratified_fraction_has_its_size_its_shares_and_leaves_every_class(
    counts, fraction, seed
):
    y = np.repeat(np.arange(len(counts)), counts)
    wanted = round(fraction * len(y))
    if not 0 < wanted < len(y) or wanted > len(y) - len(counts):
        with pytest.raises(ValueError, match="fraction"):
            forget_split(y, f"fraction:{fraction}", random_state=seed)
        return
    mask = forget_split(y, f"fraction:{fraction}", random_state=seed)
    assert mask.sum() == wanted
    taken = np.bincount(y[mask], minlength=len(counts))
    counts = np.array(counts)
    assert (taken < counts).all()
    quota = wanted * counts / len(y)
    capped = np.minimum(quota, counts - 1)
    # one row more or less than the exact share, unless a cap elsewhere moved rows here
    assert (taken >= np.floor(capped)).all()
    if (quota <= counts - 1).all():
        assert (np.abs(taken - quota) < 1).all()


def test_an_unstratified_fraction_has_its_size_and_may_empty_a_class():
    y = np.array([0] + [1] * 9)
    masks = [
        forget_split(y, "fraction:.5", stratify=False, random_state=seed) for seed in range(20)
    ]
    assert {int(mask.sum()) for mask in masks} == {5}
    assert any(mask[0] for mask in masks)


def test_the_same_seed_forgets_the_same_rows_and_another_seed_others():
    masks = [forget_split(Y, "fraction:.1", random_state=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()


def test_every_row_is_equally_likely_to_be_forgotten():
    y = np.array([0] * 6 + [1] * 4)
    rng = np.random.RandomState(0)
    draws = 4000
    share = sum(forget_split(y, "fraction:.5", random_state=rng) for _ in range(draws)) / draws
    # five binomial standard deviations: a false alarm once in about 2e5 runs over ten rows
    np.testing.assert_allclose(share, 0.5, atol=5 * 0.5 / np.sqrt(draws))


def test_indices_and_masks_are_taken_as_they_are():
    mask = forget_split(Y, [3, 99])
    assert np.flatnonzero(mask).tolist() == [3, 99]
    again = forget_split(Y, mask)
    np.testing.assert_array_equal(again, mask)
    assert again is not mask


@pytest.mark.parametrize(
    ("forget", "message"),
    [
        ("fraction:0", "strictly between 0 and 1"),
        ("fraction:1", "strictly between 0 and 1"),
        ("fraction:10", "to forget 10 % of the rows use 'fraction:0.1'"),
        ("fraction:nan", "strictly between 0 and 1"),
        ("fraction:a", "'a' is not a number"),
        ("fraction:.001", "0 of 100 rows; choose a fraction from 0.01 to 0.99"),
        ("fraction:.99", "cannot leave one row of each of the 3 classes"),
        ("frction:.1", r"not understood.*Did you mean 'fraction'"),
        ("setosa", "not understood; use 'class:LABEL'"),
        ([], "selects no row"),
        (np.zeros(100, bool), "selects no row"),
        (np.ones(100, bool), "selects all 100 rows"),
        (np.arange(100), "selects all 100 rows"),
        (np.ones(99, bool), r"shape \(100,\); got \(99,\)"),
        ([-1], "row index -1, outside 0 to 99"),
        ([5, 100], "row index 100, outside 0 to 99"),
        ([5, 5], "row index 5 more than once"),
        ([0.5], "not understood"),
        (0.1, "not understood"),
        (3, "not understood"),
        (None, "not understood"),
    ],
)
def test_what_cannot_be_forgotten_is_refused_with_the_reason(forget, message):
    with pytest.raises(ValueError, match=message):
        forget_split(Y, forget)


def test_a_single_class_cannot_be_forgotten_whole():
    with pytest.raises(ValueError, match="selects all 4 rows"):
        forget_split([1, 1, 1, 1], "class:1")


def test_labels_need_one_dimension():
    with pytest.raises(ValueError, match="one dimension"):
        forget_split(np.ones((3, 2)), "class:1")
