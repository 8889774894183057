"""Checkpoints: a run on disk after each epoch, and how it goes on from there."""

import copy
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from .._files import remove_leftovers
from .._packed import read_packed, write_packed
from ._hook import Hook
from ._minimize import Minimizer
from ._training_run import Point, TrainingRun

__all__ = ["Checkpoint"]


class Checkpoint(Hook):
    """Write the run to a file after each epoch and when it is interrupted; resume from it.

    The file holds numbers and words, no pickle: reading one that somebody else planted runs
    nothing, whatever is in it.

    Parameters
    ----------
    path : path-like
    signature : str
        Of parameters and data; a file of another run is refused, not resumed.
    hooks : sequence of Hook
        Whose state (best loss so far, ...) belongs to the run. This hook comes after them.
    replaces : bool, default=False
        Whether a checkpoint of another run is written over, not refused.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Checkpoint, Hook, Objective
    >>> from skqmu.training import Point, Records, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> class Interrupt(Hook):
    ...     def before_epoch(self, run):
    ...         if run.epoch == 3:
    ...             raise KeyboardInterrupt
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(f"{folder}/run", "these data and parameters", [])
    ...     try:
    ...         train(run, [Interrupt(), checkpoint])
    ...     except KeyboardInterrupt:
    ...         print("interrupted in epoch", run.epoch + 1)
    ...     again = TrainingRun(network, objective, SGD(0.5), start, seed, 20, batch_size=2)
    ...     train(again, [checkpoint]).epoch
    interrupted in epoch 4
    20
    >>> network.meter.gradient_rows  # two in each epoch: none was gone through twice
    40
    """

    _SAVED = ("history", "stop_reason", "finished")

    def __init__(
        self,
        path: str | PathLike,
        signature: str,
        hooks: Sequence[Hook],
        *,
        replaces: bool = False,
    ):
        self.path = Path(path)
        self.signature = signature
        self.hooks = hooks
        self.replaces = replaces
        self.states = None
        self.epoch = 0

    def begin(self, run: TrainingRun) -> bool:
        """Go on from the file, if there is one.

        Parameters
        ----------
        run : TrainingRun

        Returns
        -------
        bool
            Whether the run in the file had come to its end, or a hook had ended it.

        Raises
        ------
        ValueError
            The file is no checkpoint, or one of another run.
        """
        remove_leftovers(self.path.parent, self.path.name)
        if self.path.exists() or self.path.is_symlink():
            saved = self._read(run)
            if saved is not None:
                run.restore(**saved["run"])
                for hook, state in zip(self.hooks, saved["hooks"], strict=True):
                    hook.restore(state)
        # Not before the file was accepted: what is refused must not be written over.
        self.states, self.epoch = self._hook_states(), run.epoch
        # A hook had said that it is over, and a kill came before the end could be written here.
        was_told_to_stop = run.stop_reason != TrainingRun.stop_reason
        return run.finished or was_told_to_stop

    def _read(self, run):
        try:
            signature, saved = read_packed(self.path, "checkpoint")
        except ValueError as error:
            raise ValueError(
                f"checkpoint={str(self.path)!r} is no checkpoint of skqmu ({error.__cause__}); "
                "delete the file or name another one."
            ) from error
        if signature != self.signature and self.replaces:
            return None
        if signature != self.signature:
            raise ValueError(
                f"checkpoint={str(self.path)!r} belongs to another fit (other data, parameters or "
                "random_state); delete the file or name another one."
            )
        try:
            return _checked(saved, run, self.hooks)
        except Exception as error:  # whatever wrong content makes of the checks
            raise ValueError(
                f"checkpoint={str(self.path)!r} holds no run of this fit ({type(error).__name__}: "
                f"{error}); delete the file or name another one."
            ) from error

    def after_epoch(self, run: TrainingRun) -> bool:
        self.states, self.epoch = self._hook_states(), run.epoch
        self._write(run)
        return False

    def end(self, run: TrainingRun) -> None:
        # Interrupted between an epoch's end and its hooks: the file has the epoch before.
        if self.states is not None and run.epoch == self.epoch:
            self._write(run)

    def _hook_states(self):
        return [hook.saved() for hook in self.hooks]

    def _write(self, run):
        state = {
            "point": run.point._asdict(),
            "run": {
                **{name: copy.copy(getattr(run, name)) for name in self._SAVED},
                "cost": run.spent(),
            },
            "hooks": self.states,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_packed(self.path, "checkpoint", state, owner=self.signature)


def _checked(saved, run, hooks):
    """What a run and its hooks are to go on from; raises where the content is not theirs."""
    point = Point(**saved["point"])
    _require("params", _like(point.params, run.params) and np.isfinite(point.params).all())
    _require("previous", point.previous is None or _like(point.previous, run.params))
    _require("moments", _fit_moments(point.moments, run))
    for name in ("epoch", "step", "rows"):
        value = getattr(point, name)
        _require(name, isinstance(value, int | np.integer) and value >= 0)
    for name in ("loss", "gradient_norm", "seconds"):
        _require(name, isinstance(getattr(point, name), float | int))
    rest = saved["run"]
    _require("run", set(rest) == {*Checkpoint._SAVED, "cost"})
    _require("stop_reason", isinstance(rest["stop_reason"], str))
    _require("finished", isinstance(rest["finished"], bool))
    _require("cost", _are_numbers(rest["cost"]))
    _require("history", len(rest["history"]) == point.epoch <= run.max_iter)
    _require("history", all(_are_numbers(row) and "loss" in row for row in rest["history"]))
    states = saved["hooks"]
    _require("hooks", len(states) == len(hooks))
    for hook, state in zip(hooks, states, strict=True):
        _require(type(hook).__name__, set(state) == set(hook.state))
        _require(type(hook).__name__, hook.accepts(state, run))
    return {"run": {"point": point, **rest}, "hooks": states}


def _require(name, holds):
    if not holds:
        raise ValueError(f"{name} is not what this fit writes")


def _like(array, other):
    """Whether an array could stand in another's place."""
    same = isinstance(array, np.ndarray) and array.shape == other.shape
    return same and array.dtype == other.dtype


def _are_numbers(row):
    return isinstance(row, dict) and all(isinstance(v, int | float) for v in row.values())


def _fit_moments(moments, run):
    """Whether moments are of the kind that the run's solver leaves."""
    if moments is None:
        return True
    if not isinstance(run.solver, Minimizer):
        _, own = run.solver.step(run.params, np.zeros_like(run.params))
        return _same_kind(moments, own)
    start, answers = moments
    return _is_vector(start) and all(
        isinstance(loss, float) and (gradient is None or _like(gradient, start))
        for loss, gradient in answers
    )


def _is_vector(array):
    return isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype == float


def _same_kind(value, own):
    if isinstance(own, tuple):
        same = isinstance(value, tuple) and len(value) == len(own)
        return same and all(map(_same_kind, value, own))
    if isinstance(own, np.ndarray):
        return _like(value, own)
    return isinstance(value, type(own))
