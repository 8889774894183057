"""Training rows made bad on purpose, with the truth kept."""

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skqmu._corruption import Corruption
from skqmu._rows import as_table, columns_of, missing_in

__all__ = ["corrupt"]


def corrupt(
    X,
    y,
    kind="label_flip",
    *,
    rate=0.3,
    balanced=True,
    classes=None,
    noise="columns",
    random_state=None,
):
    """Make a share of the rows bad, and keep the truth.

    What a model learns from bad rows is to be undone by forgetting them: corrective unlearning
    [1]_. The audit does all of it (``forget="corrupt:label_flip:0.3"``).

    Parameters
    ----------
    X : table of n_samples rows
        An array, a data frame, a sparse matrix, a list of texts.
    y : array-like of shape (n_samples,)
        Labels of any type; two classes or more.
    kind : {"label_flip", "feature_noise", "confusion"}, default="label_flip"
        - ``"label_flip"``: bad rows have the label of another class;
        - ``"feature_noise"``: bad rows have other features, which say nothing, and their label;
        - ``"confusion"``: the same as ``"label_flip"`` among the rows of two classes alone.
    rate : float, default=0.3
        From 0 to 1: ``round(rate * n)`` rows are bad, of all n rows, or of those of the two
        classes for ``"confusion"``.
    balanced : bool, default=True
        Whether bad rows are as many of one class as of another (at most one more of some), and
        their labels are exchanged: each class keeps its number of rows. Of k classes, each gives
        the others the same number, as nearly as it goes; a row that is left over alone goes to any
        other class. False draws bad rows from all alike, and each a label of another class.
    classes : pair of labels, default=None
        For ``"confusion"``. None: the two classes of most rows, of equal ones the first.
    noise : {"columns", "unit"}, default="columns"
        For ``"feature_noise"``. ``"columns"``: each column is drawn on its own: numbers normal with
        the column's mean and standard deviation; texts, categories, whole numbers of a data frame,
        and all columns of a sparse matrix, among the column's values. ``"unit"``: a normal row
        divided by its length, as for amplitudes [2]_; dense numbers only.
    random_state : int, RandomState instance or None, default=None
        With the same one, the bad rows of a smaller rate are among those of a larger one.

    Returns
    -------
    data : sklearn.utils.Bunch
        ``X``, ``y``: what to train on; ``bad``: ndarray of bool, True where the row is bad;
        ``X_clean``, ``y_clean``: the truth; ``kind`` and ``rate``. Tables keep their kind, labels
        are an array. ``X`` and ``X_clean`` are one object where only labels are bad.

    Raises
    ------
    ValueError
        A parameter is out of its range, `X` and `y` do not fit together, there is a single class,
        or a class has too few rows for a balanced draw at this rate.

    See Also
    --------
    skqmu.datasets.forget_split : The bad rows alone, or a share of them that is known.

    Notes
    -----
    With two classes and ``balanced=True`` this is the protocol of [2]_: half of ``rate * n`` labels
    from each class, exchanged. Its noise rows are normal with a standard deviation of 0.1 before
    they are divided by their length, which makes no difference.

    References
    ----------
    .. [1] S. Goel, A. Prabhu, P. Torr, P. Kumaraguru, A. Sanyal, "Corrective machine unlearning",
       TMLR 2024, arXiv:2402.14015.
    .. [2] C. Chen, S.-X. Zhang, arXiv:2508.02422.

    Examples
    --------
    >>> from skqmu.datasets import corrupt, load
    >>> iris = load("iris")
    >>> data = corrupt(iris.X, iris.y, "label_flip", rate=0.2, random_state=0)
    >>> int(data.bad.sum()), bool((data.y[data.bad] == data.y_clean[data.bad]).any())
    (30, False)
    """
    corruption = Corruption(kind, rate, _pair(classes), balanced, noise)
    corruption.check()
    table, y = as_table(X), _labels(y)
    if table.shape[0] != len(y):
        raise ValueError(
            f"X has {table.shape[0]} rows and y has {len(y)} labels; give one label a row."
        )
    data, target, bad = corruption.applied(table, y, check_random_state(random_state))
    return Bunch(
        X=data,
        y=target,
        bad=bad,
        X_clean=table,
        y_clean=y.copy(),
        kind=kind,
        rate=float(rate),
    )


def _pair(classes):
    return tuple(classes) if isinstance(classes, list | np.ndarray) else classes


def _labels(y):
    """Labels as an array, none of them missing."""
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"y must have one dimension, one label a row; got shape {y.shape}.")
    missing = missing_in(columns_of(y.reshape(-1, 1))[0]).sum() if len(y) else 0
    if missing:
        raise ValueError(f"y has no label in {missing} of {len(y)} rows; leave them out first.")
    kinds = {isinstance(label, str) for label in y} if y.dtype == object else set()
    if len(kinds) > 1:
        raise ValueError(
            "y holds texts and other labels, which no classifier puts in order; use one type, for "
            "example y.astype(str)."
        )
    return y
