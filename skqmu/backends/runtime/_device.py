"""The way to a device: saved accounts, sessions that are always closed, plain messages.

Live objects (services, devices, sessions) are the process's, in tables keyed by what the
backend's parameters say. Credentials are read by the runtime from its own saved accounts;
they never pass through here.
"""

import logging
import os
import re
from contextlib import contextmanager
from threading import RLock

from ...exceptions import BackendError
from .._fakes import fake_device, is_fake

__all__ = ["Lease", "open_device", "retrieve_job", "scrubbed"]

logger = logging.getLogger("skqmu.backends")

_DEVICES: dict = {}
_LEASES: dict = {}
_LOCK = RLock()

_SAVE = (
    'IBMQuantumComputeService.save_account(channel="ibm_quantum_platform", token=..., instance=...)'
)
_OFFLINE = 'name="fake_manila" and AerBackend run the same code without a network'


def open_device(name, account=None, instance=None):
    """Return the device object for a name, opened once a process.

    A connection that fails is not tried again: most often nobody is listening, and who waits
    half a minute for that message has not been helped.

    Parameters
    ----------
    name : str
        A fake device's, a real one's, or ``"least_busy"``.
    account : str or None
        Name of an account saved with qiskit-ibm-runtime; None: its default.
    instance : str or None

    Raises
    ------
    BackendError
        No account, a token that is not accepted, no network, an unknown device: each in
        words of its own, with the way out.
    """
    if is_fake(name):
        return fake_device(name)
    key = (os.getpid(), name, account, instance)
    with _LOCK:
        if key not in _DEVICES:
            _DEVICES[key] = _guarded(lambda: _connect(name, account, instance), name)
        return _DEVICES[key]


def retrieve_job(device, job_id):
    """Return a job of an earlier process; None where the device keeps none (fakes)."""
    service = getattr(device, "service", None)
    return None if service is None else service.job(job_id)


def scrubbed(text):
    """A service's own words without any token of a saved account or a request header."""
    tokens = [os.environ.get("QISKIT_IBM_TOKEN")]
    try:
        tokens += [a.get("token") for a in _service_class().saved_accounts().values()]
    except Exception as error:  # no accounts, or a file that cannot be read: nothing to hide
        logger.debug("saved accounts could not be listed (%s)", type(error).__name__)
    for token in filter(None, tokens):
        text = text.replace(token, "[token]")
    return re.sub(r"(?i)\b(bearer|apikey|token)(\s+|\s*[=:]\s*)\S+", r"\1 [token]", text)


def _service_class():
    """The runtime's service, by the name that it goes by: renamed in its release 0.49."""
    import qiskit_ibm_runtime as runtime

    renamed = getattr(runtime, "IBMQuantumComputeService", None)
    return runtime.QiskitRuntimeService if renamed is None else renamed


def _connect(name, account, instance):
    service = _service_class()(name=account, instance=instance)
    if name == "least_busy":
        return service.least_busy(operational=True, simulator=False)
    return service.backend(name)


def _guarded(action, name):
    """Run an action; turn its failure into a message that holds nothing of the account."""
    try:
        return action()
    except ImportError:
        problem = BackendError(
            "RuntimeBackend needs qiskit-ibm-runtime: pip install qiskit-ibm-runtime."
        )
    except Exception as error:
        problem = _explained(error, name)
    # Raised outside the handler: the original, whose request may hold a token, is not chained.
    raise problem


def _explained(error, name):
    """A BackendError that says which of the known causes it is."""
    chain, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        chain.append(error)
        error = error.__cause__ or error.__context__
    names = {cls.__name__ for e in chain for cls in type(e).__mro__}
    statuses = {getattr(e, "status_code", None) for e in chain}
    statuses |= {getattr(getattr(e, "response", None), "status_code", None) for e in chain}
    if "AccountNotFoundError" in names:
        return BackendError(
            f"no account is saved for IBM Quantum. Save one once, outside your program: {_SAVE}; "
            f"{_OFFLINE}."
        )
    if names & {"ConnectionError", "MaxRetryError", "Timeout", "NameResolutionError", "gaierror"}:
        return BackendError(
            "IBM Quantum cannot be reached from here (no network, no name resolution, or a proxy "
            f"in between); the account was not even asked. Check the connection and run again; "
            f"{_OFFLINE}."
        )
    broken = {s for s in statuses if isinstance(s, int) and (s == 429 or s >= 500)}
    if broken:  # the runtime blames the token for these as well
        return BackendError(
            f"IBM Quantum answered with HTTP status {min(broken)}: it is overloaded or out of "
            f"order, which says nothing of the account. Run again later; {_OFFLINE}."
        )
    if names & {"InvalidAccountError", "IBMNotAuthorizedError"} or statuses & {401, 403}:
        return BackendError(
            "IBM Quantum does not accept the saved account: its token is wrong, has expired, or "
            f"has no access to the instance. Save a new one with overwrite=True: {_SAVE}."
        )
    if "QiskitBackendNotFoundError" in names:
        return BackendError(
            f"the account has no device {name!r}; IBMQuantumComputeService().backends() lists "
            "those that it has, and name='least_busy' takes the one with the shortest queue."
        )
    return BackendError(
        f"IBM Quantum could not open the device {name!r} ({type(chain[0]).__name__}). Run "
        "IBMQuantumComputeService() by itself to see the service's own words."
    )


class Lease:
    """A device with its session or batch, shared by all who hold it and closed by the last.

    Obtained with :meth:`of`; held as a context (:meth:`held`). The session is opened by the
    first job, not before.
    """

    def __init__(self, name, account, instance, mode, max_time):
        self._device = (name, account, instance)
        self._mode, self._max_time = mode, max_time
        self._holders = 0
        self._session = None
        self._lock = RLock()

    @classmethod
    def of(cls, name, account, instance, mode, max_time):
        """Return the process's lease for these parameters."""
        key = (os.getpid(), name, account, instance, mode, max_time)
        with _LOCK:
            if key not in _LEASES:
                _LEASES[key] = cls(name, account, instance, mode, max_time)
            return _LEASES[key]

    @property
    def device(self):
        """The device object."""
        return open_device(*self._device)

    @contextmanager
    def held(self):
        """Keep the session for as long as the context lasts (nested contexts share it)."""
        with self._lock:
            self._holders += 1
        try:
            yield self
        finally:
            with self._lock:
                self._holders -= 1
                if self._holders == 0:
                    self.close()

    def execution_mode(self):
        """What a primitive runs in: the device, or an open session or batch on it."""
        if self._mode == "job":
            return self.device
        with self._lock:
            if self._session is None:
                # Its failures are a job's failures: retried and told there.
                self._session = self._opened()
            return self._session

    def _opened(self):
        from qiskit_ibm_runtime import Batch, Session

        kind = Session if self._mode == "session" else Batch
        return kind(backend=self.device, max_time=self._max_time)

    def close(self):
        """Close the session, if one is open; the next job opens another."""
        with self._lock:
            session, self._session = self._session, None
        if session is None:
            return
        try:
            session.close()
        except Exception as error:  # it may be gone already, which is what is wanted
            logger.warning("closing the %s failed (%s)", self._mode, type(error).__name__)
