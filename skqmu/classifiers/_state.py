"""The state of an estimator: taken whole, changed by one at a time, put in place at once.

Whoever changes a fitted estimator works on a copy of it. Where the work fails, the copy is
dropped; where it succeeds, the estimator gets the new state by one assignment. So nothing has
to be undone after a failure or Ctrl-C, and a prediction in another thread, or a pickle, has the
state before or the state after. Writers wait for each other; readers wait for nobody.
"""

import copy
import functools
import os
from collections import deque
from contextlib import suppress
from itertools import repeat
from threading import Lock, get_ident
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import clone

from ..exceptions import ReentryError

__all__ = [
    "OutdatedError",
    "StateMixin",
    "Writing",
    "as_fitted",
    "exclusive",
    "origin",
    "put_in_place",
    "reads",
]


# ------------------------------------------------------------------------- one at a time


class _Turn:
    """Whose turn it is to change an estimator."""

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


# Outside the estimators: a lock is no state, and nothing to copy or pickle.
_TURNS: WeakKeyDictionary = WeakKeyDictionary()


def _turns_anew():
    """Let a forked process not wait for a thread that it does not have."""
    global _TURNS
    _TURNS = WeakKeyDictionary()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_turns_anew)


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
        turn = _TURNS.setdefault(self, _Turn())  # one step: two threads get the same
        turn.refuse_reentry(self, name)
        # The lock's own `with`: no interrupt comes between taking it and the duty to release.
        with turn.lock:
            turn.holder = (get_ident(), name)
            try:
                return method(self, *args, **kwargs)
            finally:
                turn.holder = None

    return in_turn


# --------------------------------------------------------------------------- all at once


def put_in_place(states):
    """Give objects their new attributes: all objects all attributes, or none.

    Parameters
    ----------
    states : list of (object, dict)
        The dict becomes the object's ``__dict__``; readers that took the old one keep it.
    """
    objects, dicts = zip(*states, strict=True)
    # Held until all is done: what is freed may run code of its own.
    before = [vars(each) for each in objects]
    # One call into C: neither a signal nor another thread gets between two assignments.
    deque(map(object.__setattr__, objects, repeat("__dict__"), dicts), maxlen=0)
    del before


def origin(estimator):
    """The estimator that a working copy was made of; any other is its own."""
    return vars(estimator).get("_origin", estimator)


def _copy_of(estimator, params):
    state = dict(vars(estimator))  # one step: no other thread gets between two attributes
    state.setdefault("_origin", estimator)
    if params:
        state.update(state.get("_fitted_params", {}))
    twin = object.__new__(type(estimator))
    vars(twin).update(state)
    return twin


class _Copy:
    """Context with a working copy of an estimator, as `model`."""

    def __init__(self, estimator, *, fitted_params):
        self.estimator = estimator
        self.model = _copy_of(estimator, fitted_params)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        give_back = getattr(self.model, "_give_back_networks", None)
        if give_back is not None:
            give_back()


class Writing(_Copy):
    """Context of a piece of work on an estimator; `commit` makes the copy's state its own.

    Parameters
    ----------
    estimator : estimator
    fitted_params : bool, default=False
        Whether the work goes by the parameters that the estimator was fitted with (what
        `set_params` sets afterwards acts at the next fit) or by those that it has now.
    """

    def __init__(self, estimator, *, fitted_params=False):
        super().__init__(estimator, fitted_params=fitted_params)
        self._start = dict(vars(self.model))
        self._placed = []
        self._noise = self._start.get("_noise")
        if self._noise is not None:
            self.model._noise = self._noise.lend()

    def __exit__(self, *failure):
        super().__exit__(*failure)
        if self._noise is not None and not self.committed:
            self._noise.take_back()

    @property
    def committed(self):
        """Whether the estimator has the new state: it has all of it, or nothing."""
        return any(vars(self.estimator) is state for state in self._placed)

    def commit(self):
        """Give the estimator what the work has changed, by one assignment.

        What others set meanwhile (parameters, callbacks) stays; parameters are none of it.
        """
        after, start = dict(vars(self.model)), self._start
        params = after.get("_fitted_params", {})
        changed = {
            name: value
            for name, value in after.items()
            if name not in params and (name not in start or start[name] is not value)
        }
        now = vars(self.estimator)
        kept = {name: now[name] for name in list(now) if name in after or name not in start}
        state = {**kept, **changed}
        self._placed = [*self._placed, state]
        self._start = after
        put_in_place([(self.estimator, state)])

    def become(self, fresh, beside=()):
        """Give the estimator what `fit` has given to a clone of it, by one assignment.

        Parameters
        ----------
        fresh : estimator
            Fitted.
        beside : sequence of (object, dict)
            Other objects, with the attributes that they get at the same moment.
        """
        unfitted = vars(clone(fresh))
        now = vars(self.estimator)
        state = {
            **{name: value for name, value in list(now.items()) if name in unfitted},
            **{name: value for name, value in vars(fresh).items() if name not in unfitted},
        }
        self._placed = [*self._placed, state]
        put_in_place([*beside, (self.estimator, state)])

    def log(self, entry):
        """Append to the estimator's log: what a piece of work that failed leaves behind."""
        self.estimator.unlearning_log_ = [*self.estimator.unlearning_log_, entry]


def as_fitted(estimator):
    """Context with a copy of an estimator as it was at one moment, under ``model``.

    With the parameters that it was fitted with. Nothing that is set on the copy is kept.
    """
    return _Copy(estimator, fitted_params=True)


class OutdatedError(Exception):
    """The state that is being read has been replaced, and its files are gone."""


def reads(method):
    """Let a method that reads fitted attributes see one state, whatever is committed meanwhile."""

    @functools.wraps(method)
    def read(self, *args, **kwargs):
        if origin(self) is not self:  # called by another reader: the same state
            return method(self, *args, **kwargs)
        while True:
            with suppress(OutdatedError), as_fitted(self) as reading:
                return method(reading.model, *args, **kwargs)

    return read


class StateMixin:
    """An estimator whose fitted state is taken whole.

    Its fitted state includes, as `_fitted_params`, the parameters that it was fitted with.
    """

    #: Parameters that no refit reads, or that say how the next request is to be done: they
    #: act at once when they are set after `fit`. All the others act at the next `fit`.
    _live_params: frozenset[str] = frozenset()

    def __getstate__(self):
        return dict(super().__getstate__())

    def _own_params(self):
        """The parameters as they are now, out of the reach of whoever holds their objects."""
        return {
            name: self._own_param(name, value)
            for name, value in self.get_params(deep=False).items()
            if name not in self._live_params
        }

    def _own_param(self, name, value):
        if isinstance(value, np.random.RandomState):
            return getattr(self, "_seed", None)  # what fit drew from it
        watcher = getattr(value, "callback", None)
        if watcher is not None and not hasattr(value, "get_params"):
            # Who watches an optimizer is the user's own: a copy would see all, and they nothing.
            return copy.deepcopy(value, {id(watcher): watcher})
        return clone(value, safe=False)
