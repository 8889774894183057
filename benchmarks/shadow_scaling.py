"""What shadow models and a privacy grid search cost: workers, memory, minutes.

Run from the root of the repository (two minutes on two cores)::

    python benchmarks/shadow_scaling.py

writes ``benchmarks/results/shadow_scaling.json``:

- online LiRA with 64 shadows of a 4-qubit QNN on 150 rows of Iris, on one worker and on two
  (after both workers have started: starting them takes seconds once a process);
- how much memory the parent holds more after the shadows than before, for 16, 64 and 256,
  each in a process of its own;
- 12 candidates of SCRUB, 5 folds, 4 scorers, 2 workers.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from skqmu import QNNClassifier, UnlearningClassifier
from skqmu.attacks import LiRAAttack
from skqmu.metrics import privacy_scoring
from skqmu.unlearning import SCRUB

RESULTS = Path(__file__).parent / "results" / "shadow_scaling.json"
N_SHADOWS = 64


# Of the committed results: features as angles as they stand, <Z> alone.
MODEL = {"input_scale": None, "observables": "z", "random_state": 0}


def target():
    """A fitted 4-qubit QNN, and Iris."""
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    return QNNClassifier(**MODEL).fit(X[::2], y[::2]), X, y


def attack(n_shadows, n_jobs):
    """Seconds of one online LiRA attack, and its AUC."""
    clf, X, y = target()
    # Iris holds one record twice: a copy on the other side is a member, too.
    member = clf.is_member(X)
    started = time.perf_counter()
    lira = LiRAAttack(clf, n_shadows=n_shadows, n_jobs=n_jobs, random_state=0).fit(X, y)
    result = lira.evaluate(X, y, member, fprs=(0.1,))
    return time.perf_counter() - started, result.auc


def resident():
    """Bytes that this process holds, at its peak so far."""
    # (Linux.) getrusage would tell the parent's peak, too: it survives fork and exec.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def memory(n_shadows):
    """Megabytes that an attack adds to its parent, in a fresh process."""
    out = subprocess.run(
        [sys.executable, __file__, "--memory-of", str(n_shadows)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(out.stdout)


def grid_search():
    """Seconds, candidates and the best parameters of a search by four scorers."""
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    forget = np.random.default_rng(0).random(len(X)) < 0.2
    with tempfile.TemporaryDirectory() as folder:
        search = GridSearchCV(
            UnlearningClassifier(
                QNNClassifier(**MODEL),
                SCRUB(guard=None),
                n_oracles=2,
                memory=folder,
                random_state=0,
            ),
            {"strategy__lam_f": [0.5, 1.0, 1.5, 2.0], "strategy__lam_r": [0.5, 1.0, 2.0]},
            scoring=privacy_scoring(
                "accuracy", "neg_forget_gap", "neg_retain_gap", "neg_mia_advantage"
            ),
            refit="neg_forget_gap",
            cv=5,
            n_jobs=2,
        )
        started = time.perf_counter()
        search.fit(X, y, forget=forget)
        return {
            "seconds": time.perf_counter() - started,
            "n_candidates": len(search.cv_results_["params"]),
            "best_params": search.best_params_,
        }


def main():
    """Run everything, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        attack(4, None)
        before = resident()
        attack(arguments.memory_of, None)
        sys.stdout.write(str((resident() - before) / 2**20))
        return
    attack(4, None)
    Parallel(n_jobs=2)(delayed(attack)(4, None) for _ in range(2))
    times = {1: [], 2: []}
    for _ in range(3):
        for n_jobs in times:
            seconds, auc = attack(N_SHADOWS, n_jobs)
            times[n_jobs].append(seconds)
    result = {
        "command": "python benchmarks/shadow_scaling.py",
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "n_shadows": N_SHADOWS,
        "auc": auc,
        "seconds_on_1_worker": min(times[1]),
        "seconds_on_2_workers": min(times[2]),
        "speed_up": min(times[1]) / min(times[2]),
        "megabytes_added_to_the_parent": {n: memory(n) for n in (16, 64, 256)},
        "grid_search": grid_search(),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
