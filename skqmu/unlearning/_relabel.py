"""Mechanisms that teach the forgotten rows other labels while keeping the retained ones."""

from numbers import Real

import numpy as np

from .._validation import Interval
from ..training import Objective
from ._base import Ascent

__all__ = ["LabelComplement"]


class LabelComplement(Ascent):
    """Label-complement augmentation (LCA): every label but the true one.

    Minimises ``CE(D_r) + beta * CE over {(x_f, c) : c != y_f}``. Averaged over the C - 1
    wrong labels, the second term is a cross-entropy with the soft target
    ``1 / (C - 1)`` on each of them, which is how it is computed.

    Parameters
    ----------
    beta : float, default=1.0
        Weight of the complement term.
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=25
        Epochs over the retained rows at most.
    batch_size : int or None, default=None
    solver : {"adam", "sgd"} or None, default=None
    stop : {"auto"} or None, default="auto"
        None: `max_iter` epochs, as published.

    Notes
    -----
    Source: the HQML study (arXiv 2512.19253), one of its two new strategies. Deviation:
    the stop rule, off with ``stop=None``.

    Examples
    --------
    >>> from skqmu.unlearning import LabelComplement
    >>> sorted(LabelComplement().requires)
    ['forget', 'retain']
    """

    source = "HQML (arXiv 2512.19253)"
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "beta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        beta=1.0,
        learning_rate_init=None,
        max_iter=25,
        batch_size=None,
        solver=None,
        stop="auto",
    ):
        super().__init__(
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            batch_size=batch_size,
            solver=solver,
            stop=stop,
        )
        self.beta = beta

    @property
    def requires(self):
        return frozenset({"forget", "retain"})

    def objective(self, request):
        own = request.forget.targets
        complement = (1.0 - own) / max(own.shape[1] - 1, 1)
        wrong = request.forget.replace(
            targets=complement, weights=self.beta * np.asarray(request.forget.weights)
        )
        return Objective({"retain": request.retain, "forget": wrong})
