"""What a report says of the data without showing any of it: sizes, columns, keyed digests.

A digest without a key is a guess that can be checked: who holds a few candidate rows hashes them
and sees which one was deleted. With a key that only the owner of the data has, the digest binds
the report to its rows for those who hold both, and says nothing to anyone else.
"""

import hashlib
import hmac
from collections import Counter

import numpy as np
from scipy import sparse

from ..._rows import column_names, is_frame, n_columns, row_bytes, take

__all__ = ["ALGORITHM", "check_key", "data_card", "keyed_ids", "rows_digest", "table_digest"]

ALGORITHM = "HMAC-SHA256 of the sorted HMAC-SHA256 of each row with its label"
# Column names beyond so many are counted, not listed.
_MOST_COLUMNS = 2000
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
            "has_own_key": is_own,
            "table": _table_of(plan.table, key),
            **{name: rows_digest(*part, key) for name, part in parts.items()},
            "forget": {
                scenario.name: rows_digest(
                    take(scenario.data.X, scenario.forget),
                    take(scenario.data.y, scenario.forget),
                    key,
                )
                for scenario in plan.scenarios
            },
            **_ids(plan, key),
        },
    }


def keyed_ids(ids, key):
    """Keyed digests of ids, one a row; None where there are no ids.

    Parameters
    ----------
    ids : ndarray or None
    key : bytes

    Returns
    -------
    ndarray of bytes or None
    """
    if ids is None:
        return None
    rows = row_bytes(np.reshape(ids, (-1, 1)))
    return np.array([hmac.digest(key, own, "sha256") for own in rows], dtype=object)


def _ids(plan, key):
    """Digests of whose the rows are, as sets without repetitions; nothing without ids."""
    if plan.keyed_ids is None:
        return {}
    trained = plan.keyed_ids[plan.data.train_rows]
    return {
        "ids": _set_digest(plan.keyed_ids, key),
        "forget_ids": {
            scenario.name: _set_digest(trained[scenario.forget], key) for scenario in plan.scenarios
        },
    }


def _set_digest(digests, key):
    return _keyed(key, b"".join(sorted(set(digests.tolist()))))


def _columns(X):
    """Names, types and missing values of the columns."""
    names, missing = column_names(X), _missing(X)
    kinds = map(str, X.dtypes) if is_frame(X) else [str(X.dtype)] * len(missing)
    listed = len(missing) <= _MOST_COLUMNS
    return {
        "n": len(missing),
        "names": names if listed else None,
        "kinds": dict(sorted(Counter(kinds).items())),
        "missing": sum(missing),
        "missing_by_column": missing if listed and sum(missing) else None,
    }


def _missing(X):
    """How many values are missing in each column."""
    if hasattr(X, "iloc"):
        return [int(n) for n in X.isna().sum()]
    if is_frame(X):
        return [int(X.to_series(j).null_count()) for j in range(X.shape[1])]
    values = X.data if sparse.issparse(X) else X
    if values.dtype.kind not in "fO":
        return [0] * n_columns(X)
    is_missing = values != values  # nothing but what is no number differs from itself
    if sparse.issparse(X):
        at = X.tocoo().col[is_missing]
        return np.bincount(at, minlength=n_columns(X)).tolist()
    return is_missing.reshape(len(X), -1).sum(axis=0).astype(int).tolist()


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
    labels = row_bytes(np.asarray(y).reshape(-1, 1))
    return [
        hmac.digest(key, len(label).to_bytes(8, "little") + label + row, "sha256")
        for row, label in zip(row_bytes(X), labels, strict=True)
    ]
