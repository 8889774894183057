"""Fake devices of qiskit-ibm-runtime by name, each built once a process."""

import inspect
import warnings
from functools import cache

from .._validation import did_you_mean
from ..exceptions import BackendError

__all__ = ["fake_device", "is_fake"]


def is_fake(name):
    """Whether a name is that of a fake device, or meant to be."""
    return isinstance(name, str) and name.lower().startswith("fake")


def fake_device(name):
    """Return a fake backend: noise, gates and coupling of a real device, simulated here.

    Parameters
    ----------
    name : str
        For example ``"fake_manila"``.

    Raises
    ------
    BackendError
        qiskit-ibm-runtime is not installed.
    ValueError
        No such device, with the nearest name.
    """
    try:
        classes = _classes()
    except ImportError as error:
        raise BackendError(
            f"{name!r} is a fake device of qiskit-ibm-runtime, which is not installed: pip "
            "install qiskit-ibm-runtime."
        ) from error
    if name.lower() not in classes:
        raise ValueError(
            f"there is no fake device {name!r}; small ones are 'fake_manila' (5 qubits) and "
            f"'fake_casablanca' (7).{did_you_mean(name, classes)}"
        )
    return _device(name.lower())


@cache
def _device(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some say that their errors are no device's
        return _classes()[name]()


@cache
def _classes():
    """Classes by device name (the provider itself would build every device)."""
    from qiskit_ibm_runtime import fake_provider

    found = inspect.getmembers(fake_provider, inspect.isclass)
    return {cls.backend_name: cls for _, cls in found if getattr(cls, "backend_name", None)}
