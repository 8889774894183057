"""The contract of attacks, as a public suite that any attack class can be held to."""

import inspect
import json
import pickle
import random

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from skqmu.utils._attack_world import (
    Finite,
    Forgetful,
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

__all__ = ["attack_checks", "check_attack", "parametrize_with_attack_checks"]


# -- scikit-learn's conventions -------------------------------------------------------------


def check_init_only_assigns(attack):
    """Parameters are stored as they were given, by identity, under their own names."""
    signature = inspect.signature(type(attack))
    given = {name: object() for name in signature.parameters}
    stored = type(attack)(**given).get_params(deep=False)
    assert stored.keys() == given.keys()
    for name, value in given.items():
        assert stored[name] is value, f"__init__ changes {name}"
    names = list(signature.parameters)
    assert names[0] == "target"
    for name in names[2:]:
        kind = signature.parameters[name].kind
        assert kind is inspect.Parameter.KEYWORD_ONLY, f"{name} must be keyword-only"


def check_clone_shares_the_target(attack):
    """A clone has the same parameters, no fitted state, and the very same fitted target."""
    fitted, X, y = fitted_attack(attack)
    copy = clone(fitted)
    assert copy.target is fitted.target
    for name, value in fitted.get_params(deep=False).items():
        assert type(getattr(copy, name)) is type(value)
    assert_raises(NotFittedError, lambda: copy.decision_function(X, y), "an unfitted clone")
    np.testing.assert_array_equal(
        fit_quietly(copy, X, y).decision_function(X, y), checked_scores(fitted, X, y)
    )


def check_repr(attack):
    """Repr works, fitted or not."""
    fitted, _, _ = fitted_attack(attack)
    assert type(attack).__name__ in repr(fitted)
    assert type(attack).__name__ in repr(clone(fitted))


def check_pickle(attack):
    """A pickle of a fitted attack gives the same scores, on its own."""
    fitted, X, y = fitted_attack(attack)
    expected = checked_scores(fitted, X, y)
    content = pickle.dumps(fitted)
    del fitted
    np.testing.assert_array_equal(pickle.loads(content).decision_function(X, y), expected)


def check_unfitted(attack):
    """Every method of an unfitted attack raises NotFittedError."""
    X, y = make_world()
    attack = new_attack(attack, make_target(attack, X, y))
    for method in ("decision_function", "predict_proba", "predict"):
        if hasattr(attack, method):
            assert_raises(NotFittedError, lambda m=method: getattr(attack, m)(X, y), method)
    assert_raises(NotFittedError, lambda: attack.evaluate(X, y, first_half(len(y))), "evaluate")


# -- the target -----------------------------------------------------------------------------


def check_target_is_never_changed(attack):
    """Neither the target nor the shadow estimator nor the data change."""
    X, y = make_world()
    target = make_target(attack, X[:30], y[:30])
    before = joblib.hash(target), joblib.hash((X, y))
    X.flags.writeable = y.flags.writeable = False
    attack = fit_quietly(new_attack(attack, target, random_state=0), X, y)
    checked_scores(attack, X, y)
    assert attack.target is target
    X.flags.writeable = y.flags.writeable = True
    assert (joblib.hash(target), joblib.hash((X, y))) == before
    if "shadow_estimator" in attack.get_params(deep=False):
        shadow = clone(target)
        fit_quietly(clone(attack).set_params(shadow_estimator=shadow), X, y)
        assert not hasattr(shadow, "classes_"), "the shadow estimator itself was fitted"


def check_unfitted_target(attack):
    """An unfitted target, a class, and something else altogether are errors that say so."""
    X, y = make_world()
    bad = make_target(attack, X, y)
    assert_raises(
        NotFittedError, lambda: fit_quietly(new_attack(attack, clone(bad)), X, y), "unfitted", "fit"
    )
    for target in (type(bad), "tree"):
        fresh = type(attack)(**{**attack.get_params(deep=False), "target": target})
        assert_raises(TypeError, lambda a=fresh: fit_quietly(a, X, y), "no classifier", "target")


def check_wrapped_targets(attack):
    """A frozen target, and a pipeline that changes nothing, are attacked like the bare one."""
    fitted, X, y = fitted_attack(attack)
    expected = checked_scores(fitted, X, y)
    frozen = fit_quietly(new_attack(fitted, FrozenEstimator(fitted.target)), X, y)
    np.testing.assert_array_equal(checked_scores(frozen, X, y), expected)
    pipeline = make_pipeline(FunctionTransformer(), clone(fitted.target))
    pipeline.fit(X[first_half(len(y))], y[first_half(len(y))])
    piped = fit_quietly(new_attack(fitted, pipeline), X, y)
    assert checked_scores(piped, X, y).shape == expected.shape


def check_data_frames(attack):
    """Data frames, with their column names, give the scores of the arrays in them."""
    try:
        import pandas as pd
    except ImportError:
        return
    fitted, X, y = fitted_attack(attack)
    expected = checked_scores(fitted, X, y)
    frame = pd.DataFrame(X, columns=list("abcd"))
    target = clone(fitted.target)
    if isinstance(target, Forgetful):
        return  # the helper of these checks takes arrays only
    target.fit(frame[first_half(len(y))], y[first_half(len(y))])
    attack = fit_quietly(new_attack(fitted, target), frame, pd.Series(y))
    # frames lie column by column, and a sum of columns has other last bits
    np.testing.assert_allclose(checked_scores(attack, frame, pd.Series(y)), expected, rtol=1e-9)
    assert_raises(
        ValueError, lambda: checked_scores(attack, frame[list("bacd")], y), "columns", "columns"
    )


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


def _as_instance(attack):
    if not isinstance(attack, type):
        return attack
    instance = attack(DecisionTreeClassifier())
    small = {"n_shadows": 8}
    names = instance.get_params(deep=False)
    return instance.set_params(**{k: v for k, v in small.items() if k in names})


def attack_checks(attack):
    """Yield the checks for one attack.

    Parameters
    ----------
    attack : attack instance or class
        Its target is replaced by those of the checks; a class is used with its defaults
        and 8 shadows.

    Yields
    ------
    name : str
    check : callable without arguments
        Raises :class:`AssertionError` when the attack breaks that part of the contract.

    Examples
    --------
    >>> from skqmu.attacks import LiRAAttack
    >>> from skqmu.utils.estimator_checks import attack_checks
    >>> "check_pickle" in dict(attack_checks(LiRAAttack))
    True
    """
    for name, function in sorted(globals().items()):
        if name.startswith("check_") and name != "check_attack":
            yield name, _Check(function, attack)


class _Check:
    """One check, made ready to run."""

    def __init__(self, function, attack):
        self.function, self.attack = function, attack
        self.__doc__ = function.__doc__

    def __call__(self):
        self.function(_as_instance(self.attack))


def check_attack(attack):
    """Hold an attack to the contract of all attacks.

    scikit-learn's conventions (parameters, clone, pickle, repr, errors), the target never
    refitted or changed, the same scores for every seed, number of workers and joblib
    backend, global generators untouched, any labels and numbers of classes, records
    outside the pool, probabilities of exactly 0 and 1, a threat model with every result.

    Parameters
    ----------
    attack : attack instance or class
        An instance keeps its parameters, but for the target.

    Raises
    ------
    AssertionError
        Names the first check that failed.

    Examples
    --------
    >>> from skqmu.attacks import ThresholdAttack
    >>> from skqmu.utils.estimator_checks import check_attack
    >>> check_attack(ThresholdAttack)
    """
    for name, check in attack_checks(attack):
        try:
            check()
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


def parametrize_with_attack_checks(attacks):
    """Return a pytest decorator that runs every check on every attack as a test of its own.

    Parameters
    ----------
    attacks : iterable of attack instances or classes

    Returns
    -------
    pytest.mark.parametrize
        For a test function with one argument, ``check``.

    Examples
    --------
    >>> from skqmu.attacks import LiRAAttack
    >>> from skqmu.utils.estimator_checks import parametrize_with_attack_checks
    >>> @parametrize_with_attack_checks([LiRAAttack])
    ... def test_attack(check):
    ...     check()
    """
    import pytest

    cases = [
        pytest.param(check, id=f"{_name(attack)}-{name}")
        for attack in attacks
        for name, check in attack_checks(attack)
    ]
    return pytest.mark.parametrize("check", cases)


def _name(attack):
    return attack.__name__ if isinstance(attack, type) else type(attack).__name__
