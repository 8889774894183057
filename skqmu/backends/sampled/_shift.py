"""Parameter-shift rules, derived from the frequencies of the circuit that runs.

An expectation value is, in one angle t, a_0 + sum_r (a_r cos w_r t + b_r sin w_r t). Its
derivative at 0 is sum_r w_r b_r, and differences f(s) - f(-s) = 2 sum_r b_r sin(w_r s) at
as many shifts as there are frequencies give it exactly (Wierichs et al. 2022,
arXiv 2107.12390, eq. 6 and sect. 3.2). One frequency: the two-term rule; a controlled
rotation has two (1/2 and 1): the four-term rule.
"""

from functools import lru_cache

import numpy as np

__all__ = ["ShiftRule", "shift_rule"]


class ShiftRule:
    """Derivative as ``sum(coefficients * f(shifts))``.

    Attributes
    ----------
    shifts, coefficients : ndarray of shape (2 R,)
        For R frequencies.
    """

    def __init__(self, shifts, coefficients):
        self.shifts = np.concatenate([shifts, -shifts])
        self.coefficients = np.concatenate([coefficients, -coefficients])

    def __len__(self):
        return len(self.shifts)


@lru_cache(maxsize=1024)
def shift_rule(frequencies):
    """Rule for a tuple of positive frequencies.

    Parameters
    ----------
    frequencies : tuple of float
        Distinct and positive.

    Returns
    -------
    ShiftRule
        Empty where there is no frequency: the derivative is 0.

    Notes
    -----
    Shifts are ``(2 m - 1) pi / (2 R w)``, m = 1 .. R, with w the greatest frequency over R:
    the published choice where the frequencies are 1, .., R times w. For others the shifts
    are scaled to the smallest sum of squared coefficients, to which shot noise is
    proportional.

    Examples
    --------
    >>> from skqmu.backends.sampled._shift import shift_rule
    >>> shift_rule((1.0,)).shifts.round(4), shift_rule((1.0,)).coefficients
    (array([ 1.5708, -1.5708]), array([ 0.5, -0.5]))
    >>> len(shift_rule((0.5, 1.0)))
    4
    """
    n = len(frequencies)
    if n == 0:
        return ShiftRule(np.zeros(0), np.zeros(0))
    frequencies = np.asarray(frequencies, dtype=float)
    nodes = (2 * np.arange(1, n + 1) - 1) * np.pi / (2 * n)
    spacing = frequencies.max() / n
    equidistant = np.allclose(frequencies, spacing * np.arange(1, n + 1), rtol=1e-6)
    scales = [1.0] if equidistant else np.linspace(0.5, 2.0, 151)
    best = None
    for scale in scales:
        shifts = scale * nodes / spacing
        system = 2 * np.sin(np.outer(frequencies, shifts))
        if np.linalg.cond(system) > 1e8:
            continue
        coefficients = np.linalg.solve(system, frequencies)
        variance = coefficients @ coefficients
        if best is None or variance < best[0]:
            best = variance, shifts, coefficients
    if best is None:
        raise ValueError(
            f"no shift rule found for the frequencies {frequencies}; two of them are too close "
            "to be told apart."
        )
    return ShiftRule(*best[1:])
