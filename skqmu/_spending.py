"""Counting what work costs at most: a context in which nothing ends early."""

from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["at_their_dearest", "counting_the_most"]

_SPENDING = ContextVar("spending", default=False)


@contextmanager
def at_their_dearest():
    """Context in which no stop rule ends an ascent and each looks at all that it may look at.

    For counting what a request costs at most, with values that mean nothing.
    """
    token = _SPENDING.set(True)
    try:
        yield
    finally:
        _SPENDING.reset(token)


def counting_the_most():
    """Whether this runs inside :func:`at_their_dearest`."""
    return _SPENDING.get()
