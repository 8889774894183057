"""The exact engine: batches of states through fused gates, gradients by the adjoint method."""

from ._engine import StatevectorBackend, StatevectorExecutable
from ._mixed import MixedStates

__all__ = ["MixedStates", "StatevectorBackend", "StatevectorExecutable"]
