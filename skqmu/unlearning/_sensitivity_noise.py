"""Noise as large as a forgotten row's pull, and a few epochs to recover from it."""

from numbers import Real

import numpy as np

from .._validation import Interval
from ..training import Objective
from ._importance import gradient_norms
from ._strategy import LoopStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["SensitivityNoise"]


class SensitivityNoise(LoopStrategy):
    """Noise in proportion to the forgotten rows' gradients, then a few epochs on the others (SQU).

    ``theta += N(0, (s / epsilon)^2)`` on every parameter, once, where s is the largest norm of
    a forgotten row's gradient at the trained parameters; then the retained rows are trained on.

    Parameters
    ----------
    epsilon : float, default=20.0
        What the sensitivity is divided by. **Not a privacy parameter**, whatever its name says:
        no bound on what a row can do to the trained parameters goes into it, it is not composed
        over requests, and the training that follows is not accounted for. A model that was
        treated so holds no (epsilon, delta) guarantee, and gets no certificate.
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=5
        Epochs on the retained rows.
    batch_size : int or None, default=None
        None: the classifier's own.
    solver : {"adam", "sgd"} or None, default=None
        None: the classifier's own, with fresh moments.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`); None: any, as published.

    Notes
    -----
    Source: "SQU", QPAIN 2026, known here from a description alone: norms of rows' gradients
    set the noise on all weights, five epochs on the retained rows follow. The maximum over the
    rows, the division by `epsilon` and the default are our reading (at 5, taking a class out of
    600 digits cost 7 to 23 points of retained accuracy in four of four tries). The gradient at
    the end of training says how a row would move the parameters now, not how it has moved
    them: a row that is known by heart has hardly any gradient, and gets hardly any noise.

    Examples
    --------
    >>> from skqmu.unlearning import SensitivityNoise
    >>> SensitivityNoise(epsilon=1.0).kind
    'approximate'
    """

    formula = "theta += N(0, (max_f |g_i| / epsilon)^2); min CE(D_r)"
    advice = "Its epsilon accounts for nothing; rows known by heart get the least noise."
    source = "SQU (QPAIN 2026); the formula is ours"
    requires = frozenset({"forget", "retain"})
    _parameter_constraints = {
        **LoopStrategy._parameter_constraints,
        "epsilon": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        epsilon: float = 20.0,
        learning_rate_init: float | None = None,
        max_iter: int = 5,
        batch_size: int | None = None,
        solver: str | None = None,
        guard: float | str | None = "auto",
    ):
        super().__init__(
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            batch_size=batch_size,
            solver=solver,
            guard=guard,
        )
        self.epsilon = epsilon

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        return n_forget + super().gradient_rows(n_forget, n_retain)

    def _stream_rows(self, n_forget, n_retain):
        return {"retain": n_retain}

    def start(self, request: UnlearningRequest) -> np.ndarray:
        norms = gradient_norms(
            request.network, request.params, request.forget, wanted=request.trainable
        )
        rng = np.random.default_rng(request.seed)
        noise = norms.max() / self.epsilon * rng.standard_normal(len(request.params))
        return request.network.with_buffers(request.params + noise, request.params)

    def objective(self, request: UnlearningRequest) -> Objective:
        return Objective({"retain": request.retain})
