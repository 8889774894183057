"""Study S (arXiv 2509.06086): what a basic QNN leaks, before and after unlearning.

Run from the root of the repository::

    python benchmarks/study_s.py --data FOLDER --out study_s

`--data` names a folder with ``mnist_70000.npz``; without it the images come from OpenML.

Data as published: 1000 random training images of MNIST, 500 random test images, forget class
4. Beside them 300 more images of a 4 that no model sees, so that rates have intervals worth
reading. Two figures stand side by side. Published protocol: an attack that is trained on the
target's own members, not refitted after unlearning, its true-positive rate on the forget
class's members; we add the false-positive rate that goes with it. Sound protocol: attacks
that learn from shadow models, asked anew of every model, same-class rows that were never
trained on as non-members, compared with oracles. The mechanisms run with their stop rules;
nothing is tuned towards the published averages. The study's hybrid network, shots, noise and
a fake device are not part of this command yet.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA

# Set before workers start: results and times must not depend on BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from skqmu import HybridQNNClassifier
from skqmu.attacks import LiRAAttack, QNNOutputAttack, RMIAAttack, ShadowPool
from skqmu.datasets import load_mnist
from skqmu.exceptions import ResolutionWarning, ThreatModelWarning, UnlearningWarning
from skqmu.metrics import accuracy_interval, membership_result
from skqmu.unlearning import GradientAscent, RelativeGradientAscent, SelectiveDampening

FORGET = 4
MODELS = ("basic",)


def make_data(folder, seed):
    """Training and test rows, more rows of the forget class, and the forget mask."""
    source = load_mnist(None if folder is None else folder / "mnist_70000.npz")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(source.y))
    train, test, rest = order[:1000], order[1000:1500], order[1500:]
    more = rest[source.y[rest] == FORGET][:300]
    X, y = source.X, source.y
    parts = {"X": X[train], "X_test": X[test], "X_more": X[more]}
    pca = PCA(256, svd_solver="randomized", random_state=0).fit(parts["X"])
    parts = {name: pca.transform(rows) for name, rows in parts.items()}
    return SimpleNamespace(
        **parts, y=y[train], y_test=y[test], y_more=y[more], forget=y[train] == FORGET
    )


def make_estimator(seed):
    """The paper's basic QNN with 5 layers (it has one of 10, too)."""
    return HybridQNNClassifier(
        "none",
        encoding="amplitude",
        ansatz="strong",
        n_qubits=8,
        n_layers=5,
        head_layers=(),
        solver="sgd",
        learning_rate_init=0.05,
        batch_size=32,
        max_iter=25,
        random_state=seed,
    )


def mechanisms():
    """The three of the study, with stop rules where they ascend."""
    return {
        "GA": GradientAscent(max_iter=10),
        "Fisher-based (SSD)": SelectiveDampening(),
        "RGA": RelativeGradientAscent(max_iter=5),
    }


def accuracies(model, data):
    """Share of right answers on retained, forgotten and test rows."""
    return {
        "acc_retain": float(model.score(data.X[~data.forget], data.y[~data.forget])),
        "acc_forget": float(model.score(data.X[data.forget], data.y[data.forget])),
        "acc_test": float(model.score(data.X_test, data.y_test)),
    }


def published_rates(attack, model, data):
    """TPR and FPR of the attack that was trained on the original's members."""
    attack.set_params(target=model)
    rates = {}
    for name, X, y in (
        ("tpr", data.X[data.forget], data.y[data.forget]),
        ("fpr", data.X_more, data.y_more),
    ):
        flagged = np.asarray(attack.predict(X, y), dtype=bool)
        estimate = accuracy_interval(int(flagged.sum()), len(flagged))
        rates[name] = [float(estimate.value), float(estimate.low), float(estimate.high)]
    return rates


def sound_rates(model, pool, data):
    """AUC, with its interval, of attacks that learn from shadows."""
    rates = {}
    for name, kind in (("LiRA", LiRAAttack), ("RMIA", RMIAAttack), ("output", QNNOutputAttack)):
        attack = kind(model, random_state=0).fit(pool=pool)
        members = attack.decision_function(data.X[data.forget], data.y[data.forget])
        others = attack.decision_function(data.X_more, data.y_more)
        result = membership_result(members, others, fprs=(0.01,), n_resamples=2)
        point = result.operating_points[0]
        rates[name] = {
            "auc": [float(result.auc), *map(float, result.auc_interval)],
            "tpr_at_1pct": [float(point.tpr), *map(float, point.tpr_interval)],
        }
    return rates


def run(model, seed, arguments):
    """One model of the study: original, oracles, three mechanisms."""
    started = time.perf_counter()
    data = make_data(arguments.data, seed)
    classes = np.arange(10)
    original = make_estimator(seed).fit(data.X, data.y, classes=classes)
    pool = ShadowPool(
        clone(original), n_shadows=arguments.shadows, n_jobs=arguments.n_jobs, random_state=seed
    ).fit(
        np.concatenate([data.X, data.X_test, data.X_more]),
        np.concatenate([data.y, data.y_test, data.y_more]),
    )
    own = QNNOutputAttack(original, trained_on="target", random_state=0).fit(
        np.concatenate([data.X, data.X_test]),
        np.concatenate([data.y, data.y_test]),
        membership=np.arange(len(data.X) + len(data.X_test)) < len(data.X),
    )
    models = {"original": (original, None)}
    kept = ~data.forget
    for number in range(arguments.oracles):
        oracle = make_estimator(1000 + 100 * seed + number)
        models[f"oracle {number}"] = (
            oracle.fit(data.X[kept], data.y[kept], classes=classes),
            oracle.fit_cost_["gradient_rows"],
        )
    for name, strategy in mechanisms().items():
        unlearned = make_estimator(seed).fit(data.X, data.y, classes=classes)
        unlearned.unlearn(index=np.flatnonzero(data.forget), strategy=strategy)
        models[name] = (unlearned, unlearned.unlearning_log_[-1]["cost"]["gradient_rows"])
    rows = {
        name: accuracies(m, data)
        | {"published": published_rates(own, m, data), "sound": sound_rates(m, pool, data)}
        | {"gradient_rows": cost}
        for name, (m, cost) in models.items()
    }
    return {
        "model": model,
        "seed": seed,
        "n_shadows": arguments.shadows,
        "rows": rows,
        "wall_seconds": time.perf_counter() - started,
    }


def page(results):
    """The results as markdown."""
    lines = ["# Study S: what leaks, before and after unlearning", "", __doc__.split("\n\n")[4]]
    for result in results:
        lines += [
            "",
            f"## {result['model']}, seed {result['seed']}",
            "",
            "| model | acc retain / forget / test | TPR (published protocol, not refitted) | "
            "FPR of the same attack | AUC LiRA | AUC RMIA | AUC output attack, shadows |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, row in result["rows"].items():
            accuracy = " / ".join(f"{row[f'acc_{p}']:.3f}" for p in ("retain", "forget", "test"))
            rates = [row["published"]["tpr"], row["published"]["fpr"]]
            rates += [row["sound"][attack]["auc"] for attack in ("LiRA", "RMIA", "output")]
            lines.append(f"| {name} | {accuracy} | {' | '.join(map(_interval, rates))} |")
    return "\n".join(lines) + "\n"


def _interval(values):
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)


def main(arguments=None):
    """Run what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", choices=[*MODELS, "all"], default="all")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from 0")
    parser.add_argument("--shadows", type=int, default=16)
    parser.add_argument("--oracles", type=int, default=2)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of mnist_70000.npz")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/study_s"))
    parser.add_argument("--resume", action="store_true", help="keep what was finished")
    arguments = parser.parse_args(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", UnlearningWarning)
    warnings.simplefilter("ignore", ResolutionWarning)
    # Told on the page instead: this attack is shown the target's members.
    warnings.simplefilter("ignore", ThreatModelWarning)
    for model in MODELS if arguments.model == "all" else [arguments.model]:
        for seed in range(arguments.seeds):
            path = arguments.out / f"{model}-{seed}.json"
            if arguments.resume and path.exists():
                continue
            result = run(model, seed, arguments)
            path.with_suffix(".part").write_text(json.dumps(result, indent=1), encoding="utf-8")
            path.with_suffix(".part").replace(path)
            print(f"{path.name}: {result['wall_seconds']:.0f} s")
    results = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(arguments.out.glob("*.json"))
    ]
    (arguments.out / "study_s.md").write_text(page(results), encoding="utf-8")
    print(arguments.out / "study_s.md")


if __name__ == "__main__":
    main()
