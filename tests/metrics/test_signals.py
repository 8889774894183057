"""Signals: laws that hold for any probabilities, exact zeros and ones included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from skqmu.attacks import ThresholdAttack
from skqmu.metrics import LossDistributionDisplay, RecordedAnswers
from skqmu.metrics.signals import (
    PROBABILITY_EPS,
    SIGNALS,
    align_columns,
    cross_entropy,
    encode_labels,
    membership_signal,
    modified_entropy,
    resolution,
    true_class_logit,
)


@st.composite
def outputs(draw):
    n, c = draw(st.integers(1, 6)), draw(st.integers(2, 20))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(c, draw(st.sampled_from([0.01, 0.3, 1.0, 30.0]))), size=n)
    if draw(st.booleans()):
        proba[0] = np.eye(c)[rng.integers(c)]
    return proba, rng.integers(c, size=n)


@given(outputs())
@settings(max_examples=60, deadline=None)
def test_every_signal_is_finite_and_depends_on_its_own_row_only(case):
    proba, y = case
    for signal in SIGNALS.values():
        values = signal(proba, y)
        assert values.shape == y.shape
        assert np.isfinite(values).all()
        one_by_one = [signal(proba[[i]], y[[i]])[0] for i in range(len(y))]
        np.testing.assert_allclose(values, one_by_one, rtol=1e-12)


@given(outputs(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_signals_do_not_depend_on_the_order_of_the_classes(case, random):
    proba, y = case
    order = list(range(proba.shape[1]))
    random.shuffle(order)
    renamed = np.argsort(order)[y]
    for signal in SIGNALS.values():
        np.testing.assert_allclose(signal(proba[:, order], renamed), signal(proba, y), atol=1e-12)


@given(outputs())
@settings(max_examples=40, deadline=None)
def test_signals_take_a_leading_axis_of_shadows(case):
    proba, y = case
    stacked = np.stack([proba, proba[:, ::-1]])
    for signal in SIGNALS.values():
        both = signal(stacked, y)
        np.testing.assert_allclose(both[0], signal(proba, y), rtol=1e-12)
        np.testing.assert_allclose(both[1], signal(proba[:, ::-1], y), rtol=1e-12)


def test_the_logit_inverts_the_sigmoid_where_1_minus_p_has_lost_its_digits():
    phi = np.array([-19.0, -3.0, 0.0, 3.0, 19.0])
    p = 1 / (1 + np.exp(-phi))
    q = 1 / (1 + np.exp(phi))
    np.testing.assert_allclose(true_class_logit(np.column_stack((p, q)), np.zeros(5, int)), phi)


def test_the_logit_of_exact_zeros_and_ones_is_the_documented_bound():
    bound = np.log((1 - PROBABILITY_EPS) / PROBABILITY_EPS)
    proba = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    np.testing.assert_allclose(true_class_logit(proba, np.zeros(3, int)), [bound, -bound, 0])


@pytest.mark.parametrize(
    ("proba", "expected"),
    [
        ([[0.2, 0.8], [0.9, 0.1]], PROBABILITY_EPS),
        ([[0.0, 1.0], [0.9, 0.1]], 0.05),
        ([[0.0, 1.0], [1.0, 0.0]], 0.1),
        ([[0.0, 1.0], [1e-12, 1.0]], PROBABILITY_EPS),
    ],
)
def test_the_resolution_is_half_the_least_step_where_exact_zeros_occur(proba, expected):
    proba, labels = np.array(proba), np.array([0, 0])
    assert resolution([(proba, labels)]) == pytest.approx(expected)
    assert resolution([(proba[:1], labels[:1]), (proba[1:], labels[1:])]) == pytest.approx(expected)


def test_modified_entropy_matches_its_definition_written_out_by_rows():
    rng = np.random.default_rng(0)
    proba, y = rng.dirichlet(np.ones(4), size=9), rng.integers(4, size=9)
    expected = []
    for p, label in zip(proba, y, strict=True):
        value = (1 - p[label]) * np.log(p[label])
        value += sum(p[c] * np.log(1 - p[c]) for c in range(4) if c != label)
        expected.append(value)
    np.testing.assert_allclose(modified_entropy(proba, y), expected)


def test_modified_entropy_falls_as_the_answer_grows_worse():
    p = np.linspace(0.999, 0.001, 50)
    values = modified_entropy(np.column_stack((p, 1 - p)), np.zeros(50, int))
    assert (np.diff(values) < 0).all()


def test_cross_entropy_is_minus_the_logarithm_of_the_true_probability():
    proba = np.array([[0.25, 0.75], [1.0, 0.0]])
    np.testing.assert_allclose(cross_entropy(proba, np.array([0, 0])), [np.log(4), 0])
    assert cross_entropy(proba, np.array([0, 1]))[1] == -np.log(PROBABILITY_EPS)


def test_columns_are_aligned_by_label_and_missing_classes_get_zero():
    aligned = align_columns([[0.1, 0.9]], ["c", "a"], ["a", "b", "c"])
    np.testing.assert_array_equal(aligned, [[0.9, 0.0, 0.1]])


def test_labels_of_mixed_types_are_encoded_and_unknown_ones_named():
    assert encode_labels(["b", 1], [1, "b"]).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"'z'.*known: 1, 'b'"):
        encode_labels(["z"], np.array([1, "b"], dtype=object))


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_is_greater_for_a_record_that_is_known_by_heart(name):
    known, unknown = np.array([[0.98, 0.01, 0.01]]), np.array([[0.4, 0.35, 0.25]])
    y = np.zeros(1, dtype=int)
    assert SIGNALS[name](known, y) > SIGNALS[name](unknown, y)


def test_loss_is_the_signal_turned_round_and_the_picture_shows_the_loss():
    rng = np.random.default_rng(0)
    proba, y = rng.dirichlet(np.ones(3), size=20), rng.integers(3, size=20)
    np.testing.assert_array_equal(SIGNALS["loss"](proba, y), -cross_entropy(proba, y))
    model, rows = RecordedAnswers(proba), np.arange(20)
    np.testing.assert_array_equal(
        membership_signal(model, rows, y, "loss"), -cross_entropy(proba, y)
    )
    shown = LossDistributionDisplay.from_estimator(model, {"members": (rows, y)}, signal="loss")
    np.testing.assert_array_equal(shown.values["members"], cross_entropy(proba, y))


@pytest.mark.parametrize("name", SIGNALS)
def test_scorers_and_attacks_see_one_signal(name):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 3
    model = LogisticRegression().fit(X, y)
    attack = ThresholdAttack(model, signal=name, n_shadows=0).fit(X, y)
    seen = membership_signal(model, X, y, name)
    np.testing.assert_allclose(attack.decision_function(X, y), seen, rtol=1e-12)


def test_a_logit_that_is_only_ranked_does_not_tie_below_the_clip():
    answers = [[1 - 1e-10, 1e-10], [1 - 1e-13, 1e-13], [1.0, 0.0], [0.0, 1.0], [-1e-12, 1.0]]
    model, y = RecordedAnswers(answers), np.zeros(5, dtype=int)
    logit = membership_signal(model, np.arange(5), y)
    assert np.isfinite(logit).all()
    assert logit[0] < logit[1] < logit[2]
    assert logit[3] == logit[4] < logit[0]
    for name in SIGNALS:
        assert np.isfinite(membership_signal(model, np.arange(5), y, name)).all()


def test_a_class_that_the_model_does_not_know_has_probability_zero():
    model = RecordedAnswers([[0.3, 0.7]], classes=["a", "c"])
    assert membership_signal(model, [0], ["b"], "true_confidence") == [0.0]
    with pytest.raises(ValueError, match=r"'c'.*known: 'a', 'b'"):
        align_columns([[0.3, 0.7]], ["a", "c"], ["a", "b"])
