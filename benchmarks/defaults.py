"""What every mechanism does to a model at default settings, beside models trained without the rows.

Run from the root of the repository (about twenty minutes on two quiet cores)::

    python benchmarks/defaults.py --check

writes ``benchmarks/results/defaults.json``, prints it as tables and, with ``--check``, ends with
an error where a limit is passed. It goes on from where it was interrupted; ``--afresh`` starts
again. Classifiers and mechanisms are those that a new user gets: nothing is set but what a
mechanism cannot work without (`classifier_params`). `private_by_training` is left out: it
changes nothing; what it costs is the price of private training (``benchmarks/private.py``).

- *Requests*: Iris, wine, breast cancer and 600 rows of digits (standardised; more than eight
  features by eight principal components, fitted on the training part), three quarters of the
  rows for training; a random tenth of the rows, all rows of one class, or one row are
  forgotten. Five seeds, two oracles each (models trained with fresh seeds on the rows that
  stay). Accuracies on retained, forgotten and test rows, the last of the classes that stay.
- *Memorising*: 120 rows of digits, of which a tenth is forgotten; 22 seeds, eight oracles. The
  band is where the logarithm of a further oracle's mean forget loss would lie with probability
  95 % (losses are skewed). Seeds where the original already lies in it are left out.
- *Sequence*: a hundred requests of one row each, breast cancer; after some of them, accuracy on
  test rows beside a model trained without the same rows.
"""

import argparse
import copy
import json
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from _defaults_page import failures, markdown
from joblib import Parallel, delayed
from scipy.stats import t as student
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import QNNClassifier
from skqmu.exceptions import DamageWarning, UnlearningWarning
from skqmu.unlearning import STRATEGIES

RESULTS = Path(__file__).parent / "results" / "defaults.json"
SETS = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
}
REQUESTS = ("tenth", "class", "row")
N_ROWS = {"digits": 600}
N_SEEDS, N_ORACLES = 5, 2
MEMORISED_ROWS, MEMORISING_SEEDS, BAND_ORACLES = 120, 22, 8
# Every strategy with a stop rule, on rows of classes that stay.
STOPPING = [name for name, cls in STRATEGIES.items() if "stop" in cls().get_params()]
STOPPING.remove("last_layers_fine_tune")  # which has one only where it ascends
ASCENTS = [
    "gradient_ascent",
    "neg_grad_plus",
    "relative_gradient_ascent",
    "fisher_forgetting",
    "scrub",
]
N_SINGLE, LOOKED_AT = 100, (1, 5, 10, 25, 50, 75, 100)
# What a classifier must be for strategies that say so, beyond what they say.
NOISY = {"certified_removal": {"objective_noise": 1.0}}


def parts_of(name, seed, n_rows=None):
    """Training and test rows, prepared as in a first hour."""
    X, y = SETS[name](return_X_y=True)
    n_rows = n_rows or N_ROWS.get(name)
    if n_rows:
        X, X_test, y, y_test = train_test_split(
            X, y, train_size=n_rows, stratify=y, random_state=seed
        )
    else:
        X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=seed)
    steps = [StandardScaler(), PCA(8, random_state=0)] if X.shape[1] > 8 else [StandardScaler()]
    transform = make_pipeline(*steps).fit(X)
    return transform.transform(X), y, transform.transform(X_test), y_test


def mask_of(request, y, seed):
    """Rows to forget."""
    rng = np.random.default_rng(seed)
    if request == "class":
        return y == np.unique(y)[1]
    mask = np.zeros(len(y), dtype=bool)
    mask[rng.choice(len(y), 1 if request == "row" else len(y) // 10, replace=False)] = True
    return mask


def losses(model, X, y):
    """Cross-entropy of each row, capped."""
    log_p = model.predict_log_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return np.minimum(-log_p, 50.0)


def figures(model, X, y, mask, X_test, y_test):
    """Accuracies and the forgotten rows' mean loss."""
    staying = np.isin(y_test, y[~mask])
    return {
        "retain": float(model.score(X[~mask], y[~mask])),
        "forget": float(model.score(X[mask], y[mask])),
        "test": float(model.score(X_test[staying], y_test[staying])),
        "forget_loss": float(losses(model, X[mask], y[mask]).mean()),
    }


def forgotten(base, mask, strategy):
    """A copy after the request, its log entry, and whether it was called damaged."""
    model = copy.deepcopy(base)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnlearningWarning)
        model.unlearn(index=mask, strategy=strategy)
    entry = model.unlearning_log_[-1]
    return model, entry, any(issubclass(w.category, DamageWarning) for w in caught)


def unguarded(name):
    """The mechanism as it would be without its guard; None where it has none."""
    strategy = STRATEGIES[name]()
    return strategy.set_params(guard=None) if "guard" in strategy.get_params() else None


def fresh_seeds(seed, n_oracles):
    """Seeds of oracles."""
    return [1000 * (seed + 1) + number for number in range(n_oracles)]


def request_job(changes, scale, name, request, seed):
    """Figures of all mechanisms for one request."""
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = parts_of(name, seed)
    X, X_test = X * scale, X_test * scale
    mask = mask_of(request, y, seed)
    parts = (X, y, mask, X_test, y_test)
    bases, oracles, rows = {}, {}, {}
    for strategy_name, cls in STRATEGIES.items():
        if "privacy" in cls.classifier_params:
            continue
        needed = {**cls().classifier_params, **NOISY.get(strategy_name, {})}
        # Writing down updates changes nothing: such a model has the oracles of the others.
        kind = json.dumps({k: v for k, v in needed.items() if k != "log_updates"})
        if kind not in bases:
            made = {**changes, **json.loads(kind)}
            if not json.loads(kind):
                made["log_updates"] = True
            bases[kind] = QNNClassifier(random_state=seed, **made).fit(X, y)
            oracles[kind] = []
            # A circuit that is not trained is the same one for all.
            seeds = [seed] if made.get("trainable") else fresh_seeds(seed, N_ORACLES)
            for fresh in seeds:
                oracle = QNNClassifier(random_state=fresh, **made)
                oracle.fit(X[~mask], y[~mask], classes=np.unique(y))
                rows_spent = oracle.fit_cost_["gradient_rows"]
                oracles[kind].append({**figures(oracle, *parts), "gradient_rows": rows_spent})
        started = time.perf_counter()
        model, entry, damaged = forgotten(bases[kind], mask, strategy_name)
        seconds = time.perf_counter() - started
        mean = {k: float(np.mean([o[k] for o in oracles[kind]])) for k in oracles[kind][0]}
        spent = entry["cost"]["gradient_rows"]
        row = {
            **figures(model, *parts),
            "oracle": mean,
            "before": figures(bases[kind], *parts),
            "status": entry["status"],
            "reference": entry["reference"],
            "target_reached": entry["target_reached"],
            "stop_reason": entry["stop_reason"],
            "damage_warning": damaged,
            "cost": spent / mean["gradient_rows"] if mean["gradient_rows"] else None,
            "seconds": seconds,
        }
        bare = unguarded(strategy_name) if request == "class" else None
        if bare is not None:
            model, _, _ = forgotten(bases[kind], mask, bare)
            row["without_guard"] = figures(model, *parts)
        rows[strategy_name] = row
    return rows


def memorising_job(changes, scale, seed):
    """Forget losses of a memorised tenth, beside the oracles' band."""
    warnings.simplefilter("ignore")
    X, y, *_ = parts_of("digits", seed, MEMORISED_ROWS)
    X = X * scale
    mask = mask_of("tenth", y, seed)

    def loss(model):
        return float(losses(model, X[mask], y[mask]).mean())

    oracles = []
    for fresh in fresh_seeds(seed, BAND_ORACLES):
        oracle = QNNClassifier(random_state=fresh, **changes)
        oracles.append(loss(oracle.fit(X[~mask], y[~mask], classes=np.unique(y))))
    base = QNNClassifier(random_state=seed, **changes).fit(X, y)
    center = np.mean(np.log(oracles))
    half = student.ppf(0.975, len(oracles) - 1) * np.std(np.log(oracles), ddof=1)
    half *= np.sqrt(1 + 1 / len(oracles))
    ended = {}
    for name in STOPPING:
        model, entry, _ = forgotten(base, mask, name)
        ended[name] = {"loss": loss(model), "status": entry["status"], "at": entry["reference"]}
    return {
        "original": loss(base),
        "oracles": oracles,
        "band": np.exp([center - half, center + half]).tolist(),
        "mechanisms": ended,
    }


def sequence_job(changes, scale, name):
    """A hundred requests of one row: accuracy, oracle and statuses along the way."""
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = parts_of("breast_cancer", 0)
    X, X_test = X * scale, X_test * scale
    model = QNNClassifier(random_state=0, **changes).fit(X, y)
    order = np.random.default_rng(0).permutation(len(y))[:N_SINGLE]
    along = [{"n": 0, "accuracy": float(model.score(X_test, y_test))}]
    for n, row in enumerate(order, start=1):
        model, _, _ = forgotten(model, [row], name)
        if n in LOOKED_AT:
            stay = np.delete(np.arange(len(y)), order[:n])
            oracle = QNNClassifier(random_state=1, **changes).fit(X[stay], y[stay])
            point = {"n": n, "accuracy": float(model.score(X_test, y_test))}
            along.append({**point, "oracle": float(oracle.score(X_test, y_test))})
    statuses = [entry["status"] for entry in model.unlearning_log_]
    return {"along": along, "statuses": {s: statuses.count(s) for s in dict.fromkeys(statuses)}}


def jobs(seeds, memorising_seeds):
    """Key of each job, and what does it."""
    found = {}
    for name in SETS:
        for request in REQUESTS:
            for seed in range(seeds):
                found[f"{name}/{request}/{seed}"] = (request_job, name, request, seed)
    for seed in range(memorising_seeds):
        found[f"memorising/{seed}"] = (memorising_job, seed)
    for name in ASCENTS:
        found[f"sequence/{name}"] = (sequence_job, name)
    return found


def _rounded(value):
    """Floats to five digits, whatever they are in."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _keyed(key, function, *arguments):
    return key, function(*arguments)


def main():
    """Do what is missing, write the JSON, print the tables, check the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--memorising-seeds", type=int, default=MEMORISING_SEEDS)
    parser.add_argument("--only", default="", help="jobs whose key begins so")
    parser.add_argument("--classifier", default="{}", help="parameters other than the defaults")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the features")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    settings = {
        "skqmu": skqmu.__version__,
        "classifier": json.loads(arguments.classifier),
        "scale": arguments.scale,
    }
    result = {**settings, "seconds": 0.0, "jobs": {}}
    if arguments.output.exists() and not arguments.afresh:
        saved = json.loads(arguments.output.read_text())
        if {k: saved[k] for k in settings} == settings:
            result = saved
    result.update(command="python benchmarks/defaults.py", python=platform.python_version())
    missing = [
        (key, function, settings["classifier"], settings["scale"], *rest)
        for key, (function, *rest) in jobs(arguments.seeds, arguments.memorising_seeds).items()
        if key not in result["jobs"] and key.startswith(arguments.only)
    ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    last = time.perf_counter()
    parallel = Parallel(n_jobs=arguments.n_jobs, return_as="generator_unordered")
    for key, found in parallel(delayed(_keyed)(*job) for job in missing):
        result["jobs"][key] = found
        result["seconds"] += time.perf_counter() - last
        last = time.perf_counter()
        arguments.output.write_text(json.dumps(_rounded(result)) + "\n")
        sys.stderr.write(f"{key}\n")
    sys.stdout.write(markdown(result["jobs"]) + "\n")
    if arguments.check:
        found = failures(result["jobs"])
        sys.stdout.write("\n".join(found or ["every limit holds"]) + "\n")
        sys.exit(bool(found))


if __name__ == "__main__":
    main()
