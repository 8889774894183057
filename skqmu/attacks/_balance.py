"""Who is in which shadow: random halves in which every record is balanced."""

import numpy as np

__all__ = ["BLOCK", "balanced_membership"]

# Shadows are drawn in blocks of this size. Blocks of 2 would be complements of each other:
# what one shadow sees near a record the other one lacks, and the difference between in and
# out would be measured with up to twice the variance.
BLOCK = 8


def balanced_membership(groups, strata, n_shadows, rng):
    """Draw random halves of the records, balanced by record, by shadow and by class.

    Every record is in exactly ``n_shadows / 2`` shadows, copies of a record go together,
    and every shadow holds half of each stratum (class), as evenly as its size allows, so
    that no shadow misses a class that has two distinct records. In each block of 8 shadows
    the records of a stratum are paired at random; one of a pair is in 4 random shadows of
    the block, the other one in the other 4. A shorter block comes first, so that longer
    draws with the same remainder start with shorter ones.

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
    >>> from skqmu.attacks._balance import balanced_membership
    >>> rng = np.random.default_rng(0)
    >>> inside = balanced_membership(np.arange(6), np.array([0, 0, 0, 0, 1, 1]), 4, rng)
    >>> inside.sum(axis=0), inside.sum(axis=1)
    (array([2, 2, 2, 2, 2, 2]), array([3, 3, 3, 3]))
    """
    n_groups = int(groups.max()) + 1
    stratum_of = np.empty(n_groups, dtype=np.int64)
    stratum_of[groups] = strata
    in_stratum = [np.flatnonzero(stratum_of == s) for s in np.unique(stratum_of)]
    inside = np.zeros((n_shadows, n_groups), dtype=bool)
    start = 0
    while start < n_shadows:
        size = (n_shadows - start) % BLOCK or BLOCK
        first, second = _random_pairs(in_stratum, rng)
        # one random half of the block for each pair
        chosen = rng.permuted(np.tile(np.arange(size) < size // 2, (first.size, 1)), axis=1).T
        inside[start : start + size, first] = chosen
        paired = second >= 0
        inside[start : start + size, second[paired]] = ~chosen[:, paired]
        start += size
    return inside[:, groups]


def _random_pairs(in_stratum, rng):
    """Pair records within strata, what is left over with each other; -1 for no partner."""
    first, second, left = [], [], []
    for records in in_stratum:
        records = rng.permutation(records)
        half = records.size // 2
        first.append(records[:half])
        second.append(records[half : 2 * half])
        left.append(records[2 * half :])
    left = rng.permutation(np.concatenate(left))
    half = (left.size + 1) // 2
    first.append(left[:half])
    second.append(np.append(left[half:], [-1] * (half - left[half:].size)).astype(np.int64))
    return np.concatenate(first), np.concatenate(second)
