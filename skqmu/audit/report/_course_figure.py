"""Pictures of figures that move: after each request of a sequence, at each epoch of a run."""

import math
from dataclasses import dataclass

from ..._document.ink import INK, svg_of
from ._figures import look_at, name_panel, panels_of

__all__ = ["Course", "course_figure"]

# Share of the distance between two points by which lines stand beside each other.
_APART = 0.28


@dataclass(frozen=True)
class Course:
    """One line in every panel.

    Attributes
    ----------
    name : str
    k : int
        Number of the mechanism, from 0; -1: the original.
    points : dict of str to list of tuple
        By panel: place, value, and the ends of its interval, or None each.
    """

    name: str
    k: int
    points: dict


def course_figure(courses, bands, prefix, label, *, titles, across, up, zero=True):
    """Draw lines before bands, a panel a measure.

    Parameters
    ----------
    courses : list of Course
    bands : dict of str to list of (float, float, float)
        By panel: place, and what retrained models span there.
    prefix, label : str
        Of the picture.
    titles : dict of str to str
        Of the panels.
    across, up : str
        What the axes are of.
    zero : bool, default=True
        Whether a line marks 0.

    Returns
    -------
    Markup
    """
    figure, panels = panels_of(len(titles), None)
    n_lines = max(1, len(courses) - 1)
    for panel, (key, title) in zip(panels, titles.items(), strict=True):
        _draw_band(panel, bands.get(key, ()))
        if zero:
            panel.axhline(0, color=INK["muted"], linewidth=0.8, linestyle=(0, (2, 2)))
        for position, course in enumerate(courses):
            shift = _APART * (position / n_lines - 0.5) if zero else 0.0
            _draw_course(panel, course, course.points.get(key, ()), shift)
        panel.xaxis.get_major_locator().set_params(integer=True)
        name_panel(panel, title)
        panel.set_xlabel(across)
    for panel in panels[::4]:
        panel.set_ylabel(up)
    return svg_of(figure, prefix, label)


def _draw_band(panel, band):
    if not band:
        return
    at, low, high = zip(*band, strict=True)
    # a band of no width must still be seen
    low, high = [x - 0.004 for x in low], [x + 0.004 for x in high]
    at, low, high = [at[0] - 0.5, *at, at[-1] + 0.5], [low[0], *low, low[-1]], [high[0], *high, high[-1]]
    panel.fill_between(at, low, high, step="mid", color=INK["band"], linewidth=0)


def _draw_course(panel, course, points, shift):
    if not points:
        return
    colour, marker, dashes = look_at(course.k)
    at = [point[0] + shift for point in points]
    value = [point[1] for point in points]
    style = {"linewidth": 1.3, "markersize": 4.5, "linestyle": dashes}
    panel.plot(at, value, color=colour, marker=marker, **style)
    for place, (_, _, low, high) in zip(at, points, strict=True):
        if low is not None and high is not None and math.isfinite(low + high):
            panel.plot([place, place], [low, high], color=colour, linewidth=1.1, alpha=0.75)
