"""What an audit hands to an attack: the model under attack, and what its attacker may use."""

from dataclasses import dataclass

import numpy as np

from ._pool import ShadowPool

__all__ = ["AttackCase"]


@dataclass(frozen=True)
class AttackCase:
    """One model of an audit, as its attackers see it.

    Parameters
    ----------
    target : fitted classifier
    pool : ShadowPool or None
        Fitted shadows that all attacks share; None where no attack needs any.
    X_public, y_public : ndarray
        Rows that no model of the audit was trained on, with their labels.
    random_state : int
        Of what an attack itself draws; shadows bring their own.
    original : fitted classifier or None, default=None
        The version before the deletion; None: the target itself.
    n_deleted : int, default=1
        Rows between the two.
    n_rows : int or None, default=None
        Rows that the original was trained on.

    Examples
    --------
    >>> from skqmu.attacks import ThresholdAttack
    >>> from skqmu.attacks.tools import AttackCase
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_iris(return_X_y=True)
    >>> case = AttackCase(GaussianNB().fit(X[::2], y[::2]), None, X[1::2], y[1::2], 0)
    >>> ThresholdAttack.for_audit(case, signal="entropy").decision_function(X, y).shape
    (150,)
    """

    target: object
    pool: ShadowPool | None
    X_public: np.ndarray
    y_public: np.ndarray
    random_state: int
    original: object = None
    n_deleted: int = 1
    n_rows: int | None = None
