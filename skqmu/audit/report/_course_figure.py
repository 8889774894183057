"""Pictures of figures that move: after each request of a sequence, at each epoch of a run."""

import math
from dataclasses import dataclass

from ..._document.ink import INK, svg_of
from ._figures import look_at, name_panel, panels_of

__all__ = ["Course", "course_figure"]

# Share of the distance between two points by which lines stand beside each other.
_APART = 0.36
# Points of a line that are marked where they are many.
_MARKED = 8


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


def course_figure(courses, bands, prefix, label, *, titles, across, up, dense=False):
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
    dense : bool, default=False
        Whether points are many: intervals are areas then, and not every point is marked.

    Returns
    -------
    Markup
    """
    figure, panels = panels_of(len(titles), None, sharey=False)
    n_gaps = max(1, len(courses) - 1)
    for place, (panel, (key, title)) in enumerate(zip(panels, titles.items(), strict=True)):
        _draw_band(panel, bands.get(key, ()), 0.0 if dense else 0.5)
        panel.axhline(0, color=INK["muted"], linewidth=0.8, linestyle=(0, (2, 2)))
        for position, course in enumerate(courses):
            shift = 0.0 if dense else _APART * (position / n_gaps - 0.5)
            _draw_course(panel, course, course.points.get(key, ()), shift, dense)
        _tick(panel, courses, key)
        name_panel(panel, title)
        panel.set_xlabel(across)
        if place % _ABREAST == 0:
            panel.set_ylabel(up)
    return svg_of(figure, prefix, label)


# As many panels stand beside each other.
_ABREAST = 4


def _tick(panel, courses, key):
    """Whole numbers alone: each where they are few."""
    places = sorted({point[0] for course in courses for point in course.points.get(key, ())})
    if len(places) <= _MARKED:
        panel.set_xticks(places)
    else:
        panel.xaxis.get_major_locator().set_params(integer=True)


def _draw_band(panel, band, beyond):
    if not band:
        return
    at, low, high = zip(*band, strict=True)
    # a band of no width must still be seen
    low, high = [x - 0.004 for x in low], [x + 0.004 for x in high]
    at = [at[0] - beyond, *at, at[-1] + beyond]
    low, high = ([ends[0], *ends, ends[-1]] for ends in (low, high))
    panel.fill_between(at, low, high, step="mid", color=INK["band"], linewidth=0)


def _draw_course(panel, course, points, shift, dense):
    if not points:
        return
    colour, marker, dashes = look_at(course.k)
    at = [point[0] + shift for point in points]
    value = [point[1] for point in points]
    style = {"linewidth": 1.3, "markersize": 4.5, "linestyle": dashes}
    if dense and len(points) > 2 * _MARKED:
        style["markevery"] = -(-len(points) // _MARKED)
    panel.plot(at, value, color=colour, marker=marker, **style)
    known = [
        (place, low, high)
        for place, (_, _, low, high) in zip(at, points, strict=True)
        if low is not None and high is not None and math.isfinite(low + high)
    ]
    if not known:
        return
    if dense:
        panel.fill_between(*zip(*known, strict=True), color=colour, alpha=0.10, linewidth=0)
        return
    for place, low, high in known:
        panel.plot([place, place], [low, high], color=colour, linewidth=1.1, alpha=0.75)
