"""How far a model is from retraining, with the oracles' own spread in the interval.

Retraining is no point: two oracles that differ by their seed alone differ too. An interval
for "model minus retraining" therefore has two parts, the sampling of records and the seeds of
the oracles (and of the models, where there are several); the half-widths are combined by the
root of their squares.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from ._auc import placements

__all__ = ["Difference", "auc_difference", "distance_difference", "gap_summary", "mean_difference"]


@dataclass(frozen=True)
class Difference:
    """A measure of a model, or of several runs of a mechanism, less that of retrained models.

    Attributes
    ----------
    sides : tuple of ndarray
        What each record contributes, each side with the difference as its mean: one side for
        a mean over records; members and non-members for an AUC.
    means : ndarray of shape (n_models,)
        The measure of each model.
    oracle_means : ndarray of shape (n_oracles,)
    bounded : bool
        Whether differences lie in [-1, 1]; then half a disagreement each way is added to
        the variance (Agresti & Min, 2005), which keeps "no record differs" from having no
        uncertainty.
    spread_factor : float, default=1
        What the deviation of `oracle_means` is to be multiplied by.
    """

    sides: tuple
    means: np.ndarray
    oracle_means: np.ndarray
    bounded: bool
    spread_factor: float = 1.0

    @property
    def value(self):
        """The difference."""
        return float(self.means.mean() - self.oracle_means.mean())

    @property
    def largest(self):
        """The largest difference that there can be."""
        return 1.0 if self.bounded else np.inf

    def gap(self, level, family=1, n_oracles=None):
        """Return the difference with its interval over records and seeds.

        Parameters
        ----------
        level : float
        family : int, default=1
            How many comparisons are made together.
        n_oracles : int, default=None
            What the interval would be with so many oracles, if all figures stayed; None for
            those that there are.

        Returns
        -------
        dict
            See :func:`gap_summary`.
        """
        return gap_summary(
            self.means,
            sum(_variance(side, self.bounded) for side in self.sides),
            self.oracle_means,
            level,
            family,
            spread_factor=self.spread_factor,
            largest=self.largest,
            n_oracles=n_oracles,
        )


def mean_difference(values, oracle_values, *, bounded=False):
    """Compare a mean over records with the oracles' means over the same records.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n_models, n)
        One number a record (1 where right, its loss, ...).
    oracle_values : ndarray of shape (n_oracles, n)
    bounded : bool, default=False
        Whether differences lie in [-1, 1].

    Returns
    -------
    Difference
    """
    values = np.atleast_2d(values)
    return Difference(
        (values.mean(axis=0) - oracle_values.mean(axis=0),),
        values.mean(axis=1),
        oracle_values.mean(axis=1),
        bounded,
    )


def _variance(difference, bounded):
    """Return the squared standard error of a mean of paired differences."""
    n = len(difference)
    squares = ((difference - difference.mean()) ** 2).sum()
    if bounded:
        return (squares + 1) / (n + 2) ** 2
    return squares / (n * (n - 1)) if n > 1 else np.inf


def auc_difference(scores, oracle_scores):
    """Compare an attack's AUC on a model with its AUCs on the oracles, same records.

    The records' part is DeLong's variance for paired curves (DeLong, DeLong &
    Clarke-Pearson, 1988) with half a disagreement each way on both sides.

    Parameters
    ----------
    scores : list of tuple of ndarray
        For each model the scores of members, of shape (m,), and of non-members, of shape (n,).
    oracle_scores : list of such tuples

    Returns
    -------
    Difference
    """
    mine = [placements(*pair) for pair in scores]
    theirs = [placements(*pair) for pair in oracle_scores]
    sides = tuple(
        np.mean([p[side] for p in mine], axis=0) - np.mean(other, axis=0)
        for side, other in enumerate(zip(*theirs, strict=True))
    )
    areas = [np.array([below.mean() for below, _ in found]) for found in (mine, theirs)]
    return Difference(sides, *areas, bounded=True)


def distance_difference(proba, oracle_proba):
    """Compare a model's distance to the oracles with their distances among themselves.

    The distance of two models is the mean total variation of their probabilities over the
    records: the share of probability that is placed otherwise. A model that is one more
    oracle is as far from the oracles as they are from each other.

    Parameters
    ----------
    proba : list of ndarray of shape (n, n_classes)
        One array a model.
    oracle_proba : list of ndarray of shape (n, n_classes)
        Two at least, and three where their spread is wanted: one distance has none.

    Returns
    -------
    Difference
        An oracle's mean distance to the K - 1 others shares each of its terms with another
        oracle's, so the K means lie closer together than independent ones would; where the
        distance is symmetric, by (K - 2)/(K - 1) in the worst case (one oracle's oddity, seen
        by all others). Their deviation is to be divided by that.
    """
    k = len(oracle_proba)
    own = np.array([np.mean([_variation(p, o) for o in oracle_proba], axis=0) for p in proba])
    theirs = np.array(
        [
            np.mean([_variation(p, o) for j, o in enumerate(oracle_proba) if j != i], axis=0)
            for i, p in enumerate(oracle_proba)
        ]
    )
    return Difference(
        (own.mean(axis=0) - theirs.mean(axis=0),),
        own.mean(axis=1),
        theirs.mean(axis=1),
        bounded=True,
        spread_factor=(k - 1) / (k - 2) if k > 2 else np.inf,
    )


def _variation(one, two):
    return np.abs(one - two).sum(axis=1) / 2


def gap_summary(
    means,
    record_variance,
    oracle_means,
    level,
    family=1,
    *,
    spread_factor=1.0,
    largest=np.inf,
    n_oracles=None,
):
    """Turn a difference to the oracles' mean into an interval and an equivalence margin.

    Parameters
    ----------
    means : float or ndarray of shape (n_models,)
        The model's, or those of several runs of one mechanism.
    record_variance : float
        Squared standard error of the difference over records.
    oracle_means : ndarray of shape (n_oracles,)
    level : float
    family : int, default=1
        How many comparisons are made together; ``differs`` allows for them (Bonferroni).
    spread_factor : float, default=1
        What the deviation of `oracle_means` is to be multiplied by.
    largest : float, default=inf
        The largest difference that there can be; no limit lies beyond it.
    n_oracles : int, default=None
        The number of oracles, where it is to be supposed to be another.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``; ``differs``, whether 0 lies outside the interval that
        holds for the whole family; ``margin``, the smallest difference for which two
        one-sided tests at ``1 - level`` would call model and retraining equivalent;
        ``oracle_mean``; ``oracle_low``, ``oracle_high``, the band that the oracles span.
        With a single oracle, whose spread is not known, only the value and the oracle's are
        given; the others are None.
    """
    means, k = np.atleast_1d(means), len(oracle_means)
    value = means.mean() - oracle_means.mean()
    summary = {
        "value": float(value),
        "low": None,
        "high": None,
        "differs": None,
        "margin": None,
        "oracle_mean": float(oracle_means.mean()),
        "oracle_low": float(oracle_means.min()),
        "oracle_high": float(oracle_means.max()),
    }
    if k < 2:
        return summary
    seed_error, df = _seed_error(means, spread_factor * oracle_means.std(ddof=1), n_oracles or k)
    record_error = np.sqrt(record_variance)

    def half_width(tail):
        return float(np.hypot(t.isf(tail, df) * seed_error, norm.isf(tail) * record_error))

    half = half_width((1 - level) / 2)
    summary.update(
        low=float(max(value - half, -largest)),
        high=float(min(value + half, largest)),
        differs=bool(abs(value) > half_width((1 - level) / (2 * family))),
        margin=float(min(abs(value) + half_width(1 - level), largest)),
    )
    return summary


def _seed_error(means, deviation, k):
    """Standard error of the difference to `k` oracles over seeds, and its degrees of freedom."""
    m, theirs = len(means), deviation**2
    if m == 1:
        # one model spreads as an oracle does
        return np.sqrt(theirs * (1 + 1 / k)), k - 1
    parts = np.array([theirs / k, means.var(ddof=1) / m])
    if not parts.any():
        return 0.0, 1
    df = parts.sum() ** 2 / (parts**2 / [k - 1, m - 1]).sum()
    return np.sqrt(parts.sum()), df
