"""Where a leak of known size is planted, the attacks measure that size."""

import hashlib
import warnings

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu.attacks import LiRAAttack, RMIAAttack, ShadowPool, ThresholdAttack


class Planted(ClassifierMixin, BaseEstimator):
    """Logit of the true class: hardness of the record + N(0, 1) + `leak` for members.

    The hardness is the record's first feature, its label the second. The noise belongs to
    the pair of model and record, so asking twice gives the same answer.
    """

    def __init__(self, leak=1.0, random_state=None):
        self.leak = leak
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = X.shape[1]
        self.members_ = {row.tobytes() for row in X}
        return self

    def _noise(self, row):
        key = hashlib.blake2b(row.tobytes() + str(self.random_state).encode(), digest_size=8)
        return np.random.default_rng(int.from_bytes(key.digest(), "little")).normal()

    def predict_proba(self, X):
        phi = [
            row[0] + self._noise(row) + self.leak * (row.tobytes() in self.members_) for row in X
        ]
        p = expit(phi)
        truth = X[:, 1].astype(int)
        return np.where(np.arange(2) == truth[:, None], p[:, None], 1 - p[:, None])

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


def world(hardness, spread, n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = np.column_stack((hardness + spread * rng.normal(size=n), y, rng.normal(size=n)))
    return X, y, rng.permutation(n) < n // 2


@pytest.fixture(scope="module")
def easy_and_hard():
    # p is small throughout, so that ratios of probabilities are exponentials of logits
    X, y, members = world(hardness=-9, spread=2, seed=7)
    target = Planted(random_state=507).fit(X[members], y[members])
    # many: the medians of 32 shadows a side would cost .015 of the area
    pool = ShadowPool(Planted(), n_shadows=192, random_state=7).fit(X, y)
    return X, y, members, target, pool


EXPECTED = norm.cdf(1 / np.sqrt(2))  # two normal samples, one standard deviation apart


@pytest.mark.parametrize("attack", [LiRAAttack, RMIAAttack])
def test_the_auc_of_a_planted_leak_is_the_analytic_one(easy_and_hard, attack):
    X, y, members, target, pool = easy_and_hard
    result = attack(target).fit(pool=pool).evaluate(X, y, members, fprs=(0.1,))
    assert result.auc_interval[0] < EXPECTED < result.auc_interval[1]


@pytest.mark.parametrize(
    ("attack", "params"),
    # (a = 1: expected probabilities are those of non-members. Any less adds a constant,
    # which suits probabilities near 1 and drowns these)
    [(LiRAAttack, {}), (RMIAAttack, {"a": 1.0})],
)
def test_without_shadows_that_saw_a_record_the_leak_is_the_same(easy_and_hard, attack, params):
    # one constant leak for all: "in" shadows add nothing to what "out" shadows say
    X, y, members, target, pool = easy_and_hard
    attack = attack(target, online=False, **params).fit(pool=pool)
    result = attack.evaluate(X, y, members, fprs=(0.1,))
    assert result.auc_interval[0] < EXPECTED < result.auc_interval[1]


def test_a_threshold_that_ignores_hardness_finds_less_and_as_much_as_it_should(easy_and_hard):
    X, y, members, target, pool = easy_and_hard
    attack = ThresholdAttack(target, signal="logit").fit(pool=pool)
    result = attack.evaluate(X, y, members, fprs=(0.1,))
    # noise 1 and hardness 2: the difference of two records has variance 2 (1 + 4)
    expected = norm.cdf(1 / np.sqrt(10))
    assert result.auc_interval[0] < expected < result.auc_interval[1]
    assert result.auc_interval[1] < EXPECTED


def test_the_probability_of_membership_is_a_probability(easy_and_hard):
    X, y, members, target, pool = easy_and_hard
    p = LiRAAttack(target).fit(pool=pool).predict_proba(X, y)[:, 1]
    # logit of the truth: leak (phi - hardness - leak / 2), as normal scores with equal spread
    noise = np.array([target._noise(row) for row in X])
    truth = expit(noise + members - 0.5)
    assert np.abs(p - truth).mean() < 0.08
    for low, high in ((0.0, 0.4), (0.4, 0.6), (0.6, 1.0)):
        mine = (p >= low) & (p < high)
        # binomial: three standard deviations of the share
        assert abs(members[mine].mean() - p[mine].mean()) < 3 * 0.5 / np.sqrt(mine.sum())


@pytest.mark.slow
@pytest.mark.parametrize("attack", [LiRAAttack, RMIAAttack])
def test_many_planted_leaks_are_covered_at_the_nominal_rate(attack):
    hits = []
    for seed in range(100):
        X, y, members = world(hardness=-9, spread=1, n=120, seed=seed)
        target = Planted(random_state=10_000 + seed).fit(X[members], y[members])
        pool = ShadowPool(Planted(), n_shadows=96, random_state=seed).fit(X, y)
        result = attack(target).fit(pool=pool).evaluate(X, y, members, fprs=(0.1,))
        hits.append(result.auc_interval[0] < EXPECTED < result.auc_interval[1])
    # three standard deviations of 100 runs at .95 are .065
    assert np.mean(hits) >= 0.885


def test_online_lira_beats_the_loss_threshold_on_a_model_that_memorises():
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:100] for c in range(10)])
    X, y = X[rows], y[rows]
    members = np.arange(1000) % 100 < 50
    network = MLPClassifier(
        100, learning_rate_init=0.01, max_iter=60, tol=0, n_iter_no_change=61, random_state=0
    )
    target = make_pipeline(StandardScaler(), network)
    with warnings.catch_warnings():
        # trained for a fixed number of epochs, far beyond fitting every row
        warnings.simplefilter("ignore", ConvergenceWarning)
        target.fit(X[members], y[members])
        lira = LiRAAttack(target, n_shadows=48, random_state=0).fit(X, y)
    assert target.score(X[members], y[members]) == 1.0
    ours = lira.evaluate(X, y, members, fprs=(0.01,))
    loss = ThresholdAttack(target).fit(pool=lira.shadow_pool_)
    theirs = loss.evaluate(X, y, members, fprs=(0.01,))
    assert ours.auc_interval[0] > theirs.auc_interval[1]
    assert ours.at_fpr(0.01).tpr > theirs.at_fpr(0.01).tpr
