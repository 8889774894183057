"""Ground states of spin chains within a symmetry sector, where each is one vector."""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import coo_array
from scipy.sparse.linalg import eigsh

__all__ = ["Sector", "ground_states"]

# Below this size all eigenvalues are found at once.
_DENSE = 128
# Lanczos vectors that are kept between restarts.
_LANCZOS = 40
# Distance that a returned state may have from the exact one.
_TOLERANCE = 1e-11


class Sector:
    """Combinations of basis states that some flips leave as they are.

    Every product of flips moves every basis state, so that each orbit has as many members and
    its vector is their sum over the root of their number.

    Parameters
    ----------
    n_qubits : int
    flips : list of int
        Bit masks: the product of X on these qubits is 1 in the sector.
    n_ones : int or None
        Only basis states with so many qubits in |1>; None: all.
    """

    def __init__(self, n_qubits, flips, n_ones=None):
        self.n_qubits = n_qubits
        states = np.arange(2**n_qubits)
        if n_ones is not None:
            states = states[np.bitwise_count(states) == n_ones]
        group = [0]
        for mask in flips:
            group += [mask ^ member for member in group]
        self.group = np.array(group)
        lowest = (states[:, None] ^ self.group).min(axis=1)
        self.members = states[lowest == states]  # one of each orbit
        self.place = np.full(2**n_qubits, -1)
        self.place[states] = np.searchsorted(self.members, lowest)

    def __len__(self):
        return len(self.members)

    def matrix(self, terms):
        """A Hamiltonian that the flips leave as it is, on the orbits.

        Parameters
        ----------
        terms : list of (x mask, z mask, coefficient)
            ``|z>`` goes to ``coefficient (-1)^popcount(z & z mask) |z ^ x mask>``.

        Returns
        -------
        scipy.sparse.csr_array
        """
        size = len(self)
        here = np.arange(size)
        rows, columns, values = [], [], []
        for x, z, coefficient in terms:
            signs = 1.0 - 2.0 * (np.bitwise_count(self.members & z) & 1)
            target = self.place[self.members ^ x]
            inside = target >= 0  # others cancel between terms, or the sector is none
            rows.append(target[inside])
            columns.append(here[inside])
            values.append(coefficient * signs[inside])
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return coo_array(entries, shape=(size, size)).tocsr()

    def spread(self, vectors):
        """Vectors on the whole register, shape (..., 2**n_qubits), of such on the orbits."""
        full = np.zeros((*vectors.shape[:-1], 2**self.n_qubits))
        share = vectors / np.sqrt(len(self.group))
        for member in self.group:
            full[..., self.members ^ member] = share
        return full


def ground_states(sector, fixed, slope, couplings):
    """Ground states of ``fixed + coupling * slope`` in a sector.

    Parameters
    ----------
    sector : Sector
    fixed, slope : list of terms
        See `Sector.matrix`.
    couplings : ndarray of shape (n,)

    Returns
    -------
    states : ndarray of shape (n, 2**n_qubits)
        Real, of norm 1, with a positive sum.
    energies, gaps : ndarray of shape (n,)
        The lowest energy of the sector, and how far the next one is.

    Raises
    ------
    RuntimeError
        The solver did not come within 1e-11 of a state.
    """
    first, second = sector.matrix(fixed), sector.matrix(slope)
    vectors = np.empty((len(couplings), len(sector)))
    energies, gaps = np.empty(len(couplings)), np.empty(len(couplings))
    for row, coupling in enumerate(couplings):
        matrix = (first + coupling * second).tocsr()
        values, both = _lowest_two(matrix)
        vector = both[:, 0] * (1.0 if both[:, 0].sum() >= 0 else -1.0)
        energies[row], gaps[row] = values[0], values[1] - values[0]
        vectors[row] = vector / np.linalg.norm(vector)
        # Davis and Kahan: the sine of the angle to the exact state.
        residual = np.linalg.norm(matrix @ vectors[row] - values[0] * vectors[row])
        if not residual <= _TOLERANCE * gaps[row]:
            raise RuntimeError(
                f"the ground state at coupling {coupling:.6g} was not found to 1e-11: residual "
                f"{residual:.2g}, gap {gaps[row]:.2g}. Use couplings further from where levels "
                "cross, or fewer qubits."
            )
    return sector.spread(vectors), energies, gaps


def _lowest_two(matrix):
    """The two lowest eigenvalues and their vectors."""
    size = matrix.shape[0]
    if size <= _DENSE:
        return eigh(matrix.toarray(), subset_by_index=[0, 1])
    # A start of ours: by default it is random, and so are last bits.
    start = np.ones(size)
    values, vectors = eigsh(matrix, k=2, which="SA", v0=start, ncv=_LANCZOS, tol=0)
    order = np.argsort(values)
    return values[order], vectors[:, order]
