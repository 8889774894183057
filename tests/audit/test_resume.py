"""An audit that was cut off goes on from the models that it had, and ends in the same report."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from skqmu import QNNClassifier, audit
from skqmu.attacks import ShadowPool
from skqmu.audit import clear_kept


@pytest.fixture(scope="module")
def data():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


def qnn():
    return QNNClassifier(n_qubits=2, n_layers=1, max_iter=3, random_state=0)


def settings(**more):
    return {
        "forget": ["fraction:0.1", "class:0"],
        "mechanisms": ["retrain", "fine_tune"],
        "attacks": ["loss", "lira"],
        "n_shadows": 4,
        "n_oracles": 2,
        "random_state": 0,
        **more,
    }


def told(report):
    """All that a report says, but for the time that it took."""

    def without_time(value):
        if isinstance(value, dict):
            gone = ("seconds", "cpu_seconds", "created", "digests")  # of a key that was drawn
            return {k: without_time(v) for k, v in value.items() if k not in gone}
        return [without_time(v) for v in value] if isinstance(value, list) else value

    return without_time(json.loads(report.to_json()))


class Cut(Exception):
    pass


class CutAfter:
    """Listener that ends the audit when so many pieces of work are done."""

    def __init__(self, most):
        self.most = most
        self.count = 0

    def __call__(self, stage, done, total):
        self.count += done > 0
        if self.count >= self.most:
            raise Cut(stage)


@pytest.fixture(scope="module")
def undisturbed(data):
    return told(audit(qnn(), *data, **settings()))


# (in order: the original, two oracles and two mechanisms twice, the shadows, the attacks)
@pytest.mark.parametrize(("most", "kept"), [(2, 2), (6, 4), (10, 9)])
def test_an_audit_goes_on_where_it_was_cut_off(
    most, kept, data, undisturbed, tmp_path, monkeypatch
):
    with pytest.raises(Cut):
        audit(qnn(), *data, **settings(memory=tmp_path), verbose=CutAfter(most))
    fits = []
    fit = QNNClassifier.fit

    @functools.wraps(fit)
    def counted(self, *args, **more):
        fits.append(1)
        return fit(self, *args, **more)

    monkeypatch.setattr(QNNClassifier, "fit", counted)
    report = audit(qnn(), *data, **settings(memory=tmp_path))
    assert told(report) == undisturbed
    n_missing = len(fits)
    fits.clear()
    again = audit(qnn(), *data, **settings(memory=tmp_path))
    assert told(again) == undisturbed
    # Each mechanism is rehearsed before; of 1 original, 2 x 2 oracles and 4 shadows all are kept.
    n_rehearsed = len(fits)
    assert n_missing - n_rehearsed == max(0, 9 - kept)
    clear_kept(tmp_path)
    assert not list(tmp_path.rglob("*.model"))


@pytest.mark.slow
def test_models_of_another_audit_are_not_taken(data, tmp_path):
    X, y = data
    few = {"forget": ["fraction:0.1"], "attacks": ["loss"]}
    one = told(audit(qnn(), X, y, **settings(memory=tmp_path, **few)))
    for change in (
        {"random_state": 1},
        {"forget": ["fraction:0.2"]},
        {"mechanisms": ["retrain", "gradient_ascent"]},
    ):
        asked = settings(**{**few, **change})
        kept = told(audit(qnn(), X, y, **{**asked, "memory": tmp_path}))
        assert kept == told(audit(qnn(), X, y, **asked))
        assert kept != one
    other = QNNClassifier(n_qubits=2, n_layers=1, max_iter=4, random_state=0)
    kept = told(audit(other, X, y, **settings(memory=tmp_path, **few)))
    assert kept == told(audit(other, X, y, **settings(**few)))


def test_what_others_keep_in_the_folder_stays(data, tmp_path):
    pool = ShadowPool(qnn(), n_shadows=2, memory=tmp_path, random_state=0).fit(*data)
    audit(qnn(), *data, **settings(memory=tmp_path, forget=["fraction:0.1"]))
    n_before = len(list(tmp_path.rglob("*.model")))
    clear_kept(tmp_path)
    assert n_before > len(list(tmp_path.rglob("*.model"))) == 2
    assert pool.outputs().one(0).shape == (150, 3)


def test_memory_needs_a_seed_and_a_folder(data, tmp_path):
    with pytest.raises(ValueError, match=r"memory=.*random_state"):
        audit(qnn(), *data, **settings(memory=tmp_path, random_state=None))
    with pytest.raises(ValueError, match=r"memory=7 must be None, a folder"):
        audit(qnn(), *data, **settings(memory=7))


def test_any_classifier_s_audit_goes_on(data, tmp_path):
    model = LogisticRegression(max_iter=300)
    asked = {**settings(), "mechanisms": ["retrain"]}
    expected = told(audit(model, *data, **asked))
    with pytest.raises(Cut):
        audit(model, *data, **asked, memory=tmp_path, verbose=CutAfter(3))
    assert told(audit(model, *data, **asked, memory=tmp_path)) == expected


COMMAND = [
    *(sys.executable, "-m", "skqmu", "audit", "--dataset", "iris", "--forget", "fraction:0.1"),
    *("--shadows", "4", "--oracles", "2", "--n-jobs", "1", "--quiet", "--mechanism", "retrain"),
    *("--repeats", "1"),
]


def run(*more, seconds=None):
    """The command; killed after so many seconds."""
    process = subprocess.Popen(
        [*COMMAND, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ)
    )
    try:
        _, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return None
    assert process.returncode == 0, error.decode()
    return process


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_the_command_goes_on_after_kills_and_ends_in_the_same_report(tmp_path):
    from skqmu.audit import AuditReport

    started = time.perf_counter()
    run("--out", str(tmp_path / "whole"))
    whole = time.perf_counter() - started
    work, out = tmp_path / "work", tmp_path / "out"
    rng = np.random.default_rng(0)
    for _ in range(10):
        run("--out", str(out), "--force", "--resume", str(work), seconds=whole * rng.uniform(0, 1))
    run("--out", str(out), "--force", "--resume", str(work))
    one, other = (AuditReport.from_json(f / "audit.json") for f in (tmp_path / "whole", out))
    assert told(one) == told(other)
    assert not list(work.rglob("*.model"))
