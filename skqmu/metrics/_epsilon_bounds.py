"""Lower bounds on epsilon, from what guesses and thresholds came to; and what epsilon allows."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_ndtr, ndtr, ndtri
from scipy.stats import beta, binom, nct

from .._validation import check_choice
from ._inputs import check_level

__all__ = [
    "attack_limits",
    "epsilon_from_guesses",
    "epsilon_from_rates",
    "epsilon_of_gaussian",
    "separation_bound",
]

# Beyond these a bound is not looked for.
_MOST_EPSILON, _MOST_MU = 100.0, 40.0


def attack_limits(epsilon, delta=0.0):
    """What no attack on a training that keeps (epsilon, delta) can exceed.

    Parameters
    ----------
    epsilon : float
        At least 0.
    delta : float, default=0.0
        From 0 to 1.

    Returns
    -------
    dict of str to float
        ``"auc"``, the area under the attack's ROC curve, and ``"advantage"``, its true- less its
        false-positive rate at any threshold: of one record, in the mean over trainings with it
        and without. A single model may show more by chance.

    Raises
    ------
    ValueError
        `epsilon` or `delta` is out of range.

    Notes
    -----
    P. Kairouz, S. Oh and P. Viswanath, "The Composition Theorem for Differential Privacy", ICML
    2015, theorem 2.1: the rates of every test lie within ``tpr <= e^eps fpr + delta`` and its
    mirror image. The advantage is greatest in the corner, at ``fpr = (1 - delta) / (1 + e^eps)``;
    the area is the integral of that border.

    Examples
    --------
    >>> from skqmu.metrics import attack_limits
    >>> {name: round(value, 2) for name, value in attack_limits(1.0, 1e-5).items()}
    {'auc': 0.73, 'advantage': 0.46}
    """
    if not epsilon >= 0:
        raise ValueError(f"epsilon={epsilon!r} must be 0 or more.")
    if not 0 <= delta <= 1:
        raise ValueError(f"delta={delta!r} must lie in [0, 1].")
    corner = (1 - delta) * float(expit(-epsilon))
    return {"auc": 1 - (1 - delta) * corner, "advantage": 1 - 2 * corner}


def epsilon_of_gaussian(mu, delta):
    """Epsilon, at this delta, of a mechanism that hides a row as the shift `mu` of a N(0, 1).

    Parameters
    ----------
    mu : float
        Of Gaussian differential privacy; 0 hides everything.
    delta : float

    Returns
    -------
    float

    Notes
    -----
    J. Dong, A. Roth and W. J. Su, "Gaussian Differential Privacy", JRSS B 2022, corollary 1.

    Examples
    --------
    >>> from skqmu.metrics import epsilon_of_gaussian
    >>> round(epsilon_of_gaussian(1.0, 1e-5), 2)
    4.38
    """
    if mu <= 0:
        return 0.0

    def excess(epsilon):
        # e^eps Phi(-eps / mu - mu / 2), of which the first may be infinite where the second is 0
        log_second = epsilon + log_ndtr(-epsilon / mu - mu / 2)
        return ndtr(-epsilon / mu + mu / 2) - np.exp(log_second) - delta

    if excess(0.0) <= 0:
        return 0.0
    high = 1.0
    while excess(high) > 0:
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-10))


def epsilon_from_guesses(
    n_correct, n_guesses, n_canaries, *, delta=0.0, level=0.95, form="gaussian"
):
    """Lower bound on epsilon from one model, some of whose canaries were trained on.

    Each of `n_canaries` records was in the training data or not, by a coin of its own; somebody
    who sees the model guessed about `n_guesses` of them, a number chosen beforehand.

    Parameters
    ----------
    n_correct, n_guesses, n_canaries : int
    delta : float, default=0.0
    level : float, default=0.95
        The bound is above the truth in at most 1 - level of audits.
    form : {"gaussian", "dp"}, default="gaussian"
        What the mechanism is supposed to be: ``"dp"``, any with (epsilon, delta); ``"gaussian"``,
        one whose trade-off curve is a Gaussian's, which noisy gradient descent over all rows
        has and which gives more.

    Returns
    -------
    float
        0 where nothing was found.

    Raises
    ------
    ValueError
        Counts that are not ``0 <= n_correct <= n_guesses <= n_canaries``.

    Notes
    -----
    ``"dp"``: T. Steinke, M. Nasr and M. Jagielski, "Privacy Auditing with One (1) Training Run",
    NeurIPS 2023, theorem 5.2 with its delta term. ``"gaussian"``: S. Mahloujifar, L. Melis and K.
    Chaudhuri, "Auditing f-Differential Privacy in One Run", ICML 2025, algorithm 3, for the curve
    of a Gaussian.

    Examples
    --------
    >>> from skqmu.metrics import epsilon_from_guesses
    >>> round(epsilon_from_guesses(90, 100, 100, delta=1e-5, form="dp"), 2)
    1.63
    >>> epsilon_from_guesses(50, 100, 100, delta=1e-5)
    0.0
    """
    check_choice("form", form, ("gaussian", "dp"))
    alpha = 1 - check_level(level)
    if not 0 <= n_correct <= n_guesses <= n_canaries or n_guesses < 1:
        raise ValueError(
            f"n_correct={n_correct}, n_guesses={n_guesses} and n_canaries={n_canaries} must be "
            "counts with 0 <= n_correct <= n_guesses <= n_canaries, one guess at least."
        )
    counts = (n_correct, n_guesses, n_canaries)
    if form == "dp":
        return _largest(lambda e: _p_of_guesses(*counts, e, delta) < alpha, _MOST_EPSILON)
    mu = _largest(lambda mu: _too_many_right(*counts, mu, alpha), _MOST_MU)
    return epsilon_of_gaussian(mu, delta)


def _p_of_guesses(n_correct, n_guesses, n_canaries, epsilon, delta):
    """Chance, at most, of as many right guesses under (epsilon, delta)."""
    rate = expit(epsilon)
    p = binom.sf(n_correct - 1, n_guesses, rate)
    if n_correct and delta:
        below = np.cumsum(binom.pmf(np.arange(n_correct - 1, -1, -1), n_guesses, rate))
        p += 2 * n_canaries * delta * (below / np.arange(1, n_correct + 1)).max()
    return p


def _too_many_right(n_correct, n_guesses, n_canaries, mu, alpha):
    """Whether a Gaussian of this `mu` has as many right guesses with a chance below alpha.

    From the last right guess down: mass of right guesses (`right`) and of wrong ones (`wrong`) that
    are at least as many; what the curve allows the wrong ones is a bound on their growth.
    """
    right = alpha * n_correct / n_canaries
    wrong = alpha * (n_guesses - n_correct) / n_canaries
    for i in range(n_correct - 1, -1, -1):
        allowed = max(wrong, float(ndtr(ndtri(min(right, 1.0)) - mu)))
        right += i / (n_guesses - i) * (allowed - wrong)
        wrong = allowed
    return right + wrong > n_guesses / n_canaries


def _largest(rejected, most):
    """The largest value that is rejected, where all smaller ones are too; 0 where none is."""
    if not rejected(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while rejected(high):
        low, high = high, 2 * high
        if high > most:
            return low
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if rejected(middle) else (low, middle)
    return low


def epsilon_from_rates(n_found, n_in, n_false, n_out, *, delta=0.0, level=0.95, form="gaussian"):
    """Lower bound on epsilon from many models, some trained with a canary and some without.

    A threshold, chosen on other models than these, said of `n_found` of the `n_in` models with the
    canary that it was there, and of `n_false` of the `n_out` without.

    Parameters
    ----------
    n_found, n_in, n_false, n_out : int
    delta : float, default=0.0
    level : float, default=0.95
        Both rates have exact one-sided bounds (Clopper-Pearson), which share what is left of 1.
    form : {"gaussian", "dp"}, default="gaussian"
        As in :func:`epsilon_from_guesses`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Counts that are none.

    Notes
    -----
    ``"dp"``: ``ln((tpr - delta) / fpr)``, or the same of the two other rates, whichever is more
    (M. Jagielski, J. Ullman and A. Oprea, "Auditing Differentially Private Machine Learning",
    NeurIPS 2020). ``"gaussian"``: ``mu = ppf(tpr) - ppf(fpr)`` (M. Nasr et al., "Tight Auditing
    of Differentially Private Machine Learning", USENIX Security 2023).

    Examples
    --------
    >>> from skqmu.metrics import epsilon_from_rates
    >>> round(epsilon_from_rates(450, 500, 50, 500, delta=1e-5, form="dp"), 2)
    1.9
    >>> round(epsilon_from_rates(450, 500, 50, 500, delta=1e-5), 2)
    11.6
    """
    check_choice("form", form, ("gaussian", "dp"))
    alpha = 1 - check_level(level)
    if not (0 <= n_found <= n_in and 0 <= n_false <= n_out and n_in and n_out):
        raise ValueError(
            f"n_found={n_found} of n_in={n_in} and n_false={n_false} of n_out={n_out} are not "
            "counts of a part and a whole."
        )
    tpr = _lower(n_found, n_in, alpha / 2)
    fpr = 1 - _lower(n_out - n_false, n_out, alpha / 2)
    if form == "gaussian":
        return epsilon_of_gaussian(float(ndtri(tpr) - ndtri(fpr)), delta)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [(tpr - delta) / fpr, (1 - fpr - delta) / (1 - tpr)]
        return float(max(0.0, *(np.log(r) for r in ratios if r > 0)))


def _lower(count, n, alpha):
    return float(beta.ppf(alpha, count, n - count + 1)) if count else 0.0


def separation_bound(scores_in, scores_out, *, level=0.95):
    """Lower bound on the distance of two Gaussian samples, in their common standard deviation.

    Parameters
    ----------
    scores_in, scores_out : array-like of shape (n,), (m,)
        Of models with a canary and without, by a score that was chosen on other models.
    level : float, default=0.95

    Returns
    -------
    float
        A `mu` for :func:`epsilon_of_gaussian`; 0 where nothing was found.

    Raises
    ------
    ValueError
        Fewer than three scores, or none on one side.

    Notes
    -----
    From the t statistic and its noncentral distribution, exact for normal scores of one spread.
    Noisy gradient descent has such scores to the extent that its gradients do not depend on the
    noise of earlier steps; :func:`epsilon_from_rates` needs no such thing.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import separation_bound
    >>> rng = np.random.default_rng(0)
    >>> round(separation_bound(rng.normal(1.0, 1, 500), rng.normal(0.0, 1, 500)), 2)
    0.95
    """
    alpha = 1 - check_level(level)
    one, other = np.asarray(scores_in, float), np.asarray(scores_out, float)
    dof = len(one) + len(other) - 2
    if dof < 1:
        raise ValueError("separation_bound needs three scores at least, one on each side.")
    spread = ((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()
    unit = np.sqrt(1 / len(one) + 1 / len(other))
    difference = one.mean() - other.mean()
    if not spread:
        return np.inf if difference > 0 else 0.0
    t = difference / (np.sqrt(spread / dof) * unit)
    if t <= 0 or nct.sf(t, dof, 0.0) >= alpha:
        return 0.0
    high = t
    while nct.sf(t, dof, high) < alpha:
        high *= 2
    return float(brentq(lambda shift: nct.sf(t, dof, shift) - alpha, 0.0, high) * unit)
