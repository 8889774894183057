"""Attack classifiers: their features, what they are trained on, and who is shown what.

This file looks inside.
"""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skqmu.attacks import QNNOutputAttack, ShadowModelAttack, ShadowPool
from skqmu.attacks import _learned as module
from skqmu.exceptions import ThreatModelWarning
from skqmu.utils.estimator_checks import parametrize_with_attack_checks

rng = np.random.default_rng(0)
X, y = rng.normal(size=(120, 4)), np.arange(120) % 3
MEMBERS = np.arange(120) < 60
TARGET = RandomForestClassifier(8, random_state=0).fit(X[MEMBERS], y[MEMBERS])
P = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
LABELS = np.array([1, 0])


@parametrize_with_attack_checks(
    [
        QNNOutputAttack(DecisionTreeClassifier(), trained_on="target"),
        ShadowModelAttack(
            DecisionTreeClassifier(), features="sorted", attack_estimator=GaussianNB(), n_shadows=4
        ),
    ]
)
def test_variants_keep_the_contract(check):
    check()


def test_sorted_features_say_nothing_of_the_class():
    attack = ShadowModelAttack(TARGET, features="sorted")
    features = attack._features(P, LABELS)
    np.testing.assert_allclose(features[0, :3], [0.5, 0.3, 0.2])
    np.testing.assert_allclose(
        features[0, 3:],
        [1, -np.log(0.5), 0, -(P[0] * np.log(P[0])).sum(), 0.2],
        atol=1e-12,
    )
    swapped = attack._features(P[:, [2, 0, 1]], np.array([2, 1]))
    np.testing.assert_allclose(swapped, features)


def test_raw_features_hold_the_probabilities_and_the_class():
    features = ShadowModelAttack(TARGET)._features(P, LABELS)
    np.testing.assert_allclose(features[:, :6], np.hstack((P, np.eye(3)[LABELS])))
    assert features.shape == (2, 11)


def test_the_published_features_number_13_for_ten_classes():
    proba = rng.dirichlet(np.ones(10), size=5)
    labels = np.arange(5)
    features = QNNOutputAttack(TARGET)._features(proba, labels)
    assert features.shape == (5, 13)
    np.testing.assert_allclose(features[:, :10], proba)
    np.testing.assert_allclose(features[:, 10], proba.max(axis=1))
    np.testing.assert_allclose(features[:, 11], proba.argmax(axis=1) == labels)
    np.testing.assert_allclose(features[:, 12], -np.log(proba[np.arange(5), labels]))


@pytest.mark.parametrize("features", ["sorted", "raw"])
def test_members_of_a_memorising_model_are_found(features):
    attack = ShadowModelAttack(TARGET, features=features, n_shadows=8, random_state=0).fit(X, y)
    assert attack.evaluate(X, y, MEMBERS, fprs=(0.1,)).auc_interval[0] > 0.7
    assert (attack.predict(X, y) == MEMBERS).mean() > 0.7


def test_the_network_of_the_published_attack_finds_them_too():
    attack = QNNOutputAttack(TARGET, n_shadows=8, random_state=0).fit(X, y)
    assert attack.evaluate(X, y, MEMBERS, fprs=(0.1,)).auc_interval[0] > 0.7
    assert attack.attack_estimator_[-1].hidden_layer_sizes == (64, 64)


def test_the_number_of_training_records_does_not_grow_with_the_shadows(monkeypatch):
    seen = []

    class Counts(LogisticRegression):
        def fit(self, X, y):
            seen.append((len(y), y.mean()))
            return super().fit(X, y)

    monkeypatch.setattr(module, "MAX_TRAINING_RECORDS", 200)
    for n_shadows in (2, 10, 20):
        pool = ShadowPool(GaussianNB(), n_shadows=n_shadows, random_state=0).fit(X, y)
        ShadowModelAttack(TARGET, attack_estimator=Counts()).fit(pool=pool)
    assert [n for n, _ in seen] == [200, 200, 200]
    assert all(0.35 < share < 0.65 for _, share in seen)


def test_an_attack_classifier_without_probabilities_is_refused():
    with pytest.raises(TypeError, match="has no predict_proba"):
        ShadowModelAttack(TARGET, attack_estimator=LinearSVC(), n_shadows=2).fit(X, y)
    with pytest.raises(ValueError, match="Did you mean 'sorted'"):
        ShadowModelAttack(TARGET, features="sort").fit(X, y)


# --- the auditor's variant ---------------------------------------------------------------


def test_the_auditors_variant_says_what_it_is_and_that_it_was_shown_the_answer():
    attack = QNNOutputAttack(TARGET, trained_on="target", random_state=0)
    with pytest.warns(ThreatModelWarning, match="an auditor's, not an outsider's"):
        attack.fit(X, y, membership=MEMBERS)
    assert attack.threat_model_.knows_members
    with pytest.warns(ThreatModelWarning, match="120 of 120 evaluated records were shown"):
        result = attack.evaluate(X, y, MEMBERS, fprs=(0.1,))
    assert "IS SHOWN the target's own membership" in str(result)


def test_the_auditors_variant_out_of_sample_warns_no_more():
    half = np.arange(120) % 2 == 0
    attack = QNNOutputAttack(TARGET, trained_on="target", random_state=0)
    with pytest.warns(ThreatModelWarning, match="auditor"):
        attack.fit(X[half], y[half], membership=MEMBERS[half])
    assert attack.evaluate(X[~half], y[~half], MEMBERS[~half], fprs=(0.1,)).auc > 0.7


def test_membership_is_refused_where_it_would_be_the_answer():
    with pytest.raises(ValueError, match="the answer that the attack is to find"):
        QNNOutputAttack(TARGET).fit(X, y, membership=MEMBERS)
    auditor = QNNOutputAttack(TARGET, trained_on="target")
    with pytest.raises(ValueError, match="needs X_pool, y_pool and membership="):
        auditor.fit(X, y)
    for wrong in (MEMBERS[:5], MEMBERS.astype(int)):
        with pytest.raises(ValueError, match="boolean mask"):
            auditor.fit(X, y, membership=wrong)
    with pytest.raises(ValueError, match="members and non-members"):
        auditor.fit(X, y, membership=np.ones(120, bool))
    with pytest.raises(ValueError, match="Did you mean 'target'"):
        QNNOutputAttack(TARGET, trained_on="targets").fit(X, y)
