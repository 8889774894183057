"""A mechanism that asks a briefly retrained twin what retraining would say."""

from dataclasses import replace
from numbers import Real

import numpy as np
from scipy.special import logsumexp

from .._validation import Interval
from ..training import Objective, TrainingRun, shared_steps
from ._distill import TemperedObjective, probabilities
from ._finetune import LastLayersRetrain
from ._guard import most_repaired_rows, unguarded
from ._outcome import Outcome
from ._strategy import LoopStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["RetrainedTwin"]


class RetrainedTwin(LoopStrategy):
    """Imitate a briefly retrained twin on the forgotten rows, the trained model on the others.

    1. The twin: the model's last groups of parameters are drawn anew and trained for an
       epoch on D_r, so that it answers for D_f as a model that never saw it, if roughly.
    2. The bias of a class that is removed is lowered, until on average its rows are as
       likely to be of the classes that stay.
    3. The model learns the twin's answers on D_f and keeps its own on a part of D_r:
       ``KL(p_theta0 || p) + lam_f * KL(p_twin || p)``, per row, at temperature `T`, with a
       learning rate that falls.

    Parameters
    ----------
    twin : LastLayersRetrain or None, default=None
        How the twin is made. None: ``LastLayersRetrain(k=3, train="all", max_iter=1,
        batch_size=8)``.
    lam_f : float, default=0.7
        Weight of a forgotten row beside a retained one.
    T : float, default=2.0
        Temperature that logits are divided by.
    twin_T : float, default=0.8
        Temperature of the twin's answers, on top of `T`; below 1 it makes up for a twin that
        is less sure than a model that was trained to the end.
    retained_share : float, default=0.5
        Part of the retained rows that hold the model in place.
    learning_rate_init : float or None, default=None
        Of the first epoch; falls linearly towards 0. None: the classifier's own.
    max_iter : int, default=3
        Epochs; an epoch is one pass over D_f and the part of D_r.
    batch_size : int or None, default=None
        Rows of both kinds in a step. None: the classifier's own.
    solver : {"adam", "sgd"} or None, default=None
        None: the classifier's own, with fresh moments.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`); None: any, as published.

    Notes
    -----
    Ours, from two ideas: the two teachers of Chundawat et al. 2023 (arXiv 2205.08096), whose
    random teacher says what no model that was trained would say, and EU-k of Goel et al.
    2022 (arXiv 2201.06640), which alone leaves the retained rows. The rows of both kinds
    share the batches, so an epoch costs ``n_forget + retained_share * n_retain`` rows. A
    twin needs some hundred steps: on a few hundred rows give it more epochs.

    Examples
    --------
    >>> from skqmu.unlearning import LastLayersRetrain, RetrainedTwin
    >>> twin = LastLayersRetrain(k=2, train="all", max_iter=5, batch_size=8)
    >>> RetrainedTwin(twin=twin, guard=None).gradient_rows(n_forget=10, n_retain=100)
    680
    """

    formula = "min KL(T_twin||S) on D_f + KL(T||S) on part of D_r; twin: EU-k"
    advice = "Near retraining at a tenth of its cost; small data: more epochs for the twin."
    source = "ours; from Chundawat et al. 2023 (arXiv 2205.08096), Goel et al. 2022 (2201.06640)"
    requires = frozenset({"forget", "retain"})
    _parameter_constraints = {
        **LoopStrategy._parameter_constraints,
        "twin": [LastLayersRetrain, None],
        "lam_f": [Interval(Real, 0, None, closed="neither")],
        "T": [Interval(Real, 0, None, closed="neither")],
        "twin_T": [Interval(Real, 0, None, closed="neither")],
        "retained_share": [Interval(Real, 0, 1, closed="right")],
    }

    def __init__(
        self,
        *,
        twin: LastLayersRetrain | None = None,
        lam_f: float = 0.7,
        T: float = 2.0,
        twin_T: float = 0.8,
        retained_share: float = 0.5,
        learning_rate_init: float | None = None,
        max_iter: int = 3,
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
        self.twin = twin
        self.lam_f = lam_f
        self.T = T
        self.twin_T = twin_T
        self.retained_share = retained_share

    def _twin(self):
        if self.twin is not None:
            return self.twin
        return LastLayersRetrain(k=3, train="all", max_iter=1, batch_size=8)

    def _n_kept(self, n_retain):
        return max(1, round(self.retained_share * n_retain)) if n_retain else 0

    def validate(self) -> None:
        super().validate()
        self._twin().validate()

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        own = self.max_iter * (n_forget + self._n_kept(n_retain))
        made = unguarded(self._twin()).gradient_rows(n_forget, n_retain)
        return made + own + most_repaired_rows(self, n_retain)

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        # The twin's seed is its own: the passes below must not repeat its order of rows.
        seed = np.random.SeedSequence(request.seed.entropy, spawn_key=(*request.seed.spawn_key, 0))
        twin = self._twin().unlearn(request.replace(seed=seed, yardstick=None, watch=None))
        asked = probabilities(
            request, request.forget, request.settled(twin.params), self.T * self.twin_T
        )
        outcome = super().unlearn(
            request.replace(
                params=request.settled(_evened(request)),
                forget=request.forget.replace(targets=asked),
            )
        )
        return replace(
            outcome,
            n_epochs=twin.n_epochs + outcome.n_epochs,
            n_steps=twin.n_steps + outcome.n_steps,
            notes=[*twin.notes, *outcome.notes],
        )

    def schedule(self, run: TrainingRun) -> float:
        return 1.0 - run.epoch / run.max_iter

    def objective(self, request: UnlearningRequest) -> Objective:
        # retained rows as the trained model answers, forgotten ones as their targets say
        rng = np.random.default_rng(request.seed)
        n_kept = self._n_kept(len(request.retain))
        kept = request.retain[np.sort(rng.permutation(len(request.retain))[:n_kept])]
        # A step takes the mean over the rows of each kind: weigh the kinds by their numbers,
        # of which each step that has any has at least one.
        n_forget = len(request.forget)
        n_steps = shared_steps((n_forget, n_kept), self.batch_size or request.batch_size)
        ratio = self.lam_f * max(n_forget, n_steps) / max(n_kept, n_steps)
        own = probabilities(request, kept, temperature=self.T)
        return _PooledObjective(
            {
                "retain": kept.replace(targets=own),
                "forget": request.forget.replace(weights=ratio * request.forget.weights),
            },
            self.T,
        )


def _evened(request):
    """Parameters with removed classes, in the mean over their rows, no likelier than the others."""
    forget = request.forget
    logits = request.network.logits(request.params, forget.X)
    staying = np.delete(logits, request.removed_classes, axis=1)
    offsets = np.zeros(logits.shape[1])
    for removed in request.removed_classes:
        mine = forget.labels == removed
        offset = (logsumexp(staying[mine], axis=1) - logits[mine, removed]).mean()
        offsets[removed] = min(offset, 0.0)  # a class that is less likely stays so
    return request.network.shifted(request.params, offsets)


class _PooledObjective(TemperedObjective):
    pooled = True
