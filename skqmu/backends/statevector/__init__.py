"""The exact engine: batches of states through fused gates, gradients by the adjoint method."""

from ._engine import StatevectorBackend, StatevectorExecutable

__all__ = ["StatevectorBackend", "StatevectorExecutable"]
