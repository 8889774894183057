"""One stream of sampling noise: reproducible as a sequence, never the same twice.

A backend's results are a function of the place in the stream. Outside a training run that
place is a counter; inside one it is (run, epoch, step, call), so that a run that is resumed
in the middle draws exactly what the undisturbed run would have drawn.

A piece of work that may fail (a fit, a deletion request) draws from a stream that it is lent.
Where it succeeds, that stream takes the place of the one it came from; where it fails, nothing
has to be undone.
"""

import hashlib
import os
from threading import RLock

import numpy as np

__all__ = ["NoiseStream"]

# First element of a draw's key: what kind of place it was drawn at.
_CALL, _RUN, _CHILD, _ASIDE = range(4)

# One for all streams: held for a few additions, never while anything else is waited for. A
# signal handler that predicts must not wait for the thread that it interrupted.
_LOCK = RLock()


def _lock_anew():
    """Let a forked process not wait for a thread that it does not have."""
    global _LOCK
    _LOCK = RLock()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_lock_anew)


class NoiseStream:
    """Source of the noise of every call of one fitted estimator, or of one executable.

    Draws are locked, so that threads that share an estimator share no noise. A pickle
    keeps the place: a copy goes on where the original was. A forked process does too.

    Parameters
    ----------
    seed : int or None, default=None
        None: from the operating system.

    Examples
    --------
    >>> from skqmu.backends import NoiseStream
    >>> stream, again = NoiseStream(0), NoiseStream(0)
    >>> first, second = stream.draw().generate_state(1), stream.draw().generate_state(1)
    >>> bool(first != second), bool(first == again.draw().generate_state(1))
    (True, True)
    """

    def __init__(self, seed=None):
        self._entropy = np.random.SeedSequence(seed).entropy
        self._prefix = ()
        self._n_calls = self._n_runs = self._n_children = 0
        self._place, self._n_here = None, 0
        self._outer = ()
        self._n_lent = 0
        self._n_aside = None  # a number while the stream is lent

    @property
    def name(self):
        """What tells this stream from others: a digest of its seed and descent."""
        described = repr((self._entropy, self._prefix)).encode()
        return hashlib.blake2b(described, digest_size=8).hexdigest()

    def draw(self, salt=None):
        """Advance the stream.

        Parameters
        ----------
        salt : int or None, default=None
            A second seed to mix in: the backend's own.

        Returns
        -------
        numpy.random.SeedSequence
            Never the same twice.
        """
        with _LOCK:
            if self._n_aside is not None:
                key = (_ASIDE, self._n_lent, self._n_aside)
                self._n_aside += 1
            elif self._place is None:
                key = (_CALL, self._n_calls)
                self._n_calls += 1
            else:
                key = (_RUN, *self._place, self._n_here)
                self._n_here += 1
        salted = () if salt is None else (salt,)
        return np.random.SeedSequence(self._entropy, spawn_key=(*self._prefix, *key, *salted))

    def lend(self):
        """Return a stream that goes on from here, for a piece of work that may fail.

        Asked again after a failure, the work draws the same noise, so that a journal finds
        the jobs that were done. What is drawn from this stream meanwhile (predictions beside
        a request) comes from a place of its own, until `take_back`.

        Returns
        -------
        NoiseStream
            To be put in this one's place when the work has succeeded.
        """
        lent = NoiseStream.__new__(NoiseStream)
        with _LOCK:
            self.take_back()  # it may still be lent to work that was cut off
            vars(lent).update(vars(self), _n_lent=self._n_lent + 1, _n_aside=None)
            self._n_aside = 0
        return lent

    def take_back(self):
        """Go on where the stream was when it was lent: the work has failed."""
        with _LOCK:
            if self._n_aside:
                self._n_lent += 1
            self._n_aside = None

    def begin_run(self):
        """Enter a training run of its own: from here `at` says where draws are made."""
        with _LOCK:
            run, self._n_runs = self._n_runs, self._n_runs + 1
            self._outer = (*self._outer, (self._place, self._n_here))
            self._place, self._n_here = (run, 0, 0), 0

    def at(self, epoch, step):
        """Go to a step of the current run; step 0 is before the epoch's first step.

        Parameters
        ----------
        epoch, step : int

        Raises
        ------
        RuntimeError
            No run has begun.
        """
        with _LOCK:
            if self._place is None:
                raise RuntimeError("at() belongs between begin_run() and end_run().")
            place = (self._place[0], epoch, step)
            if place != self._place:
                self._place, self._n_here = place, 0

    def end_run(self):
        """Leave the training run; what was around it goes on where it was."""
        with _LOCK:
            *outer, (self._place, self._n_here) = self._outer
            self._outer = tuple(outer)

    def spawn(self):
        """Return a stream that shares no noise with this one (for a copy of the estimator)."""
        child = NoiseStream(0)
        with _LOCK:
            child._entropy = self._entropy
            # A stream that was lent does not see the children that are born meanwhile.
            aside = () if self._n_aside is None else (_ASIDE, self._n_lent)
            child._prefix = (*self._prefix, *aside, _CHILD, self._n_children)
            self._n_children += 1
        return child

    def __getstate__(self):
        with _LOCK:
            return {**vars(self), "_n_aside": None}
