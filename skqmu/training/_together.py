"""Work that trains in between: what several jobs train is trained side by side."""

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

from sklearn import config_context, get_config

from ._hook import Hook
from ._loop import TAKEN_OVER
from ._many import many_obstacle, train_many
from ._training_run import TrainingRun

__all__ = ["train_together"]


def train_together(jobs: Sequence[Callable[[], Any]]) -> tuple[list, dict[int, Exception]]:
    """Do several jobs, their calls of `train` in one `train_many` each time that all wait.

    For work that is more than its training, and trains as often as it finds it needs to:
    deletion requests, whose mechanisms, refits and repairs all come to `train`. Each job's result
    is that which it would have alone.

    Parameters
    ----------
    jobs : sequence of M callables
        Without arguments. They change nothing that another one uses.

    Returns
    -------
    results : list of M objects
        What the jobs return; None where one failed.
    failures : dict of int to Exception
        What ended a job, by its number; the others are not touched by it.

    Raises
    ------
    KeyboardInterrupt
        As any `BaseException` that is no `Exception`: it was raised in every job that was on its
        way, too, where it trained.

    Notes
    -----
    A job has a thread of its own, and one at a time runs: it goes on until it trains or ends.
    Runs for which there is a `many_obstacle` are trained where they stand, in the job's own
    context: budgets and noise are those of the job. The hooks of all others are called by the
    thread that called this function.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.training import train_together
    >>> X, y = load_iris(return_X_y=True)
    >>> models = [QNNClassifier(max_iter=3, random_state=seed) for seed in range(2)]
    >>> results, failures = train_together([lambda m=m: m.fit(X, y) for m in models])
    >>> [model.n_iter_ for model in results], failures
    ([3, 3], {})
    """
    own = [_Job(function) for function in jobs]
    try:
        _do(own)
    finally:
        for job in own:
            job.end()
    failures = {number: job.failure for number, job in enumerate(own) if job.failure is not None}
    return [job.result for job in own], failures


def _do(under_way):
    """Let jobs go on, and train what they wait for, until none is left."""
    cut_off = None
    while under_way:
        for job in under_way:
            try:
                job.go_on(cut_off)
            except BaseException as interrupt:
                cut_off = interrupt
        under_way = [job for job in under_way if job.waits_for is not None]
        if under_way and cut_off is None:
            try:
                errors = train_many(*zip(*(job.waits_for for job in under_way), strict=True))
            except BaseException as interrupt:
                cut_off = interrupt
            else:
                for place, error in errors.items():
                    under_way[place].fail(error)
    if cut_off is not None:
        raise cut_off


class _Job:
    """A job in a thread of its own, which runs only while `go_on` waits for it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.waits_for: tuple[TrainingRun, Sequence[Hook]] | None = None
        self.error: BaseException | None = None
        self.result: Any = None
        self.failure: Exception | None = None
        self._interrupt: BaseException | None = None
        self._ended = False
        self._turn = threading.Semaphore(0)
        self._rests = threading.Event()
        self._thread: threading.Thread | None = None

    def fail(self, error: BaseException) -> None:
        """What it waits for ended in an error, which it will hear of."""
        self.error = error

    def go_on(self, cut_off):
        """Let the job run until it trains or ends; raises an interrupt that comes meanwhile."""
        if self._thread is None:
            if cut_off is not None:
                return  # it was not begun
            work = (self._work, get_config())
            self._thread = threading.Thread(target=copy_context().run, args=work, daemon=True)
            self._thread.start()
        else:
            self.waits_for = None
            self.error = self.error if cut_off is None else cut_off
            self._rests.clear()
            self._turn.release()
        interrupt = None
        while not self._rests.is_set():
            try:
                self._rests.wait()
            except BaseException as error:
                interrupt = error  # no thread can be stopped: it is when it trains
        interrupt = interrupt or self._interrupt
        if interrupt is not None:
            raise interrupt

    def end(self):
        """Let the thread end, wherever it is: what it holds is free then."""
        if self._thread is not None:
            self._ended = True
            self._turn.release()
            self._thread.join()

    def _work(self, config):
        TAKEN_OVER.set(self._trained)
        try:
            with config_context(**config):  # scikit-learn's is a thread's own
                self.result = self.function()
        except Exception as error:
            self.failure = error
        except BaseException as error:
            self._interrupt = error
        finally:
            self._rests.set()

    def _trained(self, run, hooks):
        """Wait until a run is trained; returns whether it is."""
        if many_obstacle(run):
            return False
        self.waits_for = run, hooks
        self._rests.set()
        self._turn.acquire()
        if self._ended:
            raise KeyboardInterrupt("nobody trains it any more")
        error, self.error = self.error, None
        if error is not None:
            raise error
        return True
