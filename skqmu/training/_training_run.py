"""A run of training: where it stands, and what it optimises."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..exceptions import TrainingDivergedError
from ..network import Network
from ._fixed_layers import FixedLayers
from ._objective import Objective, Records
from ._seed_words import seed_words
from ._solvers import Solver

__all__ = ["Point", "TrainingRun", "check_finite", "mean_of_finite"]


class Point(NamedTuple):
    """Where a run stands. Replaced whole, so that an interrupt finds the old or the new.

    Parameters
    ----------
    params : ndarray of shape (layout.size,)
    previous : ndarray of shape (layout.size,) or None, default=None
        Parameters before the last step.
    moments : object, default=None
        The solver's.
    epoch, step : int, default=0
        Epochs finished, and steps within the current one.
    loss, gradient_norm : float, default=0.0
        Sums over the steps of the current epoch.
    rows : int, default=0
        Rows that these steps went through, of each step's first stream.
    seconds : float, default=0.0
        Time that these steps took.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import Point
    >>> start = Point(np.zeros(2))
    >>> later = start._replace(params=np.ones(2), previous=start.params, step=1)
    >>> start.params, later.params, later.step
    (array([0., 0.]), array([1., 1.]), 1)
    """

    params: np.ndarray
    previous: np.ndarray | None = None
    moments: Any = None
    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    gradient_norm: float = 0.0
    rows: int = 0
    seconds: float = 0.0


@dataclass
class TrainingRun:
    """All that the loop knows; hooks read it, and may `move` or `stop` it.

    Attributes
    ----------
    network : Network
    objective : Objective
    solver : Solver
    point : Point
        Parameters, the solver's moments, epochs finished, steps taken within the current
        one, and sums over these steps.
    seed : numpy.random.SeedSequence
        Batch orders and noise are functions of (seed, epoch, step), which is what makes
        a run resumable without a generator's state.
    max_iter, batch_size : int
    schedule : callable or None
        From the run to the factor that the solver's learning rate has in this epoch; None: 1.
    history : list of dict
        One row an epoch: ``epoch``, ``loss``, ``gradient_norm``, ``seconds``, and what
        hooks add.
    batches : list of (str, ndarray)
        Stream and rows of each batch of the last step.
    kept_epoch : int or None
        The epoch whose parameters a hook went back to; None: the last one.
    stop_reason : str
        ``"max_iter"``, or what the hook that ended the run said.
    finished : bool
        Whether the run came to its end (it was neither interrupted nor did it fail).
    cost : dict
        What the run spent, as the network's meter counts it, the time before a resume
        included; filled in when the loop ends.
    fixed : FixedLayers or None
        Layers that do not move, and what they make of the rows; None: found out.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point, Records, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> run.epoch, run.finished
    (0, False)
    >>> loss, gradient = run.evaluate([("train", np.arange(2))])  # of both rows, without a step
    >>> round(loss, 4), gradient
    (0.6931, array([ 0.5, -0.5,  0. ,  0. ]))
    >>> train(run).epoch, run.finished, run.stop_reason
    (20, True, 'max_iter')
    >>> run.logits(records).argmax(axis=1), run.cost["gradient_rows"]  # 2 of them for `evaluate`
    (array([0, 1]), 42)
    """

    network: Network
    objective: Objective
    solver: Any
    point: Point
    seed: np.random.SeedSequence
    max_iter: int
    batch_size: int
    schedule: Callable | None = None
    history: list = field(default_factory=list)
    batches: list = field(default_factory=list)
    kept_epoch: int | None = None
    stop_reason: str = "max_iter"
    finished: bool = False
    cost: dict = field(default_factory=dict)
    fixed: FixedLayers | None = field(default=None, repr=False)

    def __post_init__(self):
        self._meter = self.network.meter.copy()
        self._foreseen: list = []
        self._words = seed_words(self.seed)
        if self.fixed is None:
            self.fixed = FixedLayers(self.network, self.objective.trainable)

    def spent(self) -> dict:
        """Cost up to now."""
        now = self.network.meter.since(self._meter)
        return {name: self.cost.get(name, 0) + value for name, value in now.items()}

    def settle(self) -> None:
        """Fill in `cost` with what was spent up to now."""
        self.cost, self._meter = self.spent(), self.network.meter.copy()

    def begin(self) -> None:
        """Say that the run is on its way."""
        self.finished = False

    def finish(self, reason: str | None = None) -> None:
        """Say that the run came to its end, and why if that is not known yet.

        Parameters
        ----------
        reason : str or None, default=None
            None: `stop_reason` stays.
        """
        self.finished = True
        if reason is not None:
            self.stop_reason = reason

    def stop(self, reason: str) -> bool:
        """Say why the run ends; returns True, which is how a hook ends it.

        Parameters
        ----------
        reason : str
            For `stop_reason`.

        Returns
        -------
        bool
            True.
        """
        self.stop_reason = reason
        return True

    def restore(
        self, point: Point, *, history: list, stop_reason: str, finished: bool, cost: dict
    ) -> None:
        """Go on from where an earlier run was.

        Parameters
        ----------
        point : Point
        history : list of dict
        stop_reason : str
        finished : bool
        cost : dict
            Each as the attribute of its name in that run.
        """
        self.point = point
        self.history = history
        self.stop_reason = stop_reason
        self.finished = finished
        self.cost = cost

    @property
    def params(self) -> np.ndarray:
        """Current parameters, shape (n_parameters,)."""
        return self.point.params

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return self.point.epoch

    def move(self, params: np.ndarray, *, kept_epoch: int | None = None) -> None:
        """Put other parameters in place (a stop rule's, or those of an epoch that is kept).

        Parameters
        ----------
        params : ndarray of shape (layout.size,)
        kept_epoch : int or None, default=None
            The epoch that they are from; None: of none, or not known.
        """
        self.point = self.point._replace(params=params)
        if kept_epoch is not None:
            self.kept_epoch = kept_epoch

    def advance(self, point: Point, batches: list) -> None:
        """Take a step to `point` over `batches`.

        Parameters
        ----------
        point : Point
        batches : list of (str, ndarray of int)
        """
        self.batches = batches
        self.point = point

    def close_epoch(self, point: Point, row: dict) -> None:
        """End the current epoch at `point`, with its row of the history.

        Parameters
        ----------
        point : Point
        row : dict
            ``epoch``, ``loss``, ``gradient_norm`` and ``seconds``.
        """
        self.history[self.epoch :] = [row]
        self.point = point
        self.place_noise(0)

    def drop_moments(self) -> None:
        """Let the solver's moments go: nobody will go on from here."""
        self.point = self.point._replace(moments=None)

    def place_noise(self, step: int) -> None:
        """Make sampling noise, too, a function of (epoch, step): a resumed run repeats it.

        Parameters
        ----------
        step : int
            From 1; 0 is before the first step of the current epoch.
        """
        if self.network.noise is not None:
            self.network.noise.at(self.epoch, step)

    def solver_now(self) -> Solver:
        """The solver with the learning rate of this epoch."""
        return self.solver if self.schedule is None else self.solver.scaled(self.schedule(self))

    def logits(self, records: Records) -> np.ndarray:
        """Logits of records at `params`, as predictions give them.

        Parameters
        ----------
        records : Records

        Returns
        -------
        ndarray of shape (n, C)
        """
        for params, known, logits in self._foreseen:
            if known is records and params is self.params:
                return logits
        return self.network.logits(self.params, records.X)

    def foresee(self, records: Records, logits: np.ndarray) -> None:
        """Let `logits` answer for `records` as long as `params` stay: somebody has them.

        Parameters
        ----------
        records : Records
            This very object: equal ones are asked for anew.
        logits : ndarray of shape (n, C)
        """
        kept = [found for found in self._foreseen if found[0] is self.params]
        self._foreseen = [*kept, (self.params, records, logits)]

    def generator(self, *key: int) -> np.random.Generator:
        """Generator of its own for (`epoch`, `key`), the same after a resume.

        Parameters
        ----------
        *key : int
            From 0 to 2**32 - 1 each.

        Returns
        -------
        numpy.random.Generator
        """
        # Of SeedSequence(entropy, spawn_key=(..., epoch, *key)), put together by hand: that takes
        # NumPy as long as a small step.
        words = np.array([*self._words, self.epoch, *key], np.uint32)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))

    def evaluate(self, batches: list) -> tuple[float, np.ndarray]:
        """Loss and gradient of one step's batches at `params`, without moving.

        Parameters
        ----------
        batches : list of (str, ndarray of int)
            Stream and rows of each batch.

        Returns
        -------
        loss : float
            Penalties included.
        gradient : ndarray of shape (layout.size,)
            0 for what does not move, and for buffers.
        """
        return self.evaluated(batches)[:2]

    def evaluated(self, batches: list) -> tuple[float, np.ndarray, np.ndarray]:
        """`evaluate`, and `params` with the buffers as the batches leave them.

        Parameters
        ----------
        batches : list of (str, ndarray of int)
            Stream and rows of each batch.

        Returns
        -------
        loss : float
        gradient : ndarray of shape (layout.size,)
        after : ndarray of shape (layout.size,)
        """
        combine = self.objective.combine
        if self.objective.risk is not None:
            loss, gradient = self._risk()
            after = self.params
        elif self.objective.aggregate is not None:
            loss, gradient = self._by_record(batches)
            after = self.params
        elif len(batches) > 1 and combine is None and self.network.treats_rows_alone:
            loss, gradient = self._in_one_pass(batches)
            after = self.params
        else:
            loss, gradients, after = 0.0, {}, self.params
            for number, (name, rows) in enumerate(batches, start=1):
                batch = self.objective.streams[name][rows]
                logits, tape, after = self._forward(name, rows, batch, after, number)
                values, d_logits = self.objective.loss(name, logits, batch)
                loss += float(values.sum()) / len(batch)
                gradients[name] = self._backward(tape, d_logits / len(batch))
            gradient = sum(gradients.values()) if combine is None else combine(gradients, self)
        penalty, d_penalty = self.objective.penalty(self)
        gradient = gradient + d_penalty
        if self.objective.trainable is not None:
            gradient = np.where(self.objective.trainable, gradient, 0.0)
        # What noise or a penalty on the whole vector would do to buffers.
        gradient = self.network.with_buffers(gradient, np.zeros_like(gradient))
        return loss + penalty, gradient, after

    def _risk(self):
        """Loss and gradient of an objective that goes through sums instead of rows."""
        n = len(self.objective.streams["train"])
        self.network.count(forward_rows=n, gradient_rows=n, circuits=n)
        return self.objective.risk(self.params)

    def _by_record(self, batches):
        """Mean loss of a batch, and what the objective makes of its records' gradients."""
        ((name, rows),) = batches
        if not len(rows):
            return 0.0, self.objective.aggregate(np.zeros((0, len(self.params))))
        batch, trainable = self.objective.streams[name][rows], self.objective.trainable
        logits, tape, _ = self._forward(name, rows, batch, self.params, 1)
        values, d_logits = self.objective.loss(name, logits, batch)
        gradients, _ = self.network.backward(tape, d_logits, per_sample=True, wanted=trainable)
        if trainable is not None:
            gradients = np.where(trainable, gradients, 0.0)
        return mean_of_finite(values), self.objective.aggregate(gradients)

    def _in_one_pass(self, batches):
        """Loss and gradient of streams that are summed: twice the rows, half the overhead."""
        own = [(name, rows, self.objective.streams[name][rows]) for name, rows in batches]
        inputs, first = self._inputs(own)
        logits, tape = self.network.forward(self.params, np.concatenate(inputs), start=first)
        loss, d_logits, start = 0.0, [], 0
        for name, _, batch in own:
            stop = start + len(batch)
            values, d_values = self.objective.loss(name, logits[start:stop], batch)
            loss += float(values.sum()) / len(batch)
            d_logits.append(d_values / len(batch))
            start = stop
        return loss, self._backward(tape, np.concatenate(d_logits))

    def _backward(self, tape, d_logits):
        """Gradient by the parameters that move; 0 for the others, whatever lies above them."""
        trainable = self.objective.trainable
        gradient, _ = self.network.backward(tape, d_logits, wanted=trainable)
        return gradient if trainable is None else np.where(trainable, gradient, 0.0)

    def value(self, batches: list) -> tuple[float, np.ndarray]:
        """Loss of one step's batches at `params`, no gradient; and `params` as `evaluated`.

        Parameters
        ----------
        batches : list of (str, ndarray of int)
            Stream and rows of each batch.

        Returns
        -------
        loss : float
        after : ndarray of shape (layout.size,)
        """
        loss, after = 0.0, self.params
        if self.objective.risk is not None:
            return self._risk()[0] + self.objective.penalty(self)[0], after
        for number, (name, rows) in enumerate(batches, start=1):
            batch = self.objective.streams[name][rows]
            # Not as predictions: copies of a row are one record of a greater weight.
            logits, _, after = self._forward(name, rows, batch, after, number)
            loss += float(self.objective.loss(name, logits, batch)[0].sum()) / len(batch)
        return loss + self.objective.penalty(self)[0], after

    def _inputs(self, batches):
        """Inputs of each batch of (stream, rows, records), and the layer that they are for."""
        inputs = [self.objective.inputs(name, batch, self) for name, _, batch in batches]
        start = self.fixed.n_layers
        changed = any(own is not batch.X for own, (*_, batch) in zip(inputs, batches, strict=True))
        if not start or changed:  # whose rows are no rows of the stream
            return inputs, 0
        streams = self.objective.streams
        kept = [
            self.fixed.outputs(self.params, name, streams[name], rows) for name, rows, _ in batches
        ]
        return kept, start

    def _forward(self, name, rows, batch, after, number):
        """Logits, tape, and `after` with the buffers as the batch leaves them."""
        (inputs,), start = self._inputs([(name, rows, batch)])
        if not self.network.has_training_mode:
            return *self.network.forward(self.params, inputs, start=start), after
        draws = self.generator(self.point.step, number)
        return self.network.forward_training(after, inputs, draws, to_forget=name == "forget")


def mean_of_finite(values):
    """Mean of the losses of records that have one; whether all do is not to end a private run."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else 0.0


def check_finite(run, number, **values):
    for name, value in values.items():
        if not np.isfinite(value).all():
            raise TrainingDivergedError(
                f"the {name} became non-finite in epoch {run.epoch + 1}, step {number + 1}; lower "
                "learning_rate_init or scale the features (angles of a few radians are what "
                "circuits expect)."
            )
