"""The compiled form of a circuit: an immutable list of operations on arrays.

A program is data. It says which matrices to build from the angles (one-qubit runs, and
blocks made of them), how the product state starts, which operations follow, and what is
read out. Executors in ``skqmu.backends`` give it meaning; nothing here computes a state.

A *slot* is the state of some qubits (its register) at one point of the program: an array of
shape (models, 2**k, records), lowest qubit in the lowest bit. The records are the last
axis, so that every operation works on contiguous stretches, and a block on any window of
neighbouring qubits is a matrix product without moving data.
"""

from dataclasses import dataclass

import numpy as np

from ._expressions import AngleMap

__all__ = [
    "BlockFamily",
    "BlockOp",
    "JoinOp",
    "KronFactor",
    "MonomialOp",
    "PhaseFactor",
    "PhaseTerms",
    "PrepareGroup",
    "Program",
    "ReadoutGroup",
    "RunGroup",
    "RunPiece",
    "StartGroup",
]


@dataclass(frozen=True, eq=False)
class RunPiece:
    """A few rotations in a row on one qubit, for many runs, as a sum over sign patterns.

    With ``D_l = diag(exp(i g), exp(-i g))`` and g = gap * angle the product
    ``F_L D_L ... F_1 D_1 F_0`` is ``sum_s exp(i sum_l s_l g_l) matrices[s]``: two small
    products evaluate it and two differentiate it, whatever the rotations are. The global
    phase is left out.

    Attributes
    ----------
    columns : ndarray of shape (N, L)
        Columns of the angle map.
    gaps : ndarray of shape (N, L)
    matrices : ndarray of shape (N, 2**L, 2, 2)
        Bit l of the pattern's number is 0 for s_l = +1.
    """

    columns: np.ndarray
    gaps: np.ndarray
    matrices: np.ndarray

    @property
    def signs(self):
        """Sign patterns, shape (2**L, L)."""
        length = self.columns.shape[1]
        return 1.0 - 2.0 * ((np.arange(2**length)[:, None] >> np.arange(length)) & 1)


@dataclass(frozen=True, eq=False)
class RunGroup:
    """Runs of one length: a product of pieces, the first in time first."""

    pieces: tuple

    def __len__(self):
        return len(self.pieces[0].columns)


@dataclass(frozen=True, eq=False)
class KronFactor:
    """One-qubit runs side by side: ``rows`` of the program's Kronecker products of a width.

    Parameters
    ----------
    rows : ndarray of int

    Examples
    --------
    >>> from skqmu.circuits import build_circuit, z_observables
    >>> from skqmu.circuits.lowering import KronFactor, compile_program
    >>> qnn = build_circuit("angle", "strong", n_features=4, n_qubits=4)
    >>> program = compile_program(
    ...     qnn.circuit, z_observables(4), inputs=qnn.inputs, weights=qnn.weights, fusion=2
    ... )
    >>> first = program.families[program.ops[0].family].factors[0]  # rotations of two qubits
    >>> isinstance(first, KronFactor), program.krons[2][first.rows].shape  # two runs each
    (True, (1, 2))
    """

    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class PhaseFactor:
    """``diag(exp(i sum_p angle_p table_p))`` of each block: columns (N, P), table (N, P, K).

    Parameters
    ----------
    columns : ndarray of int of shape (N, P)
    table : ndarray of shape (N, P, K)

    Examples
    --------
    >>> from qiskit import QuantumCircuit
    >>> from qiskit.circuit import Parameter
    >>> from skqmu.circuits import z_observables
    >>> from skqmu.circuits.lowering import PhaseFactor, compile_program
    >>> w, circuit = Parameter("w"), QuantumCircuit(2)
    >>> _ = circuit.h([0, 1]), circuit.rzz(w, 0, 1), circuit.h(0)
    >>> program = compile_program(circuit, z_observables(2), inputs=[], weights=[w], fusion=2)
    >>> [factor.table for factor in program.families[0].factors if isinstance(factor, PhaseFactor)]
    [array([[[-0.5,  0.5,  0.5, -0.5]]])]
    """

    columns: np.ndarray
    table: np.ndarray


@dataclass(frozen=True, eq=False)
class BlockFamily:
    """Blocks of one build: each factor is a KronFactor, PhaseFactor or constant array.

    Attributes
    ----------
    width : int
        Qubits of a block.
    size : int
        Number of blocks.
    factors : tuple
        In time order; constants have shape (size or 1, K, K).
    """

    width: int
    size: int
    factors: tuple


@dataclass(frozen=True, eq=False)
class StartGroup:
    """Windows of one width in a product state.

    Attributes
    ----------
    qubits : ndarray of shape (n_windows, width)
        Row of each qubit's vector, highest qubit first.
    slots : tuple of int
    """

    qubits: np.ndarray
    slots: tuple


@dataclass(frozen=True, eq=False)
class PrepareGroup:
    """A prepared state: column ``columns[k]`` is the amplitude of state ``places[k]``.

    With `imaginary` as many columns again hold the imaginary parts; for `rule` see `Prepare`.
    """

    slot: int
    width: int
    columns: np.ndarray
    places: np.ndarray
    rule: str = "divide"
    imaginary: bool = False


@dataclass(frozen=True, eq=False)
class JoinOp:
    """Outer product of two registers.

    `shapes` are those of the two sources and the result's, without model and record axes;
    an axis that a source lacks has length 1.

    Parameters
    ----------
    sources : tuple of int
    target : int
    shapes : tuple of tuple of int

    Examples
    --------
    >>> from skqmu.circuits import build_circuit, z_observables
    >>> from skqmu.circuits.lowering import JoinOp, compile_program
    >>> qnn = build_circuit("angle", "strong", n_features=4, n_qubits=4)
    >>> program = compile_program(
    ...     qnn.circuit, z_observables(4), inputs=qnn.inputs, weights=qnn.weights, fusion=2
    ... )
    >>> [op.shapes for op in program.ops if isinstance(op, JoinOp)]  # of two and two qubits
    [((1, 4), (4, 1), (4, 4))]
    """

    sources: tuple
    target: int
    shapes: tuple


@dataclass(frozen=True, eq=False)
class BlockOp:
    """Apply a block: to neighbouring qubits as ``(left, K, right)``, else along `axes`.

    `axes` (scattered qubits) are the block's axes of the ``(2,) * k`` register, highest
    qubit first; None when the qubits are neighbours.

    Parameters
    ----------
    source, target : int
        Registers of the program.
    family, member : int
        Which block.
    left, right : int
        States on either side of neighbouring qubits.
    axes : tuple of int or None, default=None

    Examples
    --------
    >>> from skqmu.circuits import build_circuit, z_observables
    >>> from skqmu.circuits.lowering import BlockOp, compile_program
    >>> qnn = build_circuit("angle", "strong", n_features=4, n_qubits=4)
    >>> program = compile_program(
    ...     qnn.circuit, z_observables(4), inputs=qnn.inputs, weights=qnn.weights, fusion=2
    ... )
    >>> blocks = [op for op in program.ops if isinstance(op, BlockOp)]
    >>> [(program.families[op.family].width, op.left, op.right) for op in blocks]
    [(2, 1, 1), (2, 1, 1)]
    """

    source: int
    target: int
    family: int
    member: int
    left: int
    right: int
    axes: tuple | None = None


@dataclass(frozen=True, eq=False)
class PhaseTerms:
    """Phases ``exp(i sum_S a_S prod_{q in S} bit_q)`` on some qubits of the register.

    Attributes
    ----------
    shape : tuple
        Broadcast shape against the register ``(2,) * k`` compressed: 1 where absent.
    register : tuple
        The register's axes compressed the same way.
    width : int
        Qubits that the phases depend on.
    subsets : ndarray of int
        Subsets S as bit masks.
    shared, sampled : tuple of (columns, coefficients)
        Columns (P,) and coefficients (n_subsets, P): a_S = coefficients @ angles.
    """

    shape: tuple
    register: tuple
    width: int
    subsets: np.ndarray
    shared: tuple
    sampled: tuple


@dataclass(frozen=True, eq=False)
class MonomialOp:
    """``out[z] = phases[z] * in[order[z]]``, times phase terms.

    `order`, its inverse and `phases` are None where trivial; real `phases` are a real array.
    """

    source: int
    target: int
    order: np.ndarray | None
    inverse: np.ndarray | None
    phases: np.ndarray | None
    terms: tuple
    in_place: bool


@dataclass(frozen=True, eq=False)
class ReadoutGroup:
    """Part of the expectation values, read from one slot.

    Attributes
    ----------
    slot : int
    left, right : int
        The table is on the middle axis of the register seen as (left, n_states, right).
    flip : ndarray of int or None
        Basis state that an off-diagonal observable pairs with each; None for diagonal ones.
    outputs : ndarray of int
    table : ndarray or sparse array of shape (len(outputs), n_states)
        Real for diagonal observables, complex otherwise.
    """

    slot: int
    left: int
    right: int
    flip: np.ndarray | None
    outputs: np.ndarray
    table: object


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled circuit with its readout.

    Attributes
    ----------
    n_qubits, n_outputs : int
    angles : AngleMap
    runs : tuple of RunGroup
        Shared one-qubit runs; run 0 of the whole table is the identity.
    krons : dict of int to ndarray
        By width: rows of the runs that stand side by side, highest qubit first.
    families : tuple of BlockFamily
    start_runs : tuple of (RunGroup, rows)
        The qubits' initial vectors are the first columns of these runs.
    starts : tuple of StartGroup
    prepares : tuple of PrepareGroup
    ops : tuple
    widths : tuple of int
        Qubits of each slot.
    readout : tuple of ReadoutGroup
    constants : ndarray of shape (n_outputs,)
        What identity terms add.
    weight_periods : ndarray of shape (n_weights,)
        Period of the outputs in each weight; inf where there is none.
    elements : tuple
        The circuit gate by gate, as it was before scheduling.
    summary : dict
        The cut, the steps and the estimated costs, for :meth:`describe`.
    """

    n_qubits: int
    n_outputs: int
    angles: AngleMap
    runs: tuple
    krons: dict
    families: tuple
    start_runs: tuple
    starts: tuple
    prepares: tuple
    ops: tuple
    widths: tuple
    readout: tuple
    constants: np.ndarray
    weight_periods: np.ndarray
    elements: tuple
    summary: dict

    def amplitudes(self, stored=True):
        """Return how many amplitudes a record needs: all slots, or the two largest."""
        sizes = sorted(2**width for width in self.widths)
        return sum(sizes) if stored else sum(sizes[-2:])

    @property
    def operations(self):
        """Real operations of a gradient step's matrix products, for each record.

        A block is applied forward and to the costate, and has one transition matrix: three
        products, with 8 real operations for each complex multiplication and addition.
        """
        return sum(
            3 * 8 * 2 ** (self.families[op.family].width + self.widths[op.target])
            for op in self.ops
            if isinstance(op, BlockOp)
        )

    def describe(self):
        """Return the fusion choice as text: windows, steps, and what each costs."""
        return describe(self)


def describe(program):
    """Return a table of the program's operations, one line each."""
    summary = program.summary
    windows = " ".join("[" + " ".join(map(str, window)) + "]" for window in summary["windows"])
    lines = [
        f"{program.n_qubits} qubits, {program.angles.n_columns} angles "
        f"({program.angles.n_sampled} a record), {program.n_outputs} outputs",
        f"{summary['n_gates']} gates -> {len(program.ops)} operations on windows {windows}",
        f"matrix products of a gradient step: {program.operations / 1e6:.3g} Mflop a record",
        "cost by largest window, us a step of batch 64: "
        + (", ".join(f"{w}: {c:.0f}" for w, c in summary["costs"].items()) or "not compared"),
    ]
    for op in program.ops:
        if isinstance(op, JoinOp):
            left, right = (program.widths[slot] for slot in op.sources)
            lines.append(f"join      {left} + {right} qubits")
        elif isinstance(op, BlockOp):
            family = program.families[op.family]
            kinds = [
                {KronFactor: "rotations", PhaseFactor: "phases"}.get(type(f), "constant")
                for f in family.factors
            ]
            where = "neighbours" if op.axes is None else "scattered"
            lines.append(
                f"block     {family.width} of {program.widths[op.source]} qubits, {where}: "
                + ", ".join(kinds)
            )
        else:
            parts = ["permutation"] * (op.order is not None) + ["phases"] * (op.phases is not None)
            for terms in op.terms:
                kind = "phases by record" if len(terms.sampled[0]) else "phases by weights"
                parts.append(f"{kind} on {terms.width} qubits")
            lines.append(
                f"monomial  {program.widths[op.source]} qubits: {', '.join(parts) or 'identity'}"
            )
    lines.append(f"readout   {len(program.readout)} groups")
    return "\n".join(lines)
