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

__all__ = ["check_mechanisms", "with_able_mechanisms"]

# rows of each class that the first try looks at
_FEW = 6


def check_mechanisms(plan):
    """Raise unless every mechanism can carry out every request of the plan.

    A few rows do for what nearly always holds. Only where they fail all rows are asked, for
    some requests are impossible with few rows alone.

    Parameters
    ----------
    plan : Plan

    Raises
    ------
    ValueError
        Names the mechanism and what it lacks.
    """
    for refused in _refused(plan).values():
        raise refused


def with_able_mechanisms(plan):
    """Return the plan without the mechanisms that cannot work, which nobody asked for by name.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    Plan
        Its notes say who was left out.

    Raises
    ------
    ValueError
        None can carry out every request.
    """
    refused = _refused(plan)
    if not refused:
        return plan
    able = {name: own for name, own in plan.mechanisms.items() if name not in refused}
    if not able:
        raise next(iter(refused.values()))
    notes = [f"Left out: {error}" for error in refused.values()]
    data = replace(plan.data, notes=(*plan.data.notes, *notes))
    return replace(plan, mechanisms=able, data=data)


def _refused(plan):
    """The error of each mechanism that cannot carry out some request."""
    found = {}
    if not can_unlearn(plan.estimator):
        return found
    for name, strategy in plan.mechanisms.items():
        for scenario in plan.scenarios:
            refusal = _refusal(plan, strategy, scenario, few=True)
            if refusal is not None:
                refusal = _refusal(plan, strategy, scenario, few=False)
            if refusal is not None:
                told = f"mechanism {name!r} cannot carry out the request {scenario.name!r}: "
                found[name] = ValueError(f"{told}{refusal}")
                found[name].__cause__ = refusal
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
