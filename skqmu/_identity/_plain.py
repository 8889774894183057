"""Values without parts, and what is refused."""

import hashlib
import math

__all__ = ["Unidentifiable", "hexadecimal", "plain_structure"]

# More digits than Python writes of a number without being asked.
_MANY_BITS = 10_000


class Unidentifiable(ValueError):
    """A value whose settings cannot be told, such as an open connection."""


def hexadecimal(content):
    """Digest of bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def plain_structure(value):
    """Of what has no parts; None: it has."""
    if value is None or value is Ellipsis or value is NotImplemented:
        return ["constant", repr(value)]
    kind = type(value)
    if kind is bool:
        return ["bool", str(value)]
    if kind is int:
        return ["int", str(value) if value.bit_length() < _MANY_BITS else hex(value)]
    if kind is float:
        return ["float", "nan" if math.isnan(value) else value.hex()]
    if kind is complex:
        return ["complex", value.real.hex(), value.imag.hex()]
    if kind is str:
        return ["str", value]
    if kind in (bytes, bytearray):
        return [kind.__name__, str(len(value)), hexadecimal(bytes(value))]
    return None
