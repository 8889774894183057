"""One stream of sampling noise: reproducible as a sequence, never the same twice.

A backend's results are a function of the place in the stream. Outside a training run that
place is a counter; inside one it is (run, epoch, step, call), so that a run that is resumed
in the middle draws exactly what the undisturbed run would have drawn.
"""

import hashlib
from contextlib import contextmanager
from threading import Lock

import numpy as np

__all__ = ["NoiseStream"]

# First element of a draw's key: what kind of place it was drawn at.
_CALL, _RUN, _CHILD = range(3)


class NoiseStream:
    """Source of the noise of every call of one fitted estimator, or of one executable.

    Draws are locked, so that threads that share an estimator share no noise. A pickle
    keeps the place: a copy goes on where the original was.

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
        self._lock = Lock()

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
        with self._lock:
            if self._place is None:
                key = (_CALL, self._n_calls)
                self._n_calls += 1
            else:
                key = (_RUN, *self._place, self._n_here)
                self._n_here += 1
        salted = () if salt is None else (salt,)
        return np.random.SeedSequence(self._entropy, spawn_key=(*self._prefix, *key, *salted))

    @contextmanager
    def undone_on_failure(self):
        """Context of a piece of work that is as if it had never begun when it fails.

        Asked again, it draws the same noise, so that a journal finds the jobs that were done.
        Nothing else may draw meanwhile.
        """
        before = self.__getstate__()
        try:
            yield
        except BaseException:
            with self._lock:
                vars(self).update(before)
            raise

    def begin_run(self):
        """Enter a training run of its own: from here `at` says where draws are made."""
        with self._lock:
            run, self._n_runs = self._n_runs, self._n_runs + 1
            self._outer = (*self._outer, (self._place, self._n_here))
            self._place, self._n_here = (run, 0, 0), 0

    def at(self, epoch, step):
        """Go to a step of the current run; step 0 is before the epoch's first step."""
        with self._lock:
            if self._place is None:
                raise RuntimeError("at() belongs between begin_run() and end_run().")
            place = (self._place[0], epoch, step)
            if place != self._place:
                self._place, self._n_here = place, 0

    def end_run(self):
        """Leave the training run; what was around it goes on where it was."""
        with self._lock:
            *outer, (self._place, self._n_here) = self._outer
            self._outer = tuple(outer)

    def spawn(self):
        """Return a stream that shares no noise with this one (for a copy of the estimator)."""
        child = NoiseStream(0)
        with self._lock:
            child._entropy = self._entropy
            child._prefix = (*self._prefix, _CHILD, self._n_children)
            self._n_children += 1
        return child

    def __getstate__(self):
        with self._lock:
            return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state):
        vars(self).update(state)
        self._lock = Lock()
