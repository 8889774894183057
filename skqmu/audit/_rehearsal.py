"""Whether the mechanisms of an audit can work at all, found out before anything is trained.

A classifier that counts what a request would cost (`estimate_cost`) goes through the request
without running its circuits, and says of it whatever `unlearn` would say.
"""

import warnings
from dataclasses import replace

import numpy as np
from sklearn.base import clone

from .._rows import take
from ..exceptions import BackendError
from ._cost import cost_estimator, deletion_cost
from ._models import can_unlearn

__all__ = ["able_plan"]

# rows of each class that the first try looks at
_FEW = 6


def able_plan(plan, *, was_asked):
    """Return the plan with mechanisms that can carry out every request.

    A few rows do for what nearly always holds. Only where they fail all rows are asked, for
    some requests are impossible with few rows alone.

    Parameters
    ----------
    plan : Plan
    was_asked : bool
        Whether somebody named the mechanisms: one that cannot work is then an error. Of those by
        default it is left out, and the plan's notes say so.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        Names the mechanism and what it lacks; also where all of those by default are refused.
    """
    refused = _refused(plan)
    able = {name: own for name, own in plan.mechanisms.items() if name not in refused}
    if refused and (was_asked or not able):
        told, refusal = next(iter(refused.values()))
        raise ValueError(told) from refusal
    notes = [f"Left out: {told}" for told, _ in refused.values()]
    data = replace(plan.data, notes=(*plan.data.notes, *notes))
    return replace(plan, mechanisms=able, data=data)


def _refused(plan):
    """What to say of each mechanism that cannot carry out some request, and its own error."""
    found = {}
    if not can_unlearn(plan.estimator):
        return found
    for name, strategy in plan.mechanisms.items():
        for scenario in plan.scenarios:
            refusal = _refusal(plan, strategy, scenario, few=True)
            if refusal is not None:
                refusal = _refusal(plan, strategy, scenario, few=False)
            if refusal is not None:
                told = f"mechanism {name!r} cannot carry out the request {scenario.name!r}"
                found[name] = f"{told}: {refusal}", refusal
                break
    return found


def _refusal(plan, strategy, scenario, *, few):
    """Return the error that `unlearn` would raise, or None."""
    data = scenario.data
    y, forget = data.y, scenario.request
    rows = _some_rows(y, forget) if few else np.arange(len(y))
    X, y, forget = take(data.X, rows), y[rows], forget[rows]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the work itself will warn
            estimate = cost_estimator(plan.estimator, X, y)
            if estimate is None:
                return None
            strategy = strategy if isinstance(strategy, str) else clone(strategy)
            deletion_cost(estimate, X, y, forget, strategy, data)
    except (BackendError, TypeError, ValueError) as error:
        # an equation without a solution is one of numbers that no circuit gave
        return None if isinstance(error, np.linalg.LinAlgError) else error
    except Exception:
        return None  # it can be tried, and a mechanism that fails is a result
    return None


def _some_rows(y, forget):
    """Return the numbers of a few rows of each class, forgotten and not."""
    codes = np.unique(y, return_inverse=True)[1] * 2 + forget
    return np.sort(np.concatenate([np.flatnonzero(codes == k)[:_FEW] for k in np.unique(codes)]))
