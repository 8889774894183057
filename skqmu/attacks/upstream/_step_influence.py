"""A record's trace in the numbers that a transformer learned, found by putting it in."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from .._estimators import with_seed
from .._parallel import run_jobs
from ._step_signals import state_of

__all__ = ["Influence", "affordable"]

# above so many entries that the refits read, "auto" does without them
_MOST_READ = 5e7


def affordable(n_records, n_rows, width):
    """Whether one refit a record is cheap enough to be made unasked."""
    return n_records * n_rows * width <= _MOST_READ


class Influence:
    """Projections of learned numbers on the change that each record makes.

    With s the numbers of a step (means, scores, encodings, in one vector), mu and v their
    mean and variance over refits, and D_i the change of s when record i joins (or leaves)
    one fixed half of the pool: u_i(s) = sum D_i (s - mu) / v / sqrt(sum D_i^2 / v).

    Parameters
    ----------
    template : unfitted transformer
    seed : numpy.random.SeedSequence
        Of the refits, the same for all, so that only the record differs.
    X : rows of the pool, as they reach the step
    y : ndarray of labels
    rows : ndarray of int
        The fixed half.
    states : list of dict
        Of the step's refits, the first one on `rows` with `seed`.
    state : dict
        Of the step under attack.
    """

    def __init__(self, template, seed, X, y, rows, states, state):
        self._template, self._seed, self._X, self._y = template, seed, X, y
        self._rows = np.asarray(rows)
        self._names = [
            name
            for name, value in sorted(state.items())
            if all(name in s and s[name].shape == value.shape for s in states)
        ]
        refits = np.array([self._vector(s) for s in states])
        mean, variance = refits.mean(axis=0), refits.var(axis=0)
        # differences within rounding are none
        self._live = variance > 1e-24 * (1 + mean**2)
        self._mean, self._variance = mean[self._live], variance[self._live]
        self._base = self._vector(states[0])[self._live]
        everyone = np.vstack((refits, self._vector(state)))
        self._states = everyone[:, self._live] - self._mean

    def _vector(self, state):
        return np.concatenate([state[name] for name in self._names] or [np.zeros(0)])

    @property
    def empty(self):
        """Whether the step learned no numbers that every refit has."""
        return not self._live.any()

    def project(self, X, y, at, n_jobs=None):
        """Return u of every refit, then of the step under attack, shape (K + 1, n).

        Parameters
        ----------
        X : rows as they reach the step
        y : ndarray of shape (n,)
        at : ndarray of int of shape (n,)
            Position of each row in the pool, -1 for others.
        """
        size = max(1, -(-len(y) // 64))
        chunks = [np.arange(i, min(i + size, len(y))) for i in range(0, len(y), size)]
        jobs = ((k, _safe_indexing(X, c), y[c], at[c]) for k, c in enumerate(chunks))
        found = np.zeros((len(self._states), len(y)))
        for k, part in run_jobs(self._chunk, jobs, len(chunks), n_jobs=n_jobs):
            found[:, chunks[k]] = part
        return found

    def _chunk(self, k, X, y, at):
        columns = [self._one(_safe_indexing(X, [i]), y[i : i + 1], at[i]) for i in range(len(y))]
        return k, np.column_stack(columns)

    def _one(self, X, y, at):
        inside = at >= 0 and at in self._rows
        kept = self._rows[self._rows != at] if inside else self._rows
        rows, labels = _safe_indexing(self._X, kept), self._y[kept]
        if not inside:
            rows, labels = _stack(rows, X), np.concatenate((labels, y))
        step = with_seed(clone(self._template), self._seed)
        step.fit(rows, labels)
        state = state_of(step)
        if any(name not in state for name in self._names):
            return np.zeros(len(self._states))
        vector = self._vector(state)
        if vector.shape != self._live.shape:
            return np.zeros(len(self._states))
        change = (self._base - vector[self._live]) * (1 if inside else -1)
        norm = np.sqrt((change**2 / self._variance).sum())
        if not norm > 0 or not np.isfinite(norm):
            return np.zeros(len(self._states))
        return self._states @ (change / self._variance) / norm


def _stack(rows, row):
    from scipy import sparse

    if hasattr(rows, "iloc"):
        import pandas as pd

        return pd.concat((rows, row))
    if sparse.issparse(rows):
        return sparse.vstack((rows, row), format="csr")
    return np.concatenate((rows, row))
