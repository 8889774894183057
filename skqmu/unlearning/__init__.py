"""Unlearning strategies: small objects that say what the shared loop should optimise."""

from ._ascent import GradientAscent
from ._base import LoopStrategy, Outcome, UnlearningRequest, UnlearningStrategy
from ._registry import STRATEGIES, resolve_strategy
from ._relabel import LabelComplement
from ._retrain import Retrain

__all__ = [
    "STRATEGIES",
    "GradientAscent",
    "LabelComplement",
    "LoopStrategy",
    "Outcome",
    "Retrain",
    "UnlearningRequest",
    "UnlearningStrategy",
    "resolve_strategy",
]
