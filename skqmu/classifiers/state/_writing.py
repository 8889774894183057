"""The state of an estimator: taken whole, changed by one at a time, put in place at once.

Whoever changes a fitted estimator works on a copy of it. Where the work fails, the copy is
dropped; where it succeeds, the estimator gets the new state by one assignment. So nothing has
to be undone after a failure or Ctrl-C, and a prediction in another thread, or a pickle, has the
state before or the state after. Writers wait for each other; readers wait for nobody.
"""

import functools
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from sklearn.base import clone

from ._attributes import fitted_state, origin
from ._leftovers import sweep
from ._placing import put_in_place

__all__ = ["OutdatedError", "Writing", "as_fitted", "changing_along", "reads"]

# (estimator, function) each: what changes at the same moment as the estimator.
_ALONG: ContextVar[tuple] = ContextVar("along", default=())


@contextmanager
def changing_along(estimator, places):
    """Context in which an estimator's commit changes other objects at the same moment.

    Parameters
    ----------
    estimator : estimator
    places : callable
        Asked at the commit, without arguments: a list of (object, dict).
    """
    token = _ALONG.set((*_ALONG.get(), (estimator, places)))
    try:
        yield
    finally:
        _ALONG.reset(token)


def _copy_of(estimator, settings):
    state = dict(vars(estimator))  # one step: no other thread gets between two attributes
    state.setdefault("_origin", estimator)
    if settings:
        state.update(getattr(state.get("_fitted"), "settings", {}))
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

    What the state before has left is swept before and after. Whoever begins it holds the
    estimator (see `exclusive`).

    Parameters
    ----------
    estimator : estimator
    fitted_params : bool, default=False
        Whether the work goes by the parameters that the estimator was fitted with (what
        `set_params` sets afterwards acts at the next fit) or by those that it has now.
    """

    def __init__(self, estimator, *, fitted_params=False):
        sweep(estimator)
        super().__init__(estimator, fitted_params=fitted_params)
        self._start = dict(vars(self.model))
        self._placed = []
        self._noise = getattr(fitted_state(self.model), "noise", None)
        if self._noise is not None:
            self.model._become(noise=self._noise.lend())

    def __exit__(self, *failure):
        super().__exit__(*failure)
        if self.committed:
            sweep(self.estimator)
        elif self._noise is not None:
            self._noise.take_back()

    @property
    def committed(self):
        """Whether the estimator has the new state: it has all of it, or nothing."""
        return any(vars(self.estimator) is state for state in self._placed)

    def commit(self):
        """Give the estimator what the work has changed, by one assignment.

        What others set meanwhile (parameters, callbacks) stays; parameters are none of it.
        """
        self._place(self._state_after())

    def places(self):
        """What a commit would put in place, for one that is made elsewhere: [(object, dict)]."""
        state = self._state_after()
        self._placed = [*self._placed, state]
        return [(self.estimator, state)]

    def _state_after(self):
        after, start = dict(vars(self.model)), self._start
        params = getattr(after.get("_fitted"), "settings", {})
        changed = {
            name: value
            for name, value in after.items()
            if name not in params and (name not in start or start[name] is not value)
        }
        now = vars(self.estimator)
        kept = {name: now[name] for name in list(now) if name in after or name not in start}
        self._start = after
        return {**kept, **changed}

    def become(self, fresh, changes, beside=()):
        """Give the estimator what `fit` has given to a clone of it, by one assignment.

        Parameters
        ----------
        fresh : estimator
            Fitted.
        changes : dict
            Of its state; see `StateMixin._become`.
        beside : sequence of (object, dict)
            Other objects, with the attributes that they get at the same moment.
        """
        unfitted = vars(clone(fresh))
        changed = _copy_of(fresh, settings=False)
        changed._become(**changes)
        now = vars(self.estimator)
        state = {
            **{name: value for name, value in list(now.items()) if name in unfitted},
            **{name: value for name, value in vars(changed).items() if name not in unfitted},
        }
        del state["_origin"]
        self._place(state, beside)

    def _place(self, state, beside=()):
        asked = [places for each, places in _ALONG.get() if each is self.estimator]
        along = [place for places in asked for place in places()]
        self._placed = [*self._placed, state]
        put_in_place([*beside, *along, (self.estimator, state)])

    def log(self, entry):
        """Append to the estimator's log: what a piece of work that failed leaves behind."""
        # (not by its name: a model around others may show their log under it)
        vars(self.estimator)["unlearning_log_"] = [*self.estimator.unlearning_log_, entry]


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
