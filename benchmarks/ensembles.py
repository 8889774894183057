"""What training many models at once saves, run against run.

Run from the root of the repository (ten minutes on a quiet core)::

    OMP_NUM_THREADS=1 python benchmarks/ensembles.py

writes ``benchmarks/results/ensembles.json``. A model is what `QNNClassifier` fits by default:
learned input scale, angle encoding, three strongly entangling layers, ``<Z>`` and ``<ZZ>``, a
dense head, Adam; every model has 75 rows of its own, drawn from Iris (its features repeated on
more than four qubits), and a seed of its own. For each size, M models

- are trained one after another by `train`, and at once by `train_many`, in turns, each as often
  as ``--repeats`` says; the medians of the turns' ratios, and the least times, are written down;
- must end with the same parameters, histories and costs, or the benchmark fails.

Beside them a few whole fits of `QNNClassifier` (``fit``), for what a fit takes besides its run,
and how much memory the process holds more at its peak after the models went side by side.
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
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skqmu import QNNClassifier
from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables, zz_observables
from skqmu.network import Dense, InputScale, Network, QuantumLayer
from skqmu.training import (
    Adam,
    Objective,
    Point,
    Records,
    Tolerance,
    TrainingRun,
    train,
    train_many,
)

RESULTS = Path(__file__).parent / "results" / "ensembles.json"
N_ROWS, N_CLASSES = 75, 3
# Epochs of a turn: a step's time is what is looked for.
EPOCHS = {4: 20, 6: 10, 8: 6, 10: 3}
# Hardly any run gets further by default.
EPOCHS_OF_A_FIT = 150
# No run ends before its epochs are over.
CRITERION = {"tol": 1e-4, "n_iter_no_change": 10**6}


class Case:
    """Runs of one size."""

    def __init__(self, n_qubits, batch_size):
        X, self.labels = load_iris(return_X_y=True)
        self.X = np.tile(scale(X), (1, -(-n_qubits // X.shape[1])))[:, :n_qubits]
        self.batch_size, self.max_iter = batch_size, EPOCHS[n_qubits]
        design = build_circuit(
            "angle", "strong", n_features=n_qubits, n_qubits=n_qubits, n_layers=3
        )
        observables = [*z_observables(n_qubits), *zz_observables(n_qubits)]
        executable = StatevectorBackend().compile(
            design.circuit, observables, inputs=design.inputs, weights=design.weights
        )
        bounds = np.full(n_qubits, 0.75 * np.pi)
        head = Dense("head", len(observables), N_CLASSES)
        self.network = Network([InputScale(bounds), QuantumLayer(executable), head])
        self.n_steps = self.max_iter * -(-N_ROWS // batch_size)

    def rows(self, seed):
        return np.random.default_rng(seed).permutation(len(self.X))[:N_ROWS]

    def run(self, seed):
        own = self.rows(seed)
        records = Records(self.X[own], np.eye(N_CLASSES)[self.labels[own]], np.ones(N_ROWS))
        return TrainingRun(
            network=self.network.twin(),
            objective=Objective({"train": records}),
            solver=Adam(0.05),
            point=Point(self.network.initial(np.random.default_rng((seed, 1)))),
            seed=np.random.SeedSequence(seed),
            max_iter=self.max_iter,
            batch_size=self.batch_size,
        )

    def one_by_one(self, runs):
        for run in runs:
            train(run, [Tolerance(**CRITERION)])

    def at_once(self, runs):
        failures = train_many(runs, [[Tolerance(**CRITERION)] for _ in runs])
        if failures:
            raise RuntimeError(f"runs failed: {failures}")

    def fits(self, runs):
        for seed in range(len(runs)):
            own = self.rows(seed)
            clf = QNNClassifier(
                batch_size=self.batch_size, max_iter=self.max_iter, random_state=seed, **CRITERION
            )
            clf.fit(self.X[own], self.labels[own])

    def turn(self, way, n_models):
        """Milliseconds a step and model, and the runs."""
        runs = [self.run(seed) for seed in range(n_models)]
        started = time.perf_counter()
        with StatevectorBackend().session():
            way(runs)
        return 1e3 * (time.perf_counter() - started) / (n_models * self.n_steps), runs


def assert_same(runs, others):
    """Refuse runs that did not end alike."""
    for run, other in zip(runs, others, strict=True):
        np.testing.assert_allclose(run.params, other.params, rtol=0, atol=1e-9)
        losses, other_losses = ([row["loss"] for row in each.history] for each in (run, other))
        np.testing.assert_allclose(losses, other_losses, rtol=0, atol=1e-9)
        if run.cost != other.cost:
            raise AssertionError(f"costs differ: {run.cost} and {other.cost}")


def peak():
    """Megabytes that this process holds at its peak so far (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def measured(n_qubits, batch_size, numbers, repeats):
    """One size, all numbers of models: a list of results."""
    case, results = Case(n_qubits, batch_size), []
    for way in (case.one_by_one, case.at_once, case.fits):
        case.turn(way, 2)
    before = peak()
    fit = min(case.turn(case.fits, 4)[0] for _ in range(repeats))
    for n_models in numbers:
        times = {"train": [], "train_many": []}
        for _ in range(repeats):
            alone, runs = case.turn(case.one_by_one, n_models)
            together, others = case.turn(case.at_once, n_models)
            assert_same(others, runs)
            times["train"].append(alone)
            times["train_many"].append(together)
        ratios = [a / b for a, b in zip(*times.values(), strict=True)]
        best = {name: min(found) for name, found in times.items()}
        results.append(
            {
                "n_qubits": n_qubits,
                "batch_size": batch_size,
                "n_models": n_models,
                "ms_a_step": {"fit": fit, **best},
                "ratio": statistics.median(ratios),
                "models_an_hour": 3.6e6
                / (best["train_many"] * EPOCHS_OF_A_FIT * -(-N_ROWS // batch_size)),
                "megabytes_more_at_the_peak": peak() - before,
            }
        )
    return results


def main():
    """Run everything, each size in a process of its own, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qubits", type=int, nargs="+", default=[4, 6, 8, 10], choices=EPOCHS)
    parser.add_argument("--models", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[75, 25])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # fits that end at max_iter
    if arguments.one:
        results = measured(*arguments.one, arguments.models, arguments.repeats)
        sys.stdout.write(json.dumps(results))
        return
    results = []
    for n_qubits in arguments.qubits:
        for batch_size in arguments.batch_sizes:
            options = ["--one", n_qubits, batch_size, "--repeats", arguments.repeats]
            options += ["--models", *arguments.models]
            out = subprocess.run(
                [sys.executable, __file__, *map(str, options)],
                capture_output=True, text=True, check=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            for row in json.loads(out.stdout):
                results.append(row)
                times = ", ".join(f"{k} {v:.3f}" for k, v in row["ms_a_step"].items())
                sys.stdout.write(
                    f"{n_qubits:2} qubits, batch {batch_size:3}, {row['n_models']:3} models: "
                    f"ms a step and model: {times}; ratio {row['ratio']:.2f}; "
                    f"+{row['megabytes_more_at_the_peak']:.0f} MB\n"
                )
                sys.stdout.flush()
    page = {
        "command": "python benchmarks/ensembles.py",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processors": os.cpu_count(),
        "n_rows": N_ROWS,
        "results": results,
    }
    RESULTS.write_text(json.dumps(page, indent=1) + "\n")


if __name__ == "__main__":
    main()
