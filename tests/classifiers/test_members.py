"""The member record: who was trained on, who was forgotten, and what a pickle gives away.

This file looks inside.
"""

import copy
import pickle

import numpy as np
import pytest

from skqmu.classifiers._members import MemberRecord
from skqmu.exceptions import (
    AlreadyForgottenError,
    MemberRecordError,
    NotATrainingSampleError,
)

KEY = bytes(range(32))


def rows(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def record_of(X, labels=None, mode="rows", *, positions=None, n_seen=None, held_out=None, key=KEY):
    labels = np.zeros(len(X), dtype=int) if labels is None else np.asarray(labels)
    return MemberRecord.of(
        mode,
        X,
        labels,
        np.ones(len(X)),
        positions=np.arange(len(X)) if positions is None else np.asarray(positions),
        n_seen=len(X) if n_seen is None else n_seen,
        held_out=held_out,
        key=key if mode == "fingerprints" else None,
    )


kept = pytest.mark.parametrize("mode", ["rows", "fingerprints"])


@kept
def test_every_copy_is_found_and_a_label_restricts_the_copies(mode):
    X = rows(4)[[0, 1, 0, 2, 0]]
    record = record_of(X, [0, 0, 1, 1, 0], mode)
    assert record.find(X[:1], key=KEY).tolist() == [0, 2, 4]
    assert record.find(X[:1], np.array([1]), key=KEY).tolist() == [2]
    assert record.find(X[[0, 0]], np.array([0, 1]), key=KEY).tolist() == [0, 2, 4]
    with pytest.raises(NotATrainingSampleError, match="another label") as raised:
        record.find(X[[0, 3]], np.array([0, 0]), key=KEY)
    assert raised.value.rows == (1,)


@kept
def test_unknown_rows_are_named(mode):
    X = rows(5)
    record = record_of(X, mode=mode)
    request = np.concatenate([X[:2], X[:2] + 1, X[2:3]])
    with pytest.raises(NotATrainingSampleError, match="2 of 5 rows were never") as raised:
        record.find(request, key=KEY)
    assert raised.value.rows == (2, 3)
    assert pickle.loads(pickle.dumps(raised.value)).rows == (2, 3)


@kept
def test_a_forgotten_row_is_known_as_forgotten_in_this_process_only(mode):
    X = rows(5)
    record = record_of(X, mode=mode)
    after = record.without(np.array([1, 3]), X=X[[1, 3]])
    assert len(record) == 5  # the old one is as it was
    assert after.find(X[[0, 4]], key=KEY).tolist() == [0, 2]
    with pytest.raises(AlreadyForgottenError, match="already forgotten") as raised:
        after.find(X[[0, 1]], key=KEY)
    assert raised.value.rows == (1,)
    with pytest.raises(NotATrainingSampleError, match="1 of them are already forgotten"):
        after.find(np.concatenate([X[1:2], X[:1] + 1]), key=KEY)
    elsewhere = pickle.loads(pickle.dumps(after))
    with pytest.raises(NotATrainingSampleError, match="leave no trace in a saved model"):
        elsewhere.find(X[1:2], key=KEY)
    assert elsewhere.find(X[[0, 4]], key=KEY).tolist() == [0, 2]


@kept
def test_positions_stay_those_of_the_fit_data(mode):
    X = rows(6)
    record = record_of(X[[0, 2, 3, 5]], mode=mode, positions=[0, 2, 3, 5], n_seen=6)
    assert record.locate([5, 0, 0]).tolist() == [0, 3]
    assert record.locate(np.array([0, 0, 1, 1, 0, 0], dtype=bool)).tolist() == [1, 2]
    with pytest.raises(NotATrainingSampleError, match="positions 1, 4 had zero weight"):
        record.locate([0, 1, 4])
    after = record.without(np.array([1]), X=X[[2]])
    assert after.locate([3]).tolist() == [1]
    with pytest.raises(AlreadyForgottenError, match="positions 2 are already forgotten"):
        after.locate([2, 3])


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([6], "outside 0..5: 6"),
        ([-1], "outside 0..5: -1"),
        ([True, False], "boolean mask of shape"),
        ([0.5], "integer positions"),
        (3, "1-d sequence"),
        ([[1]], "1-d sequence"),
        ("a", "integer positions|1-d"),
    ],
)
def test_a_bad_index_says_what_an_index_is(index, message):
    with pytest.raises(ValueError, match=message):
        record_of(rows(6)).locate(index)


@kept
def test_rows_that_come_again_count_once_and_both_positions_name_them(mode):
    X = rows(4)
    record = record_of(X[:3], [0, 0, 1], mode)
    again, places = record.extended(
        record_of(X[[1, 3, 1]], [0, 1, 1], mode, positions=[0, 1, 3], n_seen=4),
        key=KEY,
        X=X[[1, 3, 1]],
    )
    assert len(again) == 5  # row 1 with label 0 came again; with label 1 it is another member
    assert places.tolist() == [1, 4, 6]
    assert again.n_seen == 7
    assert again.locate([1]).tolist() == again.locate([3]).tolist() == [1]
    with pytest.raises(NotATrainingSampleError, match="positions 5 had zero weight"):
        again.locate([5])
    after = again.without(again.locate([3]), X=X[[1]])
    with pytest.raises(AlreadyForgottenError, match="positions 1, 3 are already"):
        after.locate([1, 3])
    assert after.locate([6]).tolist() == [3]


@kept
def test_a_row_that_any_fit_trained_on_is_not_held_out(mode):
    X = rows(3)
    record = record_of(X, mode=mode, held_out=np.array([True, True, False]))
    again, _ = record.extended(
        record_of(X, mode=mode, held_out=np.array([False, True, True])), key=KEY, X=X
    )
    assert again.held_out.tolist() == [False, True, False]
    assert record.held_out.tolist() == [True, True, False]


@pytest.mark.parametrize("key", [None, b"short", "a text that is long enough"])
def test_fingerprints_need_a_key(key):
    with pytest.raises(MemberRecordError, match="at least 16 random bytes"):
        record_of(rows(2), mode="fingerprints", key=key)


def test_a_wrong_key_is_told_from_an_unknown_row():
    record = record_of(rows(2), mode="fingerprints")
    for key in (None, b"x" * 32):
        with pytest.raises(MemberRecordError, match="fingerprint_key"):
            record.find(rows(2), key=key)


def test_without_a_record_nothing_is_recognised():
    record = record_of(rows(2), mode="none")
    assert len(record) == 0
    for call in (lambda: record.find(rows(2)), lambda: record.locate([0])):
        with pytest.raises(MemberRecordError, match='store_data="none"'):
            call()
    assert record.extended(record_of(rows(2), mode="none"), X=rows(2))[0].n_seen == 0


@pytest.mark.parametrize("mode", ["rows", "fingerprints", "none"])
def test_a_pickle_holds_no_byte_of_a_forgotten_row(mode):
    X = rows(20)
    record = record_of(X, mode=mode)
    if mode != "none":
        record = record.without(np.arange(5), X=X[:5])
    for content in (pickle.dumps(record), pickle.dumps(copy.deepcopy(record))):
        present = [value.tobytes() in content for value in X.ravel()]
        assert not any(present[:15])
        assert all(present[15:]) == (mode == "rows")
        assert mode == "rows" or not any(present)


def test_fingerprints_are_keyed():
    one, other = (record_of(rows(3), mode="fingerprints", key=bytes([k]) * 16) for k in (1, 2))
    both = [{d.tobytes() for own in each.digests for d in own} for each in (one, other)]
    assert not both[0] & both[1]
    assert KEY not in pickle.dumps(record_of(rows(3), mode="fingerprints"))
