"""The shape that data from a file must have; what is wrong is told with its place.

A shape is called with ``(value, where)`` and raises :class:`ValueError`, or returns nothing. It
also says itself as JSON Schema (draft 2020-12).
"""

import math

__all__ = [
    "Shape",
    "anything",
    "each",
    "flag",
    "maybe",
    "named",
    "number",
    "one_of",
    "pair",
    "real",
    "record",
    "text",
    "varies",
    "whole",
]

# Beyond these no quantity of ours lies, and pictures and tables cannot show them.
_LARGEST = 1e15
_MOST = 2**63 - 1
_NO_NUMBERS = ("nan", "inf", "-inf")
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Shape:
    """A check, and what it checks as JSON Schema.

    Parameters
    ----------
    check : callable
        ``(value, where)``.
    schema : dict
    """

    __slots__ = ("_check", "schema")

    def __init__(self, check, schema):
        self._check = check
        self.schema = schema

    def __call__(self, value, where):
        self._check(value, where)

    def as_json_schema(self, title):
        """Return the shape of a whole file as a JSON Schema that stands alone.

        Parameters
        ----------
        title : str
            Name and version of the format.
        """
        return {"$schema": _DRAFT, "title": title, **self.schema}


def _refuse(value, where, expected):
    raise ValueError(f"{where} must be {expected}; found {_shown(value)}.")


def _shown(value):
    """Return a value in words that are short whatever it is."""
    if isinstance(value, dict | list | tuple):
        return f"a {'dict' if isinstance(value, dict) else 'list'} of {len(value)}"
    if isinstance(value, int) and abs(value) > _MOST:
        return "a number beyond 64 bits"
    shown = repr(value[:60] if isinstance(value, str) else value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _text(value, where):
    if not isinstance(value, str):
        _refuse(value, where, "a text")


def _flag(value, where):
    if not isinstance(value, bool):
        _refuse(value, where, "true or false")


def number(low=-_LARGEST, high=_LARGEST):
    """Return the shape of a finite number in [low, high]."""

    def check(value, where):
        good = isinstance(value, int | float) and not isinstance(value, bool)
        # NumPy takes no whole number of more than 64 bits for a number
        good = good and not (isinstance(value, int) and abs(value) > _MOST)
        if not good or not low <= value <= high:
            _refuse(value, where, f"a number from {low:g} to {high:g}")

    bounds = {"minimum": low, "maximum": high}
    wide = {"minimum": -_LARGEST, "maximum": _LARGEST}
    told = {key: bound for key, bound in bounds.items() if bound != wide[key]}
    return Shape(check, {"type": "number", **told})


def _real(value, where):
    if isinstance(value, float) and not math.isfinite(value):
        return
    if not isinstance(value, str):
        number(-1e308, 1e308)(value, where)
    elif value not in _NO_NUMBERS:
        _refuse(value, where, "a number, 'nan', 'inf' or '-inf'")


#: Any text.
text = Shape(_text, {"type": "string"})
#: ``True`` or ``False``.
flag = Shape(_flag, {"type": "boolean"})
#: Whatever JSON holds.
anything = Shape(lambda value, where: None, {})
#: A number, or one of the words that JSON lacks a number for.
real = Shape(_real, {"anyOf": [{"type": "number"}, {"enum": list(_NO_NUMBERS)}]})


def whole(low=0, high=_MOST):
    """Return the shape of a whole number in [low, high]."""

    def check(value, where):
        good = isinstance(value, int) and not isinstance(value, bool)
        if not good or not low <= value <= high:
            _refuse(value, where, f"a whole number from {low} to {high}")

    most = {} if high == _MOST else {"maximum": high}
    return Shape(check, {"type": "integer", "minimum": low, **most})


def one_of(*values):
    """Return the shape of one of some texts."""

    def check(value, where):
        if not isinstance(value, str) or value not in values:
            _refuse(value, where, f"one of {', '.join(map(repr, values))}")

    return Shape(check, {"enum": list(values)})


def maybe(shape):
    """Return the shape of what may also be None."""

    def check(value, where):
        if value is not None:
            shape(value, where)

    return Shape(check, {"anyOf": [shape.schema, {"type": "null"}]})


def varies(why, shape):
    """Return a shape whose value may differ between two runs on the same inputs.

    Parameters
    ----------
    why : str
        ``"time"``, or ``"key"``: where the caller gives no key.
    shape : shape
    """
    return Shape(shape, {**shape.schema, "x-varies": why})


def each(shape, *, least=0):
    """Return the shape of a list of at least so many, all of one shape."""

    def check(value, where):
        if not isinstance(value, list | tuple) or len(value) < least:
            _refuse(value, where, f"a list of {least} or more" if least else "a list")
        for position, item in enumerate(value):
            shape(item, f"{where}[{position}]")

    fewest = {"minItems": least} if least else {}
    return Shape(check, {"type": "array", "items": shape.schema, **fewest})


def pair(shape):
    """Return the shape of a list of two, all of one shape."""
    items = each(shape)

    def check(value, where):
        if not isinstance(value, list | tuple) or len(value) != 2:
            _refuse(value, where, "a list of two")
        items(value, where)

    told = {"type": "array", "items": shape.schema, "minItems": 2, "maxItems": 2}
    return Shape(check, told)


def named(shape, *, least=0):
    """Return the shape of a dict with names as keys, all values of one shape."""

    def check(value, where):
        if not isinstance(value, dict) or len(value) < least:
            _refuse(value, where, f"a dict of {least} or more" if least else "a dict")
        for key, item in value.items():
            text(key, f"a key of {where}")
            shape(item, f"{where}[{_shown(key)}]")

    fewest = {"minProperties": least} if least else {}
    told = {"type": "object", "additionalProperties": shape.schema, **fewest}
    return Shape(check, told)


def record(shapes, *, optional=None, closed=False):
    """Return the shape of a dict that has these keys, each of its shape.

    Parameters
    ----------
    shapes : dict of str to shape
    optional : dict of str to shape or None, default=None
        Keys that may be missing.
    closed : bool, default=False
        Whether other keys are wrong.
    """
    known = {**shapes, **(optional or {})}

    def check(value, where):
        if not isinstance(value, dict):
            _refuse(value, where, "a dict")
        missing = [key for key in shapes if key not in value]
        if missing:
            raise ValueError(f"{where} lacks {', '.join(map(repr, missing))}.")
        unknown = [key for key in value if key not in known] if closed else []
        if unknown:
            raise ValueError(f"{where} holds the unknown {_shown(unknown[0])}.")
        for key, shape in known.items():
            if key in value:
                shape(value[key], f"{where}.{key}")

    told = {
        "type": "object",
        "properties": {key: shape.schema for key, shape in known.items()},
        "required": list(shapes),
    }
    return Shape(check, {**told, "additionalProperties": False} if closed else told)
