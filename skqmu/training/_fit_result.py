"""What a fit brings, whichever way it was done: by the loop, by a solver of heads, by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ..statistics import ClassStatistics
from ._training_run import TrainingRun

__all__ = ["FitResult"]


@dataclass(frozen=True)
class FitResult:
    """What a fit leaves behind.

    Parameters
    ----------
    params : ndarray of shape (n_parameters,)
    held_out : ndarray of bool of shape (n,)
        Rows of the validation part.
    history : list of dict
        One row an epoch.
    cost : dict
    stop_reason : str
    n_steps : int
    moments : object
        Where the solver stood.
    updates : list of (ndarray of int, ndarray) or None
        With ``log_updates``: the rows of a step's batch, and the step.
    importances : dict of str to Importance
        Where the rows themselves are not kept and the configured strategy compares them.
    head_state : dict or None
        Of a solved head: what its solution depends on, or how exact it is.
    statistics : ClassStatistics or None
        Of a linear loss: the sums over rows that stood in for these.
    privacy : PrivacyPlan or None
        Of a private fit: what it did and promises.
    stopped : KeyboardInterrupt, BudgetExceededError or None
        What ended the run before its time.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import FitResult
    >>> FitResult(np.zeros(2), np.zeros(3, bool), [{"epoch": 1, "loss": 0.5}], {}, "solved").loss
    0.5
    """

    params: np.ndarray
    held_out: np.ndarray
    history: list
    cost: Mapping
    stop_reason: str
    n_steps: int = 0
    moments: Any = None
    updates: list | None = None
    importances: Mapping = field(default_factory=dict)
    head_state: Mapping | None = None
    statistics: ClassStatistics | None = None
    privacy: Any = None
    stopped: BaseException | None = None

    @classmethod
    def of(cls, run: TrainingRun, held_out: np.ndarray, **more: Any) -> Self:
        """Of a run that is over; `more` are fields that it does not know.

        Parameters
        ----------
        run : TrainingRun
        held_out : ndarray of bool of shape (n,)
            Rows of the validation part.
        **more : dict
            Fields of the result, by name.
        """
        steps = -(-len(run.objective.streams["train"]) // run.batch_size)
        return cls(
            params=run.params,
            held_out=held_out,
            history=run.history,
            cost=run.cost,
            stop_reason=run.stop_reason,
            n_steps=steps * run.epoch,
            moments=run.point.moments,
            **more,
        )

    @property
    def loss(self) -> float:
        """Loss of the last epoch; nan where there was none."""
        return self.history[-1]["loss"] if self.history else np.nan
