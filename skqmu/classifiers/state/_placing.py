"""The one assignment by which objects get new attributes."""

from collections import deque
from itertools import repeat

__all__ = ["put_in_place"]


def put_in_place(states):
    """Give objects their new attributes: all objects all attributes, or none.

    Parameters
    ----------
    states : list of (object, dict)
        The dict becomes the object's ``__dict__``; readers that took the old one keep it.
    """
    objects, dicts = zip(*states, strict=True)
    # Held until all is done: what is freed may run code of its own.
    before = [vars(each) for each in objects]
    # One call into C: neither a signal nor another thread gets between two assignments.
    deque(map(object.__setattr__, objects, repeat("__dict__"), dicts), maxlen=0)
    del before
