"""Processes that a study keeps for all of its seeds."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed

from joblib import effective_n_jobs

__all__ = ["Processes"]


class Processes:
    """Processes for tasks, to be used in a ``with`` statement; one of them: this one.

    joblib's own start again once they have grown by 300 MB, which images make them do; to
    import torch anew takes seconds each time.

    Parameters
    ----------
    n_jobs : int
        As joblib counts them.
    """

    def __init__(self, n_jobs):
        n = effective_n_jobs(n_jobs)
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(n, spawn, _end_with_parent) if n > 1 else None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self._pool is not None:
            self._pool.shutdown(wait=error is None, cancel_futures=True)

    def finished(self, tasks):
        """Yield what tasks, (function, *arguments), return, as they end; they begin in order."""
        if self._pool is None:
            for function, *arguments in tasks:
                yield function(*arguments)
            return
        for future in as_completed([self._pool.submit(*task) for task in tasks]):
            yield future.result()


def _end_with_parent():
    """Let no process outlive the command, even one that was killed."""
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
