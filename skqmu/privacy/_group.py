"""Group privacy: what a promise about one record says of several."""

import numpy as np

__all__ = ["group_privacy"]


def group_privacy(epsilon: float, delta: float, m: int) -> tuple[float, float]:
    """Promise about `m` records at once that an (epsilon, delta) about each of them implies.

    ``(m epsilon, delta sum_{i<m} e^{i epsilon})``, by going from one data set to the other a
    record at a time. The second number may pass 1: nothing is promised then.

    Parameters
    ----------
    epsilon, delta : float
    m : int
        Records, copies counted.

    Returns
    -------
    tuple of float

    Notes
    -----
    C. Dwork and A. Roth, "The Algorithmic Foundations of Differential Privacy", 2014, theorem
    2.2 with delta as in S. Vadhan, "The Complexity of Differential Privacy", 2017, lemma 2.2. It
    holds for any private training; what is known of the noise would give less.

    Examples
    --------
    >>> from skqmu.privacy import group_privacy
    >>> group_privacy(1.0, 1e-5, 1)
    (1.0, 1e-05)
    >>> epsilon, delta = group_privacy(1.0, 1e-5, 3)
    >>> epsilon, round(delta, 6)
    (3.0, 0.000111)
    """
    if m == 1 or not delta:
        return m * epsilon, delta
    if not epsilon:
        return 0.0, m * delta
    with np.errstate(over="ignore"):
        grown = np.expm1(m * epsilon)
        total = grown / np.expm1(epsilon) if np.isfinite(grown) else grown
    return m * epsilon, float(delta * total)
