"""Masks, matched classes, threat models: what an evaluation is told, checked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from skqmu.attacks import ThreatModel, ThresholdAttack, match_classes

rng = np.random.default_rng(0)
X, y = rng.normal(size=(80, 3)), np.arange(80) % 2
MEMBERS = np.arange(80) < 40


def attack_on(target):
    return ThresholdAttack(target, n_shadows=0).fit(X, y)


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
