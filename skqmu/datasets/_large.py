"""Data sets too large to ship: read from a given file, or fetched once and cached."""

from pathlib import Path

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["load_covertype", "load_fashion_mnist", "load_mnist"]

_FASHION = ["t-shirt", "trouser", "pullover", "dress", "coat",
            "sandal", "shirt", "sneaker", "bag", "ankle boot"]  # fmt: skip
_N_NUMERIC = 10  # covertype columns that are no indicators


def load_mnist(path=None, *, n_per_class=None, classes=None, random_state=None, data_home=None):
    """Load MNIST: 70,000 images of handwritten digits, 28 x 28 pixels.

    Parameters
    ----------
    path : str, path-like or None, default=None
        An ``.npz`` file with ``X`` uint8 of shape (n, 28, 28) or (n, 784), ``y`` of shape
        (n,) and optionally ``index``, the rows' numbers in the original order (train part,
        then test part). ``None`` fetches ``mnist_784`` from OpenML into scikit-learn's
        cache (about 15 MB, and a minute to parse, once).
    n_per_class : int or None, default=None
        Draw that many images of each class; ``None`` takes all (440 MB as float64).
    classes : array-like of int or None, default=None
        Keep only these classes.
    random_state : int, RandomState instance or None, default=None
        Draws the images.
    data_home : str, path-like or None, default=None
        Of scikit-learn's cache; used without `path`.

    Returns
    -------
    data : sklearn.utils.Bunch
        ``X`` float64 of shape (n, 784) in [0, 1], ``y`` int, ``index`` int (below 60,000 is
        the original train part), ``image_shape`` (28, 28), ``feature_names``,
        ``target_names`` and ``name``. Rows are in the order of the file.

    Raises
    ------
    ValueError
        A file of another layout, an unknown class, or fewer images of a class than asked.
    OSError
        The file is missing, or OpenML cannot be reached; the message says what to do.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from skqmu.datasets import load_mnist
    >>> images = np.zeros((4, 28, 28), dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "digits.npz")
    ...     np.savez(path, X=images, y=[0, 1, 0, 1])
    ...     data = load_mnist(path, n_per_class=1, random_state=0)
    >>> data.X.shape, data.y
    ((2, 784), array([1, 0]))
    """
    names = [str(digit) for digit in range(10)]
    source = _npz(path) if path is not None else _openml("mnist_784", data_home)
    return _images("mnist", names, source, n_per_class, classes, random_state)


def load_fashion_mnist(
    path=None, *, n_per_class=None, classes=None, random_state=None, data_home=None
):
    """Load Fashion-MNIST: 70,000 images of clothes, 28 x 28 pixels.

    Parameters
    ----------
    path : str, path-like or None, default=None
        As for :func:`load_mnist`; ``None`` fetches ``Fashion-MNIST`` from OpenML.
    n_per_class : int or None, default=None
    classes : array-like of int or None, default=None
    random_state : int, RandomState instance or None, default=None
    data_home : str, path-like or None, default=None

    Returns
    -------
    data : sklearn.utils.Bunch
        As for :func:`load_mnist`.

    Raises
    ------
    ValueError, OSError
        As for :func:`load_mnist`.

    Notes
    -----
    Fashion-MNIST is (c) 2017 Zalando SE, under the MIT licence.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from skqmu.datasets import load_fashion_mnist
    >>> images = np.full((3, 28, 28), 255, dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "clothes.npz")
    ...     np.savez(path, X=images, y=[9, 0, 9])
    ...     data = load_fashion_mnist(path, classes=[9])
    >>> data.target_names[9], len(data.y), float(data.X.max())
    ('ankle boot', 2, 1.0)
    """
    source = _npz(path) if path is not None else _openml("Fashion-MNIST", data_home)
    return _images("fashion_mnist", _FASHION, source, n_per_class, classes, random_state)


def load_covertype(path=None, *, n_per_class=None, classes=None, random_state=None, data_home=None):
    """Load Covertype: forest cover of 7 classes from 54 cartographic features.

    Parameters
    ----------
    path : str, path-like or None, default=None
        A ``.csv`` or ``.csv.gz`` file with a header, the 54 features and ``Cover_Type``.
        ``None`` uses :func:`sklearn.datasets.fetch_covtype` (581,012 rows, 11 MB).
    n_per_class : int or None, default=None
        Draw that many rows of each class.
    classes : array-like of int or None, default=None
        Keep only these classes, of 1 to 7.
    random_state : int, RandomState instance or None, default=None
    data_home : str, path-like or None, default=None

    Returns
    -------
    data : sklearn.utils.Bunch
        ``X`` float64 of shape (n, 54), the ten numeric columns min-max scaled to [0, 1] over
        the whole source; ``y`` int; ``index``, ``feature_names``, ``target_names``
        (``"1"`` to ``"7"``) and ``name``.

    Raises
    ------
    ValueError
        A file of another layout, an unknown class, or fewer rows of a class than asked.
    OSError
        The file is missing, or the data cannot be fetched; the message says what to do.

    Examples
    --------
    >>> import os, tempfile
    >>> from skqmu.datasets import load_covertype
    >>> header = ",".join([f"f{i}" for i in range(54)] + ["Cover_Type"])
    >>> rows = [",".join(["7"] * 54 + [label]) for label in "1223"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "cover.csv")
    ...     with open(path, "w") as file:
    ...         print(header, *rows, sep=chr(10), file=file)
    ...     data = load_covertype(path, classes=[2, 3])
    >>> data.X.shape, data.y
    ((3, 54), array([2, 2, 3]))
    """
    X, y, features = _csv(path) if path is not None else _covtype(data_home)
    low, high = X[:, :_N_NUMERIC].min(axis=0), X[:, :_N_NUMERIC].max(axis=0)
    rows = _choose(y, n_per_class, classes, random_state)
    X = X[rows]
    X[:, :_N_NUMERIC] = (X[:, :_N_NUMERIC] - low) / np.where(high > low, high - low, 1.0)
    return _bunch("covertype", X, y[rows], rows, features, [str(k) for k in range(1, 8)])


# --- sources -----------------------------------------------------------------------------


def _npz(path):
    path = Path(path)
    with np.load(path, allow_pickle=False) as file:
        missing = {"X", "y"} - set(file.files)
        if missing:
            raise ValueError(f"{path} holds {file.files}; it needs X and y.")
        X, y = file["X"], file["y"]
        index = file["index"] if "index" in file.files else np.arange(len(y))
    if X.dtype != np.uint8 or X.shape[1:] not in ((28, 28), (784,)) or y.shape != X.shape[:1]:
        raise ValueError(
            f"{path}: X must be uint8 of shape (n, 28, 28) or (n, 784) and y of shape (n,); got "
            f"{X.dtype} {X.shape} and {y.shape}."
        )
    return X.reshape(len(X), 784), y.astype(np.int64), index.astype(np.int64)


def _openml(name, data_home):
    from importlib.util import find_spec

    from sklearn.datasets import fetch_openml

    def fetch():
        return fetch_openml(
            name,
            version=1,
            as_frame=False,
            data_home=data_home,
            n_retries=1,
            # the fast parser needs pandas; the other is part of scikit-learn
            parser="pandas" if find_spec("pandas") else "liac-arff",
        )

    raw = _fetched(name, "OpenML", fetch)
    X, y = np.asarray(raw.data), np.asarray(raw.target).astype(np.int64)
    return X.astype(np.uint8), y, np.arange(len(y))


def _covtype(data_home):
    from sklearn.datasets import fetch_covtype

    raw = _fetched("Covertype", "its host", lambda: fetch_covtype(data_home=data_home, n_retries=1))
    return np.array(raw.data, dtype=np.float64), raw.target.astype(int), list(raw.feature_names)


def _fetched(name, host, fetch):
    try:
        return fetch()
    except OSError as error:  # URLError is one
        raise OSError(
            f"{name} is not in scikit-learn's cache and cannot be fetched from {host}: {error}. "
            "Pass path= with a file that you have, or try again with a network."
        ) from error


def _csv(path):
    import csv
    import gzip

    path = Path(path)
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        header = next(csv.reader(file), [])
        if len(header) != 55 or header[-1] != "Cover_Type":
            raise ValueError(
                f"{path} needs 54 feature columns and Cover_Type last; its header has "
                f"{len(header)} columns, the last is {header[-1:]}."
            )
        values = np.loadtxt(file, delimiter=",", ndmin=2)
    return values[:, :-1], values[:, -1].astype(np.int64), header[:-1]


# --- rows --------------------------------------------------------------------------------


def _images(name, target_names, source, n_per_class, classes, random_state):
    X, y, index = source
    rows = _choose(y, n_per_class, classes, random_state)
    features = [f"pixel_{r}_{c}" for r in range(28) for c in range(28)]
    data = _bunch(name, X[rows] / 255.0, y[rows], index[rows], features, list(target_names))
    data["image_shape"] = (28, 28)
    return data


def _choose(y, n_per_class, classes, random_state):
    """Return the sorted numbers of the rows to take."""
    known = np.unique(y)
    wanted = known if classes is None else np.unique(np.asarray(classes))
    unknown = np.setdiff1d(wanted, known)
    if unknown.size or not wanted.size:
        raise ValueError(f"classes={classes!r} must be some of {known.tolist()}.")
    if n_per_class is None:
        return np.flatnonzero(np.isin(y, wanted))
    rng = check_random_state(random_state)
    rows = []
    for label in wanted:
        mine = np.flatnonzero(y == label)
        if not 0 < n_per_class <= len(mine):
            raise ValueError(
                f"n_per_class={n_per_class!r}: class {label} has {len(mine)} rows; ask for 1 to "
                f"{len(mine)}."
            )
        rows.append(rng.permutation(mine)[:n_per_class])
    return np.sort(np.concatenate(rows))


def _bunch(name, X, y, index, feature_names, target_names):
    from sklearn.utils import Bunch

    return Bunch(
        X=X,
        y=y,
        index=index,
        feature_names=feature_names,
        target_names=target_names,
        name=name,
    )
