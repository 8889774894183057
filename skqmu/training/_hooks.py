"""Hooks of the loop: early stopping, tolerance, progress, checkpoints, scikit-learn's."""

import copy
import pickle
from pathlib import Path

import numpy as np

from .._files import write_whole
from ..exceptions import TrainingDivergedError
from ..network import cross_entropy
from ._run import Hook

__all__ = [
    "Checkpoint",
    "EarlyStopping",
    "EpochPrinter",
    "Progress",
    "SklearnCallbacks",
    "Tolerance",
    "UpdateLog",
]


class Tolerance(Hook):
    """End when the training loss has not improved by `tol` for `n_iter_no_change` epochs."""

    state = ("best", "waited")

    def __init__(self, *, tol, n_iter_no_change):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.best = np.inf
        self.waited = 0

    def after_epoch(self, run):
        loss = run.history[-1]["loss"]
        self.waited = 0 if loss < self.best - self.tol else self.waited + 1
        self.best = min(self.best, loss)
        if self.waited < self.n_iter_no_change:
            return False
        run.stop_reason = f"loss did not improve by tol={self.tol:g} for {self.waited} epochs"
        return True


class EarlyStopping(Hook):
    """Keep the epoch with the lowest validation loss; end when none comes any more.

    The loss, not the accuracy, decides: accuracy saturates on small validation parts,
    and the model that is kept then is that of the first epochs.
    """

    state = ("best", "best_params", "best_epoch", "waited")

    def __init__(self, records, *, tol, n_iter_no_change):
        self.records = records
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.best = np.inf
        self.best_params = None
        self.best_epoch = 0
        self.waited = 0

    def after_epoch(self, run):
        with np.errstate(over="ignore", invalid="ignore"):
            logits = run.network.logits(run.params, self.records.X)
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
        run.stop_reason = f"validation loss did not improve for {self.waited} epochs"
        return True

    def end(self, run):
        # An interrupted run keeps its last step: it may be resumed.
        if run.finished and self.best_params is not None:
            run.move(self.best_params)
            run.kept_epoch = self.best_epoch


class UpdateLog(Hook):
    """Write down each step and the rows of its batch.

    Attributes
    ----------
    updates : list of (int, ndarray of int, ndarray)
        Epoch, rows of the stream ``"train"`` and change of the parameters, of every step
        that led to the final parameters.
    """

    state = ("updates",)

    def __init__(self):
        self.updates = []

    def after_step(self, run):
        rows = dict(run.batches)["train"]
        self.updates.append((run.epoch, rows, run.params - run.point.previous))
        return False

    def end(self, run):
        if run.kept_epoch is not None:
            self.updates = [entry for entry in self.updates if entry[0] < run.kept_epoch]


class Progress(Hook):
    """A progress bar over the epochs, drawn by rich on standard error."""

    def __init__(self, title):
        self.title = title

    def begin(self, run):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}"),
            console=Console(stderr=True),
        )
        self.task = self.bar.add_task(self.title, total=run.max_iter, status="")
        self.bar.start()
        return False

    def after_epoch(self, run):
        status = ", ".join(
            f"{name} {run.history[-1][name]:.4f}"
            for name in ("loss", "valid_loss")
            if name in run.history[-1]
        )
        self.bar.update(self.task, completed=run.epoch, status=status)
        return False

    def end(self, run):
        self.bar.stop()


class EpochPrinter(Hook):
    """One line an epoch on standard output."""

    def __init__(self, title):
        self.title = title

    def after_epoch(self, run):
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
    """

    def __init__(self, estimator, context, data, attributes):
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

    def before_epoch(self, run):
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self._arguments(run))

    def after_epoch(self, run):
        stop = self.epoch.call_on_fit_task_end(**self._arguments(run))
        if stop:
            run.stop_reason = "a callback asked to stop"
        return stop


class Checkpoint(Hook):
    """Write the run to a file after each epoch and when it is interrupted; resume from it.

    Parameters
    ----------
    path : path-like
    signature : str
        Of parameters and data; a file of another run is refused, not resumed.
    hooks : sequence of Hook
        Whose state (best loss so far, ...) belongs to the run. This hook comes after them.
    """

    _SAVED = ("point", "history", "stop_reason", "finished")

    def __init__(self, path, signature, hooks):
        self.path = Path(path)
        self.signature = signature
        self.hooks = hooks
        self.states = None
        self.epoch = 0

    def begin(self, run):
        if self.path.exists():
            saved = self._read()
            vars(run).update(saved["run"])
            for hook, state in zip(self.hooks, saved["hooks"], strict=True):
                vars(hook).update(state)
        # Not before the file was accepted: what is refused must not be written over.
        self.states, self.epoch = self._hook_states(), run.epoch
        return run.finished

    def _read(self):
        with self.path.open("rb") as file:
            content = file.read()
        try:
            saved = pickle.loads(content)
            signature = saved["signature"]
        except Exception as error:  # whatever a foreign file makes of the unpickler
            raise ValueError(
                f"checkpoint={str(self.path)!r} is no checkpoint of skqmu "
                f"({type(error).__name__}: {error}); delete the file or name another one."
            ) from error
        if signature != self.signature:
            raise ValueError(
                f"checkpoint={str(self.path)!r} belongs to another fit (other data, parameters or "
                "random_state); delete the file or name another one."
            )
        return saved

    def after_epoch(self, run):
        self.states, self.epoch = self._hook_states(), run.epoch
        self._write(run)
        return False

    def end(self, run):
        # Interrupted between an epoch's end and its hooks: the file has the epoch before.
        if self.states is not None and run.epoch == self.epoch:
            self._write(run)

    def _hook_states(self):
        return [{name: getattr(hook, name) for name in hook.state} for hook in self.hooks]

    def _write(self, run):
        state = {
            "signature": self.signature,
            "run": {
                **{name: copy.copy(getattr(run, name)) for name in self._SAVED},
                "cost": run.spent(),
            },
            "hooks": self.states,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, lambda file: pickle.dump(state, file))
