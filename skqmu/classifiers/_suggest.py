"""Which mechanisms can honour a request with the data at hand, and at what cost."""

from dataclasses import dataclass

import numpy as np

from .._validation import check_is_fitted
from ..unlearning import STRATEGIES
from ._request import possible_request
from ._state import as_fitted

__all__ = ["StrategyTable", "suggest_strategy"]


@dataclass(frozen=True)
class StrategyTable:
    """Rows about strategies; prints as a table.

    Parameters
    ----------
    rows : list of dict
        ``name``, ``possible``, ``kind``, ``cost`` (relative to retraining; nan: unknown),
        ``why_not`` and ``advice``.

    Examples
    --------
    >>> from skqmu.classifiers import StrategyTable
    >>> row = {"name": "retrain", "possible": True, "kind": "exact", "cost": 1.0, "why_not": ""}
    >>> print(StrategyTable([{**row, "advice": "The reference."}]))
    strategy  kind   cost  remark
    retrain   exact  1.00  The reference.
    """

    rows: list

    def __str__(self):
        lines = [("strategy", "kind", "cost", "remark")]
        for row in self.rows:
            cost = "?" if np.isnan(row["cost"]) else f"{row['cost']:.2f}"
            remark = row["advice"] if row["possible"] else f"not possible: {row['why_not']}"
            lines.append((row["name"], row["kind"], cost if row["possible"] else "-", remark))
        widths = [max(len(line[i]) for line in lines) for i in range(3)]
        return "\n".join(
            "  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[3]]).rstrip()
            for line in lines
        )


def suggest_strategy(estimator, X_forget=None, y_forget=None, **request):
    """List all strategies: which are possible for a request, their kind and their cost.

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
        Exact ones first, then certified, then approximate, cheapest first. The cost is the
        number of gradient rows at most, over that of retraining for as many epochs as the
        last fit took.

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
        n_forget, n_retain, refusals = possible_request(
            reading.model, strategies.values(), X_forget, y_forget, **request
        )
    whole = estimator.n_iter_ * n_retain if n_retain else np.nan
    rows = []
    for (name, strategy), refusal in zip(strategies.items(), refusals, strict=True):
        cost = np.nan
        if refusal is None:
            cost = 1.0
            if name != "retrain":
                cost = strategy.gradient_rows(n_forget, n_retain or 0) / whole
        rows.append(
            {
                "name": name,
                "possible": refusal is None,
                "kind": strategy.kind,
                "cost": float(cost),
                "why_not": "" if refusal is None else str(refusal),
                "advice": strategy.advice,
            }
        )
    order = {"exact": 0, "certified": 1, "approximate": 2}
    rows.sort(key=lambda r: (not r["possible"], order[r["kind"]], np.nan_to_num(r["cost"], nan=9)))
    return StrategyTable(rows)
