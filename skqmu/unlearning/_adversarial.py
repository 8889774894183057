"""Forgetting at the points around a row where the model is surest."""

from numbers import Real

import numpy as np

from .._validation import Interval
from ..network import entropy, entropy_gradient
from ..training import Objective
from ._strategy import Ascent
from ._unlearning_request import UnlearningRequest

__all__ = ["AdversarialUniform"]


class AdversarialUniform(Ascent):
    """Uniform predictions around the forgotten rows (ADV-UNIFORM).

    Minimises ``CE(D_r) + lam * KL(p(x_adv) || U)``, where U is uniform over the classes and
    ``x_adv = clip(x_f + eps * sign(grad_x KL(p || U)))`` is where, near the row, the model
    is surest; it is found anew at each step.

    Parameters
    ----------
    eps : float, default=0.1
        Length of the step in each feature.
    lam : float, default=1.0
        Weight of the uniform term.
    clip : tuple of (float, float) or None, default=None
        Range of the features; None: each feature's range over the rows at hand.
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=15
        Epochs at most; an epoch is one pass over the retained rows.
    batch_size : int or None, default=None
        None: the classifier's own.
    solver : {"adam", "sgd"} or None, default=None
        None: the classifier's own, with fresh moments.
    stop : {"auto"} or None, default="auto"
        ``"auto"``: end where unseen records stand; None: `max_iter` epochs, as published.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`); None: any, as published.

    Notes
    -----
    Source: HQML (arXiv 2512.19253), one of its two new strategies, with pixels clipped to
    [0, 1]. Deviations: the stop rule; where rows are quantum states
    (``encoding="state"``), ``x_adv`` is divided by its norm.

    Examples
    --------
    >>> from skqmu.unlearning import AdversarialUniform
    >>> AdversarialUniform(eps=0.05).eps
    0.05
    """

    formula = "min CE(D_r) + lam KL(p(x_f + eps sign grad)||U)"
    advice = "Uniform is not what retraining gives on the rows: watch their confidence."
    source = "HQML (arXiv 2512.19253)"
    requires = frozenset({"forget", "retain"})
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "eps": [Interval(Real, 0, None, closed="left")],
        "lam": [Interval(Real, 0, None, closed="neither")],
        "clip": [tuple, None],
    }

    def __init__(
        self,
        *,
        eps: float = 0.1,
        lam: float = 1.0,
        clip: tuple[float, float] | None = None,
        learning_rate_init: float | None = None,
        max_iter: int = 15,
        batch_size: int | None = None,
        solver: str | None = None,
        stop: str | None = "auto",
        guard: float | str | None = "auto",
    ):
        super().__init__(
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            batch_size=batch_size,
            solver=solver,
            stop=stop,
            guard=guard,
        )
        self.eps = eps
        self.lam = lam
        self.clip = clip

    def _stream_rows(self, n_forget, n_retain):
        rows = super()._stream_rows(n_forget, n_retain)
        return {**rows, "search": rows["forget"]}  # of x_adv, by the inputs

    def validate(self) -> None:
        super().validate()
        if self.clip is not None and not (len(self.clip) == 2 and self.clip[0] < self.clip[1]):
            raise ValueError(f"clip={self.clip!r} must be (lowest, highest) with lowest < highest.")

    def objective(self, request: UnlearningRequest) -> Objective:
        low, high = self.clip or (None, None)
        if self.clip is None:
            rows = np.concatenate([request.retain.X, request.forget.X])
            low, high = rows.min(axis=0), rows.max(axis=0)
        streams = {"retain": request.retain, "forget": request.forget}
        return _UniformObjective(streams, self.eps, self.lam, low, high)


class _UniformObjective(Objective):
    def __init__(self, streams, eps, lam, low, high):
        super().__init__(streams)
        self.eps = eps
        self.lam = lam
        self.low = low
        self.high = high

    def inputs(self, stream, batch, run):
        if stream != "forget":
            return batch.X
        logits, tape = run.network.forward(run.params, batch.X)
        _, d_inputs = run.network.backward(tape, -entropy_gradient(logits), need_inputs=True)
        moved = np.clip(batch.X + self.eps * np.sign(d_inputs), self.low, self.high)
        return run.network.nearest_inputs(moved)

    def loss(self, stream, logits, batch):
        if stream != "forget":
            return super().loss(stream, logits, batch)
        weights = self.lam * batch.weights
        divergence = np.log(logits.shape[1]) - entropy(logits)
        return weights * divergence, weights[:, None] * -entropy_gradient(logits)
