"""Counting what work costs at most: a context in which nothing ends early."""

from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["counting_upper_bound", "upper_bound_cost"]

_SPENDING = ContextVar("spending", default=False)


@contextmanager
def upper_bound_cost():
    """Context in which no stop rule ends an ascent and each looks at all that it may look at.

    For counting what a request costs at most, with values that mean nothing.
    """
    token = _SPENDING.set(True)
    try:
        yield
    finally:
        _SPENDING.reset(token)


def counting_upper_bound():
    """Whether this runs inside :func:`upper_bound_cost`."""
    return _SPENDING.get()
