"""Whether two object graphs are equal, and if not, where they differ."""

import threading
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

import numpy as np

__all__ = ["same_state"]

_ATOMS = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_PLAIN = (int, float, complex, str, bytes, set, frozenset, np.generic)


def same_state(one, other, path="", seen=None, but=()):
    """Return None if both are equal in depth, else the place of a difference.

    Parameters
    ----------
    one, other : object
        Arrays are compared with their types and bits (nan equals nan), containers item by
        item, other objects by their attributes.
    path : str, default=""
        Prefix of the place.
    seen : set or None, default=None
        Pairs that are being compared already, where objects refer to each other.
    but : sequence of str, default=()
        Attributes and keys that may differ, at any depth.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from skqmu._same_state import same_state
    >>> same_state({"a": [1, 2.0]}, {"a": [1, 2.5]})
    "['a'][1]: 2.0 != 2.5"
    """
    if one is other or (isinstance(one, _LOCKS) and isinstance(other, _LOCKS)):
        return None
    if type(one) is not type(other):
        return f"{path}: {type(one).__name__} != {type(other).__name__}"
    seen = set() if seen is None else seen
    if (id(one), id(other)) in seen:
        return None
    seen.add((id(one), id(other)))
    if isinstance(one, np.random.RandomState):  # draws, and cannot spawn
        one, other = one.get_state(legacy=False), other.get_state(legacy=False)
    if isinstance(one, np.ndarray) and one.dtype != object:
        return None if _equal_arrays(one, other) else f"{path}: arrays differ"
    if isinstance(one, dict):
        keys, others = ([k for k in side if k not in but] for side in (one, other))
        if keys != others:
            return f"{path}: keys {sorted(map(str, keys))} != {sorted(map(str, others))}"
        return _first(((one[k], other[k], f"{path}[{k!r}]") for k in keys), seen, but)
    if isinstance(one, list | tuple | np.ndarray):
        if len(one) != len(other):
            return f"{path}: {len(one)} items != {len(other)}"
        pairs = enumerate(zip(one, other, strict=True))
        return _first(((a, b, f"{path}[{i}]") for i, (a, b) in pairs), seen, but)
    if hasattr(one, "__dict__") and not isinstance(one, _ATOMS):
        return same_state(vars(one), vars(other), f"{path}.{type(one).__name__}", seen, but)
    return _differ(one, other, path, seen, but)


def _first(items, seen, but):
    return next(filter(None, (same_state(*item, seen, but) for item in items)), None)


def _equal_arrays(one, other):
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.names:  # between the fields there may be padding
        return all(_equal_arrays(one[name], other[name]) for name in one.dtype.names)
    return one.tobytes() == other.tobytes()


def _differ(one, other, path, seen, but):
    try:
        if one == other or (one != one and other != other):
            return None
    except (TypeError, ValueError):
        pass
    try:
        states = one.__reduce_ex__(4), other.__reduce_ex__(4)
    except TypeError:
        return f"{path}: {one!r} != {other!r}"
    if not isinstance(states[0], tuple) or isinstance(one, _PLAIN):
        return f"{path}: {one!r} != {other!r}"
    return same_state(*states, f"{path}.{type(one).__name__}", seen, but)
