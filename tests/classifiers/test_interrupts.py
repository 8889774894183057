"""A request, or a fit, that is cut off at any point: nothing changes but the log.

This file looks inside.
"""

import copy
import gc
import pickle
import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu._owned import OwnedFile
from skqmu._same_state import same_state
from skqmu.backends import AerBackend, Budget
from skqmu.classifiers._shards import RemovedModels
from skqmu.exceptions import BackendError, BudgetExceededError, UnlearningWarning
from skqmu.unlearning import FineTune, SelectiveDampening

rng = np.random.default_rng(3)
Y = np.arange(12) % 2
X = rng.normal(size=(12, 2)) + rng.normal(size=(2, 2))[Y]
GONE = [1, 6]
REST = {"X_retain": np.delete(X, GONE, axis=0), "y_retain": np.delete(Y, GONE)}
KEY = bytes(range(32))


class CutOff(AerBackend):
    """Shots on a simulator that somebody interrupts in the midst of a job."""

    jobs_left = None
    error = KeyboardInterrupt

    def compile(self, circuit, observables, *, inputs, weights):
        executable = super().compile(circuit, observables, inputs=inputs, weights=weights)
        run = executable._job

        def job(columns):
            if CutOff.jobs_left is not None:
                CutOff.jobs_left -= 1
                if CutOff.jobs_left < 0:
                    raise CutOff.error("planted")
            return run(columns)

        executable._job = job
        return executable


@pytest.fixture
def cut_off():
    """Interrupt the next piece of work at its k-th job."""

    def at(k, error=KeyboardInterrupt):
        CutOff.jobs_left, CutOff.error = k, error

    yield at
    CutOff.jobs_left = None


def small(backend=None, **params):
    backend = CutOff(shots=16) if backend is None else backend
    params = {"n_qubits": 2, "n_layers": 1, "max_iter": 2, "random_state": 0, **params}
    return QNNClassifier(backend=backend, **params)


def with_fingerprints():
    dampening = SelectiveDampening(alpha=1.01)
    clf = small(store_data="fingerprints", unlearning=dampening).fit(X, Y, fingerprint_key=KEY)
    return clf, lambda c: c.unlearn(X[GONE], fingerprint_key=KEY)


def with_rows(**params):
    return small(**params).fit(X, Y), lambda c: c.unlearn(index=GONE)


REQUESTS = {
    "retrain": with_rows,
    "early stopping": lambda: with_rows(early_stopping=True),
    "dampening": lambda: with_rows(unlearning=SelectiveDampening(alpha=1.01)),
    "fingerprints": with_fingerprints,
    "steps": lambda: with_rows(unlearning=FineTune(max_iter=2), batch_size=5),
    "several fits": lambda: (
        small().partial_fit(X[:7], Y[:7], [0, 1]).partial_fit(X[7:], Y[7:]),
        lambda c: c.unlearn(index=GONE),
    ),
    "hybrid": lambda: (
        HybridQNNClassifier(
            n_qubits=2, n_layers=1, max_iter=1, random_state=0, backend=CutOff(shots=16)
        ).fit(X, Y),
        lambda c: c.unlearn(index=GONE),
    ),
    "shards": lambda: (
        ShardedClassifier(small(max_iter=1), n_shards=2, n_slices=2, random_state=0).fit(X, Y),
        lambda c: c.unlearn(index=GONE),
    ),
    "experiment": lambda: (
        UnlearningClassifier(small(max_iter=1)).fit(X, Y, forget=np.arange(12) == 3),
        lambda c: c.unlearn(index=GONE),
    ),
}


def quietly(call, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args)


def n_jobs_of(call, clf):
    CutOff.jobs_left = 10**6
    quietly(call, copy.deepcopy(clf))
    n_jobs, CutOff.jobs_left = 10**6 - CutOff.jobs_left, None
    return n_jobs


@pytest.mark.parametrize("name", REQUESTS)
def test_ctrl_c_in_any_job_changes_nothing_but_the_log(name, cut_off):
    clf, ask = quietly(REQUESTS[name])
    undisturbed = quietly(ask, copy.deepcopy(clf))
    n_jobs = n_jobs_of(ask, clf)
    assert n_jobs > 3
    for k in range(n_jobs):
        before = copy.deepcopy(clf)
        error = KeyboardInterrupt if k % 2 else BackendError
        cut_off(k, error)
        with pytest.raises(error):
            quietly(ask, clf)
        cut_off(None)
        assert same_state(before, clf, but=("unlearning_log_",)) is None, k
        entry = clf.unlearning_log_[-1]
        assert len(clf.unlearning_log_) == len(before.unlearning_log_) + 1
        assert entry["status"] == ("interrupted" if k % 2 else "failed")
    # Asked again, it draws the same noise: as if nothing had been.
    quietly(ask, clf)
    np.testing.assert_array_equal(clf.predict_proba(X), undisturbed.predict_proba(X))


@pytest.mark.parametrize("name", ["retrain", "dampening", "fingerprints", "steps"])
def test_a_budget_that_ends_anywhere_is_in_the_log_with_all_that_was_spent(name):
    clf, ask = quietly(REQUESTS[name])
    n_jobs = n_jobs_of(ask, clf)
    for jobs in range(n_jobs):
        before = copy.deepcopy(clf)
        with Budget(jobs=jobs).enforced() as spent, pytest.raises(BudgetExceededError):
            quietly(ask, clf)
        assert same_state(before, clf, but=("unlearning_log_",)) is None, jobs
        entry = clf.unlearning_log_[-1]
        assert entry["status"] == "failed"
        for unit in ("circuits", "shots"):
            assert entry["cost"][unit] + entry["measuring_cost"][unit] == spent[unit]
    with Budget(jobs=n_jobs).enforced() as spent:
        quietly(ask, clf)
    entry = clf.unlearning_log_[-1]
    assert entry["status"] == "done"
    assert entry["cost"]["shots"] + entry["measuring_cost"]["shots"] == spent["shots"]


def test_a_fit_says_what_measuring_importances_for_later_has_cost():
    clf = small(store_data="fingerprints", unlearning=SelectiveDampening(alpha=1.01))
    with Budget().enforced() as spent:
        clf.fit(X, Y, fingerprint_key=KEY)
    assert clf.fit_cost_["shots"] == spent["shots"]


def test_a_partial_fit_that_fails_draws_no_noise_from_the_next(cut_off):
    clf = small().partial_fit(X, Y, [0, 1])
    undisturbed = copy.deepcopy(clf).partial_fit(X, Y)
    for k in range(n_jobs_of(lambda c: c.partial_fit(X, Y), clf)):
        before = copy.deepcopy(clf)
        error = BackendError if k % 2 else KeyboardInterrupt
        cut_off(k, error)
        with pytest.raises(error):
            clf.partial_fit(X, Y)
        cut_off(None)
        assert same_state(before, clf) is None
    np.testing.assert_array_equal(clf.partial_fit(X, Y).params_, undisturbed.params_)
    np.testing.assert_array_equal(clf.predict_proba(X), undisturbed.predict_proba(X))


def test_a_fit_that_fails_leaves_the_model_that_was(cut_off):
    clf = small().fit(X, Y)
    for k in range(3):
        before = copy.deepcopy(clf)
        cut_off(k, BackendError)
        with pytest.raises(BackendError):
            clf.fit(X[:8], Y[:8])
        cut_off(None)
        assert same_state(before, clf) is None
    np.testing.assert_array_equal(clf.predict_proba(X), before.predict_proba(X))


def test_an_experiment_that_fails_leaves_the_one_that_was(cut_off):
    clf, _ = REQUESTS["experiment"]()
    before = copy.deepcopy(clf)
    cut_off(5, BackendError)
    with pytest.raises(BackendError):
        clf.fit(X[:9], Y[:9], forget=np.arange(9) == 0)
    assert same_state(before, clf) is None


def test_shards_say_what_was_spent_before_the_failure(cut_off):
    clf, ask = REQUESTS["shards"]()
    cut_off(n_jobs_of(ask, clf) - 1)
    with Budget().enforced() as spent, pytest.raises(KeyboardInterrupt):
        ask(clf)
    cost = clf.unlearning_log_[-1]["cost"]
    assert 0 < cost["shots"] <= spent["shots"]


def test_a_request_that_is_cut_off_keeps_the_checkpoint(tmp_path, cut_off):
    path = tmp_path / "fit"
    clf, ask = with_rows(checkpoint=path)
    content = path.read_bytes()
    cut_off(4)
    with pytest.raises(KeyboardInterrupt):
        ask(clf)
    cut_off(None)
    assert path.read_bytes() == content
    ask(clf)
    assert not path.exists()


def test_ctrl_c_between_the_commit_and_the_files_leaves_no_file_behind(tmp_path, monkeypatch):
    path = tmp_path / "fit"
    clf, ask = with_rows(checkpoint=path)

    def interrupted(paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(OwnedFile, "discard", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ask(clf)
    # The request is done, and what it still owes is known.
    assert clf.unlearning_log_[-1]["status"] == "done"
    assert not clf.is_member(X[GONE]).any()
    assert path.exists()
    with pytest.raises(ValueError, match="already forgotten"):
        ask(clf)
    assert not path.exists()
    assert "checkpoint fit was deleted" in " ".join(clf.unlearning_log_[-1]["notes"])


@pytest.mark.parametrize("strategy", ["retrain", "fine_tune", "gradient_ascent"])
def test_ctrl_c_in_place_of_the_commit_leaves_no_claim_in_the_log(monkeypatch, strategy):
    clf, _ = with_rows(backend="statevector")
    before = clf.params_
    with monkeypatch.context() as patched:
        patched.setattr("skqmu.classifiers.state.Writing.commit", _stop)
        with pytest.raises(KeyboardInterrupt):
            clf.unlearn(index=[0], strategy=strategy)
    entry = clf.unlearning_log_[-1]
    assert entry["status"] == "interrupted"
    assert not {"certificate", "after", "harm", "target_reached", "stop_reason"} & entry.keys()
    assert entry["n_forget"] == 1
    assert entry["cost"]
    assert clf.params_ is before
    assert clf.is_member(X[:1]).all()


def test_ctrl_c_in_place_of_the_commit_of_shards_leaves_no_claim_in_the_log(monkeypatch):
    clf = stored_shards(None).fit(X, Y)
    with monkeypatch.context() as patched:
        patched.setattr("skqmu.classifiers.state.Writing.commit", _stop)
        with pytest.raises(KeyboardInterrupt):
            clf.unlearn(index=[0])
    entry = clf.unlearning_log_[-1]
    assert (entry["status"], "certificate" in entry) == ("interrupted", False)
    assert entry["shards_refitted"] == 1


def _stop(*_):
    raise KeyboardInterrupt


def files_below(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored_shards(where, **params):
    params = {"n_shards": 2, "n_slices": 2, "random_state": 0, **params}
    return ShardedClassifier(small(max_iter=1), checkpoint_dir=where, **params)


def test_a_request_to_stored_shards_that_is_cut_off_leaves_their_files_and_is_asked_again(
    tmp_path, cut_off
):
    clf = stored_shards(tmp_path).fit(X, Y)
    undisturbed = stored_shards(None).fit(X, Y)
    before = files_below(tmp_path)
    n_jobs = n_jobs_of(lambda c: c.unlearn(index=GONE), clf)
    assert n_jobs > 3
    for k in range(n_jobs):
        cut_off(k)
        with pytest.raises(KeyboardInterrupt):
            clf.unlearn(index=GONE)
        cut_off(None)
        assert files_below(tmp_path) == before
    clf.unlearn(index=GONE)
    undisturbed.unlearn(index=GONE)
    for own, other in zip(clf.models_, undisturbed.models_, strict=True):
        assert [m.load().params_.tolist() for m in own] == [m.params_.tolist() for m in other]
    n_gone = len(set(before) - set(files_below(tmp_path)))
    assert f"{n_gone} slice files were deleted." in clf.unlearning_log_[-1]["notes"]
    assert len(list(tmp_path.rglob("*.npz"))) == 4


def test_a_fit_to_the_same_checkpoint_dir_that_is_cut_off_leaves_the_fit_before(tmp_path, cut_off):
    clf = stored_shards(tmp_path).fit(X, Y)
    before = files_below(tmp_path)
    cut_off(7)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[:8], Y[:8])
    cut_off(None)
    assert files_below(tmp_path) == before
    assert clf.predict(X).shape == (12,)
    clf.fit(X[:8], Y[:8])
    assert not set(files_below(tmp_path)) & set(before)
    assert len(list(tmp_path.iterdir())) == 1
    clf.unlearn(index=[0])
    assert clf.predict(X).shape == (12,)


def test_ctrl_c_between_the_commit_of_shards_and_their_files_leaves_no_file_behind(
    tmp_path, monkeypatch
):
    clf = stored_shards(tmp_path, n_slices=1).fit(X, Y)
    before = set(tmp_path.rglob("*.npz"))

    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RemovedModels, "discard", interrupted)
        with pytest.raises(KeyboardInterrupt):
            clf.unlearn(index=[0])
    assert before < set(tmp_path.rglob("*.npz"))
    assert not clf.is_member(X[:1]).any()
    other = pickle.loads(pickle.dumps(clf))
    other.unlearn(index=[1])
    assert before < set(tmp_path.rglob("*.npz"))  # no copy's affair
    with pytest.raises(ValueError, match="already forgotten"):
        clf.unlearn(index=[0])
    assert len(list(tmp_path.rglob("*.npz"))) == 2
    assert "1 slice files were deleted." in clf.unlearning_log_[-1]["notes"]


@pytest.mark.parametrize("masked", [False, True])
def test_an_experiment_whose_request_fails_keeps_its_checkpoint_and_the_right_to_it(
    masked, tmp_path, cut_off
):
    path = tmp_path / "fit"
    clf = UnlearningClassifier(small(max_iter=1, checkpoint=path))
    clf = clf.fit(X, Y, forget=np.arange(12) == 3 if masked else None)
    content = path.read_bytes()
    for job in (4, 2):  # (the second time the retraining goes on from what the first one did)
        cut_off(job)
        with pytest.raises(KeyboardInterrupt):
            clf.unlearn(index=GONE)
        with pytest.raises(ValueError):
            clf.unlearn(index=[99])
        cut_off(None)
        assert path.read_bytes() == content
    original = clf.original_
    clf.unlearn(index=GONE)
    assert not path.exists()
    assert "checkpoint fit was deleted" in " ".join(clf.unlearning_log_[-1]["notes"])
    assert original.is_member(X).all()


def test_shards_in_a_pipeline_that_is_refitted_leave_no_file_of_the_old_ones(tmp_path, cut_off):
    model = make_pipeline(StandardScaler(), stored_shards(tmp_path)).fit(X, Y)
    before = files_below(tmp_path)

    def ask():
        return skqmu.unlearn(model, X[GONE], **REST, upstream="refit")

    cut_off(5)
    with pytest.raises(KeyboardInterrupt):
        ask()
    cut_off(None)
    assert files_below(tmp_path) == before
    ask()
    assert "4 slice files were deleted." in model[-1].unlearning_log_[-1]["notes"]
    gc.collect()
    assert not set(files_below(tmp_path)) & set(before)
    assert model.predict(X).shape == (12,)


def test_who_makes_warnings_errors_keeps_the_copies_and_has_nothing_in_the_log():
    twice = np.concatenate([X, X[:1]]), np.concatenate([Y, Y[:1]])
    shards = ShardedClassifier(small(max_iter=1), n_shards=2, random_state=0)
    for clf in (small(max_iter=1).fit(*twice), shards.fit(*twice)):
        with pytest.raises(UnlearningWarning, match="1 more stored"):  # pytest makes them errors
            clf.unlearn(X[:1])
        assert clf.is_member(X[:1]).all()
        assert clf.unlearning_log_ == []
        with pytest.warns(UnlearningWarning, match="1 more stored") as caught:
            clf.unlearn(X[:1])
        assert {w.filename for w in caught if w.category is UnlearningWarning} == {__file__}
        entry = clf.unlearning_log_[-1]
        assert (entry["n_requested"], entry["n_forget"]) == (1, 2)


def test_ctrl_c_in_a_pipeline_refit_changes_no_step(cut_off):
    model = make_pipeline(StandardScaler(), small(max_iter=1)).fit(X, Y)

    def ask(pipeline):
        return skqmu.unlearn(pipeline, X[GONE], **REST, upstream="refit")

    undisturbed = ask(copy.deepcopy(model))
    for k in range(n_jobs_of(ask, model)):
        before = copy.deepcopy(model)
        cut_off(k)
        with pytest.raises(KeyboardInterrupt):
            ask(model)
        cut_off(None)
        assert same_state(before, model, but=("unlearning_log_",)) is None
        assert model[-1].unlearning_log_[-1]["status"] == "interrupted"
    np.testing.assert_array_equal(ask(model).predict_proba(X), undisturbed.predict_proba(X))


def test_what_is_wrong_by_itself_is_no_request(cut_off):
    clf, _ = with_rows()
    for wrong in ({"index": [99]}, {"X_forget": X + 1}, {}, {"index": [0], "strategy": "none"}):
        with pytest.raises(ValueError):
            clf.unlearn(**wrong)
    assert clf.unlearning_log_ == []
