"""The deletion ledger under load: kills, a thousand requests, and what it costs a request.

Run from the root of the repository (some ten minutes on two quiet cores)::

    python benchmarks/ledger.py [--part kills] [--part thousand [--model NAME]] [--check]

writes ``benchmarks/results/ledger.json``.

``kills``: two workers on a queue of 200 requests by id, two rows to an id, are killed (SIGKILL) 100
times at random moments. Then each request must have one entry that says honoured, the model must
know exactly the rows of the others, its log must have one entry a batch, all receipts must verify,
and nothing may be left beside the three files.

``thousand``: 1,000 requests one after another, each honoured alone, to each of three models on
digits (those of ``many_requests.py``) in a file that keeps the last ten entries of its log. Written
down for each hundred: the median time of a request (received, honoured, on the disk), wall and CPU,
and the part of CPU time that is the ledger's own (all but reading, forgetting and writing the
model); the process's memory; the ledger's size. ``--check`` fails where the last hundred takes more
than 1.2 times the CPU time of the second one, memory grows by more than 8 kB a request, or the
ledger by more than 2 kB a request.
"""

import argparse
import contextlib
import gc
import json
import os
import tempfile
import time
import warnings
from pathlib import Path

import _ledger_kills
import many_requests
import numpy as np
from scipy.stats import theilslopes

import skqmu
from skqmu.ledger import DeletionLedger

RESULTS = Path(__file__).parent / "results" / "ledger.json"
N_REQUESTS, BLOCK = 1000, 100
KEEP_LOG = 10
MOST_SLOWER, MOST_BYTES, MOST_LEDGER = 1.2, 8192, 2048
N_KILLED, N_KILLS = 200, 100


def kills():
    with tempfile.TemporaryDirectory() as folder:
        return _ledger_kills.killed(
            Path(folder), n_requests=N_KILLED, n_kills=N_KILLS, seed=1, pause=0.06
        )


class Clock:
    """CPU time of some functions of a module, while they are wrapped."""

    def __init__(self, module, *names):
        self.module, self.names, self.spent = module, names, 0.0

    def _timed(self, function):
        def timed(*args, **options):
            started = time.process_time()
            try:
                return function(*args, **options)
            finally:
                self.spent += time.process_time() - started

        return timed

    def __enter__(self):
        self.kept = {name: getattr(self.module, name) for name in self.names}
        for name, function in self.kept.items():
            setattr(self.module, name, self._timed(function))
        return self

    def __exit__(self, *exception):
        for name, function in self.kept.items():
            setattr(self.module, name, function)


def thousand(name, suffix=".joblib"):
    make, request = many_requests.MODELS[name]
    X, y = many_requests.data()
    ids = np.array([f"customer {i}" for i in range(len(y))])
    order = np.random.default_rng(0).permutation(ids)[:N_REQUESTS]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        model, path = Path(folder, f"model{suffix}"), Path(folder, "deletions.db")
        skqmu.save(make().fit(X, y, ids=ids), model)
        ledger = DeletionLedger(path, key=_ledger_kills.KEY)
        clock = stack.enter_context(Clock(skqmu, "load", "save", "unlearn"))
        wall, cpu, own, memory, size, files = [], [], [], [], [], []
        for number, each in enumerate(order):
            started, before, theirs = time.perf_counter(), time.process_time(), clock.spent
            ledger.receive(each)
            ledger.honour(model, trust=True, keep_log=KEEP_LOG, **request)
            wall.append(time.perf_counter() - started)
            cpu.append(time.process_time() - before)
            own.append(cpu[-1] - (clock.spent - theirs))
            if (number + 1) % BLOCK == 0:
                gc.collect()
                statm = Path("/proc/self/statm").read_text().split()
                memory.append(int(statm[1]) * os.sysconf("SC_PAGE_SIZE"))
                size.append(path.stat().st_size)
                files.append(len(os.listdir("/proc/self/fd")))
        started = time.perf_counter()
        found = ledger.verify(model, trust=True)
        seconds = time.perf_counter() - started
        assert found.is_good
        assert len(found.verified) == N_REQUESTS, found
        assert not set(order) & set(skqmu.load(model, trust=True).ids_)
        model_bytes = model.stat().st_size

    def medians(values):
        return [round(1e3 * float(m), 3) for m in np.median(np.reshape(values, (-1, BLOCK)), 1)]

    counts = (1 + np.arange(len(memory))) * BLOCK
    cpu_ms = medians(cpu)
    return {
        "wall_ms": medians(wall),
        "cpu_ms": cpu_ms,
        "cpu_ms_of_ledger": medians(own),
        "last_over_second": round(cpu_ms[-1] / cpu_ms[1], 3),
        "memory_mb": [round(m / 2**20, 1) for m in memory],
        "bytes_a_request": round(float(theilslopes(memory, counts).slope)),
        "open_files": [files[0], files[-1]],
        "ledger_bytes_a_request": round((size[-1] - size[0]) / (N_REQUESTS - BLOCK)),
        "model_bytes_at_the_end": model_bytes,
        "verify_all_seconds": round(seconds, 2),
    }


def failures(results):
    """Limits that the results break."""
    broken = list(results["kills"]["faults"])
    for name, found in results["thousand"].items():
        limits = {
            "last_over_second": found["last_over_second"] <= MOST_SLOWER,
            "bytes_a_request": found["bytes_a_request"] <= MOST_BYTES,
            "ledger_bytes_a_request": found["ledger_bytes_a_request"] <= MOST_LEDGER,
            "open_files": found["open_files"][1] <= found["open_files"][0],
        }
        broken += [f"{name}: {limit}" for limit, holds in limits.items() if not holds]
    return broken


def write(results):
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", action="append", choices=("kills", "thousand"))
    parser.add_argument(
        "--model", action="append", choices=tuple(many_requests.MODELS), help="of thousand"
    )
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    parts = arguments.part or ("kills", "thousand")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["skqmu"] = skqmu.__version__
    if "kills" in parts:
        results["kills"] = kills()
        print(f"kills: {results['kills']}", flush=True)
        write(results)
    for name in (arguments.model or many_requests.MODELS) if "thousand" in parts else ():
        load = round(os.getloadavg()[0], 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = {"load_average_before": load, **thousand(name)}
        results.setdefault("thousand", {})[name] = found
        print(f"{name}: {found}", flush=True)
        write(results)
    broken = failures(results) if {"kills", "thousand"} <= results.keys() else []
    print("every limit holds" if not broken else f"beyond the limits: {broken}")
    if arguments.check and broken:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
