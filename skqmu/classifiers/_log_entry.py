"""The entry of a deletion request in the log, from its begin to its end, whatever that is."""

import time
from contextlib import contextmanager
from contextvars import ContextVar

from ..exceptions import TrainingDivergedError, UnlearningWarning

__all__ = ["LogEntry", "notes_of_senders", "noting"]


# What whoever passes a request on has to say about it, for the entry in the log.
_NOTES = ContextVar("notes_of_senders", default=())


@contextmanager
def noting(*notes):
    """Context in which a request that is honoured has these notes in its entry."""
    token = _NOTES.set((*notes_of_senders(), *notes))
    try:
        yield
    finally:
        _NOTES.reset(token)


def notes_of_senders():
    """Notes of the contexts around the request."""
    return _NOTES.get()


class LogEntry:
    """What is said of one request, by whichever way it is carried out.

    Parameters
    ----------
    strategy : str
        Its class's name.
    params : dict
    kind : {"exact", "certified", "approximate"}
    **more : object
        Facts that are known from the start.

    Attributes
    ----------
    facts : dict
        The entry itself.
    rows_known : bool
        Whether the request was found to be one: what is wrong by itself is none.
    """

    def __init__(self, strategy, params, kind, **more):
        self._started = time.perf_counter()
        self._senders = notes_of_senders()
        self.rows_known = False
        self._known = None  # what was known before it ended
        self.facts = {
            "strategy": strategy,
            "params": params,
            "kind": kind,
            "status": "done",
            "n_requested": None,
            "n_forget": None,
            "n_retain": None,
            "classes_removed": [],
            **more,
        }

    def found(self, *, n_more, n_forget, n_retain, classes_removed, **more):
        """Write down whom it concerns; `n_more` of the rows are copies that were not named."""
        self.rows_known = True
        self.facts.update(
            n_requested=n_forget - n_more,
            n_forget=n_forget,
            n_retain=n_retain,
            classes_removed=classes_removed,
            **more,
        )

    def done(self, *, notes, **facts):
        """Write down how it ended; returns the entry. Until it is committed, that is a wish."""
        self._known = dict(self.facts)
        self.facts.update(seconds=self._seconds(), **facts, notes=[*notes, *self._senders])
        return self.facts

    def failed(self, error, **costs):
        """Write down what ended it; returns the entry, with no claim and no result."""
        if self._known is not None:
            self.facts = self._known
        self.facts.update(
            **costs,
            status=_status_of(error),
            error=f"{type(error).__name__}: {error}",
            seconds=self._seconds(),
        )
        return self.facts

    def is_none(self, error):
        """Whether an error says that there was no request: what was asked is wrong by itself."""
        wrong = isinstance(error, ValueError | TypeError | UnlearningWarning)
        return wrong and not self.rows_known

    def _seconds(self):
        return time.perf_counter() - self._started


def _status_of(error):
    """What the log calls a request that ended in this."""
    if isinstance(error, TrainingDivergedError):
        return "diverged"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
