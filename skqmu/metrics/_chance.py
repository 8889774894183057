"""How often a few retrained models agree by chance, and the next one does not.

Nothing holds a classifier's answers to rows of a class that it never saw: a seed decides which
of the other classes takes them, mostly as one block. The oracles' spread on such rows has two
values, and where the oracles happen to agree it is estimated as nearly none. No interval that is
built on that spread keeps its level; the number of oracles alone bounds the error.
"""

import numpy as np

__all__ = ["chance_of_agreement", "oracles_to_rule_out_chance"]

_SHARES = np.linspace(0.0, 1.0, 10_001)


def chance_of_agreement(n_oracles):
    """Return how often K models agree and one more of the same kind does not, at the most.

    Parameters
    ----------
    n_oracles : int
        K.

    Returns
    -------
    float
        The largest ``p**K (1 - p) + (1 - p)**K p`` of any share p of models that answer one way.
    """
    p, q = _SHARES, 1 - _SHARES
    return float((p**n_oracles * q + q**n_oracles * p).max())


def oracles_to_rule_out_chance(error):
    """Return the fewest oracles whose agreement by chance is no more frequent than `error`.

    Parameters
    ----------
    error : float

    Returns
    -------
    int
    """
    # the bound is below 1 / (e K), so the search ends
    k = 2
    while chance_of_agreement(k) > error:
        k += 1
    return k
