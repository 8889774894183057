"""Which failures of a remote service pass by themselves, and how long to wait for that."""

import logging
import re
import time

import numpy as np

from ...exceptions import BackendError, BudgetExceededError

__all__ = ["failure_kind", "retried"]

logger = logging.getLogger("skqmu.backends")

_TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}
# Class names, so that neither requests nor the runtime is imported to tell.
_TRANSIENT_NAMES = {
    *("ChunkedEncodingError", "ConnectTimeout", "ConnectionError", "MaxRetryError"),
    *("ProtocolError", "ReadTimeout", "SSLError", "WebsocketTimeoutError"),
}
_SESSION_GONE = re.compile(r"\b(session|batch)\b.*\b(closed|expired|not active|not open|ended)\b")
_PASSING = re.compile(r"internal (server )?error|try again|temporarily unavailable|service unavail")
_LONGEST_WAIT = 60.0


def failure_kind(error):
    """How to take a failure.

    Parameters
    ----------
    error : BaseException
        With its chain of causes.

    Returns
    -------
    {"transient", "session", "permanent"}
        ``"transient"``: the same request may succeed later. ``"session"``: it needs a new
        session. ``"permanent"``: it will fail again.
    """
    if isinstance(error, BackendError | BudgetExceededError):
        return "permanent"  # our own words: what is to be said has been said
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        text = str(error).lower()
        if _SESSION_GONE.search(text):
            return "session"
        status = getattr(error, "status_code", None)
        named = {cls.__name__ for cls in type(error).__mro__} & _TRANSIENT_NAMES
        if named or status in _TRANSIENT_STATUS or _PASSING.search(text):
            return "transient"
        error = error.__cause__ or error.__context__
    return "permanent"


def retried(action, *, max_retries, renew=None, what="the job", first_wait=1.0):
    """Call `action` until it succeeds, fails for good, or has been retried enough.

    Waits `first_wait` seconds after the first failure and twice as long after each further
    one, at most a minute, each time multiplied by a random number from 1/2 to 1, so that
    many clients do not come back at the same moment.

    Parameters
    ----------
    action : callable
    max_retries : int
    renew : callable or None, default=None
        Called before a retry when the session is gone.
    what : str
        For the log.
    first_wait : float, default=1.0

    Returns
    -------
    object
        What `action` returned.

    Raises
    ------
    Exception
        What `action` raised last; a failure that is permanent at once.
    """
    jitter = np.random.default_rng()
    attempt = 0
    while True:
        try:
            return action()
        except Exception as error:
            kind = failure_kind(error)
            if kind == "permanent" or attempt == max_retries:
                raise
            wait = min(first_wait * 2**attempt, _LONGEST_WAIT) * jitter.uniform(0.5, 1.0)
            logger.warning(
                "%s failed (%s: %s); retry %d of %d in %.1f s",
                what,
                kind,
                type(error).__name__,
                attempt + 1,
                max_retries,
                wait,
            )
        if kind == "session" and renew is not None:
            renew()
        time.sleep(wait)
        attempt += 1
