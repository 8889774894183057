"""The reference page of all mechanisms, written from the classes so that it cannot go stale.

``python -m skqmu.classifiers._reference > docs/mechanisms.md``
"""

import inspect
import sys

from ..unlearning import STRATEGIES, unguarded
from ._sharded import ShardedClassifier

__all__ = ["reference_page"]

# The request that costs are given for, and the fit that they are relative to.
_N_FORGET, _N_RETAIN, _EPOCHS = 100, 900, 150
_ORDER = {"exact": 0, "certified": 1, "approximate": 2}

_HEAD = """\
# Mechanisms

Every way in which a classifier of skqmu can forget. This page is generated from the classes by
`python -m skqmu.classifiers._reference > docs/mechanisms.md`; a test compares the two.

`D_f`: the rows to forget; `D_r`: those that stay; `theta0`: the trained parameters; `p`: the
model's probabilities; `T`, `S`: teacher and student; `U`: uniform. **Exact**: distributed as a
model that never saw the rows. **Certified**: (epsilon, delta)-indistinguishable from one.
Both compare one version of the model with one retrained without the rows: whoever also holds the
version before the deletion may tell who was deleted (`skqmu.attacks.UpdateAttack`,
[two versions](two_versions.md)). What each word promises, and what newer mechanisms reach:
[guarantees](guarantees.md).
**Approximate**: nothing is proven; measure it, with `skqmu audit` or the scorers.

**Stop rule** (`stop="auto"`): forgetting too much tells the rows again, so what climbs or
overwrites ends where the forgotten rows look unseen. What that is, the log's `reference` says:
`"given"` (`X_reference`), `"validation"` (rows that `fit` held out), `"leave-one-out"` (neither is
there: the last group of parameters is drawn anew and all are trained, briefly, without the rows;
their loss then is the target), or `"members"` (no retained rows, or circuits that are counted: a
lower bound, which may forget nothing); of a removed class the other rows, `"retained"`, or
`"chance"`.

**Guard** (`guard="auto"`, 0.02 of accuracy and five times as much of loss): on up to 500 retained
rows, against the model of the last fit. What costs more is repaired by brief training on the
retained rows, an ascent goes on from there; what is left is taken back, or told by a
`DamageWarning` and the log's `status`. While classes stay, the loss beside the rows (0.3 standard
deviations away) counts as well, and is taken back: many repairs know the rows by heart. The rows
are judged together: a rare class can lose more.
`stop=None, guard=None` gives a mechanism as published. What comes of each at its defaults stands in
[results](results.md); only `scrub` and `sensitivity_noise` needed a `DamageWarning` there.

The cost is the number of gradient rows at most, with the defaults, relative to retraining for
{epochs} epochs, when {n_forget} of {n_rows} rows go; estimates of the stop rule are included,
repairs by the guard are not. Measured gaps to retraining, without the guard:
`benchmarks/results/mechanisms.json`.
"""


def reference_page():
    """Write the page.

    Returns
    -------
    str
        Markdown.
    """
    rows = sorted(STRATEGIES.items(), key=lambda item: _ORDER[item[1]().kind])
    lines = [
        _HEAD.format(epochs=_EPOCHS, n_forget=_N_FORGET, n_rows=_N_FORGET + _N_RETAIN),
        "| strategy | kind | needs | cost | formula | advice |",
        "|---|---|---|---|---|---|",
        *(_table_row(name, cls()) for name, cls in rows),
        f"| [`ShardedClassifier`](#shardedclassifier) | {ShardedClassifier.kind} | its own shards "
        f"| 1/n_shards | {_code(ShardedClassifier.formula)} | {ShardedClassifier.advice} |",
        "",
    ]
    for name, cls in rows:
        lines += _section(cls, f'`"{name}"`', _needs(cls()), repr(_defaults(cls())))
    lines += _section(ShardedClassifier, "an estimator of its own", "the rows that it stores", None)
    return "\n".join(lines).rstrip() + "\n"


def _table_row(name, strategy):
    cls = type(strategy).__name__
    cells = (
        f"[`{name}`](#{cls.lower()})",
        strategy.kind,
        _needs(strategy),
        _cost(name, strategy),
        _code(strategy.formula),
        strategy.advice,
    )
    return f"| {' | '.join(cells)} |"


def _code(formula):
    return "`" + formula.replace("|", "\\|") + "`"


def _needs(strategy):
    return ", ".join(sorted(strategy.requires)) or "nothing"


def _cost(name, strategy):
    if name == "retrain":
        return "1"
    spent = unguarded(strategy).gradient_rows(_N_FORGET, _N_RETAIN)
    return f"{spent / (_EPOCHS * _N_RETAIN):.3g}"


def _defaults(strategy):
    return dict(sorted(strategy.get_params(deep=False).items()))


def _section(cls, name, needs, defaults):
    lines = [f"## {cls.__name__}", "", _paragraphs(cls, None), ""]
    lines += [f"- name: {name}", f"- kind: {cls.kind}", f"- needs: {needs}"]
    lines += [f"- formula: {_code(cls.formula)}", f"- source: {cls.source}"]
    lines += [f"- advice: {cls.advice}"]
    lines += [f"- damage to expect, before the guard: {cls.damage}"]
    if defaults is not None:
        lines.append(f"- defaults: `{defaults}`")
    notes = _paragraphs(cls, "Notes")
    return [*lines, "", notes, ""] if notes else [*lines, ""]


def _paragraphs(cls, section):
    """Text of a docstring before its first section (None), or of one section."""
    lines = inspect.getdoc(cls).replace("``", "`").splitlines()
    starts = [i for i in range(len(lines) - 1) if lines[i + 1] and not lines[i + 1].strip("-")]
    if section is None:
        return "\n".join(lines[: starts[0]]).strip()
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if lines[start] == section:
            return "\n".join(lines[start + 2 : end]).strip()
    return ""


if __name__ == "__main__":
    sys.stdout.write(reference_page())
