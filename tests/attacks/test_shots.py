"""ShotLeakageCurve: sampling hides, queries uncover, and both are the same currency."""

import json

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skqmu.attacks import (
    LabelOnlyAttack,
    LiRAAttack,
    RMIAAttack,
    ShadowModelAttack,
    ShotLeakageCurve,
    ThresholdAttack,
)


class Device(BaseEstimator):
    def __init__(self, shots=None, noise=0.0):
        self.shots = shots
        self.noise = noise


class Sampled(DecisionTreeClassifier):
    """A memorising classifier, read out with finitely many shots of a noisy device."""

    def __init__(self, backend=None, random_state=None):
        super().__init__(random_state=random_state)
        self.backend = backend

    def fit(self, X, y, sample_weight=None):
        self.noise_stream_ = np.random.default_rng(self.random_state)
        return super().fit(X, y)

    def predict_proba(self, X):
        # never further from 1/2 than a little, so that shots matter
        p = 0.5 + 0.1 * (super().predict_proba(X)[:, 1] - 0.5)
        p = (1 - self.backend.noise) * p + self.backend.noise / 2
        if self.backend.shots is not None:
            p = self.noise_stream_.binomial(self.backend.shots, p) / self.backend.shots
        return np.column_stack((1 - p, p))


rng = np.random.default_rng(0)
X, y = rng.normal(size=(200, 3)), np.arange(200) % 2
MEMBERS = np.arange(200) < 100
TARGET = Sampled(Device(shots=100), random_state=0).fit(X[MEMBERS], y[MEMBERS])
ATTACK = LiRAAttack(TARGET, n_shadows=16, random_state=0)


def test_shots_and_queries_uncover_what_sampling_hides():
    curve = ShotLeakageCurve(ATTACK, shots=(10, 1000, 100_000, None), n_queries=(1, 30))
    result = curve.fit(X, y).evaluate(X, y, MEMBERS, fprs=(0.1,))
    auc = {(p.shots, p.n_queries): p.result.auc for p in result.points}
    assert len(auc) == 8
    # shots: chance first, everything at last
    assert abs(auc[10, 1] - 0.5) < 0.15
    assert auc[10, 1] < auc[1000, 1] < auc[100_000, 1] + 0.02
    assert auc[100_000, 1] == pytest.approx(auc[None, 1], abs=0.05)
    # 30 queries of 10 shots are 300 shots
    assert auc[10, 30] > auc[10, 1] + 0.05
    assert auc[None, 30] == auc[None, 1]
    cheapest = result.wins_at()
    assert cheapest.result.auc_interval[0] > 0.5
    assert cheapest.budget == min(
        p.budget for p in result.points if p.budget and p.result.auc_interval[0] > 0.5
    )
    assert result.wins_at(auc=0.999) is None
    assert str(result).count("\n") >= 9
    assert json.loads(json.dumps(result.to_dict()))["points"][0]["budget"] == 10


def test_the_target_is_left_alone():
    stream = TARGET.noise_stream_.bit_generator.state
    ShotLeakageCurve(ThresholdAttack(TARGET, n_shadows=2, random_state=0), shots=(5,)).fit(
        X, y
    ).evaluate(X, y, MEMBERS, fprs=(0.1,))
    assert TARGET.backend.shots == 100
    assert TARGET.noise_stream_.bit_generator.state == stream


def test_noise_hides_too():
    curve = ShotLeakageCurve(ATTACK, shots=(2000,), noise=(0.0, 0.9)).fit(X, y)
    clear, noisy = curve.evaluate(X, y, MEMBERS, fprs=(0.1,)).points
    assert (clear.noise, noisy.noise) == (0.0, 0.9)
    assert clear.result.auc > noisy.result.auc + 0.05
    assert curve.evaluate(X, y, MEMBERS, fprs=(0.1,)).wins_at(noise=0.0) is not None


def test_parameters_are_found_in_a_pipeline():
    target = make_pipeline(StandardScaler(), Sampled(Device(50), random_state=0))
    target.fit(X[MEMBERS], y[MEMBERS])
    attack = ThresholdAttack(target, n_shadows=2, random_state=0)
    result = ShotLeakageCurve(attack, shots=(20,)).fit(X, y).evaluate(X, y, MEMBERS, fprs=(0.1,))
    assert result.points[0].result.threat_model.shots == 20


def test_shadows_of_another_attack_are_asked_again():
    pool = LiRAAttack(TARGET, n_shadows=4, random_state=0).fit(X, y).shadow_pool_
    curve = ShotLeakageCurve(ATTACK, shots=(20,), n_queries=(2,)).fit(pool=pool)
    point = curve.evaluate(X, y, MEMBERS, fprs=(0.1,)).points[0]
    assert point.result.threat_model.n_queries == 2
    assert point.budget == 40
    again = pool.asked_again(params={"backend__shots": None})
    np.testing.assert_array_equal(again.outputs().one(0), again.query(X).one(0))
    assert set(np.unique(again.outputs().one(0)[:, 0]).round(6)) <= {0.45, 0.55}
    counts = pool.outputs().one(0) * 100
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)


def test_shadows_may_be_trained_on_another_backend():
    class Named(Sampled):
        """Takes the name of a backend for a backend, as our classifiers do."""

        def predict_proba(self, X):
            if self.backend == "exact":
                self.set_params(backend=Device())
            return super().predict_proba(X)

    stand_in = Named("exact", random_state=0)
    attack = LiRAAttack(TARGET, stand_in, n_shadows=4, random_state=0)
    curve = ShotLeakageCurve(attack, shots=(25,)).fit(X, y)
    seen = curve.shadow_pool_.asked_again(params={"backend": Device(25)}).outputs().one(0)
    np.testing.assert_allclose(seen * 25, (seen * 25).round(), atol=1e-9)
    assert curve.evaluate(X, y, MEMBERS, fprs=(0.1,)).points[0].shots == 25


def test_identical_rows_are_independent_draws():
    rows, labels = np.repeat(X[:1], 400, axis=0), np.repeat(y[:1], 400)
    scores = ThresholdAttack(TARGET, signal="true_confidence", n_shadows=0).fit(X, y)
    # binomial with 100 shots: standard deviation .05
    assert scores.decision_function(rows, labels).std() == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize(
    ("attack", "params", "error", "match"),
    [
        (LabelOnlyAttack(TARGET), {}, TypeError, "sees probabilities"),
        (ATTACK, {"shots": (0,)}, ValueError, "shots=0"),
        (ATTACK, {"n_queries": (0,)}, ValueError, "n_queries=0"),
        (ATTACK, {"shots_parameter": "backend__shot"}, ValueError, "Did you mean 'backend__shots'"),
        (LiRAAttack(GaussianNB().fit(X, y)), {}, ValueError, "not a parameter of the target"),
    ],
)
def test_what_cannot_be_swept_is_said(attack, params, error, match):
    with pytest.raises(error, match=match):
        ShotLeakageCurve(attack, **params).fit(X, y)


@pytest.mark.parametrize("attack", [ThresholdAttack, LiRAAttack, RMIAAttack, ShadowModelAttack])
def test_a_curve_of_an_attack_without_shadows_is_refused_by_name(attack):
    curve = ShotLeakageCurve(attack(TARGET, n_shadows=0, random_state=0), shots=(10,))
    with pytest.raises(ValueError, match=f"attack={attack.__name__} has n_shadows=0"):
        curve.fit(X, y)


def test_shadows_of_another_attack_serve_an_attack_that_has_none():
    pool = ShotLeakageCurve(ATTACK, shots=(10,)).fit(X[:60], y[:60]).shadow_pool_
    curve = ShotLeakageCurve(ThresholdAttack(TARGET, n_shadows=0), shots=(10,)).fit(pool=pool)
    assert len(curve.evaluate(X[:60], y[:60], np.arange(60) % 4 < 2, fprs=(0.1,)).points) == 1
