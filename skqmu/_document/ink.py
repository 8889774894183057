"""Pictures as SVG text that take their colours from the page.

matplotlib draws with marker colours that stand for roles; they are replaced by CSS variables,
so that one picture serves light, dark and print. The SVG is changed and written as a tree, which
escapes every name in it.
"""

import io
import re
import warnings
from xml.etree import ElementTree

import numpy as np

__all__ = [
    "INK",
    "MECHANISM",
    "as_log_rates",
    "draw_curve",
    "draw_roc",
    "own_style",
    "prepare_axes",
    "svg_of",
]

# role -> the colour that matplotlib writes and the page replaces
INK = {
    "fg": "#010101",
    "muted": "#010102",
    "grid": "#010103",
    "band": "#010104",
    "oracle": "#010105",
    "original": "#010106",
    "held-out": "#010107",
}
MECHANISM = tuple(f"#0102{k:02x}" for k in range(6))
_VARIABLES = {
    **{colour: f"--{role}" for role, colour in INK.items()},
    **{colour: f"--m{k}" for k, colour in enumerate(MECHANISM)},
}
_DRAWN = re.compile("|".join(_VARIABLES))
# A curve of more points looks the same.
_CURVE_POINTS = 150
_SVG = "http://www.w3.org/2000/svg"


def own_style():
    """Return a context in which pictures are drawn alike, whatever the user's settings are."""
    from matplotlib import style

    return style.context("default")


def prepare_axes(axes, grid="both"):
    """Leave of an axes what carries information, in the page's colours.

    Parameters
    ----------
    axes : matplotlib Axes
    grid : {"x", "both"}, default="both"
    """
    axes.set_facecolor("none")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(INK["grid"])
    axes.tick_params(which="both", colors=INK["muted"], labelsize=9, length=0)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK["muted"])
        label.set_size(9)
    axes.grid(axis=grid, color=INK["grid"], linewidth=0.6)
    axes.set_axisbelow(True)


def draw_curve(axes, fpr, tpr, floor, **style):
    """Draw a ROC curve for log-log axes, with no more points than a reader can tell apart.

    Parameters
    ----------
    axes : matplotlib Axes
    fpr, tpr : array-like
    floor : tuple of (float, float)
        Smallest rates shown: on a log axis a rate of 0 has no place.
    **style : object
        Of the line.
    """
    fpr, tpr = np.maximum(fpr, floor[0]), np.maximum(tpr, floor[1])
    at = [np.log(share) / np.log(min(0.5, share.min())) for share in (fpr, tpr)]
    moved = (np.diff(np.round(np.array(at) * _CURVE_POINTS), axis=1) != 0).any(axis=0)
    keep = np.append(moved, True)  # the last of those that look alike, and the end
    keep[0] = True
    axes.plot(fpr[keep], tpr[keep], drawstyle="steps-post", **style)


def svg_of(figure, prefix, label):
    """Return the figure as SVG for a page: scalable, without ids that could clash."""
    import matplotlib
    from markupsafe import Markup

    stream = io.BytesIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": prefix, "font.family": "sans-serif"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # the reader's browser draws the letters, with fonts of its own
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    tree = ElementTree.fromstring(stream.getvalue())
    for unwanted in tree.findall(f"{{{_SVG}}}metadata"):
        tree.remove(unwanted)
    for name in ("width", "height"):
        del tree.attrib[name]
    for element in tree.iter():
        # in a page, names of SVG go without their namespace
        element.tag = element.tag.rpartition("}")[2]
        attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
        element.attrib = {name: _own(name, value, prefix) for name, value in attributes.items()}
    tree.attrib.update({"xmlns": _SVG, "role": "img", "aria-label": label})
    return Markup(ElementTree.tostring(tree, encoding="unicode"))


def _own(name, value, prefix):
    """Return an attribute with its ids made the picture's own, and the page's colours."""
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href":
        return value.replace("#", f"#{prefix}-", 1)
    value = value.replace("url(#", f"url(#{prefix}-")
    return _DRAWN.sub(lambda colour: f"var({_VARIABLES[colour[0]]})", value)


def draw_roc(axes, result):
    """Draw one attack's ROC curve with its band and the line of guessing, on log-log axes.

    Parameters
    ----------
    axes : matplotlib Axes
    result : MembershipResult
    """
    floor = 0.5 / max(result.n_members, result.n_nonmembers)
    fprs, low, high = result.roc_band()
    axes.fill_between(
        fprs, low.clip(floor), high.clip(floor), color=INK["original"], alpha=0.13, linewidth=0
    )
    axes.plot([floor, 1], [floor, 1], color=INK["muted"], linewidth=0.8, linestyle=(0, (2, 2)))
    style = {"color": INK["original"], "linewidth": 1.6}
    draw_curve(axes, result.roc_fpr, result.roc_tpr, (floor, floor), **style)
    as_log_rates(axes, floor, floor)


def as_log_rates(axes, left, bottom):
    """Let axes be of rates, from these on, in logarithms.

    Parameters
    ----------
    axes : matplotlib Axes
    left, bottom : float
    """
    from matplotlib.ticker import NullLocator

    axes.set(xscale="log", yscale="log", xlim=(left, 1.12), ylim=(bottom, 1.12))
    axes.set_xlabel("false-positive rate")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
