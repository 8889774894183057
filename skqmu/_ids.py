"""Row ids: whose a row is. What counts as the same id, how ids are kept, hashed and written."""

import hmac
import math
import numbers
from collections.abc import Hashable, Iterable
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

import numpy as np

__all__ = [
    "as_ids",
    "few_ids",
    "hashed_ids",
    "id_key",
    "ids_of_text",
    "join_ids",
    "key_of_text",
    "keys_by_text",
    "keys_of_ids",
    "likely_keys",
]

# What is the same in every process, so that a hash of it is.
_PLAIN = (str, bytes, numbers.Real, UUID, date, datetime)


def id_key(value):
    """Return what stands for an id where ids are compared: equal for equal ids alone.

    Whole numbers of any type are one (1, 1.0 and ``np.int64(1)``); a number, a text and a truth
    value are never the same.

    Parameters
    ----------
    value : hashable

    Returns
    -------
    (str, hashable)
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, numbers.Real):
        whole = isinstance(value, numbers.Integral) or float(value).is_integer()
        return "number", int(value) if whole else float(value)
    if isinstance(value, tuple):
        return "tuple", tuple(map(id_key, value))
    kind = "str" if isinstance(value, str) else type(value).__qualname__
    return kind, value


def keys_of_ids(ids):
    """Return the keys of an array of ids, a list."""
    return [id_key(value) for value in ids.tolist()]


def as_ids(ids, n_rows=None, *, name="ids"):
    """Return ids as an array, one a row.

    Parameters
    ----------
    ids : sequence of hashable
    n_rows : int or None, default=None
        How many there must be; None: any number.
    name : str, default="ids"
        For messages.

    Returns
    -------
    ndarray of shape (n_rows,)
        Of int64 or texts where all ids are that, else of objects.

    Raises
    ------
    ValueError, TypeError
        Not one a row, one that is missing, or no ids at all; the message names it.
    """
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise TypeError(f"{name}={ids!r} must be a sequence of ids, one a row; got {type(ids)}.")
    values = ids.tolist() if isinstance(ids, np.ndarray) and ids.ndim == 1 else list(ids)
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    if n_rows is not None and len(values) != n_rows:
        raise ValueError(f"{name} holds {len(values)} ids for {n_rows} rows; pass one a row.")
    missing = [row for row, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise ValueError(
            f"{name} holds no id for {len(missing)} rows ({_few(missing)}); a row without one "
            "could not be asked for: give each row an id."
        )
    for row, value in enumerate(values):
        if not isinstance(value, Hashable) or isinstance(value, np.ndarray):
            raise TypeError(
                f"{name}[{row}] is a {type(value).__name__}, which is not hashable; ids are texts, "
                "whole numbers, or anything else that a dict takes as a key."
            )
    return _array_of([_plain(value) for value in values])


def _plain(value):
    kind, key = id_key(value)
    return key if kind == "number" else value


def _array_of(values):
    if values and all(type(v) is int and -(2**63) <= v < 2**63 for v in values):
        return np.array(values, dtype=np.int64)
    if values and all(type(v) is str and not v.endswith("\0") for v in values):
        return np.array(values)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def join_ids(*parts):
    """Return the ids of some arrays, one after the other, in the narrowest array for them."""
    return _array_of([value for part in parts for value in part.tolist()])


def _is_missing(value):
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Real) and value != value


def id_bytes(key):
    """Return bytes for a keyed hash, the same in every process.

    Parameters
    ----------
    key : (str, hashable)
        From `id_key`.

    Raises
    ------
    TypeError
        An id of a kind that is not told in the same way everywhere.
    """
    kind, value = key
    if kind == "tuple":
        parts = [id_bytes(part) for part in value]
        return b"tuple" + b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    if not isinstance(value, _PLAIN) or (kind == "number" and not math.isfinite(value)):
        raise TypeError(
            f"ids={value!r}: with fingerprints an id must be a text, a number, bytes, a date, a "
            f"UUID or a tuple of such; got {kind}."
        )
    return f"{kind}:{value!r}".encode("utf-8", "surrogatepass")


def few_ids(ids, n=5):
    """Return some ids, as one writes them, for a message."""
    return ", ".join(repr(value) for value in list(ids)[:n]) + (", ..." if len(ids) > n else "")


def _few(rows, n=5):
    return ", ".join(map(str, rows[:n])) + (", ..." if len(rows) > n else "")


def ids_of_text(text, *, name="forget"):
    """Return the ids that a text names, as texts: ``a,b,c``, or ``@FILE`` with one a line.

    Parameters
    ----------
    text : str
        What stands behind ``ids:``.
    name : str, default="forget"

    Raises
    ------
    ValueError
        No ids, or no such file.
    """
    if text.startswith("@"):
        return _ids_of_file(text[1:].strip(), name)
    ids = [part.strip() for part in text.split(",")]
    if not all(ids):
        raise ValueError(
            f"{name}='ids:{text}' holds an empty id; write ids:a,b,c, or ids:@FILE for a file with "
            "one id a line (ids that hold a comma need one)."
        )
    return ids


def _ids_of_file(path, name):
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{name}='ids:@{path}': the file cannot be read ({type(error).__name__}: {error}); it "
            "is a text file in UTF-8 with one id a line."
        ) from error
    ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise ValueError(f"{name}='ids:@{path}': the file holds no id; write one a line.")
    return ids


def keys_by_text(keys):
    """Return for each text the ids that are written so: a dict of str to a set of keys."""
    written = {}
    for key in keys:
        written.setdefault(_written(key), set()).add(key)
    return written


def _written(key):
    kind, value = key
    if kind == "tuple":
        return ",".join(map(_written, value))
    return str(value)


def key_of_text(text, written, *, name="forget"):
    """Return the key of the one id that is written so, or None.

    Raises
    ------
    ValueError
        Two different ids are: the number 1 and the text "1".
    """
    keys = written.get(text, ())
    if len(keys) > 1:
        told = " and ".join(sorted(repr(value) for _, value in keys))
        raise ValueError(
            f"{name}: {text!r} may mean {told}, which are different ids; say which by "
            "unlearn(ids=[...])."
        )
    return next(iter(keys), None)


def likely_keys(text):
    """Return the keys that a text may stand for where only hashes of ids are known."""
    keys = [id_key(text)]
    try:
        number = int(text)
    except ValueError:
        return keys
    return [*keys, id_key(number)] if str(number) == text else keys


def hashed_ids(keys, key, size):
    """Return keyed hashes of ids, an array of uint8 of shape (n, size).

    Parameters
    ----------
    keys : list of (str, hashable)
    key : bytes
    size : int
    """
    hashes = [hmac.digest(key, b"id:" + id_bytes(own), "sha256")[:size] for own in keys]
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(keys), size)
