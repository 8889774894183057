"""Gate by gate: state vectors, and the quantum Fisher information of each weight.

A gate ``exp(i a H)`` changes the state by ``i H |phi>`` per unit of its angle, phi being the
state behind it. So a weight that enters one angle needs the variance of one generator, which
is local; only weights that enter several angles need their tangent vector evolved along.
"""

import numpy as np

from ...circuits.lowering import NO_STATE, Fixed, Prepare, check_unit, compressed_shapes
from ...exceptions import CircuitError, InputRowsError
from .._contract import ZERO_ROWS

__all__ = ["GateByGate"]


class GateByGate:
    """Evolves (vectors, 2**n, records) arrays through a circuit's elements.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program):
        self.n_qubits = program.n_qubits
        self.elements = program.elements
        self.angles = program.angles

    def states(self, inputs, weights):
        """Return the states, shape (2**n_qubits, B), up to a global phase."""
        values, _ = self._columns(inputs, weights)
        vectors = self._zero_state(1, len(inputs))
        for element in self.elements:
            vectors = self._advance(vectors, element, values)
        return vectors[0]

    def _zero_state(self, n_vectors, n_records):
        vectors = np.zeros((n_vectors, 2**self.n_qubits, n_records), complex)
        vectors[0, 0] = 1.0
        return vectors

    def _columns(self, inputs, weights):
        """Return all columns' values (n_columns, B), and the angle map's tape."""
        shared, sampled, tape = self.angles.evaluate(inputs, weights)
        values = np.empty((self.angles.n_columns, len(inputs)))
        values[~self.angles.is_sampled] = shared[:, None]
        values[self.angles.is_sampled] = sampled.T
        return values, tape

    def fisher(self, inputs, weights):
        """Return ``4 (<d_k psi|d_k psi> - |<psi|d_k psi>|^2)``, shape (B, n_weights).

        Parameters
        ----------
        inputs : ndarray of shape (B, n_inputs)
        weights : ndarray of shape (n_weights,)
        """
        if any(isinstance(e, Prepare) and e.rule == "keep" for e in self.elements):
            raise CircuitError(f"quantum Fisher information is asked for. {NO_STATE}")
        values, tape = self._columns(inputs, weights)
        slopes = self.angles.weight_slopes(tape)
        uses = {}
        for (column, weight), slope in slopes.items():
            uses.setdefault(weight, {})[column] = slope
        several = [weight for weight, own in uses.items() if len(own) > 1]
        row = {weight: 1 + i for i, weight in enumerate(several)}
        alone, along = {}, {}
        for weight, own in uses.items():
            for column, slope in own.items():
                if weight in row:
                    along.setdefault(column, []).append((row[weight], slope))
                else:
                    alone.setdefault(column, []).append((weight, slope))
        information = np.zeros((len(inputs), self.angles.n_weights))
        vectors = self._zero_state(1 + len(several), len(inputs))
        for element in self.elements:
            if isinstance(element, Fixed) or not (
                isinstance(element, Prepare) or element.column in alone or element.column in along
            ):
                vectors = self._advance(vectors, element, values)
            elif isinstance(element, Prepare):
                vectors = self._prepare(vectors, element, values, alone, along, information)
            else:
                vectors = self._advance(vectors, element, values, before_basis=True)
                for weight, slope in alone.get(element.column, ()):
                    variance = self._variance(vectors[0], element)
                    information[:, weight] = 4 * slope**2 * variance
                for place, slope in along.get(element.column, ()):
                    turned = 1j * _onto(element.spectrum, element.qubits, vectors[0])
                    vectors[place] += turned * vectors[0] * slope
                vectors = self._leave_basis(vectors, element)
        for weight in several:
            tangent, state = vectors[row[weight]], vectors[0]
            norm = (np.abs(tangent) ** 2).sum(axis=0)
            overlap = (state.conj() * tangent).sum(axis=0)
            information[:, weight] = 4 * (norm - np.abs(overlap) ** 2)
        return information

    def _advance(self, vectors, element, values, before_basis=False):
        """Apply an element; with `before_basis` stay in the rotation's eigenbasis."""
        if isinstance(element, Prepare):
            return self._prepare(vectors, element, values, {}, {}, None)
        if isinstance(element, Fixed):
            if element.matrix.ndim == 1:
                return vectors * _onto(element.matrix, element.qubits, vectors[0])
            return _apply(element.matrix, element.qubits, vectors)
        if element.basis is not None:
            vectors = _apply(element.basis.conj().T, element.qubits, vectors)
        phases = np.exp(1j * element.spectrum[:, None] * values[element.column])
        vectors = vectors * _onto(phases, element.qubits, vectors[0])
        return vectors if before_basis else self._leave_basis(vectors, element)

    @staticmethod
    def _leave_basis(vectors, element):
        if element.basis is None:
            return vectors
        return _apply(element.basis, element.qubits, vectors)

    def _variance(self, state, element):
        """Variance of the generator over each record's state, in its eigenbasis."""
        spectrum = _onto(element.spectrum, element.qubits, state).real
        density = np.abs(state) ** 2
        mean = (density * spectrum).sum(axis=0)
        return (density * (spectrum - mean) ** 2).sum(axis=0)

    def _prepare(self, vectors, element, values, alone, along, information):
        """Prepare amplitudes; the tangent of a normalised vector is orthogonal to it."""
        unit, norm = _divided(values[list(element.columns)], element.rule)
        raised = np.zeros((len(vectors), len(unit), unit.shape[1]))
        raised[0] = unit
        for place, column in enumerate(element.columns):
            for weight, slope in alone.get(column, ()):
                share = 1 - unit[place] ** 2
                if element.imaginary:  # the component along i times the state is a phase
                    share = share - unit[place - len(unit) // 2] ** 2
                information[:, weight] = 4 * (slope / norm) ** 2 * share
            for row, slope in along.get(column, ()):
                towards = -unit * unit[place]
                towards[place] += 1.0
                raised[row] += towards * slope / norm
        if element.imaginary:
            real, imaginary = np.split(raised, 2, axis=1)
            raised = real + 1j * imaginary
        result = np.zeros_like(vectors)
        front = [self.n_qubits - q for q in reversed(element.qubits)]
        bits = (2,) * self.n_qubits
        target = np.moveaxis(
            result.reshape(len(vectors), *bits, -1), front, range(1, len(front) + 1)
        )
        source = np.moveaxis(
            vectors.reshape(len(vectors), *bits, -1), front, range(1, len(front) + 1)
        )
        ground = (slice(None), *(0,) * len(front))
        # Other qubits may hold gates already, and their tangents.
        for index, amplitude in enumerate(raised.swapaxes(0, 1)):
            where = tuple(index >> b & 1 for b in range(len(front) - 1, -1, -1))
            rest = (slice(None), *where)
            shape = (-1, *(1,) * (self.n_qubits - len(front)), amplitude.shape[-1])
            target[rest] = amplitude[0] * source[ground]
            target[rest][1:] += amplitude[1:].reshape(shape) * source[ground][:1]
        return result


def _divided(values, rule):
    """Values (columns, B) over their norms, and these."""
    if rule == "keep":
        return values, np.ones(values.shape[1])
    scale = np.abs(values).max(axis=0)
    if rule == "unit":
        check_unit(np.linalg.norm(values, axis=0))
    elif not scale.all():
        raise InputRowsError(ZERO_ROWS, np.flatnonzero(scale == 0))
    norm = scale * np.linalg.norm(values / scale, axis=0)
    return values / norm, norm


def _onto(table, qubits, state):
    """Spread values by local basis state, (2**k,) or (2**k, B), over (2**n, 1 or B)."""
    n_qubits = state.shape[0].bit_length() - 1
    order = np.argsort(qubits)[::-1]  # highest qubit first
    k = len(qubits)
    table = table.reshape(*(2,) * k, -1)
    table = table.transpose(*(k - 1 - order), k)
    register, part = compressed_shapes(n_qubits, set(qubits))
    spread = table.reshape(*part, -1)
    shape = (*register, spread.shape[-1])
    return np.broadcast_to(spread, shape).reshape(2**n_qubits, -1)


def _apply(matrix, qubits, vectors):
    """Apply a matrix to some qubits of (vectors, 2**n, B) arrays."""
    n_vectors, size, n_records = vectors.shape
    n_qubits = size.bit_length() - 1
    front = [n_qubits - q for q in reversed(qubits)]
    split = vectors.reshape(n_vectors, *(2,) * n_qubits, n_records)
    moved = np.moveaxis(split, front, range(1, len(front) + 1))
    product = matrix @ moved.reshape(n_vectors, len(matrix), -1)
    back = np.moveaxis(product.reshape(moved.shape), range(1, len(front) + 1), front)
    return np.ascontiguousarray(back).reshape(vectors.shape)
