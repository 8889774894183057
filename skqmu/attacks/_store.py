"""Shadows live on disk: the parent's memory must not grow with their number."""

import hashlib
import io
import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import joblib
import numpy as np

from .._files import read_regular, remove_leftovers, write_whole
from .._identity import Unidentifiable
from .._owned import OwnedFolder

__all__ = ["ShadowOutputs", "ShadowStore", "cache_directory"]

# records are reduced block by block so that one block over all shadows stays below this
BLOCK_BYTES = 16 * 2**20


def cache_directory(memory, digest):
    """Return the folder of one pool inside a user's cache, or None without a cache.

    Parameters
    ----------
    memory : None, str, path-like or joblib.Memory
    digest : callable without arguments, returning str
        Called only when there is a cache; 32 hexadecimal digits, the shape of joblib's own
        entries, so that ``Memory.clear`` and ``Memory.reduce_size`` treat pools alike.

    Raises
    ------
    TypeError
        `memory` is something else.

    Examples
    --------
    >>> import tempfile
    >>> from skqmu.attacks.tools import cache_directory
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache_directory(folder, lambda: 32 * "0").name
    '00000000000000000000000000000000'
    >>> cache_directory(None, lambda: 32 * "0") is None
    True
    """
    if memory is None:
        return None
    if not isinstance(memory, joblib.Memory):
        if not isinstance(memory, str | os.PathLike):
            raise TypeError(
                f"memory={memory!r} must be None, a folder, or a joblib.Memory; got "
                f"{type(memory).__name__}."
            )
        memory = joblib.Memory(os.fspath(memory), verbose=0)
    if memory.store_backend is None:
        return None
    try:
        name = digest()
    except Unidentifiable as error:
        warnings.warn(f"memory= keeps no fits of this model: {error}", UserWarning)
        return None
    return Path(memory.store_backend.location) / "skqmu-shadows" / name


class ShadowStore:
    """Pickled models and outputs of numbered shadows in one folder.

    Beside the files of a shadow stands their list with digests, written last: a shadow that is
    not whole, because a process was killed or a file was cut, is not there. Models are
    pickles: a folder that others can write to is not to be used (the digests find damage,
    no forgery).

    Parameters
    ----------
    directory : path-like or None, default=None
        ``None`` makes a private temporary folder that is removed with this object.

    Examples
    --------
    >>> import pickle
    >>> import numpy as np
    >>> from skqmu.attacks.tools import ShadowStore
    >>> store = ShadowStore()
    >>> for index in range(2):
    ...     store.write(index, pickle.dumps(f"model {index}"), {"proba": np.full((3, 2), index)})
    >>> 1 in store, 2 in store, pickle.loads(store.model(1))
    (True, False, 'model 1')
    >>> outputs = store.outputs("proba", n_shadows=2)
    >>> outputs.shape, outputs.rows([0])[:, 0, 0]
    ((2, 3, 2), array([0, 1]))
    """

    def __init__(self, directory=None):
        self.persistent = directory is not None
        if self.persistent:
            self.directory = Path(directory)
            self.directory.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.directory)
        else:
            self._make_temporary()

    def _make_temporary(self):
        self._folder = OwnedFolder(tempfile.gettempdir(), "shadows")
        self.directory = self._folder.path

    def _path(self, index, kind):
        return self.directory / f"{index:06d}.{kind}"

    def __contains__(self, index):
        try:
            digests = json.loads(read_regular(self._path(index, "json")))
            return "model" in digests and all(
                _digest(read_regular(self._path(index, kind))) == digest
                for kind, digest in digests.items()
            )
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return False  # not there, or whatever a damaged list makes of the reading

    def write(self, index, model, outputs):
        """Keep one shadow: its pickle and a dict of arrays. The list marks it complete.

        Parameters
        ----------
        index : int
        model : bytes
            The pickle.
        outputs : dict of str to ndarray
        """
        self._path(index, "json").unlink(missing_ok=True)
        contents = {f"{name}.npy": _as_npy(array) for name, array in outputs.items()}
        contents["model"] = model
        for kind, content in contents.items():
            write_whole(self._path(index, kind), lambda file, c=content: file.write(c))
        digests = {kind: _digest(content) for kind, content in contents.items()}
        text = json.dumps(digests).encode()
        write_whole(self._path(index, "json"), lambda file: file.write(text))

    def model(self, index):
        """Return the pickle of one shadow.

        Parameters
        ----------
        index : int

        Returns
        -------
        bytes

        Raises
        ------
        FileNotFoundError
            It was never written.
        """
        return self._path(index, "model").read_bytes()

    def outputs(self, name, n_shadows):
        """Return one kind of output of the first `n_shadows`, read when asked for.

        Parameters
        ----------
        name : str
            Its name in the dict that was written.
        n_shadows : int

        Returns
        -------
        ShadowOutputs
            ``rows(rows)`` and ``one(index)`` read; has a `shape`.

        Raises
        ------
        FileNotFoundError
            There is no such output of the first shadow.
        """
        return ShadowOutputs([self._path(i, f"{name}.npy") for i in range(n_shadows)], self)

    def clear(self):
        """Delete the files; raises OSError where that fails."""
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def __getstate__(self):
        # a pickle must stand on its own: the folder may be gone, or on another machine
        files = {path.name: path.read_bytes() for path in sorted(self.directory.glob("0*"))}
        return {"files": files}

    def __setstate__(self, state):
        self.persistent = False
        self._make_temporary()
        for name, content in state["files"].items():
            (self.directory / name).write_bytes(content)


def _digest(content):
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _as_npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    return file.getvalue()


class ShadowOutputs:
    """Outputs of all shadows on the same rows, shape (n_shadows, n, ...), read in blocks.

    Parameters
    ----------
    arrays : list of path or ndarray
    keep : object
        Kept alive as long as these files are needed.
    """

    def __init__(self, arrays, keep=None):
        self._arrays, self._keep = arrays, keep
        first = self._open(0)
        self.shape = (len(arrays), *first.shape)

    def _open(self, index):
        array = self._arrays[index]
        return array if isinstance(array, np.ndarray) else np.load(array, mmap_mode="r")

    def one(self, index):
        """Return the outputs of one shadow, shape (n, ...)."""
        return np.array(self._open(index))

    def rows(self, rows):
        """Return the outputs of all shadows on some rows, shape (n_shadows, len(rows), ...)."""
        return np.stack([self._open(i)[rows] for i in range(self.shape[0])])

    def blocks(self):
        """Yield ``(rows, outputs)``: slices of rows with all shadows' outputs on them."""
        per_row = 8 * self.shape[0] * int(np.prod(self.shape[2:], initial=1))
        step = max(1, BLOCK_BYTES // per_row)
        for start in range(0, self.shape[1], step):
            rows = slice(start, min(start + step, self.shape[1]))
            yield rows, self.rows(rows)
