"""Solvers on a sampled objective: accuracy on Iris and what each fit spends.

`QNNClassifier` (2 layers) on Aer with shots: qiskit-machine-learning's gradient-free optimizers,
which need one circuit a row and evaluation of the loss, beside Adam with the parameter-shift rule.

    python benchmarks/noisy_solvers.py [--seeds 5] [--shots 1024]

prints a table and writes results/noisy_solvers.json. A seed decides the split (70 % train), the
start and the noise.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from skqmu import QNNClassifier
from skqmu.backends import AerBackend

SETTINGS = {
    "spsa": {"solver": "spsa", "max_iter": 300},
    "nft": {"solver": "nft", "max_iter": 300},
    "cobyla": {"solver": "cobyla", "max_iter": 300},
    "adam, parameter shift": {
        "solver": "adam", "learning_rate_init": 0.1, "max_iter": 8, "batch_size": 32,
    },
}  # fmt: skip


def fitted(params, shots, seed):
    """Accuracy on held-out rows, what the fit spent, and seconds."""
    X, y = load_iris(return_X_y=True)
    X = MinMaxScaler((-np.pi / 2, np.pi / 2)).fit_transform(X)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    backend = AerBackend(shots=shots, gradient="parameter_shift")
    circuit = {"n_layers": 2, "input_scale": None, "observables": "z"}
    clf = QNNClassifier(**circuit, backend=backend, random_state=seed, **params)
    started = time.perf_counter()
    clf.fit(X, y)
    seconds = time.perf_counter() - started
    return {
        "accuracy": clf.score(X_test, y_test),
        "circuits": clf.fit_cost_["circuits"],
        "shots": clf.fit_cost_["shots"],
        "seconds": seconds,
    }


def main():
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shots", type=int, default=1024)
    arguments = parser.parse_args()
    result = {
        "command": f"python benchmarks/noisy_solvers.py --seeds {arguments.seeds} "
        f"--shots {arguments.shots}",
        "python": platform.python_version(),
        "versions": {
            name: version(name)
            for name in ("qiskit", "qiskit-aer", "qiskit-machine-learning", "scikit-learn")
        },
        "settings": SETTINGS,
        "fits": {},
    }
    for name, params in SETTINGS.items():
        fits = [fitted(params, arguments.shots, seed) for seed in range(arguments.seeds)]
        result["fits"][name] = fits
        mean = {key: float(np.mean([fit[key] for fit in fits])) for key in fits[0]}
        lowest = min(fit["accuracy"] for fit in fits)
        print(
            f"{name:24s} accuracy {mean['accuracy']:.3f} (lowest {lowest:.3f})  "
            f"circuits {mean['circuits']:9,.0f}  {mean['seconds']:6.1f} s",
            flush=True,
        )
    path = Path(__file__).parent / "results" / "noisy_solvers.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
