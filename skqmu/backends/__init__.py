"""Backends: values that turn a circuit and numbers into expectation values and gradients."""

from ._aer import AerBackend
from ._base import BaseBackend, Executable
from ._budget import Budget
from ._gradients import AdjointGradient, GradientMethod, ParameterShift, SPSAGradient
from ._noise_stream import NoiseStream
from ._primitive import PrimitiveExecutable
from ._registry import BACKENDS, resolve_backend
from ._runtime import RuntimeBackend
from ._spent import Spent
from ._statevector import StatevectorBackend

__all__ = [
    "BACKENDS",
    "AdjointGradient",
    "AerBackend",
    "BaseBackend",
    "Budget",
    "Executable",
    "GradientMethod",
    "NoiseStream",
    "ParameterShift",
    "PrimitiveExecutable",
    "RuntimeBackend",
    "SPSAGradient",
    "Spent",
    "StatevectorBackend",
    "resolve_backend",
]
