"""From shared angles to block matrices, and back from their gradients to the angles'.

All runs of one length, and all blocks of one family, are evaluated in one go: the cost is
that of a few small array operations a step, however many gates there are.

A gradient is handed around as the matrix M of ``dL = 2 Re sum_ij M_ij dU_ij``.
"""

import numpy as np

from ...circuits.lowering import KronFactor, PhaseFactor, contiguous

__all__ = ["ParameterMatrices", "summed", "unit_phases"]


def unit_phases(angles):
    """Return exp(i angles) for a real array, faster than a complex exponential."""
    result = np.empty(angles.shape, complex)
    np.cos(angles, out=result.real)
    np.sin(angles, out=result.imag)
    return result


def summed(array, axis):
    """Sum a real array over its second-last axis `axis`: as a product, at memory's speed."""
    ones = np.ones((1, array.shape[axis]), array.dtype)
    return np.matmul(ones, array).reshape(*array.shape[:axis], *array.shape[axis + 1 :])


class ParameterMatrices:
    """Evaluates a program's runs, their Kronecker products, and blocks.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program):
        self.groups = [_Runs(group, program.angles.place) for group in program.runs]
        self.n_runs = sum(len(group) for group in program.runs)
        self.krons = program.krons
        self.families = [_Family(family) for family in program.families]

    def forward(self, shared):
        """Return ``(blocks, tape)`` for shared angles of shape (models, n_shared).

        ``blocks[f]`` has shape (models, size of family f, K, K).
        """
        runs = np.empty((len(shared), self.n_runs, 2, 2), complex)
        run_tapes, first = [], 0
        for group in self.groups:
            runs[:, first : first + group.size], tape = group.forward(shared)
            run_tapes.append((first, tape))
            first += group.size
        trees = {width: _kron_forward(runs[:, rows]) for width, rows in self.krons.items()}
        blocks, block_tapes = [], []
        for family in self.families:
            matrices, tape = family.forward(trees, shared)
            blocks.append(matrices)
            block_tapes.append(tape)
        return blocks, (run_tapes, trees, block_tapes)

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
        run_tapes, trees, block_tapes = tape
        lead, by_record = d_shared.shape[:-1], d_shared.ndim == 3
        d_krons = {
            width: np.empty((*lead, len(rows), 2**width, 2**width), complex)
            for width, rows in self.krons.items()
        }
        for family, steps, d_block in zip(self.families, block_tapes, d_blocks, strict=True):
            family.backward(steps, d_block, d_krons, d_shared)
        d_runs = np.empty((*lead, self.n_runs, 2, 2), complex)
        for width, rows in self.krons.items():
            parts = np.empty((*lead, len(rows), width, 2, 2), complex)
            _kron_backward(d_krons[width], trees[width][1], parts, by_record)
            d_runs[..., rows, :, :] = parts
        for group, (first, steps) in zip(self.groups, run_tapes, strict=True):
            group.backward(steps, d_runs[..., first : first + group.size, :, :], d_shared)


class _Runs:
    """Runs of one length; pieces are multiplied where there are several."""

    def __init__(self, group, place):
        self.size = len(group)
        self.pieces = [
            (piece, piece.signs, contiguous(place[piece.columns].ravel()))
            for piece in group.pieces
            if piece.columns.size
        ]
        self.constant = group.pieces[0].matrices[:, 0]

    def forward(self, shared):
        """Return ``(matrices, tape)``; matrices of shape (models, N, 2, 2)."""
        product, tape = None, []
        for piece, signs, columns in self.pieces:
            angles = shared[:, columns].reshape(-1, *piece.gaps.shape) * piece.gaps
            phases = unit_phases(angles @ signs.T)
            flat = phases[:, :, None] @ piece.matrices.reshape(self.size, -1, 4)
            matrix = flat.reshape(-1, self.size, 2, 2)
            tape.append((phases, matrix, product))
            product = matrix if product is None else matrix @ product
        return (self.constant if product is None else product), tape

    def backward(self, tape, gradient, d_shared):
        by_record = d_shared.ndim == 3
        for (piece, signs, columns), (phases, matrix, before) in zip(
            self.pieces[::-1], tape[::-1], strict=True
        ):
            inner = gradient
            if by_record:
                phases, matrix = phases[:, None], matrix[:, None]
                before = None if before is None else before[:, None]
            if before is not None:
                inner = gradient @ before.swapaxes(-1, -2)
            flat = inner.reshape(*inner.shape[:-2], 4, 1)
            slopes = (phases * (piece.matrices.reshape(self.size, -1, 4) @ flat)[..., 0]).imag
            own = (slopes @ signs) * (-2 * piece.gaps)
            d_shared[..., columns] = own.reshape(*d_shared.shape[:-1], -1)
            if before is not None:
                gradient = matrix.swapaxes(-1, -2) @ gradient


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


class _Monomial:
    """A constant with one number in each row and column: a gather instead of a product."""

    def __init__(self, matrix):
        self.dense = matrix[None, None]
        self.order = np.abs(matrix).argmax(axis=1)
        self.inverse = np.argsort(self.order)
        phases = matrix[np.arange(len(matrix)), self.order][:, None]
        self.phases = None if (phases == 1).all() else phases

    def applied(self, matrices):
        """Return the products with the constant on the left."""
        moved = matrices.take(self.order, axis=-2)
        return moved if self.phases is None else self.phases * moved

    def taken_back(self, gradient):
        """Return the products with its transpose."""
        turned = gradient if self.phases is None else self.phases * gradient
        return turned.take(self.inverse, axis=-2)


def _lightened(factor):
    if isinstance(factor, np.ndarray) and len(factor) == 1:
        there = factor[0] != 0
        if (there.sum(axis=0) == 1).all() and (there.sum(axis=1) == 1).all():
            return _Monomial(factor[0])
    return factor


class _Family:
    """Blocks of one build."""

    def __init__(self, family):
        self.family = family
        self.factors = [
            (
                _lightened(factor),
                contiguous(factor.rows) if isinstance(factor, KronFactor) else None,
            )
            for factor in family.factors
        ]

    def forward(self, trees, shared):
        """Return ``(matrices, tape)``; matrices of shape (models, size, K, K)."""
        family = self.family
        product, steps = None, []
        for factor, rows in self.factors:
            before, after = product, None
            if isinstance(factor, PhaseFactor):
                angles = shared[:, factor.columns][..., None, :] @ factor.table
                matrix = unit_phases(angles).swapaxes(-1, -2)
                product = matrix * (np.eye(2**family.width) if before is None else before)
                after = product
            elif isinstance(factor, _Monomial):
                matrix = None
                product = factor.dense if before is None else factor.applied(before)
            else:
                matrix = factor[None] if rows is None else trees[family.width][0][:, rows]
                product = matrix if before is None else matrix @ before
            steps.append((before, matrix, after))
        shape = (len(shared), family.size, 2**family.width, 2**family.width)
        return np.broadcast_to(product, shape), steps

    def backward(self, steps, gradient, d_krons, d_shared):
        by_record = gradient.ndim == 5
        for (factor, rows), (before, matrix, after) in zip(
            self.factors[::-1], steps[::-1], strict=True
        ):
            if isinstance(factor, _Monomial):
                gradient = factor.taken_back(gradient)
                continue
            if by_record:
                before = None if before is None else before[:, None]
                matrix = matrix[:, None]
            if isinstance(factor, PhaseFactor):
                after = after[:, None] if by_record else after
                slope = (gradient * after).imag.sum(axis=-1)
                d_shared[..., factor.columns] = -2 * (factor.table @ slope[..., None])[..., 0]
                gradient = matrix * gradient
                continue
            if rows is not None:
                inner = gradient if before is None else gradient @ before.swapaxes(-1, -2)
                d_krons[self.family.width][..., rows, :, :] = inner
            if before is not None:
                gradient = matrix.swapaxes(-1, -2) @ gradient
