"""Workers on one queue that are killed at random moments, and what is left of it."""

import contextlib
import json
import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np

import skqmu
from skqmu import QNNClassifier
from skqmu.exceptions import LedgerBusyError
from skqmu.ledger import BatchingPolicy, DeletionLedger

KEY = bytes(range(32))
MOST = 3
N_FEATURES = 3


def data(n_rows):
    """Rows of three classes, no two alike."""
    rng = np.random.default_rng(11)
    y = np.arange(n_rows) % 3
    return rng.normal(size=(n_rows, N_FEATURES)) + y[:, None], y


def prepared(folder, n_rows, n_requests, suffix):
    """A model of so many rows, and a ledger with requests for some of them; returns both paths."""
    X, y = data(n_rows)
    clf = QNNClassifier(
        n_qubits=3, n_layers=1, trainable="head", head="ridge", unlearning="exact_downdate",
        random_state=0,
    )  # fmt: skip
    model, path = folder / f"model{suffix}", folder / "deletions.db"
    skqmu.save(clf.fit(X, y), model)
    ledger = DeletionLedger(path, key=KEY)
    for row in X[:n_requests]:
        ledger.receive(row=row)
    return model, path


def work(model, path, n_rows):
    """Honour what waits, until nothing does."""
    X, _ = data(n_rows)
    ledger = DeletionLedger(path, key=KEY, timeout=60)
    rng = np.random.default_rng(os.getpid())
    while True:
        policy = BatchingPolicy(number=1, most=int(rng.integers(1, MOST + 1)))
        with contextlib.suppress(LedgerBusyError):
            batch = ledger.honour(model, policy=policy, rows=X, trust=True, report="none")
            if batch is None:
                return


class Workers:
    """Two processes on the queue; a fork of this one has all imports done."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self.running = []

    def keep(self, n):
        """Have so many at work."""
        self.running = [each for each in self.running if each.is_alive()]
        while len(self.running) < n:
            process = multiprocessing.get_context("fork").Process(target=work, args=self.arguments)
            process.start()
            self.running.append(process)

    def kill(self, i):
        """SIGKILL one; True if it was still at work."""
        process = self.running[i]
        alive = process.is_alive()
        if alive:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        return alive and process.exitcode == -signal.SIGKILL


def killed(folder, *, n_requests, n_kills, seed, suffix=".joblib", n_workers=2):
    """Kill workers until so many kills hit; let the rest be done; look at what is left.

    Returns
    -------
    dict
        ``faults`` is empty where each request was honoured exactly once, model and ledger agree,
        and all receipts verify.
    """
    n_rows = 2 * n_requests
    model, path = prepared(folder, n_rows, n_requests, suffix)
    workers = Workers(model, path, n_rows)
    rng = np.random.default_rng(seed)
    ledger = DeletionLedger(path, key=KEY)
    hits, started = 0, time.perf_counter()
    states = {}
    while hits < n_kills and _open(path):
        workers.keep(n_workers)
        time.sleep(rng.uniform(0.0, 0.12))
        if workers.kill(int(rng.integers(n_workers))):
            hits += 1
            for state in _states(path):
                states[state] = states.get(state, 0) + 1
    while _open(path):
        workers.keep(n_workers)
        time.sleep(0.05)
    for process in workers.running:
        process.join()
    return {
        "n_requests": n_requests,
        "n_kills": hits,
        "open_states_seen_at_kills": states,
        "seconds": round(time.perf_counter() - started, 1),
        **_left(ledger, model, path, n_rows, n_requests),
    }


def _open(path):
    return bool(_states(path))


def _states(path):
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
        return {
            state
            for (state,) in connection.execute(
                "SELECT DISTINCT state FROM requests "
                "WHERE state IN ('received', 'batched', 'prepared')"
            )
        }


def _left(ledger, model, path, n_rows, n_requests):
    """What the ledger, the model and the folder say in the end."""
    X, _ = data(n_rows)
    faults = []
    honoured, batches = {}, 0
    with contextlib.closing(sqlite3.connect(path)) as connection:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM entries")]
    for body in bodies:
        if body["kind"] == "honoured":
            batches += 1
            for number in body["requests"]:
                honoured[number] = honoured.get(number, 0) + 1
    if honoured != dict.fromkeys(range(1, n_requests + 1), 1):
        faults.append("not each request has one entry that says honoured")
    fitted = skqmu.load(model, trust=True)
    log = fitted.unlearning_log_
    if sum(entry["n_forget"] for entry in log) != n_requests or len(log) != batches:
        faults.append("the model's log and the ledger differ")
    members = fitted.is_member(X)
    if members[:n_requests].any() or not members[n_requests:].all():
        faults.append("members of the model are not all rows but the deleted ones")
    receipts = [ledger.receipt(request.number) for request in ledger.requests()]
    found = ledger.verify(model, rows=X[:n_requests], receipts=receipts, trust=True)
    faults += [str(finding) for finding in found.findings]
    if len(found.verified) != n_requests:
        faults.append(f"{len(found.verified)} requests verified")
    expected = {path.name, f"{path.name}-worker", model.name}
    left = {each.name for each in Path(model).parent.iterdir()} - expected
    faults += [f"left behind: {name}" for name in sorted(left)]
    return {
        "n_batches": batches,
        "n_begun_again": sum(body["kind"] == "returned" for body in bodies),
        "faults": faults,
    }
