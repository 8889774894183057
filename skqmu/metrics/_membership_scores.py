"""From membership scores of two samples to one result, with an interval for every number."""

import warnings

import numpy as np
from sklearn.metrics import roc_curve

from ..exceptions import ResolutionWarning
from ._auc import auc_interval, fold_interval, placements
from ._crossfit import advantage_interval, cross_fit
from ._inputs import as_generator, check_level, check_scores
from ._membership_result import MembershipResult
from ._rates import (
    OperatingPoint,
    clopper_pearson,
    members_above_nonmembers,
    tpr_interval,
)

__all__ = ["membership_result"]

_MAX_ROC_POINTS = 2000


def membership_result(
    scores_member,
    scores_nonmember,
    *,
    level=0.95,
    fprs=(0.01, 0.001),
    threshold=None,
    n_resamples=50,
    random_state=None,
):
    """Compare the membership scores of members with those of non-members.

    Parameters
    ----------
    scores_member : array-like of shape (m,)
        Larger = more likely a member.  Infinite scores are allowed, ``nan`` is not.
    scores_nonmember : array-like of shape (n,)
    level : float, default=0.95
        Nominal level of the intervals.
    fprs : sequence of float, default=(0.01, 0.001)
        False-positive rates at which the true-positive rate is wanted.
    threshold : float, default=None
        A threshold fixed BEFORE these scores were seen; its two rates are added, with
        Clopper-Pearson intervals.  A score at or above it is called a member.
    n_resamples : int, default=50
        Random divisions into halves for the cross-fitted advantage and distinguishability.
    random_state : int, RandomState instance, Generator or None, default=None
        Of those divisions.  None stands for one fixed seed: the same scores always give the
        same result.

    Returns
    -------
    MembershipResult

    Raises
    ------
    ValueError
        Empty or not one-dimensional samples, ``nan`` scores, rates outside (0, 1).

    Warns
    -----
    ResolutionWarning
        A false-positive rate below ``1 / n`` (its true-positive rate is ``nan``), or a sample of
        one record (nothing to choose a threshold on: the advantage is ``nan``).

    Notes
    -----
    AUC: score interval on Newcombe's (2006) variance, scaled by DeLong's (1988), with Student's
    quantile.  True-positive rates: the exact distribution of the estimated threshold mixed with
    Clopper-Pearson limits; a percentile bootstrap over both samples aims at the same, but covers
    only .80 to .85 at ``n * fpr = 1`` (normal scores, ``test_tpr_bootstrap_would_undercover``),
    so it is not used.
    Advantage: Newcombe's (1998) hybrid interval.
    ``tests/statistical/test_intervals.py`` measures the coverage of each.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import membership_result
    >>> rng = np.random.default_rng(0)
    >>> members, others = rng.normal(1, 1, 200), rng.normal(0, 1, 300)
    >>> result = membership_result(members, others, fprs=(0.01,))
    >>> result.auc_interval[0] < 0.76 < result.auc_interval[1]
    True
    >>> result.at_fpr(0.01).fpr <= 0.01
    True
    """
    members, nonmembers = check_scores(scores_member, scores_nonmember)
    check_level(level)
    m, n = len(members), len(nonmembers)
    if min(m, n) < 2:
        warnings.warn(
            f"{m} member(s) and {n} non-member(s): advantage and corrected distinguishability "
            "need two of each, one to choose on and one to rate; they are nan.",
            ResolutionWarning,
            stacklevel=2,
        )
    values, ranks = np.unique(np.concatenate([members, nonmembers]), return_inverse=True)
    rank_m, rank_n = ranks[:m], ranks[m:]

    area, se, low, high = (float(x) for x in auc_interval(*placements(rank_m, rank_n), level))
    fitted = cross_fit(rank_m, rank_n, _check_resamples(n_resamples), as_generator(random_state))
    curve = _roc(rank_m, rank_n, values)
    points = _operating_points(members, nonmembers, curve, fprs, threshold, level)
    thin = _thin(curve[0])
    return MembershipResult(
        n_members=m,
        n_nonmembers=n,
        level=float(level),
        auc=area,
        auc_se=se,
        auc_interval=(low, high),
        distinguishability=_beyond_its_error(abs(area - 0.5), se),
        distinguishability_interval=fold_interval(low, high),
        corrected_distinguishability=fitted.distinguishability,
        advantage=fitted.advantage,
        advantage_interval=advantage_interval(fitted, rank_m, rank_n, level),
        operating_points=points,
        roc_fpr=tuple(curve[0][thin].tolist()),
        roc_tpr=tuple(curve[1][thin].tolist()),
        roc_thresholds=tuple(curve[2][thin].tolist()),
        n_resamples=int(n_resamples),
    )


def _beyond_its_error(distance, error):
    """``sqrt(distance**2 - error**2)``; 0 where the error is as large, to the last bits."""
    left = distance**2 - error**2
    # the root of what rounding leaves of equal squares would be some 1e-8
    return float(np.sqrt(left)) if left > 1e-15 * distance**2 else 0.0


def _roc(rank_m, rank_n, values):
    """The empirical curve; ranks stand in for scores, because scores may be infinite."""
    truth = np.repeat([1, 0], [len(rank_m), len(rank_n)])
    ranks = np.concatenate([rank_m, rank_n])
    fpr, tpr, cut = roc_curve(truth, ranks, drop_intermediate=False)
    thresholds = np.full(len(cut), np.inf)
    thresholds[1:] = values[cut[1:].astype(int)]
    return fpr, tpr, thresholds


def _thin(fpr):
    """Positions of at most _MAX_ROC_POINTS points, dense where the rate is small."""
    if len(fpr) <= _MAX_ROC_POINTS:
        return np.arange(len(fpr))
    spaced = np.geomspace(1, len(fpr), _MAX_ROC_POINTS).astype(int) - 1
    return np.unique(np.append(spaced, len(fpr) - 1))


def _operating_points(members, nonmembers, curve, fprs, threshold, level):
    m, n = len(members), len(nonmembers)
    above = members_above_nonmembers(members, nonmembers)
    points, unresolved = [], []
    for target in fprs:
        if not 0 < target < 1:
            raise ValueError(f"fprs={fprs!r}: every false-positive rate must be in (0, 1).")
        last = int(np.searchsorted(curve[0], target + 1e-12, side="right")) - 1
        fpr, tpr, cut = (float(part[last]) for part in curve)
        if n * target < 1 - 1e-9:
            unresolved.append(float(target))
            tpr = np.nan
        limits = tpr_interval(above, m, float(target), level)
        low, high = clopper_pearson(np.rint(fpr * n), n, level)
        points.append(OperatingPoint(float(target), cut, fpr, tpr, (low, high), limits))
    if unresolved:
        needed = ", ".join(f"{t:g} (needs {int(np.ceil(1 / t - 1e-9))})" for t in unresolved)
        warnings.warn(
            f"{n} non-members cannot resolve a false-positive rate of {needed}: the true-positive "
            "rate there is nan. Add non-members or ask for larger fprs.",
            ResolutionWarning,
            stacklevel=3,
        )
    if threshold is not None:
        hits, false = int(np.sum(members >= threshold)), int(np.sum(nonmembers >= threshold))
        points.append(
            OperatingPoint(
                None,
                float(threshold),
                false / n,
                hits / m,
                clopper_pearson(false, n, level),
                clopper_pearson(hits, m, level),
            )
        )
    return tuple(points)


def _check_resamples(n_resamples):
    if not isinstance(n_resamples, int | np.integer) or n_resamples < 1:
        raise ValueError(f"n_resamples={n_resamples!r} must be an integer of at least 1.")
    return int(n_resamples)
