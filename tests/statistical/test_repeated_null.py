"""Verdicts over repeats keep their level, with looks too; intervals cover; leaks are found."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import ExtraTreeClassifier

from skqmu.metrics import RecordedAnswers, repeated_verdict, retraining_differences

LOOKS = (4, 8, 16)
MODELS = {
    "sgd": lambda seed: SGDClassifier(loss="log_loss", max_iter=5, tol=None, random_state=seed),
    "tree": lambda seed: ExtraTreeClassifier(random_state=seed),
    "bayes": lambda seed: GaussianNB(),
}


def iris(seed):
    return load_iris(return_X_y=True)


def noisy(seed):
    return make_classification(
        150, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, flip_y=0.2, random_state=seed
    )


def repeats_of(table, make, rng, *, removal, n_oracles=3, keeps=0.0):
    """Yield repeats on one table: exact retraining, or models that keep a share of the rows."""
    X, y = table
    classes, n = np.unique(y), len(y)
    gone_class = rng.choice(classes)
    while True:
        order = rng.permutation(n)
        test, train = np.sort(order[: n // 3]), np.sort(order[n // 3 :])
        forget = train[y[train] == gone_class] if removal == "class" else train[: n // 10]
        retain = np.setdiff1d(train, forget)
        kept = forget[rng.random(len(forget)) < keeps]
        seeds = rng.integers(2**31, size=n_oracles + 1)

        def answers(rows, seed, n=n, classes=classes):
            model = make(int(seed)).fit(X[rows], y[rows])
            proba = np.zeros((n, len(classes)))
            proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
            return RecordedAnswers(proba, classes)

        removed = np.setdiff1d(classes, y[retain])
        of_removed = np.isin(y[test], removed)
        rows = {
            "forget": forget,
            "nonmembers": test[of_removed] if len(removed) else test,
            "test": test[~of_removed],
            "retain": retain,
        }
        yield retraining_differences(
            answers(np.concatenate([retain, kept]), seeds[0]),
            [answers(retain, seed) for seed in seeds[1:]],
            removed=removed,
            rows=rows,
            **{name: (at, y[at]) for name, at in rows.items()},
        )


def decided(repeats):
    """Return the verdict of the first look that brings one, or the last."""
    found = []
    for before, n in zip((0, *LOOKS), LOOKS, strict=False):
        found += [next(repeats) for _ in range(n - before)]
        verdict = repeated_verdict(found, share=(n - before) / LOOKS[-1])
        if verdict.is_settled(LOOKS[-1]):
            break
    return verdict


def problems(n, seed):
    rng = np.random.default_rng(seed)
    kinds = [(name, load, removal) for name in MODELS for load in (iris, noisy)
             for removal in ("class", "subset")]  # fmt: skip
    for k in range(n):
        name, load, removal = kinds[k % len(kinds)]
        yield repeats_of(load(seed + k), MODELS[name], rng, removal=removal)


def false_alarms(n, seed):
    once = looked = 0
    for repeats in problems(n, seed):
        first = [next(repeats) for _ in range(6)]
        once += repeated_verdict(first).level == "differs"
        looked += decided(repeats).level == "differs"
    return once, looked


def at_most(count, n, level=0.05):
    return binomtest(count, n, level, alternative="greater").pvalue > 0.05


def test_retraining_is_seldom_said_to_differ_with_or_without_looks():
    once, looked = false_alarms(12, 0)
    assert at_most(once, 12), once
    assert at_most(looked, 12), looked


@pytest.mark.slow
def test_retraining_is_said_to_differ_in_at_most_24_of_300_problems():
    once, looked = false_alarms(300, 1000)
    assert once <= 24
    assert looked <= 24


def test_a_planted_leak_is_found_in_four_of_five():
    """Trees that learn rows by heart, and still hold half of those that they were to forget."""
    rng = np.random.default_rng(5)
    found = sum(
        decided(repeats_of(noisy(k), MODELS["tree"], rng, removal="subset", keeps=0.5)).level
        == "differs"
        for k in range(10)
    )
    assert found >= 8, found


def drawn(rng, n_repeats, *, n=60, n_rows=40, leak=0.3, own=0.8):
    """Repeats on a table whose rows are drawn, each with a leak of its own around the mean."""
    hardness, leaks = rng.normal(size=n), leak + own * rng.normal(size=n)
    for _ in range(n_repeats):
        rows = rng.permutation(n)[:n_rows]

        def proba(shift, hardness=hardness):
            p = 1 / (1 + np.exp(-(hardness + rng.normal(0, 0.4) + shift)))
            return RecordedAnswers(np.column_stack([p, 1 - p]))

        forget, held_out = rows[:20], rows[20:]
        parts = {"forget": forget, "nonmembers": held_out, "test": held_out}
        yield retraining_differences(
            proba(leaks),
            [proba(0.0) for _ in range(3)],
            rows=parts,
            **{name: (at, np.zeros(len(at), dtype=int)) for name, at in parts.items()},
        )


@pytest.mark.slow
def test_intervals_cover_with_rows_and_models_redrawn():
    """The mean over tables lies within the wide interval as often as promised."""
    rng, key = np.random.default_rng(6), "confidence_forget"
    truth = np.mean(
        [
            np.mean([found.measures[key].value for found in drawn(rng, 3, n=2000, n_rows=1000)])
            for _ in range(200)
        ]
    )
    hits = narrow = 0
    n = 300
    for _ in range(n):
        gap = repeated_verdict(list(drawn(rng, 8))).gaps[key]
        hits += gap["rows_low"] <= truth <= gap["rows_high"]
        narrow += gap["low"] <= truth <= gap["high"]
    assert binomtest(hits, n, 0.95, alternative="less").pvalue > 1e-3, hits
    # given the table is another promise, and a narrower one
    assert narrow < hits
