"""Data, settings and environment on the page: what it takes to do the audit again."""

import json

from ..._document import Code, Facts, Folded, Items, Paragraph, Row, Section, Table
from ..._text import one_line
from . import words

__all__ = ["settings_section"]

# A circuit's code and numbers stand in the JSON; a page has their beginning.
_LONGEST = 400


def settings_section(data):
    """The section about what was audited, and how it is done again.

    Parameters
    ----------
    data : dict
        Of a report; one of format 1 does not hold most of it.

    Returns
    -------
    Section
    """
    if "again" not in data:
        told = Paragraph(
            (
                f"This report is of the format {data['schema']}, which holds no data card, no "
                "environment and not all settings.",
            )
        )
        return Section("Data and settings", (told,), "settings")
    return Section(
        "Data, settings, and how to do it again",
        (
            Section("Data card", tuple(_card(data["data"]))),
            Section("Environment", tuple(_environment(data))),
            Section("Settings", tuple(_settings(data["again"]))),
            Section("Again", tuple(_again(data["again"]))),
        ),
        "settings",
    )


def _card(card):
    columns = card["columns"]
    kinds = ", ".join(f"{words.count(n)} {kind}" for kind, n in columns["kinds"].items())
    yield Facts(
        (
            ("Columns", f"{words.count(columns['n'])} ({kinds})"),
            ("Missing values", words.count(columns["missing"])),
        )
    )
    yield Table(
        "Rows by class and part",
        ("class", "training", "held out", "reference"),
        (
            *(Row((str(c["label"]), *_counts(c))) for c in card["classes"]),
            Row(("all", *_counts(card["rows"])), "oracles"),
        ),
        "summary",
    )
    if columns["names"]:
        shown = ", ".join(columns["names"][:100])
        more = f" and {len(columns['names']) - 100} more" if len(columns["names"]) > 100 else ""
        yield Paragraph((f"Columns: {shown}{more}.",), "note")
    digests = card["digests"]
    whose = (
        "the caller's"
        if digests["has_own_key"]
        else "a random one, which was handed out with the report and is written nowhere"
    )
    yield Paragraph(
        (
            f"Digests ({digests['algorithm']}; the key: {whose}). Whoever holds the rows and the "
            "key can show that this report is about them; without the key they say only which "
            "parts of this report are about the same rows.",
        ),
        "note",
    )
    pairs = [(name, digests[name]) for name in ("table", "training", "held_out", "reference")]
    pairs += [(f"forgotten, {name}", own) for name, own in digests["forget"].items()]
    pairs += [("ids", digests["ids"])] if "ids" in digests else []
    pairs += [
        (f"ids forgotten, {name}", own) for name, own in digests.get("forget_ids", {}).items()
    ]
    yield Items(tuple((f"{name.replace('_', ' ')}: ", Code(own)) for name, own in pairs))


def _counts(entry):
    return (words.count(entry[part]) for part in ("training", "held_out", "reference"))


def _environment(data):
    own = data["environment"]
    yield Items(
        (
            (f"{own['implementation']} {own['python']}",),
            (f"{own['system']}, {own['machine']}",),
            (", ".join(f"{name} {version}" for name, version in data["versions"].items()),),
        )
    )


def _settings(again):
    arguments = again["arguments"]
    yield Folded("The model", (Paragraph((Code(_short(arguments["estimator"])),)),))
    for title, group in (("The mechanisms", "mechanisms"), ("The attacks", "attacks")):
        items = tuple((f"{name}: ", Code(_short(own))) for name, own in again[group].items())
        yield Folded(title, (Items(items),))
    others = {
        name: own
        for name, own in arguments.items()
        if name not in ("estimator", "mechanisms", "attacks")
    }
    items = tuple((f"{name}: ", Code(_short(own))) for name, own in others.items())
    yield Folded("The audit", (Items(items),))


def _again(again):
    yield Paragraph(
        (
            "The JSON of this report holds every setting. With the data, in the same order, this "
            "does it again:",
        )
    )
    yield Items(tuple((Code(line),) for line in again["code"].splitlines() if line.strip()))


def _short(record):
    """A recorded value as a person reads it, cut where it is long."""
    text = one_line(_line(record))
    more = f" … ({len(text):,} characters in the JSON)"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + more


def _line(record):
    if isinstance(record, list):
        return f"[{', '.join(map(_line, record))}]"
    if not isinstance(record, dict):
        return json.dumps(record, ensure_ascii=False)
    if set(record) == {"object"} and isinstance(record["object"], dict):
        return _call(record["object"].get("class"), record["object"].get("params"))
    if set(record) == {"class", "settings"}:
        return _call(record["class"], record["settings"])
    if set(record) == {"tuple"} and isinstance(record["tuple"], list):
        return f"({', '.join(map(_line, record['tuple']))})"
    if set(record) == {"circuit"} and isinstance(record["circuit"], dict):
        return f"QuantumCircuit(digest {record['circuit'].get('digest')})"
    return json.dumps(record, ensure_ascii=False)


def _call(name, params):
    name = str(name).rpartition(".")[2]
    pairs = params.items() if isinstance(params, dict) else ()
    return f"{name}({', '.join(f'{key}={_line(own)}' for key, own in pairs)})"
