"""Rates with intervals from all problems, and the rule by which a metric fails."""

from itertools import combinations

import numpy as np
from _mom_bench import DELTA, LEVEL
from _mom_measures import KINDS
from _mom_problems import CLEAN, HOLDING, REPEATS, TABLES

from skqmu.metrics import accuracy_interval, repeated_verdict

__all__ = ["BY_ITSELF", "BY_ORACLES", "RULE", "summary"]

# How a metric is turned into a call.
BY_ORACLES, BY_ITSELF = "19 oracles", "own level"
ALARMS = 0.05
HALF = 0.5
# False alarms that a pair of rules at 5 % each may have together.
PAIR_ALARMS = 0.10

# Metrics that need many models of a mechanism.
OF_MANY = (
    "klom: interval",
    "klom: p value",
    "forgetting_quality: interval",
    "forgetting_quality: permuted",
    "repeated_verdict, 10 repeats",
)

# Added after ten problems of each table had been looked at: `summary` also names the pair of
# the rules that need one model, over what such rules find. All else was fixed before the run.
RULE = (
    f"A rule calls a model that holds the rows. It fails (a) if the {LEVEL:.0%} interval of its "
    f"rate on oracles of other seeds lies above {ALARMS:g} (false alarms); (b) on a table and a "
    "kind of holding model if the interval of its rate there lies below one half although some "
    "rule that does not fail by (a) has an interval above one half there (it misses what can be "
    "found). A metric fails if each of its rules does. The pair that is recommended is that of "
    "the two rules with the largest smallest rate over all tables and kinds that can be found, "
    f"either of the two calling, among pairs with at most {PAIR_ALARMS:g} false alarms together; "
    "chosen on problems of even numbers and rated on those of odd ones."
)


def rules_of(result):
    """Calls of every rule on every kind: ``{(metric, rule): {kind: bool}}``."""
    found = {}
    for kind in KINDS:
        for metric, score in result["scores"][kind].items():
            called = score > max(result["calibrators"][metric])
            found.setdefault((metric, BY_ORACLES), {})[kind] = bool(called)
        for metric, called in result["calls"][kind].items():
            found.setdefault((metric, BY_ITSELF), {})[kind] = bool(called)
    return found


def rate(calls):
    """Share of calls with its Clopper-Pearson interval, and of how many; None of none."""
    if not len(calls):
        return None
    estimate = accuracy_interval(int(np.sum(calls)), len(calls), level=LEVEL)
    numbers = (estimate.value, estimate.low, estimate.high)
    return {"rate": [round(float(v), 4) for v in numbers], "n": len(calls)}


def _rates(calls):
    """Rates by table and of all tables, of ``{table: [call, ...]}``."""
    found = {table: rate(values) for table, values in calls.items() if values}
    return {**found, "all": rate([call for values in calls.values() for call in values])}


def repeated(results):
    """Calls and passes of `repeated_verdict`, ten repeats each: ``{table: {kind: [...]}}``."""
    calls, passes = {}, {}
    for table in TABLES:
        numbers = sorted(n for t, n in results if t == table)
        for first in sorted({n // REPEATS for n in numbers}):
            group = [n for n in numbers if n // REPEATS == first]
            if len(group) < REPEATS:
                continue
            for kind in KINDS:
                repeats = [results[table, n]["differences"][kind] for n in group]
                level = repeated_verdict(repeats, delta=DELTA, level=LEVEL).level
                calls.setdefault(kind, {}).setdefault(table, []).append(level == "differs")
                passes.setdefault(kind, {}).setdefault(table, []).append(
                    level == "indistinguishable"
                )
    return calls, passes


def summary(results):
    """Turn the problems' results into rates, failures and a pair.

    Parameters
    ----------
    results : dict of (table, number) to dict
        From `measured`.

    Returns
    -------
    dict
    """
    calls, passes = {}, {}
    for (table, _), result in sorted(results.items()):
        for rule, kinds in rules_of(result).items():
            for kind, called in kinds.items():
                tables = calls.setdefault(rule, {}).setdefault(kind, {})
                tables.setdefault(table, []).append(called)
        for kind, found in result["passes"].items():
            for metric, passed in found.items():
                tables = passes.setdefault(metric, {}).setdefault(kind, {})
                tables.setdefault(table, []).append(passed)
    more, passed = repeated(results)
    if more:
        calls["repeated_verdict, 10 repeats", BY_ITSELF] = more
        passes["repeated_verdict, 10 repeats"] = passed
    rates = {
        rule: {kind: _rates(tables) for kind, tables in kinds.items()}
        for rule, kinds in calls.items()
    }
    findable, failures = judged(rates)
    return {
        "rules": [
            {"metric": metric, "rule": rule, "rates": rates[metric, rule],
             "fails": failures[metric, rule]}
            for metric, rule in rates
        ],
        "findable": [list(case) for case in findable],
        "metrics_that_fail": failing(failures),
        "passes": {
            metric: {kind: _rates(tables) for kind, tables in kinds.items()}
            for metric, kinds in passes.items()
        },
        "pair": best_pair(results, findable, failures),
        "pair_of_one_model": best_pair(results, *_of_one_model(rates)),
        "seconds": seconds(results),
    }  # fmt: skip


def judged(rates):
    """What can be found, as (table, kind), and what each rule fails by, see `RULE`."""
    alarming = {rule for rule, kinds in rates.items() if kinds["seeds"]["all"]["rate"][1] > ALARMS}
    cases = [(table, kind) for table in TABLES for kind in HOLDING]

    def interval(rule, table, kind):
        found = rates[rule].get(kind, {}).get(table)
        return None if found is None else found["rate"][1:]

    def found_by(rule, case):
        limits = interval(rule, *case)
        return limits is not None and limits[0] > HALF

    findable = [
        case for case in cases if any(found_by(r, case) for r in rates if r not in alarming)
    ]
    failures = {}
    for rule in rates:
        failures[rule] = ["false alarms"] if rule in alarming else []
        for case in findable:
            limits = interval(rule, *case)
            if limits is not None and limits[1] < HALF:
                failures[rule].append(f"misses {case[1]} on {case[0]}")
    return findable, failures


def _of_one_model(rates):
    """What rules that look at one model of a mechanism find, and what they fail by."""
    return judged({rule: kinds for rule, kinds in rates.items() if rule[0] not in OF_MANY})


def failing(failures):
    """Metrics of which each rule fails, with what all of its rules fail by."""
    by_metric = {}
    for (metric, _), found in failures.items():
        by_metric.setdefault(metric, []).append(found)
    return {
        metric: sorted(set.intersection(*map(set, found)))
        for metric, found in by_metric.items()
        if all(found)
    }


def best_pair(results, findable, failures):
    """The pair of `RULE`, with its rates on the problems that had no part in choosing it."""
    halves = [
        {key: rules_of(result) for key, result in results.items() if key[1] % 2 == odd}
        for odd in (0, 1)
    ]
    if not findable or not all(halves):
        return None
    rules = [
        rule for rule in failures
        if all(rule in found for half in halves for found in half.values())
    ]  # fmt: skip

    def called(half, pair, table, kind):
        return [
            any(found[rule][kind] for rule in pair)
            for (name, _), found in half.items()
            # rules on laws have no oracles of other sizes and orders
            if table in (None, name) and all(kind in found[rule] for rule in pair)
        ]

    def worst(pair):
        return min(np.mean(called(halves[0], pair, *case)) for case in findable)

    quiet = [
        pair for pair in combinations(rules, 2)
        if np.mean(called(halves[0], pair, None, "seeds")) <= PAIR_ALARMS
    ]  # fmt: skip
    if not quiet:
        return None
    # of equal ones the first, in the order of the list of metrics
    pair = max(quiet, key=worst)
    return {
        "pair": [list(rule) for rule in pair],
        "chosen_by": round(float(worst(pair)), 4),
        "rates": {
            f"{kind} on {table}": rate(called(halves[1], pair, table, kind))
            for table in TABLES
            for kind in KINDS
        },
        "false_alarms": {kind: rate(called(halves[1], pair, None, kind)) for kind in CLEAN},
    }


def seconds(results):
    """Mean processor seconds of one call by metric, answers of the models being there."""
    totals = {}
    for result in results.values():
        for name, (spent, n_calls) in result["seconds"].items():
            total, count = totals.get(name, (0.0, 0))
            totals[name] = total + spent, count + n_calls
    return {name: round(total / count, 5) for name, (total, count) in totals.items()}
