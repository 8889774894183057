"""Rows are recognised although an upstream step changed their last bits, and only then."""

import hashlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu.classifiers._matching import column_scale, match_rows, row_digests


def digest(data):
    return hashlib.blake2b(data, digest_size=16).digest()


def by_rows(X_request, X_stored):
    return match_rows(X_request, X_stored, column_scale(X_stored))


def by_digests(X_request, X_stored):
    scale = column_scale(X_stored)
    stored = row_digests(X_stored, scale, digest)
    return [
        np.array([i for i, pair in enumerate(stored) if set(pair) & set(request)], dtype=int)
        for request in row_digests(X_request, scale, digest)
    ]


both = pytest.mark.parametrize("match", [by_rows, by_digests])


def nudged(X, rng, ulps=2):
    """Each value moved by up to `ulps` units in the last place."""
    return X + rng.integers(-ulps, ulps + 1, X.shape) * np.spacing(np.abs(X))


def collinear_iris():
    X = load_iris().data
    return np.c_[X, 2 * X[:, :1], X[:, 1:2] - X[:, 2:3]]


def mostly_equal_rows():
    rng = np.random.default_rng(0)
    X = np.zeros((200, 30))
    X[:, 0] = rng.random(200) < 0.3
    X[:80, 1:] = rng.normal(size=(80, 29))
    return X


PIPELINES = {
    "digits, few components": (lambda: load_digits().data[:400], 8),
    "digits, all components": (lambda: load_digits().data[:400], 64),
    "components beyond the rank": (collinear_iris, 6),
    "components that few rows have": (mostly_equal_rows, 10),
}


@both
@pytest.mark.parametrize("name", PIPELINES)
def test_a_row_transformed_alone_is_found_among_rows_transformed_together(name, match):
    make, n_components = PIPELINES[name]
    X = make()
    pipeline = make_pipeline(StandardScaler(), PCA(n_components))
    stored = pipeline.fit_transform(X)
    alone = np.concatenate([pipeline.transform(X[[i]]) for i in range(len(X))])
    assert not np.array_equal(alone, stored)  # this is what the tolerance is for
    for i, entries in enumerate(match(alone, stored)):
        assert i in entries
        # whatever else is found is the same row
        np.testing.assert_allclose(X[entries], np.tile(X[i], (len(entries), 1)), rtol=1e-12)


@both
def test_a_thousand_perturbed_rows_are_all_found(match):
    rng = np.random.default_rng(0)
    stored = rng.normal(size=(1000, 5)) * [1, 1e-3, 1e3, 1, 1]
    found = match(nudged(stored, rng), stored)
    assert [entries.tolist() for entries in found] == [[i] for i in range(1000)]


@both
def test_values_next_to_a_power_of_two_are_found_on_either_side(match):
    below = np.nextafter(np.full((1, 3), [0.5, 1.0, -2.0]), 0)
    stored = np.array([[0.5, 1.0, -2.0], [0.7, 1.3, -1.0], [0.6, 1.1, -3.0]])
    assert match(below, stored)[0].tolist() == [0]


@both
def test_rows_that_differ_by_a_millionth_in_one_column_are_different_rows(match):
    rng = np.random.default_rng(1)
    stored = rng.normal(size=(300, 4))
    for column in range(4):
        request = stored.copy()
        request[:, column] *= 1 + 1e-6
        big_enough = np.abs(stored[:, column]) > 0.01
        found = match(request[big_enough], stored)
        assert not any(len(entries) for entries in found)


@both
def test_a_huge_column_hides_no_difference_in_the_others(match):
    rng = np.random.default_rng(2)
    stored = rng.normal(size=(100, 3))
    stored[:, 0] *= 1e12
    request = stored.copy()
    request[:, 1] *= 1 + 1e-6
    assert not any(len(entries) for entries in match(request, stored))
    assert [e.tolist() for e in match(stored, stored)] == [[i] for i in range(100)]


@both
def test_one_outlier_does_not_widen_the_tolerance(match):
    rng = np.random.default_rng(3)
    stored = rng.normal(size=(100, 3))
    stored[0] = 1e15
    request = stored[1:] * (1 + 1e-6)
    assert not any(len(entries) for entries in match(request, stored))
    assert match(nudged(stored[:1], rng), stored)[0].tolist() == [0]


@both
def test_all_copies_of_a_row_are_found(match):
    stored = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [1.0, 5.0]])
    assert sorted(match(stored[:1], stored)[0].tolist()) == [0, 2]


def test_the_nearest_row_comes_first():
    stored = np.array([[1.0 + 4e-10], [1.0], [1.0 + 2e-10], [2.0], [-1.0]])
    assert by_rows(np.array([[1.0]]), stored)[0].tolist() == [1, 2, 0]


@both
def test_zeros_constant_columns_and_one_column_are_no_special_cases(match):
    for stored in (np.zeros((3, 2)), np.c_[np.arange(4.0), np.zeros(4)], np.arange(5.0)[:, None]):
        for i, entries in enumerate(match(stored, stored)):
            assert i in entries
    with_zeros = np.c_[np.arange(4.0) / 8, np.zeros(4)]
    assert match(np.array([[1e-17, 0.0]]), with_zeros)[0].tolist() == [0]
    assert not len(match(np.array([[0.5]]), np.arange(5.0)[:, None])[0])


@both
def test_an_empty_request_or_record_matches_nothing(match):
    X = np.ones((2, 3))
    assert match(X[:0], X) == []
    assert [len(entries) for entries in match(X, X[:0])] == [0, 0]


def test_rows_whose_size_overflows_when_added_up_are_found():
    stored = np.array([[1e308, 1e308, 1.0], [1e-5, 2e-5, 1.5], [3e-5, 1e-5, 2.0]])
    assert [e.tolist() for e in by_rows(stored, stored)] == [[0], [1], [2]]
    tiny = np.array([[2e-308, 1e-308], [3e-308, 1e-308]])
    assert [e.tolist() for e in by_rows(tiny, tiny)] == [[0], [1]]


def test_images_are_matched_in_a_time_that_does_not_grow_with_rows_times_rows():
    rng = np.random.default_rng(0)
    # Few values a pixel, as in images: no single column tells the rows apart.
    stored = rng.integers(0, 3, (4000, 300)) / 2.0
    request = nudged(stored[::10], rng)
    started = time.process_time()
    found = by_rows(request, stored)
    assert time.process_time() - started < 1.0  # compared in pairs: about 3 s
    assert [entries.tolist() for entries in found] == [[i] for i in range(0, 4000, 10)]


def test_the_scale_is_no_row_s_own_value():
    X = np.random.default_rng(4).normal(size=(9, 3))
    scale = column_scale(X)
    np.testing.assert_array_equal(np.log2(scale), np.round(np.log2(scale)))
    assert not np.isin(np.abs(X), scale).any()


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    magnitudes=st.lists(st.integers(-6, 6), min_size=1, max_size=6),
)
def test_at_any_scale_perturbed_rows_are_found_and_others_are_not(seed, magnitudes):
    rng = np.random.default_rng(seed)
    stored = rng.normal(size=(40, len(magnitudes))) * 10.0 ** np.array(magnitudes)
    request = nudged(stored, rng)
    other = rng.normal(size=(40, len(magnitudes))) * 10.0 ** np.array(magnitudes)
    for match in (by_rows, by_digests):
        assert [e.tolist() for e in match(request, stored)] == [[i] for i in range(40)]
        assert not any(len(e) for e in match(other, stored))
