"""A search over strategies as a document: the candidates, and the front among them."""

import numpy as np

from .._document import (
    Cell,
    Facts,
    FindingReport,
    Key,
    Paragraph,
    Picture,
    Row,
    Section,
    Strong,
    Table,
    estimate_words,
)
from .._document.ink import INK, MECHANISM, own_style, prepare_axes, svg_of
from .._identity import settings_line
from .._shape import each, flag, maybe, named, number, record, text, whole
from ._pareto import non_dominated, score_table

__all__ = ["SearchReport"]

# A page lists so many candidates that are not on the front.
_MOST_BEATEN = 200
_SCORE = record(dict.fromkeys(("mean", "error"), maybe(number(-1e308, 1e308))))


class SearchReport(FindingReport):
    """A report of a fitted search by several scores.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.search/1`` (:meth:`json_schema`).

    Attributes
    ----------
    data : dict

    Raises
    ------
    ValueError
        `data` are not in that format.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skqmu.metrics import SearchReport
    >>> search = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.01, 1.0]},
    ...                       scoring=["accuracy", "neg_log_loss"], refit="accuracy", cv=3)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> report = SearchReport.from_estimator(search, "accuracy", "neg_log_loss")
    >>> [entry["settings"] for entry in report.front]
    ["{'C': 1.0}"]
    """

    schema = "skqmu.search/1"
    title = "Search"
    finding = record(
        {
            "scores": each(text, least=2),
            "n_splits": whole(1),
            "chosen": maybe(whole()),
            "candidates": each(
                record({"settings": text, "scores": named(_SCORE), "is_on_front": flag}), least=1
            ),
        }
    )
    cannot_show = (
        "The scores are means over the splits of one table; their errors say how much the splits "
        "differ, not what other tables would give.",
        "The best of many candidates looks better than it is: it was chosen by these scores.",
    )
    glossary = (
        ("candidate", "One combination of settings."),
        ("front", "Candidates that no other candidate equals or beats in every score."),
        ("score", "Greater is better, always."),
    )

    @classmethod
    def from_estimator(cls, search, *scores, title=None):
        """Return the report of a fitted search.

        Parameters
        ----------
        search : fitted GridSearchCV, RandomizedSearchCV or halving search
        *scores : str
            At least two of its scores; the front is by all of them, the picture by the first two.
        title : str or None, default=None

        Returns
        -------
        SearchReport

        Raises
        ------
        ValueError
            Fewer than two scores, or one that the search did not compute.
        """
        results = search.cv_results_
        values = score_table(results, scores)
        errors = np.column_stack([results[f"std_test_{name}"] for name in scores])
        errors = errors / np.sqrt(search.n_splits_)
        known = np.flatnonzero(np.isfinite(values).all(axis=1))
        front = set(known[non_dominated(values[known])].tolist())
        candidates = [
            {
                "settings": settings_line(dict(params)),
                "scores": {
                    name: {"mean": _finite(mean), "error": _finite(error)}
                    for name, mean, error in zip(scores, values[i], errors[i], strict=True)
                },
                "is_on_front": i in front,
            }
            for i, params in enumerate(results["params"])
        ]
        chosen = getattr(search, "best_index_", None)
        finding = {
            "scores": list(scores),
            "n_splits": int(search.n_splits_),
            "chosen": None if chosen is None else int(chosen),
            "candidates": candidates,
        }
        return cls.of(finding, title, search=search)

    @property
    def front(self):
        """Entries of the candidates on the front, in the order of the search."""
        return [c for c in self.data["finding"]["candidates"] if c["is_on_front"]]

    def __repr__(self):
        finding = self.data["finding"]
        return (
            f"SearchReport({len(finding['candidates'])} candidates, {len(self.front)} on the "
            f"front of {', '.join(finding['scores'])})"
        )

    def _found(self, finding, pictures):
        candidates, scores = finding["candidates"], finding["scores"]
        numbered = list(enumerate(candidates))
        front = [pair for pair in numbered if pair[1]["is_on_front"]]
        others = [pair for pair in numbered if not pair[1]["is_on_front"]]
        yield Paragraph(
            (
                f"{len(candidates)} combinations of settings, by {', '.join(scores)} on "
                f"{finding['n_splits']} splits. On the front is what no other combination equals "
                "or beats in every score: what to choose among it is a decision, not a result.",
            ),
            "lead",
        )
        yield Facts(
            (
                ("Candidates", str(len(candidates))),
                ("On the front", str(len(front))),
                ("Splits", str(finding["n_splits"])),
            )
        )
        chosen = finding["chosen"]
        if chosen is not None and chosen < len(candidates):
            told = candidates[chosen]["settings"]
            yield Paragraph((Strong("Chosen: "), f"candidate {chosen}, {told}"))
        yield Section("The front", (_table("Candidates on the front", front, scores, chosen),))
        if pictures:
            caption = (
                "Means over the splits with standard errors. ",
                *(Key("front", "m0", "●"), " ", Key("other candidates", "oracle", "●"), " "),
                Key("chosen", "original", "○"),
            )
            picture = Picture(_scatter(finding), caption)
            yield Section(f"{scores[0]} and {scores[1]}", (picture,))
        if others:
            more = len(others) - _MOST_BEATEN
            left = f"; {more} more are in the JSON" if more > 0 else ""
            title = f"Candidates that another one beats{left}"
            table = _table(title, others[:_MOST_BEATEN], scores, chosen)
            yield Section("Other candidates", (table,))


def _finite(value):
    return float(value) if np.isfinite(value) else None


def _table(caption, numbered, scores, chosen):
    rows = []
    for number_, candidate in numbered:
        cells = []
        for name in scores:
            score = candidate["scores"].get(name, {"mean": None, "error": None})
            mean, _ = estimate_words(score["mean"])
            error = score["error"]
            cells.append(Cell(mean, "" if error is None else f"± {estimate_words(error)[0]}"))
        name = f"{number_} (chosen)" if number_ == chosen else str(number_)
        rows.append(Row((name, Cell(candidate["settings"], is_text=True), *cells)))
    columns = ("candidate", Cell("settings", is_text=True), *scores)
    return Table(caption, columns, tuple(rows))


def _scatter(finding):
    from matplotlib.figure import Figure

    first, second = finding["scores"][:2]
    with own_style():
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        prepare_axes(axes)
        points = []
        for candidate in finding["candidates"]:
            x, y = (candidate["scores"].get(name, {}) for name in (first, second))
            if x.get("mean") is None or y.get("mean") is None:
                points.append(None)
                continue
            points.append((x["mean"], y["mean"]))
            on_front = candidate["is_on_front"]
            axes.errorbar(
                x["mean"], y["mean"], xerr=x["error"], yerr=y["error"], fmt="o", ms=5,
                color=MECHANISM[0] if on_front else INK["oracle"], elinewidth=0.8,
                zorder=3 if on_front else 2,
            )  # fmt: skip
        chosen = finding["chosen"]
        if chosen is not None and chosen < len(points) and points[chosen] is not None:
            style = {"mec": INK["original"], "mfc": "none", "mew": 1.8, "ms": 12}
            axes.plot(*points[chosen], "o", zorder=4, **style)
        axes.margins(0.1)
        names = {"xlabel": first, "ylabel": second}
        axes.set(**{key: f"{name} (greater is better)" for key, name in names.items()})
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_parse_math(False)
        return svg_of(figure, "search", f"candidates by {first} and {second}")
