"""Ids in a member record: whose each row is, found again, hashed, and gone with the rows."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from .._ids import (
    as_ids,
    few_ids,
    hashed_ids,
    id_key,
    join_ids,
    key_of_text,
    keys_by_text,
    keys_of_ids,
    likely_keys,
)
from ..exceptions import AlreadyForgottenError, MemberRecordError, NotATrainingSampleError
from ._member_keys import DIGEST_SIZE, id_tombstone

__all__ = ["AskedIds", "MemberIds", "check_ids_go_on", "entries_of_ids", "given_ids"]


def given_ids(ids, X, store_data):
    """Ids that were given to a fit, as an array of one a row.

    Parameters
    ----------
    ids : array-like of shape (n_samples,) or "index"
    X : array-like of shape (n_samples, n_features)
        As it was given.
    store_data : {"rows", "fingerprints", "none"}

    Raises
    ------
    MemberRecordError
        Nothing is stored.
    ValueError, TypeError
    """
    if store_data == "none":
        raise MemberRecordError(
            'ids= says whose each row is, and store_data="none" stores nothing of a row; fit with '
            'store_data="rows", or with "fingerprints", which keeps a keyed hash of each id.'
        )
    if isinstance(ids, str) and ids == "index":
        index = getattr(X, "index", None)
        if index is None or callable(index):
            raise ValueError(
                f'ids="index" takes the names of a pandas frame\'s rows, and X is a '
                f"{type(X).__name__} here (a step before this one may have made it an array); pass "
                "the ids themselves: ids=frame.index."
            )
        ids = index
    shape = getattr(X, "shape", None)
    return as_ids(ids, shape[0] if shape else len(X))


def check_ids_go_on(members, ids):
    """Refuse rows with ids after rows without, and the other way round.

    Parameters
    ----------
    members : MemberRecord
        Of the calls before.
    ids : ndarray or None
    """
    if members.mode == "none" or (members.ids is None) == (ids is None) or not len(members):
        return
    earlier, now = ("without", "with") if members.ids is None else ("with", "without")
    raise ValueError(
        f"the calls of fit and partial_fit before had rows {earlier} ids, this one has rows {now}: "
        "a request by id would miss some. Pass ids= every time, or never."
    )


@dataclass(frozen=True)
class AskedIds:
    """Ids of a request.

    Parameters
    ----------
    ids : list of hashable
    written : bool, default=False
        Whether they are texts of ids, as of a file: "1" is the number 1, if that is an id.
    """

    ids: list
    written: bool = False

    @classmethod
    def of(cls, ids):
        """Ids as they were passed: a sequence, or one id alone."""
        if isinstance(ids, AskedIds):
            return ids
        if isinstance(ids, str | bytes | Integral):
            raise TypeError(
                f"ids={ids!r} must be a list of ids; for a single one write ids=[{ids!r}]."
            )
        asked = as_ids(ids)
        if not len(asked):
            raise ValueError("ids= names no id: there is nothing to forget.")
        return cls(asked.tolist())


@dataclass(frozen=True, eq=False)
class MemberIds:
    """Whose the entries of a record are.

    Parameters
    ----------
    values : ndarray of shape (n,), or of uint8 of shape (n, 16)
        The ids, or their keyed hashes.
    hashed : bool
    """

    values: np.ndarray
    hashed: bool

    @classmethod
    def of(cls, ids, key=None):
        """Those of some rows; with a key (bytes) their hashes alone."""
        if key is None:
            return cls(ids, False)
        return cls(hashed_ids(keys_of_ids(ids), key, DIGEST_SIZE), True)

    def keys(self):
        """For each entry what its id is compared by, a list."""
        if self.hashed:
            return [value.tobytes() for value in self.values]
        return keys_of_ids(self.values)

    def left(self, left):
        """Those of the entries that a function of an array leaves."""
        values = left(self.values)
        # an array of texts is as wide as its longest, which may have left
        return MemberIds(values if values.dtype.kind != "U" else join_ids(values), self.hashed)

    def joined(self, other):
        """These and those of more entries."""
        if self.hashed:
            return MemberIds(np.concatenate([self.values, other.values]), True)
        return MemberIds(join_ids(self.values, other.values), False)

    def gone(self, left):
        """Keys of ids that have an entry here and none in `left`, a set."""
        return set(self.keys()) - set(left.keys())

    def taken(self, entries):
        """Those of some entries."""
        return MemberIds(self.values[entries], self.hashed)

    def entries(self, asked, key=None):
        """For each id that is asked for its entries (list of int arrays), and its keys.

        Parameters
        ----------
        asked : AskedIds
        key : bytes or None
            Of the hashes.

        Returns
        -------
        list of ndarray of int
            Empty where an id has none.
        list of list of hashable
            What each may be compared by.
        """
        by_key = {}
        for entry, own in enumerate(self.keys()):
            by_key.setdefault(own, []).append(entry)
        keys = self._keys_of(asked, key, by_key)
        found = [[e for own in each for e in by_key.get(own, ())] for each in keys]
        return [np.array(sorted(entries), dtype=int) for entries in found], keys

    def _keys_of(self, asked, key, known):
        if not asked.written:
            keys = [[id_key(value)] for value in asked.ids]
        elif self.hashed:
            keys = [likely_keys(text) for text in asked.ids]
        else:
            written = keys_by_text(known)
            found = [key_of_text(text, written, name="ids") for text in asked.ids]
            pairs = zip(found, asked.ids, strict=True)
            keys = [likely_keys(text) if own is None else [own] for own, text in pairs]
        if not self.hashed:
            return keys
        return [[h.tobytes() for h in hashed_ids(each, key, DIGEST_SIZE)] for each in keys]


def entries_of_ids(record, asked, key=None):
    """Entries of a record that are those of some ids: every row of each.

    Parameters
    ----------
    record : MemberRecord
    asked : AskedIds
    key : bytes or None
        For fingerprints.

    Returns
    -------
    ndarray of int, sorted, without repetition

    Raises
    ------
    AlreadyForgottenError, NotATrainingSampleError, MemberRecordError
    """
    record.require("ids=")
    if record.ids is None:
        raise MemberRecordError(
            "ids= needs to know whose each row is, and this classifier was fitted without: "
            "fit(X, y, ids=...)."
        )
    if record.ids.hashed:
        record.keyed_hash(key)  # the right one?
    found, keys = record.ids.entries(asked, key)
    unknown = [i for i, entries in enumerate(found) if not len(entries)]
    if unknown:
        _refuse(record, asked, keys, unknown)
    return np.unique(np.concatenate(found))


def _refuse(record, asked, keys, unknown):
    gone = [i for i in unknown if any(id_tombstone(own) in record.tombstones for own in keys[i])]
    told, n = few_ids([asked.ids[i] for i in unknown]), len(asked.ids)
    if len(gone) == len(unknown):
        raise AlreadyForgottenError(
            f"{len(gone)} of {n} ids are already forgotten ({told}); leave them out of the "
            "request.",
            gone,
        )
    hint = (
        " (or are already forgotten: forgotten ids leave no trace in a saved model)"
        if record.has_forgotten and not gone
        else ""
    )
    already = f"; {len(gone)} of them are already forgotten" if gone else ""
    raise NotATrainingSampleError(
        f"{len(unknown)} of {n} ids are those of no row that was trained on{hint}: {told}"
        f'{already}. 1 and "1" are different ids.',
        unknown,
    )
