"""Mechanisms with a teacher: the trained model, or a random one."""

import warnings
from numbers import Integral, Real

import numpy as np

from .._validation import Interval
from ..exceptions import UnlearningWarning
from ..network import log_softmax, softmax
from ..training import Hook, Objective
from ._stop import StopRule, class_shares
from ._strategy import Ascent
from ._unlearning_request import UnlearningRequest

__all__ = ["SCRUB", "BadTeacher", "DistributionGuided"]

_BOTH = frozenset({"forget", "retain"})


class SCRUB(Ascent):
    """Obey the trained teacher on the retained rows, disobey it on the forgotten ones.

    Alternates epochs: on D_f maximise ``lam_f * KL(T || S)`` (during the first `msteps`
    epochs), then on D_r minimise ``lam_r * KL(T || S) + gamma * CE``, where T is the
    trained model and S the one that unlearns.

    Parameters
    ----------
    lam_r : float, default=1.0
        Weight of the teacher on the retained rows.
    lam_f : float, default=1.5
        Weight of the disobedience on the forgotten rows.
    gamma : float, default=0.0
        Weight of the labels on the retained rows.
    msteps : int or None, default=None
        Epochs that disobey; None: all.
    rewind : bool, default=False
        Return the epoch whose forget error is closest to the error that the last epoch
        makes on held-out records of the same classes (SCRUB+R). Takes the place of `stop`.
    jitter : float, default=0.01
        Standard deviation of a normal displacement of the parameters at the start.
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
    Source: Kurmanji et al. 2023 (arXiv 2302.09880), who use ``lam_r=0.5``, ``gamma=1``,
    ``msteps=3``; the defaults are those of HQML (arXiv 2512.19253), whose SCRUB(+R) saves
    the rewind checkpoint and never loads it. Deviations: the stop rule, asked after each
    epoch; and `jitter`, because where S equals T the gradient of KL(T || S) is exactly 0:
    published runs leave that point by the rounding noise of single precision, which is not
    a method.

    Examples
    --------
    >>> from skqmu.unlearning import SCRUB
    >>> sorted(SCRUB(rewind=True).requires)
    ['forget', 'reference', 'retain']
    """

    formula = "min lam_r KL(T||S) + gamma CE on D_r; max lam_f KL(T||S) on D_f"
    advice = "Strong and delicate: without a stop or rewind it forgets too much."
    source = "Kurmanji et al. 2023 (arXiv 2302.09880); HQML (arXiv 2512.19253)"
    damage = "much"
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "lam_r": [Interval(Real, 0, None, closed="left")],
        "lam_f": [Interval(Real, 0, None, closed="neither")],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "msteps": [Interval(Integral, 1, None, closed="left"), None],
        "rewind": ["boolean"],
        "jitter": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        lam_r: float = 1.0,
        lam_f: float = 1.5,
        gamma: float = 0.0,
        msteps: int | None = None,
        rewind: bool = False,
        jitter: float = 0.01,
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
        self.lam_r = lam_r
        self.lam_f = lam_f
        self.gamma = gamma
        self.msteps = msteps
        self.rewind = rewind
        self.jitter = jitter

    @property
    def requires(self) -> frozenset[str]:
        return _BOTH | {"reference"} if self.rewind else _BOTH

    def validate(self) -> None:
        super().validate()
        if self.lam_r + self.gamma == 0:
            raise ValueError("lam_r=0 and gamma=0 leave nothing to learn on the retained rows.")

    def start(self, request: UnlearningRequest) -> np.ndarray:
        rng = np.random.default_rng(request.seed)
        moved = request.params + rng.normal(0.0, self.jitter, len(request.params))
        return request.network.with_buffers(moved, request.params)

    def hooks(self, request: UnlearningRequest) -> list[Hook]:
        if self.rewind:
            return [_Rewind(request)]
        return [StopRule(request, every="epoch")] if self.stop == "auto" else []

    def objective(self, request: UnlearningRequest) -> Objective:
        # lam_r KL(T||S) + gamma CE(y, S) = (lam_r + gamma) CE(mixture of T and y, S) + const
        retain, forget = request.retain, request.forget
        weight = self.lam_r + self.gamma
        teacher = probabilities(request, retain)
        obeying = retain.replace(
            targets=(self.lam_r * teacher + self.gamma * retain.targets) / weight,
            weights=weight * retain.weights,
        )
        disobeying = forget.replace(
            targets=probabilities(request, forget), weights=-self.lam_f * forget.weights
        )
        return _AlternatingObjective({"forget": disobeying, "retain": obeying}, self.msteps)


class _AlternatingObjective(Objective):
    def __init__(self, streams, msteps):
        super().__init__(streams)
        self.msteps = msteps

    def phases(self, epoch):
        if self.msteps is not None and epoch >= self.msteps:
            return [("retain",)]
        return [("forget",), ("retain",)]


class _Rewind(Hook):
    """Keep the epoch whose forget error is closest to that of unseen records."""

    def __init__(self, request):
        self.notes = []
        self.network = request.network
        self.forget = request.forget
        self.reference = request.reference
        shared = np.intersect1d(self.forget.labels, self.reference.labels)
        self.comparable = len(shared) > 0
        self.epochs = []
        if not self.comparable:
            note = (
                "rewind has no held-out records of the forgotten rows' classes, and the last "
                "epoch is returned: pass such rows as X_reference and y_reference."
            )
            self.notes.append(note)
            warnings.warn(note, UnlearningWarning, stacklevel=2)
            return
        self.forget = self.forget[np.isin(self.forget.labels, shared)]
        self.reference = self.reference[np.isin(self.reference.labels, shared)]
        share = class_shares(self.forget.labels, self.reference.labels)
        self.share = share / share.sum()

    def _wrong(self, params, records):
        return self.network.logits(params, records.X).argmax(axis=1) != records.labels

    def after_epoch(self, run):
        if self.comparable:
            self.epochs.append((self._wrong(run.params, self.forget).mean(), run.params))
        return False

    def end(self, run):
        if not run.finished or not self.epochs:
            return
        target = float(self.share @ self._wrong(run.params, self.reference))
        distances = [abs(error - target) for error, _ in self.epochs]
        best = int(np.argmin(distances))
        run.move(self.epochs[best][1], kept_epoch=best + 1)
        run.stop(f"rewound to epoch {best + 1} of {run.epoch}")


class BadTeacher(Ascent):
    """Imitate a random twin on the forgotten rows, the trained model on the others.

    Minimises ``KL(T || S)`` over both, where T is the trained model on D_r and a randomly
    initialised twin on D_f, at temperature `T`. The twin is as a fit would start: a front-end
    that was given its values has them.

    Parameters
    ----------
    T : float, default=1.0
        Temperature that logits are divided by.
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
    Source: Chundawat et al. 2023 (arXiv 2205.08096), eq. 2. Deviation: the stop rule.

    Examples
    --------
    >>> from skqmu.unlearning import BadTeacher
    >>> BadTeacher(T=2.0).T
    2.0
    """

    formula = "min KL(T_random||S) on D_f + KL(T||S) on D_r"
    advice = "What a random twin says is near uniform: as unlike an unseen record as a member."
    source = "Chundawat et al. 2023 (arXiv 2205.08096)"
    requires = _BOTH
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "T": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        T: float = 1.0,
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
        self.T = T

    def objective(self, request: UnlearningRequest) -> Objective:
        twin = request.network.initial(np.random.default_rng(request.seed))
        streams = {
            "retain": request.retain.replace(
                targets=probabilities(request, request.retain, temperature=self.T)
            ),
            "forget": request.forget.replace(
                targets=probabilities(request, request.forget, twin, temperature=self.T)
            ),
        }
        return TemperedObjective(streams, self.T)


class TemperedObjective(Objective):
    """Cross-entropy of logits that are divided by a temperature."""

    def __init__(self, streams, temperature):
        super().__init__(streams)
        self.temperature = temperature

    def loss(self, stream, logits, batch):
        values, d_scaled = super().loss(stream, logits / self.temperature, batch)
        return values, d_scaled / self.temperature


class DistributionGuided(Ascent):
    """Move the forgotten rows to a chosen distribution, anchored on the retained rows.

    Minimises ``KL(q || p)`` over D_f plus ``lam * KL(p_theta0 || p)`` over D_r. The target q
    gives the forgotten row's own class (and every class that is removed) no weight, and
    class k a weight proportional to ``(mean of p_theta0(k | x) over D_f)^beta``, class by
    class of the forgotten rows.

    Parameters
    ----------
    beta : float, default=1.0
        0: uniform over the other classes; large: only the most similar one. The default is
        ours: the paper's could not be confirmed.
    lam : float, default=1.0
        Weight of the anchor. The default is ours, as that of `beta`.
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
    Source: Malik et al. 2026 (arXiv 2601.04413). Deviations: the means are taken over all
    forgotten rows rather than over a calibration part of them; the stop rule.

    Examples
    --------
    >>> from skqmu.unlearning import DistributionGuided
    >>> DistributionGuided(beta=2.0).beta
    2.0
    """

    formula = "min KL(q||p) on D_f + lam KL(p_theta0||p) on D_r"
    advice = "For class removal; q imitates what retraining makes of the class."
    source = "Malik et al. 2026 (arXiv 2601.04413)"
    requires = _BOTH
    _parameter_constraints = {
        **Ascent._parameter_constraints,
        "beta": [Interval(Real, 0, None, closed="left")],
        "lam": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        beta: float = 1.0,
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
        self.beta = beta
        self.lam = lam

    def objective(self, request: UnlearningRequest) -> Objective:
        anchor = request.retain.replace(
            targets=probabilities(request, request.retain),
            weights=self.lam * request.retain.weights,
        )
        guided = request.forget.replace(targets=_guide(request, self.beta))
        return Objective({"retain": anchor, "forget": guided})


def _guide(request, beta):
    """Target distribution of each forgotten row, shape (n_f, C)."""
    forget = request.forget
    logits = request.network.logits(request.params, forget.X)
    log_p = log_softmax(logits, axis=1)
    guide = np.zeros_like(log_p)
    for label in np.unique(forget.labels):
        mine = forget.labels == label
        excluded = np.union1d(request.removed_classes, [label]).astype(int)
        # In logarithms: the other classes of a confident model are far below rounding.
        level = beta * _log_mean(log_p[mine])
        level[excluded] = -np.inf
        if np.isfinite(level).any():
            guide[mine] = softmax(level[None, :], axis=1)
        else:
            guide[mine] = 1.0 / guide.shape[1]  # no other class is left
    return guide


def _log_mean(log_p):
    highest = log_p.max(axis=0)
    return highest + np.log(np.exp(log_p - highest).mean(axis=0))


def probabilities(request, records, params=None, temperature=1.0):
    """What the trained model, or another, says of records at a temperature, shape (n, C)."""
    params = request.params if params is None else params
    return softmax(request.network.logits(params, records.X) / temperature, axis=1)
