"""What a fitted transformer shows of a row to someone who holds it: a few numbers a row.

Numbers (Gaussian over refits) and events (categories) are kept apart: an event such as "the
row lies outside the range that the scaler saw" is decisive, and no shift of a mean.
"""

from warnings import catch_warnings, simplefilter

import numpy as np
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import get_tags

__all__ = ["NUMBERS", "N_EVENTS", "events_of", "is_supervised", "numbers_of", "state_of"]

NUMBERS = ("reconstruction", "extremity", "class_margin")
# inside the range; at one end of it, or stored; outside
N_EVENTS = 3
INSIDE, AT_END, OUTSIDE = range(N_EVENTS)
# relative floors: what rounding leaves of zero
_ZERO = 1e-12
# more entries than this are not compared row by row
_MOST_ENTRIES = 5e7


def is_supervised(step):
    """Whether the transformer's fit may use labels (selectors do not say so themselves)."""
    return bool(get_tags(step).target_tags.required) or isinstance(step, SelectorMixin)


def numbers_of(step, X, X_pool, y, y_pool):
    """Return what a step shows of rows, a dict of arrays of shape (n,).

    ``reconstruction``: logarithm of the squared distance between a row and what
    ``inverse_transform`` makes of its image: smaller where the step was fitted on the row.
    ``extremity``: logarithm of the squared length of the image, in units of the step's own
    spread: a row pulls centre and spread towards itself. ``class_margin``, of steps that use
    labels: how much nearer the image is to its own class than to the next, by the class
    means of the images of the pool.

    Parameters
    ----------
    step : fitted transformer
    X, X_pool : rows as the step takes them
        To be scored, and those that the attacker holds.
    y, y_pool : ndarray of int
    """
    image = _dense(step.transform(X))
    if image is None:
        return {}
    found = {}
    rows, everyone = _dense(X), _dense(X_pool)
    if rows is not None and everyone is not None:
        back = _back(step, image)
        if back is not None and back.shape == rows.shape:
            scale = np.nanmean((everyone - np.nanmean(everyone, axis=0)) ** 2) * rows.shape[1]
            residual = _squares(rows - back).sum(axis=1)
            found["reconstruction"] = np.log(residual + _ZERO * (scale or 1.0))
    spread = np.atleast_1d(getattr(step, "explained_variance_", 1.0))
    if spread.shape != (image.shape[1],) or getattr(step, "whiten", False):
        spread = np.ones(image.shape[1])
    spread = np.maximum(spread, _ZERO * (spread.max(initial=0.0) or 1.0))
    length = _squares(image / np.sqrt(spread)).sum(axis=1)
    found["extremity"] = np.log(length + _ZERO * image.shape[1])
    if is_supervised(step):
        found["class_margin"] = _margin(image, _dense(step.transform(X_pool)), y, y_pool)
    return found


def _squares(values):
    # what is missing is no distance; what overflowed is a large one
    with np.errstate(over="ignore"):
        return np.nan_to_num(values**2, nan=0.0, posinf=1e100)


def _back(step, image):
    if not hasattr(step, "inverse_transform"):
        return None
    try:
        with catch_warnings():
            simplefilter("ignore")
            return _dense(step.inverse_transform(image))
    except (NotFittedError, ValueError, TypeError, NotImplementedError):
        return None  # no way back from here (KernelPCA without fit_inverse_transform)


def _dense(X):
    """Return a 2-D float array, or None for what is no such thing."""
    if sparse.issparse(X):
        if np.prod(X.shape, dtype=float) > _MOST_ENTRIES:
            return None
        X = X.toarray()
    try:
        X = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return X if X.ndim == 2 else None


def _margin(image, pool, y, y_pool):
    present = np.unique(y_pool)
    if present.size < 2:
        return np.zeros(len(image))
    means = np.array([np.nanmean(pool[y_pool == k], axis=0) for k in present])
    distance = np.sqrt(_squares(image[:, None, :] - means).sum(axis=2))
    own = present == y[:, None]
    mine = np.where(own, distance, np.inf).min(axis=1)
    other = np.where(own, np.inf, distance).min(axis=1)
    # a class that the pool lacks has no mean to be near to
    return np.where(own.any(axis=1), other - mine, 0.0)


def events_of(step, X):
    """Return what a step shows of rows beyond doubt, an int8 array of shape (n, n_events).

    One column a feature for steps that keep its extremes (a row outside them was not among
    those it was fitted on, a row at one of them probably was), and one that tells whether
    the row itself is stored in a fitted array, as kernel methods and imputers do.
    """
    rows = _dense(X)
    if rows is None:
        return np.zeros((_n_rows(X), 0), dtype=np.int8)
    columns = []
    low, high = _range(step, rows.shape[1])
    if low is not None:
        slack = _ZERO * np.maximum(np.abs(low), np.abs(high))
        events = np.full(rows.shape, INSIDE, dtype=np.int8)
        events[(rows <= low + slack) | (rows >= high - slack)] = AT_END
        events[(rows < low - slack) | (rows > high + slack)] = OUTSIDE
        columns.append(events)
    stored = _stored(step, rows)
    if stored is not None:
        columns.append(np.where(stored, AT_END, INSIDE).astype(np.int8)[:, None])
    return np.hstack(columns) if columns else np.zeros((len(rows), 0), dtype=np.int8)


def _n_rows(X):
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _range(step, width):
    low, high = getattr(step, "data_min_", None), getattr(step, "data_max_", None)
    if low is None and hasattr(step, "max_abs_"):
        high = np.asarray(step.max_abs_, dtype=np.float64)
        low = -high
    if low is None or np.shape(low) != (width,) or np.shape(high) != (width,):
        return None, None
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def _stored(step, rows):
    kept = set()
    for name, value in vars(step).items():
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim != 2:
            continue
        if value.shape[1] == rows.shape[1] and (name.endswith("_") or name.startswith("_")):
            kept.update(row.tobytes() for row in np.ascontiguousarray(value, np.float64) + 0.0)
    if not kept:
        return None
    return np.array([row.tobytes() in kept for row in np.ascontiguousarray(rows) + 0.0], bool)


def state_of(step):
    """Return the numbers that a step learned, a dict of flat arrays by attribute."""
    found = {}
    for name, value in sorted(vars(step).items()):
        if not name.endswith("_") or name.startswith("_"):
            continue
        if isinstance(value, dict):
            value = [v for _, v in sorted(value.items(), key=lambda item: str(item[0]))]
        parts = value if isinstance(value, list | tuple) else [value]
        if isinstance(value, np.ndarray) and value.dtype == object:
            parts = list(value)
        try:
            flat = [np.asarray(part, dtype=np.float64).ravel() for part in parts]
        except (TypeError, ValueError):
            continue  # names, categories, callables
        flat = np.concatenate(flat) if flat else np.zeros(0)
        if flat.size and np.isfinite(flat).all():
            found[name] = flat
    return found
