"""Classifiers with a linear loss: on what conditions, and the run over their class statistics."""

import numpy as np

from ..backends import StatevectorBackend
from ..training import Point, StatisticsObjective, TrainingRun
from ._fitting import child_seed, class_factors, make_solver

__all__ = [
    "check_linear_loss",
    "linear_class_factors",
    "make_statistics_run",
]

_ORDER = 1
# Parameter, the value that it must have, and why.
_CONDITIONS = (
    ("trainable", "all", "trains the circuit and reads probabilities, with no head behind them"),
    ("head", "softmax", "reads probabilities, with no head behind them"),
    ("circuit_weights", None, "trains the circuit from its own start"),
    ("observables", "zz", "reads the probabilities of the lowest qubits' outcomes, nothing else"),
    ("reuploading", False, "needs an encoding that comes once, before all that is trained"),
    ("batch_size", "auto", "takes all rows in each step, whatever their number"),
    ("early_stopping", False, "keeps sums over all rows, with no validation rows apart"),
    ("log_updates", False, "has no batches whose steps could be told apart"),
    ("warm_start", False, "starts each training at its stored start (partial_fit adds rows)"),
    ("alpha", 0, "has no kernel that a penalty could act on"),
)


def check_linear_loss(estimator):
    """Refuse parameters under which the rows would be more to the loss than their sums.

    Raises
    ------
    ValueError
    """

    def refuse(name, why, way_out):
        told = getattr(estimator, name)
        told = f"<array of shape {np.shape(told)}>" if name == "circuit_weights" else repr(told)
        raise ValueError(f"loss='linear' {why}; got {name}={told}. {way_out}")

    for name, needed, why in _CONDITIONS:
        value = getattr(estimator, name)
        many = hasattr(value, "__len__") and not isinstance(value, str)  # it has no one truth value
        if many or value != needed:
            refuse(name, why, f"Use {name}={needed!r}, or loss='cross_entropy'.")
    scale = estimator.input_scale
    if isinstance(scale, str) and scale == "learned":
        refuse(
            "input_scale",
            "needs a fixed encoding",
            "Use input_scale='auto' (here 1.0 for the encodings by angles), numbers or None.",
        )
    if not (isinstance(estimator.solver, str) and estimator.solver in ("adam", "sgd")):
        refuse("solver", "takes the same steps again after a deletion", "Use 'adam' or 'sgd'.")
    if not isinstance(estimator._backend(), StatevectorBackend):
        refuse(
            "backend",
            "sums the rows' exact states, for fits and deletion requests alike",
            "Use backend='statevector' there; predictions run on any backend.",
        )


def linear_class_factors(statistics, class_weight, classes):
    """Weight of each class, from the statistics alone; shape (n_classes,).

    Parameters
    ----------
    statistics : ClassStatistics
    class_weight : dict, "balanced" or None
    classes : ndarray of shape (n_classes,)
    """
    present = np.flatnonzero(statistics.counts)
    if isinstance(class_weight, str):
        own = statistics.weights
        factors = np.ones(len(classes))
        factors[present] = own[present].sum() / (len(present) * own[present])
        return factors
    return class_factors(present, np.ones(len(present)), class_weight, classes)


def make_statistics_run(estimator, network, program, statistics, seed):
    """A run at its start, over class statistics."""
    factors = linear_class_factors(statistics, estimator.class_weight, estimator.classes_)
    risk = program.risk(statistics, factors)
    part = network.layout.slices["quantum"]
    return TrainingRun(
        network=network,
        objective=StatisticsObjective(risk, part, network.layout.size),
        solver=make_solver(estimator, estimator.learning_rate_init),
        point=Point(estimator._initial_params(network, seed)),
        seed=child_seed(seed, _ORDER),
        max_iter=estimator.max_iter,
        batch_size=risk.n_columns,
    )
