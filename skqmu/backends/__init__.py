"""Backends: values that turn a circuit and numbers into expectation values and gradients."""

from ._backend_names import BACKENDS, resolve_backend
from ._budget import Budget
from ._contract import BaseBackend, Executable
from ._noise_stream import NoiseStream
from ._spent import Spent
from .given import LIVE, Carried, PrimitiveBackend, is_live
from .runtime import RuntimeBackend
from .sampled import (
    AdjointGradient,
    AerBackend,
    GradientMethod,
    ParameterShift,
    PrimitiveExecutable,
    SPSAGradient,
)
from .statevector import MixedStates, StatevectorBackend

__all__ = [
    "BACKENDS",
    "LIVE",
    "AdjointGradient",
    "AerBackend",
    "BaseBackend",
    "Budget",
    "Carried",
    "Executable",
    "GradientMethod",
    "MixedStates",
    "NoiseStream",
    "ParameterShift",
    "PrimitiveBackend",
    "PrimitiveExecutable",
    "RuntimeBackend",
    "SPSAGradient",
    "Spent",
    "StatevectorBackend",
    "is_live",
    "resolve_backend",
]
