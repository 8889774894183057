"""The contract of attacks, first half: scikit-learn's conventions, and the target's peace."""

import inspect
import pickle

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skqmu.utils._attack_world import (
    Forgetful,
    assert_raises,
    checked_scores,
    first_half,
    fit_quietly,
    fitted_attack,
    make_target,
    make_world,
    new_attack,
)

__all__ = [
    "check_clone_shares_the_target",
    "check_data_frames",
    "check_init_only_assigns",
    "check_pickle",
    "check_repr",
    "check_target_is_never_changed",
    "check_unfitted",
    "check_unfitted_target",
    "check_wrapped_targets",
]


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
