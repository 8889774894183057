"""Independent jobs under any joblib backend, handed over one by one as they finish."""

import os
import sys
import time

from threadpoolctl import threadpool_limits

from .._bars import Bar, can_draw
from .._side_by_side import finished_jobs

__all__ = ["Progress", "run_jobs"]


class Progress:
    """A bar, or lines such as ``shadows: 12/64, 3.1 s, about 13.4 s left``, on the error stream.

    A terminal and a notebook get the bar; it ends with :meth:`close`.

    Parameters
    ----------
    label : str
    total : int
    verbose : int or callable
        0 is silent; 1 prints about ten lines, 2 and above one for each job. A callable is told
        ``(label, done, total)`` instead.
    """

    def __init__(self, label, total, verbose):
        self._label, self._total, self._verbose = label, total, verbose
        self._start, self._done = time.perf_counter(), 0
        draws = verbose and not callable(verbose) and can_draw()
        self._bar = Bar(label, total) if draws else None

    def step(self, n=1):
        """Count `n` that have finished."""
        before, self._done = self._done, self._done + n
        if callable(self._verbose):
            self._verbose(self._label, self._done, self._total)
            return
        if self._bar is not None:
            self._bar.update(self._done)
            return
        every = 1 if self._verbose >= 2 else max(1, self._total // 10)
        reached = self._done // every > before // every
        if self._verbose and (reached or self._done == self._total):
            spent = time.perf_counter() - self._start
            left = spent / self._done * (self._total - self._done)
            rest = f", about {left:.1f} s left" if self._done < self._total else ""
            print(
                f"{self._label}: {self._done}/{self._total}, {spent:.1f} s{rest}",
                file=sys.stderr,
                flush=True,
            )

    def close(self):
        """Put the bar away, if there is one."""
        if self._bar is not None:
            self._bar.close()


def run_jobs(function, arguments, total, *, n_jobs=None, verbose=0, label="jobs", count=None):
    """Yield ``function(*args)`` for each of `arguments`, in the order of completion.

    Only unfinished jobs are held here: what a job returned can be put away before the next
    one arrives, and an interrupt loses none that arrived. One BLAS thread each, so that
    the numbers do not depend on how many workers share the machine.

    Parameters
    ----------
    function : callable
    arguments : iterable of tuple
    total : int
        What the progress lines count up to: their number, or that of all that they do.
    n_jobs : int or None, default=None
        As in joblib; ``None`` honours :class:`joblib.parallel_config`.
    verbose : int, default=0
    label : str, default="jobs"
    count : callable or None, default=None
        How many of `total` a result is; ``None``: each is one.

    Yields
    ------
    object
        What `function` returned.

    Examples
    --------
    >>> from skqmu.attacks.tools import run_jobs
    >>> sorted(run_jobs(pow, [(2, 1), (2, 2), (2, 3)], total=3))
    [2, 4, 8]
    """
    progress = Progress(label, total, verbose)
    parent = os.getpid()
    jobs = ((function, parent, *args) for args in arguments)
    try:
        with threadpool_limits(limits=1):
            for _, result in finished_jobs(_one, jobs, n_jobs=n_jobs):
                # told when it has been put away: who is told may interrupt
                yield result
                progress.step(1 if count is None else count(result))
    finally:
        progress.close()


def _one(function, parent, *args):
    # threads share the limit that the parent set; a second one entered here would be
    # undone by whichever thread leaves first
    if os.getpid() == parent:
        return function(*args)
    with threadpool_limits(limits=1):
        return function(*args)
