"""What a membership attack achieved, as one object that cannot be read wrongly.

A true-positive rate comes with its false-positive rate, every number with its interval, and an
attack that is right about the opposite (AUC below 1/2) counts as a leak.
"""

import dataclasses
import itertools
from dataclasses import dataclass, field

import numpy as np

from .._shape import each, maybe, number, one_of, pair, real, record, whole
from ._rates import OperatingPoint, tpr_interval

__all__ = ["MembershipResult"]

_FORMAT = "skqmu.MembershipResult/1"
# the curve's band takes an array of so many entries
_MOST_RECORDS = 10_000_000
_SHARE = number(-1e-9, 1 + 1e-9)  # computed limits of intervals are shares up to rounding
_SHAPE = record(
    {
        "n_members": whole(1, _MOST_RECORDS),
        "n_nonmembers": whole(1, _MOST_RECORDS),
        "level": number(1e-6, 1 - 1e-6),
        "auc": number(0, 1),
        "auc_se": real,
        "auc_interval": pair(_SHARE),
        "distinguishability": _SHARE,
        "distinguishability_interval": pair(_SHARE),
        "corrected_distinguishability": real,
        "advantage": real,
        "advantage_interval": pair(real),
        "operating_points": each(
            record(
                {
                    "fpr_target": maybe(_SHARE),
                    "threshold": real,
                    "fpr": _SHARE,
                    "tpr": real,
                    "fpr_interval": pair(_SHARE),
                    "tpr_interval": pair(_SHARE),
                },
                closed=True,
            )
        ),
    },
    optional={
        "format": one_of(_FORMAT),
        "roc_fpr": each(_SHARE),
        "roc_tpr": each(_SHARE),
        "roc_thresholds": each(real),
        "n_resamples": whole(),
    },
    closed=True,
)


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

    Raises
    ------
    TypeError
        Operating points of another kind.
    ValueError
        Curves of unequal lengths, or an area outside [0, 1].

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
            The dict has another format, or something in it is not what the format says; the
            message names it.
        """
        found = values.get("format") if isinstance(values, dict) else type(values).__name__
        if found != _FORMAT:
            raise ValueError(
                f"format={found!r} is not {_FORMAT!r}: this is not what MembershipResult.to_dict "
                "of this version writes."
            )
        _SHAPE(values, "result")
        for name in ("roc_fpr", "roc_tpr"):
            curve = values.get(name, ())
            if any(after < before for before, after in itertools.pairwise(curve)):
                raise ValueError(f"result.{name} must never fall: it is a curve of shares.")
        values = {name: _unplain(value) for name, value in values.items() if name != "format"}
        values["operating_points"] = tuple(
            OperatingPoint(**point) for point in values["operating_points"]
        )
        return cls(**values)

    @classmethod
    def json_schema(cls):
        """Return what :meth:`to_dict` writes as JSON Schema (draft 2020-12).

        Returns
        -------
        dict
        """
        return _SHAPE.schema

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

    def report(self, *, title=None, attack=None):
        """Return the result as a report: JSON, a page, Markdown, text.

        Parameters
        ----------
        title : str or None, default=None
            Names the target in it.
        attack : attack or None, default=None
            The one that achieved it: all its settings go into the report, rows do not.

        Returns
        -------
        MembershipReport

        Examples
        --------
        >>> from skqmu.metrics import membership_result
        >>> report = membership_result([2.0, 3.0, 4.0], [1.0, 2.5, 0.5, 0.0], fprs=()).report()
        >>> report.data["schema"], report.result.auc
        ('skqmu.membership/1', 0.916...)
        """
        from ._membership_report import MembershipReport

        return MembershipReport.from_result(self, title=title, attack=attack)

    def __repr__(self):
        low, high = self.auc_interval
        return (
            f"MembershipResult(auc={self.auc:.3f} [{low:.3f}, {high:.3f}], "
            f"distinguishability={self.distinguishability:.3f}, advantage={self.advantage:.3f}, "
            f"n_members={self.n_members}, n_nonmembers={self.n_nonmembers})"
        )

    __str__ = summary


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
