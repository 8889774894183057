"""Rows are recognised although an upstream step changed their last bits, and only then.

This file looks inside.
"""

import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA, KernelPCA
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skqmu._matching import RowLaw, match_rows
from skqmu.classifiers._members import MemberRecord

KEY = b"kept outside the estimator"


def by_rows(X_request, X_stored):
    return match_rows(X_request, X_stored, RowLaw.of(X_stored))


def by_digests(X_request, X_stored):
    record = MemberRecord.of(
        "fingerprints",
        X_stored,
        np.zeros(len(X_stored), dtype=int),
        np.ones(len(X_stored)),
        positions=np.arange(len(X_stored)),
        n_seen=len(X_stored),
        key=KEY,
    )
    return record.match(X_request, KEY)


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


def test_the_nearest_row_is_meant_with_its_copies_and_not_whatever_is_near():
    stored = np.array([[1.5 + 4e-10], [1.5], [1.5 + 2e-10], [2.5], [-1.5], [1.5 + 2e-10]])
    assert by_rows(np.array([[1.5]]), stored)[0].tolist() == [1]
    assert by_rows(np.array([[1.5 + 1.9e-10]]), stored)[0].tolist() == [2, 5]
    torn = stored + np.array([0, 0, 0, 0, 0, 3e-16])[:, None]
    assert by_rows(np.array([[1.5 + 1.9e-10]]), torn)[0].tolist() == [2, 5]


@both
def test_rows_that_are_stored_bit_for_bit_mean_their_exact_copies(match):
    rng = np.random.default_rng(5)
    base = rng.normal(size=(20, 4))
    stored = np.concatenate([base, base * (1 + 2e-10), np.nextafter(base, np.inf), base[:5]])
    found = match(stored, stored)
    for i, entries in enumerate(found):
        np.testing.assert_array_equal(
            np.sort(entries), np.flatnonzero((stored == stored[i]).all(1))
        )


# What stands beside ordinary columns and must not change what is told apart by them.
BESIDE = {
    "dates in ns": lambda rng, n: 1.7e18 + rng.integers(0, 10**15, n).astype(float),
    "dates in ns, one day": lambda rng, n: np.full(n, 1.7e18),
    "1e14": lambda rng, n: 1e14 * rng.normal(size=n),
    "1e14, centred": lambda rng, n: (lambda v: v - v.mean())(1e14 * rng.normal(size=n)),
    "1e14 offset": lambda rng, n: 1e14 + rng.normal(size=n),
    "1e300 once": lambda rng, n: np.where(np.arange(n) == 3, 1e300, rng.normal(size=n)),
    "1e300 everywhere": lambda rng, n: 1e300 * rng.normal(size=n),
    "identifiers past 2**53": lambda rng, n: 2.0**60 + 256 * rng.permutation(n),
    "1e-14": lambda rng, n: 1e-14 * rng.normal(size=n),
    "one-hot": lambda rng, n: (rng.random(n) < 0.2).astype(float),
    "a constant": lambda rng, n: np.full(n, 3.25),
    "zeros": lambda rng, n: np.zeros(n),
    "counts": lambda rng, n: rng.poisson(3, n).astype(float),
    "single precision": lambda rng, n: rng.normal(size=n).astype(np.float32).astype(float),
}


@st.composite
def tables(draw, n=30):
    """Ordinary columns among others, with some rows twice; and which columns are ordinary."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = draw(st.lists(st.sampled_from(sorted(BESIDE)), max_size=4))
    ordinary = [rng.normal(size=n) * 10.0 ** draw(st.integers(-14, 9)) for _ in range(2)]
    columns = [*ordinary, *(BESIDE[name](rng, n) for name in names)]
    X = np.stack(columns, axis=1)
    X[rng.integers(0, n, 4)] = X[rng.integers(0, n, 4)]
    return X, rng


@settings(deadline=None, max_examples=150)
@given(table=tables())
def test_a_millionth_in_an_ordinary_column_tells_rows_apart_whatever_stands_beside_it(table):
    X, rng = table
    request = X.copy()
    rows, column = np.arange(len(X)), rng.integers(0, 2, len(X))
    usual = np.median(np.abs(X[:, :2]), axis=0)[column]
    request[rows, column] += usual * 1e-6 + np.abs(X[rows, column]) * 1e-6
    for match in (by_rows, by_digests):
        assert not any(len(entries) for entries in match(request, X))


@settings(deadline=None, max_examples=150)
@given(table=tables())
def test_a_stored_row_means_the_rows_equal_to_it(table):
    X, _ = table
    for match in (by_rows, by_digests):
        for i, entries in enumerate(match(X, X)):
            equal = np.flatnonzero((X[i] == X).all(axis=1))
            assert sorted(entries.tolist()) == equal.tolist()


UPSTREAM = {
    "StandardScaler": lambda d: StandardScaler(),
    "PCA": lambda d: make_pipeline(StandardScaler(), PCA()),
    "some of PCA": lambda d: make_pipeline(StandardScaler(), PCA(2)),
    "PCA by another solver": lambda d: make_pipeline(StandardScaler(), PCA(svd_solver="full")),
    "whitening": lambda d: make_pipeline(StandardScaler(), PCA(2, whiten=True)),
    "Normalizer": lambda d: Normalizer(),
    "RBF kernel": lambda d: make_pipeline(StandardScaler(), RBFSampler(random_state=0)),
    "Nystroem": lambda d: make_pipeline(StandardScaler(), Nystroem(n_components=8, random_state=0)),
    "kernel PCA": lambda d: make_pipeline(StandardScaler(), KernelPCA(3, kernel="rbf")),
}


@settings(deadline=None, max_examples=60)
@given(table=tables(), name=st.sampled_from(sorted(UPSTREAM)), collinear=st.booleans())
def test_a_row_is_found_after_its_way_through_a_fitted_transformer_alone(table, name, collinear):
    X, _ = table
    X = X[:, (np.abs(X) < 1e100).all(axis=0)]  # sums of squares overflow in the transformers
    if collinear:
        X = np.c_[X, X[:, 0] - X[:, 1]]
    upstream = UPSTREAM[name](X.shape[1])
    stored = upstream.fit_transform(X)
    alone = np.concatenate([upstream.transform(X[[i]]) for i in range(len(X))])
    error = np.abs(alone - stored).max(axis=0)
    assume(np.isfinite(stored).all() and error.max() < 1e-6 * np.abs(stored).max())
    if name in ("Nystroem", "kernel PCA"):  # near copies raise rounding errors a millionfold
        assume((error < 1e-10 * np.median(np.abs(stored), axis=0)).all())
    for match in (by_rows, by_digests):
        for i, entries in enumerate(match(alone, stored)):
            assert i in entries
            equal = np.flatnonzero((X[i] == X).all(axis=1))
            assert set(equal) <= set(entries)  # every copy goes


@settings(deadline=None, max_examples=60)
@given(table=tables(), name=st.sampled_from(["StandardScaler", "PCA", "PCA by another solver"]))
def test_a_row_is_found_after_its_way_there_and_back(table, name):
    X, _ = table
    X = X[:, (np.abs(X) < 1e100).all(axis=0)]
    upstream = UPSTREAM[name](X.shape[1]).fit(X)
    back = [upstream.inverse_transform(upstream.transform(X[[i]])) for i in range(len(X))]
    back = np.concatenate(back)
    # columns that vary by less than a float's precision of 1 are no columns to the scaler
    assume((np.abs(back - X).max(axis=0) <= 1e-12 * np.abs(X).max(axis=0)).all())
    for match in (by_rows, by_digests):
        for i, entries in enumerate(match(back, X)):
            assert i in entries


@both
def test_copies_that_a_decomposition_tore_apart_are_copies(match):
    X = np.tile(load_iris().data, (2, 1))
    stored = PCA(4, svd_solver="full").fit_transform(X)
    assert not np.array_equal(stored[:150], stored[150:])
    for request in (stored, PCA(4, svd_solver="full").fit(X).transform(X)):
        for i, entries in enumerate(match(request[:150], stored)):
            assert {i, i + 150} <= set(entries)


@both
def test_whole_numbers_are_told_apart_however_large(match):
    dates = 1.7e18 + 256.0 * np.arange(40)  # neighbours among floats, all within 1e-9
    stored = np.c_[dates, np.tile([0.0, 1.0], 20)]
    assert [e.tolist() for e in match(stored, stored)] == [[i] for i in range(40)]
    assert not any(map(len, match(stored + [1e6, 0], stored)))  # a millisecond
    codes = np.c_[2.0**47 + np.arange(40), np.zeros(40)]
    assert not any(map(len, match(codes + [40, 0], codes)))
    # a number that rounding kept from being whole is that number
    (found,) = match(np.array([[dates[7], 1 - 1e-16]]), stored)
    assert 7 in found
    assert len(found) == 1 or match is by_digests  # which do not tell what is nearest


def test_many_copies_of_one_row_are_matched_at_once():
    stored = np.tile(np.arange(50.0) / 7, (5000, 1))
    started = time.process_time()
    found = by_rows(stored, stored)
    assert time.process_time() - started < 2.0  # in pairs: minutes
    assert {len(entries) for entries in found} == {5000}


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
    scale = RowLaw.of(X).scale
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
