"""The way of every deletion request: match, ask, carry out, measure, commit, log."""

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from ...exceptions import UnlearningWarning
from .._known_fits import forget_known_fits

__all__ = ["Done", "Found", "Way", "carry_out"]


@dataclass(frozen=True)
class Found:
    """Whom a request concerns.

    Parameters
    ----------
    n_forget : int
    n_more : int
        How many of them are copies that the request does not name.
    n_retain : int or None
        None: no retained rows are at hand.
    classes_removed : list
    asked : object
        What the way itself wants to know of the rows when it carries the request out.
    facts : dict
        More for the log.
    """

    n_forget: int
    n_more: int
    n_retain: int | None
    classes_removed: list
    asked: Any
    facts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What carrying a request out has brought; nothing of it is in place yet.

    Parameters
    ----------
    facts : dict
        For the log; ``certificate`` among them.
    notes : list of str
        What the sender of the request must know.
    changes : dict
        Of the estimator's state.
    fresh : estimator or None
        Fitted anew, to take the estimator's place.
    beside : list of (object, dict)
        Other objects, with the attributes that they get at the same moment.
    """

    facts: dict
    notes: list
    changes: dict
    fresh: Any = None
    beside: list = field(default_factory=list)


class Way(ABC):
    """How one kind of estimator honours a request.

    A way is made of the estimator's working copy and the request's arguments, and used once.
    """

    @abstractmethod
    def entry(self):
        """The `LogEntry` of the request, with what is known before it begins."""

    @abstractmethod
    def match(self):
        """Find the rows and check that all that is needed is at hand; returns `Found`."""

    @abstractmethod
    def carry_out(self, found):
        """Do the work, off the estimator, and measure it; returns `Done`."""

    @abstractmethod
    def costs(self):
        """What has been spent by now, for the log; None: no work has begun."""

    def undo(self):
        """Remove what work that failed has left behind."""
        return


def carry_out(work, way):
    """Honour a request: all of it, or nothing but an entry in the log that says what was spent.

    Parameters
    ----------
    work : Writing
        On the estimator, with the parameters that it was fitted with.
    way : Way
    """
    forget_known_fits()  # whatever comes of the request: they may know its rows
    entry = way.entry()
    try:
        found = way.match()
        # Before anything is done: who makes warnings errors keeps the copies.
        about_copies = _tell_of_copies(found.n_more, found.n_forget)
        entry.found(
            n_more=found.n_more,
            n_forget=found.n_forget,
            n_retain=found.n_retain,
            classes_removed=found.classes_removed,
            **found.facts,
        )
        done = way.carry_out(found)
        entry.done(notes=[*about_copies, *done.notes], **done.facts, **(way.costs() or {}))
        changes = {
            **done.changes,
            "unlearning_log_": [*work.model.unlearning_log_, entry.facts],
        }
        if done.fresh is None:
            work.model._become(**changes)
            work.commit()
        else:
            work.become(done.fresh, changes, beside=done.beside)
    except BaseException as error:
        if work.committed:
            raise  # an interrupt in the last moment: the request is done
        way.undo()
        costs = way.costs()
        unspent = costs is None and isinstance(error, Exception)
        if not entry.is_none(error) and not unspent:
            work.log(entry.failed(error, **(costs or {})))
        raise


def _tell_of_copies(n_more, n_forget):
    """Warn when more rows go than were named; return what the log says of it."""
    if not n_more:
        return []
    message = (
        f"the request names {n_forget - n_more} rows and means {n_forget}: {n_more} more stored "
        "rows equal them and are forgotten with them. y_forget= restricts copies by label; "
        "index= names single rows."
    )
    warnings.warn(message, UnlearningWarning, stacklevel=5)
    return [message]
