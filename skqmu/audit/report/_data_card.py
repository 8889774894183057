"""What a report says of the data without showing any of it: sizes, columns, keyed digests.

A digest without a key is a guess that can be checked: who holds a few candidate rows hashes them
and sees which one was deleted. With a key that only the owner of the data has, the digest binds
the report to its rows for those who hold both, and says nothing to anyone else.
"""

import hashlib
import hmac
import numbers
from collections import Counter

import numpy as np

__all__ = ["ALGORITHM", "check_key", "data_card", "rows_digest", "table_digest"]

ALGORITHM = "HMAC-SHA256 of the sorted HMAC-SHA256 of each row with its label"
# Column names beyond so many are counted, not listed.
_MOST_COLUMNS = 2000
_EXACT = 2**53
_SHORTEST_KEY = 16


def check_key(key):
    """Raise unless this is a key: at least 16 bytes, which nobody guesses.

    Parameters
    ----------
    key : bytes or None
    """
    if key is None:
        return
    if not isinstance(key, bytes) or len(key) < _SHORTEST_KEY:
        size = f"{len(key)} bytes" if isinstance(key, bytes) else type(key).__name__
        raise ValueError(
            f"digest_key must be bytes, at least {_SHORTEST_KEY} of them, such as "
            f"secrets.token_bytes(32), or None; got {size}."
        )


def data_card(plan, key, is_own):
    """What the report says of an audit's data.

    Parameters
    ----------
    plan : Plan
    key : bytes
        Of the digests.
    is_own : bool
        Whether the caller gave the key.

    Returns
    -------
    dict
    """
    data = plan.data
    parts = {
        "training": (data.X, data.y),
        "held_out": (data.X_test, data.y_test),
        "reference": (data.X_reference, data.y_reference),
    }
    counts = {name: Counter(np.asarray(y).tolist()) for name, (_, y) in parts.items()}
    labels = np.unique(np.asarray(plan.table.y)).tolist()
    return {
        "rows": {name: len(y) for name, (_, y) in parts.items()},
        "classes": [
            {"label": label, **{name: counts[name][label] for name in parts}} for label in labels
        ],
        "columns": _columns(plan.table.X),
        "digests": {
            "algorithm": ALGORITHM,
            "key": "the caller's" if is_own else "random",
            "table": _table_of(plan.table, key),
            **{name: rows_digest(*part, key) for name, part in parts.items()},
            "forget": {
                scenario.name: rows_digest(
                    _some(data.X, scenario.forget), np.asarray(data.y)[scenario.forget], key
                )
                for scenario in plan.scenarios
            },
        },
    }


def _columns(X):
    """Names, types and missing values of the columns."""
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        kinds = Counter(map(str, X.dtypes))
        missing = [int(n) for n in X.isna().sum()]
        names = list(map(str, X.columns))
    else:
        X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
        width = int(X.shape[1]) if len(X.shape) > 1 else 1
        kinds, names = Counter({str(X.dtype): width}), None
        missing = _missing(X, width)
    listed = len(missing) <= _MOST_COLUMNS
    return {
        "n": len(missing),
        "names": names if listed else None,
        "kinds": dict(sorted(kinds.items())),
        "missing": sum(missing),
        "missing_by_column": missing if listed and sum(missing) else None,
    }


def _missing(X, width):
    dense = X.data if hasattr(X, "tocsr") else np.asarray(X)
    if dense.dtype.kind not in "fO":
        return [0] * width
    is_missing = dense != dense  # noqa: PLR0124 - what does not equal itself is no number
    if hasattr(X, "tocsr"):
        return np.bincount(X.tocoo().col[is_missing], minlength=width).tolist()
    return is_missing.reshape(len(dense), -1).sum(axis=0).astype(int).tolist()


# --------------------------------------------------------------------------------- digests


def rows_digest(X, y, key):
    """Digest of rows as a set with repetitions: their order changes nothing.

    Parameters
    ----------
    X : array-like, sparse matrix or data frame
    y : array-like
    key : bytes

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.audit.report._data_card import rows_digest
    >>> X, y, key = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1]), bytes(16)
    >>> rows_digest(X, y, key) == rows_digest(X[::-1], y[::-1], key)
    True
    >>> rows_digest(X, y, key) == rows_digest(X, y, bytes(15) + b"1")
    False
    """
    return _keyed(key, b"".join(sorted(_each_row(X, y, key))))


def table_digest(X, y, X_test, y_test, key):
    """Digest of the data of a call, in its order.

    Parameters
    ----------
    X, y : rows and labels
    X_test, y_test : rows and labels, or None
    key : bytes
    """
    parts = [b"".join(_each_row(X, y, key))]
    if X_test is not None:
        parts.append(b"".join(_each_row(X_test, y_test, key)))
    return _keyed(key, *parts)


def _table_of(table, key):
    return table_digest(table.X, table.y, table.X_test, table.y_test, key)


def _keyed(key, *parts):
    # the lengths keep the bytes of one part from passing for another's
    framed = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return hmac.new(key, framed, hashlib.sha256).hexdigest()


def _each_row(X, y, key):
    labels = [_text_of(label).encode() for label in np.asarray(y).tolist()]
    return [
        hmac.digest(key, len(label).to_bytes(8, "little") + label + row, "sha256")
        for row, label in zip(_rows(X), labels, strict=True)
    ]


def _rows(X):
    """Bytes of each row: numbers as float64 where that is exact, else all values as text."""
    if hasattr(X, "tocsr"):
        matrix = X.tocsr()
        for i in range(matrix.shape[0]):
            yield _numbers(matrix[[i]].toarray()[0])
        return
    if hasattr(X, "itertuples"):
        numeric = all(kind.kind in "bif" if hasattr(kind, "kind") else False for kind in X.dtypes)
        if not numeric:
            for row in X.itertuples(index=False, name=None):
                yield _texts(row)
            return
        X = X.to_numpy()
    X = np.asarray(X)
    if X.dtype.kind in "bf" or (X.dtype.kind in "iu" and (not X.size or np.abs(X).max() < _EXACT)):
        for row in X:
            yield _numbers(row)
        return
    for row in X.tolist():
        yield _texts(row if isinstance(row, list) else [row])


def _numbers(row):
    # + 0.0: -0.0 is the same value
    return np.ascontiguousarray(row, dtype="<f8").ravel().__add__(0.0).tobytes()


def _texts(row):
    return "\x1f".join(map(_text_of, row)).encode("utf-8", errors="backslashreplace")


def _text_of(value):
    """A value as text that is the same from a frame, an array and a list."""
    if isinstance(value, bool | np.bool_):
        return f"n{float(value).hex()}"
    if isinstance(value, numbers.Integral):
        return f"n{float(value).hex()}" if abs(int(value)) < _EXACT else f"i{int(value)}"
    if isinstance(value, numbers.Real):
        return f"n{float(value).hex()}"
    if value is None or value != value or type(value).__name__ == "NAType":
        return "missing"
    return f"t{value}"


def _some(X, mask):
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, np.flatnonzero(mask))
