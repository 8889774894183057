"""Every row has one role, and non-members match the forgotten rows class by class.

This file looks inside.
"""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skqmu.audit._audit_rows import split_data
from skqmu.audit._scenarios import make_scenarios

X, Y = load_iris(return_X_y=True)


def split(X=X, y=Y, X_test=None, y_test=None, *, test_size=0.4, reference_size=0.2, seed=0):
    rng = np.random.default_rng(seed)
    return split_data(
        X, y, X_test, y_test, test_size=test_size, reference_size=reference_size, rng=rng
    )


def one(mask, data):
    return make_scenarios({"s": mask}, data, np.random.default_rng(0))[0]


def rows_of(*arrays):
    return [tuple(row) for array in arrays for row in array]


def test_training_reference_and_test_rows_do_not_overlap():
    data = split()
    train, test, reference = (
        set(map(tuple, np.column_stack([X, y])))
        for X, y in (
            (data.X, data.y),
            (data.X_test, data.y_test),
            (data.X_reference, data.y_reference),
        )
    )
    assert not train & test
    assert not train & reference
    assert not test & reference
    np.testing.assert_array_equal(X[data.train_rows], data.X)
    assert len(data.y) == 90


def test_held_out_copies_of_training_rows_are_left_out_and_named():
    data = split(X[:120], Y[:120], X[110:], Y[110:], reference_size=0)
    # ten rows given twice, and row 142, which is the same flower as row 101
    assert len(data.y_test) == 29
    assert "11 held-out row(s) equal a training row" in data.notes[0]


def test_the_same_row_with_another_label_is_another_record():
    data = split(X[:120], Y[:120], X[:30], 1 - Y[:30] % 2, reference_size=0)
    assert len(data.y_test) == 30
    assert not data.notes


def test_a_test_set_of_training_rows_only_is_refused():
    with pytest.raises(ValueError, match="no row that is not also a training row"):
        split(X, Y, X[:10], Y[:10], reference_size=0)


def test_too_few_rows_of_a_class_name_the_way_out():
    y = Y.copy()
    y[:149] = 0
    with pytest.raises(ValueError, match=r"split by class.*pass X_test and y_test"):
        split(X, y)


def test_copies_of_a_forgotten_record_are_forgotten_with_it():
    data = split(
        np.vstack([X, X[:3]]), np.append(Y, Y[:3]), X[:60] + 0.01, Y[:60], reference_size=0
    )
    mask = np.zeros(153, bool)
    mask[0] = True
    scenario = one(mask, data)
    assert np.flatnonzero(scenario.forget).tolist() == [0, 150]
    assert "1 more row(s) are copies" in scenario.notes[0]


def test_removing_a_class_takes_its_held_out_rows_as_non_members():
    data = split()
    scenario = one(data.y == 1, data)
    assert scenario.kind == "class"
    assert scenario.removed.tolist() == [1]
    assert set(data.y_test[scenario.nonmembers]) == {1}
    assert len(scenario.nonmembers) == (data.y_test == 1).sum()


def test_a_subset_gets_non_members_in_its_own_proportions():
    data = split(reference_size=0)
    mask = np.zeros(len(data.y), bool)
    mask[np.flatnonzero(data.y == 0)[:9]] = True
    mask[np.flatnonzero(data.y == 2)[:3]] = True
    scenario = one(mask, data)
    assert scenario.kind == "subset"
    assert np.bincount(data.y_test[scenario.nonmembers], minlength=3).tolist() == [20, 0, 6]


def test_forgotten_classes_without_held_out_rows_are_left_out_of_the_attacks():
    data = split(X[::2], Y[::2], X[1:100:2] + 1e-3, Y[1:100:2], reference_size=0)
    scenario = one((data.y == 2) | (np.arange(75) < 5), data)
    assert set(data.y[scenario.members]) == {0}
    assert "class(es) 2 have no held-out row" in scenario.notes[0]
    with pytest.raises(ValueError, match=r"no row of the forgotten classes \(2\)"):
        one(data.y == 2, data)


def test_what_leaves_too_little_is_refused():
    data = split()
    with pytest.raises(ValueError, match="leaves a single class, 2"):
        one(data.y != 2, data)
    with pytest.raises(ValueError, match="covers all 90 training rows"):
        one(np.ones(90, bool), data)
