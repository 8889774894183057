"""A sequence of requests on the page: how many each mechanism bears, and the way there."""

from ..._document import Cell, Items, Key, Paragraph, Picture, Row, Section, Strong, Table
from . import _figures as figures
from . import words
from ._course_figure import Course, course_figure

__all__ = ["sequence_items", "sequence_section", "sequence_verdicts"]

# What the curve shows: of these the first that all models have, then the attacks.
_MEASURES = ("accuracy_forget", "distance_forget", "accuracy_test", "distance_test")
_MOST_PANELS = 8


def sequence_section(data, requests, pictures):
    """The section of the whole sequence.

    Parameters
    ----------
    data : dict
        Of a report of a sequence.
    requests : list of Request
    pictures : bool

    Returns
    -------
    Section
    """
    level = data["settings"]["level"]
    n = data["sequence"]["n_requests"]
    blocks = [
        Paragraph(
            (
                f"{n} requests came one after another, and each mechanism had to honour each of "
                "them with the model that it had left after the one before. After each request "
                "everything is measured again: on all rows asked for by then, beside oracles that "
                "were trained without any of these. The verdicts of one mechanism share an error "
                f"of {words.percent(round(1 - level, 10))}: one that is retraining is told from it "
                "somewhere in at most that share of sequences.",
            )
        ),
        _bearing(data["sequence"]),
    ]
    if pictures:
        blocks.append(_picture(requests, level))
    return Section("The sequence", tuple(blocks), "sequence", starts_page=True)


def _bearing(sequence):
    """Table of how many requests each mechanism bears."""

    def after(number, none):
        return none if number is None else f"request {number}"

    rows = []
    for told in sequence["mechanisms"]:
        bears = told["holds_until"]
        cells = (
            f"{bears} of {sequence['n_requests']}",
            after(told["leaves_after"], "never found to"),
            after(told["failed_at"], words.DASH),
        )
        rows.append(Row((words.model_words(told["name"]), *(Cell(c, is_text=True) for c in cells))))
    columns = ("shown to be indistinguishable after the first", "leaves the oracles after",
               "fails at")  # fmt: skip
    return Table(
        "How many requests each mechanism bears",
        ("mechanism", *(Cell(column, is_text=True) for column in columns)),
        tuple(rows),
        "summary",
    )


def sequence_items(data):
    """What is said of each mechanism, in a list.

    Parameters
    ----------
    data : dict
        Of a report of a sequence.

    Returns
    -------
    Items
    """
    items = []
    for told in data["sequence"]["mechanisms"]:
        order = "" if told["order"] is None else f" {told['order']['sentence']}"
        items.append((Strong(words.model_words(told["name"])), f": {told['sentence']}{order}"))
    return Items(tuple(items))


def sequence_verdicts(requests, links):
    """Table of all verdicts, a row a request.

    Parameters
    ----------
    requests : list of Request
    links : bool

    Returns
    -------
    Table
    """
    names = [words.model_words(model["name"]) for model in requests[0].shown]
    rows = []
    for k, request in enumerate(requests, start=1):
        levels = [model["verdict"]["level"] for model in request.shown]
        cells = [Cell(words.LEVELS[level], tone=level, is_text=True) for level in levels]
        name = f"{k}. {request.name}"
        rows.append(Row((Cell(name, anchor=request.anchor) if links else name, *cells)))
    return Table(
        "Verdicts against retraining, after each request",
        ("after", *(Cell(name, is_text=True) for name in names)),
        tuple(rows),
        "summary",
    )


def _picture(requests, level):
    attacks = list(requests[0].worked[0]["attacks"])
    keys = [*_MEASURES, *(f"auc_{name}" for name in attacks)]
    known = requests[0].worked[0]["gaps"]
    keys = [key for key in keys if key in known][:_MOST_PANELS]
    worked = [{model["name"]: model for model in request.worked} for request in requests]
    names = [model["name"] for model in requests[0].shown]
    courses = []
    for k, name in enumerate(names):
        points = {
            key: [
                (at, *_of(models[name]["gaps"].get(key)))
                for at, models in enumerate(worked, start=1)
                if name in models
            ]
            for key in keys
        }
        points = {key: [p for p in own if p[1] is not None] for key, own in points.items()}
        courses.append(Course(words.model_words(name), k - 1, points))
    bands = {
        key: [
            (at, *_band(request.worked[0]["gaps"].get(key)))
            for at, request in enumerate(requests, start=1)
        ]
        for key in keys
    }
    svg = course_figure(
        courses, bands, "seq", "differences to retraining after each request",
        titles={key: words.gap_words(key) for key in keys},
        across="requests honoured", up="minus retraining",
    )  # fmt: skip
    caption = [
        "Difference to retraining after each request, with the interval behind the verdict "
        f"({words.percent(level)}, over all measures and requests of a mechanism together). The "
        "band ",
        Key("", "band"),
        " is what oracles span among themselves. ",
        Key("original", "original", "✕"),
        ": the model that forgets nothing. ",
    ]
    for k, name in enumerate(names[1:]):
        caption += [Key(words.model_words(name), *figures.key_of(k)), " "]
    return Picture(svg, tuple(caption))


def _of(gap):
    return (None, None, None) if gap is None else (gap["value"], gap["low"], gap["high"])


def _band(gap):
    if gap is None or None in (gap["oracle_low"], gap["oracle_high"]):
        return 0.0, 0.0
    middle = gap.get("oracle_mean")
    if middle is None:
        middle = (gap["oracle_low"] + gap["oracle_high"]) / 2
    return gap["oracle_low"] - middle, gap["oracle_high"] - middle
