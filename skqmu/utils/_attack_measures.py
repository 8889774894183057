"""The contract of attacks, second half: numbers that hold for any seed, labels and records."""

import json
import pickle
import random

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from skqmu.utils._attack_world import (
    Finite,
    assert_raises,
    checked_scores,
    evaluate_quietly,
    first_half,
    fit_extras,
    fit_quietly,
    fitted_attack,
    make_target,
    make_world,
    new_attack,
)

__all__ = [
    "check_bad_records",
    "check_extreme_probabilities",
    "check_few_records",
    "check_global_generators_untouched",
    "check_label_types",
    "check_numbers_of_classes",
    "check_outputs",
    "check_outside_the_pool",
    "check_reproducible",
    "check_rows_are_independent",
    "check_same_for_all_workers",
    "check_threat_model",
]


# -- numbers --------------------------------------------------------------------------------


def check_outputs(attack):
    """Scores, probabilities and predictions have their shapes and agree with each other."""
    fitted, X, y = fitted_attack(attack)
    scores = checked_scores(fitted, X, y)
    assert fitted.classes_.tolist() == [False, True]
    assert fitted.n_features_in_ == X.shape[1]
    proba = fitted.predict_proba(X, y)
    assert proba.shape == (len(y), 2)
    assert ((proba >= 0) & (proba <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(proba[order, 1]) >= -1e-12).all(), "probability falls as the score rises"
    predicted = fitted.predict(X, y)
    assert predicted.dtype == bool
    assert scores[predicted].min(initial=np.inf) >= scores[~predicted].max(initial=-np.inf)


def check_rows_are_independent(attack):
    """The score of a record depends neither on its neighbours nor on its place."""
    fitted, X, y = fitted_attack(attack)
    scores = checked_scores(fitted, X, y)
    some = np.random.default_rng(1).permutation(len(y))[:17]
    np.testing.assert_allclose(checked_scores(fitted, X[some], y[some]), scores[some], rtol=1e-10)
    np.testing.assert_allclose(checked_scores(fitted, X[:1], y[:1]), scores[:1], rtol=1e-10)


def check_reproducible(attack):
    """One seed gives one result; asking twice changes nothing."""
    first, X, y = fitted_attack(attack, random_state=7)
    second, _, _ = fitted_attack(attack, random_state=7)
    expected = checked_scores(first, X, y)
    np.testing.assert_array_equal(checked_scores(second, X, y), expected)
    np.testing.assert_array_equal(checked_scores(first, X, y), expected)


def check_same_for_all_workers(attack):
    """The result is the same for every number of workers and every joblib backend."""
    if "n_jobs" not in attack.get_params(deep=False):
        return
    one, X, y = fitted_attack(attack, n_jobs=1)
    expected = checked_scores(one, X, y)
    for backend in ("threading", "loky", "multiprocessing"):
        with joblib.parallel_config(backend=backend, n_jobs=2):
            other, _, _ = fitted_attack(attack, n_jobs=None)
            np.testing.assert_array_equal(checked_scores(other, X, y), expected, err_msg=backend)
            outside = checked_scores(other, X + 0.01, y)
        np.testing.assert_array_equal(outside, checked_scores(one, X + 0.01, y), err_msg=backend)


def check_global_generators_untouched(attack):
    """Neither NumPy's nor Python's global generator moves, whatever random_state is."""
    states = pickle.dumps((np.random.get_state(), random.getstate()))  # noqa: NPY002
    for seed in (0, None):
        fitted, X, y = fitted_attack(attack, random_state=seed)
        checked_scores(fitted, X, y)
        checked_scores(fitted, X + 0.01, y)
    assert pickle.dumps((np.random.get_state(), random.getstate())) == states  # noqa: NPY002


def check_label_types(attack):
    """Strings, booleans and any numbers as labels give the same scores."""
    for names in (["a", "b", "c"], [-1, 0, 7], [1.0, 2.0, 10.0], ["no", "yes"], [False, True]):
        plain, X, y = fitted_attack(attack, n_classes=len(names))
        named = np.asarray(names)[y]
        target = make_target(attack, X[first_half(len(y))], named[first_half(len(y))])
        attack_named = fit_quietly(new_attack(plain, target), X, named)
        np.testing.assert_array_equal(
            checked_scores(attack_named, X, named), checked_scores(plain, X, y), err_msg=repr(names)
        )


def check_numbers_of_classes(attack):
    """1 to 20 classes; classes that the pool lacks; finite scores throughout."""
    for n_classes in (1, 2, 20):
        fitted, X, y = fitted_attack(attack, n=120, n_classes=n_classes)
        checked_scores(fitted, X, y)
    fitted, X, y = fitted_attack(attack)
    some = y < 2
    partial = fit_quietly(clone(fitted), X[some], y[some])
    checked_scores(partial, X, y)


def check_extreme_probabilities(attack):
    """Probabilities of exactly 0 and 1, and constant ones, give finite scores."""
    X, y = make_world()
    members = first_half(len(y))
    certain = make_target(attack, X[members], y[members], max_depth=None)
    assert set(np.unique(certain.predict_proba(X))) == {0.0, 1.0}
    checked_scores(fit_quietly(new_attack(attack, certain, random_state=0), X, y), X, y)
    if "forget" in attack.fit_requires or getattr(attack, "attacks_steps", False):
        constant = make_target(attack, X[members], y[members], max_depth=1)
    else:
        constant = DummyClassifier(strategy="prior").fit(X[members], y[members])
    flat = fit_quietly(new_attack(attack, constant, random_state=0), X, y)
    checked_scores(flat, X, y)
    assert np.isfinite(flat.predict_proba(X, y)).all()


def check_outside_the_pool(attack):
    """Records that are not in the pool get finite scores, alone and among others."""
    fitted, X, y = fitted_attack(attack)
    mixed = np.concatenate((X[:10], X[10:20] + 0.01))
    scores = checked_scores(fitted, mixed, y[:20])
    np.testing.assert_allclose(scores[:10], checked_scores(fitted, X[:10], y[:10]), rtol=1e-10)
    np.testing.assert_allclose(
        scores[10:], checked_scores(fitted, X[10:20] + 0.01, y[10:20]), rtol=1e-10
    )
    assert np.isfinite(fitted.predict_proba(mixed, y[:20])).all()


# -- bad input ------------------------------------------------------------------------------


def check_bad_records(attack):
    """NaN, infinity, wrong widths, wrong lengths, unknown labels: errors, nothing changed."""
    fitted, X, y = fitted_attack(attack)
    expected = checked_scores(fitted, X, y)
    nan, inf = X.copy(), X.copy()
    nan[3, 1], inf[5, 0] = np.nan, np.inf
    unknown = y.copy()
    unknown[4] = 99
    if "forget" not in attack.fit_requires:
        # (trees take NaN; a model that takes it is entitled to it)
        strict = new_attack(
            fitted, make_pipeline(Finite(), clone(fitted.target)).fit(X[:30], y[:30])
        )
        fit_quietly(strict, X, y)
        for bad in (nan, inf):
            assert_raises(ValueError, lambda b=bad: strict.decision_function(b, y), "NaN", "n")
            assert_raises(
                ValueError, lambda b=bad: fit_quietly(clone(strict), b, y), "NaN in the pool", "n"
            )
    cases = {
        "infinity": (inf, y, "infinity"),
        "a missing column": (X[:, :-1], y, "features"),
        "one dimension": (X[:, 0], y, "2d array"),
        "too few labels": (X, y[:-1], "labels"),
        "an unknown label": (X, unknown, "99"),
        "no rows": (X[:0], y[:0], ""),
        "no labels": (X, None, "y"),
    }
    for why, (bad_X, bad_y, match) in cases.items():
        assert_raises(
            ValueError, lambda a=bad_X, b=bad_y: fitted.decision_function(a, b), why, match
        )
        assert_raises(
            ValueError, lambda a=bad_X, b=bad_y: fitted.fit(a, b, **fit_extras(attack, X)), why
        )
        np.testing.assert_array_equal(checked_scores(fitted, X, y), expected, err_msg=why)


def check_few_records(attack):
    """Pools of 1 to 5 records: a finite result or a clear error, never NaN."""
    X, y = make_world()
    for n in (1, 2, 3, 4, 5):
        fresh = new_attack(attack, make_target(attack, X, y), random_state=0)
        try:
            fitted = fit_quietly(fresh, X[:n], y[:n])
        except (ValueError, RuntimeError) as error:
            if len(str(error)) < 20:
                raise AssertionError(f"{n} records: {error!r} does not explain itself") from error
        else:
            checked_scores(fitted, X[:n], y[:n])
            checked_scores(fitted, X, y)


# -- results --------------------------------------------------------------------------------


def check_threat_model(attack):
    """Every result says what the attacker knew, and rates come in pairs only."""
    fitted, X, y = fitted_attack(attack)
    model = fitted.threat_model_
    assert model.attack == type(attack).__name__
    assert model.query == attack.query
    assert model.query in ("proba", "label", "step")
    assert model.n_queries >= 1
    assert type(model).from_dict(json.loads(json.dumps(model.to_dict()))) == model
    assert model.knows_members == ("membership" in attack.fit_requires)
    members = first_half(len(y))
    result = evaluate_quietly(fitted, X, y, members)
    assert result.threat_model == model
    assert str(model) in str(result)
    assert result.auc_interval[0] <= result.auc <= result.auc_interval[1]
    for wrong in (np.ones(len(y), bool), np.zeros(len(y), bool), members[:-1], y):
        assert_raises(
            ValueError, lambda w=wrong: evaluate_quietly(fitted, X, y, w), "membership", "member"
        )


# -- the suite ------------------------------------------------------------------------------
