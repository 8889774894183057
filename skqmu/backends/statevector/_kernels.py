"""Operations on states, forward and back.

A state is an array (models, 2**k, records). Its *costate* is the conjugate of the usual
adjoint vector: chi with ``dL = 2 Re sum chi dphi``; then no operation needs a conjugation.
"""

import numpy as np

from ...circuits.lowering import BlockOp, JoinOp
from ._matrices import summed, unit_phases

__all__ = ["make_kernel"]


def make_kernel(op):
    """Return the object that runs an operation."""
    if isinstance(op, JoinOp):
        return _Join(op)
    return _Block(op) if isinstance(op, BlockOp) else _Monomial(op)


class _Join:
    """Outer product of two registers."""

    def __init__(self, op):
        self.op = op
        first, second, _ = op.shapes
        self.gone = [tuple(i + 1 for i, n in enumerate(s) if n == 1) for s in (first, second)]

    def _views(self, states):
        for slot, shape in zip(self.op.sources, self.op.shapes, strict=False):
            state = states[slot]
            yield state.reshape(len(state), *shape, state.shape[-1])

    def forward(self, run):
        first, second = self._views(run.states)
        out = run.new_state(self.op.target)
        lead, n_records = len(out), out.shape[-1]
        np.multiply(first, second, out=out.reshape(lead, *self.op.shapes[2], n_records))
        run.states[self.op.target] = out

    def backward(self, run):
        costate = run.costates.pop(self.op.target)
        lead, n_records = len(costate), costate.shape[-1]
        whole = costate.reshape(lead, *self.op.shapes[2], n_records)
        first, second = self._views(run.states)
        scratch = run.scratch(self.op.target).reshape(whole.shape)
        for slot, other, axes in zip(self.op.sources, (second, first), self.gone, strict=True):
            np.multiply(whole, other, out=scratch)
            run.costates[slot] = _sum_out(scratch, axes).reshape(lead, -1, n_records)
        run.release(self.op.target, costate)
        run.release(self.op.target, scratch.reshape(costate.shape))


def _sum_out(array, axes):
    """Sum a contiguous complex array over some axes, most of the time one."""
    if len(axes) > 1:
        return array.sum(axis=axes)
    (axis,) = axes
    real = array.view(array.real.dtype)
    flat = real.reshape(*real.shape[: axis + 1], -1)
    total = summed(flat, axis).reshape(*real.shape[:axis], *real.shape[axis + 1 :])
    return total.view(array.dtype)


class _Block:
    """One matrix product with a window of the register."""

    def __init__(self, op):
        self.op = op

    def forward(self, run):
        op = self.op
        matrix = run.blocks[op.family][:, op.member]
        out = run.new_state(op.target)
        self._apply(matrix, run.states[op.source], out)
        run.states[op.target] = out

    def backward(self, run):
        op = self.op
        costate = run.costates.pop(op.target)
        if run.need_weights:
            before = run.states[op.source]
            target = run.d_blocks[op.family]
            if run.per_sample:
                target[:, :, op.member] = self._transition_by_record(costate, before)
            else:
                target[:, op.member] += self._transition(costate, before)
        matrix = run.blocks[op.family][:, op.member].swapaxes(-1, -2)
        out = run.scratch(op.source)
        self._apply(matrix, costate, out)
        run.release(op.target, costate)
        run.costates[op.source] = out

    def _apply(self, matrix, state, out):
        op, lead = self.op, len(state)
        if op.axes is None:
            shape = (lead, op.left, matrix.shape[-1], -1)
            np.matmul(matrix[:, None], state.reshape(shape), out=out.reshape(shape))
            return
        moved, order = self._gathered(state)
        product = matrix @ moved.reshape(lead, matrix.shape[-1], -1)
        bits = (2,) * (len(order) - 2)
        out.reshape(lead, *bits, -1).transpose(order)[...] = product.reshape(moved.shape)

    def _gathered(self, state):
        """Return the state with the block's axes in front, and that order of axes."""
        width = state.shape[1].bit_length() - 1
        front = [axis + 1 for axis in self.op.axes]
        rest = [axis for axis in range(1, width + 1) if axis not in front]
        order = (0, *front, *rest, width + 1)
        return state.reshape(len(state), *(2,) * width, -1).transpose(order), order

    def _paired(self, state, records_apart):
        """Return the state as (models, [records], left, K, right)."""
        op, lead, n_records = self.op, len(state), state.shape[-1]
        if op.axes is None:
            view = state.reshape(lead, op.left, -1, op.right, n_records)
        else:
            view = self._gathered(state)[0].reshape(lead, 1, 2 ** len(op.axes), -1, n_records)
        if not records_apart:
            return view.reshape(*view.shape[:3], -1)
        k = view.shape[2]
        return view.transpose(0, 4, 2, 1, 3).reshape(lead, n_records, k, -1)

    def _transition(self, costate, before):
        bra, ket = self._paired(costate, False), self._paired(before, False)
        parts = np.matmul(bra, ket.swapaxes(-1, -2))
        return parts[:, 0] if parts.shape[1] == 1 else parts.sum(axis=1)

    def _transition_by_record(self, costate, before):
        bra, ket = self._paired(costate, True), self._paired(before, True)
        return np.matmul(bra, ket.swapaxes(-1, -2))


class _Monomial:
    """One gather and one elementwise product."""

    def __init__(self, op):
        self.op = op
        phases = op.phases
        self.phases = None if phases is None else phases[:, None]

    def forward(self, run):
        op = self.op
        state = run.states[op.source]
        if op.in_place:
            out = state
        else:
            out = run.new_state(op.target)
            if op.order is None:
                np.copyto(out, state)
            else:
                np.take(state, op.order, axis=1, out=out, mode="clip")
        self._multiply(out)
        turns = []
        for terms in op.terms:
            turn = _phase_table(terms, run).astype(run.dtype, copy=False)
            _onto(out, terms.register)[...] *= _onto(turn, terms.shape)
            turns.append(turn)
        run.tapes[self] = turns
        run.states[op.target] = out

    def backward(self, run):
        op = self.op
        costate = run.costates.pop(op.target)
        turns = run.tapes[self]
        wanted = [t for t in op.terms if _is_asked_for(t, run)]
        if wanted:
            scratch = run.scratch(op.target)
            np.multiply(costate, run.states[op.target], out=scratch)
            for terms in wanted:
                _phase_slopes(terms, _onto(scratch.imag, terms.register), run)
            run.release(op.target, scratch)
        for terms, turn in zip(op.terms, turns, strict=True):
            _onto(costate, terms.register)[...] *= _onto(turn, terms.shape)
        self._multiply(costate)
        if op.inverse is not None:
            out = run.scratch(op.source)
            np.take(costate, op.inverse, axis=1, out=out, mode="clip")
            run.release(op.target, costate)
            costate = out
        run.costates[op.source] = costate

    def _multiply(self, array):
        """Multiply by the fixed phases; signs act on real and imaginary parts alike."""
        if self.phases is None:
            return
        if self.phases.dtype.kind == "f":
            array = array.view(array.real.dtype)
        np.multiply(array, self.phases, out=array, casting="same_kind")


def _onto(array, shape):
    """View (models, 2**k, records) with the middle axis split as `shape`."""
    return array.reshape(len(array), *shape, array.shape[-1])


def _phase_table(terms, run):
    """Return exp(i sum_S a_S prod bits), shape (models, 2**width, records or 1)."""
    columns, coefficients = terms.shared
    # A product a model, not one of all: its last bits must not depend on how many there are.
    angles = (run.shared[:, None, columns] @ coefficients.T).swapaxes(1, 2)
    columns, coefficients = terms.sampled
    if len(columns):
        angles = angles + coefficients @ run.sampled[:, columns]
    table = np.ones((len(angles), 2**terms.width, angles.shape[-1]), complex)
    table[:, terms.subsets] = unit_phases(angles)
    for bit in range(terms.width):
        halves = table.reshape(len(table), -1, 2, 2**bit * table.shape[-1])
        halves[:, :, 1] *= halves[:, :, 0]
    return table


def _is_asked_for(terms, run):
    return (run.need_weights and len(terms.shared[0])) or (
        run.d_sampled is not None and len(terms.sampled[0])
    )


def _phase_slopes(terms, density, run):
    """Add the slopes of the terms' angles; `density` is Im(costate * state)."""
    gone = tuple(i + 1 for i, n in enumerate(terms.shape) if n == 1)
    total = density.sum(axis=gone, dtype=float).reshape(len(density), -1, density.shape[-1])
    by_record = run.d_sampled is not None and len(terms.sampled[0])
    if not by_record and not run.per_sample:
        total = total.sum(axis=-1, keepdims=True)
    for bit in range(terms.width):
        halves = total.reshape(len(total), -1, 2, 2**bit * total.shape[-1])
        halves[:, :, 0] += halves[:, :, 1]
    slopes = -2 * total[:, terms.subsets]
    columns, coefficients = terms.sampled
    if by_record:
        run.d_sampled[:, columns] = coefficients.T @ slopes
    columns, coefficients = terms.shared
    if run.need_weights and len(columns):
        own = coefficients.T @ slopes
        if run.per_sample:
            run.d_shared[:, :, columns] = own.swapaxes(1, 2)
        else:
            run.d_shared[:, columns] += own.sum(axis=-1)
