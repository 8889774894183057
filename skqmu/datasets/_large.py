"""Data sets too large to ship: read from a given file, or fetched once and cached."""

import numbers

import numpy as np
from sklearn.utils import check_random_state

from ._read import check_images, check_labels, read_csv, read_npz

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
        A file that is damaged or of another layout, an unknown class, or fewer images
        of a class than asked; the message names the file.
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
    source, arrays = _npz(path) if path is not None else _openml("mnist_784", data_home)
    return _images("mnist", names, source, arrays, n_per_class, classes, random_state)


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
    source, arrays = _npz(path) if path is not None else _openml("Fashion-MNIST", data_home)
    return _images("fashion_mnist", _FASHION, source, arrays, n_per_class, classes, random_state)


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
        A file that is damaged or of another layout, an unknown class, or fewer rows
        of a class than asked; the message names the file.
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
    source = "Covertype" if path is None else path
    X, y, features = read_csv(path) if path is not None else _covtype(data_home)
    low, high = X[:, :_N_NUMERIC].min(axis=0), X[:, :_N_NUMERIC].max(axis=0)
    rows = _choose(y, source, n_per_class, classes, random_state)
    X = X[rows]
    X[:, :_N_NUMERIC] = (X[:, :_N_NUMERIC] - low) / np.where(high > low, high - low, 1.0)
    return _bunch("covertype", X, y[rows], rows, features, [str(k) for k in range(1, 8)])


# --- sources -----------------------------------------------------------------------------


def _npz(path):
    return path, check_images(read_npz(path, ("X", "y", "index")), path)


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
    source = f"{name} of OpenML"
    X = np.asarray(raw.data)
    if X.dtype.kind not in "iuf" or not ((X >= 0) & (X <= 255) & (np.trunc(X) == X)).all():
        raise ValueError(f"{source}: pixels must be whole numbers from 0 to 255.")
    arrays = {"X": X.astype(np.uint8), "y": np.asarray(raw.target).astype(np.float64)}
    return source, check_images(arrays, source)


def _covtype(data_home):
    from sklearn.datasets import fetch_covtype

    raw = _fetched("Covertype", "its host", lambda: fetch_covtype(data_home=data_home, n_retries=1))
    X = np.array(raw.data, dtype=np.float64)
    if not np.isfinite(X).all():
        raise ValueError("Covertype: every value must be a finite number; fetch it anew.")
    return X, check_labels(np.asarray(raw.target), "Covertype", 1, 7), list(raw.feature_names)


def _fetched(name, host, fetch):
    try:
        return fetch()
    except OSError as error:  # URLError is one
        raise OSError(
            f"{name} is not in scikit-learn's cache and cannot be fetched from {host}: {error}. "
            "Pass path= with a file that you have, or try again with a network."
        ) from error


# --- rows --------------------------------------------------------------------------------


def _images(name, target_names, source, arrays, n_per_class, classes, random_state):
    X, y, index = arrays
    rows = _choose(y, source, n_per_class, classes, random_state)
    features = [f"pixel_{r}_{c}" for r in range(28) for c in range(28)]
    data = _bunch(name, X[rows] / 255.0, y[rows], index[rows], features, list(target_names))
    data["image_shape"] = (28, 28)
    return data


def _choose(y, source, n_per_class, classes, random_state):
    """Return the sorted numbers of the rows to take."""
    known = np.unique(y)
    try:
        wanted = known if classes is None else np.unique(np.asarray(classes))
    except (TypeError, ValueError):  # a ragged list, or one of several kinds
        wanted = np.zeros(0)
    if not wanted.size or wanted.dtype.kind not in "iuf" or np.setdiff1d(wanted, known).size:
        raise ValueError(
            f"{source}: classes={classes!r} must be some of {known.tolist()}, which the data hold."
        )
    if n_per_class is None:
        return np.flatnonzero(np.isin(y, wanted))
    if not isinstance(n_per_class, numbers.Integral) or isinstance(n_per_class, bool):
        raise ValueError(f"{source}: n_per_class={n_per_class!r} must be an integer or None.")
    rng = check_random_state(random_state)
    rows = []
    for label in wanted:
        mine = np.flatnonzero(y == label)
        if not 0 < n_per_class <= len(mine):
            raise ValueError(
                f"{source}: n_per_class={n_per_class!r}: class {label} has {len(mine)} rows; ask "
                f"for 1 to {len(mine)}."
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
