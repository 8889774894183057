"""Who was deleted? Asked by whoever keeps the version before the deletion.

Run from the root of the repository (some minutes on one core)::

    python benchmarks/update_attack.py

writes ``benchmarks/results/update_attack.json`` and prints the table of ``docs/two_versions.md``.

Digits in random order: 600 rows train, the next 600 are public, the others are in neither.
Pixels are scaled to [0, 1] and projected on eight principal components (``PCA(8,
random_state=0)``), fitted on the public rows. Features are all <Z_i> and <Z_i Z_j> of an angle
encoding and an untrained circuit of two layers. Each request deletes rows from the model of all
600; candidates are the deleted rows and 500 others, half of them in both versions and half in
neither.

Heads: ridge, logistic with objective noise (lambda .001, sigma .1: one removal is within the
budget of epsilon 1), softmax on the trained circuit. Attackers: both versions' weights and the
public rows; answers to the candidates, knowing the head's loss ("answers") or not ("answers,
head unknown").
"""

import argparse
import json
import pickle
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import skqmu
from skqmu import QNNClassifier
from skqmu.attacks import UpdateAttack, UpdateResult
from skqmu.unlearning import CertifiedRemoval, Retrain

RESULTS = Path(__file__).parent / "results" / "update_attack.json"
N_ROWS, N_PUBLIC, N_OTHERS = 600, 600, 500
CIRCUIT = {"encoding": "angle", "n_layers": 2, "observables": "zz", "random_state": 0}
HEADS = {
    "ridge": {"trainable": "head", "head": "ridge"},
    "logistic": {
        "trainable": "head", "head": "logistic", "head_penalty": 0.001, "objective_noise": 0.1,
    },
    "softmax": {"max_iter": 30},
}  # fmt: skip
BATCHES = (1, 2, 4, 8, 16, 32, 64)
NOISE = (0.001, 0.01, 0.1)


def data(seed=0):
    """Rows, labels, and positions of training, public and other rows."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    X, y = X[order], y[order]
    public = slice(N_ROWS, N_ROWS + N_PUBLIC)
    transform = make_pipeline(MinMaxScaler(), PCA(8, random_state=0)).fit(X[public])
    return transform.transform(X), y, public


def candidates(deleted, n, rng):
    """The deleted rows, rows of both versions and rows of neither."""
    stay = np.setdiff1d(np.arange(N_ROWS), deleted)
    both = rng.choice(stay, N_OTHERS // 2, replace=False)
    neither = rng.choice(np.arange(N_ROWS + N_PUBLIC, n), N_OTHERS // 2, replace=False)
    rows = np.concatenate([deleted, both, neither])
    return rows, np.arange(len(rows)) < len(deleted)


def forget(model, deleted, strategy):
    """A version without the rows."""
    after = pickle.loads(pickle.dumps(model))
    with warnings.catch_warnings():
        # a mechanism's harm, or a spent budget, is not what is measured here
        warnings.simplefilter("ignore")
        return after.unlearn(index=deleted, strategy=strategy)


def refit(model, rows, X, y, **params):
    """A version trained from scratch on rows, with the class list kept."""
    after = QNNClassifier(**{**model.get_params(), **params})
    return after.fit(X[rows], y[rows])


class Published(ClassifierMixin, BaseEstimator):
    """A head with fresh noise on its weights, drawn anew at each publication."""

    def __init__(self, model, scale, rng):
        self.model, self.scale, self.rng = model, scale, rng
        self.classes_, self.n_features_in_ = model.classes_, model.n_features_in_
        self.head_kind_, self.head_penalty_ = model.head_kind_, model.head_penalty_
        coef = model.head_coef_
        self.head_coef_ = coef + rng.normal(0, scale * coef.std(), coef.shape)

    def fit(self, X, y):
        """Nothing to learn: a publication is what it is."""
        return self

    def head_features(self, X):
        return self.model.head_features(X)

    def predict(self, X):
        outputs = self.head_features(X) @ self.head_coef_.T
        return self.classes_[outputs.argmax(axis=1)]


def measure(name, pairs, X, y, public, attackers, invert=0):
    """Rows of the table: one for each attacker, over all requests of a setting."""
    found = {attacker: [] for attacker in attackers}
    cosines, rebuilt = [], []
    for k, (before, after, deleted) in enumerate(pairs):
        rows, mask = candidates(deleted, len(X), np.random.default_rng(k))
        for attacker, params in attackers.items():
            attack = UpdateAttack(
                before, after, n_deleted=len(deleted), n_rows=N_ROWS, **params
            ).fit(X[public], y[public])
            found[attacker].append(attack.evaluate(X[rows], y[rows], mask))
            if attack.access_ == "weights" and len(deleted) == 1:
                truth = before.head_features(X[deleted])[0]
                cosines.append(attack.reconstruct().cosine(truth))
                if k < invert:
                    rebuilt.append(attack.reconstruct(invert=True).cosine(truth))
    for attacker, results in found.items():
        pooled = UpdateResult.pool(results).to_dict()
        row = {"setting": name, "attacker": attacker, "n_deleted": len(deleted)}
        row |= {key: pooled[key] for key in ("auc", "top_1", "top_5", "found", "n_requests")}
        row |= {"ranks": pooled["ranks"]}
        if attacker == "weights" and cosines:
            row["cosine"] = float(np.mean(cosines))
        if attacker == "weights" and rebuilt:
            row["cosine_inverted"] = float(np.mean(rebuilt))
        yield row


WEIGHTS = {"weights": {"access": "weights"}}
ANSWERS = {
    "answers": {"access": "answers"},
    "answers, head unknown": {"access": "answers", "head": "softmax"},
}


def settings(X, y, public, n_requests, n_slow):
    """Yield every setting as (name, pairs, attackers, rows to invert)."""
    models = {
        name: QNNClassifier(**CIRCUIT, **head).fit(X[:N_ROWS], y[:N_ROWS])
        for name, head in HEADS.items()
    }
    ridge, logistic, softmax = (models[name] for name in HEADS)
    single = [[q] for q in range(n_requests)]
    few = single[:n_slow]
    everything = np.arange(N_ROWS)

    def pairs(model, requests, strategy):
        return ((model, forget(model, rows, strategy), rows) for rows in requests)

    yield "exact_downdate", pairs(ridge, single, "exact_downdate"), WEIGHTS | ANSWERS, 50
    certified = CertifiedRemoval(epsilon=1.0)
    answers = {"answers": {"access": "answers"}}
    yield "certified_removal, epsilon 1", pairs(logistic, single, certified), WEIGHTS | answers, 0
    for name in ("neg_grad_plus", "gradient_ascent", "scrub"):
        yield name, pairs(softmax, few, name), answers, 0
    same = Retrain(random_state="same")
    yield "retrain, same seed", pairs(softmax, few, same), answers, 0
    yield "retrain, new seed", pairs(softmax, few, "retrain"), answers, 0
    yield (
        "ridge head, retrained with a new seed (new circuit)",
        (
            (ridge, refit(ridge, np.delete(everything, q), X, y, random_state=1 + q[0]), q)
            for q in single
        ),
        answers,
        0,
    )
    rng = np.random.default_rng(0)
    for scale in NOISE:
        yield (
            f"exact_downdate, fresh noise of {scale:g} of the weights' spread",
            (
                (Published(ridge, scale, rng), Published(after, scale, rng), rows)
                for _, after, rows in pairs(ridge, single, "exact_downdate")
            ),
            WEIGHTS,
            0,
        )
    for size in BATCHES[1:]:
        batches = [
            np.random.default_rng(q).choice(N_ROWS, size, replace=False) for q in range(n_slow)
        ]
        yield (
            f"exact_downdate, {size} rows a request",
            pairs(ridge, batches, "exact_downdate"),
            WEIGHTS | answers,
            0,
        )


def text(row):
    """One line of the table."""
    rates = " | ".join(
        "{value:.2f} [{low:.2f}, {high:.2f}]".format(**row[key])
        for key in ("top_1", "top_5", "auc")
    )
    cosine = " / ".join(f"{row[k]:.3f}" for k in ("cosine", "cosine_inverted") if k in row)
    return (
        f"| {row['setting']} | {row['attacker']} | {row['n_requests']} | {rates} | "
        f"{row['found']:.2f} | {cosine} |\n"
    )


def main():
    """Run everything, write the JSON, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--slow", type=int, default=40, help="requests of what trains a circuit")
    options = parser.parse_args()
    started = time.perf_counter()
    X, y, public = data()
    rows = []
    for name, pairs, attackers, invert in settings(X, y, public, options.requests, options.slow):
        for row in measure(name, pairs, X, y, public, attackers, invert):
            rows.append(row)
            sys.stdout.write(text(row))
            sys.stdout.flush()
    result = {
        "command": "python benchmarks/update_attack.py",
        "skqmu": skqmu.__version__,
        "n_rows": N_ROWS,
        "n_public": N_PUBLIC,
        "n_candidates": 1 + N_OTHERS,
        "interval": "Clopper-Pearson over requests, 95 %; AUC: bounded mean over requests",
        "rows": rows,
        "seconds": time.perf_counter() - started,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
