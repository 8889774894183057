"""Limit BLAS threads through one cached controller, entered once for many small products.

Looking up the loaded BLAS libraries costs more than a gradient step; entering a limit that
already holds costs nothing.
"""

from contextlib import contextmanager
from threading import Lock

from threadpoolctl import ThreadpoolController

__all__ = ["limit_blas_threads"]

_lock = Lock()
_controller = None
_active: list = []


@contextmanager
def limit_blas_threads(n_threads):
    """Let BLAS use at most `n_threads` threads in this process; None leaves it alone.

    The limit is the process's, not the thread's. Nested and concurrent entries are counted:
    the first sets the limit, the last restores what was before.
    """
    global _controller
    if n_threads is None:
        yield
        return
    with _lock:
        if _controller is None:
            _controller = ThreadpoolController()
        limiter = None
        if not _active or _active[-1][0] != n_threads:
            limiter = _controller.limit(limits=n_threads, user_api="blas")
        entry = [n_threads, limiter]
        _active.append(entry)
    try:
        yield
    finally:
        with _lock:
            _release(entry)


def _release(entry):
    """Drop an entry; hand its limiter to a remaining entry of the same number, if any."""
    place = next(i for i, other in enumerate(_active) if other is entry)
    del _active[place]
    n_threads, limiter = entry
    if limiter is None:
        return
    for i in range(place, len(_active)):
        if _active[i][0] == n_threads and _active[i][1] is None:
            _active[i][1] = limiter
            return
    limiter.restore_original_limits()
