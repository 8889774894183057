"""Attacks on the fitted steps before a classifier."""

from ._fitted_steps import UpstreamStep, upstream_steps
from ._step_attack import UpstreamAttack

__all__ = ["UpstreamAttack", "UpstreamStep", "upstream_steps"]
