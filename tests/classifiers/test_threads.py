"""Several threads, one estimator: nothing is lost, nothing is done twice, nothing is half there.

This file looks inside.
"""

import copy
import os
import pickle
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu.backends import AerBackend, NoiseStream
from skqmu.classifiers.state import _turns
from skqmu.exceptions import AlreadyForgottenError, ReentryError
from skqmu.unlearning import Retrain

rng = np.random.default_rng(11)
Y = np.arange(48) % 3
X = rng.normal(size=(48, 3)) * 0.5 + rng.normal(size=(3, 3))[Y]

QUICK = {"n_qubits": 2, "n_layers": 1, "max_iter": 2, "random_state": 0}
MODELS = {
    "retrain": QNNClassifier(**QUICK),
    "ridge": QNNClassifier(trainable="head", head="ridge", unlearning="exact_downdate", **QUICK),
    "steps": QNNClassifier(unlearning="selective_dampening", **QUICK),
    "shots": QNNClassifier(backend=AerBackend(shots=8), **QUICK),
    "hybrid": HybridQNNClassifier(head_layers=(), **QUICK),
    "shards": ShardedClassifier(
        LogisticRegression(max_iter=20), n_shards=3, n_slices=2, random_state=0
    ),
    "experiment": UnlearningClassifier(QNNClassifier(**QUICK)),
}
THREADED = [pytest.param(name, id=name) for name in MODELS]


@pytest.fixture(scope="module")
def fitted():
    return {name: clone(model).fit(X, Y) for name, model in MODELS.items()}


@pytest.fixture(autouse=True)
def switched_often():
    """Let threads take turns after a few instructions."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def at_once(calls):
    """Start all calls at one moment; returns what each gave, or raised."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait()
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def ask_together(fitted, name, n_threads, seed):
    """One row a thread, all at once, predictions beside; then what must hold."""
    clf = copy.deepcopy(fitted[name])
    rows = np.random.default_rng(seed).choice(len(X), n_threads + 1, replace=False)
    *rows, later = (int(row) for row in rows)
    calls = [lambda row=row: clf.unlearn(index=[row]) for row in rows]
    beside = [lambda: clf.predict_proba(X), lambda: pickle.dumps(clf), lambda: clf.is_member(X)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = at_once([*calls, *beside])
        assert [r for r in results if isinstance(r, Exception)] == []
        log = clf.unlearning_log_
        assert [entry["status"] for entry in log] == ["done"] * n_threads
        assert [entry["n_retain"] for entry in log] == [
            len(X) - 1 - number for number in range(n_threads)
        ]
        expected = np.ones(len(X), dtype=bool)
        expected[rows] = False
        np.testing.assert_array_equal(clf.is_member(X), expected)
        content = pickle.dumps(clf)
        if name != "experiment":  # it keeps the rows for its scorers
            assert not any(value.tobytes() in content for value in X[rows].ravel())
        clf.unlearn(index=[later])
    for row in rows:
        with pytest.raises(AlreadyForgottenError):
            clf.unlearn(index=[row])
    assert not clf.is_member(X[[later]])[0]
    # Whoever pickled meanwhile has a whole model.
    copy_of_then = pickle.loads(next(r for r in results if isinstance(r, bytes)))
    n_members = copy_of_then.is_member(X).sum()
    assert n_members == len(X) - len(copy_of_then.unlearning_log_)
    copy_of_then.predict(X)


@pytest.mark.parametrize("name", THREADED)
def test_requests_of_several_threads_are_all_carried_out_once(fitted, name):
    for seed in range(3):
        ask_together(fitted, name, 2, seed)
    ask_together(fitted, name, 8, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", THREADED)
def test_a_hundred_pairs_and_twenty_groups_of_eight(fitted, name):
    for seed in range(100):
        ask_together(fitted, name, 2, seed)
    for seed in range(20):
        ask_together(fitted, name, 8, 1000 + seed)


@pytest.mark.parametrize("name", THREADED)
def test_the_same_row_is_forgotten_once_whoever_asks(fitted, name):
    clf = copy.deepcopy(fitted[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = at_once([lambda: clf.unlearn(index=[5])] * 3)
    assert sum(isinstance(r, AlreadyForgottenError) for r in results) == 2
    assert sum(r is clf for r in results) == 1
    assert len(clf.unlearning_log_) == 1


@pytest.mark.parametrize("upstream", ["warn", "refit"])
def test_requests_through_a_pipeline_wait_for_each_other(upstream):
    model = make_pipeline(StandardScaler(), QNNClassifier(**QUICK)).fit(X, Y)
    gone = [3, 14]

    def ask(row):
        if upstream == "warn":
            return skqmu.unlearn(model, X[[row]])
        # the second of two knows nothing of the first, and retains its row
        rest = np.setdiff1d(np.arange(len(X)), gone)
        return skqmu.unlearn(model, X[[row]], X_retain=X[rest], y_retain=Y[rest], upstream="refit")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = at_once([lambda row=row: ask(row) for row in gone])
    log = model[-1].unlearning_log_
    assert not skqmu_members(model)[gone].any()
    if upstream == "warn":
        assert [len(entry["notes"]) for entry in log] == [1, 1]
        assert results == [model, model]
    else:  # the first has taken the other's row too: it is in neither X_retain
        assert sorted(isinstance(r, Exception) for r in results) == [False, True]
        assert len(log) == 1


def skqmu_members(model):
    return model[-1].is_member(model[:-1].transform(X))


@pytest.mark.parametrize("method", ["fit", "partial_fit", "unlearn"])
def test_predictions_beside_a_change_are_of_the_model_before_or_after(method):
    """Two models that differ in width, classes and rows: a mixture would fail or be told."""
    clf = QNNClassifier(**QUICK).fit(X, Y)
    after = copy.deepcopy(clf)
    change = {
        "fit": lambda c: c.set_params(n_layers=2).fit(X[:, :2], np.array(["a", "b", "c"])[Y]),
        "partial_fit": lambda c: c.partial_fit(X, Y),
        "unlearn": lambda c: c.unlearn(index=[1]),
    }[method]
    change(after)
    wide, narrow = X, X[:, :2] if method == "fit" else X
    allowed = [clf.predict_proba(wide), after.predict_proba(narrow)]
    stop, seen, errors = threading.Event(), [], []

    def poll():
        while not stop.is_set():
            try:
                seen.append(clf.predict_proba(wide))
            except ValueError as error:
                errors.append(str(error))
            released = clf.release() if method == "unlearn" else None
            if released is not None:
                seen.append(released.predict_proba(wide))

    threads = [threading.Thread(target=poll) for _ in range(2)]
    for thread in threads:
        thread.start()
    change(clf)
    time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen
    for proba in seen:
        assert any(np.array_equal(proba, known) for known in allowed)
    assert all("expecting 2 features" in error for error in errors)


def test_predictions_from_slice_files_survive_their_deletion(tmp_path):
    clf = ShardedClassifier(
        LogisticRegression(max_iter=20), n_shards=2, random_state=0, checkpoint_dir=tmp_path
    ).fit(X, Y)
    stop, errors = threading.Event(), []

    def poll():
        while not stop.is_set():
            try:
                clf.predict(X)
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=poll)
    thread.start()
    for row in range(12):
        clf.unlearn(index=[row])
    stop.set()
    thread.join()
    assert errors == []


def test_shots_beside_a_request_are_shared_with_nobody_and_the_request_is_reproducible():
    clf = QNNClassifier(backend=AerBackend(shots=64), **QUICK).fit(X, Y)
    alone = copy.deepcopy(clf).unlearn(index=[2])
    stop, seen = threading.Event(), []

    def poll():
        while not stop.is_set():
            seen.append(clf.predict_proba(X[:4]).tobytes())

    thread = threading.Thread(target=poll)
    thread.start()
    clf.unlearn(index=[2])
    stop.set()
    thread.join()
    np.testing.assert_array_equal(clf.params_, alone.params_)
    # What "before" and "after" measure depends on the predictions that came before the request.
    assert clf.unlearning_log_[-1]["cost"] == alone.unlearning_log_[-1]["cost"]
    assert len(set(seen)) == len(seen)


# --- one thread that would wait for itself ------------------------------------------------


class AsksAgain(Retrain):
    """A strategy that calls back."""

    def unlearn(self, request):
        self.call()
        return super().unlearn(request)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "unlearn"])
def test_re_entry_is_an_error_that_says_what_to_do(method):
    clf = QNNClassifier(**QUICK).fit(X, Y)
    strategy = AsksAgain()
    strategy.call = {
        "fit": lambda: clf.fit(X, Y),
        "partial_fit": lambda: clf.partial_fit(X, Y),
        "unlearn": lambda: clf.unlearn(index=[0]),
    }[method]
    with pytest.raises(ReentryError, match=rf"{method} was called while unlearn .* copy"):
        clf.unlearn(index=[1], strategy=strategy)
    assert clf.is_member(X).all()
    assert [entry["status"] for entry in clf.unlearning_log_] == ["failed"]
    clf.unlearn(index=[1])
    assert issubclass(ReentryError, RuntimeError)


def test_a_callback_may_predict_and_ask_a_copy_but_not_the_estimator_itself():
    clf = QNNClassifier(**QUICK).fit(X, Y)
    before, seen = clf.predict_proba(X), []
    strategy = AsksAgain()
    strategy.call = lambda: seen.extend(
        [clf.predict_proba(X), copy.deepcopy(clf).unlearn(index=[7]), clf.is_member(X)]
    )
    clf.unlearn(index=[1], strategy=strategy)
    np.testing.assert_array_equal(seen[0], before)
    assert seen[2].all()
    assert not clf.is_member(X)[1]


def test_a_callback_of_fit_that_fits_is_refused():
    pytest.importorskip("sklearn.callback")

    class Fits:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **more):
            estimator.fit(X, Y)

        def on_fit_task_end(self, estimator, context, **more):
            return False

    clf = QNNClassifier(**QUICK)
    with pytest.raises(ReentryError, match="fit was called while fit"):
        clf.set_callbacks(Fits()).fit(X, Y)
    assert not hasattr(clf, "params_")
    clf.set_callbacks().fit(X, Y)


@pytest.mark.parametrize("name", ["retrain", "shards", "experiment"])
def test_the_lock_is_nothing_to_copy_pickle_or_see(fitted, name):
    clf = copy.deepcopy(fitted[name])
    names = set(vars(clf))
    turn = _turns._TURNS.setdefault(clf, _turns._Turn())
    with turn.lock:  # as if a request of another thread ran
        for twin in (
            copy.copy(clf),
            copy.deepcopy(clf),
            pickle.loads(pickle.dumps(clf)),
            clone(clf).fit(X, Y),
        ):
            twin.unlearn(index=[3])
        clf.predict(X)
    assert set(vars(clf)) == names
    clf.unlearn(index=[3])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_forked_process_waits_for_no_thread_of_its_parent(fitted):
    clf = copy.deepcopy(fitted["shots"])
    inside, go_on = threading.Event(), threading.Event()
    strategy = AsksAgain()
    strategy.call = lambda: (inside.set(), go_on.wait(30))
    thread = threading.Thread(target=lambda: clf.unlearn(index=[1], strategy=strategy))
    thread.start()
    inside.wait(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            clf.set_params(backend="statevector").unlearn(index=[2])
            clf.predict(X)
            NoiseStream(0).draw()
            os._exit(0 if not clf.is_member(X)[2] and clf.is_member(X)[1] else 3)
        except BaseException:
            os._exit(4)
    _, status = os.waitpid(child, 0)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert clf.is_member(X)[2]
    assert not clf.is_member(X)[1]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
def test_ctrl_c_while_waiting_begins_nothing_and_blocks_nobody(fitted):
    # (what runs in the background of a shell ignores it)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _interrupt_who_waits(fitted)
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt_who_waits(fitted):
    clf = copy.deepcopy(fitted["retrain"])
    inside, go_on = threading.Event(), threading.Event()
    strategy = AsksAgain()
    strategy.call = lambda: (inside.set(), go_on.wait(30))
    other = threading.Thread(target=lambda: clf.unlearn(index=[1], strategy=strategy))
    other.start()
    inside.wait(30)
    main = threading.main_thread().ident
    killer = threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT))
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        clf.unlearn(index=[2])
    go_on.set()
    other.join()
    killer.join()
    assert [entry["status"] for entry in clf.unlearning_log_] == ["done"]
    clf.unlearn(index=[2])
    assert clf.is_member(X).sum() == len(X) - 2


# Python swallows an interrupt that comes in a finalizer or a callback of the collector (hypothesis
# leaves one of these), and tells of it there: nobody can pass it on.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_ctrl_c_at_any_moment_leaves_one_state_or_the_other(fitted):
    """Interrupts by the clock, everywhere: in the lock, in the commit, in the log."""
    clf = copy.deepcopy(fitted["ridge"])
    clf.predict(X)
    started = time.perf_counter()
    copy.deepcopy(clf).unlearn(index=[0])
    whole = time.perf_counter() - started
    forgotten = 0
    for attempt in range(60):
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, max(1e-5, whole * (attempt % 20 + 1) / 18))
        try:
            clf.unlearn(index=[forgotten])
            signal.setitimer(signal.ITIMER_REAL, 0)  # in here: it may come at this very moment
        except KeyboardInterrupt:
            pass
        done = [entry for entry in clf.unlearning_log_ if entry["status"] == "done"]
        assert len(done) in (forgotten, forgotten + 1)
        members = clf.is_member(X)
        assert members.sum() == len(X) - len(done)
        assert not members[: len(done)].any()
        forgotten = len(done)
        if forgotten > 40:
            break
    assert forgotten
    clf.unlearn(index=[47])


def _interrupt(signum, frame):
    raise KeyboardInterrupt
