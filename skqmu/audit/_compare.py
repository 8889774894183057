"""How far a model is from retraining, with the oracles' own spread in the interval.

Retraining is no point: two oracles that differ by their seed alone differ too. An interval
for "model minus retraining" therefore has two parts, the sampling of records and the seeds of
the oracles; both half-widths are combined by the root of their squares.
"""

import numpy as np
from scipy.stats import norm, rankdata, t

__all__ = ["auc_gap", "gap_summary", "mean_gap", "placements"]


def mean_gap(values, oracle_values, level, *, family=1, bounded=False):
    """Compare a mean over records with the oracles' means over the same records.

    Parameters
    ----------
    values : ndarray of shape (n,)
        One number a record (1 where right, its loss, ...).
    oracle_values : ndarray of shape (n_oracles, n)
    level : float
    family : int, default=1
        How many comparisons are made together.
    bounded : bool, default=False
        Whether differences lie in [-1, 1]; then half a disagreement each way is added to
        the variance (Agresti & Min, 2005), which keeps "no record differs" from having no
        uncertainty.

    Returns
    -------
    dict
        See :func:`gap_summary`.
    """
    difference = values - oracle_values.mean(axis=0)
    means = oracle_values.mean(axis=1)
    return gap_summary(difference.mean(), _variance(difference, bounded), means, level, family)


def _variance(difference, bounded):
    """Return the squared standard error of a mean of paired differences."""
    n = len(difference)
    squares = ((difference - difference.mean()) ** 2).sum()
    if bounded:
        return (squares + 1) / (n + 2) ** 2
    return squares / (n * (n - 1)) if n > 1 else np.inf


def placements(members, nonmembers):
    """Return each score's share of the other side below it, ties counting one half.

    Parameters
    ----------
    members : ndarray of shape (m,)
    nonmembers : ndarray of shape (n,)

    Returns
    -------
    below : ndarray of shape (m,)
        Share of non-members below each member; its mean is the AUC.
    above : ndarray of shape (n,)
        Share of members above each non-member; its mean is the AUC, too.
    """
    m, n = len(members), len(nonmembers)
    ranks = rankdata(np.concatenate([members, nonmembers]))
    below = (ranks[:m] - rankdata(members)) / n
    above = 1 - (ranks[m:] - rankdata(nonmembers)) / m
    return below, above


def auc_gap(scores, oracle_scores, level, *, family=1):
    """Compare an attack's AUC on a model with its AUCs on the oracles, same records.

    The records' part is DeLong's variance for paired curves (DeLong, DeLong &
    Clarke-Pearson, 1988) with half a disagreement each way on both sides.

    Parameters
    ----------
    scores : tuple of ndarray
        Scores of members, of shape (m,), and of non-members, of shape (n,).
    oracle_scores : list of such tuples
    level : float
    family : int, default=1

    Returns
    -------
    dict
        See :func:`gap_summary`.
    """
    mine = placements(*scores)
    theirs = [placements(*pair) for pair in oracle_scores]
    variance = sum(
        _variance(mine[side] - np.mean([other[side] for other in theirs], axis=0), True)
        for side in (0, 1)
    )
    areas = np.array([below.mean() for below, _ in theirs])
    return gap_summary(mine[0].mean() - areas.mean(), variance, areas, level, family)


def gap_summary(value, record_variance, oracle_means, level, family=1):
    """Turn a difference to the oracles' mean into an interval and an equivalence margin.

    Parameters
    ----------
    value : float
        Model minus the oracles' mean.
    record_variance : float
        Its squared standard error over records.
    oracle_means : ndarray of shape (n_oracles,)
    level : float
    family : int, default=1
        How many comparisons are made together; ``differs`` allows for them (Bonferroni).

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
    k = len(oracle_means)
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
    seed_error = oracle_means.std(ddof=1) * np.sqrt(1 + 1 / k)
    record_error = np.sqrt(record_variance)

    def half_width(tail):
        return float(np.hypot(t.isf(tail, k - 1) * seed_error, norm.isf(tail) * record_error))

    half = half_width((1 - level) / 2)
    summary.update(
        low=float(value - half),
        high=float(value + half),
        differs=bool(abs(value) > half_width((1 - level) / (2 * family))),
        margin=float(abs(value) + half_width(1 - level)),
    )
    return summary
