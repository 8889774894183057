"""Requests that come one after another to the same model: whose rows, and what comes of order."""

import contextlib
from dataclasses import replace

import numpy as np

from ..attacks.tools import RecordIndex
from ._corrupted_rows import asks_for_bad_rows

__all__ = ["check_sequential", "in_turn", "named_in_error", "with_earlier"]


def check_sequential(sequential, requests):
    """Raise unless requests can come one after another.

    Parameters
    ----------
    sequential : bool
    requests : dict
        By name.
    """
    if not isinstance(sequential, bool):
        raise ValueError(f"sequential={sequential!r} must be True or False.")
    if sequential and len(requests) < 2:
        raise ValueError(
            f"sequential=True needs two requests or more, one after another; forget holds "
            f"{len(requests)}. Pass a list of texts (the same one several times is several "
            "requests) or a dict {name: description}, or leave sequential out."
        )
    bad = [name for name, value in requests.items() if asks_for_bad_rows(value)]
    if sequential and bad:
        raise ValueError(
            f"forget[{bad[0]!r}] makes rows bad before its original is trained, and "
            "sequential=True asks one original for all; use skqmu.datasets.corrupt, and make a "
            "sequence of rows of data.bad."
        )
    kinds = {_exposed(value) for value in requests.values()}
    if sequential and len(kinds) > 1 and kinds != {None}:
        raise ValueError(
            "forget mixes requests for exposed rows ('vulnerable:K' or 'protected:K') with others, "
            "and sequential=True judges all rows forgotten by then together: held-out rows for "
            "comparison are either chosen by exposure or not. Make a sequence of each."
        )


def _exposed(value):
    """Which end of a first attack's ranking a request means; None: it means rows otherwise."""
    kind = value.partition(":")[0].strip() if isinstance(value, str) else None
    return kind if kind in ("vulnerable", "protected") else None


def with_earlier(mask, left, name, data):
    """Return the mask of all rows asked for by now.

    Parameters
    ----------
    mask, left : ndarray of bool of shape (n_train,)
        What the request means, and what no earlier one has asked for.
    name : str
        Of the request.
    data : Data

    Raises
    ------
    ValueError
        Nothing is left of what it asks for.
    """
    if not (mask & left).any():
        raise ValueError(
            f"forget[{name!r}]: earlier requests of the sequence have asked for all of its rows; "
            "each must ask for some that are still there."
        )
    return _with_copies(mask | ~left, data)


def _with_copies(mask, data):
    """Copies go with the record, so that no later request finds them still there."""
    groups = RecordIndex(data.X, data.y).groups
    return np.isin(groups, groups[mask])


@contextlib.contextmanager
def named_in_error(name, sequential):
    """Context in which what is wrong with a request of a sequence is said with its name.

    Parameters
    ----------
    name : str
    sequential : bool
    """
    try:
        yield
    except ValueError as error:
        if not sequential:
            raise
        raise ValueError(
            f"forget[{name!r}], among the rows that earlier requests have left: {error}"
        ) from error


def in_turn(scenarios):
    """Return scenarios of ever more rows, each with what its own request asks for.

    Parameters
    ----------
    scenarios : list of Scenario
        In the order of the requests, `forget` being all that was asked for by then.
    """
    before = np.zeros_like(scenarios[0].forget)
    found = []
    for scenario in scenarios:
        found.append(replace(scenario, asked=scenario.forget & ~before))
        before = scenario.forget
    return found
