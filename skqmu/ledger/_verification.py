"""Whether a ledger is as it was written, and a model is without those that it has forgotten."""

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._text import one_line
from ..exceptions import LedgerError, TamperedLedgerError
from ._artefact import Artefact
from ._canonical import Keys
from ._chain import Chain, content_of, entries_of, entry_at, noted
from ._database import Database
from ._receipts import is_authentic, receipt_of
from ._requests import changes_of
from ._subjects import Subjects
from ._traces import CannotBeSearchedError, rows_in_file

__all__ = ["Finding", "Verification", "verified"]

_COLUMNS = (
    *("kind", "subject", "reference", "state", "received", "due", "batch", "entry"),
    *("honoured", "other", "reason"),
)


@dataclass(frozen=True)
class Finding:
    """One thing that a verification has to say.

    Parameters
    ----------
    level : {"violation", "admitted again", "unverifiable", "notice"}
    text : str
    request : int or None
    entry : int or None

    Examples
    --------
    >>> from skqmu.ledger import Finding
    >>> str(Finding("violation", "it was changed", entry=3))
    'violation: entry 3: it was changed'
    """

    level: str
    text: str
    request: int | None = None
    entry: int | None = None

    def __str__(self) -> str:
        at = f"request {self.request}: " * (self.request is not None)
        at += f"entry {self.entry}: " * (self.entry is not None)
        return f"{self.level}: {at}{self.text}"


@dataclass(frozen=True)
class Verification:
    """What `DeletionLedger.verify` found.

    Parameters
    ----------
    findings : tuple of Finding
    verified : tuple of int
        Honoured requests whose subject is known to be no member of the model.
    n_entries : int
        Entries that were looked at.

    Examples
    --------
    >>> from skqmu.ledger import Finding, Verification
    >>> found = Verification((Finding("unverifiable", "nobody can tell", request=2),), (1,), 9)
    >>> found.is_good, found.unverifiable
    (True, (2,))
    """

    findings: tuple
    verified: tuple
    n_entries: int

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong: no violation, and nobody who was forgotten is a member."""
        return not any(f.level in ("violation", "admitted again") for f in self.findings)

    @property
    def unverifiable(self) -> tuple:
        """Honoured requests of which nobody could tell."""
        return self._of("unverifiable")

    @property
    def admitted_again(self) -> tuple:
        """Honoured requests whose subject a later fit has taken back."""
        return self._of("admitted again")

    def _of(self, level: str) -> tuple:
        return tuple(f.request for f in self.findings if f.level == level and f.request is not None)

    def __str__(self) -> str:
        counts = Counter(f.level for f in self.findings)
        told = ", ".join(f"{n} {level}" for level, n in counts.items()) or "nothing wrong"
        head = f"{self.n_entries} entries, {len(self.verified)} requests verified: {told}"
        return "\n".join([head, *map(str, self.findings)])


def verified(
    database: Database,
    keys: Keys,
    clock: Any,
    named: dict,
    *,
    model: Any,
    subjects: Subjects,
    files: Iterable,
    receipts: Iterable,
    anchor: dict | None,
    trust: Any,
) -> Verification:
    """Look at everything; see `DeletionLedger.verify`."""
    findings: list[Finding] = []
    with database.reading() as connection:
        n_entries = _check_entries(connection, keys, findings)
        _check_receipts(connection, keys, named, receipts, findings)
        _check_anchor(connection, named, anchor, findings)
        fitted, paths = _fitted(connection, keys, model, trust, findings)
        good: dict[int, tuple] = {}
        if fitted is not None:
            good = _check_members(connection, fitted, subjects, findings)
        _check_bytes(subjects.rows, [*paths, *files], findings)
    result = Verification(tuple(findings), tuple(sorted(good)), n_entries)
    if result.is_good and paths and good:
        _write_verified(database, keys, clock, good)
    return result


def _write_verified(database: Database, keys: Keys, clock: Any, good: dict) -> None:
    with database.writing() as connection:
        chain = Chain(connection, keys, clock)
        # not those that changed meanwhile
        numbers = [
            number
            for number, entry in good.items()
            if connection.execute(
                "SELECT 1 FROM requests WHERE number = ? AND entry = ? AND state = 'honoured'",
                (number, entry),
            ).fetchone()
        ]
        if numbers:
            chain.append("verified", requests=sorted(numbers))


# ----------------------------------------------------------------------------- the ledger itself


def _check_entries(connection: sqlite3.Connection, keys: Keys, findings: list) -> int:
    problems: list[tuple] = []
    table: dict[int, dict] = {}
    notes: dict[str, Any] = {"model": None, "adopted": None}
    n = 0
    for entry in entries_of(connection, keys, problems):
        n += 1
        if "clock_back" in entry.body:
            text = f"the clock stood behind an earlier entry ({entry.body['clock_back']})"
            findings.append(Finding("notice", text, entry=entry.seq))
        try:
            _replay(entry, table, notes)
            if "how" in entry.body:
                content_of(connection, entry.body["how"], keys)
        except (KeyError, TypeError, ValueError, TamperedLedgerError) as error:
            # whatever a changed entry makes of it
            problems.append((entry.seq, f"it cannot be followed ({one_line(error)})"))
    findings += [Finding("violation", text, entry=seq) for seq, text in problems]
    for name, value in notes.items():
        if noted(connection, name) != value:
            findings.append(Finding("violation", f"the note {name!r} is not what entries say"))
    _compare(connection, table, findings)
    return n


def _replay(entry: Any, table: dict, notes: dict) -> None:
    for number, columns in changes_of(entry.seq, entry.body):
        table.setdefault(number, dict.fromkeys(_COLUMNS)).update(columns)
    if "model" in entry.body:
        notes["model"] = entry.body["model"]
    if entry.body["kind"] == "adopted":
        notes["adopted"] = entry.seq


def _compare(connection: sqlite3.Connection, table: dict, findings: list) -> None:
    seen = set()
    names = ", ".join(_COLUMNS)
    for number, *values in connection.execute(f"SELECT number, {names} FROM requests"):
        seen.add(number)
        if table.get(number) != dict(zip(_COLUMNS, values, strict=True)):
            text = "the table of requests says something else than the entries"
            findings.append(Finding("violation", text, request=number))
    findings += [
        Finding("violation", "it is missing in the table of requests", number)
        for number in sorted(table.keys() - seen)
    ]


def _check_receipts(connection, keys, named, receipts, findings) -> None:
    for receipt in receipts:
        number = receipt.get("request") if isinstance(receipt, dict) else None
        number = number if isinstance(number, int) else None
        if not is_authentic(keys, receipt):
            text = "the receipt is not one that was given under this key, or was changed"
            findings.append(Finding("violation", text, number))
            continue
        try:
            known = receipt_of(connection, keys, named, number)
        except LedgerError as error:
            text = f"a receipt was given, and the ledger does not know of it ({one_line(error)})"
            findings.append(Finding("violation", text, number))
            continue
        if known != receipt:
            text = "a receipt was given that says something else than the ledger does now"
            findings.append(Finding("violation", text, number))


def _check_anchor(connection, named, anchor, findings) -> None:
    if anchor is None:
        return
    if anchor.get("ledger") != named["ledger"]:
        findings.append(Finding("violation", "the anchor is that of another ledger"))
        return
    seq = anchor.get("entry")
    found = connection.execute("SELECT link FROM entries WHERE seq = ?", (seq,)).fetchone()
    if found is None:
        text = f"entry {seq}, where the ledger ended at {anchor.get('time')}, is missing"
        findings.append(Finding("violation", text))
    elif found[0].hex() != anchor.get("link"):
        text = f"it is not the one with which the ledger ended at {anchor.get('time')}"
        findings.append(Finding("violation", text, entry=seq))


# ------------------------------------------------------------------------------------- the model


def _fitted(connection, keys, model, trust, findings) -> tuple[Any, list]:
    """The fitted model, and its file if it is in one."""
    if model is None or not isinstance(model, str | os.PathLike):
        return model, []
    artefact = Artefact(model, keys, trust)
    digest, fitted = artefact.read()
    known = noted(connection, "model")
    if known is None:
        findings.append(Finding("notice", "the ledger has seen no model yet"))
    elif digest != known and not _is_prepared(connection, digest):
        text = f"{artefact.path.name} is not the version that the ledger knows"
        findings.append(Finding("violation", text))
    return fitted, [artefact.path]


def _is_prepared(connection: sqlite3.Connection, digest: str) -> bool:
    """Whether a file is the next version, whose worker was killed before it could say so."""
    for (seq,) in connection.execute(
        "SELECT DISTINCT entry FROM requests WHERE state = 'prepared'"
    ):
        if entry_at(connection, seq).get("after") == digest:
            return True
    return False


def _check_members(connection, fitted, subjects, findings) -> dict:
    """Honoured requests whose subject is no member, with their last entries."""
    adopted = noted(connection, "adopted") or 0
    good = {}
    for kind in ("id", "row"):
        found = connection.execute(
            "SELECT number, subject, honoured, entry FROM requests WHERE kind = ? "
            "AND state IN ('honoured', 'verified')",
            (kind,),
        ).fetchall()
        if not found:
            continue
        members, known = subjects.members(kind, {subject for _, subject, *_ in found}, fitted)
        for number, subject, honoured, entry in found:
            if subject not in known:
                text = f"nobody can tell: the model keeps no record, or its {kind} is not at hand"
                findings.append(Finding("unverifiable", text, number))
            elif subject not in members:
                good[number] = entry
            elif honoured < adopted:
                text = "a later fit took the subject back, in a model that was adopted"
                findings.append(Finding("admitted again", text, number))
            else:
                text = "the subject was forgotten and is a member of the model"
                findings.append(Finding("violation", text, number))
    return good


def _check_bytes(rows: Any, files: Iterable, findings: list) -> None:
    """Rows that were deleted are in none of the files."""
    if rows is None:
        return
    try:
        rows = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        text = "the rows hold texts: their bytes were not looked for in the model's files"
        findings.append(Finding("unverifiable", text))
        return
    for path in map(Path, files):
        try:
            found = rows_in_file(path, rows)
        except CannotBeSearchedError as error:
            findings.append(Finding("unverifiable", one_line(error)))
            continue
        for i in found:
            text = f"the bytes of row {i} of those that were passed are in {path.name}"
            findings.append(Finding("violation", text))
