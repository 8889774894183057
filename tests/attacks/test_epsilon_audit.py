"""Epsilon measured from below: bounds by hand, audits of correct fits, and of a planted fault.

This file looks inside.
"""

import json

import numpy as np
import pytest
from joblib import parallel_config
from scipy.stats import beta, binom, norm
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, scale

from skqmu import QNNClassifier
from skqmu.attacks import EpsilonAudit, EpsilonAuditResult
from skqmu.attacks import _epsilon_audit as inside
from skqmu.metrics import (
    epsilon_from_guesses,
    epsilon_from_rates,
    epsilon_of_gaussian,
    separation_bound,
)
from skqmu.privacy import DifferentialPrivacy, _private_objective

X, Y = load_iris(return_X_y=True)
X, Y = scale(X)[::10, :2], Y[::10]


def private(epsilon=4.0, **params):
    """All rows in one small step, gradients that are all cut: the noise, and little else."""
    privacy = DifferentialPrivacy(epsilon, clip=0.1, classes=[0, 1, 2])
    small = {"n_qubits": 2, "n_layers": 1, "observables": "z", "max_iter": 1, "random_state": 0}
    sgd = {"solver": "sgd", "momentum": 0, "learning_rate_init": 1e-3}
    return QNNClassifier(**{"privacy": privacy, **small, **sgd, **params})


# --- bounds by hand ---------------------------------------------------------------------


@pytest.mark.parametrize("mu", [0.2, 1.0, 3.0, 12.0])
@pytest.mark.parametrize("delta", [0.0001, 1e-6])
def test_epsilon_of_a_gaussian_is_where_its_curve_comes_down_to_delta(mu, delta):
    epsilon = epsilon_of_gaussian(mu, delta)
    second = np.exp(epsilon + norm.logcdf(-epsilon / mu - mu / 2))
    assert norm.cdf(-epsilon / mu + mu / 2) - second == pytest.approx(delta, rel=1e-4)
    assert epsilon_of_gaussian(0.0, delta) == 0.0


def test_rates_bound_epsilon_as_published():
    n, found, false, delta = 400, 340, 60, 1e-5
    tpr = beta.ppf(0.025, found, n - found + 1)
    fpr = beta.ppf(0.975, false + 1, n - false)
    assert epsilon_from_rates(found, n, false, n, delta=delta, form="dp") == pytest.approx(
        max(np.log((tpr - delta) / fpr), np.log((1 - fpr - delta) / (1 - tpr)))
    )
    assert epsilon_from_rates(found, n, false, n, delta=delta) == pytest.approx(
        epsilon_of_gaussian(norm.ppf(tpr) - norm.ppf(fpr), delta)
    )
    for form in ("dp", "gaussian"):
        assert epsilon_from_rates(50, 100, 50, 100, delta=delta, form=form) == 0.0
        assert epsilon_from_rates(0, 10, 0, 10, delta=delta, form=form) == 0.0
        assert np.isfinite(epsilon_from_rates(4, 4, 0, 4, delta=delta, form=form))


def test_guesses_bound_epsilon_by_a_binomial():
    epsilon = epsilon_from_guesses(80, 100, 100, delta=0.0, form="dp")
    assert binom.sf(79, 100, 1 / (1 + np.exp(-epsilon))) == pytest.approx(0.05, rel=1e-3)
    # what delta may do is at most what it adds to the chance of each number of right guesses
    assert epsilon_from_guesses(80, 100, 100, delta=1e-3, form="dp") < epsilon
    assert epsilon_from_guesses(80, 100, 100, delta=1e-9, form="dp") == pytest.approx(epsilon)
    for form in ("dp", "gaussian"):
        one, more = (epsilon_from_guesses(n, 100, 100, delta=1e-5, form=form) for n in (70, 90))
        assert 0 < one < more
        assert epsilon_from_guesses(40, 100, 100, delta=1e-5, form=form) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: epsilon_from_guesses(5, 4, 10),
        lambda: epsilon_from_guesses(1, 0, 10),
        lambda: epsilon_from_guesses(1, 20, 10),
        lambda: epsilon_from_guesses(1, 2, 3, form="renyi"),
        lambda: epsilon_from_rates(5, 4, 1, 4),
        lambda: epsilon_from_rates(1, 4, 1, 0),
        lambda: epsilon_from_rates(1, 4, 1, 4, level=1.0),
        lambda: separation_bound([1.0], [2.0]),
    ],
)
def test_counts_that_are_none_are_refused(call):
    with pytest.raises(ValueError):
        call()


def test_samples_apart_are_bounded_and_equal_ones_are_not():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1.0, 2.0, 400), rng.normal(-1.0, 2.0, 300)
    assert 0.75 < separation_bound(a, b) < (a.mean() - b.mean()) / 2
    assert separation_bound(b, a) == 0.0
    assert separation_bound([1.0, 1.0], [0.0, 0.0]) == np.inf
    assert separation_bound(a, a) == 0.0


# --- audits -------------------------------------------------------------------------------


def halved(n):
    return HONEST(n) / 2


HONEST = _private_objective.gaussians


@pytest.mark.parametrize("form", ["gaussian", pytest.param("separation", marks=pytest.mark.slow)])
def test_noise_that_is_half_of_what_was_accounted_for_is_refuted(monkeypatch, form):
    audit = EpsilonAudit(private(), form=form, n_models=1000, random_state=1)
    monkeypatch.setattr(_private_objective, "gaussians", halved)
    found = clone(audit).fit(X, Y).result_
    assert found.epsilon_stated <= 4.0 < found.epsilon_lower
    assert found.refuted
    monkeypatch.setattr(_private_objective, "gaussians", HONEST)
    honest = audit.fit(X, Y).result_
    # one audit in twenty may err: one that errs twice is a fault
    if honest.refuted:
        honest = clone(audit).set_params(random_state=2).fit(X, Y).result_
    assert not honest.refuted
    assert 0 < honest.epsilon_lower <= 4.0


def test_a_training_that_is_not_private_at_all_has_no_epsilon_to_speak_of():
    audit = EpsilonAudit(
        LogisticRegression(), form="dp", n_models=16, delta=1e-5, random_state=0
    ).fit(X, Y)
    # the same canary, the same weights: told apart each time
    assert audit.result_.n_correct == audit.result_.n_guesses == 8
    assert audit.epsilon_lower_ == pytest.approx(
        epsilon_from_rates(4, 4, 0, 4, delta=1e-5, form="dp")
    )
    assert audit.result_.epsilon_stated is None
    assert audit.result_.refuted is None
    assert "no promise" in str(audit.result_)


def test_one_run_guesses_who_was_there():
    rng = np.random.default_rng(0)
    canaries = rng.normal(size=(60, 2)) * 0.1 + [3.0, -3.0]
    labels = np.zeros(60, int)

    def remembers(model, X, y):
        return (np.abs(model.seen[:, None] - X).max(axis=2) < 1e-12).any(axis=0).astype(float)

    class Memory(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            self.seen = np.array(X)
            return super().fit(X, y)

    audit = EpsilonAudit(Memory(), method="one_run", signal=remembers, form="dp", random_state=0)
    audit.set_params(n_guesses=40).fit(X, Y, canaries, labels)
    assert audit.result_.n_correct == audit.result_.n_guesses == 40
    assert audit.epsilon_lower_ > 2
    assert audit.result_.signal == "remembers"
    blind = clone(audit).set_params(signal=lambda model, X, y: np.arange(len(X)) % 7.0)
    assert blind.fit(X, Y, canaries, labels).epsilon_lower_ < 1


def test_the_number_of_rows_is_public_and_the_same_for_all():
    template = inside._with_public_number(private(), 16)
    assert template.privacy.n_public == 16
    kept = private().set_params(privacy__n_public=99)
    assert inside._with_public_number(clone(kept), 16).privacy.n_public == 99
    inner = make_pipeline(FunctionTransformer(), private())
    assert inside._with_public_number(inner, 16)[-1].privacy.n_public == 16
    inside._with_public_number(GaussianNB(), 16)


def test_pipelines_losses_and_jobs_are_audited_too():
    model = make_pipeline(FunctionTransformer(), private())
    for signal in ("weights", "loss"):
        audit = EpsilonAudit(model, signal=signal, n_models=72, n_jobs=2, random_state=0)
        with parallel_config("threading"):
            result = audit.fit(X, Y).result_
        assert result.n_models == 72
        assert result.epsilon_stated == pytest.approx(4.0, rel=1e-3)
        assert not result.refuted
    assert json.loads(result.to_json())["refuted"] is False


def test_canaries_that_are_not_given_are_rows_under_another_label():
    audit = EpsilonAudit(GaussianNB(), method="one_run", signal="loss", n_canaries=10)
    audit.set_params(random_state=3).fit(X, Y)
    for row, label in zip(audit.X_canary_, audit.y_canary_, strict=True):
        (place,) = np.flatnonzero((row == X).all(axis=1))
        assert Y[place] != label
    again = clone(audit).fit(X, Y)
    np.testing.assert_array_equal(again.X_canary_, audit.X_canary_)
    assert again.result_ == audit.result_


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"method": "two_runs"}, "method='two_runs'"),
        ({"form": "renyi"}, "form='renyi'"),
        ({"signal": "logits"}, "signal='logits'"),
        ({"n_models": 10}, "multiple of 4"),
        ({"n_models": 0}, "n_models=0"),
        ({"method": "one_run"}, "signal='weights' needs method='many_runs'"),
        ({"method": "one_run", "signal": "loss", "form": "separation"}, "form='separation' needs"),
        ({"method": "one_run", "signal": "loss", "n_canaries": 1000}, "1000 canaries cannot"),
        ({"method": "one_run", "signal": "loss", "n_canaries": 5, "n_guesses": 6}, "n_guesses=6"),
    ],
)
def test_what_makes_no_audit_is_named(params, told):
    with pytest.raises(ValueError, match=told):
        EpsilonAudit(GaussianNB(), **params).fit(X, Y)


def test_bounds_at_different_deltas_are_not_compared():
    with pytest.raises(ValueError, match=r"delta=1e-09 is not privacy__delta=1e-05"):
        EpsilonAudit(private(), delta=1e-9, n_models=4).fit(X, Y)
    inner = make_pipeline(FunctionTransformer(), private().set_params(privacy__delta=1e-4))
    assert EpsilonAudit(inner)._delta() == 1e-4
    assert EpsilonAudit(GaussianNB())._delta() == 1e-5
    assert EpsilonAudit(GaussianNB(), delta=1e-3)._delta() == 1e-3


def test_many_runs_have_one_canary_and_models_weights():
    with pytest.raises(ValueError, match="2 rows; many_runs tells models with ONE"):
        EpsilonAudit(GaussianNB(), n_models=4).fit(X, Y, X[:2], Y[:2])
    with pytest.raises(TypeError, match="GaussianNB has none of the attributes params_"):
        EpsilonAudit(GaussianNB(), n_models=4).fit(X, Y)


def test_both_bounds_stand_side_by_side():
    how = {"method": "many_runs", "form": "dp", "signal": "loss"}
    counts = {"n_models": 8, "n_correct": 3, "n_guesses": 4}
    result = EpsilonAuditResult(0.5, 1.0, 1e-5, 0.95, **how, **counts)
    assert not result.refuted
    for text in ("at least 0.50", "at most 1.00", "not refuted", "3 of 4"):
        assert text in str(result)


def test_a_variance_called_epsilon_is_no_promise():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 2
    audit = EpsilonAudit(GaussianNB(), signal="loss", n_models=8, random_state=0).fit(X, y)
    assert audit.result_.epsilon_stated is None
    assert audit.result_.refuted is None
