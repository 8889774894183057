"""The contract of classifiers that can forget, as a public suite for any of them."""

import contextlib
import copy
import inspect
import pickle
import types
import warnings
from functools import cached_property

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skqmu.exceptions import (
    AlreadyForgottenError,
    MemberRecordError,
    NotATrainingSampleError,
    UnlearningWarning,
)
from skqmu.utils._same_state import same_state

__all__ = ["check_unlearner", "parametrize_with_unlearner_checks", "unlearner_checks"]

_KEY = bytes(range(32))
_ENTRY = {
    "beyond_reach",
    "certificate",
    "classes_removed",
    "kind",
    "n_forget",
    "n_retain",
    "notes",
    "params",
    "seconds",
    "status",
    "strategy",
}
_COST = {"circuits", "forward_rows", "gradient_rows", "shots"}


# -- a small world to forget in --------------------------------------------------------------


def _world(n=36, n_classes=3, n_features=3, seed=0):
    """Rows of `n_classes` classes in turns; every value is unique."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, n_features)) + rng.normal(size=(n_classes, n_features))[y], y


class _Case:
    """An estimator and a strategy, with what both need to be fitted and asked."""

    def __init__(self, estimator, strategy):
        estimator = estimator() if isinstance(estimator, type) else clone(estimator)
        self.strategy = strategy
        self.estimator = _set(estimator, **getattr(strategy, "classifier_params", {}))
        names = self.estimator.get_params(deep=True)
        seeds = [name for name in names if name.split("__")[-1] == "random_state"]
        self.estimator.set_params(**dict.fromkeys(seeds, 0))

    @cached_property
    def _accepted(self):
        parameters = inspect.signature(self.estimator.unlearn).parameters.values()
        everything = any(p.kind is p.VAR_KEYWORD for p in parameters)
        return {p.name for p in parameters}, everything

    def accepts(self, name):
        """Whether `unlearn` takes an argument of this name."""
        names, everything = self._accepted
        return name in names or everything

    def has(self, parameter):
        return parameter in self.estimator.get_params(deep=False)

    def fitted(self, X=None, y=None, *, fit=None, **params):
        if X is None:
            X, y = _world()
        return _set(clone(self.estimator), **params).fit(X, y, **(fit or {}))

    def unlearn(self, fitted, X=None, y=None, **request):
        """Ask with the strategy of this case, and with unseen rows for its stop rule."""
        if self.strategy is not None and self.accepts("strategy"):
            request.setdefault("strategy", self.strategy)
        if self.accepts("X_reference") and "X_reference" not in request:
            labels = fitted.classes_
            unseen, which = _world(4 * len(labels), len(labels), seed=99)
            if unseen.shape[1] == fitted.n_features_in_:
                request.update(X_reference=unseen, y_reference=labels[which])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnlearningWarning)
            return fitted.unlearn(X, y, **request)

    @property
    def kind(self):
        """What the strategy claims; None where the estimator has a way of its own."""
        return getattr(self.strategy, "kind", None)


def _set(estimator, **params):
    """Set those of the parameters that an estimator, or the one inside it, has."""
    for name, value in params.items():
        for place in (name, f"estimator__{name}"):
            if place in estimator.get_params(deep=True):
                estimator.set_params(**{place: value})
                break
    return estimator


def _raises(kinds, call, why, match=""):
    try:
        call()
    except kinds as error:
        if match.lower() not in str(error).lower():
            raise AssertionError(f"{why}: the message lacks {match!r}: {error}") from error
        return error
    raise AssertionError(f"{why}: no error")


@contextlib.contextmanager
def _unchanged(fitted, X, why, *, but=()):
    """The estimator's attributes, nested ones included, and its predictions stay."""
    before = copy.deepcopy(vars(fitted)), fitted.predict_proba(X)
    yield
    old, new = before[0], dict(vars(fitted))
    for name in but:
        old.pop(name, None), new.pop(name, None)
    difference = same_state(old, new)
    assert difference is None, f"{why} changed the estimator: {difference}"
    np.testing.assert_array_equal(fitted.predict_proba(X), before[1], err_msg=why)


def _members(fitted, X, y=None, **more):
    return fitted.is_member(X, y, **more).tolist()


# -- what a request does ---------------------------------------------------------------------


def check_returns_self_and_logs(case):
    """`unlearn` returns self and adds one entry to the log, which says what was done."""
    fitted = case.fitted()
    X, _ = _world()
    assert fitted.unlearning_log_ == []
    assert case.unlearn(fitted, X[:3]) is fitted
    (entry,) = fitted.unlearning_log_
    missing = _ENTRY - set(entry)
    assert not missing, f"the log entry lacks {sorted(missing)}"
    assert entry["status"] == "done"
    assert (entry["n_forget"], entry["n_retain"]) == (3, len(X) - 3)
    assert entry["classes_removed"] == []
    assert entry["kind"] in ("exact", "certified", "approximate")
    assert entry["seconds"] > 0
    assert set(entry["cost"]) >= _COST, "cost lacks what was spent"
    # nan: a classifier of another package does not count what it spends
    assert not any(value < 0 for value in entry["cost"].values())
    if case.kind is not None:
        assert entry["kind"] == case.kind
        assert entry["strategy"] == type(case.strategy).__name__
    if entry["kind"] == "approximate":
        assert entry["certificate"] is None, "an approximate mechanism certifies nothing"
    else:
        assert entry["certificate"].kind in ("exact", "certified")
    case.unlearn(fitted, X[3:4])
    assert len(fitted.unlearning_log_) == 2
    assert fitted.unlearning_log_[0] is entry


def check_forgotten_rows_are_no_members(case):
    """Forgotten rows leave the member record, the others stay."""
    fitted = case.fitted()
    if not hasattr(fitted, "is_member"):
        return
    X, y = _world()
    assert all(_members(fitted, X, y))
    assert not any(_members(fitted, X, (y + 1) % 3)), "a row is no member with another label"
    assert not any(_members(fitted, X + 0.01))
    case.unlearn(fitted, X[[4, 2, 9]])
    assert _members(fitted, X) == [i not in (4, 2, 9) for i in range(len(X))]


def check_one_row(case):
    """A request of one row is as good as any other; predictions stay probabilities."""
    fitted = case.fitted()
    X, _ = _world()
    case.unlearn(fitted, X[5:6])
    proba = fitted.predict_proba(X)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


def check_whole_class(case):
    """A class all of whose rows are forgotten stays in `classes_`."""
    fitted = case.fitted()
    X, y = _world()
    case.unlearn(fitted, X[y == 1])
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert fitted.predict_proba(X).shape == (len(X), 3)
    assert fitted.unlearning_log_[-1]["classes_removed"] == [1]
    assert set(fitted.predict(X)) <= {0, 1, 2}


def check_duplicates(case):
    """Every copy of a row is forgotten, unless labels say which."""
    X, y = _world()
    X[10], X[20], X[30] = X[0], X[0], X[0]
    y[[10, 30]] = y[0], (y[0] + 1) % 3
    fitted = case.fitted(X, y)
    case.unlearn(fitted, X[:1])
    assert fitted.unlearning_log_[-1]["n_forget"] == 4
    if case.accepts("y_forget"):
        fitted = case.fitted(X, y)
        case.unlearn(fitted, X[:1], y[30:31])
        assert fitted.unlearning_log_[-1]["n_forget"] == int((y[[0, 10, 20, 30]] == y[30]).sum())
        if hasattr(fitted, "is_member"):
            assert _members(fitted, X[[0, 30]], y[[0, 30]]) == [True, False]
    fitted = case.fitted(X, y)
    case.unlearn(fitted, X[[1, 1, 1]])
    assert fitted.unlearning_log_[-1]["n_forget"] == 1, "a row named thrice is one row"


def check_last_bits(case):
    """Rows are recognised although a transformer gave their last bits differently."""
    fitted = case.fitted()
    X, _ = _world()
    case.unlearn(fitted, X[:5] * (1 + 4 * np.finfo(float).eps))
    if hasattr(fitted, "is_member"):
        assert _members(fitted, X[:6]) == [False] * 5 + [True]
    fitted = case.fitted()
    close = X[:5] * (1 + 1e-6)
    _raises(NotATrainingSampleError, lambda: case.unlearn(fitted, close), "rows 1e-6 apart")


def check_order_of_rows(case):
    """The order and repetition of the rows in a request do not matter."""
    X, _ = _world()
    expected = case.unlearn(case.fitted(), X[:4]).predict_proba(X)
    again = case.unlearn(case.fitted(), X[[2, 0, 3, 1, 0]]).predict_proba(X)
    np.testing.assert_array_equal(again, expected)


def check_index(case):
    """Positions in the fit data, or a mask over them, name the same rows."""
    if not case.accepts("index"):
        return
    X, _ = _world()
    expected = case.unlearn(case.fitted(), X[[1, 6]]).predict_proba(X)
    for index in ([6, 1], np.array([1, 6]), np.isin(np.arange(len(X)), [1, 6])):
        fitted = case.unlearn(case.fitted(), index=index)
        np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    # positions stay those of the fit data after a request
    case.unlearn(fitted, index=[7])
    if hasattr(fitted, "is_member"):
        assert _members(fitted, X[5:9]) == [True, False, False, True]


def check_labels(case):
    """Strings, booleans and negative numbers as labels give what 0, 1, 2 give."""
    for names in (["b", "a", "c"], [-1, 1], [1, 2], [False, True], [1.0, 2.0, 7.0]):
        names = np.array(names)
        X, y = _world(n_classes=len(names))
        order = np.argsort(names)
        plain = case.unlearn(case.fitted(X, y), X[:3], **_if(case, "y_forget", y[:3]))
        fitted = case.fitted(X, names[order][y])
        case.unlearn(fitted, X[:3], **_if(case, "y_forget", names[order][y[:3]]))
        np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))
        assert fitted.classes_.tolist() == sorted(names.tolist())
        assert set(fitted.predict(X)) <= set(names.tolist())


def _if(case, name, value):
    return {"y": value} if case.accepts(name) else {}


# -- requests that cannot be honoured --------------------------------------------------------


def check_unknown_rows(case):
    """Rows that were never trained on are named, and nothing changes."""
    fitted = case.fitted()
    X, y = _world()
    request = np.concatenate([X[:2], X[:2] + 1.0])
    with _unchanged(fitted, X, "an unknown row"):
        error = _raises(NotATrainingSampleError, lambda: case.unlearn(fitted, request), "unknown")
    assert error.rows == (2, 3)
    assert isinstance(error, ValueError)
    if case.accepts("y_forget"):
        with _unchanged(fitted, X, "a wrong label"):
            _raises(
                NotATrainingSampleError,
                lambda: case.unlearn(fitted, X[:1], (y[:1] + 1) % 3),
                "a row with another label",
            )


def check_already_forgotten(case):
    """Asking twice for a row says that it is forgotten already."""
    fitted = case.fitted()
    X, _ = _world()
    case.unlearn(fitted, X[:2])
    requests = [lambda: case.unlearn(fitted, X[:1]), lambda: case.unlearn(fitted, X[[3, 1]])]
    if case.accepts("index"):
        requests.append(lambda: case.unlearn(fitted, index=[1]))
    for request in requests:
        with _unchanged(fitted, X, "asking twice"):
            _raises(AlreadyForgottenError, request, "asking twice", "already forgotten")


def check_all_rows(case):
    """A request for all rows is refused: nothing would be left to be a model of."""
    fitted = case.fitted()
    X, _ = _world()
    with _unchanged(fitted, X, "a request for all rows"):
        _raises(ValueError, lambda: case.unlearn(fitted, X), "all rows", "all")


def check_no_rows(case):
    """A request for no rows is refused."""
    fitted = case.fitted()
    X, _ = _world()
    with _unchanged(fitted, X, "a request for no rows"):
        _raises(ValueError, lambda: case.unlearn(fitted, X[:0]), "no rows", "nothing to forget")
        if case.accepts("index"):
            _raises(ValueError, lambda: case.unlearn(fitted, index=[]), "no rows", "nothing")


def check_bad_requests(case):
    """Rows that cannot be read, labels and arguments that do not fit: errors, no change."""
    fitted = case.fitted()
    X, y = _world()
    nan, inf = X[:2].copy(), X[:2].copy()
    nan[1, 1], inf[0, 2] = np.nan, np.inf
    requests = {
        "NaN": (lambda: case.unlearn(fitted, nan), "nan"),
        "infinity": (lambda: case.unlearn(fitted, inf), "infinity"),
        "a missing column": (lambda: case.unlearn(fitted, X[:2, :-1]), "features"),
        "one dimension": (lambda: case.unlearn(fitted, X[0]), "2d array"),
        "a number": (lambda: case.unlearn(fitted, 3.0), "2d array"),
        "nothing": (lambda: case.unlearn(fitted), "x_forget"),
    }
    if case.accepts("y_forget"):
        requests["too few labels"] = (lambda: case.unlearn(fitted, X[:2], y[:1]), "y_forget")
        requests["an unknown label"] = (lambda: case.unlearn(fitted, X[:2], [0, 99]), "99")
    if case.accepts("index"):
        requests |= {
            "both": (lambda: case.unlearn(fitted, X[:1], index=[0]), "index"),
            "a position outside": (lambda: case.unlearn(fitted, index=[len(X)]), str(len(X))),
            "a negative position": (lambda: case.unlearn(fitted, index=[-1]), "-1"),
            "a short mask": (lambda: case.unlearn(fitted, index=[True, False]), "mask"),
            "half a position": (lambda: case.unlearn(fitted, index=[0.5]), "integer"),
        }
    if case.accepts("strategy"):
        requests["an unknown strategy"] = (
            lambda: case.unlearn(fitted, X[:1], strategy="gradient_acsent"),
            "'gradient_ascent'",
        )
    for why, (request, match) in requests.items():
        with _unchanged(fitted, X, why):
            _raises(ValueError, request, why, match)


def check_unfitted(case):
    """Nothing can be forgotten before anything was learned."""
    X, _ = _world()
    unfitted = clone(case.estimator)
    _raises(NotFittedError, lambda: unfitted.unlearn(X[:1]), "unlearn before fit")
    for method in ("release", "is_member"):
        if hasattr(type(unfitted), method) and method in dir(unfitted):
            arguments = () if method == "release" else (X,)
            _raises(NotFittedError, lambda m=method, a=arguments: getattr(unfitted, m)(*a), method)


def check_failing_strategies(case):
    """A strategy that is interrupted, fails or diverges leaves no more than a log entry."""
    if not case.accepts("strategy"):
        return
    from skqmu.exceptions import UnlearningError

    X, _ = _world()
    fitted = case.fitted()
    for outcome, kinds, status in (
        (KeyboardInterrupt("Ctrl-C"), KeyboardInterrupt, "interrupted"),
        (OSError("disk full"), OSError, "failed"),
        (np.nan, UnlearningError, "diverged"),
        (np.inf, UnlearningError, "diverged"),
    ):
        n_entries = len(fitted.unlearning_log_)
        bad = _failing(outcome)
        with _unchanged(fitted, X, status, but=("unlearning_log_", "estimator_")):
            _raises(kinds, lambda s=bad: case.unlearn(fitted, X[:2], strategy=s), status)
        assert len(fitted.unlearning_log_) == n_entries + 1
        entry = fitted.unlearning_log_[-1]
        assert entry["status"] == status
        assert entry["error"]
        if hasattr(fitted, "is_member"):
            assert all(_members(fitted, X))
    undisturbed = case.unlearn(case.fitted(), X[:2])
    case.unlearn(fitted, X[:2])
    np.testing.assert_array_equal(fitted.predict_proba(X), undisturbed.predict_proba(X))


def _failing(outcome):
    from skqmu.unlearning import Outcome, UnlearningStrategy

    class Failing(UnlearningStrategy):
        def unlearn(self, request):
            if isinstance(outcome, BaseException):
                raise outcome
            return Outcome(params=request.params * outcome, stop_reason="")

    return Failing()


# -- what is left behind ---------------------------------------------------------------------


def check_pickle_holds_no_forgotten_row(case):
    """After `unlearn`, a pickle holds no value of a forgotten row; after `release`, none."""
    fitted = case.fitted()
    if not hasattr(fitted, "release"):
        return
    X, y = _world()
    case.unlearn(fitted, X[[0, 7]])
    case.unlearn(fitted, X[y == 2][:4])
    gone = np.concatenate([X[[0, 7]], X[y == 2][:4]])
    for content in (pickle.dumps(fitted), pickle.dumps(copy.deepcopy(fitted))):
        assert not _holds(content, gone), "a pickle holds values of forgotten rows"
    content = pickle.dumps(fitted.release())
    assert not _holds(content, X), "a pickle of a released copy holds values of training rows"


def _holds(content, X):
    """Whether bytes hold a value of the rows, or its square, negative or float32 form."""
    forms = [X, -X, X.astype(np.float32), X.astype(">f8")]
    return any(value.tobytes() in content for form in forms for value in form.ravel())


def check_release(case):
    """A released copy predicts the same, and cannot be asked to forget or to recognise."""
    fitted = case.fitted()
    if not hasattr(fitted, "release"):
        return
    X, y = _world()
    case.unlearn(fitted, X[:2])
    with _unchanged(fitted, X, "release"):
        released = fitted.release()
    assert type(released) is type(fitted)
    np.testing.assert_array_equal(released.predict_proba(X), fitted.predict_proba(X))
    assert released.classes_.tolist() == fitted.classes_.tolist()
    assert not getattr(released, "unlearning_log_", None)
    _raises(MemberRecordError, lambda: case.unlearn(released, X[5:6]), "unlearn on a copy", "copy")
    _raises(MemberRecordError, lambda: released.is_member(X), "is_member on a copy", "copy")
    expected = released.predict_proba(X)
    case.unlearn(fitted, X[5:7])
    np.testing.assert_array_equal(released.predict_proba(X), expected)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(released)).release().predict_proba(X), expected
    )
    clone(released).fit(X, y)


def check_clone(case):
    """A clone of an estimator that has unlearned is unfitted, with the same parameters."""
    X, _ = _world()
    fitted = case.unlearn(case.fitted(), X[:2])
    fresh = clone(fitted)
    _raises(NotFittedError, lambda: fresh.predict(X), "a clone")
    assert not hasattr(fresh, "params_")
    assert repr(fresh) == repr(clone(case.estimator))


def check_copies_are_independent(case):
    """A copy made before a request is not touched by it."""
    X, _ = _world()
    fitted = case.fitted()
    other = copy.deepcopy(fitted)
    with _unchanged(other, X, "unlearning on the original"):
        case.unlearn(fitted, X[:3])
    if hasattr(other, "is_member"):
        assert all(_members(other, X))
    case.unlearn(other, X[:3])
    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))


def check_pickle_goes_on(case):
    """An estimator that was pickled forgets like the one that was not."""
    X, _ = _world()
    fitted = case.fitted()
    other = pickle.loads(pickle.dumps(fitted))
    for rows in (X[:2], X[4:6]):
        case.unlearn(fitted, rows)
        case.unlearn(other, rows)
        np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
        other = pickle.loads(pickle.dumps(other))
    _raises(NotATrainingSampleError, lambda: case.unlearn(other, X[:1]), "asking again elsewhere")


def check_prediction_changes_nothing(case):
    """Predicting after a request leaves every attribute as it is."""
    X, _ = _world()
    fitted = case.unlearn(case.fitted(), X[:2])
    with _unchanged(fitted, X, "prediction"):
        for method in ("predict", "predict_proba", "predict_log_proba", "is_member"):
            if hasattr(fitted, method):
                getattr(fitted, method)(X)


def check_fit_starts_afresh(case):
    """`fit` after a request knows nothing of it."""
    X, y = _world()
    fitted = case.unlearn(case.fitted(), X[:2])
    fitted.fit(X, y)
    assert fitted.unlearning_log_ == []
    np.testing.assert_array_equal(fitted.predict_proba(X), case.fitted().predict_proba(X))
    case.unlearn(fitted, X[:2])


# -- reproducible, and independent of the order ----------------------------------------------


def check_reproducible(case):
    """The same fit and the same requests give the same model, to the bit."""
    X, _ = _world()
    results = []
    for _ in range(2):
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        fitted = case.fitted()
        case.unlearn(fitted, X[:2])
        case.unlearn(fitted, X[5:6])
        results.append(fitted.predict_proba(X))
        np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.testing.assert_array_equal(*results)


def check_order_of_requests(case):
    """Exact deletions give the same model in any order; records agree for all."""
    X, _ = _world()
    one, other = case.fitted(), case.fitted()
    for rows in (X[:2], X[5:6], X[8:9]):
        case.unlearn(one, rows)
    for rows in (X[8:9], X[:2], X[5:6]):
        case.unlearn(other, rows)
    if hasattr(one, "is_member"):
        assert _members(one, X) == _members(other, X)
    if one.unlearning_log_[-1]["kind"] == "exact":
        np.testing.assert_allclose(
            one.predict_proba(X), other.predict_proba(X), rtol=1e-8, atol=1e-10
        )


def check_stored_data(case):
    """With fingerprints or nothing stored, a request works given the rows; else it says so."""
    if not case.has("store_data"):
        return
    X, y = _world()
    gone, stays = np.arange(len(X)) < 3, np.arange(len(X)) >= 3
    full = {"X_retain": X[stays], "y_retain": y[stays]}
    expected = case.unlearn(case.fitted(), X[gone], y[gone]).predict_proba(X)
    logs_updates = getattr(case.strategy, "classifier_params", {}).get("log_updates")
    for mode in ("fingerprints", "none"):
        key = {"fingerprint_key": _KEY} if mode == "fingerprints" else {}
        if mode == "none" and logs_updates:
            continue  # a log of updates needs to know its rows
        fitted = case.fitted(store_data=mode, fit=key)
        case.unlearn(fitted, X[gone], y[gone], **full, **key)
        # With nothing stored, nobody knows which rows were the validation part.
        if mode == "fingerprints" or not getattr(fitted, "early_stopping", False):
            np.testing.assert_allclose(fitted.predict_proba(X), expected, rtol=1e-9, atol=1e-12)
        if mode == "fingerprints":
            assert _members(fitted, X, **key) == stays.tolist()
            assert not _holds(pickle.dumps(fitted), X), "fingerprints give rows away"
            with _unchanged(fitted, X, "a wrong key"):
                _raises(
                    MemberRecordError,
                    lambda f=fitted: case.unlearn(f, X[5:6], **full, fingerprint_key=bytes(32)),
                    "a wrong key",
                    "fingerprint_key",
                )
        else:
            _raises(MemberRecordError, lambda f=fitted: f.is_member(X), "no record", "store_data")
        if "retain" in getattr(case.strategy, "requires", ()):
            fitted = case.fitted(store_data=mode, fit=key)
            with _unchanged(fitted, X, "a request without retained rows"):
                _raises(
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
    X, y = _world()
    expected = case.unlearn(case.fitted(), X[:3]).predict_proba(X)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    fitted = case.fitted(frame, pd.Series(y))
    reference = {"X_reference": None, "y_reference": None}
    if case.accepts("X_reference"):
        unseen, which = _world(12, seed=99)
        reference = {"X_reference": pd.DataFrame(unseen, columns=frame.columns)}
        reference["y_reference"] = which
    else:
        reference = {}
    case.unlearn(fitted, frame[:3], **reference)
    np.testing.assert_allclose(fitted.predict_proba(frame), expected, rtol=1e-12)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    wrong = frame[["b", "a", "c"]]
    _raises(ValueError, lambda: case.unlearn(fitted, wrong[:1]), "columns in another order", "name")


# -- the suite -------------------------------------------------------------------------------


def _resolved(strategy):
    """A strategy with few epochs, from a name, a class or an instance (which stays as it is)."""
    if strategy is None:
        return None
    from skqmu.unlearning import STRATEGIES

    factory = STRATEGIES.get(strategy, strategy) if isinstance(strategy, str) else strategy
    if isinstance(factory, str):
        raise ValueError(f"strategy={strategy!r} is unknown; known: {', '.join(STRATEGIES)}.")
    if not isinstance(factory, type):
        return factory
    return _set(factory(), max_iter=3)


def _quick(estimator):
    """A class with few epochs; an instance stays as it is."""
    return _set(estimator(), max_iter=6) if isinstance(estimator, type) else estimator


def unlearner_checks(estimator, strategy=None):
    """Yield the checks for one classifier that can forget.

    Parameters
    ----------
    estimator : classifier instance or class
        With `unlearn`. Its `random_state` is set; a class is used with its defaults and few
        epochs.
    strategy : str, UnlearningStrategy or None, default=None
        What every request of the checks uses; None: the estimator's own. Parameters that
        the strategy needs of the classifier are set. A name or a class is used with its
        defaults and few epochs.

    Yields
    ------
    name : str
    check : callable without arguments
        Raises :class:`AssertionError` when the estimator breaks that part of the contract.

    Examples
    --------
    >>> from skqmu import QNNClassifier
    >>> from skqmu.utils.estimator_checks import unlearner_checks
    >>> "check_whole_class" in dict(unlearner_checks(QNNClassifier))
    True
    """
    for name, function in sorted(globals().items()):
        is_check = name.startswith("check_") and isinstance(function, types.FunctionType)
        if is_check and name != "check_unlearner":
            yield name, _Check(function, estimator, strategy)


class _Check:
    """One check, made ready to run."""

    def __init__(self, function, estimator, strategy):
        self.function, self.estimator, self.strategy = function, estimator, strategy
        self.__doc__ = function.__doc__

    def __call__(self):
        self.function(_Case(_quick(self.estimator), _resolved(self.strategy)))


def check_unlearner(estimator, strategy=None):
    """Hold a classifier to the contract of all that can forget.

    A request returns self and logs what was done at what cost; forgotten rows, all copies
    of them, leave the member record, every pickle and every file; unknown rows and rows
    that are forgotten already are told apart; all rows, no rows and unreadable requests
    are refused; after any failure the estimator is as it was; labels of any type, whole
    classes, positions instead of rows; released copies; equal results for equal seeds,
    and for exact mechanisms in any order of requests.

    Parameters
    ----------
    estimator : classifier instance or class
        With `unlearn`; where it has `release`, `is_member`, `store_data` or arguments like
        ``index=``, these are checked too.
    strategy : str, UnlearningStrategy or None, default=None
        What every request uses; None: the estimator's own.

    Raises
    ------
    AssertionError
        Names the first check that failed.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu import ShardedClassifier
    >>> from skqmu.utils.estimator_checks import check_unlearner
    >>> check_unlearner(ShardedClassifier(DecisionTreeClassifier(), n_shards=2))
    """
    for name, check in unlearner_checks(estimator, strategy):
        try:
            check()
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


def parametrize_with_unlearner_checks(estimators, strategies=(None,)):
    """Return a pytest decorator that runs every check on every pair as a test of its own.

    Parameters
    ----------
    estimators : iterable of classifier instances or classes
    strategies : iterable of str, UnlearningStrategy or None, default=(None,)

    Returns
    -------
    pytest.mark.parametrize
        For a test function with one argument, ``check``.

    Examples
    --------
    >>> from skqmu import QNNClassifier
    >>> from skqmu.utils.estimator_checks import parametrize_with_unlearner_checks
    >>> @parametrize_with_unlearner_checks([QNNClassifier], ["retrain", "scrub"])
    ... def test_unlearner(check):
    ...     check()
    """
    import pytest

    cases = [
        pytest.param(check, id="-".join([*filter(None, [_name(e), s and _name(s)]), name]))
        for e in estimators
        for s in strategies
        for name, check in unlearner_checks(e, s)
    ]
    return pytest.mark.parametrize("check", cases)


def _name(thing):
    if isinstance(thing, str):
        return thing
    return thing.__name__ if isinstance(thing, type) else type(thing).__name__
