"""Numbers with their intervals: proportions, means over seeds, and gaps between two models."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, norm, t

from .._validation import check_choice
from ..exceptions import ResolutionWarning
from ._inputs import as_generator, check_level, check_vector

_CELLS = 4_000_000  # of the largest resampled array


class Estimate(NamedTuple):
    """A value and the interval in which the true one is believed to lie.

    Parameters
    ----------
    value, low, high : float
    level : float
        Nominal level, for example 0.95.

    Examples
    --------
    >>> from skqmu.metrics import Estimate
    >>> print(Estimate(0.9, 0.85, 0.94, 0.95))
    0.900 [0.850, 0.940]
    """

    value: float
    low: float
    high: float
    level: float

    def __str__(self):
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def overlaps(self, other):
        """Whether the two intervals share a point.

        Parameters
        ----------
        other : Estimate

        Returns
        -------
        bool
        """
        return self.low <= other.high and other.low <= self.high


def accuracy_interval(n_correct, n, *, level=0.95, method="clopper-pearson"):
    """Interval of an accuracy, or of any other proportion.

    Parameters
    ----------
    n_correct : int
        Records that were right.
    n : int
        Records in all.
    level : float, default=0.95
    method : {"clopper-pearson", "wilson"}, default="clopper-pearson"
        Clopper and Pearson (1934) never covers less than `level`; Wilson (1927) covers `level`
        on average and is shorter.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        Counts that are not ``0 <= n_correct <= n`` with n at least 1.
    TypeError
        An array in the place of a count.

    Examples
    --------
    >>> from skqmu.metrics import accuracy_interval
    >>> print(accuracy_interval(28, 30))
    0.933 [0.779, 0.992]
    """
    method = {"clopper-pearson": "exact", "wilson": "wilson"}[
        check_choice("method", method, ("clopper-pearson", "wilson"))
    ]
    if np.ndim(n_correct) or np.ndim(n):
        raise TypeError(
            "n_correct and n are two counts, and an array was given: of labels, "
            "n_correct=np.sum(y == y_predicted) and n=len(y)."
        )
    if int(n_correct) != n_correct or int(n) != n or not 0 <= n_correct <= n or n < 1:
        raise ValueError(
            f"n_correct={n_correct!r} of n={n!r}: whole numbers with 0 <= n_correct <= n and "
            "n >= 1 are needed."
        )
    low, high = binomtest(int(n_correct), int(n)).proportion_ci(check_level(level), method)
    return Estimate(n_correct / n, float(low), float(high), float(level))


def mean_interval(values, *, level=0.95):
    """Student's interval of a mean, for figures repeated over seeds.

    Parameters
    ----------
    values : array-like of shape (n_seeds,)
    level : float, default=0.95

    Returns
    -------
    Estimate
        With one value the interval is infinite: one seed says nothing about the spread.

    Warns
    -----
    ResolutionWarning
        One value only.

    Examples
    --------
    >>> from skqmu.metrics import mean_interval
    >>> print(mean_interval([0.90, 0.92, 0.91, 0.95, 0.92]))
    0.920 [0.897, 0.943]
    """
    values, level = check_vector("values", values), check_level(level)
    mean = float(values.mean())
    if len(values) == 1:
        warnings.warn(
            "one value has no spread: its interval is infinite. Repeat over seeds.",
            ResolutionWarning,
            stacklevel=2,
        )
        return Estimate(mean, -np.inf, np.inf, level)
    half = t.isf((1 - level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(mean, float(mean - half), float(mean + half), level)


def gap_interval(
    values, reference, *, level=0.95, bounds=None, n_resamples=2000, random_state=None
):
    """Interval of the mean difference between two models on the SAME records.

    Parameters
    ----------
    values, reference : array-like of shape (n,)
        One number a record for each model, in the same order: whether it was right, its loss,
        its probability of the true class.
    level : float, default=0.95
    bounds : tuple of (low, high), default=None
        Range that a value can take.  Known, it makes small samples honest: ten differences
        of 0 do not prove a gap of 0.  Values that are all 0 or 1 are given (0, 1).
    n_resamples : int, default=2000
        Of the bootstrap, which is used where `bounds` are unknown.
    random_state : int, RandomState instance, Generator or None, default=None
        Of the bootstrap; None is one fixed seed.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        Different lengths, ``nan`` or infinite values, values outside `bounds`.

    Notes
    -----
    With bounds: Bonett and Price's (2012) interval for paired proportions, which adds one
    record at either extreme, here for any bounded values.  Without: the studentised paired
    bootstrap (Efron and Tibshirani 1993, section 12.5), because means of skewed values (losses,
    divergences) are covered too rarely by Student's interval; equal differences everywhere give
    an interval of length 0.

    Examples
    --------
    >>> from skqmu.metrics import gap_interval
    >>> right, oracle_right = [1, 1, 1, 0, 1, 1], [1, 1, 0, 0, 1, 1]
    >>> print(gap_interval(right, oracle_right))
    0.167 [-0.290, 0.540]
    """
    values, reference = check_vector("values", values), check_vector("reference", reference)
    if len(values) != len(reference):
        raise ValueError(
            f"values ({len(values)}) and reference ({len(reference)}) must hold the same records."
        )
    level = check_level(level)
    if bounds is None and np.isin(values, (0, 1)).all() and np.isin(reference, (0, 1)).all():
        bounds = (0, 1)
    difference = values - reference
    if bounds is None:
        return record_mean(difference, level, n_resamples, as_generator(random_state))
    low, high = bounds
    both = np.concatenate([values, reference])
    if both.min() < low - 1e-9 or both.max() > high + 1e-9:
        raise ValueError(
            f"bounds={bounds!r}: values from {both.min():.6g} to {both.max():.6g} lie outside."
        )
    return bounded_mean(difference, high - low, level)


def bounded_mean(values, bound, level):
    """Interval of a mean of values in [-bound, bound], with one record added at either end.

    Returns
    -------
    Estimate
    """
    padded = np.concatenate([values, [bound, -bound]])
    half = norm.isf((1 - level) / 2) * padded.std() / np.sqrt(len(padded))
    middle = padded.mean()
    value = float(np.mean(values))
    low, high = max(-bound, middle - half), min(bound, middle + half)
    return Estimate(value, float(min(low, value)), float(max(high, value)), level)


def record_mean(values, level, n_resamples, rng):
    """Studentised bootstrap interval of a mean over records.

    Returns
    -------
    Estimate
    """
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        raise ValueError(
            "one record has no spread: give at least two, or the bounds of the values."
        )
    spread = float(np.std(values, ddof=1))
    if spread <= 1e-15 * max(1.0, abs(mean)):
        return Estimate(mean, mean, mean, level)
    ratios = []
    size = max(1, min(n_resamples, _CELLS // n))
    for first in range(0, n_resamples, size):
        rows = rng.integers(0, n, (min(size, n_resamples - first), n))
        drawn = values[rows]
        shift, drawn_spread = drawn.mean(axis=1) - mean, drawn.std(axis=1, ddof=1)
        # A resample of one record over and over has no spread: its ratio is infinite, unless
        # it also hits the mean.
        still = drawn_spread <= 1e-12 * spread
        ratio = shift / np.where(still, 1.0, drawn_spread)
        ratios.append(np.where(still & (shift != 0), np.copysign(np.inf, shift), ratio))
    tail = (1 - level) / 2
    left, right = np.quantile(np.concatenate(ratios), [tail, 1 - tail], method="nearest")
    # Two or three records leave most resamples without spread: the limits are then infinite.
    low, high = mean - right * spread, mean - left * spread
    return Estimate(mean, float(min(low, mean)), float(max(high, mean)), level)


def combine(estimates, weights):
    """Interval of a weighted sum of independent estimates (Zou and Donner's MOVER, 2008).

    Returns
    -------
    Estimate
    """
    value = sum(w * e.value for w, e in zip(weights, estimates, strict=True))
    down = up = 0.0
    for w, e in zip(weights, estimates, strict=True):
        below, above = (e.value - e.low, e.high - e.value)
        if w < 0:
            below, above = above, below
        down, up = down + (w * below) ** 2, up + (w * above) ** 2
    return Estimate(
        float(value), float(value - np.sqrt(down)), float(value + np.sqrt(up)), estimates[0].level
    )
