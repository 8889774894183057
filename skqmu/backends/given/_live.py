"""Live objects of others: what they are, what tells them apart, and how they are copied."""

import copy
import dataclasses
import pickle
import sys
import uuid
import weakref
from numbers import Integral, Real

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
from qiskit.providers import BackendV2

from ..._identity import Unidentifiable, digest

__all__ = [
    "LIVE",
    "Carried",
    "default_of",
    "device_of",
    "identity_of",
    "is_aer",
    "is_live",
    "is_remote",
    "parts_of",
]

LIVE = (BaseEstimatorV2, BaseSamplerV2, BackendV2)


def is_live(value):
    """Whether a value is a V2 primitive or a device of qiskit (an object, not a class).

    Parameters
    ----------
    value : object

    Returns
    -------
    bool

    Examples
    --------
    >>> from qiskit.primitives import StatevectorSampler
    >>> from skqmu.backends.given import is_live
    >>> is_live(StatevectorSampler()), is_live("statevector"), is_live(StatevectorSampler)
    (True, False, False)
    """
    return isinstance(value, LIVE)


def device_of(primitive):
    """The device that a primitive runs on; None where it has none, or does not say."""
    if isinstance(primitive, BackendV2):
        return primitive
    for name in ("backend", "_backend"):
        found = getattr(primitive, name, None)
        if callable(found) and not isinstance(found, BackendV2):  # the runtime's have a method
            found = found()
        if isinstance(found, BackendV2):
            return found
    return None


def is_remote(device):
    """Whether a device is one of IBM's service, which takes jobs from its own primitives only."""
    ibm = getattr(sys.modules.get("qiskit_ibm_runtime"), "IBMBackend", ())
    return isinstance(device, ibm)


def is_aer(device):
    """Whether a device is a simulator of Aer."""
    return type(device).__module__.startswith("qiskit_aer.")


def default_of(primitive, name):
    """A number that a primitive has as a property or option (``"default_shots"``); else None."""
    options = getattr(primitive, "options", None)
    for owner in (primitive, options):
        found = getattr(owner, name, None)
        if isinstance(found, Integral if name.endswith("shots") else Real):
            return found
    return None


# Digests by address, with what is there: of a large device one takes a third of a second. An
# object need not be hashable.
_TOLD: dict = {}


def _known(value):
    """The digest of an object that was asked for before; None where it was not."""
    found, token = _TOLD.get(id(value), (None, None))
    return token if found is not None and found() is value else None


def _remember(value, token):
    address = id(value)
    _TOLD[address] = (weakref.ref(value, lambda _: _TOLD.pop(address, None)), token)


def identity_of(primitive):
    """A string that is equal for copies and pickles of a live object, as far as can be told."""
    if not is_live(primitive):
        return repr(primitive)
    if _known(primitive) is None:
        _remember(primitive, _digest_of(primitive))
    volatile = [default_of(primitive, name) for name in ("default_shots", "default_precision")]
    return repr((type(primitive).__qualname__, _known(primitive), volatile))


def _digest_of(primitive):
    try:
        return digest(parts_of(primitive))
    except Unidentifiable:
        return uuid.uuid4().hex


def parts_of(primitive):
    """What tells a live object from others, for `_identity`."""
    options, device = _plain_options(primitive), device_of(primitive)
    if device is not None and device is not primitive and options is not None:
        # Beside these it holds a pass manager, which two copies have as two.
        return [type(primitive), options, parts_of(device)]
    return primitive


def _plain_options(primitive):
    """Options as a dict, from Pydantic's models or dataclasses; None of any others."""
    options = getattr(primitive, "options", None)
    if hasattr(type(options), "model_dump"):
        return options.model_dump()
    # Asked of the class: some models stand in for dataclasses, and warn.
    return dataclasses.asdict(options) if dataclasses.is_dataclass(type(options)) else None


class Carried:
    """A live object on its way into a copy or a pickle.

    A pickle holds it where it can be pickled, and is refused, in words that name the way out,
    where it cannot. A deep copy shares what cannot be copied.

    Parameters
    ----------
    value : object
    owner : str
        Class of the estimator or backend that holds it, for the message.
    token : str or None, default=None
        What `identity_of` tells it by: a copy is the same.

    Examples
    --------
    >>> import copy
    >>> from qiskit.primitives import StatevectorSampler
    >>> from skqmu.backends import Carried
    >>> state = Carried.within({"primitive": StatevectorSampler()}, "primitive", "MyBackend")
    >>> type(Carried.unpacked(copy.deepcopy(state), "primitive")["primitive"])
    <class 'qiskit.primitives.statevector_sampler.StatevectorSampler'>
    """

    def __init__(self, value, owner, token=None):
        self.value = value
        self.owner = owner
        self.token = token

    @classmethod
    def within(cls, state, name, owner):
        """The state of an object, with a live value of that name carried.

        Parameters
        ----------
        state : dict
            As `__getstate__` gives it.
        name : str
        owner : str
            Class of the object, for messages.

        Returns
        -------
        dict
            `state` itself where the value is not live.
        """
        if is_live(state.get(name)):
            value = state[name]
            return {**state, name: cls(value, owner, _known(value))}
        return state

    @classmethod
    def unpacked(cls, state, name):
        """The state with the value itself again.

        Parameters
        ----------
        state : dict
            As `within` gives it.
        name : str

        Returns
        -------
        dict
        """
        carried = state.get(name)
        if not isinstance(carried, cls):
            return state
        if carried.token is not None:
            _remember(carried.value, carried.token)
        return {**state, name: carried.value}

    def __deepcopy__(self, memo):
        try:
            value = copy.deepcopy(self.value, memo)
        except Exception:  # whatever an open connection says of being copied
            value = self.value
        return type(self)(value, self.owner, self.token)

    def __reduce__(self):
        try:
            pickle.dumps(self.value)
        except Exception as error:
            raise pickle.PicklingError(
                f"this {self.owner} holds a live {type(self.value).__name__}, which cannot be "
                f"pickled ({type(error).__name__}: {error}). Everything else can: set "
                "backend='statevector' (set_params) before pickling, and the object again after "
                "loading; or name the device, backend=RuntimeBackend(name)."
            ) from error
        return type(self), (self.value, self.owner, self.token)
