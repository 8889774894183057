"""Whom a request means: from keyed hashes back to the ids or rows that a model can be asked about.

The ledger holds keyed hashes only. What they stand for comes, when a request is honoured, from the
caller's own queue, or from the ids that the model keeps, hashed under the same key.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._ids import ids_of_text
from ..exceptions import LedgerError, MemberRecordError
from ._canonical import Keys

__all__ = ["Subjects", "are_members", "final_step", "forget", "ids_of_file"]


def ids_of_file(path: str | os.PathLike) -> list[str]:
    """Ids from a text file, one a line; blank lines are left out."""
    return ids_of_text(f"@{os.fspath(path)}", name="ids")


def final_step(model: Any) -> Any:
    """The estimator at the end of a fitted pipeline, or the model itself."""
    while getattr(model, "steps", None):
        model = model.steps[-1][1]
    # an experiment around an estimator leaves the log to it
    return model if hasattr(model, "unlearning_log_") else getattr(model, "estimator_", model)


class Subjects:
    """The ids and rows that are at hand when requests are honoured or checked.

    Parameters
    ----------
    keys : Keys
    ids : path-like, iterable, callable or None
        Ids that may be meant: a file with one a line, a sequence, or a function without arguments
        that gives one.
    rows : array-like of shape (n, n_features), DataFrame or None
        Rows that may be meant.
    """

    def __init__(self, keys: Keys, ids: Any = None, rows: Any = None):
        self._keys = keys
        self._ids = ids
        self.rows = rows

    def found(self, kind: str, wanted: Iterable[bytes], model: Any) -> dict[bytes, Any]:
        """What keyed hashes stand for: ids as the model has them where it tells, places of rows."""
        wanted = set(wanted)
        own = own_ids(model) if kind == "id" else None
        found: dict[bytes, Any] = {}
        for place, value in enumerate(self._given(kind) if own is None else own):
            digest = self._keys.subject(kind, value)
            if digest in wanted:
                if own is not None and found.get(digest, value) != value:
                    raise LedgerError(
                        f"a request may mean {found[digest]!r} or {value!r}, which are two ids of "
                        "the model and are written alike: no request can tell them apart."
                    )
                found[digest] = value if kind == "id" else place
        return found

    def tells(self, kind: str, model: Any) -> bool:
        """Whether who is not found in a model is not in it."""
        return kind == "id" and own_ids(model) is not None

    def members(self, kind: str, wanted: set[bytes], model: Any) -> tuple[set[bytes], set[bytes]]:
        """Of keyed hashes, those of members of the model, and those of which it can be told."""
        own = own_ids(model) if kind == "id" else None
        if own is not None:
            return wanted & {self._keys.subject("id", value) for value in own}, wanted
        found = self.found(kind, wanted, model)
        known = are_members(model, kind, self.asked(kind, found.values())) if found else None
        if known is None:
            return set(), set()
        pairs = zip(found, known, strict=True)
        return {digest for digest, is_member in pairs if is_member}, set(found)

    def asked(self, kind: str, values: Iterable) -> Any:
        """Ids, or rows by their places, as a model is asked about them."""
        values = list(values)
        if kind == "id":
            return values
        return (
            self.rows.iloc[values] if hasattr(self.rows, "iloc") else np.asarray(self.rows)[values]
        )

    def _given(self, kind: str) -> Sequence:
        if kind == "row":
            return _rows_of(self.rows)
        ids = self._ids() if callable(self._ids) else self._ids
        if ids is None:
            return ()
        return ids_of_file(ids) if isinstance(ids, str | os.PathLike) else list(ids)


def _rows_of(rows: Any) -> list:
    if rows is None:
        return []
    if hasattr(rows, "iloc"):
        return [rows.iloc[i] for i in range(len(rows))]
    return list(np.asarray(rows))


def own_ids(model: Any) -> Sequence | None:
    """Ids of the rows that a model remembers, each once; None where it does not tell."""
    ids = getattr(final_step(model), "ids_", None)
    return None if ids is None else list(dict.fromkeys(np.asarray(ids).tolist()))


def are_members(model: Any, kind: str, values: Any) -> Sequence | None:
    """Whether each id or row is a member; None where the model cannot say."""
    last = final_step(model)
    if not hasattr(last, "is_member"):
        return None
    try:
        if kind == "id":
            own = own_ids(model)
            return None if own is None else [value in set(own) for value in values]
        if last is not model:
            values = model[:-1].transform(values)
        return last.is_member(values)
    except MemberRecordError:
        return None


def forget(model: Any, kind: str, values: Any, options: dict) -> None:
    """Send a model, or a fitted pipeline, the request."""
    import skqmu

    if kind == "id":
        skqmu.unlearn(model, ids=values, **options)
    else:
        skqmu.unlearn(model, values, **options)
