"""Training: weights, batches, stopping, going on, callbacks, interrupts, checkpoints, costs.

This file looks inside.
"""

import copy
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier
from skqmu._same_state import same_state
from skqmu.exceptions import MemberRecordError, TrainingDivergedError
from skqmu.network import Network
from skqmu.training import Checkpoint


def same_model(one, other):
    np.testing.assert_array_equal(one.params_, other.params_)


def interrupt_at(monkeypatch, n_calls, error=KeyboardInterrupt, method="backward"):
    """Make the n-th backward pass of any network raise, once."""
    whole, left = getattr(Network, method), [n_calls]

    def interrupted(self, *arguments, **more):
        left[0] -= 1
        if left[0] == 0:
            raise error
        return whole(self, *arguments, **more)

    monkeypatch.setattr(Network, method, interrupted)


# --- weights -----------------------------------------------------------------------------


def test_only_the_ratio_of_sample_weights_counts(small, blobs):
    X, y = blobs
    w = np.random.default_rng(0).uniform(0.5, 2, 60)
    first = small().fit(X, y, sample_weight=w)
    # Adam takes a step of full length even where the gradient is rounding noise.
    np.testing.assert_allclose(
        small().fit(X, y, sample_weight=7 * w).params_, first.params_, atol=1e-7
    )
    same_model(small().fit(X, y, sample_weight=np.full(60, 3.0)), small().fit(X, y))
    assert np.abs(small().fit(X, y).params_ - first.params_).max() > 1e-3


def test_a_whole_weight_is_as_many_copies_in_a_full_batch(small, blobs):
    X, y = blobs
    w = np.arange(60) % 3 + 1
    weighted = small().fit(X, y, sample_weight=w)
    repeated = small().fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    np.testing.assert_allclose(weighted.params_, repeated.params_, atol=1e-7)
    assert weighted.loss_ == pytest.approx(repeated.loss_)


def test_rows_of_no_weight_are_not_there(small, blobs):
    X, y = blobs
    w = (np.arange(60) % 4 > 0).astype(float)
    clf = small().fit(X, y, sample_weight=w)
    same_model(clf, small().fit(X[w > 0], y[w > 0]))
    assert clf.is_member(X).tolist() == (w > 0).tolist()
    assert clf.unlearn(index=[1]).unlearning_log_[-1]["n_retain"] == 44
    with pytest.raises(ValueError, match="positions 4 had zero weight"):
        clf.unlearn(index=[4])


@pytest.mark.parametrize(
    ("w", "message"),
    [
        (np.zeros(60), "zero|0 sample"),
        (-np.ones(60), "[Nn]egative"),
        (np.ones(59), "60"),
        (np.r_[np.nan, np.ones(59)], "NaN"),
    ],
)
def test_weights_that_are_none_are_refused(small, blobs, w, message):
    X, y = blobs
    with pytest.raises(ValueError, match=message):
        small().fit(X, y, sample_weight=w)


def test_class_weights_are_sample_weights(small, blobs):
    X, y = blobs
    weight = {0: 1.0, 1: 3.0}  # a class that is left out weighs 1
    by_class = small(class_weight=weight).fit(X, y)
    by_row = small().fit(X, y, sample_weight=np.where(y == 1, 3.0, 1.0))
    np.testing.assert_allclose(by_class.params_, by_row.params_, atol=1e-7)
    names = np.array(["a", "b", "c"])
    by_name = small(class_weight={"b": 3.0}).fit(X, names[y])
    np.testing.assert_allclose(by_name.params_, by_row.params_, atol=1e-7)


def test_balanced_classes_weigh_the_same_in_sum(small, blobs):
    X, y = blobs
    kept = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:5]]
    balanced = small(class_weight="balanced").fit(X[kept], y[kept])
    by_row = small().fit(X[kept], y[kept], sample_weight=np.where(y[kept] == 1, 4.0, 1.0))
    np.testing.assert_allclose(balanced.params_, by_row.params_, atol=1e-7)


def test_the_penalty_is_on_the_head_and_divided_by_the_rows(small, blobs):
    X, y = blobs
    simple = {"max_iter": 1, "solver": "sgd", "input_scale": 1.0, "observables": "z"}
    plain, penalised = (small(alpha=a, **simple).fit(X, y) for a in (0.0, 6.0))
    start = penalised._initial_params(
        penalised._network(), np.random.SeedSequence(penalised._fitted.seed)
    )
    kernel = slice(6, 12)
    expected = 0.5 * 6.0 / 60 * (start[kernel] @ start[kernel])
    assert penalised.loss_ - plain.loss_ == pytest.approx(expected)
    moved = penalised.params_ - plain.params_
    assert not moved[:6].any()
    assert not moved[12:].any()
    assert moved[kernel].all()


# --- batches, stopping -------------------------------------------------------------------


def test_auto_is_two_hundred_or_all(small):
    X, y = load_digits(return_X_y=True)
    X, y = PCA(2, random_state=0).fit_transform(X[:250]) / 10, y[:250]
    same_model(small(max_iter=2).fit(X, y), small(max_iter=2, batch_size=200).fit(X, y))
    same_model(
        small(max_iter=2).fit(X[:150], y[:150]),
        small(max_iter=2, batch_size=150).fit(X[:150], y[:150]),
    )


def test_mini_batches_take_as_many_steps_as_there_are_batches(small, blobs):
    X, y = blobs
    clf = small(batch_size=7, log_updates=True).fit(X, y)
    assert len(clf._fitted.updates) == 5 * 9
    assert {len(places) for places, _ in clf._fitted.updates} == {7, 4}
    one_by_one = small(batch_size=1, log_updates=True, max_iter=1).fit(X, y)
    assert sorted(int(p[0]) for p, _ in one_by_one._fitted.updates) == list(range(60))


def test_training_ends_when_the_loss_does_not_fall(small, blobs):
    X, y = blobs
    clf = small(max_iter=500, tol=0.05, n_iter_no_change=3).fit(X, y)
    assert clf.n_iter_ < 100
    assert "loss did not improve by tol=0.05" in clf.stop_reason_
    best = np.minimum.accumulate(clf.loss_curve_)
    improved = np.r_[True, clf.loss_curve_[1:] < best[:-1] - 0.05]
    assert not improved[-3:].any()
    assert improved[-4]


def test_early_stopping_keeps_the_epoch_with_the_lowest_validation_loss(small, blobs):
    X, y = blobs
    noisy = np.where(np.arange(60) % 3 == 0, (y + 1) % 3, y)
    clf = small(
        early_stopping=True, validation_fraction=0.3, max_iter=200, learning_rate_init=0.3, tol=0.0
    ).fit(X, noisy)
    held_out = clf._fitted.members.held_out
    assert held_out.sum() == 18
    assert np.bincount(noisy[held_out]).tolist() == (
        np.round(np.bincount(noisy) * 0.3).astype(int).tolist()
    )
    losses = [row["valid_loss"] for row in clf.history_]
    assert clf.n_iter_ == len(losses) < 200
    proba = clf.predict_proba(X[held_out])
    assert log_loss(noisy[held_out], proba, labels=clf.classes_) == pytest.approx(min(losses))
    assert int(np.argmin(losses)) == len(losses) - 1 - clf.n_iter_no_change
    assert clf.is_member(X).all()  # the validation part chose the model


def test_a_validation_part_needs_rows_beside_it(small):
    with pytest.raises(ValueError, match="n_samples=1 leaves none to train on"):
        small(early_stopping=True).fit([[1.0, 2.0]], [0])


# --- going on ----------------------------------------------------------------------------


def test_a_warm_start_goes_on_from_the_last_parameters_and_moments(small, blobs):
    X, y = blobs
    clf = small(warm_start=True, max_iter=3, tol=0.0).fit(X, y)
    first = clf.loss_curve_
    clf.fit(X, y)
    assert clf.loss_curve_[0] < first[-1]
    assert clf.n_iter_ == 3
    whole = small(max_iter=6, tol=0.0).fit(X, y)  # full batches: order and seed do not matter
    np.testing.assert_allclose(clf.params_, whole.params_, atol=1e-7)
    assert len(clf._fitted.members) == 60
    cold = small(max_iter=3, tol=0.0).fit(X, y).fit(X, y)
    same_model(cold, small(max_iter=3, tol=0.0).fit(X, y))


@pytest.mark.parametrize("solvers", [("adam", "sgd"), ("sgd", "adam")])
def test_another_solver_goes_on_without_the_moments_of_the_first(small, blobs, solvers):
    X, y = blobs
    for method in ("fit", "partial_fit"):
        clf = small(solver=solvers[0], warm_start=True).fit(X, y)
        clf.set_params(solver=solvers[1])
        getattr(clf, method)(X, y)
        assert np.isfinite(clf.loss_)


def test_a_warm_start_keeps_the_class_list_and_the_members(small, blobs):
    X, y = blobs
    clf = small(warm_start=True).fit(X[:30], y[:30])
    clf.fit(X[30:], y[30:])
    assert clf.is_member(X).all()
    clf.unlearn(X[[0, 40]])
    assert clf.is_member(X).sum() == 58
    with pytest.raises(ValueError, match=r"y holds classes \[9\]"):
        clf.fit(X, np.where(y == 2, 9, y))


def test_partial_fits_of_all_rows_are_the_epochs_of_a_fit(small, blobs):
    X, y = blobs
    clf = small()
    for _ in range(5):
        clf.partial_fit(X, y, classes=[0, 1, 2])
    whole = small(tol=0.0).fit(X, y)
    np.testing.assert_allclose(clf.params_, whole.params_, atol=1e-7)
    assert [row["epoch"] for row in clf.history_] == [1, 2, 3, 4, 5]
    assert clf.n_iter_ == 5
    assert len(clf._fitted.members) == 60


def test_partial_fit_learns_from_parts_and_remembers_them(small, blobs):
    X, y = blobs
    clf = small()
    with pytest.raises(ValueError, match="classes must be passed at the first call"):
        clf.partial_fit(X, y)
    assert not hasattr(clf, "classes_")
    clf.partial_fit(X[y == 0], y[y == 0], classes=[0, 1, 2])
    clf.partial_fit(X[y == 2], y[y == 2], sample_weight=np.arange(20) > 4)
    assert clf.is_member(X).sum() == 35
    with pytest.raises(ValueError, match="is not the list of the first call"):
        clf.partial_fit(X, y, classes=[0, 1])
    before = copy.deepcopy(vars(clf))
    with pytest.raises(ValueError, match=r"y holds classes \[7\]"):
        clf.partial_fit(X, np.where(y == 0, 7, y))
    assert same_state(before, dict(vars(clf))) is None
    clf.unlearn(X[y == 0][:3])
    assert "calls of fit or partial_fit" in " ".join(clf.unlearning_log_[-1]["notes"])
    clf.partial_fit(X[y == 1], y[y == 1])
    assert clf.is_member(X).sum() == 52


def test_a_row_that_partial_fit_trained_on_is_no_longer_held_out(small, blobs):
    X, y = blobs
    clf = small(early_stopping=True).fit(X, y)
    assert clf._fitted.members.held_out.sum() == 6
    held_out = X[clf._fitted.members.held_out]
    clf.partial_fit(
        held_out[:4], clf.predict(held_out[:4]) * 0 + y[clf._fitted.members.held_out][:4]
    )
    assert clf._fitted.members.held_out.sum() == 2


# --- composition -------------------------------------------------------------------------


def test_clones_and_pickles(small, blobs):
    X, y = blobs
    clf = small(batch_size=16).fit(X, y)
    fresh = clone(clf)
    assert fresh.get_params() == clf.get_params()
    same_model(fresh.fit(X, y), clf)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    loaded.partial_fit(X, y)
    clf.partial_fit(X, y)
    same_model(loaded, clf)
    assert (
        repr(clf)
        == "QNNClassifier(batch_size=16, max_iter=5, n_layers=1, n_qubits=2, random_state=0)"
    )


def test_a_pickle_predicts_in_another_process(small, blobs, tmp_path):
    X, y = blobs
    clf = small().fit(X, y)
    (tmp_path / "clf").write_bytes(pickle.dumps((clf, X)))
    code = (
        "import pickle, sys; clf, X = pickle.load(open(sys.argv[1], 'rb'));"
        "print(clf.predict_proba(X).tobytes().hex())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "clf")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    proba = np.frombuffer(bytes.fromhex(out.strip())).reshape(60, 3)
    np.testing.assert_array_equal(proba, clf.predict_proba(X))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_fits_in_workers_equal_those_here(small, blobs, backend):
    X, y = blobs
    models = [small(random_state=seed, batch_size=9) for seed in range(4)]
    with joblib.parallel_config(backend=backend):
        fitted = joblib.Parallel(n_jobs=2)(joblib.delayed(m.fit)(X, y) for m in models)
    for mine, theirs in zip(models, fitted, strict=True):
        same_model(clone(mine).fit(X, y), theirs)
        theirs.unlearn(X[:1])


def test_threads_that_share_an_estimator_do_not_disturb_each_other(small, blobs):
    X, y = blobs
    clf = small(n_qubits=3).fit(X, y)
    parts = [X[i : i + 7 + i % 5] for i in range(40)]
    expected = [clf.predict_proba(part) for part in parts]
    for _ in range(5):
        found = joblib.Parallel(n_jobs=4, backend="threading")(
            joblib.delayed(clf.predict_proba)(part) for part in parts
        )
        for mine, theirs in zip(expected, found, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_a_grid_search_in_a_pipeline_is_the_same_for_every_n_jobs(small):
    X, y = load_digits(n_class=3, return_X_y=True)
    X, y = X[:60], y[:60]
    pipeline = Pipeline([("scale", StandardScaler()), ("pca", PCA(2)), ("qnn", small())])
    results = []
    for n_jobs in (1, 2):
        search = GridSearchCV(
            pipeline,
            {"qnn__n_layers": [1, 2], "pca__n_components": [2, 3]},
            cv=2,
            n_jobs=n_jobs,
            error_score="raise",
        ).fit(X, y)
        results.append(search)
    for key in ("mean_test_score", "split1_test_score"):
        np.testing.assert_array_equal(*(search.cv_results_[key] for search in results))
    same_model(*(search.best_estimator_[-1] for search in results))


def test_a_parameter_set_after_fit_waits_for_the_next_fit(small, blobs):
    X, y = blobs
    clf = small().fit(X, y)
    before = clf.predict_proba(X)
    clf.set_params(
        n_layers=3, encoding="angle_xyz", n_qubits=3, entanglement="none", observables="z"
    )
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.n_qubits_ == 2
    clf.unlearn(X[:1])
    assert clf.params_.shape == (3 + 6 + 3 * 3 + 3,)
    assert clf.fit(X, y).n_qubits_ == 3


@pytest.mark.parametrize("random_state", [None, 3, "instance"])
def test_the_global_generator_is_left_alone_unless_it_is_asked_for(small, blobs, random_state):
    X, y = blobs
    if random_state == "instance":
        random_state = np.random.RandomState(0)
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    clf = small(random_state=random_state).fit(X, y)
    clf.unlearn(X[:2])
    after = pickle.dumps(np.random.get_state())  # noqa: NPY002
    assert before == after or random_state is None
    if random_state is not None and not isinstance(random_state, int):
        assert np.abs(clf.fit(X, y).params_ - small(random_state=0).fit(X, y).params_).max() > 0


# --- what is shown -----------------------------------------------------------------------


def test_verbose(small, blobs, capsys):
    X, y = blobs
    small(verbose=2, max_iter=3, early_stopping=True).fit(X, y)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert out[0].startswith("[QNNClassifier fit] epoch 1: loss ")
    assert "valid_loss" in out[0]
    small(verbose=1, max_iter=3).fit(X, y)
    captured = capsys.readouterr()
    assert "QNNClassifier fit" in captured.err
    assert "3/3" in captured.err
    assert not captured.out
    small(max_iter=3).fit(X, y)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


sklearn_callback = pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")


def test_scikit_learn_s_progress_bar(small, blobs, capsys):
    X, y = blobs
    small(max_iter=4).set_callbacks(sklearn_callback.ProgressBar()).fit(X, y)
    out = "".join(capsys.readouterr())
    assert "QNNClassifier - fit" in out
    assert "100%" in out


def test_scikit_learn_s_scoring_monitor(small, blobs):
    X, y = blobs
    monitor = sklearn_callback.ScoringMonitor(scoring="accuracy")
    clf = small(max_iter=4, batch_size=20).set_callbacks(monitor).fit(X, y)
    rows = monitor.get_logs().data
    epochs = [row["accuracy"] for row in rows if row["task_name"] == "epoch"]
    assert len(epochs) == clf.n_iter_ == 4
    assert epochs[-1] == clf.score(X, y)
    for n_epochs, score in enumerate(epochs, start=1):
        assert score == small(max_iter=n_epochs, batch_size=20).fit(X, y).score(X, y)
    # callbacks are no part of the model
    same_model(clf, small(max_iter=4, batch_size=20).fit(X, y))
    assert clone(clf)._skl_callbacks
    clf.unlearn(X[:1])


class StopAt:
    """A callback of one's own."""

    def __init__(self, n_epochs, error=None):
        self.left, self.error = n_epochs, error
        self.begun = self.ended = 0

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context):
        self.torn_down = True

    def on_fit_task_begin(self, estimator, context):
        self.begun += 1

    def on_fit_task_end(self, estimator, context):
        self.ended += 1
        if context.task_name == "epoch":
            self.left -= 1
            if self.left == 0 and self.error is not None:
                raise self.error
        return self.left == 0


def test_a_callback_may_end_the_training(small, blobs):
    X, y = blobs
    callback = StopAt(2)
    clf = small().set_callbacks(callback).fit(X, y)
    assert clf.n_iter_ == 2
    assert clf.stop_reason_ == "a callback asked to stop"
    assert callback.begun == callback.ended == 3  # two epochs and the fit itself


def test_every_task_that_begins_ends_when_training_stops_early(small, blobs):
    X, y = blobs
    callback = StopAt(99)
    clf = small(max_iter=99, tol=10.0, n_iter_no_change=2).set_callbacks(callback).fit(X, y)
    assert clf.n_iter_ < 99
    assert callback.begun == callback.ended == clf.n_iter_ + 1


def test_an_interrupt_in_a_callback_is_one_in_fit(small, blobs):
    X, y = blobs
    callback = StopAt(2, KeyboardInterrupt())
    clf = small().set_callbacks(callback)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert callback.torn_down
    same_model(clf, small(max_iter=2).fit(X, y))
    assert not [name for name in vars(clf) if name.startswith("_callback")]


# --- interrupts --------------------------------------------------------------------------


@pytest.mark.parametrize("n_calls", [2, 5, 6, 11])
def test_after_ctrl_c_the_model_is_that_of_the_last_step(small, blobs, monkeypatch, n_calls):
    X, y = blobs
    interrupt_at(monkeypatch, n_calls)
    clf = small(batch_size=20)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert clf.n_iter_ == (n_calls - 1) // 3
    assert clf.fit_cost_["gradient_rows"] == 20 * (n_calls - 1)
    assert clf.is_member(X).all()
    assert np.isfinite(clf.predict_proba(X)).all()
    clf.unlearn(X[:1])


def test_ctrl_c_before_the_first_step_leaves_what_was(small, blobs, monkeypatch):
    X, y = blobs
    fitted = small().fit(X, y)
    before = copy.deepcopy(vars(fitted))
    for clf in (small(), fitted):
        with monkeypatch.context() as patched:
            interrupt_at(patched, 1)
            with pytest.raises(KeyboardInterrupt):
                clf.fit(X + 1, y)
    assert same_state(before, dict(vars(fitted))) is None
    assert not hasattr(small(), "params_")


@pytest.mark.parametrize(
    "params",
    [
        {"learning_rate_init": 1e300},
        {"solver": "sgd", "learning_rate_init": 1e300},
        {"alpha": 1e300},
    ],
)
def test_divergence_leaves_a_fitted_estimator_as_it_was(small, blobs, params):
    X, y = blobs
    clf = small().fit(X, y)
    before = copy.deepcopy(vars(clf))
    clf.set_params(**params)
    for call in (clf.fit, lambda X, y: clf.set_params(warm_start=True).fit(X, y)):
        with pytest.raises(TrainingDivergedError, match="non-finite in epoch"):
            call(X, y)
    # the noise of a failed run is not drawn again
    same = [*params, "warm_start"]
    after = {**vars(clf), **{name: before[name] for name in same}}
    after["_fitted"] = replace(clf._fitted, noise=before["_fitted"].noise)
    assert same_state(before, after) is None
    clf = small(**params)
    with pytest.raises(TrainingDivergedError):
        clf.fit(X, y)
    assert vars(clf) == clf.get_params(deep=False)


# --- checkpoints -------------------------------------------------------------------------


@pytest.mark.parametrize("n_calls", [1, 3, 4, 9, 14, 20])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_resumed_fit_equals_the_undisturbed_one_bit_by_bit(
    small, blobs, tmp_path, monkeypatch, n_calls, early_stopping
):
    X, y = blobs
    params = {
        "batch_size": 16,
        "max_iter": 6,
        "early_stopping": early_stopping,
        "log_updates": True,
    }
    undisturbed = small(**params).fit(X, y)
    clf = small(**params, checkpoint=tmp_path / "fit")
    with monkeypatch.context() as patched:
        interrupt_at(patched, n_calls)
        with pytest.raises(KeyboardInterrupt):
            clf.fit(X, y)
    clf = small(**params, checkpoint=str(tmp_path / "fit")).fit(X, y)
    assert clf.fit_cost_["gradient_rows"] == undisturbed.fit_cost_["gradient_rows"]
    # (the interrupted step's forward pass was paid for)
    skipped = {"checkpoint", "history_", "fit_cost_"}
    states = [{k: v for k, v in vars(c).items() if k not in skipped} for c in (clf, undisturbed)]
    for state in states:
        settings = {**state["_fitted"].settings, "checkpoint": None}  # (which is a setting)
        state["_fitted"] = replace(state["_fitted"], files=(), settings=settings)
    assert same_state(*states) is None
    for one, other in zip(clf.history_, undisturbed.history_, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    # a second fit finds the whole run done
    again = small(**params, checkpoint=str(tmp_path / "fit")).fit(X, y)
    same_model(again, undisturbed)
    assert again.fit_cost_ == clf.fit_cost_


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_fit_that_was_killed_when_it_had_just_stopped_is_not_trained_on(
    small, blobs, tmp_path, monkeypatch, early_stopping
):
    params = {"max_iter": 200, "early_stopping": early_stopping, "n_iter_no_change": 2, "tol": 0.05}
    whole = small(**params).fit(*blobs)
    assert whole.n_iter_ < 200
    with monkeypatch.context() as patched:
        # the last word of the file is that of the last epoch, and not that it is over
        patched.setattr(Checkpoint, "end", lambda self, run: None)
        small(**params, checkpoint=tmp_path / "fit").fit(*blobs)
    again = small(**params, checkpoint=tmp_path / "fit").fit(*blobs)
    assert (again.n_iter_, again.stop_reason_) == (whole.n_iter_, whole.stop_reason_)
    same_model(again, whole)


def test_a_checkpoint_is_resumed_in_another_process_with_a_circuit_of_one_s_own(tmp_path):
    code = """
import sys, numpy as np
from qiskit.circuit import ParameterVector, QuantumCircuit
from skqmu import QNNClassifier
x = ParameterVector("in", 2)
encoder = QuantumCircuit(2)
encoder.rx(x[0], 0)
encoder.ry(x[1], 1)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 2)), np.arange(20) % 2
class Stop:
    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context): ...
    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == 3 and sys.argv[2] == "stop":
            raise KeyboardInterrupt
clf = QNNClassifier(encoder, n_layers=1, max_iter=6, random_state=0, checkpoint=sys.argv[1])
try:
    clf.set_callbacks(Stop()).fit(X, y)
except KeyboardInterrupt:
    pass
print(clf._network().meter.gradient_rows, clf.params_.tobytes().hex())
"""

    def run(path, how):
        return subprocess.run(
            [sys.executable, "-c", code, str(path), how],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout.split()

    assert run(tmp_path / "a", "stop")[0] == "80"
    resumed = run(tmp_path / "a", "go")
    assert resumed[0] in ("40", "60")  # not the four epochs before
    assert resumed[1] == run(tmp_path / "b", "go")[1]


@pytest.mark.parametrize(
    "change",
    [
        {"n_layers": 2},
        {"learning_rate_init": 0.01},
        {"random_state": 1},
        {"max_iter": 9},
        {"class_weight": {0: 2.0}},
    ],
)
def test_a_checkpoint_of_another_fit_is_refused_and_kept(small, blobs, tmp_path, change):
    X, y = blobs
    path = tmp_path / "fit"
    small(checkpoint=path).fit(X, y)
    content = path.read_bytes()
    other = small(checkpoint=path, **change)
    with pytest.raises(ValueError, match="belongs to another fit"):
        other.fit(X, y)
    assert path.read_bytes() == content
    assert vars(other) == other.get_params(deep=False)


def test_a_checkpoint_of_other_data_is_refused(small, blobs, tmp_path):
    X, y = blobs
    path = tmp_path / "fit"
    small(checkpoint=path, early_stopping=True).fit(X, y)
    moved = X.copy()
    moved[small(early_stopping=True).fit(X, y)._fitted.members.held_out] += 1e-9
    for data in ((X[:50], y[:50]), (X + 1e-12, y), (X, np.roll(y, 1)), (moved, y)):
        with pytest.raises(ValueError, match="belongs to another fit"):
            small(checkpoint=path, early_stopping=True).fit(*data)
    with pytest.raises(ValueError, match="belongs to another fit"):
        small(checkpoint=path, early_stopping=True).fit(X, y, sample_weight=np.arange(1, 61))


def test_unlearning_deletes_the_checkpoint_that_fit_wrote(small, blobs, tmp_path, monkeypatch):
    X, y = blobs
    monkeypatch.chdir(tmp_path)
    clf = small(checkpoint="fit.pickle").fit(X, y)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "fit.pickle").write_text("another's")
    clf.set_params(checkpoint=None).unlearn(X[:1])
    assert not (tmp_path / "fit.pickle").exists()
    assert (tmp_path / "elsewhere" / "fit.pickle").read_text() == "another's"
    assert "checkpoint fit.pickle was deleted" in " ".join(clf.unlearning_log_[-1]["notes"])
    clf.unlearn(X[1:2])
    assert "checkpoint" not in " ".join(clf.unlearning_log_[-1]["notes"])


# --- costs, and what a fit leaves ----------------------------------------------------------


def test_the_cost_of_a_fit(small, blobs):
    X, y = blobs
    clf = small().fit(X, y)
    assert clf.fit_cost_ == {
        "forward_rows": 300,
        "gradient_rows": 300,
        "circuits": 300,
        "shots": 0,
    }
    clf.predict(X)
    assert clf.fit_cost_["forward_rows"] == 300
    clf.partial_fit(X[:10], y[:10])
    assert clf.fit_cost_["gradient_rows"] == 10
    clf.unlearn(X[:10])
    assert clf.fit_cost_["gradient_rows"] == 250 == clf.unlearning_log_[-1]["cost"]["gradient_rows"]
    clf.unlearn(X[10:20], strategy="gradient_ascent", X_reference=X[:5] + 1, y_reference=y[:5])
    assert clf.fit_cost_["gradient_rows"] == 250  # still that of the last fit
    clf = small(early_stopping=True, tol=0.0).fit(X, y)
    assert clf.fit_cost_["gradient_rows"] == 5 * 54
    assert clf.fit_cost_["forward_rows"] == 5 * 60
    for head in ("ridge", "logistic"):
        clf = small(trainable="head", head=head).fit(X, y)
        assert 60 <= clf.fit_cost_["circuits"] == clf.fit_cost_["forward_rows"] < 70


def test_the_history_says_what_happened(small, blobs):
    X, y = blobs
    clf = small(solver="sgd", tol=0.0).fit(X, y)
    assert [row["epoch"] for row in clf.history_] == [1, 2, 3, 4, 5]
    assert clf.loss_curve_ == [row["loss"] for row in clf.history_]
    assert clf.loss_ == clf.loss_curve_[-1]
    assert all(a > b for a, b in pairwise(clf.loss_curve_))
    assert all(row["gradient_norm"] > 0 and row["seconds"] > 0 for row in clf.history_)


def test_the_caller_s_arrays_are_not_kept_and_not_changed(small, blobs):
    X, y = blobs
    X, y = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    clf = small().fit(X, y)
    X.flags.writeable = True
    expected, row = clf.predict_proba(X), X[:1].copy()
    X[:] = 0.0
    np.testing.assert_array_equal(clf.is_member(row), [True])
    np.testing.assert_allclose(clf.predict_proba(row), expected[:1], rtol=1e-12)


def test_a_released_copy_cannot_be_trained_on(small, blobs):
    X, y = blobs
    released = small(warm_start=True).fit(X, y).release()
    for call in (released.fit, released.partial_fit):
        with pytest.raises(MemberRecordError, match="released copy"):
            call(X, y)
    released.set_params(warm_start=False).fit(X, y).unlearn(X[:1])


def test_fingerprints_without_a_key_are_refused_before_the_training(small, blobs, monkeypatch):
    X, y = blobs
    interrupt_at(monkeypatch, 1, AssertionError("trained"))
    with pytest.raises(MemberRecordError, match="at least 16 random bytes"):
        small(store_data="fingerprints").fit(X, y)
    with pytest.raises(ValueError, match="fingerprint_key= belongs to"):
        small().fit(X, y, fingerprint_key=bytes(16))


def test_solved_heads_are_fitted_once(blobs):
    X, y = blobs
    clf = QNNClassifier(trainable="head", head="ridge", random_state=0)
    assert not hasattr(clf, "partial_fit")
    with pytest.raises(ValueError, match="solved at once"):
        clf.set_params(warm_start=True).fit(X, y).fit(X, y)
