"""From values to nested lists of texts that are equal where the values act alike."""

import copyreg
import enum
import functools
import hashlib
import json
import sys
import types
from functools import partial
from pathlib import PurePath

from ._code import (
    builtin_structure,
    class_structure,
    function_structure,
    is_released,
    module_structure,
    named_structure,
)
from ._plain import Unidentifiable, hexadecimal, plain_structure

__all__ = ["array_structure", "digest", "same_settings", "state", "structure"]


def same_settings(one, other):
    """Whether two values act alike, as far as their settings tell.

    Parameters
    ----------
    one, other : object

    Returns
    -------
    bool

    Raises
    ------
    Unidentifiable
        Nobody can say.

    Examples
    --------
    >>> from skqmu._identity import same_settings
    >>> same_settings({"a": 1.0}, {"a": 1.0}), same_settings({"a": 1.0}, {"a": 1})
    (True, False)
    """
    return structure(one) == structure(other)


def digest(*values):
    """Digest of the structures of values, the same in every process.

    Parameters
    ----------
    *values : object

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    Unidentifiable
        One of them cannot be told from others.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu._identity import digest
    >>> digest(DecisionTreeClassifier(max_depth=2)) == digest(DecisionTreeClassifier(max_depth=2))
    True
    """
    try:
        text = json.dumps(structure(list(values)), ensure_ascii=True, separators=(",", ":"))
    except RecursionError as error:
        raise Unidentifiable("the value is nested too deeply to be told from others.") from error
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def structure(value):
    """Nested lists of texts that are equal where values act alike.

    An object says itself what it is by a method ``__skqmu_identity__()`` without arguments;
    otherwise it is its class and its state. Functions and classes that are not those of a
    released package are told by their code and by all that it uses.

    Parameters
    ----------
    value : object

    Returns
    -------
    list
        JSON would hold it.

    Raises
    ------
    Unidentifiable
        The value, or something in it, cannot be told from others.

    Examples
    --------
    >>> from skqmu._identity import structure
    >>> structure((1, "a"))
    ['tuple', ['int', '1'], ['str', 'a']]
    """
    return _Walk().of(value)


def array_structure(array):
    """Of a NumPy array of numbers: type, shape, and a digest of its bytes."""
    import numpy as np

    content = np.ascontiguousarray(array).tobytes()
    # fields have names, which the short form of a type leaves out
    kind = repr(array.dtype) if array.dtype.names else array.dtype.str
    # -0.0 and the ways to write nan act alike hardly anywhere: they are told apart
    return ["array", kind, list(map(str, array.shape)), hexadecimal(content)]


def state(value):
    """Attributes of an object, those in slots too."""
    slots = copyreg._slotnames(type(value))
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return {**getattr(value, "__dict__", {}), **held}


class _Walk:
    """One walk through a value; what it is inside of is known by its depth, not its address."""

    def __init__(self):
        self.inside = {}
        self.reading = set()  # classes, functions and modules whose code is being read
        self.read = {}  # classes that were read, not within others

    def of(self, value):
        plain = plain_structure(value)
        if plain is not None:
            return plain
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.FunctionType):
            return function_structure(self, value)
        if id(value) in self.inside:
            return ["again", str(self.inside[id(value)])]
        self.inside[id(value)] = len(self.inside)
        try:
            return self._compound(value)
        except RecursionError as error:
            raise Unidentifiable(
                "the value is nested too deeply to be told from others."
            ) from error
        finally:
            del self.inside[id(value)]

    def _compound(self, value):
        own = getattr(type(value), "__skqmu_identity__", None)
        if own is not None:
            return ["own", self.of(type(value)), self.of(own(value))]
        teller = _EXACTLY.get(type(value))
        if teller is not None:
            return teller(self, value)
        for kind, teller in _KINDS:
            if isinstance(value, kind):
                return teller(self, value)
        for module, attribute, teller in _foreign_kinds():
            known = getattr(sys.modules.get(module), attribute, None)
            if known is not None and isinstance(value, known):
                return teller(self, value)
        return self._object(value)

    def _class(self, cls):
        if self.reading:
            return class_structure(self, cls)
        if id(cls) not in self.read:
            self.read[id(cls)] = class_structure(self, cls), cls  # kept, so that its id stays
        return self.read[id(cls)][0]

    # ------------------------------------------------------------------------- containers

    def _list(self, value):
        return [type(value).__name__, *map(self.of, value)]

    def _mapping(self, value):
        pairs = ([self.of(k), self.of(v)] for k, v in value.items())
        return [type(value).__name__, *pairs]

    def _set(self, value):
        return [type(value).__name__, *self._sorted(value)]

    def _other_set(self, value):
        """A subclass's, whose items are in no order either."""
        if type(value).__reduce__ not in (set.__reduce__, frozenset.__reduce__):
            return self._object(value)
        return ["set", self.of(type(value)), self._sorted(value), self.of(state(value))]

    def _sorted(self, value):
        return sorted(map(self.of, value), key=json.dumps)

    # ------------------------------------------------------------------- parts of callables

    def _method(self, value):
        return ["method", self.of(value.__func__), self.of(value.__self__)]

    def _partial(self, value):
        parts = (value.func, value.args, value.keywords, vars(value))
        return ["partial", *map(self.of, parts)]

    def _cached(self, value):
        return ["cached", self.of(value.__wrapped__), self.of(value.cache_parameters())]

    # ----------------------------------------------------------------------------- objects

    def _enum(self, value):
        return ["enum", self.of(type(value)), str(value.name), self.of(value.value)]

    def _path(self, value):
        if not is_released(type(value)):
            return self._object(value)
        return ["path", type(value).__name__, str(value)]

    def _object(self, value):
        """Class and state, as a copy would be made from them."""
        try:
            registered = copyreg.dispatch_table.get(type(value))
            parts = value.__reduce_ex__(4) if registered is None else registered(value)
        except Exception as error:  # whatever an object says that cannot be copied
            raise Unidentifiable(
                f"a {type(value).__module__}.{type(value).__qualname__} cannot be told from others "
                f"({type(error).__name__}: {error}); give its class a method __skqmu_identity__ "
                "that returns what it depends on."
            ) from error
        if isinstance(parts, str):
            return named_structure(self, value, parts)
        make, arguments, content, items, pairs = (*parts, None, None, None)[:5]
        if make is copyreg.__newobj__:
            made, arguments = self.of(arguments[0]), arguments[1:]
        else:
            made = self.of(make)
        return [
            *("object", made, self.of(arguments), self.of(type(value)), self.of(content)),
            *(None if each is None else [self.of(e) for e in each] for each in (items, pairs)),
        ]


# Subclasses may hold more than their items, and do other things with them.
_EXACTLY = {
    list: _Walk._list,
    tuple: _Walk._list,
    dict: _Walk._mapping,
    types.MappingProxyType: _Walk._mapping,
    set: _Walk._set,
    frozenset: _Walk._set,
    partial: _Walk._partial,
}
_KINDS = (
    (set | frozenset, _Walk._other_set),
    (enum.Enum, _Walk._enum),
    (types.MethodType, _Walk._method),
    (types.BuiltinFunctionType, builtin_structure),
    (PurePath, _Walk._path),
    (types.ModuleType, module_structure),
    (type(functools.lru_cache(len)), _Walk._cached),
)


def _foreign_kinds():
    from ._foreign import FOREIGN

    yield from FOREIGN
