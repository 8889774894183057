"""Named circuits mean what their documentation says; wrong requests are refused clearly."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import efficient_su2, real_amplitudes, zz_feature_map
from qiskit.quantum_info import Operator, Statevector

from skqmu.circuits import (
    AmplitudeGate,
    ansatze,
    build_circuit,
    encodings,
    entangled_pairs,
)
from skqmu.exceptions import CircuitError


def gates(circuit):
    """Return (name, qubits, parameter names) of each instruction."""
    return [
        (
            step.operation.name,
            tuple(circuit.find_bit(q).index for q in step.qubits),
            tuple(str(p) for p in step.operation.params),
        )
        for step in circuit.data
    ]


def encoder(name, n_features, n_qubits):
    """Return the gates of an encoding alone."""
    qnn = build_circuit(name, QuantumCircuit(n_qubits), n_features=n_features, n_qubits=n_qubits)
    return gates(qnn.circuit)


def test_features_meet_qubits_cyclically():
    assert encoder("angle", 5, 2) == [
        ("ry", (0,), ("x[0]",)),
        ("ry", (1,), ("x[1]",)),
        ("rx", (0,), ("x[2]",)),
        ("rx", (1,), ("x[3]",)),
        ("ry", (0,), ("x[4]",)),
    ]


def test_few_features_repeat_over_the_qubits():
    assert [(q, p) for _, q, p in encoder("angle", 2, 5)] == [
        ((q,), (f"x[{q % 2}]",)) for q in range(5)
    ]


def test_angle_xyz_turns_all_axes_by_the_same_feature():
    assert encoder("angle_xyz", 1, 1) == [
        ("rx", (0,), ("x[0]",)),
        ("ry", (0,), ("x[0]",)),
        ("rz", (0,), ("x[0]",)),
    ]


def test_iqp_is_the_zz_feature_map():
    ours = build_circuit("iqp", QuantumCircuit(3), n_features=3, n_qubits=3)
    theirs = zz_feature_map(3, reps=2, entanglement="full")
    values = [0.3, -1.1, 2.0]
    mine = Statevector(ours.circuit.assign_parameters(dict(zip(ours.inputs, values, strict=True))))
    assert mine.equiv(Statevector(theirs.assign_parameters(values)))


def test_strong_layer_is_u_and_a_cnot_ring():
    qnn = build_circuit("angle", "strong", n_features=3, n_qubits=3, n_layers=2)
    layer = gates(qnn.circuit)[3:9]
    assert layer == [
        *(("u", (q,), tuple(f"w[{3 * q + a}]" for a in range(3))) for q in range(3)),
        ("cx", (0, 1), ()),
        ("cx", (1, 2), ()),
        ("cx", (2, 0), ()),
    ]
    assert len(qnn.weights) == 18


def test_weights_run_over_layers_then_qubits_then_axes():
    qnn = build_circuit("angle", "rotations_cz", n_features=2, n_qubits=2, n_layers=2)
    rotations = [g for g in gates(qnn.circuit) if g[2] and g[2][0].startswith("w")]
    assert rotations[6:9] == [
        ("rx", (0,), ("w[6]",)),
        ("ry", (0,), ("w[7]",)),
        ("rz", (0,), ("w[8]",)),
    ]


@pytest.mark.parametrize(
    ("name", "library"), [("real_amplitudes", real_amplitudes), ("efficient_su2", efficient_su2)]
)
def test_library_ansaetze_agree_with_qiskit(name, library):
    """Same layers; qiskit orders weights by axis before qubit, ours by qubit."""
    n_qubits, n_layers = 3, 2
    qnn = build_circuit(
        "angle",
        name,
        n_features=n_qubits,
        n_qubits=n_qubits,
        n_layers=n_layers,
        entanglement="linear",
    )
    theirs = library(n_qubits, reps=n_layers, entanglement="linear")
    axes = len(qnn.weights) // (n_qubits * (n_layers + 1))
    values = np.random.default_rng(0).normal(size=(n_layers + 1, n_qubits, axes))
    bound = qnn.circuit.assign_parameters(
        dict(zip(qnn.weights, values.ravel(), strict=True)) | dict.fromkeys(qnn.inputs, 0.0)
    )
    reference = theirs.assign_parameters(values.swapaxes(1, 2).ravel())
    assert Operator(bound).equiv(Operator(reference))


@pytest.mark.parametrize(
    ("entanglement", "n_qubits", "pairs"),
    [
        ("none", 3, []),
        ("linear", 3, [(0, 1), (1, 2)]),
        ("ring", 3, [(0, 1), (1, 2), (2, 0)]),
        ("ring", 2, [(0, 1)]),
        ("ring", 1, []),
        ("full", 3, [(0, 1), (0, 2), (1, 2)]),
    ],
)
def test_entangled_pairs(entanglement, n_qubits, pairs):
    assert entangled_pairs(entanglement, n_qubits) == pairs


def test_reuploading_repeats_the_encoding_before_every_layer():
    qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2, n_layers=3, reuploading=True)
    features = [g for g in gates(qnn.circuit) if g[2] and g[2][0].startswith("x")]
    assert len(features) == 6


def test_user_ansatz_is_repeated_with_weights_of_its_own():
    theta = Parameter("theta")
    block = QuantumCircuit(1)
    block.ry(2 * theta, 0)
    qnn = build_circuit("angle", block, n_features=1, n_qubits=1, n_layers=3)
    assert [w.name for w in qnn.weights] == ["w[0]", "w[1]", "w[2]"]
    assert [g[2] for g in gates(qnn.circuit)[1:]] == [(f"2*w[{i}]",) for i in range(3)]


def test_parameters_that_both_user_circuits_hold_are_features():
    x, w = ParameterVector("x", 2), Parameter("w")
    encoding = QuantumCircuit(2)
    encoding.ry(x[0], 0)
    encoding.ry(x[1], 1)
    ansatz = QuantumCircuit(2)
    ansatz.rzz(x[0] * w, 0, 1)
    qnn = build_circuit(encoding, ansatz, n_features=2, n_qubits=2, n_layers=2)
    assert qnn.inputs == list(x)
    assert len(qnn.weights) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"encoding": "angel"}, "Did you mean 'angle'"),
        ({"ansatz": "strnog"}, "Did you mean 'strong'"),
        ({"entanglement": "circular"}, "entanglement='circular' is unknown"),
        ({"n_qubits": 0}, "n_qubits=0 must be an integer >= 1"),
        ({"n_layers": 1.5}, "n_layers=1.5 must be an integer >= 1"),
        ({"n_features": True}, "n_features=True must be an integer"),
        ({"encoding": "amplitude", "n_features": 5}, "use n_qubits >= 3"),
        ({"encoding": "amplitude", "reuploading": True}, "cannot be repeated"),
        ({"encoding": QuantumCircuit(3)}, "3 qubits and n_qubits=2"),
        ({"encoding": QuantumCircuit(2)}, "0 parameters and the data 2 features"),
    ],
)
def test_wrong_requests_say_what_is_allowed(changed, message):
    request = {"encoding": "angle", "ansatz": "strong", "n_features": 2, "n_qubits": 2} | changed
    with pytest.raises(ValueError, match=message):
        build_circuit(request.pop("encoding"), request.pop("ansatz"), **request)


def test_measured_user_circuits_are_refused_with_the_way_out():
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 0)
    circuit.measure_all()
    with pytest.raises(CircuitError, match=r"'measure'.*remove_final_measurements"):
        build_circuit("angle", circuit, n_features=2, n_qubits=2)


def test_classical_bits_in_user_circuits_are_refused():
    with pytest.raises(CircuitError, match="1 classical bits"):
        build_circuit("angle", QuantumCircuit(2, 1), n_features=2, n_qubits=2)


def test_clashing_names_are_refused():
    circuit = QuantumCircuit(1)
    circuit.ry(ParameterVector("w", 1)[0], 0)
    with pytest.raises(CircuitError, match=r"both name a parameter 'w\[0\]'"):
        build_circuit(circuit, "strong", n_features=1, n_qubits=1)


def test_every_name_builds():
    for encoding in encodings():
        n_features = 16 if encoding == "state" else 3
        for ansatz in ansatze():
            qnn = build_circuit(encoding, ansatz, n_features=n_features, n_qubits=3)
            assert qnn.circuit.num_qubits == 3


class TestAmplitudeGate:
    def test_definition_prepares_the_normalised_values(self):
        gate = AmplitudeGate(2, [3.0, 0.0, -4.0])
        circuit = QuantumCircuit(2)
        circuit.append(gate, [0, 1])
        state = Statevector(circuit.decompose()).data
        np.testing.assert_allclose(state, [0.6, 0, -0.8, 0], atol=1e-12)

    def test_unbound_values_have_no_definition(self):
        gate = AmplitudeGate(1, list(ParameterVector("x", 2)))
        with pytest.raises(CircuitError, match="before its parameters are bound"):
            gate.amplitudes()

    @pytest.mark.parametrize("values", [[0.0, 0.0], [np.nan, 1.0]])
    def test_zero_and_nan_rows_are_refused(self, values):
        with pytest.raises(CircuitError, match="not all zeros"):
            AmplitudeGate(1, values).amplitudes()

    def test_too_many_values_say_how_many_qubits_they_need(self):
        with pytest.raises(CircuitError, match="at least 3 qubits"):
            AmplitudeGate(2, [1.0] * 5)
