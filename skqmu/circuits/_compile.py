"""Compile a circuit with observables into a program."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression, ParameterVector

from ..exceptions import CircuitError
from ._blocks import BlockTable, RunTable, one_qubit_run, run_group
from ._elements import NO_STATE, Prepare, Rotation, split_wide
from ._expressions import AngleMap
from ._fusion import choose_plan
from ._gates import lower_circuit
from ._monomial import compressed_shapes, monomial_op
from ._periods import weight_periods
from ._program import (
    BlockOp,
    JoinOp,
    PrepareGroup,
    Program,
    StartGroup,
)
from ._readouts import parse_observables, pauli_groups, probability_group

__all__ = ["bound_elements", "compile_program", "input_periods"]


def bound_elements(circuit, inputs, weights):
    """Lower a circuit and give every free angle a column of an angle map.

    Returns
    -------
    elements : list of Fixed, Rotation and Prepare
        Rotations with constant angles have become fixed.
    angles : AngleMap
    """
    expressions, elements = [], []
    for element in split_wide(lower_circuit(circuit)):
        if isinstance(element, Rotation):
            angle = element.angle
            if isinstance(angle, ParameterExpression) and angle.parameters:
                element = replace(element, angle=None, column=len(expressions))
                expressions.append(angle)
            else:
                if isinstance(angle, ParameterExpression):
                    angle = angle.numeric()
                element = element.at(float(angle))
        elif isinstance(element, Prepare):
            first = len(expressions)
            expressions += element.values
            element = replace(element, columns=tuple(range(first, len(expressions))))
        elements.append(element)
    angles = AngleMap(expressions, inputs, weights)
    sampled = angles.is_sampled
    return [
        replace(e, sampled=bool(sampled[e.column])) if isinstance(e, Rotation) else e
        for e in elements
    ], angles


def compile_program(
    circuit: QuantumCircuit,
    observables: Any,
    *,
    inputs: Sequence[Parameter] | ParameterVector,
    weights: Sequence[Parameter] | ParameterVector,
    fusion: str | int = "auto",
) -> Program:
    """Compile a circuit with observables.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
    observables : list of SparsePauliOp, or Probabilities
    inputs, weights : list of Parameter
    fusion : {"auto", "none"} or int, default="auto"
        See :func:`choose_plan`.

    Returns
    -------
    Program

    Raises
    ------
    CircuitError
        When an instruction has no lowering, a parameter is in neither list, or an observable
        does not fit.

    Examples
    --------
    >>> from skqmu.circuits import build_circuit, z_observables
    >>> from skqmu.circuits.lowering import compile_program
    >>> qnn = build_circuit("angle", "strong", n_features=4, n_qubits=4)
    >>> program = compile_program(
    ...     qnn.circuit, z_observables(4), inputs=qnn.inputs, weights=qnn.weights, fusion=2
    ... )
    >>> [type(op).__name__ for op in program.ops]
    ['BlockOp', 'BlockOp', 'JoinOp', 'MonomialOp']
    """
    elements, angles = bound_elements(circuit, inputs, weights)
    seen = parse_observables(observables, circuit.num_qubits)
    _check_unnormalised(elements, circuit.num_qubits, seen)
    plan, costs = choose_plan(elements, circuit.num_qubits, seen.support, seen.diagonal, fusion)
    periods = _periods(elements, angles, len(weights))
    summary = {"windows": plan.windows, "costs": costs, "n_gates": len(circuit.data)}
    return _Assembler(plan, angles, circuit.num_qubits).program(
        seen, periods, tuple(elements), summary
    )


def input_periods(
    circuit: QuantumCircuit,
    inputs: Sequence[Parameter] | ParameterVector,
    weights: Sequence[Parameter] | ParameterVector,
) -> np.ndarray:
    """Return the period of the outputs in each input; inf where there is none.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
        Of any width: no state is made.
    inputs, weights : list of Parameter

    Returns
    -------
    ndarray of shape (n_inputs,)

    Raises
    ------
    CircuitError
        An instruction has no lowering, or a parameter is in neither list.

    Examples
    --------
    >>> from skqmu.circuits import build_circuit
    >>> from skqmu.circuits.lowering import input_periods
    >>> qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
    >>> input_periods(qnn.circuit, qnn.inputs, qnn.weights).round(4)
    array([6.2832, 6.2832])
    """
    # What is known of weights holds for inputs that stand in their place.
    turned = [*inputs, *weights]
    elements, angles = bound_elements(circuit, [], turned)
    return _periods(elements, angles, len(turned))[: len(inputs)]


def _periods(elements, angles, n_weights):
    rotations = [element for element in elements if isinstance(element, Rotation)]
    return weight_periods(rotations, angles.nodes, n_weights)


def _check_unnormalised(elements, n_qubits, seen):
    """Refuse what would be wrong where the vector's norm is not 1."""
    kept = [e for e in elements if isinstance(e, Prepare) and e.rule == "keep"]
    if not kept:
        return
    if len(kept[0].qubits) != n_qubits:
        raise CircuitError("encoding='unnormalised' takes all qubits of its circuit.")
    if seen.probabilities is not None:
        raise CircuitError(f"probabilities are read. {NO_STATE}")
    if np.any(seen.constants):
        raise CircuitError(
            "an observable has an identity term, whose value with encoding='unnormalised' is the "
            "squared norm of the row and not 1; leave it out (the head has a bias)."
        )


class _Assembler:
    """Turns a plan into operations on slots."""

    def __init__(self, plan, angles, n_qubits):
        self.plan = plan
        self.angles = angles
        self.n_qubits = n_qubits
        self.home = {q: w for w, window in enumerate(plan.windows) for q in window}
        self.registers = []  # qubits of each slot, lowest first
        self.slot_of = {}  # current slot of each qubit
        self.runs = RunTable()
        self.blocks = BlockTable(self.runs)
        self.ops = []
        self.monomial_results = set()

    def program(self, seen, periods, elements, summary):
        """Assemble everything."""
        start_runs, starts, prepares = self._start()
        for step in self._merged(self.plan.steps):
            self._step(step)
        readout = self._readout(seen)
        return Program(
            n_qubits=self.n_qubits,
            n_outputs=seen.n_outputs,
            angles=self.angles,
            runs=self.runs.groups(),
            krons=self.blocks.krons(),
            families=self.blocks.families(self.angles.place),
            start_runs=start_runs,
            starts=starts,
            prepares=prepares,
            ops=tuple(self.ops),
            widths=tuple(len(register) for register in self.registers),
            readout=readout,
            constants=seen.constants,
            weight_periods=periods,
            elements=elements,
            summary=summary,
        )

    def _merged(self, steps):
        """Yield the steps; neighbouring monomial ones on one register become one."""
        waiting = None
        for step in steps:
            if (
                waiting is not None
                and step.kind == "monomial"
                and self.plan.fused
                and waiting.windows.isdisjoint(step.windows)
                and len({self.slot_of[q] for s in (waiting, step) for q in self._touched(s)}) == 1
            ):
                waiting = replace(
                    waiting,
                    elements=waiting.elements + step.elements,
                    windows=waiting.windows | step.windows,
                )
                continue
            if waiting is not None:
                yield waiting
                waiting = None
            if step.kind == "monomial":
                waiting = step
            else:
                yield step
        if waiting is not None:
            yield waiting

    @staticmethod
    def _touched(step):
        touched = {qubit for element in step.elements for qubit in element.qubits}
        return touched.union(step.qubits or ())

    def _new_slot(self, qubits):
        self.registers.append(sorted(qubits))
        slot = len(self.registers) - 1
        self.slot_of.update(dict.fromkeys(qubits, slot))
        return slot

    def _start(self):
        """Product states of the windows; prepared qubits are registers of their own."""
        prepares, prepared = [], set()
        for element in self.plan.preparations:
            register = sorted(element.qubits)
            slot = self._new_slot(register)
            positions = [register.index(qubit) for qubit in element.qubits]
            states = np.arange(len(element.columns) // (1 + element.imaginary))
            places = sum(((states >> b) & 1) << p for b, p in enumerate(positions))
            columns = np.array(element.columns)
            prepares.append(
                PrepareGroup(slot, len(register), columns, places, element.rule, element.imaginary)
            )
            prepared.update(register)
        by_length = defaultdict(list)
        for qubit, elements in self.plan.start.items():
            if qubit not in prepared:
                run = one_qubit_run(elements)
                by_length[len(run[1])].append((qubit, run))
        start_runs, row = [], {}
        for length in sorted(by_length):
            members = by_length[length]
            rows = [row.setdefault(qubit, len(row)) for qubit, _ in members]
            start_runs.append((run_group([run for _, run in members]), np.array(rows)))
        by_width = defaultdict(list)
        for window in self.plan.windows:
            qubits = [qubit for qubit in window if qubit not in prepared]
            if qubits:
                by_width[len(qubits)].append(qubits)
        starts = []
        for members in by_width.values():
            rows = np.array([[row[q] for q in reversed(qubits)] for qubits in members])
            starts.append(StartGroup(rows, tuple(self._new_slot(q) for q in members)))
        return tuple(start_runs), tuple(starts), tuple(prepares)

    def _joined(self, qubits):
        """Return the slot that holds all of `qubits`, joining registers where needed."""
        slots = {self.slot_of[qubit] for qubit in qubits}
        while len(slots) > 1:
            first, second = sorted(slots, key=lambda s: (len(self.registers[s]), s))[:2]
            slots -= {first, second}
            slots.add(self._join(first, second))
        return slots.pop()

    def _join(self, first, second):
        qubits = sorted(self.registers[first] + self.registers[second])
        inside = {p for p, qubit in enumerate(qubits) if qubit in set(self.registers[first])}
        target, part = compressed_shapes(len(qubits), inside)
        other = tuple(t if p == 1 else 1 for t, p in zip(target, part, strict=True))
        slot = self._new_slot(qubits)
        self.ops.append(JoinOp((first, second), slot, (part, other, target)))
        return slot

    def _step(self, step):
        source = self._joined(self._touched(step))
        register = self.registers[source]
        if step.kind == "block":
            self.ops.append(self._block(step, source, register))
            return
        # A monomial's own gradient needs its result: only others' results are overwritten.
        fresh = source not in self.monomial_results
        op = monomial_op(
            step.elements, register, self.home, self.angles.place, source, source, fresh
        )
        if op.order is not None or op.phases is not None or op.terms:
            target = source if op.in_place else self._new_slot(register)
            self.ops.append(replace(op, target=target))
            self.monomial_results.add(target)

    def _block(self, step, source, register):
        family, member = self.blocks.add(step.elements, step.qubits)
        positions = [register.index(qubit) for qubit in step.qubits]
        width, k = len(register), len(positions)
        target = self._new_slot(register)
        if positions == list(range(positions[0], positions[0] + k)):
            left, right = 2 ** (width - positions[0] - k), 2 ** positions[0]
            return BlockOp(source, target, family, member, left, right)
        axes = tuple(width - 1 - p for p in reversed(positions))
        return BlockOp(source, target, family, member, 2 ** (width - k), 1, axes)

    def _readout(self, seen):
        if seen.probabilities is not None:
            slot = self._joined(seen.probabilities.qubits)
            return (probability_group(seen.probabilities, slot, self.registers[slot]),)
        supports = [
            [q for q in range(self.n_qubits) if (x | z) >> q & 1] for _, x, z, _ in seen.terms
        ]
        for support in supports:
            self._joined(support)
        by_slot = defaultdict(list)
        for term, support in zip(seen.terms, supports, strict=True):
            by_slot[self.slot_of[support[0]]].append(term)
        return tuple(
            group
            for slot, terms in by_slot.items()
            for group in pauli_groups(terms, slot, self.registers[slot], self.home)
        )


def check_width(circuit: QuantumCircuit, itemsize: int, max_memory: int) -> None:
    """Refuse a register of which not even three records' states fit into memory.

    Parameters
    ----------
    circuit : QuantumCircuit
    itemsize : int
        Bytes of an amplitude.
    max_memory : int
        Bytes.

    Raises
    ------
    CircuitError
        Says the bytes.

    Examples
    --------
    >>> from qiskit import QuantumCircuit
    >>> from skqmu.circuits.lowering import check_width
    >>> check_width(QuantumCircuit(10), itemsize=16, max_memory=2**20)
    >>> check_width(QuantumCircuit(20), itemsize=16, max_memory=2**20)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    skqmu.exceptions.CircuitError: a state of 20 qubits takes 16,777,216 bytes; ...
    """
    needed = 3 * itemsize * 2**circuit.num_qubits
    if needed > max_memory:
        raise CircuitError(
            f"a state of {circuit.num_qubits} qubits takes {itemsize * 2**circuit.num_qubits:,} "
            f"bytes; one record needs {needed:,} bytes and max_memory={max_memory:,} bytes are "
            "allowed: use fewer qubits (features fold onto them), or raise max_memory."
        )
