"""The two elements that circuits consist of, and what can be done to them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from scipy.linalg import schur

from ..exceptions import InputRowsError

__all__ = [
    "NO_STATE",
    "UNIT_ROWS",
    "UNIT_TOLERANCE",
    "Fixed",
    "Prepare",
    "Rotation",
    "check_unit",
    "control",
    "inverse",
    "split_wide",
]

#: How far the norm of a state may be from 1: states that were kept in single precision pass.
UNIT_TOLERANCE = 1e-6
UNIT_ROWS = (
    "encoding='state' takes states, of norm 1 to within 1e-6; the norm is {norm:.8g} (the first "
    "such) for {rows}. Divide each row by its norm, or use encoding='amplitude', which does so "
    "(real features only)."
)
NO_STATE = (
    "encoding='unnormalised' takes vectors of any norm, which no quantum device can prepare: only "
    "backend='statevector' runs it, as linear algebra, for expectation values. Use "
    "encoding='amplitude', which divides each row by its norm."
)


def check_unit(norms, first_row=0):
    """Refuse records whose norm is not 1.

    Parameters
    ----------
    norms : ndarray of shape (..., B)
    first_row : int, default=0
        Number of the first of them, for the error.

    Raises
    ------
    InputRowsError
        Names the rows, and the norm of the first.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.circuits.lowering import check_unit
    >>> check_unit(np.array([1.0, 1.0 + 1e-9]))
    >>> check_unit(np.array([1.0, 2.0]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    skqmu.exceptions.InputRowsError: encoding='state' takes states, of norm 1 ... for row 1...
    """
    wrong = ~(np.abs(norms - 1) <= UNIT_TOLERANCE)
    if wrong.any():
        rows = np.unique(np.nonzero(wrong)[-1])
        first = norms[..., rows[0]].ravel()[np.argmax(wrong[..., rows[0]].ravel())]
        raise InputRowsError(UNIT_ROWS.format(norm=first, rows="{rows}"), rows + first_row)


@dataclass(frozen=True, eq=False)
class Fixed:
    """A unitary without parameters; a vector `matrix` is a diagonal.

    Parameters
    ----------
    qubits : tuple of int
    matrix : ndarray of shape (2**k, 2**k) or (2**k,)

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.circuits.lowering import Fixed
    >>> z = Fixed.from_matrix(np.diag([1.0, -1.0])).moved([3])
    >>> z.qubits, z.matrix
    ((3,), array([ 1., -1.]))
    >>> Fixed.from_matrix(np.array([[0.0, 1.0], [1.0, 0.0]])).monomial
    (array([1, 0]), array([1., 1.]))
    """

    qubits: tuple
    matrix: np.ndarray

    column = None

    @classmethod
    def from_matrix(cls, matrix: np.ndarray) -> Self:
        """Return the element of a matrix on qubits 0, 1, ...; a diagonal one as a vector.

        Parameters
        ----------
        matrix : ndarray of shape (2**k, 2**k)
        """
        diagonal = np.diagonal(matrix)
        if not np.any(matrix - np.diag(diagonal)):
            matrix = diagonal.copy()
        return cls(tuple(range(len(matrix).bit_length() - 1)), matrix)

    def moved(self, onto: Sequence[int]) -> Self:
        """Return the element with local qubit ``q`` renamed to ``onto[q]``.

        Parameters
        ----------
        onto : sequence of int
        """
        return replace(self, qubits=tuple(onto[q] for q in self.qubits))

    @cached_property
    def monomial(self) -> tuple[np.ndarray, np.ndarray] | None:
        """``(source, phases)`` with out[z] = phases[z] in[source[z]], or None if dense."""
        if self.matrix.ndim == 1:
            return np.arange(len(self.matrix)), self.matrix
        filled = self.matrix != 0
        if not np.all(filled.sum(axis=1) == 1):
            return None
        source = np.argmax(filled, axis=1)
        return source, self.matrix[np.arange(len(source)), source]

    def dense(self) -> np.ndarray:
        """Return the matrix in full, shape (2**k, 2**k)."""
        return np.diag(self.matrix) if self.matrix.ndim == 1 else self.matrix


@dataclass(frozen=True, eq=False)
class Rotation:
    """``V diag(exp(i angle spectrum)) V^dagger``; `basis` None stands for V = 1.

    `angle` is an expression at first, and None once `column` says where its value is.

    Parameters
    ----------
    qubits : tuple of int
    basis : ndarray of shape (2**k, 2**k) or None
    spectrum : ndarray of shape (2**k,)
    angle : expression or None, default=None
    column : int or None, default=None
    sampled : bool, default=False
        Whether its angle differs between records.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.circuits.lowering import Rotation
    >>> rz = Rotation((0,), basis=None, spectrum=np.array([-0.5, 0.5]))
    >>> rz.at(np.pi).matrix.round(12)
    array([0.-1.j, 0.+1.j])
    """

    qubits: tuple
    basis: np.ndarray | None
    spectrum: np.ndarray
    angle: object = None
    column: int | None = None
    sampled: bool = False

    def moved(self, onto: Sequence[int]) -> Self:
        """Return the element with local qubit ``q`` renamed to ``onto[q]``.

        Parameters
        ----------
        onto : sequence of int
        """
        return replace(self, qubits=tuple(onto[q] for q in self.qubits))

    def at(self, angle: float) -> Fixed:
        """Return the fixed element at a number.

        Parameters
        ----------
        angle : float
            In radians.
        """
        phases = np.exp(1j * angle * self.spectrum)
        if self.basis is None:
            return Fixed(self.qubits, phases)
        return Fixed(self.qubits, (self.basis * phases) @ self.basis.conj().T)


@dataclass(frozen=True, eq=False)
class Prepare:
    """A state of `values` on qubits that are still in ``|0>``.

    Parameters
    ----------
    qubits : tuple of int
    values : tuple of expressions
        One an amplitude; with `imaginary` the second half are imaginary parts.
    columns : tuple of int, default=()
        Where their values are, once that is known.
    rule : {"divide", "unit", "keep"}, default="divide"
        What is done about the norm of a record's values: divide by it (amplitude encoding), take
        unit vectors only, or keep it, which is no state.
    imaginary : bool, default=False

    Examples
    --------
    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import ParameterVector
    >>> from skqmu.circuits import AmplitudeGate
    >>> from skqmu.circuits.lowering import Prepare, lower_circuit
    >>> circuit = QuantumCircuit(2)
    >>> _ = circuit.append(AmplitudeGate(2, ParameterVector("x", 4)), [0, 1])
    >>> (element,) = lower_circuit(circuit)
    >>> isinstance(element, Prepare), element.qubits, len(element.values), element.rule
    (True, (0, 1), 4, 'divide')
    """

    qubits: tuple
    values: tuple
    columns: tuple = ()
    rule: str = "divide"
    imaginary: bool = False

    def moved(self, onto: Sequence[int]) -> Self:
        """Return the element with local qubit ``q`` renamed to ``onto[q]``.

        Parameters
        ----------
        onto : sequence of int
        """
        return replace(self, qubits=tuple(onto[q] for q in self.qubits))


def inverse(elements):
    """Return the inverse of a product of elements."""
    result = []
    for element in reversed(elements):
        if isinstance(element, Rotation):
            result.append(replace(element, spectrum=-element.spectrum))
        else:
            result.append(replace(element, matrix=element.matrix.conj().T))
    return result


def control(elements, n_control, state):
    """Return the elements, controlled by qubits 0 .. n_control - 1 being in `state`.

    A controlled ``V D V^dagger`` is ``V (controlled D) V^dagger``: the basis needs no
    control, and what does is diagonal however many controls there are.
    """
    result = []
    for element in elements:
        targets = tuple(q + n_control for q in element.qubits)
        if isinstance(element, Rotation):
            basis, phases = element.basis, element.spectrum
        elif element.matrix.ndim == 1:
            basis, phases = None, np.angle(element.matrix)
        else:
            triangular, basis = schur(element.matrix, output="complex")
            phases = np.angle(np.diagonal(triangular))
        spectrum = np.zeros((len(phases), 2**n_control))
        spectrum[:, state] = phases
        spectrum = spectrum.ravel()
        qubits = (*range(n_control), *targets)
        if isinstance(element, Rotation):
            core = replace(element, qubits=qubits, basis=None, spectrum=spectrum)
        else:
            core = Fixed(qubits, _exact_phases(spectrum))
        if basis is None:
            result.append(core)
        else:
            result += [Fixed(targets, basis.conj().T), core, Fixed(targets, basis)]
    return result


def _exact_phases(angles):
    """exp(i angles), with the four simple phases free of rounding."""
    quarters = angles / (np.pi / 2)
    near = np.round(quarters)
    exact = np.array([1, 1j, -1, -1j])[near.astype(int) % 4]
    return np.where(np.abs(quarters - near) < 1e-14, exact, np.exp(1j * angles))


def split_wide(elements):
    """Rewrite each dense rotation on several qubits as basis change, diagonal, and back.

    A basis that is a product of one-qubit matrices (every Pauli rotation) is split further,
    so that only the diagonal part acts on more than one qubit.
    """
    for element in elements:
        if isinstance(element, Rotation) and element.basis is not None and len(element.qubits) > 1:
            parts = _local_factors(element.basis)
            if parts is None:
                bases = [Fixed(element.qubits, element.basis)]
            else:
                bases = [
                    Fixed((qubit,), part)
                    for qubit, part in zip(element.qubits, parts, strict=True)
                    if np.any(part != np.eye(2))
                ]
            yield from inverse(bases)
            yield replace(element, basis=None)
            yield from bases
        else:
            yield element


def _local_factors(matrix):
    """Return one unitary a qubit (lowest first) whose Kronecker product is `matrix`, or None."""
    parts = []
    while len(matrix) > 2:
        half = len(matrix) // 2
        blocks = matrix.reshape(half, 2, half, 2)
        peak = np.unravel_index(np.argmax(np.abs(blocks)), blocks.shape)
        low = blocks[peak[0], :, peak[2], :]
        low = low / np.sqrt(np.abs(np.linalg.det(low)) or 1.0)
        high = np.einsum("aibj,ij->ab", blocks, low.conj()) / 2
        if not np.allclose(np.kron(high, low), matrix, atol=1e-14):
            return None
        parts.append(low)
        matrix = high
    return [*parts, matrix]
