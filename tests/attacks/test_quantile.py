"""QuantileAttack: honest quantiles of non-members, found out of sample.

This file looks inside.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, QuantileRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from skqmu.attacks import QuantileAttack
from skqmu.attacks._quantile import normal_score

rng = np.random.default_rng(0)
X, y = rng.normal(size=(400, 3)), np.arange(400) % 2
MEMBERS = np.arange(400) < 100


@given(
    st.lists(st.floats(-5, 5), min_size=4, max_size=4),
    st.lists(st.floats(-20, 20), min_size=2, max_size=20),
)
@settings(max_examples=80, deadline=None)
def test_the_score_increases_with_phi_and_passes_through_the_quantiles(quantiles, phis):
    q, z = np.sort(quantiles)[None], ndtri([0.1, 0.5, 0.9, 0.95])
    phis = np.sort(phis)
    scores = normal_score(phis, np.repeat(q, len(phis), axis=0), z, 1e-3)
    assert np.isfinite(scores).all()
    assert (np.diff(scores)[np.diff(phis) > 1e-9] > 0).all()
    if np.diff(q[0]).min() > 0.01:
        np.testing.assert_allclose(
            normal_score(q[0], np.repeat(q, 4, axis=0), z, 1e-3), z, atol=1e-9
        )


def test_the_score_of_a_normal_logit_is_its_standardised_value():
    levels = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    phi = np.array([-7.0, 1.0, 2.0, 2.7, 30.0])
    quantiles = np.repeat((2 + 3 * ndtri(levels))[None], 5, axis=0)
    np.testing.assert_allclose(normal_score(phi, quantiles, ndtri(levels), 1e-3), (phi - 2) / 3)


def test_predictions_hold_their_false_positive_rate_on_fresh_non_members():
    target = GaussianNB().fit(X[MEMBERS], y[MEMBERS])
    attack = QuantileAttack(target, alpha=0.1, random_state=0).fit(X[~MEMBERS], y[~MEMBERS])
    fresh = np.random.default_rng(1).normal(size=(2000, 3))
    rate = attack.predict(fresh, np.arange(2000) % 2).mean()
    # 0.1 up to the estimation of a 90 % quantile from 300 records (sd .017) and to the
    # binomial error of 2000 (sd .007): four deviations together
    assert abs(rate - 0.1) < 0.075


@pytest.mark.slow
def test_records_of_the_pool_are_scored_by_regressors_that_did_not_see_them():
    # noise that a regressor can learn by heart: in-sample levels would bunch near 1/2
    target = RandomForestClassifier(20, random_state=0).fit(X[MEMBERS], y[MEMBERS])
    memorising = GradientBoostingRegressor(loss="quantile", n_estimators=100, max_depth=8)
    attack = QuantileAttack(target, regressor=memorising, levels=(0.25, 0.75), random_state=0)
    attack.fit(X[~MEMBERS], y[~MEMBERS])
    spread_pool = np.std(attack.decision_function(X[~MEMBERS], y[~MEMBERS]))
    fresh = np.random.default_rng(2).normal(size=(300, 3))
    spread_fresh = np.std(attack.decision_function(fresh, y[:300]))
    assert spread_pool > 0.5 * spread_fresh


def test_members_of_a_memorising_model_are_found():
    target = RandomForestClassifier(20, random_state=0).fit(X[MEMBERS], y[MEMBERS])
    attack = QuantileAttack(target, random_state=0).fit(X[~MEMBERS], y[~MEMBERS])
    assert attack.evaluate(X, y, MEMBERS, fprs=(0.1,)).auc_interval[0] > 0.8
    assert attack.threat_model_.n_shadows == 0
    assert "non-members only" in str(attack.threat_model_)


def test_a_pool_that_holds_members_is_refused():
    class Remembers(GaussianNB):
        def is_member(self, X, y=None):
            return np.arange(len(X)) == 7

    with pytest.raises(ValueError, match=r"1 of 400 records .* training set \(first: row 7\)"):
        QuantileAttack(Remembers().fit(X, y)).fit(X, y)


def test_copies_of_a_record_share_its_fold():
    target = GaussianNB().fit(X[MEMBERS], y[MEMBERS])
    twice = np.concatenate((X, X))
    attack = QuantileAttack(target, random_state=0).fit(twice, np.tile(y, 2))
    np.testing.assert_array_equal(attack._folds[:400], attack._folds[400:])


def test_any_quantile_regressor_serves():
    target = GaussianNB().fit(X[MEMBERS], y[MEMBERS])
    attack = QuantileAttack(target, regressor=QuantileRegressor(alpha=0.01), levels=(0.5, 0.9))
    attack.fit(X[:60], y[:60])
    assert [r.quantile for r in attack.regressors_[0]] == [0.5, 0.9]
    with pytest.raises(TypeError, match="no parameter 'quantile'"):
        QuantileAttack(target, regressor=GaussianNB()).fit(X, y)


def test_text_is_regressed_on_what_the_pipeline_makes_of_it():
    text = np.array([f"word{i % 37} common{i % 3}" for i in range(90)], dtype=object)
    target = make_pipeline(CountVectorizer(), LogisticRegression()).fit(text[:30], y[:30])
    attack = QuantileAttack(target, random_state=0).fit(text[30:], y[30:90])
    assert np.isfinite(attack.decision_function(text, y[:90])).all()


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"levels": (0.5,)}, "levels="),
        ({"levels": (0.9, 0.5)}, "levels="),
        ({"levels": (0.5, 1.0)}, "levels="),
        ({"alpha": 0}, "alpha=0"),
        ({"cv": 1}, "cv=1"),
        ({"cv": 300}, "cv=300 folds need 600"),
    ],
)
def test_bad_parameters_are_named(params, match):
    with pytest.raises(ValueError, match=match):
        QuantileAttack(GaussianNB().fit(X, y), **params).fit(X, y)
