"""From values to nested lists of texts that are equal where the values act alike."""

import copyreg
import dis
import enum
import hashlib
import json
import math
import sys
import types
from collections.abc import Set
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import PurePath

__all__ = ["Unidentifiable", "array_structure", "digest", "same_settings", "structure"]

# Packages whose classes are told by their name: their code changes with their version alone.
_RELEASED = {
    *sys.stdlib_module_names,
    *("numpy", "scipy", "sklearn", "pandas", "torch", "joblib", "skqmu", "builtins"),
    *("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "qiskit_machine_learning"),
}


class Unidentifiable(ValueError):
    """A value whose settings cannot be told, such as an open connection."""


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
    text = json.dumps(structure(list(values)), ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def structure(value):
    """Nested lists of texts that are equal where values act alike.

    An object says itself what it is by a method ``__skqmu_identity__()`` without arguments;
    otherwise it is its class and its state. Functions and classes that are not those of a
    released package are told by their code, and functions by what they close over.

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
    # -0.0 and the ways to write nan act alike hardly anywhere: they are told apart
    return ["array", array.dtype.str, list(map(str, array.shape)), _hex(content)]


def _hex(content):
    return hashlib.blake2b(content, digest_size=16).hexdigest()


class _Walk:
    """One walk through a value; what it is inside of is known by its depth, not its address."""

    def __init__(self):
        self.inside = {}
        self.reading = set()  # classes and functions whose code is being read

    def of(self, value):
        plain = _plain(value)
        if plain is not None:
            return plain
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
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
            return ["own", self._class(type(value)), self.of(own(value))]
        for kind, teller in _KINDS:
            if isinstance(value, kind):
                return teller(self, value)
        for module, attribute, teller in _foreign_kinds():
            known = getattr(sys.modules.get(module), attribute, None)
            if known is not None and isinstance(value, known):
                return teller(self, value)
        return self._object(value)

    # ------------------------------------------------------------------------- containers

    def _list(self, value):
        return [type(value).__name__, *map(self.of, value)]

    def _mapping(self, value):
        return [self._class(type(value)), *([self.of(k), self.of(v)] for k, v in value.items())]

    def _set(self, value):
        return [type(value).__name__, *sorted(map(self.of, value), key=json.dumps)]

    # -------------------------------------------------------------------------------- code

    def _class(self, cls):
        name = f"{cls.__module__}.{cls.__qualname__}"
        if _is_released(cls.__module__) or id(cls) in self.reading:
            return ["class", name]
        self.reading.add(id(cls))
        try:
            own = sorted((k, v) for k, v in vars(cls).items() if _is_code(v))
            bases = [self._class(base) for base in cls.__bases__ if base is not object]
            return ["class", name, bases, *([k, self._code_of(v)] for k, v in own)]
        finally:
            self.reading.remove(id(cls))

    def _code_of(self, value):
        if isinstance(value, staticmethod | classmethod):
            return self._function(value.__func__)
        if isinstance(value, property):
            return [self._function(f) for f in (value.fget, value.fset, value.fdel) if f]
        return self._function(value)

    def _function(self, value):
        name = f"{value.__module__}.{value.__qualname__}"
        if _is_released(value.__module__ or "") and "<" not in value.__qualname__:
            return ["function", name]
        if id(value) in self.reading:
            return ["function", name]
        self.reading.add(id(value))
        try:
            closed = [self._cell(cell) for cell in value.__closure__ or ()]
            defaults = [self.of(each) for each in (value.__defaults__, value.__kwdefaults__)]
            used = sorted(set(_names(value.__code__)) & value.__globals__.keys())
            outer = [[each, self._global(value.__globals__[each])] for each in used]
            return ["function", name, _code(value.__code__), closed, defaults, outer]
        finally:
            self.reading.remove(id(value))

    def _cell(self, cell):
        try:
            return self.of(cell.cell_contents)
        except ValueError as error:
            if isinstance(error, Unidentifiable):
                raise
            return ["empty"]  # a name that is filled later

    def _global(self, value):
        """What a function takes from its module: modules by name, the rest as it is."""
        return ["module", value.__name__] if isinstance(value, types.ModuleType) else self.of(value)

    def _builtin(self, value):
        owner = getattr(value, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType | type):
            return ["function", f"{value.__module__}.{value.__qualname__}"]
        return ["method", value.__name__, self.of(owner)]

    def _method(self, value):
        return ["method", value.__func__.__qualname__, self.of(value.__self__)]

    def _partial(self, value):
        return ["partial", self.of(value.func), self.of(value.args), self.of(value.keywords)]

    # ----------------------------------------------------------------------------- objects

    def _dataclass(self, value):
        names = [field.name for field in fields(value)]
        return [self._class(type(value)), *([n, self.of(getattr(value, n))] for n in names)]

    def _enum(self, value):
        return [self._class(type(value)), value.name]

    def _path(self, value):
        return ["path", str(value)]

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
            return ["global", f"{type(value).__module__}.{parts}"]
        make, arguments, state, items, pairs = (*parts, None, None, None)[:5]
        if make is copyreg.__newobj__:
            made, arguments = self._class(arguments[0]), arguments[1:]
        else:
            made = self.of(make)
        return [
            *("object", made, self.of(arguments), self._class(type(value)), self.of(state)),
            *(None if each is None else [self.of(e) for e in each] for each in (items, pairs)),
        ]


def _plain(value):
    """Of what has no parts; None: it has."""
    if value is None or value is Ellipsis or value is NotImplemented:
        return ["constant", repr(value)]
    kind = type(value)
    if kind is bool:
        return ["bool", str(value)]
    if kind is int:
        return ["int", str(value)]
    if kind is float:
        return ["float", "nan" if math.isnan(value) else value.hex()]
    if kind is complex:
        return ["complex", value.real.hex(), value.imag.hex()]
    if kind is str:
        return ["str", value]
    if kind in (bytes, bytearray):
        return [kind.__name__, str(len(value)), _hex(bytes(value))]
    return None


def _is_released(module):
    return module.split(".")[0] in _RELEASED


def _is_code(value):
    return isinstance(value, types.FunctionType | staticmethod | classmethod | property)


def _names(code):
    """Names that code takes from its module."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _code(code):
    constants = [
        _code(c) if isinstance(c, types.CodeType) else _constant(c) for c in code.co_consts
    ]
    return [_hex(code.co_code), *map(list, (code.co_names, code.co_varnames)), constants]


def _constant(value):
    if isinstance(value, tuple | frozenset):
        parts = [_constant(each) for each in value]
        ordered = parts if isinstance(value, tuple) else sorted(parts, key=json.dumps)
        return [type(value).__name__, *ordered]
    return _plain(value) or ["constant", repr(value)]


_KINDS = (
    (list | tuple, _Walk._list),
    (enum.Enum, _Walk._enum),
    (types.MethodType, _Walk._method),
    (types.BuiltinFunctionType, _Walk._builtin),
    (partial, _Walk._partial),
    (Set, _Walk._set),
    (PurePath, _Walk._path),
    (types.ModuleType, lambda walk, value: ["module", value.__name__]),
)


def _foreign_kinds():
    from ._foreign import FOREIGN

    yield from FOREIGN
    yield "collections.abc", "Mapping", _Walk._mapping
    yield "skqmu._identity._structure", "_Dataclass", _Walk._dataclass


class _DataclassMeta(type):
    def __instancecheck__(cls, value):
        return is_dataclass(value) and not isinstance(value, type)


class _Dataclass(metaclass=_DataclassMeta):
    """Any dataclass's instances."""
