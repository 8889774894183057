"""Classifiers whose circuit is fixed: the head is solved on its features, not trained."""

import numpy as np

from ..training import FitResult, LogisticHead, RidgeHead
from ..unlearning import Assumption, HeadEvidence, HeadMaps, HeadProblem, HeadView
from ._fitting import child_seed, class_factors
from .state import fitted_state

__all__ = ["head_view", "solve_head"]

_NOISE = 3
# Rows whose features tell whether a backend is still the one of fit.
_N_PROBES = 2


def solve_head(estimator, network, data, seed):
    """Fit a ridge or logistic head on fixed quantum features; returns a `FitResult`.

    Weights of the rows are taken as given: a row's share of the loss must not depend on who
    else is there, or it could not be taken out.
    """
    spent = network.meter.copy()
    design = fitted_state(estimator).structure
    params = estimator._initial_params(network, seed)
    weights = _row_weights(estimator, data)
    layout = _Head(estimator, network)
    phi = layout.features(params, data.X)
    state = {
        "exact": estimator._backend().exact,
        "probe": layout.probe(params, data.X.shape[1]),
        "weight": float(weights.sum()),
        "unit_weights": bool((data.weights == 1).all()),
    }
    if design["head"] == "ridge":
        targets = np.eye(data.n_classes)[data.labels]
        gram, moment = RidgeHead.moments(phi, targets, weights)
        solution = RidgeHead(design["head_penalty"]).solve(gram, moment)
        state.update(gram=gram, moment=moment)
        residual = phi @ solution - targets
        loss = float(weights @ (residual**2).sum(axis=1)) / weights.sum()
    else:
        problem = LogisticHead(design["head_penalty"])
        signs = layout.signs(data.labels, data.n_classes)
        noise = _noise(estimator, seed, (phi.shape[1], signs.shape[1]))
        solution = problem.solve(phi, signs, weights, noise)
        left = problem.gradient(solution, phi, signs, weights) + noise
        state["residuals"] = np.linalg.norm(left, axis=0)
        loss = float(problem.loss(solution, phi, signs, weights).sum()) / weights.sum()
    return FitResult(
        params=layout.params_of(params, solution),
        held_out=np.zeros(len(data), dtype=bool),
        history=[{"epoch": 1, "loss": loss, "gradient_norm": 0.0, "seconds": 0.0}],
        cost=network.meter.since(spent),
        stop_reason="solved",
        n_steps=1,
        head_state=state,
    )


def head_view(estimator, network, forget, retain):
    """The head on a fixed circuit, as a strategy sees it."""
    design = fitted_state(estimator).structure
    layout = _Head(estimator, network)
    params = estimator.params_
    given = design["circuit_weights"] is not None
    origin = Assumption(
        "circuit weights were passed in, trained on rows outside this data"
        if given
        else "circuit weights were drawn at random and never trained",
        checked=not given,
    )
    state = fitted_state(estimator).head_state
    recorded = fitted_state(estimator).members.mode != "none"
    forget_weights = _row_weights(estimator, forget)
    retain_weights = None if retain is None else _row_weights(estimator, retain)
    exact = same = complete = False
    if state is not None:
        exact = bool(state["exact"] and estimator._backend().exact)
        same = exact and np.allclose(
            state["probe"], layout.probe(params, forget.X.shape[1]), rtol=0, atol=1e-9
        )
    if retain is None:
        complete = None
    elif state is not None:
        at_hand = forget_weights.sum() + retain_weights.sum()
        complete = bool(np.isclose(at_hand, state["weight"], rtol=1e-9))
    return HeadView(
        problem=HeadProblem(
            kind=design["head"], penalty=design["head_penalty"], noise=design["objective_noise"]
        ),
        evidence=HeadEvidence(
            exact=exact,
            same_features=same,
            complete=complete,
            weights_known=recorded or state is None or state["unit_weights"],
            members_checked=recorded,
            origin=origin,
        ),
        maps=HeadMaps(
            features=lambda X: layout.features(params, X),
            signs=lambda labels: layout.signs(labels, len(estimator.classes_)),
            params_of=lambda weights: layout.params_of(params, weights),
        ),
        weights=layout.weights_of(params),
        state=state,
        forget_weights=forget_weights,
        retain_weights=retain_weights,
    )


class _Head:
    """Between the flat vector and a head's weights on features of norm at most 1.

    The head's kernel K and bias act on expectation values z; the weights w on
    ``phi = [z / bound, 1] / sqrt(m + 1)`` (logistic) or ``[z, 1]`` (ridge).
    """

    def __init__(self, estimator, network):
        self.network = network
        self.slices = network.layout.slices
        names = [layer.name for layer in network.layers]
        self.n_layers = names.index("quantum") + 1
        bounds = np.append(estimator._observable_bounds(), 1.0)
        logistic = fitted_state(estimator).structure["head"] == "logistic"
        self.scale = 1.0 / (bounds * np.sqrt(len(bounds))) if logistic else np.ones(len(bounds))

    def features(self, params, X):
        values = self.network.outputs(params, X, n_layers=self.n_layers)
        return np.concatenate([values, np.ones((len(X), 1))], axis=1) * self.scale

    def probe(self, params, n_features):
        """Features of rows that are the same for every data set."""
        rows = np.random.default_rng(0).uniform(-3.0, 3.0, (_N_PROBES, n_features))
        return self.features(params, self.network.nearest_inputs(rows))

    def params_of(self, params, weights):
        params = params.copy()
        # Kernel row by row, then the bias: the layout of a dense layer.
        params[self.slices["head"]] = (weights * self.scale[:, None]).ravel()
        return params

    def weights_of(self, params):
        return params[self.slices["head"]].reshape(len(self.scale), -1) / self.scale[:, None]

    @staticmethod
    def signs(labels, n_classes):
        """+1 for the column's own class, -1 for the others; one column for two classes."""
        columns = [1] if n_classes == 2 else range(n_classes)
        return np.where(labels[:, None] == np.asarray(columns), 1.0, -1.0)


def _row_weights(estimator, part):
    class_weight = estimator.class_weight
    if class_weight is None:
        return part.weights
    factor = class_factors(part.labels, part.weights, class_weight, estimator.classes_)
    return part.weights * factor[part.labels]


def _noise(estimator, seed, shape):
    """The secret linear term; from the operating system unless `random_state` fixes it."""
    scale = fitted_state(estimator).structure["objective_noise"]
    if not scale:
        return np.zeros(shape)
    if estimator.random_state is None:
        rng = np.random.default_rng()
    else:
        rng = np.random.default_rng(child_seed(seed, _NOISE))
    return rng.normal(0.0, scale, shape)
