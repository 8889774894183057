"""What a service asks of a classifier: whose its rows are, and a log that does not grow."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skqmu import QNNClassifier, ShardedClassifier

X = np.random.default_rng(0).normal(size=(24, 2))
Y = np.arange(24) % 2
IDS = [f"customer {i // 2}" for i in range(24)]


def qnn(**params):
    return QNNClassifier(max_iter=2, random_state=0, **params)


@pytest.mark.parametrize(
    "make", [qnn, lambda: ShardedClassifier(qnn(), n_shards=2, random_state=0)]
)
def test_ids_go_with_their_rows_and_entries_of_the_log_when_they_are_dropped(make):
    clf = make().fit(X, Y, ids=IDS)
    assert clf.ids_.tolist() == IDS
    clf.ids_[0] = "nobody"  # a copy
    clf.unlearn(ids=["customer 3"]).unlearn(ids=["customer 5"])
    left = [each for each in IDS if each not in ("customer 3", "customer 5")]
    assert clf.ids_.tolist() == left
    last, proba = clf.unlearning_log_[-1], clf.predict_proba(X)
    assert clf.trim_log(keep=5) is clf
    assert len(clf.unlearning_log_) == 2
    clf.trim_log(keep=1)
    assert clf.unlearning_log_ == [last]
    again = pickle.loads(pickle.dumps(clf.trim_log()))
    assert again.unlearning_log_ == []
    assert again.ids_.tolist() == left
    np.testing.assert_array_equal(again.predict_proba(X), proba)
    again.unlearn(ids=["customer 4"])
    assert len(again.unlearning_log_) == 1
    for keep in (-1, True, 1.0, None):
        with pytest.raises(ValueError, match=f"keep={keep!r} must be a whole number"):
            clf.trim_log(keep=keep)


def test_models_without_ids_or_with_hashes_of_them_tell_none():
    assert qnn().fit(X, Y).ids_ is None
    assert qnn().fit(X, Y, ids=IDS).release().ids_ is None
    hashed = qnn(store_data="fingerprints").fit(X, Y, ids=IDS, fingerprint_key=bytes(16))
    assert hashed.ids_ is None
    with pytest.raises(NotFittedError):
        qnn().ids_  # noqa: B018
    with pytest.raises(NotFittedError):
        qnn().trim_log()
