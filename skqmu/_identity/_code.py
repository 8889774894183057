"""What code is: functions and classes by what they do, those of released packages by name.

Of a function that is its code, what it closes over, its defaults, its attributes, and whatever it
takes from its module, followed into other modules of the user's; of a class also what stands in
it that is not code. What may reach further than that (``eval``, an import within a function, a
module that is handed on) is refused.
"""

import dis
import enum
import json
import re
import sys
import sysconfig
import types
from functools import cached_property
from inspect import getattr_static
from itertools import takewhile
from pathlib import Path

from ._plain import Unidentifiable, hexadecimal, plain_structure

__all__ = [
    "builtin_structure",
    "class_structure",
    "function_structure",
    "is_released",
    "module_structure",
    "named_structure",
]
# Packages whose code is told by its name: it changes with their versions alone.
_RELEASED = {
    *("numpy", "scipy", "sklearn", "pandas", "torch", "joblib", "skqmu"),
    *("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "qiskit_machine_learning", "rustworkx"),
    *("skorch", "pennylane", "pennylane_lightning"),
}
# What a class holds that changes nothing of what it does.
_OF_EVERY_CLASS = {
    *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "_abc_impl"),
    *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
    *("__orig_bases__", "__parameters__", "__abstractmethods__"),
    *("__firstlineno__", "__static_attributes__", "__slotnames__"),
}
# Written in C: their class and their name say it all.
_DESCRIPTORS = (
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)
# What enumerations keep for themselves.
_SUNDER = re.compile(r"_[^_].*[^_]_")
_MADE_BY_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE: others are part of a binary
# With these a function reaches what its code does not name.
_REACHES_FAR = {"eval", "exec", "globals", "__import__", "builtins", "__builtins__"}


# ---------------------------------------------------------------------------- released code


def is_released(value):
    """Whether a class or function is what a released package has under its name.

    A wrapper that took over the name of what it wraps is not, nor what is made in a function.
    """
    module = value.__module__
    if not isinstance(module, str) or not _is_released_module(module):
        return False
    if isinstance(value, type) and not value.__flags__ & _MADE_BY_PYTHON:
        return True
    return _is_there(value, module, value.__qualname__)


def _is_released_module(name):
    top = name.partition(".")[0]
    return top in _RELEASED or (top in sys.stdlib_module_names and _is_of_python(top))


def _is_of_python(top):
    """Whether a module is the standard library's, not a file of the user's of that name."""
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None:
        return True
    path = Path(file)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return not installed and path.is_relative_to(sysconfig.get_path("stdlib"))


def _is_there(value, module, path):
    found = sys.modules.get(module)
    for part in path.split("."):
        found = getattr_static(found, part, None)
    same = [found, getattr(found, "__func__", None)]
    if isinstance(found, property):
        same += [found.fget, found.fset, found.fdel]
    return any(each is value for each in same)


def named_structure(walk, value, name):
    """Of what is pickled by its name alone, such as a NumPy function."""
    places = (getattr(value, "__module__", None), type(value).__module__, "numpy", "scipy.special")
    for module in dict.fromkeys(place for place in places if isinstance(place, str)):
        if not _is_there(value, module, name):
            continue
        if _is_released_module(module):
            return ["global", f"{module}.{name}"]
        if isinstance(getattr(type(value), "__reduce__", None), types.FunctionType):
            state = walk.of(getattr(value, "__dict__", None))
            return ["global", f"{module}.{name}", walk.of(type(value)), state]
    raise Unidentifiable(
        f"{name} of the type {type(value).__module__}.{type(value).__qualname__} cannot be told "
        "from others of this name."
    )


# -------------------------------------------------------------------------------- functions


def function_structure(walk, function):
    """Of a function in Python."""
    name = f"{function.__module__}.{function.__qualname__}"
    if id(function) in walk.reading or is_released(function):
        return ["function", name]
    walk.reading.add(id(function))
    try:
        return [
            *("function", name, _code(function.__code__)),
            [_cell(walk, cell) for cell in function.__closure__ or ()],
            [walk.of(function.__defaults__), walk.of(function.__kwdefaults__)],
            walk.of(vars(function)),
            _outer(walk, function),
        ]
    finally:
        walk.reading.remove(id(function))


def builtin_structure(walk, function):
    """Of a function that is not in Python, or a method of such."""
    owner = function.__self__
    if owner is not None and not isinstance(owner, types.ModuleType):
        return ["method", function.__name__, walk.of(owner)]
    name = f"{function.__module__}.{function.__qualname__}"
    if not _is_released_module(function.__module__ or ""):
        raise Unidentifiable(f"the compiled function {name} cannot be told from others.")
    return ["function", name]


def module_structure(walk, module):
    """Of a module that is a value: nobody sees what will be taken from it."""
    if not _is_released_module(module.__name__):
        raise Unidentifiable(
            f"the module {module.__name__} as a value cannot be told from other versions of it."
        )
    return ["module", module.__name__]


def _cell(walk, cell):
    try:
        content = cell.cell_contents
    except ValueError:
        return ["empty"]  # a name that is filled later
    return walk.of(content)


def _outer(walk, function):
    """What a function takes from its module, and that from others."""
    scope, reads = function.__globals__, _Reads(function.__code__)
    hidden = sorted((reads.of_module & _REACHES_FAR) | (reads.names & {"import_module"}))
    if hidden:
        raise Unidentifiable(
            f"the function {function.__qualname__} uses {hidden[0]}, so what it depends on cannot "
            "be told."
        )
    for module in sorted(reads.imports):
        if not module or not _is_released_module(module):
            raise Unidentifiable(
                f"the function {function.__qualname__} imports {module or 'by a relative name'}: "
                "import it at the top of the file, so that what it does is seen."
            )
    for name, *attributes in sorted(reads.chains):
        value = scope.get(name)
        for each in attributes:
            if isinstance(value, types.ModuleType):
                value = vars(value).get(each)
        if isinstance(value, types.ModuleType):  # handed on, to be used elsewhere
            module_structure(walk, value)
    taken = sorted(reads.of_module & scope.keys())
    return [[name, _taken(walk, scope[name], reads.names)] for name in taken]


def _taken(walk, value, names):
    """A value of a module; of another module those of `names` that it has."""
    if not isinstance(value, types.ModuleType):
        return walk.of(value)
    name, scope = value.__name__, vars(value)
    if _is_released_module(name) or id(value) in walk.reading:
        return ["module", name]
    if "__getattr__" in scope:
        raise Unidentifiable(f"the module {name} makes its names when asked for them.")
    walk.reading.add(id(value))
    try:
        used = sorted(names & scope.keys())
        return ["module", name, *([each, _taken(walk, scope[each], names)] for each in used)]
    finally:
        walk.reading.remove(id(value))


class _Reads:
    """Names in a piece of code and in the functions within it.

    Attributes
    ----------
    names : set of str
        All of them, attributes too.
    of_module : set of str
        Those taken from its module.
    chains : set of tuple of str
        These with the attributes that are taken of them at once.
    imports : set of str
        Modules that are imported; a relative one is ``""``.
    """

    def __init__(self, code):
        self.names, self.of_module, self.chains, self.imports = set(), set(), set(), set()
        self._read(code)

    def _read(self, code):
        self.names |= set(code.co_names)
        steps = [s for s in dis.get_instructions(code) if s.opname != "EXTENDED_ARG"]
        for i, step in enumerate(steps):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                self.of_module.add(step.argval)
                attributes = takewhile(_takes_attribute, steps[i + 1 :])
                self.chains.add((step.argval, *(each.argval for each in attributes)))
            elif step.opname == "IMPORT_NAME":
                self.imports.add("" if steps[i - 2].argval else step.argval)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._read(constant)


def _takes_attribute(step):
    return step.opname in ("LOAD_ATTR", "LOAD_METHOD")


def _code(code):
    # the counts and flags tell f(x) from f(*x), and a generator from a function
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return [
        *("code", list(map(str, counts)), hexadecimal(code.co_code)),
        *(hexadecimal(code.co_exceptiontable), list(map(list, names))),
        list(map(_constant, code.co_consts)),
    ]


def _constant(value):
    """Of a constant in code."""
    if isinstance(value, types.CodeType):
        return _code(value)
    if isinstance(value, tuple | frozenset):
        parts = list(map(_constant, value))
        ordered = parts if isinstance(value, tuple) else sorted(parts, key=json.dumps)
        return [type(value).__name__, *ordered]
    return plain_structure(value) or ["constant", repr(value)]


# ---------------------------------------------------------------------------------- classes


def class_structure(walk, cls):
    """Of a class: its bases, and all that stands in it."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    if id(cls) in walk.reading or is_released(cls):
        return ["class", name]
    walk.reading.add(id(cls))
    try:
        return [
            *("class", name, walk.of(type(cls))),
            [walk.of(base) for base in cls.__bases__ if base is not object],
            *([key, _attribute(walk, key, value)] for key, value in _own(cls)),
        ]
    finally:
        walk.reading.remove(id(cls))


def _own(cls):
    """What stands in a class, in an order that every process has."""
    own = {key: value for key, value in vars(cls).items() if key not in _OF_EVERY_CLASS}
    if issubclass(cls, enum.Enum):
        members = cls.__members__
        own = {k: v for k, v in own.items() if k not in members and not _SUNDER.fullmatch(k)}
        own["__members__"] = [(key, member.value) for key, member in members.items()]
    return sorted(own.items(), key=lambda pair: pair[0])


def _attribute(walk, key, value):
    if isinstance(value, staticmethod | classmethod):
        return [type(value).__name__, walk.of(value.__func__)]
    if isinstance(value, property):
        return ["property", *map(walk.of, (value.fget, value.fset, value.fdel))]
    if isinstance(value, cached_property):
        return ["cached", walk.of(value.func)]
    if isinstance(value, _DESCRIPTORS):
        return ["descriptor", type(value).__name__]
    if key == "__dataclass_fields__":
        return [[n, *map(walk.of, _field(field))] for n, field in value.items()]
    return walk.of(value)


def _field(field):
    """Of a dataclass's field what is not its type, which nothing looks at."""
    return field.default, field.default_factory, field.init, field.kw_only, field.compare
