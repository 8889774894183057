"""The tables of metrics in Markdown, as the page shows them."""

from _mom_problems import CLEAN, HOLDING, TABLES
from _mom_table import BY_ITSELF, BY_ORACLES

__all__ = ["into_page", "markdown"]

_BEGIN, _END = "<!-- tables: begin -->", "<!-- tables: end -->"


def markdown(told):
    """A table for each way to a call, what can be found, the passes and the pair.

    Parameters
    ----------
    told : dict
        What `metrics_of_metrics.py` writes.

    Returns
    -------
    str
    """
    problems = ", ".join(f"{n} of {table}" for table, n in told["problems"].items())
    lines = [f"{told['n_problems']} problems ({problems}):", ""]
    for rule, title in (
        (BY_ORACLES, "Called where the score exceeds that of 19 other oracles"),
        (BY_ITSELF, "Called by the metric's own interval, verdict or p value"),
    ):
        lines += [f"**{title}**", "", *_table(told, rule), ""]
    lines += [*_findable(told), "", *_passes(told), ""]
    lines += [*_pair(told["pair"]), "", *_pair(told["pair_of_one_model"])]
    return "\n".join(lines).rstrip() + "\n"


def _table(told, rule):
    kinds = [*HOLDING, *CLEAN]
    yield f"| metric | {' | '.join(kinds)} | n | seconds | fails by |"
    yield "|---" * (len(kinds) + 4) + "|"
    for row in told["rules"]:
        if row["rule"] != rule:
            continue
        found = [row["rates"].get(kind) for kind in kinds]
        spent = told["seconds"].get(row["metric"])
        cells = ["" if each is None else _cell(each["all"]) for each in found]
        cells += [
            str(found[0]["all"]["n"]),
            "" if spent is None else f"{spent:.2g}",
            _failures(row["fails"]),
        ]
        yield f"| {row['metric']} | {' | '.join(cells)} |"


def _failures(fails):
    """Failures in short: tables by their first letter."""
    told, missed = [name for name in fails if not name.startswith("misses")], {}
    for name in fails:
        if name.startswith("misses"):
            _, kind, _, table = name.split(" ")
            missed.setdefault(kind, []).append(table[0])
    return "; ".join([*told, *(f"{kind} ({', '.join(t)})" for kind, t in missed.items())])


def _findable(told):
    cases = {}
    for table, kind in told["findable"]:
        cases.setdefault(kind, []).append(table)
    lost = [f"{k} on {t}" for k in HOLDING for t in TABLES if t not in cases.get(k, [])]
    yield (
        "What some rule finds in more than half of the problems: "
        + "; ".join(f"{kind} on {', '.join(tables)}" for kind, tables in cases.items())
        + "."
        + (f" What none does: {'; '.join(lost)}." if lost else "")
    )


def _passes(told):
    kinds = [*HOLDING, *CLEAN]
    yield f"| called the same as retraining | {' | '.join(kinds)} |"
    yield "|---" * (len(kinds) + 1) + "|"
    for metric, found in told["passes"].items():
        yield f"| {metric} | {' | '.join(_cell(found[kind]['all']) for kind in kinds)} |"


def _pair(pair):
    if pair is None:
        return
    names = " and ".join(f"{metric} ({rule})" for metric, rule in pair["pair"])
    yield f"| {names}: either calls | {' | '.join(TABLES)} |"
    yield "|---" * (len(TABLES) + 1) + "|"
    for kind in (*HOLDING, *CLEAN):
        found = [pair["rates"][f"{kind} on {table}"] for table in TABLES]
        cells = ["" if each is None else _cell(each) for each in found]
        yield f"| {kind} | {' | '.join(cells)} |"


def _cell(found):
    return "{:.2f} ({:.2f} to {:.2f})".format(*found["rate"]).replace("0.", ".")


def into_page(text, told):
    """A page with its tables made anew, between the two comments that mark them.

    Parameters
    ----------
    text : str
    told : dict

    Returns
    -------
    str
    """
    before, rest = text.split(_BEGIN)
    return f"{before}{_BEGIN}\n{markdown(told)}{_END}{rest.split(_END)[1]}"
