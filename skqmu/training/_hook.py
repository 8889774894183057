"""Who watches a run of training, and may end it."""

from typing import TYPE_CHECKING

from ._objective import Records

if TYPE_CHECKING:
    from ._training_run import TrainingRun

__all__ = ["Hook", "any_ends"]


class Hook:
    """Something that watches the loop, and may end it by returning True.

    `state` names the attributes that a resumed run must find again. A hook
    overrides the methods that it needs; the others do nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Hook, Objective, Point, Records, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> class Losses(Hook):
    ...     state = ("losses",)
    ...
    ...     def __init__(self):
    ...         self.losses = []
    ...
    ...     def after_epoch(self, run):
    ...         self.losses.append(round(run.history[-1]["loss"], 3))
    ...         return len(self.losses) == 3 and run.stop("seen enough")
    >>> hook = Losses()
    >>> train(run, [hook]).stop_reason
    'seen enough'
    >>> hook.losses
    [0.693, 0.327, 0.141]
    """

    state: tuple[str, ...] = ()

    def saved(self) -> dict:
        """What a resumed run must find again, as a dict."""
        return {name: getattr(self, name) for name in self.state}

    def restore(self, state: dict) -> None:
        """Go on from what `saved` gave.

        Parameters
        ----------
        state : dict
        """
        vars(self).update(state)

    def accepts(self, state: dict, run: "TrainingRun") -> bool:
        """Whether a `state` that comes from a file could be this hook's in this run.

        Parameters
        ----------
        state : dict
            Of the names in `state` and no others; the values may be anything.
        run : TrainingRun
            The one that is to go on.

        Returns
        -------
        bool
            True by default.
        """
        return True

    def begin(self, run: "TrainingRun") -> bool:
        """Before the first step; True ends the run at once.

        Parameters
        ----------
        run : TrainingRun
            Where it starts, or where it was when it was interrupted.

        Returns
        -------
        bool
        """
        return False

    def before_epoch(self, run: "TrainingRun") -> None:
        """Before the first step of each epoch (after a resume: before the next one).

        Parameters
        ----------
        run : TrainingRun
        """

    def after_step(self, run: "TrainingRun") -> bool:
        """After each step.

        Parameters
        ----------
        run : TrainingRun
            With the `batches` of the step, and ``run.point.previous`` as it was before.

        Returns
        -------
        bool
            Whether the run ends here; the epoch is closed as it is.
        """
        return False

    def watched(self) -> Records | None:
        """Records for whose `run.logits` every `after_epoch` asks, if there are any."""
        return None

    def after_epoch(self, run: "TrainingRun") -> bool:
        """After each epoch; `run.history` has its row.

        Parameters
        ----------
        run : TrainingRun
            A hook may add to the row, ``run.history[-1]``.

        Returns
        -------
        bool
            Whether the run ends here, such as what ``run.stop(reason)`` returns.
        """
        return False

    def end(self, run: "TrainingRun") -> None:
        """After the last step, also when the run was interrupted.

        Parameters
        ----------
        run : TrainingRun
            Its `finished` is False where it was interrupted or failed.
        """


def any_ends(answers):
    """Whether a hook ends the run; a list, so that every hook has been asked."""
    return any(answers)
