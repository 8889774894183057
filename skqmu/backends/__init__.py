"""Backends: values that turn a circuit and numbers into expectation values and gradients."""

from ._base import BaseBackend, Executable
from ._registry import BACKENDS, resolve_backend
from ._statevector import StatevectorBackend

__all__ = ["BACKENDS", "BaseBackend", "Executable", "StatevectorBackend", "resolve_backend"]
