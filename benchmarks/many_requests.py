"""A thousand deletion requests in a row: does a request stay as cheap as the first ones?

Run from the root of the repository (some five minutes)::

    python benchmarks/many_requests.py [--check]

writes ``benchmarks/results/many_requests.json``. Digits (1,797 rows, eight principal components),
one row a request, 1,000 requests to each of three models: a ridge head that is downdated exactly,
a `ShardedClassifier` of ridge heads, and gradient ascent with its stop rule and its guard. Written
down: the median CPU time of a request in each hundred, the process's memory and open files, and
what the log grows by. ``--check`` fails where the last hundred takes more than 1.2 times the second
one (the first one warms up), memory grows by more than 8 kB a request (an entry of the log is some
4 kB of Python's dicts, 0.5 to 0.7 kB in a pickle), a descriptor stays open, or an entry takes more
than 1 kB of a pickle. Runs where there is ``/proc``.
"""

import argparse
import gc
import json
import os
import pickle
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import theilslopes
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import QNNClassifier, ShardedClassifier
from skqmu.unlearning import GradientAscent

RESULTS = Path(__file__).parent / "results" / "many_requests.json"
N_REQUESTS, BLOCK = 1000, 100
MOST_SLOWER, MOST_BYTES, MOST_ENTRY = 1.2, 8192, 1024
PAGE = os.sysconf("SC_PAGE_SIZE")


def data():
    X, y = load_digits(return_X_y=True)
    # A request by rows forgets every copy; here each request is one row.
    _, first = np.unique(X, axis=0, return_index=True)
    X, y = X[np.sort(first)], y[np.sort(first)]
    steps = make_pipeline(StandardScaler(), PCA(8, random_state=0), StandardScaler())
    return steps.fit_transform(X), y


def ridge():
    return QNNClassifier(n_layers=1, trainable="head", head="ridge", random_state=0)


MODELS = {
    "exact downdate": (ridge, {"strategy": "exact_downdate"}),
    "shards": (lambda: ShardedClassifier(ridge(), n_shards=20, random_state=0), {}),
    "guarded ascent": (
        lambda: QNNClassifier(n_layers=1, max_iter=30, random_state=0),
        {"strategy": GradientAscent()},
    ),
}


def measured(make, request, X, y):
    clf = make().fit(X, y)
    rows = np.random.default_rng(0).permutation(len(X))[:N_REQUESTS]
    seconds, work, memory, files, log = [], [], [], [], []
    for number, row in enumerate(rows):
        started = time.process_time()
        clf.unlearn(index=[row], **request)
        seconds.append(time.process_time() - started)
        work.append(clf.unlearning_log_[-1]["cost"]["forward_rows"])
        if (number + 1) % BLOCK == 0:
            gc.collect()
            memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE)
            files.append(len(os.listdir("/proc/self/fd")))
            log.append(len(pickle.dumps(clf.unlearning_log_)))
    known = clf.is_member(X)
    assert not known[rows].any()
    assert known.sum() == len(X) - N_REQUESTS
    medians = np.median(np.reshape(seconds, (-1, BLOCK)), axis=1)
    rows_asked = np.median(np.reshape(work, (-1, BLOCK)), axis=1)
    counts = (1 + np.arange(len(memory))) * BLOCK
    spread = np.diff(log) / BLOCK
    return {
        "median_ms": [round(1e3 * float(m), 3) for m in medians],
        "median_forward_rows": [float(m) for m in rows_asked],
        "last_over_second": round(float(medians[-1] / medians[1]), 3),
        "memory_mb": [round(m / 2**20, 1) for m in memory],
        "bytes_a_request": round(float(theilslopes(memory, counts).slope)),
        "open_files": files,
        "log_bytes_a_request": round(float(spread.max())),
        "accuracy": round(float(clf.score(X, y)), 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    X, y = data()
    results = {"skqmu": skqmu.__version__, "n_rows": len(X), "n_requests": N_REQUESTS}
    failures = []
    for name, (make, request) in MODELS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = results[name] = measured(make, request, X, y)
        print(f"{name}: {found}", flush=True)
        limits = {
            "last_over_second": found["last_over_second"] <= MOST_SLOWER,
            "bytes_a_request": found["bytes_a_request"] <= MOST_BYTES,
            "open_files": found["open_files"][-1] <= found["open_files"][0],
            "log_bytes_a_request": found["log_bytes_a_request"] <= MOST_ENTRY,
        }
        failures += [f"{name}: {limit}" for limit, holds in limits.items() if not holds]
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("every limit holds" if not failures else f"beyond the limits: {failures}")
    if check and failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
