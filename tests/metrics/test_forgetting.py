"""Forgetting metrics: formulas, alignment by construction, and edges."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skqmu.exceptions import ResolutionWarning
from skqmu.metrics import (
    agreement_score,
    forgetting_quality,
    forgetting_result,
    gap_to_oracle,
    js_to_oracle,
    kl_to_oracle,
    relearn_time,
    tug_of_war_score,
    uqi_score,
    zrf_score,
)

X, Y = load_iris(return_X_y=True)


class Table(ClassifierMixin, BaseEstimator):
    """Answers a fixed row of probabilities for each value of the only feature."""

    def __init__(self, rows, classes):
        self.rows = rows
        self.classes = classes

    @property
    def classes_(self):
        return np.asarray(self.classes)

    def predict_proba(self, X):
        return np.asarray(self.rows, dtype=float)[np.asarray(X)[:, 0].astype(int)]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]


def constant(label):
    return DummyClassifier(strategy="constant", constant=label).fit(X, Y)


def fit(rows):
    return LogisticRegression(max_iter=1000).fit(X[rows], Y[rows])


def distributions(n_classes):
    weights = st.lists(st.floats(0, 1), min_size=n_classes, max_size=n_classes)
    return weights.map(lambda w: (np.array(w) + 1e-6) / np.sum(np.array(w) + 1e-6))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(distributions(4), distributions(4)), min_size=1, max_size=5))
def test_laws_of_the_divergences(pairs):
    p, q = (np.array(side) for side in zip(*pairs, strict=True))
    assert kl_to_oracle(p, p) == 0
    assert js_to_oracle(p, p) == pytest.approx(0, abs=1e-12)
    assert kl_to_oracle(p, q) >= -1e-12
    assert 0 <= js_to_oracle(p, q, base=2) <= 1 + 1e-12
    assert js_to_oracle(p, q) == pytest.approx(js_to_oracle(q, p))
    assert kl_to_oracle(p, q, direction="oracle_to_model") == pytest.approx(kl_to_oracle(q, p))
    order = np.random.default_rng(0).permutation(len(p))
    assert kl_to_oracle(p[order], q[order]) == pytest.approx(kl_to_oracle(p, q))


def test_kl_is_the_sum_by_hand():
    p, q = np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([[0.4, 0.6], [0.9, 0.1]])
    by_hand = np.mean(np.sum(p * np.log(p / q), axis=1))
    assert kl_to_oracle(p, q) == pytest.approx(by_hand)


def test_probabilities_of_exactly_zero_and_one_stay_finite():
    p, q = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert kl_to_oracle(p, q) == pytest.approx(-np.log(1e-8), rel=1e-3)
    assert js_to_oracle(p, q) == pytest.approx(np.log(2), rel=1e-3)


def test_columns_are_matched_by_class_name_not_by_position():
    rows = [[0.7, 0.2, 0.1]]
    one = Table(rows, ["a", "b", "c"])
    two = Table([[0.7, 0.1]], ["a", "c"])  # never heard of "b"
    at = np.zeros((3, 1))
    q = np.array([0.7, 1e-8, 0.1]) / 0.8
    expected = np.sum(np.array(rows[0]) * np.log(np.array(rows[0]) / q))
    assert kl_to_oracle(one, two, at) == pytest.approx(expected, rel=1e-5)


def test_a_gone_class_is_left_out_and_the_rest_renormalised():
    model = Table([[0.5, 0.3, 0.2]], ["a", "b", "c"])
    oracle = Table([[0.0, 0.6, 0.4]], ["a", "b", "c"])
    at = np.zeros((2, 1))
    assert kl_to_oracle(model, oracle, at, retained=["b", "c"]) == pytest.approx(0, abs=1e-6)
    assert kl_to_oracle(model, oracle, at) > 5
    with pytest.raises(ValueError, match="retained="):
        kl_to_oracle(model, oracle, at, retained=["z"])


def test_rows_in_another_order_cannot_be_compared():
    """Guard 6: estimators take ONE X; an array beside an estimator is refused."""
    model, oracle = fit(slice(0, None, 2)), fit(slice(0, None, 3))
    with pytest.raises(ValueError, match="in another order"):
        kl_to_oracle(model, oracle.predict_proba(X[::-1]), X)
    with pytest.raises(ValueError, match="X is needed"):
        kl_to_oracle(model, oracle)
    shuffled = np.random.default_rng(0).permutation(len(X))
    assert kl_to_oracle(model, oracle, X[shuffled]) == pytest.approx(kl_to_oracle(model, oracle, X))
    assert kl_to_oracle(model, oracle, X) == pytest.approx(
        kl_to_oracle(model.predict_proba(X), oracle.predict_proba(X))
    )


@pytest.mark.parametrize(
    ("p", "q", "words"),
    [
        (np.ones((2, 2)) / 2, np.ones((3, 2)) / 2, "one shape"),
        (np.ones((0, 2)), np.ones((0, 2)), "one shape"),
        (np.array([[np.nan, 1]]), np.ones((1, 2)) / 2, "finite"),
    ],
)
def test_bad_probability_arrays_are_named(p, q, words):
    with pytest.raises(ValueError, match=words):
        kl_to_oracle(p, q)


def test_unfitted_models_and_models_without_probabilities_say_so():
    with pytest.raises(NotFittedError, match="no classes_"):
        kl_to_oracle(LogisticRegression(), fit(slice(None)), X)
    hinge = SGDClassifier(max_iter=2000).fit(X, Y)
    with pytest.raises(ValueError, match="no predict_proba"):
        kl_to_oracle(hinge, fit(slice(None)), X)
    assert 0 <= agreement_score(hinge, fit(slice(None)), X) <= 1


def test_zrf_is_one_minus_js_and_averages_over_twins():
    model, twin = fit(slice(None)), constant(1)
    assert zrf_score(model, twin, X) == pytest.approx(1 - js_to_oracle(model, twin, X, base=2))
    both = zrf_score(model, [twin, model], X)
    assert both == pytest.approx((zrf_score(model, twin, X) + 1) / 2)


def test_uqi_and_tug_of_war_by_hand():
    # class 0 forgotten: model says 1, original is right everywhere, oracle says 2
    sets = {"retain": (X[50:], Y[50:]), "forget": (X[:50], Y[:50]), "test": (X, Y)}
    perfect = Table(np.eye(3), [0, 1, 2])

    class Perfect(Table):
        def predict(self, rows):
            return Y[[int(np.flatnonzero((row == X).all(1))[0]) for row in rows]]

    perfect = Perfect(np.eye(3), [0, 1, 2])
    model, oracle = constant(1), constant(2)
    assert uqi_score(model, perfect, **sets) == pytest.approx(1 - (0.5 + 2 / 3) / 2)
    assert tug_of_war_score(model, oracle, **sets) == pytest.approx(1)
    assert tug_of_war_score(perfect, oracle, **sets) == pytest.approx(0 * 0.5 / 3)
    assert gap_to_oracle(perfect, [oracle, model], *sets["retain"]) == pytest.approx(0.5)


def test_forgetting_result_holds_every_measure_with_its_interval():
    original, model = fit(slice(None)), fit(slice(0, None, 2))
    oracles = [fit(slice(k, None, 3)) for k in range(3)]
    sets = {"retain": (X[60:], Y[60:]), "forget": (X[:10], Y[:10]), "test": (X[::4], Y[::4])}
    result = forgetting_result(model, original=original, oracles=oracles, **sets)
    for name, (rows, labels) in sets.items():
        accuracy = np.mean(model.predict(rows) == labels)
        assert result.accuracies[name].value == pytest.approx(accuracy)
        assert result.gaps[name].value == pytest.approx(gap_to_oracle(model, oracles, rows, labels))
        kl = np.mean([kl_to_oracle(model, o, rows) for o in oracles])
        assert result.kl[name].value == pytest.approx(kl)
    assert result.uqi.value == pytest.approx(uqi_score(model, original, **sets))
    assert result.tug_of_war.value == pytest.approx(tug_of_war_score(model, oracles, **sets))
    groups = (result.accuracies, result.drops, result.gaps, result.kl, result.js, result.agreement)
    for estimate in [e for g in groups for e in g.values()] + [result.uqi, result.tug_of_war]:
        assert estimate.low <= estimate.value <= estimate.high
    # ten forget records that all agree do not prove a gap of 0
    assert result.gaps["forget"].low < 0 < result.gaps["forget"].high
    json.dumps(result.to_dict(), allow_nan=False)
    assert "gap to the oracle, forget" in str(result)


def test_forgetting_result_takes_what_is_there():
    model = fit(slice(None))
    result = forgetting_result(model, forget=(X[:5], Y[:5]))
    assert result.drops == result.gaps == result.kl == {}
    assert result.uqi is None
    with pytest.raises(ValueError, match="at least one of"):
        forgetting_result(model)
    with pytest.raises(ValueError, match="at least one record"):
        forgetting_result(model, forget=(X[:0], Y[:0]))
    with pytest.raises(ValueError, match="at least one oracle"):
        gap_to_oracle(model, [], X, Y)
    with pytest.warns(ResolutionWarning, match="one record"):
        one = forgetting_result(model, forget=(X[:1], Y[:1]), oracles=[fit(slice(0, None, 2))])
    assert one.kl["forget"].high == np.inf
    json.dumps(one.to_dict(), allow_nan=False)


def test_an_oracle_that_never_saw_a_class_is_compared_on_the_others():
    without = fit(slice(50, None))
    masked = fit(slice(None))
    result = forgetting_result(masked, retain=(X[60:], Y[60:]), oracles=[without])
    expected = kl_to_oracle(masked, without, X[60:], retained=[1, 2])
    assert result.kl["retain"].value == pytest.approx(expected)
    assert result.kl["retain"].value < 1 < kl_to_oracle(masked, constant(0), X[60:])


def test_relearning_counts_steps_and_leaves_the_models_alone():
    rng = np.random.default_rng(0)
    rows = rng.permutation(150)

    def start(seed):
        return SGDClassifier(
            loss="log_loss", learning_rate="constant", eta0=0.003, random_state=seed
        )

    knows = start(0)
    for _ in range(40):
        knows.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
    oracle = start(1).partial_fit(X[rows[:60]], Y[rows[:60]], classes=[0, 1, 2])
    before = knows.coef_.copy()
    target = 0.4
    result = relearn_time(knows, oracle, X, Y, target=target, max_steps=200)
    assert result.steps < result.oracle_steps < np.inf
    assert result.ratio == result.steps / result.oracle_steps
    assert np.array_equal(knows.coef_, before)


def test_relearning_from_curves_and_its_edges():
    assert relearn_time([3, 2, 1], [3, 2, 1], target=1).ratio == 1
    assert relearn_time([1], [1], target=1).ratio == 1  # neither had lost it
    assert relearn_time([2, 1], [0.5], target=1).ratio == np.inf
    assert relearn_time([3, 3], [3, 1], target=1).ratio == np.inf
    with pytest.raises(ValueError, match="neither model regains"):
        relearn_time([3, 3], [3, 2], target=1)
    with pytest.raises(ValueError, match="no partial_fit"):
        relearn_time(fit(slice(None)), fit(slice(None)), X, Y, target=0.1)
    with pytest.raises(ValueError, match="two classifiers with X"):
        relearn_time(fit(slice(None)), [1.0], X, Y, target=0.1)


def test_forgetting_quality_follows_the_formula_on_a_known_record():
    # 4 models a kind; the best attack calls everything above .5 unlearned: one miss, one alarm
    unlearned, oracle = [[1.0], [2.0], [3.0], [-5.0]], [[-1.0], [-2.0], [-3.0], [4.0]]
    result = forgetting_quality(unlearned, oracle)
    assert result.epsilon[0] == pytest.approx(np.log(0.99 - 0.25) - np.log(0.25))
    assert result.value == 2.0 ** -np.floor(result.epsilon[0] / 0.5)
    assert result.low <= result.value <= result.high == 1  # so few models refute nothing


def test_forgetting_quality_of_separated_models_is_least_and_of_equal_ones_most():
    rng = np.random.default_rng(0)
    u, o = rng.normal(size=(200, 30)), rng.normal(size=(200, 30))
    apart = forgetting_quality(u + 50, o)
    assert np.isinf(apart.epsilon).all()
    assert apart.value == 2.0**-12
    assert apart.high < 0.05
    assert max(apart.epsilon_low) < apart.largest_certifiable
    same = forgetting_quality(u, o)
    assert same.high == 1
    assert same.value > 20 * apart.value
    assert "records" in str(same)
    for low, value, high in zip(same.epsilon_low, same.epsilon, same.epsilon_high, strict=True):
        assert low <= value <= high


@pytest.mark.parametrize(
    ("u", "o", "words"),
    [
        ([[1.0]], [[1.0], [2.0]], "at least two models"),
        ([[1.0], [2.0]], [[1.0, 2.0], [2.0, 3.0]], "same ones"),
        ([[np.inf], [2.0]], [[1.0], [2.0]], "finite"),
    ],
)
def test_forgetting_quality_names_bad_input(u, o, words):
    with pytest.raises(ValueError, match=words):
        forgetting_quality(u, o)
