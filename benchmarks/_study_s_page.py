"""The page of Study S: the published attack beside its own error, and the sound ones."""

from collections import defaultdict

import numpy as np
from _study_files import read_result
from _study_page import drawn, heading, paragraph, save, table
from _study_s_figures import auc, auc_interval, averaged, shown, values
from _study_s_settings import MODELS, PUBLISHED, VARIANTS, Setting
from _study_s_sweeps import comparison, noise_tables, pca_tables, shot_tables, stability, twins

from skqmu.metrics import mean_interval

__all__ = ["write_page"]

_EXPLANATION = (
    "1000 training and 500 test images; a request removes class 4. Figures are means over "
    "seeds; brackets are 95 % intervals of the mean (Student) over seeds or, with one seed, over "
    "records. The seeds' training sets are random halves of the same 2000 images, and shadows "
    "are shared by seeds, so intervals are for this world of images; of twenty true zeros one "
    "is left out by chance. AUC 0.5 gives nothing "
    "away, and both directions leak. The PCA of the basic network is fitted on 5000 other images."
)
_PROTOCOL = (
    "Published attack: a network on 13 features of an answer (10 probabilities, the largest, "
    "whether it is right, the loss), trained on the target's own answers to 500 of its members "
    "and 500 others. Its success is the share of members of class 4 that it calls members: of "
    "those that it was trained on (in the study, four fifths were). Beside it: the share of "
    "members of class 4 that it was not shown, and of images of a 4 that nobody trained on (the "
    "false-positive rate). After unlearning the study asks the same attack again; refitted, it "
    "is trained anew on the unlearned model's answers, with the membership of before. On oracles "
    "that finds what cannot be there: they never saw the class."
)
_SOUND = (
    "Sound attacks: members of class 4 against images of a 4 that no model of the seed was "
    "trained on. Loss and confidence need no shadows. LiRA and RMIA learn from shadow models; "
    "refitted, from shadows that went through the same mechanism. Last column: the refitted "
    "LiRA against the oracles, which never saw the class: what that attack finds where there is "
    "nothing to find. Oracles themselves are attacked with the original's shadows."
)
_DIFFERENCES = (
    "Known differences from the study: the PCA (what its own was fitted on is not known), "
    "training and test images drawn from all 70,000, 25 epochs for the basic network, too, "
    "cross-entropy where the study's basic network adds the cross-entropy of the other classes' "
    "complements, standardised features and scikit-learn's network in the attack; the "
    "settings of its Fisher-based mechanism and RGA are not known. Its code for the hybrid "
    "network draws the images to unlearn anew instead of taking those that were trained on; "
    "here they are the training records. Nothing was tuned towards its averages."
)
_ORACLES = "oracles (mean of a seed's)"


def write_page(folder):
    """Write ``study_s.html`` and a plot from all JSON files of a folder; returns its path."""
    groups = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        result = read_result(path)
        groups[Setting(**result["setting"])].append(result)
    order = sorted(
        groups,
        key=lambda s: (MODELS.index(s.model), VARIANTS.index(s.variant), s.n_layers, s.quick),
    )
    groups = {setting: groups[setting] for setting in order}
    parts = [heading("Answers"), *map(paragraph, _average(groups) + answers(groups))]
    plot = _plot(groups)
    if plot is not None:
        parts.append(plot)
        (folder / "study_s.svg").write_text(plot, encoding="utf-8")
    parts += [paragraph(text) for text in (_EXPLANATION, _PROTOCOL, _SOUND, _DIFFERENCES)]
    parts += comparison(groups) + shot_tables(groups) + noise_tables(groups)
    parts += pca_tables(groups) + twins(groups)
    for setting, results in groups.items():
        parts += [heading(setting.name), paragraph(_summary(setting, results))]
        parts += [_published_table(results), _sound_table(results)]
    return save(folder / "study_s.html", "Study S: what leaks, before and after unlearning", parts)


def _average(groups):
    """The published average beside ours, over the study's networks that were run."""
    means = {
        setting.label: np.mean(
            values([r["parts"]["rows"]["original"] for r in results], "published", "tpr")
        )
        for setting, results in groups.items()
        if setting.variant == "quantum"
    }
    if not means:
        return []
    ours, theirs = float(np.mean(list(means.values()))), PUBLISHED["noiseless"][0]
    each = ", ".join(f"{label} {mean:.3f}" for label, mean in means.items())
    return [
        f"Success of the published attack, average over networks: {ours:.3f} ({each}); published "
        f"{theirs:.3f}, a difference of {ours - theirs:+.3f}."
    ]


def answers(groups):
    """What the figures say, in sentences; only of networks that were run."""
    texts = []
    for setting, results in groups.items():
        if setting.variant != "quantum":
            continue
        original = [result["parts"]["rows"]["original"] for result in results]
        rates = {k: values(original, "published", k) for k in ("tpr", "tpr_hidden", "fpr")}
        theirs, after = PUBLISHED["noiseless"]
        found, beside = _found(results)
        texts.append(
            f"{setting.label}, {len(results)} seed(s): the published attack succeeds on "
            f"{shown(rates['tpr'])} of the members of class 4 (published average {theirs:.3f}); it "
            f"also calls {shown(rates['fpr'])} of the 4s that nobody trained on members, and "
            f"{shown(rates['tpr_hidden'])} of the members that it was not trained on. "
            + (
                f"Sound attacks find a leak: {found}. Not resolved: {beside or 'none'}."
                if found
                else f"No sound attack finds a leak that these seeds resolve: {beside}."
            )
        )
        texts.append(_after_answer(setting, results, after))
        texts.append(_forgotten_answer(setting, results))
        if "shots" in results[0]["parts"]:
            texts.append(_shots_answer(setting, results))
        texts += stability(setting, results) + _noise_answer(setting, results)
    return texts


def _found(results):
    """Attacks that tell the originals from models that never saw the class; and the others.

    By the difference of the AUCs on the same rows: which rows are easy cancels out.
    """
    found, beside = [], []
    for attack in ("loss", "confidence", "LiRA", "RMIA"):
        pairs = [
            (_rates(rows["original"], attack), _rates(_oracle(rows), attack))
            for rows in (result["parts"]["rows"] for result in results)
        ]
        own = [original["auc"][0] for original, _ in pairs]
        away = [original["auc"][0] - oracle["auc"][0] for original, oracle in pairs]
        told = f"{attack} AUC {shown(own)}, {shown(away, sign='+')} from the oracles'"
        if len(away) > 1:
            clear = not mean_interval(away).low <= 0 <= mean_interval(away).high
        else:  # one seed: by the interval over records
            clear = not pairs[0][0]["auc"][1] <= 0.5 <= pairs[0][0]["auc"][2]
        (found if clear else beside).append(told)
    return "; ".join(found), "; ".join(beside)


def _rates(row, attack):
    return row[attack] if attack in row else row["sound"][attack]


def _oracle(rows):
    return averaged([row for name, row in rows.items() if name.startswith("oracle")])


def _after_answer(setting, results, theirs):
    """What becomes of the published figure after unlearning, refitted, and on oracles."""
    named = _named(results)
    told = [
        f"{name} {np.mean(values(rows, 'published', 'tpr')):.3f} "
        f"(refitted {np.mean(values(rows, 'refitted', 'tpr')):.3f} "
        f"at a false-positive rate of {np.mean(values(rows, 'refitted', 'fpr')):.3f})"
        for name, rows in named.items()
        if name != "original"
    ]
    return (
        f"{setting.label}, the published attack after unlearning (published average {theirs:.3f}, "
        "not refitted): " + ", ".join(told) + "."
    )


def _forgotten_answer(setting, results):
    """What the sound attacks, refitted, still find; and what forgetting cost."""
    seeds = [result["parts"]["rows"] for result in results]
    kept = np.mean([_oracle(rows)["acc_retain"] for rows in seeds])
    told = []
    for name in [name for name, row in seeds[0].items() if "log" in row]:
        found = []
        for attack in ("loss", "confidence", "LiRA", "RMIA"):
            away = []
            for rows in seeds:
                row, oracle = rows[name], _oracle(rows)
                if attack in row["sound"]:
                    row, oracle = row["sound_refitted"], averaged(row["oracles_refitted"])
                away.append(row[attack]["auc"][0] - oracle[attack]["auc"][0])
            if len(away) > 1 and not mean_interval(away).low <= 0 <= mean_interval(away).high:
                found.append(f"{attack} AUC {shown(away, sign='+')} from the oracles'")
        accuracy = np.mean([rows[name]["acc_retain"] for rows in seeds])
        told.append(f"{name} (retained accuracy {accuracy:.3f}): {', '.join(found) or 'nothing'}")
    return (
        f"{setting.label}, what the sound attacks, refitted, find after unlearning that these "
        f"seeds resolve (oracles' retained accuracy {kept:.3f}): " + "; ".join(told) + "."
    )


def _shots_answer(setting, results):
    """Whether more shots help the attacker: the paired difference between ends of the sweep."""
    told = []
    for attack in ("loss", "LiRA", "RMIA"):
        differences = []
        for result in results:
            found = {
                point["shots"]: point["models"]["original"][attack]["auc"][0]
                for point in result["parts"].get("shots", [])
                if attack in point["models"]["original"]
            }
            if len(found) > 1:
                differences.append(found[None] - found[min(set(found) - {None})])
        if len(differences) > 1:
            estimate = mean_interval(differences)
            helps = "they help" if estimate.low > 0 else "no help that these seeds resolve"
            told.append(f"{attack} {shown(differences, sign='+')}, {helps}")
    if not told:
        return f"{setting.label}: too few seeds to say whether more shots help the attacker."
    ends = {}
    for result in results:
        points = {point["shots"]: point for point in result["parts"].get("shots", [])}
        if len(points) > 1:
            fewest = min(set(points) - {None})
            for end, shots in (("few", fewest), ("exact", None)):
                ends.setdefault(end, []).append(points[shots]["models"]["original"])
    few, exact = (
        [f"{np.mean(values(ends[end], 'published', k)):.3f}" for k in ("tpr", "tpr_hidden", "fpr")]
        for end in ("few", "exact")
    )
    return (
        f"{setting.label}: from {fewest} shots to exact answers the sound attacks' AUCs change by: "
        + "; ".join(told)
        + f". The published attack's success goes from {few[0]} to {exact[0]}, on members that it "
        f"was not trained on from {few[1]} to {exact[1]}, its false-positive rate from {few[2]} to "
        f"{exact[2]}: where only the first grows, shots help it to recognise the answers that it "
        "was trained on."
    )


def _noise_answer(setting, results):
    """What the published attack makes of the strongest noise, and of the fake device."""
    told = []
    for result in results:
        points = [
            (f"depolarising noise of {point['strength']:g} a gate", point)
            for point in result["parts"].get("noise", [])[-1:]
        ]
        device = result["parts"].get("device")
        if device:
            points.append((f"{device['name']} ({device['shots']} shots)", device))
        for noise, point in points:
            row = point["models"]["original"]
            tpr, hidden, fpr = (row["published"][k][0] for k in ("tpr", "tpr_hidden", "fpr"))
            told.append(
                f"through {noise} test accuracy is {row['acc_test']:.2f}, and the published attack "
                f"calls {tpr:.2f} of the members that it was trained on members, {hidden:.2f} of "
                f"other members and {fpr:.2f} of unseen 4s ({point['rows']} a side, 1 in 4 shown)"
            )
    if not told:
        return []
    hardware = PUBLISHED["hardware"][0]
    return [f"{setting.label}: {'; '.join(told)}. Published on cloud hardware: {hardware:.3f}."]


def _summary(setting, results):
    original = [result["parts"]["rows"]["original"] for result in results]
    seconds = np.median([result["wall_seconds"] for result in results])
    accuracy = shown([row["acc_test"] for row in original])
    return (
        f"{len(results)} seed(s), {setting.n_shadows} shadows shared by them, "
        f"{setting.n_oracles} oracles each. Test accuracy {accuracy}. "
        f"Wall time of a seed (median): {seconds:.0f} s."
    )


def _named(results):
    """Rows of all seeds by model; a seed's oracles in one row."""
    named = defaultdict(list)
    for result in results:
        rows = result["parts"]["rows"]
        for name, row in rows.items():
            if not name.startswith("oracle"):
                named[name].append(row)
        named[_ORACLES].append(_oracle(rows))
    return named


def _published_table(results):
    headers = [
        "model (published protocol)", "success: TPR, members shown to the attack",
        "TPR, members not shown", "FPR", "refitted: TPR, shown", "TPR, not shown", "FPR",
    ]  # fmt: skip
    kinds = [(p, k) for p in ("published", "refitted") for k in ("tpr", "tpr_hidden", "fpr")]
    lines = [
        [name, *(shown(values(rows, protocol, kind)) for protocol, kind in kinds)]
        for name, rows in _named(results).items()
    ]
    return table(headers, lines)


def _sound_table(results):
    headers = [
        "model (sound protocol)", "acc retain / forget / test, classes that stay", "AUC loss",
        "AUC confidence", "AUC LiRA, not refitted", "LiRA refitted", "AUC RMIA, not refitted",
        "RMIA refitted", "LiRA refitted, on oracles",
    ]  # fmt: skip
    lines = []
    for name, rows in _named(results).items():
        accuracy = " / ".join(
            f"{np.mean([row[f'acc_{part}'] for row in rows]):.3f}"
            for part in ("retain", "forget", "test_kept")
        )
        line = [
            name,
            accuracy,
            auc([r["loss"] for r in rows]),
            auc([r["confidence"] for r in rows]),
        ]
        for attack in ("LiRA", "RMIA"):
            line.append(auc([row["sound"][attack] for row in rows]))
            again = [r["sound_refitted"][attack] for r in rows if "sound_refitted" in r]
            line.append(auc(again) if again else "-")
        against = [averaged(r["oracles_refitted"])["LiRA"] for r in rows if "oracles_refitted" in r]
        lines.append([*line, auc(against) if against else "-"])
    return table(headers, lines)


def _plot(groups):
    """Published success beside its error; AUC against shots."""
    from matplotlib.figure import Figure

    base = {s: r for s, r in groups.items() if s.is_base and not s.quick}
    if not base:
        return None
    figure = Figure(figsize=(9.5, 3.2))
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    labels = {"tpr": "members shown to the attack: \"success\"", "tpr_hidden": "other members",
              "fpr": "no members"}  # fmt: skip
    names = ["original", "GA", "Fisher-based (SSD)", "RGA", _ORACLES]
    for number, (setting, results) in enumerate(base.items()):
        rows = _named(results)
        for place, (kind, label) in enumerate(labels.items()):
            at = [number * (len(names) + 1) + k + (place - 1) * 0.27 for k in range(len(names))]
            heights = [np.mean(values(rows[name], "published", kind)) for name in names]
            left.bar(at, heights, 0.27, color=f"C{place}", label=label if number == 0 else None)
        for attack, style in (("LiRA", "o-"), ("RMIA", "s--")):
            points = _curve(results, attack)
            if points:
                x, means, lows, highs = map(np.array, zip(*points, strict=True))
                right.errorbar(
                    x * (1 + 0.08 * number),
                    means,
                    [means - lows, highs - means],
                    fmt=style,
                    color=f"C{number}",
                    ms=4,
                    capsize=2,
                    label=f"{setting.model}: {attack}",
                )
    ticks = [n * (len(names) + 1) + k for n in range(len(base)) for k in range(len(names))]
    texts = [f"{s.model}: {name.partition(' (mean')[0]}" for s in base for name in names]
    left.set_xticks(ticks, texts, rotation=40, ha="right", fontsize=7)
    left.set_ylabel("called members")
    left.set_ylim(0, 1.3)
    left.legend(fontsize=7, loc="upper right")
    left.set_title("published attack, not refitted", fontsize=9)
    right.axhline(0.5, color="0.7", lw=0.8)
    right.set_xscale("log")
    right.set_xlabel("shots (rightmost: exact)")
    right.set_ylabel("AUC, original")
    if right.get_legend_handles_labels()[0]:
        right.set_ylim(0.4, 0.9)
        right.legend(fontsize=7, ncol=2, loc="upper left")
    right.set_title("sound attacks against shots", fontsize=9)
    figure.tight_layout()
    return drawn(figure)


def _curve(results, attack):
    """Shots (exact: 65536), mean AUC and interval."""
    found = defaultdict(list)
    for result in results:
        for point in result["parts"].get("shots", []):
            if attack in point["models"]["original"]:
                found[point["shots"] or 65536].append(point["models"]["original"][attack])
    return [(shots, *auc_interval(rates)) for shots, rates in sorted(found.items())]
