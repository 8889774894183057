"""Who is told of each epoch of a request, and what may end it early."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator

from .._site_links import SiteLinksMixin
from ..training import Hook, TrainingRun

__all__ = ["EpochWatch", "StopWhen", "WatchHook"]

_SEEN = ("forget", "retain", "reference")


class StopWhen(SiteLinksMixin, BaseEstimator):
    """Ends a request's run when a metric on rows that the mechanism may see passes a bound.

    Parameters
    ----------
    metric : callable
        From labels of shape (n,) and probabilities of shape (n, n_classes), columns in the order
        of ``classes_``, to a number.
    on : {"forget", "retain", "reference"}, default="forget"
        Rows to forget, rows that stay, or `X_reference`. Test rows are excluded: who ends a run
        by them chooses the model by the rows that judge it.
    below, above : float, default=None
        The run ends after the first epoch at whose end the metric is below, or above; one of them.

    Notes
    -----
    It ends the mechanism's own run over epochs; repairs by the guard, and a retraining, go to their
    end. A closed form has no epochs: it is refused. Source: ours.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> from skqmu.unlearning import FineTune, StopWhen
    >>> X, y = load_iris(return_X_y=True)
    >>> def confidence(y, proba):
    ...     return proba.max(axis=1).mean()
    >>> clf = QNNClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> clf = clf.unlearn(X[:9], strategy=FineTune(max_iter=50),
    ...                   stop_when=StopWhen(confidence, on="retain", above=0.2))
    >>> clf.unlearning_log_[-1]["stop_reason"].partition(" of")[0]
    'stop_when: confidence on retain rows'
    >>> StopWhen(confidence, on="test", above=0.9).validate()
    Traceback (most recent call last):
        ...
    ValueError: StopWhen(on='test'): ...
    """

    def __init__(
        self,
        metric: Callable,
        *,
        on: str = "forget",
        below: float | None = None,
        above: float | None = None,
    ):
        self.metric = metric
        self.on = on
        self.below = below
        self.above = above

    def validate(self) -> None:
        """Check the parameters; called before anything is touched.

        Raises
        ------
        TypeError
            `metric` cannot be called.
        ValueError
            `on` names other rows than a mechanism may see; not exactly one bound is given.
        """
        if self.on not in _SEEN:
            raise ValueError(
                f"StopWhen(on={self.on!r}): a run may be ended by rows that the mechanism sees, "
                f"{', '.join(map(repr, _SEEN))}, and by no others: ended by test rows, the model "
                "would be chosen by the rows that judge it, and no figure on them would hold. "
                "Give rows that were set aside for it as X_reference and say on='reference'; to "
                "look at test rows without ending anything, use watch=."
            )
        if not callable(self.metric):
            raise TypeError(
                f"StopWhen(metric={self.metric!r}) must be a function of labels and probabilities."
            )
        bounds = [bound for bound in (self.below, self.above) if bound is not None]
        if len(bounds) != 1 or not isinstance(bounds[0], Real) or not np.isfinite(bounds[0]):
            raise ValueError(
                f"StopWhen(below={self.below!r}, above={self.above!r}): give one of them, a finite "
                "number."
            )

    def reason(self, y: np.ndarray, proba: np.ndarray) -> str | None:
        """Why the run is to end, in words; None: it is not.

        Parameters
        ----------
        y : ndarray of shape (n,)
        proba : ndarray of shape (n, n_classes)

        Returns
        -------
        str or None
        """
        value = float(self.metric(y, proba))
        past = value < self.below if self.below is not None else value > self.above
        if not past:
            return None
        name = getattr(self.metric, "__name__", type(self.metric).__name__)
        side = f"below {self.below:g}" if self.below is not None else f"above {self.above:g}"
        return f"stop_when: {name} on {self.on} rows of {value:.4g} is {side}"


@dataclass(frozen=True)
class EpochWatch:
    """What follows the epochs of a request.

    Parameters
    ----------
    seen : callable or None
        Told the parameters after each epoch, repairs and refits included.
    reason : callable or None
        From the parameters after an epoch of the mechanism's own run to why it is to end, or None.

    Examples
    --------
    >>> from skqmu.unlearning import EpochWatch
    >>> EpochWatch(seen=print, reason=None).hook(own=False) is not None
    True
    """

    seen: Callable | None
    reason: Callable | None

    def hook(self, *, own: bool) -> "WatchHook":
        """The hook for a run.

        Parameters
        ----------
        own : bool
            Whether it is the mechanism's own run, which may be ended.

        Returns
        -------
        WatchHook
        """
        return WatchHook(self.seen, self.reason if own else None)


class WatchHook(Hook):
    """Tells of each epoch, and may end the run after it."""

    def __init__(self, seen: Callable | None, reason: Callable | None):
        self.seen = seen
        self.reason = reason

    def after_epoch(self, run: TrainingRun) -> bool:
        if self.seen is not None:
            self.seen(run.params)
        reason = None if self.reason is None else self.reason(run.params)
        return False if reason is None else run.stop(reason)
