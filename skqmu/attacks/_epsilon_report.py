"""What an audit of a private training found, as a document that stands alone."""

from .._document import (
    Facts,
    FindingReport,
    Paragraph,
    Picture,
    Row,
    Section,
    Strong,
    Table,
    estimate_words,
)
from .._document.ink import INK, MECHANISM, own_style, prepare_axes, svg_of
from .._shape import flag, maybe, number, one_of, record, text, whole
from ..metrics import attack_limits

__all__ = ["EpsilonReport"]

_METHODS = {
    "many_runs": "Many models were trained, half of them with one more record, and told apart by "
    "a rule that other models chose.",
    "one_run": "One model was trained, each of several records in or out by a coin, and who was in "
    "was guessed.",
}
_FORMS = {
    "dp": "nothing but (epsilon, delta)",
    "gaussian": "a trade-off curve that is a Gaussian's",
    "separation": "normal scores, and a trade-off curve that is a Gaussian's",
}


class EpsilonReport(FindingReport):
    """A report of epsilon measured from below, beside what was promised.

    Parameters
    ----------
    data : dict
        Plain JSON values in the format ``skqmu.epsilon/1`` (``json_schema()``).

    Attributes
    ----------
    data : dict

    Raises
    ------
    ValueError
        `data` are not in that format.

    Examples
    --------
    >>> from skqmu.attacks import EpsilonAuditResult
    >>> counts = {"n_models": 1000, "n_correct": 390, "n_guesses": 500}
    >>> how = {"method": "many_runs", "form": "gaussian", "signal": "weights"}
    >>> report = EpsilonAuditResult(1.62, 1.0, 1e-5, 0.95, **how, **counts).report()
    >>> report.data["finding"]["refuted"]
    True
    """

    schema = "skqmu.epsilon/1"
    title = "Epsilon from below"
    finding = record(
        {
            "epsilon_lower": number(0),
            "epsilon_stated": maybe(number(0)),
            "refuted": maybe(flag),
            "delta": number(0, 1),
            "level": number(0, 1),
            "method": one_of(*_METHODS),
            "form": one_of(*_FORMS),
            "signal": text,
            **dict.fromkeys(("n_models", "n_guesses"), whole(1)),
            "n_correct": whole(),
        }
    )
    cannot_show = (
        "A lower bound below the promise does not prove the promise: a better attack, another "
        "record or more models may find more.",
        "It says nothing of what is given away beside the parameters: logs, histories, other fits.",
        "It does not establish that a law or contract is fulfilled.",
    )
    references = (
        "M. Jagielski, J. Ullman and A. Oprea: Auditing Differentially Private Machine Learning. "
        "NeurIPS 2020.",
        "T. Steinke, M. Nasr and M. Jagielski: Privacy Auditing with One (1) Training Run. NeurIPS "
        "2023. arXiv 2305.08846",
        "S. Mahloujifar, L. Melis and K. Chaudhuri: Auditing f-Differential Privacy in One Run. "
        "ICML 2025.",
    )
    glossary = (
        ("epsilon", "How far one record can move the chance of any trained model: by e^epsilon."),
        ("delta", "The chance with which that bound may fail."),
        ("canary", "A record put in or left out, which the attack tries to find."),
    )

    @classmethod
    def from_result(cls, result, *, title=None, attack=None):
        """Return the report of a result; see ``EpsilonAuditResult.report``.

        Parameters
        ----------
        result : EpsilonAuditResult
        title : str or None, default=None
        attack : EpsilonAudit or None, default=None

        Returns
        -------
        EpsilonReport
        """
        return cls.of(result.to_dict(), title, attack=attack)

    def __repr__(self):
        finding = self.data["finding"]
        stated = finding["epsilon_stated"]
        upper = "nothing stated" if stated is None else f"stated {stated:.2f}"
        return f"EpsilonReport(at least {finding['epsilon_lower']:.2f}, {upper})"

    def _found(self, finding, pictures):
        yield Paragraph(
            (
                "A private training promises that no record moves its outcome by more than "
                "epsilon. How much do attacks show that a record does move it?",
            ),
            "lead",
        )
        yield Section("In short", (Paragraph((Strong(_in_short(finding)),)),))
        yield Section("Bounds", tuple(_bounds(finding, pictures)))
        yield Section("How it was measured", tuple(_how(finding)))


def _in_short(finding):
    lower, stated = finding["epsilon_lower"], finding["epsilon_stated"]
    found = f"Epsilon is at least {lower:.2f} (level {finding['level']:g})"
    if stated is None:
        return f"{found}; the models promise nothing."
    if finding["refuted"]:
        return f"{found}, which refutes the promise of at most {stated:.2f}."
    return f"{found}; the promise of at most {stated:.2f} is not refuted."


def _bounds(finding, pictures):
    kinds = [("from below (measured)", finding["epsilon_lower"])]
    if finding["epsilon_stated"] is not None:
        kinds.append(("from above (stated)", finding["epsilon_stated"]))
    rows = []
    for kind, epsilon in kinds:
        limits = attack_limits(epsilon, finding["delta"])
        numbers = (epsilon, limits["auc"], limits["advantage"])
        rows.append(Row((kind, *(estimate_words(value)[0] for value in numbers))))
    columns = ("bound", "epsilon", "AUC", "advantage")
    caption = (
        f"Both at delta {finding['delta']:g}. AUC and advantage: the most that a training of this "
        "epsilon lets any attack on one record have."
    )
    yield Table(caption, columns, tuple(rows), "summary")
    if pictures:
        told = (
            "Rates of attacks. Upper line, with all above it: what the promise rules out; lower "
            "line: the border at the measured bound; dashed: guessing."
        )
        yield Picture(_borders(finding), (told,))


def _borders(finding):
    """The borders of (epsilon, delta) in the plane of rates."""
    from matplotlib.figure import Figure

    def border(epsilon):
        limits = attack_limits(epsilon, finding["delta"])
        corner = (1 - limits["advantage"]) / 2
        return [0, corner, 1 - finding["delta"], 1], [finding["delta"], 1 - corner, 1, 1]

    with own_style():
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.subplots()
        prepare_axes(axes)
        axes.plot([0, 1], [0, 1], color=INK["muted"], linewidth=0.8, linestyle=(0, (2, 2)))
        if finding["epsilon_stated"] is not None:
            fpr, tpr = border(finding["epsilon_stated"])
            axes.fill_between(fpr, tpr, 1.01, color=INK["band"], linewidth=0)
            axes.plot(fpr, tpr, color=INK["fg"], linewidth=1.2)
        axes.plot(*border(finding["epsilon_lower"]), color=MECHANISM[0], linewidth=1.6)
        axes.set(xlim=(0, 1), ylim=(0, 1.01))
        axes.set(xlabel="false-positive rate", ylabel="true-positive rate")
        return svg_of(figure, "epsilon", "What the two bounds allow an attack on one record")


def _how(finding):
    yield Paragraph((_METHODS[finding["method"]],))
    n, right = finding["n_guesses"], finding["n_correct"]
    yield Facts(
        (
            ("Models", str(finding["n_models"])),
            ("Right guesses", f"{right} of {n}"),
            ("Looked at", finding["signal"]),
            ("Level", f"{100 * finding['level']:g} %"),
        )
    )
    yield Paragraph((f"The bound supposes {_FORMS[finding['form']]}.",))
