"""Rates of a threshold rule, with intervals that know how the threshold was come by.

A threshold fixed beforehand leaves one binomial a rate.  A threshold estimated from the
non-members adds their sampling error to the true-positive rate.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, betainc, betaincinv

_BISECTIONS = 60
_MAX_NODES = 400  # of the binomial's distribution; below that many it is used whole


@dataclass(frozen=True)
class OperatingPoint:
    """What one threshold achieves: a true-positive rate WITH its false-positive rate.

    A score at or above `threshold` is called a member.

    Parameters
    ----------
    fpr_target : float or None
        The false-positive rate asked for; None if the threshold was given instead.
    threshold : float
        ``inf`` if no score is called a member.
    fpr, tpr : float
        Achieved on the sample.  `tpr` is ``nan`` where the sample has too few non-members to
        resolve `fpr_target`.
    fpr_interval, tpr_interval : tuple of (low, high)

    Raises
    ------
    ValueError
        A true-positive rate without its false-positive rate, or a rate outside [0, 1].

    Examples
    --------
    >>> from skqmu.metrics import OperatingPoint
    >>> OperatingPoint(None, 0.5, float("nan"), 0.9, (0.0, 1.0), (0.8, 1.0))
    Traceback (most recent call last):
        ...
    ValueError: tpr=0.9 has no fpr: a true-positive rate means nothing without its ...
    """

    fpr_target: float | None
    threshold: float
    fpr: float
    tpr: float
    fpr_interval: tuple
    tpr_interval: tuple

    def __post_init__(self):
        if self.fpr is None or not 0 <= self.fpr <= 1:
            if self.fpr is None or np.isnan(self.fpr):
                raise ValueError(
                    f"tpr={self.tpr} has no fpr: a true-positive rate means nothing without its "
                    "false-positive rate. Give both."
                )
            raise ValueError(f"fpr={self.fpr} is not in [0, 1].")
        if self.tpr is None or not (np.isnan(self.tpr) or 0 <= self.tpr <= 1):
            raise ValueError(f"tpr={self.tpr} is not in [0, 1] (nan if unresolved).")
        if np.isnan(self.threshold):
            raise ValueError("threshold=nan: the rule that gives these rates must be known.")
        for name in ("fpr_interval", "tpr_interval"):
            low, high = getattr(self, name)
            object.__setattr__(self, name, (float(low), float(high)))

    @property
    def resolved(self):
        """Whether the sample has enough non-members for `fpr_target`."""
        return not np.isnan(self.tpr)


def clopper_pearson(count, n, level):
    """Exact interval of a proportion (Clopper and Pearson 1934), vectorised over `count`.

    Parameters
    ----------
    count : float or ndarray
        Need not be whole: means of counts over resamples are allowed.
    n : int
    level : float

    Returns
    -------
    low, high : ndarrays
    """
    count, tail = np.asarray(count, dtype=float), (1 - level) / 2
    some, rest = np.where(count > 0, count, 1), np.where(count < n, n - count, 1)
    low = np.where(count > 0, betaincinv(some, n - count + 1, tail), 0.0)
    high = np.where(count < n, betaincinv(count + 1, rest, 1 - tail), 1.0)
    return low, high


def difference_interval(count1, n1, count2, n2, level):
    """Interval of ``p1 - p2`` from two independent samples.

    Newcombe's (1998) hybrid, method 10, on Clopper and Pearson's limits in place of
    Wilson's, because samples of two to five records are meant to be served too.

    Returns
    -------
    low, high : ndarrays
    """
    p1, p2 = np.asarray(count1, dtype=float) / n1, np.asarray(count2, dtype=float) / n2
    low1, high1 = clopper_pearson(count1, n1, level)
    low2, high2 = clopper_pearson(count2, n2, level)
    return (
        p1 - p2 - np.hypot(p1 - low1, high2 - p2),
        p1 - p2 + np.hypot(high1 - p1, p2 - low2),
    )


def _binomial_nodes(n, rate):
    """Counts and weights that stand for Binomial(n, rate)."""
    spread = 8 * np.sqrt(n * rate * (1 - rate)) + 12
    first, last = max(0, int(n * rate - spread)), min(n, int(n * rate + spread))
    step = max(1, (last - first + 1) // _MAX_NODES)
    counts = np.arange(first, last + 1, step)
    edges = np.append(counts[1:] - 1, last)
    weights = np.diff(bdtr(edges, n, rate), prepend=0.0)
    weights[-1] += 1 - weights.sum()
    return counts, weights


def tpr_interval(members_above, n_members, fpr, level):
    """Interval of the true-positive rate at a false-positive rate whose threshold is estimated.

    How many of the `n` non-members lie above the TRUE threshold follows Binomial(n, `fpr`),
    whatever the scores' distribution.  So the true threshold lies between the k-th and the
    (k+1)-th largest non-member with a known probability; and given a threshold the
    true-positive rate has Clopper and Pearson's limits.  Mixing the second over the first is
    what a bootstrap over members and non-members strives for; unlike it, this is exact where
    ``n * fpr`` is small, and has no resampling noise.

    Parameters
    ----------
    members_above : ndarray of shape (n + 2,)
        ``members_above[k]``: members strictly above the k-th largest non-member;
        0 for k = 0 and `n_members` for k = n + 1.
    n_members : int
    fpr : float
    level : float

    Returns
    -------
    low, high : float
    """
    n = len(members_above) - 2
    counts, weights = _binomial_nodes(n, fpr)
    few = members_above[counts].astype(float)
    many = members_above[counts + 1].astype(float)
    tail = (1 - level) / 2

    def mass_below(x):  # of the lower limit's distribution; no member above: a point at 0
        part = betainc(np.maximum(few, 1), n_members - few + 1, x)
        return weights @ np.where(few > 0, part, 1.0)

    def mass_above(x):  # of the upper limit's; every member above: a point at 1
        part = 1 - betainc(many + 1, np.maximum(n_members - many, 1), x)
        return weights @ np.where(many < n_members, part, 1.0)

    low, high = 0.0, 1.0
    if mass_below(0.0) < tail:
        low = _root(lambda x: mass_below(x) - tail)
    if mass_above(1.0) < tail:
        high = _root(lambda x: tail - mass_above(x))
    return low, high


def _root(increasing):
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if increasing(middle) < 0 else (low, middle)
    return (low + high) / 2


def members_above_nonmembers(members, nonmembers):
    """The counts that :func:`tpr_interval` takes, from the scores.

    Returns
    -------
    ndarray of int, shape (n_nonmembers + 2,)
    """
    descending = np.sort(nonmembers)[::-1]
    above = len(members) - np.searchsorted(np.sort(members), descending, side="right")
    return np.concatenate([[0], above, [len(members)]])
