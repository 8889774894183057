"""What to forget, said in one way everywhere: positions, a mask, rows, or a few words.

The words are ``"class:LABEL"``, ``"fraction:F"``, ``"ids:A,B"``, ``"ids:@FILE"``, conditions
like ``"age >= 65"``, ``"vulnerable:K"`` and ``"protected:K"`` where exposures are known, and
``"corrupt:KIND:RATE"`` where rows are made bad before a model is trained.
Whoever takes what to forget resolves it here, against the rows that it has.
"""

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ._bad_rows import FORM, BadRows
from ._conditions import Condition
from ._ids import as_ids, few_ids, ids_of_text, key_of_text, keys_by_text, keys_of_ids
from ._row_layout import same_rows
from ._rows import as_table, is_frame
from ._validation import did_you_mean

__all__ = ["FORMS", "Said", "parsed", "positions_of", "with_target_names"]

FORMS = (
    "'class:LABEL' (a whole class), 'fraction:F' with 0 < F < 1 (a random share of the rows), "
    "'ids:A,B' or 'ids:@FILE' (rows by their ids), 'COLUMN == VALUE' (also !=, <, <=, >, >=, in, "
    "not in), 'vulnerable:K' or 'protected:K' (the K rows that an attack finds best, or worst), "
    f"{FORM}, "
    "an array of row indices, or a boolean mask"
)
_KINDS = ("class", "fraction", "ids", "vulnerable", "protected", "corrupt")


@dataclass(frozen=True)
class Said:
    """What a text says is to be forgotten.

    Attributes
    ----------
    kind : {"class", "fraction", "ids", "vulnerable", "protected", "corrupt", "condition"}
    value : str, Condition, or BadRows for "corrupt"
    """

    kind: str
    value: Any

    @property
    def names_rows(self):
        """Whether it means the same rows of a table whichever of them are held out."""
        return self.kind in ("ids", "condition")


def parsed(text, name="forget"):
    """Return what a text says, a `Said`.

    Parameters
    ----------
    text : str
    name : str, default="forget"
        Of the parameter, for messages.

    Raises
    ------
    ValueError
        It is none of the forms.
    """
    kind, colon, value = text.partition(":")
    kind, value = kind.strip(), value.strip()
    if colon and kind == "corrupt":
        return Said(kind, BadRows.parsed(text, name))
    if colon and kind in _KINDS:
        return Said(kind, value)
    condition = Condition.parsed(text, name)
    if condition is not None:
        return Said("condition", condition)
    hint = did_you_mean(kind, _KINDS) if colon else ""
    raise ValueError(f"{name}={text!r} is not understood; use {FORMS}.{hint}")


def positions_of(
    forget,
    y,
    *,
    X=None,
    ids=None,
    exposure=None,
    target_names=None,
    stratify=True,
    random_state=None,
    name="forget",
    before_training=False,
):
    """Return the positions of the rows that are to be forgotten, sorted.

    Parameters
    ----------
    forget : str or array-like
        Words, positions, a boolean mask, or rows of `X`.
    y : array-like of shape (n,)
        Labels.
    X : table of n rows, default=None
        For conditions, and for what to forget given as rows.
    ids : array-like of n ids, default=None
    exposure : array-like of n numbers, default=None
        Of the rows, for ``"vulnerable:K"`` and ``"protected:K"``.
    target_names : sequence of str, default=None
        Names of the classes 0, 1, ..., which ``"class:NAME"`` may use.
    stratify : bool, default=True
        Whether ``"fraction:F"`` takes each class in proportion and leaves a row of each.
    random_state : int, RandomState instance or None, default=None
        Draws the rows of ``"fraction:F"`` and ``"corrupt:KIND:RATE"``.
    name : str, default="forget"
        Of the parameter, for messages.
    before_training : bool, default=False
        Whether rows can still be made bad: the caller makes them so, or says which ones they are.

    Returns
    -------
    ndarray of int
        Possibly empty.

    Raises
    ------
    ValueError
        It is not understood, or means rows that are not there.
    """
    y = np.asarray(y)
    if isinstance(forget, str):
        said = parsed(forget, name)
        if said.kind == "corrupt" and target_names is not None:
            said = parsed(with_target_names(forget, target_names), name)
        if said.kind == "class":
            return np.flatnonzero(_of_class(y, said.value, forget, target_names, name))
        if said.kind == "ids":
            return _of_ids(len(y), said.value, ids, name)
        if said.kind == "condition":
            _require(X, "X, the rows", forget, name)
            return np.flatnonzero(said.value.holds(as_table(X), name))
        if said.kind in ("vulnerable", "protected"):
            return _of_exposure(len(y), forget, said, exposure, name)
        if said.kind == "corrupt":
            return _of_bad_rows(y, forget, said.value, random_state, before_training, name)
        return _drawn(y, forget, said.value, stratify, random_state, name)
    if is_frame(forget) or np.ndim(forget) == 2 or hasattr(forget, "toarray"):
        return _of_rows(forget, X, name)
    return _of_array(len(y), forget, name)


def _require(value, what, forget, name):
    if value is None:
        raise ValueError(f"{name}={_short(forget)} needs {what}, which are not known here.")


def _short(forget):
    text = repr(forget)
    return text if len(text) <= 60 else f"{text[:57]}..."


def with_target_names(forget, target_names):
    """Return a text with the label in the place of a class's name; anything else as it is.

    Parameters
    ----------
    forget : object
    target_names : sequence of str
        Class ``k`` is ``target_names[k]``.

    Examples
    --------
    >>> from skqmu._what_to_forget import with_target_names
    >>> with_target_names("class:setosa", ["setosa", "versicolor", "virginica"])
    'class:0'
    """
    if isinstance(forget, str):
        kind, colon, value = forget.partition(":")
        names = list(map(str, target_names))
        if colon and kind.strip() == "class" and value.strip() in names:
            return f"class:{names.index(value.strip())}"
        if colon and kind.strip() == "corrupt":
            return BadRows.with_target_names(forget, names)
    return forget


# ------------------------------------------------------------------------------------- words


def _of_class(y, value, text, target_names, name):
    classes, codes = np.unique(y, return_inverse=True)
    labels = [str(label) for label in classes]
    match = [k for k, label in enumerate(labels) if label == value]
    if not match and np.issubdtype(y.dtype, np.number):
        try:  # "class:0" and labels 0.0, or "class:1.0" and labels 1
            match = np.flatnonzero(classes == float(value)).tolist()
        except ValueError:
            match = []
    names = [] if target_names is None else list(map(str, target_names))
    if not match and value in names:
        match = np.flatnonzero(classes == names.index(value)).tolist()
    if not match:
        shown = ", ".join(labels[:20]) + (", ..." if len(labels) > 20 else "")
        called = f" ({', '.join(names[:20])})" if names else ""
        raise ValueError(
            f"{name}={text!r}: there is no class {value!r}; the classes are {shown}{called}."
            f"{did_you_mean(value, [*labels, *names])}"
        )
    return codes == match[0]


def _of_ids(n, text, ids, name):
    _require(ids, "ids=, one a row", f"ids:{text}", name)
    keys = keys_of_ids(as_ids(ids, n))
    written = keys_by_text(keys)
    asked = ids_of_text(text, name=name)
    found = [key_of_text(each, written, name=name) for each in asked]
    unknown = [each for each, key in zip(asked, found, strict=True) if key is None]
    if unknown:
        raise ValueError(
            f"{name}={_short(f'ids:{text}')}: {len(unknown)} of {len(asked)} ids are those of no "
            f"row: {few_ids(unknown)}.{did_you_mean(unknown[0], written)}"
        )
    wanted = set(found)
    return np.array([row for row, key in enumerate(keys) if key in wanted], dtype=int)


def _of_exposure(n, text, said, exposure, name):
    """The most exposed rows, or the least exposed ones; of equal ones those that stand first."""
    _require(exposure, "exposure=, one number a row (skqmu.attacks.exposure)", text, name)
    values = np.asarray(exposure, dtype=float)
    if values.shape != (n,) or np.isnan(values).any():
        raise ValueError(
            f"exposure needs one number a row, shape ({n},), and no nan; got shape {values.shape}."
        )
    wanted = int(said.value) if said.value.isdecimal() else 0
    if not 0 < wanted < n:
        raise ValueError(
            f"{name}={text!r}: {said.value!r} must be a whole number of rows from 1 to {n - 1}."
        )
    sign = -1 if said.kind == "vulnerable" else 1
    return np.sort(np.argsort(sign * values, kind="stable")[:wanted])


def _of_bad_rows(y, text, asked, random_state, before_training, name):
    if not before_training:
        raise ValueError(
            f"{name}={text!r} speaks of rows that are made bad before a model is trained on them: "
            "data = skqmu.datasets.corrupt(X, y, ...), fit on data.X and data.y, and forget "
            "data.bad. skqmu.audit does all of it."
        )
    try:
        rows = asked.positions(y, check_random_state(random_state))
    except ValueError as error:
        raise ValueError(f"{name}={text!r}: {error}") from error
    if not rows.size:
        raise ValueError(
            f"{name}={text!r} is none of {len(y)} rows; raise the rate, or the share that is known."
        )
    return rows


def _drawn(y, text, value, stratify, random_state, name):
    try:
        fraction = float(value)
    except ValueError:
        raise ValueError(f"{name}={text!r}: {value!r} is not a number; use {FORMS}.") from None
    n = len(y)
    if not 0 < fraction < 1:
        raise ValueError(
            f"{name}={text!r}: the fraction must lie strictly between 0 and 1; to forget 10 % "
            "of the rows use 'fraction:0.1'."
        )
    wanted = round(fraction * n)
    if not 0 < wanted < n:
        raise ValueError(
            f"{name}={text!r} is {wanted} of {n} rows; choose a fraction from {1 / n:.3g} to "
            f"{(n - 1) / n:.3g}."
        )
    rng = check_random_state(random_state)
    if not stratify:
        return np.sort(rng.permutation(n)[:wanted])
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    shares = enumerate(_allocate(counts, wanted, f"{name}={text!r}", rng))
    rows = [rng.permutation(np.flatnonzero(codes == k))[:take] for k, take in shares]
    return np.sort(np.concatenate(rows))


def _allocate(counts, wanted, told, rng):
    """Share `wanted` rows among classes by largest remainders, leaving one row of each."""
    room = counts - 1
    if wanted > room.sum():
        raise ValueError(
            f"{told} is {wanted} of {counts.sum()} rows, which cannot leave one row of "
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


# ------------------------------------------------------------------------------ rows, arrays


def _of_rows(rows, X, name):
    if X is None:
        kind = getattr(np.asarray(rows), "dtype", type(rows).__name__)
        raise ValueError(f"{name}={_short(rows)} ({kind}) is not understood; use {FORMS}.")
    X, rows = as_table(X), as_table(rows, name=name)
    known = same_rows(rows, X)
    if not known.all():
        missing = np.flatnonzero(~known)
        raise ValueError(
            f"{name}: {len(missing)} of {len(known)} rows are not among those of X (rows "
            f"{', '.join(map(str, missing[:5]))}{', ...' if len(missing) > 5 else ''})."
        )
    return np.flatnonzero(same_rows(X, rows))


def _of_array(n, forget, name):
    array = np.asarray(forget)
    if array.dtype == bool:
        if array.shape != (n,):
            raise ValueError(
                f"a boolean {name} mask needs one entry a row, shape ({n},); got {array.shape}."
            )
        return np.flatnonzero(array)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        kind = type(forget).__name__ if isinstance(forget, numbers.Number) else array.dtype
        raise ValueError(f"{name}={_short(forget)} ({kind}) is not understood; use {FORMS}.")
    outside = array[(array < 0) | (array >= n)]
    if outside.size:
        raise ValueError(
            f"{name} holds the row index {outside[0]}, outside 0 to {n - 1}"
            f" ({outside.size} such indices)."
        )
    values, counts = np.unique(array.astype(int), return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"{name} holds the row index {values[counts > 1][0]} more than once; "
            "an array of 0s and 1s meant as a mask must be boolean."
        )
    return values
