"""What an audit would spend on circuits, from the classifier's own `estimate_cost`."""

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .._rows import join, take
from ._attacks import asks_about_pool, needs_shadows
from ._corrupted_rows import undamaged_rows, worlds_of
from ._models import can_unlearn, is_default

__all__ = ["audit_cost", "cost_estimator", "deletion_cost"]

_SUMMED = ("circuits", "shots", "pubs", "jobs", "qpu_seconds")


def audit_cost(plan):
    """Return ``{purpose: {"circuits": ..., "shots": ..., ...}}`` with a ``"total"``.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict or None
        None where the classifier has no ``estimate_cost``.
    """
    estimate = cost_estimator(plan.estimator, plan.data.X, plan.data.y)
    if estimate is None:
        return None
    purposes = ("original", "oracles", "mechanism runs", "shadows", "queries")
    parts, clean = {purpose: [] for purpose in purposes}, []
    for data, kinds in worlds_of(plan).values():
        answered = _of_world(parts, plan, estimate, data)
        clean += _undamaged(plan, estimate, data, kinds, answered)
    costs = {purpose: _sum(part, plan.repeats) for purpose, part in parts.items()}
    # once, whatever the number of repeats
    if clean:
        costs["models without the damage"] = _sum(clean)
    if plan.table.needs_exposure:
        costs["first attack"] = _sum(_first_attack(plan, estimate))
    costs["total"] = {name: sum(cost[name] for cost in costs.values()) for name in _SUMMED}
    return costs


def _sum(part, times=1):
    return {name: times * sum(n * cost[name] for n, cost in part) for name in _SUMMED}


def _of_world(parts, plan, estimate, data):
    """Add pairs of number and cost for all scenarios about these rows; return those of all rows."""
    X, y = join(data.X, data.X_test), np.concatenate([data.y, data.y_test])
    everything = estimate(X, y, method="predict")
    answered = [everything]
    if data.truth is not None and data.truth.X_test is not data.X_test:
        answered.append(estimate(data.truth.X_test, data.truth.y_test, method="predict"))
    parts["original"].append((1, estimate(data.X, data.y)))
    if needs_shadows(plan.attacks):
        # Shadows come in pairs that halve the rows; these halves stand for those to be drawn.
        halves = [estimate(take(X, half), y[half]) for half in _halves(len(y))]
        parts["shadows"] += [(plan.n_shadows // 2, cost) for cost in halves]
        parts["queries"].append((plan.n_shadows, everything))
    n_models = 1 + plan.n_oracles + len(plan.mechanisms)
    # Each model is asked about all rows once, and again by what compares with the shadows' rows.
    n_pool = n_models * sum(map(asks_about_pool, plan.attacks))
    for scenario in plan.scenarios:
        if scenario.data is not data:
            continue
        stays = ~scenario.forget
        retrained = estimate(take(data.X, stays), data.y[stays])
        parts["oracles"].append((plan.n_oracles, retrained))
        for strategy in plan.mechanisms.values():
            cost = retrained
            if can_unlearn(plan.estimator):
                cost = deletion_cost(estimate, data.X, data.y, scenario.request, strategy, data)
            parts["mechanism runs"].append((1, cost))
        asked = np.concatenate([scenario.members, len(data.y) + scenario.nonmembers])
        attacked = estimate(take(X, asked), y[asked], method="predict")
        parts["queries"] += [(n_models, cost) for cost in answered]
        parts["queries"] += [(n_pool, everything), (n_models * len(plan.attacks), attacked)]
    return answered


def _undamaged(plan, estimate, data, kinds, answered):
    """Fits and questions of models without the damage of bad rows: pairs of number and cost."""
    fits = [estimate(*undamaged_rows(data, kind)) for kind in kinds]
    return [(plan.n_oracles, cost) for fit in fits for cost in (fit, *answered)]


def _first_attack(plan, estimate):
    """Fits and questions of the shadows that find exposed rows: pairs of number and cost."""
    X, y = plan.table.all_rows
    halves = [estimate(take(X, half), y[half]) for half in _halves(len(y))]
    fits = [(plan.n_shadows // 2, cost) for cost in halves]
    return [*fits, (plan.n_shadows, estimate(X, y, method="predict"))]


def _halves(n):
    return np.arange(n)[0::2], np.arange(n)[1::2]


def deletion_cost(estimate, X, y, forget, strategy, data):
    """Return what a mechanism spends on a request, or raise what `unlearn` would.

    Parameters
    ----------
    estimate : callable
        From :func:`cost_estimator`.
    X, y : rows and labels that the classifier was trained on
    forget : ndarray of bool
    strategy : str or object
    data : Data
        Where the reference rows are.
    """
    reference = {}
    if len(data.y_reference):
        reference = {"X_reference": data.X_reference, "y_reference": data.y_reference}
    return estimate(
        X,
        y,
        method="unlearn",
        forget=np.flatnonzero(forget),
        strategy=None if is_default(strategy) else strategy,
        **reference,
    )


def cost_estimator(model, X, y):
    """Return the classifier's `estimate_cost`, behind a pipeline's steps where it stands in one.

    Parameters
    ----------
    model : classifier
    X, y : rows and labels that the steps are fitted on

    Returns
    -------
    callable or None
    """
    if not isinstance(model, Pipeline):
        return getattr(model, "estimate_cost", None)
    last = getattr(model.steps[-1][1], "estimate_cost", None)
    if last is None or len(model.steps) == 1:
        return last
    # Every model refits these; one fit does for counting, which goes by the rows' shape.
    steps = clone(model[:-1]).fit(X, y)

    def estimate(X, y=None, *, X_reference=None, **request):
        if X_reference is not None:
            request["X_reference"] = steps.transform(X_reference)
        return last(steps.transform(X), y, **request)

    return estimate
