"""The product state that the leading one-qubit gates prepare, and its gradient.

Every qubit is a vector of two amplitudes a record; all qubits are evolved together, and only
then multiplied out to windows.
"""

import numpy as np

from ..circuits._expressions import contiguous
from ._matrices import unit_phases

__all__ = ["ProductStart", "StatePreparation"]


class _Columns:
    """Picks global columns out of shared (models, S) and sampled (models, P, B) arrays."""

    def __init__(self, columns, angles):
        columns = np.asarray(columns)
        self.size = len(columns)
        self.is_sampled = angles.is_sampled[columns]
        places = angles.place[columns]
        self.here = {kind: contiguous(np.flatnonzero(self.is_sampled == kind)) for kind in (0, 1)}
        self.there = {kind: contiguous(places[self.is_sampled == kind]) for kind in (0, 1)}

    def gather(self, shared, sampled):
        """Return the columns' values, shape (models, n_columns, B)."""
        if self.is_sampled.all():
            return sampled[:, self.there[1]]
        values = np.empty((len(shared), self.size, sampled.shape[-1]))
        values[:, self.here[1]] = sampled[:, self.there[1]]
        values[:, self.here[0]] = shared[:, self.there[0], None]
        return values

    def scatter(self, slopes, d_shared, d_sampled):
        """Write slopes (models, n_columns, B); a shared one is summed unless kept by record."""
        if d_sampled is not None and self.is_sampled.any():
            d_sampled[:, self.there[1]] = slopes[:, self.here[1]]
        if d_shared is not None and not self.is_sampled.all():
            own = slopes[:, self.here[0]]
            own = own.swapaxes(1, 2) if d_shared.ndim == 3 else own.sum(axis=-1)
            d_shared[..., self.there[0]] += own

    def matter(self, need_shared, need_sampled):
        """Whether any wanted gradient comes through these columns."""
        return bool(
            (need_sampled and self.is_sampled.any()) or (need_shared and not self.is_sampled.all())
        )


class _Runs:
    """The leading runs of one length, as vectors."""

    def __init__(self, group, rows, angles):
        self.group = group
        self.rows = contiguous(rows)
        self.columns = _Columns(group.columns.ravel(), angles)
        # The same angle often turns several gates: its cosine is taken once.
        pairs = np.stack([group.columns.ravel(), group.gaps.ravel()], axis=1)
        keys = [(repr(angles.nodes[int(c)]), gap) for c, gap in pairs]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        distinct = list(first)
        self.distinct = _Columns([group.columns.ravel()[first[key]] for key in distinct], angles)
        self.gaps = np.array([key[1] for key in distinct])[:, None]
        place = {key: i for i, key in enumerate(distinct)}
        self.which = np.array([place[key] for key in keys], dtype=int).reshape(group.columns.shape)

    def forward(self, shared, sampled):
        """Return ``(vectors, tape)``; vectors of shape (models, N, 2, B)."""
        group = self.group
        vectors = group.fixed[0][None, :, :, :1]
        phases = unit_phases(self.distinct.gather(shared, sampled) * self.gaps)
        turns = np.stack([phases, phases.conj()], axis=2)
        stages = []
        for step in range(group.length):
            vectors = turns[:, self.which[:, step]] * vectors
            stages.append(vectors)
            vectors = group.fixed[step + 1] @ vectors
        return vectors, (turns, stages)

    def backward(self, tape, gradient):
        """Return the slopes of all columns, shape (models, N * L, B)."""
        turns, stages = tape
        group = self.group
        slopes = np.empty((len(gradient), len(group), group.length, gradient.shape[-1]))
        for step in range(group.length - 1, -1, -1):
            gradient = group.fixed[step + 1].swapaxes(-1, -2) @ gradient
            slope = (gradient * stages[step]).imag
            slopes[:, :, step] = 2 * (slope[:, :, 1] - slope[:, :, 0])
            if step:
                gradient = gradient * turns[:, self.which[:, step]]
        slopes *= group.gaps[:, :, None]
        return slopes.reshape(len(gradient), -1, gradient.shape[-1])


class ProductStart:
    """Evaluates a program's starting windows.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program):
        self.runs = [
            _Runs(group, rows, program.angles) for group, rows in program.start_runs if group.length
        ]
        self.idle = [(group, rows) for group, rows in program.start_runs if not group.length]
        self.starts = program.starts
        self.n_rows = sum(len(rows) for _, rows in program.start_runs)

    def forward(self, shared, sampled, states, dtype):
        """Fill the starting slots of `states`; return a tape."""
        lead, n_records = len(shared), sampled.shape[-1]
        vectors = np.empty((lead, self.n_rows, 2, n_records), complex)
        for group, rows in self.idle:
            vectors[:, rows] = group.fixed[0][:, :, :1]
        run_tapes = []
        for runs in self.runs:
            vectors[:, runs.rows], tape = runs.forward(shared, sampled)
            run_tapes.append(tape)
        trees = []
        for start in self.starts:
            product, tree = _outer_forward(vectors[:, start.qubits])
            product = product.astype(dtype, copy=False)
            trees.append(tree)
            for window, slot in enumerate(start.slots):
                states[slot] = product[:, window]
        return run_tapes, trees

    def matter(self, need_shared, need_sampled):
        """Whether any wanted gradient comes through the start."""
        return any(runs.columns.matter(need_shared, need_sampled) for runs in self.runs)

    def backward(self, tape, costates, d_shared, d_sampled):
        """Write the slopes of the starting angles, given every starting slot's costate."""
        run_tapes, trees = tape
        sample = costates[self.starts[0].slots[0]]
        gradient = np.empty((len(sample), self.n_rows, 2, sample.shape[-1]), complex)
        for start, tree in zip(self.starts, trees, strict=True):
            window = np.stack([costates[slot] for slot in start.slots], axis=1)
            parts = np.empty(
                (*window.shape[:2], start.qubits.shape[1], 2, window.shape[-1]), complex
            )
            _outer_backward(window, tree, parts)
            gradient[:, start.qubits] = parts
        for runs, run_tape in zip(self.runs, run_tapes, strict=True):
            slopes = runs.backward(run_tape, gradient[:, runs.rows])
            runs.columns.scatter(slopes, d_shared, d_sampled)


def _outer_forward(vectors):
    """Return ``(product, tree)`` of vectors (..., k, 2, B), the first on the highest bit."""
    k = vectors.shape[-3]
    if k == 1:
        return vectors[..., 0, :, :], None
    high, high_tree = _outer_forward(vectors[..., : k // 2, :, :])
    low, low_tree = _outer_forward(vectors[..., k // 2 :, :, :])
    product = high[..., :, None, :] * low[..., None, :, :]
    shape = (*product.shape[:-3], 2**k, product.shape[-1])
    return product.reshape(shape), (high, high_tree, low, low_tree)


def _outer_backward(gradient, tree, out):
    if tree is None:
        out[..., 0, :, :] = gradient
        return
    high, high_tree, low, low_tree = tree
    a, b = high.shape[-2], low.shape[-2]
    pairs = gradient.reshape(*gradient.shape[:-2], a, b, gradient.shape[-1])
    half = a.bit_length() - 1
    d_high = (pairs * low[..., None, :, :]).sum(axis=-2)
    d_low = (pairs * high[..., :, None, :]).sum(axis=-3)
    _outer_backward(d_high, high_tree, out[..., :half, :, :])
    _outer_backward(d_low, low_tree, out[..., half:, :, :])


class StatePreparation:
    """Amplitude encoding: the records' values, divided by their norms.

    Parameters
    ----------
    group : PrepareGroup
    angles : AngleMap
    """

    def __init__(self, group, angles):
        self.group = group
        self.columns = _Columns(group.columns, angles)

    def forward(self, shared, sampled, states, dtype, first_row):
        """Fill the slot; return a tape.

        Raises
        ------
        ValueError
            Names the rows that are all zeros.
        """
        values = self.columns.gather(shared, sampled)
        # Dividing by the largest value first keeps tiny and huge rows from under- and
        # overflowing in the squares.
        scale = np.abs(values).max(axis=1, keepdims=True)
        if not scale.all():
            rows = np.unique(np.nonzero(scale[:, 0] == 0)[1]) + first_row
            shown = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
            raise ValueError(
                f"amplitude encoding cannot normalise rows of zeros: row {shown} of the batch "
                f"({len(rows)} in all); drop such rows or shift the features."
            )
        values = values / scale
        norm = np.sqrt((values**2).sum(axis=1, keepdims=True))
        unit = values / norm
        state = np.zeros((len(values), 2**self.group.width, values.shape[-1]), dtype)
        state[:, self.group.places] = unit
        states[self.group.slot] = state
        return unit, scale * norm

    def backward(self, tape, costate, d_shared, d_sampled):
        """Write the slopes of the values."""
        unit, norm = tape
        slope = 2 * costate[:, self.group.places].real.astype(float)
        slope = (slope - unit * (unit * slope).sum(axis=1, keepdims=True)) / norm
        self.columns.scatter(slope, d_shared, d_sampled)
