"""Sharded training: a deletion equals never having seen the rows, exactly.

This file looks inside.
"""

import copy
import functools
import pickle

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import skqmu
from skqmu import QNNClassifier, ShardedClassifier
from skqmu.classifiers import _by_shards
from skqmu.exceptions import AlreadyForgottenError, NotATrainingSampleError


@parametrize_with_checks([ShardedClassifier(LogisticRegression(), n_shards=2)])
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    _, first = np.unique(X, axis=0, return_index=True)
    rows = np.random.default_rng(0).permutation(first)[:90]
    return scale(X)[rows], y[rows]


def learners():
    small = MLPClassifier((4,), max_iter=30, solver="sgd", learning_rate_init=0.05, tol=0.0)
    return {
        "logistic": LogisticRegression(max_iter=500),
        "mlp": small.set_params(n_iter_no_change=1000),
        "qnn": QNNClassifier(n_layers=1, n_qubits=2, max_iter=3, n_iter_no_change=1000),
    }


def fresh_on_what_stays(clf, X, y, gone):
    """A classifier fitted without the rows, on the same shards and slices."""
    staying = np.setdiff1d(np.arange(len(X)), gone)
    return clone_of(clf).fit(X[staying], y[staying], assignment=clf.assignment_)


def slice_files(directory):
    return set(directory.rglob("*.npz"))


def clone_of(clf):
    return type(clf)(**clf.get_params(deep=False))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("stored", ["memory", "disk"])
@pytest.mark.parametrize("n_slices", [1, 3])
@pytest.mark.parametrize("name", ["logistic", "mlp", "qnn"])
def test_unlearning_equals_a_fresh_fit_without_the_rows(iris, name, n_slices, stored, tmp_path):
    X, y = iris
    directory = tmp_path / "slices" if stored == "disk" else None
    clf = ShardedClassifier(
        learners()[name],
        n_shards=3,
        n_slices=n_slices,
        random_state=0,
        checkpoint_dir=directory,
    ).fit(X, y)
    gone = [0, 1, 40, 77]
    for row in gone[:2]:
        clf.unlearn(X[[row]])
    clf.unlearn(index=gone[2:])
    fresh = fresh_on_what_stays(clf.set_params(checkpoint_dir=None), X, y, gone)
    np.testing.assert_array_equal(clf.predict_proba(X), fresh.predict_proba(X))
    assert not clf.is_member(X[gone]).any()
    assert clf.is_member(np.delete(X, gone, axis=0)).all()
    if directory is not None:
        known = {model.path for slices in clf.models_ for model in slices}
        assert slice_files(directory) == known
        assert len(known) == 3 * n_slices


def test_order_and_grouping_do_not_matter(iris):
    X, y = iris
    outcomes = []
    for requests in ([[3], [50], [70, 8]], [[70, 8, 3, 50]], [[8], [70], [50], [3]]):
        clf = ShardedClassifier(LogisticRegression(), n_slices=1, random_state=1).fit(X, y)
        for request in requests:
            clf.unlearn(X[request])
        outcomes.append(clf.predict_proba(X))
    np.testing.assert_array_equal(outcomes[0], outcomes[1])
    np.testing.assert_array_equal(outcomes[0], outcomes[2])


def test_only_what_saw_the_row_is_refitted(iris):
    X, y = iris
    clf = ShardedClassifier(MLPClassifier(max_iter=5), n_slices=3, random_state=0)
    with pytest.warns():  # five epochs are no convergence
        clf.fit(X, y)
    shard, number = clf.assignment_[10]
    before = copy.copy(clf.models_)
    with pytest.warns():
        clf.unlearn(index=[10])
    for s in range(4):
        for r in range(3):
            same = clf.models_[s][r] is before[s][r]
            assert same == (s != shard or r < number)
    assert clf.unlearning_log_[-1]["shards_refitted"] == 1


def test_files_of_models_that_saw_the_row_are_gone(iris, tmp_path):
    X, y = iris
    clf = ShardedClassifier(DecisionTreeClassifier(), random_state=0, checkpoint_dir=tmp_path)
    clf.fit(X, y)
    shard = clf.assignment_[5][0]
    before = slice_files(tmp_path)
    saw = clf.models_[shard][0].path
    clf.unlearn(index=[5])
    after = slice_files(tmp_path)
    assert saw not in after
    assert before - after == {saw}
    assert "1 slice files were deleted." in clf.unlearning_log_[-1]["notes"]
    clf.fit(X, y)
    assert slice_files(tmp_path) == {model.path for slices in clf.models_ for model in slices}


def test_jobs_do_not_change_the_result(iris):
    X, y = iris
    probabilities = []
    for n_jobs in (1, 2):
        clf = ShardedClassifier(
            DecisionTreeClassifier(max_features=1), random_state=3, n_jobs=n_jobs
        )
        probabilities.append(clf.fit(X, y).unlearn(X[:5]).predict_proba(X))
    np.testing.assert_array_equal(*probabilities)


def test_expected_refit_fraction_is_the_mean_over_all_rows(iris):
    X, y = iris
    clf = ShardedClassifier(LogisticRegression(warm_start=True), n_shards=3, n_slices=2)
    clf.set_params(random_state=0).fit(X, y)
    whole = spent = 0
    for shard in range(3):
        sizes = [(clf.assignment_ == [shard, r]).all(axis=1).sum() for r in range(2)]
        work = np.cumsum(sizes)
        whole += work.sum()
        spent += sizes[0] * work.sum() + sizes[1] * work[1]
    assert clf.expected_refit_fraction_ == pytest.approx(spent / len(X) / whole)
    one = ShardedClassifier(LogisticRegression(), n_shards=5, random_state=0).fit(X, y)
    assert one.expected_refit_fraction_ == pytest.approx(0.2, abs=0.01)


def test_a_class_may_come_in_a_later_slice_or_leave_altogether():
    X = np.arange(24.0)[:, None]
    y = np.r_[np.zeros(8), np.ones(8), np.full(8, 2)].astype(int)
    assignment = np.stack([np.zeros(24, int), (y == 2).astype(int)], axis=1)
    clf = ShardedClassifier(LogisticRegression(), n_shards=1, n_slices=2, random_state=0)
    clf.fit(X, y, assignment=assignment)
    assert clf.predict(X[-1:]) == [2]
    clf.unlearn(X[y == 2])
    assert clf.predict_proba(X).shape == (24, 3)
    assert (clf.predict_proba(X)[:, 2] == 0).all()
    assert clf.unlearning_log_[-1]["classes_removed"] == [2]


def test_votes_and_means():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.tile([0, 1, 2], 20)
    clf = ShardedClassifier(LogisticRegression(), n_shards=3, random_state=0).fit(X, y)
    own = np.stack([slices[-1].predict_proba(X) for slices in clf.models_])
    np.testing.assert_allclose(clf.predict_proba(X), own.mean(axis=0))
    clf.set_params(aggregation="vote")
    votes = np.stack([np.bincount(v, minlength=3) for v in own.argmax(axis=2).T]) / 3
    np.testing.assert_allclose(clf.predict_proba(X), votes)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_failed_request_changes_nothing_and_is_logged(iris, monkeypatch, error, tmp_path):
    X, y = iris
    clf = ShardedClassifier(DecisionTreeClassifier(), random_state=0, checkpoint_dir=tmp_path)
    before = clf.fit(X, y).predict_proba(X)
    files = slice_files(tmp_path)

    def fails(*args):
        raise error("cut off")

    monkeypatch.setattr(_by_shards, "train_shard", fails)
    with pytest.raises(error):
        clf.unlearn(X[:3])
    monkeypatch.undo()
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.is_member(X[:3]).all()
    assert slice_files(tmp_path) == files
    status = clf.unlearning_log_[-1]["status"]
    assert status == ("interrupted" if error is KeyboardInterrupt else "failed")
    with pytest.raises(ValueError, match="n_shards"):
        clf.set_params(n_shards=0).fit(X, y)
    assert clf.is_member(X[:3]).all()


def test_wrong_requests_are_told_as_such(iris):
    X, y = iris
    clf = ShardedClassifier(LogisticRegression(), random_state=0).fit(X, y).unlearn(X[:2])
    with pytest.raises(AlreadyForgottenError):
        clf.unlearn(X[:2])
    with pytest.raises(NotATrainingSampleError, match="never trained on"):
        clf.unlearn(X[2:3] + 1)
    with pytest.raises(ValueError, match="delete the estimator instead"):
        clf.unlearn(X[2:])
    with pytest.raises(ValueError, match="either by X_forget= or by index="):
        clf.unlearn()
    with pytest.raises(ValueError, match="classes_"):
        clf.unlearn(X[2:3], ["nowhere"])
    with pytest.raises(ValueError, match="classes_"):
        clf.is_member(X[2:3], [17])


def test_slices_need_warm_start(iris):
    with pytest.raises(ValueError, match="needs an estimator with warm_start"):
        ShardedClassifier(DecisionTreeClassifier(), n_slices=2).fit(*iris)


def test_forgotten_bytes_leave_the_pickle(iris):
    X, y = iris
    clf = ShardedClassifier(learners()["qnn"], n_slices=2, random_state=0).fit(X, y)
    row = X[7].tobytes()
    assert row in pickle.dumps(clf)
    assert row not in pickle.dumps(clf.unlearn(index=[7]))
    assert X[8].tobytes() not in pickle.dumps(clf.release())


def test_wrong_assignments_are_refused(iris):
    X, y = iris
    clf = ShardedClassifier(LogisticRegression(), n_shards=2)
    with pytest.raises(ValueError, match="a shard and a slice for each"):
        clf.fit(X, y, assignment=np.zeros(len(X), dtype=int))
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        clf.fit(X, y, assignment=np.full((len(X), 2), [2, 0]))


def test_models_on_disk_predict_after_a_round_trip(iris, tmp_path):
    X, y = iris
    clf = ShardedClassifier(LogisticRegression(), random_state=0, checkpoint_dir=tmp_path / "s")
    clf.fit(X, y)
    joblib.dump(clf, tmp_path / "clf.joblib")
    loaded = joblib.load(tmp_path / "clf.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    released = clf.release()
    for path in slice_files(tmp_path / "s"):
        path.unlink()
    assert released.predict_proba(X).shape == (len(X), 3)


def counting(monkeypatch):
    fits, train = [], _by_shards.train_shard

    @functools.wraps(train)
    def counted(*args):
        fits.append(1)
        return train(*args)

    monkeypatch.setattr(_by_shards, "train_shard", counted)
    return fits


@pytest.mark.parametrize("n_slices", [1, 2])
def test_with_memory_a_fit_that_was_cut_off_goes_on_and_a_request_deletes_what_saw_the_row(
    iris, monkeypatch, tmp_path, n_slices
):
    X, y = iris

    def make(**params):
        inner = LogisticRegression(max_iter=300, random_state=0)
        return ShardedClassifier(inner, n_shards=4, n_slices=n_slices, random_state=0, **params)

    plain = make().fit(X, y)
    fits = counting(monkeypatch)
    real, calls = _by_shards.train_shard, []

    @functools.wraps(real)
    def stops(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(_by_shards, "train_shard", stops)
        with pytest.raises(KeyboardInterrupt):
            make(memory=tmp_path).fit(X, y)
    assert len(fits) == 2
    clf = make(memory=tmp_path).fit(X, y)
    assert len(fits) == 4  # the other two
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))
    n_before = len(list(tmp_path.rglob("output.pkl")))
    clf.unlearn(X[:1])
    plain.unlearn(X[:1])
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))
    # One went (it held the row), one came.
    assert len(list(tmp_path.rglob("output.pkl"))) == n_before == 4
    number = np.ascontiguousarray(X[0]).tobytes()
    assert not any(number in path.read_bytes() for path in tmp_path.rglob("output.pkl"))
    assert "1 entries of the cache" in " ".join(clf.unlearning_log_[-1]["notes"])


def test_without_a_seed_nothing_is_kept(iris, tmp_path):
    ShardedClassifier(LogisticRegression(max_iter=300), memory=tmp_path).fit(*iris)
    assert not list(tmp_path.rglob("output.pkl"))


def test_a_damaged_model_of_the_only_slice_holds_up_no_deletion(iris, tmp_path):
    X, y = iris

    def make(**params):
        inner = LogisticRegression(max_iter=300)
        return ShardedClassifier(inner, n_shards=3, random_state=0, **params).fit(X, y)

    clf, plain = make(checkpoint_dir=tmp_path), make()
    clf.models_[clf.assignment_[0, 0]][0].path.write_bytes(b"damaged")
    clf.unlearn(X[:1])
    np.testing.assert_array_equal(clf.predict_proba(X), plain.unlearn(X[:1]).predict_proba(X))
    one, other = clf.unlearning_log_[-1]["digests"]
    assert one != other


def kept_fits(folder):
    return len(list(folder.rglob("output.pkl")))


def test_cached_shards_of_an_earlier_fit_go_with_the_next_request(iris, tmp_path):
    """Their rows lay in other shards: which of them held the row, nobody says."""
    X, y = iris
    inner = LogisticRegression(max_iter=300, random_state=0)
    clf = ShardedClassifier(inner, n_shards=4, random_state=0, memory=tmp_path).fit(X, y)
    clf.set_params(n_shards=2).fit(X, y)
    assert kept_fits(tmp_path) == 6
    clf.unlearn(X[:1])
    assert kept_fits(tmp_path) == 2
    assert "5 entries of the cache" in " ".join(clf.unlearning_log_[-1]["notes"])
    clf.fit(X, y)  # the same as before: one shard is there, and the other one is trained
    assert kept_fits(tmp_path) == 3
    clf.unlearn(X[:1])
    assert kept_fits(tmp_path) == 2


def test_a_pipeline_that_is_refitted_leaves_no_cached_shard_of_the_old_rows(iris, tmp_path):
    X, y = iris
    inner = LogisticRegression(max_iter=300, random_state=0)
    shards = ShardedClassifier(inner, n_shards=2, random_state=0, memory=tmp_path)
    model = make_pipeline(StandardScaler(), shards).fit(X, y)
    rest = {"X_retain": X[1:], "y_retain": y[1:], "upstream": "refit"}
    skqmu.unlearn(model, X[:1], **rest)
    assert kept_fits(tmp_path) == 2
    assert "2 entries of the cache" in " ".join(model[-1].unlearning_log_[-1]["notes"])
