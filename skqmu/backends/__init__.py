"""Backends: values that turn a circuit and numbers into expectation values and gradients."""

from ._base import BaseBackend, Executable
from ._statevector import StatevectorBackend

__all__ = ["BaseBackend", "Executable", "StatevectorBackend"]
