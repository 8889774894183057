"""The area under the membership ROC curve, and an interval that holds for small samples.

The area is the Mann-Whitney statistic.  Its interval inverts a score test: the variance that
belongs to each *hypothetical* area is used, not the one at the estimate, so that the interval
neither collapses at an area of 0 or 1 nor leaves [0, 1].
"""

import numpy as np
from scipy.stats import rankdata, t

_BISECTIONS = 60  # halves an interval of width 1 down to the last bit of a double


def placements(members, nonmembers):
    """Return for each score the share of the other sample that it is ordered against rightly.

    Parameters
    ----------
    members : ndarray of shape (..., m)
    nonmembers : ndarray of shape (..., n)
        Scores; ties count one half.  Leading axes are independent problems.

    Returns
    -------
    member_placements : ndarray of shape (..., m)
        Share of non-members that lie below each member.
    nonmember_placements : ndarray of shape (..., n)
        Share of members that lie above each non-member.
    """
    m, n = members.shape[-1], nonmembers.shape[-1]
    joint = rankdata(np.concatenate([members, nonmembers], axis=-1), axis=-1)
    below = (joint[..., :m] - rankdata(members, axis=-1)) / n
    above = 1 - (joint[..., m:] - rankdata(nonmembers, axis=-1)) / m
    return below, above


def delong_variance(below, above):
    """Variance of the area from the two samples' placements (DeLong et al. 1988)."""
    return (
        below.var(axis=-1, ddof=1) / below.shape[-1]
        + above.var(axis=-1, ddof=1) / (above.shape[-1])
    )


def _augment(own, n_other):
    """Placements after one score was added at either end of both samples.

    A sample of five tied or perfectly separated scores has variance 0 in DeLong's formula;
    two imagined extreme records on each side say that it need not have been so (the idea of
    Agresti and Coull's "add two successes and two failures").
    """
    shape = (*own.shape[:-1], 1)
    best, worst = (n_other + 1.5) / (n_other + 2), 0.5 / (n_other + 2)
    inner = (own * n_other + 1) / (n_other + 2)
    return np.concatenate([inner, np.full(shape, best), np.full(shape, worst)], axis=-1)


def _reference_variance(area, m, n):
    """Variance of the area as a function of the true area (Newcombe 2006, method 5)."""
    spread = (m + n) / 2 - 1
    inner = 1 + spread * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * inner / (m * n)


def auc_interval(below, above, level):
    """Area, its standard error and its interval, from placements (vectorised).

    The interval holds every area ``a`` with ``|area - a| <= q sqrt(k V(a))``.  ``V`` is
    Newcombe's (2006) variance, whose shape in ``a`` assumes exponential scores; ``k`` is the ratio
    of DeLong's variance on the augmented samples to ``V``, which corrects that assumption
    for unequal spreads, mixtures and ties; ``q`` is Student's quantile with ``min(m, n) + 1``
    degrees of freedom (the augmented smaller sample's), because ``k`` is an estimate.

    Parameters
    ----------
    below, above : ndarray of shape (..., m) and (..., n)
        From :func:`placements`.
    level : float

    Returns
    -------
    area, se, low, high : ndarrays of shape (...)
    """
    m, n = below.shape[-1], above.shape[-1]
    area = below.mean(axis=-1)
    padded_below, padded_above = _augment(below, n), _augment(above, m)
    padded_variance = delong_variance(padded_below, padded_above)
    # One record has no sample variance: there the padded samples are all one can know.
    variance = delong_variance(below, above) if min(m, n) > 1 else padded_variance
    inflation = padded_variance / _reference_variance(padded_below.mean(axis=-1), m + 2, n + 2)
    quantile = t.isf((1 - level) / 2, min(m, n) + 1)

    def edge(outside):
        inside = np.array(area, dtype=float)
        outside = np.full_like(inside, outside)
        for _ in range(_BISECTIONS):
            middle = (inside + outside) / 2
            reach = quantile * np.sqrt(inflation * _reference_variance(middle, m, n))
            accept = np.abs(area - middle) <= reach
            inside, outside = np.where(accept, middle, inside), np.where(accept, outside, middle)
        return inside

    return area, np.sqrt(variance), edge(0.0), edge(1.0)


def fold_interval(low, high, center=0.5):
    """Interval of ``|x - center|`` given one of ``x``; it covers whenever the other does.

    Returns
    -------
    low, high : float
    """
    far = max(abs(low - center), abs(high - center))
    near = 0.0 if low <= center <= high else min(abs(low - center), abs(high - center))
    return near, far
