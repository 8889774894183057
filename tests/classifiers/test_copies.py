"""A request forgets the rows it means, no more; where copies go with them, it says so."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier, unlearn
from skqmu.exceptions import NotATrainingSampleError, UnlearningWarning

KEY = b"kept outside the estimator"


def readings(n=60):
    """Ordinary measurements beside a date in nanoseconds, many taken at one time."""
    rng = np.random.default_rng(0)
    X, y = load_wine(return_X_y=True)
    rows = rng.permutation(len(X))[:n]
    when = 1.65e18 + 3.6e12 * rng.integers(0, 3, n)
    return np.c_[X[rows][:, [0, 6]], when], y[rows]


def rows_kept():
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=1, random_state=0), {}


def fingerprints():
    clf, _ = rows_kept()
    return clf.set_params(store_data="fingerprints"), {"fingerprint_key": KEY}


def sharded():
    return ShardedClassifier(LogisticRegression(), n_shards=2, random_state=0), {}


def wrapped():
    return UnlearningClassifier(rows_kept()[0], strategy="retrain"), {}


every = pytest.mark.parametrize("make", [rows_kept, fingerprints, sharded, wrapped])


def fitted(make, X, y):
    clf, more = make()
    if make is wrapped:
        return clf.fit(X, y, forget=np.arange(len(X)) == len(X) - 1), more
    return clf.fit(X, y, **more), more


@every
def test_rows_that_share_a_date_with_a_forgotten_one_stay(make):
    X, y = readings()
    clf, more = fitted(make, X, y)
    asked = {} if make is not fingerprints else {"X_retain": X[4:], "y_retain": y[4:]}
    clf.unlearn(X[:4], **asked, **more)
    entry = clf.unlearning_log_[-1]
    assert (entry["n_requested"], entry["n_forget"]) == (4, 4)
    last = len(X) - (make is wrapped)
    assert not clf.is_member(X[:4], **more).any()
    assert clf.is_member(X[4:last], **more).all()


@every
def test_a_row_that_was_never_seen_is_no_member_whatever_its_date(make):
    X, y = readings()
    clf, more = fitted(make, X, y)
    for column in (0, 1):
        stranger = X.copy()
        stranger[:, column] *= 1 + 1e-6
        assert not clf.is_member(stranger, **more).any()
        with pytest.raises(NotATrainingSampleError, match="never trained on"):
            clf.unlearn(stranger[:1], **more)
    later = X + [0, 0, 1e6]  # a millisecond
    assert not clf.is_member(later, **more).any()


@every
def test_copies_that_go_with_a_row_are_counted_in_the_log_and_in_a_warning(make):
    X, y = readings()
    X[[9, 11, 30]], y[[9, 11, 30]] = X[2], y[2]
    clf, more = fitted(make, X, y)
    stays = np.setdiff1d(np.arange(len(X)), [2, 5, 9, 11, 30])
    asked = {} if make is not fingerprints else {"X_retain": X[stays], "y_retain": y[stays]}
    with pytest.warns(UnlearningWarning, match="names 2 rows and means 5: 3 more"):
        clf.unlearn(X[[2, 5]], **asked, **more)
    entry = clf.unlearning_log_[-1]
    assert (entry["n_requested"], entry["n_forget"]) == (2, 5)
    assert any("3 more stored rows" in note for note in entry["notes"])


def test_no_warning_where_every_copy_is_named_or_labels_and_positions_say_which():
    X, y = readings()
    X[[9, 11]] = X[2]
    y[[2, 9, 11]] = 0, 0, 1
    for request in (
        {"X_forget": X[[2, 9, 11]]},
        {"X_forget": X[[2, 2]], "y_forget": [0, 0]},
        {"X_forget": X[[11]], "y_forget": [1]},
        {"index": [9]},
    ):
        clf = fitted(rows_kept, X, y)[0].unlearn(**request)
        entry = clf.unlearning_log_[-1]
        assert entry["n_requested"] == entry["n_forget"]


def test_who_makes_warnings_errors_keeps_the_copies():
    X, y = readings()
    X[[9, 11]] = X[2]
    clf, _ = fitted(rows_kept, X, y)
    before = clf.predict_proba(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnlearningWarning):
            clf.unlearn(X[[2]])
    assert clf.is_member(X).all()
    assert clf.unlearning_log_ == []
    np.testing.assert_array_equal(clf.predict_proba(X), before)


@pytest.mark.parametrize("upstream", ["warn", "refit"])
def test_copies_are_counted_behind_a_pipeline_too(upstream):
    X, y = load_iris(return_X_y=True)  # rows 101 and 142 are equal
    model = make_pipeline(StandardScaler(), PCA(svd_solver="full"), rows_kept()[0]).fit(X, y)
    staying = np.delete(np.arange(150), [101, 142])
    more = {"X_retain": X[staying], "y_retain": y[staying]} if upstream == "refit" else {}
    with pytest.warns(UnlearningWarning) as told:
        unlearn(model, X[[142]], upstream=upstream, **more)
    assert any("1 more stored rows" in str(w.message) for w in told)
    entry = model[-1].unlearning_log_[-1]
    assert (entry["n_requested"], entry["n_forget"]) == (1, 2)


def test_rows_in_single_precision_are_told_from_strangers():
    X, y = readings()
    clf, _ = fitted(rows_kept, X[:, :2] / 7, y)
    with pytest.raises(NotATrainingSampleError, match="single precision"):
        clf.unlearn((X[:3, :2] / 7).astype(np.float32))


def test_rows_that_came_with_partial_fit_are_measured_with_the_others():
    X, y = readings()
    clf, _ = rows_kept()
    whole = np.rint(X / [1, 1, 3.6e12])  # whole numbers first, then others
    clf.partial_fit(whole[:20], y[:20], classes=np.unique(y))
    clf.partial_fit(X[20:] / 7, y[20:])
    bits = X[20:] / 7 * (1 + 4e-16)
    assert clf.is_member(bits).all()
    assert clf.is_member(whole[:20]).all()
    assert not clf.is_member(bits + [1e-6, 0, 0]).any()
