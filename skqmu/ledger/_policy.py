"""When waiting requests become a batch: by number, by deadline, by cost."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

__all__ = ["BatchingPolicy", "DeletionCost"]


class BatchingPolicy:
    """When to honour what waits, and how much of it at once.

    A batch is due as soon as one of the rules says so. Several requests in one version of the model
    are cheaper, and give less away: whoever holds the versions before and after a single deletion
    may tell who was deleted (``docs/two_versions.md``). Of many, most are hidden from whoever sees
    answers; from whoever sees weights, little is.

    Parameters
    ----------
    number : int or None, default=1
        Due when so many wait.
    most : int or None, default=None
        No more than so many at once, those with the nearest deadlines first.
    margin : datetime.timedelta, default=one day
        Due when a deadline is no further away, whatever the other rules say.
    cost : callable or None, default=None
        From a number of requests to what a batch of them costs, such as `DeletionCost`.
    most_cost : float or None, default=None
        Due when the cost of the batch, shared by its requests, is no more than this for each.

    Raises
    ------
    ValueError
        A number is out of its range; `cost` without `most_cost`, or the reverse.

    Examples
    --------
    >>> from datetime import UTC, datetime, timedelta
    >>> from skqmu.ledger import BatchingPolicy
    >>> policy = BatchingPolicy(number=16, margin=timedelta(days=3))
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> policy.why_now(4, now + timedelta(days=20), now)
    >>> policy.why_now(4, now + timedelta(days=2), now)
    'a deadline is near'
    >>> retraining = lambda n: 1000.0  # whatever their number
    >>> BatchingPolicy(number=None, cost=retraining, most_cost=100).why_now(10, None, now)
    'the cost of each is low enough'
    """

    def __init__(
        self,
        *,
        number: int | None = 1,
        most: int | None = None,
        margin: timedelta = timedelta(days=1),
        cost: Callable[[int], float] | None = None,
        most_cost: float | None = None,
    ):
        for name, value in (("number", number), ("most", most)):
            if value is not None and (isinstance(value, bool) or not value >= 1):
                raise ValueError(f"{name}={value!r} must be a whole number from 1, or None.")
        if not isinstance(margin, timedelta) or margin < timedelta(0):
            raise ValueError(f"margin={margin!r} must be a timedelta from 0.")
        if (cost is None) != (most_cost is None):
            raise ValueError("cost= and most_cost= go together: what a batch costs, and the limit.")
        if number is not None and most is not None and most < number:
            raise ValueError(
                f"most={most} is below number={number}: no batch would be large enough."
            )
        self.number = number
        self.most = most
        self.margin = margin
        self.cost = cost
        self.most_cost = most_cost

    def why_now(self, n_waiting: int, due: datetime | None, now: datetime) -> str | None:
        """Why a batch is due, or None.

        Parameters
        ----------
        n_waiting : int
        due : datetime or None
            The nearest deadline of those that wait.
        now : datetime

        Returns
        -------
        str or None
        """
        if not n_waiting:
            return None
        if due is not None and due - now <= self.margin:
            return "a deadline is near"
        if self.number is not None and n_waiting >= self.number:
            return "enough requests wait"
        if self.cost is not None:
            size = self.size(n_waiting)
            if self.cost(size) / size <= self.most_cost:
                return "the cost of each is low enough"
        return None

    def size(self, n_waiting: int) -> int:
        """How many of the waiting requests go into the batch.

        Parameters
        ----------
        n_waiting : int

        Returns
        -------
        int
        """
        return n_waiting if self.most is None else min(n_waiting, self.most)


class DeletionCost:
    """What a batch of deletions costs, by the classifier's own `estimate_cost`; no circuit is run.

    Parameters
    ----------
    model : classifier
        With `estimate_cost`, such as :class:`skqmu.QNNClassifier`.
    X : array-like of shape (n_samples, n_features)
        The training rows.
    y : array-like of shape (n_samples,)
    unit : str, default="gradient_rows"
        Which of the costs: ``"shots"``, ``"qpu_seconds"``, ``"circuits"``, ...
    strategy : str or UnlearningStrategy, default=None
        As for `unlearn`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.ledger import DeletionCost
    >>> X, y = load_iris(return_X_y=True)
    >>> cost = DeletionCost(QNNClassifier(max_iter=5, random_state=0), X, y)
    >>> bool(cost(10) / 10 < cost(1))  # retraining costs about the same for one row and for ten
    True
    """

    def __init__(self, model: Any, X: Any, y: Any, *, unit: str = "gradient_rows", strategy=None):
        self.model = model
        self.X = X
        self.y = y
        self.unit = unit
        self.strategy = strategy
        self._known: dict[int, float] = {}

    def __call__(self, n_requests: int) -> float:
        """Cost of a batch of so many rows, spread over the training rows."""
        if n_requests not in self._known:
            n_rows = len(self.y)
            rows = np.unique(np.linspace(0, n_rows - 1, min(n_requests, n_rows - 1)).astype(int))
            cost = self.model.estimate_cost(
                self.X, self.y, method="unlearn", forget=rows, strategy=self.strategy
            )
            if self.unit not in cost:
                raise ValueError(f"unit={self.unit!r} must be one of {', '.join(sorted(cost))}.")
            self._known[n_requests] = float(cost[self.unit])
        return self._known[n_requests]
