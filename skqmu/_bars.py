"""Progress bars that nest: one live display a process, whoever draws in it.

An audit trains shadows, shadows are fits, and each of them may show its progress: what begins
while something else is shown stands below it, set in, and goes when it is finished.
"""

import os
import threading
from contextlib import contextmanager

from ._text import one_line

__all__ = ["Bar", "can_draw", "stage_bars"]

_LOCK = threading.RLock()
# Of this process: the display, and the bars in it from the outermost.
_shown: list = []
_display: list = []


def _forget():
    global _LOCK
    _LOCK = threading.RLock()  # another thread may have held it
    _shown.clear()
    _display.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # a child has no display of its parent's


def can_draw():
    """Whether the error stream is a terminal, or a notebook's."""
    console = _console()
    return console.is_terminal or console.is_jupyter


def _console():
    from rich.console import Console

    return Console(stderr=True)


class Bar:
    """A bar on the error stream, from now until it is closed.

    Parameters
    ----------
    title : str
    total : int or None
        None: not known yet.
    """

    def __init__(self, title, total):
        with _LOCK:
            if not _display:
                _display.append(_new_display())
                _display[0].start()
            self._on, self._depth = _display[0], len(_shown)
            name = f"{'  ' * self._depth}{one_line(title)}"
            self._task = self._on.add_task(name, total=total, status="")
            _shown.append(self)

    def update(self, done, status="", total=None):
        """Say how far it is.

        Parameters
        ----------
        done : int
        status : str, default=""
        total : int or None, default=None
        """
        more = {} if total is None else {"total": total}
        self._on.update(self._task, completed=done, status=one_line(status), **more)

    def close(self):
        """Put it away; the outermost one stays on the screen as it is."""
        with _LOCK:
            if self not in _shown:
                return
            _shown.remove(self)
            if self._depth:
                self._on.remove_task(self._task)
            if not _shown:
                _display.pop().stop()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _new_display():
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        # a scenario's name is text, whatever it looks like
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[status]}", markup=False),
        console=_console(),
    )


@contextmanager
def stage_bars(title):
    """Yield a listener ``(stage, done, total)`` that draws a bar for all, and one a stage.

    Parameters
    ----------
    title : str
        Of the whole.
    """
    listener = _Stages(title)
    try:
        yield listener
    finally:
        listener.close()


class _Stages:
    """The whole counts what stages say that they have to do, as far as they have begun."""

    def __init__(self, title):
        self._whole = Bar(title, None)
        self._bars, self._counts = {}, {}

    def __call__(self, stage, done, total):
        self._counts[stage] = done, total
        if done < total and stage not in self._bars:
            self._bars[stage] = Bar(stage, total)
        if stage in self._bars:
            self._bars[stage].update(done)
            if done >= total:
                self._bars.pop(stage).close()
        pairs = self._counts.values()
        finished = sum(1 for made, wanted in pairs if made >= wanted)
        last = stage if done >= total else ""
        status = f"done: {last}" if last else stage
        self._whole.update(finished, status, total=len(self._counts))

    def close(self):
        """Put all of them away."""
        for bar in self._bars.values():
            bar.close()
        self._whole.close()
