"""Mistakes of this field's published code, each refused or warned of, each a test."""

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu.attacks import (
    AttackResult,
    LiRAAttack,
    ThreatModel,
    ThresholdAttack,
    all_attacks,
    match_classes,
)
from skqmu.exceptions import (
    MemberRecordError,
    NotATrainingSampleError,
    ResolutionWarning,
    ThreatModelWarning,
)

rng = np.random.default_rng(0)
X, y = rng.normal(size=(80, 3)), np.arange(80) % 2
MEMBERS = np.arange(80) < 40


class Remembers(GaussianNB):
    """A classifier with a member record, as ours have."""

    def fit(self, X, y, sample_weight=None):
        self._rows = np.asarray(X).copy()
        self.unlearning_log_ = []
        return super().fit(X, y)

    def is_member(self, X, y=None):
        if self._rows is None:
            raise MemberRecordError("store_data='none' keeps no record")
        return (np.abs(np.asarray(X)[:, None] - self._rows).max(axis=2) < 1e-9).any(axis=1)

    def unlearn(self, X, y=None):
        gone = (np.abs(self._rows[:, None] - np.asarray(X)).max(axis=2) < 1e-9).any(axis=1)
        self._rows = self._rows[~gone]
        self.unlearning_log_.append({"n": int(gone.sum())})
        return self

    def __sklearn_clone__(self):
        return Remembers()


def attack_on(target):
    return ThresholdAttack(target, n_shadows=0).fit(X, y)


# 1
def test_a_true_positive_rate_without_its_false_positive_rate_cannot_be_asked_for():
    attack = attack_on(GaussianNB().fit(X[MEMBERS], y[MEMBERS]))
    for one_side in (np.ones(80, bool), np.zeros(80, bool)):
        with pytest.raises(ValueError, match="without its false-positive rate"):
            attack.evaluate(X, y, one_side)
    result = attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    for point in result.operating_points:
        assert np.isfinite([point.fpr, point.tpr, *point.fpr_interval, *point.tpr_interval]).all()


# 2
def test_no_attack_is_shown_the_targets_membership_but_a_labelled_auditors():
    for name, attack in all_attacks():
        shown = "membership" in inspect.signature(attack.fit).parameters
        for method in ("decision_function", "predict", "predict_proba"):
            assert "membership" not in inspect.signature(getattr(attack, method)).parameters
        assert shown == (name in {"QNNOutputAttack"}), name


# 2
def test_scores_of_records_do_not_use_the_membership_they_are_evaluated_with():
    attack = LiRAAttack(Remembers().fit(X[MEMBERS], y[MEMBERS]), n_shadows=8, random_state=0)
    attack.fit(X, y)
    before = attack.decision_function(X, y)
    attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    np.testing.assert_array_equal(attack.decision_function(X, y), before)


# 4
@pytest.mark.parametrize(
    "wrap", [lambda t: t, FrozenEstimator, lambda t: FrozenEstimator(FrozenEstimator(t))]
)
def test_non_members_drawn_from_the_training_set_are_refused(wrap):
    attack = attack_on(wrap(Remembers().fit(X[:50], y[:50])))
    with pytest.raises(ValueError, match=r"10 of 40 .* non-members are in .* \(first: row 40\)"):
        attack.evaluate(X, y, MEMBERS)


# 4
def test_the_member_record_is_asked_through_a_pipeline():
    target = make_pipeline(StandardScaler(), Remembers()).fit(X[:50], y[:50])
    with pytest.raises(ValueError, match="10 of 40 records given as non-members"):
        attack_on(target).evaluate(X, y, MEMBERS)
    attack_on(target).evaluate(X, y, np.arange(80) < 50, fprs=(0.1,))


# 4
def test_a_target_that_keeps_no_record_is_evaluated_as_it_is_told():
    target = Remembers().fit(X[MEMBERS], y[MEMBERS])
    target._rows = None
    attack_on(target).evaluate(X, y, MEMBERS, fprs=(0.1,))


# 4
def test_members_and_non_members_of_different_classes_are_warned_of():
    target = GaussianNB().fit(X, y)
    membership = (y == 0) & (np.arange(80) < 60)
    with pytest.warns(ThreatModelWarning, match=r"different classes.*match_classes"):
        attack_on(target).evaluate(X, y, membership, fprs=(0.1,))
    with pytest.warns(ThreatModelWarning, match="different classes"):
        attack_on(target).evaluate(X[:4], y[:4], y[:4] == 0, fprs=(0.5,))


# 4
def test_classes_that_differ_by_chance_only_are_not_warned_of():
    attack = attack_on(GaussianNB().fit(X, y))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ThreatModelWarning)
        for seed in range(10):
            membership = np.random.default_rng(seed).random(80) < 0.5
            attack.evaluate(X, y, membership, fprs=(0.1,))


# 9
def test_members_that_were_never_trained_on_are_refused():
    attack = attack_on(Remembers().fit(X[:30], y[:30]))
    with pytest.raises(NotATrainingSampleError, match=r"10 of 40 .* never trained on") as info:
        attack.evaluate(X, y, MEMBERS)
    assert info.value.rows == tuple(range(30, 40))


# 3 and 9
def test_forgotten_records_may_be_attacked_as_the_members_they_were():
    target = Remembers().fit(X[MEMBERS], y[MEMBERS]).unlearn(X[:10])
    attack_on(target).evaluate(X, y, MEMBERS, fprs=(0.1,))


# 3
def test_an_attack_that_is_not_refitted_after_unlearning_is_warned_of():
    target = Remembers().fit(X[MEMBERS], y[MEMBERS])
    attack = attack_on(make_pipeline(target))
    attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    target.unlearn(X[:10])
    with pytest.warns(ThreatModelWarning, match="1 deletion request since this attack was fitted"):
        attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    attack.fit(X, y).evaluate(X, y, MEMBERS, fprs=(0.1,))


# 5
def test_an_auc_below_one_half_is_not_private():
    class Inverted(GaussianNB):
        """Unsure of what it was trained on: forgetting too much."""

        def fit(self, X, y, sample_weight=None):
            self.rows_ = np.asarray(X).copy()
            return super().fit(X, y)

        def predict_proba(self, X):
            p = super().predict_proba(X)
            seen = (np.abs(X[:, None] - self.rows_).max(axis=2) < 1e-12).any(axis=1)
            return np.where(seen[:, None], 0.5, np.eye(2)[p.argmax(axis=1)])

    target = Inverted().fit(X[MEMBERS], y[MEMBERS])
    result = (
        ThresholdAttack(target, signal="confidence", n_shadows=0)
        .fit(X, y)
        .evaluate(X, y, MEMBERS, fprs=(0.1,))
    )
    assert result.auc < 0.1
    assert result.distinguishability > 0.4


# 10
def test_rates_that_the_sample_cannot_resolve_are_warned_of():
    attack = attack_on(GaussianNB().fit(X[MEMBERS], y[MEMBERS]))
    with pytest.warns(ResolutionWarning, match="cannot resolve a false-positive rate of 0.01"):
        result = attack.evaluate(X, y, MEMBERS, fprs=(0.01,))
    assert np.isnan(result.at_fpr(0.01).tpr)


# 11
def test_results_carry_what_the_attacker_knew_through_json():
    attack = LiRAAttack(RandomForestClassifier(3, random_state=0).fit(X, y), n_shadows=4)
    result = attack.fit(X, y).evaluate(X, y, MEMBERS, fprs=(0.1,))
    assert AttackResult.from_dict(result.to_dict()) == result
    assert str(result).startswith("LiRAAttack: the attacker holds 80 records of 2 classes (40, 40)")
    assert not result.threat_model.knows_members


# 13
def test_repeated_queries_of_a_sampled_model_are_not_the_same_draw_again():
    class Sampled(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            self.noise_ = np.random.default_rng(0)
            return super().fit(X, y)

        def predict_proba(self, X):
            p = self.noise_.binomial(10, super().predict_proba(X)[:, 1]) / 10
            return np.column_stack((1 - p, p))

    def spread(n_queries):
        attack = ThresholdAttack(
            Sampled().fit(X, y), signal="true_confidence", n_shadows=0, n_queries=n_queries
        ).fit(X, y)
        return np.var([attack.decision_function(X, y) for _ in range(30)], axis=0).mean()

    # n draws act as n times the shots: the variance falls by 9, within 5 deviations of an
    # estimate from 80 records x 30 repeats (relative error about .03)
    assert spread(1) / spread(9) == pytest.approx(9, rel=0.2)


def test_membership_that_is_no_mask_is_refused():
    attack = attack_on(GaussianNB().fit(X, y))
    for wrong, match in (
        (np.arange(40), "shape"),
        (np.full(80, "yes"), "True"),
        (np.linspace(0, 1, 80), "True"),
    ):
        with pytest.raises(ValueError, match=match):
            attack.evaluate(X, y, wrong)
    as_integers = attack.evaluate(X, y, MEMBERS.astype(int), fprs=(0.1,))
    assert as_integers == attack.evaluate(X, y, MEMBERS, fprs=(0.1,))


# --- matching classes -------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=80))
@settings(max_examples=80, deadline=None)
def test_matched_classes_have_the_members_proportions(pairs):
    labels = np.array(["abcd"[k] for k, _ in pairs])
    membership = np.array([m for _, m in pairs])
    both = set(labels[membership]) & set(labels[~membership])
    if not both:
        with pytest.raises(ValueError, match="no class in common"):
            match_classes(labels, membership)
        return
    rows = match_classes(labels, membership, random_state=0)
    assert (np.diff(rows) > 0).all()
    assert set(labels[rows]) == both
    inside, outside = (
        {c: (labels[rows][side[rows]] == c).sum() for c in both}
        for side in (membership, ~membership)
    )
    assert inside == {c: (membership & (labels == c)).sum() for c in both}
    ratio = min((~membership & (labels == c)).sum() / inside[c] for c in both)
    for c in both:
        assert abs(outside[c] - ratio * inside[c]) <= 1
        assert outside[c] >= 1


def test_matching_is_reproducible_and_random():
    membership = np.arange(80) < 20
    labels = np.r_[np.zeros(20, int), np.zeros(10, int), np.ones(50, int)]
    labels[10:20] = 1
    one, two = (match_classes(labels, membership, random_state=1) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, match_classes(labels, membership, random_state=2))


def test_a_threat_model_survives_its_dict():
    model = ThreatModel("A", "9 records", "B()", 4, "label", 3, 128, True, ("a note",))
    assert ThreatModel.from_dict(model.to_dict()) == model
    text = str(model)
    for fact in (
        "9 records",
        "4 shadows of B()",
        "labels only",
        "3 queries",
        "128 shots",
        "a note",
    ):
        assert fact in text
    assert "IS SHOWN the target's own membership" in text
