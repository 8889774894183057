"""Mechanisms that climb the loss of the forgotten rows."""

from numbers import Real

import numpy as np

from .._validation import Interval, StrOptions
from ..training import Objective
from ._guard import most_repaired_rows
from ._importance import squared_gradients
from ._outcome import Outcome
from ._strategy import Ascent
from ._unlearning_request import UnlearningRequest

__all__ = ["FisherForgetting", "GradientAscent", "NegGradPlus", "RelativeGradientAscent"]


class GradientAscent(Ascent):
    """Climb the cross-entropy of the forgotten rows.

    Minimises ``-CE(D_f)`` and nothing else: cheap, needs no retained data, and harms
    what the forgotten rows share with the others. The stop rule ends it where unseen
    records stand.

    Parameters
    ----------
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=50
        Epochs at most; an epoch is one pass over the forgotten rows.
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
    Source: Su et al. 2025 (arXiv 2509.06086), and the HQML study (arXiv 2512.19253), which
    runs 15 (Iris) or 25 epochs without a stop rule and keeps the best epoch by accuracy on
    the test set; choosing on the test set is not offered here.

    Examples
    --------
    >>> from skqmu.unlearning import GradientAscent
    >>> GradientAscent(max_iter=25, stop=None)
    GradientAscent(max_iter=25, stop=None)
    """

    formula = "min -CE(D_f)"
    advice = "Cheapest; needs the forgotten rows only; harms what they share with the others."
    source = "Su et al. 2025 (arXiv 2509.06086); HQML (arXiv 2512.19253)"
    damage = "much"
    repairs = False

    def objective(self, request: UnlearningRequest) -> Objective:
        return Objective({"forget": _climbing(request.forget)})


class NegGradPlus(Ascent):
    """Climb on the forgotten rows while descending on the retained ones.

    Minimises ``CE(D_r) - alpha * CE(D_f)``.

    Parameters
    ----------
    alpha : float, default=1.0
        Weight of the ascent.
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
    Source: Kurmanji et al. 2023 (arXiv 2302.09880), there as a baseline; HQML
    (arXiv 2512.19253) runs 25 epochs with ``alpha=1``. Deviation: the stop rule.

    Examples
    --------
    >>> from skqmu.unlearning import NegGradPlus
    >>> sorted(NegGradPlus().requires)
    ['forget', 'retain']
    """

    formula = "min CE(D_r) - alpha CE(D_f)"
    advice = "A sound first choice among the approximate ones: the repair runs along."
    source = "Kurmanji et al. 2023 (arXiv 2302.09880); HQML (arXiv 2512.19253)"
    requires = frozenset({"forget", "retain"})
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        alpha: float = 1.0,
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

    def objective(self, request: UnlearningRequest) -> Objective:
        return Objective(
            {"retain": request.retain, "forget": _climbing(request.forget, self.alpha)}
        )


class RelativeGradientAscent(Ascent):
    """Ascend on the forgotten rows relative to the retained rows' gradient.

    ``theta -= eta * (g_r - lam * g_f)``, with the forget gradient rescaled to the length of
    the retain gradient (``relative="norm"``), or with its component along the retain
    gradient removed (``relative="project"``), so that the ascent works neither too strongly
    for, nor against, what is to be kept.

    Parameters
    ----------
    lam : float, default=1.0
        Weight of the ascent.
    relative : {"norm", "project"}, default="norm"
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
    Source: the third mechanism (RGA) of Su et al. 2025 (arXiv 2509.06086). The paper's
    formula was not available; both readings of "relative" are ours. Deviation: the stop
    rule.

    Examples
    --------
    >>> from skqmu.unlearning import RelativeGradientAscent
    >>> RelativeGradientAscent(relative="project").lam
    1.0
    """

    formula = "theta -= eta (g_r - lam g_f |g_r|/|g_f|)"
    advice = "Like NegGradPlus, without one side drowning the other."
    source = "Su et al. 2025 (arXiv 2509.06086); the formula is ours"
    requires = frozenset({"forget", "retain"})
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "lam": [Interval(Real, 0, None, closed="neither")],
        "relative": [StrOptions({"norm", "project"})],
    }

    def __init__(
        self,
        *,
        lam: float = 1.0,
        relative: str = "norm",
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
        self.relative = relative

    def objective(self, request: UnlearningRequest) -> Objective:
        return _RelativeObjective(
            {"retain": request.retain, "forget": request.forget}, self.lam, self.relative
        )


class _RelativeObjective(Objective):
    def __init__(self, streams, lam, relative):
        super().__init__(streams)
        self.lam = lam
        self.relative = relative

    def combine(self, gradients, run):
        g_r, g_f = gradients["retain"], gradients["forget"]
        size_r, size_f = np.linalg.norm(g_r), np.linalg.norm(g_f)
        if size_f == 0:
            return g_r
        if self.relative == "norm":
            return g_r - self.lam * (size_r / size_f) * g_f
        if size_r > 0:
            g_f = g_f - (g_f @ g_r) / size_r**2 * g_r
        return g_r - self.lam * g_f


class FisherForgetting(Ascent):
    """Climb on the forgotten rows, held back where the Fisher information is large.

    Minimises ``-CE(D_f) + lam / 2 * sum_j F_j (theta_j - theta0_j)^2`` with F the diagonal of
    the empirical Fisher information at the trained parameters theta0. With ``noise=True``
    there is no ascent: ``theta_j += N(0, alpha / F_j)`` once, on the retained rows' Fisher
    information.

    Parameters
    ----------
    lam : float, default=10.0
        Strength of the penalty.
    fisher_on : {"forget", "retain"}, default="forget"
        Rows whose Fisher information holds the parameters: ``"forget"`` as in the HQML
        study, which protects what the forgotten rows use most; ``"retain"`` protects what
        is to be kept, which is what the penalty is for.
    noise : bool, default=False
        The noise variant of Golatkar et al. 2020; needs the retained rows.
    alpha : float, default=1e-4
        Its variance, where F is 1. Parameters of (almost) no Fisher information move by
        at most one standard deviation of 0.5.
    learning_rate_init : float or None, default=None
        None: the classifier's own.
    max_iter : int, default=15
        Epochs at most; an epoch is one pass over the forgotten rows.
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
    Source: HQML (arXiv 2512.19253) for the penalised ascent with ``fisher_on="forget"``;
    Golatkar et al. 2020 (arXiv 1911.04933) for the noise. Deviations: the stop rule; the
    variance alpha / F, where their derivation has one in proportion to F^(-1/2) (as far as
    that could be confirmed); the cap.

    Examples
    --------
    >>> from skqmu.unlearning import FisherForgetting
    >>> sorted(FisherForgetting(fisher_on="retain").requires)
    ['forget', 'retain']
    """

    formula = "min -CE(D_f) + lam/2 sum_j F_j (theta_j - theta0_j)^2"
    advice = 'Use fisher_on="retain"; "forget" is there to reproduce a study.'
    source = "HQML (arXiv 2512.19253); Golatkar et al. 2020 (arXiv 1911.04933)"
    damage = "much"
    repairs = False
    _MOST_NOISE = 0.5
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "lam": [Interval(Real, 0, None, closed="left")],
        "fisher_on": [StrOptions({"forget", "retain"})],
        "noise": ["boolean"],
        "alpha": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        lam: float = 10.0,
        fisher_on: str = "forget",
        noise: bool = False,
        alpha: float = 1e-4,
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
        self.fisher_on = fisher_on
        self.noise = noise
        self.alpha = alpha

    @property
    def requires(self) -> frozenset[str]:
        retained = self.noise or self.fisher_on == "retain"
        return frozenset({"forget", "retain"} if retained else {"forget"})

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        fisher = n_retain if self.noise or self.fisher_on == "retain" else n_forget
        if self.noise:
            return fisher + most_repaired_rows(self, n_retain)
        return fisher + super().gradient_rows(n_forget, n_retain)

    def _stream_rows(self, n_forget, n_retain):
        return {"forget": n_forget}

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        if not self.noise:
            return super().unlearn(request)
        fisher = squared_gradients(
            request.network, request.params, request.retain, wanted=request.trainable
        )
        spread = np.minimum(
            np.sqrt(self.alpha / np.maximum(fisher, np.finfo(float).tiny)), self._MOST_NOISE
        )
        rng = np.random.default_rng(request.seed)
        moved = request.params + spread * rng.standard_normal(len(spread))
        return Outcome(
            params=request.network.with_buffers(moved, request.params),
            stop_reason="noise added once",
        )

    def objective(self, request: UnlearningRequest) -> Objective:
        fisher = squared_gradients(
            *(request.network, request.params, getattr(request, self.fisher_on)),
            wanted=request.trainable,
        )
        return _AnchoredObjective(
            {"forget": _climbing(request.forget)}, self.lam * fisher, request.params
        )


class _AnchoredObjective(Objective):
    def __init__(self, streams, stiffness, anchor):
        super().__init__(streams)
        self.stiffness = stiffness
        self.anchor = anchor

    def penalty(self, run):
        away = run.params - self.anchor
        return 0.5 * float(self.stiffness @ away**2), self.stiffness * away


def _climbing(records, weight=1.0):
    return records.replace(weights=-weight * records.weights)
