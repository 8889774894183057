"""The contract of attacks, as a public suite that any attack class can be held to."""

import inspect
import json
import pickle
import random
import warnings

import joblib
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from skqmu.exceptions import ThreatModelWarning

__all__ = ["attack_checks", "check_attack", "parametrize_with_attack_checks"]


# -- a small world to attack ----------------------------------------------------------------


class _Forgetful(ClassifierMixin, BaseEstimator):
    """A tree that unlearns by refitting, for attacks on unlearned models."""

    def __init__(self, max_depth=None, random_state=None):
        self.max_depth = max_depth
        self.random_state = random_state

    def fit(self, X, y):
        self._X, self._y = np.asarray(X), np.asarray(y)
        if not hasattr(self, "classes_"):
            self.classes_ = np.unique(self._y)
        self.n_features_in_ = self._X.shape[1]
        self.tree_ = DecisionTreeClassifier(
            max_depth=self.max_depth, random_state=self.random_state
        ).fit(self._X, self._y)
        return self

    def unlearn(self, X, y=None):
        gone = (self._X[:, None, :] == np.asarray(X)[None]).all(axis=2).any(axis=1)
        if gone.all():
            raise ValueError("cannot forget everything")
        return self.fit(self._X[~gone], self._y[~gone])

    def predict_proba(self, X):
        proba = np.zeros((len(X), self.classes_.size))
        columns = np.searchsorted(self.classes_, self.tree_.classes_)
        proba[:, columns] = self.tree_.predict_proba(X)
        return proba

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _world(n=60, n_classes=3, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, n_features)) + 0.7 * rng.normal(size=(n_classes, n_features))[y]
    return X, y


def _half(n):
    """Members: the first half of every class, as far as classes go in turns."""
    return np.arange(n) < n // 2


def _target(attack, X, y, **params):
    params = {"max_depth": 4, "random_state": 0, **params}
    needs_unlearning = "forget" in attack.fit_requires
    model = _Forgetful(**params) if needs_unlearning else DecisionTreeClassifier(**params)
    return model.fit(X, y)


def _fit(attack, X, y, **more):
    """Fit with whatever this attack asks for beside the pool."""
    more = {
        **({"membership": _half(len(y))} if "membership" in attack.fit_requires else {}),
        **({"forget": np.arange(len(y)) % 2 == 0} if "forget" in attack.fit_requires else {}),
        **more,
    }
    with warnings.catch_warnings():
        if "membership" in attack.fit_requires:
            warnings.simplefilter("ignore", ThreatModelWarning)
        return attack.fit(X, y, **more)


def _new(attack, target, **params):
    attack = clone(attack).set_params(target=target)
    return attack.set_params(**{k: v for k, v in params.items() if k in attack.get_params(False)})


def _fitted(attack, n=60, n_classes=3, **params):
    X, y = _world(n, n_classes)
    members = _half(n)
    params = {"random_state": 0, **params}
    attack = _new(attack, _target(attack, X[members], y[members]), **params)
    return _fit(attack, X, y), X, y


def _raises(kinds, call, why, match=""):
    try:
        call()
    except kinds as error:
        if match.lower() not in str(error).lower():
            raise AssertionError(f"{why}: the message lacks {match!r}: {error}") from error
    else:
        raise AssertionError(f"{why}: no error")


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
    fitted, X, y = _fitted(attack)
    copy = clone(fitted)
    assert copy.target is fitted.target
    for name, value in fitted.get_params(deep=False).items():
        assert type(getattr(copy, name)) is type(value)
    _raises(NotFittedError, lambda: copy.decision_function(X, y), "an unfitted clone")
    np.testing.assert_array_equal(_fit(copy, X, y).decision_function(X, y), _scores(fitted, X, y))


def check_repr(attack):
    """Repr works, fitted or not."""
    fitted, _, _ = _fitted(attack)
    assert type(attack).__name__ in repr(fitted)
    assert type(attack).__name__ in repr(clone(fitted))


def check_pickle(attack):
    """A pickle of a fitted attack gives the same scores, on its own."""
    fitted, X, y = _fitted(attack)
    expected = _scores(fitted, X, y)
    content = pickle.dumps(fitted)
    del fitted
    np.testing.assert_array_equal(pickle.loads(content).decision_function(X, y), expected)


def check_unfitted(attack):
    """Every method of an unfitted attack raises NotFittedError."""
    X, y = _world()
    attack = _new(attack, _target(attack, X, y))
    for method in ("decision_function", "predict_proba", "predict"):
        if hasattr(attack, method):
            _raises(NotFittedError, lambda m=method: getattr(attack, m)(X, y), method)
    _raises(NotFittedError, lambda: attack.evaluate(X, y, _half(len(y))), "evaluate")


# -- the target -----------------------------------------------------------------------------


def check_target_is_never_changed(attack):
    """Neither the target nor the shadow estimator nor the data change."""
    X, y = _world()
    target = _target(attack, X[:30], y[:30])
    before = joblib.hash(target), joblib.hash((X, y))
    X.flags.writeable = y.flags.writeable = False
    attack = _fit(_new(attack, target, random_state=0), X, y)
    _scores(attack, X, y)
    assert attack.target is target
    X.flags.writeable = y.flags.writeable = True
    assert (joblib.hash(target), joblib.hash((X, y))) == before
    if "shadow_estimator" in attack.get_params(deep=False):
        shadow = clone(target)
        _fit(clone(attack).set_params(shadow_estimator=shadow), X, y)
        assert not hasattr(shadow, "classes_"), "the shadow estimator itself was fitted"


def check_unfitted_target(attack):
    """An unfitted target, a class, and something else altogether are errors that say so."""
    X, y = _world()
    bad = _target(attack, X, y)
    _raises(NotFittedError, lambda: _fit(_new(attack, clone(bad)), X, y), "unfitted", "fit")
    for target in (type(bad), "tree"):
        fresh = type(attack)(**{**attack.get_params(deep=False), "target": target})
        _raises(TypeError, lambda a=fresh: _fit(a, X, y), "no classifier", "target")


def check_wrapped_targets(attack):
    """A frozen target, and a pipeline that changes nothing, are attacked like the bare one."""
    fitted, X, y = _fitted(attack)
    expected = _scores(fitted, X, y)
    frozen = _fit(_new(fitted, FrozenEstimator(fitted.target)), X, y)
    np.testing.assert_array_equal(_scores(frozen, X, y), expected)
    pipeline = make_pipeline(FunctionTransformer(), clone(fitted.target))
    pipeline.fit(X[_half(len(y))], y[_half(len(y))])
    piped = _fit(_new(fitted, pipeline), X, y)
    assert _scores(piped, X, y).shape == expected.shape


def check_data_frames(attack):
    """Data frames, with their column names, give the scores of the arrays in them."""
    try:
        import pandas as pd
    except ImportError:
        return
    fitted, X, y = _fitted(attack)
    expected = _scores(fitted, X, y)
    frame = pd.DataFrame(X, columns=list("abcd"))
    target = clone(fitted.target)
    if isinstance(target, _Forgetful):
        return  # the helper of these checks takes arrays only
    target.fit(frame[_half(len(y))], y[_half(len(y))])
    attack = _fit(_new(fitted, target), frame, pd.Series(y))
    np.testing.assert_array_equal(_scores(attack, frame, pd.Series(y)), expected)
    _raises(ValueError, lambda: _scores(attack, frame[list("bacd")], y), "columns", "columns")


# -- numbers --------------------------------------------------------------------------------


def _scores(attack, X, y):
    scores = attack.decision_function(X, y)
    assert isinstance(scores, np.ndarray)
    assert scores.shape == (len(y),)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all(), "scores are not finite"
    return scores


def check_outputs(attack):
    """Scores, probabilities and predictions have their shapes and agree with each other."""
    fitted, X, y = _fitted(attack)
    scores = _scores(fitted, X, y)
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
    fitted, X, y = _fitted(attack)
    scores = _scores(fitted, X, y)
    some = np.random.default_rng(1).permutation(len(y))[:17]
    np.testing.assert_allclose(_scores(fitted, X[some], y[some]), scores[some], rtol=1e-10)
    np.testing.assert_allclose(_scores(fitted, X[:1], y[:1]), scores[:1], rtol=1e-10)


def check_reproducible(attack):
    """One seed gives one result; asking twice changes nothing."""
    first, X, y = _fitted(attack, random_state=7)
    second, _, _ = _fitted(attack, random_state=7)
    expected = _scores(first, X, y)
    np.testing.assert_array_equal(_scores(second, X, y), expected)
    np.testing.assert_array_equal(_scores(first, X, y), expected)


def check_same_for_all_workers(attack):
    """The result is the same for every number of workers and every joblib backend."""
    if "n_jobs" not in attack.get_params(deep=False):
        return
    one, X, y = _fitted(attack, n_jobs=1)
    expected = _scores(one, X, y)
    for backend in ("threading", "loky", "multiprocessing"):
        with joblib.parallel_config(backend=backend, n_jobs=2):
            other, _, _ = _fitted(attack, n_jobs=None)
            np.testing.assert_array_equal(_scores(other, X, y), expected, err_msg=backend)
            outside = _scores(other, X + 0.01, y)
        np.testing.assert_array_equal(outside, _scores(one, X + 0.01, y), err_msg=backend)


def check_global_generators_untouched(attack):
    """Neither NumPy's nor Python's global generator moves, whatever random_state is."""
    states = pickle.dumps((np.random.get_state(), random.getstate()))  # noqa: NPY002
    for seed in (0, None):
        fitted, X, y = _fitted(attack, random_state=seed)
        _scores(fitted, X, y)
        _scores(fitted, X + 0.01, y)
    assert pickle.dumps((np.random.get_state(), random.getstate())) == states  # noqa: NPY002


def check_label_types(attack):
    """Strings, booleans and any numbers as labels give the same scores."""
    for names in (["a", "b", "c"], [-1, 0, 7], [1.0, 2.0, 10.0], ["no", "yes"], [False, True]):
        plain, X, y = _fitted(attack, n_classes=len(names))
        named = np.asarray(names)[y]
        target = _target(attack, X[_half(len(y))], named[_half(len(y))])
        attack_named = _fit(_new(plain, target), X, named)
        np.testing.assert_array_equal(
            _scores(attack_named, X, named), _scores(plain, X, y), err_msg=repr(names)
        )


def check_numbers_of_classes(attack):
    """1 to 20 classes; classes that the pool lacks; finite scores throughout."""
    for n_classes in (1, 2, 20):
        fitted, X, y = _fitted(attack, n=120, n_classes=n_classes)
        _scores(fitted, X, y)
    fitted, X, y = _fitted(attack)
    some = y < 2
    partial = _fit(clone(fitted), X[some], y[some])
    _scores(partial, X, y)


def check_extreme_probabilities(attack):
    """Probabilities of exactly 0 and 1, and constant ones, give finite scores."""
    X, y = _world()
    members = _half(len(y))
    certain = _target(attack, X[members], y[members], max_depth=None)
    assert set(np.unique(certain.predict_proba(X))) == {0.0, 1.0}
    _scores(_fit(_new(attack, certain, random_state=0), X, y), X, y)
    if "forget" in attack.fit_requires:
        constant = _target(attack, X[members], y[members], max_depth=1)
    else:
        constant = DummyClassifier(strategy="prior").fit(X[members], y[members])
    flat = _fit(_new(attack, constant, random_state=0), X, y)
    _scores(flat, X, y)
    assert np.isfinite(flat.predict_proba(X, y)).all()


def check_outside_the_pool(attack):
    """Records that are not in the pool get finite scores, alone and among others."""
    fitted, X, y = _fitted(attack)
    mixed = np.concatenate((X[:10], X[10:20] + 0.01))
    scores = _scores(fitted, mixed, y[:20])
    np.testing.assert_allclose(scores[:10], _scores(fitted, X[:10], y[:10]), rtol=1e-10)
    np.testing.assert_allclose(scores[10:], _scores(fitted, X[10:20] + 0.01, y[10:20]), rtol=1e-10)
    assert np.isfinite(fitted.predict_proba(mixed, y[:20])).all()


# -- bad input ------------------------------------------------------------------------------


def check_bad_records(attack):
    """NaN, infinity, wrong widths, wrong lengths, unknown labels: errors, nothing changed."""
    fitted, X, y = _fitted(attack)
    expected = _scores(fitted, X, y)
    nan, inf = X.copy(), X.copy()
    nan[3, 1], inf[5, 0] = np.nan, np.inf
    unknown = y.copy()
    unknown[4] = 99
    if "forget" not in attack.fit_requires:
        # (trees take NaN; a model that takes it is entitled to it)
        strict = _new(fitted, make_pipeline(_Finite(), clone(fitted.target)).fit(X[:30], y[:30]))
        _fit(strict, X, y)
        for bad in (nan, inf):
            _raises(ValueError, lambda b=bad: strict.decision_function(b, y), "NaN", "n")
            _raises(ValueError, lambda b=bad: _fit(clone(strict), b, y), "NaN in the pool", "n")
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
        _raises(ValueError, lambda a=bad_X, b=bad_y: fitted.decision_function(a, b), why, match)
        _raises(ValueError, lambda a=bad_X, b=bad_y: fitted.fit(a, b, **_extras(attack, X)), why)
        np.testing.assert_array_equal(_scores(fitted, X, y), expected, err_msg=why)


def _extras(attack, X):
    mask = _half(len(X))
    return dict.fromkeys(attack.fit_requires, mask)


class _Finite(FunctionTransformer):
    """Passes rows on unless they hold NaN, which it rejects like most estimators."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags

    def __init__(self):
        super().__init__(validate=True)


def check_few_records(attack):
    """Pools of 1 to 5 records: a finite result or a clear error, never NaN."""
    X, y = _world()
    for n in (1, 2, 3, 4, 5):
        fresh = _new(attack, _target(attack, X, y), random_state=0)
        try:
            fitted = _fit(fresh, X[:n], y[:n])
        except (ValueError, RuntimeError) as error:
            if len(str(error)) < 20:
                raise AssertionError(f"{n} records: {error!r} does not explain itself") from error
        else:
            _scores(fitted, X[:n], y[:n])
            _scores(fitted, X, y)


# -- results --------------------------------------------------------------------------------


def check_threat_model(attack):
    """Every result says what the attacker knew, and rates come in pairs only."""
    fitted, X, y = _fitted(attack)
    model = fitted.threat_model_
    assert model.attack == type(attack).__name__
    assert model.query in ("proba", "label")
    assert model.n_queries >= 1
    assert type(model).from_dict(json.loads(json.dumps(model.to_dict()))) == model
    assert model.knows_members == ("membership" in attack.fit_requires)
    members = _half(len(y))
    result = _evaluate(fitted, X, y, members)
    assert result.threat_model == model
    assert str(model) in str(result)
    assert result.auc_interval[0] <= result.auc <= result.auc_interval[1]
    for wrong in (np.ones(len(y), bool), np.zeros(len(y), bool), members[:-1], y):
        _raises(ValueError, lambda w=wrong: _evaluate(fitted, X, y, w), "membership", "member")


def _evaluate(attack, X, y, membership):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ThreatModelWarning)
        return attack.evaluate(X, y, membership, fprs=(0.1,))


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
