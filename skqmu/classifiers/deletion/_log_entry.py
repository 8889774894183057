"""The entry of a deletion request in the log, from its begin to its end, whatever that is."""

import hashlib
import time
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

import joblib
import numpy as np

from ..._identity import described
from ...exceptions import TrainingDivergedError, UnlearningWarning

__all__ = ["LogEntry", "LoggedRequest", "digest_of", "noting", "shortened"]

# Epochs of a mechanism that the log keeps: the course of it, not each step.
_MOST_EPOCHS = 3

# What an entry prints of itself.
_SHOWN = ("strategy", "kind", "status", "error", "n_forget", "n_retain", "seconds")

# What whoever passes a request on has to say about it, for the entry in the log.
_NOTES: ContextVar[tuple] = ContextVar("notes_of_senders", default=())


@contextmanager
def noting(*notes):
    """Context in which a request that is honoured has these notes in its entry."""
    token = _NOTES.set((*_NOTES.get(), *notes))
    try:
        yield
    finally:
        _NOTES.reset(token)


def digest_of(model):
    """Digest of parameters: an array, a model's `params_`, or all that another model holds."""
    params = getattr(model, "params_", model)
    if not isinstance(params, np.ndarray):
        return joblib.hash(model)
    return hashlib.blake2b(np.ascontiguousarray(params).tobytes(), digest_size=16).hexdigest()


class LoggedRequest(dict):
    """An entry of `unlearning_log_`: a dict that prints small.

    Examples
    --------
    >>> from skqmu.classifiers.deletion import LoggedRequest
    >>> entry = {"strategy": "FineTune", "status": "done", "n_forget": 3, "notes": ["two words"]}
    >>> LoggedRequest(entry)
    <request: strategy='FineTune', status='done', n_forget=3; a dict with notes, too>
    >>> LoggedRequest(entry) == entry
    True
    """

    __slots__ = ()

    def __repr__(self):
        shown = [f"{name}={self[name]!r}" for name in _SHOWN if self.get(name) is not None]
        others = [str(name) for name in self if name not in _SHOWN and self[name] not in ([], None)]
        more = f"; a dict with {', '.join(others)}, too" if others else ""
        return f"<request: {', '.join(shown)}{more}>"


class LogEntry:
    """What is said of one request, by whichever way it is carried out: plain JSON.

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
        self._senders = _NOTES.get()
        self.rows_known = False
        self._known = None  # what was known before it ended
        self.facts = LoggedRequest(
            {
                "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "strategy": strategy,
                "params": _plain(described(params)),
                "kind": kind,
                "status": "done",
                "n_requested": None,
                "n_forget": None,
                "n_retain": None,
                "classes_removed": [],
                **more,
            }
        )

    def found(self, *, n_more, n_forget, n_retain, classes_removed, **more):
        """Write down whom it concerns; `n_more` of the rows are copies that were not named."""
        self.rows_known = True
        self.facts.update(
            n_requested=n_forget - n_more,
            n_forget=n_forget,
            n_retain=n_retain,
            classes_removed=_plain(classes_removed),
            **_plain(more),
        )

    def done(self, *, notes, certificate, **facts):
        """Write down how it ended; returns the entry. Until it is committed, that is a wish."""
        self._known = LoggedRequest(self.facts)
        if certificate is not None:
            # What its kind means stands in its class, not in each entry.
            told = {**certificate.to_dict(), "scope": None}
            certificate = {name: value for name, value in told.items() if value is not None}
        notes = [*notes, *self._senders]
        facts = _plain({**facts, "certificate": certificate, "notes": notes})
        self.facts.update(seconds=self._seconds(), **facts)
        return self.facts

    def failed(self, error, **costs):
        """Write down what ended it; returns the entry, with no claim and no result."""
        if self._known is not None:
            self.facts = self._known
        if isinstance(error.__cause__, TrainingDivergedError):
            error = error.__cause__
        self.facts.update(
            **_plain(costs),
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
        return round(time.perf_counter() - self._started, 6)


def shortened(history):
    """Losses of some epochs of a history, evenly chosen, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(history) - 1, _MOST_EPOCHS).round().astype(int))
    return [
        {"epoch": row["epoch"], "loss": float(f"{row['loss']:.4g}")}
        for row in (history[i] for i in chosen if history)
    ]


def _plain(value):
    """A value as JSON holds it; None for what is no number."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _status_of(error):
    """What the log calls a request that ended in this."""
    if isinstance(error, TrainingDivergedError):
        return "diverged"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
