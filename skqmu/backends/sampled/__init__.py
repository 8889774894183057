"""Circuits that are handed to a primitive or a simulator: counts, gradients, Aer."""

from ._aer import AerBackend
from ._gradients import AdjointGradient, GradientMethod, ParameterShift, SPSAGradient
from ._primitive import PrimitiveExecutable

__all__ = [
    "AdjointGradient",
    "AerBackend",
    "GradientMethod",
    "ParameterShift",
    "PrimitiveExecutable",
    "SPSAGradient",
]
