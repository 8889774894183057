"""What becomes of a request that comes in: taken down once, and once for each subject."""

from typing import Any

from ._canonical import Keys
from ._chain import Chain, noted
from ._subjects import Subjects

__all__ = ["asked_again", "earlier_of", "receive"]


def receive(
    chain: Chain, keys: Keys, kind: str, value: Any, due: str | None, reference: str | None
) -> int:
    """Take a request down; returns its number, or that of the one with the same reference.

    Raises
    ------
    ValueError
        The reference was another subject's.
    """
    subject = keys.subject(kind, value)
    facts = {}
    if reference is not None:
        known = chain.connection.execute(
            "SELECT number, subject FROM requests WHERE reference = ?", (keys.reference(reference),)
        ).fetchone()
        if known is not None and known[1] != subject:
            raise ValueError(
                f"reference={reference!r} is that of request {known[0]}, for another subject."
            )
        if known is not None:
            return known[0]
        facts["reference"] = keys.reference(reference).hex()
    return _taken_down(chain, kind, subject, due, facts)


def asked_again(chain: Chain, subjects: Subjects, model: Any) -> list[int]:
    """New requests for those who were deleted and are members of a model; returns their numbers."""
    gone = {
        subject
        for (subject,) in chain.connection.execute(
            "SELECT DISTINCT subject FROM requests WHERE state IN ('honoured', 'verified') "
            "AND kind = 'id'"
        )
    }
    members, _ = subjects.members("id", gone, model)
    return [_taken_down(chain, "id", subject, None, {}) for subject in sorted(members)]


def earlier_of(chain: Chain, number: int) -> str | None:
    """Why a request that is to be put back in the queue has nothing to do, or None."""
    kind, subject = chain.connection.execute(
        "SELECT kind, subject FROM requests WHERE number = ?", (number,)
    ).fetchone()
    earlier = _earlier(chain, kind, subject)
    return None if earlier is None else earlier[1]


def _taken_down(chain: Chain, kind: str, subject: bytes, due: str | None, facts: dict) -> int:
    number = 1 + (chain.connection.execute("SELECT max(number) FROM requests").fetchone()[0] or 0)
    if due is not None:
        facts["due"] = due
    earlier = _earlier(chain, kind, subject)
    chain.append("received", n=number, of=kind, subject=subject.hex(), **facts)
    if earlier is not None:
        other, reason, earlier_due, is_open = earlier
        chain.append("superseded", requests=[number], other=other, reason=reason)
        if is_open and due is not None and (earlier_due is None or due < earlier_due):
            chain.append("hastened", requests=[other], due=due)
    return number


def _earlier(chain: Chain, kind: str, subject: bytes) -> tuple | None:
    """The request that leaves this subject's next one nothing to do: open, or honoured."""
    adopted = noted(chain.connection, "adopted") or 0
    found = chain.connection.execute(
        "SELECT number, due, state, entry FROM requests WHERE subject = ? AND kind = ? "
        "ORDER BY number DESC",
        (subject, kind),
    ).fetchall()
    for number, due, state, entry in found:
        if state in ("received", "batched", "prepared"):
            return number, f"request {number} asks for the same and is open", due, True
        if state in ("honoured", "verified") and entry > adopted:
            reason = f"request {number} was honoured, and no other model was adopted since"
            return number, reason, due, False
    return None
