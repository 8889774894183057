"""From validated arrays to a trained run: weights, validation part, hooks, loop."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.class_weight import compute_class_weight

from ..training import (
    SGD,
    Adam,
    Checkpoint,
    EarlyStopping,
    EpochPrinter,
    Objective,
    Point,
    Progress,
    Records,
    Tolerance,
    TrainingRun,
    train,
)

__all__ = [
    "LATER_FITS",
    "REQUESTS",
    "FitData",
    "Trained",
    "child_seed",
    "initial_params",
    "make_records",
    "make_run",
    "make_solver",
    "run_loop",
    "validation_rows",
]

# Children of a fit's seed: each purpose draws from a stream of its own, so that, say,
# another initialisation does not change the order of the batches.
_INITIAL, _ORDER, _SPLIT = range(3)
# Later calls of fit (warm_start) and partial_fit, and deletion requests, under one seed.
LATER_FITS = 1_000_000
REQUESTS = 2_000_000


def child_seed(seed, purpose):
    """Seed of one purpose within a fit."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, purpose))


@dataclass(frozen=True)
class FitData:
    """Validated rows of one fit.

    Attributes
    ----------
    X : ndarray of shape (n, n_features)
    labels : ndarray of int of shape (n,)
    weights : ndarray of shape (n,)
        Positive sample weights, as given; rows of zero weight are not here.
    n_classes : int
    positions : ndarray of int of shape (n,) or None
        Place of each row among those given.
    n_given : int
        Rows given, those of zero weight included.
    """

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    n_classes: int
    positions: np.ndarray | None = None
    n_given: int = 0

    def __len__(self):
        return len(self.X)


@dataclass(frozen=True)
class Trained:
    """What a fit leaves behind.

    Attributes
    ----------
    run : TrainingRun
    held_out : ndarray of bool of shape (n,)
        Rows of the validation part.
    updates : list of (ndarray of int, ndarray) or None
        With ``log_updates``: the rows of a step's batch, and the step.
    importances : dict of str to Importance
        Where the rows themselves are not kept and the configured strategy compares them.
    head_state : dict or None
        Of a solved head: what its solution depends on, or how exact it is.
    """

    run: TrainingRun
    held_out: np.ndarray
    updates: list | None = None
    importances: dict = field(default_factory=dict)
    head_state: dict | None = None


def initial_params(network, seed):
    """Parameters that a fit with this seed starts from."""
    return network.initial(np.random.default_rng(child_seed(seed, _INITIAL)))


def make_records(data, class_weight, classes):
    """Records with one-hot targets and weights that average 1.

    Parameters
    ----------
    data : FitData
    class_weight : dict, "balanced" or None
    classes : ndarray of shape (n_classes,)
        Labels as the user knows them (keys of a `class_weight` dict).
    """
    weights = data.weights
    if class_weight is not None:
        present = np.unique(data.labels)
        per_class = np.ones(data.n_classes)
        per_class[present] = compute_class_weight(
            class_weight,
            classes=classes[present],
            y=classes[data.labels],
            sample_weight=data.weights,
        )
        weights = weights * per_class[data.labels]
    return Records(data.X, np.eye(data.n_classes)[data.labels], weights / weights.mean())


def validation_rows(labels, fraction, seed):
    """Mask of the validation part, stratified where every class has rows enough.

    Raises
    ------
    ValueError
        Too few rows for two parts.
    """
    n = len(labels)
    n_valid = int(np.ceil(fraction * n))
    if n_valid >= n:
        raise ValueError(
            f"early_stopping=True needs rows beyond its validation part; validation_fraction="
            f"{fraction} of {n} rows leaves none to train on."
        )
    counts = np.unique(labels, return_counts=True)[1]
    stratify = counts.min() >= 2 and min(n_valid, n - n_valid) >= len(counts)
    splitter = (StratifiedShuffleSplit if stratify else ShuffleSplit)(
        n_splits=1,
        test_size=n_valid,
        random_state=int(child_seed(seed, _SPLIT).generate_state(1)[0]),
    )
    mask = np.zeros(n, dtype=bool)
    mask[next(splitter.split(np.zeros((n, 1)), labels))[1]] = True
    return mask


def make_solver(estimator, learning_rate):
    """Fresh solver of the estimator's kind."""
    if estimator.solver == "adam":
        return Adam(
            learning_rate,
            beta_1=estimator.beta_1,
            beta_2=estimator.beta_2,
            epsilon=estimator.epsilon,
        )
    return SGD(learning_rate, momentum=estimator.momentum, nesterov=estimator.nesterovs_momentum)


def resolved_batch_size(estimator, n_rows):
    """`batch_size`, where ``"auto"`` is min(200, n_rows)."""
    size = 200 if estimator.batch_size == "auto" else estimator.batch_size
    return min(size, n_rows)


def make_run(estimator, network, records, seed, *, start=None, max_iter=None):
    """A run at its start, over `records`.

    Parameters
    ----------
    start : Point or None
        Parameters and moments to go on from; None: fresh ones.
    """
    if start is None:
        start = Point(estimator._initial_params(network, seed))
    return TrainingRun(
        network=network,
        objective=Objective(
            {"train": records},
            decay=estimator.alpha / len(records),
            trainable=estimator._trainable_mask(network),
        ),
        solver=make_solver(estimator, estimator.learning_rate_init),
        point=start,
        seed=child_seed(seed, _ORDER),
        max_iter=estimator.max_iter if max_iter is None else max_iter,
        batch_size=resolved_batch_size(estimator, len(records)),
    )


def run_loop(estimator, run, valid=None, *, extra_hooks=(), title="fit", checkpoint=None):
    """Train with the estimator's hooks; returns the run."""
    criterion = {"tol": estimator.tol, "n_iter_no_change": estimator.n_iter_no_change}
    hooks = [Tolerance(**criterion) if valid is None else EarlyStopping(valid, **criterion)]
    saved = list(hooks)
    if estimator.verbose == 1:
        hooks.append(Progress(f"{type(estimator).__name__} {title}"))
    elif estimator.verbose > 1:
        hooks.append(EpochPrinter(f"{type(estimator).__name__} {title}"))
    hooks.extend(extra_hooks)
    if checkpoint is not None:
        hooks.append(Checkpoint(checkpoint, _signature(estimator, run), saved))
    return train(run, hooks)


def _signature(estimator, run):
    """What must be equal for a checkpoint to be resumed: parameters, data, start."""
    digest = hashlib.blake2b(digest_size=16)
    params = estimator.get_params(deep=False)
    for name in ("checkpoint", "verbose", "unlearning", "store_data"):
        params.pop(name, None)
    digest.update(repr(sorted((name, repr(value)) for name, value in params.items())).encode())
    digest.update(repr((run.seed.entropy, run.seed.spawn_key)).encode())
    records = run.objective.streams["train"]
    for array in (run.params, records.X, records.targets, records.weights):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
