"""A request's states, and what each entry of the ledger changes in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

__all__ = ["OPEN", "STATES", "Request", "changes_of"]

#: in the order in which a request goes through them; three other ends
STATES = (
    *("received", "batched", "prepared", "honoured", "verified"),
    *("failed", "withdrawn", "superseded"),
)
#: of requests that are still to be honoured
OPEN = ("received", "batched", "prepared")


@dataclass(frozen=True)
class Request:
    """A deletion request, as the ledger knows it: no id, no row, no label.

    Parameters
    ----------
    number : int
        Counted from 1, in the order in which requests came.
    kind : {"id", "row"}
        What it names.
    state : str
        One of :data:`STATES`.
    received : datetime
    due : datetime or None
        By when it is to be honoured.
    batch : int or None
        The batch that it is honoured in.
    reason : str or None
        Why it failed, was withdrawn, or was superseded.
    other : int or None
        The request that superseded it.

    Examples
    --------
    >>> import pathlib, secrets, tempfile
    >>> from skqmu.ledger import DeletionLedger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = DeletionLedger(pathlib.Path(folder, "deletions.db"), key=bytes(range(32)))
    ...     request = ledger.receive("customer 7")
    >>> request.number, request.state, request.is_open
    (1, 'received', True)
    """

    number: int
    kind: str
    state: str
    received: datetime
    due: datetime | None = None
    batch: int | None = None
    reason: str | None = None
    other: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be honoured."""
        return self.state in OPEN


def changes_of(seq: int, body: dict) -> Iterator[tuple[int, dict]]:
    """Yield each request that an entry changes, with the columns of its table that it sets.

    Both the ledger's table and whoever checks it go by this.

    Parameters
    ----------
    seq : int
        The entry's number.
    body : dict
    """
    kind = body["kind"]
    if kind == "received":
        yield (
            body["n"],
            {
                "kind": body["of"],
                "subject": bytes.fromhex(body["subject"]),
                "reference": bytes.fromhex(body["reference"]) if "reference" in body else None,
                "state": "received",
                "received": body["t"],
                "due": body.get("due"),
                "entry": seq,
            },
        )
        return
    columns = _COLUMNS.get(kind, lambda body: None)(body)
    if columns is not None:
        own = {"honoured": seq} if kind == "honoured" else {}
        for number in body["requests"]:
            yield number, {**columns, **own, "entry": seq}


_COLUMNS = {
    "batched": lambda body: {"state": "batched", "batch": body["batch"]},
    "prepared": lambda body: {"state": "prepared", "batch": body["batch"]},
    "honoured": lambda body: {"state": "honoured"},
    "verified": lambda body: {"state": "verified"},
    "failed": lambda body: {"state": "failed", "reason": body["reason"]},
    "withdrawn": lambda body: {"state": "withdrawn", "batch": None, "reason": body["reason"]},
    "superseded": lambda body: {
        "state": "superseded",
        "reason": body["reason"],
        "other": body["other"],
    },
    # put back in the queue: a kill or an error came between, or it is to be tried again
    "returned": lambda body: {"state": "received", "batch": None, "reason": None},
    "hastened": lambda body: {"due": body["due"]},
}
