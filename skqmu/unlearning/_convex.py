"""Deletion from a head on fixed quantum features: exact, or certified."""

from numbers import Real

import numpy as np

from .._validation import Interval
from ..training import LogisticHead, RidgeHead
from ._base import Outcome, UnlearningStrategy
from ._certificate import UPSTREAM, Assumption, Certificate

__all__ = ["CertifiedRemoval", "ExactDowndate"]


class ExactDowndate(UnlearningStrategy):
    """Take the rows out of a ridge head's normal equations and solve again.

    The quantum features are fixed, so the head depends on the rows through two sums, the
    Gram matrix and its right-hand side. The forgotten rows' share is subtracted and the
    system solved by Cholesky: what `fit` without the rows gives, to rounding.

    Notes
    -----
    For ``QNNClassifier(trainable="head", head="ridge")``. Refused when the circuit weights
    were trained on the rows, when shots made or make the features random, when the backend
    gives other features than at fit, and where the rows' weights in the loss are not known;
    balanced class weights, which depend on who is there, are refused by fit. Ours; the
    linear algebra is that of recursive least squares.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = QNNClassifier(trainable="head", head="ridge", random_state=0).fit(X, y)
    >>> clf = clf.unlearn(X[:1], strategy="exact_downdate")
    >>> clf.unlearning_log_[-1]["certificate"].kind
    'exact'
    """

    kind = "exact"
    source = "recursive least squares"
    formula = "solve (G - Phi_f' Phi_f + lam I) w = m - Phi_f' t_f"
    advice = "Exact and instant, where a head on fixed features is model enough."
    requires = frozenset({"forget"})
    classifier_params = {"trainable": "head", "head": "ridge"}

    def check(self, request):
        _check_head(self, request, "ridge")

    def unlearn(self, request):
        head = request.head
        gram, moment = RidgeHead.moments(
            head.features(request.forget.X), request.forget.targets, head.forget_weights
        )
        state = {
            **head.state,
            "gram": head.state["gram"] - gram,
            "moment": head.state["moment"] - moment,
            "weight": head.state["weight"] - head.forget_weights.sum(),
        }
        _check_still_a_gram_matrix(state["gram"], head.state["gram"])
        weights = RidgeHead(head.penalty).solve(state["gram"], state["moment"])
        return Outcome(
            params=head.params_of(weights),
            stop_reason="normal equations downdated and solved",
            head_state=state,
            certificate=Certificate(
                "exact",
                assumptions=[
                    Assumption("features are exact, and those that fit used", checked=True),
                    Assumption("the rows were trained on", checked=head.members_checked),
                    head.origin,
                    Assumption(UPSTREAM, checked=False),
                ],
            ),
        )


class CertifiedRemoval(UnlearningStrategy):
    """Newton step on a noisy logistic head, with an (epsilon, delta) certificate.

    ``w += H^-1 Delta``, where Delta is the removed rows' share of the gradient, penalty
    included, and H the Hessian on what remains. Each removal adds
    ``1/4 |H^-1 Delta| |Phi H^-1 Delta| |Phi|_2`` to a bound on the gradient of the perturbed
    loss. While the bound is within ``sigma epsilon / sqrt(2 ln(1.5 / delta))``, the random
    term of the loss hides the difference; beyond it, the head is fitted anew, with new
    noise, and the log says so.

    Parameters
    ----------
    epsilon : float, default=1.0
    delta : float, default=1e-4

    Notes
    -----
    Source: Guo et al. 2020 (arXiv 1911.03030), Theorem 3 and Corollary 2 with l'' Lipschitz
    by 1/4 as there. For ``QNNClassifier(trainable="head", head="logistic",
    objective_noise=sigma)``. One-vs-rest heads share one budget: their bounds add up in the
    root of the sum of squares. The bound starts at the gradient that the solver left. The
    noise must stay secret (an integer `random_state` determines it and must stay as secret;
    None draws it from the operating system and keeps it nowhere), and requests must not
    adapt to it. The bound is on the gradient; the distance to the refitted head is at most
    bound / (penalty * n_retained). Refused, beyond what `ExactDowndate` refuses, when the
    retained rows passed are not all that stay: the Hessian would be another.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skqmu import QNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = QNNClassifier(
    ...     trainable="head", head="logistic", objective_noise=1.0, random_state=0
    ... ).fit(X, y)
    >>> clf = clf.unlearn(X[:1], strategy="certified_removal")
    >>> clf.unlearning_log_[-1]["certificate"].kind
    'certified'
    """

    kind = "certified"
    source = "Guo et al. 2020 (arXiv 1911.03030)"
    formula = "w += H^-1 Delta; bound += 1/4 |H^-1 Delta| |Phi H^-1 Delta| |Phi|_2"
    advice = "A proof instead of a measurement, for a head on fixed features."
    requires = frozenset({"forget", "retain", "objective_noise"})
    classifier_params = {"trainable": "head", "head": "logistic", "objective_noise": 1.0}
    _parameter_constraints = {
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "delta": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(self, *, epsilon=1.0, delta=1e-4):
        self.epsilon = epsilon
        self.delta = delta

    def check(self, request):
        _check_head(self, request, "logistic")
        if request.head.complete is False:
            raise ValueError(
                "CertifiedRemoval needs all rows that stay, and the weights of those passed as "
                "X_retain do not add up to them; pass every row that the classifier was trained on "
                "and has not forgotten."
            )

    def unlearn(self, request):
        head = request.head
        budget = head.noise * self.epsilon / np.sqrt(2 * np.log(1.5 / self.delta))
        weights, residuals = self._newton(request)
        bound = float(np.sqrt((residuals**2).sum()))
        assumptions = [
            Assumption("every row of features has norm at most 1", checked=True),
            Assumption("the loss was perturbed by N(0, sigma^2) noise at fit", checked=True),
            Assumption("features are exact, and those that fit used", checked=True),
            Assumption("the rows were trained on", checked=head.members_checked),
            Assumption(
                "the noise, and any random_state that it was drawn from, is secret, and requests "
                "do not depend on it",
                checked=False,
            ),
            head.origin,
            Assumption(UPSTREAM, checked=False),
        ]
        if bound <= budget:
            return Outcome(
                params=head.params_of(weights),
                stop_reason="Newton step within the budget",
                head_state={
                    **head.state,
                    "residuals": residuals,
                    "weight": head.state["weight"] - head.forget_weights.sum(),
                },
                certificate=Certificate(
                    "certified", self.epsilon, self.delta, bound, float(budget), assumptions
                ),
            )
        run = request.refit(request.seed)
        return Outcome(
            params=run.params,
            stop_reason="budget passed: the head was fitted anew",
            n_epochs=run.epoch,
            certificate=Certificate("exact", assumptions=[head.origin, assumptions[-1]]),
            notes=[
                f"the removal would bring the residual bound to {bound:.3g}, beyond the budget "
                f"{budget:.3g} of ({self.epsilon:g}, {self.delta:g}); the head was fitted anew "
                "with new noise, and the bound starts again."
            ],
        )

    def _newton(self, request):
        head, forget, retain = request.head, request.forget, request.retain
        problem = LogisticHead(head.penalty)
        phi_f, phi_r = head.features(forget.X), head.features(retain.X)
        w = head.weights
        # At the optimum of the perturbed loss the removed rows' gradient is all that is
        # left over when they go.
        delta = problem.gradient(w, phi_f, head.signs(forget.labels), head.forget_weights)
        # Sample weights scale a row's loss, and with it the curvature's Lipschitz constant.
        scaled = phi_r * np.sqrt(head.retain_weights)[:, None]
        spectral = np.linalg.norm(scaled, 2)
        moved, residuals = w.copy(), head.state["residuals"].copy()
        for k in range(w.shape[1]):
            hessian = problem.hessian(w[:, k], phi_r, head.retain_weights)
            step = np.linalg.solve(hessian, delta[:, k])
            moved[:, k] += step
            residuals[k] += 0.25 * np.linalg.norm(step) * np.linalg.norm(scaled @ step) * spectral
        return moved, residuals


def _check_head(strategy, request, kind):
    name = type(strategy).__name__
    how = f"fit QNNClassifier(trainable='head', head={kind!r}"
    if request.head is None:
        raise ValueError(
            f"{name} cannot vouch for circuit weights that were trained on the forgotten rows; "
            f"{how}, ...) with circuit weights that are fixed or trained on other data, or use "
            "the strategy 'retrain'."
        )
    if request.head.kind != kind:
        raise ValueError(
            f"{name} needs a {kind} head; this classifier has head={request.head.kind!r}. {how}, "
            "...)."
        )
    if request.head.state is None:
        raise ValueError(
            f"{name} goes on from what fit or an earlier {name} left, and another strategy has "
            "moved the head since; fit again, or use the strategy 'retrain'."
        )
    if not request.head.exact:
        raise ValueError(
            f"{name} needs the features that fit used, and a sampled backend draws new ones each "
            "time; fit with an exact backend ('statevector'), or use the strategy 'retrain'."
        )
    if not request.head.same_features:
        raise ValueError(
            f"{name} needs the features that fit used, and the backend that is set now gives "
            "others; set the backend of fit again, or use the strategy 'retrain'."
        )
    if not request.head.weights_known:
        raise ValueError(
            f"{name} needs the forgotten rows' sample weights, and store_data='none' kept none of "
            "them; fit with store_data='rows' or 'fingerprints', or use the strategy 'retrain'."
        )


def _check_still_a_gram_matrix(gram, before):
    """Rows that were never added leave a matrix that is no sum of squares."""
    if np.linalg.eigvalsh(gram)[0] < -1e-9 * np.trace(before):
        raise ValueError(
            "the rows to forget cannot have been trained on: without them the head's normal "
            "equations are those of no data. Pass rows as they were given to fit."
        )
