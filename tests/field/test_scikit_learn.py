"""Wishes that users of scikit-learn reported, granted here or told how."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skqmu import QNNClassifier, ShardedClassifier, unlearn
from skqmu.attacks import LiRAAttack, ThresholdAttack
from skqmu.backends import AerBackend
from skqmu.exceptions import UnlearningWarning


def small(**more):
    return QNNClassifier(**{"n_qubits": 2, "n_layers": 1, "max_iter": 5, "random_state": 0, **more})


# scikit-learn/scikit-learn#28753
def test_a_fitted_classifier_forgets_rows_that_are_named(two_classes):
    X, y = two_classes
    model = small(max_iter=20).fit(X, y)
    kept = np.arange(len(X)) >= 3
    model.unlearn(X[:3])
    np.testing.assert_array_equal(model.is_member(X), kept)
    assert model.unlearning_log_[-1]["kind"] == "exact"
    assert model.score(X[kept], y[kept]) > 0.6
    # no row of a retrained model is of another than the retained ones
    with pytest.raises(ValueError, match="forgotten"):
        model.unlearn(X[:1])


# scikit-learn/scikit-learn#28753
def test_any_classifier_forgets_by_shards(two_classes):
    X, y = two_classes
    model = ShardedClassifier(DecisionTreeClassifier(random_state=0), n_shards=3, random_state=0)
    model.fit(X, y)
    model.unlearn(X[:2])
    assert model.is_member(X[:3]).tolist() == [False, False, True]
    with pytest.raises(TypeError, match=r"no method unlearn.*ShardedClassifier\(GaussianNB\(\)\)"):
        unlearn(GaussianNB().fit(X, y), X[:1])


# scikit-learn/scikit-learn#7155
def test_what_a_search_found_predicts_and_forgets(two_classes):
    X, y = two_classes
    steps = make_pipeline(StandardScaler(), small())
    search = GridSearchCV(steps, {"qnnclassifier__n_layers": [1, 2]}, cv=2).fit(X, y)
    assert search.predict_proba(X).shape == (24, 2)
    with pytest.raises(TypeError, match=r"GridSearchCV has no method unlearn.*best_estimator_"):
        unlearn(search, X[:2])
    with pytest.warns(UnlearningWarning, match="upstream steps"):
        unlearn(search.best_estimator_, X[:2])
    assert search.best_estimator_[-1].unlearning_log_[-1]["n_forget"] == 2
    unfitted = GridSearchCV(steps, {"qnnclassifier__n_layers": [1]}, cv=2, refit=False).fit(X, y)
    with pytest.raises(TypeError, match="refit=True"):
        unlearn(unfitted, X[:2])


# scikit-learn/scikit-learn#6994
def test_a_class_that_comes_later_is_learned_later():
    model = small(learning_rate_init=0.2)
    X, y = np.array([[-1.0, -1], [0, 0.5], [1, -1]]), np.array(["a", "b", "c"])
    model.partial_fit(X, y, classes=["a", "b", "c", "d"])
    for _ in range(30):
        model.partial_fit([[1.0, 1.0]], ["d"])
    assert model.predict([[1.0, 1.0]]).tolist() == ["d"]
    assert model.predict_proba(X).shape == (3, 4)


# scikit-learn/scikit-learn#12505
def test_several_labels_a_row_are_refused_for_what_they_are(two_classes):
    X, _ = two_classes
    labels = np.random.default_rng(0).integers(0, 2, (24, 3))
    with pytest.raises(ValueError, match=r"1d array, got an array of shape \(24, 3\)"):
        small().fit(X, labels)


# scikit-learn/scikit-learn#11758
def test_a_warm_start_with_other_classes_is_an_error_that_says_so(two_classes):
    X, y = two_classes
    model = small(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"classes \[2\]"):
        model.fit(X, np.arange(24) % 3)
    assert model.classes_.tolist() == [0, 1]


# scikit-learn/scikit-learn#5563
def test_a_search_leaves_the_objects_in_its_grid_as_they_were(two_classes):
    X, y = two_classes
    backends = [AerBackend(shots=16, seed=1), AerBackend(shots=32, seed=1)]
    model = small(max_iter=1, solver="spsa")
    search = GridSearchCV(model, {"backend": backends}, cv=2, error_score="raise").fit(X, y)
    assert [each.shots for each in backends] == [16, 32]
    assert search.best_estimator_.backend is not backends[0]
    assert isinstance(model.backend, str)


# scikit-learn/scikit-learn#15722
def test_every_parameter_is_kept_by_identity():
    given = {"backend": AerBackend(shots=3), "class_weight": {0: 1.0, 1: 2.0}}
    model = small(**given)
    for name, value in given.items():
        assert model.get_params(deep=False)[name] is value
    assert clone(model).class_weight == given["class_weight"]


# scikit-learn/scikit-learn#12297
def test_trained_models_vote_without_being_trained_again(two_classes):
    X, y = two_classes
    model = small().fit(X, y)
    frozen = [
        ("quantum", FrozenEstimator(model)),
        ("line", FrozenEstimator(LogisticRegression().fit(X, y))),
    ]
    vote = VotingClassifier(frozen, voting="soft").fit(X, y)
    expected = (model.predict_proba(X) + frozen[1][1].predict_proba(X)) / 2
    np.testing.assert_allclose(vote.predict_proba(X), expected)


# scikit-learn/scikit-learn#8370
def test_a_frozen_model_is_attacked_with_shadows_that_learn(two_classes):
    X, y = two_classes
    model = LogisticRegression().fit(X[:12], y[:12])
    weights = model.coef_.copy()
    scores = [
        LiRAAttack(target, n_shadows=4, random_state=0).fit(X, y).decision_function(X, y)
        for target in (FrozenEstimator(model), model)
    ]
    np.testing.assert_array_equal(*scores)
    np.testing.assert_array_equal(model.coef_, weights)


# scikit-learn/scikit-learn#8584
def test_a_classifier_with_a_broken_interface_is_told_what_to_wrap_it_in(two_classes):
    X, y = two_classes

    class Broken:
        def get_params(self, deep=True):
            return None

        def predict(self, rows):
            return np.zeros(len(rows), int)

    with pytest.raises(TypeError, match=r'as_target.*output="labels"'):
        ThresholdAttack(Broken(), n_shadows=0).fit(X, y)
