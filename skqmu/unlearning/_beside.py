"""Rows beside retained rows: what a model makes of rows that nobody gave it."""

import numpy as np

__all__ = ["noise_scale", "rows_beside"]

# Of half the width of a feature's middle 68 %: of its standard deviation, without outliers.
_NOISE, _MIDDLE = 0.3, (0.16, 0.84)


def noise_scale(X: np.ndarray) -> np.ndarray:
    """How far rows beside others lie from them, a feature.

    A power of two near 0.3 standard deviations, outliers left out, and 0 where a feature hardly
    varies: it is kept with the model, and tells next to nothing of any row.

    Parameters
    ----------
    X : ndarray of shape (n, ...)

    Returns
    -------
    ndarray of shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.unlearning import noise_scale
    >>> noise_scale(np.array([[-1.0, 5.0], [-1.0, 5.0], [1.0, 5.0], [1.0, 5.0]]))
    array([0.25, 0.  ])
    """
    low, high = np.quantile(X, _MIDDLE, axis=0)
    spread = _NOISE * (high - low) / 2
    varies = spread > 1e-12 * np.maximum(np.abs(low), np.abs(high))
    with np.errstate(divide="ignore"):
        return np.where(varies, np.exp2(np.round(np.log2(spread))), 0.0)


def rows_beside(X: np.ndarray, scale: np.ndarray, numbers: np.ndarray, seed: int) -> np.ndarray:
    """A row beside each, the same one whenever it is asked for.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
    scale : ndarray of shape (...)
        See `noise_scale`.
    numbers : ndarray of int of shape (n,)
        By which a row's noise is known.
    seed : int

    Returns
    -------
    ndarray of shape (n, ...)

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.unlearning import rows_beside
    >>> X, scale = np.zeros((3, 2)), np.ones(2)
    >>> both = rows_beside(X, scale, np.arange(3), seed=0)
    >>> np.array_equal(rows_beside(X[1:], scale, np.array([1, 2]), seed=0), both[1:])
    True
    """
    drawn = [np.random.default_rng([seed, n]).standard_normal(X.shape[1:]) for n in numbers]
    return X + scale * np.reshape(drawn, X.shape)
