"""Checks of what a deletion leaves behind, and of equal results for equal requests."""

import copy
import pickle

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skqmu.exceptions import MemberRecordError, NotATrainingSampleError
from skqmu.utils._unlearner_world import KEY, holds, make_world, members, must_raise, unchanged

# -- what is left behind ---------------------------------------------------------------------


def check_pickle_holds_no_forgotten_row(case):
    """After `unlearn`, a pickle holds no value of a forgotten row; after `release`, none."""
    fitted = case.fitted()
    if not hasattr(fitted, "release"):
        return
    X, y = make_world()
    case.unlearn(fitted, X[[0, 7]])
    case.unlearn(fitted, X[y == 2][:4])
    gone = np.concatenate([X[[0, 7]], X[y == 2][:4]])
    for content in (pickle.dumps(fitted), pickle.dumps(copy.deepcopy(fitted))):
        assert not holds(content, gone), "a pickle holds values of forgotten rows"
    content = pickle.dumps(fitted.release())
    assert not holds(content, X), "a pickle of a released copy holds values of training rows"


def check_release(case):
    """A released copy predicts the same, and cannot be asked to forget or to recognise."""
    fitted = case.fitted()
    if not hasattr(fitted, "release"):
        return
    X, y = make_world()
    case.unlearn(fitted, X[:2])
    # The noise stream moves on: two released copies of a sampled model share no noise.
    with unchanged(fitted, X, "release", but=("_fitted",)):
        released = fitted.release()
    assert type(released) is type(fitted)
    np.testing.assert_array_equal(released.predict_proba(X), fitted.predict_proba(X))
    assert released.classes_.tolist() == fitted.classes_.tolist()
    assert not getattr(released, "unlearning_log_", None)
    must_raise(
        MemberRecordError, lambda: case.unlearn(released, X[5:6]), "unlearn on a copy", "copy"
    )
    must_raise(MemberRecordError, lambda: released.is_member(X), "is_member on a copy", "copy")
    expected = released.predict_proba(X)
    case.unlearn(fitted, X[5:7])
    np.testing.assert_array_equal(released.predict_proba(X), expected)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(released)).release().predict_proba(X), expected
    )
    clone(released).fit(X, y)


def check_clone(case):
    """A clone of an estimator that has unlearned is unfitted, with the same parameters."""
    X, _ = make_world()
    fitted = case.unlearn(case.fitted(), X[:2])
    fresh = clone(fitted)
    must_raise(NotFittedError, lambda: fresh.predict(X), "a clone")
    assert not hasattr(fresh, "params_")
    assert repr(fresh) == repr(clone(case.estimator))


def check_copies_are_independent(case):
    """A copy made before a request is not touched by it."""
    X, _ = make_world()
    fitted = case.fitted()
    other = copy.deepcopy(fitted)
    with unchanged(other, X, "unlearning on the original"):
        case.unlearn(fitted, X[:3])
    if hasattr(other, "is_member"):
        assert all(members(other, X))
    case.unlearn(other, X[:3])
    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))


def check_pickle_goes_on(case):
    """An estimator that was pickled forgets like the one that was not."""
    X, _ = make_world()
    fitted = case.fitted()
    other = pickle.loads(pickle.dumps(fitted))
    for rows in (X[:2], X[4:6]):
        case.unlearn(fitted, rows)
        case.unlearn(other, rows)
        np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
        other = pickle.loads(pickle.dumps(other))
    must_raise(
        NotATrainingSampleError, lambda: case.unlearn(other, X[:1]), "asking again elsewhere"
    )


def check_prediction_changes_nothing(case):
    """Predicting after a request leaves every attribute as it is."""
    X, _ = make_world()
    fitted = case.unlearn(case.fitted(), X[:2])
    with unchanged(fitted, X, "prediction"):
        for method in ("predict", "predict_proba", "predict_log_proba", "is_member"):
            if hasattr(fitted, method):
                getattr(fitted, method)(X)


def check_fit_starts_afresh(case):
    """`fit` after a request knows nothing of it."""
    X, y = make_world()
    fitted = case.unlearn(case.fitted(), X[:2])
    fitted.fit(X, y)
    assert fitted.unlearning_log_ == []
    case.assert_same(fitted.predict_proba(X), case.fitted().predict_proba(X))
    case.unlearn(fitted, X[:2])


# -- reproducible, and independent of the order ----------------------------------------------


def check_reproducible(case):
    """The same fit and the same requests give the same model, to the bit.

    Private fits do not: their noise is no seed's.
    """
    X, _ = make_world()
    results = []
    for _ in range(2):
        before = pickle.dumps(np.random.get_state())  # noqa: NPY002
        fitted = case.fitted()
        case.unlearn(fitted, X[:2])
        case.unlearn(fitted, X[5:6])
        results.append(fitted.predict_proba(X))
        assert before == pickle.dumps(np.random.get_state())  # noqa: NPY002
    case.assert_same(*results)


def check_order_of_requests(case):
    """Exact deletions give the same model in any order; records agree for all."""
    X, _ = make_world()
    one, other = case.fitted(), case.fitted()
    for rows in (X[:2], X[5:6], X[8:9]):
        case.unlearn(one, rows)
    for rows in (X[8:9], X[:2], X[5:6]):
        case.unlearn(other, rows)
    if hasattr(one, "is_member"):
        assert members(one, X) == members(other, X)
    if one.unlearning_log_[-1]["kind"] == "exact":
        case.assert_same(one.predict_proba(X), other.predict_proba(X), rtol=1e-8, atol=1e-10)


def check_stored_data(case):
    """With fingerprints or nothing stored, a request works given the rows; else it says so."""
    if not case.has("store_data"):
        return
    X, y = make_world()
    gone, stays = np.arange(len(X)) < 3, np.arange(len(X)) >= 3
    full = {"X_retain": X[stays], "y_retain": y[stays]}
    expected = case.unlearn(case.fitted(), X[gone], y[gone]).predict_proba(X)
    logs_updates = getattr(case.strategy, "classifier_params", {}).get("log_updates")
    for mode in ("fingerprints", "none"):
        key = {"fingerprint_key": KEY} if mode == "fingerprints" else {}
        if mode == "none" and logs_updates:
            continue  # a log of updates needs to know its rows
        fitted = case.fitted(store_data=mode, fit=key)
        case.unlearn(fitted, X[gone], y[gone], **full, **key)
        # With nothing stored, nobody knows which rows were the validation part.
        if mode == "fingerprints" or not getattr(fitted, "early_stopping", False):
            case.assert_same(fitted.predict_proba(X), expected, rtol=1e-9, atol=1e-12)
        if mode == "fingerprints":
            assert members(fitted, X, **key) == stays.tolist()
            assert not holds(pickle.dumps(fitted), X), "fingerprints give rows away"
            with unchanged(fitted, X, "a wrong key"):
                must_raise(
                    MemberRecordError,
                    lambda f=fitted: case.unlearn(f, X[5:6], **full, fingerprint_key=bytes(32)),
                    "a wrong key",
                    "fingerprint_key",
                )
        else:
            must_raise(
                MemberRecordError, lambda f=fitted: f.is_member(X), "no record", "store_data"
            )
        if "retain" in getattr(case.strategy, "requires", ()):
            fitted = case.fitted(store_data=mode, fit=key)
            with unchanged(fitted, X, "a request without retained rows"):
                must_raise(
                    MemberRecordError,
                    lambda f=fitted, k=key: case.unlearn(f, X[gone], y[gone], **k),
                    "no retained rows",
                    "X_retain",
                )


def check_data_frames(case):
    """Data frames, with their column names, are forgotten like the arrays in them."""
    try:
        import pandas as pd
    except ImportError:
        return
    X, y = make_world()
    expected = case.unlearn(case.fitted(), X[:3]).predict_proba(X)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    fitted = case.fitted(frame, pd.Series(y))
    reference = {"X_reference": None, "y_reference": None}
    if case.accepts("X_reference"):
        unseen, which = make_world(12, seed=99)
        reference = {"X_reference": pd.DataFrame(unseen, columns=frame.columns)}
        reference["y_reference"] = which
    else:
        reference = {}
    case.unlearn(fitted, frame[:3], **reference)
    case.assert_same(fitted.predict_proba(frame), expected, rtol=1e-12)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    wrong = frame[["b", "a", "c"]]
    must_raise(
        ValueError, lambda: case.unlearn(fitted, wrong[:1]), "columns in another order", "name"
    )
