"""A head on fixed quantum features, as the strategies that solve it see it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._certificate import Assumption

__all__ = ["HeadEvidence", "HeadMaps", "HeadProblem", "HeadView"]


@dataclass(frozen=True)
class HeadProblem:
    """What a head is the solution of.

    Parameters
    ----------
    kind : {"softmax", "ridge", "logistic"}
    penalty, noise : float
        Strength of the penalty, and standard deviation of the random linear term.

    Examples
    --------
    >>> from skqmu.unlearning import HeadProblem
    >>> HeadProblem("ridge", penalty=1.0, noise=0.0).kind
    'ridge'
    """

    kind: str
    penalty: float
    noise: float


@dataclass(frozen=True)
class HeadEvidence:
    """What is known of how a head came to be: what a certificate can go by.

    Parameters
    ----------
    exact : bool
        Whether features carried no sampling noise at fit and carry none now.
    same_features : bool
        Whether the backend gives the features that fit used, measured on two fixed rows.
    complete : bool or None
        Whether forgotten and retained rows together are all that the head was solved on, by
        their summed weight; None: no retained rows are at hand.
    weights_known : bool
        Whether the forgotten rows' weights in the loss are those that fit used.
    members_checked : bool
        Whether a member record says that the rows were trained on.
    origin : Assumption
        Where the circuit weights come from.

    Examples
    --------
    >>> from skqmu.unlearning import Assumption, HeadEvidence
    >>> drawn = Assumption("circuit weights were drawn at random", checked=True)
    >>> HeadEvidence(True, True, None, True, True, drawn).complete is None
    True
    """

    exact: bool
    same_features: bool
    complete: bool | None
    weights_known: bool
    members_checked: bool
    origin: Assumption


@dataclass(frozen=True)
class HeadMaps:
    """From rows to what a head's problem is stated in, and from its solution back.

    Parameters
    ----------
    features : callable
        From rows to features of shape (n, D).
    signs : callable
        From class indices to +-1, shape (n, K).
    params_of : callable
        From weights on the features to the flat vector.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.unlearning import HeadMaps
    >>> HeadMaps(np.sin, np.sign, np.ravel).features(np.zeros((1, 2)))
    array([[0., 0.]])
    """

    features: Callable
    signs: Callable
    params_of: Callable


@dataclass(frozen=True)
class HeadView:
    """A head on fixed quantum features, as the strategies that solve it see it.

    Parameters
    ----------
    problem : HeadProblem
        Its ``kind``, ``penalty`` and ``noise``.
    evidence : HeadEvidence
        ``exact``, ``same_features``, ``complete``, ``weights_known``, ``members_checked`` and
        ``origin``.
    maps : HeadMaps
        ``features``, ``signs`` and ``params_of``.
    weights : ndarray of shape (D, K)
        On the features, intercept last.
    state : dict or None
        What `fit` or the last request left: Gram matrix and moment, or residual bounds; None
        where another strategy has moved the head since.
    forget_weights : ndarray of shape (n_forget,)
    retain_weights : ndarray of shape (n_retain,) or None
        Weights of the rows in the loss, as given; None: no retained rows are at hand.

    Notes
    -----
    The names in the parts are attributes of the view, too: ``head.penalty``,
    ``head.features(X)``.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.unlearning import Assumption, HeadEvidence, HeadMaps, HeadProblem, HeadView
    >>> head = HeadView(
    ...     HeadProblem("ridge", penalty=1.0, noise=0.0),
    ...     HeadEvidence(True, True, True, True, True, Assumption("drawn at random", True)),
    ...     HeadMaps(features=np.sin, signs=np.sign, params_of=np.ravel),
    ...     weights=np.zeros((2, 1)),
    ...     state=None,
    ...     forget_weights=np.ones(1),
    ...     retain_weights=np.ones(3),
    ... )
    >>> head.kind, head.exact, head.features(np.zeros((1, 2)))
    ('ridge', True, array([[0., 0.]]))
    """

    problem: HeadProblem
    evidence: HeadEvidence
    maps: HeadMaps
    weights: np.ndarray
    state: dict | None
    forget_weights: np.ndarray
    retain_weights: np.ndarray | None

    @property
    def kind(self) -> str:
        """Kind of head: ``"softmax"``, ``"ridge"`` or ``"logistic"``."""
        return self.problem.kind

    @property
    def penalty(self) -> float:
        """Strength of the penalty."""
        return self.problem.penalty

    @property
    def noise(self) -> float:
        """Standard deviation of the random linear term."""
        return self.problem.noise

    @property
    def exact(self) -> bool:
        """Whether features carried no sampling noise at fit and carry none now."""
        return self.evidence.exact

    @property
    def same_features(self) -> bool:
        """Whether the backend gives the features that fit used."""
        return self.evidence.same_features

    @property
    def complete(self) -> bool | None:
        """Whether the rows at hand are all that the head was solved on; None: unknown."""
        return self.evidence.complete

    @property
    def weights_known(self) -> bool:
        """Whether the forgotten rows' weights in the loss are those that fit used."""
        return self.evidence.weights_known

    @property
    def members_checked(self) -> bool:
        """Whether a member record says that the rows were trained on."""
        return self.evidence.members_checked

    @property
    def origin(self) -> Assumption:
        """Where the circuit weights come from."""
        return self.evidence.origin

    @property
    def features(self) -> Callable:
        """From rows to features of shape (n, D)."""
        return self.maps.features

    @property
    def signs(self) -> Callable:
        """From class indices to +-1, shape (n, K)."""
        return self.maps.signs

    @property
    def params_of(self) -> Callable:
        """From weights on the features to the flat vector."""
        return self.maps.params_of
