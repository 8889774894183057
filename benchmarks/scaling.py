"""What many models cost: a law fitted from measurement, its error, and 10,000 ten-qubit shadows.

Run from the root of the repository (five minutes on two quiet cores)::

    python benchmarks/scaling.py

writes ``benchmarks/results/scaling.json``. A model is what `QNNClassifier` fits by default
(angle encoding, three strongly entangling layers, ``<Z>`` and ``<ZZ>``, Adam), by `fit_many`
on synthetic rows in full batches; times are CPU seconds of one core. The law, in seconds a model
and step, for batches of B rows, n qubits and M models side by side::

    t = a + b / min(M, m) + B 2^n (c + d 2^(n/2))

with m the models that a pass has at most (``models_at_once``): calls that every model makes,
calls that a pass makes, passes over amplitudes, and matrix products on half the register. Its
coefficients are the non-negative ones of least squares in relative error; settings that took no
part in them (``held_out``) say how far it can be trusted. What a model takes besides its steps is
measured at one epoch. Workers: shadows of one pool on one worker and on two, on the clock, after
the workers have started. ``whole`` compares the law's foresight of a whole pool of ten-qubit
shadows, their answers included, with what it took.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.optimize import nnls

from skqmu import QNNClassifier
from skqmu.attacks import ShadowPool
from skqmu.network import models_at_once

RESULTS = Path(__file__).parent / "results" / "scaling.json"
N_CLASSES = 3
QUBITS, ROWS, MODELS = (4, 6, 8, 10), (25, 75, 200), (1, 8, 64)
HELD_OUT = {(4, 75, 8), (6, 25, 64), (6, 200, 1), (8, 75, 64), (8, 25, 1), (10, 75, 8)}
# Amplitudes that a longer turn goes through: about a second.
_AMPLITUDES = 3e7
# The question: shadows of a ten-qubit model, of a pool of 1,000 rows.
QUESTION = {"n_shadows": 10_000, "n_qubits": 10, "n_pool": 1_000, "batch_size": 200, "epochs": 150}


def rows_of(n_qubits, n_rows, seed=0):
    """Rows of three classes around points of their own."""
    rng = np.random.default_rng((seed, n_rows))
    y = np.arange(n_rows) % N_CLASSES
    centres = np.random.default_rng(n_qubits).normal(size=(N_CLASSES, n_qubits))
    return centres[y] + rng.normal(size=(n_rows, n_qubits)), y


def model_of(n_qubits, seed, max_iter, batch_size="auto"):
    """The model of a seed, which takes all its epochs."""
    return QNNClassifier(
        n_qubits=n_qubits,
        max_iter=max_iter,
        batch_size=batch_size,
        random_state=seed,
        n_iter_no_change=10**6,
    )


def seconds_of(n_qubits, n_rows, n_models, max_iter):
    """CPU seconds of `fit_many`."""
    parts = [rows_of(n_qubits, n_rows, seed) for seed in range(n_models)]
    models = [model_of(n_qubits, seed, max_iter) for seed in range(n_models)]
    started = time.process_time()
    failures = QNNClassifier.fit_many(models, *zip(*parts, strict=True))
    if failures:
        raise RuntimeError(f"fits failed: {failures}")
    return time.process_time() - started, models[0]


def measured(n_qubits, n_rows, n_models, repeats):
    """One setting: seconds a model and step, and seconds a model besides."""
    amplitudes = n_models * n_rows * 2**n_qubits
    longer = int(np.clip(_AMPLITUDES / amplitudes, 3, 40))
    short = min(seconds_of(n_qubits, n_rows, n_models, 1)[0] for _ in range(repeats))
    turns = [seconds_of(n_qubits, n_rows, n_models, longer) for _ in range(repeats)]
    step = (min(seconds for seconds, _ in turns) - short) / (longer - 1) / n_models
    network = turns[0][1]._network(N_CLASSES)
    return {
        "n_qubits": n_qubits,
        "batch_size": n_rows,
        "n_models": n_models,
        "models_at_once": models_at_once(network, n_rows),
        "seconds_a_step": step,
        "seconds_besides": max(0.0, short / n_models - step),
        "held_out": (n_qubits, n_rows, n_models) in HELD_OUT,
    }


def features(row):
    """What the law multiplies its coefficients with."""
    n, size = row["n_qubits"], row["batch_size"]
    together = min(row["n_models"], row["models_at_once"])
    return [1.0, 1.0 / together, size * 2.0**n, size * 2.0**n * 2.0 ** (n / 2)]


def fitted_law(rows):
    """Coefficients, and relative errors of the settings that were held out and of the others."""
    X, t = np.array([features(row) for row in rows]), np.array([r["seconds_a_step"] for r in rows])
    held = np.array([row["held_out"] for row in rows])
    law, _ = nnls(X[~held] / t[~held, None], np.ones((~held).sum()))
    errors = X @ law / t - 1.0
    for row, error in zip(rows, errors, strict=True):
        row["relative_error"] = float(error)
    return law, {
        name: {"median": float(np.median(np.abs(own))), "largest": float(np.abs(own).max())}
        for name, own in (("fitted", errors[~held]), ("held_out", errors[held]))
    }


def foreseen(law, besides, answer, *, n_shadows, n_qubits, n_pool, batch_size, epochs):
    """CPU seconds of a pool of shadows, each of half the rows."""
    n_rows = n_pool // 2
    n_steps = -(-n_rows // batch_size)
    row = {
        "n_qubits": n_qubits,
        # Batches of an epoch are as long but for the last one.
        "batch_size": n_rows / n_steps,
        "n_models": 1,
        "models_at_once": 1,
    }
    step = float(np.dot(features(row), law))
    return n_shadows * (besides + epochs * n_steps * step + n_pool * answer)


def pool_seconds(n_jobs, n_shadows, n_qubits, n_pool, batch_size, epochs):
    """CPU and clock seconds of a pool of shadows."""
    X, y = rows_of(n_qubits, n_pool)
    model = model_of(n_qubits, 0, epochs, batch_size)
    started = time.process_time(), time.perf_counter()
    ShadowPool(model, n_shadows=n_shadows, n_jobs=n_jobs, random_state=0).fit(X, y)
    return time.process_time() - started[0], time.perf_counter() - started[1]


def answering(n_qubits, n_rows=200):
    """CPU seconds that an answer about a row takes."""
    X, y = rows_of(n_qubits, n_rows)
    model = model_of(n_qubits, 0, 1).fit(X[:30], y[:30])
    times = []
    for _ in range(3):
        started = time.process_time()
        model.predict_proba(X)
        times.append(time.process_time() - started)
    return min(times) / n_rows


def workers(repeats):
    """Clock seconds of one pool on one worker process and on two."""
    sizes = {"n_shadows": 64, "n_qubits": 6, "n_pool": 150, "batch_size": 75, "epochs": 30}
    with Parallel(n_jobs=2) as pool:
        pool(delayed(_imported)() for _ in range(8))
    times = {
        n_jobs: min(pool_seconds(n_jobs, **sizes)[1] for _ in range(repeats)) for n_jobs in (1, 2)
    }
    return {"pool": sizes, "seconds": times, "times_as_fast": times[1] / times[2]}


def _imported():
    return QNNClassifier.__name__


def main():
    """Measure, fit the law, foresee, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # fits that end at max_iter
    if not arguments.one:  # with one BLAS thread, in workers, too, and no warnings
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, __file__, "--one", "--repeats", str(arguments.repeats)]
        subprocess.run(command, check=True, env=environment)
        return
    seconds_of(4, 25, 2, 1)
    rows = [
        measured(n_qubits, n_rows, n_models, arguments.repeats)
        for n_qubits in QUBITS
        for n_rows in ROWS
        for n_models in MODELS
        if n_qubits < 10 or n_models < 64  # one at a time there
    ]
    law, errors = fitted_law(rows)
    besides = {n: max(r["seconds_besides"] for r in rows if r["n_qubits"] == n) for n in QUBITS}
    n_qubits = QUESTION["n_qubits"]
    answer = answering(n_qubits)
    check = {**QUESTION, "n_shadows": 4, "epochs": 8}
    took = pool_seconds(1, **check)[0]
    expected = foreseen(law, besides[n_qubits], answer, **check)
    whole = foreseen(law, besides[n_qubits], answer, **QUESTION)
    page = {
        "command": "python benchmarks/scaling.py",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processors": os.cpu_count(),
        "law": "t = a + b / min(M, m) + B 2^n (c + d 2^(n/2))",
        "coefficients": dict(zip("abcd", law.tolist(), strict=True)),
        "relative_errors": errors,
        "seconds_besides": besides,
        "seconds_an_answer": answer,
        "workers": workers(arguments.repeats),
        "whole": {"pool": check, "foreseen": expected, "took": took},
        "question": {
            **QUESTION,
            "core_hours": whole / 3600,
            "gigabytes_of_answers": 8e-9 * N_CLASSES * QUESTION["n_pool"] * QUESTION["n_shadows"],
        },
        "settings": rows,
    }
    RESULTS.write_text(json.dumps(page, indent=1) + "\n")
    short = {name: page[name] for name in page if name != "settings"}
    sys.stdout.write(json.dumps(short, indent=1) + "\n")


if __name__ == "__main__":
    main()
