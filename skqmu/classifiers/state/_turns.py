"""Whose turn it is to change an estimator: one thread at a time, the others wait."""

import functools
import os
from collections import deque
from numbers import Real
from threading import TIMEOUT_MAX, Lock, get_ident
from weakref import WeakKeyDictionary

import numpy as np

from ...exceptions import BusyError, ReentryError

__all__ = ["check_timeout", "exclusive", "turn_of"]


class _Turn:
    """The lock of one estimator, and who holds it."""

    def __init__(self):
        self.lock = Lock()
        self.holder = None  # thread and method

    def refuse_reentry(self, estimator, method):
        thread, held_for = self.holder or (None, None)
        # A holder may be left over where Ctrl-C came between two lines; a lock is not.
        if thread == get_ident() and self.lock.locked():
            raise ReentryError(
                f"{type(estimator).__name__}.{method} was called while {held_for} of the same "
                "estimator runs in the same thread (from a callback, a strategy or a signal "
                f"handler), and would wait for itself for ever. Call it when {held_for} has "
                "returned, or on a copy (copy.deepcopy)."
            )


class _Hold:
    """Context that holds the lock of an estimator; waits for it as long as it is told to."""

    def __init__(self, turn, estimator, method, timeout):
        self.turn = turn
        self.estimator = estimator
        self.method = method
        self.timeout = timeout

    def __enter__(self):
        self.turn.refuse_reentry(self.estimator, self.method)
        took = []
        seconds = -1 if self.timeout is None else min(float(self.timeout), TIMEOUT_MAX)
        try:
            # One call into C: no interrupt comes between taking it and knowing that it is taken.
            deque(map(took.append, map(self.turn.lock.acquire, (True,), (seconds,))), maxlen=0)
            if not took[0]:
                raise self._busy()
            self.turn.holder = (get_ident(), self.method)
        except BaseException:
            if took == [True]:
                self.turn.lock.release()
            raise
        return self

    def _busy(self):
        _, busy_with = self.turn.holder or (None, "a change")
        return BusyError(
            f"{type(self.estimator).__name__}.{self.method} waited timeout={self.timeout!r} "
            f"seconds for {busy_with} in another thread, and nothing was done. Ask again later, "
            "with a longer timeout, or with timeout=None, to queue."
        )

    def __exit__(self, *failure):
        self.turn.holder = None
        self.turn.lock.release()


# Outside the estimators: a lock is no state, and nothing to copy or pickle.
_TURNS: WeakKeyDictionary = WeakKeyDictionary()


def _turns_anew():
    """Let a forked process not wait for a thread that it does not have."""
    global _TURNS
    _TURNS = WeakKeyDictionary()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_turns_anew)


def check_timeout(timeout):
    """Refuse what is no time to wait."""
    if timeout is None:
        return
    number = isinstance(timeout, Real) and not isinstance(timeout, bool | np.bool_)
    if not number or not timeout >= 0:
        raise ValueError(
            f"timeout={timeout!r} must be a number of seconds, at least 0, or None (wait as long "
            "as it takes)."
        )


def turn_of(estimator, method, timeout=None):
    """Context in which nobody else changes the estimator.

    Parameters
    ----------
    estimator : estimator
    method : str
        For whoever is refused meanwhile.
    timeout : float or None, default=None
        Seconds to wait for another thread; None: as long as it takes.

    Raises
    ------
    ReentryError
        This thread holds it already.
    BusyError
        The time is over.
    """
    check_timeout(timeout)
    turn = _TURNS.setdefault(estimator, _Turn())  # one step: two threads get the same
    return _Hold(turn, estimator, method, timeout)


def exclusive(method):
    """Let a method that changes the estimator run in one thread at a time.

    Raises
    ------
    ReentryError
        The method is called from within one that holds the estimator.
    """
    name = method.__name__.strip("_")

    @functools.wraps(method)
    def in_turn(self, *args, **kwargs):
        with turn_of(self, name):
            return method(self, *args, **kwargs)

    return in_turn
