"""Tables of a monomial step: one permutation, fixed phases, and phases linear in angles.

The phase terms are kept as polynomials in the basis state's bits,
``sum_S a_S prod_{q in S} bit_q``: few exponentials a record then give all 2**k phases by
multiplication, where one exponential an amplitude would cost more than the circuit.
"""

from collections.abc import Collection

import numpy as np

from ._elements import Rotation
from ._program import MonomialOp, PhaseTerms

__all__ = ["compressed_shapes", "local_index", "monomial_op", "with_local"]


def local_index(states, positions):
    """Return the number that the bits at `positions` (lowest first) of each state form."""
    local = np.zeros_like(states)
    for bit, position in enumerate(positions):
        local |= ((states >> position) & 1) << bit
    return local


def with_local(states, positions, local):
    """Return the states with the bits at `positions` replaced by those of `local`."""
    mask = sum(1 << position for position in positions)
    result = states & ~mask
    for bit, position in enumerate(positions):
        result |= ((local >> bit) & 1) << position
    return result


def compressed_shapes(
    width: int, positions: Collection[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return ``(register, part)`` shapes of a register of `width` bits, highest first.

    Neighbouring bits that are all in `positions`, or all not, form one axis; `part` has
    length 1 where the bits are not in `positions`.

    Parameters
    ----------
    width : int
    positions : collection of int

    Returns
    -------
    register, part : tuple of int

    Examples
    --------
    >>> from skqmu.circuits.lowering import compressed_shapes
    >>> compressed_shapes(4, {1, 2})
    ((2, 4, 2), (1, 4, 1))
    """
    register, part = [], []
    previous = None
    for position in range(width - 1, -1, -1):
        inside = position in positions
        if inside is not previous:
            register.append(1)
            part.append(1)
        register[-1] *= 2
        if inside:
            part[-1] *= 2
        previous = inside
    return tuple(register) or (1,), tuple(part) or (1,)


class _Tables:
    """The step's map while elements are added in time order."""

    def __init__(self, width):
        self.states = np.arange(2**width)
        self.order = self.states
        self.phases = np.ones(len(self.states), complex)
        self.terms = []  # [column, positions, table on these bits]

    def add(self, element, positions):
        if isinstance(element, Rotation):
            self.terms.append((element.column, element.sampled, positions, element.spectrum))
            return
        source, phases = element.monomial
        local = local_index(self.states, positions)
        if np.any(source != np.arange(len(source))):
            origin = with_local(self.states, positions, source[local])
            self.order, self.phases = self.order[origin], self.phases[origin]
            self.terms = [_permuted(term, positions, source) for term in self.terms]
        self.phases = phases[local] * self.phases


def _permuted(term, positions, source):
    """Return a term as a function of the bits after a permutation of `positions`."""
    column, sampled, support, table = term
    if not set(support) & set(positions):
        return term
    union = tuple(sorted({*support, *positions}))
    rank = {position: bit for bit, position in enumerate(union)}
    states = np.arange(2 ** len(union))
    moved = [rank[position] for position in positions]
    origin = with_local(states, moved, source[local_index(states, moved)])
    table = table[local_index(origin, [rank[position] for position in support])]
    return column, sampled, *_reduced(union, table)


def _reduced(positions, table):
    """Drop the bits that a table does not depend on."""
    kept = list(positions)
    for position in positions:
        bit = kept.index(position)
        halves = table.reshape(-1, 2, 2**bit)
        if np.array_equal(halves[:, 0], halves[:, 1]):
            table = halves[:, 0].ravel()
            kept.remove(position)
    return tuple(kept), table


def _bit_polynomial(table):
    """Return ``{subset: coefficient}`` with table[z] = sum over subsets of z's bits."""
    coefficients = np.array(table, float)
    for bit in range(len(table).bit_length() - 1):
        halves = coefficients.reshape(-1, 2, 2**bit)
        halves[:, 1] -= halves[:, 0]
    small = 1e-14 * max(1.0, np.abs(table).max())
    return {int(s): coefficients[s] for s in np.flatnonzero(np.abs(coefficients) > small) if s}


def _components(terms, group_of):
    """Split the terms into sets that share a window."""
    components = []
    for term in terms:
        windows, members = {group_of[p] for p in term[2]}, [term]
        for other in [c for c in components if c[0] & windows]:
            windows |= other[0]
            members = other[1] + members
            components.remove(other)
        components.append((windows, members))
    return components


def _phase_terms(members, positions, width, place):
    """Build the polynomial of some terms on `positions` (lowest first) of the register."""
    rank = {position: bit for bit, position in enumerate(positions)}
    columns = {False: [], True: []}
    entries = []
    for column, sampled, support, table in members:
        if column not in columns[sampled]:
            columns[sampled].append(column)
        for subset, value in _bit_polynomial(table).items():
            mask = sum(1 << rank[p] for bit, p in enumerate(support) if subset >> bit & 1)
            entries.append((mask, sampled, columns[sampled].index(column), value))
    subsets = sorted({mask for mask, *_ in entries})
    row = {mask: i for i, mask in enumerate(subsets)}
    coefficients = {kind: np.zeros((len(subsets), len(columns[kind]))) for kind in (False, True)}
    for mask, sampled, column, value in entries:
        coefficients[sampled][row[mask], column] += value
    register, shape = compressed_shapes(width, set(positions))
    parts = [
        (np.array([place[c] for c in columns[kind]], dtype=int), coefficients[kind])
        for kind in (False, True)
    ]
    return PhaseTerms(shape, register, len(positions), np.array(subsets), *parts)


def monomial_op(elements, register, home, place, source, target, in_place):
    """Build the operation of a monomial step.

    Parameters
    ----------
    elements : list of Fixed and diagonal Rotation
    register : list of int
        The slot's qubits, lowest first.
    home : dict of int to int
        Each qubit's window.
    place : ndarray of int
        A column's place among the shared, or the sampled, columns.
    source, target : int
        Slots.
    in_place : bool
        Whether the source may be overwritten.

    Returns
    -------
    MonomialOp
    """
    width = len(register)
    position = {qubit: p for p, qubit in enumerate(register)}
    tables = _Tables(width)
    for element in elements:
        tables.add(element, tuple(position[qubit] for qubit in element.qubits))
    group_of = {p: home[qubit] for p, qubit in enumerate(register)}
    terms = []
    for windows, members in _components(tables.terms, group_of):
        positions = [p for p in range(width) if group_of[p] in windows]
        built = _phase_terms(members, positions, width, place)
        if len(built.subsets):
            terms.append(built)
    order = None if np.array_equal(tables.order, tables.states) else tables.order
    phases = tables.phases
    if np.all(phases == phases[0]):
        phases = None
    elif not np.any(phases.imag):
        phases = phases.real.copy()
    inverse = None if order is None else np.argsort(order)
    in_place = in_place and order is None
    return MonomialOp(source, target, order, inverse, phases, tuple(terms), in_place)
