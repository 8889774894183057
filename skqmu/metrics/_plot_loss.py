"""Distributions of a model's loss on members, held-out, forgotten records, and the oracle's.

Forgotten records should look like held-out ones of the same classes, and as they look to an
oracle: neither better known nor, after too much forgetting, conspicuously worse.
"""

import numpy as np

from .._validation import check_choice
from ._inputs import check_vector
from ._plotting import axes_for, literal, role_color, tidy
from .signals import asked, cross_entropy, true_class_logit

_LABELS = {
    "loss": "cross-entropy loss (nats)",
    "logit": r"confidence in the true class, $\ln p_y - \ln(1 - p_y)$",
}
_VALUES = {"loss": cross_entropy, "logit": true_class_logit}


class LossDistributionDisplay:
    """One row a group of records: histogram, the records themselves, and the median.

    Parameters
    ----------
    values : dict of str to array-like of shape (n,)
        Groups in the order of drawing. Names that start with "members", "held-out", "forgotten"
        or "oracle" get the colours of those roles.
    signal : {"loss", "logit"}, default="logit"
        What the values are, for the axis.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    medians_ : dict of str to float

    Raises
    ------
    ValueError
        No group of records.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import LossDistributionDisplay
    >>> rng = np.random.default_rng(0)
    >>> display = LossDistributionDisplay.from_predictions(
    ...     {"members": rng.normal(3, 1, 200), "held-out": rng.normal(1, 2, 100)}
    ... )
    >>> display.medians_["members"] > display.medians_["held-out"]
    True
    """

    def __init__(self, values, signal="logit"):
        self.values = {
            name: check_vector(f"values[{name!r}]", group) for name, group in dict(values).items()
        }
        self.signal = signal
        if not self.values:
            raise ValueError("values is empty: at least one group of records is needed.")

    @classmethod
    def from_predictions(cls, values, *, signal="logit", ax=None, **plot_options):
        """Draw given losses or logits.

        Parameters
        ----------
        values : dict of str to array-like of shape (n,)
        signal : {"loss", "logit"}, default="logit"
        ax : matplotlib Axes, default=None
        **plot_options : object
            Passed to :meth:`plot`.

        Returns
        -------
        LossDistributionDisplay
        """
        return cls(values, signal).plot(ax=ax, **plot_options)

    @classmethod
    def from_estimator(cls, model, groups, *, oracle=None, signal="logit", ax=None, **plot_options):
        """Draw a model's distributions, and an oracle's on the forgotten records.

        Parameters
        ----------
        model : fitted classifier with ``predict_proba``
        groups : dict of str to (X, y)
            For example ``{"members": ..., "held-out": ..., "forgotten": ...}``.
        oracle : fitted classifier, default=None
            Adds a row "oracle on forgotten" (on the last group if none is named so).
        signal : {"loss", "logit"}, default="logit"
        ax : matplotlib Axes, default=None
        **plot_options : object
            Passed to :meth:`plot`.

        Returns
        -------
        LossDistributionDisplay
        """
        check_choice("signal", signal, _LABELS)
        of = _VALUES[signal]
        values = {name: of(*asked(model, X, y)) for name, (X, y) in groups.items()}
        if oracle is not None:
            last = next((n for n in groups if str(n).startswith("forgot")), list(groups)[-1])
            values[f"oracle on {last}"] = of(*asked(oracle, *groups[last]))
        return cls(values, signal).plot(ax=ax, **plot_options)

    def plot(self, ax=None, *, bins=40, rug=True):
        """Draw all groups over one axis of values.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
        bins : int, default=40
            Shared by all groups.
        rug : bool, default=True
            Whether to draw every record (at most 300 a group) as a tick.

        Returns
        -------
        self
        """
        n = len(self.values)
        self.ax_ = ax = axes_for(ax, figsize=(6.4, 1.0 + 0.95 * n))
        self.figure_ = ax.figure
        self.medians_ = {name: float(np.median(group)) for name, group in self.values.items()}
        pooled = np.concatenate(list(self.values.values()))
        low, high = pooled.min(), pooled.max()
        pad = 0.02 * (high - low) or 0.5  # constant values still get an axis
        edges = np.linspace(low - pad, high + pad, bins + 1)
        ticks, labels = [], []
        for position, (name, group) in enumerate(self.values.items()):
            base, color = n - 1 - position, role_color(name, position)
            share = np.histogram(group, edges)[0] / len(group)
            height = 0.72 * share / share.max()
            ax.stairs(base + height, edges, baseline=base, fill=True, color=color, alpha=0.35)
            ax.stairs(base + height, edges, baseline=base, color=color, lw=1.0)
            if rug:
                step = max(1, len(group) // 300)
                ax.vlines(np.sort(group)[::step], base - 0.12, base - 0.03, color=color, lw=0.6)
            ax.vlines(self.medians_[name], base, base + 0.8, color=color, lw=2)
            ticks.append(base)
            labels.append(f"{literal(name)}\nn = {len(group)}")
        ax.set_yticks(ticks, labels)
        ax.set_ylim(-0.25, n - 0.1)
        ax.set_xlabel(_LABELS[self.signal] + "  (bar: median)")
        tidy(ax)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        return self
