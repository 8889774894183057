"""The product state that the leading one-qubit gates prepare, and its gradient.

Every qubit is a vector of two amplitudes a record; all qubits are evolved together, and only
then multiplied out to windows.
"""

import numpy as np

from ...circuits.lowering import check_unit, contiguous
from ...exceptions import InputRowsError
from .._contract import HUGE_ROWS, ZERO_ROWS
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
        self.rows = contiguous(rows)
        self.size = len(group)
        self.pieces = [_Piece(piece, angles) for piece in group.pieces if piece.columns.size]
        self.constant = group.pieces[0].matrices[:, 0, :, :1]

    def forward(self, shared, sampled):
        """Return ``(vectors, tape)``; vectors of shape (models, N, 2, B)."""
        vectors, tape = None, []
        for piece in self.pieces:
            before = vectors
            vectors, patterns = piece.forward(before, shared, sampled)
            tape.append((before, patterns))
        return (self.constant if vectors is None else vectors), tape

    def backward(self, tape, gradient, d_shared, d_sampled):
        """Write the slopes of all columns, given the vectors' costates."""
        for piece, (before, patterns) in zip(self.pieces[::-1], tape[::-1], strict=True):
            slopes, gradient = piece.backward(before, patterns, gradient)
            piece.columns.scatter(slopes, d_shared, d_sampled)


class _Piece:
    """A few rotations of every run, for each record: a sum over sign patterns."""

    def __init__(self, piece, angles):
        kept, places = _shared_angles(piece, angles.nodes)
        self.times = np.bincount(places)
        gaps = piece.gaps[:, kept]
        self.n_runs = len(gaps)
        self.gaps = gaps.reshape(-1, 1)
        self.columns = _Columns(piece.columns[:, kept].ravel(), angles)
        # Sign patterns with as many minus signs for each angle have one phase: their
        # matrices are added up.
        minus = (piece.signs < 0).astype(int) @ np.equal.outer(places, np.arange(len(kept)))
        radix = np.concatenate([[1], np.cumprod(self.times + 1)])
        self.n_patterns = int(radix[-1])
        matrices = np.zeros((self.n_runs, self.n_patterns, 2, 2), complex)
        for number, place in enumerate(minus @ radix[:-1]):
            matrices[:, place] += piece.matrices[:, number]
        counts = np.arange(self.n_patterns)[:, None] // radix[:-1] % (self.times + 1)
        coefficients = gaps[:, None] * (self.times - 2 * counts)
        # Sums over patterns and slopes of angles, as stacks of small products.
        self.slopes = np.ascontiguousarray(-2 * coefficients.swapaxes(1, 2))
        self.rows = np.ascontiguousarray(matrices.reshape(self.n_runs, -1, 2))
        # From |0>, only the first column of each matrix matters: (N, 2, S).
        self.first = np.ascontiguousarray(matrices[:, :, :, 0].swapaxes(1, 2))

    def _patterns(self, shared, sampled):
        """Return exp(i sum_l s_l g_l) of every sign pattern, shape (models, N, S, B)."""
        phases = unit_phases(self.columns.gather(shared, sampled) * self.gaps)
        phases = phases.reshape(len(phases), self.n_runs, len(self.times), -1)
        patterns = None
        for place, times in enumerate(self.times):
            own = _powers(phases[:, :, place], times)
            if patterns is not None:
                own = own[:, :, :, None] * patterns[:, :, None]
            patterns = own.reshape(*own.shape[:2], -1, own.shape[-1])
        return patterns

    def forward(self, before, shared, sampled):
        """Return the vectors behind the piece, (models, N, 2, B), and the patterns."""
        patterns = self._patterns(shared, sampled)
        if before is None:
            return self.first @ patterns, patterns
        turned = self._turned(before)
        return (turned * patterns[:, :, :, None]).sum(axis=2), patterns

    def _turned(self, before):
        turned = self.rows @ before
        return turned.reshape(len(before), self.n_runs, self.n_patterns, 2, -1)

    def backward(self, before, patterns, gradient):
        """Return the slopes, (models, N * L, B), and the costate of `before`, or None."""
        if before is None:
            shares = patterns * (self.first.swapaxes(1, 2) @ gradient)
            inner = None
        else:
            weighed = gradient[:, :, None] * patterns[:, :, :, None]
            shares = (self._turned(before) * weighed).sum(axis=3)
            flat = weighed.reshape(*weighed.shape[:2], -1, weighed.shape[-1])
            inner = self.rows.swapaxes(1, 2) @ flat
        slopes = self.slopes @ shares.imag
        return slopes.reshape(len(slopes), -1, slopes.shape[-1]), inner


def _shared_angles(piece, nodes):
    """Find rotations of a run by one angle, equal in every run.

    Returns
    -------
    kept : list of int
        The first rotation of each angle.
    places : ndarray of shape (L,)
        Which of the kept ones each rotation turns like.
    """
    alike = set()
    for columns, gaps in zip(piece.columns, piece.gaps, strict=True):
        turns = [(nodes[int(column)], gap) for column, gap in zip(columns, gaps, strict=True)]
        alike.add(tuple(turns.index(turn) for turn in turns))
    if len(alike) > 1:
        alike = {tuple(range(piece.columns.shape[1]))}
    (first,) = alike
    kept = sorted(set(first))
    return kept, np.array([kept.index(place) for place in first])


def _powers(phases, times):
    """Return z^m, z^(m - 2), ..., z^-m of unit z (models, N, B), m = `times`, on axis 2."""
    result = np.empty((*phases.shape[:2], times + 1, phases.shape[-1]), complex)
    middle = times // 2
    if times % 2:
        result[:, :, middle] = phases
    else:
        result[:, :, middle] = 1.0
    if times > 1:
        squares = phases * phases
    for place in range(middle, 0, -1):
        np.multiply(result[:, :, place], squares, out=result[:, :, place - 1])
    for place in range((times + 1) // 2):
        np.conjugate(result[:, :, place], out=result[:, :, times - place])
    return result


class ProductStart:
    """Evaluates a program's starting windows.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program):
        self.runs = [_Runs(group, rows, program.angles) for group, rows in program.start_runs]
        self.starts = program.starts
        self.n_rows = sum(len(rows) for _, rows in program.start_runs)

    def forward(self, shared, sampled, states, dtype):
        """Fill the starting slots of `states`; return a tape."""
        lead, n_records = len(shared), sampled.shape[-1]
        vectors = np.empty((lead, self.n_rows, 2, n_records), complex)
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
        return any(
            piece.columns.matter(need_shared, need_sampled)
            for runs in self.runs
            for piece in runs.pieces
        )

    def backward(self, tape, costates, d_shared, d_sampled):
        """Write the slopes of the starting angles, given every starting slot's costate."""
        run_tapes, trees = tape
        sample = costates[self.starts[0].slots[0]]
        gradient = np.empty((len(sample), self.n_rows, 2, sample.shape[-1]), complex)
        for start, tree in zip(self.starts, trees, strict=True):
            first, *others = (costates[slot] for slot in start.slots)
            window = np.stack([first, *others], axis=1) if others else first[:, None]
            parts = np.empty(
                (*window.shape[:2], start.qubits.shape[1], 2, window.shape[-1]), complex
            )
            _outer_backward(window, tree, parts)
            gradient[:, start.qubits] = parts
        for runs, run_tape in zip(self.runs, run_tapes, strict=True):
            runs.backward(run_tape, gradient[:, runs.rows], d_shared, d_sampled)


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
    products = pairs * low[..., None, :, :]
    d_high = products.sum(axis=-2)
    d_low = np.multiply(pairs, high[..., :, None, :], out=products).sum(axis=-3)
    _outer_backward(d_high, high_tree, out[..., :half, :, :])
    _outer_backward(d_low, low_tree, out[..., half:, :, :])


class StatePreparation:
    """The records' values as amplitudes, by the group's rule about their norms.

    Parameters
    ----------
    group : PrepareGroup
    angles : AngleMap
    """

    def __init__(self, group, angles):
        self.group = group
        self.columns = _Columns(group.columns, angles)
        self.places = contiguous(group.places)

    def forward(self, shared, sampled, states, dtype, first_row):
        """Fill the slot; return a tape.

        Raises
        ------
        InputRowsError
            Names the rows that are all zeros, whose norm is not 1, or whose square overflows.
        """
        values = self.columns.gather(shared, sampled)
        unit, norm = values, None
        if self.group.rule == "keep":
            _check_size(values, first_row, dtype)
        else:
            unit, norm = self._divided(values, first_row)
        state = np.zeros((len(values), 2**self.group.width, values.shape[-1]), dtype)
        n = len(self.group.places)
        state.real[:, self.places] = unit[:, :n]
        if self.group.imaginary:
            state.imag[:, self.places] = unit[:, n:]
        states[self.group.slot] = state
        return unit, norm

    def _divided(self, values, first_row):
        # Dividing by the largest value first keeps tiny and huge rows from under- and
        # overflowing in the squares.
        scale = np.abs(values).max(axis=1, keepdims=True)
        if self.group.rule == "unit":
            check_unit(np.sqrt((values**2).sum(axis=1)), first_row)
        elif not scale.all():
            rows = np.unique(np.nonzero(scale[:, 0] == 0)[1]) + first_row
            raise InputRowsError(ZERO_ROWS, rows)
        values = values / scale
        norm = np.sqrt((values**2).sum(axis=1, keepdims=True))
        return values / norm, scale * norm

    def backward(self, tape, costate, d_shared, d_sampled):
        """Write the slopes of the values."""
        unit, norm = tape
        own = costate[:, self.places]
        slope = 2 * own.real.astype(float)
        if self.group.imaginary:  # d(value) = 2 Re(costate d(amplitude))
            slope = np.concatenate([slope, -2 * own.imag.astype(float)], axis=1)
        if norm is not None:
            slope = (slope - unit * (unit * slope).sum(axis=1, keepdims=True)) / norm
        self.columns.scatter(slope, d_shared, d_sampled)


def _check_size(values, first_row, dtype):
    """Refuse records whose squared norm is no number of `dtype`: no expectation value would be."""
    with np.errstate(over="ignore"):
        finite = (values**2).sum(axis=1) <= np.finfo(dtype).max
    if not finite.all():
        raise InputRowsError(HUGE_ROWS, np.unique(np.nonzero(~finite)[1]) + first_row)
