"""What an audit would spend on circuits, from the classifier's own `estimate_cost`."""

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .._rows import join, take
from ._attacks import asks_about_pool, needs_shadows
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
    data = plan.data
    estimate = cost_estimator(plan.estimator, data.X, data.y)
    if estimate is None:
        return None
    X, y = join(data.X, data.X_test), np.concatenate([data.y, data.y_test])
    everything = estimate(X, y, method="predict")
    parts = {"original": [(1, estimate(data.X, data.y))], "oracles": [], "mechanism runs": []}
    parts["shadows"], parts["queries"] = [], []
    if needs_shadows(plan.attacks):
        # Shadows come in pairs that halve the rows; these halves stand for those to be drawn.
        halves = [estimate(take(X, half), y[half]) for half in _halves(len(y))]
        parts["shadows"] += [(plan.n_shadows // 2, cost) for cost in halves]
        parts["queries"].append((plan.n_shadows, everything))
    n_models = 1 + plan.n_oracles + len(plan.mechanisms)
    # Each model is asked about all rows once, and again by what compares with the shadows' rows.
    n_asked = n_models * (1 + sum(map(asks_about_pool, plan.attacks)))
    for scenario in plan.scenarios:
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
        parts["queries"] += [(n_asked, everything), (n_models * len(plan.attacks), attacked)]
    costs = {
        purpose: {name: plan.repeats * sum(n * cost[name] for n, cost in part) for name in _SUMMED}
        for purpose, part in parts.items()
    }
    if plan.table.needs_exposure:  # once, whatever the number of repeats
        first = _first_attack(plan, estimate)
        costs["first attack"] = {name: sum(n * cost[name] for n, cost in first) for name in _SUMMED}
    costs["total"] = {name: sum(cost[name] for cost in costs.values()) for name in _SUMMED}
    return costs


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
