"""The report in a terminal: one table a request, the verdicts below it.

Everything from the data is a `Text`: rich reads markup in a plain string.
"""

from ..._document import VERDICT_STYLES
from ..._text import printable_values
from ._corrective_section import corrective_lines
from .words import (
    UPSTREAM_ATTACKER,
    attack_words,
    band,
    count,
    counts,
    divergence,
    give_or_take,
    model_words,
    number,
    oracle_band,
    repeats_words,
    seconds,
    step_labels,
    upstream_band,
)

__all__ = ["renderable"]

_MARKS = {
    "differs": "✗",
    "failed": "✗",
    "indistinguishable": "✓",
    "unresolved": "?",
    "none": "?",
}
# what every budget is stated in (guard 12)
_UNITS = {
    "forward_rows": "rows",
    "gradient_rows": "gradients",
    "circuits": "circuits",
    "shots": "shots",
}
_PARTS = {"retain": "retain", "forget": "forget", "test": "test"}
# Between columns, and what a model's name gets at least.
_GAP, _NAME = 2, 16


def renderable(data):
    """Return the report as something that rich can print.

    Parameters
    ----------
    data : dict
    """
    from rich.console import Group
    from rich.text import Text

    data = printable_values(data)
    settings = data["settings"]
    head = Text("Unlearning audit", style="bold")
    if settings["title"]:
        head.append(f" · {settings['title']}")
    lines = [
        head,
        Text(
            f"{settings['estimator']['name']}, {settings['n_train']} training and "
            f"{settings['n_test']} held-out rows, {settings['n_classes']} classes; "
            f"{settings['level']:.0%} intervals below the numbers"
        ),
        *(Text(f"note: {note}", style="dim") for note in data["notes"]),
    ]
    for scenario in data["scenarios"]:
        lines += [Text(), _RequestTable(scenario, settings["attacks"]), *_verdicts(scenario)]
    lines += _of_sequence(data)
    if not data["complete"]:
        lines += [Text(), Text("Not complete: the audit was interrupted.", style="bold yellow")]
    return Group(*lines)


class _RequestTable:
    """A table that is made when its width is known: attacks stand side by side, or below."""

    def __init__(self, scenario, attacks):
        self.scenario = scenario
        self.steps = list(scenario["models"][0].get("upstream", ()))
        self.attacks = attacks
        self.oracles = [model for model in scenario["models"] if model["role"] == "oracle"]
        self.shown = [model for model in scenario["models"] if model["role"] != "oracle"]

    def __rich_console__(self, console, options):
        names = self._told_names()
        columns = [*(f"acc.\n{part}" for part in _PARTS.values()), "KL to\noracles"]
        columns += ["answers\nforget"] * ("repeats" in self.scenario)
        beside = [*columns, *(f"AUC\n{name}" for name in names)]
        rows = [([name, *known, *told], style) for name, known, told, style in self._rows()]
        lines = zip(beside, *_without_name(rows), strict=True)
        widths = [max(map(_width, column)) for column in lines]
        if sum(widths) + _GAP * len(widths) + _NAME <= options.max_width:
            yield self._table(beside, rows)
        else:
            stacked = [row for parts in self._rows() for row in _stacked(names, *parts)]
            yield self._table([*columns, "attack", "AUC"], stacked)

    def _told_names(self):
        told = [name.replace("_", " ") for name in self.attacks]
        return told + step_labels(self.steps)

    def _table(self, columns, rows):
        from rich import box
        from rich.table import Table
        from rich.text import Text

        scenario = self.scenario
        table = Table(
            title=Text(
                f"{scenario['name']}: {scenario['n_forget']} rows forgotten, attacks judged on "
                f"{scenario['n_members']} of them and {scenario['n_nonmembers']} held-out rows"
            ),
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        table.add_column("", overflow="fold")
        for name in columns:
            is_name = name == "attack"
            justify = "left" if is_name else "right"
            table.add_column(Text(name), justify=justify, no_wrap=not is_name, overflow="fold")
        for cells, style in rows:
            table.add_row(*map(_cell, cells), style=style)
        return table

    def _rows(self):
        """Name with what was spent, what is known, what attacks tell, style of each model."""
        for position, model in enumerate(self.shown):
            if position == 1:
                yield *self._of_oracles(), "dim"
            yield *self._of_model(model), None

    def _of_model(self, model):
        name = [model_words(model["name"]), *_spent(model["cost"])]
        if model["status"] != "ok":
            n_told = len(self.attacks) + len(self.steps)
            n_known = len(_PARTS) + ("repeats" in self.scenario)
            return name, [["failed"], *[[number(None)]] * n_known], [[number(None)]] * n_told
        gaps = model["gaps"] if "repeats" in self.scenario else {}
        known = [
            [number(model["accuracy"][part]["value"], 2), *_gap(gaps, f"accuracy_{part}")]
            for part in _PARTS
        ]
        known.append([number(divergence(model), 2)])
        known += [_gap(gaps, "distance_forget")] if "repeats" in self.scenario else []
        told = [
            [*_auc(model["attacks"][name]), *_gap(gaps, f"auc_{name}")] for name in self.attacks
        ]
        return name, known, told + [_auc(model["upstream"][name]) for name in self.steps]

    def _of_oracles(self):
        oracles = self.oracles
        known = [
            _band(oracle_band(oracles, lambda m, p=part: m["accuracy"][p]["value"]))
            for part in _PARTS
        ]
        told = [
            _band(oracle_band(oracles, lambda m, n=name: m["attacks"][n]["auc"]))
            for name in self.attacks
        ]
        told += [_band(upstream_band(oracles, name)) for name in self.steps]
        name = [f"oracles ({len(oracles)})", *_spent_by(oracles)]
        known.append(_band(oracle_band(oracles, divergence)))
        return name, known + [[]] * ("repeats" in self.scenario), told


def _without_name(rows):
    return [cells[1:] for cells, _ in rows]


def _width(cell):
    lines = cell.split("\n") if isinstance(cell, str) else cell
    return max(map(len, lines), default=0)


def _cell(lines):
    """A cell of several lines, all but the first set back."""
    from rich.text import Text

    cell = Text(lines[0] if lines else "")
    for line in lines[1:]:
        cell.append(f"\n{line}", style="dim")
    return cell


def _stacked(names, name, known, told, style):
    """A model's rows, one an attack; what was spent goes down beside them."""
    lines = [[line] for line in name]
    n_rows = max(len(lines), len(told))
    for i in range(n_rows):
        first = lines[i] if i < len(lines) else [""]
        middle = known if i == 0 else [_line_of(cell, i) for cell in known]
        middle = [cell[:1] for cell in middle]
        last = [[""], [""]]
        if i < len(told):
            last = [[names[i]], [" ".join(told[i]).replace("– ", "–")]]
        yield [first, *middle, *last], style


def _line_of(cell, i):
    return cell[i : i + 1] or [""]


def _auc(result):
    if "error" in result:
        return [number(None)]
    low, high = (f"{limit:.2f}".removeprefix("0") for limit in result["auc_interval"])
    return [number(result["auc"], 2), f"{low}–{high}"]


def _band(pair):
    low, dash, high = band(pair, 2).partition("–")
    return [f"{low}{dash}", high] if high else [low or dash]


def _gap(gaps, name):
    """The difference to retraining on average over the repeats; nothing without repeats."""
    if name not in gaps:
        return []
    value, _, half = give_or_take(gaps[name]).partition(" ± ")
    return [f"Δ{value}", f"±{half}"] if half else []


def _spent(cost):
    told = [seconds(cost["seconds"])]
    return told + [f"{count(cost[unit])} {name}" for unit, name in _UNITS.items() if cost.get(unit)]


def _spent_by(oracles):
    low, high = oracle_band(oracles, lambda model: model["cost"]["seconds"])
    told = [f"{seconds(low)} – {seconds(high)}"]
    for unit, name in _UNITS.items():
        spent = oracle_band(oracles, lambda model, unit=unit: model["cost"].get(unit))
        told += [f"{counts(spent)} {name}"] if spent and spent[1] else []
    return told


def _of_sequence(data):
    """How many requests each mechanism bears, where they came one after another."""
    from rich.text import Text

    if not data.get("sequence"):
        return
    yield Text()
    yield Text("The sequence", style="bold")
    for told in data["sequence"]["mechanisms"]:
        line = Text(f"{model_words(told['name'])}: ", style="bold")
        line.append(told["sentence"], style="default")
        if told["order"] is not None:
            line.append(f" {told['order']['sentence']}", style="dim")
        yield line


def _verdicts(scenario):
    from rich.padding import Padding
    from rich.text import Text

    for model in scenario["models"]:
        if "verdict" not in model:
            continue
        level = model["verdict"]["level"]
        line = Text(f"{_MARKS[level]} ", style=VERDICT_STYLES[level])
        line.append(f"{model_words(model['name'])}: ", style="bold")
        line.append(model["verdict"]["sentence"], style="default")
        if "beside" in model["verdict"]:
            line.append(f" {model['verdict']['beside']}", style=VERDICT_STYLES["differs"])
        yield line
    for name, sentence in corrective_lines(scenario["models"]):
        line = Text(f"damage, {name}: ", style="bold")
        line.append(sentence, style="default")
        yield line
    if "repeats" in scenario:
        said = repeats_words(scenario["repeats"])
        yield Text(f"{said}; Δ: minus retraining, on average over them.", style="dim")
        yield Text("answers: how far they lie from the oracles', as a share of probability.", "dim")
    for note in scenario["notes"]:
        yield Text(f"note: {note}", style="dim")
    weakest = [attack_words(name) for name in scenario["threat_models"]]
    yield Padding(Text(f"attacks: {', '.join(weakest)}", style="dim"), 0)
    if scenario["models"][0].get("upstream"):
        yield Text(f"steps: {UPSTREAM_ATTACKER}", style="dim")
