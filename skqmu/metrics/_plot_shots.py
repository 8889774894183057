"""Leakage against the shots that an attacker spends on a record."""

import numpy as np

from ._membership_result import MembershipResult
from ._plotting import axes_for, error_bars, legend, literal, look, tidy

__all__ = ["ShotCurveDisplay"]


class ShotCurveDisplay:
    """AUC against shots times queries, one line for each number of queries and each noise.

    K answers of N shots tell as much as one of K N shots, so lines of several numbers of
    queries lie on each other where nothing but sampling hides what leaks.

    Parameters
    ----------
    points : sequence
        With ``shots`` (None: exact), ``n_queries``, ``noise`` and ``result`` (a
        :class:`MembershipResult`) each, such as ``ShotCurveResult.points``.
    auc : float, default=0.5
        The attack wins where the whole interval lies above this.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib containers
        One a line.
    wins_at_ : int or None
        Fewest shots on a record with which the attack wins; None where it does not, or only
        with exact answers.

    Raises
    ------
    ValueError
        No point.
    TypeError
        A point without a `MembershipResult`.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from skqmu.metrics import ShotCurveDisplay, membership_result
    >>> rng = np.random.default_rng(0)
    >>> points = [
    ...     SimpleNamespace(shots=shots, n_queries=1, noise=None, result=membership_result(
    ...         rng.normal(shift, 1, 200), rng.normal(0, 1, 200), fprs=()))
    ...     for shots, shift in ((16, 0.0), (256, 0.8), (None, 1.0))
    ... ]
    >>> ShotCurveDisplay(points).plot().wins_at_
    256
    """

    def __init__(self, points, *, auc=0.5):
        self.points = tuple(points)
        self.auc = auc
        if not self.points:
            raise ValueError("points is empty: there is nothing to draw.")
        for point in self.points:
            if not isinstance(getattr(point, "result", None), MembershipResult):
                raise TypeError(
                    "points must hold shots, n_queries, noise and a MembershipResult each, as "
                    f"ShotCurveResult.points does; got {point!r}."
                )

    @classmethod
    def from_predictions(cls, result, *, ax=None, **options):
        """Draw what a curve was evaluated to.

        Parameters
        ----------
        result : ShotCurveResult
        ax : matplotlib Axes, default=None
        **options : object
            Passed to the constructor.

        Returns
        -------
        ShotCurveDisplay
        """
        return cls(result.points, **options).plot(ax=ax)

    @classmethod
    def from_estimator(cls, curve, X, y, membership, *, ax=None, auc=0.5, **options):
        """Attack at every setting of a fitted curve, and draw it.

        Parameters
        ----------
        curve : fitted ShotLeakageCurve
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,)
        membership : array-like of shape (n,), bool
        ax : matplotlib Axes, default=None
        auc : float, default=0.5
        **options : object
            Passed to ``curve.evaluate``.

        Returns
        -------
        ShotCurveDisplay
        """
        points = curve.evaluate(X, y, membership, **options).points
        return cls(points, auc=auc).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the AUCs with their intervals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        self
        """
        self.ax_ = ax = axes_for(ax)
        self.figure_ = ax.figure
        budgets = [_budget(point) for point in self.points]
        sampled = [budget for budget in budgets if np.isfinite(budget)]
        # exact answers are infinitely many shots: they stand apart, at the right
        exact = 4 * max(sampled, default=1)
        groups = {}
        for point, budget in zip(self.points, budgets, strict=True):
            at = min(budget, exact)
            groups.setdefault((str(point.noise), point.n_queries), []).append((at, point))
        self.lines_ = []
        for position, members in enumerate(groups.values()):
            members.sort(key=lambda pair: pair[0])
            # bars of neighbouring lines stand beside each other, not on each other
            x = np.array([at for at, _ in members]) * 1.06 ** (position - (len(groups) - 1) / 2)
            results = [point.result for _, point in members]
            low, high = np.array([result.auc_interval for result in results]).T
            value = np.array([result.auc for result in results])
            self.lines_.append(
                ax.errorbar(
                    x,
                    value,
                    yerr=error_bars(low, value, high),
                    **look(position),
                    markersize=4,
                    capsize=2,
                    linewidth=1.2,
                    label=self._label(members[0][1]),
                )
            )
        ax.axhline(0.5, color="0.5", linewidth=0.8, linestyle="--", zorder=0)
        winning = [
            budget
            for budget, point in zip(budgets, self.points, strict=True)
            if np.isfinite(budget) and point.result.auc_interval[0] > self.auc
        ]
        self.wins_at_ = min(winning, default=None)
        self._label_axes(ax, sorted(set(sampled)), exact if len(sampled) < len(budgets) else None)
        if len(groups) > 1:
            legend(ax)
        tidy(ax)
        return self

    def _label(self, point):
        text = f"{point.n_queries} quer{'y' if point.n_queries == 1 else 'ies'}"
        return text if point.noise is None else f"{text}, noise {literal(point.noise)}"

    def _label_axes(self, ax, sampled, exact):
        ax.set_xscale("log")
        ticks = [*sampled, *([] if exact is None else [exact])]
        names = [*map(str, sampled), *([] if exact is None else ["exact"])]
        ax.set_xticks(ticks, names, rotation=45 if len(ticks) > 5 else 0)
        ax.minorticks_off()
        ax.set_xlabel("shots on a record (shots x queries)")
        ax.set_ylabel("AUC of the attack")
        wins = "with no finite number of" if self.wins_at_ is None else f"from {self.wins_at_}"
        ax.set_title(f"The attack wins {wins} shots on a record", fontsize="medium", loc="left")


def _budget(point):
    """Shots on one record, infinite where answers are exact; an int where finite."""
    return np.inf if point.shots is None else int(point.shots) * int(point.n_queries)
