"""Limits on what circuits may cost, checked before a job is sent and never after.

A budget is a value. What has been spent of it is a tally that lives as long as the fit, the
prediction or the deletion request that it limits; tallies nest, and all of them are asked.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from numbers import Real

import numpy as np

from .._validation import check_choice
from ..exceptions import BudgetExceededError

__all__ = ["Budget", "check_budgets", "limited", "spend_budgets"]

_TALLIES = ContextVar("skqmu_budgets", default=())


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Upper limits on circuits, shots, jobs and seconds of a quantum processor.

    Backends take one as ``budget=`` (or a dict with the same names): it then limits each
    fit, each prediction and each deletion request by itself. :meth:`enforced` limits all
    that runs inside a ``with`` block together.

    Parameters
    ----------
    circuits : float or None, default=None
        Circuits with numbers bound. None: no limit.
    shots : float or None, default=None
    jobs : float or None, default=None
    qpu_seconds : float or None, default=None
        Estimated as `estimate_cost` of the classifiers does; where a device reports what it
        charged, that counts for finished jobs.

    Raises
    ------
    ValueError
        A limit that is no number, or negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu import QNNClassifier
    >>> from skqmu.backends import AerBackend, Budget
    >>> from skqmu.exceptions import BudgetExceededError
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    >>> clf = QNNClassifier(max_iter=2, random_state=0, tol=0.0).fit(X, y)
    >>> clf = clf.set_params(backend=AerBackend(shots=100, budget={"shots": 300}))
    >>> clf.predict(X[:3]).shape
    (3,)
    >>> try:
    ...     clf.predict(X)
    ... except BudgetExceededError as error:
    ...     print(error)
    the next job takes 400 shots, and budget shots=300 has 300 left of it: it was not sent...

    >>> clf = clf.set_params(backend__budget=None)
    >>> with Budget(shots=1000).enforced() as spent:
    ...     _ = clf.predict(X), clf.predict(X)
    >>> spent["shots"]
    800
    """

    circuits: float | None = None
    shots: float | None = None
    jobs: float | None = None
    qpu_seconds: float | None = None

    def __post_init__(self):
        for name, limit in self.limits().items():
            number = isinstance(limit, Real) and not isinstance(limit, bool | np.bool_)
            if not number or not limit >= 0:
                raise ValueError(
                    f"budget {name}={limit!r} must be a number that is not negative, or None for "
                    "no limit."
                )

    @classmethod
    def of(cls, value):
        """Return a budget from itself or from a dict.

        Parameters
        ----------
        value : Budget or dict

        Returns
        -------
        Budget

        Raises
        ------
        ValueError
            An unknown name, or a limit that is no number.
        """
        if isinstance(value, cls):
            return value
        for name in value:
            check_choice("budget", name, [field.name for field in fields(cls)])
        return cls(**value)

    def limits(self):
        """Return the limits that are set, as a dict."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: limit for name, limit in given.items() if limit is not None}

    @contextmanager
    def enforced(self):
        """Limit what this thread runs inside the ``with`` block, all of it together.

        Yields
        ------
        dict
            What has been spent inside the block; it grows with it. Work that joblib sends to
            other processes or threads is not seen.
        """
        tally = _Tally(self)
        token = _TALLIES.set((*_TALLIES.get(), tally))
        try:
            yield tally.spent
        finally:
            _TALLIES.reset(token)


class _Tally:
    """A budget and what has been spent of it."""

    def __init__(self, budget):
        self.limits = budget.limits()
        self.spent = {field.name: 0 for field in fields(budget)}

    def check(self, charge):
        for name, limit in self.limits.items():
            if self.spent[name] + charge[name] > limit:
                raise BudgetExceededError(
                    f"the next job takes {charge[name]:.10g} {name}, and budget {name}={limit:.10g}"
                    f" has {limit - self.spent[name]:.10g} left of it: it was not sent. What was "
                    "done before is kept (a fit keeps its last step; with checkpoint= it goes on "
                    "under a larger budget; a deletion request changes nothing)."
                )


@contextmanager
def limited(budget):
    """Hold a budget for one fit, prediction or request; None limits nothing.

    Parameters
    ----------
    budget : Budget, dict or None
    """
    if budget is None:
        yield
        return
    with Budget.of(budget).enforced():
        yield


def check_budgets(charge):
    """Raise `BudgetExceededError` where a job of this charge would pass a budget.

    Parameters
    ----------
    charge : dict
        ``circuits``, ``shots``, ``jobs``, ``qpu_seconds``.
    """
    for tally in _TALLIES.get():
        tally.check(charge)


def spend_budgets(charge):
    """Write down a job that ran."""
    for tally in _TALLIES.get():
        for name in tally.spent:
            tally.spent[name] += charge[name]
