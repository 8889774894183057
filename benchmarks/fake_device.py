"""A fake IBM device, noise included: accuracy of models trained elsewhere, and one full audit.

1. `QNNClassifier` is trained on the state vector and predicts on
   ``RuntimeBackend("fake_manila")``, the code path of a device with the noise of the 5-qubit
   ibmq_manila: accuracy on held-out rows of Iris here and there, and the drop, with a t interval
   over the seeds (their splits overlap, so it is a little too narrow).
2. `skqmu.audit` with every model, shadows and oracles too, trained and asked on the device: what
   ``dry_run=True`` had said that it would take, and what the device ran.

    python benchmarks/fake_device.py [--seeds 10] [--shots 1024]

prints both and writes results/fake_device.json. Seconds are this machine's, which simulates;
QPU seconds are estimated for the device, as `RuntimeBackend` says.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

import skqmu
from skqmu.backends import Budget, RuntimeBackend

DEVICE = "fake_manila"
AUDIT = {
    "forget": "class:0",
    "mechanisms": ["retrain", "gradient_ascent"],
    "attacks": ["loss", "lira"],
    "n_shadows": 4,
    "n_oracles": 2,
}
ANGLES = {"input_scale": None, "observables": "z"}
AUDITED = {**ANGLES, "n_layers": 1, "solver": "nft", "max_iter": 60}
AUDIT_SHOTS = 256


def iris():
    """Features as angles, and labels."""
    X, y = load_iris(return_X_y=True)
    return MinMaxScaler((-np.pi / 2, np.pi / 2)).fit_transform(X), y


def trained_here_predicts_there(seed, shots):
    """Accuracy on 60 held-out rows, exact and on the device."""
    X, y = iris()
    X, X_test, y, y_test = train_test_split(X, y, test_size=60, stratify=y, random_state=seed)
    shape = {"n_layers": 2, "max_iter": 60, "batch_size": 32}
    clf = skqmu.QNNClassifier(**ANGLES, **shape, random_state=seed).fit(X, y)
    exact, agreed = clf.score(X_test, y_test), clf.predict(X_test)
    clf.set_params(backend=RuntimeBackend(DEVICE, shots=shots, seed=seed))
    there = clf.predict(X_test)
    return {
        "exact": exact,
        "device": float((there == y_test).mean()),
        "agreement": float((there == agreed).mean()),
    }


def summary(rows):
    """Means, and the drop with its interval."""
    drops = np.array([row["exact"] - row["device"] for row in rows])
    half = stats.t.ppf(0.975, len(drops) - 1) * drops.std(ddof=1) / np.sqrt(len(drops))
    return {
        "rows_a_seed": 60,
        "exact": float(np.mean([row["exact"] for row in rows])),
        "device": float(np.mean([row["device"] for row in rows])),
        "agreement": float(np.mean([row["agreement"] for row in rows])),
        "drop": float(drops.mean()),
        "drop_95": [float(drops.mean() - half), float(drops.mean() + half)],
        "largest_drop": float(drops.max()),
        "seeds": rows,
    }


def audited():
    """One audit on the device: the estimate, what was spent, and what it found."""
    X, y = iris()
    backend = RuntimeBackend(DEVICE, shots=AUDIT_SHOTS, gradient="spsa")
    clf = skqmu.QNNClassifier(backend=backend, **AUDITED)
    request = {**AUDIT, "random_state": 0}
    started = time.perf_counter()
    dry = skqmu.audit(clf, X, y, dry_run=True, **request)
    dry_seconds = time.perf_counter() - started
    started = time.perf_counter()
    with Budget().enforced() as spent:
        report = skqmu.audit(clf, X, y, **request)
    seconds = time.perf_counter() - started
    print(report)
    (scenario,) = json.loads(report.to_json())["scenarios"]
    return {
        "settings": {**AUDIT, **AUDITED, "shots": AUDIT_SHOTS, "gradient": "spsa"},
        "estimated": dry["cost"],
        "spent": dict(spent),
        "spent_of_estimate": {
            name: spent[name] / dry["cost"]["total"][name] for name in spent
        },
        "dry_run_seconds": dry_seconds,
        "seconds": seconds,
        "accuracy": {
            model["name"]: {
                part: rate["value"] for part, rate in (model.get("accuracy") or {}).items()
            }
            for model in scenario["models"]
        },
    }  # fmt: skip


def main():
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--shots", type=int, default=1024)
    arguments = parser.parse_args()
    started = time.perf_counter()
    rows = [trained_here_predicts_there(seed, arguments.shots) for seed in range(arguments.seeds)]
    predicted = {"shots": arguments.shots, "device": DEVICE, **summary(rows)}
    predicted["seconds"] = time.perf_counter() - started
    print({name: value for name, value in predicted.items() if name != "seeds"})
    audit = audited()
    print({name: audit[name] for name in ("spent", "spent_of_estimate", "seconds")})
    result = {
        "command": f"python benchmarks/fake_device.py --seeds {arguments.seeds} "
        f"--shots {arguments.shots}",
        "python": platform.python_version(),
        "versions": {
            name: version(name)
            for name in ("qiskit", "qiskit-aer", "qiskit-ibm-runtime", "scikit-learn", "numpy")
        },
        "predicted": predicted,
        "audit": audit,
    }
    path = Path(__file__).parent / "results" / "fake_device.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
