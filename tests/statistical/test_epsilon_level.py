"""Lower bounds on epsilon are above the truth no more often than their level allows.

The mechanism is one whose epsilon is known exactly: Gaussian noise on a shift of which nothing else
is hidden. By itself (thousands of audits of drawn scores), and as what real fits are made of.
"""

import warnings

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skqmu import QNNClassifier
from skqmu.attacks import EpsilonAudit, LiRAAttack, RMIAAttack, ShadowPool, UpdateAttack
from skqmu.metrics import (
    accuracy_interval,
    attack_limits,
    epsilon_from_guesses,
    epsilon_from_rates,
    epsilon_of_gaussian,
    separation_bound,
)
from skqmu.privacy import DifferentialPrivacy

DELTA, LEVEL = 1e-5, 0.95
N_AUDITS = 300
# What one in a thousand correct bounds would pass.
MOST = int(binom.ppf(0.999, N_AUDITS, 1 - LEVEL))

X, Y = load_iris(return_X_y=True)
X, Y = scale(X)[::10, :2], Y[::10]


@pytest.mark.parametrize("mu", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("form", ["gaussian", "dp", "separation"])
def test_bounds_of_many_models(mu, form):
    rng = np.random.default_rng(int(10 * mu))
    truth, above, found = epsilon_of_gaussian(mu, DELTA), 0, []
    for _ in range(N_AUDITS):
        inside, outside = rng.normal(mu, 1, 100), rng.normal(0, 1, 100)
        if form == "separation":
            bound = epsilon_of_gaussian(separation_bound(inside, outside, level=LEVEL), DELTA)
        else:
            threshold = mu / 2 + rng.normal(scale=0.2)
            rates = (inside >= threshold).sum(), 100, (outside >= threshold).sum(), 100
            bound = epsilon_from_rates(*map(int, rates), delta=DELTA, level=LEVEL, form=form)
        above += bound > truth
        found.append(bound)
    assert above <= MOST
    if form == "separation":  # which leaves nothing unused
        assert above >= binom.ppf(0.001, N_AUDITS, 1 - LEVEL)
        assert mu < 1 or np.median(found) > 0.4 * truth


@pytest.mark.parametrize("mu", [0.5, 2.0])
@pytest.mark.parametrize("form", ["gaussian", "dp"])
@pytest.mark.parametrize("n_guesses", [20, 60])
def test_bounds_of_one_model(mu, form, n_guesses):
    rng = np.random.default_rng(int(10 * mu))
    truth, above, n = epsilon_of_gaussian(mu, DELTA), 0, 60
    for _ in range(N_AUDITS):
        there = rng.random(n) < 0.5
        order = np.argsort(rng.normal(size=n) + mu * there)
        n_out = n_guesses // 2
        right = (~there[order[:n_out]]).sum() + there[order[n - n_guesses + n_out :]].sum()
        options = {"delta": DELTA, "level": LEVEL, "form": form}
        above += epsilon_from_guesses(int(right), n_guesses, n, **options) > truth
    assert above <= MOST


def private(epsilon, **params):
    privacy = DifferentialPrivacy(epsilon, delta=DELTA, clip=0.1, classes=[0, 1, 2])
    small = {"n_qubits": 2, "n_layers": 1, "observables": "z", "max_iter": 1, "random_state": 0}
    sgd = {"solver": "sgd", "momentum": 0, "learning_rate_init": 1e-3}
    return QNNClassifier(**{"privacy": privacy, **small, **sgd, **params})


def exceeded(n_audits, form, n_models):
    """Audits of correct fits, one step over all rows each, whose bound is above what is stated."""
    above = 0
    for seed in range(n_audits):
        audit = EpsilonAudit(private(4.0), form=form, n_models=n_models, random_state=seed)
        above += audit.fit(X, Y).result_.refuted
    return above


def test_audits_of_correct_fits_in_short():
    assert exceeded(20, "separation", 32) <= binom.ppf(0.999, 20, 1 - LEVEL)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["gaussian", "separation", "dp"])
def test_audits_of_correct_fits(form):
    assert exceeded(N_AUDITS, form, 40) <= MOST


# --- attacks ------------------------------------------------------------------------------


def least_advantage(scores, there):
    """Lower end of the advantage at a threshold that the first half of the models chose."""
    half = len(scores) // 2
    candidates = np.unique(scores[:half])
    hits = scores[:half, None] >= candidates
    gains = hits[there[:half]].mean(axis=0) - hits[~there[:half]].mean(axis=0)
    sign = 1.0 if gains.max() >= -gains.min() else -1.0
    threshold = candidates[np.argmax(sign * gains)]
    hits, there = scores[half:] >= threshold, there[half:]
    if sign < 0:
        hits = ~hits
    # both ends at half of what is left of the level
    tpr = accuracy_interval(int(hits[there].sum()), int(there.sum()), level=LEVEL)
    fpr = accuracy_interval(int(hits[~there].sum()), int((~there).sum()), level=LEVEL)
    return tpr.low - fpr.high


def attacked(n_fits, epsilon, n_shadows):
    """Least advantage of each attack on fits of neighbouring sets, one row there or not."""
    learner = private(epsilon, max_iter=20, solver="adam", learning_rate_init=0.1)
    learner.set_params(privacy__clip=1.0, privacy__n_public=len(Y))
    # the row that a model of the others knows least of: under another label than its own
    row, label = X[:1], np.array([(Y[0] + 1) % 3])
    rest = X[1:], Y[1:]
    whole = np.concatenate([row, rest[0]]), np.concatenate([label, rest[1]])
    rng = np.random.default_rng(0)
    there = rng.permutation(np.arange(n_fits) % 2 == 0)
    models = [clone(learner) for _ in there]
    sets = [whole if inside else rest for inside in there]
    assert not QNNClassifier.fit_many(models, *zip(*sets, strict=True))
    shadow = clone(learner).set_params(privacy__n_public=None)
    pool = ShadowPool(shadow, n_shadows=n_shadows, random_state=0).fit(*whole)
    scores = {name: [] for name in ("lira", "rmia", "update")}
    for model in models:
        lira = LiRAAttack(model).fit(pool=pool)
        scores["lira"].append(lira.decision_function(row, label)[0])
        scores["rmia"].append(RMIAAttack(model).fit(pool=pool).decision_function(row, label)[0])
        # the version after a deletion is a fit without the row, whoever was there before
        after = clone(learner).fit(*rest)
        update = UpdateAttack(model, after, access="answers").fit(*whole)
        scores["update"].append(update.decision_function(row, label)[0])
    return {name: least_advantage(np.array(own), there) for name, own in scores.items()}


def check_attacks(n_fits, epsilon, n_shadows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = attacked(n_fits, epsilon, n_shadows)
    for name, advantage in found.items():
        assert advantage <= attack_limits(epsilon, DELTA)["advantage"], name


def test_no_attack_beats_the_promise_in_short():
    check_attacks(24, 0.5, 8)


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.2, 1.0])
def test_no_attack_beats_the_promise(epsilon):
    check_attacks(300, epsilon, 32)


@pytest.mark.slow
def test_without_noise_the_same_attacks_do(monkeypatch):
    monkeypatch.setattr("skqmu.privacy._private_objective.gaussians", np.zeros)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = attacked(300, 1.0, 32)
    assert max(found.values()) > attack_limits(1.0, DELTA)["advantage"]
