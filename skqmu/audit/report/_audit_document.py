"""A report as a document: what a reader in a hurry needs, then what it rests on."""

from ..._document import (
    Cell,
    Code,
    Document,
    Facts,
    Form,
    Items,
    Paragraph,
    Row,
    Section,
    Strong,
    Table,
    Terms,
    markdown_blocks,
)
from ..._text import printable_values
from . import _figures as figures
from . import words
from ._attacker_section import attacker_section
from ._corrective_section import corrective_lines, corrective_plainly
from ._method_words import CANNOT_SHOW, GLOSSARY, LEVEL_WORDS, references
from ._request_section import Request, request_section
from ._sequence_section import sequence_items, sequence_section, sequence_verdicts
from ._settings_section import settings_section

__all__ = ["audit_document", "verdict_markdown"]


def audit_document(data, pictures=True):
    """The document of a report.

    Parameters
    ----------
    data : dict
        Of a report.
    pictures : bool, default=True

    Returns
    -------
    Document
    """
    data = printable_values(data)
    requests = [Request(scenario, k) for k, scenario in enumerate(data["scenarios"])]
    with figures.own_style():
        found = [request_section(request, data["settings"], pictures) for request in requests]
        if _is_sequence(data):
            found.insert(0, sequence_section(data, requests, pictures))
    blocks = [*_summary(data, requests)]
    if requests:
        blocks.append(_method(data, requests[0]))
    return Document(
        _title(data),
        (*blocks, *found, settings_section(data), *_sources(data)),
        tuple(_footer(data)),
        f"skqmu {data['versions']['skqmu']}",
    )


def verdict_markdown(data):
    """The summary alone, for a section of a model card.

    Parameters
    ----------
    data : dict
    """
    data = printable_values(data)
    requests = [Request(scenario, k) for k, scenario in enumerate(data["scenarios"])]
    blocks = [*_verdicts_in_short(data, requests, links=False)]
    for request in requests:
        blocks.append(Paragraph((Strong(f"Forgetting {request.name}"),)))
        blocks.append(_sentences(request))
    blocks += [Paragraph((Strong("What this audit cannot show"),)), _limits()]
    settings = data["settings"]
    told = (
        f"{settings['estimator']['name']}; {words.count(settings['n_train'])} training and "
        f"{words.count(settings['n_test'])} held-out rows; attacks: "
        f"{', '.join(map(words.attack_words, settings['attacks']))}; "
        f"{words.percent(settings['level'])} intervals; skqmu {data['versions']['skqmu']}, "
        f"{data['created']}."
    )
    return markdown_blocks([*blocks, Paragraph((told,))], 3)


def _is_sequence(data):
    """Whether the requests came one after another, and one of them is done."""
    return bool(data.get("sequence")) and bool(data["scenarios"])


def _title(data):
    title = data["settings"]["title"]
    return f"Unlearning audit: {title}" if title else "Unlearning audit"


# --------------------------------------------------------------------------------- summary


def _summary(data, requests):
    """Two printed pages that stand alone."""
    settings = data["settings"]
    yield Paragraph(
        (
            "Some training rows had to be forgotten. Does a model that was told to forget look "
            "like a model that never saw them? Each way of forgetting is set beside "
            f"{settings['n_oracles']} oracle{'s' if settings['n_oracles'] > 1 else ''}: the same "
            "model retrained from scratch without the forgotten rows.",
        ),
        "lead",
    )
    yield Facts(
        (
            ("Model", settings["estimator"]["name"]),
            ("Training rows", words.count(settings["n_train"])),
            ("Held-out rows", words.count(settings["n_test"])),
            ("Features", words.count(settings["n_features"])),
            ("Classes", words.count(settings["n_classes"])),
            ("Intervals", words.percent(settings["level"])),
            ("Took", words.seconds(data["seconds"])),
            ("Written", data["created"][:10]),
        )
    )
    if not data["complete"]:
        what = " the audit was interrupted. What follows was finished before."
        yield Paragraph((Strong("Not complete:"), what))
    for note in data["notes"]:
        yield Paragraph((note,), "note")
    if requests:
        yield Section("In short", tuple(_verdicts_in_short(data, requests)))
        yield _meanings(requests)
    yield Section("What this audit cannot show", (_limits(),))
    fields = ("Name and role", "Date", "Accepted, or what is missing", "Signature")
    yield Section("Reviewed by", (Form(fields),), tone="together")


def _verdicts_in_short(data, requests, links=True):
    columns = [
        Cell(f"forgetting {request.name}", anchor=request.anchor if links else "", is_text=True)
        for request in requests
    ]
    if not requests:
        return
    if _is_sequence(data):
        yield sequence_verdicts(requests, links)
        yield sequence_items(data)
        return
    rows = []
    for k, model in enumerate(requests[0].shown):
        levels = [request.shown[k]["verdict"]["level"] for request in requests]
        cells = [Cell(words.LEVELS[level], tone=level, is_text=True) for level in levels]
        rows.append(Row((words.model_words(model["name"]), *cells)))
    caption = "Verdicts against retraining"
    yield Table(caption, ("model", *columns), tuple(rows), "summary")
    for request in requests if links else ():
        told = _plainly(request, data["settings"].get("prefit", False))
        yield Paragraph((Strong(f"Forgetting {request.name}. "), told))


def _plainly(request, handed_over):
    """What was found, for a reader who knows none of the measures."""
    scenario = request.scenario
    by_level = {}
    for model in request.shown[1:]:
        name = words.model_words(model["name"])
        by_level.setdefault(model["verdict"]["level"], []).append(name)
    told = [
        f"{words.count(scenario['n_forget'])} of "
        f"{words.count(scenario['n_forget'] + scenario['n_retain'])} rows."
    ]
    original = request.shown[0]["verdict"]["level"]
    told.extend(_ORIGINAL[handed_over].get(original, ()))
    for level, sentence in _PLAIN.items():
        if level in by_level:
            told.append(sentence.format(_listed(by_level[level])))
    return " ".join([*told, *corrective_plainly(request)])


# a model that was handed over may be the one after a deletion, and its verdict the answer
_ORIGINAL = {
    False: {
        "differs": ["Before the deletion the model did give these rows away."],
        "indistinguishable": [
            "The model gave nothing away even before the deletion, so that a clean result says "
            "little about the way of forgetting."
        ],
        "unresolved": ["Whether the model gave these rows away before is not resolved."],
    },
    True: {
        "differs": ["The model as it was handed over can be told from models that never saw them."],
        "indistinguishable": ["The model as it was handed over is like one that never saw them."],
        "unresolved": ["Whether the model as it was handed over still knows them is not resolved."],
    },
}
_PLAIN = {
    "indistinguishable": "Afterwards like a model that never saw them: {}.",
    "differs": "Can be told from models that never saw them: {}.",
    "unresolved": "Not resolved: {}.",
    "none": "No verdict was possible: {}.",
    "failed": "Gave up, and forgot nothing: {}.",
}
_MOST_NAMES = 6


def _listed(names):
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES] if more > 1 else names)
    return f"{shown} and {more} more" if more > 1 else shown


def _sentences(request):
    damage = dict(corrective_lines(request.shown))

    def told(model):
        name, verdict = words.model_words(model["name"]), model["verdict"]
        more = f" {damage[name]}" if name in damage else ""
        return Strong(name), f" ({words.LEVELS[verdict['level']]}): {verdict['sentence']}{more}"

    return Items(tuple(map(told, request.shown)))


def _meanings(requests):
    """What the verdicts say that occur."""
    levels = {model["verdict"]["level"] for request in requests for model in request.shown}
    pairs = [(words.LEVELS[level], text) for level, text in LEVEL_WORDS.items() if level in levels]
    return Section("What the verdicts say", (Terms(tuple(pairs)),), tone="together")


def _limits():
    return Items(tuple((text,) for text in CANNOT_SHOW))


# ---------------------------------------------------------------------------------- method


def _method(data, first):
    settings = data["settings"]
    return Section(
        "Method and threat model",
        (
            *(Paragraph((text,)) for text in _how_it_is_judged(settings)),
            attacker_section(first.scenario["threat_models"]),
        ),
        "method",
        starts_page=True,
    )


def _how_it_is_judged(settings):
    delta = settings.get("delta", 0.1)
    repeated = (
        ", or, with repeats, the spread of independent repeats of the whole procedure: what is "
        "estimated is the mean over seeds and splits, given the table"
        if (settings.get("repeats") or 1) > 1
        else ""
    )
    yield (
        "The original is trained on all training rows. Copies of it are told to forget, each by a "
        f"mechanism of its own. {settings['n_oracles']} oracles are trained from scratch without "
        "the rows, with fresh seeds: retrained models differ among themselves, because their seeds "
        "do, and being equal to retraining means lying inside that spread."
    )
    yield (
        "Each difference to retraining carries an interval that combines the sampling of records "
        f"with the spread of the oracles{repeated}. Compared are the accuracies, the attacks' "
        "AUCs, the confidence on forgotten rows, and how far a model's answers lie from the "
        "oracles' (beside how far theirs lie apart, which takes three oracles)."
    )
    yield (
        "A model differs when such an interval, allowing for all comparisons of one mechanism, "
        "excludes zero; it is indistinguishable when the data exclude any difference above "
        f"{delta:.2f} in every one of them; where they can do neither, the verdict is not "
        "resolved: more held-out rows, more forgotten rows or more oracles would decide it."
    )
    yield (
        "Attacks are refitted for each model, and judged on forgotten rows against held-out rows "
        "of the same classes in the same proportions. The auditor knows which rows were forgotten; "
        'the attacks are not told. "Exact" and "certified" compare one version of the model '
        "with one retrained without the rows: whoever also holds the version before the deletion "
        'may tell who was deleted (the attack "update" measures it).'
    )


# --------------------------------------------------------------------------------- sources


def _sources(data):
    bad_rows = any("corruption" in scenario for scenario in data["scenarios"])
    texts = references(data["settings"]["attacks"], bad_rows=bad_rows)
    items = Items(tuple((text,) for text in texts), is_numbered=True)
    yield Section("References", (items,), "references")
    yield Section("Glossary", (Terms(GLOSSARY),), "glossary")


def _footer(data):
    settings = data["settings"]
    yield Paragraph(("Model: ", Code(settings["estimator"]["settings"])))
    entropy = settings["entropy"]
    seed = "seeds withheld" if entropy is None else f"seed entropy {entropy}"
    packages = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    yield Paragraph(
        (
            f"{settings['n_shadows']} shadow models, {settings['n_oracles']} oracles, {seed}, "
            f"{settings['n_reference']} held-out rows set aside for the mechanisms' stop rules. "
            f"Written {data['created']} in the format {data['schema']} by {packages}.",
        )
    )
