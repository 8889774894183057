"""Newton steps on the retained rows from the trained weights: approximate, and cheap."""

import warnings
from numbers import Integral, Real

import numpy as np

from .._validation import Interval, StrOptions
from ..exceptions import UnlearningWarning
from ._curvature import Surface, conjugate_gradients, exact_step
from ._guard import most_repaired_rows
from ._outcome import Outcome
from ._stop import StopRule
from ._strategy import GUARDED, UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["NewtonStep"]

# Weights up to which the whole Hessian is taken, two gradients each.
_FEW = 24


class NewtonStep(UnlearningStrategy):
    """Take the forgotten rows' pull out of the trained weights, by Newton steps.

    A step goes where the retained rows' gradient is what training had left of all rows': at a
    plateau 0, the minimum. Where training with the rows and training without end in one basin,
    it lands near the retrained weights at the price of a few dozen gradients. NOTHING LOCAL SEES
    A JUMP: where training without the rows ends in another basin, the step ends far from it, and
    neither the curvature nor the loss nor the guard says so. Nothing is proven.

    Parameters
    ----------
    n_steps : int, default=1
        Newton steps; a second one squares the first one's distance where there is no damping.
    damping : float, default=1e-3
        Added to the Hessian: circuits have directions in which nothing changes. Training for T
        steps of size eta does as much as 1 / (eta T) in those where little does.
    max_products : int, default=24
        Products with the Hessian a step, two gradients each, where there are more than 24
        weights (below that the whole Hessian is taken).
    target : {"trained", "minimum"}, default="trained"
        ``"minimum"``: where the retained rows' gradient is 0, whatever training had left. Of
        weights that are not at a plateau yet it leaps far, and lands no nearer to retraining.
    guard : float, "auto" or None, default="auto"
        Accuracy that retained rows may lose since the last fit; ``"auto"``: 0.02 (see
        `UnlearningStrategy`). What costs more is stepped in part. None: any.

    Notes
    -----
    ``theta -= (H + damping I)^-1 (g - g_D(theta0))``, with gradient and Hessian of the retained
    rows' mean loss, and the gradient g_D of all rows' at the trained weights (`alpha` included;
    ``class_weight="balanced"`` as of all rows; dropout and batch norm as in predictions). H is
    the central difference of exact gradients, right to some 1e-9. Where the damped curvature is
    not positive a direction is left out (few weights), or the steps of conjugate gradients end
    there (Steihaug 1983), with an `UnlearningWarning`: the weights are no minimum, and nothing
    says where retraining would have gone. Refused where circuits are sampled or paid for, whose
    noise a difference would multiply by 1e5.

    A whole class is no small change: where it is still recognised afterwards the log says "short
    of target", with a warning. What it reaches, what it does not, and a jump:
    docs/guarantees.md. The first step of Guo et al. 2020 (arXiv 1911.03030), here without its
    noise, bound and convexity; ours for circuits.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = QNNClassifier(n_layers=1, max_iter=100, random_state=0).fit(scale(X), y)
    >>> clf = clf.unlearn(index=[0], strategy="newton_step")
    >>> clf.unlearning_log_[-1]["kind"], clf.unlearning_log_[-1]["certificate"]
    ('approximate', None)
    """

    formula = "theta -= (H_r + damping I)^-1 (g_r - g_D(theta0))"
    advice = "Near retraining for small models at a plateau; a jump between basins goes unseen."
    source = "Guo et al. 2020 (arXiv 1911.03030), the step alone"
    damage = "none"
    requires = frozenset({"forget", "retain"})
    repairs = False
    _parameter_constraints = {
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "damping": [Interval(Real, 0, None, closed="left")],
        "target": [StrOptions({"trained", "minimum"})],
        "max_products": [Interval(Integral, 1, None, closed="left")],
        **GUARDED,
    }

    def __init__(
        self,
        *,
        n_steps: int = 1,
        damping: float = 1e-3,
        max_products: int = 24,
        target: str = "trained",
        guard: float | str | None = "auto",
    ):
        self.n_steps = n_steps
        self.damping = damping
        self.max_products = max_products
        self.target = target
        self.guard = guard

    def gradient_rows(self, n_forget: int, n_retain: int) -> int:
        a_step = 1 + 2 * max(self.max_products, _FEW)
        left = n_forget + n_retain if self.target == "trained" else 0
        return left + self.n_steps * a_step * n_retain + most_repaired_rows(self, n_retain)

    def check(self, request: UnlearningRequest) -> None:
        if request.network.counts_circuits:
            raise ValueError(
                "NewtonStep takes differences of gradients, which must be exact, and circuits are "
                "sampled or paid for here; set backend='statevector', or use another strategy."
            )
        if request.head is not None and request.head.kind != "softmax":
            raise ValueError(
                f"NewtonStep takes steps on the cross-entropy, and head={request.head.kind!r} was "
                "solved for another loss; use 'exact_downdate', 'certified_removal' or 'retrain', "
                "or fit with head='softmax'."
            )

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        surface, params, least = Surface(request), request.params, float("inf")
        few = len(surface.moving) <= _FEW
        if self.target == "trained":
            surface.aim_at_what_training_left(params, request.forget)
        for _ in range(self.n_steps):
            if few:
                step, curvature = exact_step(surface, params, self.damping)
            else:
                step, curvature = conjugate_gradients(
                    surface, params, self.damping, self.max_products
                )
            params, least = surface.moved(params, step), min(least, curvature)
        notes = [f"{surface.n_gradients} gradients of the retained rows were taken."]
        if least < -surface.resolved:
            notes.append(
                "the retained rows' loss curves down along some direction "
                f"({least - self.damping:.2g}, which damping={self.damping:g} does not cover): the "
                "weights are at no minimum, that direction was left out, and retraining may end "
                "elsewhere."
            )
            warnings.warn(
                f"NewtonStep: {notes[-1]} The way out: train longer, a greater damping, or "
                "strategy='retrain'.",
                UnlearningWarning,
                stacklevel=2,
            )
        how = "the whole Hessian" if few else "conjugate gradients"
        return Outcome(
            params=params,
            stop_reason=f"{self.n_steps} Newton step(s) by {how}",
            n_steps=self.n_steps,
            notes=notes,
            **_end_of_a_class(request, params),
        )


def _end_of_a_class(request, params):
    """Whether a removed class is forgotten: that is no small change, and a step may fall short."""
    removed = np.isin(request.forget.labels, request.removed_classes)
    if not removed.any():
        return {}
    rule = StopRule(request.replace(forget=request.forget[removed]))
    return {
        "reference": rule.reference,
        "target_reached": rule.reached(params) or rule.acceptable(params),
        "reached": rule.reached,
        "acceptable": rule.acceptable,
    }
