"""What is inside a model: every object that it holds, however deep."""

import numpy as np

__all__ = ["objects_in"]


def objects_in(value, *, closed=None):
    """Yield every object within another, itself first, each of them once.

    Parameters
    ----------
    value : object
    closed : callable or None, default=None
        Of an object: whether what is inside it is left alone.
    """
    seen, left = {}, [value]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen[id(each)] = each  # kept, so that its id stays
        yield each
        if closed is None or not closed(each):
            left += _parts(each)


def _parts(value):
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype == object else []
    return [] if isinstance(value, type) else list(getattr(value, "__dict__", {}).values())
