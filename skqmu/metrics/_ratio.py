"""Interval of a ratio of two means over the same records."""

import numpy as np
from scipy.stats import norm, t

from ._gap import _variance
from ._interval import Estimate

__all__ = ["ratio_interval", "two_part_half_width"]


def two_part_half_width(record_variance, seed_error, df, level):
    """Half the width of an interval for what varies over records and over seeds.

    Parameters
    ----------
    record_variance : float
    seed_error : float
        Standard error over seeds; infinite where there is one seed.
    df : int
    level : float
    """
    tail = (1 - level) / 2
    if df < 1:
        return np.inf
    return float(np.hypot(t.isf(tail, df) * seed_error, norm.isf(tail) * np.sqrt(record_variance)))


def ratio_interval(top, bottom, *, level, seed_error, df):
    """Fieller's (1954) interval of ``mean(top) / mean(bottom)``, paired by record.

    Parameters
    ----------
    top, bottom : ndarray of shape (n,)
        Differences in [-1, 1].
    level : float
    seed_error : float
        Standard error of the bottom's mean over seeds, beside that over records.
    df : int
        Of `seed_error`.

    Returns
    -------
    Estimate
        Infinite both ways where the bottom's mean cannot be told from 0: any ratio may be true.
    """
    n, mean_top, mean_bottom = len(top), top.mean(), bottom.mean()
    value = float(mean_top / mean_bottom)
    if two_part_half_width(_variance(bottom, True), seed_error, df, level) >= abs(mean_bottom):
        return Estimate(value, -np.inf, np.inf, level)
    z, extra = norm.isf((1 - level) / 2), t.isf((1 - level) / 2, df) * seed_error
    together = ((top - mean_top) * (bottom - mean_bottom)).sum() / (n + 2) ** 2
    # ratios r for which mean(top - r * bottom) cannot be told from 0: a quadratic in r
    a = mean_bottom**2 - z**2 * _variance(bottom, True) - extra**2
    b = mean_top * mean_bottom - z**2 * together
    c = mean_top**2 - z**2 * _variance(top, True)
    root = np.sqrt(max(0.0, b**2 - a * c))
    return Estimate(value, float((b - root) / a), float((b + root) / a), level)
