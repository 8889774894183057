"""Deletion from class statistics: does its cost depend on how many rows stay, and what is lost?

Run from the root of the repository (some ten minutes of CPU)::

    python benchmarks/statistics_downdate.py            # measures all and writes the JSON
    python benchmarks/statistics_downdate.py --part accuracy    # one part, the others are kept
    python benchmarks/statistics_downdate.py --check    # judges the JSON; exits 1 if a limit fails

writes ``benchmarks/results/statistics_downdate.json``. Seconds are of CPU on one thread of BLAS,
so that other work on the machine counts little; medians.

``deletion``: synthetic rows (8 features, 4 classes) on 8 qubits, 150 steps: one row deleted from
models of 10^3 to 10^6 rows by ``statistics_downdate`` with ``report="none"``, with stored rows and
with none, and the same model retrained from its rows. ``beside``: a ridge head's exact downdate,
retraining by cross-entropy, and one shard of ten (SISA). Cross-entropy takes 150 epochs: a few are
measured and multiplied, and said to be. ``engine``: one gradient on statistics. ``accuracy``: the
sets of `first_hour.py`, 5 folds, linear loss beside cross-entropy, same circuits and seeds.
``batches``: how many of the rows deleted together are found by `statistics_scores`.

``--check`` fails where the slowest of the four sizes takes more than 1.2 times the fastest.
"""

import argparse
import json
import os
import time
import warnings
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _first_hour_data import SETS
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

import skqmu
from skqmu import QNNClassifier, ShardedClassifier
from skqmu.attacks import statistics_scores
from skqmu.unlearning import Retrain

RESULTS = Path(__file__).parent / "results" / "statistics_downdate.json"
SIZES = [10**3, 10**4, 10**5, 10**6]
N_QUBITS, N_CLASSES, EPOCHS, REPEATS = 8, 4, 150, 3
MOST_APART = 1.2
# Beyond these a way takes hours, or more memory than there is.
MOST_ROWS = {"ridge downdate": 10**5, "cross-entropy": 10**4}


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, N_CLASSES, n)
    centres = np.random.default_rng(1).normal(size=(N_CLASSES, N_QUBITS))
    return rng.normal(size=(n, N_QUBITS)) + centres[y], y


def linear(**changes):
    return QNNClassifier(
        loss="linear", n_qubits=N_QUBITS, tol=0.0, max_iter=EPOCHS, random_state=0, **changes
    )


def seconds_of(work):
    started = time.process_time()
    work()
    return time.process_time() - started


def deletions(clf, X, y, request):
    """Median CPU seconds of deleting one row, each time another one."""
    with_rows = clf.store_data == "rows"
    taken = []
    for number in range(REPEATS):
        which = slice(7 * number, 7 * number + 1)
        labels = {} if with_rows else {"y_forget": y[which]}
        taken.append(seconds_of(partial(clf.unlearn, X[which], **labels, **request)))
    return round(float(np.median(taken)), 3)


def deletion():
    found = {}
    for n in SIZES:
        X, y = rows(n)
        own = found[str(n)] = {}
        for store_data in ("rows", "none"):
            clf = linear(store_data=store_data)
            own[f"fit, store_data={store_data}"] = round(seconds_of(partial(clf.fit, X, y)), 2)
            request = {"strategy": "statistics_downdate", "report": "none"}
            own[f"statistics_downdate, store_data={store_data}"] = deletions(clf, X, y, request)
            if store_data == "rows":
                again = {"index": [500], "strategy": Retrain("same"), "report": "none"}
                own["the same model retrained"] = round(
                    seconds_of(partial(clf.unlearn, **again)), 2
                )
        print(n, own, flush=True)
    return found


def beside():
    found = {}
    for n in SIZES:
        X, y = rows(n)
        own = found[str(n)] = {}
        if n <= MOST_ROWS["ridge downdate"]:
            ridge = QNNClassifier(trainable="head", head="ridge", n_qubits=N_QUBITS, random_state=0)
            request = {"strategy": "exact_downdate", "report": "none"}
            own["ridge downdate"] = deletions(ridge.fit(X, y), X, y, request)
        if n <= MOST_ROWS["cross-entropy"]:
            own.update(cross_entropy(X, y))
        print(n, own, flush=True)
    return found


def cross_entropy(X, y):
    """A few epochs, multiplied: retraining, and one shard of ten."""
    epochs = 3
    base = QNNClassifier(n_qubits=N_QUBITS, tol=0.0, max_iter=epochs, random_state=0)
    whole = base.fit(X, y)
    once = seconds_of(lambda: whole.unlearn(index=[0], report="none"))
    shards = ShardedClassifier(clone(base), n_shards=10, random_state=0).fit(X, y)
    part = seconds_of(lambda: shards.unlearn(index=[0]))
    factor = EPOCHS / epochs
    return {
        f"retrained by cross-entropy ({epochs} epochs times {factor:g})": round(once * factor, 1),
        f"SISA, 10 shards ({epochs} epochs times {factor:g})": round(part * factor, 1),
    }


def engine():
    found = {}
    for n_qubits in (4, 6, 8, 10):
        X, y = rows(200)
        clf = QNNClassifier(loss="linear", n_qubits=n_qubits, max_iter=2, random_state=0).fit(X, y)
        program = clf._statistics_program(N_CLASSES)
        risk = program.risk(clf._fitted.statistics)
        taken = [seconds_of(partial(risk.value_and_gradient, clf.params_)) for _ in "12345"]
        found[str(n_qubits)] = {
            "gradient_ms": round(1e3 * float(np.median(taken)), 2),
            "statistics_bytes": clf._fitted.statistics.nbytes,
        }
        print(n_qubits, found[str(n_qubits)], flush=True)
    return found


def accuracy():
    found = {}
    for name, data in SETS.items():
        X, y = data.load()
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        scores = {"linear": [], "cross_entropy": []}
        for train, test in folds.split(X, y):
            for loss, own in scores.items():
                steps, clf = data.steps(0), QNNClassifier(loss=loss, random_state=0)
                model = clf if steps is None else make_pipeline(steps, clf)
                own.append(model.fit(X[train], y[train]).score(X[test], y[test]))
        found[name] = {loss: round(float(np.mean(own)), 4) for loss, own in scores.items()}
        print(name, found[name], flush=True)
    return found


def batches():
    """Of k rows deleted together, the share among the k candidates with the largest scores."""
    X, y = rows(600)
    others = rows(500, seed=2)
    clf = QNNClassifier(loss="linear", n_qubits=4, max_iter=2, random_state=0)
    found = {}
    for size in (1, 2, 4, 8, 16, 32, 64):
        shares = []
        for seed in range(20):
            gone = np.random.default_rng(seed).choice(len(X), size, replace=False)
            model = clone(clf).fit(X, y)
            before = model.class_statistics_
            model.unlearn(index=gone, strategy="statistics_downdate", report="none")
            candidates = np.concatenate([X, others[0]]), np.concatenate([y, others[1]])
            states = model.encoded_states(candidates[0])
            scores = statistics_scores(before, model.class_statistics_, states, candidates[1])
            shares.append(np.isin(np.argsort(-scores)[:size], gone).mean())
        found[str(size)] = round(float(np.mean(shares)), 3)
    print(found, flush=True)
    return found


PARTS = {f.__name__: f for f in (engine, deletion, beside, accuracy, batches)}


def failures(results):
    """Limits that do not hold, in words."""
    failed = []
    for store_data in ("rows", "none"):
        name = f"statistics_downdate, store_data={store_data}"
        taken = [results["deletion"][str(n)][name] for n in SIZES]
        if max(taken) > MOST_APART * min(taken):
            failed.append(f"{name}: {taken} s for {SIZES} rows")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--part", choices=PARTS)
    asked = parser.parse_args()
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if not asked.check:
        parts = PARTS if asked.part is None else [asked.part]
        for part in parts:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                known[part] = PARTS[part]()
            if RESULTS.exists():  # parts that others have made meanwhile
                others = json.loads(RESULTS.read_text(encoding="utf-8"))
                known = {**others, part: known[part]}
            known.update(skqmu=skqmu.__version__, n_qubits=N_QUBITS, n_classes=N_CLASSES)
            RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    failed = failures(known)
    print("every limit holds" if not failed else f"beyond the limits: {failed}")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
