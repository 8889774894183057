"""The records that an attack exposes most: leakage is never spread evenly."""

import numpy as np

from ._inputs import check_vector
from ._plotting import COLORS, axes_for, literal, tidy


class LeakRankingDisplay:
    """Bars of the most exposed records, against what non-members score.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Membership scores of records, larger = more exposed; infinite ones are drawn at the
        edge of the axis.
    names : sequence of shape (n,), default=None
        By default the records' positions.
    reference : array-like of shape (m,), default=None
        Scores of non-members; the largest and a quantile are drawn as lines.
    fpr : float, default=0.01
        Share of the non-members above the drawn quantile.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    order_ : ndarray of int
        Positions of all records, the most exposed first.
    exposed_ : int or None
        Records above the quantile of the non-members; None without a reference.

    Raises
    ------
    ValueError
        Another number of names than of records, or an `fpr` out of range.

    Examples
    --------
    >>> from skqmu.metrics import LeakRankingDisplay
    >>> display = LeakRankingDisplay.from_predictions([0.1, 3.0, 0.7], names=["a", "b", "c"])
    >>> display.order_.tolist()
    [1, 2, 0]
    """

    def __init__(self, scores, names=None, reference=None, fpr=0.01):
        self.scores = check_vector("scores", scores, finite=False)
        self.names = None if names is None else [str(name) for name in names]
        self.reference = (
            None if reference is None else check_vector("reference", reference, finite=False)
        )
        self.fpr = fpr
        if self.names is not None and len(self.names) != len(self.scores):
            raise ValueError(f"names ({len(self.names)}) must name {len(self.scores)} records.")
        if not 0 < fpr < 1:
            raise ValueError(f"fpr={fpr!r} must be between 0 and 1.")

    @classmethod
    def from_predictions(
        cls, scores, *, names=None, reference=None, fpr=0.01, n_records=20, ax=None
    ):
        """Draw given scores.

        Parameters
        ----------
        scores : array-like of shape (n,)
        names : sequence of shape (n,), default=None
        reference : array-like of shape (m,), default=None
        fpr : float, default=0.01
        n_records : int, default=20
            Bars.
        ax : matplotlib Axes, default=None

        Returns
        -------
        LeakRankingDisplay
        """
        return cls(scores, names, reference, fpr).plot(ax=ax, n_records=n_records)

    @classmethod
    def from_estimator(
        cls,
        attack,
        X,
        y,
        *,
        X_nonmember=None,
        y_nonmember=None,
        names=None,
        fpr=0.01,
        n_records=20,
        ax=None,
    ):
        """Score records with a fitted attack and draw the most exposed.

        Parameters
        ----------
        attack : fitted attack
            Anything with ``decision_function(X, y)``.
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
        X_nonmember : array-like of shape (m, d), default=None
            Records that the target never saw, for the reference lines.
        y_nonmember : array-like of shape (m,), default=None
        names : sequence of shape (n,), default=None
        fpr : float, default=0.01
        n_records : int, default=20
        ax : matplotlib Axes, default=None

        Returns
        -------
        LeakRankingDisplay
        """
        reference = None
        if X_nonmember is not None:
            reference = attack.decision_function(X_nonmember, y_nonmember)
        return cls.from_predictions(
            attack.decision_function(X, y),
            names=names,
            reference=reference,
            fpr=fpr,
            n_records=n_records,
            ax=ax,
        )

    def plot(self, ax=None, *, n_records=20):
        """Draw the bars, longest at the top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
        n_records : int, default=20

        Returns
        -------
        self
        """
        self.order_ = np.argsort(-self.scores, kind="stable")
        top = self.order_[: max(1, int(n_records))]
        self.ax_ = ax = axes_for(ax, figsize=(6.0, 1.2 + 0.24 * len(top)))
        self.figure_ = ax.figure
        values, start, stop, typical, cut = self._scale(self.scores[top])
        above = np.zeros(len(top), dtype=bool) if cut is None else self.scores[top] > cut
        colors = np.where(above, COLORS["forgotten"], COLORS["members"])
        rows = np.arange(len(top))[::-1]
        ax.hlines(rows, typical, values, color=colors, lw=2.2)
        ax.scatter(values, rows, s=36, c=colors, zorder=3)
        names = [str(i) for i in range(len(self.scores))] if self.names is None else self.names
        ax.set_yticks(rows, [literal(names[i]) for i in top], fontsize="small")
        title = f"{len(top)} most exposed of {len(self.scores)} records"
        self.exposed_ = None
        if cut is not None:
            self.exposed_ = int(np.sum(self.scores > cut))
            share = f"{100 * (1 - self.fpr):g}% of the non-members"
            title = f"{self.exposed_} of {len(self.scores)} records score above {share}"
            ax.axvline(typical, color="0.55", lw=1.0)
            ax.axvline(np.clip(cut, start, stop), color="0.25", lw=1.2, ls="--")
            at = ax.get_xaxis_transform()
            ax.text(typical, 1.0, "their median", transform=at, fontsize="small", ha="center")
            ax.text(
                np.clip(cut, start, stop),
                1.035,
                share,
                transform=at,
                fontsize="small",
                ha="center",
            )
        ax.set_title(title, loc="left", fontsize="medium", pad=24)
        ax.set_xlim(start, stop)
        ax.set_ylim(-0.6, len(top) - 0.4)
        ax.set_xlabel("membership score (larger = more exposed)")
        tidy(ax)
        ax.tick_params(axis="y", length=0)
        return self

    def _scale(self, shown):
        """Values to draw, both ends of the axis, a typical non-member, and the quantile."""
        typical, cut, known = 0.0, None, shown
        if self.reference is not None:
            cut = np.sort(self.reference)[::-1][int(np.floor(self.fpr * len(self.reference)))]
            typical = np.median(self.reference)
            known = np.concatenate([shown, [typical, cut]])
        finite = known[np.isfinite(known)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
        if self.reference is None:  # no yardstick: stems start at the weakest record shown
            typical = low
        pad = 0.06 * (high - low) or 0.5
        start, stop = low - pad, high + pad
        return np.clip(shown, start, stop), start, stop, float(np.clip(typical, start, stop)), cut
