"""The pictures of an audit. Names are text: no mathematics is made of a dollar sign in them."""

import textwrap

import numpy as np

from ..._document.ink import (
    INK,
    MECHANISM,
    as_log_rates,
    draw_curve,
    draw_roc,
    own_style,
    prepare_axes,
    svg_of,
)
from ...metrics import MembershipResult
from .words import PART_WORDS, attack_words, model_words, oracle_band

__all__ = [
    "accuracy_figure",
    "curves_figure",
    "key_of",
    "leak_figure",
    "look_at",
    "loss_figure",
    "name_panel",
    "own_style",
    "panels_of",
    "roc_figure",
]

_MARKERS = ("o", "s", "D", "^", "v", "P")
_MARKS = ("●", "■", "◆", "▲", "▼", "✚")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 3)), (0, (8, 3)))
# Panels beside each other, before another row of them begins.
_ABREAST = 4
_PART_WORDS = {**PART_WORDS, "test_removed": "held-out, removed class"}
_LONGEST = 40
_MOST_DOTS = 80
# Longer lines of titles would meet their neighbours'.
_LONGEST_TITLE = 20


def accuracy_figure(scenario, prefix):
    """Draw the accuracies with their intervals before the oracles' band."""
    models = _shown(scenario)
    parts = list(models[0]["accuracy"])
    figure, panels = panels_of(len(parts), len(models))
    for panel, part in zip(panels, parts, strict=True):
        _band(panel, scenario, lambda model, part=part: model["accuracy"][part]["value"])
        for row, model in enumerate(models):
            entry = model["accuracy"][part]
            _interval(panel, row, entry["value"], entry["low"], entry["high"], _look(models, row))
        panel.set_xlim(-0.04, 1.04)
        panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        name_panel(panel, _PART_WORDS[part])
    _name_rows(panels, models)
    return svg_of(figure, prefix, f"accuracy of each model in scenario {scenario['name']}")


def leak_figure(scenario, prefix):
    """Draw each attack's AUC with its interval before the oracles' band."""
    models = _shown(scenario)
    attacks = list(models[0]["attacks"])
    figure, panels = panels_of(len(attacks), len(models))
    for panel, attack in zip(panels, attacks, strict=True):
        _band(panel, scenario, lambda model, attack=attack: model["attacks"][attack]["auc"])
        panel.axvline(0.5, color=INK["muted"], linewidth=0.8, linestyle=(0, (2, 2)))
        for row, model in enumerate(models):
            result = model["attacks"][attack]
            _interval(panel, row, result["auc"], *result["auc_interval"], _look(models, row))
        panel.set_xlim(-0.04, 1.04)
        panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        name_panel(panel, attack_words(attack))
    _name_rows(panels, models)
    return svg_of(figure, prefix, f"AUC of each attack in scenario {scenario['name']}")


def roc_figure(scenario, prefix):
    """Draw the attacks' ROC curves on log-log axes, one panel an attack."""
    models = _shown(scenario)
    attacks = list(models[0]["attacks"])
    figure, panels = panels_of(len(attacks), None)
    # below half a record there is nothing to see
    left, bottom = 0.5 / scenario["n_nonmembers"], 0.5 / scenario["n_members"]
    for panel, attack in zip(panels, attacks, strict=True):
        results = {
            model["name"]: MembershipResult.from_dict(model["attacks"][attack])
            for model in scenario["models"]
            if model["status"] == "ok"
        }
        fprs, low, high = results[models[0]["name"]].roc_band()
        panel.fill_between(
            fprs, np.maximum(low, bottom), np.maximum(high, bottom),
            color=INK["original"], alpha=0.13, linewidth=0,
        )  # fmt: skip
        start = max(left, bottom)
        dashes = {"linewidth": 0.8, "linestyle": (0, (2, 2))}
        panel.plot([start, 1], [start, 1], color=INK["muted"], **dashes)
        for model in scenario["models"]:
            if model["role"] == "oracle":
                result = results[model["name"]]
                _curve(panel, result, left, bottom, color=INK["oracle"], linewidth=0.9)
        for row, model in enumerate(models):
            colour, _ = _look(models, row)
            style = {"color": colour, "linewidth": 1.6, "linestyle": _dashes(models, row)}
            _curve(panel, results[model["name"]], left, bottom, **style)
        name_panel(panel, attack_words(attack))
        as_log_rates(panel, left, bottom)
    for panel in panels[::_ABREAST]:
        panel.set_ylabel("true-positive rate")
    return svg_of(figure, prefix, f"ROC curves of the attacks in scenario {scenario['name']}")


def curves_figure(attacks, prefix):
    """Draw the ROC curve of each attack on one model with its band, on log-log axes."""
    figure, panels = panels_of(len(attacks), None)
    for panel, (name, told) in zip(panels, attacks.items(), strict=True):
        name_panel(panel, attack_words(name))
        draw_roc(panel, MembershipResult.from_dict(told))
    for panel in panels[::_ABREAST]:
        panel.set_ylabel("true-positive rate")
    return svg_of(figure, prefix, "ROC curves of the attacks")


def loss_figure(scenario, prefix):
    """Draw the losses of forgotten and held-out rows, and of the forgotten under oracles."""
    from matplotlib.ticker import NullLocator

    models = _shown(scenario)
    oracles = [
        value
        for model in scenario["models"]
        if model["role"] == "oracle"
        for value in model["losses"]["forget"]
    ]
    figure, panels = panels_of(len(models), 3)
    rng = np.random.default_rng(0)  # the jitter of the dots only
    everything = np.concatenate([oracles, *(m["losses"]["forget"] for m in models)])
    floor = max(1e-6, float(everything[everything > 0].min(initial=1e-2)))
    for position, (panel, model) in enumerate(zip(panels, models, strict=True)):
        rows = (
            (model["losses"]["forget"], _look(models, position)[0]),
            (model["losses"]["held_out"], INK["held-out"]),
            (oracles, INK["oracle"]),
        )
        for row, (values, colour) in enumerate(rows):
            _strip(panel, row, np.maximum(values, floor), colour, rng)
        panel.set_xscale("log")
        panel.xaxis.set_minor_locator(NullLocator())
        name_panel(panel, model_words(model["name"]))
        panel.set_xlabel("loss")
    for panel in panels[::_ABREAST]:
        panel.set_yticks(range(3), ["forgotten", "held out", "forgotten,\nin oracles"])
    limits = min(p.get_xlim()[0] for p in panels), max(p.get_xlim()[1] for p in panels)
    for panel in panels:
        panel.set_xlim(limits)
    return svg_of(figure, prefix, f"losses of records in scenario {scenario['name']}")


# --- pieces ------------------------------------------------------------------------------


def _shown(scenario):
    """Return the models that have a row of their own: original and mechanisms that worked."""
    return [m for m in scenario["models"] if m["role"] != "oracle" and m["status"] == "ok"]


def key_of(k):
    """Return the colour's name and the mark of the k-th mechanism."""
    return f"m{k % len(MECHANISM)}", _MARKS[_marker_of(k)]


def _marker_of(k):
    """No two of 36 mechanisms have both, the colour and the marker, in common."""
    return (k + k // len(MECHANISM)) % len(_MARKERS)


def _number(models, row):
    """Which mechanism it is, among those before it; -1: the original."""
    if models[row]["role"] == "original":
        return -1
    return sum(model["role"] == "mechanism" for model in models[:row])


def look_at(k):
    """Return colour, marker and dashes of the k-th mechanism; of the original for -1."""
    if k < 0:
        return INK["original"], "X", "-"
    dashes = _DASHES[k // len(MECHANISM) % len(_DASHES)]
    return MECHANISM[k % len(MECHANISM)], _MARKERS[_marker_of(k)], dashes


def _look(models, row):
    """Return colour and marker of a model, told apart by both."""
    return look_at(_number(models, row))[:2]


def _dashes(models, row):
    return look_at(_number(models, row))[2]


def panels_of(n_panels, n_rows, sharey=True):
    """A figure with so many panels, each with so many rows of models; None: a square one."""
    from matplotlib.figure import Figure

    n_lines = -(-n_panels // _ABREAST)
    height = n_lines * (2.9 if n_rows is None else 0.75 + 0.30 * n_rows)
    figure = Figure(figsize=(9.2, height), layout="constrained")
    figure.get_layout_engine().set(wspace=0.05, hspace=0.08)
    grid = figure.subplots(n_lines, min(n_panels, _ABREAST), sharey=sharey, squeeze=False)
    panels, spare = grid.ravel()[:n_panels], grid.ravel()[n_panels:]
    for panel in spare:
        panel.set_visible(False)
    for panel in panels:
        _prepare(panel, n_rows)
    return figure, panels


def _prepare(panel, n_rows):
    prepare_axes(panel, "x" if n_rows else "both")
    if n_rows:
        panel.set_ylim(n_rows - 0.4, -0.6)


def name_panel(panel, text):
    # two lines at most, and none as long as the panel is wide
    lines = textwrap.wrap(text, _LONGEST_TITLE, max_lines=2, placeholder="…") or [""]
    title = "\n".join(lines)
    panel.set_title(title, fontsize=9.5, color=INK["fg"], loc="left", parse_math=False)


def _short(name, longest):
    """Return a name that leaves room for what is beside it."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _name_rows(panels, models):
    names = [_short(model_words(model["name"]), _LONGEST) for model in models]
    for panel in panels[::_ABREAST]:
        panel.set_yticks(range(len(models)), names, color=INK["fg"], parse_math=False)


def _band(panel, scenario, read):
    low, high = oracle_band(scenario["models"], read)
    # a band of no width must still be seen
    panel.axvspan(low - 0.006, high + 0.006, color=INK["band"], linewidth=0)


def _interval(panel, row, value, low, high, look):
    colour, marker = look
    panel.plot([low, high], [row, row], color=colour, linewidth=1.8, solid_capstyle="round")
    panel.plot([value], [row], marker=marker, color=colour, markersize=6.5, linestyle="none")


def _curve(panel, result, left, bottom, **style):
    draw_curve(panel, result.roc_fpr, result.roc_tpr, (left, bottom), **style)


def _strip(panel, row, values, colour, rng):
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    # each dot is an element of the page: so many show what more would
    values = np.sort(values)[np.unique(np.linspace(0, len(values) - 1, _MOST_DOTS).astype(int))]
    jitter = rng.uniform(-0.22, 0.22, size=len(values))
    panel.plot(
        values, row + jitter, marker="o", markersize=2.6, linestyle="none", color=colour,
        alpha=0.55, markeredgewidth=0,
    )  # fmt: skip
    panel.plot([low, high], [row, row], color=colour, linewidth=3.5, solid_capstyle="butt")
    panel.plot([middle], [row], marker="|", markersize=13, color=INK["fg"], markeredgewidth=1.6)
