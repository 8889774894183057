"""What one step of the loop optimises: streams of records, and how they combine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import entr

from ..network import weighted_cross_entropy

if TYPE_CHECKING:
    from ._training_run import TrainingRun

__all__ = ["Objective", "Records", "shared_steps"]


@dataclass(frozen=True)
class Records:
    """Rows with a soft target and a weight each.

    Attributes
    ----------
    X : ndarray of shape (n, n_features)
    targets : ndarray of shape (n, C)
        Soft targets, rows sum to 1.
    weights : ndarray of shape (n,)
        Scaled by the estimator so that they average 1 over the training set.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import Records
    >>> records = Records(np.array([[-1.0], [1.0]]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.ones(2))
    >>> len(records), records.labels, records[[1]].X
    (2, array([0, 1]), array([[1.]]))
    >>> records.replace(weights=np.array([1.0, 3.0])).weights
    array([1., 3.])
    """

    X: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    def __len__(self):
        return len(self.X)

    def __getitem__(self, rows):
        return Records(self.X[rows], self.targets[rows], self.weights[rows])

    @property
    def labels(self) -> np.ndarray:
        """Index of each record's class, shape (n,)."""
        return self.targets.argmax(axis=1)

    def replace(
        self, *, targets: np.ndarray | None = None, weights: np.ndarray | None = None
    ) -> "Records":
        """Copy with other targets or weights.

        Parameters
        ----------
        targets : ndarray of shape (n, C) or None, default=None
        weights : ndarray of shape (n,) or None, default=None
            None: as they are.
        """
        return Records(
            self.X,
            self.targets if targets is None else targets,
            self.weights if weights is None else weights,
        )


class Objective:
    """Minimise the mean weighted cross-entropy of every stream, summed.

    Subclasses override only what differs: a mechanism is mostly a choice of targets
    and weights (here, in the records), or of one of the methods below.

    Parameters
    ----------
    streams : dict of str to Records
        Gradients are kept apart by stream where a subclass has `combine`.
    decay : float, default=0.0
        Coefficient of ``decay / 2 |kernels|^2`` over the network's decayed parameters.
    trainable : ndarray of bool or None, default=None
        Parameters that move; None: all.

    Attributes
    ----------
    combine : callable or None
        A method ``combine(gradients, run)`` of a subclass: one gradient from those of the
        streams (a dict), each 0 for parameters that do not move. None: they are summed, and a
        step may go over all streams in one pass.
    aggregate : callable or None
        A method ``aggregate(gradients)`` of a subclass: one gradient from those of a batch's
        records, each of its weighted loss, shape (B, layout.size), 0 for parameters that do not
        move. The batch is one of a single stream, and may be empty. None: the mean.
    pooled : bool
        Whether a step's batch is shared by the streams in proportion to their rows, so that
        an epoch takes every row once; if not, each stream fills a batch of its own.
    risk : callable or None
        From the flat vector to the loss of all rows together and its gradient, by sums that
        stand in for them; the streams then only say how many columns a step goes through. None:
        the streams' rows are gone through.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point, Records, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network = Network([Dense("head", 1, 2)])
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> class Climb(Objective):
    ...     def loss(self, stream, logits, batch):
    ...         values, slopes = super().loss(stream, logits, batch)
    ...         return -values, -slopes
    >>> climbing = Climb({"train": records})
    >>> run = TrainingRun(network, climbing, SGD(0.5), start, seed, max_iter=3, batch_size=2)
    >>> [round(row["loss"], 2) for row in train(run).history]
    [-0.69, -1.28, -2.79]
    """

    combine: Callable | None = None
    aggregate: Callable | None = None
    risk: Callable | None = None
    pooled = False

    def __init__(
        self,
        streams: dict[str, Records],
        *,
        decay: float = 0.0,
        trainable: np.ndarray | None = None,
    ):
        self.streams = streams
        self.decay = decay
        self.trainable = trainable

    def restrict(self, trainable: np.ndarray) -> None:
        """Let no parameter move but those of a mask, of those that moved before.

        Parameters
        ----------
        trainable : ndarray of bool of shape (n_parameters,)
        """
        self.trainable = trainable if self.trainable is None else trainable & self.trainable

    def phases(self, epoch: int) -> list[tuple[str, ...]]:
        """Tuples of stream names whose batches share a step, one pass after another.

        Parameters
        ----------
        epoch : int
        """
        return [tuple(self.streams)]

    def batches(self, epoch: int, batch_size: int, rng: np.random.Generator) -> Iterable[list]:
        """Batches of an epoch's steps, each a list of (stream, rows).

        Parameters
        ----------
        epoch : int
            From 0.
        batch_size : int
        rng : numpy.random.Generator
            For the order of the rows.

        Returns
        -------
        iterable of list of (str, ndarray of int)
            One list a step.

        Raises
        ------
        ValueError
            A stream holds no records.
        """
        return epoch_batches(self, epoch, batch_size, rng)

    def inputs(self, stream: str, batch: Records, run: "TrainingRun") -> np.ndarray:
        """Inputs that the network sees for a batch (adversarial streams change them).

        Parameters
        ----------
        stream : str
            Whose rows these are, a name among `streams`.
        batch : Records
        run : TrainingRun

        Returns
        -------
        ndarray of shape (B, n_inputs)
        """
        return batch.X

    def loss(
        self, stream: str, logits: np.ndarray, batch: Records
    ) -> tuple[np.ndarray, np.ndarray]:
        """Loss of each record, shape (B,), and its derivative by the logits, (B, C).

        Parameters
        ----------
        stream : str
            Whose rows these are, a name among `streams`.
        logits : ndarray of shape (B, C)
        batch : Records
        """
        return weighted_cross_entropy(logits, batch.targets, batch.weights)

    def guessing(self) -> float:
        """Loss of guessing by class frequency: what a model that learned nothing stays near."""
        records = self.streams["train"]
        shares = records.weights @ records.targets / records.weights.sum()
        return float(entr(shares).sum())

    def fingerprint(self) -> list[np.ndarray]:
        """Arrays, beside the streams', that a resumed run must find equal."""
        return []

    def penalty(self, run: "TrainingRun") -> tuple[float, np.ndarray | float]:
        """Value and gradient of what depends on the parameters alone.

        Parameters
        ----------
        run : TrainingRun
        """
        if not self.decay:
            return 0.0, 0.0
        kernels = run.network.decayed * run.params
        return 0.5 * self.decay * float(kernels @ kernels), self.decay * kernels


def epoch_batches(objective, epoch, batch_size, rng):
    """Batches of one epoch, as lists of (stream, rows), one list a step.

    A phase takes as many steps as its longest stream has batches; shorter streams are
    gone through again in a new order. Pooled streams share the batches instead.
    """
    for phase in objective.phases(epoch):
        sizes = {name: len(objective.streams[name]) for name in phase}
        if not all(sizes.values()):
            empty = [name for name, size in sizes.items() if not size]
            raise ValueError(f"stream {empty[0]!r} holds no records; there is nothing to train on.")
        if objective.pooled:
            yield from _shared_batches(sizes, batch_size, rng)
            continue
        if len(phase) == 1:
            (name,) = phase
            yield from ([(name, rows)] for rows in _one_pass(sizes[name], batch_size, rng))
            continue
        n_steps = max(-(-size // batch_size) for size in sizes.values())
        orders = {name: _passes(size, batch_size, rng) for name, size in sizes.items()}
        for _ in range(n_steps):
            yield [(name, next(order)) for name, order in orders.items()]


def shared_steps(sizes: Iterable[int], batch_size: int) -> int:
    """Steps of an epoch whose streams share the batches: no step is left without rows.

    Parameters
    ----------
    sizes : iterable of int
        Rows of each stream.
    batch_size : int
        Passed where the streams together have more batches than one of them has rows:
        a step then takes one row of each that has any left.

    Returns
    -------
    int

    Examples
    --------
    >>> from skqmu.training import shared_steps
    >>> shared_steps([10, 90], batch_size=20), shared_steps([1, 1], batch_size=1)
    (5, 1)
    """
    sizes = list(sizes)
    return min(-(-sum(sizes) // batch_size), max(sizes))


def _shared_batches(sizes, batch_size, rng):
    n_steps = shared_steps(sizes.values(), batch_size)
    parts = {name: np.array_split(rng.permutation(size), n_steps) for name, size in sizes.items()}
    for number in range(n_steps):
        # A stream of fewer rows than there are steps has none for the last of them.
        yield [(name, rows[number]) for name, rows in parts.items() if len(rows[number])]


def _passes(size, batch_size, rng):
    while True:
        yield from _one_pass(size, batch_size, rng)


def _one_pass(size, batch_size, rng):
    order = rng.permutation(size)
    return [order[start : start + batch_size] for start in range(0, size, batch_size)]
