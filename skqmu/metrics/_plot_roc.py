"""Membership ROC curves on log-log axes, where the attacks that matter show."""

import numpy as np

from ._membership_result import MembershipResult
from ._membership_scores import membership_result
from ._plotting import axes_for, legend, literal, look, tidy


class MembershipRocDisplay:
    """ROC curves of membership attacks with their confidence bands.

    Both axes are logarithmic: an attack that is right about a few records and silent on the
    rest is the dangerous one (Carlini et al. 2022), and it is invisible on linear axes.

    Parameters
    ----------
    results : MembershipResult, or dict of str to MembershipResult
        One curve each, named by the keys.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib lines, one a result
    bands_ : list of matplotlib artists (or None), one a result

    Raises
    ------
    ValueError
        No result.
    TypeError
        A result of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import MembershipRocDisplay
    >>> rng = np.random.default_rng(0)
    >>> display = MembershipRocDisplay.from_predictions(
    ...     rng.normal(1, 1, 200), rng.normal(0, 1, 200), name="loss"
    ... )
    >>> display.ax_.get_xscale()
    'log'
    """

    def __init__(self, results):
        if isinstance(results, MembershipResult):
            results = {"attack": results}
        self.results = dict(results)
        if not self.results:
            raise ValueError("results is empty: at least one MembershipResult is needed.")
        for name, result in self.results.items():
            if not isinstance(result, MembershipResult):
                raise TypeError(
                    f"results[{name!r}] is a {type(result).__name__}, not a MembershipResult: "
                    "build it with membership_result(scores_member, scores_nonmember)."
                )

    @classmethod
    def from_predictions(
        cls, scores_member, scores_nonmember, *, level=0.95, name="attack", ax=None, **plot_options
    ):
        """Draw the curve of one attack from its scores.

        Parameters
        ----------
        scores_member, scores_nonmember : array-like of shape (m,) and (n,)
            Larger = more likely a member.
        level : float, default=0.95
            Of the band.
        name : str, default="attack"
        ax : matplotlib Axes, default=None
            Drawn on these; a new figure by default.
        **plot_options : object
            Passed to :meth:`plot`.

        Returns
        -------
        MembershipRocDisplay
        """
        result = membership_result(scores_member, scores_nonmember, level=level, fprs=())
        return cls({name: result}).plot(ax=ax, **plot_options)

    @classmethod
    def from_estimator(
        cls, attack, X, y, membership, *, level=0.95, name=None, ax=None, **plot_options
    ):
        """Draw the curve of a fitted attack on records of known membership.

        Parameters
        ----------
        attack : fitted attack
            Anything with ``decision_function(X, y)``, one score a record.
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
        membership : array-like of shape (n,), bool
            Whether the target was trained on the record.
        level : float, default=0.95
        name : str, default=None
            By default the attack's class name.
        ax : matplotlib Axes, default=None
        **plot_options : object
            Passed to :meth:`plot`.

        Returns
        -------
        MembershipRocDisplay

        Raises
        ------
        ValueError
            `membership` is not boolean, or not of the records' length.
        """
        scores = np.asarray(attack.decision_function(X, y))
        member = np.asarray(membership)
        if member.dtype != bool or member.shape != scores.shape:
            raise ValueError(
                f"membership must be boolean of shape {scores.shape}; got {member.dtype} of shape "
                f"{member.shape}."
            )
        return cls.from_predictions(
            scores[member],
            scores[~member],
            level=level,
            name=name or type(attack).__name__,
            ax=ax,
            **plot_options,
        )

    def plot(self, ax=None, *, band=True, chance=True, floor=None):
        """Draw all curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
        band : bool, default=True
            Whether to shade the pointwise confidence band, threshold uncertainty included.
        chance : bool, default=True
            Whether to draw the line of no attack at all.
        floor : float, default=None
            Smallest rate shown; by default the smallest that any sample resolves.

        Returns
        -------
        self
        """
        wide = 9.6 if len(self.results) > 4 else 5.6  # a legend stands beside the curves then
        self.ax_ = ax = axes_for(ax, figsize=(wide, 5.0))
        self.figure_ = ax.figure
        self.lines_, self.bands_ = [], []
        finest = max(max(r.n_members, r.n_nonmembers) for r in self.results.values())
        floor = min(0.1, 0.5 / finest) if floor is None else floor
        taken = len(ax.get_lines())
        if chance and not any(line.get_label() == "no attack" for line in ax.get_lines()):
            ax.plot([floor, 1], [floor, 1], ls="--", lw=1, color="0.55", label="no attack")
            taken = 0
        for position, (name, result) in enumerate(self.results.items()):
            style = look(position + taken)
            color = style["color"]
            fpr, tpr = np.array(result.roc_fpr), np.array(result.roc_tpr)
            low, high = result.auc_interval
            label = f"{literal(name)}: AUC {result.auc:.2f} [{low:.2f}, {high:.2f}]"
            # on a log axis a rate of 0 has no place: it is drawn at the floor
            shown = np.maximum(fpr, floor), np.maximum(tpr, floor)
            style = {"color": color, "linestyle": style["linestyle"], "lw": 1.6}
            line = ax.plot(*shown, drawstyle="steps-post", label=label, **style)[0]
            self.lines_.append(line)
            self.bands_.append(None)
            if band:
                grid = np.geomspace(floor, 1, 60)
                grid, low, high = result.roc_band(grid)
                self.bands_[-1] = ax.fill_between(
                    grid, np.maximum(low, floor), high, color=color, alpha=0.15, lw=0
                )
        ax.set(xscale="log", yscale="log", xlim=(floor, 1), ylim=(floor, 1.03))
        ax.set_xlabel("false-positive rate (non-members called members)")
        ax.set_ylabel("true-positive rate (members found)")
        legend(ax, loc="lower right")
        ax.grid(True, which="major", lw=0.4, color="0.9")
        ax.set_axisbelow(True)
        tidy(ax)
        return self
