"""What a fitted model knows of its private fits."""

from dataclasses import dataclass, replace
from typing import Self

from ._accounting import steps_spent
from ._differential_privacy import ADJACENCY, PrivacyPlan

__all__ = ["PrivacyRecord"]


@dataclass(frozen=True)
class PrivacyRecord:
    """The plans of the fits that a model's rows went through, and who was deleted since.

    Parameters
    ----------
    plans : tuple of PrivacyPlan
        That of the model itself last; before it those of models that it took the place of.
    n_deleted : int
        Rows deleted by private training since the last of these fits, copies counted.

    Examples
    --------
    >>> from skqmu.privacy import DifferentialPrivacy, PrivacyRecord
    >>> plan = DifferentialPrivacy(1.0).plan(n_rows=500, batch_size=500, max_iter=20)
    >>> record = PrivacyRecord((plan,))
    >>> round(record.epsilon, 3), round(record.followed_by(plan).spent()["epsilon"], 3)
    (1.0, 1.465)
    """

    plans: tuple[PrivacyPlan, ...]
    n_deleted: int = 0

    @property
    def plan(self) -> PrivacyPlan:
        """That of the model itself."""
        return self.plans[-1]

    @property
    def epsilon(self) -> float:
        """What the model itself gives away, at its delta."""
        return self.plan.epsilon

    def spent(self) -> dict:
        """What all fits together have given away of a row that was in each of them."""
        plan = self.plan
        epsilon = plan.epsilon
        if len(self.plans) > 1:
            epsilon = steps_spent(tuple(each.steps for each in self.plans), plan.delta)
        return {
            "epsilon": epsilon,
            "delta": plan.delta,
            "n_fits": len(self.plans),
            "noise_multiplier": plan.noise_multiplier,
            "clip": plan.clip,
            "sampling_rate": plan.sampling_rate,
            "n_steps": plan.n_steps,
            "n_public": plan.n_public,
            "n_deleted": self.n_deleted,
            "adjacency": ADJACENCY,
        }

    def without(self, n: int) -> Self:
        """The record after `n` more rows were deleted, by nothing but private training.

        Parameters
        ----------
        n : int

        Returns
        -------
        PrivacyRecord
        """
        return replace(self, n_deleted=self.n_deleted + n)

    def followed_by(self, plan: PrivacyPlan) -> "PrivacyRecord":
        """The record of a model that was fitted anew on rows of this one.

        Parameters
        ----------
        plan : PrivacyPlan
            Of the new fit.

        Returns
        -------
        PrivacyRecord
        """
        return PrivacyRecord((*self.plans, plan))
