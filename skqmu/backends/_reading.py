"""Expectation values of a final state, and the costate that they start."""

import numpy as np
from scipy.sparse import issparse

__all__ = ["Reading"]


class Reading:
    """Evaluates a program's readout.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program):
        self.n_outputs = program.n_outputs
        self.constants = program.constants
        self.groups = [
            _OffDiagonal(group) if group.flip is not None else _Diagonal(group)
            for group in program.readout
        ]

    def forward(self, run):
        """Return the values, shape (models, n_outputs, records)."""
        values = np.empty((run.lead, self.n_outputs, run.n_records))
        values[:] = self.constants[:, None]
        squares = {}
        for group in self.groups:
            values[:, group.outputs] += group.values(run, squares)
        for slot, square in squares.items():
            run.release_real(slot, square)
        return values

    def backward(self, run, cotangent):
        """Start the costates of the slots that are read; `cotangent` like the values."""
        by_slot = {}
        for group in self.groups:
            by_slot.setdefault(group.slot, []).append(group)
        for slot, groups in by_slot.items():
            costate = run.scratch(slot)
            diagonal = [group for group in groups if isinstance(group, _Diagonal)]
            if diagonal:
                weights = run.scratch_real(slot)
                for i, group in enumerate(diagonal):
                    group.spread(cotangent, weights, first=i == 0)
                flat = costate.view(weights.dtype)
                np.multiply(run.states[slot].view(weights.dtype), weights, out=flat)
                run.release_real(slot, weights)
            else:
                costate[...] = 0
            for group in groups:
                if isinstance(group, _OffDiagonal):
                    group.add_costate(cotangent, run.states[slot], costate)
            run.costates[slot] = costate


class _Diagonal:
    """Observables that are functions of the basis state.

    States are read as pairs of real numbers, so that squares, sums and products run over
    contiguous memory: the table is applied to both squares, and their results are added.
    """

    def __init__(self, group):
        self.slot = group.slot
        self.outputs = group.outputs
        self.shape = group.shape
        self.table = group.table
        self.gone = tuple(i + 1 for i in range(len(group.shape)) if i not in group.kept)
        self.part = tuple(n if i in group.kept else 1 for i, n in enumerate(group.shape))

    def values(self, run, squares):
        if self.slot not in squares:
            state = run.states[self.slot]
            square = run.scratch_real(self.slot)
            flat = state.view(square.dtype)
            np.multiply(flat, flat, out=square)
            squares[self.slot] = square
        square = squares[self.slot]
        split = square.reshape(len(square), *self.shape, -1)
        marginal = (split.sum(axis=self.gone) if self.gone else split).reshape(
            len(square), self.table.shape[1], -1
        )
        values = _product(self.table, marginal)
        return values.reshape(*values.shape[:2], -1, 2).sum(axis=-1)

    def spread(self, cotangent, weights, first):
        """Add ``table.T @ cotangent`` to the weights, with a minus on imaginary parts."""
        own = cotangent[:, self.outputs]
        pairs = np.empty((*own.shape, 2))
        pairs[..., 0] = own
        np.negative(own, out=pairs[..., 1])
        spread = _product(self.table.T, pairs.reshape(*own.shape[:2], -1))
        spread = spread.reshape(len(own), *self.part, -1)
        target = weights.reshape(len(own), *self.shape, -1)
        if first:
            target[...] = spread
        else:
            target += spread


class _OffDiagonal:
    """Observables that pair each basis state with another one."""

    def __init__(self, group):
        self.slot = group.slot
        self.outputs = group.outputs
        self.flip = group.flip
        self.table = group.table

    def values(self, run, squares):
        state = run.states[self.slot]
        pairs = state.conj() * state[:, self.flip]
        return _product(self.table.real, pairs.real) - _product(self.table.imag, pairs.imag)

    def add_costate(self, cotangent, state, costate):
        weights = _product(self.table.T.conj(), cotangent[:, self.outputs])
        costate += weights * state[:, self.flip].conj()


def _product(table, columns):
    """Return ``table @ columns`` for columns of shape (models, n, records)."""
    if issparse(table):
        return np.stack([table @ block for block in columns])
    return table @ columns
