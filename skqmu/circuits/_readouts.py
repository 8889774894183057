"""What is read from the final state: Pauli observables and outcome probabilities."""

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from qiskit.quantum_info import SparsePauliOp
from scipy.sparse import csr_array

from .._validation import check_choice
from ..exceptions import CircuitError
from ._program import ReadoutGroup

__all__ = [
    "Observables",
    "Probabilities",
    "parse_observables",
    "pauli_groups",
    "probability_group",
]

_MODES = ("all", "first", "parity")
_DENSE_TABLE = 2**16


class Probabilities:
    """Outcome probabilities as a readout, in place of a list of observables.

    Parameters
    ----------
    n_qubits : int
    mode : {"parity", "first", "all"}
        ``"parity"``: outcome 0 and 1 are even and odd numbers of ones (for more outcomes:
        the number of ones modulo `n_outcomes`). ``"first"``: the lowest qubits that
        `n_outcomes` need, read as a number. ``"all"``: every basis state.
    n_outcomes : int, optional
        Default 2 for ``"parity"`` and ``"first"``, ``2 ** n_qubits`` for ``"all"``. Basis
        states whose number is `n_outcomes` or more (``"first"``) count as outcome
        ``number % n_outcomes``.

    Raises
    ------
    ValueError
        An unknown mode.
    CircuitError
        A number of outcomes that the mode and the qubits do not have.

    Notes
    -----
    ``Pr(o) = sum_{z: label(z) = o} |<z|psi>|^2``. The probabilities sum to 1.

    Examples
    --------
    >>> from skqmu.circuits import Probabilities
    >>> Probabilities(3, "parity").labels
    array([0, 1, 1, 0, 1, 0, 0, 1])
    """

    def __init__(self, n_qubits: int, mode: str = "all", n_outcomes: int | None = None):
        check_choice("mode", mode, _MODES)
        if n_outcomes is None:
            n_outcomes = 2**n_qubits if mode == "all" else 2
        if not 1 <= n_outcomes <= 2**n_qubits or (mode == "all" and n_outcomes != 2**n_qubits):
            allowed = f"{2**n_qubits}" if mode == "all" else f"1 to {2**n_qubits}"
            raise CircuitError(
                f"n_outcomes={n_outcomes!r} with mode={mode!r} on {n_qubits} qubits; "
                f"allowed: {allowed}."
            )
        self.n_qubits = n_qubits
        self.mode = mode
        self.n_outcomes = n_outcomes

    def __len__(self):
        return self.n_outcomes

    def __eq__(self, other):
        return isinstance(other, Probabilities) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())

    def _key(self):
        return self.n_qubits, self.mode, self.n_outcomes

    def __repr__(self):
        return f"Probabilities({self.n_qubits}, {self.mode!r}, {self.n_outcomes})"

    @property
    def qubits(self) -> tuple[int, ...]:
        """Qubits that the outcome depends on, lowest first."""
        if self.mode == "first":
            return tuple(range(max(1, (self.n_outcomes - 1).bit_length())))
        return tuple(range(self.n_qubits))

    def outcomes(self, states: ArrayLike) -> np.ndarray:
        """Return the outcome of each basis state, numbered by the bits of :attr:`qubits`.

        Parameters
        ----------
        states : array-like of int of shape (...,)

        Returns
        -------
        ndarray of int of shape (...,)
        """
        states = np.asarray(states)
        if self.mode == "parity":
            ones: Any = sum((states >> q) & 1 for q in range(self.n_qubits))
            return ones % self.n_outcomes
        return states % self.n_outcomes

    @property
    def labels(self) -> np.ndarray:
        """Outcome of every basis state of the register, shape (2**n_qubits,)."""
        width = len(self.qubits)
        return self.outcomes(np.arange(2**self.n_qubits) & (2**width - 1))


class Observables:
    """Parsed observables: constants, Pauli terms, and where they act.

    Attributes
    ----------
    n_outputs : int
    constants : ndarray of shape (n_outputs,)
    terms : list of (output, x mask, z mask, coefficient)
        The operator maps ``|z ^ x>`` to ``coefficient (-1)^popcount(z & mask) |z>``.
    probabilities : Probabilities or None
    support, diagonal : set of int
        Qubits that some observable acts on; qubits on which all are diagonal.
    """

    def __init__(self, n_qubits, n_outputs, constants, terms, probabilities=None):
        self.n_outputs = n_outputs
        self.constants = constants
        self.terms = terms
        self.probabilities = probabilities
        acts = flips = 0
        for _, x, z, _ in terms:
            acts |= x | z
            flips |= x
        self.support = {q for q in range(n_qubits) if acts >> q & 1}
        self.diagonal = {q for q in range(n_qubits) if not flips >> q & 1}
        if probabilities is not None:
            self.support |= set(probabilities.qubits)


def parse_observables(observables, n_qubits):
    """Return :class:`Observables`.

    Parameters
    ----------
    observables : list of SparsePauliOp, Pauli or str; or Probabilities
    n_qubits : int

    Raises
    ------
    CircuitError
        When an observable has another width, free parameters, or is not Hermitian.
    """
    if isinstance(observables, Probabilities):
        if observables.n_qubits != n_qubits:
            raise CircuitError(
                f"the readout is for {observables.n_qubits} qubits, the circuit has {n_qubits}."
            )
        return Observables(n_qubits, len(observables), np.zeros(len(observables)), [], observables)
    observables = [observables] if isinstance(observables, SparsePauliOp) else list(observables)
    if not observables:
        raise CircuitError("observables is empty; give at least one SparsePauliOp.")
    constants, terms = np.zeros(len(observables)), []
    for output, given in enumerate(observables):
        observable = SparsePauliOp(given)
        if observable.num_qubits != n_qubits:
            raise CircuitError(
                f"observable {output} acts on {observable.num_qubits} qubits, the circuit has "
                f"{n_qubits}."
            )
        if observable.coeffs.dtype == object:
            raise CircuitError(
                f"observable {output} has parameters in its coefficients; bind them first."
            )
        for x, z, coefficient in _pauli_terms(observable):
            if abs(coefficient.imag) > 1e-10 * max(1.0, abs(coefficient)):
                raise CircuitError(
                    f"observable {output} is not Hermitian: a coefficient is {coefficient}; its "
                    "expectation value would not be real."
                )
            if not x | z:
                constants[output] += coefficient.real
            elif coefficient.real:
                y_count = (x & z).bit_count()
                terms.append((output, x, z, coefficient.real * (-1j) ** y_count))
    return Observables(n_qubits, len(observables), constants, terms)


def _pauli_terms(observable):
    """Yield (x mask, z mask, coefficient) of distinct Pauli strings."""
    observable = observable.simplify(atol=0)
    signs = (-1j) ** observable.paulis.phase
    for x, z, coefficient in zip(
        observable.paulis.x, observable.paulis.z, observable.coeffs * signs, strict=True
    ):
        masks = [sum(1 << int(q) for q in np.flatnonzero(row)) for row in (x, z)]
        yield *masks, complex(coefficient)


def pauli_groups(terms, slot, register, home):
    """Yield the readout groups of one slot's terms.

    Terms are grouped by the flip they make; diagonal ones that need one window only are read
    from that window's marginal probabilities.

    Parameters
    ----------
    terms : list of (output, x mask, z mask, coefficient)
    slot : int
    register : list of int
        The slot's qubits, lowest first.
    home : dict of int to int
        Each qubit's window.
    """
    width = len(register)
    whole = (0, width)
    grouped = defaultdict(list)
    for output, x, z, coefficient in terms:
        flip, signs = (
            sum(1 << p for p, qubit in enumerate(register) if mask >> qubit & 1) for mask in (x, z)
        )
        windows = {home[qubit] for qubit in register if (x | z) >> qubit & 1}
        part = whole
        if not flip and len(windows) == 1:
            own = [p for p, qubit in enumerate(register) if home[qubit] in windows]
            part = (own[0], own[-1] + 1)
        grouped[flip, part].append((output, signs, coefficient))
    if (0, whole) in grouped:
        for key in [key for key in grouped if key[0] == 0 and key[1] != whole]:
            grouped[0, whole] += grouped.pop(key)
    for (flip, (low, high)), members in grouped.items():
        outputs = sorted({output for output, *_ in members})
        row = {output: i for i, output in enumerate(outputs)}
        states = np.arange(2 ** (high - low))
        table = np.zeros((len(outputs), len(states)), complex if flip else float)
        for output, signs, coefficient in members:
            odd = np.bitwise_count(states & (signs >> low)) & 1
            table[row[output]] += (coefficient if flip else coefficient.real) * (1.0 - 2.0 * odd)
        partner = states ^ flip if flip else None
        yield ReadoutGroup(slot, 2 ** (width - high), 2**low, partner, np.array(outputs), table)


def probability_group(probabilities, slot, register):
    """Return the readout group of outcome probabilities."""
    first, width = register.index(probabilities.qubits[0]), len(probabilities.qubits)
    states = np.arange(2**width)
    table = csr_array(
        (np.ones(len(states)), (probabilities.outcomes(states), states)),
        shape=(len(probabilities), len(states)),
    )
    if table.shape[0] * table.shape[1] <= _DENSE_TABLE:
        table = table.toarray()
    left = 2 ** (len(register) - first - width)
    return ReadoutGroup(slot, left, 2**first, None, np.arange(len(probabilities)), table)
