"""SIGKILL at any moment: each request is honoured exactly once.

This file looks inside.
"""

import json
import multiprocessing
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

import skqmu
from skqmu.ledger import DeletionLedger
from skqmu.ledger._artefact import Artefact
from skqmu.ledger._chain import Chain

ROOT = Path(__file__).parents[2]
KEY = bytes(range(32))

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="kills"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def kills():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import _ledger_kills

    yield _ledger_kills
    sys.path.remove(str(ROOT / "benchmarks"))


def test_killed_workers_lose_nothing_and_do_nothing_twice(kills, tmp_path):
    found = kills.killed(tmp_path, n_requests=50, n_kills=8, seed=0, pause=0.06)
    assert found["faults"] == []
    assert found["n_kills"] >= 4


def test_what_is_committed_is_a_hundred_kills_and_three_times_a_thousand_requests(kills):
    import ledger as benchmark
    import many_requests

    found = json.loads((ROOT / "benchmarks" / "results" / "ledger.json").read_text())
    done = found["kills"]
    assert (done["n_requests"], done["n_kills"]) == (200, 100)
    assert done["open_states_seen_at_kills"]["prepared"] > 0
    assert found["thousand"].keys() == many_requests.MODELS.keys()
    assert benchmark.failures(found) == []
    found["thousand"]["shards"]["ledger_bytes_a_request"] = 2049
    found["kills"]["faults"] = ["1 was honoured twice"]
    assert len(benchmark.failures(found)) == 2


def kill_at(step):
    """Let this process kill itself before, or after, one step of honouring a batch."""
    when, owner, name, kind = step
    original = getattr(owner, name)

    def stops(self, *args, **options):
        mine = kind is None or args[0] == kind
        if mine and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(self, *args, **options)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, stops)


STEPS = {
    "before the batch": ("before", Chain, "append", "batched"),
    "when it is batched": ("before", Artefact, "read", None),
    "when the model has forgotten": ("before", Artefact, "stage", None),
    "when the next version is written": ("after", Artefact, "stage", None),
    "within prepared": ("after", Chain, "append", "prepared"),
    "when it is prepared": ("before", Artefact, "put", None),
    "when the file is replaced": ("after", Artefact, "put", None),
    "within honoured": ("after", Chain, "append", "honoured"),
    "within verified": ("after", Chain, "append", "verified"),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("staged", ["kept", "lost"])
def test_a_kill_at_each_step_is_made_good(name, staged, ledger, model, again):
    ledger.receive("customer 1")
    ledger.receive("customer 2")

    def work():
        kill_at(STEPS[name])
        again().honour(model, trust=True, report="none")

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    if staged == "lost":  # as if the disk had not kept what was not yet asked for
        for path in model.parent.glob(".model.skqmu-*"):
            path.unlink()
    later = again()
    later.honour(model, trust=True, report="none")
    kinds = [entry["kind"] for entry in later.history(1)]
    assert kinds.count("honoured") == 1
    fitted = skqmu.load(model, trust=True)
    assert len(fitted.unlearning_log_) == 1
    assert fitted.unlearning_log_[0]["n_forget"] == 2
    assert sorted(set(fitted.ids_.tolist())) == sorted(f"customer {i}" for i in [0, *range(3, 60)])
    assert later.verify(model, trust=True).is_good
    assert [r.state for r in later.requests()] == ["verified", "verified"]
    names = {path.name for path in model.parent.iterdir()}
    assert names == {"model.joblib", "deletions.db", "deletions.db-worker"}


def test_recovery_alone_finishes_and_begins_nothing(ledger, model, again):
    ledger.receive("customer 1")

    def work():
        kill_at(STEPS["when the file is replaced"])
        again().honour(model, trust=True, report="none")

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    ledger.receive("customer 2")
    found = ledger.verify(model, trust=True)
    assert found.is_good  # the file is one of the two that were prepared
    ledger.recover(model)
    assert [r.state for r in ledger.requests()] == ["honoured", "received"]
    assert ledger.verify(model, trust=True).verified == (1,)
    assert ledger.request(1).state == "verified"


def test_a_file_that_was_swapped_before_recovery_stops_it(ledger, model, model_file, again):
    ledger.receive("customer 1")

    def work():
        kill_at(STEPS["when it is prepared"])
        again().honour(model, trust=True, report="none")

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    before = model.read_bytes()
    model.write_bytes(b"another")
    with pytest.raises(skqmu.exceptions.ModelMismatchError, match="no version that the ledger"):
        ledger.honour(model, trust=True)
    assert ledger.request(1).state == "prepared"
    model.write_bytes(before)
    ledger.honour(model, trust=True)
    assert ledger.verify(model, trust=True).verified == (1,)


def test_the_right_to_work_ends_with_its_process(ledger, model, again, tmp_path):
    reading, writing = os.pipe()

    def work():
        with sqlite3.connect(tmp_path / "deletions.db-worker", isolation_level=None) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            os.write(writing, b"!")
            signal.pause()

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    os.read(reading, 1)
    ledger.receive("customer 1")
    with pytest.raises(skqmu.exceptions.LedgerBusyError, match="another worker is at work"):
        DeletionLedger(tmp_path / "deletions.db", key=KEY, timeout=0.05).honour(model, trust=True)
    process.kill()
    process.join()
    assert ledger.honour(model, trust=True).honoured == (1,)
