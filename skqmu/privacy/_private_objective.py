"""The loss of a private fit: gradients a record, cut, summed and noised."""

from collections.abc import Iterator

import numpy as np

from ..training import Objective, Records
from ._differential_privacy import PrivacyPlan
from ._entropy import coins, gaussians

__all__ = ["PrivateObjective"]


class PrivateObjective(Objective):
    """Minimise the mean loss of some records, without telling whether any one of them is there.

    Parameters
    ----------
    records : Records
        Their weights as they are: a mean over all of them would depend on each.
    plan : PrivacyPlan
    decay : float, default=0.0
        See `Objective`; added behind the noise.
    trainable : ndarray of bool or None, default=None

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.privacy import DifferentialPrivacy, PrivateObjective
    >>> from skqmu.training import Records
    >>> plan = DifferentialPrivacy(1.0, delta=1e-3).plan(n_rows=4, batch_size=4, max_iter=1)
    >>> records = Records(np.zeros((4, 1)), np.eye(2)[[0, 1, 0, 1]], np.ones(4))
    >>> objective = PrivateObjective(records, plan)
    >>> objective.aggregate(np.zeros((4, 3))).shape
    (3,)
    """

    def __init__(
        self,
        records: Records,
        plan: PrivacyPlan,
        *,
        decay: float = 0.0,
        trainable: np.ndarray | None = None,
    ):
        super().__init__({"train": records}, decay=decay, trainable=trainable)
        self.plan = plan

    def batches(
        self, epoch: int, batch_size: int, rng: np.random.Generator
    ) -> Iterator[list[tuple[str, np.ndarray]]]:
        """Poisson samples, or all rows, as often as the plan says; nothing of it is from `rng`.

        Parameters
        ----------
        rng : Generator
            The loop's own, not used here.
        batch_size : int
            Not used: the plan says it.
        epoch : int
        """
        n, rate = len(self.streams["train"]), self.plan.sampling_rate
        for _ in range(self.plan.steps_per_epoch):
            yield [("train", np.arange(n) if rate == 1 else coins(n, rate))]

    def aggregate(self, gradients: np.ndarray) -> np.ndarray:
        """The noised sum of cut gradients, over the number of records to be expected.

        Parameters
        ----------
        gradients : ndarray of shape (B, n_parameters)
            Of each record's weighted loss, 0 for parameters that do not move. One that is not
            finite counts as 0: an error would tell of its record.

        Returns
        -------
        ndarray of shape (n_parameters,)
        """
        plan = self.plan
        total = clipped(gradients, plan.clip).sum(axis=0)
        noise = plan.noise_multiplier * plan.clip * gaussians(gradients.shape[1])
        return (total + noise) / (plan.sampling_rate * plan.n_public)

    def guessing(self) -> float:
        """0: what the rows say of guessing is not looked at."""
        return 0.0


def clipped(gradients, clip):
    """Each row cut to a length, shape (B, n); a row that is not finite becomes 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        # Scaled first: the square of a large number is infinite where the number is not.
        largest = np.abs(gradients).max(axis=1, initial=0.0, keepdims=True)
        finite = np.isfinite(largest)
        rows = np.where(finite, gradients, 0.0)
        scale = np.where(finite & (largest > 0), largest, 1.0)
        norms = scale * np.linalg.norm(rows / scale, axis=1, keepdims=True)
        # The last bits go down, so that no length is above the clip by rounding.
        shrink = np.minimum(1.0, clip / np.maximum(norms, np.finfo(float).tiny))
    return rows * np.where(shrink < 1, shrink * (1 - 4 * np.finfo(float).eps), 1.0)
