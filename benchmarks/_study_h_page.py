"""The page of Study H: published figures, ours under both protocols, intervals, sweeps."""

import csv
from collections import defaultdict

import numpy as np
from _study_files import read_result
from _study_h_levels import levels_path
from _study_h_settings import DATASETS, PUBLISHED, SCENARIOS, Setting
from _study_measures import SIGNALS
from _study_page import drawn, heading, paragraph, save, table
from _study_verdict import auc_interval, signals_of, verdict

from skqmu.metrics import mean_interval

__all__ = ["write_page"]

_TITLES = {"subset2pct": "Subset removal (2 %)", "fullclass": "Class removal (class 0)"}
_EXPLANATION = (
    "Figures are means over seeds; brackets are 95 % intervals of the mean (Student), given from "
    "two seeds on. Accuracies are retain / forget / test. KL is to the oracles, over the classes "
    "that stay; an oracle's is to the other oracles, and the largest of these ends the band. AUC "
    "compares forgotten rows with test rows of the same classes, with intervals over seeds or, "
    "with one seed, over records: 0.5 gives nothing away, and both directions leak. LiRA is "
    "offline, the oracles being its shadow models: on the true class, and (rest) on the class "
    "that the oracles favour among those that stay. Cost is gradient rows relative to an "
    "oracle's. SCRUB(+R) is the computation of SCRUB in the study (the epoch to rewind to is "
    "saved and never loaded), and takes its row."
)
_VERDICTS = (
    "Verdict: a mechanism passes if its means meet every condition of the sound protocol, over at "
    "least five seeds and five oracles and with attack intervals no wider than .2: met with less, "
    "they are not resolved. Where a model gives the removed class no probability at all, loss and "
    "LiRA on it see nothing (the AUC is the same for every seed); the rest is then what the "
    "attacker has. The logit mask hides the class of an untouched model; one condition therefore "
    "looks at the weights with such filters taken off. All measures: the verdict of "
    "skqmu.metrics.retraining_verdict over all seeds, which calls a model indistinguishable only "
    "where every measure is shown to lie within .1. It looks at answers alone: where a mask gives "
    "the answers of retraining, as on Fashion-MNIST, it has to call the mask indistinguishable. "
    "Neither column looks at what the layers below the last one still know "
    "(study_h_features.py does)."
)
_WHY = (
    "Known differences, each of which may be the reason where the published run lies outside "
    "our interval: epochs are fixed here instead of stopped early on the test set; weights and "
    "batches are drawn otherwise; the published figure is one seed of a quantity that varies "
    "much between seeds; on Iris, the published oracle of class removal is a model of the first "
    "epoch, and Iris is scaled by its training rows here; the study states no step size of the "
    "mechanisms, and with the 1e-2 of its training most of them forget far more on Iris than it "
    "prints: they take 1e-3 here, which was chosen because it comes nearer, so that agreement on "
    "Iris is not independent. A published run outside the interval of our mean may still be one "
    "of ours: the 95 % prediction interval (normal, from five seeds on) says where a single run "
    "lies."
)

# Why a published figure may lie outside our interval, where the settings say something.
_UNSTOPPED = (
    "climbs without a stop: how far it gets in the epoch that is kept depends on the weights and "
    "the order of the batches"
)
_REASONS = {
    "GA": _UNSTOPPED,
    "Fisher": _UNSTOPPED,
    "CF-k1": (
        "freezes the first group and climbs with the others: the group is the whole front-end here "
        "(Iris: the circuit), and the study's figures look like those of its GA"
    ),
}
# The same for one data set alone.
_REASONS_OF = {
    ("iris", "LCA"): (
        "decided by the step size, which the study does not state: class removal gives .02 with "
        "1e-3, .09 with 3e-3 and .76 with 1e-2"
    ),
}
_NO_REASON = "the stated settings do not explain it"
_BASELINES = ("original", "logit mask")
# Seeds that say where a single run lies.
_FEWEST = 5


def write_page(folder):
    """Write ``study_h.html`` and two plots from all JSON files of a folder; returns its path."""
    groups = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        result = read_result(path)
        groups[Setting(**result["setting"])].append(result)
    with PUBLISHED.open(encoding="utf-8") as file:
        published = {
            (row["dataset"], row["scenario"], row["method"]): row for row in csv.DictReader(file)
        }
    parts = [paragraph(text) for text in (_EXPLANATION, _VERDICTS, _WHY)]
    order = sorted(groups, key=lambda s: (not s.is_base, DATASETS.index(s.dataset), s.name))
    varied = []
    for dataset in DATASETS:
        if sum(setting.dataset == dataset for setting in groups) > 1:
            varied += _varied({s: groups[s] for s in order if s.dataset == dataset}, dataset)
    for setting in order:
        if not setting.is_base:
            parts, varied = parts + varied, []
        results = groups[setting]
        parts += [heading(setting.name), paragraph(_summary(setting, results, published))]
        for scenario in SCENARIOS:
            parts.append(heading(_TITLES[scenario], 3))
            if _rows(results, scenario, "published"):
                if setting.is_base:
                    parts.append(_uqi_plot(setting, results, scenario, published))
                parts.append(_published_table(setting, results, scenario, published))
            parts.append(_sound_table(results, scenario, _levels(folder, setting, results)))
    parts += varied
    _readme_plots(folder, {s: results for s, results in groups.items() if s.is_base}, published)
    return save(folder / "study_h.html", "Study H: published, reproduced, and sound", parts)


def _summary(setting, results, published):
    ours = _shown([r["acc_test_original"] for r in results])
    theirs = float(published[setting.dataset, "fullclass", "GA"]["acc_test_orig"])
    seconds = np.median([r["wall_seconds"] for r in results])
    jobs = results[0].get("n_jobs")
    processes = f" in {jobs} process(es)" if jobs else ""
    return (
        f"{len(results)} seed(s), {results[0]['n_oracles']} oracles a scenario. Test accuracy of "
        f"the original: ours {ours}, published {theirs:.3f}. Wall time of a seed{processes}, with "
        f"what it trained of the oracles and whatever else ran beside: {seconds:.0f} s (median)."
    )


def _rows(results, scenario, protocol):
    """Rows of all seeds by mechanism, in one order whatever ended first."""
    first = results[0]["rows"][scenario][protocol]
    named = {
        name: [result["rows"][scenario][protocol][name] for result in results]
        for name in sorted(first)
        if all(name in result["rows"][scenario][protocol] for result in results)
    }
    if protocol == "published" and "SCRUB" in named:
        named["SCRUB(+R)"] = named["SCRUB"]
    return named


def _published_table(setting, results, scenario, published):
    headers = [
        "mechanism (published protocol)", "UQI published", "UQI ours",
        "published in interval, or why not", "acc published", "acc ours", "agreement published",
        "ours", "CPU s",
    ]  # fmt: skip
    lines = []
    for method, rows in _rows(results, scenario, "published").items():
        theirs = published[setting.dataset, scenario, method]
        uqi, values = float(theirs["UQI"]), [row["uqi"] for row in rows]
        told = [float(theirs[f"acc_{part}_unlearn"]) for part in ("retain", "forget", "test")]
        lines.append(
            [
                method,
                f"{uqi:.3f}",
                _shown(values),
                _inside(uqi, values, setting.dataset, method),
                _triple(told),
                _triple(_accuracies(rows)),
                f"{float(theirs['Agree_test']):.3f}",
                f"{_mean(rows, 'agreement'):.3f}",
                f"{_mean(rows, 'cpu_seconds'):.1f}",
            ]
        )
    return table(headers, lines)


def _levels(folder, setting, results):
    """Verdicts on all measures, where they are those of the same seeds."""
    path = levels_path(folder, setting.name)
    if not path.exists():
        return {}
    found = read_result(path)
    return found if found["n_seeds"] == len(results) else {}


def _sound_table(results, scenario, levels):
    headers = [
        "model (sound protocol)", "acc", "test acc, classes that stay", "KL forget", "KL other",
        "AUC loss", "AUC confidence", "AUC LiRA", "AUC LiRA, rest", "cost", "verdict",
        "all measures",
    ]  # fmt: skip
    # The same oracles for every seed; their figures need no original.
    oracles = results[0]["oracles"][scenario]
    band = [max(row[name] for row in oracles) for name in ("kl_forget", "kl_other")]
    lines = [["oracles", *_figures(oracles), *(f"to {end:.3f}" for end in band)]]
    lines[0] += [*_aucs(oracles), "1", "", ""]
    judged = {
        method: (rows, verdict(rows, oracles))
        for method, rows in _rows(results, scenario, "sound").items()
    }
    # What is nothing but a baseline first, then the nearest to retraining.
    order = sorted(judged, key=lambda m: (m not in _BASELINES, len(judged[m][1].failed), m))
    for method in order:
        rows, said = judged[method]
        lines.append(
            [
                method,
                *_figures(rows),
                f"{_mean(rows, 'kl_forget'):.3f}",
                f"{_mean(rows, 'kl_other'):.3f}",
                *_aucs(rows),
                f"{_mean(rows, 'cost_share'):.3f}",
                said,
                levels.get(scenario, {}).get(method, {}).get("level", "-"),
            ]
        )
    return table(headers, lines)


def _varied(groups, dataset):
    """What depth, entanglement, noise and the classical twins change, for class removal."""
    mechanisms = ("LCA", "EU-k1", "NegGradPlus", "Q-MUL")
    headers = ["network", "seeds", "test acc of the original", "test acc of oracles"]
    headers += [f"UQI {name}" for name in mechanisms] + ["sound: passes"]
    lines = []
    for setting, results in groups.items():
        rows = _rows(results, "fullclass", "published")
        oracles = results[0]["oracles"]["fullclass"]
        passing = [
            name
            for name, found in _rows(results, "fullclass", "sound").items()
            if verdict(found, oracles).passes
        ]
        lines.append(
            [
                setting.name,
                len(results),
                _shown([r["acc_test_original"] for r in results]),
                f"{_mean(oracles, 'acc_test_kept'):.3f} (classes that stay)",
                *(
                    _shown([r["uqi"] for r in rows[name]]) if name in rows else "-"
                    for name in mechanisms
                ),
                ", ".join(passing) or "none",
            ]
        )
    return [
        heading(f"{dataset}: circuits, twins and noise beside each other"),
        table(headers, lines),
    ]


def _readme_plots(folder, groups, published):
    """``uqi.svg`` (published beside ours) and ``sound.svg`` (near retraining or not)."""
    from matplotlib.figure import Figure

    settings = sorted((s for s in groups if not s.quick), key=lambda s: DATASETS.index(s.dataset))
    if not settings:
        return
    size = (4.2 * len(settings), 3.4)
    reproduced, sound = Figure(figsize=size), Figure(figsize=size)
    for number, setting in enumerate(settings):
        results = groups[setting]
        axes = reproduced.add_subplot(1, len(settings), number + 1)
        _draw_uqi(axes, setting, results, "fullclass", published)
        axes.set_title(f"{setting.dataset}, {len(results)} seed(s)", fontsize=9)
        _draw_sound(sound.add_subplot(1, len(settings), number + 1), setting, results)
    for name, figure in (("uqi", reproduced), ("sound", sound)):
        figure.tight_layout()
        (folder / f"{name}.svg").write_text(drawn(figure), encoding="utf-8")


def _draw_sound(axes, setting, results):
    """Distance to the oracles: accuracy that was lost, and KL on the forgotten rows."""
    oracles = results[0]["oracles"]["fullclass"]
    band = max(row["kl_forget"] for row in oracles)
    places = {}
    # Most of what forgets well lies within a point of retraining: room for these.
    axes.set_xscale("asinh", linear_width=0.02)
    for name, rows in _rows(results, "fullclass", "sound").items():
        lost = _mean(oracles, "acc_test_kept") - _mean(rows, "acc_test_kept")
        places[name] = (lost, _mean(rows, "kl_forget") / band)
        marker, color = "o", "C0"
        if _mean(rows, "acc_forget") > 0.01:
            marker, color = "x", "0.5"
        elif verdict(rows, oracles).passes:
            marker, color = "*", "C2"
        axes.plot(*places[name], marker, color=color, ms=8 if marker == "*" else 4)
    axes.axhline(1, color="0.7", lw=0.8)
    axes.axvspan(-0.01, 0.01, color="0.9", zorder=0)
    axes.set_xlim(-0.02, 2.5 * max(x for x, _ in places.values()))
    axes.set_ylim(0, 1.2 * max(y for _, y in places.values()))
    axes.set_xticks([0, 0.01, 0.05, 0.2], ["0", ".01", ".05", ".2"])
    axes.minorticks_off()
    _name_points(axes, places)
    axes.set_xlabel("test accuracy lost against retraining")
    axes.set_ylabel("KL to retraining / its own spread")
    axes.set_title(f"{setting.dataset} (star: passes; x: still knows the class)", fontsize=9)


def _name_points(axes, places):
    """Names to the right of points, moved up where one would stand on another (in pixels)."""
    wide, line, taken = 110, 9, []
    point = 72 / axes.figure.dpi
    points = {name: axes.transData.transform(place) for name, place in places.items()}
    for name, (x, y) in sorted(points.items(), key=lambda item: item[1][1]):
        height = y
        while any(abs(x - a) < wide and abs(height - b) < line for a, b in taken):
            height += line / 4
        taken.append((x, height))
        axes.annotate(
            name,
            places[name],
            xytext=(6, (height - y) * point),
            textcoords="offset points",
            fontsize=6,
            va="center",
            arrowprops={"arrowstyle": "-", "lw": 0.3, "color": "0.6"},
        )


def _uqi_plot(setting, results, scenario, published):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3))
    _draw_uqi(figure.add_subplot(), setting, results, scenario, published)
    return drawn(figure)


def _draw_uqi(axes, setting, results, scenario, published):
    rows = _rows(results, scenario, "published")
    for place, (method, found) in enumerate(rows.items()):
        values = [row["uqi"] for row in found]
        axes.plot([place + 0.1] * len(values), values, "o", color="C0", ms=3, alpha=0.6)
        axes.plot(place - 0.1, float(published[setting.dataset, scenario, method]["UQI"]), "kx")
    axes.set_xticks(range(len(rows)), rows, rotation=40, ha="right", fontsize=7)
    axes.axhline(0, color="0.7", lw=0.8)
    axes.set_ylabel("UQI")
    axes.set_title("x: published, one run; dots: ours, one a seed", fontsize=9)


def _mean(rows, name):
    return float(np.mean([row[name] for row in rows]))


def _accuracies(rows):
    return [_mean(rows, f"acc_{part}") for part in ("retain", "forget", "test")]


def _figures(rows):
    return [_triple(_accuracies(rows)), f"{_mean(rows, 'acc_test_kept'):.3f}"]


def _triple(values):
    return " / ".join(f"{value:.3f}" for value in values)


def _aucs(rows):
    """Mean AUCs with their intervals."""
    cells = []
    known = signals_of(rows)
    for name in SIGNALS:
        if name not in known:
            cells.append("-")
            continue
        low, high = auc_interval(rows, name)
        cells.append(f"{_mean(rows, f'auc_{name}'):.2f} [{low:.2f}, {high:.2f}]")
    return cells


def _shown(values, digits=3):
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    estimate = mean_interval(values)
    numbers = (estimate.value, estimate.low, estimate.high)
    return "{} [{}, {}]".format(*(f"{number:.{digits}f}" for number in numbers))


def _inside(value, values, dataset, method):
    if len(values) < 2:
        return "one seed"
    estimate = mean_interval(values)
    if estimate.low <= value <= estimate.high:
        return "yes"
    # A single run lies sqrt(n + 1) times as far from the mean of n as the mean's interval ends.
    reach = (estimate.high - estimate.value) * np.sqrt(len(values) + 1)
    low, high = estimate.value - reach, estimate.value + reach
    if len(values) >= _FEWEST and low <= value <= high:
        return f"no, but where a single run lies [{low:.3f}, {high:.3f}]"
    reason = _REASONS_OF.get((dataset, method)) or _REASONS.get(method, _NO_REASON)
    return f"no: {reason}"
