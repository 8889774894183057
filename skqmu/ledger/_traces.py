"""Whether the bytes of a row are in a file, in whatever order an array lies there."""

import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CannotBeSearchedError", "rows_in_file"]

# Two values of a row are taken as a start where they come together no more often than this.
_MOST_PAIRS = 2_000_000
# Values at equal distances are taken for a row where fewer than this would be so by accident.
_ACCIDENTS = 0.1
_COMPRESSED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x04\x22M\x18": "lz4", b"ZF": "old joblib"}


class CannotBeSearchedError(ValueError):
    """A file is packed in a way that hides what is in it."""


def rows_in_file(path: str | os.PathLike, rows: Any) -> list[int]:
    """Which rows of a table of numbers are in a file.

    Parameters
    ----------
    path : path-like
        Members of a zip archive (``.skops``, ``.npz``) and of zlib and gzip streams are unpacked.
    rows : array-like of shape (n, n_features)

    Returns
    -------
    list of int
        Of rows whose values stand there as float64 or float32, one after another; or at equal
        distances, as in a column-major array, where they are so rare that this is no accident.

    Raises
    ------
    CannotBeSearchedError
        The file is packed otherwise.
    OSError
    """
    rows = np.asarray(rows, dtype=np.float64)
    found: set[int] = set()
    for data in _parts(Path(path)):
        for kind in ("<f8", "<f4"):
            left = [i for i in range(len(rows)) if i not in found]
            found.update(i for i in left if _holds(data, rows[i].astype(kind)))
    return sorted(found)


def _parts(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    for start, name in _COMPRESSED.items():
        if data.startswith(start):
            raise CannotBeSearchedError(f"{path} is packed with {name}, and is not searched.")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                yield archive.read(member)
    elif data[:2] == b"\x1f\x8b" or (data[:1] == b"\x78" and _is_zlib(data)):
        yield zlib.decompress(data, wbits=zlib.MAX_WBITS | 32)
    else:
        yield data


def _is_zlib(data: bytes) -> bool:
    return int.from_bytes(data[:2], "big") % 31 == 0


def _holds(data: bytes, row: np.ndarray) -> bool:
    if row.tobytes() in data:
        return True
    if len(row) < 2:
        return False
    places = [_places(data, value.tobytes()) for value in row]
    if not all(map(len, places)):
        return False
    # the two rarest values say where the row would begin, and how far apart its values are
    order = np.argsort([len(each) for each in places], kind="stable")
    first, second = sorted(order[:2].tolist())
    pairs = len(places[first]) * len(places[second])
    if pairs > _MOST_PAIRS or pairs * _chance(places, order[2:], row) > _ACCIDENTS:
        return False
    gap = places[second][None, :] - places[first][:, None]
    step, rest = np.divmod(gap, second - first)
    at, _ = np.nonzero((rest == 0) & (step != 0))
    step = step[(rest == 0) & (step != 0)]
    start = places[first][at] - first * step
    good = np.ones(len(start), dtype=bool)
    for j, own in enumerate(places):
        good &= np.isin(start + j * step, own)
    return bool(good.any())


def _chance(places: list, others: np.ndarray, row: np.ndarray) -> float:
    """How likely the other values are to stand in line with the first two by accident."""
    lowest, highest = min(each[0] for each in places), max(each[-1] for each in places)
    n_rows = max(1.0, (highest - lowest) / row.nbytes)
    return float(np.prod([min(1.0, len(places[j]) / n_rows) for j in others]))


def _places(data: bytes, pattern: bytes) -> np.ndarray:
    found, at = [], data.find(pattern)
    while at >= 0:
        found.append(at)
        at = data.find(pattern, at + 1)
    return np.array(found, dtype=np.int64)
