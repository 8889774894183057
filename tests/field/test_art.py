"""Wishes that users of the Adversarial Robustness Toolbox reported, granted here or told how."""

import warnings

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skqmu import QNNClassifier
from skqmu.attacks import (
    LabelOnlyAttack,
    LiRAAttack,
    QuantileAttack,
    RMIAAttack,
    ShadowModelAttack,
    ShadowPool,
    ThresholdAttack,
    as_target,
)
from skqmu.exceptions import NoCloneError, ResolutionWarning


@pytest.fixture(scope="module")
def overfitted():
    """120 rows with labels at random, and a tree that knows the first half by heart."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), rng.integers(0, 2, 120)
    return DecisionTreeClassifier(random_state=0).fit(X[:60], y[:60]), X, y


MEMBERS = np.arange(120) < 60


def auc(attack, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResolutionWarning)
        return attack.evaluate(X, y, MEMBERS).auc


# Trusted-AI/adversarial-robustness-toolbox#2154
@pytest.mark.parametrize("signal", ["confidence", "entropy"])
def test_an_attack_that_needs_no_true_labels(overfitted, signal):
    _, X, y = overfitted
    forest = RandomForestClassifier(20, random_state=0).fit(X[:60], y[:60])
    attack = ThresholdAttack(forest, signal=signal, n_shadows=0).fit(X, y)
    scores = attack.decision_function(X, y)
    np.testing.assert_array_equal(attack.decision_function(X, forest.predict(X)), scores)
    assert scores[:60].mean() > scores[60:].mean()


# Trusted-AI/adversarial-robustness-toolbox#2155
def test_each_class_has_a_threshold_of_its_own(overfitted):
    _, X, y = overfitted
    forest = RandomForestClassifier(20, random_state=0).fit(X[:60], y[:60])
    attack = ThresholdAttack(forest, per_class=True, n_shadows=4, random_state=0).fit(X, y)
    assert attack.thresholds_[0] != attack.thresholds_[1]
    assert auc(attack, X, y) > 0.7


# Trusted-AI/adversarial-robustness-toolbox#2153
@pytest.mark.parametrize(
    "model", [KNeighborsClassifier(), LogisticRegression(), GradientBoostingClassifier()]
)
def test_the_attack_s_own_classifier_is_any_classifier(overfitted, model):
    target, X, y = overfitted
    attack = ShadowModelAttack(target, attack_estimator=model, n_shadows=4, random_state=0)
    assert auc(attack.fit(X, y), X, y) > 0.6


# Trusted-AI/adversarial-robustness-toolbox#1131
def test_many_shadows_are_trained_once_and_shared(overfitted):
    target, X, y = overfitted
    pool = ShadowPool(target, n_shadows=8, random_state=0).fit(X, y)
    assert pool.members_.sum(axis=0).tolist() == [4] * 120
    for make in (LiRAAttack, RMIAAttack):
        assert auc(make(target).fit(pool=pool), X, y) > 0.6


# Trusted-AI/adversarial-robustness-toolbox#595
@pytest.mark.parametrize("perturbation", ["noise", "none"])
def test_labels_alone_give_members_away(overfitted, perturbation):
    target, X, y = overfitted
    attack = LabelOnlyAttack(target, perturbation=perturbation, n_shadows=0, random_state=0)
    assert auc(attack.fit(X, y), X, y) > 0.6
    assert attack.threat_model_.query == "label"


# Trusted-AI/adversarial-robustness-toolbox#1634
def test_a_pipeline_that_takes_texts_is_attacked_as_it_is():
    rng = np.random.default_rng(0)
    words = np.array(["qubit", "gate", "shot", "noise", "phase", "trace"])
    texts = np.array([" ".join(rng.choice(words, 5)) for _ in range(60)], dtype=object)
    y = rng.integers(0, 2, 60)
    target = make_pipeline(CountVectorizer(), DecisionTreeClassifier(random_state=0))
    target.fit(texts[:30], y[:30])
    attack = LiRAAttack(target, n_shadows=4, random_state=0).fit(texts, y)
    scores = attack.decision_function(texts, y)
    assert scores[:30].mean() > scores[30:].mean()


# Trusted-AI/adversarial-robustness-toolbox#1634
def test_a_function_over_texts_is_a_black_box():
    texts, y = np.array(["up up", "down", "up", "down down"], dtype=object), np.array([1, 0, 1, 0])

    def answer(rows):
        share = np.array([text.count("up") / 2 for text in rows])
        return np.column_stack((1 - share, share))

    attack = ThresholdAttack(as_target(answer, classes=2), signal="true_confidence", n_shadows=0)
    np.testing.assert_allclose(attack.fit(texts, y).decision_function(texts, y), [1, 1, 0.5, 1])


# Trusted-AI/adversarial-robustness-toolbox#47
@pytest.mark.parametrize(
    "model",
    [
        KNeighborsClassifier(1),
        SVC(gamma=50.0, C=100.0, random_state=0),
        RandomForestClassifier(10, random_state=0),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_classifiers_of_scikit_learn_need_no_wrapper(overfitted, model):
    _, X, y = overfitted
    target = model.fit(X[:60], y[:60])
    if hasattr(target, "predict_proba"):
        attack = LiRAAttack(target, n_shadows=4, random_state=0).fit(X, y)
    else:
        with pytest.raises(TypeError, match="LabelOnlyAttack"):
            LiRAAttack(target).fit(X, y)
        attack = LabelOnlyAttack(target, n_shadows=0, random_state=0).fit(X, y)
    assert auc(attack, X, y) > 0.6


# Trusted-AI/adversarial-robustness-toolbox#1756
def test_answers_stand_in_for_a_model_that_nobody_has(overfitted):
    target, X, y = overfitted
    table = as_target((X, target.predict_proba(X)), classes=[0, 1])
    offline = LiRAAttack(
        table, DecisionTreeClassifier(random_state=0), online=False, n_shadows=4, random_state=0
    ).fit(X, y)
    assert auc(offline, X, y) > 0.6
    assert "a table of 120 answers" in str(offline.threat_model_)
    with pytest.raises(NoCloneError, match="shadow_estimator"):
        LiRAAttack(table, n_shadows=4).fit(X, y)


# Trusted-AI/adversarial-robustness-toolbox#1148
def test_models_without_gradients_are_attacked_by_their_answers(overfitted):
    _, X, y = overfitted
    forest = RandomForestClassifier(10, random_state=0).fit(X[:60], y[:60])
    attack = QuantileAttack(forest, random_state=0).fit(X[60:], y[60:])
    assert auc(attack, X, y) > 0.7


# Trusted-AI/adversarial-robustness-toolbox#1782
def test_a_regressor_with_a_threshold_is_a_target_that_says_labels(overfitted):
    _, X, y = overfitted
    line = LinearRegression().fit(X[:60], y[:60])
    with pytest.raises(TypeError, match="no classifier"):
        LabelOnlyAttack(line, n_shadows=0).fit(X, y)

    def cut(rows):
        return (line.predict(rows) > 0.5).astype(int)

    attack = LabelOnlyAttack(as_target(cut, classes=2, output="labels"), n_shadows=0).fit(X, y)
    right = cut(X) == y
    scores = attack.decision_function(X, y)
    assert scores[right].min() > scores[~right].max()


# Trusted-AI/adversarial-robustness-toolbox#50
def test_logits_and_probabilities_of_one_model_are_one_target(overfitted):
    _, X, y = overfitted
    model = LogisticRegression().fit(X[:60], y[:60])
    of_logits = as_target(model.decision_function, classes=2, output="logits")
    of_proba = as_target(model.predict_proba, classes=2)
    np.testing.assert_allclose(of_logits.predict_proba(X), of_proba.predict_proba(X), atol=1e-12)
    with pytest.raises(ValueError, match="'logits'"):
        as_target(model.decision_function, classes=2).predict_proba(X)


# Trusted-AI/adversarial-robustness-toolbox#538
def test_a_quantum_classifier_is_attacked_like_the_others(two_classes):
    X, y = two_classes
    target = QNNClassifier(n_qubits=2, n_layers=1, max_iter=5, random_state=0).fit(X[:12], y[:12])
    attack = LiRAAttack(target, n_shadows=4, random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResolutionWarning)
        result = attack.evaluate(X, y, np.arange(24) < 12)
    assert 0 <= result.auc_interval[0] <= result.auc <= result.auc_interval[1] <= 1
    # its member record refuses an evaluation whose members are none
    with pytest.raises(ValueError, match=r"never trained on|training set"):
        attack.evaluate(X, y, np.arange(24) >= 12)
