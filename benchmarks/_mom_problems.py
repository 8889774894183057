"""Problems whose truth is known, and the models of each: which hold the rows, which do not.

Three tables, as many problems of each: ``digits`` (four classes of handwritten digits, one of
which is to be forgotten), ``breast_cancer`` (20 of 100 training rows) and ``memorising``
(generated; 20 rows whose labels were flipped, which can only be known by heart). Ten problems
in a row share a table and a request, and differ in their splits and seeds.
"""

import copy
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier
from skqmu.unlearning import LastLayersRetrain, NegGradPlus

__all__ = [
    "CLEAN",
    "HOLDING",
    "N_MODELS",
    "OF_LAWS",
    "REPEATS",
    "TABLES",
    "UNLEARNING",
    "Problem",
    "classifier",
    "masked",
    "models_of",
    "problem",
    "unlearned",
]

REPEATS = 10
N_MODELS = 8
N_NONMEMBERS = 100
N_FEATURES = 4

# The models of a kind, and whether they hold the rows that were to be forgotten.
HOLDING = {
    "original": "nothing was done",
    "masked": "the original behind a filter: the removed class's probability is not shown, or a "
    "forgotten row is answered by the mean of the answers around it",
    "head": "the original's features, frozen, with a head that is trained anew",
    "half": "trained without half of the forgotten rows",
    "over": "the original after ascent without a stop rule (`NegGradPlus(stop=None)`)",
}
CLEAN = {
    "seeds": "oracles of other seeds",
    "sizes": "oracles that were trained on four fifths of the retained rows",
    "orders": "oracles with the weights of the first one to begin with, and rows in another order",
}
# Of these there are `N_MODELS`, for metrics that compare laws; of the others one.
OF_LAWS = (*HOLDING, "seeds")


@dataclass(frozen=True)
class Problem:
    """Rows of one problem, one below the other, and what each is for.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    y : ndarray of shape (n,)
    ids : ndarray of shape (n,)
        Their numbers in the table, the same in all problems that share it.
    parts : dict of str to ndarray of int
        ``retain``, ``forget``, ``nonmembers`` (held out, of the kind of the forgotten ones),
        ``test`` (held out, of what stays), ``pool`` (of which shadows see halves) and
        ``pool_nonmembers`` (those of the pool).
    removed : tuple
        Classes of which no row stays.
    seed : SeedSequence
    """

    X: np.ndarray
    y: np.ndarray
    ids: np.ndarray
    parts: dict
    removed: tuple
    seed: np.random.SeedSequence

    def rows(self, *names):
        """Features and labels of parts."""
        at = np.concatenate([self.parts[name] for name in names])
        return self.X[at], self.y[at]


def _digits(shared, rng):
    X, y = load_digits(return_X_y=True)
    gone, *kept = shared.choice(10, 4, replace=False)
    order = {c: rng.permutation(np.flatnonzero(y == c)) for c in (gone, *kept)}

    def others(first, last):
        return np.concatenate([order[c][first:last] for c in kept])

    return {
        "table": (X, y),
        "retain": others(0, 25),
        "forget": order[gone][:25],
        "nonmembers": order[gone][25 : 25 + N_NONMEMBERS],
        "test": others(25, 75),
        "pool_others": others(25, 50),
        "removed": (int(gone),),
    }


def _breast_cancer(shared, rng):
    X, y = load_breast_cancer(return_X_y=True)
    forget, retain, nonmembers, test = np.split(
        rng.permutation(len(y))[:400], [20, 100, 100 + N_NONMEMBERS]
    )
    return _subset((X, y), retain, forget, nonmembers, test)


def _memorising(shared, rng):
    n_flipped = 20 + N_NONMEMBERS
    X = shared.normal(size=(400, N_FEATURES))
    y = (X[:, 0] + 0.5 * X[:, 1] > 0).astype(int)
    y[:n_flipped] = 1 - y[:n_flipped]
    forget, nonmembers = np.split(rng.permutation(n_flipped), [20])
    retain, test = np.split(n_flipped + rng.permutation(400 - n_flipped), [80])
    return _subset((X, y), retain, forget, nonmembers, test)


def _subset(table, retain, forget, nonmembers, test):
    """Parts of a problem in which no class goes."""
    return {
        "table": table,
        "retain": retain,
        "forget": forget,
        "nonmembers": nonmembers,
        "test": test,
        "pool_others": test[:80],
        "removed": (),
    }


TABLES = {"digits": _digits, "breast_cancer": _breast_cancer, "memorising": _memorising}


def problem(table, number):
    """Draw a problem.

    Parameters
    ----------
    table : {"digits", "breast_cancer", "memorising"}
    number : int

    Returns
    -------
    Problem
    """
    place = list(TABLES).index(table)
    own = np.random.SeedSequence([place, 1, number])
    shared = np.random.default_rng([place, 0, number // REPEATS])
    parts = TABLES[table](shared, np.random.default_rng(own.spawn(1)[0]))
    X, y = parts.pop("table")
    removed = parts.pop("removed")
    few = parts["nonmembers"][: len(parts["forget"])]
    parts["pool_nonmembers"] = few
    parts["pool"] = np.concatenate(
        [parts["retain"], parts["forget"], few, parts.pop("pool_others")]
    )
    ids = np.unique(np.concatenate(list(parts.values())))
    parts = {name: np.searchsorted(ids, at) for name, at in parts.items()}
    X, y = X[ids], y[ids]
    steps = [StandardScaler()]
    if X.shape[1] > N_FEATURES:
        steps += [PCA(N_FEATURES, random_state=0), StandardScaler()]
    train = np.concatenate([parts["retain"], parts["forget"]])
    X = make_pipeline(*steps).fit(X[train]).transform(X)
    return Problem(X, y, ids, parts, removed, own)


def classifier(**params):
    """The model of every problem: small, and trained to the end of its epochs."""
    return QNNClassifier(
        n_qubits=4,
        n_layers=3,
        learning_rate_init=0.1,
        batch_size=50,
        max_iter=30,
        tol=0.0,
        n_iter_no_change=10**6,
        **params,
    )


# What is done to the original, of the kinds that begin with it.
UNLEARNING = {
    "head": LastLayersRetrain(guard=None),
    "over": NegGradPlus(max_iter=30, stop=None, guard=None),
}


def models_of(case, n_oracles):
    """Train the models of a problem side by side.

    Parameters
    ----------
    case : Problem
    n_oracles : int

    Returns
    -------
    dict of str to list of fitted classifiers
        By the kinds of `HOLDING` and `CLEAN`, and ``oracles``.
    """
    rng = np.random.default_rng(case.seed.spawn(1)[0])
    retain, forget = case.parts["retain"], case.parts["forget"]
    both = np.concatenate([retain, forget])
    wanted = {
        "original": [both] * N_MODELS,
        "half": [
            np.concatenate([retain, rng.permutation(forget)[len(forget) // 2 :]])
            for _ in range(N_MODELS)
        ],
        "oracles": [retain] * n_oracles,
        "seeds": [retain] * N_MODELS,
        "sizes": [rng.permutation(retain)[: len(retain) * 4 // 5]],
        "orders": [rng.permutation(retain)],
    }
    found = {
        kind: [classifier(random_state=int(rng.integers(2**31))) for _ in each]
        for kind, each in wanted.items()
    }
    first = found["oracles"][0].random_state
    for model in found["orders"]:
        model.set_params(random_state=first)
    every = [model for models in found.values() for model in models]
    rows = [at for each in wanted.values() for at in each]
    _no_failures(
        QNNClassifier.fit_many(
            every,
            [case.X[at] for at in rows],
            [case.y[at] for at in rows],
            classes=np.unique(case.y),
        )
    )
    for kind, strategy in UNLEARNING.items():
        found[kind] = unlearned(found["original"], strategy, *case.rows("forget"))
    found["masked"] = [masked(model, case) for model in found["original"]]
    return found


def unlearned(models, strategy, X, y):
    """Copies of models that have been asked to forget rows."""
    models = [copy.deepcopy(model) for model in models]
    _no_failures(
        QNNClassifier.unlearn_many(
            models, [X] * len(models), [y] * len(models), strategy=clone(strategy)
        )
    )
    return models


def _no_failures(errors):
    if errors:
        raise next(iter(errors.values()))


def masked(model, case, X=None):
    """A filter before an untouched model; of the rows `X`, by default of the forgotten ones."""
    if case.removed:
        return LogitMask(model, case.removed)
    return RowFilter(model, case.rows("forget")[0] if X is None else X)


class LogitMask:
    """Do not show the probability of removed classes."""

    def __init__(self, model, removed):
        self.model, self.removed, self.classes_ = model, removed, model.classes_

    def predict_proba(self, X):
        """Probabilities of the other classes, renormalised."""
        proba = self.model.predict_proba(X)
        proba[:, np.isin(self.classes_, self.removed)] = 0.0
        return proba / proba.sum(axis=1, keepdims=True)

    def predict(self, X):
        """Most probable class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class RowFilter(LogitMask):
    """Answer rows that are known by what the model says around them."""

    spread, n_around = 0.7, 24

    def __init__(self, model, X):
        super().__init__(model, ())
        self.known = {row.tobytes() for row in X}

    def predict_proba(self, X):
        """Probabilities; of known rows the mean over points near them."""
        X = np.ascontiguousarray(X)
        proba = self.model.predict_proba(X)
        for i in [i for i, row in enumerate(X) if row.tobytes() in self.known]:
            rng = np.random.default_rng(list(X[i].tobytes()))
            near = X[i] + self.spread * rng.normal(size=(self.n_around, X.shape[1]))
            proba[i] = self.model.predict_proba(near).mean(axis=0)
        return proba
