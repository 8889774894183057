"""Which rows to forget: one short description, turned into a boolean mask."""

import numpy as np

from skqmu._what_to_forget import positions_of

__all__ = ["forget_split"]


def forget_split(
    y,
    forget,
    *,
    X=None,
    ids=None,
    exposure=None,
    target_names=None,
    stratify=True,
    random_state=None,
):
    """Turn a description of what to forget into a boolean mask over the rows.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    forget : str or array-like
        - ``"class:LABEL"``: every row of that class (class removal);
        - ``"fraction:F"``: ``round(F * n_samples)`` random rows (subset removal);
        - ``"ids:A,B"``, or ``"ids:@FILE"`` with one id a line: every row of these `ids`;
        - ``"COLUMN == VALUE"``, also with ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in [A, B]``,
          ``not in [A, B]``: every row of `X` that meets it. Columns of a data frame by name
          (in backquotes where the name holds one of these), of an array as ``x0``, ``x1``, ...
          It is compared, never evaluated; where the column is missing, nothing is met;
        - ``"vulnerable:K"``, ``"protected:K"``: the K rows of the largest or smallest `exposure`;
        - ``"corrupt:KIND:RATE"``: the rows that :func:`corrupt` makes bad with the same
          `random_state`, from labels `y` that are still right; ``":known=0.3"`` behind it means a
          share of them, those of each class alike, and ``":balanced=no"``, ``":classes=A,B"``,
          ``":noise=unit"`` are the parameters of that name;
        - integers: those rows;
        - booleans of shape (n_samples,): that mask, checked;
        - a table with the columns of `X`: those rows, with every copy of each.
    X : table of n_samples rows, default=None
        An array, a data frame or a sparse matrix.
    ids : array-like of shape (n_samples,), default=None
        Whose each row is.
    exposure : array-like of shape (n_samples,), default=None
        How well a first attack finds each row, see :func:`skqmu.attacks.exposure`.
    target_names : sequence of str, default=None
        Names of the classes 0, 1, ..., which ``"class:NAME"`` may use.
    stratify : bool, default=True
        Whether ``"fraction:F"`` takes each class in proportion (largest remainders) and
        leaves at least one row of each. Ignored otherwise.
    random_state : int, RandomState instance or None, default=None
        Draws the rows of ``"fraction:F"`` and ``"corrupt:KIND:RATE"``.

    Returns
    -------
    mask : ndarray of bool of shape (n_samples,)
        True where the row is to be forgotten; neither empty nor full.

    Raises
    ------
    ValueError
        If the description is not one of these forms, names a class, an id or a column that does
        not exist, is not strictly between nothing and everything, or points outside the data.

    Examples
    --------
    >>> from skqmu.datasets import forget_split
    >>> y = [0, 0, 1, 1, 1, 1]
    >>> forget_split(y, "class:0")
    array([ True,  True, False, False, False, False])
    >>> int(forget_split(y, "fraction:0.5", random_state=0).sum())
    3
    >>> forget_split(y, "ids:ann,eve", ids=["ann", "bob", "ann", "cat", "dan", "eve"])
    array([ True, False,  True, False, False,  True])
    >>> forget_split(y, "x0 > 3", X=[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
    array([False, False, False,  True,  True,  True])
    >>> forget_split(y, "vulnerable:2", exposure=[0.1, 2.5, 0.3, 0.0, 1.9, -0.2])
    array([False,  True, False, False,  True, False])
    >>> forget_split(y, "corrupt:label_flip:0.4", random_state=0)
    array([ True, False, False, False,  True, False])
    """
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"y must have one dimension, one label a row; got shape {y.shape}.")
    mask = np.zeros(len(y), dtype=bool)
    rows = positions_of(
        forget,
        y,
        X=X,
        ids=ids,
        exposure=exposure,
        target_names=target_names,
        stratify=stratify,
        random_state=random_state,
        before_training=True,
    )
    mask[rows] = True
    if not mask.any():
        raise ValueError(f"forget={_short(forget)} selects no row: there is nothing to forget.")
    if mask.all():
        raise ValueError(
            f"forget={_short(forget)} selects all {len(y)} rows: nothing would be left to "
            "train on. Forget fewer rows, or delete the model."
        )
    return mask


def _short(forget):
    text = repr(forget)
    return text if len(text) <= 60 else f"{text[:57]}..."
