"""Parts of `first_hour.py`, each one task: the fits of a model on a set with a seed, and so on.

Every function returns a dict that goes into a file as it is. A fit that fails or passes its cap is
a row like any other.
"""

import time
import warnings
from collections import Counter
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO

import numpy as np
from _first_hour_caps import Capped, capped, within
from _first_hour_data import SETS
from _first_hour_models import PEERS, build, pace_pair
from sklearn.model_selection import StratifiedKFold

__all__ = ["FULL", "SMALL", "Protocol", "checks_of", "fits_of", "pace_of"]

_PACE_ROUNDS = 5
# CPU seconds of one check, and of all checks after which no other begins.
_CHECK_SECONDS, _CHECKS_SECONDS = 10, 240
# Of more qubits, what batches and gradients keep takes tens of GB.
_MOST_QUBITS = 14


@dataclass(frozen=True)
class Protocol:
    """How much of a set a model gets.

    Attributes
    ----------
    name : str
    folds : int
        Of `StratifiedKFold`, shuffled with the seed.
    rows : int or None
        A stratified subsample of so many, drawn with the seed. None: all.
    cap : float or None
        CPU seconds a fit. The fold that passes it is the last that is tried with the set and seed.
    """

    name: str
    folds: int = 5
    rows: int | None = None
    cap: float | None = None


FULL = Protocol("full")
SMALL = Protocol("small", folds=2, rows=100, cap=30.0)


def fits_of(model, name, seed, protocol):
    """Fit a model on the folds of a set.

    Returns
    -------
    dict
        `folds`: a row a fold, with `status` ("ended", "failed", "capped", "not tried"), and where
        it ended `accuracy`, `seconds` (of CPU, preparation included), `wall_seconds`, `n_iter`.
        `versions`: of the packages of a peer, which may have been measured elsewhere.
    """
    arguments = (model, name, seed, protocol)
    cap = protocol.cap
    folds = list(_rows(*arguments) if cap is None else within(cap, _rows, arguments))
    folds += [{"status": "not tried", "told": "a fold before did not end"}] * (
        protocol.folds - len(folds)
    )
    part = {"n_rows": len(SETS[name].load(protocol.rows, seed)[0]), "folds": folds}
    return part | {"versions": PEERS[model].versions()} if model in PEERS else part


def _rows(model, name, seed, protocol, renew=lambda: None):
    """Yield a row a fold, up to one that does not end; `renew` starts the clock of the cap."""
    data = SETS[name]
    X, y = data.load(protocol.rows, seed)
    y = np.asarray(y)
    split = StratifiedKFold(protocol.folds, shuffle=True, random_state=seed).split(X, y)
    for train, test in split:
        row = _fit(model, data, (X, y, train, test), seed, renew)
        yield row
        if row["status"] != "ended":
            return


def _fit(model, data, rows, seed, renew):
    X, y, train, test = rows
    n_features, n_classes = data.n_components or X.shape[1], len(np.unique(y))
    if model in PEERS and n_features > _MOST_QUBITS:
        told = f"takes a qubit a feature: {n_features}, more than {_MOST_QUBITS}"
        return {"status": "not tried", "told": told}
    if model in PEERS and n_classes > 2 and PEERS[model].binary:
        return {"status": "not tried", "told": f"two classes only, and these are {n_classes}"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            clf = build(model, n_features, n_classes, seed)
            renew()
            clocks = time.process_time(), time.perf_counter()
            steps = data.steps(seed)
            clf.fit(steps.fit_transform(X[train]) if steps else X[train], y[train])
            seconds = time.process_time() - clocks[0]
            wall = time.perf_counter() - clocks[1]
            renew()
            predicted = clf.predict(steps.transform(X[test]) if steps else X[test])
        except Exception as error:  # whatever another library makes of its defaults
            told = f"{type(error).__name__}: {error}"
            return {"status": "failed", "told": told[:300]}
    row = {
        "status": "ended",
        "accuracy": float(np.mean(np.ravel(predicted) == y[test])),
        "seconds": seconds,
        "wall_seconds": wall,
        "warnings": dict(Counter(warning.category.__name__ for warning in caught)),
    }
    if hasattr(clf, "n_iter_"):
        row["n_iter"] = int(np.max(clf.n_iter_))
    return row


def pace_of(model, name):
    """CPU seconds of fits at today's defaults and at those before, in alternation."""
    data = SETS[name]
    X, y = data.load()
    steps = data.steps(0)
    Z = steps.fit_transform(X) if steps else X
    found = {"seconds": [], "seconds_before": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for turn in range(_PACE_ROUNDS + 1):
            for key, clf in zip(found, pace_pair(model, seed=0), strict=True):
                started = time.process_time()
                clf.fit(Z, y)
                if turn:  # the first only warms caches
                    found[key].append(time.process_time() - started)
                epochs = clf.n_iter_
    now, before = (float(np.median(times)) for times in found.values())
    return {**found, "epochs": int(epochs), "ratio": now / before}


def checks_of(model):
    """What scikit-learn's `check_estimator` says of a model, check by check.

    The checks are those that `check_estimator` runs, one after another, so that one that takes
    too long is counted as that.
    """
    from sklearn.utils import get_tags
    from sklearn.utils.estimator_checks import estimator_checks_generator

    clf = PEERS[model].check() if model in PEERS else build(model, 2, 2, 0)
    found = {"passed": [], "failed": [], "skipped": [], "capped": [], "not_tried": []}
    started = time.process_time()
    # others' progress bars are no output of this command
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        try:
            pairs = list(estimator_checks_generator(clf))
        except Exception as error:  # no estimator of scikit-learn's at all
            return {"status": "cannot be checked", "told": f"{type(error).__name__}: {error}"[:300]}
        # None where a class mixes in scikit-learn's in an order that loses them
        tags = get_tags(clf).classifier_tags
        for estimator, check in pairs:
            if time.process_time() - started > _CHECKS_SECONDS:
                found["not_tried"].append(_name(check))
            else:
                _run_check(estimator, check, found)
    return {
        "status": "checked",
        **found,
        "poor_score": tags is not None and bool(tags.poor_score),
        "predict_proba": hasattr(clf, "predict_proba"),
    }


def _name(check):
    return getattr(check, "func", check).__name__


def _run_check(estimator, check, found):
    from unittest import SkipTest

    name = _name(check)
    try:
        with capped(_CHECK_SECONDS):
            check(estimator)
    except SkipTest:
        found["skipped"].append(name)
    except Capped:
        found["capped"].append(name)
    except Exception as error:  # any way of failing is failing
        found["failed"].append(f"{name}: {type(error).__name__}: {error}"[:250])
    else:
        found["passed"].append(name)
