"""Limits to what parts of `first_hour.py` take, of CPU and of memory."""

import math
import multiprocessing
import signal
import time
from contextlib import contextmanager

__all__ = ["Capped", "capped", "within"]

# Bytes of addresses: libraries take some 4 GB of these before they compute.
_MEMORY = 8 * 2**30


class Capped(BaseException):
    """Something took more than its cap: no `except Exception` on the way may keep it."""


@contextmanager
def capped(seconds):
    """End what takes more CPU seconds than this (where the system has such a clock)."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def end(*_):
        raise Capped

    before = signal.signal(signal.SIGPROF, end)
    # Again each second, in case the first lands where nothing can be raised.
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def within(seconds, function, arguments):
    """Yield what a generator yields in a process of its own, which the system ends at its caps.

    No exception reaches a fit that waits for a thread, as those of qiskit's primitives do, nor one
    whose memory is gone.

    Parameters
    ----------
    seconds : float
        Of CPU, whole ones, from one call of `renew` to the next.
    function : callable
        Yields dicts; takes the arguments and `renew`.
    arguments : tuple

    Yields
    ------
    dict
        And, of a process that was ended, a last one with its `status` and what is `told` of it.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_run, args=(there, seconds, function, arguments))
    process.start()
    there.close()
    try:
        while True:
            yield here.recv()
    except EOFError:
        process.join()
    finally:
        process.kill()
    if process.exitcode and process.exitcode == -getattr(signal, "SIGXCPU", 0):
        yield {"status": "capped", "told": f"more than {seconds:g} s of CPU"}
    elif process.exitcode:
        yield {"status": "failed", "told": f"its process ended with {process.exitcode}"}


def _run(pipe, seconds, function, arguments):
    try:
        import resource
    except ImportError:  # Windows: no caps
        renew = _nothing
    else:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))

        def renew():
            end = math.ceil(time.process_time() + seconds)
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (end, hard))

    for row in function(*arguments, renew):
        pipe.send(row)


def _nothing():
    """Without limits there is none to renew."""
