"""What a membership attack achieved, as a document that stands alone."""

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
from .._document.ink import draw_roc, own_style, prepare_axes, svg_of
from .._shape import Shape, anything, maybe, record, text
from ._membership_result import MembershipResult

__all__ = ["MembershipReport"]


def _check_result(value, where):
    try:
        MembershipResult.from_dict(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


class MembershipReport(FindingReport):
    """A report of one :class:`MembershipResult`.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.membership/1`` (:meth:`json_schema`).

    Attributes
    ----------
    data : dict
    result : MembershipResult

    Raises
    ------
    ValueError
        `data` are not in that format.

    Examples
    --------
    >>> from skqmu.metrics import MembershipReport, membership_result
    >>> report = membership_result([2.0, 3.0, 4.0], [1.0, 2.5, 0.5, 0.0], fprs=()).report()
    >>> MembershipReport.from_json(report.to_json()).data == report.data
    True
    """

    schema = "skqmu.membership/1"
    title = "Membership attack"
    finding = record(
        {
            "result": Shape(_check_result, MembershipResult.json_schema()),
            "threat_model": maybe(anything),
            "threat": maybe(text),
        }
    )
    cannot_show = (
        "It shows what this attack finds on these rows. Stronger attacks may exist, and other rows "
        "may be more exposed than those on average.",
        "It says nothing of copies of the rows elsewhere: backups, logs, other models.",
        "It does not establish that a law or contract is fulfilled.",
    )
    references = (
        "N. Carlini et al.: Membership Inference Attacks From First Principles. IEEE S&P 2022. "
        "doi:10.1109/SP46214.2022.9833649",
        "E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson: Comparing the Areas under Two or More "
        "Correlated Receiver Operating Characteristic Curves. Biometrics 44 (1988). "
        "doi:10.2307/2531595",
    )
    glossary = (
        ("AUC", "How often a member scores above a non-member; 0.5 is guessing, and below tells."),
        ("distinguishability", "|AUC − ½|, less what chance makes of it: 0 where nothing leaks."),
        ("advantage", "TPR − FPR of a threshold that was chosen on other rows."),
        ("FPR, TPR", "Share of non-members called members; share of members that are found."),
        ("member", "A row that the model was trained on."),
    )

    @classmethod
    def from_result(cls, result, *, title=None, attack=None):
        """Return the report of a result; see :meth:`MembershipResult.report`.

        Parameters
        ----------
        result : MembershipResult
        title : str or None, default=None
        attack : attack or None, default=None

        Returns
        -------
        MembershipReport
        """
        told = result.to_dict()
        threat_model = told.pop("threat_model", None)
        words = None if threat_model is None else str(result.threat_model)
        finding = {"result": told, "threat_model": threat_model, "threat": words}
        return cls.of(finding, title, attack=attack)

    @property
    def result(self):
        """The result, without the threat model of an attack's."""
        return MembershipResult.from_dict(self.data["finding"]["result"])

    def __repr__(self):
        return f"MembershipReport({self.result!r})"

    def _found(self, finding, pictures):
        result = MembershipResult.from_dict(finding["result"])
        yield Paragraph(
            (
                "Can an attacker tell, from what a model answers, which rows it was trained on? "
                f"The attack scored {result.n_members} rows that it was trained on and "
                f"{result.n_nonmembers} that it never saw.",
            ),
            "lead",
        )
        yield Facts(
            (
                ("Members", str(result.n_members)),
                ("Non-members", str(result.n_nonmembers)),
                ("Intervals", f"{100 * result.level:g} %"),
            )
        )
        yield Section("In short", (Paragraph((Strong(_headline(result)), _meaning(result))),))
        if finding["threat"]:
            yield threat_section(finding["threat"])
        yield Section("Measures", (_measures(result), _rates(result)))
        if pictures and result.roc_fpr:
            caption = (
                f"ROC curve on log-log axes with its {100 * result.level:g} % band; dashed: no "
                "attack. What counts for privacy is the left edge: records found at few false "
                "alarms.",
            )
            yield Section("ROC curve", (Picture(_roc(result), caption),))


def _headline(result):
    low, high = result.auc_interval
    if low > 0.5 or high < 0.5:
        return "The attack tells members from non-members. "
    return "The attack was not found to tell members from non-members. "


def _meaning(result):
    low, high = result.auc_interval
    told = f"AUC {result.auc:.2f}, interval {low:.2f} to {high:.2f}, 0.5 being a coin."
    most = max(abs(low - 0.5), abs(high - 0.5))
    if low <= 0.5 <= high:
        told += f" An AUC up to {most:.2f} away from that is not excluded."
    return told


def _measures(result):
    rows = (
        ("AUC", result.auc, result.auc_interval),
        (
            "distinguishability |AUC − ½|",
            result.distinguishability,
            result.distinguishability_interval,
        ),
        ("advantage TPR − FPR", result.advantage, result.advantage_interval),
        ("balanced accuracy", result.balanced_accuracy, result.balanced_accuracy_interval),
    )
    cells = [Row((name, Cell(*estimate_words(value, *pair)))) for name, value, pair in rows]
    return Table("Over all thresholds", ("measure", "value"), tuple(cells), "summary")


def _rates(result):
    rows = []
    for point in result.operating_points:
        wanted = "fixed threshold" if point.fpr_target is None else f"{100 * point.fpr_target:g} %"
        tpr = estimate_words(point.tpr, *point.tpr_interval) if point.resolved else ("unresolved",)
        rows.append(
            Row((wanted, Cell(*estimate_words(point.fpr, *point.fpr_interval)), Cell(*tpr)))
        )
    columns = ("FPR that was asked for", "FPR in the sample", "TPR")
    return Table("At single thresholds", columns, tuple(rows), "summary")


def _roc(result):
    from matplotlib.figure import Figure

    with own_style():
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        prepare_axes(axes)
        draw_roc(axes, result)
        axes.set_ylabel("true-positive rate")
        return svg_of(figure, "roc", "ROC curve of the attack")
