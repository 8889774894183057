"""The page of Study C: published beside reproduced beside sound, and the answer first."""

import numpy as np
from _study_c_figures import (
    compared_curves,
    compared_unlearning,
    differences,
    estimate,
    inside,
    interval_of_a_run,
    quantum_wins,
    words,
)
from _study_c_published import PHASES
from _study_c_rule import MARGIN
from _study_page import drawn, heading, paragraph, save, table

__all__ = ["answer", "published_share", "write_page"]

_TASKS = {"mnist": "digits 1 against 9", "xxz": "phases of the XXZ chain"}
_COLORS = {"QNN": "#1b6ca8", "MLP": "#a8431b", PHASES: "#c9962b"}
_LIMITS = (
    "Not known of the published study, and chosen here: whether its simulator normalises (its "
    "data are taken as they stand), which eigenvectors its states are (global phases, which a "
    "circuit cannot see and an MLP of real and imaginary parts can; ours are real with a fixed "
    "sign, and classical models get them without the imaginary parts, which are zero; beside them "
    "the published MLP on the same states with random phases), the grid of couplings (ours: 166 "
    "midpoints of 0 to 2, by turns), SCRUB's weight of the distillation (.5), what the noise "
    "covers (784 pixels), whether N(0, .01) is a variance (ours: a standard deviation). That "
    "2,144 images and 84 states were judged on is read off the released accuracies, which are "
    "multiples of 1/2144 and 1/84. Two tasks, one circuit, exact answers without shots; "
    "differences below .01 are not looked for."
)
_MECHANISM_NOTE = (
    "Mechanisms at their defaults, without the guard and with what the network itself has to say "
    "of unseen rows (no reference rows). Accuracy on test rows of right labels, and less the mean "
    "of the two oracles (paired by seed); KL to the oracles on test rows in nats, "
    "beside what oracles are from each other; AUC of the loss on the bad training rows under their "
    "bad labels against held-out rows made bad alike (0.5: nothing is given away)."
)


def write_page(path, found):
    """Write the page of some results, and its curves as a picture; returns the page's path."""
    parts = [heading("The answer")]
    if found.get("quick"):
        parts.append(paragraph("A QUICK run: few rows and epochs. Its figures say nothing."))
    parts += [paragraph(text) for text in answer(found)]
    parts += [heading("The rule, written before the runs"), paragraph(found["rule"])]
    parts += [heading("Limits"), paragraph(_LIMITS)]
    for task, told in _TASKS.items():
        parts += _sound(found, task, told)
        parts += _forgetting(found, task, told)
    parts += _published(found)
    if curves := compared_curves(found["published"]):
        _curves_figure(curves).savefig(path.with_suffix(".png"), dpi=100)
    return save(path, "Study C: do quantum networks resist bad training data?", parts)


# ---------------------------------------------------------------------------------- answer


def answer(found):
    """The paragraphs that decide, by the rule."""
    for task, told in _TASKS.items():
        factors, rivals = differences(found["sound"], task)
        if not factors:
            continue
        wins = quantum_wins(rivals)
        better = [name for name, own in rivals.items() if own.low > MARGIN]
        worse = [name for name, own in rivals.items() if own.high < -MARGIN]
        open_ = [name for name in rivals if name not in (*better, *worse)]
        named = [name for name, own in factors.items() if own.low > MARGIN]
        verdict = {
            True: "the circuit beats every twin and every regularised classical model",
            False: "the circuit is not shown to beat every twin and regularised classical model: "
            "by the rule, 'quantum' does not explain its resistance",
            None: "not every rival has been run",
        }[wins]
        yield (
            f"{told[:1].upper()}{told[1:]}: {verdict}. "
            f"By more than .01 ahead of: {_listed(better)}; behind: {_listed(worse)}; "
            f"by less, or not told apart: {_listed(open_)}. "
            f"What makes more than .01 of difference by itself: {_listed(named)}."
        )
    share = published_share(found["published"])
    if share is not None:
        yield share


def published_share(results):
    """Sentences on how many released points lie in our intervals, or None."""
    compared = {
        "corruption curves": compared_curves(results),
        "unlearning": compared_unlearning(results),
    }
    compared = {
        name: {key: pair for key, pair in cells.items() if len(pair[1]) > 1}
        for name, cells in compared.items()
    }
    models = {model for cells in compared.values() for _, model, *_ in cells}
    if not models:
        return None
    told = _shares(compared, without=PHASES)
    if PHASES in models:
        own = _shares(compared, without="MLP")
        told += f". And with random phases of the chain's states for the MLP, {own}"
    return f"Inside the 95 % prediction intervals of our single runs: {told}."


def _shares(compared, *, without):
    """Of all cells but those of one of the chain's two MLPs."""
    told = []
    for name, cells in compared.items():
        chosen = [pair for key, pair in cells.items() if key[:2] != ("xxz", without)]
        if chosen:
            told.append(_share(name, chosen))
    return "; ".join(told)


def _share(name, cells):
    intervals = [interval_of_a_run(ours) for _, ours in cells]
    shares = [inside(theirs, own) for (theirs, _), own in zip(cells, intervals, strict=True)]
    widths = np.ptp(intervals, axis=1)
    n = sum(len(theirs) for theirs, _ in cells)
    return (
        f"{name} {np.mean(shares):.0%} of {n} released points (intervals "
        f"{np.median(widths):.3f} wide in the median, {np.max(widths):.3f} at most)"
    )


def _told(model):
    return "MLP, random phases" if model == PHASES else model


def _listed(names):
    return ", ".join(names) if names else "none"


# ------------------------------------------------------------------------------------ sound


def _sound(found, task, told):
    results = [row for row in found["sound"] if row["task"] == task]
    if not results:
        return
    yield heading(f"Sound: {told}")
    factors, rivals = differences(results, task)
    yield _forest(factors, rivals)
    yield paragraph(
        "Differences of test accuracy at 30 % flipped labels, mean over seeds with 95 % intervals; "
        f"the band is what counts as nothing, {MARGIN} each way."
    )
    yield table(
        ("difference", "mean [95 %]"),
        [(name, words(own)) for name, own in factors.items()]
        + [(f"circuit less {name}", words(own)) for name, own in rivals.items()],
    )
    yield heading("Accuracy, by model and share of bad labels", 3)
    keys = {(row["model"], row["inputs"], row["rate"]) for row in results}
    yield table(
        ("model", "inputs", "bad labels", "last epoch", "stopped by clean rows",
         "stopped by bad rows", "seeds"),
        [_accuracy_row(results, *key) for key in sorted(keys)],
    )  # fmt: skip
    yield heading("Budgets: equal", 3)
    yield _budgets(found, task, results)


def _accuracy_row(results, model, inputs, rate):
    rows = [r for r in results if (r["model"], r["inputs"], r["rate"]) == (model, inputs, rate)]
    cells = [
        words(estimate([row[name] for row in rows])) if name in rows[0] else "–"
        for name in ("end", "stop_clean", "stop_bad")
    ]
    return (model, inputs, f"{rate:.0%}", *cells, len(rows))


def _budgets(found, task, results):
    tuned = {row["model"]: row for row in found["tuned"] if row["task"] == task}
    rows = []
    for model in sorted({row["model"] for row in results}):
        own = next(row for row in results if row["model"] == model)
        settings = tuned.get(model)
        rows.append(
            (
                model,
                own.get("n_weights", "solved"),
                own.get("updates", "–"),
                own.get("gradient_rows", "–"),
                f"{own['setting']} of {settings['tried']}" if settings else f"{own['setting']}",
            )
        )
    headers = (
        "model",
        "trained weights",
        "updates",
        "rows with gradient",
        "setting, of those tried",
    )
    return table(headers, rows)


def _forest(factors, rivals):
    from matplotlib.figure import Figure

    named = [*factors.items(), *((f"circuit − {name}", own) for name, own in rivals.items())]
    figure = Figure(figsize=(8, 0.28 * len(named) + 1))
    axes = figure.subplots()
    axes.axvspan(-MARGIN, MARGIN, color="#e6e6e6")
    for place, (_, own) in enumerate(named):
        color = "#1b6ca8" if place < len(factors) else "#a8431b"
        low, high = (own.low, own.high) if np.isfinite(own.low) else (own.value, own.value)
        axes.hlines(-place, low, high, color=color)
        axes.plot(own.value, -place, "o", color=color, markersize=4)
    axes.set_yticks([-k for k in range(len(named))], [name for name, _ in named])
    axes.set_xlabel("difference of test accuracy")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    return drawn(figure)


# ------------------------------------------------------------------------------- forgetting


def _forgetting(found, task, told):
    results = [row for row in found["forgetting"] if row["task"] == task]
    if not results:
        return
    yield heading(f"Forgetting 30 % bad labels: {told}")
    yield paragraph(_MECHANISM_NOTE)
    for model in sorted({row["model"] for row in results}):
        own = [row["rows"] for row in results if row["model"] == model]
        yield heading(f"{model} ({len(own)} seeds)", 3)
        ways = [way for way in own[0] if all("refused" not in rows[way] for rows in own)]
        headers = ("", "accuracy", "less oracles'", "KL to oracles", "AUC", "rows with gradient")
        yield table(headers, [_way_row(way, own) for way in ways])


def _way_row(way, seeds):
    def over(value):
        return words(estimate([value(rows) for rows in seeds]), 2)

    def behind(rows):
        oracle = np.mean([rows[f"oracle_{k}"]["accuracy"] for k in (1, 2)])
        return rows[way]["accuracy"] - oracle

    return (
        way,
        over(lambda rows: rows[way]["accuracy"]),
        over(behind),
        over(lambda rows: rows[way]["kl_to_oracle"]),
        over(lambda rows: rows[way]["auc"]),
        f"{np.mean([rows[way]['gradient_rows'] for rows in seeds]):,.0f}",
    )


# -------------------------------------------------------------------------------- published


def _published(found):
    curves = compared_curves(found["published"])
    if not curves:
        return
    yield heading("Published protocol, again")
    yield paragraph(
        "Released accuracies (five runs a point) beside ours: mean over runs, and the interval in "
        "which one more run of ours would lie (95 %, Student)."
    )
    yield drawn(_curves_figure(curves))
    yield table(
        ("task", "model", "kind", "share", "published mean", "ours", "interval of a run", "width",
         "published inside", "runs"),
        [_compared_row(key, *pair) for key, pair in curves.items()],
    )  # fmt: skip
    unlearning = compared_unlearning(found["published"])
    if unlearning:
        yield heading("Unlearning 30 % flips in 50 full-batch steps, again", 3)
        yield table(
            ("task", "model", "way", "step", "published mean", "ours", "interval of a run",
             "width", "published inside", "runs"),
            [_compared_row(key, *pair) for key, pair in unlearning.items()],
        )  # fmt: skip


def _compared_row(key, theirs, ours):
    low, high = interval_of_a_run(ours)
    known = np.isfinite(low)
    task, model, *rest = key
    return (
        *(task, _told(model), *rest),
        f"{np.mean(theirs):.3f}",
        f"{np.mean(ours):.3f}",
        f"{low:.3f} to {high:.3f}" if known else "–",
        f"{high - low:.3f}" if known else "–",
        f"{inside(theirs, (low, high)):.0%}" if known else "–",
        len(ours),
    )


def _curves_figure(curves):
    from matplotlib.figure import Figure

    panels = sorted({(task, kind) for task, _, kind, _ in curves})
    figure = Figure(figsize=(10, 3.2 * -(-len(panels) // 2)), layout="constrained")
    axes = np.ravel(figure.subplots(-(-len(panels) // 2), 2, sharey=True, squeeze=False))
    for panel, (task, kind) in zip(axes, panels, strict=False):
        for model, color in _COLORS.items():
            rates = sorted(r for t, m, k, r in curves if (t, m, k) == (task, model, kind))
            if not rates:
                continue
            pairs = [curves[task, model, kind, rate] for rate in rates]
            if model != PHASES:
                means = [np.mean(theirs) for theirs, _ in pairs]
                panel.plot(rates, means, color=color, label=f"{model}, published")
            limits = np.array([interval_of_a_run(ours) for _, ours in pairs])
            if np.isfinite(limits).all():
                panel.fill_between(rates, *limits.T, color=color, alpha=0.15, linewidth=0)
            means = [np.mean(ours) for _, ours in pairs]
            panel.plot(rates, means, "o", color=color, markersize=4, label=f"{_told(model)}, ours")
        panel.set(title=f"{_TASKS[task]}: {kind.replace('_', ' ')}", xlabel="share of bad rows")
        panel.set(ylim=(0, 1.02), ylabel="validation accuracy")
        panel.grid(color="#dddddd", linewidth=0.6)
    axes[-1].legend(fontsize=8, frameon=False)
    return figure
