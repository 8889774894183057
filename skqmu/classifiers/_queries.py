"""Count repeated queries: K answers with N shots each are one answer with K N shots.

The counts live beside the estimators, not in them: `predict` must change no attribute, and
a pickle of a classifier must not say who asked it what.
"""

import hashlib
import os
from threading import Lock
from weakref import WeakKeyDictionary

from .state import fitted_state

__all__ = ["count_query", "query_report"]

_KEY = os.urandom(16)
_MOST_ROWS = 1_000_000
_LEDGERS: WeakKeyDictionary = WeakKeyDictionary()
_LOCK = Lock()


class _Ledger:
    """Queries of one fit of one estimator."""

    def __init__(self, fitted):
        self.fitted = fitted
        self.n_calls = self.n_rows = self.shots = 0
        self.complete = True
        self.rows = {}

    def add(self, X, shots_a_row):
        self.n_calls += 1
        self.n_rows += len(X)
        if not shots_a_row:
            return
        self.shots += shots_a_row * len(X)
        for row in X:
            digest = hashlib.blake2b(row.tobytes(), digest_size=8, key=_KEY).digest()
            if digest not in self.rows and len(self.rows) >= _MOST_ROWS:
                self.complete = False
                continue
            n_queries, n_shots = self.rows.get(digest, (0, 0))
            self.rows[digest] = (n_queries + 1, n_shots + shots_a_row)


def _lock_anew():
    """Let a forked process not wait for a thread that it does not have."""
    global _LOCK
    _LOCK = Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_lock_anew)


def count_query(estimator, structure, network, X):
    """Write down one call of a prediction method, answered by the fit with that structure."""
    shots = sum(e.shots_a_row for e in network.executables if e.spent is not None)
    with _LOCK:
        if (
            getattr(fitted_state(estimator), "structure", None) is structure
        ):  # else of a fit that is over
            _ledger(estimator, structure).add(X, shots)


def query_report(estimator, structure):
    """The counts as a dict; see `PredictingMixin.query_report`."""
    with _LOCK:
        ledger = _ledger(estimator, structure)
        counts = list(ledger.rows.values())
    return {
        "n_calls": ledger.n_calls,
        "n_rows": ledger.n_rows,
        "n_distinct_rows": len(counts),
        "n_repeated_rows": sum(n > 1 for n, _ in counts),
        "max_queries_per_row": max((n for n, _ in counts), default=0),
        "max_shots_per_row": max((shots for _, shots in counts), default=0),
        "shots": ledger.shots,
        "complete": ledger.complete,
    }


def _ledger(estimator, structure):
    """The ledger since the last fit (a fit makes a new structure)."""
    known = _LEDGERS.get(estimator)
    if known is None or known.fitted is not structure:
        known = _LEDGERS[estimator] = _Ledger(structure)
    return known
