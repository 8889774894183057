"""Backends by name."""

from .._validation import resolve
from ._aer import AerBackend
from ._base import BaseBackend
from ._runtime import RuntimeBackend
from ._statevector import StatevectorBackend

__all__ = ["BACKENDS", "resolve_backend"]

BACKENDS = {
    "aer": AerBackend,
    "runtime": RuntimeBackend,
    "statevector": StatevectorBackend,
}


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
