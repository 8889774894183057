"""The loop turned inside out: an optimizer asks for the loss at points of its own choosing."""

import copy
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._hook import any_ends
from ._training_run import Point, check_finite

__all__ = ["Minimizer", "minimize"]

# Optimizers that draw at random all draw from one generator of the process.
_GENERATOR = threading.RLock()


@dataclass(frozen=True)
class Minimizer:
    """An optimizer of qiskit-machine-learning as a solver.

    Parameters
    ----------
    optimizer : qiskit_machine_learning.optimizers.Optimizer
        A copy of it works, with the same `callback`; it stays as it is.
    seed : numpy.random.SeedSequence
        Of its random draws. The library's global generator is as before when it is done.
    warns : bool, default=False
        Warn where `max_iter` ends it before it ends by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from qiskit_machine_learning.optimizers import COBYLA
    >>> from skqmu.training import Minimizer
    >>> solver = Minimizer(COBYLA(tol=1e-6), np.random.SeedSequence(0))
    >>> solver.search(lambda x: float(x @ x), None, np.ones(2)).round(4) + 0.0
    array([0., 0.])
    """

    optimizer: Any
    seed: np.random.SeedSequence
    warns: bool = False

    @property
    def name(self) -> str:
        """Class of the optimizer."""
        return type(self.optimizer).__name__

    @property
    def takes_gradients(self) -> bool:
        """Whether the optimizer asks for gradients."""
        from qiskit_machine_learning.optimizers import OptimizerSupportLevel

        level = self.optimizer.get_support_level()["gradient"]
        return level in (OptimizerSupportLevel.supported, OptimizerSupportLevel.required)

    def search(self, value: Callable, gradient: Callable | None, start: np.ndarray) -> np.ndarray:
        """The point at which the optimizer ends, shape (n,).

        Parameters
        ----------
        value : callable
            From a point to the loss.
        gradient : callable or None
            From a point to the gradient there.
        start : ndarray of shape (n,)
        """
        from qiskit_machine_learning.optimizers import SciPyOptimizer

        # Who watches is the user's own: a copy of it would see everything, and they nothing.
        watcher = getattr(self.optimizer, "callback", None)
        optimizer = copy.deepcopy(self.optimizer, {id(watcher): watcher})
        draws = not isinstance(optimizer, SciPyOptimizer)
        with _global_generator(self.seed) if draws else _without_its_deprecations():
            return np.asarray(optimizer.minimize(value, start, jac=gradient).x, dtype=float)


@contextmanager
def _global_generator(seed):
    """Let the library's global generator start from `seed`, and put it back."""
    from qiskit_machine_learning.utils import algorithm_globals

    with _GENERATOR:
        bits = algorithm_globals.random.bit_generator
        before = bits.state
        bits.state = type(bits)(seed).state
        try:
            yield
        finally:
            bits.state = before


@contextmanager
def _without_its_deprecations():
    """The library hands SciPy options that are on their way out, whatever a user does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="scipy.optimize: The `disp` and `iprint`")
        yield


def minimize(run, hooks):
    """Let `run.solver` search; an epoch is one evaluation of the loss over all records.

    The run ends where the optimizer ends, or, where something else ends it, at the point
    with the lowest loss of those that were evaluated.

    Parameters
    ----------
    run : TrainingRun
        With a `Minimizer`. One that was interrupted goes through the same points again and
        is given the answers that it had.
    hooks : sequence of Hook
    """
    search = _Search(run, hooks)
    try:
        end = run.solver.search(
            search.value, search.gradient if run.solver.takes_gradients else None, search.start
        )
    except BaseException:
        if search.stopped is None:
            raise
    # An optimizer may have made something else of what it was stopped with.
    if search.stopped is None:
        run.move(search.params(end))
        check_finite(run, 0, parameters=run.params)
        run.stop(f"{run.solver.name} ended by itself")
    elif not isinstance(search.stopped, _Ended):
        raise search.stopped
    elif run.solver.warns and run.stop_reason == "max_iter":
        warnings.warn(
            f"solver={run.solver.name}() was stopped at max_iter={run.max_iter} passes over the "
            "data, before it ended by itself; the best of them is kept. Raise max_iter, which "
            "bounds the evaluations of the loss, or lower the optimizer's own maxiter.",
            ConvergenceWarning,
            stacklevel=2,
        )
    run.drop_moments()


class _Ended(Exception):
    """The search is over, though the optimizer would go on."""


class _Search:
    """Answers the optimizer, and keeps the run's books."""

    def __init__(self, run, hooks):
        self.run = run
        self.hooks = hooks
        network = run.network
        free = np.arange(network.layout.size) < network.layout.n_parameters
        if run.objective.trainable is not None:
            free &= run.objective.trainable
        self.free = free
        # Moments are the start and all answers: with them a search can be gone through again.
        self.start, self.answers = run.point.moments or (run.params[free], ())
        self.best = min((loss for loss, _ in self.answers), default=np.inf)
        self.asked = 0
        self.pending = None
        self.stopped = None

    def params(self, x):
        """All parameters, with the optimizer's in their places."""
        params = self.run.params.copy()
        params[self.free] = x
        return params

    def value(self, x):
        """Loss at `x`; at each of the rows of `x` where the optimizer groups points."""
        x = np.asarray(x, dtype=float)
        if x.ndim == 1 and x.size == len(self.start):
            return self._answer(x, "loss")
        return np.array([self._answer(row, "loss") for row in x.reshape(-1, len(self.start))])

    def gradient(self, x):
        """Gradient at `x`."""
        return self._answer(np.asarray(x, dtype=float).ravel(), "gradient")

    def _answer(self, x, part):
        # Loss and gradient of a point are evaluated together; each is given out once, for
        # a loss that is noisy is asked for again to see how noisy it is.
        if not (
            self.pending is not None
            and part in self.pending[1]
            and np.array_equal(self.pending[0], x)
        ):
            loss, gradient = self._evaluated(x)
            self.pending = (x.copy(), {"loss": loss, "gradient": np.copy(gradient)})
        return self.pending[1].pop(part)

    def _evaluated(self, x):
        if self.stopped is not None:
            raise self.stopped
        if self.asked < len(self.answers):
            answer = self.answers[self.asked]
        else:
            try:
                answer = self._evaluated_anew(x)
            except BaseException as error:
                self.stopped = error
                raise
        self.asked += 1
        return answer

    def _evaluated_anew(self, x):
        run = self.run
        if run.epoch >= run.max_iter:
            run.stop("max_iter")
            raise _Ended
        for hook in self.hooks:
            hook.before_epoch(run)
        started = time.perf_counter()
        loss, gradient, after = self._over_all_records(self.params(x))
        answer = loss, None if gradient is None else gradient[self.free]
        self._write_down(answer, after, time.perf_counter() - started)
        if any_ends([hook.after_epoch(run) for hook in self.hooks]):
            raise _Ended
        return answer

    def _over_all_records(self, params):
        """Mean over the records, batch by batch, always the same ones."""
        run = self.run
        ((name, records),) = run.objective.streams.items()
        loss, gradient = 0.0, 0.0
        for number, first in enumerate(range(0, len(records), run.batch_size)):
            rows = np.arange(first, min(first + run.batch_size, len(records)))
            share = len(rows) / len(records)
            probe = replace(run, point=Point(params, epoch=run.epoch, step=number))
            run.place_noise(number + 1)
            # Overflow is found below, and told as what it is.
            with np.errstate(over="ignore", invalid="ignore"):
                if run.solver.takes_gradients:
                    part, slope, params = probe.evaluated([(name, rows)])
                    gradient = gradient + share * slope
                else:
                    part, params = probe.value([(name, rows)])
                loss += share * part
            check_finite(run, number, loss=loss, gradient=gradient, buffers=params)
        return loss, gradient if run.solver.takes_gradients else None, params

    def _write_down(self, answer, after, seconds):
        run, (loss, gradient) = self.run, answer
        self.answers = (*self.answers, answer)
        row = {"epoch": run.epoch + 1, "loss": loss, "seconds": seconds}
        if gradient is not None:
            row["gradient_norm"] = float(np.linalg.norm(gradient))
        better = loss < self.best
        self.best = min(loss, self.best)
        point = Point(
            params=run.network.with_buffers(after if better else run.params, after),
            previous=run.params,
            moments=(self.start, self.answers),
            epoch=run.epoch + 1,
        )
        run.close_epoch(point, row)
