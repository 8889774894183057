"""Any metric along one unlearning run, before what retrained models have."""

import numpy as np

from ._plotting import axes_for, legend, literal, look, tidy
from ._unlearning_curve import UnlearningCurve, _scorers, unlearning_curve

__all__ = ["UnlearningCurveDisplay"]


class UnlearningCurveDisplay:
    """A line for each metric and part, from before the request to its end.

    Parameters
    ----------
    curve : UnlearningCurve
    bands : dict of str to (float, float), default=None
        By a score's name: what retrained models span, drawn behind the line in its colour.
    ylabel : str, default="score"

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib lines
        One a score.
    bands_ : list of matplotlib patches

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import UnlearningCurve, UnlearningCurveDisplay
    >>> curve = UnlearningCurve(np.arange(4), {"accuracy, forgotten": np.array([1, 0.8, 0.6, 0.6])})
    >>> display = UnlearningCurveDisplay(curve, bands={"accuracy, forgotten": (0.55, 0.7)}).plot()
    >>> len(display.lines_), len(display.bands_)
    (1, 1)
    """

    def __init__(self, curve, *, bands=None, ylabel="score"):
        self.curve = curve
        self.bands = bands
        self.ylabel = ylabel

    @classmethod
    def from_curve(cls, curve, *, ax=None, **options):
        """Draw what a run was measured to.

        Parameters
        ----------
        curve : UnlearningCurve
        ax : matplotlib Axes, default=None
        **options : object
            Passed to the constructor.

        Returns
        -------
        UnlearningCurveDisplay
        """
        return cls(curve, **options).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X_forget,
        y_forget=None,
        *,
        parts,
        scoring="accuracy",
        oracles=(),
        ax=None,
        **request,
    ):
        """Let a copy of a model forget, and draw what it was after each epoch.

        Parameters
        ----------
        estimator : fitted classifier or Pipeline
        X_forget, y_forget : array-like
        parts : dict of str to (X, y)
        scoring : str, callable, list or dict, default="accuracy"
            As in :func:`unlearning_curve`.
        oracles : sequence of fitted classifiers, default=()
            Retrained without the rows: what they span is drawn as a band.
        ax : matplotlib Axes, default=None
        **request : object
            Passed to ``unlearn``.

        Returns
        -------
        UnlearningCurveDisplay
        """
        curve = unlearning_curve(
            estimator, X_forget, y_forget, parts=parts, scoring=scoring, **request
        )
        scorers, bands = _scorers(scoring), {}
        for part, (X, y) in parts.items():
            for name, scorer in scorers.items():
                values = [float(scorer(oracle, X, y)) for oracle in oracles]
                if values:
                    bands[f"{name}, {part}"] = min(values), max(values)
        return cls(curve, bands=bands).plot(ax=ax)

    @classmethod
    def from_report(cls, report, scenario, mechanism, *, measures=None, ax=None):
        """Draw a run of an audit that was made with ``curves=True``: differences to retraining.

        Parameters
        ----------
        report : skqmu.audit.AuditReport
        scenario, mechanism : str
        measures : sequence of str, default=None
            Names of gaps, such as ``"accuracy_forget"``; None: all that the report has.
        ax : matplotlib Axes, default=None

        Returns
        -------
        UnlearningCurveDisplay

        Raises
        ------
        ValueError
            The report has no curve of it, or not these measures.
        """
        told = report.model(scenario, mechanism).get("curve")
        if told is None:
            raise ValueError(
                f"the report has no curve of {mechanism!r} in {scenario!r}; make the audit with "
                "curves=True."
            )
        gaps = told["gaps"]
        measures = list(gaps) if measures is None else list(measures)
        missing = [name for name in measures if name not in gaps]
        if missing:
            raise ValueError(f"measures holds {missing[0]!r}; the report has {', '.join(gaps)}.")

        def values(name, key):
            return np.array([np.nan if v is None else v for v in gaps[name][key]])

        curve = UnlearningCurve(
            epochs=np.array(told["epochs"]),
            scores={name: values(name, "value") for name in measures},
            intervals={
                name: np.array([values(name, k) for k in ("low", "high")]) for name in measures
            },
        )
        return cls(curve, ylabel="minus retraining").plot(ax=ax)

    def plot(self, ax=None):
        """Draw the lines, their intervals, and the bands.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        self
        """
        self.ax_ = ax = axes_for(ax)
        self.figure_ = ax.figure
        epochs = self.curve.epochs
        self.lines_, self.bands_ = [], []
        for position, (name, values) in enumerate(self.curve.scores.items()):
            style = {**look(position), "markersize": 3.5, "linewidth": 1.3}
            if len(epochs) > 25:
                style["markevery"] = max(1, len(epochs) // 12)
            self.lines_ += ax.plot(epochs, values, label=literal(name), **style)
            if name in self.curve.intervals:
                low, high = np.asarray(self.curve.intervals[name], dtype=float)
                ax.fill_between(epochs, low, high, color=style["color"], alpha=0.12, linewidth=0)
            if self.bands and name in self.bands:
                low, high = self.bands[name]
                # a band of no width must still be seen
                band = ax.axhspan(low - 0.003, high + 0.003, color=style["color"], alpha=0.18)
                band.set_linewidth(0)
                self.bands_.append(band)
        self._label_axes(ax, epochs)
        legend(ax)
        if self.bands_:
            ax.get_legend().set_title("bands: oracles", prop={"size": "small"})
        tidy(ax)
        return self

    def _label_axes(self, ax, epochs):
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        last = int(epochs[-1])
        places = MaxNLocator(nbins=8, integer=True).tick_values(0, max(1, last))
        # none beside the end, whose name would lie on its own
        ticks = [int(t) for t in places if t == int(t) and 0 <= t < last - max(1, last) * 0.06]
        ax.set_xticks([*ticks, last])
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "end" if x == last else f"{x:g}"))
        ax.set_xlabel("epoch of the request (0: before it)")
        ax.set_ylabel(self.ylabel)
