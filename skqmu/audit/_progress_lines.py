"""Who is told of finished work: nobody, the error stream, or the caller's own function."""

import sys

from .._text import one_line

__all__ = ["listener_of"]


def listener_of(verbose):
    """Return the function that work tells of its progress, ``(stage, done, total)``.

    Parameters
    ----------
    verbose : int or callable
        Above 0: lines on the error stream.
    """
    if callable(verbose):
        return verbose
    return _lines if verbose else _nothing


def _lines(stage, done, total):
    print(f"audit: {one_line(stage)}: {done}/{total}", file=sys.stderr, flush=True)


def _nothing(stage, done, total):
    return
