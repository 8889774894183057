"""The rows that the study arXiv 2512.19253 trained, forgot and tested on."""

import numpy as np

__all__ = ["study_h_split"]


def study_h_split(y, *, n_per_class=None, forget_fraction=0.02, random_state=0):
    """Rows of that study's subset, split and forget sets.

    Class by class in the order of the labels, the first `n_per_class` of a random
    permutation (PyTorch's `randperm`, one generator for all classes); then scikit-learn's
    stratified split, 80 % to train and 20 % to test; from the training rows a stratified
    `forget_fraction` (scenario A), or all of the first class (scenario B).

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of the complete data set in its original order, train part before test part:
        other orders give other rows.
    n_per_class : int or None, default=None
        The study's 200 for MNIST and 800 for Fashion-MNIST; None: all rows as they stand, as
        for Iris.
    forget_fraction : float, default=0.02
    random_state : int, default=0
        Seed of all draws.

    Returns
    -------
    split : sklearn.utils.Bunch
        Arrays of row numbers of `y`: ``train``, ``test``, ``forget_subset`` (A) and
        ``forget_class`` (B); the latter two are among ``train``.

    Raises
    ------
    ValueError
        A class has fewer than `n_per_class` rows.

    Notes
    -----
    PyTorch's CPU generator and NumPy's legacy one are the same Mersenne Twister, so torch is
    not needed (a test compares the two).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu.datasets import study_h_split
    >>> split = study_h_split(load_iris().target)
    >>> [len(split[part]) for part in ("train", "test", "forget_subset", "forget_class")]
    [120, 30, 3, 40]
    """
    from sklearn.model_selection import train_test_split
    from sklearn.utils import Bunch

    y = np.asarray(y)
    rows = np.arange(len(y))
    classes = np.unique(y)
    if n_per_class is not None:
        rng = np.random.RandomState(random_state)
        rows = np.concatenate([_some_of(y, label, n_per_class, rng) for label in classes])
    train, test = train_test_split(rows, test_size=0.2, stratify=y[rows], random_state=random_state)
    _, subset = train_test_split(
        train,
        test_size=forget_fraction,
        stratify=_strata(y[train], forget_fraction),
        random_state=random_state,
    )
    return Bunch(
        train=train, test=test, forget_subset=subset, forget_class=train[y[train] == classes[0]]
    )


def _strata(labels, fraction):
    """Labels, where the share has room for one row of each class; else no strata."""
    return labels if np.ceil(fraction * len(labels)) >= len(np.unique(labels)) else None


def _some_of(y, label, n_per_class, rng):
    mine = np.flatnonzero(y == label)
    if len(mine) < n_per_class:
        raise ValueError(
            f"class {label!r} has {len(mine)} rows; n_per_class={n_per_class} asks for more."
        )
    return mine[_torch_randperm(len(mine), rng)[:n_per_class]]


def _torch_randperm(n, rng):
    """`torch.randperm` (CPU): Fisher-Yates from the front, by 32-bit draws modulo what is left."""
    order = np.arange(n)
    draws = rng.randint(0, 2**32, size=max(n - 1, 0), dtype=np.uint32)
    for place, draw in enumerate(draws):
        other = place + int(draw) % (n - place)
        order[place], order[other] = order[other], order[place]
    return order
