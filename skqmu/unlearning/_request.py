"""What a strategy is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..training import Records
from ._harm import Harm, Yardstick

__all__ = ["HeadView", "Outcome", "UnlearningRequest"]


@dataclass(frozen=True)
class HeadView:
    """A head on fixed quantum features, as the strategies that solve it see it.

    Parameters
    ----------
    kind : {"softmax", "ridge", "logistic"}
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
    penalty, noise : float
        Strength of the penalty, and standard deviation of the random linear term.
    weights : ndarray of shape (D, K)
        On the features, intercept last.
    state : dict
        What `fit` or the last request left: Gram matrix and moment, or residual bounds.
    forget_weights, retain_weights : ndarray
        Weights of the rows in the loss, as given.
    features : callable
        From rows to features of shape (n, D).
    signs : callable
        From class indices to +-1, shape (n, K).
    params_of : callable
        From weights on the features to the flat vector.
    origin : Assumption
        Where the circuit weights come from.

    Examples
    --------
    >>> from skqmu.unlearning import HeadView
    >>> HeadView.__dataclass_params__.frozen
    True
    """

    kind: str
    exact: bool
    same_features: bool
    complete: bool | None
    weights_known: bool
    members_checked: bool
    penalty: float
    noise: float
    weights: np.ndarray
    state: dict
    forget_weights: np.ndarray
    retain_weights: np.ndarray | None
    features: Callable
    signs: Callable
    params_of: Callable
    origin: object


@dataclass(frozen=True)
class UnlearningRequest:
    """A deletion request as a strategy sees it.

    Parameters
    ----------
    network : Network
    params : ndarray of shape (n_parameters,)
        The trained parameters; never changed in place.
    forget : Records
        Rows to forget that the parameters were trained on.
    retain : Records or None
        Rows that stay; None when the classifier keeps none and none were passed.
    reference : Records or None
        Rows that were not trained on: the validation part, or ``X_reference``.
    removed_classes : ndarray of int
        Classes of which no row stays.
    seed : numpy.random.SeedSequence
        Of this request alone.
    learning_rate_init, batch_size : float, int
        The classifier's own.
    solver : callable
        From a learning rate to the classifier's kind of solver, fresh.
    refit : callable
        From a `numpy.random.SeedSequence` or None (the fit's own) to the finished run of a
        fit on the retained rows with the class list fixed.
    importance : callable
        From a kind (``"fisher"``, ``"qfi"``) and parameters to the `Importance` of these to
        all rows that were trained on, forgotten and retained. Where the rows are not at
        hand it is that which `fit` measured at its own parameters.
    updates : list of ndarray
        Logged steps whose batch held a forgotten row, each of shape (n_parameters,).
    trainable : ndarray of bool of shape (n_parameters,) or None
        Parameters that `fit` trained; None: all. The others stay as they are.
    head : HeadView or None
        Where the circuit is fixed.
    reference_source : {"given", "validation"}, default="given"
        Where `reference` comes from.
    fit_loss : float, default=nan
        Mean loss of the rows trained on, as the last fit left it; nan: unknown.
    yardstick : Yardstick or None, default=None
        What the guard judges harm by; None: it cannot see, or somebody else judges.
    known : dict
        What parts of the request have found out for later parts; shared by its copies.

    Examples
    --------
    >>> from skqmu.unlearning import UnlearningRequest
    >>> UnlearningRequest.__dataclass_params__.frozen
    True
    """

    network: object
    params: np.ndarray
    forget: Records
    retain: Records | None
    reference: Records | None
    removed_classes: np.ndarray
    seed: np.random.SeedSequence
    learning_rate_init: float
    batch_size: int
    solver: Callable
    refit: Callable
    importance: Callable
    updates: list
    trainable: np.ndarray | None = None
    head: HeadView | None = None
    reference_source: str = "given"
    fit_loss: float = np.nan
    yardstick: Yardstick | None = None
    known: dict = field(default_factory=dict)

    def settled(self, params):
        """`params` with those that `fit` did not train as they were."""
        return params if self.trainable is None else np.where(self.trainable, params, self.params)


@dataclass(frozen=True)
class Outcome:
    """What a strategy did.

    Parameters
    ----------
    params : ndarray of shape (n_parameters,)
    stop_reason : str
    n_epochs, n_steps : int
    history : list of dict
    certificate : object or None
        What the result is proven to satisfy; None: nothing is.
    notes : list of str
        What the sender of the request must know; logged.
    log_holds : bool
        Whether what is left of a log of updates still adds up to the parameters.
    head_state : dict or None
        Replaces the state of a solved head.
    reference : str or None
        What the stop rule compared with (see `StopRule`); None: nothing.
    target_reached : bool or None
        Whether the mechanism reached what it aimed at; None: it has no such point.
    harm : Harm or None
        To retained rows, since the last fit; None: nobody looked.
    stepped_in : bool
        Whether the guard took the parameters back.
    reached : callable or None
        From parameters to whether they reach the target; None: there is none.
    acceptable : callable or None
        From parameters that miss it to whether they may count as reaching it.
    repair : ndarray of shape (n_parameters,) or None
        What training on the retained rows has added; belongs into a log of updates.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.unlearning import Outcome
    >>> Outcome(np.zeros(2), "dampened once").certificate is None
    True
    """

    params: np.ndarray
    stop_reason: str
    n_epochs: int = 0
    n_steps: int = 0
    history: list = field(default_factory=list)
    certificate: object = None
    notes: list = field(default_factory=list)
    log_holds: bool = False
    head_state: dict | None = None
    reference: str | None = None
    target_reached: bool | None = None
    harm: Harm | None = None
    stepped_in: bool = False
    reached: Callable | None = None
    acceptable: Callable | None = None
    repair: np.ndarray | None = None
