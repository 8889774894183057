"""Who is told of finished work: nobody, the error stream, or the caller's own function."""

import sys
from contextlib import nullcontext

from .._bars import can_draw, stage_bars
from .._text import one_line

__all__ = ["listening"]


def listening(verbose):
    """Return a context with the function that work tells of its progress.

    Parameters
    ----------
    verbose : int or callable
        Above 0: bars on the error stream, or lines where it is no terminal and no notebook's.

    Returns
    -------
    context manager
        Of a function ``(stage, done, total)``.
    """
    if callable(verbose):
        return nullcontext(verbose)
    if not verbose:
        return nullcontext(_nothing)
    return stage_bars("audit") if can_draw() else nullcontext(_lines)


def _lines(stage, done, total):
    print(f"audit: {one_line(stage)}: {done}/{total}", file=sys.stderr, flush=True)


def _nothing(stage, done, total):
    return
