"""Erasure records: what was done about requests, for a customer, a supervisor, or the file."""

import json
import sqlite3
from typing import Any

from .._document import DataReport, Document
from .._shape import anything, each, flag, maybe, named, one_of, record, text, whole
from ..exceptions import LedgerError
from ._canonical import Keys
from ._chain import content_of, entries_of, entry_at
from ._erasure_document import erasure_document
from ._how import method_limits
from ._receipts import receipt_of
from ._requests import STATES

__all__ = ["SCHEMA", "ErasureRecord", "erasure_record"]

#: Name and version of the format; a change that breaks readers raises the number.
SCHEMA = "skqmu.erasure/1"

_ASSUMPTION = record({"text": text, "checked": flag})
_METHOD = record(
    {
        "model": text,
        "strategy": text,
        "settings": named(anything),
        "claim": text,
        "assumptions": each(_ASSUMPTION),
        "not_reached": each(text),
        "notes": each(text),
        "stopped": text,
        "versions": named(text),
    }
)
_DONE = record(
    {
        "method": text,
        "batch": whole(1),
        "requests_in_batch": whole(1),
        "honoured": text,
        "verified": maybe(text),
        "late": maybe(flag),
        "reached": each(text),
        "digests": record({"before": text, "after": text}),
        "certificate": maybe(named(anything)),
        "receipt": text,
    }
)
_ENTRY = record(
    {
        "request": whole(1),
        "names": one_of("id", "row"),
        "state": one_of(*STATES),
        "received": text,
        "due": maybe(text),
        "reason": maybe(text),
        "done": maybe(_DONE),
    }
)
_EVIDENCE = record(
    {
        "audit": text,
        "created": text,
        "digest": text,
        "verdicts": each(
            record({"mechanism": text, "level": text, "repeats": whole(1), "forgotten": whole()})
        ),
    }
)
_RECORD = record(
    {
        "schema": one_of(SCHEMA),
        "created": text,
        "ledger": text,
        "key_id": text,
        "period": maybe(record({"since": maybe(text), "until": maybe(text)})),
        "anchor": record({"entry": whole(1), "link": text, "ledger": text}),
        "requests": each(_ENTRY),
        "counts": named(whole()),
        "methods": named(_METHOD),
        "models": each(record({"time": text, "digest": text, "reason": text})),
        "evidence": maybe(_EVIDENCE),
        "limits": each(text),
    }
)
_REACHED = [
    "the model file: its parameters, and the record of its members that is kept in it",
    "checkpoints, caches and update logs that the model itself wrote, as its notes say",
]


class ErasureRecord(DataReport):
    """What was done about deletion requests, and what was not: data first, and pages of them.

    It holds no personal data: requests have numbers, no id, no row, no keyed hash of one.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.erasure/1`` (:meth:`json_schema`).

    Attributes
    ----------
    data : dict

    Raises
    ------
    ValueError
        `data` are not in that format; the message names the first place that is wrong.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skqmu.ledger import DeletionLedger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = DeletionLedger(pathlib.Path(folder, "deletions.db"), key=bytes(range(32)))
    ...     number = ledger.receive("customer 7").number
    ...     record = ledger.record(number)
    >>> record.data["requests"][0]["state"]
    'received'
    >>> print(record.to_markdown().splitlines()[0])
    # Erasure record of request 1
    """

    @classmethod
    def json_schema(cls) -> dict:
        """Return the format as JSON Schema (draft 2020-12).

        Returns
        -------
        dict
        """
        return _RECORD.as_json_schema(SCHEMA)

    @classmethod
    def _check(cls, data: Any) -> None:
        _RECORD(data, "the record")

    def _as_document(self, pictures: bool = True) -> Document:
        return erasure_document(self.data)

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {state}" for state, n in self.data["counts"].items())
        return f"ErasureRecord({counts or 'no request'})"


def erasure_record(
    connection: sqlite3.Connection,
    keys: Keys,
    *,
    number: int | None,
    period: list,
    anchor: dict,
    audit: dict | None,
    created: str,
) -> ErasureRecord:
    """The record of one request or of a period.

    Raises
    ------
    LedgerError
        There is no such request.
    """
    chosen, values = ["1"], []
    for condition, value in zip(("received >= ?", "received < ?"), period, strict=True):
        if value is not None:
            chosen.append(condition)
            values.append(value)
    if number is not None:
        chosen, values = ["number = ?"], [number]
    found = connection.execute(
        "SELECT number, kind, state, received, due, reason, honoured FROM requests "
        f"WHERE {' AND '.join(chosen)} ORDER BY number",
        values,
    ).fetchall()
    if number is not None and not found:
        raise LedgerError(f"there is no request {number} in this ledger.")
    named_ledger = {name: anchor[name] for name in ("ledger", "key_id")}
    verified = _times_of_verification(connection)
    methods: dict[str, dict] = {}
    requests, counts = [], dict.fromkeys(STATES, 0)
    for n, kind, state, received, due, reason, seq in found:
        counts[state] += 1
        done = None
        if seq is not None:
            receipt = receipt_of(connection, keys, named_ledger, n)
            tag = entry_at(connection, entry_at(connection, seq)["prepared"])["how"]
            methods.setdefault(tag, content_of(connection, tag, keys))
            done = _done(receipt, tag, verified.get(n))
        requests.append(
            {
                "request": n,
                "names": kind,
                "state": state,
                "received": received,
                "due": due,
                "reason": reason,
                "done": done,
            }
        )
    data = {
        "schema": SCHEMA,
        "created": created,
        **named_ledger,
        "period": None
        if number is not None
        else dict(zip(("since", "until"), period, strict=True)),
        "anchor": anchor,
        "requests": requests,
        "counts": {state: n for state, n in counts.items() if n},
        "methods": methods,
        "models": _models(connection),
        "evidence": None if audit is None else _evidence(keys, audit, methods),
        "limits": method_limits({method["claim"] for method in methods.values()}),
    }
    return ErasureRecord(data)


def _done(receipt: dict, tag: str, verified: str | None) -> dict:
    due = receipt["due"]
    return {
        "method": tag,
        "batch": receipt["batch"],
        "requests_in_batch": receipt["requests_in_batch"],
        "honoured": receipt["honoured"],
        "verified": verified,
        "late": None if due is None else receipt["honoured"] > due,
        "reached": _REACHED,
        "digests": receipt["model"],
        "certificate": receipt["result"].get("certificate"),
        "receipt": receipt["mac"],
    }


def _times_of_verification(connection: sqlite3.Connection) -> dict[int, str]:
    """By request, when it was last found to be no member."""
    return {
        number: entry.body["t"]
        for entry in entries_of(connection)
        if entry.body["kind"] == "verified"
        for number in entry.body["requests"]
    }


def _models(connection: sqlite3.Connection) -> list[dict]:
    return [
        {"time": e.body["t"], "digest": e.body["model"], "reason": e.body["reason"]}
        for e in entries_of(connection)
        if e.body["kind"] == "adopted"
    ]


def _evidence(keys: Keys, audit: dict, methods: dict) -> dict:
    """Verdicts of an audit on the ways that were used; nothing else of it."""
    try:
        scenarios = audit["scenarios"]
        verdicts = [
            {
                "mechanism": str(model["name"]),
                "level": str(model["verdict"]["level"]),
                "repeats": int(model["verdict"].get("n_repeats", 1)),
                "forgotten": int(scenario["n_forget"]),
            }
            for scenario in scenarios
            for model in scenario["models"]
            if model["role"] == "mechanism" and "verdict" in model
        ]
        kind, created = str(audit["schema"]), str(audit["created"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"audit= must be an AuditReport, or the data of one ({type(error).__name__}: {error})."
        ) from error
    used = {_word(method["strategy"]) for method in methods.values()}
    return {
        "audit": kind,
        "created": created,
        "digest": keys.mac("file", json.dumps(audit, sort_keys=True).encode()).hex(),
        "verdicts": [v for v in verdicts if not used or _word(str(v["mechanism"])) in used],
    }


def _word(name: str) -> str:
    return name.replace("_", "").lower()
