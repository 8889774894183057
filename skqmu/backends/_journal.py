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
from zipfile import BadZipFile

import numpy as np

from .._files import write_whole

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


class Journal:
    """Jobs of one noise stream under a directory.

    Parameters
    ----------
    directory : path-like
    stream : str
        Name of the noise stream; its jobs are in a folder of their own, which is what a
        deletion request removes.
    """

    def __init__(self, directory, stream):
        self.path = Path(directory) / stream

    def result(self, digest):
        """Arrays of a finished job, or None."""
        path = self.path / f"{digest}.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                return [stored[f"arr_{i}"] for i in range(len(stored.files))]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            path.unlink(missing_ok=True)  # damaged, or another's: the job counts as not done
            return None

    def job_id(self, digest):
        """Id of a job that was submitted and is not known to have ended, or None."""
        try:
            return json.loads((self.path / f"{digest}.json").read_text(encoding="utf-8"))["job_id"]
        except (OSError, ValueError, KeyError):
            return None

    def submitted(self, digest, job_id, device):
        """Write down that a job is on its way."""
        entry = {"job_id": job_id, "device": device, "submitted": time.time()}
        self._write(f"{digest}.json", lambda file: file.write(json.dumps(entry).encode()))

    def finished(self, digest, arrays):
        """Write down what a job gave."""
        self._write(f"{digest}.npz", lambda file: np.savez(file, *arrays))
        self.forget(digest)

    def forget(self, digest):
        """Take a submitted job back: it failed for good."""
        with suppress(FileNotFoundError):
            (self.path / f"{digest}.json").unlink()

    def _write(self, name, write):
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / name, write)
