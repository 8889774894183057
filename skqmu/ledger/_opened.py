"""A ledger that is open: made or found, with the right key, and looked at."""

import contextlib
import hmac
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from .._text import one_line
from ..exceptions import LedgerError
from ._canonical import Keys
from ._chain import Chain, as_time, entries_of, noted
from ._database import Database
from ._requests import STATES, Request

__all__ = ["OpenLedger", "request_of"]

_FORMAT = "skqmu.ledger/1"
_REQUEST = "SELECT number, kind, state, received, due, batch, reason, other FROM requests"


class OpenLedger:
    """What every ledger can do: show its requests."""

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        key: bytes | None = None,
        key_id: str | None = None,
        timeout: float = 30.0,
        clock: Callable[[], datetime] | None = None,
    ):
        self._keys = None if key is None else Keys(key)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._database = Database(path, timeout)
        self._kept: tuple[str, Any] | None = None
        if self._keys is not None:
            self._database.create(lambda connection: self._open_new(connection, key_id))
        elif not self._database.has_tables():
            raise LedgerError(
                f"{path}: there is no ledger; one is made with key=secrets.token_bytes(32), which "
                "you keep elsewhere."
            )
        self.ledger_id, self.key_id = self._checked()

    def __repr__(self) -> str:
        return f"DeletionLedger({str(self._database.path)!r}, key_id={self.key_id!r})"

    def requests(self, state: str | None = None) -> list[Request]:
        """All requests, or those in one state, in the order in which they came.

        Parameters
        ----------
        state : str, default=None

        Returns
        -------
        list of Request

        Raises
        ------
        ValueError
            An unknown state.
        """
        if state is not None and state not in STATES:
            raise ValueError(f"state={state!r} must be one of {', '.join(STATES)}.")
        where, values = ("", ()) if state is None else (" WHERE state = ?", (state,))
        with self._database.reading() as connection:
            found = connection.execute(f"{_REQUEST}{where} ORDER BY number", values)
            return [_as_request(each) for each in found]

    def requests_of(self, subject: Any = None, *, row: Any = None) -> list[Request]:
        """Requests of one subject, however they ended.

        Parameters
        ----------
        subject : str or int, default=None
        row : array-like of shape (n_features,), default=None

        Returns
        -------
        list of Request
        """
        kind, value = ("id", subject) if row is None else ("row", row)
        digest = self._key().subject(kind, value)
        with self._database.reading() as connection:
            found = connection.execute(f"{_REQUEST} WHERE subject = ? ORDER BY number", (digest,))
            return [_as_request(each) for each in found]

    def request(self, number: int) -> Request:
        """One request.

        Parameters
        ----------
        number : int

        Returns
        -------
        Request

        Raises
        ------
        LedgerError
            There is none of this number.
        """
        with self._database.reading() as connection:
            return request_of(connection, number)

    def history(self, number: int) -> list[dict]:
        """What the ledger's entries say of one request, in order.

        Parameters
        ----------
        number : int

        Returns
        -------
        list of dict
        """
        self.request(number)
        with self._database.reading() as connection:
            return [
                {"entry": entry.seq, **entry.body}
                for entry in entries_of(connection)
                if number in (entry.body.get("n"), *entry.body.get("requests", ()))
            ]

    # ------------------------------------------------------------------------------ the inside

    def _key(self) -> Keys:
        if self._keys is None:
            raise LedgerError(
                "this ledger was opened without its key, to be looked at: "
                "DeletionLedger(path, key=...)."
            )
        return self._keys

    def _named(self) -> dict:
        return {"ledger": self.ledger_id, "key_id": self.key_id}

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Chain]:
        keys = self._key()
        with self._database.writing() as connection:
            yield Chain(connection, keys, self._clock)

    def _open_new(self, connection: sqlite3.Connection, key_id: str | None) -> None:
        keys = self._key()
        named = {
            "format": _FORMAT,
            "ledger": secrets.token_hex(8),
            "key_id": keys.check().hex()[:8] if key_id is None else one_line(key_id),
        }
        for name, value in {**named, "check": keys.check()}.items():
            connection.execute("INSERT INTO meta VALUES (?, ?)", (name, value))
        Chain(connection, keys, self._clock).append("opened", **named)

    def _checked(self) -> tuple[str, str]:
        """Name of the ledger and of its key, which is the right one."""
        path = self._database.path
        with self._database.reading() as connection:
            try:
                found = noted(connection, "format")
            except sqlite3.OperationalError as error:
                raise LedgerError(f"{path} is a database, but no ledger.") from error
            if found != _FORMAT:
                raise LedgerError(f"{path} is no ledger of the form {_FORMAT}; found {found!r}.")
            check = noted(connection, "check")
            if self._keys is not None and not hmac.compare_digest(self._keys.check(), check):
                raise LedgerError(
                    f"{path}: key is not the one that the ledger was made with "
                    f"(key_id {noted(connection, 'key_id')!r})."
                )
            return noted(connection, "ledger"), noted(connection, "key_id")


def request_of(connection: sqlite3.Connection, number: int) -> Request:
    found = connection.execute(f"{_REQUEST} WHERE number = ?", (number,)).fetchone()
    if found is None:
        raise LedgerError(f"there is no request {number!r} in this ledger.")
    return _as_request(found)


def _as_request(row: tuple) -> Request:
    number, kind, state, received, due, batch, reason, other = row
    due = None if due is None else as_time(due)
    return Request(number, kind, state, as_time(received), due, batch, reason, other)
