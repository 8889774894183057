"""Expectation values of a final state, and the costate that they start."""

import numpy as np
from scipy.sparse import issparse

from ...circuits.lowering import contiguous
from ._matrices import summed

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
        self.slots = {}
        for slot in dict.fromkeys(group.slot for group in program.readout):
            own = [group for group in program.readout if group.slot == slot]
            diagonal = [group for group in own if group.flip is None]
            self.slots[slot] = (
                _Diagonal(diagonal, 2 ** program.widths[slot]) if diagonal else None,
                [_OffDiagonal(group) for group in own if group.flip is not None],
            )

    def forward(self, run):
        """Return the values, shape (models, n_outputs, records)."""
        values = np.empty((run.lead, self.n_outputs, run.n_records))
        values[:] = self.constants[:, None]
        for slot, (diagonal, others) in self.slots.items():
            state = run.states[slot]
            if diagonal is not None:
                square = run.scratch_real(slot)
                flat = state.view(square.dtype)
                np.multiply(flat, flat, out=square)
                diagonal.add_values(square, values)
                run.release_real(slot, square)
            for group in others:
                values[:, group.outputs] += group.values(state)
        return values

    def backward(self, run, cotangent):
        """Start the costates of the slots that are read; `cotangent` like the values."""
        for slot, (diagonal, others) in self.slots.items():
            state, costate = run.states[slot], run.scratch(slot)
            if diagonal is None:
                costate[...] = 0
            else:
                weights = run.scratch_real(slot)
                diagonal.spread(cotangent, weights)
                np.multiply(state.view(weights.dtype), weights, out=costate.view(weights.dtype))
                run.release_real(slot, weights)
            for group in others:
                group.add_costate(cotangent, state, costate)
            run.costates[slot] = costate


class _Diagonal:
    """Observables that are functions of the basis state.

    States are read as pairs of real numbers, so that squares, sums and products run over
    contiguous memory: a table is applied to both squares, and their results are added.
    The register is peeled from its low end, part by part, so that each part costs one pass
    over what the parts below have left.
    """

    def __init__(self, groups, size):
        self.parts, reached = [], 1
        for group in sorted(groups, key=lambda g: g.right):
            if group.right > reached:
                self.parts.append((group.right // reached, None, None))
            self.parts.append((group.table.shape[1], group, contiguous(group.outputs)))
            reached = group.right * group.table.shape[1]
        self.top = size // reached  # summed over from the start
        self.below = size // self.top

    def add_values(self, square, values):
        """Add the tables' products with the marginals of the squares."""
        rest = square
        if self.top > 1:
            rest = summed(rest.reshape(len(rest), self.top, -1), 1)
        for i, (size, group, outputs) in enumerate(self.parts):
            split = rest.reshape(len(rest), -1, size, square.shape[-1])
            if group is not None:
                marginal = split[:, 0]
                if split.shape[1] > 1:
                    flat = split.reshape(*split.shape[:2], -1)
                    marginal = summed(flat, 1).reshape(marginal.shape)
                own = _product(group.table, marginal)
                pairs = own.reshape(*own.shape[:2], -1, 2)
                values[:, outputs] += pairs[..., 0] + pairs[..., 1]  # .sum takes five times as long
            if i + 1 < len(self.parts):
                rest = summed(split, 2)

    def spread(self, cotangent, weights):
        """Write ``table.T @ cotangent`` of all tables, with a minus on imaginary parts."""
        lead, _, n_columns = weights.shape
        total, above = None, 1
        for i in range(len(self.parts) - 1, -1, -1):
            size, group, outputs = self.parts[i]
            last = i == 0 and self.top == 1
            own = None
            if group is not None:
                pairs = np.empty((lead, len(group.outputs), n_columns // 2, 2))
                pairs[..., 0] = cotangent[:, outputs]
                np.negative(pairs[..., 0], out=pairs[..., 1])
                own = _product(group.table.T, pairs.reshape(lead, -1, n_columns))
            shape = (lead, above, size, n_columns)
            target = weights.reshape(shape) if last else np.empty(shape, weights.dtype)
            if total is None:
                target[...] = own[:, None]
            elif own is None:
                target[...] = total.reshape(lead, above, 1, n_columns)
            else:
                np.add(total.reshape(lead, above, 1, n_columns), own[:, None], out=target)
            total, above = target, above * size
        if self.top > 1:
            split = weights.reshape(lead, self.top, self.below, n_columns)
            split[...] = total.reshape(lead, 1, self.below, n_columns)


class _OffDiagonal:
    """Observables that pair each basis state with another one."""

    def __init__(self, group):
        self.outputs = group.outputs
        self.flip = group.flip
        self.table = group.table

    def values(self, state):
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
