"""Checks of requests by id, where a classifier takes ids."""

import inspect
import json
import pickle

import numpy as np
from sklearn.pipeline import Pipeline

from skqmu.exceptions import AlreadyForgottenError, NotATrainingSampleError
from skqmu.utils._unlearner_world import make_world, members, must_raise, unchanged

# Names that are found in no other place; two rows each.
_NAMES = [f"Zz-nobody-{number:02d}-zZ" for number in range(18)]


def takes_ids(case):
    """Whether `fit` and `unlearn` take ids; around another model, whether that takes them.

    Which rows are an id's does not depend on how they are forgotten: the estimator's own way is
    enough.
    """
    if case.strategy is not None:
        return False

    def known(estimator):
        last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        if not hasattr(last, "unlearn"):
            return True  # it is fitted anew by whoever is around it, who knows the ids
        if "ids" not in inspect.signature(last.fit).parameters:
            return False
        # shards are fitted by whoever deals them
        inner = getattr(last, "estimator", None)
        return inner is None or hasattr(last, "n_shards") or known(inner)

    return case.accepts("ids") and known(case.estimator)


def named_world():
    """Rows, labels and their ids: rows i and i + 18 are one person's."""
    X, y = make_world()
    return X, y, [_NAMES[row % 18] for row in range(len(X))]


def check_ids(case):
    """Ids name every row of theirs; unknown and forgotten ones are told apart; the log is mute."""
    if not takes_ids(case):
        return
    X, y, ids = named_world()
    fitted = case.fitted(X, y, fit={"ids": ids})
    expected = case.unlearn(case.fitted(X, y), X[[4, 22]]).predict_proba(X)
    with unchanged(fitted, X, "an unknown id"):
        error = must_raise(
            NotATrainingSampleError,
            lambda: case.unlearn(fitted, ids=[ids[0], "nobody else"]),
            "an unknown id",
            "nobody else",
        )
        assert error.rows == (1,)
        must_raise(ValueError, lambda: case.unlearn(fitted, ids=[]), "no ids", "nothing to forget")
        must_raise(ValueError, lambda: case.unlearn(fitted, ids=_NAMES), "all ids", "all")
    case.unlearn(fitted, ids=[ids[4]])
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    if hasattr(fitted, "is_member"):
        assert members(fitted, X) == [row not in (4, 22) for row in range(len(X))]
    assert fitted.unlearning_log_[-1]["n_ids"] == 1
    with unchanged(fitted, X, "asking twice"):
        must_raise(
            AlreadyForgottenError,
            lambda: case.unlearn(fitted, ids=[ids[4]]),
            "asking twice",
            "already forgotten",
        )
    case.unlearn(fitted, f"ids:{ids[5]}, {ids[6]}")
    assert fitted.unlearning_log_[-1]["n_forget"] == 4
    told = json.dumps(fitted.unlearning_log_)
    assert not any(name in told for name in _NAMES), "the log names people"


def check_ids_leave_no_trace(case):
    """A pickle holds no id whose rows are forgotten, and a released copy none at all."""
    if not takes_ids(case):
        return
    X, y, ids = named_world()
    fitted = case.fitted(X, y, fit={"ids": ids})
    if _written_in(fitted, ids[3]):  # else it keeps nothing that is readable
        case.unlearn(fitted, ids=[ids[4]])
        assert not _written_in(fitted, ids[4]), "a pickle names who has left"
        assert _written_in(fitted, ids[3])
    if hasattr(fitted, "release"):
        left = [name for name in _NAMES if _written_in(fitted.release(), name)]
        assert not left, "a released copy names people"


def _written_in(fitted, name):
    data = pickle.dumps(fitted)
    return any(name.encode(code) in data for code in ("utf-8", "utf-16-le", "utf-32-le"))
