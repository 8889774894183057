"""What is shown while an audit works: a live display, or plain lines where none can be."""

import contextlib
import sys
import time

from skqmu._bars import can_draw, stage_bars
from skqmu._text import one_line

__all__ = ["progress"]


@contextlib.contextmanager
def progress(quiet):
    """Yield a listener for :func:`skqmu.audit`'s ``verbose=``."""
    if quiet:
        yield lambda stage, done, total: None
        return
    if not can_draw():
        yield _Lines()
        return
    with stage_bars("audit") as listener:
        yield listener


class _Lines:
    """One line when a stage is finished: logs stay short."""

    def __init__(self):
        self._started = {}

    def __call__(self, stage, done, total):
        start = self._started.setdefault(stage, time.perf_counter())
        if done == total:
            spent = time.perf_counter() - start
            print(f"{one_line(stage)}: {total} done, {spent:.1f} s", file=sys.stderr, flush=True)
