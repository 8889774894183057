"""Observables that readouts need."""

from itertools import combinations

from qiskit.quantum_info import SparsePauliOp

__all__ = ["z_observables", "zz_observables"]


def z_observables(n_qubits: int) -> list[SparsePauliOp]:
    """Z on each qubit: what a linear head reads.

    Parameters
    ----------
    n_qubits : int

    Returns
    -------
    list of qiskit.quantum_info.SparsePauliOp
        Entry ``q`` acts on qubit ``q``.

    Examples
    --------
    >>> from skqmu.circuits import z_observables
    >>> [str(z.paulis[0]) for z in z_observables(2)]
    ['IZ', 'ZI']
    """
    return [
        SparsePauliOp.from_sparse_list([("Z", [q], 1.0)], num_qubits=n_qubits)
        for q in range(n_qubits)
    ]


def zz_observables(n_qubits: int) -> list[SparsePauliOp]:
    """ZZ on each pair of qubits.

    Parameters
    ----------
    n_qubits : int

    Returns
    -------
    list of qiskit.quantum_info.SparsePauliOp
        Pairs in the order of ``itertools.combinations``.

    Examples
    --------
    >>> from skqmu.circuits import zz_observables
    >>> [str(zz.paulis[0]) for zz in zz_observables(3)]
    ['IZZ', 'ZIZ', 'ZZI']
    """
    return [
        SparsePauliOp.from_sparse_list([("ZZ", list(pair), 1.0)], num_qubits=n_qubits)
        for pair in combinations(range(n_qubits), 2)
    ]
