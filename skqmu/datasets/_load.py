"""Data sets that come with scikit-learn, all in one shape."""

from functools import partial

import numpy as np

from skqmu._validation import check_choice

__all__ = ["EMBEDDED", "load"]


def load(name):
    """Load a data set that is embedded in scikit-learn, without a network.

    Parameters
    ----------
    name : {"breast_cancer", "digits", "iris", "wine"}

    Returns
    -------
    data : sklearn.utils.Bunch
        ``X`` float64 of shape (n_samples, n_features), ``y`` int of shape (n_samples,),
        ``feature_names``, ``target_names`` (lists of str; class ``k`` is
        ``target_names[k]``) and ``name``.

    Raises
    ------
    ValueError
        If `name` is unknown; the message names the nearest one.

    Examples
    --------
    >>> from skqmu.datasets import load
    >>> iris = load("iris")
    >>> iris.X.shape, iris.target_names
    ((150, 4), ['setosa', 'versicolor', 'virginica'])
    """
    check_choice("name", name, EMBEDDED)
    return EMBEDDED[name]()


def _of_scikit_learn(name):
    from sklearn import datasets
    from sklearn.utils import Bunch

    raw = getattr(datasets, f"load_{name}")()
    return Bunch(
        X=np.ascontiguousarray(raw.data, dtype=np.float64),
        y=np.asarray(raw.target),
        feature_names=[str(feature) for feature in raw.feature_names],
        target_names=[str(target) for target in raw.target_names],
        name=name,
    )


#: What :func:`load` loads, by name; none of them needs a network.
EMBEDDED = {
    name: partial(_of_scikit_learn, name) for name in ("breast_cancer", "digits", "iris", "wine")
}
