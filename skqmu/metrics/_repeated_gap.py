"""A difference to retraining over repeats, each with an original and oracles of its own.

The repeats are independent given the table, so the mean over them has a t-interval whatever the
measure is. What they share are the table's rows: another table of as many rows would give
another mean, however many repeats there are. That part is estimated from what each row
contributes on average, and is the part that repeats do not shrink.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

__all__ = ["RepeatedGap", "repeated_gap"]

# how sure one wants to be of a decision when one asks how many repeats or rows it takes
_POWER = 0.9
# repeats beyond which one might as well say that no number would do
_MOST = 10_000


@dataclass(frozen=True)
class RepeatedGap:
    """The mean difference to retraining over repeats, and what is uncertain about it.

    Attributes
    ----------
    each : ndarray of shape (n_repeats,)
        The difference in each repeat.
    oracle_means : ndarray of shape (n_repeats,)
        The oracles' mean in each repeat.
    spread : float
        Standard deviation of a repeat's difference.
    rows_error : float
        Standard error that the choice of the table's rows alone brings.
    n_rows : int
        Rows behind it; of the side that has fewer, where there are two.
    times : float
        How often a row came, on average; of the side where it is less.
    largest : float
        The largest difference that there can be.
    """

    each: np.ndarray
    oracle_means: np.ndarray
    spread: float
    rows_error: float
    n_rows: int
    times: float
    largest: float

    @property
    def value(self):
        """The mean difference."""
        return float(self.each.mean())

    def half_width(self, tail):
        """Return half the width of the interval, given the table, that leaves `tail` a side.

        Parameters
        ----------
        tail : float
        """
        n = len(self.each)
        return float(t.isf(tail, n - 1) * self.spread / np.sqrt(n))

    def half_width_with_rows(self, tail):
        """Return the same where other tables of as many rows are meant, too.

        Parameters
        ----------
        tail : float
        """
        return float(np.hypot(self.half_width(tail), self.rows_part(tail)))

    def rows_part(self, tail):
        """Return what is left of :meth:`half_width_with_rows` with ever more repeats."""
        if not self.rows_error:
            return 0.0
        return float(t.isf(tail, max(1, self.n_rows - 1)) * self.rows_error)

    def differs(self, tail):
        """Whether 0 lies outside the interval that leaves `tail` on either side.

        A procedure that is retraining in law differs on no rows at all on average, so those
        of the table do.
        """
        return abs(self.value) > self.half_width(tail)

    def margin(self, tail):
        """Return the smallest delta for which two one-sided tests would show equivalence."""
        return min(abs(self.value) + self.half_width_with_rows(tail), self.largest)

    @property
    def knows_rows(self):
        """Whether rows came often enough to tell what is theirs from what is the seeds'.

        Where each repeat draws rows anew, few repeats have seen only some of the table's, most
        of them once, and their part looks larger than it is.
        """
        return self.n_rows < 2 or self.times >= 2

    def repeats_to_show_equivalence(self, tail, delta):
        """Return how many repeats would do if value and spread stay; inf where none would."""
        room = max(0.0, delta - abs(self.value)) ** 2 - self.rows_part(tail) ** 2
        return self._repeats(room, tail, (1 - _POWER) / 2)

    def repeats_to_find(self, tail):
        """Return how many repeats would show a difference if value and spread stay; or inf."""
        return self._repeats(self.value**2, tail, 1 - _POWER)

    def _repeats(self, room, tail, miss):
        """The fewest repeats that leave both errors room, which few degrees of freedom widen."""
        if room <= 0:
            return np.inf

        def wide(n):
            return (t.isf(tail, n - 1) + t.isf(miss, n - 1)) ** 2 * self.spread**2 > n * room

        least = (norm.isf(tail) + norm.isf(miss)) ** 2 * self.spread**2 / room
        if least > _MOST:
            return np.inf
        n = max(2, int(np.ceil(least)))
        while wide(n):  # beyond a few dozen the first guess is as good as right
            n += 1
        return n

    def rows_to_show_equivalence(self, tail, delta):
        """Return about how many rows would leave room for delta, with ever so many repeats."""
        wanted = delta / (norm.isf(tail) + norm.isf((1 - _POWER) / 2))
        return int(np.ceil(self.n_rows * (self.rows_error / wanted) ** 2))

    def to_dict(self, level, tails):
        """Return plain values.

        Parameters
        ----------
        level : float
            Of the interval.
        tails : tuple of (float, float)
            Left on either side when a difference is looked for, and in each of the two
            one-sided tests.
        """
        tail = (1 - level) / 2

        def limits(half):
            return max(self.value - half, -self.largest), min(self.value + half, self.largest)

        low, high = limits(self.half_width(tail))
        rows_low, rows_high = limits(self.half_width_with_rows(tail))
        return {
            "value": self.value,
            "low": float(low),
            "high": float(high),
            "rows_low": float(rows_low),
            "rows_high": float(rows_high),
            "differs": bool(self.differs(tails[0])),
            "margin": float(self.margin(tails[1])),
            "oracle_mean": float(self.oracle_means.mean()),
            "oracle_low": float(self.oracle_means.min()),
            "oracle_high": float(self.oracle_means.max()),
            "each": self.each.tolist(),
        }


def repeated_gap(differences, rows):
    """Put the repeats of one measure together.

    Parameters
    ----------
    differences : list of Difference
        Two at least.
    rows : list of tuple of ndarray
        For each of them, which rows its sides are of: the same number is the same row.

    Returns
    -------
    RepeatedGap
    """
    each = np.array([difference.value for difference in differences])
    variance = each.var(ddof=1)
    if differences[0].bounded:
        # half a disagreement each way among all that were looked at, as for a single run
        n_seen = (sum(len(d.sides[side]) for d in differences) for side in range(len(rows[0])))
        variance += len(each) * sum(1 / (n + 2) ** 2 for n in n_seen)
    rows_variance, n_rows, times = 0.0, [], []
    for side, ids in enumerate(zip(*rows, strict=True)):
        found, n = _variance_of_rows([d.sides[side] for d in differences], ids)
        rows_variance += found
        n_rows.append(n)
        times.append(sum(map(len, ids)) / n)
    return RepeatedGap(
        each=each,
        oracle_means=np.array([d.oracle_means.mean() for d in differences]),
        spread=float(np.sqrt(variance)),
        rows_error=float(np.sqrt(rows_variance)),
        n_rows=min(n_rows),
        times=min(times),
        largest=differences[0].largest,
    )


def _variance_of_rows(sides, ids):
    """Return the variance that the choice of rows brings into a mean over them, and their number.

    A row's contribution is its own mean, what its repeat has in common, and the rest: the
    variance of the rows' own means by an analysis of variance between and within rows. Where
    no row comes twice the two cannot be told apart, and all of it is the rows'. A single row
    has no such variance: the statement is then about that row.
    """
    values = np.concatenate([side - side.mean() for side in sides])
    rows = np.unique(np.concatenate(ids), return_inverse=True)[1]
    times = np.bincount(rows)
    n, m = len(times), len(values)
    if n < 2:
        return 0.0, n
    means = np.bincount(rows, weights=values) / times
    between = (times * means**2).sum() / (n - 1)
    df_within = m - n - (len(sides) - 1)
    within = ((values - means[rows]) ** 2).sum() / df_within if df_within > 0 else 0.0
    a_row = (m - (times**2).sum() / m) / (n - 1)
    return max(0.0, between - within) / a_row / n, n
