"""The entries of a ledger: only ever appended, each hashed under the key with the one before it."""

import json
import sqlite3
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..exceptions import TamperedLedgerError
from ._canonical import Keys, canonical_json
from ._requests import changes_of

__all__ = ["Chain", "Entry", "as_text", "as_time", "content_of", "entries_of", "entry_at", "noted"]

_NO_LINK = bytes(32)
_TAG_BYTES = 16
_HEAD = struct.Struct(">Q32s32s")


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Parameters
    ----------
    seq : int
        Counted from 1.
    body : dict
        Plain JSON: ``kind``, ``t`` and what the kind says.
    link : bytes
        Keyed hash of the body and of the link before it.
    """

    seq: int
    body: dict
    link: bytes


class Chain:
    """The end of the chain, within one transaction that may write.

    Parameters
    ----------
    connection : sqlite3.Connection
    keys : Keys
    clock : callable
        Gives the time, as an aware datetime.

    Raises
    ------
    TamperedLedgerError
        The last entry is not the one that was written last.
    """

    def __init__(self, connection: sqlite3.Connection, keys: Keys, clock: Callable[[], datetime]):
        self.connection = connection
        self._keys = keys
        self._clock = clock
        self.seq, self.link, self._last_time = self._checked_end()

    @property
    def now(self) -> datetime:
        """The clock's time, or the last entry's if the clock was put back behind it.

        What is decided by time is never put off by a clock that goes backwards.
        """
        now = self._clock().astimezone(UTC)
        return now if self._last_time is None else max(now, as_time(self._last_time))

    def append(self, kind: str, **facts: Any) -> int:
        """Write an entry, and what it changes in the table of requests; returns its number."""
        time = as_text(self._clock())
        body = {"kind": kind, "t": time, **facts}
        if self._last_time is not None and time < self._last_time:
            body["clock_back"] = self._last_time
        text = canonical_json(body)
        seq = self.seq + 1
        link = _link(self._keys, seq, text, self.link)
        self.connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (seq, text, link))
        head = _HEAD.pack(seq, link, _head_mac(self._keys, seq, link))
        self._note("head", head)
        for number, columns in changes_of(seq, body):
            _change(self.connection, number, columns)
        if "model" in facts:
            self._note("model", facts["model"])
        if kind == "adopted":
            self._note("adopted", seq)
        self.seq, self.link = seq, link
        self._last_time = max(time, self._last_time or time)
        return seq

    def content(self, value: Any) -> str:
        """Keep what many entries say alike once; returns the tag that stands for it."""
        body = canonical_json(value)
        tag = _tag(self._keys, body)
        self.connection.execute(
            "INSERT OR IGNORE INTO contents (tag, body) VALUES (?, ?)", (tag, body)
        )
        return tag.hex()

    def _note(self, name: str, value: Any) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def _checked_end(self) -> tuple[int, bytes, str | None]:
        head = noted(self.connection, "head")
        last = self.connection.execute(
            "SELECT seq, body, link FROM entries ORDER BY seq DESC LIMIT 2"
        ).fetchall()
        if not last and head is None:
            return 0, _NO_LINK, None
        if head is not None and last:
            seq, link, mac = _HEAD.unpack(head)
            before = last[1][2] if len(last) > 1 else _NO_LINK
            good = mac == _head_mac(self._keys, seq, link) and (seq, link) == (
                last[0][0],
                last[0][2],
            )
            if good and link == _link(self._keys, seq, last[0][1], before):
                told = json.loads(last[0][1])
                return seq, link, max(told["t"], told.get("clock_back", told["t"]))
        raise TamperedLedgerError(
            "the ledger does not end with the entry that was written last: entries were removed or "
            "changed. Nothing was written; ledger.verify() says where. Put a copy back."
        )


def entries_of(
    connection: sqlite3.Connection, keys: Keys | None = None, problems: list | None = None
) -> Iterator[Entry]:
    """Yield all entries in order; with keys, say in `problems` which are not as they were written.

    Parameters
    ----------
    connection : sqlite3.Connection
    keys : Keys or None
    problems : list of (int or None, str) or None
        Gets the number of each entry that is wrong, and what is wrong about it.
    """
    expected, before = 1, _NO_LINK
    for seq, text, link in connection.execute("SELECT seq, body, link FROM entries ORDER BY seq"):
        try:
            body = json.loads(text)
            kind = body["kind"], body["t"]
        except (ValueError, KeyError, TypeError):
            body, kind = {}, None
        if keys is not None:
            if seq != expected:
                problems.append((seq, f"entries {expected} to {seq - 1} are missing"))
            elif link != _link(keys, seq, text, before):
                problems.append((seq, "it, or one before it, was changed"))
            elif kind is None:
                problems.append((seq, "it says nothing that is understood"))
        if kind is not None:
            yield Entry(seq, body, link)
        expected, before = seq + 1, link
    if keys is not None:
        _check_head(connection, keys, expected - 1, before, problems)


def _check_head(connection, keys, seq, link, problems):
    head = noted(connection, "head")
    if head is None or len(head) != _HEAD.size:
        problems.append((None, "the note of the last entry is missing"))
        return
    known, known_link, mac = _HEAD.unpack(head)
    if mac != _head_mac(keys, known, known_link):
        problems.append((None, "the note of the last entry was changed"))
    elif known > seq:
        problems.append((None, f"entries {seq + 1} to {known} are missing at the end"))
    elif (known, known_link) != (seq, link):
        problems.append((None, f"the last entry is not number {known} as it was written"))


def entry_at(connection: sqlite3.Connection, seq: int) -> dict:
    """What one entry says."""
    found = connection.execute("SELECT body FROM entries WHERE seq = ?", (seq,)).fetchone()
    if found is None:
        raise TamperedLedgerError(f"entry {seq} is missing; ledger.verify() says what else is.")
    return json.loads(found[0])


def noted(connection: sqlite3.Connection, name: str) -> Any:
    """What the ledger notes under a name; None: nothing."""
    found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if found is None else found[0]


def content_of(connection: sqlite3.Connection, tag: str, keys: Keys | None = None) -> Any:
    """What a tag stands for.

    Raises
    ------
    TamperedLedgerError
        It is gone, or was changed.
    """
    found = connection.execute(
        "SELECT body FROM contents WHERE tag = ?", (bytes.fromhex(tag),)
    ).fetchone()
    if found is None or (keys is not None and _tag(keys, found[0]).hex() != tag):
        raise TamperedLedgerError(f"what entries say under {tag} is missing or was changed.")
    return json.loads(found[0])


def as_text(time: datetime) -> str:
    """A time as entries have it: UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def as_time(text: str) -> datetime:
    """The time that an entry tells."""
    return datetime.fromisoformat(text)


def _link(keys: Keys, seq: int, text: bytes, before: bytes) -> bytes:
    return keys.mac("link", struct.pack(">Q", seq), before, _as_bytes(text))


def _tag(keys: Keys, body: bytes) -> bytes:
    return keys.mac("link", b"content", _as_bytes(body))[:_TAG_BYTES]


def _as_bytes(value: Any) -> bytes:
    """What a table holds; where somebody has changed it, that may be of any type."""
    return value if isinstance(value, bytes) else repr(value).encode()


def _head_mac(keys: Keys, seq: int, link: bytes) -> bytes:
    return keys.mac("head", struct.pack(">Q", seq), link)


def _change(connection: sqlite3.Connection, number: int, columns: dict) -> None:
    # names of columns come from `changes_of` alone
    if "subject" in columns:
        names = ("number", *columns)
        places = ", ".join("?" * len(names))
        connection.execute(
            f"INSERT INTO requests ({', '.join(names)}) VALUES ({places})",
            (number, *columns.values()),
        )
        return
    sets = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE requests SET {sets} WHERE number = ?", (*columns.values(), number))
