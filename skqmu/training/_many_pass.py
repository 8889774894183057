"""One step of many runs at once: their batches as one array with a leading axis of models."""

import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..exceptions import TrainingDivergedError
from ..network import Network, models_at_once
from ._loop import Step
from ._objective import Objective, Records
from ._training_run import TrainingRun, check_finite, mean_of_finite

__all__ = ["SideBySide", "grouped"]


def grouped(
    sizes: Sequence[tuple[int, ...]], network: Network, *, start: int = 0
) -> list[list[int]]:
    """Which of many batches go into one pass: a list of groups of their numbers.

    Only batches of the same sizes do. Filled up with rows of no weight, shorter ones would be
    summed in another order, and a solver that divides by a gradient's size makes much of the
    last bits of one that should be 0.

    Parameters
    ----------
    sizes : sequence of tuple of int
        Rows of each part of each batch.
    network : Network
    start : int, default=0
        First layer that is gone through.
    """
    alike = defaultdict(list)
    for place, own in enumerate(sizes):
        alike[own].append(place)
    groups = []
    for own, places in alike.items():
        # As many in each as in the others, not a few in the last.
        n_groups = -(-len(places) // models_at_once(network, sum(own), start=start))
        ends = [len(places) * number // n_groups for number in range(n_groups + 1)]
        groups += [places[a:b] for a, b in pairwise(ends)]
    return groups


class SideBySide:
    """Passes over many runs of one network.

    Parameters
    ----------
    network : Network
        A twin of the runs' networks, whose meter nobody reads: each run's own counts its rows.
    start : int
        First layer that steps go through: those before it do not move (`FixedLayers`).
    """

    def __init__(self, network: Network, start: int):
        self.network = network
        self.start = start
        self._decayed = network.decayed
        self._circuits = network.circuits_a_row(start)

    def step(self, runs: Sequence[TrainingRun], asked: Sequence[Step]) -> list:
        """Find where the steps lead that runs ask for; no run is changed, nothing counted.

        Parameters
        ----------
        runs : sequence of TrainingRun
            With solvers of one class.
        asked : sequence of Step
            With batches of the same sizes.

        Returns
        -------
        list of M tuples or TrainingDivergedError
            What `stepped` is to be told of each run: parameters, moments and what was measured.
        """
        started = time.perf_counter()
        params = np.array([run.params for run in runs])
        masks = _masks(runs, params.shape[1])
        # Overflow is found below, and told as what it is.
        with np.errstate(over="ignore", invalid="ignore"):
            losses, gradients = self._evaluated(runs, asked, params, masks)
            if masks is not None:
                gradients = np.where(masks, gradients, 0.0)
            norms = np.sqrt(_squares(gradients))
            solvers = [run.solver_now() for run in runs]
            moments = [run.point.moments for run in runs]
            after, moments = type(solvers[0]).step_many(solvers, params, gradients, moments)
        errors = _not_finite(runs, asked, losses, norms, after)
        if masks is not None:
            after = np.where(masks, after, params)
        seconds = (time.perf_counter() - started) / len(runs)
        found = zip(after, moments, losses.tolist(), norms.tolist(), strict=True)
        return [
            # Arrays of its own: what a run keeps must not keep those of all others.
            errors.get(place) or (own.copy(), moment, (loss, norm, seconds))
            for place, (own, moment, loss, norm) in enumerate(found)
        ]

    def _evaluated(self, runs, asked, params, masks):
        """Losses (M,) and gradients (M, n_parameters)."""
        batch, parts = _stacked(runs, asked, kept=self.start > 0)
        logits, tape = self.network.forward(params, batch.X, start=self.start)
        # It is the same method for all: others have a `many_obstacle`.
        values, d_logits = runs[0].objective.loss("", logits, batch)
        if runs[0].objective.aggregate is not None:
            losses, gradients = self._by_record(runs, values, tape, d_logits, masks)
            self._add_penalties(runs, params, losses, gradients)
            return losses, gradients
        losses = np.zeros(len(runs))
        for part in parts:
            n = part.stop - part.start
            losses += values[:, part].sum(axis=1) / n
            d_logits[:, part] /= n
        wanted = None if masks is None else masks.any(axis=0)
        gradients, _ = self.network.backward(tape, d_logits, wanted=wanted)
        self._add_penalties(runs, params, losses, gradients)
        return losses, gradients

    def _by_record(self, runs, values, tape, d_logits, masks):
        """As `TrainingRun` goes by record, each model's objective with draws of its own."""
        wanted = None if masks is None else masks.any(axis=0)
        each, _ = self.network.backward(tape, d_logits, per_sample=True, wanted=wanted)
        if masks is not None:
            each = np.where(masks[:, None, :], each, 0.0)
        own = zip(runs, each, strict=True)
        gradients = np.array([run.objective.aggregate(gradients) for run, gradients in own])
        return np.array([mean_of_finite(own) for own in values]), gradients

    def _add_penalties(self, runs, params, losses, gradients):
        if any(type(run.objective).penalty is not Objective.penalty for run in runs):
            for place, run in enumerate(runs):
                value, slope = run.objective.penalty(run)
                losses[place] += value
                gradients[place] += slope
            return
        decays = np.array([run.objective.decay for run in runs])
        if decays.any():
            kernels = self._decayed * params
            losses += 0.5 * decays * _squares(kernels)
            gradients += decays[:, None] * kernels

    def count(self, run: TrainingRun, n_rows: int) -> None:
        """Let a run's own meter count what a step took of its rows.

        Parameters
        ----------
        run : TrainingRun
        n_rows : int
        """
        circuits = n_rows * self._circuits
        run.network.count(forward_rows=n_rows, gradient_rows=n_rows, circuits=circuits)

    def look(self, runs: Sequence[TrainingRun], records: Sequence[Records]) -> None:
        """Foresee the logits of records, one `Records` of the same size a run.

        Parameters
        ----------
        runs : sequence of TrainingRun
        records : sequence of Records
        """
        X = np.stack([own.X for own in records])
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self.network.logits(np.array([run.params for run in runs]), X)
        circuits = X.shape[1] * self.network.circuits_a_row()
        for run, own, found in zip(runs, records, logits, strict=True):
            run.network.count(forward_rows=X.shape[1], circuits=circuits)
            run.foresee(own, found.copy())


def _stacked(runs, asked, *, kept):
    """Batches of all runs as `Records` with a leading axis, and slices of their streams.

    With `kept` the inputs are what the layers that do not move say of the rows.
    """
    parts, start = [], 0
    for _, rows in asked[0].batches:
        parts.append(slice(start, start + len(rows)))
        start += len(rows)
    name, _ = asked[0].batches[0]
    sample = runs[0].objective.streams[name]
    lead = (len(runs), start)
    X = None if kept else np.empty((*lead, *sample.X.shape[1:]))
    targets = np.empty((*lead, *sample.targets.shape[1:]))
    weights = np.empty(lead)
    for place, (run, step) in enumerate(zip(runs, asked, strict=True)):
        for (name, rows), part in zip(step.batches, parts, strict=True):
            records = run.objective.streams[name]
            # The mode that takes no detour over a buffer; rows are in range.
            if not kept:
                records.X.take(rows, axis=0, out=X[place, part], mode="clip")
            records.targets.take(rows, axis=0, out=targets[place, part], mode="clip")
            records.weights.take(rows, out=weights[place, part], mode="clip")
    if kept:
        X = np.stack([_outputs(run, step) for run, step in zip(runs, asked, strict=True)])
    return Records(X, targets, weights), parts


def _outputs(run, step):
    """What a run's layers that do not move say of a batch."""
    streams = run.objective.streams
    return np.concatenate(
        [run.fixed.outputs(run.params, name, streams[name], rows) for name, rows in step.batches]
    )


def _squares(vectors):
    """Squared norm of each row (M, n), as ``v @ v`` says it, to the last bit."""
    return (vectors[:, None, :] @ vectors[:, :, None])[:, 0, 0]


def _masks(runs, n):
    """Which parameters of each run move, shape (M, n); None: all of them."""
    masks = [run.objective.trainable for run in runs]
    if all(mask is None for mask in masks):
        return None
    return np.array([np.ones(n, dtype=bool) if mask is None else mask for mask in masks])


def _not_finite(runs, asked, losses, norms, params):
    """Each diverged run's error, as the loop would have raised it."""
    failures: dict[int, Exception] = {}
    if all(np.isfinite(values).all() for values in (losses, norms, params)):
        return failures
    for place, (run, step) in enumerate(zip(runs, asked, strict=True)):
        try:
            check_finite(run, step.number, loss=losses[place], gradient=norms[place])
            check_finite(run, step.number, parameters=params[place])
        except TrainingDivergedError as error:
            failures[place] = error
    return failures
