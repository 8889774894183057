"""Every gate is lowered to elements whose product is its matrix; the rest is refused.

This file looks inside.
"""

import numpy as np
import pytest
from qiskit import qasm2
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
    QuantumCircuit,
)
from qiskit.circuit.library import (
    CUGate,
    DiagonalGate,
    GlobalPhaseGate,
    HGate,
    MCPhaseGate,
    MCXGate,
    PauliEvolutionGate,
    PermutationGate,
    RXGate,
    RYYGate,
    RZXGate,
    StatePreparation,
    SwapGate,
    U3Gate,
    UGate,
    UnitaryGate,
    XXPlusYYGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Operator, SparsePauliOp, random_unitary

from skqmu.circuits import AmplitudeGate
from skqmu.circuits._elements import Fixed, Rotation, split_wide
from skqmu.circuits._gates import lower_circuit
from skqmu.exceptions import CircuitError

STANDARD = {
    name: gate
    for name, gate in get_standard_gate_name_mapping().items()
    if name not in ("measure", "reset", "delay", "global_phase")
}


def element_matrix(element, values):
    """Return an element's matrix with parameters bound by name."""
    if isinstance(element, Fixed):
        return element.dense()
    angle = element.angle
    if hasattr(angle, "parameters"):
        angle = float(angle.bind({p: values[p.name] for p in angle.parameters}).numeric())
    return element.at(angle).dense()


def product(elements, n_qubits, values):
    """Return the matrix of all elements on the whole register."""
    result = Operator(np.eye(2**n_qubits))
    for element in elements:
        matrix = element_matrix(element, values)
        result = result.compose(Operator(matrix), list(element.qubits))
    return result.data


def assert_lowered(gate, *, wide=False):
    """Compare the lowered gate, with free parameters and bound, with qiskit's matrix."""
    expected = Operator(gate).data
    n_qubits = gate.num_qubits
    numbers = [p for p in gate.params if isinstance(p, (int, float))]
    candidates = [gate]
    if numbers and len(numbers) == len(gate.params):
        free = gate.to_mutable()
        free.params = [Parameter(f"p{i}") for i in range(len(numbers))]
        candidates.append(free)
    values = {f"p{i}": number for i, number in enumerate(numbers)}
    for candidate in candidates:
        circuit = QuantumCircuit(n_qubits)
        circuit.append(candidate, range(n_qubits))
        lowered = lower_circuit(circuit)
        for elements in (lowered, list(split_wide(lowered))):
            actual = product(elements, n_qubits, values)
            peak = np.unravel_index(np.argmax(np.abs(expected)), expected.shape)
            phase = actual[peak] / expected[peak]
            assert abs(abs(phase) - 1) < 1e-12
            np.testing.assert_allclose(actual, phase * expected, atol=1e-12)


@pytest.mark.parametrize("name", sorted(STANDARD))
def test_standard_gates(name):
    gate = STANDARD[name]
    if gate.params:
        rng = np.random.default_rng(len(name))
        gate = type(gate)(*rng.uniform(-3, 3, len(gate.params)))
    assert_lowered(gate)


def annotated(base, *modifiers):
    return AnnotatedOperation(base, list(modifiers))


def nested(control):
    """A controlled definition with phases at two depths."""
    inner = QuantumCircuit(1, global_phase=0.7)
    inner.rx(0.2, 0)
    inner.append(GlobalPhaseGate(0.2), [])
    outer = QuantumCircuit(2, global_phase=-0.1)
    outer.append(inner.to_gate(), [1])
    outer.cx(0, 1)
    return outer.to_gate().control(control, annotated=False)


WIDER = {
    "two controls, open": RXGate(0.3).control(2, ctrl_state=1, annotated=False),
    "controlled U": UGate(0.1, 0.2, 0.3).control(2, annotated=False),
    "controlled U3": U3Gate(0.1, 0.2, 0.3).control(1, annotated=False),
    "controlled CU": CUGate(0.1, 0.2, 0.3, 0.4).control(1, annotated=False),
    "controlled H": HGate().control(3, annotated=False),
    "Toffoli on six": MCXGate(5, ctrl_state=11),
    "phase on five": MCPhaseGate(0.3, 4),
    "Fredkin on five": SwapGate().control(3, annotated=False),
    "controlled XX+YY": XXPlusYYGate(0.3, 0.7).control(3, ctrl_state=5, annotated=False),
    "controlled RYY": RYYGate(0.3).control(3, ctrl_state=5, annotated=False),
    "unitary on five": UnitaryGate(random_unitary(32, seed=1)),
    "diagonal on five": DiagonalGate(list(np.exp(1j * np.linspace(0, 3, 32)))),
    "permutation on five": PermutationGate([2, 0, 1, 4, 3]),
    "state preparation": StatePreparation([0.5, 0.5, 0.5, -0.5j]),
    "one control of nested phases": nested(1),
    "two controls of nested phases": nested(2),
    "inverse of nested phases": nested(1).inverse(),
}


@pytest.mark.parametrize("name", sorted(WIDER))
def test_wide_and_composite_gates(name):
    assert_lowered(WIDER[name])


@pytest.mark.parametrize(
    "operation",
    [
        annotated(RXGate(0.3), InverseModifier(), ControlModifier(1, 0), PowerModifier(3)),
        annotated(UGate(0.3, 0.2, 0.1), ControlModifier(2, 1), PowerModifier(-2)),
    ],
)
def test_annotated_operations(operation):
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.append(operation, range(operation.num_qubits))
    actual = product(list(split_wide(lower_circuit(circuit))), operation.num_qubits, {})
    np.testing.assert_allclose(actual, Operator(operation.to_matrix()).data, atol=1e-12)


def test_evolution_gates_are_their_product_formula_with_free_and_bound_time():
    time = Parameter("t")
    hamiltonian = SparsePauliOp(["XY", "ZI", "IX"], [0.4, 1.0, -0.3])
    for value in (time, 0.7):
        circuit = QuantumCircuit(2)
        circuit.append(PauliEvolutionGate(hamiltonian, time=value), [0, 1])
        reference = Operator(circuit.decompose(reps=3).assign_parameters({time: 0.7}, strict=False))
        actual = product(list(split_wide(lower_circuit(circuit))), 2, {"t": 0.7})
        assert reference.equiv(Operator(actual))


def test_annotated_controls_keep_their_parameters():
    angle = Parameter("a")
    circuit = QuantumCircuit(3)
    circuit.append(RXGate(2 * angle).control(2, annotated=True), [2, 0, 1])
    reference = QuantumCircuit(3)
    reference.append(RXGate(0.6).control(2, annotated=False), [2, 0, 1])
    actual = product(lower_circuit(circuit), 3, {"a": 0.3})
    np.testing.assert_allclose(actual, Operator(reference).data, atol=1e-12)


def test_wide_pauli_rotations_are_diagonal_between_local_gates():
    circuit = QuantumCircuit(2)
    circuit.append(RZXGate(Parameter("a")), [1, 0])
    elements = list(split_wide(lower_circuit(circuit)))
    assert all(
        len(e.qubits) == 1 or (isinstance(e, Rotation) and e.basis is None) for e in elements
    )


def test_many_controls_stay_one_diagonal():
    circuit = QuantumCircuit(12)
    circuit.append(RXGate(Parameter("a")).control(11, annotated=False), range(12))
    assert len(lower_circuit(circuit)) == 3


@pytest.mark.parametrize("controlled", [False, True])
@pytest.mark.parametrize("name", ["rx", "u", "id", "delay", "measure", "diagonal"])
def test_a_gate_of_one_s_own_may_have_any_name(name, controlled):
    angle = Parameter("a")
    inner = QuantumCircuit(1, name=name)
    inner.ry(2 * angle, 0)
    inner.t(0)
    gate = inner.to_gate()
    circuit = QuantumCircuit(1 + controlled)
    circuit.append(gate.control(1, annotated=True) if controlled else gate, circuit.qubits)
    expected = inner.assign_parameters({angle: 0.3}).to_gate(label="other")
    reference = QuantumCircuit(1 + controlled)
    expected.name = "other"
    reference.append(expected.control(1) if controlled else expected, reference.qubits)
    actual = product(lower_circuit(circuit), circuit.num_qubits, {"a": 0.3})
    assert Operator(reference).equiv(Operator(actual))


def test_gates_that_qasm_defines_are_what_it_says():
    text = "OPENQASM 2.0; gate rx(a) q { U(2*a,0,0) q; } gate id q { U(0.4,0,0) q; } qreg q[1];"
    circuit = qasm2.loads(text + "rx(0.3) q[0]; id q[0];")
    actual = product(lower_circuit(circuit), 1, {})
    assert Operator(circuit).equiv(Operator(actual))


def test_barriers_identities_delays_and_global_phases_vanish():
    circuit = QuantumCircuit(2, global_phase=0.3)
    circuit.barrier()
    circuit.id(0)
    circuit.delay(10, 1)
    circuit.append(GlobalPhaseGate(0.2), [])
    assert lower_circuit(circuit) == []


def test_initialize_counts_as_preparation_only_on_fresh_qubits():
    circuit = QuantumCircuit(3)
    circuit.initialize([0.6, 0, 0, 0.8j], [0, 2])
    state = product(lower_circuit(circuit), 3, {})[:, 0]
    np.testing.assert_allclose(np.abs(state[[0, 5]]), [0.6, 0.8], atol=1e-12)
    late = QuantumCircuit(1)
    late.h(0)
    late.initialize([1, 0], [0])
    with pytest.raises(CircuitError, match=r"'initialize'.*use it first"):
        lower_circuit(late)


def measured():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return circuit


def conditional():
    circuit = QuantumCircuit(1, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    return circuit


def with_reset():
    circuit = QuantumCircuit(1)
    circuit.reset(0)
    return circuit


def opaque():
    circuit = QuantumCircuit(1)
    circuit.append(Gate("mystery", 1, [Parameter("a")]), [0])
    return circuit


def late_amplitudes():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.append(AmplitudeGate(1, list(ParameterVector("x", 2))), [0])
    return circuit


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (measured, r"'measure'.*remove the measurements"),
        (conditional, r"'if_else'.*unroll"),
        (with_reset, r"'reset'.*fresh qubit"),
        (opaque, r"'mystery'.*decompose it"),
        (late_amplitudes, r"'amplitude'.*put it first"),
    ],
)
def test_what_cannot_be_lowered_is_named_with_the_way_out(build, message):
    with pytest.raises(CircuitError, match=message):
        lower_circuit(build())
