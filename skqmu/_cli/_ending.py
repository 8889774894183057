"""How a command ends when it is told to: in seconds, with its workers, and a true exit code."""

import contextlib
import multiprocessing
import os
import signal

__all__ = ["Stopped", "end_workers", "ended_by_signals"]

# told by whoever runs the command: `kill`, a scheduler, a terminal that closes
_SIGNALS = ("SIGTERM", "SIGHUP")


class Stopped(KeyboardInterrupt):
    """A signal asked the command to end; whatever honours Ctrl-C honours this.

    Parameters
    ----------
    number : int
        The signal's.
    """

    def __init__(self, number):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


@contextlib.contextmanager
def ended_by_signals():
    """Turn signals that would end the process on the spot into :class:`Stopped`.

    A signal that the caller ignores (``nohup``) or handles itself is left alone, and so is
    everything where there is no main thread to interrupt. A second signal ends at once.
    """

    def stop(number, frame):
        signal.signal(number, signal.SIG_DFL)
        raise Stopped(number)

    changed = []
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # only the main thread may
                signal.signal(number, stop)
                changed.append(number)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def end_workers():
    """End every worker process: each would finish its model first, which nobody waits for."""
    workers = multiprocessing.active_children()
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            # Not worker.kill(): joblib's processes have none.
            os.kill(worker.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    for worker in workers:
        worker.join(timeout=5)
