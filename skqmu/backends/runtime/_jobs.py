"""One job of a paid device: submitted once, waited for as often as it takes, written down."""

import inspect
import logging
import time

from ...exceptions import BackendError, BackendTimeoutError
from ._device import retrieve_job, scrubbed
from ._journal import Journal, job_digest
from ._retry import failure_kind, retried

__all__ = ["Job"]

logger = logging.getLogger("skqmu.backends")

_POLL_SECONDS = 0.02


class Job:
    """Values of an executable at some angles, as a job.

    Parameters
    ----------
    executable : runtime executable
        Submits jobs and reads results.
    values : ndarray of shape (N, n_parameters)
    draw : numpy.random.SeedSequence
        Place in the noise stream: two jobs with equal numbers are two jobs.
    """

    def __init__(self, executable, values, draw):
        self.executable = executable
        self.backend = executable.backend
        self.device = executable.lease.device
        self.values = values
        self.seed = int(draw.generate_state(1)[0] >> 1) + 1  # the runtime takes 0 for no seed
        self.digest = job_digest(executable.digest, values, draw.entropy, draw.spawn_key)
        self.journal = None
        if self.backend.checkpoint_dir is not None:
            self.journal = Journal(self.backend.checkpoint_dir, executable.noise.name)
        self.handle = None

    def stored(self):
        """Result of an earlier process, or None."""
        found = None if self.journal is None else self.journal.result(self.digest)
        if found is not None and not self.executable.are_estimates(found, len(self.values)):
            self.journal.drop_result(self.digest)
            return None
        return found

    def run(self):
        """Run until it succeeds, is given up, or times out."""
        try:
            stored = retried(
                self._attempt,
                max_retries=self.backend.max_retries,
                renew=self.executable.lease.close,
                what=f"a job on {self.device.name}",
            )
        except BackendError:
            raise
        except Exception as error:
            problem = self._problem(error)
        else:
            if self.journal is not None:
                self.journal.finished(self.digest, stored)
            return stored
        # Raised outside the handler: the original, whose request may hold a token, is not chained.
        raise problem

    def charged(self):
        """What the device says that it charged, to replace the estimate; most often nothing."""
        usage = getattr(self.handle, "usage", None)
        try:
            seconds = usage() if usage is not None else 0
        except Exception as error:  # the result is here: its bill can be read elsewhere
            logger.warning("the usage of a job could not be asked (%s)", type(error).__name__)
            return {}
        # Not known yet is 0 as well.
        return {"qpu_seconds": float(seconds)} if seconds else {}

    def _attempt(self):
        found = None
        if self.handle is None:
            self.handle = found = self._underway()
        if self.handle is None:
            self.handle = self._submitted()
        try:
            result = _waited(self.handle, self.backend.timeout, self._timed_out)
        except Exception:
            # A job that failed is sent again; one that merely could not be asked is not.
            if _has_failed(self.handle):
                self._give_up()
            raise
        if found is None:
            return self.executable.estimates(result, len(self.values))
        estimates = self._estimates_of_found(result)
        if estimates is None:
            # The journal named a job, and it is another one.
            self._give_up()
            return self._attempt()
        return estimates

    def _estimates_of_found(self, result):
        """What a job gave that a file named, or None where it is no such job."""
        n_rows = len(self.values)
        try:
            estimates = self.executable.estimates(result, n_rows)
        except Exception as error:  # whatever the results of another circuit make of the reading
            logger.warning("a job of the journal is another one (%s)", type(error).__name__)
            return None
        return estimates if self.executable.are_estimates(estimates, n_rows) else None

    def _give_up(self):
        self.handle = None
        if self.journal is not None:
            self.journal.forget(self.digest)

    def _underway(self):
        """The job of an earlier process, if the device still knows it."""
        job_id = None if self.journal is None else self.journal.job_id(self.digest)
        if job_id is None:
            return None
        job = retrieve_job(self.device, job_id)
        if job is None or _has_failed(job):
            self.journal.forget(self.digest)
            return None
        logger.info("job %s on %s is under way: waiting for it", job_id, self.device.name)
        return job

    def _submitted(self):
        job = self.executable.submit(self.values, self.seed)
        if self.journal is not None:
            self.journal.submitted(self.digest, job.job_id(), self.device.name)
        return job

    def _timed_out(self):
        name = f"job {self.handle.job_id()} on {self.device.name}"
        if self.journal is not None:
            return BackendTimeoutError(
                f"{name} did not end within timeout={self.backend.timeout:g} s. It goes on, and is "
                f"written down in {self.backend.checkpoint_dir}: run the same program again to "
                "wait for it, not to pay again; or set a longer timeout."
            )
        try:
            self.handle.cancel()
        except Exception as error:
            logger.warning("%s could not be cancelled (%s)", name, type(error).__name__)
        return BackendTimeoutError(
            f"{name} did not end within timeout={self.backend.timeout:g} s and was cancelled. "
            "Set a longer timeout, or checkpoint_dir, which lets a job go on and be found again."
        )

    def _problem(self, error):
        kind = failure_kind(error)
        tried = (
            "it is no failure that passes by itself, so it was not retried"
            if kind == "permanent"
            else f"it failed {self.backend.max_retries + 1} times; max_retries allows more"
        )
        kept = "" if self.journal is None else (
            f" Finished jobs are in {self.backend.checkpoint_dir}: the same program picks them up."
        )  # fmt: skip
        return BackendError(
            f"a job on {self.device.name} failed ({type(error).__name__}: {scrubbed(str(error))}); "
            f"{tried}.{kept}"
        )


def _waited(job, timeout, timed_out):
    """Result of a job; raises what `timed_out` returns when it takes longer than `timeout`."""
    if timeout is None:
        return job.result()
    if "timeout" in inspect.signature(job.result).parameters:
        try:
            return job.result(timeout=timeout)
        except Exception as error:
            if type(error).__name__ != "RuntimeJobTimeoutError":
                raise
        raise timed_out()
    deadline = time.monotonic() + timeout
    while not job.in_final_state():
        if time.monotonic() > deadline:
            raise timed_out()
        time.sleep(_POLL_SECONDS)
    return job.result()


def _has_failed(job):
    """Whether a job ended without a result; False where that cannot be asked now."""
    try:
        status = job.status()
    except Exception as error:
        logger.warning("the status of a job could not be asked (%s)", type(error).__name__)
        return False
    return str(getattr(status, "name", status)) in ("ERROR", "CANCELLED")
