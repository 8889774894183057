"""Shots through the classifiers: fresh noise under one seed, what is spent, grid search."""

import os
import pickle
import time

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import MinMaxScaler

from skqmu import QNNClassifier
from skqmu.backends import AerBackend
from skqmu.exceptions import BackendError, BudgetExceededError

pytest.importorskip("qiskit_aer")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    X = MinMaxScaler((-np.pi / 2, np.pi / 2)).fit_transform(X)
    return train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)


@pytest.fixture(scope="module")
def trained(iris):
    X, _, y, _ = iris
    return QNNClassifier(n_layers=2, max_iter=60, batch_size=32, random_state=0).fit(X, y)


def small(**params):
    defaults = {"n_qubits": 2, "n_layers": 1, "max_iter": 3, "random_state": 0, "input_scale": 1.0}
    return QNNClassifier(**{**defaults, **params})


SAMPLED = AerBackend(shots=64)


def test_a_sequence_of_calls_is_reproducible_and_no_two_calls_are_alike(iris):
    X, X_test, y, _ = iris
    runs = []
    for _ in range(2):
        clf = small(backend=SAMPLED).fit(X[:30], y[:30])
        runs.append([clf.params_, *(clf.predict_proba(X_test) for _ in range(3))])
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(runs[0][1], runs[0][2])
    assert not np.array_equal(runs[0][2], runs[0][3])


def test_other_seeds_of_classifier_or_backend_are_other_noise(trained, iris):
    _, X, _, _ = iris
    answers = []
    for random_state, seed in ((0, None), (1, None), (0, 0), (0, 1)):
        clf = small(random_state=random_state).fit(X, np.arange(len(X)) % 2)
        clf.params_ = np.linspace(-1, 1, len(clf.params_))
        answers.append(clf.set_params(backend=AerBackend(shots=32, seed=seed)).predict_proba(X))
    assert len({a.tobytes() for a in answers}) == 4


def test_predicting_leaves_the_attributes_alone_and_a_pickle_goes_on_with_the_noise(iris):
    X, X_test, y, _ = iris
    clf = small(backend=SAMPLED).fit(X[:30], y[:30])
    before = dict(vars(clf))
    clf.predict_proba(X_test)
    assert all(vars(clf)[name] is value for name, value in before.items())
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.predict_proba(X_test), clf.predict_proba(X_test))


def test_clones_start_the_noise_again_and_released_copies_have_their_own(iris):
    X, X_test, y, _ = iris
    clf = small(backend=SAMPLED).fit(X[:30], y[:30])
    released = clf.release()
    answer = clf.predict_proba(X_test)
    assert not np.array_equal(answer, released.predict_proba(X_test))
    again = clone(clf).fit(X[:30], y[:30]).predict_proba(X_test)
    np.testing.assert_array_equal(answer, again)


def test_train_here_and_predict_there(trained, iris):
    _, X_test, _, y_test = iris
    exact = trained.predict_proba(X_test)
    clf = pickle.loads(pickle.dumps(trained))
    on_aer = clf.set_params(backend=AerBackend()).predict_proba(X_test)
    np.testing.assert_allclose(on_aer, exact, atol=1e-10)
    sampled = clf.set_params(backend=AerBackend(shots=1024)).predict(X_test)
    assert accuracy_score(y_test, sampled) >= 0.9
    assert clf.set_params(backend="statevector").predict_proba(X_test).tobytes() == exact.tobytes()


def test_a_fake_device_costs_little_accuracy(trained, iris):
    pytest.importorskip("qiskit_ibm_runtime")
    _, X_test, _, y_test = iris
    clf = pickle.loads(pickle.dumps(trained))
    exact = accuracy_score(y_test, clf.predict(X_test))
    noisy = clf.set_params(backend=AerBackend(shots=1024, noise="fake_manila")).score(
        X_test, y_test
    )
    assert exact - noisy <= 0.1


@pytest.mark.slow
def test_iris_trains_from_scratch_on_shots(iris):
    X, X_test, y, y_test = iris
    clf = QNNClassifier(
        n_layers=2, backend=AerBackend(shots=1024), max_iter=25, batch_size=32, random_state=0
    )
    assert clf.fit(X, y).score(X_test, y_test) >= 0.9


def test_what_is_spent_is_what_ran(iris):
    X, _, y, _ = iris
    clf = small(backend=SAMPLED, max_iter=2, tol=0.0).fit(X[:20], y[:20])
    # 6 weights of one strong layer on 2 qubits, two shifts each, and the values.
    circuits = 2 * 20 * (1 + 2 * 6)
    assert clf.fit_cost_["circuits"] == circuits
    assert clf.fit_cost_["shots"] == 64 * circuits


def test_unlearning_on_another_backend_logs_its_shots(iris):
    X, _, y, _ = iris
    clf = small().fit(X[:30], y[:30])
    assert clf.fit_cost_["shots"] == 0
    clf.set_params(backend=SAMPLED).unlearn(X[:2])
    cost = clf.unlearning_log_[-1]["cost"]
    assert cost["shots"] == 64 * cost["circuits"] > 0
    assert not clf.is_member(X[:2]).any()


def test_a_repeated_row_of_a_training_step_runs_once_and_a_prediction_runs_every_row(iris):
    X, _, y, _ = iris
    rows = np.repeat(np.arange(10), 3)
    repeated = small(backend=SAMPLED, max_iter=1).fit(X[rows], y[rows])
    weighted = small(backend=SAMPLED, max_iter=1).fit(
        X[:10], y[:10], sample_weight=np.full(10, 3.0)
    )
    assert repeated.fit_cost_["circuits"] == weighted.fit_cost_["circuits"]
    np.testing.assert_allclose(repeated.params_, weighted.params_, rtol=1e-10)
    copies = repeated.predict_proba(np.repeat(X[:1], 40, axis=0))
    assert len(np.unique(copies, axis=0)) > 5


def test_repeated_queries_are_counted_outside_the_estimator(iris):
    X, _, y, _ = iris
    clf = small().fit(X[:30], y[:30])
    clf.predict(X[:10])
    assert clf.query_report()["n_rows"] == 10
    assert clf.query_report()["shots"] == 0
    clf.set_params(backend=SAMPLED)
    clf.predict(X[:10])
    clf.predict_proba(np.repeat(X[3:4], 5, axis=0))
    report = clf.query_report()
    assert report["n_calls"] == 3
    assert (report["n_distinct_rows"], report["n_repeated_rows"]) == (10, 1)
    assert (report["max_queries_per_row"], report["max_shots_per_row"]) == (6, 6 * 64)
    assert report["shots"] == 15 * 64
    assert b"query" not in pickle.dumps(clf)
    assert pickle.loads(pickle.dumps(clf)).query_report()["n_rows"] == 0
    assert clf.fit(X[:30], y[:30]).query_report()["n_rows"] == 0


def test_a_sampled_backend_says_that_it_is_not_deterministic():
    from sklearn.utils import get_tags

    assert get_tags(small(backend=SAMPLED)).non_deterministic
    assert not get_tags(small(backend=AerBackend())).non_deterministic
    assert not get_tags(small(backend="aer")).non_deterministic


def _accuracy_and_load(estimator, X, y):
    """Score that also says how many CPUs one prediction kept busy."""
    from threadpoolctl import threadpool_info

    X = np.repeat(X, 20, axis=0)
    started, cpu = time.perf_counter(), time.process_time()
    accuracy = accuracy_score(np.repeat(y, 20), estimator.predict(X))
    load = (time.process_time() - cpu) / (time.perf_counter() - started)
    with estimator.backend.session():
        threads = max(i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas")
    return {"accuracy": accuracy, "load": load, "blas_threads": threads, "pid": os.getpid()}


def test_shots_are_searched_on_loky_with_a_thread_a_worker(iris):
    X, _, y, _ = iris
    search = GridSearchCV(
        small(backend=AerBackend(), max_iter=2, n_qubits=3),
        {"backend__shots": [16, 256]},
        scoring=_accuracy_and_load,
        refit="accuracy",
        cv=3,
    )
    with parallel_config("loky", n_jobs=2):
        search.fit(X[:60], y[:60])
    assert search.best_params_["backend__shots"] in (16, 256)
    assert search.best_estimator_.backend.shots == search.best_params_["backend__shots"]
    loads = np.concatenate([search.cv_results_[f"split{i}_test_load"] for i in range(3)])
    threads = [search.cv_results_[f"split{i}_test_blas_threads"].max() for i in range(3)]
    pids = {p for i in range(3) for p in search.cv_results_[f"split{i}_test_pid"]}
    assert os.getpid() not in pids
    assert loads.max() < 1.3
    assert max(threads) == 1


@pytest.mark.parametrize("name", ["backend", "unlearning"])
def test_a_name_has_no_parameters_to_search_and_the_error_says_what_has(iris, name):
    X, _, y, _ = iris
    search = GridSearchCV(QNNClassifier(max_iter=1), {f"{name}__shots": [16]}, cv=2)
    with pytest.raises(ValueError, match=rf"{name}__shots cannot be set: .* such as {name}=\w+\("):
        search.fit(X, y)
    # given together with an object, they can
    clf = QNNClassifier().set_params(backend=AerBackend(), backend__shots=16)
    assert clf.backend.shots == 16


def test_a_failed_fit_changes_nothing(iris, monkeypatch):
    X, _, y, _ = iris
    clf = small(backend=AerBackend(shots=16)).fit(X[:20], y[:20])
    before = dict(vars(clf))
    monkeypatch.setattr(
        "skqmu.backends.sampled._aer._AerExecutable.evaluate",
        lambda self, values: (_ for _ in ()).throw(BackendError("the simulator is gone")),
    )
    with pytest.raises(BackendError, match="gone"):
        clf.fit(X[20:40], y[20:40])
    assert all(vars(clf)[name] is value for name, value in before.items())
    with pytest.raises(BackendError, match="gone"):
        clf.unlearn(X[:2])
    assert clf.params_ is before["params_"]
    assert clf.is_member(X[:2]).all()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_backends_budget_limits_each_fit_of_a_grid_by_itself_in_every_process(n_jobs):
    X = np.random.default_rng(0).normal(size=(24, 2))
    y = np.arange(24) % 2
    clf = QNNClassifier(n_qubits=2, n_layers=1, max_iter=2, tol=0.0, random_state=0)
    clf.set_params(backend=AerBackend(shots=20, gradient="spsa"))
    enough = clf.estimate_cost(X[::2], y[::2])["shots"]
    clf.set_params(backend__budget={"shots": enough})
    search = GridSearchCV(clf, {"max_iter": [2, 9]}, cv=2, n_jobs=n_jobs, refit=False)
    with pytest.warns((FitFailedWarning, UserWarning), match="2 fits failed|non-finite"):
        search.fit(X, y)
    short, long = search.cv_results_["mean_test_score"]
    assert np.isfinite(short)
    assert np.isnan(long)
    search.set_params(error_score="raise", param_grid={"max_iter": [9]})
    with pytest.raises(BudgetExceededError, match="was not sent"):
        search.fit(X, y)
