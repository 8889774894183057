"""SIGKILL at any moment: what is asked again ends as if nothing had happened."""

import json
import multiprocessing
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu.attacks import ShadowPool

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="kills"),
    pytest.mark.filterwarnings("ignore"),
]
RNG = np.random.default_rng(3)
X = RNG.normal(size=(90, 3))
Y = np.arange(90) % 3


def qnn(**params):
    fixed = {"n_qubits": 3, "n_layers": 1, "max_iter": 60, "tol": 0.0, "random_state": 0}
    return QNNClassifier(**{**fixed, **params})


# Each job goes by what is in its folder, and returns arrays and words that say how it ended.


def fit(folder):
    clf = qnn(checkpoint=folder / "fit", early_stopping=True).fit(X, Y)
    return [clf.params_, clf.loss_curve_]


def unlearn(folder):
    clf = pickle.loads((folder / "fitted").read_bytes())
    clf.unlearn(X[[3, 4]])
    clf.unlearn(X[[7]])
    return [clf.params_, told(clf)]


def shards(folder):
    clf = ShardedClassifier(
        qnn(max_iter=20), n_shards=3, n_slices=2, random_state=0, memory=folder / "memory",
        checkpoint_dir=folder / "slices",
    ).fit(X, Y)  # fmt: skip
    clf.unlearn(X[[5]])
    return [clf.predict_proba(X), told(clf)]


def experiment(folder):
    clf = UnlearningClassifier(
        qnn(max_iter=20), strategy="scrub", n_oracles=3, memory=str(folder / "memory"),
        random_state=0,
    ).fit(X, Y, forget=np.arange(90) < 6)  # fmt: skip
    return [clf.predict_proba(X), *(o.predict_proba(X) for o in clf.oracles_), told(clf)]


def shadows(folder):
    pool = ShadowPool(qnn(max_iter=10), n_shadows=8, memory=folder / "memory", random_state=0)
    pool.fit(X, Y)
    outputs = pool.outputs()
    return [np.stack([outputs.one(i) for i in range(8)])]


JOBS = {job.__name__: job for job in (fit, unlearn, shards, experiment, shadows)}


def told(clf):
    """The log, without times."""
    last = getattr(clf, "estimator_", clf)
    entries = [{k: v for k, v in e.items() if k not in TIMES} for e in last.unlearning_log_]
    return json.dumps(entries)


TIMES = ("time", "seconds", "notes", "cost", "digests")


def work(name, folder):
    """Do a job in a process of its own; the result is in place whole, or not at all."""
    result = pickle.dumps(JOBS[name](folder))
    (folder / "half").write_bytes(result)
    os.replace(folder / "half", folder / "result")


def prepared(name, folder):
    folder.mkdir()
    if name == "unlearn":
        clf = qnn(checkpoint=folder / "fit").fit(X, Y)
        (folder / "fitted").write_bytes(pickle.dumps(clf))
        del clf
    return folder


def until_it_is_done(name, folder, kill_after=None):
    """Start the job; kill it after so many seconds. Returns whether it came to its end."""
    # A fork of this process has all imports done.
    process = multiprocessing.get_context("fork").Process(target=work, args=(name, folder))
    process.start()
    process.join(kill_after)
    if process.is_alive():
        process.kill()
        process.join()
        return False
    assert process.exitcode == 0
    return True


def same(one, other):
    for a, b in zip(one, other, strict=True):
        if isinstance(a, str):
            assert a == b
        else:
            np.testing.assert_array_equal(a, b)


def kill_and_compare(name, tmp_path, n_kills, seed):
    whole = prepared(name, tmp_path / "whole")
    started = time.perf_counter()
    until_it_is_done(name, whole)
    seconds = time.perf_counter() - started
    folder = prepared(name, tmp_path / "killed")
    rng = np.random.default_rng(seed)
    killed = 0
    for _ in range(n_kills):
        killed += not until_it_is_done(name, folder, seconds * rng.uniform(0.05, 0.95))
    until_it_is_done(name, folder)
    same(*(pickle.loads((f / "result").read_bytes()) for f in (whole, folder)))
    left = [path for path in folder.rglob("*") if ".tmp" in path.name or path.name.endswith("~")]
    assert not left
    return killed


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_that_was_killed_ends_as_the_undisturbed_one(name, tmp_path):
    kill_and_compare(name, tmp_path, n_kills=2, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(JOBS))
def test_ten_kills_of_each_kind_of_job_change_no_result(name, tmp_path):
    assert kill_and_compare(name, tmp_path, n_kills=10, seed=1) > 0


def test_the_file_of_a_request_that_was_cut_off_is_gone_when_it_is_done(tmp_path):
    folder = prepared("unlearn", tmp_path / "one")
    clf = pickle.loads((folder / "fitted").read_bytes())

    class Stop(Exception):
        pass

    cut = pickle.loads((folder / "fitted").read_bytes())
    forward = type(cut._network()).forward
    calls = []

    def stops(self, *args, **more):
        calls.append(1)
        if len(calls) > 30:
            raise Stop
        return forward(self, *args, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(cut._network()), "forward", stops)
        with pytest.raises(Stop):
            cut.unlearn(X[[3, 4]])
    file = Path(f"{folder / 'fit'}.unlearn")
    assert file.exists()
    assert cut.is_member(X[[3, 4]]).all()
    # Another request does not go on from it; the same one does.
    other = pickle.loads((folder / "fitted").read_bytes())
    other.unlearn(X[[8]])
    assert not file.exists()
    np.testing.assert_array_equal(
        other.params_, pickle.loads((folder / "fitted").read_bytes()).unlearn(X[[8]]).params_
    )
    cut.unlearn(X[[3, 4]])
    clf.unlearn(X[[3, 4]])
    np.testing.assert_array_equal(cut.params_, clf.params_)
    assert not file.exists()
