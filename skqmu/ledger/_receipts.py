"""Receipts: what was done about one request, under the caller's key, and tied to the chain."""

import hmac
import sqlite3
from typing import Any

from ..exceptions import LedgerError
from ._canonical import Keys, canonical_json
from ._chain import content_of, entry_at

__all__ = ["FORMAT", "is_authentic", "receipt_of"]

#: Name and version of the form; the MAC is over its canonical JSON.
FORMAT = "skqmu.receipt/1"


def receipt_of(connection: sqlite3.Connection, keys: Keys, ledger: dict, number: int) -> dict:
    """The receipt of a request that was honoured: the same bytes whenever it is asked for.

    Parameters
    ----------
    connection : sqlite3.Connection
    keys : Keys
    ledger : dict
        ``ledger`` and ``key_id``.
    number : int

    Raises
    ------
    LedgerError
        There is no such request, or it was not honoured.
    """
    found = connection.execute(
        "SELECT kind, subject, received, due, state, honoured FROM requests WHERE number = ?",
        (number,),
    ).fetchone()
    if found is None:
        raise LedgerError(f"there is no request {number}.")
    kind, subject, received, due, state, seq = found
    if seq is None:
        raise LedgerError(f"request {number} is {state}: a receipt is for one that was honoured.")
    honoured = entry_at(connection, seq)
    prepared = entry_at(connection, honoured["prepared"])
    link = connection.execute("SELECT link FROM entries WHERE seq = ?", (seq,)).fetchone()[0]
    receipt = {
        "format": FORMAT,
        **ledger,
        "request": number,
        "names": kind,
        "subject": subject.hex(),
        "received": received,
        "due": due,
        "honoured": honoured["t"],
        "batch": honoured["batch"],
        "requests_in_batch": len(honoured["requests"]),
        "model": {"before": prepared["before"], "after": prepared["after"]},
        "method": content_of(connection, prepared["how"], keys),
        "result": prepared["result"],
        "entry": seq,
        "link": link.hex(),
    }
    return {**receipt, "mac": _mac(keys, receipt)}


def is_authentic(keys: Keys, receipt: Any) -> bool:
    """Whether a receipt is as it was given under this key."""
    if not isinstance(receipt, dict) or receipt.get("format") != FORMAT:
        return False
    told = {name: value for name, value in receipt.items() if name != "mac"}
    try:
        return hmac.compare_digest(_mac(keys, told), str(receipt.get("mac")))
    except (TypeError, ValueError):  # what no JSON holds
        return False


def _mac(keys: Keys, told: dict) -> str:
    return keys.mac("receipt", canonical_json(told)).hex()
