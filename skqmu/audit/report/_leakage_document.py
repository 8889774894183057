"""What attacks on one model found, as a document that stands alone."""

from ..._document import (
    Code,
    Document,
    Facts,
    Form,
    Items,
    Paragraph,
    Picture,
    Row,
    Section,
    Strong,
    Table,
    Terms,
)
from ..._text import printable_values
from . import _figures as figures
from . import words
from ._attacker_section import attacker_section
from ._method_words import CANNOT_SHOW, GLOSSARY, references
from ._request_section import estimate_cell, rate_cell

__all__ = ["leakage_document"]


def leakage_document(data, pictures=True):
    """The document of a leakage report.

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
    settings = data["settings"]
    title = f"Leakage: {settings['title']}" if settings["title"] else "Leakage of training rows"
    items = Items(tuple((text,) for text in references(settings["attacks"])), is_numbered=True)
    blocks = (
        *_summary(data),
        attacker_section(data["threat_models"]),
        Section("What the attacks found", tuple(_found(data, pictures))),
        Section("References", (items,), "references"),
        Section("Glossary", (Terms(GLOSSARY),), "glossary"),
    )
    footer = (
        Paragraph(("Model: ", Code(settings["estimator"]["settings"]))),
        Paragraph((_made_of(data),)),
    )
    return Document(title, blocks, footer, f"skqmu {data['versions'].get('skqmu', '')}")


def _summary(data):
    settings = data["settings"]
    yield Paragraph(
        (
            "Can somebody who asks the model tell the rows that it was trained on from other rows "
            "of the same classes?",
        ),
        "lead",
    )
    handed = " (as it was handed over)" if settings["prefit"] else ""
    yield Facts(
        (
            ("Model", f"{settings['estimator']['name']}{handed}"),
            ("Training rows", words.count(settings["n_train"])),
            ("Held-out rows", words.count(settings["n_test"])),
            ("Judged on", f"{data['n_members']} and {data['n_nonmembers']} of them"),
            ("Intervals", words.percent(settings["level"])),
        )
    )
    verdict = data["verdict"]
    yield Section("In short", (Paragraph((Strong(verdict["sentence"]),)),))
    for note in data["notes"]:
        yield Paragraph((note,), "note")
    limits = Items(tuple((text,) for text in CANNOT_SHOW[:4]))
    yield Section("What this cannot show", (limits,))
    fields = ("Name and role", "Date", "Signature")
    yield Section("Reviewed by", (Form(fields),), tone="together")


def _found(data, pictures):
    steps = {name: own for name, own in data["upstream"].items() if "error" not in own}
    yield Table(
        "Attacks; TPR needs at least 1 / FPR held-out rows to be resolved",
        ("attack", "AUC", "|AUC − ½|", "TPR at 10 % FPR", "TPR at 1 % FPR", "shadows"),
        (
            *(
                Row((*_row(name, own), str(data["threat_models"][name]["n_shadows"])))
                for name, own in data["attacks"].items()
            ),
            *(
                Row((*_row(label, own), ""), "oracles")
                for label, own in zip(words.step_labels(steps), steps.values(), strict=True)
            ),
        ),
    )
    for name, own in data["upstream"].items():
        if "error" in own:
            yield Paragraph((f"{name} was not attacked: {own['error']}",), "note")
    known, unseen = (data["accuracy"][part] for part in ("train", "test"))
    yield Paragraph(
        (
            f"Accuracy {words.number(known['value'], 2)} on training rows, "
            f"{words.number(unseen['value'], 2)} on held-out rows.",
        )
    )
    if pictures:
        caption = (
            "ROC curves on log-log axes; dashed: guessing; shaded: the "
            f"{words.percent(data['settings']['level'])} band. What counts for privacy is the left "
            "edge: records found at few false alarms.",
        )
        with figures.own_style():
            picture = figures.curves_figure(data["attacks"], "leak")
        yield Picture(picture, caption)


def _row(name, result):
    yield words.attack_words(name)
    for value, interval in (
        (result["auc"], result["auc_interval"]),
        (result["distinguishability"], result["distinguishability_interval"]),
    ):
        yield estimate_cell({"value": value, "low": interval[0], "high": interval[1]})
    for fpr in (0.1, 0.01):
        yield rate_cell(result, fpr)


def _made_of(data):
    packages = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    seed = data["settings"]["entropy"]
    return (
        f"{data['settings']['n_shadows']} shadow models, seed entropy {seed}. Written "
        f"{data['created']} in the format {data['schema']} by {packages}."
    )
