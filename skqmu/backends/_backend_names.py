"""Backends by name."""

from .._registry import NamedClasses
from .._validation import resolve
from ._contract import BaseBackend

__all__ = ["BACKENDS", "resolve_backend"]

BACKENDS = NamedClasses(__package__, BaseBackend, ending="Backend")


def resolve_backend(value):
    """Turn a name into a backend with its defaults; pass a backend through.

    Parameters
    ----------
    value : str or BaseBackend

    Returns
    -------
    BaseBackend

    Examples
    --------
    >>> from skqmu.backends import resolve_backend
    >>> resolve_backend("statevector")
    StatevectorBackend()
    """
    return resolve("backend", value, BACKENDS, BaseBackend)
