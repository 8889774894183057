"""The verdict: what differs is found, what cannot be told is not resolved, nothing else passes.

This file looks inside.
"""

import re

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier
from skqmu.metrics import RecordedAnswers, accuracy_interval, retraining_verdict
from skqmu.metrics._chance import chance_of_agreement


def network(seed):
    return MLPClassifier((16,), max_iter=100, alpha=0.1, tol=1e-3, random_state=seed)


def quantum(seed):
    return QNNClassifier(n_layers=2, max_iter=20, random_state=seed)


def padded(model, X, classes):
    proba = np.zeros((len(X), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return proba


class World:
    """Class 0 removed: an original, oracles, and everyone's answers on all rows."""

    def __init__(self, load, make, seed, n_oracles):
        X, y = load(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
        rows, gone = np.concatenate([X, X_test]), y == 0
        classes = np.unique(y)
        self.original = padded(make(seed).fit(X, y), rows, classes)
        self.oracles = [
            RecordedAnswers(
                padded(make(1000 * (seed + 1) + k).fit(X[~gone], y[~gone]), rows, classes)
            )
            for k in range(n_oracles)
        ]
        labels = np.concatenate([y, y_test])
        seen, zero = np.arange(len(labels)) < len(y), labels == 0

        def part(chosen):
            return np.flatnonzero(chosen), labels[chosen]

        self.parts = {
            "forget": part(seen & zero),
            "nonmembers": part(~seen & zero),
            "test": part(~seen & ~zero),
            "retain": part(seen & ~zero),
            "removed": [0],
        }

    def masked(self):
        """The untouched original with the forgotten class's logit masked."""
        proba = self.original.copy()
        proba[:, 0] = 0.0
        return RecordedAnswers(proba / proba.sum(axis=1, keepdims=True))

    def verdict(self, model, n_oracles):
        return retraining_verdict(model, self.oracles[:n_oracles], **self.parts)


WORLDS = {
    "iris, MLPClassifier": (load_iris, network, 4),
    "iris, QNNClassifier": (load_iris, quantum, 3),
    "digits, MLPClassifier": (load_digits, network, 3),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", WORLDS)
def test_a_masked_logit_is_never_declared_indistinguishable(name):
    load, make, n_seeds = WORLDS[name]
    for seed in range(n_seeds):
        world = World(load, make, seed, n_oracles=5)
        mask = world.masked()
        for n_oracles in (2, 3, 5):
            found = world.verdict(mask, n_oracles)
            assert found.level in ("differs", "unresolved"), found.sentence
            untouched = world.verdict(RecordedAnswers(world.original), n_oracles)
            assert untouched.level == "differs"
            assert "forgotten rows are classified right" in untouched.sentence


def test_a_masked_logit_differs_where_retraining_has_no_randomness():
    world = World(load_digits, lambda seed: LogisticRegression(max_iter=1000), 0, n_oracles=4)
    found = world.verdict(world.masked(), 3)
    assert found.level == "differs"
    assert not found.gaps["accuracy_forget"]["differs"]
    assert found.gaps["confidence_forget"]["differs"]
    assert found.gaps["distance_forget"]["differs"]
    same = world.verdict(world.oracles[3], 3)
    assert same.level == "indistinguishable"
    assert same.findings == ()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", WORLDS)
def test_no_masked_logit_of_many_is_declared_indistinguishable(name):
    load, make, _ = WORLDS[name]
    for seed in range(100, 115):
        world = World(load, make, seed, n_oracles=10)
        for n_oracles in (2, 3, 4, 6, 10):
            found = world.verdict(world.masked(), n_oracles)
            assert found.level in ("differs", "unresolved"), found.sentence


def recorded(rng, right, n=60, spread=0.02):
    """A two-class model that is right on a share of its rows, all with about one confidence."""
    first = np.where(np.arange(n) < right * n, 0.8, 0.2) + spread * rng.normal(size=n)
    return RecordedAnswers(np.column_stack((first, 1 - first)))


def parts(n_forget, n_others):
    y = np.zeros(60, dtype=int)
    forget, others = np.arange(n_forget), np.arange(60 - n_others, 60)
    return {
        "forget": (forget, y[forget]),
        "nonmembers": (others, y[others]),
        "test": (others, y[others]),
    }


def test_equal_answers_of_few_rows_are_not_resolved():
    rng = np.random.default_rng(0)
    models = [recorded(rng, 1.0, spread=0.001) for _ in range(6)]
    few = retraining_verdict(models[0], models[1:], **parts(3, 3))
    assert few.level == "unresolved"
    assert "3 forgotten and 3 unseen rows with 5 oracles cannot exclude" in few.sentence
    # one row has no spread at all, and says so instead of being nan
    one = retraining_verdict(models[0], models[1:], **parts(1, 1))
    assert one.level == "unresolved"
    assert "nan" not in one.sentence


def of_a_seed(rng, confidence, n=60):
    """A model of two classes whose confidence its seed moves, by as much for all rows."""
    first = confidence + 0.04 * rng.normal() + 0.02 * rng.normal(size=n)
    return RecordedAnswers(np.column_stack((first, 1 - first)))


def test_what_three_oracles_leave_open_says_how_many_would_decide_and_they_do():
    decided = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        original, oracles = of_a_seed(rng, 0.8), [of_a_seed(rng, 0.6) for _ in range(50)]
        few = retraining_verdict(original, oracles[:3], **parts(30, 30))
        told = re.search(r"; if the figures stay, (\d+) oracles would show", few.sentence)
        if told:
            assert few.level == "unresolved"
            found = retraining_verdict(original, oracles[: int(told[1])], **parts(30, 30))
            decided.append(found.level == "differs")
    assert len(decided) >= 10
    assert np.mean(decided) >= 0.75


def test_where_rows_are_what_is_missing_no_oracles_are_asked_for():
    rng = np.random.default_rng(0)
    models = [recorded(rng, 1.0, spread=0.001) for _ in range(4)]
    found = retraining_verdict(models[0], models[1:], **parts(3, 3))
    assert "; more oracles alone would not decide; more rows" in found.sentence


def test_no_fewer_oracles_are_asked_for_than_there_are():
    unresolved = []
    for seed in range(12):  # for one of these five would have a narrower interval than ten
        rng = np.random.default_rng(seed)
        models = [of_a_seed(rng, 0.8) for _ in range(2)]
        oracles = [of_a_seed(rng, 0.6) for _ in range(10)]
        found = retraining_verdict(models, oracles, **parts(30, 30))
        if found.level == "unresolved":
            unresolved.append(found.sentence)
    assert len(unresolved) >= 3
    asked = [int(n) for each in unresolved for n in re.findall(r"n_oracles=(\d+)", each)]
    assert all(n > 10 for n in asked), asked


def test_a_single_oracle_gives_no_verdict():
    rng = np.random.default_rng(1)
    found = retraining_verdict(recorded(rng, 1.0), [recorded(rng, 1.0)], **parts(30, 30))
    assert found.level == "none"
    assert "a single oracle" in str(found)


def test_several_runs_are_judged_by_their_mean():
    rng = np.random.default_rng(2)
    oracles = [recorded(rng, 0.9) for _ in range(5)]
    good = retraining_verdict([recorded(rng, 0.9) for _ in range(3)], oracles, **parts(30, 30))
    bad = retraining_verdict([recorded(rng, 0.2) for _ in range(3)], oracles, **parts(30, 30))
    assert good.n_models == 3
    assert good.level != "differs"
    assert bad.level == "differs"


def test_attacks_of_ones_own_count_with_the_others():
    rng = np.random.default_rng(3)
    models = [recorded(rng, 1.0) for _ in range(6)]
    own = [(np.arange(30.0) + 30, np.arange(30.0))]
    theirs = [(rng.normal(size=30), rng.normal(size=30)) for _ in range(5)]
    found = retraining_verdict(
        models[0], models[1:], attacks={"psychic": (own, theirs)}, **parts(30, 30)
    )
    assert found.level == "differs"
    assert found.findings == (found.sentence.removeprefix("Differs from retraining: ")[:-1],)
    assert "the psychic attack has AUC 1.00 here" in found.sentence
    assert {"auc_psychic", "auc_confidence"} < set(found.gaps)


def test_an_oracle_more_is_seldom_called_different():
    """At most 5 % of models that are one more oracle, all measures together."""
    rng, runs = np.random.default_rng(4), 120
    called = []
    for _ in range(runs):
        hard = 0.1 * rng.normal(size=60)
        first = np.clip(
            0.7 + hard + 0.05 * rng.normal(size=(6, 1)) + 0.1 * rng.normal(size=(6, 60)), 0, 1
        )
        models = [RecordedAnswers(np.column_stack((p, 1 - p))) for p in first]
        called.append(retraining_verdict(models[0], models[1:], **parts(30, 30)).level == "differs")
    assert accuracy_interval(sum(called), runs, level=0.999).low <= 0.05


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"delta": 0.0}, "delta"),
        ({"oracles": []}, "0 oracles"),
        ({"forget": (np.arange(0), np.arange(0))}, "forget holds no row"),
        ({"level": 2}, "level"),
    ],
)
def test_bad_requests_are_refused(changes, match):
    rng = np.random.default_rng(5)
    request = {"oracles": [recorded(rng, 1.0)] * 3, **parts(5, 5), **changes}
    with pytest.raises(ValueError, match=match):
        retraining_verdict(recorded(rng, 1.0), **request)


@pytest.mark.parametrize(
    ("proba", "classes", "match"),
    [
        ([0.5, 0.5], None, "shape"),
        ([[np.nan, 1.0]], None, "finite"),
        ([[1.0, 0.0]], [1], "columns"),
    ],
)
def test_answers_that_are_no_table_are_refused(proba, classes, match):
    with pytest.raises(ValueError, match=match):
        RecordedAnswers(proba, classes)


# --- oracles that agree by chance ----------------------------------------------------------


def answers_that_the_seed_decides(sides, n=40):
    """Models that give all rows of a class that they never saw to class 1, or all to class 2."""
    rng = np.random.default_rng(0)
    found = []
    for side in sides:
        proba = np.full((3 * n, 3), 0.02)
        proba[:n, side] = 0.96 - 0.04 * rng.random(n)  # rows of the removed class 0
        proba[np.arange(n, 3 * n), np.repeat([1, 2], n)] = 0.96 - 0.04 * rng.random(2 * n)
        found.append(RecordedAnswers(proba / proba.sum(axis=1, keepdims=True)))
    return found


def verdict_of_a_removed_class(model, oracles, n=40):
    rows, y = np.arange(3 * n), np.repeat([0, 1, 2], n)
    half = np.arange(3 * n) % 2 == 0
    parts = {
        "forget": (rows[:n][half[:n]], y[:n][half[:n]]),
        "nonmembers": (rows[:n][~half[:n]], y[:n][~half[:n]]),
        "test": (rows[n:][half[n:]], y[n:][half[n:]]),
    }
    return retraining_verdict(model, oracles, **parts, removed=[0])


def test_three_oracles_that_agree_by_chance_decide_nothing():
    model, *oracles = answers_that_the_seed_decides([2, 1, 1, 1])
    verdict = verdict_of_a_removed_class(model, oracles)
    assert verdict.level == "unresolved"
    assert verdict.gaps["distance_forget"]["differs"] is None
    assert "3 oracles agree by chance" in verdict.sentence
    assert "up to 12% of the time (use n_oracles=15 or more)" in verdict.sentence


def test_fifteen_that_agree_do():
    model, *oracles = answers_that_the_seed_decides([2, *[1] * 15])
    verdict = verdict_of_a_removed_class(model, oracles)
    assert verdict.level == "differs"
    assert "the answers lie" in verdict.sentence


@pytest.mark.parametrize("n_oracles", [2, 3, 5, 10, 15])
def test_the_chance_of_agreement_is_a_bound_whatever_the_share(n_oracles):
    rng = np.random.default_rng(n_oracles)
    bound = chance_of_agreement(n_oracles)
    for share in (0.05, 0.2, 0.5, 0.9):
        sides = rng.random((20_000, n_oracles + 1)) < share
        alike = (sides[:, :1] == sides[:, :-1]).all(axis=1)
        happened = (alike & (sides[:, -1] != sides[:, 0])).mean()
        assert happened <= bound + 0.01
    assert chance_of_agreement(3) == pytest.approx(0.125)
    assert chance_of_agreement(15) <= 0.025 < chance_of_agreement(14)
