"""The member record: which rows a classifier was trained on, and which it forgot."""

import copy
import hmac
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from .._matching import RowLaw, match_rows, row_digests
from .._row_layout import Layout
from .._rows import as_table, cut, take
from .._validation import validate_data
from ..exceptions import AlreadyForgottenError, MemberRecordError, NotATrainingSampleError
from ._member_ids import MemberIds
from ._member_keys import DIGEST_SIZE, check_key, id_tombstone, keyed_hash, process_hash

__all__ = ["MemberRecord"]

# Entries that are cut out of a record piece by piece: copies of long slices are fast.
_FEW_CUTS = 8


@dataclass(frozen=True)
class MemberRecord:
    """Immutable; every change returns a new record, so that a failure changes nothing.

    Attributes
    ----------
    mode : {"rows", "fingerprints", "none"}
    X : ndarray of shape (n, n_features) or None
        The rows, in mode ``"rows"``.
    digests : ndarray of uint8 of shape (n, 3, 16) or None
        The rows' keyed hashes, in mode ``"fingerprints"``.
    labels : ndarray of shape (n,)
        Index of each row's class.
    weights : ndarray of shape (n,)
    positions : ndarray of shape (n,)
        Place of each row in the data given to `fit`.
    held_out : ndarray of bool of shape (n,)
        Rows that only chose the epoch (the validation part), not the gradient.
    law : RowLaw
        How far apart a row that is asked for and one of these may be.
    origin : ndarray of int of shape (n_seen,)
        For each row ever given, in order, the position at which it first came; -1 where it
        had zero weight. (A row that comes again in a later fit counts once.)
    key_check : bytes or None
        Tells, in mode ``"fingerprints"``, the right key from another.
    tombstones : frozenset of bytes
        Hashes of forgotten rows under the process key; not pickled.
    layout : Layout or None
        How `X` stands for rows that are no array of numbers.
    table : table of n rows, or None
        Those rows.
    ids : MemberIds or None
        Whose each row is.
    """

    mode: str
    X: np.ndarray | None
    digests: np.ndarray | None
    labels: np.ndarray
    weights: np.ndarray
    positions: np.ndarray
    held_out: np.ndarray
    law: RowLaw
    origin: np.ndarray
    key_check: bytes | None = None
    tombstones: frozenset = frozenset()
    layout: Layout | None = None
    table: Any = None
    ids: MemberIds | None = None

    @classmethod
    def of_table(cls, X, labels, weights, *, positions, n_seen, ids=None):
        """Record of the rows of one `fit`, whatever table they are; by rows (``"rows"``)."""
        options = {"positions": positions, "n_seen": n_seen, "ids": ids}
        if isinstance(X, np.ndarray) and X.dtype.kind == "f" and not np.isnan(X).any():
            return cls.of("rows", X.astype(np.float64), labels, weights, **options)
        layout = Layout.of(X)
        record = cls.of("rows", layout.numbers(X), labels, weights, **options)
        if layout.is_plain:
            return record
        return replace(record, layout=layout, table=take(X, np.arange(len(labels))))

    @classmethod
    def of(cls, mode, X, labels, weights, *, positions, n_seen, held_out=None, key=None, ids=None):
        """Record of the rows of one `fit`."""
        law = RowLaw.of(X)
        digests = key_check = None
        if ids is not None:
            ids = MemberIds.of(ids, check_key(key) if mode == "fingerprints" else None)
        if mode == "fingerprints":
            own_hash = keyed_hash(check_key(key))
            digests = _packed(row_digests(X, law, own_hash))
            key_check = own_hash(b"key")
        origin = np.full(n_seen, -1)
        origin[positions] = positions
        if mode == "none":
            origin, positions, labels, weights = (np.zeros(0, dtype=int),) * 4
            held_out = None
        return cls(
            mode=mode,
            X=X.copy() if mode == "rows" else None,
            digests=digests,
            labels=labels.copy(),
            weights=weights.copy(),
            positions=np.asarray(positions, dtype=int),
            held_out=np.zeros(len(labels), dtype=bool) if held_out is None else held_out,
            law=law,
            origin=origin,
            key_check=key_check,
            ids=ids,
        )

    def __getstate__(self):
        return {**vars(self), "tombstones": frozenset()}

    def __deepcopy__(self, memo):
        # Within the process a copy remembers what a pickle must not.
        return type(self)(**copy.deepcopy(vars(self), memo))

    def __len__(self):
        return len(self.labels)

    @property
    def n_seen(self):
        """Rows ever given, forgotten ones included: where the next positions start."""
        return len(self.origin)

    @property
    def has_forgotten(self):
        """Whether rows have left the record."""
        return not np.isin(self.origin[self.origin >= 0], self.positions).all()

    @property
    def given(self):
        """The rows as they were given, in mode ``"rows"``."""
        return self.X if self.table is None else self.table

    def as_numbers(self, estimator, X):
        """Rows of a request, checked, as numbers that `X` can be compared with.

        Parameters
        ----------
        estimator : fitted classifier
            Whose record this is; it has a `layout`.
        X : table
        """
        X = as_table(X)
        validate_data(estimator, X, skip_check_array=True, reset=False)
        return self.layout.numbers(X)

    def keyed_hash(self, key):
        """Hash under the caller's key, which must be the one that was given to `fit`."""
        own_hash = keyed_hash(check_key(key))
        if not hmac.compare_digest(own_hash(b"key"), self.key_check):
            raise MemberRecordError("fingerprint_key is not the key that was given to fit.")
        return own_hash

    def require(self, purpose):
        """Raise unless rows can be recognised."""
        if self.mode == "none":
            raise MemberRecordError(
                f"{purpose} needs a member record, and this classifier was fitted with "
                'store_data="none"; fit with store_data="rows" or "fingerprints".'
            )

    def match(self, X, key=None):
        """For each row of `X` the record's entries that it means (list of int arrays).

        Exact copies where there are any, else the nearest row up to rounding. Fingerprints
        do not tell which of the rows on one place of the grid is nearest: all of them.
        """
        self.require("recognising rows")
        if self.mode == "rows":
            return match_rows(X, self.X, self.law)
        by_digest = {}
        for i, own in enumerate(self.digests):
            for digest in own:
                by_digest.setdefault(digest.tobytes(), []).append(i)
        found = []
        for *near, exact in row_digests(X, self.law, self.keyed_hash(key)):
            entries = by_digest.get(exact, ())
            if not entries or self.law.noise:
                entries = {i for digest in near for i in by_digest.get(digest, ())}
            found.append(np.array(sorted(entries), dtype=int))
        return found

    def equal_bits(self, X, entries, key):
        """Whether rows equal entries of a record of fingerprints bit by bit, one by one."""
        own = row_digests(X, self.law, self.keyed_hash(key))
        pairs = zip(own, entries, strict=True)
        return all(digests[-1] == self.digests[entry][-1].tobytes() for digests, entry in pairs)

    def find(self, X, labels=None, key=None):
        """Entries that a request by rows means: every copy of every row.

        Parameters and errors are those of `meant`.

        Returns
        -------
        ndarray of int, sorted, without repetition
        """
        return np.unique(np.concatenate(self.meant(X, labels, key)))

    def meant(self, X, labels=None, key=None):
        """For each row of a request the entries that it means, at least one.

        Parameters
        ----------
        X : ndarray of shape (k, n_features)
        labels : ndarray of shape (k,) or None
            Restricts the copies to those with this label.

        Returns
        -------
        list of ndarray of int

        Raises
        ------
        AlreadyForgottenError, NotATrainingSampleError
        """
        matches = self.match(X, key)
        unknown, wrong_label = [], []
        for i, entries in enumerate(matches):
            if len(entries) and labels is not None:
                matches[i] = entries[self.labels[entries] == labels[i]]
                if not len(matches[i]):
                    wrong_label.append(i)
            elif not len(entries):
                unknown.append(i)
        if unknown:
            self._refuse(X, unknown)
        if wrong_label:
            raise NotATrainingSampleError(
                f"{len(wrong_label)} of {len(X)} rows were trained on with another label than "
                f"y_forget gives (rows {_few(wrong_label)}); correct y_forget or leave it out.",
                wrong_label,
            )
        return matches

    def _refuse(self, X, unknown):
        digests = row_digests(X[unknown], self.law, process_hash)
        gone = [i for i, own in zip(unknown, digests, strict=True) if self.tombstones & set(own)]
        if len(gone) == len(unknown):
            raise AlreadyForgottenError(
                f"{len(gone)} of {len(X)} rows are already forgotten (rows {_few(gone)}); "
                "leave them out of the request.",
                gone,
            )
        hint = (
            " (or are already forgotten: forgotten rows leave no trace in a saved model)"
            if self.has_forgotten and not gone
            else ""
        )
        already = f"; {len(gone)} of them are already forgotten" if gone else ""
        if not gone and self._are_single_precision(X[unknown]):
            already = "; they equal stored rows in single precision: pass them as they were fitted"
        raise NotATrainingSampleError(
            f"{len(unknown)} of {len(X)} rows were never trained on{hint}: rows {_few(unknown)}"
            f"{already}. Rows are compared after every upstream step: pass them through the same "
            "fitted pipeline (skqmu.unlearn does), or use index=.",
            unknown,
        )

    def _are_single_precision(self, X):
        """Whether rows that were not found are float32 copies of stored ones."""
        if self.mode != "rows" or not np.array_equal(X, _single(X)):
            return False
        narrow = _single(self.X)
        return all(map(len, match_rows(X, narrow, RowLaw.of(narrow))))

    def locate(self, index):
        """Entries at the given positions of the original `fit` data.

        Parameters
        ----------
        index : array-like of int, or boolean mask over the `fit` data
        """
        self.require("index=")
        index = np.asarray(index)
        if index.dtype == bool:
            if index.shape != (self.n_seen,):
                raise ValueError(
                    f"index= is a boolean mask of shape {index.shape}; {self.n_seen} rows were "
                    "given in all (positions count on through every call of fit and partial_fit)."
                )
            index = np.flatnonzero(index)
        if index.ndim != 1 or (index.size and not np.issubdtype(index.dtype, np.integer)):
            raise ValueError(
                "index= must be a 1-d sequence of integer positions in the fit data, or a boolean "
                "mask."
            )
        index = np.unique(index.astype(int))
        outside = index[(index < 0) | (index >= self.n_seen)]
        if len(outside):
            raise NotATrainingSampleError(
                f"index= holds {len(outside)} positions outside 0..{self.n_seen - 1}: "
                f"{_few(outside)}.",
                outside,
            )
        first = self.origin[index]
        never = index[first < 0]
        if len(never):
            raise NotATrainingSampleError(
                f"positions {_few(never)} had zero weight and were never trained on.", never
            )
        gone = index[~np.isin(first, self.positions)]
        if len(gone):
            raise AlreadyForgottenError(
                f"positions {_few(gone)} are already forgotten; leave them out of the request.",
                gone,
            )
        return np.unique(np.searchsorted(self.positions, first))

    def without(self, entries, X=None):
        """Record after the given entries are forgotten.

        Parameters
        ----------
        entries : ndarray of int
        X : ndarray of shape (k, n_features) or None
            The request's rows, for a record that holds none itself.
        """
        left = _left_of(len(self), entries)
        tombstones = set(self.tombstones)
        X = self.X[entries] if self.mode == "rows" else X
        if X is not None:
            digests = row_digests(X, self.law, process_hash)
            tombstones.update(digest for own in digests for digest in own)
        ids = None if self.ids is None else self.ids.left(left)
        if ids is not None:
            tombstones.update(map(id_tombstone, self.ids.gone(ids)))
        return replace(
            self,
            ids=ids,
            X=None if self.X is None else left(self.X),
            table=None if self.table is None else cut(self.table, _staying(len(self), entries)),
            digests=None if self.digests is None else left(self.digests),
            labels=left(self.labels),
            weights=left(self.weights),
            positions=left(self.positions),
            held_out=left(self.held_out),
            tombstones=frozenset(tombstones),
        )

    def extended(self, other, key=None, X=None, *, repeats=False):
        """This record plus the rows of `other` that it does not hold yet.

        For `partial_fit` and `warm_start`, where a row may come again each epoch and
        counts once; with `repeats`, where each row that comes is one more in a sum.

        Parameters
        ----------
        other : MemberRecord
            Positions counted from 0.
        X : ndarray
            The rows of `other` (fingerprints cannot be compared without them).

        Returns
        -------
        record : MemberRecord
        places : ndarray of int of shape (len(other),)
            Position of each row of `other` in it.
        """
        if self.mode == "none":
            return self, other.positions
        new = np.ones(len(other), dtype=bool)
        places = self.n_seen + other.positions
        held_out = self.held_out.copy()
        ours, theirs = ((None if r.ids is None else r.ids.keys()) for r in (self, other))
        for i, entries in enumerate(() if repeats else self.match(X, key)):
            known = entries[self.labels[entries] == other.labels[i]]
            if ours is not None:  # an equal row of somebody else is another row
                known = np.array([e for e in known if ours[e] == theirs[i]], dtype=int)
            if len(known):
                new[i], places[i] = False, self.positions[known[0]]
                # Trained on in either fit is trained on.
                held_out[known] &= other.held_out[i]
        law, digests, rows = self.law, None, None
        if self.mode == "fingerprints":
            # On this record's grid: digests depend on the law.
            added = _packed(row_digests(X[new], law, self.keyed_hash(key)))
            digests = np.concatenate([self.digests, added])
        elif new.any():
            rows = np.concatenate([self.X, other.X[new]])
            law = RowLaw.of(rows)
        else:
            rows = self.X
        origin = np.full(other.n_seen, -1)
        origin[other.positions] = places
        ids = other.ids if self.ids is None else self.ids.joined(other.ids.taken(new))
        record = replace(
            self,
            ids=ids,
            X=rows,
            digests=digests,
            law=law,
            labels=np.concatenate([self.labels, other.labels[new]]),
            weights=np.concatenate([self.weights, other.weights[new]]),
            positions=np.concatenate([self.positions, self.n_seen + other.positions[new]]),
            held_out=np.concatenate([held_out, other.held_out[new]]),
            origin=np.concatenate([self.origin, origin]),
        )
        return record, places


def _packed(digests):
    """Digests of rows as one array, which takes a fifth of the space and a file holds as one."""
    joined = b"".join(part for own in digests for part in own)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(digests), 3, DIGEST_SIZE)


def _left_of(n, entries):
    """What gives the rows of an array of `n` that are left without some; few are cut out."""
    if len(entries) <= _FEW_CUTS:
        cuts = [-1, *np.unique(entries).tolist(), n]
        parts = [slice(a + 1, b) for a, b in pairwise(cuts)]
        return lambda array: np.concatenate([array[part] for part in parts])
    keep = _staying(n, entries)
    return lambda array: array[keep]


def _staying(n, entries):
    keep = np.ones(n, dtype=bool)
    keep[entries] = False
    return keep


def _single(X):
    with np.errstate(over="ignore"):
        return X.astype(np.float32).astype(np.float64)


def _few(rows, n=5):
    rows = [int(row) for row in rows]
    return ", ".join(map(str, rows[:n])) + (", ..." if len(rows) > n else "")
