"""ThresholdAttack: its scores are the signals, its thresholds come from shadows.

This file looks inside.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skqmu.attacks import ShadowPool, ThresholdAttack
from skqmu.attacks._threshold import best_threshold

rng = np.random.default_rng(0)
X, y = rng.normal(size=(90, 4)), np.arange(90) % 3
MEMBERS = np.arange(90) < 45


def formula(signal, p, label):
    return {
        "loss": np.log(p[label]),
        "confidence": p.max(),
        "true_confidence": p[label],
        "entropy": (p * np.log(p)).sum(),
        "modified_entropy": (1 - p[label]) * np.log(p[label])
        + sum(p[c] * np.log(1 - p[c]) for c in range(3) if c != label),
        "logit": np.log(p[label] / (1 - p[label])),
    }[signal]


@pytest.mark.parametrize(
    "signal", ["loss", "confidence", "true_confidence", "entropy", "modified_entropy", "logit"]
)
def test_scores_are_the_signal_of_the_targets_own_answer(signal):
    target = GaussianNB().fit(X[MEMBERS], y[MEMBERS])
    attack = ThresholdAttack(target, signal=signal, n_shadows=0).fit(X, y)
    expected = [
        formula(signal, p, label) for p, label in zip(target.predict_proba(X), y, strict=True)
    ]
    np.testing.assert_allclose(attack.decision_function(X, y), expected)


def test_an_unknown_signal_is_answered_with_the_nearest_name():
    target = GaussianNB().fit(X, y)
    with pytest.raises(ValueError, match="Did you mean 'entropy'"):
        ThresholdAttack(target, signal="entopy").fit(X, y)


def test_without_shadows_there_are_scores_and_no_predictions():
    attack = ThresholdAttack(GaussianNB().fit(X, y), n_shadows=0).fit(X, y)
    assert attack.threat_model_.n_shadows == 0
    assert attack.threat_model_.shadow_estimator is None
    assert "trains no shadows" in str(attack.threat_model_)
    assert not hasattr(attack, "predict")
    with pytest.raises(AttributeError, match="predict_proba"):
        attack.predict_proba(X, y)
    with pytest.raises(ValueError, match="per_class=True"):
        clone(attack).set_params(per_class=True).fit(X, y)


def test_without_shadows_it_still_has_to_be_fitted():
    with pytest.raises(NotFittedError):
        ThresholdAttack(GaussianNB().fit(X, y), n_shadows=0).decision_function(X, y)


def test_a_target_without_probabilities_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"no predict_proba.*LabelOnlyAttack"):
        ThresholdAttack(LinearSVC().fit(X, y)).fit(X, y)


def test_members_of_a_memorising_model_are_found():
    target = DecisionTreeClassifier(random_state=0).fit(X[MEMBERS], y[MEMBERS])
    attack = ThresholdAttack(target, n_shadows=8, random_state=0).fit(X, y)
    assert attack.predict(X[MEMBERS], y[MEMBERS]).all()
    # labels are noise: a non-member is right by chance, with probability 1/3
    assert attack.predict(X[~MEMBERS], y[~MEMBERS]).mean() < 0.6
    assert attack.evaluate(X, y, MEMBERS, fprs=(0.1,)).auc > 0.75


def test_thresholds_by_class_take_out_what_belongs_to_the_class():
    # class 0 is far away, hence certain; 1 and 2 overlap. A single threshold sees classes.
    shift = np.array([[8.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    Z = X + shift[y]
    target = KNeighborsClassifier(3).fit(Z[MEMBERS], y[MEMBERS])
    one = ThresholdAttack(target, n_shadows=16, random_state=0).fit(Z, y)
    each = clone(one).set_params(per_class=True).fit(Z, y)
    assert np.ptp(one.thresholds_) == 0
    assert np.ptp(each.thresholds_) > 0
    difference = one.decision_function(Z, y) - each.decision_function(Z, y)
    np.testing.assert_allclose(difference, each.thresholds_[y])
    assert (
        each.evaluate(Z, y, MEMBERS, fprs=(0.1,)).auc > one.evaluate(Z, y, MEMBERS, fprs=(0.1,)).auc
    )


def test_the_orientation_of_probabilities_never_turns_round():
    # a model that cannot memorise: whatever slope chance gives the calibration, a larger
    # score must not mean a smaller probability
    target = LogisticRegression(C=1e-4).fit(X[MEMBERS], y[MEMBERS])
    for seed in range(6):
        attack = ThresholdAttack(target, n_shadows=4, random_state=seed).fit(X, y)
        scores, proba = attack.decision_function(X, y), attack.predict_proba(X, y)[:, 1]
        assert (np.diff(proba[np.argsort(scores)]) >= -1e-12).all()


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=80, deadline=None)
def test_the_best_threshold_is_as_good_as_every_other(pairs):
    scores = np.array([score for score, _ in pairs], dtype=float)
    members = np.array([member for _, member in pairs])
    t = best_threshold(scores, members)
    assert np.isfinite(t)
    if members.all() or not members.any():
        return

    def advantage(cut):
        return (scores[members] > cut).mean() - (scores[~members] > cut).mean()

    if np.unique(scores).size > 1:
        cuts = np.unique(scores)[:-1] + 0.5
        assert advantage(t) == pytest.approx(max(advantage(cut) for cut in cuts))


def test_shadows_that_waited_are_trained_once_by_whichever_thread_asks(monkeypatch):
    target = DecisionTreeClassifier(random_state=0).fit(X[MEMBERS], y[MEMBERS])
    alone = ThresholdAttack(target, n_shadows=4, random_state=0).fit(X, y).predict_proba(X, y)
    fits = []
    fit = ShadowPool.fit
    monkeypatch.setattr(ShadowPool, "fit", lambda *args: fits.append(1) or fit(*args))
    attack = ThresholdAttack(target, n_shadows=4, random_state=0).fit(X, y)
    assert not fits
    assert np.isfinite(attack.decision_function(X, y)).all()
    assert not fits
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: attack.predict_proba(X, y), range(4)))
    assert len(fits) == 1
    assert all(np.array_equal(each, alone) for each in found)
