"""Counting what work costs at most: a context in which nothing ends early or is saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["counting_upper_bound", "upper_bound_cost"]

_COUNTING = ContextVar("counting_upper_bound", default=False)


@contextmanager
def upper_bound_cost() -> Iterator[None]:
    """Context for counting what work costs at most, with values that mean nothing.

    No stop rule ends an ascent, each looks at all that it may look at, and no two rows are
    taken to share a circuit: whether they do is decided by values.
    """
    token = _COUNTING.set(True)
    try:
        yield
    finally:
        _COUNTING.reset(token)


def counting_upper_bound() -> bool:
    """Whether this runs inside :func:`upper_bound_cost`."""
    return _COUNTING.get()
