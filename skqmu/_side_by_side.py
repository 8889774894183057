"""Jobs side by side, by joblib: each is done, also where a worker is killed."""

import warnings
from threading import Lock

from joblib import effective_n_jobs
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed

__all__ = ["chunks", "finished_jobs"]

# How often jobs are begun again: a worker that is killed each time needs more memory than there is.
_RETRIES = 3


def chunks(items, n_jobs, *, most=None):
    """Parts of a sequence, for workers that each take one at a time: few, but all at work.

    Parameters
    ----------
    items : sequence
    n_jobs : int or None
        As in joblib.
    most : int or None, default=None
        Items of a part; None: as many as it takes.
    """
    size = max(1, -(-len(items) // effective_n_jobs(n_jobs)))
    size = size if most is None else min(size, most)
    return [items[start : start + size] for start in range(0, len(items), size)]


def finished_jobs(function, arguments, *, n_jobs=None):
    """Yield ``(i, function(*arguments[i]))`` in the order of completion.

    Only unfinished jobs are held. A worker that is killed (by the system, for want of memory, or
    by hand) takes its job with it, and joblib ends all others: those that have not come back are
    begun again, as dask does.

    Parameters
    ----------
    function : callable
    arguments : iterable of tuple
    n_jobs : int or None, default=None
        As in joblib; ``None`` honours :class:`joblib.parallel_config`.
    """
    jobs = _Jobs(arguments)
    backend, _ = get_active_backend()
    lazy = getattr(backend, "supports_return_generator", False)
    for attempt in range(_RETRIES + 1):
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered" if lazy else "list")
        try:
            # Arguments one by one: a cluster is sent those once that many jobs share.
            for i, result in parallel(delayed(_numbered)(i, function, *args) for i, args in jobs):
                jobs.back(i)
                yield i, result
            return
        except TerminatedWorkerError as error:
            if attempt == _RETRIES:
                raise
            jobs.begin_again()
            warnings.warn(
                "a worker process was killed, and the jobs that it and others were at are begun "
                f"again ({error}).",
                UserWarning,
                stacklevel=2,
            )


class _Jobs:
    """Numbered arguments, handed out as they are wanted, and kept until their job is back."""

    def __init__(self, arguments):
        self.source = enumerate(arguments)
        self.out = {}
        self.again = []
        self.lock = Lock()  # joblib asks from a thread of its own

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            i, args = self.again.pop() if self.again else next(self.source)
            self.out[i] = args
            return i, args

    def back(self, i):
        """The job is done."""
        self.out.pop(i, None)

    def begin_again(self):
        """Hand out anew what has not come back."""
        with self.lock:
            self.again, self.out = sorted(self.out.items(), reverse=True), {}


def _numbered(i, function, *args):
    return i, function(*args)
