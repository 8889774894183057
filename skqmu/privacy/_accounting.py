"""What a number of noisy steps spends, and the noise that a target needs, by `dp-accounting`."""

from functools import lru_cache
from importlib import import_module

import numpy as np
from scipy.optimize import brentq

__all__ = ["epsilon_spent", "noise_needed", "steps_spent"]

# Between these a noise multiplier is looked for.
_LEAST, _MOST = 0.05, 1e5
# Of a multiplier that is found.
_RELATIVE = 1e-4
# Below this noise the distribution of privacy losses takes gigabytes; Renyi's bound is had there.
_SMALL = 0.4
# Privacy losses are rounded up to multiples of this, with less noise than that and no more steps:
# their distribution is wide there, and what a finer grid says is the same to 5e-4.
_GRID, _WIDE, _FEW = 1e-3, 2.0, 500
_ORDERS = (*range(2, 64), 80, 96, 128, 192, 256, 512, 1024)


def _library(name=""):
    try:
        return import_module(f"dp_accounting{name}")
    except ImportError as error:
        raise ImportError(
            "privacy= needs the package dp-accounting, which counts what is spent; install it with "
            "pip install 'skqmu[dp]'."
        ) from error


def epsilon_spent(
    noise_multiplier: float,
    *,
    sampling_rate: float = 1.0,
    n_steps: int,
    delta: float,
    n_fits: int = 1,
) -> float:
    """Epsilon of a number of noisy steps, at this delta.

    Each step adds to a sum of vectors of norm at most C, one a record, Gaussian noise of standard
    deviation ``noise_multiplier * C``; with `sampling_rate` below 1 a record takes part in a
    step with that probability, by a coin of its own that nobody sees.

    Parameters
    ----------
    noise_multiplier : float
    sampling_rate : float, default=1.0
    n_steps : int
        Of one fit.
    delta : float
    n_fits : int, default=1
        Fits on the same records, whose results are all given away: those of the candidates of
        a search, for example.

    Returns
    -------
    float

    Raises
    ------
    ImportError
        dp-accounting is not installed.

    Notes
    -----
    Neighbouring data sets differ in one record, whose place is empty in one of them. All rows in
    each step: the Gaussian mechanism's own curve, with T steps as one of ``1 / sqrt(T)`` of the
    noise. Sampled rows: the distribution of privacy losses (`PLDAccountant`), which is rounded
    upwards; with noise below 0.4, whose distribution is too wide for that, Renyi's orders
    (`RdpAccountant`).

    Examples
    --------
    >>> from skqmu.privacy import epsilon_spent
    >>> round(epsilon_spent(10.0, n_steps=100, delta=1e-5), 2)
    4.38
    """
    steps = ((float(noise_multiplier), float(sampling_rate), int(n_steps) * int(n_fits)),)
    return steps_spent(steps, delta)


@lru_cache(maxsize=1024)
def steps_spent(steps: tuple, delta: float) -> float:
    """Epsilon of steps of several kinds, all of whose results are given away.

    Parameters
    ----------
    steps : tuple of (float, float, int)
        Noise multiplier, sampling rate and number of each kind.
    delta : float

    Returns
    -------
    float

    Examples
    --------
    >>> from skqmu.privacy._accounting import steps_spent
    >>> round(steps_spent(((10.0, 1.0, 50), (10.0, 1.0, 50)), 1e-5), 2)
    4.38
    """
    if all(rate == 1.0 for _, rate, _ in steps):
        # Gaussian steps are one Gaussian step: exact, and a matter of microseconds.
        precision = sum(number / noise**2 for noise, _, number in steps)
        losses = _library(".pld.privacy_loss_mechanism")
        curve = losses.GaussianPrivacyLoss(standard_deviation=precision**-0.5)
        return _inverted(curve.get_delta_for_epsilon, delta)
    base, least = _library(), min(noise for noise, _, _ in steps)
    accountant = (
        _renyi() if least < _SMALL else _losses(least, sum(number for _, _, number in steps))
    )
    for noise, rate, number in steps:
        event = base.PoissonSampledDpEvent(rate, base.GaussianDpEvent(noise))
        accountant.compose(base.SelfComposedDpEvent(event, number))
    return float(accountant.get_epsilon(delta))


def _inverted(curve, delta):
    """The epsilon at which a falling curve of deltas comes down to this one."""
    if curve(0.0) <= delta:
        return 0.0
    high = 1.0
    while curve(high) > delta:
        high *= 2
    return float(brentq(lambda epsilon: curve(epsilon) - delta, 0.0, high, xtol=1e-10))


def _neighbours():
    return _library().NeighboringRelation.ADD_OR_REMOVE_ONE


def _losses(noise, n_steps):
    coarse = noise < _WIDE and n_steps <= _FEW
    grid = {"value_discretization_interval": _GRID} if coarse else {}
    return _library(".pld").PLDAccountant(_neighbours(), **grid)


def _renyi():
    return _library(".rdp").RdpAccountant(_ORDERS, _neighbours())


def _renyi_spent(noise, rate, n_steps, delta):
    base, accountant = _library(), _renyi()
    event = base.PoissonSampledDpEvent(rate, base.GaussianDpEvent(noise))
    accountant.compose(base.SelfComposedDpEvent(event, n_steps))
    return float(accountant.get_epsilon(delta))


@lru_cache(maxsize=1024)
def noise_needed(epsilon: float, delta: float, *, sampling_rate: float = 1.0, n_steps: int):
    """Least noise multiplier with which steps spend no more than (epsilon, delta).

    Parameters
    ----------
    epsilon, delta : float
    sampling_rate : float, default=1.0
    n_steps : int

    Returns
    -------
    float
        Within 1e-4 of itself, on the safe side.

    Raises
    ------
    ValueError
        No noise that is looked for reaches the target; the message has the figures.

    Examples
    --------
    >>> from skqmu.privacy import noise_needed
    >>> round(noise_needed(1.0, 1e-5, n_steps=100), 1)
    37.3
    """

    def too_much(noise):
        return steps_spent(((noise, sampling_rate, n_steps),), delta) - epsilon

    high = _MOST
    if sampling_rate < 1:
        # Renyi's bound needs no distribution, and is never below the truth.
        high = _first_enough(lambda z: _renyi_spent(z, sampling_rate, n_steps, delta) <= epsilon)
    if high is None or too_much(high) > 0:
        high = _MOST
        at_most = steps_spent(((high, sampling_rate, n_steps),), delta)
        raise ValueError(
            f"epsilon={epsilon:g} at delta={delta:g} cannot be reached in {n_steps} steps with the "
            f"sampling rate {sampling_rate:.3g}: noise of {high:g} times the clip still spends "
            f"epsilon={at_most:.3g}. Raise epsilon or delta, or take fewer steps (max_iter)."
        )
    low = high
    while low > _LEAST and too_much(low) <= 0:
        high, low = low, low / 1.5
    if too_much(low) <= 0:
        return low
    ends = np.log([low, high])
    root = brentq(lambda log_z: too_much(float(np.exp(log_z))), *ends, xtol=_RELATIVE / 4)
    found = float(np.exp(root)) * (1 + _RELATIVE / 2)
    return high if too_much(found) > 0 else found


def _first_enough(holds):
    """The least power of 1.5 times the least noise for which something holds; None: none."""
    noise = _LEAST
    while noise < _MOST:
        if holds(noise):
            return noise
        noise *= 1.5
    return None
