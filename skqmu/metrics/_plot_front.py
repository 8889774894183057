"""Trade-offs as pictures: which candidates no other candidate beats in everything."""

import numpy as np

from ._forgetting_result import forgetting_result
from ._pareto import non_dominated
from ._plotting import COLORS, as_estimate_parts, axes_for, error_bars, label_points, tidy


class ForgettingUtilityDisplay:
    """Utility against what is left of the forget set, with the oracles as the place to be.

    Parameters
    ----------
    forget : dict of str to Estimate or float
        What a model still has of the forget set, for example its accuracy there; named by the
        models.
    utility : dict of str to Estimate or float
        For example the test accuracy of the same models.
    oracle_forget, oracle_utility : sequence of float, default=()
        The same of the oracles, one an oracle; their range is shaded.
    forget_label, utility_label : str

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    front_ : list of str
        Models that no other beats in both respects: nearer to the oracles' mean on the forget
        set (without oracles: lower) and higher in utility.

    Raises
    ------
    ValueError
        Models or oracles in one of the two and not in the other, or no model.

    Examples
    --------
    >>> from skqmu.metrics import ForgettingUtilityDisplay
    >>> display = ForgettingUtilityDisplay.from_predictions(
    ...     {"original": 1.0, "ascent": 0.2, "broken": 0.5},
    ...     {"original": 0.95, "ascent": 0.93, "broken": 0.4},
    ...     oracle_forget=[0.0, 0.05], oracle_utility=[0.94, 0.95],
    ... )
    >>> display.front_
    ['original', 'ascent']
    """

    def __init__(
        self,
        forget,
        utility,
        *,
        oracle_forget=(),
        oracle_utility=(),
        forget_label="accuracy on the forget set",
        utility_label="accuracy on the test set",
    ):
        self.forget = dict(forget)
        self.utility = dict(utility)
        self.oracle_forget = oracle_forget
        self.oracle_utility = oracle_utility
        self.forget_label = forget_label
        self.utility_label = utility_label
        if set(self.forget) != set(self.utility) or not self.forget:
            raise ValueError(
                f"forget ({sorted(map(str, self.forget))}) and utility "
                f"({sorted(map(str, self.utility))}) must name the same models, at least one."
            )
        if len(oracle_forget) != len(oracle_utility):
            raise ValueError(
                f"oracle_forget ({len(oracle_forget)}) and oracle_utility ({len(oracle_utility)}) "
                "must hold the same oracles."
            )

    @classmethod
    def from_predictions(cls, forget, utility, *, ax=None, **options):
        """Draw given figures.

        Parameters
        ----------
        forget, utility : dict of str to Estimate or float
        ax : matplotlib Axes, default=None
        **options : object
            Passed to the constructor.

        Returns
        -------
        ForgettingUtilityDisplay
        """
        return cls(forget, utility, **options).plot(ax=ax)

    @classmethod
    def from_estimator(cls, models, *, forget, test, oracles=(), level=0.95, ax=None, **options):
        """Measure and draw fitted models.

        Parameters
        ----------
        models : dict of str to fitted classifier
        forget, test : tuple of (X, y)
        oracles : list of fitted classifiers, default=()
        level : float, default=0.95
            Of the error bars.
        ax : matplotlib Axes, default=None
        **options : object
            Passed to the constructor.

        Returns
        -------
        ForgettingUtilityDisplay
        """

        def both(model):
            accuracies = forgetting_result(model, forget=forget, test=test, level=level).accuracies
            return accuracies["forget"], accuracies["test"]

        measured = {name: both(model) for name, model in dict(models).items()}
        floor = [both(oracle) for oracle in oracles]
        return cls(
            {name: pair[0] for name, pair in measured.items()},
            {name: pair[1] for name, pair in measured.items()},
            oracle_forget=[pair[0].value for pair in floor],
            oracle_utility=[pair[1].value for pair in floor],
            **options,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the models, their intervals, the oracles' range and the front.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        self
        """
        self.ax_ = ax = axes_for(ax)
        self.figure_ = ax.figure
        names = list(self.forget)
        x = np.array([as_estimate_parts(self.forget[name]) for name in names])
        y = np.array([as_estimate_parts(self.utility[name]) for name in names])
        target = float(np.mean(self.oracle_forget)) if len(self.oracle_forget) else None
        distance = x[:, 0] if target is None else np.abs(x[:, 0] - target)
        best = non_dominated(np.column_stack([-distance, y[:, 0]]))
        self.front_ = [name for name, keep in zip(names, best, strict=True) if keep]
        if target is not None:
            _shade_oracles(ax, self.oracle_forget, self.oracle_utility)
        for keep, face, label in (
            (best, COLORS["members"], "on the front"),
            (~best, "white", "beaten by another"),
        ):
            if keep.any():
                ax.errorbar(
                    x[keep, 0],
                    y[keep, 0],
                    xerr=error_bars(x[keep, 1], x[keep, 0], x[keep, 2]),
                    yerr=error_bars(y[keep, 1], y[keep, 0], y[keep, 2]),
                    fmt="o",
                    ms=7,
                    mfc=face,
                    mec=COLORS["members"],
                    ecolor="0.7",
                    elinewidth=1,
                    label=label,
                    zorder=3,
                )
        ax.set_xlabel(self.forget_label)
        ax.set_ylabel(self.utility_label)
        ax.margins(0.12)
        # above the axes: there it covers neither points nor names
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False,
                  fontsize="small")  # fmt: skip
        tidy(ax)
        ax.autoscale_view()
        label_points(ax, names, x[:, 0], y[:, 0])
        return self


def _shade_oracles(ax, x, y):
    from matplotlib.patches import Rectangle

    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    pad = 0.004  # oracles that all agree still show as a box
    corner = (x.min() - pad, y.min() - pad)
    ax.add_patch(
        Rectangle(
            corner,
            np.ptp(x) + 2 * pad,
            np.ptp(y) + 2 * pad,
            color=COLORS["oracle"],
            alpha=0.18,
            lw=0,
            zorder=1,
        )
    )
    ax.plot(
        x,
        y,
        ls="none",
        marker="*",
        ms=9,
        color=COLORS["oracle"],
        mec="white",
        mew=0.5,
        label=f"oracles ({len(x)})",
        zorder=2,
    )
