"""An erasure record as a document: requests, how they were honoured, what was not reached."""

from .._document import Cell, Code, Document, Form, Items, Paragraph, Row, Section, Table
from .._text import printable_values

__all__ = ["erasure_document"]

_REVIEW = ("Name and role", "Date", "Signature")
_SHORT = 16


def erasure_document(data: dict) -> Document:
    """Return the document of a record's data."""
    data = printable_values(data)
    done = [each for each in data["requests"] if each["done"]]
    names = {tag: f"method {i}" for i, tag in enumerate(data["methods"], start=1)}
    blocks = [
        Paragraph(
            (
                f"Made {_time(data['created'])} from ledger {data['ledger']}, key "
                f"{data['key_id']}. It names no person: requests have numbers, and whoever sent "
                "them is told theirs.",
            )
        ),
        *_period(data),
        _requests(data["requests"], names),
        *[_method(names[tag], method) for tag, method in data["methods"].items()],
        *([_reached(done), _digests(done)] if done else []),
        *([_models(data["models"])] if data["models"] else []),
        *([_evidence(data["evidence"])] if data["evidence"] else []),
        Section("Limits", (_list(data["limits"]),)),
        Section("Reviewed by", (Form(_REVIEW),), tone="together"),
    ]
    anchor = data["anchor"]
    end = Paragraph(
        (
            f"The ledger ended with entry {anchor['entry']}, link ",
            Code(anchor["link"]),
            ". Kept elsewhere, this shows later whether entries went missing (ledger verify "
            f"--anchor). Format {data['schema']}.",
        )
    )
    title = "Erasure record"
    if data["period"] is None:
        title += f" of request {data['requests'][0]['request']}"
    return Document(title, tuple(blocks), (end,))


def _time(text: str | None) -> str:
    return "–" if text is None else text.replace("T", " ").replace("Z", " UTC")


def _when(text: str | None, more: str = "") -> Cell | str:
    """A time as a table has it: the day, and below it the time of day."""
    if text is None:
        return "–"
    day, time = _time(text).split(" ", 1)
    return Cell(day, small=time + more)


def _list(texts: list) -> Items:
    return Items(tuple((text,) for text in texts))


def _period(data: dict) -> list:
    if data["period"] is None:
        return []
    since, until = data["period"]["since"], data["period"]["until"]
    told = f" from {_time(since)}" * bool(since) + f" until {_time(until)}" * bool(until)
    counts = ", ".join(f"{n} {state}" for state, n in data["counts"].items()) or "none"
    return [Paragraph((f"Requests received{told}: {counts}.",))]


def _requests(requests: list, names: dict) -> Table:
    columns = ("request", "state", "received", "due", "honoured", "verified", "batch", "method")
    rows = []
    for each in requests:
        state = Cell(each["state"], small=each["reason"] or "", is_text=True)
        first = (str(each["request"]), state, _when(each["received"]), _when(each["due"]))
        done = each["done"]
        if done is None:
            rows.append(Row((*first, "–", "–", "–", "–")))
            continue
        honoured = _when(done["honoured"], ", late" if done["late"] else "")
        batch = Cell(str(done["batch"]), small=f"of {done['requests_in_batch']}")
        method = names[done["method"]]
        rows.append(Row((*first, honoured, _when(done["verified"]), batch, method)))
    return Table("Requests", columns, tuple(rows))


def _method(name: str, method: dict) -> Section:
    conditions = [
        f"Condition ({'checked' if each['checked'] else 'not checked'}): {each['text']}"
        for each in method["assumptions"]
    ]
    items = [
        *conditions,
        *[f"Not reached: {text}" for text in method["not_reached"]],
        *[f"Note: {text}" for text in method["notes"]],
    ]
    blocks = (
        Paragraph((f"Model: {method['model']}. Settings: ", Code(_told(method["settings"])))),
        _list(items),
        Paragraph((f"Versions: {_told(method['versions'])}",), tone="small"),
    )
    title = f"{name.capitalize()}: {method['strategy']}, {method['claim']}"
    return Section(title, blocks)


def _told(settings: object) -> str:
    """Settings on one line."""
    if isinstance(settings, dict):
        return ", ".join(f"{name}={_told(own)}" for name, own in settings.items()) or "defaults"
    if isinstance(settings, list):
        return f"[{', '.join(map(_told, settings))}]"
    return str(settings)


def _reached(done: list) -> Section:
    return Section("What was reached", (_list(done[0]["done"]["reached"]),))


def _digests(done: list) -> Section:
    rows = [
        Row(
            (
                str(each["request"]),
                *[each["done"]["digests"][when][:_SHORT] for when in ("before", "after")],
                each["done"]["receipt"],
            )
        )
        for each in done
    ]
    columns = ("request", "model before", "model after", "receipt")
    return Section(
        "Digests and receipts",
        (Table("HMAC-SHA256 under the key", columns, tuple(rows)),),
    )


def _models(models: list) -> Section:
    items = [
        f"{_time(each['time'])}: {each['digest'][:_SHORT]}, {each['reason']}" for each in models
    ]
    return Section("Models", (_list(items),))


def _evidence(evidence: dict) -> Section:
    items = [
        f"{each['mechanism']}, {each['forgotten']} rows forgotten, {each['repeats']} repeats: "
        f"{each['level']}"
        for each in evidence["verdicts"]
    ] or ["The audit says nothing of these methods."]
    return Section(f"Evidence: audit of {evidence['created']}", (_list(items),))
