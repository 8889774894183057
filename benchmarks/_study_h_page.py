"""The tables of Study H: published figures, ours under both protocols, intervals over seeds."""

import csv
import json
from collections import defaultdict

import numpy as np
from _study_h_settings import PUBLISHED, SCENARIOS

from skqmu.metrics import mean_interval

__all__ = ["write_page"]

_TITLES = {"subset2pct": "Subset removal (2 %)", "fullclass": "Class removal (class 0)"}


def write_page(folder):
    """Write ``study_h.md`` from all JSON files of a folder; returns its path."""
    groups = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        groups[path.stem.rpartition("-")[0]].append(result)
    with PUBLISHED.open(encoding="utf-8") as file:
        published = {
            (row["dataset"], row["scenario"], row["method"]): row for row in csv.DictReader(file)
        }
    parts = ["# Study H: published, published protocol, sound protocol", "", _EXPLANATION]
    for title, results in groups.items():
        parts += ["", f"## {title}", "", _summary(results, published)]
        for scenario in SCENARIOS:
            parts += ["", f"### {_TITLES[scenario]}", ""]
            parts += _published_table(results, scenario, published)
            parts += ["", *_sound_table(results, scenario)]
    path = folder / "study_h.md"
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return path


_EXPLANATION = (
    "Figures are means over seeds; brackets are 95 % intervals of the mean (Student), given from "
    "two seeds on. `acc` is retain / forget / test. KL is to the oracles, over the classes that "
    "stay; `floor` is the largest KL between two oracles. AUC compares forgotten rows with test "
    "rows of the same classes: 0.5 gives nothing away, and both directions leak. Cost is "
    "gradient rows relative to an oracle's. A row passes in a seed if it meets every condition "
    "of the sound protocol (see `Judge`)."
)


def _summary(results, published):
    name = results[0]["dataset"]
    ours = _shown([r["acc_test_original"] for r in results])
    theirs = published[name, "fullclass", "GA"]["acc_test_orig"]
    seconds = np.median([r["wall_seconds"] for r in results])
    return (
        f"{len(results)} seed(s), {results[0]['n_oracles']} oracles a scenario. Test accuracy of "
        f"the original: ours {ours}, published {float(theirs):.3f}. Wall time of a seed: "
        f"{seconds:.0f} s."
    )


def _rows(results, scenario, protocol):
    names = results[0]["scenarios"][scenario][protocol]
    return {
        name: [result["scenarios"][scenario][protocol][name] for result in results]
        for name in names
    }


def _published_table(results, scenario, published):
    name = results[0]["dataset"]
    lines = [
        "| mechanism (published protocol) | UQI published | UQI ours | in interval | "
        "acc published | acc ours | agreement published | ours | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for method, rows in _rows(results, scenario, "published").items():
        theirs = published[name, scenario, method]
        uqi, values = float(theirs["UQI"]), [row["uqi"] for row in rows]
        told = [float(theirs[f"acc_{part}_unlearn"]) for part in ("retain", "forget", "test")]
        lines.append(
            f"| {method} | {uqi:.3f} | {_shown(values)} | {_inside(uqi, values)} | "
            f"{_triple(told)} | {_triple(_accuracies(rows))} | {float(theirs['Agree_test']):.3f} | "
            f"{_mean(rows, 'agreement'):.3f} | {_mean(rows, 'cpu_seconds'):.1f} |"
        )
    return lines


def _sound_table(results, scenario):
    lines = [
        "| model (sound protocol) | acc | test acc, classes that stay | KL forget | KL other | "
        "AUC loss | AUC confidence | cost | passes | fails on |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    oracles = [row for r in results for row in r["scenarios"][scenario]["oracles"]]
    floor = {
        key: np.mean([r["scenarios"][scenario]["floor"][key] for r in results])
        for key in ("kl_forget", "kl_other")
    }
    lines.append(
        f"| oracles | {_triple(_accuracies(oracles))} | {_mean(oracles, 'acc_test_kept'):.3f} | "
        f"floor {floor['kl_forget']:.3f} | floor {floor['kl_other']:.3f} | "
        f"{_auc(oracles, 'loss')} | {_auc(oracles, 'confidence')} | 1 | | |"
    )
    for method, rows in _rows(results, scenario, "sound").items():
        failed = sorted({c for row in rows for c, good in row["checks"].items() if not good})
        passes = sum(row["passes"] for row in rows)
        lines.append(
            f"| {method} | {_triple(_accuracies(rows))} | {_mean(rows, 'acc_test_kept'):.3f} | "
            f"{_mean(rows, 'kl_forget'):.3f} | {_mean(rows, 'kl_other'):.3f} | "
            f"{_auc(rows, 'loss')} | {_auc(rows, 'confidence')} | "
            f"{_mean(rows, 'cost_share'):.3f} | {passes} of {len(rows)} | {', '.join(failed)} |"
        )
    return lines


def _mean(rows, name):
    return float(np.mean([row[name] for row in rows]))


def _accuracies(rows):
    return [_mean(rows, f"acc_{part}") for part in ("retain", "forget", "test")]


def _triple(values):
    return " / ".join(f"{value:.3f}" for value in values)


def _auc(rows, signal):
    """Mean AUC; with one row, its interval over records."""
    if len(rows) == 1:
        row, name = rows[0], f"auc_{signal}"
        return f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"
    return _shown([row[f"auc_{signal}"] for row in rows], digits=2)


def _shown(values, digits=3):
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    estimate = mean_interval(values)
    numbers = (estimate.value, estimate.low, estimate.high)
    return "{} [{}, {}]".format(*(f"{number:.{digits}f}" for number in numbers))


def _inside(value, values):
    if len(values) < 2:
        return "one seed"
    estimate = mean_interval(values)
    return "yes" if estimate.low <= value <= estimate.high else "no"
