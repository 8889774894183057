"""Tables of Study S's sweeps: mechanisms compared, shots, noise, twins."""

from collections import defaultdict

import numpy as np
from _study_page import heading, paragraph, table
from _study_s_figures import auc, averaged, shown, values

__all__ = ["comparison", "noise_tables", "pca_tables", "shot_tables", "stability", "twins"]


def comparison(groups):
    """Data dependence, cost and robustness of the mechanisms, in one table."""
    headers = [
        "mechanism", "network", "needs", "gradient rows / an oracle's", "acc retain over seeds",
        "forget acc, largest", "acc retain, other step sizes", "forget acc there",
        "acc retain, gradients with 64 shots", "1024 shots",
    ]  # fmt: skip
    lines = []
    for setting, results in groups.items():
        if not setting.is_base:
            continue
        rows = [result["parts"]["rows"] for result in results]
        for name in [name for name, row in rows[0].items() if "log" in row]:
            found = [row[name] for row in rows]
            steps = [
                row
                for result in results
                for varied, row in result["parts"].get("steps", {}).items()
                if varied.startswith(f"{name},")
            ]
            lines.append(
                [
                    name,
                    setting.name,
                    ", ".join(found[0]["log"]["requires"]),
                    shown([row["log"]["cost_share"] for row in found]),
                    _spread([row["acc_retain"] for row in found]),
                    f"{max(row['acc_forget'] for row in found):.3f}",
                    _spread([row["acc_retain"] for row in steps]),
                    _spread([row["acc_forget"] for row in steps]),
                    *(_noisy(results, shots) if name == "GA, as published" else "-"
                      for shots in (64, 1024)),
                ]
            )  # fmt: skip
    return [
        heading("Mechanisms compared: data dependence, cost, robustness"),
        paragraph(
            "Needs: what a mechanism must hold beside the model; importances are those of all "
            "training rows, kept from fit. Spreads are smallest to largest. Other step sizes: "
            "0.3 and 3 times (for the Fisher-based one, the top 20 and 3 % of the parameters). "
            "Gradients with shots: measured by the parameter-shift rule, GA with the study's "
            "steps only; one such request of 64 shots takes the circuits named below."
        ),
        table(headers, lines),
        *_gradient_costs(groups),
    ]


def _spread(numbers):
    return f"{min(numbers):.3f} to {max(numbers):.3f}" if numbers else "-"


def _noisy(results, shots):
    found = [
        point["acc_retain"]
        for result in results
        for point in result["parts"].get("gradients", [])
        if point["shots"] == shots
    ]
    return _spread(found)


def _gradient_costs(groups):
    headers = ["gradients of GA, as published", "seeds", "circuits", "CPU s", "acc retain",
               "largest change of a seed", "acc forget", "AUC loss"]  # fmt: skip
    found = defaultdict(list)
    for setting, results in groups.items():
        for result in results:
            points = result["parts"].get("gradients", [])
            for point in points:
                # The first is with exact gradients.
                change = point["acc_retain"] - points[0]["acc_retain"]
                found[setting.name, point["shots"]].append(point | {"change": abs(change)})
    lines = [
        [
            f"{name}, {'exact' if shots is None else f'{shots} shots'}",
            len(points),
            f"{np.mean([p['circuits'] for p in points]):.0f}",
            f"{np.mean([p['cpu_seconds'] for p in points]):.1f}",
            _spread([p["acc_retain"] for p in points]),
            f"{max(p['change'] for p in points):.3f}",
            _spread([p["acc_forget"] for p in points]),
            _spread([p["loss"]["auc"][0] for p in points]),
        ]
        for (name, shots), points in found.items()
    ]
    return [table(headers, lines)] if lines else []


def stability(setting, results):
    """Whether shots in the gradients matter, beside what the seed does; a sentence or none."""
    exact, change, fewest = [], 0.0, None
    for result in results:
        points = result["parts"].get("gradients", [])
        for point in points[1:]:
            change = max(change, abs(point["acc_retain"] - points[0]["acc_retain"]))
            fewest = min(fewest or point["shots"], point["shots"])
        exact += [point["acc_retain"] for point in points[:1]]
    if len(exact) < 2 or fewest is None:
        return []
    return [
        f"{setting.label}: gradients measured with {fewest} shots or more change the retained "
        f"accuracy after GA (as published) by at most {change:.3f} in a seed; between the "
        f"{len(exact)} seeds it differs by {max(exact) - min(exact):.3f}."
    ]


def shot_tables(groups):
    """The original and the mechanisms, asked with shots."""
    parts = []
    for setting, results in groups.items():
        found = defaultdict(list)
        for result in results:
            for point in result["parts"].get("shots", []):
                for name, row in point["models"].items():
                    found[point["shots"], name].append(row)
        if not found:
            continue
        headers = ["shots", "model", "test acc", "AUC LiRA", "AUC RMIA", "AUC loss",
                   "AUC confidence", "published TPR", "TPR, members not shown", "FPR"]  # fmt: skip
        lines = [
            [
                "exact" if shots is None else shots,
                "oracle" if name.startswith("oracle") else name,
                shown([r["acc_test"] for r in rows]) if "acc_test" in rows[0] else "-",
                *(
                    auc([r[a] for r in rows if a in r]) if a in rows[0] else "-"
                    for a in ("LiRA", "RMIA")
                ),
                auc([r["loss"] for r in rows]),
                auc([r["confidence"] for r in rows]),
                *(shown(values(rows, "published", k)) for k in ("tpr", "tpr_hidden", "fpr")),
            ]
            for (shots, name), rows in found.items()
        ]
        parts += [heading(f"Shots: {setting.name}", 3), table(headers, lines)]
    note = (
        "Trained exactly, asked with shots. Attacker and auditor see answers of as many shots as "
        "the target gives; the published attack is trained on the original's and not refitted."
    )
    return [heading("Do more shots help the attacker?"), paragraph(note), *parts] if parts else []


def noise_tables(groups):
    """Depolarising noise, and the fake device."""
    headers = ["network, seed", "noise", "model", "rows a side", "test acc (few rows)", "AUC LiRA",
               "AUC loss", "AUC confidence", "published TPR", "TPR, not shown", "FPR",
               "CPU s"]  # fmt: skip
    lines, circuits = [], set()
    for setting, results in groups.items():
        for result in results:
            points = [
                ("none" if p["strength"] is None else f"depolarising {p['strength']:g} a gate", p)
                for p in result["parts"].get("noise", [])
            ]
            device = result["parts"].get("device")
            if device:
                points.append((f"{device['name']}, {device['shots']} shots", device))
                circuit = device["circuit"]
                circuits.add(
                    f"{setting.name} on {device['name']}: depth {circuit['depth']}, "
                    f"{circuit['two_qubit_gates']} two-qubit gates a circuit, most of them to "
                    "load the amplitudes."
                )
            lines += [
                _noisy_line(f"{setting.name}, {result['seed']}", label, name, point, row)
                for label, point in points
                for name, row in point["models"].items()
            ]
    if not lines:
        return []
    note = (
        "The trained networks, asked through noise; few rows, as each takes a third of a second: "
        "intervals are wide, and over records. LiRA's shadows answer without noise here, the "
        "published attack is trained on noisy answers. The fake device stands for the study's "
        "cloud hardware, through the code path of a real one. " + " ".join(sorted(circuits))
    )
    return [heading("Noise, and a fake device"), paragraph(note), table(headers, lines)]


def _noisy_line(network, label, name, point, row):
    rates = [row["published"][kind] for kind in ("tpr", "tpr_hidden", "fpr")]
    return [
        network,
        label,
        name,
        point["rows"],
        f"{row['acc_test']:.2f}" if "acc_test" in row else "-",
        auc([row["LiRA"]]) if "LiRA" in row else "-",
        auc([row["loss"]]),
        auc([row["confidence"]]),
        *("{:.2f} [{:.2f}, {:.2f}]".format(*rate) for rate in rates),
        f"{point['cpu_seconds']:.0f}",
    ]


def pca_tables(groups):
    """What a PCA gives away that was fitted on the training rows."""
    lines = [
        [setting.name, len(found), auc(found)]
        for setting, results in groups.items()
        if (found := [r["parts"]["pca"] for r in results if "pca" in r["parts"]])
    ]
    if not lines:
        return []
    note = (
        "Here the PCA has seen no member. Fitted on the training images, as preprocessing often "
        "is, it gives them away to someone who holds it, whatever the network forgets "
        "(UpstreamAttack, members of class 4 against other 4s; see also "
        "skqmu.unlearn(..., upstream='refit'))."
    )
    headers = ["network", "seeds", "AUC against a PCA fitted on the training rows"]
    return [heading("The step before the circuit"), paragraph(note), table(headers, lines)]


def twins(groups):
    """Depth, entanglement and the classical twin beside each other."""
    headers = ["network", "seeds", "test acc", "oracles, classes that stay", "AUC loss",
               "AUC LiRA", "AUC RMIA", "published TPR", "FPR"]  # fmt: skip
    lines = []
    for setting, results in groups.items():
        rows = [result["parts"]["rows"] for result in results]
        original = [row["original"] for row in rows]
        oracles = [
            averaged([r for name, r in row.items() if name.startswith("oracle")]) for row in rows
        ]
        lines.append(
            [
                setting.name,
                len(results),
                shown([row["acc_test"] for row in original]),
                shown([row["acc_test_kept"] for row in oracles]),
                auc([row["loss"] for row in original]),
                *(auc([row["sound"][a] for row in original]) for a in ("LiRA", "RMIA")),
                *(shown(values(original, "published", kind)) for kind in ("tpr", "fpr")),
            ]
        )
    return [
        heading("Depth, entanglement and the classical twin"),
        paragraph(
            "Separable: the same circuit without entangling gates. Dense: two dense layers in the "
            "circuit's place. With 256 amplitudes their smallest width, one unit, has 273 "
            "parameters, more than a circuit's 24 a layer."
        ),
        table(headers, lines),
    ]
