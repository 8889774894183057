"""From shared angles to block matrices, and back from their gradients to the angles'.

All runs of one length, and all blocks of one family, are evaluated in one go: the cost is
that of a few small array operations a step, however many gates there are.

A gradient is handed around as the matrix M of ``dL = 2 Re sum_ij M_ij dU_ij``.
"""

import numpy as np

from ..circuits._program import KronFactor, PhaseFactor

__all__ = ["ParameterMatrices", "unit_phases"]


def unit_phases(angles):
    """Return exp(i angles) for a real array, faster than a complex exponential."""
    result = np.empty(angles.shape, complex)
    np.cos(angles, out=result.real)
    np.sin(angles, out=result.imag)
    return result


class ParameterMatrices:
    """Evaluates a program's runs and blocks.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program):
        self.groups = program.runs
        self.families = program.families
        self.n_runs = sum(len(group) for group in self.groups)

    def forward(self, shared):
        """Return ``(blocks, tape)`` for shared angles of shape (models, n_shared).

        ``blocks[f]`` has shape (models, size of family f, K, K).
        """
        runs = np.empty((len(shared), self.n_runs, 2, 2), complex)
        run_tapes, first = [], 0
        for group in self.groups:
            runs[:, first : first + len(group)], tape = _run_forward(group, shared)
            run_tapes.append((first, tape))
            first += len(group)
        blocks, block_tapes = [], []
        for family in self.families:
            matrices, tape = _block_forward(family, runs, shared)
            blocks.append(matrices)
            block_tapes.append(tape)
        return blocks, (run_tapes, block_tapes)

    def backward(self, tape, d_blocks, d_shared):
        """Write the angles' gradients into `d_shared`.

        Parameters
        ----------
        tape : object
        d_blocks : list of ndarray
            One a family, of shape (models, size, K, K), or (models, records, size, K, K).
        d_shared : ndarray of shape (models, n_shared) or (models, records, n_shared)
            Only the columns of runs and blocks are written.
        """
        run_tapes, block_tapes = tape
        d_runs = np.zeros((*d_shared.shape[:-1], self.n_runs, 2, 2), complex)
        for family, steps, d_block in zip(self.families, block_tapes, d_blocks, strict=True):
            _block_backward(family, steps, d_block, d_runs, d_shared)
        for group, (first, steps) in zip(self.groups, run_tapes, strict=True):
            if group.length:
                _run_backward(group, steps, d_runs[..., first : first + len(group), :, :], d_shared)


def _run_forward(group, shared):
    product = group.fixed[0]
    if not group.length:
        return product, None
    phases = unit_phases(shared[:, group.columns] * group.gaps)
    turns = np.stack([phases, phases.conj()], axis=-1)
    stages = []
    for step in range(group.length):
        product = turns[:, :, step, :, None] * product
        stages.append(product)
        product = group.fixed[step + 1] @ product
    return product, (turns, stages)


def _run_backward(group, tape, gradient, d_shared):
    turns, stages = tape
    by_record = gradient.ndim > stages[0].ndim
    d_angles = np.empty((*gradient.shape[:-2], group.length))
    for step in range(group.length - 1, -1, -1):
        gradient = group.fixed[step + 1].swapaxes(-1, -2) @ gradient
        stage, turn = stages[step], turns[:, :, step, :, None]
        if by_record:
            stage, turn = stage[:, None], turn[:, None]
        slope = (gradient * stage).imag.sum(axis=-1)
        d_angles[..., step] = 2 * (slope[..., 1] - slope[..., 0])
        if step:
            gradient = gradient * turn
    d_shared[..., group.columns] = d_angles * group.gaps


def _kron_forward(runs):
    """Return ``(product, tree)`` of runs (..., k, 2, 2), the first on the highest bit."""
    k = runs.shape[-3]
    if k == 1:
        return runs[..., 0, :, :], None
    half = k // 2
    high, high_tree = _kron_forward(runs[..., :half, :, :])
    low, low_tree = _kron_forward(runs[..., half:, :, :])
    product = high[..., :, None, :, None] * low[..., None, :, None, :]
    shape = (*product.shape[:-4], 2**k, 2**k)
    return product.reshape(shape), (high, high_tree, low, low_tree)


def _kron_backward(gradient, tree, out, by_record):
    """Contract the gradient of a product with all factors but one, for each."""
    if tree is None:
        out[..., 0, :, :] = gradient
        return
    high, high_tree, low, low_tree = tree
    a, b = high.shape[-1], low.shape[-1]
    lead = gradient.shape[:-2]
    pairs = gradient.reshape(*lead, a, b, a, b).swapaxes(-3, -2).reshape(*lead, a * a, b * b)
    high_row = high.reshape(*high.shape[:-2], 1, a * a)
    low_column = low.reshape(*low.shape[:-2], b * b, 1)
    if by_record:
        high_row, low_column = high_row[:, None], low_column[:, None]
    half = a.bit_length() - 1
    d_high = (pairs @ low_column).reshape(*lead, a, a)
    d_low = (high_row @ pairs).reshape(*lead, b, b)
    _kron_backward(d_high, high_tree, out[..., :half, :, :], by_record)
    _kron_backward(d_low, low_tree, out[..., half:, :, :], by_record)


def _block_forward(family, runs, shared):
    product, steps = None, []
    for factor in family.factors:
        before, tree = product, None
        if isinstance(factor, PhaseFactor):
            angles = shared[:, factor.columns][..., None, :] @ factor.table
            matrix = unit_phases(angles).swapaxes(-1, -2)
            product = matrix * (np.eye(2**family.width) if before is None else before)
            tree = product
        else:
            if isinstance(factor, KronFactor):
                matrix, tree = _kron_forward(runs[:, factor.runs])
            else:
                matrix = factor[None]
            product = matrix if before is None else matrix @ before
        steps.append((before, matrix, tree))
    shape = (len(shared), family.size, 2**family.width, 2**family.width)
    return np.broadcast_to(product, shape), steps


def _block_backward(family, steps, gradient, d_runs, d_shared):
    by_record = gradient.ndim == 5
    for factor, (before, matrix, tree) in zip(reversed(family.factors), steps[::-1], strict=True):
        if by_record:
            before = None if before is None else before[:, None]
            matrix = matrix[:, None]
        if isinstance(factor, PhaseFactor):
            after = tree[:, None] if by_record else tree
            slope = (gradient * after).imag.sum(axis=-1)
            d_shared[..., factor.columns] = -2 * (factor.table @ slope[..., None])[..., 0]
            gradient = matrix * gradient
            continue
        if isinstance(factor, KronFactor):
            inner = gradient if before is None else gradient @ before.swapaxes(-1, -2)
            parts = np.empty((*inner.shape[:-2], family.width, 2, 2), complex)
            _kron_backward(inner, tree, parts, by_record)
            d_runs[..., factor.runs, :, :] = parts
        if before is not None:
            gradient = matrix.swapaxes(-1, -2) @ gradient
