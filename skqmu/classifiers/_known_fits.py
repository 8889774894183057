"""Fits that an experiment has seen in this process: candidates of a search share them.

Candidates that differ only in how they forget fit the same model on the same rows with the same
seed, fold by fold, and the same oracles. What such a fit brings is kept here, by a digest of all
that it depends on: parameter vectors and numbers of the history, no row and no label. What was
trained on a row knows of it, all the same: a deletion request and a release, anywhere in the
process, drop everything.
"""

import multiprocessing
from collections import OrderedDict
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from threading import Lock

import numpy as np

from .._identity import Unidentifiable, digest
from .._versions import numeric_versions
from .state import fitted_state

__all__ = ["are_shared", "forget_known_fits", "known_or_made", "sharing_fits"]

_SHARING: ContextVar[bool] = ContextVar("sharing_fits", default=False)
# of a search over many folds with some oracles each; a QNN's fit takes a few kilobytes
_MOST_FITS = 256
_MOST_BYTES = 32 * 2**20


class _KnownFits:
    """Results of fits by their digests; those that were asked for least recently go first."""

    def __init__(self):
        self._lock = Lock()
        self._found = OrderedDict()

    def get(self, name):
        """Return a result that nobody else changes, or None."""
        with self._lock:
            result = self._found.get(name)
            if result is None:
                return None
            self._found.move_to_end(name)
        return _own(result)

    def put(self, name, result):
        """Keep a result."""
        with self._lock:
            self._found[name] = _own(result)
            while len(self._found) > _MOST_FITS or self._size() > _MOST_BYTES:
                self._found.popitem(last=False)

    def clear(self):
        """Keep nothing."""
        with self._lock:
            self._found.clear()

    def __len__(self):
        return len(self._found)

    def _size(self):
        # moments are two vectors more, at most, and importances as many as there are kinds
        return sum(result.params.nbytes * (3 + len(result.importances)) + len(result.history) * 300
                   for result in self._found.values())  # fmt: skip


_KNOWN = _KnownFits()


def _own(result):
    return replace(
        result,
        params=result.params.copy(),
        history=[dict(row) for row in result.history],
        held_out=result.held_out.copy(),
        cost=dict(result.cost),
        importances=dict(result.importances),
    )


@contextmanager
def sharing_fits():
    """Context of an experiment, whose fits may be those of an earlier one.

    Only in a process that the user's requests are made in: a worker's fits would outlive them.
    """
    token = _SHARING.set(multiprocessing.current_process().name == "MainProcess")
    try:
        yield
    finally:
        _SHARING.reset(token)


def are_shared():
    """Whether an experiment is at work, in a process where it may share fits."""
    return _SHARING.get()


def forget_known_fits():
    """Drop all fits that are kept; an experiment's own forgetting, which is none, drops nothing."""
    if not are_shared():
        _KNOWN.clear()


def known_or_made(estimator, data, seed, course):
    """What a fit of rows brings: known, or made by its course and kept.

    Parameters
    ----------
    estimator : classifier
        Working copy that knows its structure.
    data : FitData
    seed : numpy.random.SeedSequence
    course : generator
        See `fit_course`.

    Yields
    ------
    tuple of (TrainingRun, list of Hook)
        What the course does.

    Returns
    -------
    FitResult
    """
    name = _name(estimator, data, seed)
    result = None if name is None else _KNOWN.get(name)
    if result is not None:
        course.close()
        noise = fitted_state(estimator).noise
        noise.begin_run()  # what is drawn later is drawn where it would have been
        noise.end_run()
        return result
    result = yield from course
    # a log of updates names rows, and a solved head is made of sums over them
    plain = result.updates is None and result.head_state is None and result.stopped is None
    if name is not None and plain:
        _KNOWN.put(name, result)
    return result


def _name(estimator, data, seed):
    """Digest of all that a fit depends on; None where that cannot be told, or is more than that."""
    told = estimator.log_updates or estimator.verbose or estimator.checkpoint is not None
    if told or not estimator._backend().exact or getattr(estimator, "_skl_callbacks", None):
        return None
    state = fitted_state(estimator)
    if state.settings["random_state"] is None:
        return None  # nobody will come with the same seed
    try:
        return digest(
            numeric_versions(),
            type(estimator),
            dict(state.settings),
            dict(state.structure),
            (seed.entropy, seed.spawn_key),
            np.asarray(estimator.classes_),
            data.X,
            data.labels,
            data.weights,
            data.n_classes,
        )
    except Unidentifiable:
        return None
