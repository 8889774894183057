"""Which rows to forget: one short description, turned into a boolean mask."""

import numbers

import numpy as np
from sklearn.utils import check_random_state

from skqmu._validation import did_you_mean

__all__ = ["forget_split"]

_FORMS = (
    "'class:LABEL' (a whole class), 'fraction:F' with 0 < F < 1 (a random share of the rows), "
    "an array of row indices, or a boolean mask"
)


def forget_split(y, forget, *, stratify=True, random_state=None):
    """Turn a description of what to forget into a boolean mask over the rows.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    forget : str or array-like
        - ``"class:LABEL"``: every row of that class (class removal);
        - ``"fraction:F"``: ``round(F * n_samples)`` random rows (subset removal);
        - integers: those rows;
        - booleans of shape (n_samples,): that mask, checked.
    stratify : bool, default=True
        Whether ``"fraction:F"`` takes each class in proportion (largest remainders) and
        leaves at least one row of each. Ignored otherwise.
    random_state : int, RandomState instance or None, default=None
        Draws the rows of ``"fraction:F"``.

    Returns
    -------
    mask : ndarray of bool of shape (n_samples,)
        True where the row is to be forgotten; neither empty nor full.

    Raises
    ------
    ValueError
        If the description is not one of these forms, names a class that does not exist,
        is not strictly between nothing and everything, or points outside the data.

    Examples
    --------
    >>> from skqmu.datasets import forget_split
    >>> y = [0, 0, 1, 1, 1, 1]
    >>> forget_split(y, "class:0")
    array([ True,  True, False, False, False, False])
    >>> int(forget_split(y, "fraction:0.5", random_state=0).sum())
    3
    """
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"y must have one dimension, one label a row; got shape {y.shape}.")
    if isinstance(forget, str):
        mask = _from_text(y, forget, stratify, random_state)
    else:
        mask = _from_array(len(y), forget)
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


def _from_text(y, text, stratify, random_state):
    kind, colon, value = text.partition(":")
    kind, value = kind.strip(), value.strip()
    if not colon or kind not in ("class", "fraction"):
        hint = did_you_mean(kind, ("class", "fraction")) if colon else ""
        raise ValueError(f"forget={text!r} is not understood; use {_FORMS}.{hint}")
    if kind == "class":
        return _class_mask(y, text, value)
    try:
        fraction = float(value)
    except ValueError:
        raise ValueError(f"forget={text!r}: {value!r} is not a number; use {_FORMS}.") from None
    return _random_mask(y, text, fraction, stratify, random_state)


def _class_mask(y, text, value):
    classes, codes = np.unique(y, return_inverse=True)
    names = [str(label) for label in classes]
    match = [k for k, name in enumerate(names) if name == value]
    if not match and np.issubdtype(y.dtype, np.number):
        try:  # "class:0" and labels 0.0, or "class:1.0" and labels 1
            match = np.flatnonzero(classes == float(value)).tolist()
        except ValueError:
            match = []
    if not match:
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise ValueError(
            f"forget={text!r}: there is no class {value!r}; the classes are {shown}."
            f"{did_you_mean(value, names)}"
        )
    return codes == match[0]


def _random_mask(y, text, fraction, stratify, random_state):
    n = len(y)
    if not 0 < fraction < 1:
        raise ValueError(
            f"forget={text!r}: the fraction must lie strictly between 0 and 1; to forget 10 % "
            "of the rows use 'fraction:0.1'."
        )
    wanted = round(fraction * n)
    if not 0 < wanted < n:
        raise ValueError(
            f"forget={text!r} is {wanted} of {n} rows; choose a fraction from {1 / n:.3g} to "
            f"{(n - 1) / n:.3g}."
        )
    rng = check_random_state(random_state)
    mask = np.zeros(n, dtype=bool)
    if not stratify:
        mask[rng.permutation(n)[:wanted]] = True
        return mask
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    for k, take in enumerate(_allocate(counts, wanted, text, rng)):
        mask[rng.permutation(np.flatnonzero(codes == k))[:take]] = True
    return mask


def _allocate(counts, wanted, text, rng):
    """Share `wanted` rows among classes by largest remainders, leaving one row of each."""
    room = counts - 1
    if wanted > room.sum():
        raise ValueError(
            f"forget={text!r} is {wanted} of {counts.sum()} rows, which cannot leave one row of "
            f"each of the {len(counts)} classes; forget less, or pass stratify=False."
        )
    quota = wanted * counts / counts.sum()
    take = np.minimum(np.floor(quota).astype(int), room)
    # equal remainders must not always favour the first class
    order = np.lexsort((rng.random(len(counts)), -(quota - take)))
    while take.sum() < wanted:
        for k in order:
            if take.sum() == wanted:
                break
            if take[k] < room[k]:
                take[k] += 1
    return take


def _from_array(n, forget):
    array = np.asarray(forget)
    if array.dtype == bool:
        if array.shape != (n,):
            raise ValueError(
                f"a boolean forget mask needs one entry a row, shape ({n},); got {array.shape}."
            )
        return array.copy()
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        kind = type(forget).__name__ if isinstance(forget, numbers.Number) else array.dtype
        raise ValueError(f"forget={_short(forget)} ({kind}) is not understood; use {_FORMS}.")
    outside = array[(array < 0) | (array >= n)]
    if outside.size:
        raise ValueError(
            f"forget holds the row index {outside[0]}, outside 0 to {n - 1}"
            f" ({outside.size} such indices)."
        )
    mask = np.zeros(n, dtype=bool)
    mask[array.astype(int)] = True
    if mask.sum() != array.size:
        values, counts = np.unique(array, return_counts=True)
        raise ValueError(
            f"forget holds the row index {values[counts > 1][0]} more than once; "
            "an array of 0s and 1s meant as a mask must be boolean."
        )
    return mask
