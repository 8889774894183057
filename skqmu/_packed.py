"""Plain values and numeric arrays in one file: JSON beside ``.npy``, nothing that can run.

A zip archive, not compressed, that any tool opens::

    manifest.json    format, version, kind, owner, digest of the other members
    content.json     the values, with places in the pools where arrays stand
    float64.npy ...  one pool of numbers for each type

The digest finds damage. It authenticates nothing: whoever can write the file can write the
digest, too. That is why no object but those below ever comes out of it.
"""

import hashlib
import io
import json
import zipfile

import numpy as np

from ._files import read_regular, write_whole

__all__ = ["owner_of", "read_packed", "write_packed"]

_FORMAT, _VERSION = "skqmu", 1
_MANIFEST, _CONTENT, _POOL = "manifest.json", "content.json", ".npy"
_TYPES = frozenset(
    ["bool", "float16", "float32", "float64", "complex64", "complex128"]
    + [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
)


def write_packed(path, kind, content, *, owner):
    """Write a file, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
    kind : str
        What it is, in a word or two.
    content : object
        None, bool, int, float, str, numeric arrays and scalars, and lists, tuples, dicts of them.
    owner : str
        Whose it is.

    Raises
    ------
    TypeError
        Something else in `content`.
    """
    pools = _Pools()
    members = {_CONTENT: json.dumps(_encoded(content, pools)).encode()}
    for name, parts in sorted(pools.parts.items()):
        pool = io.BytesIO()
        np.lib.format.write_array(pool, np.concatenate(parts), allow_pickle=False)
        members[name + _POOL] = pool.getvalue()
    manifest = {
        "format": _FORMAT,
        "version": _VERSION,
        "kind": kind,
        "owner": owner,
        "digest": _digest(members),
    }
    members = {_MANIFEST: json.dumps(manifest, indent=1).encode(), **members}

    def write(file):
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name), data)

    write_whole(path, write)


def read_packed(path, kind):
    """Owner and content of a file that `write_packed` wrote.

    Raises
    ------
    OSError
        It cannot be read, or is no regular file.
    ValueError
        It is damaged, or something else; the message names it.
    """
    return _read(path, kind, lambda manifest, members: (manifest["owner"], _content(members)))


def owner_of(path, kind):
    """Owner of such a file; raises as `read_packed` does."""
    return _read(path, kind, lambda manifest, members: manifest["owner"])


def _read(path, kind, take):
    data = read_regular(path)
    try:
        members = _members(data)
        manifest = json.loads(members.pop(_MANIFEST))
        told = {"format": _FORMAT, "version": _VERSION, "kind": kind, "digest": _digest(members)}
        for name, expected in told.items():
            if manifest[name] != expected:
                raise ValueError(f"{name} {manifest[name]!r} instead of {expected!r}")
        return take(manifest, members)
    except Exception as error:  # whatever a foreign file makes of the parsers
        raise ValueError(
            f"{str(path)!r} is no {kind} of skqmu, or is damaged ({type(error).__name__}: {error})"
        ) from error


def _members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > len(data):
            raise ValueError("more in it than its size allows")
        if len({entry.filename for entry in entries}) < len(entries):
            raise ValueError("two members of one name")
        return {entry.filename: archive.read(entry) for entry in entries}


def _digest(members):
    digest = hashlib.blake2b(digest_size=16)
    for name, data in sorted(members.items()):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _encoded(value, pools):
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return {kind: [*pools.add(array), list(array.shape)]}
    if isinstance(value, list):
        return [_encoded(item, pools) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_encoded(item, pools) for item in value]}
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {"dict": {key: _encoded(item, pools) for key, item in value.items()}}
    raise TypeError(f"{type(value).__name__} is not among what skqmu writes to files.")


class _Pools:
    """Arrays of one type lie one behind the other: a log of thousands of steps is one member."""

    def __init__(self):
        self.parts, self._sizes = {}, {}

    def add(self, array):
        """Name of the pool, and where in it the array begins."""
        name = array.dtype.name
        if name not in _TYPES:
            raise TypeError(f"arrays of {name} are not among what skqmu writes to files.")
        start = self._sizes.get(name, 0)
        self.parts.setdefault(name, []).append(array.ravel())
        self._sizes[name] = start + array.size
        return name, start


def _content(members):
    pools = {}
    content = json.loads(members.pop(_CONTENT))
    for member, data in members.items():
        name = member.removesuffix(_POOL)
        pool = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        if name not in _TYPES or pool.dtype.name != name or pool.ndim != 1:
            raise ValueError(f"a member {member!r} of {pool.dtype}")
        pools[name] = pool
    return _decoded(content, pools)


def _decoded(value, pools):
    if isinstance(value, list):
        return [_decoded(item, pools) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tuple":
        return tuple(_decoded(item, pools) for item in inner)
    if kind == "dict":
        return {key: _decoded(item, pools) for key, item in inner.items()}
    if kind not in ("array", "scalar"):
        raise ValueError(f"a value of kind {kind!r}")
    array = _from_pool(pools, *inner)
    return array if kind == "array" else array[()]


def _from_pool(pools, name, start, shape):
    size = int(np.prod(shape, dtype=object)) if shape else 1
    if start < 0 or min(shape, default=0) < 0 or start + size > len(pools[name]):
        raise ValueError("an array outside its pool")
    return pools[name][start : start + size].reshape(shape).copy()
