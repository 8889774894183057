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
MOST = 2
N_FEATURES = 3


def data(n_ids):
    """Rows of three classes, two rows to an id."""
    rng = np.random.default_rng(11)
    y = np.arange(2 * n_ids) % 3
    ids = np.array([f"customer {i}" for i in range(n_ids)] * 2)
    return rng.normal(size=(2 * n_ids, N_FEATURES)) + y[:, None], y, ids


def prepared(folder, n_requests, suffix):
    """A model of twice as many people, and a ledger with requests; returns both paths."""
    X, y, ids = data(2 * n_requests)
    clf = QNNClassifier(
        n_qubits=3, n_layers=1, trainable="head", head="ridge", unlearning="exact_downdate",
        random_state=0,
    )  # fmt: skip
    model, path = folder / f"model{suffix}", folder / "deletions.db"
    skqmu.save(clf.fit(X, y, ids=ids), model)
    DeletionLedger(path, key=KEY).receive_all(ids[:n_requests])
    return model, path


def work(model, path):
    """Honour what waits, until nothing does."""
    ledger = DeletionLedger(path, key=KEY, timeout=60)
    rng = np.random.default_rng(os.getpid())
    while True:
        policy = BatchingPolicy(number=1, most=int(rng.integers(1, MOST + 1)))
        with contextlib.suppress(LedgerBusyError):
            batch = ledger.honour(model, policy=policy, trust=True, report="none")
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


def killed(folder, *, n_requests, n_kills, seed, suffix=".joblib", n_workers=2, pause=0.1):
    """Kill workers until so many kills hit; let the rest be done; look at what is left.

    Returns
    -------
    dict
        ``faults`` is empty where each request was honoured exactly once, model and ledger agree,
        and all receipts verify.
    """
    model, path = prepared(folder, n_requests, suffix)
    workers = Workers(model, path)
    rng = np.random.default_rng(seed)
    ledger = DeletionLedger(path, key=KEY)
    hits, started = 0, time.perf_counter()
    states = {}
    while hits < n_kills and _open(path):
        workers.keep(n_workers)
        time.sleep(rng.uniform(0.0, pause))
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
        **_left(ledger, model, path, n_requests),
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


def _left(ledger, model, path, n_requests):
    """What the ledger, the model and the folder say in the end."""
    X, _, ids = data(2 * n_requests)
    asked = np.isin(ids, ids[:n_requests])
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
    if sum(entry["n_forget"] for entry in log) != asked.sum() or len(log) != batches:
        faults.append("the model's log and the ledger differ")
    if not np.array_equal(fitted.is_member(X), ~asked):
        faults.append("members of the model are not all rows but the deleted ones")
    receipts = [ledger.receipt(request.number) for request in ledger.requests()]
    found = ledger.verify(model, rows=X[asked], receipts=receipts, trust=True)
    faults += [str(finding) for finding in found.findings]
    if len(found.verified) != n_requests:
        faults.append(f"{len(found.verified)} requests verified")
    expected = {path.name, f"{path.name}-worker", model.name}
    left = {each.name for each in Path(model).parent.iterdir()} - expected
    faults += [f"left behind: {name}" for name in sorted(left)]
    return {"n_batches": batches, "faults": faults}
