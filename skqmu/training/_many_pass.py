"""One step of many runs at once: their batches as one array with a leading axis of models."""

import time

import numpy as np

from ..exceptions import TrainingDivergedError
from ..network import Network, models_at_once, overhead_rows
from ._loop import Step, stepped
from ._objective import Records
from ._training_run import TrainingRun, check_finite

__all__ = ["SideBySide", "grouped"]


def grouped(sizes: list[int], network: Network) -> list[list[int]]:
    """Which of many batches go into one pass: a list of groups of their numbers.

    Batches of other lengths are filled up with rows of no weight where that takes less time
    than a pass of their own would.

    Parameters
    ----------
    sizes : list of int
        Rows of each batch.
    network : Network
    """
    spare = overhead_rows(network)
    groups: list[list[int]] = []
    room, longest, filled = 0, 0, 0
    order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
    for taken, place in enumerate(order):
        missing = longest - sizes[place]
        if not room or filled + missing > spare:
            longest, missing, filled = sizes[place], 0, 0
            # As many in each as in the others, not a few in the last.
            left = len(order) - taken
            room = -(-left // -(-left // models_at_once(network, longest)))
            groups.append([])
        groups[-1].append(place)
        room, filled = room - 1, filled + missing
    return groups


class SideBySide:
    """Passes over many runs of one network.

    Parameters
    ----------
    network : Network
        A twin of the runs' networks, whose meter nobody reads: each run's own counts its rows.
    """

    def __init__(self, network: Network):
        self.network = network
        self._circuits = network.circuits_a_row()

    def step(self, runs: list[TrainingRun], asked: list[Step]) -> dict[int, Exception]:
        """Take the steps that runs ask for.

        Parameters
        ----------
        runs : list of TrainingRun
            With solvers of one class.
        asked : list of Step

        Returns
        -------
        dict of int to Exception
            What ended a run, by its place in `runs`; its point is that before the step.
        """
        started = time.perf_counter()
        params = np.stack([run.params for run in runs])
        # Overflow is found below, and told as what it is.
        with np.errstate(over="ignore", invalid="ignore"):
            losses, gradients = self._evaluated(runs, asked, params)
            norms = np.sqrt(np.einsum("mp,mp->m", gradients, gradients))
            solvers = [run.solver_now() for run in runs]
            moments = [run.point.moments for run in runs]
            after, moments = type(solvers[0]).step_many(solvers, params, gradients, moments)
        masks = _masks(runs, after.shape[1])
        if masks is not None:
            after = np.where(masks, after, params)
        failures: dict[int, Exception] = {}
        if not (
            np.isfinite(losses).all() and np.isfinite(norms).all() and np.isfinite(after).all()
        ):
            failures = _not_finite(runs, asked, losses, norms, after)
        seconds = (time.perf_counter() - started) / len(runs)
        measured = zip(losses.tolist(), norms.tolist(), strict=True)
        for place, (run, found) in enumerate(zip(runs, measured, strict=True)):
            if place not in failures:
                own = after[place].copy()
                stepped(run, asked[place], own, moments[place], (*found, seconds))
        return failures

    def _evaluated(self, runs, asked, params):
        """Losses (M,) and gradients (M, n_parameters)."""
        batch, lengths = _stacked(runs, asked)
        logits, tape = self.network.forward(params, batch.X)
        # What the predicate let in has this method from the base class.
        values, d_logits = runs[0].objective.loss("", logits, batch)
        gradients, _ = self.network.backward(tape, d_logits / lengths[..., None])
        losses = (values / lengths).sum(axis=1)
        for run, step in zip(runs, asked, strict=True):
            n = sum(len(rows) for _, rows in step.batches)
            run.network.count(forward_rows=n, gradient_rows=n, circuits=n * self._circuits)
        decays = np.array([run.objective.decay for run in runs])
        if decays.any():
            kernels = self.network.decayed * params
            losses += 0.5 * decays * np.einsum("mp,mp->m", kernels, kernels)
            gradients += decays[:, None] * kernels
        masks = _masks(runs, params.shape[1])
        return losses, gradients if masks is None else np.where(masks, gradients, 0.0)

    def look(self, runs: list[TrainingRun], records: list[Records]) -> None:
        """Foresee the logits of records, one `Records` a run.

        Parameters
        ----------
        runs : list of TrainingRun
        records : list of Records
        """
        n = max(map(len, records))
        X = np.empty((len(runs), n, *records[0].X.shape[1:]))
        for place, own in enumerate(records):
            _fill(X[place], own.X)
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self.network.logits(np.stack([run.params for run in runs]), X)
        for run, own, found in zip(runs, records, logits, strict=True):
            run.network.count(forward_rows=len(own), circuits=len(own) * self._circuits)
            run.foresee(own, found[: len(own)].copy())


def _stacked(runs, asked):
    """Batches of all runs as `Records` with a leading axis, and what each row's loss is divided by.

    Rows that fill up a batch are copies of its first one, of no weight.
    """
    own = [
        [(run.objective.streams[name], rows) for name, rows in step.batches]
        for run, step in zip(runs, asked, strict=True)
    ]
    n_rows = max(sum(len(rows) for _, rows in parts) for parts in own)
    sample = own[0][0][0]
    lead = (len(own), n_rows)
    X = np.empty((*lead, *sample.X.shape[1:]))
    targets = np.empty((*lead, *sample.targets.shape[1:]))
    weights, lengths = np.zeros(lead), np.ones(lead)
    for place, parts in enumerate(own):
        first = 0
        for records, rows in parts:
            stop = first + len(rows)
            # The mode that takes no detour over a buffer; rows are in range.
            records.X.take(rows, axis=0, out=X[place, first:stop], mode="clip")
            records.targets.take(rows, axis=0, out=targets[place, first:stop], mode="clip")
            records.weights.take(rows, out=weights[place, first:stop], mode="clip")
            lengths[place, first:stop] = len(rows)
            first = stop
        if first < n_rows:
            X[place, first:] = X[place, 0]
            targets[place, first:] = targets[place, 0]
    return Records(X, targets, weights), lengths


def _fill(target, rows):
    """Write rows, and copies of the first one behind them."""
    target[: len(rows)] = rows
    target[len(rows) :] = rows[0]


def _masks(runs, n):
    """Which parameters of each run move, shape (M, n); None: all of them."""
    masks = [run.objective.trainable for run in runs]
    if all(mask is None for mask in masks):
        return None
    return np.array([np.ones(n, dtype=bool) if mask is None else mask for mask in masks])


def _not_finite(runs, asked, losses, norms, params):
    """Each diverged run's error, as the loop would have raised it."""
    failures = {}
    for place, (run, step) in enumerate(zip(runs, asked, strict=True)):
        try:
            check_finite(run, step.number, loss=losses[place], gradient=norms[place])
            check_finite(run, step.number, parameters=params[place])
        except TrainingDivergedError as error:
            failures[place] = error
    return failures
