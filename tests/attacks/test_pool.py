"""Shadow pools: balanced, seeded, on disk, cached, shared, and clear when they fail.

This file looks inside.
"""

import pickle
import tracemalloc
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skqmu.attacks import LiRAAttack, ShadowPool, ThresholdAttack
from skqmu.attacks import _pool as pool_module
from skqmu.attacks import _store as store
from skqmu.attacks.tools import shadow_template
from skqmu.exceptions import ShadowFitError


def data(n=60, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)), np.arange(n) % n_classes


X, y = data()
TREE = DecisionTreeClassifier(max_depth=3)


def all_outputs(pool):
    return pool.outputs().rows(slice(None))


def test_a_shadow_is_the_estimator_fitted_on_its_half():
    pool = ShadowPool(GaussianNB(), n_shadows=4, random_state=0).fit(X, y)
    for i in range(4):
        rows = pool.members_[i]
        expected = GaussianNB().fit(X[rows], y[rows]).predict_proba(X)
        np.testing.assert_array_equal(pool.outputs().one(i), expected)
        np.testing.assert_array_equal(pool.model(i).predict_proba(X), expected)


def test_shadows_differ_in_their_seeds_and_not_in_the_template():
    net = MLPClassifier(5, max_iter=3, random_state=42)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pool = ShadowPool(make_pipeline(StandardScaler(), net), n_shadows=4, random_state=0)
        pool.fit(X, y)
    seeds = {pool.model(i)[-1].random_state for i in range(4)}
    assert len(seeds) == 4
    assert net.random_state == 42


def test_the_first_shadows_of_a_larger_pool_are_those_of_a_smaller_one():
    small = ShadowPool(TREE, n_shadows=4, random_state=3).fit(X, y)
    large = ShadowPool(TREE, n_shadows=12, random_state=3).fit(X, y)
    np.testing.assert_array_equal(large.members_[:4], small.members_)
    np.testing.assert_array_equal(all_outputs(large)[:4], all_outputs(small))


@pytest.mark.parametrize(
    "seed",
    [
        lambda: 5,
        lambda: np.random.SeedSequence(5),
        lambda: np.random.default_rng(5),
        lambda: np.random.RandomState(5),
    ],
)
def test_any_kind_of_random_state_is_reproducible(seed):
    one, two = (ShadowPool(TREE, n_shadows=4, random_state=seed()).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(one.members_, two.members_)
    np.testing.assert_array_equal(all_outputs(one), all_outputs(two))


def test_no_shadow_misses_a_class_that_has_two_distinct_records():
    labels = np.array([0] * 30 + [1] * 26 + [2] * 2 + [3] * 2)
    pool = ShadowPool(GaussianNB(), n_shadows=20, random_state=0).fit(X, labels)
    assert all(pool.model(i).classes_.size == 4 for i in range(20))


def test_a_class_of_one_record_is_missing_from_half_of_the_shadows_with_probability_zero():
    labels = np.array([0] * 30 + [1] * 29 + [2])
    pool = ShadowPool(GaussianNB(), n_shadows=8, random_state=0).fit(X, labels)
    without = ~pool.members_[:, -1]
    assert without.sum() == 4
    assert (all_outputs(pool)[without][:, :, 2] == 0).all()
    assert (all_outputs(pool)[~without][:, -1, 2] > 0).all()


# --- failures ---------------------------------------------------------------------------


def test_a_shadow_that_would_see_a_single_class_says_so():
    labels = np.array([0] * 59 + [1])
    pool = ShadowPool(LogisticRegression(), n_shadows=4, random_state=0)
    with pytest.raises(ShadowFitError, match="half of the pool holds the single class"):
        pool.fit(X, labels)


def test_a_failing_estimator_is_named_with_its_sample():
    class Fails(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            raise FloatingPointError("diverged")

    with pytest.raises(ShadowFitError, match=r"shadow 0 \(Fails\(\), 30 .*Error: diverged") as info:
        ShadowPool(Fails(), n_shadows=2, random_state=0).fit(X, y)
    assert isinstance(info.value.__cause__, FloatingPointError)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_shadows": 3}, "n_shadows=3 must be even"),
        ({"n_shadows": 0}, "n_shadows=0 must be an integer of at least 2"),
        ({"n_shadows": 4.0}, "n_shadows=4.0 must be an integer"),
        ({"n_queries": 0}, "n_queries=0"),
        ({"random_state": -1}, "random_state=-1"),
    ],
)
def test_bad_parameters_are_named(params, match):
    with pytest.raises(ValueError, match=match):
        ShadowPool(TREE, **params).fit(X, y)


def test_one_distinct_record_is_no_pool():
    with pytest.raises(ValueError, match=r"1 distinct record\(s\)"):
        ShadowPool(TREE, n_shadows=2).fit(X[[0, 0, 0]], y[[0, 0, 0]])


def test_a_failing_refit_leaves_the_pool_as_it_was():
    pool = ShadowPool(LogisticRegression(), n_shadows=2, random_state=0).fit(X, y)
    before = all_outputs(pool)
    with pytest.raises(ShadowFitError):
        pool.fit(X, np.array([0] * 59 + [1]))
    np.testing.assert_array_equal(all_outputs(pool), before)


# --- what shadows are made of -----------------------------------------------------------


def test_frozen_classifiers_are_fitted_anew_and_frozen_transformers_stay():
    scaler = FrozenEstimator(StandardScaler().fit(X))
    target = make_pipeline(scaler, FrozenEstimator(GaussianNB().fit(X, y)))
    for wrapped in (target, FrozenEstimator(target)):
        template = shadow_template(wrapped)
        assert isinstance(template[-1], GaussianNB)
        assert not hasattr(template[-1], "classes_")
        assert template[0] is scaler
    deep = CalibratedClassifierCV(FrozenEstimator(GaussianNB().fit(X, y)))
    assert not hasattr(shadow_template(deep).estimator, "classes_")


def test_shadows_without_probabilities_serve_label_queries_only():
    pool = ShadowPool(LinearSVC(), n_shadows=2, random_state=0).fit(X, y)
    assert not pool.has_proba()
    with pytest.raises(TypeError, match="no predict_proba"):
        pool.outputs()
    labels = pool.map(lambda model, rows: model.predict(rows), X)
    assert labels.shape == (2, 60)


# --- disk -------------------------------------------------------------------------------


def test_a_pickled_pool_stands_on_its_own():
    pool = ShadowPool(TREE, n_shadows=4, random_state=0).fit(X, y)
    expected, content = all_outputs(pool), pickle.dumps(pool)
    folder = pool._store.directory
    del pool
    assert not folder.exists(), "the temporary folder outlived its pool"
    copy = pickle.loads(content)
    np.testing.assert_array_equal(all_outputs(copy), expected)
    np.testing.assert_array_equal(copy.query(X).one(1), expected[1])


def test_memory_brings_back_shadows_and_trains_only_what_is_missing(tmp_path):
    first = ShadowPool(TREE, n_shadows=4, random_state=0, memory=tmp_path).fit(X, y)
    again = ShadowPool(TREE, n_shadows=4, random_state=0, memory=str(tmp_path)).fit(X, y)
    more = ShadowPool(
        TREE, n_shadows=12, random_state=0, memory=joblib.Memory(str(tmp_path), verbose=0)
    ).fit(X, y)
    assert (first.n_trained_, again.n_trained_, more.n_trained_) == (4, 0, 8)
    np.testing.assert_array_equal(all_outputs(more)[:4], all_outputs(first))
    fresh = ShadowPool(TREE, n_shadows=12, random_state=0).fit(X, y)
    np.testing.assert_array_equal(all_outputs(more), all_outputs(fresh))


@pytest.mark.parametrize(
    ("params", "rows"),
    [
        ({"estimator": DecisionTreeClassifier(max_depth=2)}, slice(None)),
        ({"random_state": 1}, slice(None)),
        ({"n_queries": 2}, slice(None)),
        ({}, slice(0, 59)),
    ],
)
def test_memory_is_not_used_for_anything_else(tmp_path, params, rows):
    given = {"estimator": TREE, "n_shadows": 2, "random_state": 0, "memory": tmp_path}
    ShadowPool(**given).fit(X, y)
    other = ShadowPool(**{**given, **params}).fit(X[rows], y[rows])
    assert other.n_trained_ == 2


def test_an_interrupted_run_keeps_what_was_finished(tmp_path, monkeypatch):
    target = GaussianNB().fit(X, y)
    left, fit = [4], GaussianNB.fit

    def interrupted(self, X, y):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return fit(self, X, y)

    monkeypatch.setattr(GaussianNB, "fit", interrupted)
    pool = ShadowPool(GaussianNB(), n_shadows=6, random_state=0, memory=tmp_path, n_jobs=1)
    with pytest.raises(KeyboardInterrupt):
        pool.fit(X, y)
    left[0] = 100
    assert pool.fit(X, y).n_trained_ <= 3
    assert target.predict(X).shape == y.shape


def test_memory_must_be_a_folder_or_a_memory():
    with pytest.raises(TypeError, match="memory=3"):
        ShadowPool(TREE, n_shadows=2, memory=3).fit(X, y)


def test_clearing_the_memory_and_the_pool_removes_the_files(tmp_path):
    memory = joblib.Memory(tmp_path, verbose=0)
    pool = ShadowPool(TREE, n_shadows=2, random_state=0, memory=memory).fit(X, y)
    assert list(Path(tmp_path).rglob("*.model"))
    memory.clear(warn=False)
    assert not list(Path(tmp_path).rglob("*.model"))
    pool.fit(X, y).clear()
    assert not list(Path(tmp_path).rglob("*.model"))
    assert not hasattr(pool, "members_")


def test_the_parents_memory_does_not_grow_with_the_number_of_shadows(monkeypatch):
    rng = np.random.default_rng(0)
    many, labels = rng.normal(size=(2000, 4)), np.arange(2000) % 20
    target = GaussianNB().fit(many, labels)

    def peak(n_shadows):
        attack = LiRAAttack(target, n_shadows=n_shadows, random_state=0, n_jobs=1)
        tracemalloc.start()
        attack.fit(many, labels).decision_function(many, labels)
        attack.decision_function(many + 1, labels)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    # what is reduced at once must stop growing: 2 MB a block here. 40 more shadows hold
    # 40 * 2000 * 20 * 8 bytes = 13 MB of outputs; their masks (2000 bytes each) may grow
    monkeypatch.setattr(store, "BLOCK_BYTES", 2 * 2**20)
    monkeypatch.setattr(pool_module, "BLOCK_BYTES", 2 * 2**20)
    small, large = peak(24), peak(64)
    assert large < small + 2e6


# --- sharing and asking -----------------------------------------------------------------


def test_attacks_share_one_pool():
    target = TREE.fit(X[:30], y[:30])
    lira = LiRAAttack(target, n_shadows=8, random_state=0).fit(X, y)
    shared = ThresholdAttack(target, n_shadows=8).fit(pool=lira.shadow_pool_)
    own = ThresholdAttack(target, n_shadows=8, random_state=0).fit(X, y)
    assert shared.shadow_pool_ is lira.shadow_pool_
    np.testing.assert_array_equal(shared.thresholds_, own.thresholds_)
    np.testing.assert_array_equal(shared.predict_proba(X, y), own.predict_proba(X, y))


def test_a_pool_that_does_not_fit_the_attack_is_refused():
    target = GaussianNB().fit(X, y)
    pool = ShadowPool(TREE, n_shadows=4, random_state=0)
    attack = LiRAAttack(target, n_shadows=4)
    with pytest.raises(ValueError, match="not fitted"):
        attack.fit(pool=pool)
    pool.fit(X, y)
    with pytest.raises(ValueError, match="either X_pool and y_pool, or pool="):
        attack.fit(X, y, pool=pool)
    with pytest.raises(ValueError, match="asked 1 time"):
        LiRAAttack(target, n_queries=3).fit(pool=pool)
    with pytest.raises(TypeError, match="ShadowPool; got list"):
        attack.fit(pool=[1])
    with pytest.raises(ValueError, match="labels that the classifier does not know: 2"):
        LiRAAttack(GaussianNB().fit(X, y % 2)).fit(pool=pool)
    with pytest.raises(ValueError, match="X_pool and y_pool, or pool="):
        attack.fit()


def test_shadows_are_asked_about_other_rows_with_other_settings():
    pool = ShadowPool(GaussianNB(), n_shadows=4, random_state=0).fit(X, y)
    other = data(7, seed=1)[0]
    outputs = pool.query(other)
    assert outputs.shape == (4, 7, 3)
    np.testing.assert_array_equal(outputs.one(2), pool.model(2).predict_proba(other))
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        pool.query(other, params={"depth": 3})


def test_progress_goes_to_the_error_stream(capsys):
    ShadowPool(GaussianNB(), n_shadows=4, random_state=0, verbose=2).fit(X, y)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("shadows: 4/4")
    assert "left" in lines[0]
    ShadowPool(GaussianNB(), n_shadows=4, random_state=0).fit(X, y)
    assert capsys.readouterr() == ("", "")


def test_progress_counts_shadows_where_a_worker_trains_many(capsys):
    from skqmu import QNNClassifier

    model = QNNClassifier(n_qubits=2, n_layers=1, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ShadowPool(model, n_shadows=6, random_state=0, verbose=1).fit(X, y)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("shadows: 6/6")
