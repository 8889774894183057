"""Files and cache entries of a state that is over: named by the next one until they are gone.

A leftover is an object with `discard`, which deletes what it stands for and returns what is to be
said about it, a list of str. A failure must not cost the old state its files, so that they are
deleted only when the new one is in place; where an interrupt comes in between, whoever changes
the estimator next does it.
"""

from dataclasses import replace

from ._attributes import fitted_state
from ._placing import put_in_place

__all__ = ["sweep", "with_notes"]


def sweep(estimator):
    """Delete what the state before has left, and say so in the last entry of the log."""
    fitted = fitted_state(estimator)
    if fitted is None or not fitted.leftovers:
        return
    notes = [note for leftover in fitted.leftovers for note in leftover.discard()]
    after = {**vars(estimator), "_fitted": replace(fitted, leftovers=())}
    places = [(estimator, after)]
    if notes:
        # A model around others has no log of its own: theirs is what it shows.
        logger = estimator._logger() if hasattr(estimator, "_logger") else estimator
        log = vars(logger).get("unlearning_log_")
        if log:
            state = after if logger is estimator else dict(vars(logger))
            state["unlearning_log_"] = with_notes(log, notes)
            places = [(estimator, after), *[(logger, state)] * (logger is not estimator)]
    put_in_place(places)


def with_notes(log, notes):
    """The log with more notes in its last entry."""
    *earlier, last = log
    said = {**last, "notes": [*last.get("notes", ()), *notes]}
    return [*earlier, type(last)(said)]
