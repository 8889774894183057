"""Backends by name."""

from .._registry import NamedClasses
from .._validation import resolve
from ._contract import BaseBackend
from .given import PrimitiveBackend, is_live

__all__ = ["BACKENDS", "resolve_backend"]

BACKENDS = NamedClasses(__package__, BaseBackend, ending="Backend")


def resolve_backend(value):
    """Turn a name into a backend with its defaults; pass a backend through.

    Parameters
    ----------
    value : str, BaseBackend, or a V2 primitive or device of qiskit
        The last two in a `PrimitiveBackend` with its defaults.

    Returns
    -------
    BaseBackend

    Examples
    --------
    >>> from skqmu.backends import resolve_backend
    >>> resolve_backend("statevector")
    StatevectorBackend()
    """
    if is_live(value):
        return PrimitiveBackend(value)
    return resolve("backend", value, BACKENDS, BaseBackend)
