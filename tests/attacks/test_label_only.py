"""LabelOnlyAttack: it asks for labels and nothing else."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from skqmu.attacks import LabelOnlyAttack, LiRAAttack, ShadowPool

rng = np.random.default_rng(0)
X, y = rng.normal(size=(120, 2)), np.arange(120) % 2
MEMBERS = np.arange(120) < 60


class LabelsOnly(KNeighborsClassifier):
    """One neighbour: it knows its members by heart."""

    def __init__(self):
        super().__init__(n_neighbors=1)

    @property
    def predict_proba(self):
        raise AttributeError("predict_proba")


TARGET = LabelsOnly().fit(X[MEMBERS], y[MEMBERS])


def test_without_further_answers_the_score_is_correctness():
    attack = LabelOnlyAttack(TARGET, perturbation="none", n_shadows=0).fit(X, y)
    np.testing.assert_array_equal(attack.decision_function(X, y), TARGET.predict(X) == y)
    assert attack.threat_model_.n_queries == 1
    assert attack.threat_model_.query == "label"


def test_robust_answers_come_first_and_wrong_ones_last():
    attack = LabelOnlyAttack(TARGET, n_queries=40, n_shadows=0, random_state=0).fit(X, y)
    scores, right = attack.decision_function(X, y), TARGET.predict(X) == y
    assert scores[right].min() >= 1 >= scores[~right].max()
    expected = right + np.mean([TARGET.predict(X + d) == y for d in attack.noise_], axis=0)
    np.testing.assert_allclose(scores, expected)
    assert np.unique(scores[right]).size > 5
    assert attack.threat_model_.n_queries == 41


def test_noise_has_the_units_of_the_features():
    scaled = X * [1e-6, 1e6]
    target = GaussianNB().fit(scaled[MEMBERS], y[MEMBERS])
    attack = LabelOnlyAttack(target, n_queries=400, scales=(0.5,), n_shadows=0, random_state=0)
    spread = attack.fit(scaled, y).noise_.std(axis=0)
    # standard deviation of 400 draws: relative error .035, four of them
    np.testing.assert_allclose(spread, 0.5 * scaled.std(axis=0), rtol=0.15)


def test_members_of_a_memorising_model_are_found_from_labels_alone():
    attack = LabelOnlyAttack(TARGET, n_shadows=8, random_state=0).fit(X, y)
    assert attack.evaluate(X, y, MEMBERS, fprs=(0.1,)).auc > 0.7
    called = attack.predict(X, y)
    assert called[MEMBERS].mean() > called[~MEMBERS].mean() + 0.25
    assert LabelOnlyAttack(LinearSVC().fit(X, y), n_shadows=2).fit(X, y).predict(X, y).shape == (
        120,
    )


def test_repeated_answers_of_a_sampled_model_show_how_firm_it_is():
    class Shots(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            self.noise_ = np.random.default_rng(0)
            return super().fit(X, y)

        def predict(self, X):
            firm = GaussianNB.predict_proba(self, X)
            return (self.noise_.random(len(X)) < firm[:, 1]).astype(int)

    target = Shots().fit(X + 2 * y[:, None], y)
    attack = LabelOnlyAttack(target, perturbation="shots", n_queries=500, n_shadows=0)
    rows = X + 2 * y[:, None]
    scores = attack.fit(rows, y).decision_function(rows, y)
    p = target.predict_proba(rows)[np.arange(120), y]
    share = scores - np.round(scores - p)
    # a share of 500 answers: standard deviation at most .023; five of them
    assert np.abs(share - p).max() < 0.12


def test_a_pool_of_another_attack_is_shared_whatever_it_was_asked():
    target = GaussianNB().fit(X[MEMBERS], y[MEMBERS])
    lira = LiRAAttack(target, n_shadows=4, n_queries=3, random_state=0).fit(X, y)
    attack = LabelOnlyAttack(target, n_queries=5, random_state=0).fit(pool=lira.shadow_pool_)
    assert attack.shadow_pool_ is lira.shadow_pool_
    assert attack.threat_model_.n_queries == 6
    assert attack.threat_model_.n_shadows == 4


def test_without_shadows_there_are_scores_and_no_predictions():
    attack = LabelOnlyAttack(TARGET, n_shadows=0).fit(X, y)
    assert not hasattr(attack, "predict_proba")
    assert hasattr(attack.set_params(n_shadows=4).fit(X, y), "predict_proba")


def test_noise_on_text_is_refused_with_the_way_out():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    text = np.array([f"word{i} common{i % 3}" for i in range(120)], dtype=object)
    target = make_pipeline(CountVectorizer(), LogisticRegression()).fit(text[:60], y[:60])
    attack = LabelOnlyAttack(target, n_shadows=2, random_state=0)
    with pytest.raises(ValueError, match="'shots' or 'none'"):
        attack.fit(text, y)
    assert clone(attack).set_params(perturbation="none").fit(text, y).predict(text, y).dtype == bool


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"perturbation": "noisy"}, "Did you mean 'noise'"),
        ({"scales": ()}, "scales="),
        ({"scales": (0.1, -1)}, "scales="),
        ({"n_queries": 0}, "n_queries=0"),
    ],
)
def test_bad_parameters_are_named(params, match):
    with pytest.raises(ValueError, match=match):
        LabelOnlyAttack(TARGET, **params).fit(X, y)


def test_the_pool_may_have_been_trained_without_probabilities():
    pool = ShadowPool(LinearSVC(), n_shadows=4, random_state=0).fit(X, y)
    attack = LabelOnlyAttack(LinearSVC().fit(X[MEMBERS], y[MEMBERS]), random_state=0).fit(pool=pool)
    assert attack.decision_function(X, y).shape == (120,)
