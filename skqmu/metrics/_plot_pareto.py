"""The candidates of a search in two of their scores, and the front among them."""

import numpy as np

from ._pareto import non_dominated, score_table
from ._plotting import COLORS, axes_for, error_bars, tidy


class ParetoDisplay:
    """Candidates of a search by two scores; the front and the chosen one stand out.

    Parameters
    ----------
    x, y : array-like of shape (n_candidates,)
        Scores, greater is better.
    x_error, y_error : array-like of shape (n_candidates,), default=None
        Standard errors.
    x_label, y_label : str
    chosen : int, default=None
        Position of the candidate that was refitted.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    front_ : ndarray of int
        Positions of the candidates on the front, by ascending x.

    Raises
    ------
    ValueError
        Scores of unequal shapes, or of no candidate.

    Examples
    --------
    >>> from skqmu.metrics import ParetoDisplay
    >>> display = ParetoDisplay.from_predictions([0.9, 0.8, 0.7], [-0.4, -0.1, -0.2])
    >>> display.front_.tolist()
    [1, 0]
    """

    def __init__(self, x, y, *, x_error=None, y_error=None, x_label="x", y_label="y", chosen=None):
        self.x, self.y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        self.x_error, self.y_error = x_error, y_error
        self.x_label, self.y_label = x_label, y_label
        self.chosen = chosen
        if self.x.ndim != 1 or self.x.shape != self.y.shape or len(self.x) == 0:
            raise ValueError(
                f"x {self.x.shape} and y {self.y.shape} must hold the same candidates, at least "
                "one."
            )

    def _with_both_scores(self):
        known = np.isfinite(self.x) & np.isfinite(self.y)
        if not known.any():
            missing = {self.x_label: ~np.isfinite(self.x), self.y_label: ~np.isfinite(self.y)}
            told = ", ".join(f"{name} of {gaps.sum()}" for name, gaps in missing.items())
            raise ValueError(
                f"none of the {len(known)} candidates has both scores, so there is no front to "
                f"draw (missing: {told}): see the warnings of the search, or run it with "
                "error_score='raise'."
            )
        return known

    @classmethod
    def from_predictions(cls, x, y, *, ax=None, **options):
        """Draw given scores.

        Parameters
        ----------
        x, y : array-like of shape (n_candidates,)
        ax : matplotlib Axes, default=None
        **options : object
            Passed to the constructor.

        Returns
        -------
        ParetoDisplay
        """
        return cls(x, y, **options).plot(ax=ax)

    @classmethod
    def from_estimator(cls, search, x, y, *, ax=None):
        """Draw the candidates of a fitted search.

        Parameters
        ----------
        search : fitted GridSearchCV, RandomizedSearchCV or halving search
        x, y : str
            Names of two of its scores.
        ax : matplotlib Axes, default=None

        Returns
        -------
        ParetoDisplay
        """
        results = search.cv_results_
        values = score_table(results, (x, y))
        root = np.sqrt(search.n_splits_)
        return cls(
            *values.T,
            x_error=np.asarray(results[f"std_test_{x}"]) / root,
            y_error=np.asarray(results[f"std_test_{y}"]) / root,
            x_label=x,
            y_label=y,
            chosen=getattr(search, "best_index_", None),
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw candidates with their standard errors, the front and the chosen one.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            No candidate has both scores.
        """
        known = self._with_both_scores()
        self.ax_ = ax = axes_for(ax)
        self.figure_ = ax.figure
        rows = np.flatnonzero(known)
        front = rows[non_dominated(np.column_stack([self.x, self.y])[rows])]
        self.front_ = front[np.argsort(self.x[front], kind="stable")]
        bars = [
            None if e is None else error_bars(v - np.asarray(e), v, v + np.asarray(e))[:, known]
            for e, v in ((self.x_error, self.x), (self.y_error, self.y))
        ]
        ax.errorbar(
            self.x[known],
            self.y[known],
            xerr=bars[0],
            yerr=bars[1],
            fmt="o",
            ms=5,
            color="0.65",
            ecolor="0.85",
            elinewidth=1,
            label=f"candidates ({known.sum()})",
        )
        ax.plot(
            self.x[self.front_],
            self.y[self.front_],
            "o-",
            ms=6,
            lw=1.2,
            color=COLORS["members"],
            label="front",
        )
        if self.chosen is not None and known[self.chosen]:
            at = self.x[self.chosen], self.y[self.chosen]
            ax.plot(
                *at,
                "o",
                ms=13,
                mfc="none",
                mec=COLORS["forgotten"],
                mew=2,
                ls="none",
                label="chosen",
            )
        ax.set_xlabel(f"{self.x_label}  (greater is better)")
        ax.set_ylabel(f"{self.y_label}  (greater is better)")
        ax.margins(0.1)
        ax.legend(loc="best", frameon=False, fontsize="small")
        tidy(ax)
        return self
