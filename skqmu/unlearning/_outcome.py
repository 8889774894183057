"""What a strategy gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..training import FitResult
from ._certificate import Certificate
from ._harm import Harm

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What a strategy did.

    Parameters
    ----------
    params : ndarray of shape (n_parameters,)
    stop_reason : str
    n_epochs, n_steps : int
    history : list of dict
    certificate : Certificate or None
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
    refit : FitResult or None
        Of a mechanism that fits anew (`UnlearningRequest.refit`): it brings circuit weights, a
        history and a state of its own.
    subtracted : bool
        Whether that fit was on sums from which the forgotten rows were taken, and them alone:
        whoever else is a member stays one, at hand or not.

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
    certificate: Certificate | None = None
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
    refit: FitResult | None = None
    subtracted: bool = False
