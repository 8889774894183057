"""Attacks on the fitted steps before a classifier."""

from skqmu.attacks.upstream._fitted_steps import UpstreamStep, upstream_steps
from skqmu.attacks.upstream._step_attack import UpstreamAttack

__all__ = ["UpstreamAttack", "UpstreamStep", "upstream_steps"]
