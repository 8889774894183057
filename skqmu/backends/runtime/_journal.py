"""A journal of jobs: what was submitted, and what came back, so that nothing is paid twice.

One file a job, named by a digest of all that the job depends on: device, circuits, numbers,
shots, options and its place in the noise stream. A program that runs again after a crash
asks for the same jobs in the same order, and finds what is done.
"""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..._files import read_regular, remove_leftovers, write_whole
from ..._owned import MANIFEST, folder_owner, manifest_text
from ..._packed import read_packed, write_packed

__all__ = ["Journal", "job_digest"]


def job_digest(*parts):
    """Digest of strings, numbers and arrays, the same in every process.

    Parameters
    ----------
    *parts : str, int, float, None, tuple or ndarray

    Returns
    -------
    str
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(repr((part.shape, part.dtype.str)).encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\x00")
    return digest.hexdigest()


_KIND, _RESULT = "journal", "job result"

# Journals that were cleaned of a killed process's half-written files, and found to be ours.
_OPENED: set = set()


class Journal:
    """Jobs of one noise stream under a directory.

    Its files are JSON and numeric arrays: what somebody else put there is read as such or not
    at all. A file that is damaged, or another's, counts as not there.

    Parameters
    ----------
    directory : path-like
    stream : str
        Name of the noise stream; its jobs are in a folder of their own, which is what a
        deletion request removes.

    Raises
    ------
    OSError, ValueError
        From all methods: the folder, or a file in it, cannot be used; the message names it.
    """

    def __init__(self, directory, stream):
        self.path = Path(directory).absolute() / stream
        self.stream = stream

    def result(self, digest):
        """Arrays of a finished job, or None."""
        if not self._is_there():
            return None
        path = self._result_path(digest)
        try:
            owner, arrays = read_packed(path, _RESULT)
        except FileNotFoundError:
            return None
        except ValueError:
            owner, arrays = None, None
        found = isinstance(arrays, list) and all(isinstance(a, np.ndarray) for a in arrays)
        if owner == digest and found:
            return arrays
        self.drop_result(digest)
        return None

    def drop_result(self, digest):
        """Take a result back: it is not that of the job."""
        self._result_path(digest).unlink(missing_ok=True)

    def job_id(self, digest):
        """Id of a job that was submitted and is not known to have ended, or None."""
        if not self._is_there():
            return None
        try:
            entry = json.loads(read_regular(self._job_path(digest)))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            entry = None
        job_id = entry.get("job_id") if isinstance(entry, dict) else None
        if isinstance(job_id, str) and job_id:
            return job_id
        self.forget(digest)
        return None

    def submitted(self, digest, job_id, device):
        """Write down that a job is on its way."""
        entry = {"job_id": job_id, "device": device, "submitted": time.time()}
        self._open()
        write_whole(self._job_path(digest), lambda file: file.write(json.dumps(entry).encode()))

    def finished(self, digest, arrays):
        """Write down what a job gave."""
        self._open()
        write_packed(self._result_path(digest), _RESULT, list(arrays), owner=digest)
        self.forget(digest)

    def forget(self, digest):
        """Take a submitted job back: it failed for good."""
        with suppress(FileNotFoundError):
            self._job_path(digest).unlink()

    def _result_path(self, digest):
        return self.path / f"{digest}.npz"

    def _job_path(self, digest):
        return self.path / f"{digest}.json"

    def _is_there(self):
        """Whether the folder is there, and ours; what a kill left in it is deleted."""
        if not self.path.is_symlink() and not self.path.exists():
            return False
        try:
            owner = folder_owner(self.path, _KIND)
        except FileNotFoundError:
            # Killed before it wrote the manifest, which is the first file; or cleaned by hand.
            write_whole(self.path / MANIFEST, lambda f: f.write(manifest_text(_KIND, self.stream)))
            owner = self.stream
        if owner != self.stream:
            raise ValueError(f"{self.path} is the journal of another stream, {owner!r}; delete it.")
        if self.path not in _OPENED:
            remove_leftovers(self.path)
            _OPENED.add(self.path)
        return True

    def _open(self):
        if not self._is_there():
            self.path.mkdir(parents=True, exist_ok=True)
            self._is_there()
