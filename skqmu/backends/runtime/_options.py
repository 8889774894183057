"""The runtime's primitives with a backend's options, in whatever version is installed."""

import warnings

from ..._validation import did_you_mean
from .._fakes import is_fake

__all__ = ["check_options", "make_primitive", "runtime_classes"]


def make_primitive(backend, mode, uses_estimator, seed):
    """Return a Sampler or an Estimator of the runtime.

    Parameters
    ----------
    backend : RuntimeBackend
    mode : device, Session or Batch
    uses_estimator : bool
    seed : int
        Of a fake's noise.
    """
    with warnings.catch_warnings():
        # The older classes announce the newer ones, which are taken where there are any.
        warnings.simplefilter("ignore", DeprecationWarning)
        primitive = runtime_classes()[bool(uses_estimator)](mode=mode)
        primitive.options.environment.job_tags = list(backend.job_tags)
        if is_fake(backend.name):
            primitive.options.simulator.seed_simulator = seed
        else:
            _set(primitive.options, backend)
    return primitive


def check_options(backend, device, uses_estimator):
    """Refuse mitigation options that the installed runtime does not have.

    Raises
    ------
    ValueError
        Which option, and what the runtime says of it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        _set(runtime_classes()[bool(uses_estimator)](mode=device).options, backend)


def _set(options, backend):
    for name, value in _mitigation(backend):
        target, _, last = name.rpartition(".")
        owner = options
        for part in filter(None, target.split(".")):
            owner = getattr(owner, part)
        try:
            setattr(owner, last, value)
        except (AttributeError, TypeError, ValueError) as error:
            known = sorted(_fields(owner))
            hint = "" if last in known else did_you_mean(last, known)
            raise ValueError(
                f"the runtime does not take the option {name}={value!r} ({_reason(error)}); "
                f"{type(owner).__name__} has {', '.join(known)}.{hint}"
            ) from error


def _fields(owner):
    """Names of the options that an options object has, a Pydantic model or a dataclass."""
    kind = type(owner)
    return getattr(kind, "model_fields", None) or getattr(kind, "__dataclass_fields__", ())


def _reason(error):
    """What was wrong, without Pydantic's layout."""
    if not callable(getattr(error, "errors", None)):
        return str(error)
    told = {".".join(map(str, each["loc"])): each["msg"] for each in error.errors()}
    return "; ".join(f"{where}: {what}" for where, what in told.items())


def runtime_classes():
    """(Sampler, Estimator): those built on the Executor where they exist."""
    try:
        from qiskit_ibm_runtime.executor_estimator import Estimator
        from qiskit_ibm_runtime.executor_sampler import Sampler
    except ImportError:
        from qiskit_ibm_runtime import EstimatorV2 as Estimator
        from qiskit_ibm_runtime import SamplerV2 as Sampler
    return Sampler, Estimator


def _mitigation(backend):
    """Yield (dotted option name, value)."""
    if isinstance(backend.resilience, dict):
        for name, value in backend.resilience.items():
            yield f"resilience.{name}", value
    elif backend.resilience is not None:
        yield "resilience_level", backend.resilience
    decoupling = backend.dynamical_decoupling
    if isinstance(decoupling, dict):
        for name, value in decoupling.items():
            yield f"dynamical_decoupling.{name}", value
    elif decoupling is not None:
        yield "dynamical_decoupling.enable", bool(decoupling)
        if isinstance(decoupling, str):
            yield "dynamical_decoupling.sequence_type", decoupling
    twirling = backend.twirling
    if isinstance(twirling, dict):
        for name, value in twirling.items():
            yield f"twirling.{name}", value
    elif twirling is not None:
        yield "twirling.enable_gates", twirling
        yield "twirling.enable_measure", twirling
