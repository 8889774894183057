"""Data whose Bayes error and label noise are set, so that leakage can be dialled."""

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["make_memorisation"]


def make_memorisation(
    n_samples=200,
    n_features=4,
    *,
    n_classes=2,
    bayes_error=0.05,
    label_noise=0.2,
    return_noisy=False,
    random_state=None,
):
    """Draw Gaussian classes with a known Bayes error, then corrupt some labels.

    The classes are unit Gaussians around the corners of a regular simplex, turned at
    random. The distance of the corners is solved for, so that the best possible
    classifier errs on a share `bayes_error` of clean records. A corrupted label can only
    be fitted by memorising its record: the more label noise, the more a model that fits
    its training data gives away about membership.

    Parameters
    ----------
    n_samples : int, default=200
        At least 2 rows a class; classes differ by at most one row (before corruption).
    n_features : int, default=4
        At least ``n_classes - 1``.
    n_classes : int, default=2
        At least 2.
    bayes_error : float, default=0.05
        Strictly between 0 and ``1 - 1 / n_classes`` (chance): the difficulty. The error of
        the nearest corner, ``1 - E[Phi(z + s) ** (n_classes - 1)]`` for standard normal z
        and corners at distance ``s * sqrt(2)``.
    label_noise : float, default=0.2
        Share of rows, in [0, 1), whose label becomes another class, drawn uniformly;
        ``round(label_noise * n_samples)`` rows.
    return_noisy : bool, default=False
        Whether to return, too, which rows were corrupted.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of int of shape (n_samples,)
    noisy : ndarray of bool of shape (n_samples,)
        Only when `return_noisy`: True where the label was corrupted.

    Raises
    ------
    ValueError
        If a parameter lies outside its range.

    Examples
    --------
    >>> from skqmu.datasets import make_memorisation
    >>> X, y, noisy = make_memorisation(100, label_noise=.3, return_noisy=True, random_state=0)
    >>> X.shape, int(noisy.sum())
    ((100, 4), 30)
    """
    _check(n_samples, n_features, n_classes, bayes_error, label_noise)
    rng = check_random_state(random_state)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    corners = _simplex(n_classes) * _corner_scale(n_classes, bayes_error)
    turn, _ = np.linalg.qr(rng.standard_normal((n_features, n_classes - 1)))
    X = corners[y] @ turn.T + rng.standard_normal((n_samples, n_features))
    noisy = np.zeros(n_samples, dtype=bool)
    noisy[rng.permutation(n_samples)[: round(label_noise * n_samples)]] = True
    shift = rng.randint(1, n_classes, size=n_samples)
    y = np.where(noisy, (y + shift) % n_classes, y)
    return (X, y, noisy) if return_noisy else (X, y)


def _check(n_samples, n_features, n_classes, bayes_error, label_noise):
    if n_classes < 2:
        raise ValueError(f"n_classes={n_classes!r} must be at least 2.")
    if n_samples < 2 * n_classes:
        raise ValueError(
            f"n_samples={n_samples!r} must be at least 2 rows a class, {2 * n_classes}."
        )
    if n_features < n_classes - 1:
        raise ValueError(
            f"n_features={n_features!r} cannot hold the corners of {n_classes} equidistant "
            f"classes; use at least {n_classes - 1}."
        )
    chance = 1 - 1 / n_classes
    if not 0 < bayes_error < chance:
        raise ValueError(
            f"bayes_error={bayes_error!r} must lie strictly between 0 and {chance:.4g}, the "
            f"error of guessing among {n_classes} classes."
        )
    if not 0 <= label_noise < 1:
        raise ValueError(f"label_noise={label_noise!r} must lie in [0, 1).")


def _simplex(n_classes):
    """Return corners at mutual distance sqrt(2) in ``n_classes - 1`` dimensions, centred."""
    centred = np.eye(n_classes) - 1 / n_classes
    basis = np.linalg.svd(centred)[2][: n_classes - 1]
    return centred @ basis.T


def _corner_scale(n_classes, bayes_error):
    """Return the scale at which the nearest corner is wrong with probability `bayes_error`."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()

    def error(scale):
        # 1 - Phi ** (C - 1) without cancellation: tiny errors keep their digits
        log_right = (n_classes - 1) * norm.logcdf(nodes + scale)
        return weights @ -np.expm1(log_right) - bayes_error

    low, high = 0.0, 1.0
    while error(high) > 0:
        high *= 2
    return brentq(error, low, high, xtol=1e-12)
