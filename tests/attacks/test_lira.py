"""LiRAAttack: the paper's formulas, written out again from stored shadow outputs.

This file looks inside.
"""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB

from skqmu.attacks import LiRAAttack, RMIAAttack, ShadowPool
from skqmu.attacks._per_record import masked_median, masked_moments
from skqmu.exceptions import ThreatModelWarning

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 3)), np.arange(60) % 2
TARGET = GaussianNB().fit(X[:30], y[:30])
POOL = ShadowPool(GaussianNB(), n_shadows=16, random_state=0).fit(X, y)


def logits(proba, y):
    p = proba[..., np.arange(len(y)), y]
    return np.log(p) - np.log(1 - p)


SHADOW_LOGITS = logits(POOL.outputs().rows(slice(None)), y)


def sides(i):
    inside = POOL.members_[:, i]
    return SHADOW_LOGITS[inside, i], SHADOW_LOGITS[~inside, i]


def pooled():
    within = [[((v - v.mean()) ** 2).sum() / (v.size - 1) for v in sides(i)] for i in range(len(y))]
    return np.sqrt(np.mean(within, axis=0))


@pytest.mark.parametrize("variance", ["record", "pooled", "auto"])
def test_online_scores_are_log_likelihood_ratios(variance):
    attack = LiRAAttack(TARGET, variance=variance).fit(pool=POOL)
    phi = logits(TARGET.predict_proba(X), y)
    expected, (all_in, all_out) = [], pooled()
    for i in range(len(y)):
        inside, outside = sides(i)
        s_in, s_out = all_in, all_out
        if variance == "record":
            s_in, s_out = inside.std(ddof=1), outside.std(ddof=1)
        expected.append(
            norm.logpdf(phi[i], np.median(inside), s_in)
            - norm.logpdf(phi[i], np.median(outside), s_out)
        )
    np.testing.assert_allclose(attack.decision_function(X, y), expected)


def test_offline_scores_are_the_log_odds_of_phi():
    attack = LiRAAttack(TARGET, online=False, variance="record").fit(pool=POOL)
    phi = logits(TARGET.predict_proba(X), y)
    expected = []
    for i in range(len(y)):
        _, outside = sides(i)
        level = norm.cdf(phi[i], np.median(outside), outside.std(ddof=1))
        expected.append(np.log(level / (1 - level)))
    np.testing.assert_allclose(attack.decision_function(X, y), expected)


def test_records_outside_the_pool_get_the_offline_score_of_all_shadows():
    other = X[:5] + 0.5
    phi = logits(TARGET.predict_proba(other), y[:5])
    shadows = logits(POOL.query(other).rows(slice(None)), y[:5])
    level = norm.cdf(phi, np.median(shadows, axis=0), shadows.std(axis=0, ddof=1))
    for online in (True, False):
        attack = LiRAAttack(TARGET, online=online, variance="record").fit(pool=POOL)
        np.testing.assert_allclose(
            attack.decision_function(other, y[:5]), np.log(level / (1 - level))
        )


def test_extreme_offline_scores_are_ranked_not_tied():
    attack = LiRAAttack(TARGET, online=False).fit(pool=POOL)
    whole = {"in": 1.0, "out": 1.0}
    one = np.ones(3)
    statistics = {"mu_out": 0 * one, "ss_out": 15 * one, "dof_out": 15 * one, "dof_in": 0 * one}
    scores = attack._compare(np.array([9.0, 20.0, 40.0]), statistics, whole, None)
    assert (np.diff(scores) > 10).all()


def test_variances_are_pooled_below_64_shadows_only():
    attack = LiRAAttack(TARGET)
    few = {"ss_out": np.array([3.0, 27.0]), "dof_out": np.array([3, 3]), "dof_in": np.array([3, 3])}
    assert np.ptp(attack._spread(few, {"out": 5.0}, "out")) == 0
    many = {**few, "dof_out": np.array([31, 31]), "dof_in": np.array([31, 31])}
    np.testing.assert_allclose(attack._spread(many, {"out": 5.0}, "out") ** 2, [3 / 31, 27 / 31])


def test_models_that_answer_in_steps_are_clipped_half_a_step_from_the_end():
    target = RandomForestClassifier(10, random_state=0).fit(X[:30], y[:30])
    attack = LiRAAttack(target, n_shadows=8, random_state=0).fit(X, y)
    # fully grown: votes of 10 trees
    assert attack.eps_ == pytest.approx(0.05)
    bound = np.log(0.95 / 0.05)
    assert np.abs(attack.statistics_["mu_in"]).max() <= bound + 1e-9
    assert LiRAAttack(TARGET).fit(pool=POOL).eps_ == 1e-9


def test_shadows_that_all_agree_give_finite_scores():
    class Same(GaussianNB):
        def predict_proba(self, X):
            return np.full((len(X), 2), 0.5)

    target = Same().fit(X, y)
    attack = LiRAAttack(target, n_shadows=4, random_state=0).fit(X, y)
    np.testing.assert_array_equal(attack.decision_function(X, y), 0.0)
    np.testing.assert_array_equal(attack.predict_proba(X, y), 0.5)
    assert not attack.predict(X, y).any()


def test_a_spread_needs_four_shadows():
    with pytest.raises(ValueError, match="n_shadows=2: LiRAAttack needs 4"):
        LiRAAttack(TARGET, n_shadows=2).fit(X, y)
    with pytest.raises(ValueError, match="n_shadows=2"):
        LiRAAttack(TARGET).fit(pool=ShadowPool(GaussianNB(), n_shadows=2).fit(X, y))


def test_the_shadow_estimator_may_be_another_model():
    attack = LiRAAttack(TARGET, GaussianNB(var_smoothing=0.1), n_shadows=4, random_state=0)
    attack.fit(X, y)
    assert attack.shadow_pool_.model(0).var_smoothing == 0.1
    assert "var_smoothing=0.1" in attack.threat_model_.shadow_estimator
    assert clone(attack).shadow_estimator.var_smoothing == 0.1


def test_members_in_the_pool_against_non_members_outside_it_is_warned_of():
    attack = LiRAAttack(TARGET, n_shadows=8, random_state=0).fit(X[:30], y[:30])
    with pytest.warns(ThreatModelWarning, match="30 of 30 members but 0 of 30 non-members are in"):
        attack.evaluate(X, y, np.arange(60) < 30, fprs=(0.1,))


# --- reductions -------------------------------------------------------------------------


def test_masked_reductions_equal_those_of_the_selected_entries():
    values = rng.normal(size=(9, 50))
    mask = rng.random((9, 50)) < 0.4
    mask[:, 0], mask[:, 1] = False, True
    mean, squares, count = masked_moments(values, mask)
    median = masked_median(values, mask)
    for j in range(50):
        chosen = values[mask[:, j], j]
        assert count[j] == chosen.size
        if chosen.size == 0:
            assert np.isnan(mean[j])
            assert np.isnan(median[j])
            continue
        np.testing.assert_allclose(
            [mean[j], squares[j], median[j]],
            [chosen.mean(), ((chosen - chosen.mean()) ** 2).sum(), np.median(chosen)],
            atol=1e-12,
        )


@pytest.mark.parametrize("make", [LiRAAttack, RMIAAttack])
def test_copies_in_single_precision_get_the_scores_of_their_records(make):
    attack = make(TARGET, n_shadows=8, random_state=0).fit(X, y)
    members = np.arange(len(X)) % 2 == np.arange(len(X)) // 2 % 2
    exact, single = (
        attack.evaluate(rows, y, members, fprs=(0.1,)) for rows in (X, X.astype(np.float32))
    )
    assert single.threat_model == exact.threat_model
    assert "online scores." in exact.threat_model.notes
    assert single.auc == pytest.approx(exact.auc, abs=0.02)


@pytest.mark.parametrize("make", [LiRAAttack, RMIAAttack])
def test_a_result_says_how_many_records_got_the_offline_score(make):
    attack = make(TARGET, n_shadows=8, random_state=0).fit(X, y)
    members = np.arange(len(X)) % 8 < 4
    moved = X + 1e-3
    with pytest.warns(ThreatModelWarning, match="not in the attacker's pool"):
        result = attack.evaluate(moved, y, members, fprs=(0.1,))
    assert "offline scores: none of" in str(result.threat_model)
    assert "online scores." not in result.threat_model.notes
    half = np.where((np.arange(len(X)) % 4 < 2)[:, None], X, moved)
    with pytest.warns(ThreatModelWarning, match="not in the attacker's pool"):
        result = attack.evaluate(half, y, members, fprs=(0.1,))
    n = int((np.arange(len(X)) % 4 < 2).sum())
    assert f"online scores for {n} of {len(X)}" in str(result.threat_model)
    offline = attack.set_params(online=False).fit(pool=attack.shadow_pool_)
    assert "offline scores." in offline.evaluate(moved, y, members, fprs=(0.1,)).threat_model.notes
