"""What a membership attack achieved, as one object that cannot be read wrongly.

A true-positive rate comes with its false-positive rate, every number with its interval, and an
attack that is right about the opposite (AUC below 1/2) counts as a leak.
"""

import dataclasses
import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.metrics import roc_curve

from ..exceptions import ResolutionWarning
from ._auc import auc_interval, fold_interval, placements
from ._crossfit import advantage_interval, cross_fit
from ._inputs import as_generator, check_level, check_scores
from ._rates import (
    OperatingPoint,
    clopper_pearson,
    members_above_nonmembers,
    tpr_interval,
)

_MAX_ROC_POINTS = 2000
_FORMAT = "skqmu.MembershipResult/1"


@dataclass(frozen=True, repr=False)
class MembershipResult:
    """Membership scores of members and of non-members, compared; built by `membership_result`.

    Plain numbers and tuples only, so that it pickles, compares with ``==`` and turns into JSON.

    Parameters
    ----------
    n_members, n_nonmembers : int
    level : float
        Nominal level of every interval here.
    auc, auc_se : float
        Area under the ROC curve and its standard error (DeLong et al. 1988).
    auc_interval : tuple of (low, high)
    distinguishability : float
        Two-sided: ``sqrt(max(0, (auc - 1/2)**2 - auc_se**2))``, between 0 and 1/2.  For reading;
        for averaging or searching use `corrected_distinguishability`, because a number that
        cannot be negative averages above 0 even when nothing leaks.
    distinguishability_interval : tuple of (low, high)
        The AUC's interval, folded at 1/2.
    corrected_distinguishability : float
        ``|auc - 1/2|`` with its sign chosen out of sample: averages 0 when nothing leaks.
    advantage : float
        TPR - FPR of a threshold chosen out of sample, or 0 for an attacker who saw too little
        there to choose one: averages 0 when nothing leaks, and may be negative.
    advantage_interval : tuple of (low, high)
        Of the best threshold's advantage.
    operating_points : tuple of OperatingPoint
        TPR at the false-positive rates asked for, and at the fixed threshold if one was given.
    roc_fpr, roc_tpr, roc_thresholds : tuple of float
        The empirical ROC curve (thinned to at most 2000 points).
    n_resamples : int, default=0
        Divisions behind the corrected measures.

    Examples
    --------
    >>> from skqmu.metrics import membership_result
    >>> result = membership_result([2.0, 3.0, 4.0], [1.0, 2.5, 0.5, 0.0], fprs=(0.25,))
    >>> print(result.at_fpr(0.25).tpr, result.at_fpr(0.25).fpr)
    1.0 0.25
    """

    n_members: int
    n_nonmembers: int
    level: float
    auc: float
    auc_se: float
    auc_interval: tuple
    distinguishability: float
    distinguishability_interval: tuple
    corrected_distinguishability: float
    advantage: float
    advantage_interval: tuple
    operating_points: tuple
    roc_fpr: tuple = field(default=())
    roc_tpr: tuple = field(default=())
    roc_thresholds: tuple = field(default=())
    n_resamples: int = 0

    def __post_init__(self):
        for point in self.operating_points:
            if not isinstance(point, OperatingPoint):
                raise TypeError(
                    "operating_points must hold OperatingPoint objects, which keep a "
                    f"true-positive rate and its false-positive rate together; got {point!r}."
                )
        if not len(self.roc_fpr) == len(self.roc_tpr) == len(self.roc_thresholds):
            raise ValueError(
                f"roc_fpr ({len(self.roc_fpr)}), roc_tpr ({len(self.roc_tpr)}) and "
                f"roc_thresholds ({len(self.roc_thresholds)}) must be equally long."
            )
        if not 0 <= self.auc <= 1:
            raise ValueError(f"auc={self.auc} is not in [0, 1].")

    @property
    def balanced_accuracy(self):
        """Balanced accuracy of the threshold chosen out of sample: (1 + advantage) / 2."""
        return (1 + self.advantage) / 2

    @property
    def balanced_accuracy_interval(self):
        """Interval of the best threshold's balanced accuracy."""
        low, high = self.advantage_interval
        return (1 + low) / 2, (1 + high) / 2

    def at_fpr(self, fpr):
        """Return the operating point for a false-positive rate that was asked for.

        Parameters
        ----------
        fpr : float

        Returns
        -------
        OperatingPoint

        Raises
        ------
        ValueError
            That rate was not among ``fprs``.
        """
        for point in self.operating_points:
            if point.fpr_target is not None and np.isclose(point.fpr_target, fpr, atol=0):
                return point
        known = [p.fpr_target for p in self.operating_points if p.fpr_target is not None]
        raise ValueError(
            f"fpr={fpr} was not evaluated; there are {known}. "
            f"Pass fprs=(..., {fpr}) to membership_result."
        )

    @property
    def fixed(self):
        """The operating point of the threshold that was given, or None."""
        return next((p for p in self.operating_points if p.fpr_target is None), None)

    def roc_band(self, fprs=None):
        """Pointwise confidence band of the ROC curve, threshold uncertainty included.

        Parameters
        ----------
        fprs : array-like of shape (k,), default=None
            False-positive rates; by default 40 from ``1 / n_nonmembers`` to 1, spaced evenly
            on a logarithmic axis.

        Returns
        -------
        fprs, low, high : ndarrays of shape (k,)
        """
        if fprs is None:
            fprs = np.geomspace(min(0.5, 1 / self.n_nonmembers), 1.0, 40)
        fprs = np.clip(np.asarray(fprs, dtype=float), 0.0, 1.0)
        above = self._members_above()
        limits = [tpr_interval(above, self.n_members, fpr, self.level) for fpr in fprs]
        low, high = np.array(limits).reshape(-1, 2).T
        return fprs, low, high

    def _members_above(self):
        # The curve's height just before it steps right past the k-th non-member.
        false = np.rint(np.array(self.roc_fpr) * self.n_nonmembers)
        true = np.rint(np.array(self.roc_tpr) * self.n_members).astype(int)
        before = np.searchsorted(false, np.arange(1, self.n_nonmembers + 1), side="left") - 1
        return np.concatenate([[0], true[before], [self.n_members]])

    def to_dict(self):
        """Return plain Python values that strict JSON holds (infinities and nan as strings).

        Returns
        -------
        dict
        """
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain["operating_points"] = [dataclasses.asdict(p) for p in self.operating_points]
        return {"format": _FORMAT, **_plain(plain)}

    @classmethod
    def from_dict(cls, values):
        """Return the result that `to_dict` wrote.

        Parameters
        ----------
        values : dict

        Returns
        -------
        MembershipResult

        Raises
        ------
        ValueError
            The dict has another format.
        """
        if values.get("format") != _FORMAT:
            raise ValueError(
                f"format={values.get('format')!r} is not {_FORMAT!r}: this is not what "
                "MembershipResult.to_dict of this version writes."
            )
        values = {name: _unplain(value) for name, value in values.items() if name != "format"}
        values["operating_points"] = tuple(
            OperatingPoint(**point) for point in values["operating_points"]
        )
        return cls(**values)

    def summary(self):
        """Return the lines a reader needs, intervals and sample sizes included.

        Returns
        -------
        str
        """
        pair = f"{self.level:.0%} interval"
        lines = [
            f"members {self.n_members}, non-members {self.n_nonmembers}; {pair} in brackets",
            f"distinguishability |AUC - 1/2|  {_show(self.distinguishability)} "
            f"{_span(self.distinguishability_interval)}",
            f"AUC                             {_show(self.auc)} {_span(self.auc_interval)}",
            f"advantage TPR - FPR             {_show(self.advantage)} "
            f"{_span(self.advantage_interval)}",
            f"balanced accuracy               {_show(self.balanced_accuracy)} "
            f"{_span(self.balanced_accuracy_interval)}",
        ]
        for point in self.operating_points:
            name = "fixed threshold" if point.fpr_target is None else f"FPR {point.fpr_target:.3g}"
            value = _show(point.tpr) if point.resolved else "unresolved"
            lines.append(
                f"{'TPR at ' + name:<31} {value} {_span(point.tpr_interval)} "
                f"at a sample FPR of {_show(point.fpr)} {_span(point.fpr_interval)}"
            )
        return "\n".join(lines)

    def __repr__(self):
        low, high = self.auc_interval
        return (
            f"MembershipResult(auc={self.auc:.3f} [{low:.3f}, {high:.3f}], "
            f"distinguishability={self.distinguishability:.3f}, advantage={self.advantage:.3f}, "
            f"n_members={self.n_members}, n_nonmembers={self.n_nonmembers})"
        )

    __str__ = summary


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
        distinguishability=float(np.sqrt(max(0.0, (area - 0.5) ** 2 - se**2))),
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


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def _unplain(value):
    if isinstance(value, dict):
        return {key: _unplain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_unplain(item) for item in value)
    return float(value) if isinstance(value, str) else value


def _show(value):
    return "  nan" if np.isnan(value) else f"{value:.3f}"


def _span(interval):
    return f"[{interval[0]:.3f}, {interval[1]:.3f}]"
