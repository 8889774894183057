"""A mechanism that solves the last layer again instead of training it."""

from numbers import Real

import numpy as np

from .._validation import Interval
from ..exceptions import UnlearningError
from ..network import Dense, softmax
from ..training import SoftmaxHead
from ._guard import most_repaired_rows
from ._outcome import Outcome
from ._strategy import GUARDED, UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["LastLayerRefit"]


class LastLayerRefit(UnlearningStrategy):
    """Solve the last layer again, to the end, instead of training it on.

    With the outputs phi of all other layers as features, minimises
    ``(sum CE over D_r + lam_f sum CE over D_f) / n_r + alpha / 2 |W|^2`` over the last
    layer's weights W, intercept included. Retained rows have their labels as targets,
    forgotten ones the answers that the model gives now, the removed classes left out. The
    problem is convex: one minimum, wherever the solver starts. Circuits run once a row, and
    no gradient passes through them.

    Parameters
    ----------
    alpha : float, default=1e-3
        Strength of the L2 penalty.
    lam_f : float, default=0.1
        Weight of a forgotten row beside a retained one. Above 0 the layer as it was has a say
        in what forgotten rows get, which is meant for one that another mechanism has changed
        before; 0: it has none, and they get what follows from the retained rows.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit before a `DamageWarning` says
        so; ``"auto"``: 0.02; None: any.

    Notes
    -----
    Ours, no published mechanism. The features stay as they are, and with them what they hold
    of the forgotten rows: what follows a mechanism that changes these, as the last part of a
    `Composite`. Such a mechanism may then be brief or rough: accuracy on the retained rows
    comes back here. Refitting the last layer on chosen rows is Kirichenko et al. 2023 (arXiv
    2204.02937), there against spurious features; drawing it anew and training it is EU-1 of
    Goel et al. 2022 (arXiv 2201.06640), `LastLayersRetrain`. On a sampled backend features
    carry shot noise.

    Examples
    --------
    >>> from skqmu.unlearning import Composite, FineTune, LastLayerRefit
    >>> both = Composite([FineTune(max_iter=1), LastLayerRefit()], guard=None)
    >>> both.gradient_rows(n_forget=10, n_retain=100)
    100
    """

    formula = "argmin_W (sum_r CE + lam_f sum_f CE(p_theta, p)) / n_r + alpha/2 |W|^2"
    advice = "As the last part of a composite: gives back what a brief mechanism has cost."
    source = "ours; from Kirichenko et al. 2023 (arXiv 2204.02937), Goel et al. 2022 (2201.06640)"
    requires = frozenset({"forget", "retain"})
    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "lam_f": [Interval(Real, 0, None, closed="left")],
        **GUARDED,
    }

    def __init__(
        self, *, alpha: float = 1e-3, lam_f: float = 0.1, guard: float | str | None = "auto"
    ):
        self.alpha = alpha
        self.lam_f = lam_f
        self.guard = guard

    def check(self, request: UnlearningRequest) -> None:
        last = request.network.layers[-1]
        if not isinstance(last, Dense):
            raise ValueError(
                "LastLayerRefit solves a dense last layer, and this network ends in "
                f"{type(last).__name__}; use LastLayersRetrain, which trains it."
            )

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        return most_repaired_rows(self, n_retain)

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        network, params = request.network, request.params
        retain, forget = request.retain, request.forget
        if not len(retain):
            raise ValueError(
                "LastLayerRefit has no retained records that were trained on; there is nothing to "
                "solve the layer on. Pass them as X_retain and y_retain."
            )
        part = network.layout.slices[network.layers[-1].name]
        phi, targets, weights = _features(network, params, retain.X), retain.targets, retain.weights
        if self.lam_f:
            phi_f = _features(network, params, forget.X)
            # The group is the kernel, then the bias: the weights on phi, row by row.
            own = phi_f @ params[part].reshape(phi.shape[1], -1)
            own[:, request.removed_classes] = -np.inf
            phi = np.concatenate([phi, phi_f])
            targets = np.concatenate([targets, softmax(own, axis=1)])
            weights = np.concatenate([weights, self.lam_f * forget.weights])
        solved = params.copy()
        head = SoftmaxHead(self.alpha).solve(phi, targets, weights, n=retain.weights.sum())
        solved[part] = head.ravel()
        return Outcome(params=solved, stop_reason="last layer solved")


def _features(network, params, X):
    """What the last layer sees of the rows, and a 1 for its bias."""
    features = network.outputs(params, X, len(network.layers) - 1)
    if not np.isfinite(features).all():
        raise UnlearningError(
            "LastLayerRefit met features that are not finite numbers; nothing was changed. "
            "Check the rows and the backend, or use the strategy 'retrain'."
        )
    return np.column_stack([features, np.ones(len(features))])
