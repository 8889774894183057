"""Shot curves, and attacks on two versions of a model, as documents that stand alone."""

import math

from .._document import (
    Cell,
    Facts,
    FindingReport,
    Paragraph,
    Picture,
    Row,
    Section,
    Strong,
    Table,
    estimate_words,
    threat_section,
)
from .._document.ink import INK, MECHANISM, own_style, prepare_axes, svg_of
from .._shape import anything, each, maybe, named, number, record, text, whole

__all__ = ["ShotCurveReport", "UpdateReport"]

_LIMITS = (
    "It shows what this attack finds on these rows. Stronger attacks may exist.",
    "It says nothing of copies of the rows elsewhere: backups, logs, other models.",
    "It does not establish that a law or contract is fulfilled.",
)


class ShotCurveReport(FindingReport):
    """A report of leakage against the shots that an attacker spends.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.shot_curve/1`` (``json_schema()``).

    Attributes
    ----------
    data : dict

    Raises
    ------
    ValueError
        `data` are not in that format.

    Examples
    --------
    >>> from skqmu.attacks import AttackResult, ShotCurveResult, ShotPoint, ThreatModel
    >>> from skqmu.metrics import membership_result
    >>> plain = membership_result([2.0, 3.0, 4.0], [1.0, 2.5, 0.5, 0.0], fprs=())
    >>> told = {**plain.to_dict(), "threat_model": ThreatModel("LiRAAttack", "7 rows").to_dict()}
    >>> result = AttackResult.from_dict(told)
    >>> ShotCurveResult((ShotPoint(16, 1, None, result),)).report().data["schema"]
    'skqmu.shot_curve/1'
    """

    schema = "skqmu.shot_curve/1"
    title = "Leakage by shots"
    finding = record(
        {
            "points": each(
                record(
                    {
                        "shots": maybe(whole(1)),
                        "n_queries": whole(1),
                        "noise": anything,
                        "budget": maybe(whole(1)),
                        "result": record(
                            {"auc": number(0, 1), "auc_interval": each(number(0, 1), least=2)}
                        ),
                    }
                ),
                least=1,
            ),
            "threat": maybe(text),
        }
    )
    cannot_show = _LIMITS
    glossary = (
        ("AUC", "How often a member scores above a non-member; 0.5 is guessing."),
        ("shot", "One measurement of a circuit; exact answers are infinitely many."),
        ("query", "One answer of the model; several of one row are averaged."),
    )

    @classmethod
    def from_result(cls, result, *, title=None, attack=None):
        """Return the report of a curve; see ``ShotCurveResult.report``.

        Parameters
        ----------
        result : ShotCurveResult
        title : str or None, default=None
        attack : ShotLeakageCurve or None, default=None

        Returns
        -------
        ShotCurveReport
        """
        words = str(result.points[0].result.threat_model) if result.points else None
        return cls.of({**result.to_dict(), "threat": words}, title, attack=attack)

    def __repr__(self):
        return f"ShotCurveReport({len(self.data['finding']['points'])} settings)"

    def _found(self, finding, pictures):
        points = finding["points"]
        yield Paragraph(
            ("How many shots does an attacker need to tell which rows a model was trained on?",),
            "lead",
        )
        winning = [p for p in points if p["result"]["auc_interval"][0] > 0.5]
        best = min(winning, key=_cost, default=None)
        told = "In no setting was the attack found to do better than guessing."
        if best is not None:
            shots = "exact answers" if best["shots"] is None else f"{best['budget']} shots"
            told = f"The attack does better than guessing from {shots} on a record."
        yield Section("In short", (Paragraph((Strong(told),)),))
        yield Section("Settings", (_points(points),))
        if pictures:
            caption = ("AUC with its interval by shots on a record; dashed: guessing.",)
            yield Section("Curve", (Picture(_curve(points), caption),))
        if finding["threat"]:
            yield threat_section(finding["threat"])


def _cost(point):
    return math.inf if point["budget"] is None else point["budget"]


def _points(points):
    rows = tuple(
        Row(
            (
                "exact" if point["shots"] is None else str(point["shots"]),
                str(point["n_queries"]),
                "–" if point["noise"] is None else str(point["noise"]),
                "–" if point["budget"] is None else str(point["budget"]),
                Cell(*estimate_words(point["result"]["auc"], *point["result"]["auc_interval"][:2])),
            )
        )
        for point in points
    )
    columns = ("shots", "queries", "noise", "shots on a record", "AUC")
    return Table("AUC at each setting", columns, rows)


def _curve(points):
    from matplotlib.figure import Figure

    sampled = [point["budget"] for point in points if point["budget"] is not None]
    exact = 4 * max(sampled, default=1)
    groups = {}
    for point in points:
        groups.setdefault((str(point["noise"]), point["n_queries"]), []).append(point)
    with own_style():
        figure = Figure(figsize=(6.4, 3.8), layout="constrained")
        axes = figure.subplots()
        prepare_axes(axes)
        axes.axhline(0.5, color=INK["muted"], linewidth=0.8, linestyle=(0, (2, 2)))
        for k, group in enumerate(groups.values()):
            group = sorted(group, key=_cost)
            x = [exact if p["budget"] is None else p["budget"] for p in group]
            value = [p["result"]["auc"] for p in group]
            low, high = zip(*(p["result"]["auc_interval"][:2] for p in group), strict=True)
            color = MECHANISM[k % len(MECHANISM)]
            axes.vlines(x, low, high, color=color, linewidth=1.2)
            axes.plot(x, value, color=color, marker="osD^vP"[k % 6], markersize=5, linewidth=1.2)
        axes.set(xscale="log", ylim=(-0.02, 1.02))
        axes.set(xlabel="shots on a record (exact answers at the right)", ylabel="AUC")
        return svg_of(figure, "shots", "AUC of the attack by shots on a record")


class UpdateReport(FindingReport):
    """A report of how well deleted rows are found by who has both versions of a model.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.update/1`` (``json_schema()``).

    Attributes
    ----------
    data : dict

    Raises
    ------
    ValueError
        `data` are not in that format.

    Examples
    --------
    >>> from skqmu.attacks import ThreatModel, UpdateResult
    >>> threat = ThreatModel("UpdateAttack", "600 records")
    >>> report = UpdateResult(((1.0,),), (501,), (1.0,), threat).report()
    >>> report.data["finding"]["n_requests"]
    1
    """

    schema = "skqmu.update/1"
    title = "Two versions of a model"
    _rate = record(dict.fromkeys(("value", "low", "high"), number(0, 1)))
    finding = record(
        {
            "auc": _rate,
            "top_1": _rate,
            "top_5": _rate,
            "found": number(0, 1),
            "n_requests": whole(1),
            "ranks": each(each(number(1)), least=1),
            "n_candidates": each(whole(2), least=1),
            "aucs": each(number(0, 1), least=1),
            "level": number(0, 1),
            "threat_model": named(anything),
            "threat": text,
        }
    )
    cannot_show = _LIMITS
    references = (
        "M. Chen et al.: When Machine Unlearning Jeopardizes Privacy. CCS 2021. "
        "doi:10.1145/3460120.3484756",
    )
    glossary = (
        ("AUC", "How often a deleted row is more suspect than another candidate."),
        ("candidate", "A row that the attacker thinks may have been deleted."),
    )

    @classmethod
    def from_result(cls, result, *, title=None, attack=None):
        """Return the report of a result; see ``UpdateResult.report``.

        Parameters
        ----------
        result : UpdateResult
        title : str or None, default=None
        attack : UpdateAttack or None, default=None

        Returns
        -------
        UpdateReport
        """
        told = {**result.to_dict(), "threat": str(result.threat_model)}
        told["threat_model"] = result.threat_model.to_dict()
        return cls.of(told, title, attack=attack)

    def __repr__(self):
        return f"UpdateReport({self.data['finding']['n_requests']} requests)"

    def _found(self, finding, pictures):
        yield Paragraph(
            (
                "Who holds a model before and after a deletion compares them. How often does that "
                "give away which row was deleted?",
            ),
            "lead",
        )
        candidates = finding["n_candidates"]
        yield Facts(
            (
                ("Requests", str(finding["n_requests"])),
                ("Candidates", f"{min(candidates)} to {max(candidates)}"),
                ("Intervals", f"{100 * finding['level']:g} %"),
            )
        )
        first = finding["top_1"]
        told = (
            f"A deleted row was the most suspect candidate in {first['value']:.0%} of the requests "
            f"({first['low']:.0%} to {first['high']:.0%})."
        )
        yield Section("In short", (Paragraph((Strong(told),)),))
        names = {
            "top_1": "a deleted row comes first",
            "top_5": "a deleted row is among the first five",
            "auc": "AUC among the candidates",
        }
        rows = tuple(
            Row((name, Cell(*estimate_words(*(finding[key][k] for k in ("value", "low", "high"))))))
            for key, name in names.items()
        )
        table = Table("Over the requests", ("measure", "value"), rows, "summary")
        yield Section("Measures", (table,))
        yield threat_section(finding["threat"])
