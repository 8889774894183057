"""The report in a terminal: one table a scenario, the verdicts below it.

Everything from the data is a `Text`: rich reads markup in a plain string.
"""

import io

from ..._text import printable_values
from ._words import (
    UPSTREAM_ATTACKER,
    attack_words,
    auc_words,
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
    upstream_band,
)

__all__ = ["as_text", "renderable"]

_STYLES = {
    "differs": "bold red",
    "failed": "bold red",
    "indistinguishable": "bold green",
    "unresolved": "yellow",
    "none": "yellow",
}
# what every budget is stated in (guard 12)
_UNITS = ("forward_rows", "gradient_rows", "circuits", "shots")
_MARKS = {
    "differs": "✗",
    "failed": "✗",
    "indistinguishable": "✓",
    "unresolved": "?",
    "none": "?",
}


def as_text(data, width=None):
    """Return the report as plain text."""
    from rich.console import Console

    stream = io.StringIO()
    width = width or Console(file=stream).width
    Console(file=stream, width=max(60, width), color_system=None).print(renderable(data))
    return stream.getvalue()


def renderable(data):
    """Return the report as something that rich can print."""
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
            f"{settings['level']:.0%} intervals in brackets"
        ),
        *(Text(f"note: {note}", style="dim") for note in data["notes"]),
    ]
    for scenario in data["scenarios"]:
        lines += [Text(), *_tables(scenario, settings), *_verdicts(scenario)]
    if not data["complete"]:
        lines += [Text(), Text("Not complete: the audit was interrupted.", style="bold yellow")]
    return Group(*lines)


def _tables(scenario, settings):
    """Tables that fit 80 columns: what the models know, what attacks tell, what it cost."""
    title = (
        f"{scenario['name']}: {scenario['n_forget']} rows forgotten, attacks judged on "
        f"{scenario['n_members']} of them and {scenario['n_nonmembers']} held-out rows"
    )
    parts = ("retain", "forget", "test")
    knows = [*(f"accuracy\n{part}" for part in parts), "KL to\noracles"]
    yield _table(title, knows, scenario, _known, _known_by_oracles)
    attacks = settings["attacks"]
    columns = [f"AUC of attack\n{name.replace('_', ' ')}" for name in attacks]
    yield _table(
        None,
        columns,
        scenario,
        lambda model: [auc_words(model["attacks"][name]) for name in attacks],
        lambda oracles: [_aucs_of(oracles, name) for name in attacks],
    )
    steps = list(scenario["models"][0].get("upstream", ()))
    if steps:
        columns = [f"AUC of step\n{name}" for name in steps]
        yield _table(
            None,
            columns,
            scenario,
            lambda model: [auc_words(model["upstream"][name]) for name in steps],
            lambda oracles: [band(upstream_band(oracles, name), 2) for name in steps],
        )
    if "repeats" in scenario:
        yield _repeated(scenario, attacks)
    spent = ["seconds", *(unit.replace("_", "\n") for unit in _UNITS)]
    yield _table(None, spent, scenario, _spent, _spent_by_oracles)


def _table(title, columns, scenario, row, oracle_row):
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=None if title is None else Text(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("", overflow="fold")
    for name in columns:
        table.add_column(Text(name), justify="right", no_wrap=True)
    shown = [model for model in scenario["models"] if model["role"] != "oracle"]
    oracles = [model for model in scenario["models"] if model["role"] == "oracle"]
    for position, model in enumerate(shown):
        if position == 1 and oracle_row is not None:
            cells = (f"oracles ({len(oracles)})", *oracle_row(oracles))
            table.add_row(*map(Text, cells), style="dim")
        cells = row(model) if model["status"] == "ok" else ["failed"]
        table.add_row(*map(Text, (model_words(model["name"]), *cells)))
    return table


def _repeated(scenario, attacks):
    """What the verdicts rest on where they are on repeats: the means and their intervals."""
    columns = {"accuracy_forget": "accuracy\nforget", "distance_forget": "distance\nforget"}
    columns |= {f"auc_{name}": f"AUC\n{name.replace('_', ' ')}" for name in attacks}
    return _table(
        f"minus retraining, on average over {scenario['repeats']['n']} repeats",
        list(columns.values()),
        scenario,
        lambda model: [give_or_take(model["gaps"].get(key)) for key in columns],
        oracle_row=None,  # the difference is to them
    )


def _known(model):
    return [
        *(number(model["accuracy"][part]["value"], 2) for part in ("retain", "forget", "test")),
        number(model["kl_to_oracle"]["test"]["value"], 2),
    ]


def _known_by_oracles(oracles):
    return [
        *(
            band(oracle_band(oracles, lambda model, part=part: model["accuracy"][part]["value"]), 2)
            for part in ("retain", "forget", "test")
        ),
        band(oracle_band(oracles, divergence), 2),
    ]


def _aucs_of(oracles, name):
    return band(oracle_band(oracles, lambda model: model["attacks"][name]["auc"]), 2)


def _spent(model):
    yield seconds(model["cost"]["seconds"])
    for unit in _UNITS:
        yield count(model["cost"].get(unit))


def _spent_by_oracles(oracles):
    low, high = oracle_band(oracles, lambda model: model["cost"]["seconds"])
    yield f"{seconds(low)} – {seconds(high)}"
    for unit in _UNITS:
        yield counts(oracle_band(oracles, lambda model, unit=unit: model["cost"].get(unit)))


def _verdicts(scenario):
    from rich.padding import Padding
    from rich.text import Text

    for model in scenario["models"]:
        if "verdict" not in model:
            continue
        level = model["verdict"]["level"]
        line = Text(f"{_MARKS[level]} ", style=_STYLES[level])
        line.append(f"{model_words(model['name'])}: ", style="bold")
        line.append(model["verdict"]["sentence"], style="default")
        if "beside" in model["verdict"]:
            line.append(f" {model['verdict']['beside']}", style=_STYLES["differs"])
        yield line
    if "repeats" in scenario:
        yield Text(f"{repeats_words(scenario['repeats'])}.", style="dim")
    for note in scenario["notes"]:
        yield Text(f"note: {note}", style="dim")
    weakest = [attack_words(name) for name in scenario["threat_models"]]
    yield Padding(Text(f"attacks: {', '.join(weakest)}", style="dim"), 0)
    if scenario["models"][0].get("upstream"):
        yield Text(f"steps: {UPSTREAM_ATTACKER}", style="dim")
