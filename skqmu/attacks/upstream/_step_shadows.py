"""One fitted transformer and its refits on random halves: evidence on each record."""

import pickle

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from ...exceptions import ShadowFitError
from .._cloudpickle import cloudpickle
from .._estimators import settings_of, with_seed
from .._parallel import run_jobs
from .._store import ShadowStore
from ._step_evidence import Evidence
from ._step_influence import Influence, affordable
from ._step_signals import NUMBERS, events_of, numbers_of, state_of

__all__ = ["SIGNALS", "StepEvidence", "calibration_shadows"]

SIGNALS = (*NUMBERS, "range", "influence")


def calibration_shadows(n_shadows):
    """Return the refits that play the target when probabilities are calibrated."""
    return np.arange(0, n_shadows, max(1, n_shadows // 8))[:8]


class StepEvidence:
    """One step's refits, reduced to statistics of each record of the pool."""

    def __init__(self, attack, step, labels, y, members, seeds):
        asked = not isinstance(attack.signals, str) or attack.signals != "auto"
        wanted = np.atleast_1d(attack.signals).tolist() if asked else SIGNALS
        self._pool, self._labels, self._y, self._n_jobs = step.X, labels, y, attack.n_jobs
        template = clone(step.transformer)
        shown = numbers_of(step.transformer, step.X, step.X, y, y)
        names = [name for name in shown if name in wanted]
        self._store, self._n = ShadowStore(), len(members)
        jobs = (
            (i, template, seeds[i], step.X, labels, y, np.flatnonzero(members[i]), names)
            for i in range(len(members))
        )
        numbers = np.zeros((len(members), len(y), len(names)))
        happens = events_of(step.transformer, step.X).any(axis=0) & ("range" in wanted)
        options = {"n_jobs": attack.n_jobs, "verbose": attack.verbose, "label": step.name}
        for i, model, block, events in run_jobs(_refit, jobs, len(members), **options):
            self._store.write(i, model, {"events": events})
            numbers[i] = block
            happens |= events.any(axis=0) & ("range" in wanted)
        # what is the same for every refit and record (a scaler loses nothing) is no evidence
        tells = np.ptp(numbers, axis=(0, 1)) > 1e-9
        numbers = numbers[:, :, tells]
        self._names = [name for name, kept in zip(names, tells, strict=True) if kept]
        self._events_kept = happens
        self._influence, projections = self._influences(
            step, template, seeds[0], members, wanted, asked
        )
        if self._influence is not None:
            numbers = np.dstack((numbers, projections))
        events = self._store.outputs("events", len(members))
        blocks = [events.one(i)[:, happens] for i in range(len(members))]
        self._evidence = Evidence(numbers, blocks, members)
        self.signals = [
            *self._names,
            *(["influence"] if self._influence is not None else []),
            *(["range"] if happens.any() else []),
        ]
        everyone = np.arange(len(y))
        self.calibration = np.array(
            [
                self._evidence.score(numbers[s], blocks[s], everyone, without=s)
                for s in calibration_shadows(len(members))
            ]
        )

    def _influences(self, step, template, seed, members, wanted, asked):
        half = np.flatnonzero(members[0])
        width = step.X.shape[1] if getattr(step.X, "ndim", 1) == 2 else 1
        if "influence" not in wanted or not (asked or affordable(len(self._y), half.size, width)):
            return None, None
        states = [state_of(self._model(i)) for i in range(len(members))]
        influence = Influence(
            template, seed, step.X, self._labels, half, states, state_of(step.transformer)
        )
        if influence.empty:
            return None, None
        at = np.arange(len(self._y))
        return influence, influence.project(step.X, self._labels, at, self._n_jobs)[:-1]

    def _model(self, index):
        return pickle.loads(self._store.model(index))

    def _numbers(self, model, X, y):
        shown = numbers_of(model, X, self._pool, y, self._y)
        return np.column_stack([shown[name] for name in self._names] or [np.zeros((len(y), 0))])

    def _events(self, model, X):
        return events_of(model, X)[:, self._events_kept]

    def score(self, step, labels, y, at):
        """Return log-likelihood ratios of rows that reach the step under attack."""
        total = np.zeros(len(y))
        for mask in (at >= 0, at < 0):
            rows = np.flatnonzero(mask)
            if not rows.size:
                continue
            X = _safe_indexing(step.X, rows)
            numbers, events = (
                self._numbers(step.transformer, X, y[rows]),
                self._events(step.transformer, X),
            )
            projected = None
            if self._influence is not None:
                projected = self._influence.project(X, labels[rows], at[rows], self._n_jobs)
                numbers = np.column_stack((numbers, projected[-1]))
            if at[rows[0]] >= 0:
                total[rows] = self._evidence.score(numbers, events, at[rows])
            else:
                total[rows] = self._outside(X, y[rows], numbers, events, projected)
        return total

    def _outside(self, X, y, numbers, events, projected):
        shown, kinds = [], []
        for i in range(self._n):
            model = self._model(i)
            block = self._numbers(model, X, y)
            if projected is not None:
                block = np.column_stack((block, projected[i]))
            shown.append(block)
            kinds.append(self._events(model, X))
        return self._evidence.score_outside(numbers, events, np.array(shown), kinds)


def _refit(i, template, seed, X, labels, y, rows, names):
    """Fit one clone, in a worker; return its pickle and what it shows of the pool."""
    step = with_seed(clone(template), seed)
    try:
        part = _safe_indexing(X, rows)
        step.fit(part, labels[rows])
        shown = numbers_of(step, X, X, y, y)
        numbers = np.column_stack([shown[n] for n in names] or [np.zeros((len(y), 0))])
        return i, cloudpickle.dumps(step), numbers, events_of(step, X)
    except Exception as error:
        raise ShadowFitError(
            f"{settings_of(template)} could not be refitted on {rows.size} of {len(y)} records: "
            f"{type(error).__name__}: {error}"
        ) from error
