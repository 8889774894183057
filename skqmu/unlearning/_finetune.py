"""Mechanisms that only go on training on the retained rows."""

from numbers import Integral, Real

import numpy as np

from .._validation import Interval, StrOptions
from ..training import Hook, Objective
from ._ascent import _climbing
from ._strategy import Ascent, LoopStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["FineTune", "LastLayersFineTune", "LastLayersRetrain", "NoisyFineTune"]

_RETAIN = frozenset({"retain"})


class FineTune(LoopStrategy):
    """Train on, on the retained rows alone, and let the others be overwritten.

    Parameters
    ----------
    l1 : float, default=0.0
        Coefficient of an L1 penalty that decays linearly to 0 (l1-sparse unlearning;
        its paper uses 5e-4, as far as that could be confirmed). Angles are wrapped by their
        period first: the penalty pulls towards the identity gate.
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=15
        Epochs at most; an epoch is one pass over the retained rows.
    batch_size : int or None, default=None
        None: the classifier's own.
    solver : {"adam", "sgd"} or None, default=None
        None: the classifier's own, with fresh moments.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`); None: any, as published.

    Notes
    -----
    Source: fine-tuning as in Golatkar et al. 2020; the sparse variant Jia et al. 2023
    (arXiv 2304.04934).

    Examples
    --------
    >>> from skqmu.unlearning import FineTune
    >>> FineTune(l1=5e-4).kind
    'approximate'
    """

    formula = "min CE(D_r) + l1 (1 - epoch/max_iter) |theta|_1"
    advice = "Harmless and weak: forgets only what training on would overwrite."
    source = "Jia et al. 2023 (arXiv 2304.04934)"
    damage = "none"
    requires = _RETAIN
    _parameter_constraints = {
        **LoopStrategy._parameter_constraints,
        "l1": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        l1: float = 0.0,
        learning_rate_init: float | None = None,
        max_iter: int = 15,
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
        self.l1 = l1

    def objective(self, request: UnlearningRequest) -> Objective:
        return _SparseObjective({"retain": request.retain}, self.l1)


class _SparseObjective(Objective):
    def __init__(self, streams, l1):
        super().__init__(streams)
        self.l1 = l1

    def penalty(self, run):
        strength = self.l1 * (1 - run.epoch / run.max_iter)
        wrapped = np.where(run.network.shrinkable, run.network.wrapped(run.params), 0.0)
        return strength * float(np.abs(wrapped).sum()), strength * np.sign(wrapped)


class NoisyFineTune(LoopStrategy):
    """Train on, on the retained rows, with clipped gradients and Gaussian noise.

    Each step uses ``g * min(1, clip / |g|) + N(0, sigma^2)`` in place of the gradient g.

    Parameters
    ----------
    clip : float, default=1.0
        Length that a step's gradient is cut to.
    sigma : float, default=0.05
        Standard deviation of the noise on each component.
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=15
        Epochs at most; an epoch is one pass over the retained rows.
    batch_size : int or None, default=None
        None: the classifier's own.
    solver : {"adam", "sgd"} or None, default=None
        None: the classifier's own, with fresh moments.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`); None: any, as published.

    Notes
    -----
    Source: HQML (arXiv 2512.19253), which calls this "certified". It computes no
    (epsilon, delta), so this class does not use that word.

    Examples
    --------
    >>> from skqmu.unlearning import NoisyFineTune
    >>> NoisyFineTune(sigma=0.1).kind
    'approximate'
    """

    formula = "g_r min(1, clip/|g_r|) + N(0, sigma^2)"
    advice = "Certifies nothing, whatever it is called elsewhere."
    source = "HQML (arXiv 2512.19253)"
    requires = _RETAIN
    _parameter_constraints = {
        **LoopStrategy._parameter_constraints,
        "clip": [Interval(Real, 0, None, closed="neither")],
        "sigma": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        clip: float = 1.0,
        sigma: float = 0.05,
        learning_rate_init: float | None = None,
        max_iter: int = 15,
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
        self.clip = clip
        self.sigma = sigma

    def objective(self, request: UnlearningRequest) -> Objective:
        return _NoisyObjective({"retain": request.retain}, self.clip, self.sigma)


class _NoisyObjective(Objective):
    def __init__(self, streams, clip, sigma):
        super().__init__(streams)
        self.clip = clip
        self.sigma = sigma

    def combine(self, gradients, run):
        gradient = gradients["retain"]
        size = max(np.linalg.norm(gradient), np.finfo(float).tiny)
        noise = run.generator(run.point.step).normal(0.0, self.sigma, len(gradient))
        return gradient * min(1.0, self.clip / size) + noise


class LastLayersFineTune(Ascent):
    """Train only the last `k` groups of parameters, on the retained rows (CF-k).

    Parameters
    ----------
    k : int, default=1
        Groups that move, counted from the head; with ``ascend=True`` the groups that do
        NOT move, counted from the input.
    ascend : bool, default=False
        The HQML study's variant: freeze the first `k` groups and climb the forget loss
        with the others.
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
    Source: Goel et al. 2022 (arXiv 2201.06640); the ascending variant HQML
    (arXiv 2512.19253), which shares its name with the former and not its idea.

    Examples
    --------
    >>> from skqmu.unlearning import LastLayersFineTune
    >>> sorted(LastLayersFineTune(ascend=True).requires)
    ['forget']
    """

    formula = "min CE(D_r) over the last k groups"
    advice = "Cannot reach what the frozen circuit remembers."
    source = "Goel et al. 2022 (arXiv 2201.06640); HQML (arXiv 2512.19253)"
    damage = "none"
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "k": [Interval(Integral, 1, None, closed="left")],
        "ascend": ["boolean"],
    }

    def __init__(
        self,
        *,
        k: int = 1,
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
        self.k = k
        self.ascend = ascend

    @property
    def requires(self) -> frozenset[str]:
        return frozenset({"forget"}) if self.ascend else _RETAIN

    @property
    def repairs(self) -> bool:  # type: ignore[override]
        """Whether retained rows are trained on."""
        return not self.ascend

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        if self.ascend:
            return super().gradient_rows(n_forget, n_retain)
        return LoopStrategy.gradient_rows(self, n_forget, n_retain)

    def hooks(self, request: UnlearningRequest) -> list[Hook]:
        return super().hooks(request) if self.ascend else []

    def objective(self, request: UnlearningRequest) -> Objective:
        layout = request.network.layout
        if not self.ascend:
            trainable = layout.mask(layout.last(self.k))
            return Objective({"retain": request.retain}, trainable=trainable)
        names = layout.names[self.k :]
        if not names:
            raise ValueError(
                f"k={self.k} freezes all {len(layout.names)} parameter groups "
                f"({', '.join(layout.names)}); nothing would move: lower k."
            )
        return Objective({"forget": _climbing(request.forget)}, trainable=layout.mask(names))


class LastLayersRetrain(LoopStrategy):
    """Draw the last `k` groups of parameters anew and train on the retained rows (EU-k).

    Parameters
    ----------
    k : int, default=1
        Groups drawn anew, counted from the head. One that was given values (a torch module)
        goes back to these.
    train : {"last", "all"}, default="last"
        Groups that are trained: only those drawn anew (Goel et al.), or all (HQML).
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=30
        Epochs at most; an epoch is one pass over the retained rows.
    batch_size : int or None, default=None
        None: the classifier's own.
    solver : {"adam", "sgd"} or None, default=None
        None: the classifier's own, with fresh moments.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`); None: any, as published.

    Notes
    -----
    Source: Goel et al. 2022 (arXiv 2201.06640); HQML (arXiv 2512.19253) trains all groups
    for 25 (Iris: 15) epochs.

    Examples
    --------
    >>> from skqmu.unlearning import LastLayersRetrain
    >>> LastLayersRetrain(train="all").k
    1
    """

    formula = "last k groups ~ initial; min CE(D_r)"
    advice = 'With train="all" often the closest to retraining at a fraction of its cost.'
    source = "Goel et al. 2022 (arXiv 2201.06640); HQML (arXiv 2512.19253)"
    requires = _RETAIN
    _parameter_constraints = {
        **LoopStrategy._parameter_constraints,
        "k": [Interval(Integral, 1, None, closed="left")],
        "train": [StrOptions({"last", "all"})],
    }

    def __init__(
        self,
        *,
        k: int = 1,
        train: str = "last",
        learning_rate_init: float | None = None,
        max_iter: int = 30,
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
        self.k = k
        self.train = train

    def start(self, request: UnlearningRequest) -> np.ndarray:
        layout = request.network.layout
        fresh = request.network.initial(np.random.default_rng(request.seed))
        return np.where(layout.mask(layout.last(self.k)), fresh, request.params)

    def objective(self, request: UnlearningRequest) -> Objective:
        layout = request.network.layout
        trainable = layout.mask(layout.last(self.k)) if self.train == "last" else None
        return Objective({"retain": request.retain}, trainable=trainable)
