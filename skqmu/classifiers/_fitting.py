"""From validated arrays to a trained run: weights, validation part, hooks, loop."""

import hashlib
from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.class_weight import compute_class_weight

from ..backends import BaseBackend, is_live, resolve_backend
from ..circuits import plain
from ..training import (
    OPTIMIZERS,
    SGD,
    Adam,
    Checkpoint,
    EarlyStopping,
    EpochPrinter,
    Minimizer,
    Objective,
    Point,
    Progress,
    Records,
    Tolerance,
    TrainingRun,
    check_optimizer,
    optimizer_identity,
    resolve_optimizer,
)

__all__ = [
    "LATER_FITS",
    "REQUESTS",
    "FitData",
    "check_solver",
    "child_seed",
    "class_factors",
    "initial_params",
    "loop_hooks",
    "make_records",
    "make_run",
    "make_solver",
    "resolved_batch_size",
    "scaled_weights",
    "takes_steps",
    "validation_rows",
]

# Children of a fit's seed: each purpose draws from a stream of its own, so that, say,
# another initialisation does not change the order of the batches.
_INITIAL, _ORDER, _SPLIT, _SEARCH = range(4)
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
    ids : ndarray of shape (n,) or None
        Whose each row is.
    """

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    n_classes: int
    positions: np.ndarray | None = None
    n_given: int = 0
    ids: np.ndarray | None = None

    def __len__(self):
        return len(self.X)


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
    weights = scaled_weights(data.labels, data.weights, class_weight, classes)
    return Records(data.X, np.eye(data.n_classes)[data.labels], weights)


def scaled_weights(labels, weights, class_weight, classes):
    """Weights of all rows of a fit as the loss uses them: they average 1.

    Parameters
    ----------
    labels : ndarray of int of shape (n,)
    weights : ndarray of shape (n,)
        Sample weights, as given.
    class_weight : dict, "balanced" or None
    classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        A class weight that is no weight, or names no class.
    """
    if class_weight is not None:
        weights = weights * class_factors(labels, weights, class_weight, classes)[labels]
    mean = weights.mean()
    if mean == 0:
        raise ValueError(f"class_weight={class_weight!r} gives every row the weight 0.")
    return weights / mean


def class_factors(labels, weights, class_weight, classes):
    """Weight of each class, shape (n_classes,); arguments as of `scaled_weights`."""
    present = np.unique(labels)
    per_class = np.ones(len(classes))
    if not isinstance(class_weight, dict):
        per_class[present] = compute_class_weight(
            class_weight, classes=classes[present], y=classes[labels], sample_weight=weights
        )
        return per_class
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown and not set(known) <= set(class_weight):
        raise ValueError(
            f"class_weight has the keys {unknown}, which are not among the classes {known}; a "
            "class that is left out has weight 1."
        )
    for i, label in enumerate(known):
        weight = class_weight.get(label, 1.0)
        if not isinstance(weight, Real) or not np.isfinite(weight) or weight < 0:
            raise ValueError(
                f"class_weight[{label!r}]={weight!r} must be a finite number that is not negative."
            )
        per_class[i] = weight
    return per_class


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
            f"{fraction} of n_samples={n} leaves none to train on."
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


def takes_steps(estimator):
    """Whether the solver takes steps along gradients, batch by batch, as the loop hands them out.

    The others, qiskit-machine-learning's, choose for themselves where to look at the loss.
    """
    return isinstance(estimator.solver, str) and estimator.solver not in OPTIMIZERS


def check_solver(estimator):
    """Refuse a solver that is none, and parameters that it cannot honour.

    Raises
    ------
    ValueError
    ImportError
        The solver's library is not installed.
    """
    if takes_steps(estimator):
        return
    solver = estimator.solver
    check_optimizer(solver)
    told = repr(solver) if isinstance(solver, str) else f"{type(solver).__name__}()"
    for name, why in (
        ("early_stopping", "it keeps the epoch with the best validation loss"),
        ("log_updates", "it writes down which rows each step came from"),
    ):
        if getattr(estimator, name):
            raise ValueError(
                f"{name}=True needs a solver that steps through batches ({why}), and "
                f"solver={told} looks at all rows at once; use solver='adam' or 'sgd'."
            )


def make_solver(estimator, learning_rate):
    """Fresh solver for steps along gradients; Adam where the estimator's own takes none."""
    if estimator.solver == "sgd":
        return SGD(
            learning_rate, momentum=estimator.momentum, nesterov=estimator.nesterovs_momentum
        )
    return Adam(
        learning_rate, beta_1=estimator.beta_1, beta_2=estimator.beta_2, epsilon=estimator.epsilon
    )


def _solver_of_fit(estimator, network, seed, max_iter):
    if takes_steps(estimator):
        return make_solver(estimator, estimator.learning_rate_init)
    optimizer = resolve_optimizer(
        estimator.solver,
        max_iter=max_iter,
        learning_rate=estimator.learning_rate_init,
        n_parameters=_n_moving(estimator, network),
    )
    return Minimizer(
        optimizer, child_seed(seed, _SEARCH), warns=not isinstance(estimator.solver, str)
    )


def _n_moving(estimator, network):
    trainable = estimator._trainable_mask(network)
    n = network.layout.n_parameters
    return n if trainable is None else int(np.count_nonzero(trainable[:n]))


def resolved_batch_size(estimator, n_rows):
    """`batch_size`, where ``"auto"`` is min(200, n_rows)."""
    size = 200 if estimator.batch_size == "auto" else estimator.batch_size
    return min(size, n_rows)


def make_run(estimator, network, records, seed, *, start=None, max_iter=None, objective=None):
    """A run at its start, over `records`.

    Parameters
    ----------
    start : Point or None
        Parameters and moments to go on from; None: fresh ones.
    objective : Objective or None
        None: the mean loss of the records.
    """
    if start is None:
        start = Point(estimator._initial_params(network, seed))
    if objective is None:
        objective = Objective(
            {"train": records},
            decay=estimator.alpha / len(records),
            trainable=estimator._trainable_mask(network),
        )
    max_iter = estimator.max_iter if max_iter is None else max_iter
    return TrainingRun(
        network=network,
        objective=objective,
        solver=_solver_of_fit(estimator, network, seed, max_iter),
        point=start,
        seed=child_seed(seed, _ORDER),
        max_iter=max_iter,
        batch_size=resolved_batch_size(estimator, len(records)),
    )


def loop_hooks(estimator, run, valid=None, *, extra_hooks=(), title="fit", checkpoint=None):
    """The estimator's hooks for a run.

    Parameters
    ----------
    checkpoint : path-like or None, default=None
        The estimator's own belongs to one fit. Any other is a request's: that of another
        request, which was cut off, is written over.
    """
    criterion = {"tol": estimator.tol, "n_iter_no_change": estimator.n_iter_no_change}
    hooks = []
    # The others have criteria of their own; a private fit must not look at its loss.
    if takes_steps(estimator) and estimator.privacy is None:
        hooks = [Tolerance(**criterion) if valid is None else EarlyStopping(valid, **criterion)]
    if estimator.verbose == 1:
        hooks.append(Progress(f"{type(estimator).__name__} {title}"))
    elif estimator.verbose > 1:
        hooks.append(EpochPrinter(f"{type(estimator).__name__} {title}"))
    hooks.extend(extra_hooks)
    if checkpoint is not None:
        saved = [hook for hook in hooks if hook.state]
        signature = _signature(estimator, run, valid)
        replaces = str(checkpoint) != str(estimator.checkpoint)
        hooks.append(Checkpoint(checkpoint, signature, saved, replaces=replaces))
    return hooks


def _signature(estimator, run, valid):
    """What must be equal for a checkpoint to be resumed: parameters, data, start."""
    digest = hashlib.blake2b(digest_size=16)
    params = estimator.get_params(deep=False)
    for name in ("checkpoint", "verbose", "unlearning", "store_data"):
        params.pop(name, None)
    digest.update(repr(sorted((name, _told(value)) for name, value in params.items())).encode())
    digest.update(repr((run.seed.entropy, run.seed.spawn_key)).encode())
    arrays = [run.params, *run.objective.fingerprint()]
    if run.objective.trainable is not None:
        arrays.append(run.objective.trainable)
    for records in (run.objective.streams["train"], valid):
        if records is not None:
            arrays += [records.X, records.targets, records.weights]
    for array in arrays:
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _told(value):
    """A parameter as a string that is the same in another process."""
    value = resolve_backend(value) if is_live(value) else plain(value)
    if isinstance(value, BaseBackend):
        return value.outcome_identity()
    if callable(getattr(value, "minimize", None)):
        return optimizer_identity(value)
    if hasattr(value, "named_modules"):  # a torch module; its values are among the run's
        return repr((value, [(name, part.training) for name, part in value.named_modules()]))
    if isinstance(value, np.ndarray):
        return repr((value.shape, value.dtype.str, hashlib.blake2b(value.tobytes()).hexdigest()))
    if isinstance(value, list | tuple):
        return repr([_told(item) for item in value])
    if hasattr(value, "data") and hasattr(value, "find_bit"):  # a circuit; its repr is an address
        return repr(
            [
                (
                    instruction.operation.name,
                    [
                        _told(p) if isinstance(p, np.ndarray) else str(p)
                        for p in instruction.operation.params
                    ],
                    [value.find_bit(bit).index for bit in instruction.qubits],
                )
                for instruction in value.data
            ]
        )
    return repr(value)
