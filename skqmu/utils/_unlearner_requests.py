"""Checks of what a deletion request does, and of requests that cannot be honoured."""

import json

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skqmu.exceptions import AlreadyForgottenError, NotATrainingSampleError, UnlearningError
from skqmu.utils._unlearner_world import (
    failing_strategy,
    if_accepted,
    make_world,
    members,
    must_raise,
    unchanged,
)

ENTRY = {
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
    "time",
}
COST = {"circuits", "forward_rows", "gradient_rows", "shots"}


# -- what a request does ---------------------------------------------------------------------


def check_returns_self_and_logs(case):
    """`unlearn` returns self and adds one entry to the log, which says what was done."""
    fitted = case.fitted()
    X, _ = make_world()
    assert fitted.unlearning_log_ == []
    assert case.unlearn(fitted, X[:3]) is fitted
    (entry,) = fitted.unlearning_log_
    missing = ENTRY - set(entry)
    assert not missing, f"the log entry lacks {sorted(missing)}"
    assert entry["status"] in ("done", "short of target", "damaged")
    assert (entry["n_forget"], entry["n_retain"]) == (3, len(X) - 3)
    assert entry["classes_removed"] == []
    assert entry["kind"] in ("exact", "certified", "approximate")
    assert entry["seconds"] > 0
    assert set(entry["cost"]) >= COST, "cost lacks what was spent"
    # None: a classifier of another package does not count what it spends
    assert not any(value is not None and value < 0 for value in entry["cost"].values())
    if case.kind is not None:
        assert entry["kind"] == case.kind
        assert entry["strategy"] == type(case.strategy).__name__
    if entry["kind"] == "approximate":
        assert entry["certificate"] is None, "an approximate mechanism certifies nothing"
    else:
        assert entry["certificate"]["kind"] in ("exact", "certified")
    told = json.dumps(fitted.unlearning_log_, allow_nan=False)  # who keeps it keeps JSON
    assert json.loads(told) == fitted.unlearning_log_
    case.unlearn(fitted, X[3:4])
    assert len(fitted.unlearning_log_) == 2
    assert fitted.unlearning_log_[0] is entry


def check_forgotten_rows_are_no_members(case):
    """Forgotten rows leave the member record, the others stay."""
    fitted = case.fitted()
    if not hasattr(fitted, "is_member"):
        return
    X, y = make_world()
    assert all(members(fitted, X, y))
    assert not any(members(fitted, X, (y + 1) % 3)), "a row is no member with another label"
    assert not any(members(fitted, X + 0.01))
    case.unlearn(fitted, X[[4, 2, 9]])
    assert members(fitted, X) == [i not in (4, 2, 9) for i in range(len(X))]


def check_one_row(case):
    """A request of one row is as good as any other; predictions stay probabilities."""
    fitted = case.fitted()
    X, _ = make_world()
    case.unlearn(fitted, X[5:6])
    proba = fitted.predict_proba(X)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


def check_whole_class(case):
    """A class all of whose rows are forgotten stays in `classes_`."""
    fitted = case.fitted()
    X, y = make_world()
    case.unlearn(fitted, X[y == 1])
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert fitted.predict_proba(X).shape == (len(X), 3)
    assert fitted.unlearning_log_[-1]["classes_removed"] == [1]
    assert set(fitted.predict(X)) <= {0, 1, 2}


def check_duplicates(case):
    """Every copy of a row is forgotten, unless labels say which."""
    X, y = make_world()
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
            assert members(fitted, X[[0, 30]], y[[0, 30]]) == [True, False]
    fitted = case.fitted(X, y)
    case.unlearn(fitted, X[[1, 1, 1]])
    assert fitted.unlearning_log_[-1]["n_forget"] == 1, "a row named thrice is one row"


def check_last_bits(case):
    """Rows are recognised although a transformer gave their last bits differently."""
    fitted = case.fitted()
    X, _ = make_world()
    case.unlearn(fitted, X[:5] * (1 + 4 * np.finfo(float).eps))
    if hasattr(fitted, "is_member"):
        assert members(fitted, X[:6]) == [False] * 5 + [True]
    fitted = case.fitted()
    close = X[:5] * (1 + 1e-6)
    must_raise(NotATrainingSampleError, lambda: case.unlearn(fitted, close), "rows 1e-6 apart")


def check_order_of_rows(case):
    """The order and repetition of the rows in a request do not matter."""
    X, _ = make_world()
    expected = case.unlearn(case.fitted(), X[:4]).predict_proba(X)
    again = case.unlearn(case.fitted(), X[[2, 0, 3, 1, 0]]).predict_proba(X)
    case.assert_same(again, expected)


def check_index(case):
    """Positions in the fit data, or a mask over them, name the same rows."""
    if not case.accepts("index"):
        return
    X, _ = make_world()
    expected = case.unlearn(case.fitted(), X[[1, 6]]).predict_proba(X)
    for index in ([6, 1], np.array([1, 6]), np.isin(np.arange(len(X)), [1, 6])):
        fitted = case.unlearn(case.fitted(), index=index)
        case.assert_same(fitted.predict_proba(X), expected)
    # positions stay those of the fit data after a request
    case.unlearn(fitted, index=[7])
    if hasattr(fitted, "is_member"):
        assert members(fitted, X[5:9]) == [True, False, False, True]


def check_labels(case):
    """Strings, booleans and negative numbers as labels give what 0, 1, 2 give."""
    for names in (["b", "a", "c"], [-1, 1], [1, 2], [False, True], [1.0, 2.0, 7.0]):
        names = np.array(names)
        X, y = make_world(n_classes=len(names))
        order = np.argsort(names)
        plain = case.unlearn(case.fitted(X, y), X[:3], **if_accepted(case, "y_forget", y[:3]))
        fitted = case.fitted(X, names[order][y])
        case.unlearn(fitted, X[:3], **if_accepted(case, "y_forget", names[order][y[:3]]))
        case.assert_same(fitted.predict_proba(X), plain.predict_proba(X))
        assert fitted.classes_.tolist() == sorted(names.tolist())
        assert set(fitted.predict(X)) <= set(names.tolist())


# -- requests that cannot be honoured --------------------------------------------------------


def check_unknown_rows(case):
    """Rows that were never trained on are named, and nothing changes."""
    fitted = case.fitted()
    X, y = make_world()
    request = np.concatenate([X[:2], X[:2] + 1.0])
    with unchanged(fitted, X, "an unknown row"):
        error = must_raise(
            NotATrainingSampleError, lambda: case.unlearn(fitted, request), "unknown"
        )
    assert error.rows == (2, 3)
    assert isinstance(error, ValueError)
    if case.accepts("y_forget"):
        with unchanged(fitted, X, "a wrong label"):
            must_raise(
                NotATrainingSampleError,
                lambda: case.unlearn(fitted, X[:1], (y[:1] + 1) % 3),
                "a row with another label",
            )


def check_already_forgotten(case):
    """Asking twice for a row says that it is forgotten already."""
    fitted = case.fitted()
    X, _ = make_world()
    case.unlearn(fitted, X[:2])
    requests = [lambda: case.unlearn(fitted, X[:1]), lambda: case.unlearn(fitted, X[[3, 1]])]
    if case.accepts("index"):
        requests.append(lambda: case.unlearn(fitted, index=[1]))
    for request in requests:
        with unchanged(fitted, X, "asking twice"):
            must_raise(AlreadyForgottenError, request, "asking twice", "already forgotten")


def check_all_rows(case):
    """A request for all rows is refused: nothing would be left to be a model of."""
    fitted = case.fitted()
    X, _ = make_world()
    with unchanged(fitted, X, "a request for all rows"):
        must_raise(ValueError, lambda: case.unlearn(fitted, X), "all rows", "all")


def check_no_rows(case):
    """A request for no rows is refused."""
    fitted = case.fitted()
    X, _ = make_world()
    with unchanged(fitted, X, "a request for no rows"):
        must_raise(ValueError, lambda: case.unlearn(fitted, X[:0]), "no rows", "nothing to forget")
        if case.accepts("index"):
            must_raise(ValueError, lambda: case.unlearn(fitted, index=[]), "no rows", "nothing")


def check_bad_requests(case):
    """Rows that cannot be read, labels and arguments that do not fit: errors, no change."""
    fitted = case.fitted()
    X, y = make_world()
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
        with unchanged(fitted, X, why):
            must_raise(ValueError, request, why, match)


def check_unfitted(case):
    """Nothing can be forgotten before anything was learned."""
    X, _ = make_world()
    unfitted = clone(case.estimator)
    must_raise(NotFittedError, lambda: unfitted.unlearn(X[:1]), "unlearn before fit")
    for method in ("release", "is_member"):
        if hasattr(type(unfitted), method) and method in dir(unfitted):
            arguments = () if method == "release" else (X,)
            must_raise(
                NotFittedError, lambda m=method, a=arguments: getattr(unfitted, m)(*a), method
            )


def check_failing_strategies(case):
    """A strategy that is interrupted, fails or diverges leaves no more than a log entry."""
    if not case.accepts("strategy"):
        return
    X, _ = make_world()
    fitted = case.fitted()
    for outcome, kinds, status in (
        (KeyboardInterrupt("Ctrl-C"), KeyboardInterrupt, "interrupted"),
        (OSError("disk full"), OSError, "failed"),
        (np.nan, UnlearningError, "diverged"),
        (np.inf, UnlearningError, "diverged"),
    ):
        n_entries = len(fitted.unlearning_log_)
        bad = failing_strategy(outcome)
        with unchanged(fitted, X, status, but=("unlearning_log_", "estimator_")):
            must_raise(kinds, lambda s=bad: case.unlearn(fitted, X[:2], strategy=s), status)
        assert len(fitted.unlearning_log_) == n_entries + 1
        entry = fitted.unlearning_log_[-1]
        assert entry["status"] == status
        assert entry["error"]
        if hasattr(fitted, "is_member"):
            assert all(members(fitted, X))
    undisturbed = case.unlearn(case.fitted(), X[:2])
    case.unlearn(fitted, X[:2])
    case.assert_same(fitted.predict_proba(X), undisturbed.predict_proba(X))
