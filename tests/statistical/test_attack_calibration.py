"""Where nothing leaks, no attack finds a leak: its interval covers 1/2 at the nominal rate."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skqmu.attacks import (
    LabelOnlyAttack,
    LiRAAttack,
    QNNOutputAttack,
    QuantileAttack,
    RMIAAttack,
    ShadowModelAttack,
    ShadowPool,
    ThresholdAttack,
    UnlearningAttack,
    UpstreamAttack,
    all_attacks,
)

# (members, non-members), balanced and not
SIZES = [(10, 10), (10, 60), (40, 15), (100, 100), (300, 50)]

ATTACKS = {
    "ThresholdAttack": lambda t, seed: ThresholdAttack(t, signal="modified_entropy"),
    "LiRAAttack": lambda t, seed: LiRAAttack(t),
    "RMIAAttack": lambda t, seed: RMIAAttack(t),
    "ShadowModelAttack": lambda t, seed: ShadowModelAttack(t, random_state=seed),
    "QNNOutputAttack": lambda t, seed: QNNOutputAttack(t, random_state=seed),
    "LabelOnlyAttack": lambda t, seed: LabelOnlyAttack(t, n_queries=4, random_state=seed),
    "QuantileAttack": lambda t, seed: QuantileAttack(t, levels=(0.3, 0.7), random_state=seed),
    "UpstreamAttack": lambda t, seed: UpstreamAttack(t, n_shadows=16, random_state=seed),
}
# in turns: what the steps show differs in kind
STEPS = (PCA(2), StandardScaler(), MinMaxScaler(), SelectKBest(k=2))


def draw(n, rng):
    y = rng.integers(3, size=n)
    y[:6] = [0, 0, 1, 1, 2, 2]
    return rng.normal(size=(n, 3)) + 0.6 * y[:, None], y


def null_problem(name, seed, n_members, n_nonmembers):
    """Attack a model that was trained on neither: members in name only."""
    rng = np.random.default_rng(seed)
    target = GaussianNB()
    if name == "UpstreamAttack":
        target = make_pipeline(clone(STEPS[seed % len(STEPS)]), target)
    target.fit(*draw(60, rng))
    X, y = draw(n_members + n_nonmembers, rng)
    membership = rng.permutation(len(y)) < n_members
    attack = ATTACKS[name](target, seed)
    if name == "QuantileAttack":
        attack.fit(X[~membership], y[~membership])
    elif name == "UpstreamAttack":
        attack.fit(X, y)
    else:
        attack.fit(pool=ShadowPool(GaussianNB(), n_shadows=8, random_state=seed).fit(X, y))
    low, high = attack.evaluate(X, y, membership, fprs=(0.5,)).auc_interval
    return low <= 0.5 <= high


def coverage(name, n_runs, start=0):
    hits = [null_problem(name, start + i, *SIZES[i % len(SIZES)]) for i in range(n_runs)]
    return np.mean(hits)


def test_every_attack_is_held_to_the_null():
    assert {name for name, _ in all_attacks()} == {*ATTACKS, "UnlearningAttack"}


# the class-balance guard tests at level .01: a few of hundreds of random draws trip it
pytestmark = pytest.mark.filterwarnings(
    "ignore:members and non-members have different classes:skqmu.exceptions.ThreatModelWarning"
)


@pytest.mark.parametrize("name", ["ThresholdAttack", "LiRAAttack", "RMIAAttack", "UpstreamAttack"])
def test_intervals_cover_one_half_on_null_problems(name):
    # 60 runs at .95: four standard deviations of the binomial are .11
    assert coverage(name, 60) >= 0.95 - 0.11


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_intervals_cover_one_half_on_300_null_problems(name):
    assert coverage(name, 300, start=1000) >= 0.92


def test_a_model_that_cannot_memorise_gives_nothing_away():
    # ten parameters' worth of prior on 200 records: membership moves it by next to nothing
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X, y = draw(200, rng)
        membership = rng.permutation(200) < 100
        target = LogisticRegression(C=1e-3).fit(X[membership], y[membership])
        pool = ShadowPool(LogisticRegression(C=1e-3), n_shadows=8, random_state=seed)
        attack = LiRAAttack(target).fit(pool=pool.fit(X, y))
        low, high = attack.evaluate(X, y, membership, fprs=(0.1,)).auc_interval
        hits += low <= 0.5 <= high
    # nominal .95; four standard deviations of 60 runs are .11
    assert hits / 60 >= 0.84


class Refits(ClassifierMixin, BaseEstimator):
    """Forgets exactly, by refitting."""

    def fit(self, X, y):
        self.rows_, self.labels_ = X, y
        self.model_ = GaussianNB().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def unlearn(self, X, y=None):
        gone = (self.rows_[:, None] == X).all(axis=2).any(axis=1)
        return self.fit(self.rows_[~gone], self.labels_[~gone])

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.model_.predict(X)


def exact_forgetting(seed):
    rng = np.random.default_rng(seed)
    X, y = draw(120, rng)
    membership = rng.permutation(120) < 60
    inside, outside = np.flatnonzero(membership)[:20], np.flatnonzero(~membership)[:20]
    candidates = np.zeros(120, bool)
    candidates[inside] = candidates[outside] = True
    target = Refits().fit(X[membership], y[membership]).unlearn(X[inside])
    attack = UnlearningAttack(target, n_shadows=8, random_state=seed)
    attack.fit(X, y, forget=candidates)
    low, high = attack.evaluate(
        X[candidates], y[candidates], membership[candidates], fprs=(0.1,)
    ).auc_interval
    return low <= 0.5 <= high


def test_exact_forgetting_is_not_distinguished_from_never_training():
    assert np.mean([exact_forgetting(seed) for seed in range(40)]) >= 0.95 - 0.14


@pytest.mark.slow
def test_exact_forgetting_is_not_distinguished_in_300_problems():
    assert np.mean([exact_forgetting(1000 + seed) for seed in range(300)]) >= 0.92
