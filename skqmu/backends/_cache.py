"""Live objects of this process: built once, found again, and not kept for ever.

Backends are values; what they need to run (simulators, transpiled circuits) is here, by a
key. The oldest unused entry goes when a cache is full: executables hold what they use, so
that nothing in use is lost.
"""

import os
from collections import OrderedDict
from threading import Lock

__all__ = ["ProcessCache"]


class ProcessCache:
    """A bounded table from keys to objects, safe for threads; forked processes start anew.

    Parameters
    ----------
    size : int
        Entries at most.

    Examples
    --------
    >>> from skqmu.backends._cache import ProcessCache
    >>> cache = ProcessCache(2)
    >>> [cache.get(key, lambda: object()) is cache.get(key, object) for key in "abc"]
    [True, True, True]
    >>> len(cache)
    2
    """

    def __init__(self, size):
        self._size = size
        self._entries = OrderedDict()
        self._lock = Lock()
        if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
            os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self):
        # The parent's thread that may hold the lock is not here to release it.
        self._entries, self._lock = OrderedDict(), Lock()

    def __len__(self):
        return len(self._entries)

    def get(self, key, build):
        """Return the object of a key; `build` makes it where there is none."""
        key = (os.getpid(), key)
        with self._lock:
            if key not in self._entries:
                self._entries[key] = build()
                if len(self._entries) > self._size:
                    self._entries.popitem(last=False)
            self._entries.move_to_end(key)
            return self._entries[key]
