"""What is shown while an audit works: a live display, or plain lines where none can be."""

import contextlib
import sys
import time

from skqmu._text import one_line

__all__ = ["progress"]


@contextlib.contextmanager
def progress(quiet):
    """Yield a listener for :func:`skqmu.audit`'s ``verbose=``."""
    if quiet:
        yield lambda stage, done, total: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        # a scenario's name is text, whatever it looks like
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as display:
        yield _Live(display)


class _Live:
    def __init__(self, display):
        self._display, self._tasks = display, {}

    def __call__(self, stage, done, total):
        if stage not in self._tasks:
            self._tasks[stage] = self._display.add_task(one_line(stage), total=total)
        self._display.update(self._tasks[stage], completed=done)


class _Lines:
    """One line when a stage is finished: logs stay short."""

    def __init__(self):
        self._started = {}

    def __call__(self, stage, done, total):
        start = self._started.setdefault(stage, time.perf_counter())
        if done == total:
            spent = time.perf_counter() - start
            print(f"{one_line(stage)}: {total} done, {spent:.1f} s", file=sys.stderr, flush=True)
