"""Deletion from a head on fixed quantum features: exact, or certified."""

from numbers import Real

import numpy as np

from .._validation import Interval, StrOptions
from ..exceptions import UnlearningError
from ..training import LogisticHead, RidgeHead
from ._certificate import UPSTREAM, Assumption, Certificate
from ._outcome import Outcome
from ._strategy import UnlearningStrategy
from ._unlearning_request import UnlearningRequest

__all__ = ["CertifiedRemoval", "ExactDowndate"]

# Of a row's gradient, whose norm is at most 1, in a sum over rows.
_ROUNDING = 8 * np.finfo(float).eps


class ExactDowndate(UnlearningStrategy):
    """Take the rows out of a ridge head's normal equations and solve again.

    "Exact" compares one version of the model with one retrained without the rows: whoever also
    holds the version before the deletion can tell who was deleted
    (:class:`skqmu.attacks.UpdateAttack`).

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
    >>> clf.unlearning_log_[-1]["certificate"]["kind"]
    'exact'
    """

    kind = "exact"
    source = "recursive least squares"
    damage = "none"
    formula = "solve (G - Phi_f' Phi_f + lam I) w = m - Phi_f' t_f"
    advice = "Exact and instant, where a head on fixed features is model enough."
    requires = frozenset({"forget"})
    classifier_params = {"trainable": "head", "head": "ridge"}

    def check(self, request: UnlearningRequest) -> None:
        _check_head(self, request, "ridge")

    def unlearn(self, request: UnlearningRequest) -> Outcome:
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
    included, and H the Hessian on what remains. What the step leaves of the gradient of the
    perturbed loss, r, adds to the residual bound. While the bound is within
    ``sigma epsilon / sqrt(2 ln(1.5 / delta))``, the random term of the loss hides the
    difference; a removal that would pass it retrains the head on the rows that stay, and the
    log says so. "Certified" compares one version of the model with one retrained without the rows:
    whoever also holds the version before the deletion may tell who was deleted
    (:class:`skqmu.attacks.UpdateAttack`).

    Parameters
    ----------
    epsilon : float, default=1.0
    delta : float, default=1e-4
    residual : {"computed", "bounded"}, default="computed"
        How much a removal adds to the bound. ``"computed"``: the norm of
        ``r = g(w + s) - g(w) - H s``, for the step s and the gradient g on what remains,
        which costs one more pass over it. ``"bounded"``: the source's upper bound on that
        norm, ``1/4 |s| |Phi s| |Phi|_2``, some ten to a hundred times as much.

    Notes
    -----
    Source: Guo et al. 2020 (arXiv 1911.03030), Theorem 3; ``residual="bounded"`` is their
    Corollary 2 with l'' Lipschitz by 1/4 as there. The theorem asks for a bound on the
    residual only, so the computed norm serves as well; norms of successive removals are
    added up, for their sum as a vector would tell what was removed. For
    ``QNNClassifier(trainable="head", head="logistic", objective_noise=sigma)``.

    Beyond the budget the source retrains with new noise. But whether the budget is passed
    depends on the old noise: models that were not retrained are a selection by it, and an
    attacker can tell (the library's tests hold one that does). Here retraining solves under
    the linear term that the present weights imply. It adds nothing to the bound, the
    certificate stays what it was, and every further removal that does not fit the budget
    retrains, too. For a full budget, refit by ``strategy="retrain"`` at a time that does not
    depend on what is left.

    One-vs-rest heads share one budget: their bounds add up in the
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
    >>> clf.unlearning_log_[-1]["certificate"]["kind"]
    'certified'
    """

    kind = "certified"
    source = "Guo et al. 2020 (arXiv 1911.03030)"
    damage = "none"
    formula = "s = H^-1 Delta; w += s; bound += |g(w + s) - g(w) - H s|"
    advice = "A proof instead of a measurement, for a head on fixed features."
    requires = frozenset({"forget", "retain", "objective_noise"})
    classifier_params = {"trainable": "head", "head": "logistic", "objective_noise": 1.0}
    _parameter_constraints = {
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "delta": [Interval(Real, 0, 1, closed="neither")],
        "residual": [StrOptions({"computed", "bounded"})],
    }

    def __init__(self, *, epsilon: float = 1.0, delta: float = 1e-4, residual: str = "computed"):
        self.epsilon = epsilon
        self.delta = delta
        self.residual = residual

    def check(self, request: UnlearningRequest) -> None:
        _check_head(self, request, "logistic")
        if request.head.complete is False:
            raise ValueError(
                "CertifiedRemoval needs all rows that stay, and the weights of those passed as "
                "X_retain do not add up to them; pass every row that the classifier was trained on "
                "and has not forgotten."
            )

    def unlearn(self, request: UnlearningRequest) -> Outcome:
        head = request.head
        budget = head.noise * self.epsilon / np.sqrt(2 * np.log(1.5 / self.delta))
        weights, residuals = self._newton(request)
        reason, notes = "Newton step within the budget", []
        wanted = _root_of_squares(residuals)
        if not np.isfinite(wanted):
            raise UnlearningError(
                "CertifiedRemoval met features or weights that are not finite numbers; nothing was "
                "changed. Check the rows and the backend, or use the strategy 'retrain'."
            )
        if wanted > budget:
            weights, residuals = self._solve_anew(request)
            reason = "budget passed: the head was retrained on the rows that stay"
            notes = [
                f"a Newton step would bring the residual bound to {wanted:.3g}, beyond the budget "
                f"{budget:.3g} of ({self.epsilon:g}, {self.delta:g}); the head was retrained, "
                "under the same noise. For a full budget, refit with strategy='retrain'."
            ]
        bound = _root_of_squares(residuals)
        if bound > budget:  # earlier requests were granted a larger one than this one allows
            return self._with_new_noise(request, bound, budget)
        return Outcome(
            params=head.params_of(weights),
            stop_reason=reason,
            head_state={
                **head.state,
                "residuals": residuals,
                "weight": head.state["weight"] - head.forget_weights.sum(),
            },
            certificate=Certificate(
                "certified", self.epsilon, self.delta, bound, float(budget), _assumptions(head)
            ),
            notes=notes,
        )

    def _with_new_noise(self, request, bound, budget):
        fit = request.refit(request.seed)
        return Outcome(
            params=fit.params,
            stop_reason="budget passed before: the head was retrained with new noise",
            n_epochs=len(fit.history),
            refit=fit,
            certificate=Certificate(
                "exact", assumptions=[request.head.origin, Assumption(UPSTREAM, checked=False)]
            ),
            notes=[
                f"the residual bound of earlier removals, {bound:.3g}, is beyond the budget "
                f"{budget:.3g} of ({self.epsilon:g}, {self.delta:g}); the head was retrained with "
                "new noise, and the bound starts again."
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
        steps, bends = np.empty_like(w), np.empty_like(w)
        for k in range(w.shape[1]):
            hessian = problem.hessian(w[:, k], phi_r, head.retain_weights)
            steps[:, k] = np.linalg.solve(hessian, delta[:, k])
            bends[:, k] = hessian @ steps[:, k]
        if self.residual == "computed":
            signs = head.signs(retain.labels)
            before = problem.gradient(w, phi_r, signs, head.retain_weights)
            after = problem.gradient(w + steps, phi_r, signs, head.retain_weights)
            left = np.linalg.norm(after - before - bends, axis=0)
            # The difference of sums over rows is known to rounding only.
            left += _ROUNDING * head.retain_weights.sum()
        else:
            # Sample weights scale a row's loss, and with it the curvature's Lipschitz constant.
            scaled = phi_r * np.sqrt(head.retain_weights)[:, None]
            spectral = np.linalg.norm(scaled, 2)
            left = 0.25 * spectral * np.linalg.norm(steps, axis=0)
            left *= np.linalg.norm(scaled @ steps, axis=0)
        return w + steps, head.state["residuals"] + left

    def _solve_anew(self, request):
        """The optimum on what remains, under the linear term that the weights now imply."""
        head, forget, retain = request.head, request.forget, request.retain
        problem, w = LogisticHead(head.penalty), head.weights
        parts = [(forget, head.forget_weights), (retain, head.retain_weights)]
        data = [(head.features(p.X), head.signs(p.labels), weights) for p, weights in parts]
        implied = -sum(problem.gradient(w, *part) for part in data)
        solution = problem.solve(*data[1], implied)
        left = np.linalg.norm(problem.gradient(solution, *data[1]) + implied, axis=0)
        return solution, head.state["residuals"] + left


def _assumptions(head):
    """What the certificate of a removal rests on."""
    return [
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


def _root_of_squares(values):
    return float(np.sqrt((values**2).sum()))


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
