"""Objects that people bring: V2 primitives and devices of qiskit, run through one adapter."""

from ._given_backend import PrimitiveBackend
from ._live import LIVE, Carried, is_live

__all__ = ["LIVE", "Carried", "PrimitiveBackend", "is_live"]
