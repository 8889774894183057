"""Advantage and distinguishability whose choices are made on other records than they are rated on.

The best threshold of a sample always looks better on that sample than it is: under no leak at
all the in-sample maximum of TPR - FPR averages .2 to .4 for 10 to 40 records, and a search that
minimises it fits noise.  Here threshold and direction are chosen on one half of the records and
rated on the other, so that without a leak both measures average exactly 0.  The attacker may also
stay silent: a threshold that gained no more than chance gives on average is not used, which
halves the noise of the advantage where nothing leaks and costs little where something does.
"""

from typing import NamedTuple

import numpy as np

from ._rates import difference_interval

_CELLS = 2_000_000  # of the largest array: longer samples take their divisions in chunks


class CrossFitted(NamedTuple):
    """Means over the divisions of the sample; counts are per pass over the sample."""

    advantage: float
    distinguishability: float
    true_positives: float
    false_positives: float


def cross_fit(members, nonmembers, n_resamples, rng):
    """Choose threshold and direction on one half, rate them on the other, and average.

    Parameters
    ----------
    members, nonmembers : ndarray of int
        Dense ranks of the scores among both samples together.
    n_resamples : int
        Random divisions into two halves; each half is chosen on and rated on once.
    rng : numpy.random.Generator

    Returns
    -------
    CrossFitted
        All ``nan`` if a sample has one record only: nothing is left to choose on.
    """
    m, n = len(members), len(nonmembers)
    if min(m, n) < 2:
        return CrossFitted(*[np.nan] * 4)
    ranks = np.concatenate([members, nonmembers])
    order = np.argsort(ranks, kind="stable")
    is_member = order < m
    starts = np.flatnonzero(np.diff(ranks[order], prepend=-1))  # where each rank begins
    chunk = max(1, _CELLS // (m + n))
    sums = np.zeros(4)
    for first in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - first)
        in_half = np.empty((size, m + n), dtype=bool)
        in_half[:, :m] = rng.permuted(np.tile(np.arange(m) < m // 2, (size, 1)), axis=1)
        in_half[:, m:] = rng.permuted(np.tile(np.arange(n) < n // 2, (size, 1)), axis=1)
        in_half = in_half[:, order]
        one = _Half(in_half & is_member, in_half & ~is_member, starts)
        two = _Half(~in_half & is_member, ~in_half & ~is_member, starts)
        sums += _rate(one, two) + _rate(two, one)
    advantage, area, hits, false = sums / n_resamples
    return CrossFitted(float(advantage / 2), float(area / 2), float(hits), float(false))


class _Half:
    """Counts of one half of the records below every rank, a row a division."""

    def __init__(self, is_member, is_nonmember, starts):
        self.m, self.below_m = self._below(is_member, starts)
        self.n, self.below_n = self._below(is_nonmember, starts)
        self.gain = self.below_n / self.n - self.below_m / self.m  # TPR - FPR from that rank up
        middle = (self.below_n[:, 1:] + self.below_n[:, :-1]) / 2
        self.area = (np.diff(self.below_m, axis=1) * middle).sum(axis=1) / (self.m * self.n)

    @staticmethod
    def _below(flags, starts):
        total = np.cumsum(flags, axis=1, dtype=np.int32)
        zero = np.zeros((len(flags), 1), dtype=np.int32)
        below = np.concatenate([zero, total], axis=1)[:, np.append(starts, flags.shape[1])]
        return int(total[0, -1]), below


def _rate(chosen_on, rated_on):
    """Sums, over the divisions, of what the rule chosen on one half does on the other."""
    cut = _middle_of_best(np.abs(chosen_on.gain))
    rows = np.arange(len(cut))
    upward = chosen_on.gain[rows, cut] >= 0  # else members score LOWER: the rule turns round
    # An attacker who gained no more than chance gives on average calls nobody a member.
    speaks = np.abs(chosen_on.gain[rows, cut]) >= _chance_gain(chosen_on.m, chosen_on.n)
    gain = speaks * np.where(upward, 1, -1) * rated_on.gain[rows, cut]
    below_m, below_n = rated_on.below_m[rows, cut], rated_on.below_n[rows, cut]
    hits = speaks * np.where(upward, rated_on.m - below_m, below_m)
    false = speaks * np.where(upward, rated_on.n - below_n, below_n)
    lean = chosen_on.area - 0.5
    sign = np.where(np.abs(lean) < 1e-12, 0.0, np.sign(lean))
    area = sign * (rated_on.area - 0.5)
    return np.array([gain.sum(), area.sum(), hits.sum(), false.sum()])


def _chance_gain(m, n):
    """Mean of the largest |TPR - FPR| over thresholds when nothing leaks.

    Kolmogorov's distribution has the mean sqrt(pi / 2) ln 2; Stephens (1970) gives the correction
    for small samples.
    """
    root = np.sqrt(m * n / (m + n))
    return np.sqrt(np.pi / 2) * np.log(2) / (root + 0.12 + 0.11 / root)


def _middle_of_best(size):
    """Middle of the first run of largest values in each row.

    Ranks between two records of the half that is chosen on are as good as each other there;
    the middle of the gap errs least on the other half.
    """
    best = size >= size.max(axis=1, keepdims=True) - 1e-12
    first = np.argmax(best, axis=1)
    after = ~best & (np.arange(size.shape[1]) > first[:, None])
    end = np.where(after.any(axis=1), np.argmax(after, axis=1), size.shape[1])
    return (first + end - 1) // 2


def advantage_interval(fitted, members, nonmembers, level):
    """Interval of the advantage of the best threshold on these scores, in either direction.

    Lower limit: that of the cross-fitted rule, which no best rule is worse than.  Upper limit:
    the largest upper limit over all thresholds; the truly best threshold is one of them, and
    its own limit holds at the level asked for, so no correction for the search is due.

    Parameters
    ----------
    fitted : CrossFitted
    members, nonmembers : ndarray of int
        Dense ranks, as for :func:`cross_fit`.
    level : float

    Returns
    -------
    low, high : float
        The lower limit may be negative, like the estimate itself.
    """
    m, n = len(members), len(nonmembers)
    low = -1.0
    if min(m, n) > 1:
        low = difference_interval(fitted.true_positives, m, fitted.false_positives, n, level)[0]
    n_ranks = 1 + max(members.max(), nonmembers.max())
    above_m = np.append(np.bincount(members, minlength=n_ranks)[::-1].cumsum()[::-1], 0)
    above_n = np.append(np.bincount(nonmembers, minlength=n_ranks)[::-1].cumsum()[::-1], 0)
    upward = difference_interval(above_m, m, above_n, n, level)[1]
    downward = difference_interval(m - above_m, m, n - above_n, n, level)[1]
    return float(low), float(max(upward.max(), downward.max()))
