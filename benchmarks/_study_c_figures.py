"""Figures of Study C: what was published, what ours are, and whether one lies in the other."""

import csv
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from _study_c_published import LOOKS, PHASES
from _study_c_rule import FACTORS, MARGIN, RIVALS
from scipy.stats import t as student

from skqmu.metrics import mean_interval

__all__ = [
    "compared_curves",
    "compared_unlearning",
    "differences",
    "estimate",
    "inside",
    "interval_of_a_run",
    "paired",
    "prediction_interval",
    "quantum_wins",
    "released",
    "words",
]

RELEASED = Path(__file__).parent / "data" / "study_c_published.csv"
_NO_SPREAD = 1e-6


def released():
    """Rows of the released curves (MIT licence), as dicts of texts."""
    with RELEASED.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def estimate(values):
    """Mean with Student's 95 % interval over seeds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one value; the interval is infinite
        return mean_interval(values)


def words(found, digits=3):
    """A number with its interval, as text."""
    value = f"{found.value:.{digits}f}"
    if not np.isfinite(found.low):
        return value
    return f"{value} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def prediction_interval(values):
    """Where one more run would lie, in 95 of 100 cases: Student's, from our single runs."""
    values = np.asarray(values, float)
    n = len(values)
    if n < 2:
        return -np.inf, np.inf
    half = student.ppf(0.975, n - 1) * values.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float(values.mean() - half), float(values.mean() + half)


def interval_of_a_run(accuracies):
    """The `prediction_interval` of accuracies, none of which lies beyond 0 or 1."""
    low, high = prediction_interval(accuracies)
    if not np.isfinite(low):
        return low, high
    return max(low, 0.0), min(high, 1.0)


def inside(points, interval):
    """Share of points inside, to the digits that were released."""
    low, high = interval
    return float(np.mean([low - _NO_SPREAD <= p <= high + _NO_SPREAD for p in points]))


def compared_curves(results):
    """Figure 2: for each (task, model, kind, rate), published runs and ours."""
    ours, theirs = defaultdict(list), defaultdict(list)
    for row in results:
        if "rate" in row:
            ours[row["task"], row["model"], row["kind"], row["rate"]].append(row["accuracy"])
    for row in released():
        if row["figure"].startswith("fig2"):
            key = row["task"], row["model"], row["setting"], round(float(row["noise_ratio"]), 1)
            theirs[key].append(float(row["validation_accuracy"]))
    return _side_by_side(theirs, ours)


def compared_unlearning(results):
    """Figure 3: for each (task, model, way, step), published runs and ours."""
    ours, theirs = defaultdict(list), defaultdict(list)
    for result in results:
        for way, curve in result.get("curves", {}).items():
            for row in curve:
                ours[result["task"], result["model"], way, row["epoch"]].append(row["val"])
    for row in released():
        if row["figure"].startswith("fig3") and int(row["step"]) in LOOKS:
            key = row["task"], row["model"], row["setting"], int(row["step"])
            theirs[key].append(float(row["validation_accuracy"]))
    return _side_by_side(theirs, ours)


def _side_by_side(theirs, ours):
    """Published and own values by own key: what was published of an MLP goes with both of ours."""
    found = {}
    for task, model, *rest in sorted(theirs):
        for own in (model, PHASES) if model == "MLP" else (model,):
            if values := ours.get((task, own, *rest)):
                found[task, own, *rest] = theirs[task, model, *rest], values
    return found


# ----------------------------------------------------------------------------------- sound


def by_seed(results, task, model, figure, inputs, rate):
    """{seed: accuracy} of one figure."""
    return {
        row["seed"]: row[figure]
        for row in results
        if (row["task"], row["model"], row["inputs"], row["rate"]) == (task, model, inputs, rate)
    }


def paired(results, task, one, other, rate=0.3):
    """The mean difference of two figures over the seeds that have both, or None."""
    a, b = (by_seed(results, task, *figure, rate) for figure in (one, other))
    seeds = sorted(a.keys() & b.keys())
    return estimate([a[s] - b[s] for s in seeds]) if seeds else None


def differences(results, task):
    """Each factor of the rule, and the circuit less each of its rivals."""
    factors = {name: paired(results, task, *pair) for name, pair in FACTORS.items()}
    rivals = {
        name: paired(results, task, ("circuit", "end", "unit"), (*model, "unit"))
        for name, model in RIVALS.items()
    }
    return tuple(
        {name: found for name, found in group.items() if found is not None}
        for group in (factors, rivals)
    )


def quantum_wins(rivals):
    """Whether the circuit beats every rival by more than the margin; None: some are missing."""
    if len(rivals) < len(RIVALS):
        return None
    return all(found.low > MARGIN for found in rivals.values())
