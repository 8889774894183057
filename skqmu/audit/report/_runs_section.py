"""The epochs of each mechanism's run on the page, where somebody followed them."""

from ..._document import Key, Paragraph, Picture, Section
from . import _figures as figures
from . import words
from ._course_figure import Course, course_figure

__all__ = ["along_the_runs"]

_MEASURES = (
    *("accuracy_forget", "confidence_forget", "distance_forget", "auc_confidence"),
    *("accuracy_retain", "accuracy_test", "distance_test", "loss_forget"),
)


def along_the_runs(request, settings, pictures):
    """The section of the epochs; none where nobody followed them.

    Parameters
    ----------
    request : Request
    settings : dict
        Of the report.
    pictures : bool

    Returns
    -------
    list of Section
    """
    followed = [
        (k, model) for k, model in enumerate(request.shown[1:]) if model.get("curve") is not None
    ]
    if not followed:
        return []
    blocks = [_picture(request, followed, settings["level"])] if pictures else []
    told = "; ".join(
        f"{words.model_words(model['name'])}: {words.count(model['curve']['n_models'])} models, "
        f"{words.count(model['curve']['n_rows'])} rows asked, "
        f"{words.seconds(model['curve']['seconds'])}"
        for _, model in followed
    )
    about = "It is in no cost below. No run was ended by what was seen."
    blocks.append(Paragraph((f"What following the runs took: {told}. {about}",), "note"))
    return [Section("Along the way", tuple(blocks))]


def _picture(request, followed, level):
    known = followed[0][1]["curve"]
    keys = [key for key in _MEASURES if key in known["gaps"]]
    keys = keys or list(known["gaps"])[:4]
    courses, bands = [], {}
    for k, model in followed:
        curve = model["curve"]
        points = {
            key: [
                (at, value, low, high)
                for at, value, low, high in zip(
                    curve["epochs"], *_ends(curve["gaps"][key]), strict=True
                )
                if value is not None
            ]
            for key in keys
            if key in curve["gaps"]
        }
        courses.append(Course(words.model_words(model["name"]), k, points))
    last = max(model["curve"]["epochs"][-1] for _, model in followed)
    for key in keys:
        band = known["oracles"].get(key)
        if band is not None and None not in band.values():
            bands[key] = [(0, band["low"], band["high"]), (last, band["low"], band["high"])]
    svg = course_figure(
        courses,
        bands,
        f"{request.prefix}e",
        f"differences to retraining after each epoch in scenario {request.name}",
        titles={key: words.gap_words(key) for key in keys},
        across="epoch",
        up="minus retraining",
        dense=True,
    )
    caption = [
        "Difference to retraining before the request (epoch 0), after each epoch, and at the end "
        f"(the last point), with intervals ({words.percent(level)}, over all measures together). "
        "The band ",
        Key("", "band"),
        " is what oracles span among themselves. ",
    ]
    for k, model in followed:
        caption += [Key(words.model_words(model["name"]), *figures.key_of(k)), " "]
    return Picture(svg, tuple(caption))


def _ends(gap):
    return (gap[part] for part in ("value", "low", "high"))
