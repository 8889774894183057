"""What private training costs in accuracy: circuits, logistic regression, public front-ends.

Run from the root of the repository (some 20 minutes on two cores)::

    python benchmarks/private.py

writes ``benchmarks/results/private.json``; ``--only suggestions`` compares what `suggest_dp` says
beforehand with what is lost (four seeds, training accuracy); ``--mnist PATH`` adds 1,600 images of
MNIST from an ``.npz`` file (see `skqmu.datasets.load_mnist`), ``--only NAME`` runs one data set.
Results of data sets that are not run stay in the file.

Each data set is split by each of ten seeds into a public fifth, a private half and a test part of
the rest, stratified. The public rows alone give the scale of the features, and the front-end of
``front`` (their linear discriminants); ``public`` is that discriminant by itself, which
spends nothing. The private rows are spent by one fit each of

- ``qnn``: a circuit on the scaled features (images: means over blocks of pixels), with a linear
  head;
- ``front``: the same circuit behind the frozen front-end;
- ``logistic``: multinomial logistic regression, by the same loop, accountant, noise and solver.

Their twins without privacy go by the same steps with no noise and no clipping ("none").

Learning rate and epochs are those of nine settings that did best on generated data
(`make_classification`) of as many features and classes and up to 200 rows: no private row
had a part in that, and it spends nothing. Delta is 1e-5, the clip 1, neighbours differ in one row
whose place is empty. Intervals: Student, 95 %, over seeds.
"""

import argparse
import json
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import t as student
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import QNNClassifier
from skqmu.classifiers import suggest_dp
from skqmu.datasets import load_mnist
from skqmu.network import Dense, Network
from skqmu.privacy import DifferentialPrivacy, PrivateObjective
from skqmu.training import Adam, Objective, Point, Records, TrainingRun, train

RESULTS = Path(__file__).parent / "results" / "private.json"
EPSILONS, DELTA = (1.0, 3.0, 8.0), 1e-5
SEEDS = range(10)
SUGGESTED = (0.5, 1.0, 3.0, 8.0)
RATES, EPOCHS = (0.03, 0.1, 0.3), (20, 60, 150)
TUNING_SEEDS = {"digits": range(1), "mnist_1600": range(1)}  # others: three
MODELS = ("qnn", "front", "logistic")
SMALL = {"ansatz": "real_amplitudes", "observables": "z", "input_scale": 0.8}
CIRCUITS = {
    "iris": {"n_qubits": 4, "n_layers": 2, **SMALL},
    "wine": {"n_qubits": 4, "n_layers": 2, **SMALL},
    "breast_cancer": {"n_qubits": 4, "n_layers": 2, **SMALL},
    # features come again before each layer: sixteen of them on few qubits
    "digits": {"n_qubits": 6, "n_layers": 2, "reuploading": True, **SMALL},
    "mnist_1600": {"n_qubits": 6, "n_layers": 2, "reuploading": True, **SMALL},
}
TABLES = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer}
# Settings are looked for on so many generated rows at most.
MOST_TUNING_ROWS = 200


def rows_of(name, mnist):
    """Features and labels; images as means over blocks, of which there are 4 x 4."""
    if name in TABLES:
        return TABLES[name](return_X_y=True)
    if name == "digits":
        X, y = load_digits(return_X_y=True)
    else:
        data = load_mnist(mnist, n_per_class=160, random_state=0)
        X, y = data.X, data.y
    side = int(np.sqrt(X.shape[1]))
    blocks = X.reshape(len(X), 4, side // 4, 4, side // 4).mean(axis=(2, 4))
    return blocks.reshape(len(X), -1), y


def parts_of(X, y, seed):
    """Public, private and test rows, as pairs."""
    X_rest, X_test, y_rest, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    X_public, X_private, y_public, y_private = train_test_split(
        X_rest, y_rest, train_size=2 / 7, stratify=y_rest, random_state=seed
    )
    return (X_public, y_public), (X_private, y_private), (X_test, y_test)


class Features:
    """What public rows make of any rows: the scaled features, or behind a frozen front-end."""

    def __init__(self, X, y, behind_front):
        self.scaler = StandardScaler().fit(X)
        self.front, self.spread = None, None
        if behind_front:
            self.front = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1)
            self.front.fit(self.scaler.transform(X), y)
            self.spread = StandardScaler().fit(self.front.transform(self.scaler.transform(X)))

    def __call__(self, X):
        X = self.scaler.transform(X)
        return X if self.front is None else self.spread.transform(self.front.transform(X))


def circuit(name, privacy, rate, epochs, seed, n_features):
    """The classifier with a circuit; without privacy it takes all its epochs, too."""
    params = dict(CIRCUITS[name])
    params["n_qubits"] = min(params["n_qubits"], max(n_features, 2))
    more = {"privacy": privacy} if privacy else {"tol": 0.0, "n_iter_no_change": 10**6}
    return QNNClassifier(
        learning_rate_init=rate,
        max_iter=epochs,
        batch_size=10**6,
        random_state=seed,
        **params,
        **more,
    )


def logistic(X, y, classes, privacy, rate, epochs):
    """Kernel and bias of a multinomial logistic regression, trained by the loop of circuits."""
    network = Network([Dense("head", X.shape[1], len(classes))])
    records = Records(X, np.eye(len(classes))[np.searchsorted(classes, y)], np.ones(len(X)))
    if privacy is None:
        objective = Objective({"train": records})
    else:
        plan = privacy.plan(n_rows=len(X), batch_size=len(X), max_iter=epochs)
        objective = PrivateObjective(records, plan)
    run = TrainingRun(
        network=network,
        objective=objective,
        solver=Adam(rate),
        point=Point(np.zeros(network.layout.size)),
        seed=np.random.SeedSequence(0),
        max_iter=epochs,
        batch_size=len(X),
    )
    return network, train(run).params


def accuracy(model, name, epsilon, setting, train_rows, test_rows, seed):
    """Of one fit on rows that are scaled already, and its number of trained weights."""
    (X, y), (X_test, y_test) = train_rows, test_rows
    rate, epochs = setting
    classes = np.unique(np.concatenate([y, y_test]))
    privacy = None if epsilon is None else DifferentialPrivacy(epsilon, delta=DELTA)
    if model == "logistic":
        network, params = logistic(X, y, classes, privacy, rate, epochs)
        found = classes[network.logits(params, X_test).argmax(axis=1)]
        return float((found == y_test).mean()), len(params)
    clf = circuit(name, privacy, rate, epochs, seed, X.shape[1]).fit(X, y, classes=classes)
    return clf.score(X_test, y_test), len(clf.params_)


def tuned(model, name, epsilon, n_rows, n_features, n_classes):
    """The setting that did best on generated rows."""
    n = min(n_rows, MOST_TUNING_ROWS)

    def score(setting):
        found = []
        for seed in TUNING_SEEDS.get(name, range(3)):
            informative = min(n_features, max(2, int(np.ceil(np.log2(n_classes))) + 1))
            X, y = make_classification(
                2 * n, n_features, n_informative=informative, n_redundant=0, n_repeated=0,
                n_classes=n_classes, n_clusters_per_class=1, class_sep=1.5, random_state=seed,
            )  # fmt: skip
            X = StandardScaler().fit_transform(X)
            rows = (X[:n], y[:n]), (X[n:], y[n:])
            found.append(accuracy(model, name, epsilon, setting, *rows, seed)[0])
        return np.mean(found)

    settings = list(product(RATES, EPOCHS))
    return settings[int(np.argmax([score(setting) for setting in settings]))]


def one_seed(model, name, epsilon, setting, X, y, seed):
    """Accuracy on the test part of a seed, number of weights, and that of the public rows alone."""
    warnings.simplefilter("ignore")
    public, private, test = parts_of(X, y, seed)
    features = Features(*public, behind_front=model == "front")
    rows = [(features(part), labels) for part, labels in (private, test)]
    found, n_weights = accuracy(model, name, epsilon, setting, *rows, seed)
    alone = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1)
    scaled = StandardScaler().fit(public[0])
    alone.fit(scaled.transform(public[0]), public[1])
    return found, n_weights, alone.score(scaled.transform(test[0]), test[1])


def interval(values):
    """Mean and Student's interval."""
    values = np.asarray(values)
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return [round(float(v), 4) for v in (values.mean(), values.mean() - half, values.mean() + half)]


def cell(model, name, epsilon, X, y):
    """One row of the results."""
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    n_classes, n_private = len(np.unique(y)), len(parts_of(X, y, 0)[1][1])
    n_features = min(n_classes - 1, X.shape[1]) if model == "front" else X.shape[1]
    setting = tuned(model, name, epsilon, n_private, n_features, n_classes)
    found = [one_seed(model, name, epsilon, setting, X, y, seed) for seed in SEEDS]
    scores, weights, alone = zip(*found, strict=True)
    return {
        "data": name,
        "model": model,
        "epsilon": epsilon,
        "n_private": n_private,
        "n_weights": weights[0],
        "learning_rate": setting[0],
        "epochs": setting[1],
        "accuracy": interval(scores),
        "public_alone": interval(alone),
        "seconds": round(time.perf_counter() - started, 1),
    }


def suggested(name, kind):
    """What `suggest_dp` says of a circuit, and the accuracy that its settings then lose."""
    warnings.simplefilter("ignore")
    X, y = TABLES[name](return_X_y=True)
    X = StandardScaler().fit_transform(X)
    params = CIRCUITS[name] if kind == "small" else {"observables": "z"}
    told = suggest_dp(QNNClassifier(random_state=0, **params), X, y, epsilons=SUGGESTED)
    steps = {n: value for n, value in told.params.items() if n != "privacy"}

    def score(privacy, seed):
        clf = QNNClassifier(random_state=seed, privacy=privacy, **params, **steps)
        return clf.fit(X, y).score(X, y)

    seeds = range(4)
    free = np.mean([score(None, seed) for seed in seeds])
    rows = []
    for row in told.rows:
        privacy = DifferentialPrivacy(row["epsilon"], clip=told.clip, classes="public")
        lost = free - np.mean([score(privacy, seed) for seed in seeds])
        ratio = round(row["noise_to_signal"], 3)
        rows.append({"data": name, "circuit": kind, "n_weights": told.n_weights,
                     "epsilon": row["epsilon"], "noise_to_signal": ratio,
                     "accuracy_lost": round(float(lost), 3)})  # fmt: skip
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", default=None)
    parser.add_argument("--only", choices=[*sorted(CIRCUITS), "suggestions"], default=None)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.only in (None, "suggestions"):
        jobs = [delayed(suggested)(n, kind) for n in TABLES for kind in ("small", "default")]
        found = Parallel(n_jobs=arguments.n_jobs)(jobs)
        write("suggestions", [row for rows in found for row in rows], part="suggestions")
    names = [n for n in CIRCUITS if arguments.only in (None, n)]
    names = [n for n in names if n != "mnist_1600" or arguments.mnist]
    for name in names:
        X, y = rows_of(name, arguments.mnist)
        jobs = [delayed(cell)(m, name, e, X, y) for m in MODELS for e in (*EPSILONS, None)]
        rows = Parallel(n_jobs=arguments.n_jobs)(jobs)
        for row in rows:
            print(row["data"], row["model"], row["epsilon"], row["accuracy"], row["seconds"])
        write(name, rows)


def write(name, rows, part="rows"):
    """Put the rows of one data set into the file, beside those of others."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    kept = [row for row in known.get("rows", []) if row["data"] != name]
    parts = {"suggestions": known.get("suggestions", []), "rows": kept}
    parts[part] = rows if part == "suggestions" else [*kept, *rows]
    told = {
        "command": "python benchmarks/private.py",
        "skqmu": skqmu.__version__,
        "delta": DELTA,
        "clip": 1.0,
        "n_seeds": len(SEEDS),
        "settings": {"learning_rate": RATES, "epochs": EPOCHS},
        "tuned_on": "generated data: at most 200 rows; 3 seeds, for images 1",
        "interval": "Student, 95 %, over seeds",
        "circuits": CIRCUITS,
        **parts,
    }
    RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
