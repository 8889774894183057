"""Observables as few measurement settings: what commutes qubit by qubit is read together."""

from dataclasses import dataclass

import numpy as np
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import PauliList, SparsePauliOp

from ...circuits import Probabilities
from ...exceptions import CircuitError

__all__ = [
    "MeasurementPlan",
    "Setting",
    "measured_observables",
    "precision_of",
    "read_settings",
    "setting_pubs",
]

# Coefficients of all outcomes of a `Probabilities` readout, at most.
_MOST_COEFFICIENTS = 2**16


@dataclass(frozen=True)
class Setting:
    """One way to measure: a Pauli axis on each measured qubit.

    Attributes
    ----------
    axes : dict of int to str
        "X", "Y" or "Z" on each measured qubit.
    terms : list of int
        Terms of the plan that it reads.
    masks : ndarray of int of shape (n_terms,)
        Outcome bits whose parity is the term; bit i belongs to the i-th measured qubit.
    """

    axes: dict
    terms: list
    masks: np.ndarray

    @property
    def qubits(self):
        """Measured qubits, ascending."""
        return sorted(self.axes)

    def measured(self, circuit):
        """Return the circuit with axes turned to Z and measurements into ``meas``."""
        register = ClassicalRegister(len(self.axes), "meas")
        result = QuantumCircuit(*circuit.qregs, register)
        if not circuit.qregs:
            result = QuantumCircuit(circuit.qubits, register)
        result.compose(circuit, circuit.qubits, inplace=True)
        for bit, qubit in enumerate(self.qubits):
            if self.axes[qubit] == "Y":
                result.sdg(qubit)
            if self.axes[qubit] != "Z":
                result.h(qubit)
            result.measure(qubit, register[bit])
        return result

    def from_probabilities(self, probabilities):
        """Expectation values of the terms from outcome probabilities.

        Parameters
        ----------
        probabilities : ndarray of shape (N, 2 ** n_measured)

        Returns
        -------
        ndarray of shape (N, n_terms)
        """
        outcomes = np.arange(probabilities.shape[-1])
        parity = np.bitwise_count(outcomes[:, None] & self.masks) & 1
        return probabilities @ (1.0 - 2.0 * parity)

    def from_bits(self, bits):
        """Estimates of the terms from a `BitArray` of shape (N,): shape (N, n_terms)."""
        array = bits.array  # (N, shots, n_bytes), the highest byte first
        n_bytes = array.shape[-1]
        estimates = np.empty((array.shape[0], len(self.masks)))
        for term, mask in enumerate(self.masks):
            selected = np.frombuffer(int(mask).to_bytes(n_bytes, "big"), dtype=np.uint8)
            ones = np.bitwise_count(array & selected).sum(axis=-1, dtype=np.int64) & 1
            estimates[:, term] = 1.0 - 2.0 * ones.mean(axis=-1)
        return estimates


def measured_observables(readout):
    """Return what is measured as a list of Pauli sums.

    Parameters
    ----------
    readout : list of SparsePauliOp, or Probabilities
        The probability of an outcome is the expectation value of its projector, a sum of
        products of Z: the Walsh-Hadamard transform of the outcome's indicator. One setting
        reads all of them, and what comes out are the relative frequencies.

    Raises
    ------
    CircuitError
        Outcomes of more qubits than can be told by sums of Pauli terms.

    Examples
    --------
    >>> from skqmu.backends.sampled._settings import measured_observables
    >>> from skqmu.circuits import Probabilities
    >>> measured_observables(Probabilities(2, "parity"))[0].to_list()
    [('II', (0.5+0j)), ('ZZ', (0.5+0j))]
    """
    if not isinstance(readout, Probabilities):
        return [SparsePauliOp(observable) for observable in readout]
    width, n_outcomes = len(readout.qubits), len(readout)
    if 2**width * n_outcomes > _MOST_COEFFICIENTS:
        raise CircuitError(
            f"{readout!r} has {n_outcomes} outcomes of {width} measured qubits, and a backend that "
            "measures takes at most 2**n_qubits * n_outcomes = 65536 (8 qubits with mode='all'); "
            "use mode='parity' or 'first', or StatevectorBackend."
        )
    states = np.arange(2**width)
    coefficients = np.eye(n_outcomes)[readout.outcomes(states)] / 2**width
    for qubit in range(width):  # the transform, a qubit at a time
        split = coefficients.reshape(-1, 2, 2**qubit, n_outcomes)
        coefficients = np.stack([split[:, 0] + split[:, 1], split[:, 0] - split[:, 1]], axis=1)
    coefficients = coefficients.reshape(2**width, n_outcomes)
    z = np.zeros((2**width, readout.n_qubits), dtype=bool)
    z[:, list(readout.qubits)] = states[:, None] >> np.arange(width) & 1
    paulis = PauliList.from_symplectic(z, np.zeros_like(z))
    return [
        SparsePauliOp(paulis[kept], column[kept])
        for column, kept in ((column, np.abs(column) > 1e-12) for column in coefficients.T)
    ]


class MeasurementPlan:
    """Settings that read every observable.

    Terms that agree on every qubit where both act are measured together (greedily, the
    widest terms first): all <Z> and their products are one setting.

    Parameters
    ----------
    observables : list of SparsePauliOp
        Hermitian.
    n_qubits : int

    Attributes
    ----------
    paulis : list of str
        The distinct terms but the identity, in qiskit's order of letters.
    coefficients : ndarray of shape (n_observables, n_terms)
    constant : ndarray of shape (n_observables,)
        Coefficients of the identity.
    settings : list of Setting

    Examples
    --------
    >>> from qiskit.quantum_info import SparsePauliOp
    >>> from skqmu.backends.sampled._settings import MeasurementPlan
    >>> plan = MeasurementPlan([SparsePauliOp("ZZ"), SparsePauliOp(["ZI", "XX"])], 2)
    >>> [setting.axes for setting in plan.settings]
    [{0: 'Z', 1: 'Z'}, {0: 'X', 1: 'X'}]
    """

    def __init__(self, observables, n_qubits):
        terms, rows = {}, []
        for observable in observables:
            observable = SparsePauliOp(observable).simplify(atol=0, rtol=0)
            if observable.num_qubits != n_qubits:
                raise CircuitError(
                    f"an observable acts on {observable.num_qubits} qubits, the circuit has "
                    f"{n_qubits}."
                )
            if np.abs(observable.coeffs.imag).max(initial=0.0) > 1e-12:
                raise CircuitError(
                    f"the observable {observable!r} is not Hermitian (it has complex "
                    "coefficients), so that nothing can measure it."
                )
            labels = observable.paulis.to_labels()
            row = dict(zip(labels, observable.coeffs.real, strict=True))
            rows.append(row)
            for label in labels:
                if set(label) != {"I"}:
                    terms.setdefault(label, len(terms))
        self.n_qubits = n_qubits
        self.paulis = list(terms)
        self.coefficients = np.zeros((len(rows), len(terms)))
        self.constant = np.zeros(len(rows))
        for number, row in enumerate(rows):
            for label, value in row.items():
                if label in terms:
                    self.coefficients[number, terms[label]] += value
                else:
                    self.constant[number] += value
        self.settings = self._settings()

    def _settings(self):
        groups = []
        acting = [
            {q: letter for q, letter in enumerate(reversed(label)) if letter != "I"}
            for label in self.paulis
        ]
        for term in sorted(range(len(acting)), key=lambda t: -len(acting[t])):
            for axes, members in groups:
                if all(axes.get(q, letter) == letter for q, letter in acting[term].items()):
                    axes.update(acting[term])
                    members.append(term)
                    break
            else:
                groups.append((dict(acting[term]), [term]))
        settings = []
        for axes, members in groups:
            bit = {qubit: i for i, qubit in enumerate(sorted(axes))}
            # Python integers: registers may be wider than 64 qubits.
            masks = [sum(1 << bit[q] for q in acting[term]) for term in members]
            masks = np.array(masks, dtype=np.int64 if len(bit) < 63 else object)
            settings.append(Setting(dict(sorted(axes.items())), members, masks))
        return settings

    def combine(self, estimates, n_rows):
        """Expectation values of the observables.

        Parameters
        ----------
        estimates : list of ndarray of shape (N, n_terms of the setting)
        n_rows : int
            N, which no estimate tells where every observable is a constant.

        Returns
        -------
        ndarray of shape (N, n_observables)
        """
        values = np.empty((n_rows, len(self.paulis)))
        for setting, estimate in zip(self.settings, estimates, strict=True):
            values[:, setting.terms] = estimate
        return values @ self.coefficients.T + self.constant


def precision_of(shots):
    """The precision for which an estimator takes so many shots.

    It is a little more than the inverse of the square root, for estimators round its inverse
    square up to whole shots.
    """
    return shots**-0.5 * (1 + 1e-12)


def setting_pubs(circuits, places, values):
    """PUBs of a V2 sampler: one a setting, or one a row where a circuit takes no numbers.

    Parameters
    ----------
    circuits : list of qiskit.QuantumCircuit
        Measured, one a setting.
    places : list of list of int
        Columns of `values` that a circuit takes, in its order of parameters.
    values : ndarray of shape (N, n_parameters)

    Returns
    -------
    list of tuple
    """
    pubs = []
    for circuit, own in zip(circuits, places, strict=True):
        pubs += [(circuit, values[:, own])] if own else [(circuit,)] * len(values)
    return pubs


def read_settings(settings, places, result, n_rows):
    """From a sampler's result to estimates of terms, an array of shape (N, n_terms) a setting.

    Parameters
    ----------
    settings : list of Setting
    places : list of list of int
        As for :func:`setting_pubs`.
    result : PrimitiveResult
    n_rows : int
    """
    results = iter(result)
    estimates = []
    for setting, own in zip(settings, places, strict=True):
        if own:
            estimates.append(setting.from_bits(next(results).data.meas))
        else:
            rows = [next(results).data.meas.reshape(1) for _ in range(n_rows)]
            estimates.append(np.concatenate([setting.from_bits(bits) for bits in rows]))
    return estimates
