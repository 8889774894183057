"""Which mechanisms can honour a request with the data at hand, and at what cost."""

from dataclasses import dataclass

import numpy as np

from .._validation import check_is_fitted
from ..unlearning import STRATEGIES, unguarded
from .deletion import RequestArguments, possible_request
from .state import as_fitted

__all__ = ["StrategyTable", "suggest_strategy"]

_CLAIMS = {"exact": 0, "certified": 1, "approximate": 2}
_DAMAGES = {"none": 0, "some": 1, "much": 2}
_BLIND = "May forget nothing (no rows say what unseen ones look like): prefer retrain."


@dataclass(frozen=True)
class StrategyTable:
    """Rows about strategies; prints as a table.

    Parameters
    ----------
    rows : list of dict
        ``name``, ``possible``, ``kind``, ``damage`` (expected of the mechanism before its guard
        repairs it: "none", "some", "much"), ``cost`` (relative to retraining; nan: unknown),
        ``reference`` (what its stop rule would go by; None: it has none), ``why_not`` and
        ``advice``.

    Examples
    --------
    >>> from skqmu.classifiers import StrategyTable
    >>> row = {"name": "retrain", "possible": True, "kind": "exact", "cost": 1.0, "why_not": ""}
    >>> row.update(damage="none", reference=None, advice="The reference.")
    >>> print(StrategyTable([row]))
    strategy  kind   damage  cost  remark
    retrain   exact  none    1.00  The reference.
    """

    rows: list

    def __str__(self):
        lines = [("strategy", "kind", "damage", "cost", "remark")]
        for row in self.rows:
            cost = "?" if np.isnan(row["cost"]) else f"{row['cost']:.2f}"
            remark = row["advice"] if row["possible"] else f"not possible: {row['why_not']}"
            if row["possible"] and row["reference"] == "members":
                remark = f"{_BLIND} {remark}"
            cost = cost if row["possible"] else "-"
            lines.append((row["name"], row["kind"], row["damage"], cost, remark))
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        return "\n".join(
            "  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[4]]).rstrip()
            for line in lines
        )


def suggest_strategy(estimator, X_forget=None, y_forget=None, **request):
    """Recommend a strategy: all of them, best first, and which are possible for a request.

    Nothing is chosen and nothing changes.

    Parameters
    ----------
    estimator : classifier of skqmu
        Fitted.
    X_forget : array-like of shape (k, n_features), default=None
    y_forget : array-like of shape (k,), default=None
    **request : dict
        As for `unlearn`: ``index``, ``X_retain``, ...

    Returns
    -------
    StrategyTable
        Best first: by what the mechanism may claim (exact, certified, approximate), then by
        whether it knows when to stop, by the damage that is expected of it, and by cost.
        The first row is the recommendation: with rows at hand it is one that is exact, and
        retraining where nothing cheaper is. The cost is the number of gradient rows at most
        over that of retraining for as many epochs as the last fit took; where damage is
        expected, repairs by the guard come on top. What costs as much is better retrained.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.classifiers import suggest_strategy
    >>> X, y = load_iris(return_X_y=True)
    >>> table = suggest_strategy(QNNClassifier(max_iter=5, random_state=0).fit(X, y), X[:5])
    >>> table.rows[0]["name"], table.rows[0]["possible"]
    ('retrain', True)
    """
    check_is_fitted(estimator, "params_")
    strategies = {name: factory() for name, factory in STRATEGIES.items()}
    with as_fitted(estimator) as reading:
        n_forget, n_retain, refusals, source = possible_request(
            reading.model,
            strategies.values(),
            RequestArguments(X_forget, y_forget, **request),
        )
    whole = estimator.n_iter_ * n_retain if n_retain else np.nan
    rows = []
    for (name, strategy), refusal in zip(strategies.items(), refusals, strict=True):
        cost = np.nan
        if refusal is None:
            cost = 1.0
            if name != "retrain":
                cost = unguarded(strategy).gradient_rows(n_forget, n_retain or 0) / whole
        rows.append(
            {
                "name": name,
                "possible": refusal is None,
                "kind": strategy.kind,
                "damage": strategy.damage,
                "cost": float(cost),
                "reference": source if getattr(strategy, "stop", None) is not None else None,
                "why_not": "" if refusal is None else str(refusal),
                "advice": strategy.advice,
            }
        )
    rows.sort(key=_rank)
    return StrategyTable(rows)


def _rank(row):
    return (
        not row["possible"],
        _CLAIMS[row["kind"]],
        row["reference"] == "members",
        _DAMAGES[row["damage"]],
        np.nan_to_num(row["cost"], nan=np.inf),
    )
