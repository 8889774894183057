"""What a subject, a document and a file are to the ledger: canonical bytes, hashed under a key.

No hash here is without a key: whoever knows all rows but one could try candidates for the missing
one against an unkeyed hash of a row, an id, or a model file.
"""

import hashlib
import hmac
import json
import math
import numbers
import os
import struct
import unicodedata
import uuid
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["Keys", "canonical_id", "canonical_json", "canonical_row"]

# Of the canonical forms; it is hashed with them, so that another form can never pass for this one.
_VERSION = 1
_SUBJECT_BYTES = 16
_SMALLEST_KEY = 16
_AT_A_TIME = 2**20


class Keys:
    """Keyed hashes for each purpose, under keys that are derived from the caller's one.

    Parameters
    ----------
    key : bytes
        At least 16 of them, random.
    """

    def __init__(self, key: bytes):
        if not isinstance(key, bytes | bytearray) or len(key) < _SMALLEST_KEY:
            got = f"{len(key)} bytes" if isinstance(key, bytes | bytearray) else type(key).__name__
            raise ValueError(
                f"key must be at least {_SMALLEST_KEY} random bytes that you keep outside the "
                f"ledger (secrets.token_bytes(32)); got {got}."
            )
        self._derived = {
            purpose: hmac.digest(key, f"skqmu ledger {_VERSION} {purpose}".encode(), "sha256")
            for purpose in ("check", "subject", "reference", "file", "link", "head", "receipt")
        }

    def __repr__(self) -> str:
        return "Keys(not shown)"

    def __reduce__(self):
        raise TypeError(
            "a ledger holds its key and is not pickled or copied: open it again, "
            "DeletionLedger(path, key=...), in each process."
        )

    def mac(self, purpose: str, *parts: bytes) -> bytes:
        """HMAC-SHA256 of some parts, told apart by their lengths."""
        whole = hmac.new(self._derived[purpose], digestmod=hashlib.sha256)
        for part in parts:
            whole.update(struct.pack(">Q", len(part)))
            whole.update(part)
        return whole.digest()

    def check(self) -> bytes:
        """What tells this key from another."""
        return self.mac("check", b"")[:_SUBJECT_BYTES]

    def subject(self, kind: str, value: Any) -> bytes:
        """Keyed hash of an id (``kind="id"``) or of a row (``kind="row"``)."""
        canonical = canonical_id(value) if kind == "id" else canonical_row(value)
        return self.mac("subject", kind.encode(), canonical)[:_SUBJECT_BYTES]

    def reference(self, text: str) -> bytes:
        """Keyed hash of what a caller calls a request."""
        return self.mac("reference", str(text).encode("utf-8", "surrogatepass"))[:_SUBJECT_BYTES]

    def file(self, path: str | os.PathLike) -> str:
        """Keyed hash of a file's content, as hexadecimal digits.

        Raises
        ------
        OSError
        """
        whole = hmac.new(self._derived["file"], digestmod=hashlib.sha256)
        with open(path, "rb") as file:
            while part := file.read(_AT_A_TIME):
                whole.update(part)
        return whole.hexdigest()


def canonical_id(value: Any) -> bytes:
    """An id as text, whatever type it came in: 7, ``"7"`` and NumPy's 7 are one id.

    Parameters
    ----------
    value : str, int or uuid.UUID

    Raises
    ------
    TypeError, ValueError
        It is something else, or empty.
    """
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"an id must be a text or a whole number; got {value!r}.")
    if isinstance(value, numbers.Integral | uuid.UUID):
        value = str(value)
    elif isinstance(value, numbers.Real) and math.isfinite(value) and float(value).is_integer():
        value = str(int(float(value)))  # a table with a gap in it has its whole numbers as floats
    if not isinstance(value, str):
        raise TypeError(f"an id must be a text or a whole number; got a {type(value).__name__}.")
    if not value.strip():
        raise ValueError("an id is empty: it names nobody.")
    return unicodedata.normalize("NFC", str(value)).encode("utf-8", "surrogatepass")


def canonical_row(row: Iterable) -> bytes:
    """A row, value by value: numbers as float64 (0.0 for -0.0), texts, missing values.

    Parameters
    ----------
    row : sequence of numbers, texts, dates or missing values

    Raises
    ------
    TypeError
        A value is something else.
    """
    if isinstance(row, str | bytes | dict):
        raise TypeError(f"a row is a sequence of values; got a {type(row).__name__}.")
    parts = [_canonical_value(value) for value in np.asarray(row, dtype=object).ravel()]
    return b"".join(struct.pack(">Q", len(part)) + part for part in parts)


def _canonical_value(value: Any) -> bytes:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return b"-"
    if isinstance(value, numbers.Real | np.bool_):
        as_float = float(value)
        if math.isnan(as_float):
            return b"-"
        if isinstance(value, numbers.Integral) and int(as_float) != int(value):
            return b"i" + str(int(value)).encode()
        return b"f" + struct.pack(">d", as_float + 0.0)
    if isinstance(value, str):
        return b"s" + unicodedata.normalize("NFC", str(value)).encode("utf-8", "surrogatepass")
    if hasattr(value, "isoformat"):
        return b"d" + value.isoformat().encode()
    raise TypeError(
        f"a row holds a {type(value).__name__}; numbers, texts, dates and missing values are known."
    )


def canonical_json(value: Any) -> bytes:
    """Plain data as the one JSON text that stands for them: keys sorted, no spaces, ASCII."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return text.encode("ascii")
