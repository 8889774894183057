"""The ONE training loop: fits, strategies, fine-tuning, relearning, shadow models."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from ._hook import Hook, any_ends
from ._minimize import Minimizer, minimize
from ._objective import Records
from ._training_run import Point, TrainingRun, check_finite

__all__ = ["TAKEN_OVER", "Look", "Step", "course", "step_alone", "stepped", "train"]

# Who trains a run beside others for whoever calls `train` in this context: from run and hooks to
# whether it did.
TAKEN_OVER: ContextVar[Callable | None] = ContextVar("taken_over", default=None)


@dataclass(frozen=True)
class Step:
    """The course asks for a step over `batches`, the `number`-th of its epoch from 0."""

    batches: list
    number: int


@dataclass(frozen=True)
class Look:
    """Hooks are about to ask for the logits of these records, one `Records` a hook.

    Who works on many runs may `foresee` them; nobody has to.
    """

    records: list[Records]


def train(run: TrainingRun, hooks: Sequence[Hook] = ()) -> TrainingRun:
    """Run the loop until `max_iter` epochs or until a hook ends it.

    Parameters
    ----------
    run : TrainingRun
        Where to start; a run whose point has an epoch or a step above 0 is resumed there.
    hooks : sequence of Hook

    Returns
    -------
    TrainingRun
        The same object, advanced.

    Raises
    ------
    TrainingDivergedError
        The loss or the gradient is not finite; `run.point` is that before the step.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dense, Network
    >>> from skqmu.training import SGD, Objective, Point, Records, TrainingRun, train
    >>> records = Records(np.array([[-1.0], [1.0]]), np.eye(2), np.ones(2))
    >>> network, objective = Network([Dense("head", 1, 2)]), Objective({"train": records})
    >>> start, seed = Point(np.zeros(4)), np.random.SeedSequence(0)
    >>> run = TrainingRun(network, objective, SGD(0.5), start, seed, max_iter=20, batch_size=2)
    >>> train(run).history[-1]["loss"] < 0.01
    True
    >>> run.max_iter = 30  # a run that has ended goes on when it may
    >>> train(run).epoch
    30
    """
    others = TAKEN_OVER.get()
    if others is not None and others(run, hooks):
        return run
    with closing(course(run, hooks)) as asked:
        for request in asked:
            if isinstance(request, Step):
                step_alone(run, request)
    return run


def course(run: TrainingRun, hooks: Sequence[Hook]) -> Generator[Step | Look, None, None]:
    """The loop, as a generator that asks for each step and goes on when it was taken.

    To be closed, whatever happens: hooks are told of the end then, and costs filled in.
    """
    run.begin()
    noise = run.network.noise
    if noise is not None:
        noise.begin_run()
    try:
        if not any_ends([hook.begin(run) for hook in hooks]):
            if isinstance(run.solver, Minimizer):
                minimize(run, hooks)
            else:
                while run.epoch < run.max_iter and not (yield from _epoch(run, hooks)):
                    pass
        run.finish()
    finally:
        run.settle()
        for hook in hooks:
            hook.end(run)
        if noise is not None:
            noise.end_run()


def _epoch(run, hooks):
    steps = run.objective.batches(run.epoch, run.batch_size, run.generator())
    for hook in hooks:
        hook.before_epoch(run)
    for number, batches in enumerate(steps):
        if number < run.point.step:
            continue  # taken before a resume
        yield Step(batches, number)
        if any_ends([hook.after_step(run) for hook in hooks]):
            _close_epoch(run)
            return True
    _close_epoch(run)
    watched = [records for hook in hooks if (records := hook.watched()) is not None]
    if watched:
        yield Look(watched)
    return any_ends([hook.after_epoch(run) for hook in hooks])


def step_alone(run: TrainingRun, asked: Step) -> None:
    """Take the step that a run asks for."""
    started = time.perf_counter()
    here, batches, number = run.point, asked.batches, asked.number
    run.place_noise(number + 1)
    # Overflow is found below, and told as what it is.
    with np.errstate(over="ignore", invalid="ignore"):
        loss, gradient, after = run.evaluated(batches)
        norm = float(np.linalg.norm(gradient))
        check_finite(run, number, loss=loss, gradient=norm, buffers=after)
        params, moments = run.solver_now().step(here.params, gradient, here.moments)
        check_finite(run, number, parameters=params)
    if run.objective.trainable is not None:
        params = np.where(run.objective.trainable, params, here.params)
    params = run.network.with_buffers(params, after)
    stepped(run, asked, params, moments, (loss, norm, time.perf_counter() - started))


def stepped(
    run: TrainingRun, asked: Step, params: np.ndarray, moments: object, measured: tuple
) -> None:
    """Let a run go on from where the step that it asked for has led.

    Parameters
    ----------
    run : TrainingRun
    asked : Step
    params : ndarray of shape (layout.size,)
    moments : object
        Of the solver.
    measured : tuple of float
        Loss and norm of the gradient before the step, and the seconds that it took.
    """
    loss, norm, seconds = measured
    here, n_rows = run.point, len(asked.batches[0][1])
    point = Point(
        params=params,
        previous=here.params,
        moments=moments,
        epoch=here.epoch,
        step=asked.number + 1,
        loss=here.loss + loss * n_rows,
        gradient_norm=here.gradient_norm + norm * n_rows,
        rows=here.rows + n_rows,
        seconds=here.seconds + seconds,
    )
    run.advance(point, asked.batches)


def _close_epoch(run):
    here = run.point
    row = {
        "epoch": here.epoch + 1,
        "loss": here.loss / max(here.rows, 1),
        "gradient_norm": here.gradient_norm / max(here.rows, 1),
        "seconds": here.seconds,
    }
    run.close_epoch(Point(here.params, here.previous, here.moments, epoch=here.epoch + 1), row)
