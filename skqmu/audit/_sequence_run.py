"""What a sequence of requests came to: who leaves the oracles when, and whether order matters."""

from dataclasses import replace

import numpy as np

from .._rows import join
from ..attacks.tools import query_proba
from ._kept_models import kept_or_made
from ._models import unlearn_copy

__all__ = ["SAME", "given_up", "order_jobs", "order_of", "sequence_facts"]

#: Largest difference between two models' probabilities at which they are the same model.
SAME = 1e-8
#: Kinds of mechanism of which it is claimed that the order of requests does not matter.
_CLAIM = ("exact", "certified")
_EARLIER = "an earlier request of the sequence failed: "


def given_up(model):
    """Return what stands for a mechanism that has failed at an earlier request.

    Parameters
    ----------
    model : Model
        As it was left by that request.
    """
    error = model.error if model.error.startswith(_EARLIER) else f"{_EARLIER}{model.error}"
    return replace(model, cost={"seconds": 0.0}, error=error, notes=[], course=None)


# ---------------------------------------------------------------------------------- order


def order_jobs(plan, models, named):
    """Jobs that let each mechanism whose order should not matter forget in other orders.

    Parameters
    ----------
    plan : Plan
    models : list of Model
        The original, and how each mechanism ended.
    named : callable
        From what a model depends on to all that it depends on.

    Returns
    -------
    names : list of str
        Of the mechanisms.
    jobs : list
        Two for each: the requests in reversed order, and one request for all rows.
    """
    original, scenarios = models[0], plan.scenarios
    last = scenarios[-1]
    backwards, gone = [], np.zeros_like(last.forget)
    for scenario in scenarios[::-1]:
        gone = gone | scenario.request
        backwards.append(replace(last, asked=scenario.request, forget=gone))
    names, jobs = [], []
    for model in models:
        if model.role != "mechanism" or model.kind not in _CLAIM or model.estimator is None:
            continue
        names.append(model.name)
        strategy = plan.mechanisms[model.name]
        for way, turns in (("reversed", backwards), ("at once", [replace(last, asked=None)])):
            what = named(f"{model.name}, {way}", *(turn.request for turn in turns), strategy)
            args = (_after_all, original, strategy, plan.data, turns)
            jobs.append((kept_or_made, (plan.memory, what, *args), {"name": model.name}))
    return names, jobs


def _after_all(original, strategy, data, turns, *, name):
    """Let a copy of the original honour requests in their order."""
    model = original
    for turn in turns:
        model = unlearn_copy(model, strategy, data, turn, name=name)
        if model.estimator is None:
            break
    return model


def order_of(names, others, observed, data, classes):
    """Return how far models of other orders lie from those of the sequence.

    Parameters
    ----------
    names : list of str
    others : list of Model
        Of :func:`order_jobs`.
    observed : dict of str to (Model, Observation)
        The models after the last request, oracles too.
    data : Data
    classes : ndarray

    Returns
    -------
    dict of str to dict
        The largest difference between two probabilities, over all rows: ``reversed``,
        ``at_once``, of the same model ``asked_twice``, and between two ``oracles``; or the
        ``error`` of a request that failed in another order.
    """
    X = join(data.X, data.X_test)
    oracles = [seen.proba for model, seen in observed.values() if model.role == "oracle"]
    pairs = [_apart(a, b) for k, a in enumerate(oracles) for b in oracles[:k]]
    found = {}
    for k, name in enumerate(names):
        model, seen = observed[name]
        backwards, at_once = others[2 * k : 2 * k + 2]
        errors = [each.error for each in (backwards, at_once) if each.estimator is None]
        if errors:
            found[name] = {"error": errors[0], "sentence": _failed_words(errors[0])}
            continue
        apart = {
            way: _apart(seen.proba, query_proba(each.estimator, X, classes))
            for way, each in (("reversed", backwards), ("at_once", at_once), ("asked_twice", model))
        }
        apart["oracles"] = max(pairs, default=None)
        found[name] = {**apart, "sentence": _order_words(**apart)}
    return found


def _apart(one, other):
    return float(np.abs(one - other).max())


def _failed_words(error):
    return f"In another order a request fails, which none of the sequence did: {error}"


def _order_words(reversed, at_once, asked_twice, oracles):
    """What the distances say; both ways may give the same model, one of them, or none."""
    if reversed <= SAME and at_once <= SAME:
        return (
            "The order does not matter: reversed, and as one request for all rows, the requests "
            f"give {_same(max(reversed, at_once))}."
        )
    noise = ""
    if asked_twice > SAME:
        noise = f" The same model, asked twice, differs by up to {asked_twice:.2g}."
    if reversed <= SAME:
        told = (
            f"The order does not matter: reversed, the requests give {_same(reversed)}. One "
            "request for all rows is another draw: answers differ by up to "
            f"{at_once:.2g}"
        )
    else:
        told = (
            f"Another order gives another model: reversed, answers differ by up to {reversed:.2g}; "
            f"with one request for all rows by up to {at_once:.2g}"
        )
    if oracles is None:
        return f"{told}. A single oracle does not show how far retrained models lie apart.{noise}"
    among = "no farther than" if max(reversed, at_once) <= oracles else "FARTHER than"
    return f"{told}, {among} retrained models of other seeds lie apart ({oracles:.2g}).{noise}"


def _same(apart):
    return f"the same answers (to {apart:.1g})" if apart else "exactly the same answers"


# ------------------------------------------------------------------------------- the sequence


def sequence_facts(scenarios, n_requests, order=None):
    """Return after how many requests each mechanism can be told from retraining.

    Parameters
    ----------
    scenarios : list of dict
        Of a report, in order: as many as there are by now.
    n_requests : int
        How many there will be.
    order : dict or None
        Of :func:`order_of`; None: not looked at yet.

    Returns
    -------
    dict
    """
    names = [entry["name"] for entry in scenarios[0]["models"] if entry["role"] == "mechanism"]
    mechanisms = []
    for name in names:
        entries = [_entry(scenario, name) for scenario in scenarios]
        told = _course(entries, [scenario["name"] for scenario in scenarios])
        mechanisms.append({"name": name, **told, "order": (order or {}).get(name)})
    return {"n_requests": n_requests, "mechanisms": mechanisms}


def _entry(scenario, name):
    return next(entry for entry in scenario["models"] if entry["name"] == name)


def _course(entries, requests):
    levels = [entry["verdict"]["level"] for entry in entries]
    leaves = 1 + levels.index("differs") if "differs" in levels else None
    failed = 1 + levels.index("failed") if "failed" in levels else None
    holds = next((k for k, level in enumerate(levels) if level != "indistinguishable"), len(levels))
    facts = {"holds_until": holds, "leaves_after": leaves, "failed_at": failed}
    return {**facts, "sentence": _course_words(entries, requests, levels, **facts)}


def _course_words(entries, requests, levels, holds_until, leaves_after, failed_at):
    n = len(levels)
    parts = []
    if leaves_after is not None:
        found = entries[leaves_after - 1]["verdict"]["findings"]
        told = f": {found[0]}" if found else ""
        n_told = levels.count("differs")
        n_asked = n if failed_at is None else failed_at - 1
        parts.append(
            f"Leaves the oracles after request {leaves_after} of {n} "
            f"({requests[leaves_after - 1]}){told}; in all, told from them after {n_told} of the "
            f"{n_asked} requests."
        )
    elif failed_at is None:
        parts.append(f"Not told from the oracles after any of {n} requests.")
    if failed_at is not None:
        error = entries[failed_at - 1]["error"]
        parts.append(f"Fails at request {failed_at} of {n}, and is asked no more: {error}")
    if holds_until == n:
        parts.append("Shown to be indistinguishable after each of them.")
    elif holds_until:
        parts.append(f"Shown to be indistinguishable up to request {holds_until}.")
    elif leaves_after != 1 and failed_at != 1:
        parts.append("The data are too few to show that it is indistinguishable after the first.")
    return " ".join(parts)
