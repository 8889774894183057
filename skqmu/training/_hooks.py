"""Hooks of the loop: early stopping, tolerance, progress, scikit-learn's."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._bars import Bar
from ..exceptions import TrainingDivergedError
from ..network import cross_entropy
from ._hook import Hook
from ._objective import Records
from ._training_run import TrainingRun

__all__ = [
    "EarlyStopping",
    "EpochPrinter",
    "Progress",
    "SklearnCallbacks",
    "Tolerance",
    "UpdateLog",
]


def _counts(state):
    return isinstance(state["best"], float) and isinstance(state["waited"], int)


class Tolerance(Hook):
    """End when the training loss has not improved by `tol` for `n_iter_no_change` epochs.

    Parameters
    ----------
    tol : float
    n_iter_no_change : int
        Epochs without an improvement by `tol` after which training ends.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point, Records, Tolerance, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> train(run, [Tolerance(tol=0.1, n_iter_no_change=2)]).stop_reason
    'loss did not improve by tol=0.1 for 2 epochs'
    >>> [round(row["loss"], 3) for row in run.history]
    [0.693, 0.327, 0.141, 0.063, 0.03]
    """

    state = ("best", "waited")

    def __init__(self, *, tol: float, n_iter_no_change: int):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.best = np.inf
        self.waited = 0

    def accepts(self, state: dict, run: TrainingRun) -> bool:
        return _counts(state)

    def after_epoch(self, run: TrainingRun) -> bool:
        loss = run.history[-1]["loss"]
        self.waited = 0 if loss < self.best - self.tol else self.waited + 1
        self.best = min(self.best, loss)
        if self.waited < self.n_iter_no_change:
            return False
        return run.stop(f"loss did not improve by tol={self.tol:g} for {self.waited} epochs")


class EarlyStopping(Hook):
    """Keep the epoch with the lowest validation loss; end when none comes any more.

    The loss, not the accuracy, decides: accuracy saturates on small validation parts,
    and the model that is kept then is that of the first epochs.

    Parameters
    ----------
    records : Records
        The validation part.
    tol : float
    n_iter_no_change : int
        Epochs without an improvement by `tol` after which training ends.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, EarlyStopping, Objective, Point, Records, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> held_out = Records(np.array([[-1.0], [-0.1]]), np.eye(2), np.ones(2))
    >>> train(run, [EarlyStopping(held_out, tol=1e-4, n_iter_no_change=2)]).stop_reason
    'validation loss did not improve for 2 epochs'
    >>> [round(row["valid_loss"], 3) for row in run.history], run.kept_epoch
    ([0.534, 0.467, 0.451, 0.456, 0.469], 3)
    """

    state = ("best", "best_params", "best_epoch", "waited")

    def __init__(self, records: Records, *, tol: float, n_iter_no_change: int):
        self.records = records
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.best = np.inf
        self.best_params: np.ndarray | None = None
        self.best_epoch = 0
        self.waited = 0

    def accepts(self, state: dict, run: TrainingRun) -> bool:
        best = state["best_params"]
        return (
            _counts(state)
            and isinstance(state["best_epoch"], int)
            and (best is None or (isinstance(best, np.ndarray) and best.shape == run.params.shape))
        )

    def watched(self) -> Records:
        return self.records

    def after_epoch(self, run: TrainingRun) -> bool:
        """Look at the validation part; ``valid_loss`` and ``valid_score`` go into the history.

        Parameters
        ----------
        run : TrainingRun

        Returns
        -------
        bool
            Whether the run ends here.

        Raises
        ------
        TrainingDivergedError
            The validation loss is not finite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            logits = run.logits(self.records)
            weights = self.records.weights / self.records.weights.sum()
            loss = float(weights @ cross_entropy(logits, self.records.targets))
        if not np.isfinite(loss):
            raise TrainingDivergedError(
                f"the validation loss became non-finite in epoch {run.epoch}; lower "
                "learning_rate_init or scale the features."
            )
        hits = logits.argmax(axis=1) == self.records.labels
        run.history[-1].update(valid_loss=loss, valid_score=float(weights @ hits))
        self.waited = 0 if loss < self.best - self.tol else self.waited + 1
        if loss < self.best:
            self.best, self.best_params, self.best_epoch = loss, run.params, run.epoch
        if self.waited < self.n_iter_no_change:
            return False
        return run.stop(f"validation loss did not improve for {self.waited} epochs")

    def end(self, run: TrainingRun) -> None:
        # An interrupted run keeps its last step: it may be resumed.
        if run.finished and self.best_params is not None:
            run.move(self.best_params, kept_epoch=self.best_epoch)


class UpdateLog(Hook):
    """Write down each step and the rows of its batch.

    Attributes
    ----------
    updates : list of (int, ndarray of int, ndarray)
        Epoch, rows of the stream ``"train"`` and change of the parameters, of every step
        that led to the final parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point, Records, TrainingRun, UpdateLog, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=2, batch_size=2)
    >>> log = UpdateLog()
    >>> params = train(run, [log]).params
    >>> [(epoch, set(rows.tolist())) for epoch, rows, step in log.updates]
    [(0, {0, 1}), (1, {0, 1})]
    >>> bool(np.allclose(params - sum(step for *_, step in log.updates), 0))
    True
    """

    state = ("updates",)

    def __init__(self):
        self.updates = []

    def accepts(self, state: dict, run: TrainingRun) -> bool:
        n_rows = len(run.objective.streams["train"])
        return all(
            isinstance(epoch, int)
            and rows.dtype.kind == "i"
            and rows.max(initial=0) < n_rows
            and step.shape == run.params.shape
            for epoch, rows, step in state["updates"]
        )

    def after_step(self, run: TrainingRun) -> bool:
        rows = dict(run.batches)["train"]
        self.updates.append((run.epoch, rows, run.params - run.point.previous))
        return False

    def end(self, run: TrainingRun) -> None:
        if run.kept_epoch is not None:
            self.updates = [entry for entry in self.updates if entry[0] < run.kept_epoch]


class Progress(Hook):
    """A progress bar over the epochs, drawn by rich on standard error, within others' too.

    Parameters
    ----------
    title : str
        What is trained.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point, Progress, Records, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> train(run, [Progress("head")]).epoch  # the bar itself is not part of the output
    20
    """

    def __init__(self, title: str):
        self.title = title

    def begin(self, run: TrainingRun) -> bool:
        self.bar = Bar(self.title, run.max_iter)
        return False

    def after_epoch(self, run: TrainingRun) -> bool:
        status = ", ".join(
            f"{name} {run.history[-1][name]:.4f}"
            for name in ("loss", "valid_loss")
            if name in run.history[-1]
        )
        self.bar.update(run.epoch, status)
        return False

    def end(self, run: TrainingRun) -> None:
        self.bar.close()


class EpochPrinter(Hook):
    """One line an epoch on standard output.

    Parameters
    ----------
    title : str
        What is trained.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, EpochPrinter, Objective, Point, Records, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=2, batch_size=2)
    >>> run = train(run, [EpochPrinter("head")])  # doctest: +ELLIPSIS
    [head] epoch 1: loss 0.69315, gradient_norm 0.70711, ... s
    [head] epoch 2: loss 0.32696, gradient_norm 0.39440, ... s
    """

    def __init__(self, title: str):
        self.title = title

    def after_epoch(self, run: TrainingRun) -> bool:
        row = run.history[-1]
        columns = [f"{name} {row[name]:.5f}" for name in row if name not in ("epoch", "seconds")]
        print(f"[{self.title}] epoch {row['epoch']}: {', '.join(columns)}, {row['seconds']:.2f} s")
        return False


class SklearnCallbacks(Hook):
    """Tell the epochs to scikit-learn's callbacks (`sklearn.callback`, from 1.9).

    Parameters
    ----------
    estimator : estimator
        The one that is being fitted.
    context : sklearn.callback.CallbackContext
        Of its `fit`.
    data : dict
        ``X``, ``y`` and ``metadata`` as given to `fit`.
    attributes : callable
        From the current parameters to the attributes of a fitted estimator.

    Examples
    --------
    A classifier adds it where it has callbacks; here with a context that answers by itself.

    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point
    >>> from skqmu.training import Records, SklearnCallbacks, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> class Context:
    ...     def subcontext(self, task_name):
    ...         return self
    ...
    ...     def call_on_fit_task_begin(self, **arguments):
    ...         print("an epoch of", arguments["estimator"])
    ...
    ...     def call_on_fit_task_end(self, **arguments):
    ...         attributes = arguments["reconstruction_attributes"]()
    ...         return attributes["coef_"].max() > 0.9  # stop
    >>> data = {"X": records.X, "y": records.labels, "metadata": {}}
    >>> hook = SklearnCallbacks("my model", Context(), data, lambda params: {"coef_": params[:2]})
    >>> train(run, [hook]).stop_reason
    an epoch of my model
    an epoch of my model
    'a callback asked to stop'
    """

    def __init__(self, estimator: Any, context: Any, data: dict, attributes: Callable):
        self.estimator = estimator
        self.context = context
        self.data = data
        self.attributes = attributes

    def _arguments(self, run):
        return {
            "estimator": self.estimator,
            "reconstruction_attributes": lambda: self.attributes(run.params),
            **self.data,
        }

    def before_epoch(self, run: TrainingRun) -> None:
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self._arguments(run))

    def after_epoch(self, run: TrainingRun) -> bool:
        stop = self.epoch.call_on_fit_task_end(**self._arguments(run))
        return run.stop("a callback asked to stop") if stop else stop
