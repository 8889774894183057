"""Backends: values that turn a circuit and numbers into expectation values and gradients."""

from ._backend_names import BACKENDS, resolve_backend
from ._budget import Budget
from ._contract import BaseBackend, Executable
from ._noise_stream import NoiseStream
from ._spent import Spent
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
    "AdjointGradient",
    "AerBackend",
    "BaseBackend",
    "Budget",
    "Executable",
    "GradientMethod",
    "MixedStates",
    "NoiseStream",
    "ParameterShift",
    "PrimitiveExecutable",
    "RuntimeBackend",
    "SPSAGradient",
    "Spent",
    "StatevectorBackend",
    "resolve_backend",
]
