"""A mechanism that solves the last layer again instead of training it."""

from numbers import Real

import numpy as np

from .._validation import Interval
from ..exceptions import UnlearningError
from ..network import Dense, softmax
from ..training import SoftmaxHead
from ._base import Outcome, UnlearningStrategy

__all__ = ["LastLayerRefit"]


class LastLayerRefit(UnlearningStrategy):
    """Solve the last layer again, on the retained rows, to the end.

    With the outputs phi of all other layers as features, minimises
    ``CE(D_r) + lam_f CE(D_f) + alpha / 2 |W|^2`` over the last layer's weights W, intercept
    included: per retained row, and with the model's own answers as the targets of the
    forgotten rows, the removed classes left out. The problem is convex; where it starts
    has no say. Circuits run once a row, and no gradient passes through them.

    Parameters
    ----------
    alpha : float, default=1e-3
        Strength of the L2 penalty.
    lam_f : float, default=0.1
        Weight of a forgotten row beside a retained one; 0: they have no say, and the head
        extends to them what it learns of the others. Meant for a model whose answers for
        them another mechanism has changed.

    Notes
    -----
    [n] The features stay as they are, and with them what they hold of the forgotten rows:
    what follows a mechanism that changes these, as the last part of a `Composite`. Such a
    mechanism may then be brief or rough: accuracy on the retained rows comes back here.
    Refitting the last layer on chosen rows is Kirichenko et al. 2023 (arXiv 2204.02937),
    there against spurious features; drawing it anew and training it is EU-1 of Goel et al.
    2022 (arXiv 2201.06640), `LastLayersRetrain`. On a sampled backend features carry shot noise.

    Examples
    --------
    >>> from skqmu.unlearning import Composite, FineTune, LastLayerRefit
    >>> both = Composite([FineTune(max_iter=1), LastLayerRefit()])
    >>> both.gradient_rows(n_forget=10, n_retain=100)
    100
    """

    formula = "argmin_W CE(D_r) + lam_f CE(p_theta on D_f; D_f) + alpha/2 |W|^2"
    advice = "As the last part of a composite: gives back what a brief mechanism has cost."
    source = "[n]; from Kirichenko et al. 2023 (arXiv 2204.02937), Goel et al. 2022 (2201.06640)"
    requires = frozenset({"forget", "retain"})
    _parameter_constraints = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "lam_f": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, *, alpha=1e-3, lam_f=0.1):
        self.alpha = alpha
        self.lam_f = lam_f

    def check(self, request):
        last = request.network.layers[-1]
        if not isinstance(last, Dense):
            raise ValueError(
                "LastLayerRefit solves a dense last layer, and this network ends in "
                f"{type(last).__name__}; use LastLayersRetrain, which trains it."
            )

    def unlearn(self, request):
        network, params = request.network, request.params
        retain, forget = request.retain, request.forget
        part = network.layout.slices[network.layers[-1].name]
        n_before = len(network.layers) - 1
        phi, phi_f = (
            _with_intercept(network.outputs(params, rows.X, n_before)) for rows in (retain, forget)
        )
        # The group is the kernel, then the bias: the weights on phi, row by row.
        own = phi_f @ params[part].reshape(phi.shape[1], -1)
        own[:, request.removed_classes] = -np.inf
        if not (np.isfinite(phi).all() and np.isfinite(phi_f).all()):
            raise UnlearningError(
                "LastLayerRefit met features that are not finite numbers; nothing was changed. "
                "Check the rows and the backend, or use the strategy 'retrain'."
            )
        weights = SoftmaxHead(self.alpha).solve(
            np.concatenate([phi, phi_f]),
            np.concatenate([retain.targets, softmax(own, axis=1)]),
            np.concatenate([retain.weights, self.lam_f * forget.weights]),
            n=retain.weights.sum(),
        )
        solved = params.copy()
        solved[part] = weights.ravel()
        return Outcome(params=solved, stop_reason="last layer solved")


def _with_intercept(features):
    return np.column_stack([features, np.ones(len(features))])
