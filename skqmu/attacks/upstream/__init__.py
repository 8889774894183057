"""Leaks beside the model: what fitted steps before a classifier tell of their rows."""

from skqmu.attacks.upstream._fitted_steps import UpstreamStep, upstream_steps
from skqmu.attacks.upstream._upstream_attack import UpstreamAttack

__all__ = ["UpstreamAttack", "UpstreamStep", "upstream_steps"]
