"""The exact backend: state vectors of a whole batch in one array."""

import numpy as np
from qiskit.quantum_info import SparsePauliOp

from ..circuits._build import parameter_list
from ..circuits._expressions import AngleMap
from ..circuits._gates import Fixed, Prepare, lower_circuit
from ..exceptions import CircuitError
from ._base import BaseBackend, Executable
from ._threads import limit_blas_threads

__all__ = ["StatevectorBackend"]


class StatevectorBackend(BaseBackend):
    """Exact expectation values and adjoint gradients by NumPy.

    Parameters
    ----------
    dtype : {"complex128", "complex64"}, default="complex128"
    n_threads : int, default=1
        BLAS threads inside :meth:`limit_threads`.
    """

    def __init__(self, dtype="complex128", n_threads=1):
        self.dtype = dtype
        self.n_threads = n_threads

    def limit_threads(self):
        """Return a context manager that holds BLAS at `n_threads` threads."""
        return limit_blas_threads(self.n_threads)

    def compile(self, circuit, observables, *, inputs, weights):
        """Return an executable; see :class:`BaseBackend`."""
        return _StatevectorExecutable(
            circuit,
            observables,
            parameter_list("inputs", inputs),
            parameter_list("weights", weights),
            np.dtype(self.dtype),
        )


class _StatevectorExecutable(Executable):
    def __init__(self, circuit, observables, inputs, weights, dtype):
        self.n_qubits = circuit.num_qubits
        self.n_inputs, self.n_weights = len(inputs), len(weights)
        self.n_outputs = len(observables)
        self.dtype = dtype
        self.elements = lower_circuit(circuit)
        angles = []
        for element in self.elements:
            if isinstance(element, Prepare):
                angles += element.values
            elif not isinstance(element, Fixed):
                angles.append(element.angle)
        self.angles = AngleMap(angles, inputs, weights)
        self.observables = []
        for observable in observables:
            observable = SparsePauliOp(observable)
            if observable.num_qubits != self.n_qubits:
                raise CircuitError(
                    f"an observable acts on {observable.num_qubits} qubits, the circuit has "
                    f"{self.n_qubits}."
                )
            self.observables.append(observable.to_matrix(sparse=True).tocsr())
        self.weight_periods = np.full(self.n_weights, np.inf)

    def _columns(self, shared, sampled):
        """Angles of all columns, shape (n_columns, B)."""
        table = np.empty((self.angles.n_columns, len(sampled)))
        mask = self.angles.is_sampled
        table[~mask] = shared[:, None]
        table[mask] = sampled.T
        return table

    def _axes(self, state, qubits):
        """Bring the qubits to the front: (2**k, rest, B) and the way back."""
        n = self.n_qubits
        front = [n - 1 - q for q in reversed(qubits)]
        rest = [a for a in range(n) if a not in front]
        order = [*front, *rest, n]
        moved = state.reshape((2,) * n + (-1,)).transpose(order)
        back = np.argsort(order)
        return moved.reshape(2 ** len(qubits), -1, state.shape[-1]), moved.shape, back

    def _apply(self, state, qubits, function):
        moved, shape, back = self._axes(state, qubits)
        return function(moved).reshape(shape).transpose(back).reshape(state.shape)

    @staticmethod
    def _rotate(element, angle, sign=1.0):
        phases = np.exp(1j * sign * element.spectrum[:, None] * angle)[:, None, :]
        if element.is_diagonal:
            return lambda moved: phases * moved

        def run(moved):
            turned = np.tensordot(element.basis.conj().T, moved, 1) * phases
            return np.tensordot(element.basis, turned, 1)

        return run

    def forward(self, inputs, weights):
        """See :class:`Executable`; a leading model axis of `weights` leads the result."""
        inputs, weights = self._checked(inputs, weights)
        if weights.ndim == 2:
            rows = [inputs] * len(weights) if inputs.ndim == 2 else inputs
            runs = [self.forward(x, w) for x, w in zip(rows, weights, strict=True)]
            return np.stack([r[0] for r in runs]), [r[1] for r in runs]
        shared, sampled, tape = self.angles.evaluate(inputs, weights)
        table = self._columns(shared, sampled)
        state = np.zeros((2**self.n_qubits, len(inputs)), dtype=complex)
        state[0] = 1.0
        states, column = [], 0
        for element in self.elements:
            states.append(state)
            if isinstance(element, Prepare):
                values = table[column : column + len(element.values)]
                column += len(element.values)
                norm = np.linalg.norm(values, axis=0)
                if not np.all(norm > 0):
                    rows = np.flatnonzero(~(norm > 0))
                    raise ValueError(
                        f"amplitude encoding cannot normalise rows of zeros: rows {rows[:5]}."
                    )

                def prepare(moved, values=values / norm):
                    out = np.zeros_like(moved)
                    out[: len(values)] = values[:, None, :] * moved[0]
                    return out

                state = self._apply(state, element.qubits, prepare)
            elif isinstance(element, Fixed):
                matrix = np.diag(element.matrix) if element.is_diagonal else element.matrix
                state = self._apply(
                    state, element.qubits, lambda m, u=matrix: np.tensordot(u, m, 1)
                )
            else:
                state = self._apply(state, element.qubits, self._rotate(element, table[column]))
                column += 1
        values = np.stack(
            [np.einsum("zb,zb->b", state.conj(), o @ state).real for o in self.observables], axis=1
        )
        return values, (tape, table, states, state)

    def backward(self, tape, cotangent, per_sample=False, need_inputs=True, need_weights=True):
        """See :class:`Executable`."""
        cotangent = np.asarray(cotangent, dtype=float)
        if isinstance(tape, list):
            runs = [
                self.backward(t, c, per_sample, need_inputs, need_weights)
                for t, c in zip(tape, cotangent, strict=True)
            ]
            return tuple(None if r[0] is None else np.stack(r) for r in zip(*runs, strict=True))
        tape, table, states, state = tape
        costate = sum(o @ state * c for o, c in zip(self.observables, cotangent.T, strict=True))
        slopes = np.zeros_like(table)
        column = len(table)
        for element, before in zip(reversed(self.elements), reversed(states), strict=True):
            if isinstance(element, Prepare):
                column -= len(element.values)
                values = table[column : column + len(element.values)]
                norm = np.linalg.norm(values, axis=0)
                bra, *_ = self._axes(costate, element.qubits)
                ket, *_ = self._axes(before, element.qubits)
                d_unit = 2 * np.einsum("krb,rb->kb", bra.conj(), ket[0]).real[: len(values)]
                unit = values / norm
                slopes[column : column + len(values)] = (
                    d_unit - unit * (unit * d_unit).sum(axis=0)
                ) / norm
            elif isinstance(element, Fixed):
                matrix = np.diag(element.matrix) if element.is_diagonal else element.matrix
                costate = self._apply(
                    costate, element.qubits, lambda m, u=matrix: np.tensordot(u.conj().T, m, 1)
                )
            else:
                column -= 1
                costate = self._apply(
                    costate, element.qubits, self._rotate(element, table[column], -1.0)
                )
                bra, *_ = self._axes(costate, element.qubits)
                ket, *_ = self._axes(before, element.qubits)
                if element.basis is not None:
                    inverse = element.basis.conj().T
                    bra, ket = np.tensordot(inverse, bra, 1), np.tensordot(inverse, ket, 1)
                overlap = np.einsum("krb,krb->kb", bra.conj(), ket)
                slopes[column] = -2 * (element.spectrum @ overlap.imag)
        mask = self.angles.is_sampled
        d_shared = slopes[~mask].T if per_sample else slopes[~mask].sum(axis=1)
        d_inputs, d_weights = self.angles.pullback(
            tape, d_shared, slopes[mask].T, per_sample=per_sample
        )
        return d_inputs if need_inputs else None, d_weights if need_weights else None
