"""The evaluation mistakes of this field, refused or warned of (docs/glossary.md)."""

import warnings

import numpy as np
from scipy.stats import chi2_contingency

from ..exceptions import NotATrainingSampleError, ThreatModelWarning
from ._estimators import known_members, layers

__all__ = [
    "check_evaluation",
    "match_classes",
    "n_requests",
    "warn_if_in_sample",
    "warn_if_outside_pool",
    "warn_if_pool_differs",
    "warn_if_stale",
    "warn_if_unbalanced",
]


def check_evaluation(target, X, y, membership):
    """Return `membership` as a boolean mask, checked against the target's member record.

    Raises
    ------
    ValueError
        It is no mask, or one side is empty, or a "non-member" is a member.
    NotATrainingSampleError
        A "member" was never trained on. (A target that has honoured deletion requests may
        be asked about rows that are in its record no more.)
    """
    membership = np.asarray(membership)
    n = len(y)
    if membership.shape != (n,):
        raise ValueError(f"membership has shape {membership.shape}; {n} records need ({n},).")
    if membership.dtype != bool:
        if membership.dtype.kind not in "iuf" or not np.isin(membership, (0, 1)).all():
            raise ValueError(
                "membership must say True (a member) or False for each record; got "
                f"dtype {membership.dtype}."
            )
        membership = membership.astype(bool)
    if membership.all() or not membership.any():
        raise ValueError(
            f"membership holds {membership.sum()} members and {(~membership).sum()} "
            "non-members; a rate needs both sides: a true-positive rate means nothing "
            "without its false-positive rate."
        )
    record = known_members(target, X, y)
    if record is not None:
        _check_against_record(target, membership, record)
    warn_if_unbalanced(y, membership)
    return membership


def _check_against_record(target, membership, record):
    wrong = np.flatnonzero(~membership & record)
    if wrong.size:
        raise ValueError(
            f"{wrong.size} of {(~membership).sum()} records given as non-members are in the "
            f"target's training set (first: row {wrong[0]}); draw non-members from held-out "
            "records."
        )
    wrong = np.flatnonzero(membership & ~record)
    if wrong.size and not n_requests(target):
        raise NotATrainingSampleError(
            f"{wrong.size} of {membership.sum()} records given as members were never trained "
            f"on (first: row {wrong[0]}); pass the rows exactly as they were given to fit.",
            rows=wrong,
        )


def n_requests(target):
    """Return how many deletion requests the target has honoured, 0 if it keeps no log."""
    return max(len(getattr(part, "unlearning_log_", ())) for part in layers(target))


def warn_if_stale(target, n_before):
    """Warn when the target has unlearned since the attack was fitted to it."""
    since = n_requests(target) - n_before
    if since > 0:
        warnings.warn(
            f"the target has honoured {since} deletion request{'s' if since > 1 else ''} since "
            "this attack was fitted; an attacker would adapt: fit the attack again.",
            ThreatModelWarning,
            stacklevel=4,
        )


def warn_if_unbalanced(y, membership, *, level=0.01):
    """Warn when members and non-members have different classes.

    A classifier is more certain of some classes than of others, so an attack on
    unmatched classes measures the classes, not membership. Tested with chi-squared at
    `level`; sides without a common class always warn.
    """
    _, columns = np.unique(y, return_inverse=True)
    table = np.zeros((2, columns.max() + 1))
    np.add.at(table, (membership.astype(int), columns), 1)
    disjoint = not (table > 0).all(axis=0).any()
    if table.shape[1] < 2:
        return
    if disjoint or chi2_contingency(table).pvalue < level:
        warnings.warn(
            "members and non-members have different classes "
            f"({_shares(table[1])} against {_shares(table[0])}): part of what the attack sees "
            "is the class. Take rows = skqmu.attacks.match_classes(y, membership).",
            ThreatModelWarning,
            stacklevel=3,
        )


def _shares(counts):
    shown = ", ".join(f"{count:.0f}" for count in counts[:10])
    return f"{shown}, ..." if counts.size > 10 else shown


def match_classes(y, membership, *, random_state=None):
    """Choose records so that members and non-members have the same classes.

    Members stay, all of them, in every class that both sides have; non-members are drawn
    without replacement, as many as the scarcest class allows, in the members' proportions
    (rounded, at least one for each class).

    Parameters
    ----------
    y : array-like of shape (n,)
    membership : array-like of shape (n,), bool
    random_state : None, int, SeedSequence or Generator, default=None
        As in :func:`numpy.random.default_rng`.

    Returns
    -------
    ndarray of int
        Sorted positions of the chosen records.

    Raises
    ------
    ValueError
        No class occurs on both sides.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks import match_classes
    >>> y = np.array([0, 0, 1, 1, 1, 1, 1, 0, 0, 0])
    >>> membership = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    >>> rows = match_classes(y, membership, random_state=0)
    >>> np.bincount(y[rows][membership[rows]]), np.bincount(y[rows][~membership[rows]])
    (array([2, 2]), array([3, 3]))
    """
    y, membership = np.asarray(y), np.asarray(membership, dtype=bool)
    if y.shape != membership.shape or y.ndim != 1:
        raise ValueError(f"y has shape {y.shape}, membership {membership.shape}; need one 1-D.")
    rng = np.random.default_rng(random_state)
    _, columns = np.unique(y, return_inverse=True)
    n_classes = columns.max() + 1 if columns.size else 0
    inside = np.bincount(columns[membership], minlength=n_classes)
    outside = np.bincount(columns[~membership], minlength=n_classes)
    both = np.flatnonzero((inside > 0) & (outside > 0))
    if both.size == 0:
        raise ValueError("members and non-members have no class in common.")
    ratio = (outside[both] / inside[both]).min()
    chosen = [np.flatnonzero(membership & np.isin(columns, both))]
    for k in both:
        count = min(outside[k], max(1, round(ratio * inside[k])))
        chosen.append(rng.choice(np.flatnonzero(~membership & (columns == k)), count, False))
    return np.sort(np.concatenate(chosen))


def warn_if_pool_differs(in_pool, membership, *, level=0.01):
    """Warn when being in the attacker's pool goes along with membership.

    Records of the pool and others get scores of two kinds (online and offline). Where more
    members than non-members are in the pool, the kind of score alone gives them away: the
    attacker was told the answer.
    """
    if in_pool.all() or not in_pool.any():
        return False
    table = np.zeros((2, 2))
    np.add.at(table, (membership.astype(int), in_pool.astype(int)), 1)
    differs = bool(chi2_contingency(table).pvalue < level or 0 in table.diagonal())
    if differs:
        warnings.warn(
            f"{table[1, 1]:.0f} of {table[1].sum():.0f} members but {table[0, 1]:.0f} of "
            f"{table[0].sum():.0f} non-members are in the attacker's pool, and records inside "
            "and outside it get scores of different kinds. Put all records to be attacked "
            "into the pool, or none.",
            ThreatModelWarning,
            stacklevel=4,
        )
    return differs


def warn_if_outside_pool(in_pool):
    """Warn when an online attack is evaluated on records that no shadow can have held."""
    if not in_pool.all():
        warnings.warn(
            f"{(~in_pool).sum()} of {in_pool.size} evaluated records are not in the attacker's "
            "pool and get the offline score. Pass records as they were given to fit, put those "
            "to be attacked into the pool, or set online=False.",
            ThreatModelWarning,
            stacklevel=4,
        )


def warn_if_in_sample(shown):
    """Warn when an attack is evaluated on records whose membership it was fitted with."""
    if shown.any():
        warnings.warn(
            f"{shown.sum()} of {shown.size} evaluated records were shown to the attack "
            "together with their membership: the figure is in-sample. Fit on one half of the "
            "members and non-members, evaluate on the other.",
            ThreatModelWarning,
            stacklevel=4,
        )
