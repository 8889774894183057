"""Who is in which shadow: random halves in which every record is balanced."""

import numpy as np

__all__ = ["balanced_membership"]


def balanced_membership(groups, strata, n_shadows, rng):
    """Draw complementary random halves of the records, stratified.

    Shadows 2k and 2k + 1 split the records: every record is in exactly ``n_shadows / 2``
    shadows, copies of a record go together, and each stratum (class) is halved as evenly
    as its size allows, so that no shadow misses a class that has two distinct records.

    Parameters
    ----------
    groups : ndarray of shape (n,), int
        Equal numbers for copies of one record.
    strata : ndarray of shape (n,), int
        Stratum of each record; copies share theirs.
    n_shadows : int, even
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n_shadows, n), bool

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks._membership import balanced_membership
    >>> rng = np.random.default_rng(0)
    >>> inside = balanced_membership(np.arange(6), np.array([0, 0, 0, 0, 1, 1]), 4, rng)
    >>> inside.sum(axis=0)
    array([2, 2, 2, 2, 2, 2])
    """
    n_groups = int(groups.max()) + 1
    stratum_of = np.empty(n_groups, dtype=np.int64)
    stratum_of[groups] = strata
    in_stratum = [np.flatnonzero(stratum_of == s) for s in np.unique(stratum_of)]
    inside = np.zeros((n_shadows, n_groups), dtype=bool)
    for pair in range(n_shadows // 2):
        # odd strata have one record left over; they alternate, so that halves are even too
        extra = bool(rng.integers(2))
        for s in rng.permutation(len(in_stratum)):
            members = rng.permutation(in_stratum[s])
            half = members.size // 2
            if members.size % 2:
                half += extra
                extra = not extra
            inside[2 * pair, members[:half]] = True
        inside[2 * pair + 1] = ~inside[2 * pair]
    return inside[:, groups]
