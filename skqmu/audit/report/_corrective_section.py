"""Rows that were made bad: what they did to the original, and what each model has left of it."""

from ..._document import Cell, Items, Paragraph, Row, Section, Strong, Table
from . import words

__all__ = ["corrective_lines", "corrective_plainly", "corrective_section"]

_KINDS = {
    "label_flip": "labels of other classes",
    "feature_noise": "features that say nothing",
    "confusion": "the labels of two classes interchanged",
}
_TRAINED_ON = {
    "without_bad": "models without the bad rows ({})",
    "clean": "models on the rows as they were ({})",
}
_PLAIN = {
    "undone": "No damage is shown to be left by {}.",
    "part": "A part of the damage is undone by {}.",
    "left": "No damage is shown to be undone by {}.",
    "worse": "There is more damage after {}.",
    "unresolved": "Too few data to say whether it is undone: {}.",
}


def corrective_section(request, settings):
    """The section of a request about bad rows; nothing of any other request.

    Parameters
    ----------
    request : Request
    settings : dict
        Of the report.

    Yields
    ------
    Section
    """
    told = request.scenario.get("corruption")
    if told is None:
        return
    items = Items(
        tuple(
            (Strong(name), f": {sentence}") for name, sentence in corrective_lines(request.models)
        )
    )
    yield Section(
        "What the bad rows did, and what is left of it",
        (Paragraph((_how(told),)), items, _table(request, told, settings), *_notes(request, told)),
    )


def corrective_lines(models):
    """Pairs of a model's name and what is said of the damage that it has left.

    Parameters
    ----------
    models : list of dict
    """
    return [
        (words.model_words(model["name"]), model["corrective"]["sentence"])
        for model in models
        if "sentence" in model.get("corrective", {})
    ]


def corrective_plainly(request):
    """What the bad rows did, for a reader who knows none of the measures; may be empty.

    Parameters
    ----------
    request : Request

    Returns
    -------
    list of str
    """
    if "corruption" not in request.scenario:
        return []
    by_verdict = {}
    for model in request.worked[1:]:
        name = words.model_words(model["name"])
        by_verdict.setdefault(model["corrective"]["verdict"], []).append(name)
    told = [request.shown[0]["corrective"]["sentence"]]
    found = (verdict for verdict in _PLAIN if verdict in by_verdict)
    return told + [_PLAIN[verdict].format(", ".join(by_verdict[verdict])) for verdict in found]


def _how(told):
    classes = ""
    if told["classes"] is not None:
        classes = f" ({' and '.join(map(str, told['classes']))})"
    known = "all of them were asked to be forgotten"
    if told["n_known"] < told["n_bad"]:
        known = (
            f"{words.count(told['n_known'])} of them were known and asked to be forgotten, the "
            "others stayed"
        )
    return (
        f"Before anything was trained, {words.count(told['n_bad'])} training rows were given "
        f"{_KINDS.get(told['kind'], told['kind'])}{classes}; {known}. Accuracies here are on "
        f"{words.count(told['n_affected'])} held-out rows of the classes that were hit, with their "
        "right labels. The share of the damage that is undone is 0 for the original and 1 for the "
        "models that it is measured by, on average."
    )


def _table(request, told, settings):
    others = told["n_others"] > 0
    rows = [Row((words.model_words(m["name"]), *_cells(m["corrective"], others)))
            for m in request.worked]  # fmt: skip
    rows.insert(1, _band_row(f"oracles ({len(request.oracles)})", request.oracles, others))
    for kind, name in _TRAINED_ON.items():
        models = [model for model in told["undamaged"] if model["trained_on"] == kind]
        if models:
            entries = [{"corrective": model} for model in models]
            rows.append(_band_row(name.format(len(models)), entries, others))
    return Table(
        f"Damage, with {words.percent(settings['level'])} intervals; of several models smallest to "
        "largest. False forgetting: the share of good rows that stay and that the original "
        "answered rightly, and the model does not.",
        (
            "model",
            "accuracy",
            *(["accuracy, other classes"] if others else []),
            "minus the original's",
            "undone, of what forgetting can reach",
            "undone, of what right rows give",
            "false forgetting",
        ),
        tuple(rows),
    )


def _cells(found, others):
    return [
        _cell(found["accuracy"]),
        *([_cell(found.get("accuracy_others"))] if others else []),
        _cell(found["recovered"]),
        _cell(found["undone"].get("without_bad"), 2),
        _cell(found["undone"].get("clean"), 2),
        _cell(found["false_forgetting"]),
    ]


def _cell(entry, digits=3):
    if entry is None:
        return words.DASH
    if entry["low"] is None:
        return words.number(entry["value"], digits)
    limits = f"{words.number(entry['low'], digits)} – {words.number(entry['high'], digits)}"
    return Cell(words.number(entry["value"], digits), limits)


def _band_row(name, models, others):
    def band(*keys, digits=3):
        values = [_read(model["corrective"], keys) for model in models]
        values = [value for value in values if value is not None]
        return words.band((min(values), max(values)) if values else None, digits)

    return Row(
        (
            name,
            band("accuracy", "value"),
            *([band("accuracy_others", "value")] if others else []),
            band("recovered", "value"),
            band("undone", "without_bad", "value", digits=2),
            band("undone", "clean", "value", digits=2),
            band("false_forgetting", "value"),
        ),
        "oracles",
    )


def _read(entry, keys):
    for key in keys:
        entry = entry.get(key) if entry is not None else None
    return entry


def _notes(request, told):
    if told["kind"] != "feature_noise":
        yield Paragraph(
            (
                "Elsewhere on this page, forgotten rows stand with the labels that the models were "
                "trained with: a model is right on them where it repeats what is wrong.",
            ),
            "note",
        )
    yield Paragraph(
        (
            "Attacks compare the forgotten rows with "
            f"{words.count(request.scenario['n_nonmembers'])} of "
            f"{words.count(told['n_bad_held_out'])} held-out rows that were made bad by the same "
            "rule: clean rows would be told apart by their being clean.",
        ),
        "note",
    )
