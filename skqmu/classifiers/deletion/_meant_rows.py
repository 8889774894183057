"""Which rows a request means: those to forget, those that stay, those to compare with."""

from collections import Counter
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..._ids import ids_of_text
from ..._matching import RowLaw, match_rows
from ..._validation import validate_data
from ..._what_to_forget import parsed, positions_of
from ...exceptions import MemberRecordError, NotATrainingSampleError
from .._asked_members import encoded_labels, member_record, more_than_named
from .._member_ids import AskedIds, entries_of_ids
from ..state import fitted_state

__all__ = ["MeantRows", "entries_in_order", "forget_rows", "reference_rows", "retain_rows"]


@dataclass(frozen=True)
class MeantRows:
    """Rows with their record entries (None where there is no record).

    `n_more` of them were not named: they are copies of rows that were. `bits_known` says, where
    rows are to be subtracted, whether they are those of the record bit by bit; None: nobody can
    tell. `n_ids` is the number of ids that were named, or None.
    """

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    entries: np.ndarray | None = None
    held_out: np.ndarray | None = None
    positions: np.ndarray | None = None
    n_more: int = 0
    bits_known: bool | None = True
    n_ids: int | None = None

    def __len__(self):
        return len(self.X)

    @classmethod
    def unrecorded(cls, X, labels):
        """Rows that no record knows."""
        return cls(X, labels, np.ones(len(X)), bits_known=None)

    @classmethod
    def of_record(cls, record, entries, X=None):
        """Entries of a record, with their rows where it keeps none."""
        return cls(
            X=record.X[entries] if X is None else X,
            labels=record.labels[entries],
            weights=record.weights[entries],
            entries=entries,
            held_out=record.held_out[entries],
            positions=record.positions[entries],
        )

    @property
    def trained_positions(self):
        """Positions of those that gradients saw; None without a member record."""
        return None if self.positions is None else self.positions[~self.held_out]

    @property
    def facts(self):
        """What the log says of them beside their number: a count, and nobody's name."""
        return {} if self.n_ids is None else {"n_ids": self.n_ids}

    def are_in(self, places):
        """Whether a batch at these positions held one of the rows."""
        return bool(np.isin(places, self.positions).any())


def forget_rows(estimator, X, y=None, index=None, key=None, ids=None):
    """Rows to forget, by themselves, by position, by id, or by what words say of them.

    Parameters
    ----------
    estimator : fitted classifier with a member record
    X : array-like of shape (k, n_features), str or None
    y : array-like of shape (k,) or None
    index : array-like of int or bool, or None
    key : bytes or None
        For fingerprints.
    ids : sequence of hashable, AskedIds or None

    Raises
    ------
    NotATrainingSampleError, AlreadyForgottenError, MemberRecordError, ValueError
    """
    record = member_record(estimator)
    if isinstance(X, str) and index is None and ids is None:
        _check_no_labels(y, "words")
        X, index, ids = _by_words(estimator, record, X)
    asked = None if ids is None else AskedIds.of(ids)
    _check_one_way(X, index, asked)
    if X is not None:
        X = _checked_rows(estimator, record, X)
    else:
        _check_no_labels(y, "index=" if asked is None else "ids=")
    labels = None if y is None else encoded_labels(y, estimator.classes_, len(X), "y_forget")
    if record.mode == "none":
        if X is None or asked is not None:
            record.require("index=" if asked is None else "ids=")
        return MeantRows.unrecorded(X, _given_labels(labels, "y_forget"))
    n_more, matches = 0, None
    if X is not None:
        matches = record.meant(X, labels, key)
        entries, n_more = np.unique(np.concatenate(matches)), more_than_named(matches)
    if asked is not None:
        entries, n_more = _of_ids(record, asked, key, matches), 0
    elif index is not None:
        entries = record.locate(index)
    _check_some_stay(record, entries)
    bits_known = True
    if record.mode == "rows":
        X = None
    elif X is None:
        raise MemberRecordError(
            f"{'index' if asked is None else 'ids'}= needs the rows themselves, and "
            'store_data="fingerprints" keeps hashes only; pass X_forget'
            + ("." if asked is None else ", all rows of these ids, beside it.")
        )
    else:
        X = _rows_of_entries(X, entries, matches)
        if fitted_state(estimator).statistics is not None:
            bits_known = record.equal_bits(X, entries, key)
    meant = MeantRows.of_record(record, entries, X)
    n_ids = None if asked is None else len(set(map(repr, asked.ids)))
    return replace(meant, n_more=n_more, bits_known=bits_known, n_ids=n_ids)


def _check_one_way(X, index, ids):
    ways = [
        name for name, way in (("X_forget", X), ("index", index), ("ids", ids)) if way is not None
    ]
    if len(ways) == 1 or ways == ["X_forget", "ids"]:
        return
    told = {0: "neither", 2: "both"}.get(len(ways), "all three")
    if "ids" in ways:
        told = " and ".join(f"{name}=" for name in ways)
    raise ValueError(
        "name the rows to forget either by X_forget= or by index= (positions in the fit data) or "
        f"by ids=; got {told}."
    )


def _check_no_labels(y, way):
    if y is not None:
        raise ValueError(f"y_forget= goes with X_forget=; with {way} the labels are known.")


def _checked_rows(estimator, record, X):
    """Rows of a request as the record compares them."""
    if np.shape(X)[:1] == (0,):
        raise ValueError("X_forget holds no rows: there is nothing to forget.")
    if record.layout is None:
        return validate_data(estimator, X, dtype=np.float64, reset=False)
    return record.as_numbers(estimator, X)


def _by_words(estimator, record, text):
    """Rows, positions and ids that a text means: one of them, the others None."""
    said = parsed(text, "X_forget")
    record.require(f"X_forget={text!r}")
    if said.kind == "ids":
        return None, None, AskedIds(ids_of_text(said.value, name="X_forget"), written=True)
    if record.mode != "rows":
        raise MemberRecordError(
            f"X_forget={text!r} means rows that the classifier must hold, and store_data="
            f'"{record.mode}" keeps hashes only; pass the rows themselves.'
        )
    seed = getattr(estimator, "random_state", None)
    entries = positions_of(
        text,
        estimator.classes_[record.labels],
        X=record.given,
        random_state=seed if isinstance(seed, Integral) else None,
        name="X_forget",
    )
    if not len(entries):
        raise NotATrainingSampleError(f"X_forget={text!r} means none of the rows that are left.")
    return None, record.positions[entries], None


def _of_ids(record, asked, key, matches):
    """Entries of ids; where rows stand beside these, exactly those rows must be theirs."""
    entries = entries_of_ids(record, asked, key)
    if matches is None:
        return entries
    strangers = [row for row, own in enumerate(matches) if not np.isin(own, entries).any()]
    if strangers:
        raise NotATrainingSampleError(
            f"{len(strangers)} rows of X_forget are not rows of the ids that are named (rows "
            f"{', '.join(map(str, strangers[:5]))}{', ...' if len(strangers) > 5 else ''}).",
            strangers,
        )
    missing = np.setdiff1d(entries, np.concatenate(matches))
    if len(missing):
        raise MemberRecordError(
            f"the ids have {len(entries)} rows, of which X_forget lacks {len(missing)}: pass all "
            "rows of each id, for all of them are forgotten."
        )
    return entries


def _check_some_stay(record, entries):
    if len(entries) == 0:
        raise ValueError("index= names no rows: there is nothing to forget.")
    if np.delete(record.held_out, entries).all():
        raise ValueError(
            f"the request names all {np.count_nonzero(~record.held_out)} rows that the classifier "
            "was trained on; a model of nothing cannot be fitted: delete the estimator instead."
        )


def _given_labels(labels, name):
    if labels is None:
        raise MemberRecordError(f'{name}= is needed: with store_data="none" no labels are kept.')
    return labels


def _rows_of_entries(X, entries, matches):
    """Rows in the order of `entries`, from passed rows that cover them."""
    rows = np.empty((len(entries), X.shape[1]))
    for row, matched in zip(X, matches, strict=True):
        rows[np.isin(entries, matched)] = row
    return rows


def retain_rows(estimator, forget, X=None, y=None, key=None):
    """Rows that stay, stored or passed; None where there are none at hand.

    Parameters
    ----------
    forget : MeantRows
    X, y, key
        As of `forget_rows`.
    """
    record = member_record(estimator)
    if X is None:
        if y is not None:
            raise ValueError("y_retain= goes with X_retain=.")
        if record.mode != "rows":
            return None
        entries = np.setdiff1d(np.arange(len(record)), forget.entries)
        return MeantRows.of_record(record, entries)
    X = validate_data(estimator, X, dtype=np.float64, reset=False)
    labels = None if y is None else encoded_labels(y, estimator.classes_, len(X), "y_retain")
    if record.mode == "none":
        labels = _given_labels(labels, "y_retain")
        shared = [i for i, m in enumerate(match_rows(X, forget.X, RowLaw.of(X))) if len(m)]
        if shared:
            raise ValueError(
                f"{len(shared)} rows of X_retain are in X_forget too (rows {shared[:5]}); a row is "
                "either forgotten or retained."
            )
        return MeantRows.unrecorded(X, labels)
    matches = _staying(record.meant(X, labels, key), forget, len(record))
    entries = np.unique(np.concatenate(matches))
    rows = None if record.mode == "rows" else _rows_of_entries(X, entries, matches)
    return MeantRows.of_record(record, entries, rows)


def _staying(matches, forget, n_entries):
    """The entries that passed rows stand for, without those to forget.

    A request by position or by id leaves the copies that it does not name: as many equal rows may
    be passed as then stay.
    """
    goes = np.zeros(n_entries, dtype=bool)
    goes[forget.entries] = True
    shared = _more_than_stay(matches, goes)
    if shared:
        raise ValueError(
            f"{shared} rows of X_retain are among those to forget; a row is either forgotten or "
            "retained (of a row that is forgotten by its values every copy is; by index= or ids= "
            "those that are named)."
        )
    return [found[~goes[found]] for found in matches]


def _more_than_stay(matches, goes):
    """How many of the passed rows are to go: those beyond the copies that stay.

    Copies that differ in their last bits are named in another order each, and may mean not
    quite the same entries: what has an entry in common is counted together.
    """
    times, sets = Counter(), {}
    for found in matches:
        ordered = np.sort(found)
        sets.setdefault(ordered.tobytes(), ordered)
        times[ordered.tobytes()] += 1
    meant, n = list(sets.values()), len(sets)
    entries = np.concatenate(meant)
    if not goes[entries].any():
        return 0
    passed, only_gone = np.array(list(times.values())), [goes[each].all() for each in meant]
    rows, size = np.repeat(np.arange(n), [len(each) for each in meant]), n + len(goes)
    links = coo_array((np.ones(len(rows)), (rows, n + entries)), shape=(size, size))
    n_groups, group = connected_components(links, directed=False)

    def count(of, weights=None):
        return np.bincount(of, weights, minlength=n_groups)

    beyond = count(group[:n], passed) - count(group[n:][~goes])
    beyond = np.maximum(beyond, count(group[:n], passed * only_gone))
    return int(beyond[count(group[n:][goes]) > 0].clip(0).sum())


def entries_in_order(estimator, forget, X, y, key=None):
    """For each row that stays the entry of the record that it stands for, one a row.

    Equal rows of different people are told apart by nothing: all of them must be there.

    Parameters
    ----------
    estimator : fitted classifier
    forget : MeantRows
    X : array-like of shape (m, n_features)
    y : array-like of shape (m,)
    key : bytes or None
        For fingerprints.

    Raises
    ------
    ValueError
        Some of several equal rows are missing, and nobody can say whose.
    """
    record = member_record(estimator)
    X = _checked_rows(estimator, record, X)
    labels = encoded_labels(y, estimator.classes_, len(X), "y_retain")
    equal = {}
    for row, entries in enumerate(record.meant(X, labels, key)):
        staying = tuple(np.setdiff1d(entries, forget.entries).tolist())
        equal.setdefault(staying, []).append(row)
    found = np.empty(len(X), dtype=int)
    for entries, rows in equal.items():
        whose = set(record.ids.taken(list(entries)).keys())
        if len(rows) != len(entries) and len(whose) > 1:
            raise ValueError(
                f"X_retain holds {len(rows)} of {len(entries)} equal rows that belong to "
                f"{len(whose)} ids (rows {rows[:5]}), and nobody can say whose are missing: pass "
                "every row that stays."
            )
        found[rows] = np.resize(entries, len(rows))
    return found


def reference_rows(estimator, forget, X=None, y=None, key=None):
    """Rows that were not trained on, passed or `fit`'s validation part; None: there are none.

    Parameters are those of `retain_rows`.
    """
    record = member_record(estimator)
    if X is None:
        if y is not None:
            raise ValueError("y_reference= goes with X_reference=.")
        if record.mode != "rows" or not record.held_out.any():
            return None
        entries = np.setdiff1d(np.flatnonzero(record.held_out), forget.entries)
        # A copy of a held-out row may have been trained on.
        copies = record.match(record.X[entries])
        entries = entries[[bool(record.held_out[c].all()) for c in copies]]
        return MeantRows.of_record(record, entries) if len(entries) else None
    if y is None:
        raise ValueError("X_reference= needs y_reference=: stop rules compare within a class.")
    X = validate_data(estimator, X, dtype=np.float64, reset=False)
    labels = encoded_labels(y, estimator.classes_, len(X), "y_reference")
    if record.mode != "none":
        members = [
            i
            for i, entries in enumerate(record.match(X, key))
            if not record.held_out[entries].all() or np.isin(entries, forget.entries).any()
        ]
        if members:
            raise ValueError(
                f"{len(members)} rows of X_reference were trained on or are to be forgotten (rows "
                f"{members[:5]}); the stop rule compares with records that the model never saw."
            )
    return MeantRows.unrecorded(X, labels)
