"""Blocks: the elements of one window as a short chain of factors, equal chains together."""

from collections import defaultdict

import numpy as np

from ._elements import Fixed, Rotation
from ._monomial import local_index
from ._program import BlockFamily, KronFactor, PhaseFactor, RunGroup, RunPiece

__all__ = ["BlockTable", "RunTable", "one_qubit_run", "run_group"]

# Rotations of one piece: 2**4 sign patterns cost less than two pieces.
_LONGEST_PIECE = 4


def one_qubit_run(elements):
    """Return ``(fixed, columns, gaps)`` of a product of one-qubit elements.

    The product is ``F_L D_L ... D_1 F_0`` up to a global phase, as in `RunPiece`.
    """
    fixed, columns, gaps = [np.eye(2, dtype=complex)], [], []
    for element in elements:
        if isinstance(element, Fixed):
            fixed[-1] = element.dense() @ fixed[-1]
            continue
        if element.basis is not None:
            fixed[-1] = element.basis.conj().T @ fixed[-1]
        columns.append(element.column)
        gaps.append((element.spectrum[0] - element.spectrum[1]) / 2)
        fixed.append(np.eye(2, dtype=complex) if element.basis is None else element.basis)
    return fixed, columns, gaps


def run_group(runs):
    """Return the `RunGroup` of some runs of one length, with columns of the angle map."""
    fixed = np.array([run[0] for run in runs])
    columns = np.array([run[1] for run in runs], dtype=int).reshape(len(runs), -1)
    gaps = np.array([run[2] for run in runs], dtype=float).reshape(len(runs), -1)
    length = columns.shape[1]
    pieces = []
    for first in range(0, max(length, 1), _LONGEST_PIECE):
        part = slice(first, min(first + _LONGEST_PIECE, length))
        start = fixed[:, :1] if first == 0 else np.eye(2, dtype=complex)[None, None]
        matrices = np.broadcast_to(start, (len(runs), 1, 2, 2))
        for step in range(part.start, part.stop):
            matrices = np.concatenate(
                [
                    fixed[:, step + 1, None, :, sign : sign + 1] * matrices[:, :, sign : sign + 1]
                    for sign in (0, 1)
                ],
                axis=1,
            )
        pieces.append(RunPiece(columns[:, part], gaps[:, part], np.ascontiguousarray(matrices)))
    return RunGroup(tuple(pieces))


class RunTable:
    """Collects one-qubit runs; those of one length are evaluated together."""

    def __init__(self):
        self._by_length = defaultdict(list)
        self.add([])

    def add(self, elements):
        """Register a run; return a key for :meth:`index`."""
        run = one_qubit_run(elements)
        members = self._by_length[len(run[1])]
        members.append(run)
        return len(run[1]), len(members) - 1

    def groups(self):
        """Return the run groups, shortest first."""
        return tuple(run_group(self._by_length[length]) for length in sorted(self._by_length))

    def index(self, key):
        """Return the row of a run in the table of all groups."""
        length, member = key
        shorter = [n for n in self._by_length if n < length]
        return sum(len(self._by_length[n]) for n in shorter) + member


class _Chain:
    """Factors of one block while its elements are added in time order.

    A one-qubit element joins the latest layer of rotations unless a wider factor has
    touched its qubit since.
    """

    def __init__(self, qubits):
        self.qubits = qubits
        self.width = len(qubits)
        self.position = {qubit: p for p, qubit in enumerate(qubits)}
        self.states = np.arange(2**self.width)
        self.factors = []  # {qubit: elements}, [(column, table)] or matrix
        self.layer = None
        self.sealed = set()

    def add(self, element):
        if len(element.qubits) == 1:
            if self.layer is None or element.qubits[0] in self.sealed:
                self.layer, self.sealed = defaultdict(list), set()
                self.factors.append(self.layer)
            self.layer[element.qubits[0]].append(element)
            return
        self.sealed.update(element.qubits)
        positions = [self.position[qubit] for qubit in element.qubits]
        if isinstance(element, Rotation):
            table = element.spectrum[local_index(self.states, positions)]
            self.factors.append([(element.column, table)])
        else:
            self.factors.append(self._embedded(element.dense(), positions))

    def _embedded(self, matrix, positions):
        """Return the matrix on the whole window."""
        local = local_index(self.states, positions)
        rest = self.states & ~sum(1 << p for p in positions)
        return matrix[local[:, None], local] * (rest[:, None] == rest)

    def folded(self):
        """Return the factors with constants multiplied out and neighbours of a kind merged."""
        result = []
        for factor in self.factors:
            if isinstance(factor, dict) and all(
                isinstance(e, Fixed) for own in factor.values() for e in own
            ):
                matrix = np.eye(1)
                for qubit in self.qubits:
                    matrix = np.kron(one_qubit_run(factor.get(qubit, []))[0][0], matrix)
                factor = matrix
            previous = result[-1] if result else None
            if isinstance(factor, np.ndarray) and isinstance(previous, np.ndarray):
                result[-1] = factor @ previous
            elif isinstance(factor, list) and isinstance(previous, list):
                result[-1] = previous + factor
            else:
                result.append(factor)
        return result


class BlockTable:
    """Collects blocks; those whose chains have one form are a family."""

    def __init__(self, runs):
        self.runs = runs
        self._families = {}
        self._krons = defaultdict(list)

    def add(self, elements, qubits):
        """Register a block on `qubits` (lowest first); return ``(family, member)``."""
        chain = _Chain(qubits)
        for element in elements:
            chain.add(element)
        factors, form = [], [chain.width]
        for factor in chain.folded():
            if isinstance(factor, dict):
                keys = [self.runs.add(factor[q]) if q in factor else (0, 0) for q in qubits]
                factors.append(len(self._krons[chain.width]))
                self._krons[chain.width].append(keys[::-1])
                form.append("kron")
            elif isinstance(factor, list):
                factors.append(factor)
                form.append(len(factor))
            else:
                factors.append(factor)
                form.append("constant")
        number, members = self._families.setdefault(tuple(form), (len(self._families), []))
        members.append(factors)
        return number, len(members) - 1

    def krons(self):
        """Return the rows of runs side by side, by width."""
        return {
            width: np.array([[self.runs.index(key) for key in keys] for keys in members])
            for width, members in self._krons.items()
        }

    def families(self, place):
        """Return the block families, in the order of their numbers."""
        return tuple(
            BlockFamily(form[0], len(members), tuple(self._stacked(form, members, place)))
            for form, (_, members) in self._families.items()
        )

    def _stacked(self, form, members, place):
        for kind, factors in zip(form[1:], zip(*members, strict=True), strict=True):
            if kind == "kron":
                yield KronFactor(np.array(factors))
            elif kind == "constant":
                same = all(np.array_equal(factors[0], other) for other in factors)
                yield np.array(factors[:1] if same else factors)
            else:
                columns = np.array([[column for column, _ in terms] for terms in factors])
                table = np.array([[row for _, row in terms] for terms in factors])
                yield PhaseFactor(place[columns], table)
