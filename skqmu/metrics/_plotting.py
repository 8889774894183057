"""What all displays share: axes on demand, one colour a role, matplotlib only when drawing."""

import numpy as np

from .._text import printable

# Okabe and Ito's palette: told apart by the colour-blind and in grey print.
COLORS = {
    "members": "#0072B2",
    "held-out": "#7F7F7F",
    "forgotten": "#D55E00",
    "oracle": "#009E73",
}
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
# Lines and points of one colour are told apart by these, so that 49 looks differ.
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 3)),
           (0, (8, 3)), (0, (1, 3)))  # fmt: skip
_MARKERS = "osD^vPX"
# A legend of more entries covers what it explains, and stands beside it instead.
_MOST_INSIDE = 5


def axes_for(ax, **figure_options):
    """Return `ax`, or the axes of a new figure.

    Raises
    ------
    ImportError
        matplotlib is missing: ``pip install matplotlib``.
    """
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("displays need matplotlib: pip install matplotlib") from error
    options = {"figsize": (6.4, 4.8), "layout": "constrained", **figure_options}
    return plt.subplots(**options)[1]


def literal(name):
    """Return a name as matplotlib shows it letter by letter.

    It would read mathematics between dollar signs (and fail where there is none), leave names
    with a leading underscore out of legends, and write control characters into SVG.
    """
    text = printable(str(name)).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def look(position):
    """Colour, dashes and marker of a position, as keywords of a line."""
    turn = position // len(CYCLE)
    return {
        "color": CYCLE[position % len(CYCLE)],
        "linestyle": _DASHES[turn % len(_DASHES)],
        "marker": _MARKERS[(position + turn) % len(_MARKERS)],
    }


def legend(ax, loc="best"):
    """Draw a legend: inside where it is short, else beside the axes."""
    n = len(ax.get_legend_handles_labels()[1])
    if n <= _MOST_INSIDE:
        ax.legend(loc=loc, frameon=False, fontsize="small")
        return
    size = "small" if n <= 16 else "x-small"
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    ax.legend(frameon=False, fontsize=size, **place)


def label_points(ax, names, x, y):
    """Write the names of points: beside each where all have room, else in a column at the right.

    Parameters
    ----------
    ax : matplotlib Axes
    names : sequence of str
    x, y : ndarray of shape (n,)
        In data coordinates; the limits of the axes are as they will be drawn.
    """
    at = ax.transData.transform(np.column_stack([x, y])) * 72 / ax.figure.dpi
    sizes = [(_LETTER * len(name) + 2, _LINE) for name in map(str, names)]
    offsets = _offsets(at, sizes, ax.bbox.bounds, ax.figure.dpi)
    if offsets is None:
        _in_a_column(ax, names, x, y)
        return
    for name, point, (dx, dy) in zip(names, zip(x, y, strict=True), offsets, strict=True):
        text = {"ha": "left" if dx > 0 else "right", "va": "center", "fontsize": "small"}
        ax.annotate(literal(name), point, xytext=(dx, dy), textcoords="offset points", **text)


# Height of a line and width of a letter of small text, and how far names stand off, in points.
_LINE, _LETTER, _OFF = 11.0, 5.6, 8.0


def _offsets(at, sizes, bounds, dpi):
    """Where each name goes, seen from its point; None where some would lie on others."""
    left, bottom, width, height = (72 / dpi * side for side in bounds)
    points = [(px - 5, py - 5, px + 5, py + 5) for px, py in at]
    taken, offsets = list(points), []
    for (px, py), (w, h) in zip(at, sizes, strict=True):
        for dx, dy in ((_OFF, 0), (-_OFF, 0), (_OFF, 9), (_OFF, -9), (-_OFF, 9), (-_OFF, -9)):
            x0 = px + dx if dx > 0 else px + dx - w
            box = (x0, py + dy - h / 2, x0 + w, py + dy + h / 2)
            inside = left <= box[0] and box[2] <= left + width
            inside = inside and bottom <= box[1] and box[3] <= bottom + height
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                offsets.append((dx, dy))
                break
        else:
            return None
    return offsets


def _meet(one, other):
    return (
        one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    )  # fmt: skip


def _in_a_column(ax, names, x, y):
    """Names at the right, by height, each with a thin line to its point."""
    order = np.lexsort((x, y))
    places = np.linspace(0.02, 0.98, len(names)) if len(names) > 1 else [0.5]
    size = "small" if len(names) <= 20 else "x-small"
    for place, i in zip(places, order, strict=True):
        line = {"arrowstyle": "-", "color": "0.75", "linewidth": 0.6, "shrinkB": 4}
        ax.annotate(
            literal(names[i]), (x[i], y[i]), xytext=(1.03, place), textcoords="axes fraction",
            ha="left", va="center", fontsize=size, arrowprops=line, annotation_clip=False,
        )  # fmt: skip


def tidy(ax):
    """Leave the lines that carry information, drop the rest."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(which="both", direction="out", length=3)


def as_estimate_parts(value):
    """Value and interval of an Estimate or of a plain number."""
    if hasattr(value, "low"):
        return float(value.value), float(value.low), float(value.high)
    return float(value), float(value), float(value)


def role_color(name, position):
    """Colour of a group: by its role where it has one, else by its position."""
    key = str(name).lower().replace("_", "-")
    for role, color in COLORS.items():
        if key.startswith(role.rstrip("s")):
            return color
    return CYCLE[position % len(CYCLE)]


def error_bars(low, value, high):
    """Lengths that matplotlib's errorbar takes, shape (2, n), infinite ones left out."""
    low, value, high = (np.asarray(x, dtype=float) for x in (low, value, high))
    bars = np.vstack([value - low, high - value])
    return np.where(np.isfinite(bars), bars, 0.0)
