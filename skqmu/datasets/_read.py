"""Arrays from files that may be damaged or cut: exact, or an error that names the file."""

import csv
import gzip
import io
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

__all__ = ["check_images", "check_labels", "read_csv", "read_npz"]

_N_FEATURES = 54  # of Covertype


@contextmanager
def _reading(path, expected):
    """Turn whatever a reader raises into OSError or ValueError that names the file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(f"{path} cannot be read: {error}; it must be {expected}.") from error
    except Exception as error:
        # zipfile, zlib, gzip and NumPy have a dozen kinds of errors for bytes that are wrong
        raise ValueError(
            f"{path} is damaged or something else ({type(error).__name__}: {error}); it must be "
            f"{expected}."
        ) from error


def read_npz(path, names, file=None):
    """Return the arrays of these names that an ``.npz`` file holds; every byte is checked.

    Parameters
    ----------
    path : str or path-like
    names : tuple of str
        The first two must be there.
    file : binary file or None, default=None
        Read instead; `path` then only names it.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError, OSError
        With the name of the file.
    """
    path = Path(path)
    expected = "an .npz file with X and y, and possibly index"
    with _reading(path, expected), zipfile.ZipFile(file or path) as archive:
        # NumPy stops at an array's end, and then nobody compares checksums
        contents = {info.filename: archive.read(info) for info in archive.infolist()}
        arrays = {
            name: _array(contents[f"{name}.npy"], name)
            for name in names
            if f"{name}.npy" in contents
        }
    missing = [name for name in names[:2] if name not in arrays]
    if missing:
        held = sorted(name.removesuffix(".npy") for name in contents)
        raise ValueError(f"{path} holds {held}; it needs X and y.")
    return arrays


def _array(content, name):
    stream = io.BytesIO(content)
    array = np.lib.format.read_array(stream, allow_pickle=False)
    if stream.read(1):
        raise ValueError(f"{name} holds more bytes than its header says")
    return array


def read_csv(path):
    """Return features, labels and feature names of a Covertype table.

    Parameters
    ----------
    path : str or path-like
        ``.csv`` or ``.csv.gz``.
    """
    path = Path(path)
    expected = f"a .csv or .csv.gz file with {_N_FEATURES} feature columns and Cover_Type"
    with _reading(path, expected):
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    lines = io.StringIO(text)
    with _reading(path, expected):
        header = next(csv.reader(lines), [])
    if len(header) != _N_FEATURES + 1 or header[-1] != "Cover_Type":
        raise ValueError(
            f"{path} needs {_N_FEATURES} feature columns and Cover_Type last; its header has "
            f"{len(header)} columns, the last is {header[-1:]!r:.60}."
        )
    rows = lines.read()
    if not rows.strip():
        raise ValueError(f"{path} holds a header and no rows.")
    with _reading(path, expected):
        values = np.loadtxt(io.StringIO(rows), delimiter=",", ndmin=2, comments=None)
    if values.shape[1] != len(header):
        raise ValueError(f"{path} has {values.shape[1]} values a row and {len(header)} columns.")
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"{path}: row {row} holds {values[row, column]} in column {header[column]!r}; every "
            "value must be a finite number."
        )
    return values[:, :-1], check_labels(values[:, -1], path, 1, 7), header[:-1]


def check_images(arrays, source):
    """Return pixels of shape (n, 784), labels and rows' numbers, checked.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``X``, ``y`` and possibly ``index``.
    source : str or path-like
        Names them in messages.

    Raises
    ------
    ValueError
        With the source, what is wrong, and what is expected.
    """
    X, y = arrays["X"], arrays["y"]
    if X.dtype != np.uint8 or X.shape[1:] not in ((28, 28), (784,)) or y.shape != X.shape[:1]:
        raise ValueError(
            f"{source}: X must be uint8 of shape (n, 28, 28) or (n, 784) and y of shape (n,); got "
            f"{X.dtype} {X.shape} and {y.shape}."
        )
    if not len(y):
        raise ValueError(f"{source} holds no images.")
    index = arrays.get("index", np.arange(len(y)))
    if index.shape != y.shape or index.dtype.kind not in "iu":
        raise ValueError(
            f"{source}: index must be whole numbers of shape {y.shape}, one a row; got "
            f"{index.dtype} {index.shape}."
        )
    if index.min() < 0 or index.max() > np.iinfo(np.int64).max:
        raise ValueError(
            f"{source}: index must hold numbers of rows, from 0 on; got {index.min()} to "
            f"{index.max()}."
        )
    return X.reshape(len(X), 784), check_labels(y, source, 0, 9), index.astype(np.int64)


def check_labels(y, source, low, high):
    """Return labels as int64; each must be a whole number from `low` to `high`.

    Parameters
    ----------
    y : ndarray
    source : str or path-like
    low, high : int
    """
    if y.dtype.kind not in "iuf":
        raise ValueError(f"{source}: labels must be numbers from {low} to {high}; got {y.dtype}.")
    wrong = np.flatnonzero(~((y >= low) & (y <= high) & (y == np.trunc(y))))
    if len(wrong):
        row = wrong[0]
        raise ValueError(
            f"{source}: labels must be whole numbers from {low} to {high}; row {row} has {y[row]} "
            f"({len(wrong)} such rows)."
        )
    return y.astype(np.int64)
