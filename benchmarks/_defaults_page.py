"""Tables and limits of `defaults.py`."""

import numpy as np

__all__ = ["failures", "markdown"]

# Accuracy that a mechanism may cost against retraining, and that a class may keep.
MOST_LOST, MOST_KEPT = 0.05, 0.10
MOST_WARNED = 3
NEARER = 0.9
_SHARED = ("memorising", "sequence")


def cells(jobs):
    """Rows of all seeds by (mechanism, set, request)."""
    found = {}
    for key, rows in jobs.items():
        name, *rest = key.split("/")
        if name in _SHARED:
            continue
        for mechanism, row in rows.items():
            found.setdefault((mechanism, name, rest[0]), []).append(row)
    return found


def gap(rows, figure):
    """Mean over seeds of a figure less the oracles'."""
    return float(np.mean([row[figure] - row["oracle"][figure] for row in rows]))


def memorised(jobs):
    """By mechanism, for seeds whose original lies outside: nearer, above, inside, seeds."""
    found = {}
    for key, job in jobs.items():
        if not key.startswith("memorising/"):
            continue
        low, high = job["band"]
        if low <= job["original"] <= high:
            continue
        center = np.mean(job["oracles"])
        for mechanism, row in job["mechanisms"].items():
            loss = row["loss"]
            nearer = abs(loss - center) < abs(job["original"] - center)
            found.setdefault(mechanism, []).append((nearer, loss > high, low <= loss <= high))
    return {name: (*np.sum(rows, axis=0).tolist(), len(rows)) for name, rows in found.items()}


def failures(jobs):
    """What passes a limit, a line each."""
    found, warned = [], set()
    for (mechanism, name, request), rows in cells(jobs).items():
        where = f"{mechanism} on {name}, {request}"
        lost = -gap(rows, "retain")
        if lost > MOST_LOST:
            found.append(f"{where}: {lost:.3f} of retained accuracy lost")
        if any(row["damage_warning"] for row in rows):
            warned.add(mechanism)
        bare = [row["without_guard"]["forget"] for row in rows if "without_guard" in row]
        oracle = np.mean([row["oracle"]["forget"] for row in rows])
        if bare and np.mean(bare) <= oracle + MOST_KEPT < oracle + gap(rows, "forget"):
            found.append(f"{where}: {gap(rows, 'forget'):.3f} of the class's accuracy is kept")
    if len(warned) > MOST_WARNED:
        found.append(f"a DamageWarning by {len(warned)} mechanisms: {', '.join(sorted(warned))}")
    for mechanism, (nearer, above, _, n) in memorised(jobs).items():
        if nearer < NEARER * n or above:
            found.append(f"{mechanism}, memorised rows: {nearer} of {n} nearer, {above} above")
    for key, job in jobs.items():
        if key.startswith("sequence/"):
            worst = max(p["oracle"] - p["accuracy"] for p in job["along"] if "oracle" in p)
            if worst > MOST_LOST:
                found.append(f"{key}: {worst:.3f} of accuracy lost on the way")
    return found


def markdown(jobs):
    """The results as tables."""
    found = cells(jobs)
    names = list(dict.fromkeys(mechanism for mechanism, _, _ in found))
    places = list(dict.fromkeys((name, request) for _, name, request in found))
    lines = [
        "Retained accuracy less the oracles', in points; in brackets the forgotten rows'; then "
        "seeds of which the log says: done / short of target / damaged.",
        "",
        "| mechanism | " + " | ".join(f"{name}, {request}" for name, request in places) + " |",
        "|---" * (len(places) + 1) + "|",
    ]
    for mechanism in names:
        row = [mechanism]
        for place in places:
            rows = found.get((mechanism, *place), [])
            statuses = [r["status"] for r in rows]
            counts = "/".join(
                str(statuses.count(s)) for s in ("done", "short of target", "damaged")
            )
            row.append(
                f"{100 * gap(rows, 'retain'):+.1f} ({100 * gap(rows, 'forget'):+.0f}) {counts}"
            )
        lines.append("| " + " | ".join(row) + " |")
    lines += ["", "| mechanism | worst retained | worst test | cost | seconds |", "|---" * 5 + "|"]
    for mechanism in names:
        mine = [rows for (name, _, _), rows in found.items() if name == mechanism]
        every = [row for rows in mine for row in rows]
        costs = [row["cost"] for row in every if row["cost"] is not None]
        cost = f"{np.mean(costs):.2f}" if costs else "-"
        seconds = np.mean([row["seconds"] for row in every])
        worst = [min(100 * gap(rows, figure) for rows in mine) for figure in ("retain", "test")]
        lines.append(
            f"| {mechanism} | {worst[0]:+.1f} | {worst[1]:+.1f} | {cost} | {seconds:.1f} |"
        )
    shares = memorised(jobs)
    if shares:
        lines += ["", "| memorised rows | nearer | above | inside | seeds |", "|---" * 5 + "|"]
        lines += [f"| {n} | " + " | ".join(map(str, row)) + " |" for n, row in shares.items()]
    along = {k.split("/")[1]: job for k, job in jobs.items() if k.startswith("sequence/")}
    if along:
        lines += [
            "",
            "| one row each | accuracy (oracle) after n requests | log |",
            "|---|---|---|",
        ]
    for name, job in along.items():
        points = "; ".join(
            f"{p['n']}: {p['accuracy']:.3f}" + (f" ({p['oracle']:.3f})" if "oracle" in p else "")
            for p in job["along"]
        )
        lines.append(f"| {name} | {points} | {job['statuses']} |")
    return "\n".join(lines)
