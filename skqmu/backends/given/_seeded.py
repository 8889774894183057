"""Primitives as they are given, with a seed for one job: noise is the estimator's own stream."""

import copy
import dataclasses
import warnings

import numpy as np
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import BackendV2

from ..runtime._options import runtime_classes
from ._live import default_of, device_of, is_aer, is_remote

__all__ = ["own_seed", "sampler_for", "seeded"]


def sampler_for(device, seed):
    """A sampler of a device: Aer's, the runtime's, or qiskit's on ``device.run``."""
    if is_remote(device):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return runtime_classes()[0](mode=device)
    if is_aer(device):
        from qiskit_aer.primitives import SamplerV2

        return SamplerV2.from_backend(device, seed=_number(seed))
    return seeded(BackendSamplerV2(backend=device), seed)


def seeded(primitive, seed):
    """A primitive like the one given, whose draws follow from a seed where it takes one.

    Parameters
    ----------
    primitive : BaseEstimatorV2 or BaseSamplerV2
        It stays as it is. Of classes that are not known here it is the result, too: their draws
        are their own.
    seed : numpy.random.SeedSequence
    """
    kind = type(primitive)
    if kind is StatevectorEstimator:
        return kind(default_precision=primitive.default_precision, seed=np.random.default_rng(seed))
    if kind is StatevectorSampler:
        # A number would seed every row alike.
        return kind(default_shots=primitive.default_shots, seed=np.random.default_rng(seed))
    if kind in (BackendEstimatorV2, BackendSamplerV2):
        options = dataclasses.asdict(primitive.options)
        if hasattr(getattr(primitive.backend, "options", None), "seed_simulator"):
            options["seed_simulator"] = _number(seed)
        return kind(backend=primitive.backend, options=options)
    maker = _MAKERS.get(kind.__module__.partition(".")[0])
    return primitive if maker is None else maker(primitive, seed)


def _aer(primitive, seed):
    options = dataclasses.asdict(primitive.options)
    options["run_options"] = {**options["run_options"], "seed_simulator": _number(seed)}
    more = {}
    if default_of(primitive, "default_shots") is not None:
        more = {"default_shots": primitive.default_shots, "seed": _number(seed)}
    return type(primitive).from_backend(device_of(primitive), options=options, **more)


def _runtime(primitive, seed):
    if is_remote(device_of(primitive)):
        return primitive
    options = copy.deepcopy(primitive.options)
    options.simulator.seed_simulator = _number(seed)
    with warnings.catch_warnings():
        # The older classes announce the newer ones; which it is was not chosen here.
        warnings.simplefilter("ignore", DeprecationWarning)
        return type(primitive)(mode=device_of(primitive), options=options)


_MAKERS = {"qiskit_aer": _aer, "qiskit_ibm_runtime": _runtime}


def _number(seed):
    # Simulators take 31 bits, and some take 0 for no seed.
    return int(seed.generate_state(1)[0] >> 1) or 1


def own_seed(primitive):
    """The seed that a primitive was made with, where it is a number; else None."""
    if isinstance(primitive, BackendV2):
        return None
    options = getattr(primitive, "options", None)
    found = (
        getattr(primitive, "seed", None),
        getattr(options, "seed_simulator", None),
        (getattr(options, "run_options", None) or {}).get("seed_simulator"),
    )
    return next((int(s) for s in found if isinstance(s, int) and s >= 0), None)
