"""How many certified removals a data set supports, and what the noise costs in accuracy.

Run from the root of the repository (a minute or two)::

    python benchmarks/certified.py

writes ``benchmarks/results/certified.json``. A logistic head on a circuit that never saw its
rows: an untrained one for Iris; for digits one that was trained on other digits (two fifths of
the training part, never removed). Rows are removed one by one in random order until the
bound passes the budget of (epsilon, delta) = (1, 1e-4), at which point the library retrains.
Ten seeds for Iris, three for digits. Each setting runs with the computed residual and with the
source's upper bound. The accuracy cost is that of the same head without noise, less that with
it, on held-out rows; the accuracy after the removals is that of the last model before the
library had to retrain.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import t as student
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import QNNClassifier
from skqmu.unlearning import CertifiedRemoval

RESULTS = Path(__file__).parent / "results" / "certified.json"
EPSILON, DELTA = 1.0, 1e-4
# (penalty, noise): from a strong promise about a weak model to a useful one.
SETTINGS = {"iris": ((0.1, 1.0), (0.001, 0.3)), "digits": ((0.003, 1.0), (0.0003, 0.3))}
RESIDUALS = ("computed", "bounded")
# Of the training part; these rows train the circuit and are in no removal.
PUBLIC = {"iris": 0.0, "digits": 0.4}
CIRCUIT = {
    "iris": {"n_layers": 1, "input_scale": None},
    "digits": {"n_layers": 2, "input_scale": None},
}
N_SEEDS = {"iris": 10, "digits": 3}
# Enough to tell: a data set that supports more is reported as such.
MOST_REMOVALS = 150


def data(name, seed):
    """Training and test parts, scaled; digits by eight principal components.

    The scaling is fitted on all training rows: what a certificate lists as unchecked.
    """
    X, y = (load_iris if name == "iris" else load_digits)(return_X_y=True)
    # A request by rows forgets every copy; here each request is one row.
    _, first = np.unique(X, axis=0, return_index=True)
    X, y = X[np.sort(first)], y[np.sort(first)]
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)
    steps = (
        [StandardScaler()]
        if name == "iris"
        else [StandardScaler(), PCA(8, random_state=0), StandardScaler()]
    )
    transform = make_pipeline(*steps).fit(X)
    return transform.transform(X), y, transform.transform(X_test), y_test


def run(name, penalty, sigma, residual, seed):
    """One seed: accuracies and the number of removals within the budget."""
    X, y, X_test, y_test = data(name, seed)
    circuit = {**CIRCUIT[name], "observables": "zz", "random_state": seed}
    chosen = {**circuit, "trainable": "head", "head": "logistic", "head_penalty": penalty}
    if PUBLIC[name]:
        X, X_public, y, y_public = train_test_split(
            X, y, test_size=PUBLIC[name], stratify=y, random_state=seed
        )
        trained = QNNClassifier(**circuit).fit(X_public, y_public)
        chosen["circuit_weights"] = trained.circuit_weights_
    clean = QNNClassifier(**chosen).fit(X, y).score(X_test, y_test)
    clf = QNNClassifier(**chosen, objective_noise=sigma).fit(X, y)
    noisy = clf.score(X_test, y_test)
    certified = clf.params_
    strategy = CertifiedRemoval(epsilon=EPSILON, delta=DELTA, residual=residual)
    order = np.random.default_rng(seed).permutation(len(X))
    removals = 0
    for row in order[: min(MOST_REMOVALS, len(X) - 30)]:
        clf.unlearn(index=[row], strategy=strategy)
        if not clf.unlearning_log_[-1]["stop_reason"].startswith("Newton"):
            break
        removals += 1
        certified = clf.params_
    clf.params_ = certified
    after = clf.score(X_test, y_test)
    return {"clean": clean, "noisy": noisy, "after": after, "removals": removals}


def interval(values):
    """Mean and Student's 95 % interval."""
    values = np.asarray(values, dtype=float)
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return [float(v) for v in (values.mean(), values.mean() - half, values.mean() + half)]


def main():
    """Run everything, write the JSON, print a table."""
    started = time.perf_counter()
    cases = [
        (name, *setting, residual)
        for name in N_SEEDS
        for setting in SETTINGS[name]
        for residual in RESIDUALS
    ]
    jobs = [(*case, seed) for case in cases for seed in range(N_SEEDS[case[0]])]
    runs = dict(zip(jobs, Parallel(n_jobs=2)(delayed(run)(*job) for job in jobs), strict=True))
    rows = []
    for name, penalty, sigma, residual in cases:
        mine = [runs[name, penalty, sigma, residual, seed] for seed in range(N_SEEDS[name])]
        rows.append(
            {
                "data": name,
                "head_penalty": penalty,
                "objective_noise": sigma,
                "residual": residual,
                "n_seeds": len(mine),
                "removals": interval([r["removals"] for r in mine]),
                "fewest_removals": min(r["removals"] for r in mine),
                "accuracy_without_noise": interval([r["clean"] for r in mine]),
                "accuracy_cost_of_noise": interval([r["clean"] - r["noisy"] for r in mine]),
                "accuracy_after_removals": interval([r["after"] for r in mine]),
            }
        )
    result = {
        "command": "python benchmarks/certified.py",
        "skqmu": skqmu.__version__,
        "epsilon": EPSILON,
        "delta": DELTA,
        "interval": "Student, 95 %, over seeds",
        "most_removals_tried": MOST_REMOVALS,
        "rows": rows,
        "seconds": time.perf_counter() - started,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    for row in rows:
        sys.stdout.write(
            f"{row['data']:7s} lambda {row['head_penalty']:<5g} sigma {row['objective_noise']:<4g} "
            f"{row['residual']:8s} "
            f"removals {row['removals'][0]:6.1f} (fewest {row['fewest_removals']:3d})  accuracy "
            f"{row['accuracy_without_noise'][0]:.3f}, noise costs "
            f"{row['accuracy_cost_of_noise'][0]:+.3f}, "
            f"after {row['accuracy_after_removals'][0]:.3f}\n"
        )


if __name__ == "__main__":
    main()
