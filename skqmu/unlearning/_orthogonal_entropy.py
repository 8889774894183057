"""Doubt about the forgotten rows, raised where the retained ones do not feel it."""

from numbers import Real

from .._validation import Interval
from ..network import entropy, entropy_gradient
from ..training import Objective
from ._strategy import Ascent
from ._unlearning_request import UnlearningRequest

__all__ = ["OrthogonalEntropy"]


class OrthogonalEntropy(Ascent):
    """Raise the entropy on the forgotten rows, orthogonally to the retained gradient (OEU).

    ``theta -= eta * (g_r + lam * (h - g_r (h . g_r) / |g_r|^2))`` with g_r the gradient of the
    retained rows' cross-entropy and h that of minus the mean entropy on the forgotten ones.
    No wrong label is taught, and what is done to forget neither helps nor harms the retained
    rows to first order.

    Parameters
    ----------
    lam : float, default=1.0
        Weight of the entropy.
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=15
        Epochs at most; an epoch is one pass over the retained rows.
    batch_size : int or None, default=None
        None: the classifier's own.
    solver : {"adam", "sgd"} or None, default=None
        None: the classifier's own, with fresh moments. Adam scales each parameter apart, so
        that its step is not orthogonal any more; ``"sgd"`` keeps what the formula says.
    stop : {"auto"} or None, default="auto"
        ``"auto"``: end where unseen records stand; None: `max_iter` epochs, as published.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`); None: any, as published.

    Notes
    -----
    Source: Zhang et al. 2026 (arXiv 2602.00567), made for QUANTIZED networks, as is Q-MUL
    (`SimilarLabelReweighting`), which it succeeds; "QNN" means those in both papers, and
    nothing in either is about circuits. The text beyond the abstract was not available: the
    retained rows' own descent, the weight `lam` and its default are our reading. Deviations:
    the stop rule; no quantizer. The gradients are those of the batch at hand, so that the
    orthogonality holds on it, and only at its point.

    Examples
    --------
    >>> from skqmu.unlearning import OrthogonalEntropy
    >>> sorted(OrthogonalEntropy(lam=0.5).requires)
    ['forget', 'retain']
    """

    formula = "theta -= eta (g_r + lam h_perp); h = -grad H(p) on D_f, h_perp . g_r = 0"
    advice = "Teaches no wrong label; a removed class ends undecided, which retraining does not."
    source = "Zhang et al. 2026 (arXiv 2602.00567), on quantized networks"
    requires = frozenset({"forget", "retain"})
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "lam": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        lam: float = 1.0,
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
        self.lam = lam

    def objective(self, request: UnlearningRequest) -> Objective:
        return _OrthogonalObjective({"retain": request.retain, "forget": request.forget}, self.lam)


class _OrthogonalObjective(Objective):
    def __init__(self, streams, lam):
        super().__init__(streams)
        self.lam = lam

    def loss(self, stream, logits, batch):
        if stream != "forget":
            return super().loss(stream, logits, batch)
        weights = batch.weights
        return -weights * entropy(logits), -weights[:, None] * entropy_gradient(logits)

    def combine(self, gradients, run):
        g_r, h = gradients["retain"], gradients["forget"]
        size = g_r @ g_r
        if size > 0:
            h = h - (h @ g_r) / size * g_r
        return g_r + self.lam * h
