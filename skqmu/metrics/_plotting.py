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
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


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
