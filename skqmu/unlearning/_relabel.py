"""Mechanisms that teach the forgotten rows other labels while keeping the retained ones."""

from numbers import Real

import numpy as np

from .._validation import Interval
from ..network import cross_entropy_gradient
from ..training import Objective
from ._strategy import Ascent
from ._unlearning_request import UnlearningRequest

__all__ = ["LabelComplement", "RandomLabels", "SaliencyUnlearning", "SimilarLabelReweighting"]

_BOTH = frozenset({"forget", "retain"})


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
    Source: the HQML study (arXiv 2512.19253), one of its two new strategies. Deviation:
    the stop rule.

    Examples
    --------
    >>> from skqmu.unlearning import LabelComplement
    >>> sorted(LabelComplement().requires)
    ['forget', 'retain']
    """

    formula = "min CE(D_r) + beta CE{(x_f, c): c != y_f}"
    advice = "Good on whole classes; without its stop rule it forgets too much."
    source = "HQML (arXiv 2512.19253)"
    damage = "much"
    requires = _BOTH
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "beta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        beta: float = 1.0,
        learning_rate_init: float | None = None,
        max_iter: int = 25,
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
        self.beta = beta

    def objective(self, request: UnlearningRequest) -> Objective:
        forget = request.forget
        complement = (1.0 - forget.targets) / max(forget.targets.shape[1] - 1, 1)
        wrong = forget.replace(targets=complement, weights=self.beta * forget.weights)
        return Objective({"retain": request.retain, "forget": wrong})


class RandomLabels(Ascent):
    """Train on, with random wrong labels on the forgotten rows.

    Each forgotten row gets one label, drawn once among the wrong ones.

    Parameters
    ----------
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
    Source: Graves et al. 2021 (arXiv 2010.10981), "unlearning" in their Section 4.
    Deviation: the stop rule.

    Examples
    --------
    >>> from skqmu.unlearning import RandomLabels
    >>> RandomLabels().max_iter
    15
    """

    formula = "min CE(D_r) + CE(D_f with random wrong labels)"
    advice = "A baseline; confident wrong labels are a leak of their own."
    source = "Graves et al. 2021 (arXiv 2010.10981)"
    damage = "much"
    requires = _BOTH

    def __init__(
        self,
        *,
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

    def objective(self, request: UnlearningRequest) -> Objective:
        return Objective({"retain": request.retain, "forget": _randomly_labelled(request)})


class SaliencyUnlearning(Ascent):
    """Random labels, through a mask of the parameters that matter to the forgotten rows.

    Only the share `threshold` of the parameters that `fit` trained, those with the largest
    forget gradient, moves (SalUn).

    Parameters
    ----------
    threshold : float, default=0.5
        Share of the parameters that move.
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
    Source: Fan et al. 2024 (arXiv 2310.12508), eq. 2-4: gradient of the forget loss at the
    trained parameters, median threshold. Deviation: the stop rule.

    Examples
    --------
    >>> from skqmu.unlearning import SaliencyUnlearning
    >>> SaliencyUnlearning(threshold=0.3).threshold
    0.3
    """

    formula = "RandomLabels on the parameters with the largest |g_f|"
    advice = "RandomLabels with less collateral damage."
    source = "Fan et al. 2024 (arXiv 2310.12508)"
    damage = "much"
    requires = _BOTH
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "threshold": [Interval(Real, 0, 1, closed="right")],
    }

    def __init__(
        self,
        *,
        threshold: float = 0.5,
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
        self.threshold = threshold

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        return n_forget + super().gradient_rows(n_forget, n_retain)

    def objective(self, request: UnlearningRequest) -> Objective:
        forget = request.forget
        logits, tape = request.network.forward(request.params, forget.X)
        d_logits = cross_entropy_gradient(logits, forget.targets, forget.weights / len(forget))
        gradient, _ = request.network.backward(tape, d_logits, wanted=request.trainable)
        candidates = request.network.layout.is_parameter
        if request.trainable is not None:
            candidates = candidates & request.trainable
        # What is frozen is no candidate: it would leave fewer to move, or none.
        saliency = np.where(candidates, np.abs(gradient), -1.0)
        n_moving = max(1, round(self.threshold * np.count_nonzero(candidates)))
        trainable = np.zeros(len(saliency), dtype=bool)
        trainable[np.argsort(-saliency, kind="stable")[:n_moving]] = True
        return Objective(
            {"retain": request.retain, "forget": _randomly_labelled(request)}, trainable=trainable
        )


class SimilarLabelReweighting(Ascent):
    """Relabel each forgotten row to the most similar class, gradients balanced (Q-MUL).

    Minimises ``CE(D_r) + alpha * w * CE(D_f with similar labels)`` where ``w`` is the ratio
    of the two gradients' lengths at each step. The class most similar to a class is the one
    whose mean logits over the data have the largest cosine with its own.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of the relabelled rows.
    ascend : bool, default=False
        The HQML study's sign: climb the similar labels' loss, which contradicts the
        source, as far as that could be confirmed.
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
    Source: Tong et al. 2025 (arXiv 2503.13917), which concerns QUANTIZED networks, of weights
    with few bits, and calls these QNNs; HQML carried it over to quantum ones, and nothing in
    the source speaks for circuits. Deviation: the stop rule. Similarity is measured on the
    retained and forgotten rows together, before unlearning; a class that is removed altogether
    is no candidate.

    Examples
    --------
    >>> from skqmu.unlearning import SimilarLabelReweighting
    >>> SimilarLabelReweighting(ascend=True).ascend
    True
    """

    formula = "min CE(D_r) + alpha |g_r|/|g_f'| CE(D_f with the most similar label)"
    advice = "Made for class removal; keep the sign of the source."
    source = "Tong et al. 2025 (arXiv 2503.13917); HQML (arXiv 2512.19253)"
    requires = _BOTH
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "ascend": ["boolean"],
    }

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        ascend: bool = False,
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
        self.alpha = alpha
        self.ascend = ascend

    def objective(self, request: UnlearningRequest) -> Objective:
        similar = _most_similar(request)[request.forget.labels]
        targets = np.eye(request.forget.targets.shape[1])[similar]
        streams = {"retain": request.retain, "forget": request.forget.replace(targets=targets)}
        return _BalancedObjective(streams, -self.alpha if self.ascend else self.alpha)


class _BalancedObjective(Objective):
    def __init__(self, streams, alpha):
        super().__init__(streams)
        self.alpha = alpha

    def combine(self, gradients, run):
        g_r, g_f = gradients["retain"], gradients["forget"]
        size_f = np.linalg.norm(g_f)
        ratio = np.linalg.norm(g_r) / size_f if size_f > 0 else 0.0
        return g_r + self.alpha * ratio * g_f


def _most_similar(request):
    """Index of the class most similar to each class, shape (C,)."""
    parts = [request.forget, request.retain]
    logits = np.concatenate([request.network.logits(request.params, part.X) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    n_classes = logits.shape[1]
    means = np.zeros((n_classes, n_classes))
    present = np.unique(labels)
    for label in present:
        means[label] = logits[labels == label].mean(axis=0)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.finfo(float).tiny)
    cosine = means @ means.T
    np.fill_diagonal(cosine, -np.inf)
    staying = np.setdiff1d(present, request.removed_classes)
    allowed = np.full(n_classes, -np.inf)
    allowed[staying] = 0.0
    return (cosine + allowed).argmax(axis=1)


def _randomly_labelled(request):
    forget = request.forget
    n_classes = forget.targets.shape[1]
    rng = np.random.default_rng(request.seed)
    shift = rng.integers(1, max(n_classes, 2), len(forget))
    return forget.replace(targets=np.eye(n_classes)[(forget.labels + shift) % n_classes])
