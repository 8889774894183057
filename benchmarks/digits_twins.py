"""Accuracy and time of `QNNClassifier` beside its classical twins, on the same features.

    python benchmarks/digits_twins.py [--seeds 5] [--out benchmarks/results/digits_twins.json]

Iris: standard scaler, five folds. Digits: standard scaler, PCA to 8 components, standard
scaler, five folds. A quantum result never stands without its control: logistic regression,
and a multi-layer perceptron with about as many parameters as the circuit model.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.stats import t
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import QNNClassifier

DATA = {
    "iris": (load_iris, lambda: [StandardScaler()]),
    "digits": (load_digits, lambda: [StandardScaler(), PCA(8), StandardScaler()]),
}


def models(n_features, n_classes, seed):
    """The circuit model with its defaults, and its twins."""
    n_qubits = min(8, n_features)
    n_parameters = 3 * 3 * n_qubits + (n_qubits + 1) * n_classes
    hidden = max(1, round((n_parameters - n_classes) / (n_features + 1 + n_classes)))
    return {
        "QNNClassifier()": QNNClassifier(random_state=seed),
        "QNNClassifier(observables='zz')": QNNClassifier(observables="zz", random_state=seed),
        "LogisticRegression()": LogisticRegression(max_iter=2000),
        f"MLPClassifier(({hidden},))": MLPClassifier((hidden,), max_iter=2000, random_state=seed),
    }


def interval(values):
    """Mean and half width of its 95 % Student interval."""
    values = np.asarray(values)
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def main():
    """Run, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/digits_twins.json"))
    arguments = parser.parse_args()
    rows = []
    for name, (load, steps) in DATA.items():
        X, y = load(return_X_y=True)
        n_features = 8 if name == "digits" else X.shape[1]
        for model in models(n_features, len(np.unique(y)), 0):
            accuracies, seconds = [], []
            for seed in range(arguments.seeds):
                estimator = models(n_features, len(np.unique(y)), seed)[model]
                folds = StratifiedKFold(5, shuffle=True, random_state=seed)
                started = time.perf_counter()
                scores = cross_validate(make_pipeline(*steps(), estimator), X, y, cv=folds)
                seconds.append((time.perf_counter() - started) / 5)
                accuracies.append(scores["test_score"].mean())
            mean, half = interval(accuracies)
            rows.append(
                {
                    "data": name,
                    "model": model,
                    "accuracy": mean,
                    "half_width_95": half,
                    "seconds_a_fit": float(np.median(seconds)),
                }
            )
            print(f"{name:8} {model:32} {mean:.3f} +- {half:.3f}  {np.median(seconds):.2f} s a fit")
    result = {
        "command": f"python benchmarks/digits_twins.py --seeds {arguments.seeds}",
        "skqmu": skqmu.__version__,
        "seeds": arguments.seeds,
        "rows": rows,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
