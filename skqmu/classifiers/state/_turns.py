"""Whose turn it is to change an estimator: one thread at a time, the others wait."""

import functools
import inspect
import os
from collections import deque
from numbers import Real
from threading import TIMEOUT_MAX, Lock, get_ident
from weakref import WeakKeyDictionary

import numpy as np

from ...exceptions import BusyError, ReentryError

__all__ = ["exclusive"]


class _Turn:
    """The lock of one estimator, and who holds it."""

    def __init__(self):
        self.lock = Lock()
        self.holder = None  # thread and method
        # A context that releases the lock. Its two methods are C: no interrupt comes between their
        # begin and what they do, as it could in a function of Python.
        held = {"__enter__": self.lock.locked, "__exit__": self.lock.__exit__}
        self.held = type("Held", (), held)()

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

    def refuse_to_wait(self, estimator, method, timeout):
        _, busy_with = self.holder or (None, "a change")
        raise BusyError(
            f"{type(estimator).__name__}.{method} waited timeout={timeout!r} seconds for "
            f"{busy_with} in another thread, and nothing was done. Ask again later, with a longer "
            "timeout, or with timeout=None, to queue."
        )


# Outside the estimators: a lock is no state, and nothing to copy or pickle.
_TURNS: WeakKeyDictionary = WeakKeyDictionary()


def _turns_anew():
    """Let a forked process not wait for a thread that it does not have."""
    global _TURNS
    _TURNS = WeakKeyDictionary()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_turns_anew)


def _seconds(timeout):
    """What a lock takes as a timeout; refuses what is no time to wait."""
    if timeout is None:
        return -1
    number = isinstance(timeout, Real) and not isinstance(timeout, bool | np.bool_)
    if not number or not timeout >= 0:
        raise ValueError(
            f"timeout={timeout!r} must be a number of seconds, at least 0, or None (wait as long "
            "as it takes)."
        )
    return min(float(timeout), TIMEOUT_MAX)


def exclusive(method):
    """Let a method that changes the estimator run in one thread at a time.

    Where the method has a parameter `timeout`, it is the time to wait for other threads, in
    seconds; None: as long as it takes.

    Raises
    ------
    ReentryError
        The method is called from within one that holds the estimator.
    BusyError
        The time to wait is over.
    """
    name = method.__name__.strip("_")
    waits = "timeout" in inspect.signature(method).parameters

    @functools.wraps(method)
    def in_turn(self, *args, **kwargs):
        timeout = kwargs.pop("timeout", None) if waits else None
        seconds = _seconds(timeout)
        turn = _TURNS.setdefault(self, _Turn())  # one step: two threads get the same
        turn.refuse_reentry(self, name)
        took = []
        try:
            # One call into C: no interrupt comes between taking it and knowing that it is taken.
            deque(map(took.append, map(turn.lock.acquire, (True,), (seconds,))), maxlen=0)
        except BaseException:
            if took == [True]:
                turn.lock.release()
            raise
        if took == [False]:
            turn.refuse_to_wait(self, name, timeout)
        with turn.held:
            turn.holder = (get_ident(), name)
            try:
                return method(self, *args, **kwargs)
            finally:
                turn.holder = None

    return in_turn
