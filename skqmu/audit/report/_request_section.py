"""One deletion request on the page: verdicts, what is still known, what attacks tell, the cost."""

from ..._document import (
    Cell,
    Code,
    Folded,
    Key,
    Paragraph,
    Picture,
    Row,
    Section,
    Table,
    Verdict,
    Verdicts,
)
from . import _figures as figures
from . import words
from ._corrective_section import corrective_section
from ._runs_section import along_the_runs

__all__ = ["Request", "estimate_cell", "rate_cell", "request_section"]

_SHORT = {
    "retain": "retained",
    "forget": "forgotten",
    "test": "held out",
    "test_removed": "held out, removed class",
}
_RATES = (0.1, 0.01)


class Request:
    """A scenario of a report with what its tables ask of it.

    Parameters
    ----------
    scenario : dict
    k : int
        Its number, from 0.
    """

    def __init__(self, scenario, k):
        self.scenario = scenario
        self.name = scenario["name"]
        self.anchor = f"scenario-{k + 1}"
        self.prefix = f"s{k}"
        self.models = scenario["models"]
        self.shown = [model for model in self.models if model["role"] != "oracle"]
        self.worked = [model for model in self.shown if model["status"] == "ok"]
        self.oracles = [model for model in self.models if model["role"] == "oracle"]
        self.removed = scenario["removed_classes"]
        self.repeats = scenario.get("repeats")

    def spread(self, *keys):
        """What the oracles span of a measure, as text."""

        def read(model):
            for key in keys:
                model = model.get(key) if model is not None else None
            return model

        return words.band(words.oracle_band(self.models, read))

    def among_models(self, row, oracles):
        """Rows of a table: the original, the oracles, then the mechanisms."""
        rows = [Row((words.model_words(model["name"]), *row(model))) for model in self.worked]
        if oracles is not None:
            name = f"oracles ({len(self.oracles)})"
            rows.insert(1, Row((name, *oracles), "oracles"))
        return tuple(rows)


def request_section(request, settings, pictures):
    """The section of a request.

    Parameters
    ----------
    request : Request
    settings : dict
        Of the report.
    pictures : bool

    Returns
    -------
    Section
    """
    blocks = [
        Paragraph((_what_is_forgotten(request),)),
        Verdicts(tuple(map(_verdict, request.shown))),
        *_said_of_repeats(request),
        *corrective_section(request, settings),
        Section("What the model still knows", tuple(_knowledge(request, settings, pictures))),
        Section("What an attacker can tell", tuple(_leaks(request, settings, pictures))),
        *along_the_runs(request, settings, pictures),
        Section("What it cost", (_costs(request),)),
        *(Paragraph((note,), "note") for note in request.scenario["notes"]),
        *(Paragraph((f"{who}: {note}",), "note") for who, note in _remarks(request.shown)),
    ]
    return Section(f"Forgetting {request.name}", tuple(blocks), request.anchor)


def _what_is_forgotten(request):
    scenario = request.scenario
    n_rows = scenario["n_forget"] + scenario["n_retain"]
    removed = ""
    if request.removed:
        removed = f": every row of class {', '.join(map(str, request.removed))}"
    asked = ""
    if "n_asked" in scenario:
        asked = f", {words.count(scenario['n_asked'])} of them by this request"
    return (
        f"{words.count(scenario['n_forget'])} of {words.count(n_rows)} training rows are "
        f"forgotten{removed}{asked}. The attacks try to tell {words.count(scenario['n_members'])} "
        f"forgotten from {words.count(scenario['n_nonmembers'])} held-out rows of the same classes."
    )


def _verdict(model):
    verdict = model["verdict"]
    return Verdict(
        words.model_words(model["name"]),
        verdict["level"],
        words.LEVELS[verdict["level"]],
        verdict["sentence"],
        verdict.get("beside", ""),
    )


def _said_of_repeats(request):
    if request.repeats:
        said = words.repeats_words(request.repeats)
        yield Paragraph((f"{said[0].upper()}{said[1:]}.",), "note")


def _remarks(models):
    """Return ``(names, note)`` for each note of the models, those that share one together."""
    names = {}
    for model in models:
        for note in model["notes"]:
            names.setdefault(note, []).append(words.model_words(model["name"]))
    return [(", ".join(who), note) for note, who in names.items()]


# ------------------------------------------------------------------------------- knowledge


def _knowledge(request, settings, pictures):
    if pictures:
        caption = (
            f"Accuracy with {words.percent(settings['level'])} intervals. The band ",
            Key("", "band"),
            " is what the oracles span: the place to be.",
        )
        yield Picture(figures.accuracy_figure(request.scenario, f"{request.prefix}a"), caption)
    yield _knowledge_table(request)
    if request.shown[0].get("equivalence") or request.repeats:
        tests = "" if request.repeats else ", equivalence tests"
        title = f"Every measure behind the verdicts{tests} and summary scores"
        yield Folded(title, tuple(_measures(request)))


def _knowledge_table(request):
    parts = list(request.worked[0]["accuracy"])
    stay = ", over the classes that stay" if request.removed else ""
    measures = [("accuracy", part) for part in parts]
    measures += [("loss", "forget"), ("loss", "held_out")]
    measures += [("kl_to_oracle", "forget"), ("kl_to_oracle", "test")]
    return Table(
        f"Accuracy, mean loss, and divergence KL(model ‖ oracle) in nats{stay}; oracles: smallest "
        "to largest, each one's divergence to the others.",
        (
            "model",
            *(f"accuracy, {_SHORT[part]}" for part in parts),
            *("loss, forgotten", "loss, held out", "KL, forgotten", "KL, held out"),
        ),
        request.among_models(
            lambda model: [estimate_cell(model[group][part]) for group, part in measures],
            [request.spread(group, part, "value") for group, part in measures],
        ),
    )


def estimate_cell(entry):
    """A cell with a value and, below it, its interval."""
    if entry["low"] is None:
        return Cell(words.number(entry["value"]))
    limits = f"{words.number(entry['low'])} – {words.number(entry['high'])}"
    return Cell(words.number(entry["value"]), limits)


def _measures(request):
    if request.repeats:
        yield Paragraph(
            (
                f"Means over {request.repeats['n']} repeats. The intervals hold at every look, "
                "given the table; the last column adds what its rows leave open, which no number "
                "of repeats shrinks.",
            ),
            "note",
        )
    for model in request.worked:
        name = words.model_words(model["name"])
        yield Table(
            f"{name}: differences to retraining",
            # on a further sheet the columns' names are repeated, and the caption is not
            (f"{name}: measure", "minus retraining", "oracles", "a difference is excluded beyond"),
            tuple(
                Row(
                    (
                        words.gap_words(key),
                        estimate_cell(gap),
                        words.band((gap["oracle_low"], gap["oracle_high"])),
                        words.number(gap["margin"]),
                    )
                )
                for key, gap in model["gaps"].items()
            ),
        )
        yield Paragraph(
            (
                f"Tug of war (1: every accuracy is the oracles'): {_span(model['tug_of_war'])}; "
                "UQI (rewards forgetting too much, for comparison with published tables only): "
                f"{_span(model['uqi'])}.",
            ),
            "note",
        )
        for test, found in model["equivalence"].items():
            part = _SHORT[test.partition("_")[2]]
            yield Paragraph((f"Accuracy, {part}: {found['sentence']}",), "note")


def _span(entry):
    if entry is None:
        return words.DASH
    value = words.number(entry["value"])
    if entry["low"] is None:
        return value
    return f"{value} [{words.number(entry['low'])}, {words.number(entry['high'])}]"


# ----------------------------------------------------------------------------------- leaks


def _leaks(request, settings, pictures):
    scenario, level = request.scenario, words.percent(settings["level"])
    if pictures:
        yield Picture(
            figures.leak_figure(scenario, f"{request.prefix}l"),
            (
                "AUC of each attack, refitted against each model; 0.5 (dashed) is guessing. Far "
                "from the band on EITHER side gives the forgotten rows away.",
            ),
        )
        caption = [
            f"ROC curves on log-log axes; thin grey: oracles; shaded: the {level} band around ",
            Key("the original", "original"),
            ". What counts for privacy is the left edge: records found at few false alarms. ",
        ]
        for k, model in enumerate(request.worked[1:]):
            name = words.model_words(model["name"])
            caption += [Key(name, *figures.key_of(k)), " "]
        yield Picture(figures.roc_figure(scenario, f"{request.prefix}r"), tuple(caption))
    yield _attack_table(request)
    yield from _promises(request)
    if request.models[0].get("upstream"):
        yield from _steps(request)
    if pictures:
        where = (
            "; a removed class has no typical loss there, so what counts is that forgotten and "
            "held-out rows of it look alike"
            if request.removed
            else ""
        )
        yield Picture(
            figures.loss_figure(scenario, f"{request.prefix}d"),
            (
                "Loss of single records (bar: middle half, tick: median). Forgotten rows should "
                f"lie where the same rows lie in models that never saw them (bottom row){where}.",
            ),
        )


def _attack_table(request):
    attacks, rows = list(request.worked[0]["attacks"]), []
    for k, model in enumerate(request.worked):
        rows += [_attack_row(model, name, name == attacks[0]) for name in attacks]
        if k == 0:
            rows += [_oracle_row(request, name, name == attacks[0]) for name in attacks]
    repeats = " (all repeats)" if request.repeats else ""
    return Table(
        "Attacks. |AUC − ½| is distinguishability, two-sided; TPR needs at least 1 / FPR held-out "
        "rows to be resolved.",
        (
            "model",
            Cell("attack", is_text=True),
            *("AUC", "|AUC − ½|", f"AUC minus retraining{repeats}"),
            *(f"TPR at {words.percent(rate)} FPR" for rate in _RATES),
        ),
        tuple(rows),
    )


def _attack_row(model, name, is_first):
    result = model["attacks"][name]
    auc = dict(zip(("low", "high"), result["auc_interval"], strict=True))
    told = dict(zip(("low", "high"), result["distinguishability_interval"], strict=True))
    return Row(
        (
            words.model_words(model["name"]) if is_first else "",
            Cell(words.attack_words(name), is_text=True),
            estimate_cell({"value": result["auc"], **auc}),
            estimate_cell({"value": result["distinguishability"], **told}),
            estimate_cell(model["gaps"][f"auc_{name}"]),
            *(rate_cell(result, rate) for rate in _RATES),
        )
    )


def _promises(request):
    """Upper bounds that models state, beside what the attacks came to."""
    private = [model for model in request.worked if "promise" in model]
    if not private:
        return

    def row(model):
        promise, found = model["promise"], model["attacks"]
        best = max(found, key=lambda name: found[name]["auc"])
        low, high = found[best]["auc_interval"]
        auc = {"value": found[best]["auc"], "low": low, "high": high}
        return Row(
            (
                words.model_words(model["name"]),
                f"{promise['epsilon']:.2f}",
                f"{promise['delta']:.2g}",
                words.number(promise["auc"]),
                estimate_cell(auc),
                Cell(words.attack_words(best), is_text=True),
            )
        )

    yield Table(
        "What private training promises, beside what was found: no attack on a record has a "
        "greater AUC than the promise allows, in the mean over trainings. One model can show more "
        "by chance, and attacks that find less prove nothing (skqmu.attacks.EpsilonAudit measures "
        "epsilon from below, at a level).",
        (
            *("model", "epsilon, at most", "delta", "AUC, at most", "greatest AUC found"),
            Cell("by", is_text=True),
        ),
        tuple(map(row, private)),
    )


def _oracle_row(request, name, is_first):
    return Row(
        (
            f"oracles ({len(request.oracles)})" if is_first else "",
            Cell(words.attack_words(name), is_text=True),
            request.spread("attacks", name, "auc"),
            request.spread("attacks", name, "distinguishability"),
            *("", "", ""),
        ),
        "oracles",
    )


def rate_cell(result, rate):
    """A cell with an attack's true-positive rate at a false-positive rate."""
    for point in result["operating_points"]:
        if point["fpr_target"] == rate:
            if isinstance(point["tpr"], str):
                return "unresolved"
            low, high = point["tpr_interval"]
            limits = f"{words.number(low)} – {words.number(high)}"
            return Cell(words.number(point["tpr"]), limits)
    return ""


def _steps(request):
    steps = list(request.models[0]["upstream"])

    def told(model):
        for step in steps:
            result = model["upstream"][step]
            if "error" in result:
                yield words.DASH
            else:
                low, high = result["auc_interval"]
                yield estimate_cell({"value": result["auc"], "low": low, "high": high})

    yield Table(
        "What the steps before the classifier can tell: AUC of an attack on each fitted step, "
        "refitted against each model's own steps.",
        ("model", *steps),
        request.among_models(told, [request.spread("upstream", step, "auc") for step in steps]),
        "summary",
    )
    yield Paragraph(
        (
            f"Of the steps, {words.UPSTREAM_ATTACKER} A step that was fitted on the forgotten rows "
            "keeps what it learned of them, whatever the classifier forgets, until it is refitted "
            "without them, as the oracles' were (",
            Code('skqmu.unlearn(..., upstream="refit")'),
            ").",
        ),
        "note",
    )
    for step, result in request.models[0]["upstream"].items():
        if "error" in result:
            yield Paragraph((f"{step} was not attacked: {result['error']}",), "note")


# ------------------------------------------------------------------------------------ cost


def _costs(request):
    units = ("forward_rows", "gradient_rows", "circuits", "shots")
    return Table(
        "Budgets are not equal: compare mechanisms with this table at hand. A dash: the classifier "
        "does not count it.",
        (
            "model",
            Cell("claims to be", is_text=True),
            *("time", "CPU time", "rows forward", "rows with gradient", "circuits", "shots"),
        ),
        tuple(
            Row(
                (
                    words.model_words(model["name"]),
                    Cell(model["kind"] or words.DASH, is_text=True),
                    words.seconds(model["cost"]["seconds"]),
                    words.seconds(model["cost"].get("cpu_seconds")),
                    *(words.count(model["cost"].get(unit)) for unit in units),
                ),
                "oracles" if model["role"] == "oracle" else "",
            )
            for model in request.models
        ),
    )
