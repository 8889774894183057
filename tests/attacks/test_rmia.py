"""RMIAAttack: the paper's ratio, written out again from stored shadow outputs."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skqmu.attacks import RMIAAttack, ShadowPool

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 3)), np.arange(60) % 2
TARGET = GaussianNB().fit(X[:30], y[:30])
POOL = ShadowPool(GaussianNB(), n_shadows=8, random_state=0).fit(X, y)


def true(proba, labels):
    return proba[..., np.arange(len(labels)), labels]


SHADOWS = true(POOL.outputs().rows(slice(None)), y)
MEAN_IN = np.array([SHADOWS[POOL.members_[:, i], i].mean() for i in range(60)])
MEAN_OUT = np.array([SHADOWS[~POOL.members_[:, i], i].mean() for i in range(60)])


def share(ratio_x, ratio_z, gamma):
    return [(x / ratio_z > gamma).mean() for x in ratio_x]


@pytest.mark.parametrize("gamma", [1.0, 0.8])
@pytest.mark.parametrize("online", [True, False])
def test_scores_are_shares_of_the_population(online, gamma):
    attack = RMIAAttack(TARGET, online=online, gamma=gamma, a=0.2).fit(pool=POOL)
    expected = (MEAN_IN + MEAN_OUT) / 2 if online else (1.2 * MEAN_OUT + 0.8) / 2
    ratio = true(TARGET.predict_proba(X), y) / expected
    np.testing.assert_allclose(attack.decision_function(X, y), share(ratio, ratio, gamma))


def test_a_population_of_its_own_is_compared_with_offline():
    Z, labels = rng.normal(size=(40, 3)), np.arange(40) % 2
    attack = RMIAAttack(TARGET).fit(pool=POOL, X_population=Z, y_population=labels)
    mean_z = true(POOL.query(Z).rows(slice(None)), labels).mean(axis=0)
    ratio_z = true(TARGET.predict_proba(Z), labels) / ((1.3 * mean_z + 0.7) / 2)
    ratio_x = true(TARGET.predict_proba(X), y) / ((MEAN_IN + MEAN_OUT) / 2)
    np.testing.assert_allclose(attack.decision_function(X, y), share(ratio_x, ratio_z, 1.0))
    assert attack.predict_proba(X, y).shape == (60, 2)


def test_records_outside_the_pool_are_compared_offline():
    other = X[:6] + 0.4
    attack = RMIAAttack(TARGET).fit(pool=POOL)
    mean = true(POOL.query(other).rows(slice(None)), y[:6]).mean(axis=0)
    ratio_x = true(TARGET.predict_proba(other), y[:6]) / ((1.3 * mean + 0.7) / 2)
    ratio_z = true(TARGET.predict_proba(X), y) / ((1.3 * MEAN_OUT + 0.7) / 2)
    np.testing.assert_allclose(attack.decision_function(other, y[:6]), share(ratio_x, ratio_z, 1))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"gamma": 0}, "gamma=0 must be a positive"),
        ({"gamma": "1"}, "gamma='1'"),
        ({"a": 1.5}, "a=1.5 must be between 0 and 1"),
        ({"n_shadows": 2}, "n_shadows=2: RMIAAttack needs 4"),
    ],
)
def test_bad_parameters_are_named(params, match):
    with pytest.raises(ValueError, match=match):
        RMIAAttack(TARGET, **params).fit(X, y)


def test_a_population_is_checked_like_a_pool():
    with pytest.raises(ValueError, match="y_population is missing"):
        RMIAAttack(TARGET).fit(pool=POOL, X_population=X)
    with pytest.raises(ValueError, match="X_population has 2 features"):
        RMIAAttack(TARGET).fit(pool=POOL, X_population=X[:, :2], y_population=y)
