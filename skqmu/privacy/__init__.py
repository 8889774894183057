"""Differential privacy: what a private fit does, what it promises, and how that is counted."""

from ._accounting import epsilon_spent, noise_needed
from ._differential_privacy import ADJACENCY, DifferentialPrivacy, PrivacyPlan
from ._group import group_privacy
from ._private_objective import PrivateObjective
from ._record import PrivacyRecord

__all__ = [
    "ADJACENCY",
    "DifferentialPrivacy",
    "PrivacyPlan",
    "PrivacyRecord",
    "PrivateObjective",
    "epsilon_spent",
    "group_privacy",
    "noise_needed",
]
