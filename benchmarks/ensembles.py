"""What fitting many models at once saves, against fits one by one and JAX, run against run.

Run from the root of the repository (a quarter of an hour on two quiet cores)::

    python benchmarks/ensembles.py

writes ``benchmarks/results/ensembles.json``. A model is what `QNNClassifier` fits by default:
learned input scale, angle encoding, three strongly entangling layers, ``<Z>`` and ``<ZZ>``, a
dense head, Adam; every model has 75 rows of its own, drawn from Iris (its features repeated on
more than four qubits), and a seed of its own. For each size, on one core, in CPU seconds,

- M models are fitted by `fit_many`, and a few by `fit`, in turns; both must end with the same
  losses and predictions, or the benchmark fails;
- the very same circuit, loss and optimizer run in JAX, jitted, under ``vmap`` over the models
  (`_ensembles_jax.py`), in complex64 and complex128; its losses must be ours.

Every way is taken with one epoch and with more: the difference is an epoch's time, the rest is
what a model takes besides, and both together say how many models of 150 epochs an hour has.
JAX does nothing but steps: no checks, no early stopping, no members kept; it is given as steps
alone, and with its compilation. Then, in seconds on the clock, `fit` under joblib on two cores
against `fit_many` on one and on two. ``megabytes`` is how much more the process holds at its
peak than before the first fit. ``--quick`` is for trying the script out.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skqmu import QNNClassifier
from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables, zz_observables
from skqmu.network import Dense, InputScale, Network, QuantumLayer

RESULTS = Path(__file__).parent / "results" / "ensembles.json"
N_ROWS, N_CLASSES, N_LAYERS, LEARNING_RATE = 75, 3, 3, 0.05
# Epochs of the longer turn.
EPOCHS = {4: 40, 6: 20, 8: 10, 10: 4}
# Hardly any run gets further by default.
EPOCHS_OF_A_FIT = 150
# Models that are fitted one by one: more say nothing new.
ONE_BY_ONE = {4: 8, 6: 8, 8: 4, 10: 3}
# No run ends before its epochs are over.
CRITERION = {"tol": 1e-4, "n_iter_no_change": 10**6}
SETTINGS = {
    "n_rows": N_ROWS,
    "n_classes": N_CLASSES,
    "n_layers": N_LAYERS,
    "learning_rate": LEARNING_RATE,
    "epochs_of_the_longer_turn": EPOCHS,
    "epochs_of_a_fit": EPOCHS_OF_A_FIT,
}


def fitted(X, y, seed, max_iter, batch_size):
    """One model by its own `fit`."""
    return unfitted(X.shape[1], seed, max_iter, batch_size).fit(X, y)


def unfitted(n_qubits, seed, max_iter, batch_size):
    """The model of a seed."""
    return QNNClassifier(
        n_qubits=n_qubits,
        n_layers=N_LAYERS,
        learning_rate_init=LEARNING_RATE,
        batch_size=batch_size,
        max_iter=max_iter,
        random_state=seed,
        **CRITERION,
    )


def fitted_at_once(parts, seeds, max_iter, batch_size):
    """Models by `fit_many`."""
    n_qubits = parts[0][0].shape[1]
    models = [unfitted(n_qubits, seed, max_iter, batch_size) for seed in seeds]
    failures = QNNClassifier.fit_many(models, *zip(*parts, strict=True))
    if failures:
        raise RuntimeError(f"fits failed: {failures}")
    return models


class Case:
    """Models of one size."""

    def __init__(self, n_qubits, batch_size):
        self.n_qubits, self.batch_size = n_qubits, batch_size
        X, self.labels = load_iris(return_X_y=True)
        self.X = np.tile(scale(X), (1, -(-n_qubits // X.shape[1])))[:, :n_qubits]
        self.n_steps = -(-N_ROWS // batch_size)

    def part(self, seed):
        own = np.random.default_rng(seed).permutation(len(self.X))[:N_ROWS]
        return self.X[own], self.labels[own]

    def one_by_one(self, n_models, max_iter):
        """CPU seconds a model, and the models."""
        parts = [self.part(seed) for seed in range(n_models)]
        started = time.process_time()
        models = [fitted(*own, seed, max_iter, self.batch_size) for seed, own in enumerate(parts)]
        return (time.process_time() - started) / n_models, models

    def at_once(self, n_models, max_iter):
        """CPU seconds a model, and the models; as often as the others take turns."""
        parts = [self.part(seed) for seed in range(n_models)]
        turns = max(1, ONE_BY_ONE[self.n_qubits] // n_models)
        started = time.process_time()
        for _ in range(turns):
            models = fitted_at_once(parts, range(n_models), max_iter, self.batch_size)
        return (time.process_time() - started) / (n_models * turns), models

    def both(self, n_models, repeats):
        """Seconds of a whole fit and of an epoch, one by one and at once, and the last models.

        What a fit takes besides its epochs is what one of a single epoch takes more than that.
        """
        longer, few = EPOCHS[self.n_qubits], ONE_BY_ONE[self.n_qubits]
        ways = {"fit": (self.one_by_one, few), "fit_many": (self.at_once, n_models)}
        times = {name: ([], []) for name in ways}
        models = {}
        for _ in range(repeats):
            for name, (way, number) in ways.items():  # in turns: the machine may be busy
                times[name][0].append(way(number, 1)[0])
                seconds, models[name] = way(number, longer)
                times[name][1].append(seconds)
        found = {}
        for name, turns in times.items():
            short, long = map(min, turns)
            epoch = (long - short) / (longer - 1)
            found[name] = short - epoch + EPOCHS_OF_A_FIT * epoch, epoch
        return found, models


def assert_same(models, others, X):
    """Refuse models that did not end alike."""
    for one, other in zip(models, others, strict=False):
        losses = [[row["loss"] for row in each.history_] for each in (one, other)]
        np.testing.assert_allclose(*losses, rtol=0, atol=1e-9)
        np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=0, atol=1e-8)


def peak():
    """Megabytes that this process holds at its peak so far (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def ours(n_qubits, batch_size, numbers, repeats):
    """`fit` and `fit_many` of one size, all numbers of models: a list of results."""
    case, results = Case(n_qubits, batch_size), []
    for way in (case.one_by_one, case.at_once):
        way(2, 1)
    before = peak()
    for n_models in numbers:
        found, models = case.both(n_models, repeats)
        assert_same(*models.values(), case.X)
        results.append(
            {
                "n_qubits": n_qubits,
                "batch_size": batch_size,
                "n_models": n_models,
                "ms_an_epoch": {name: 1e3 * epoch for name, (_, epoch) in found.items()},
                "models_an_hour": {name: 3600 / whole for name, (whole, _) in found.items()},
                "ratio_to_fit": found["fit"][0] / found["fit_many"][0],
                "megabytes": max(0.0, peak() - before),
            }
        )
    return results


def network_of(n_qubits, design, observables, bounds):
    """The network, for the parameters that both ways start from."""
    executable = StatevectorBackend().compile(
        design.circuit, observables, inputs=design.inputs, weights=design.weights
    )
    head = Dense("head", len(observables), N_CLASSES)
    return Network([InputScale(bounds), QuantumLayer(executable), head])


def first_loss(network, params, X, targets):
    """Loss of one model's rows before its first step."""
    logits = network.logits(params, X)
    top = logits - logits.max(axis=1, keepdims=True)
    log_p = top - np.log(np.exp(top).sum(axis=1, keepdims=True))
    return -(targets * log_p).sum(axis=1).mean()


def jaxs(n_qubits, batch_size, numbers, repeats):
    """JAX on one size: a list of dicts, one a number of models."""
    from _ensembles_jax import JaxModels

    case = Case(n_qubits, batch_size)
    design = build_circuit(
        "angle", "strong", n_features=n_qubits, n_qubits=n_qubits, n_layers=N_LAYERS
    )
    observables = [*z_observables(n_qubits), *zz_observables(n_qubits)]
    bounds = np.full(n_qubits, 0.75 * np.pi)
    network = network_of(n_qubits, design, observables, bounds)
    n_epochs = max(1, EPOCHS[n_qubits] // 4)
    results = [{"n_qubits": n_qubits, "batch_size": batch_size, "n_models": m} for m in numbers]
    for double in (False, True):
        models = JaxModels(
            design, observables, bounds,
            n_classes=N_CLASSES, learning_rate=LEARNING_RATE, double=double,
        )  # fmt: skip
        for result in results:
            seeds = range(result["n_models"])
            parts = [case.part(seed) for seed in seeds]
            X = np.stack([own for own, _ in parts])
            targets = np.eye(N_CLASSES)[np.stack([labels for _, labels in parts])]
            params = np.stack([network.initial(np.random.default_rng((s, 1))) for s in seeds])
            orders = [
                np.random.default_rng((seed, 2, epoch)).permutation(N_ROWS)
                for seed in seeds
                for epoch in range(n_epochs)
            ]
            batches = np.array(orders).reshape(len(seeds), -1, batch_size)
            arguments = (params, X, targets, batches)
            losses, _, compiling, size = models.trained(*arguments)
            rows = batches[0, 0]
            expected = first_loss(network, params[0], X[0][rows], targets[0][rows])
            np.testing.assert_allclose(losses[0, 0], expected, atol=1e-9 if double else 1e-4)
            seconds = min(models.trained(*arguments)[1] for _ in range(repeats))
            whole = seconds / len(seeds) / n_epochs * EPOCHS_OF_A_FIT
            result["complex128" if double else "complex64"] = {
                "ms_an_epoch": 1e3 * whole / EPOCHS_OF_A_FIT,
                "compiling_seconds": compiling,
                "models_at_once": size,
                "models_an_hour": 3600 / whole,
                "models_an_hour_with_compiling": 3600 / (whole + compiling / len(seeds)),
            }
    return results


def two_cores(n_qubits, batch_size, n_models, repeats):
    """Seconds on the clock a model: joblib's two workers, and `fit_many` on one and on two."""
    case = Case(n_qubits, batch_size)
    parts, max_iter = [case.part(seed) for seed in range(n_models)], EPOCHS[n_qubits]
    halves = [slice(0, n_models // 2), slice(n_models // 2, n_models)]
    ways = {
        "joblib": lambda pool: pool(
            delayed(fitted)(*own, seed, max_iter, batch_size) for seed, own in enumerate(parts)
        ),
        "fit_many": lambda _: fitted_at_once(parts, range(n_models), max_iter, batch_size),
        "fit_many_on_two": lambda pool: pool(
            delayed(fitted_at_once)(parts[h], range(n_models)[h], max_iter, batch_size)
            for h in halves
        ),
    }
    times = {name: [] for name in ways}
    with Parallel(n_jobs=2) as pool:
        pool(delayed(fitted)(*parts[0], 0, 1, batch_size) for _ in range(4))
        for _ in range(repeats):
            for name, way in ways.items():
                started = time.perf_counter()
                way(pool)
                times[name].append((time.perf_counter() - started) / n_models)
    best = {name: 1e3 * min(found) for name, found in times.items()}
    ratios = [a / b for a, b in zip(times["joblib"], times["fit_many"], strict=True)]
    return [
        {
            "n_qubits": n_qubits,
            "batch_size": batch_size,
            "n_models": n_models,
            "epochs": max_iter,
            "ms_a_model": best,
            "ratio_one_core_to_joblib_on_two": statistics.median(ratios),
        }
    ]


def in_own_process(part, n_qubits, batch_size, models, repeats):
    """Results of a part, from a process that has one core (or two) and one BLAS thread."""
    options = ["--one", part, n_qubits, batch_size, "--repeats", repeats, "--models", *models]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",  # in workers, too: fits that end at max_iter
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    }
    out = subprocess.run(
        [sys.executable, __file__, *map(str, options)],
        stdout=subprocess.PIPE, text=True, check=True, env=environment,
    )  # fmt: skip
    results = json.loads(out.stdout)
    for row in results:
        sys.stdout.write(f"{part}: {json.dumps(row)}\n")
    sys.stdout.flush()
    return results


def on_one_core():
    """Let this process run on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


PARTS = {"ours": ours, "jax": jaxs}


def main():
    """Run everything, each size in a process of its own, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qubits", type=int, nargs="+", default=[4, 8, 10], choices=EPOCHS)
    parser.add_argument("--models", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[75, 25])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="4 qubits, few models, once")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # fits that end at max_iter
    repeats = arguments.repeats
    if arguments.one:
        part, *size = arguments.one
        if part in PARTS:
            on_one_core()
            results = PARTS[part](*map(int, size), arguments.models, repeats)
        else:
            results = two_cores(*map(int, size), arguments.models[0], repeats)
        sys.stdout.write(json.dumps(results))
        return
    if arguments.quick:
        arguments.qubits, arguments.models, repeats = [4], [1, 8], 1
    started = time.perf_counter()
    results = {name: [] for name in (*PARTS, "two_cores")}
    for n_qubits in arguments.qubits:
        for batch_size in arguments.batch_sizes:
            size = (n_qubits, batch_size)
            for part in PARTS:
                results[part] += in_own_process(part, *size, arguments.models, repeats)
        size = (n_qubits, arguments.batch_sizes[0])
        results["two_cores"] += in_own_process("two_cores", *size, [64], repeats)
    page = {
        "command": "python benchmarks/ensembles.py",
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "jax", "jaxlib", "scikit-learn")},
        "processors": os.cpu_count(),
        "repeats": repeats,
        "minutes": (time.perf_counter() - started) / 60,
        "settings": SETTINGS,
        **results,
    }
    if not arguments.quick:
        RESULTS.write_text(json.dumps(page, indent=1) + "\n")


if __name__ == "__main__":
    main()
