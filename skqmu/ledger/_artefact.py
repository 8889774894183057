"""The model's file: known by its digest, replaced whole or not at all, on the disk when told."""

import glob
import os
import shutil
from pathlib import Path
from typing import Any

from .._files import remove_leftovers
from ._canonical import Keys

__all__ = ["Artefact"]


class Artefact:
    """A model file, and the version that is to take its place.

    Parameters
    ----------
    path : path-like
        Links are followed: what they lead to is replaced, not they.
    keys : Keys
    trust : bool or sequence of str
        As for :func:`skqmu.load`.
    """

    def __init__(self, path: str | os.PathLike, keys: Keys, trust: Any = False):
        self.path = Path(os.path.realpath(path))
        self._keys = keys
        self._trust = trust

    def digest(self) -> str:
        """Keyed digest of what is in the file now."""
        return self._keys.file(self.path)

    def read(self) -> tuple[str, Any]:
        """The model, and the digest of the file that it was read from.

        Raises
        ------
        OSError
            It is not there, or is being written by somebody else.
        """
        import skqmu

        before = self.digest()
        model = skqmu.load(self.path, trust=self._trust)
        if self.digest() != before:
            raise OSError(f"{self.path} was changed by somebody else while it was read; try again.")
        return before, model

    def stage(self, model: Any, batch: int) -> str:
        """Write the next version beside the file, to the disk; returns its digest."""
        import skqmu

        staged = self._staged(batch)
        skqmu.save(model, staged)
        if self.path.exists():  # who may read it stays as it was
            shutil.copymode(self.path, staged)
        _to_disk(staged)
        return self._keys.file(staged)

    def staged_digest(self, batch: int) -> str | None:
        """Digest of the next version, if it is there."""
        try:
            return self._keys.file(self._staged(batch))
        except FileNotFoundError:
            return None

    def put(self, batch: int) -> None:
        """Let the next version take the file's place."""
        os.replace(self._staged(batch), self.path)
        if os.name == "posix":  # elsewhere no folder can be opened
            _to_disk(self.path.parent, os.O_RDONLY)

    def clean(self) -> None:
        """Delete versions, whole and half ones, that were never put in place: they hold rows."""
        pattern = f".{glob.escape(self.path.stem)}.skqmu-*{glob.escape(self.path.suffix)}"
        for path in self.path.parent.glob(pattern):
            path.unlink(missing_ok=True)
        for path in self.path.parent.glob(f".{pattern}.*.part"):
            # what a kill has left of `save`; the name is that of the file that was being written
            remove_leftovers(path.parent, path.name[1:].rpartition(".part")[0].rpartition(".")[0])

    def _staged(self, batch: int) -> Path:
        return self.path.with_name(f".{self.path.stem}.skqmu-{batch}{self.path.suffix}")


def _to_disk(path: Path, flags: int = os.O_RDWR) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
