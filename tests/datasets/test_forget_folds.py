"""Folds for searches over unlearning: each trains on forgotten rows and holds their like out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from skqmu.datasets import ForgetKFold

Y = np.repeat([0, 1, 2], 20)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(12, 25), min_size=2, max_size=4),
    n_splits=st.integers(2, 5),
    forgotten=st.sampled_from(["train", "split"]),
    shuffle=st.booleans(),
    data=st.data(),
)
def test_each_fold_has_members_and_their_like(sizes, n_splits, forgotten, shuffle, data):
    y = np.repeat(np.arange(len(sizes)), sizes)
    n_forget = data.draw(st.integers(n_splits, 6))
    forget = np.isin(np.arange(len(y)), np.arange(len(y))[-n_forget:])
    cv = ForgetKFold(n_splits, forget=forget, forgotten=forgotten, shuffle=shuffle, random_state=0)
    folds = list(cv.split(y, y))
    assert len(folds) == n_splits == cv.get_n_splits()
    held_out = np.concatenate([test for _, test in folds])
    assert len(held_out) == len(set(held_out.tolist()))
    assert set(np.flatnonzero(~forget)) <= set(held_out.tolist())
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(y)))
        assert forget[train].any()
        assert set(y[forget]) <= set(y[test])
        assert forgotten == "split" or forget[train].sum() == n_forget
        shares = [abs((y[test] == k).sum() - (y[held_out] == k).sum() / n_splits) for k in set(y)]
        assert max(shares) < 1


def test_some_rows_of_a_class_that_is_forgotten_whole_are_held_out():
    for train, test in ForgetKFold(4, forget="class:2", random_state=0).split(Y, Y):
        assert (Y[test] == 2).sum() == 5
        assert (Y[train] == 2).sum() == 15


def test_rows_are_named_in_words_too():
    X = pd.DataFrame({"age": np.arange(60)})
    cv = ForgetKFold(2, forget="age < 3")
    assert all(set(range(3)) <= set(train) for train, _ in cv.split(X, Y))
    cv = ForgetKFold(2, forget="ids:7,9", ids=np.arange(60))
    assert all({7, 9} <= set(train) for train, _ in cv.split(X, Y))


def test_the_same_seed_gives_the_same_folds_and_another_others():
    forget = np.arange(60) < 6
    runs = [
        [test.tolist() for _, test in ForgetKFold(3, forget=forget, random_state=s).split(Y, Y)]
        for s in (0, 0, 1)
    ]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_splits": 1}, "n_splits=1 must be an integer of at least 2"),
        ({"n_splits": 2.0}, "n_splits=2.0 must be an integer"),
        (
            {"forget": np.arange(60) < 18},
            "class .*0.* has 2 rows to hold out, fewer than",
        ),
        ({"forget": "fraction:0.1"}, "draws other rows here than in fit; draw them once"),
        ({"forget": "class:9"}, "no class '9'"),
        ({"forgotten": "test"}, "forgotten='test' is unknown; allowed: 'split', 'train'"),
        ({"forget": [59], "forgotten": "split"}, "would train on none of the 1 rows of forget="),
    ],
)
def test_folds_that_cannot_be_say_why(params, message):
    params = {"forget": np.arange(60) < 3} | params
    with pytest.raises(ValueError, match=message):
        list(ForgetKFold(**params).split(Y, Y))


def test_it_is_shown_like_scikit_learn_s():
    assert "ForgetKFold(" in repr(ForgetKFold(3, forget="class:1"))
    assert clone([ForgetKFold(3, forget="class:1")], safe=False)[0].n_splits == 3
