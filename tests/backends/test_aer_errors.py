"""Errors of a noise model act where the user's circuit has their instruction, or are refused."""

import time

import numpy as np
import pytest
from qiskit.circuit import Gate, ParameterVector, QuantumCircuit
from qiskit.circuit.library import CXGate, PauliGate, RXGate, RYGate
from qiskit.quantum_info import SparsePauliOp, random_unitary

from skqmu.backends import AerBackend, RuntimeBackend, StatevectorBackend
from skqmu.circuits import build_circuit, z_observables

noise = pytest.importorskip("qiskit_aer.noise")

# Z is multiplied by SHRINK where this error has acted.
P = 0.2
SHRINK = 1 - 2 * P


def flip(n_qubits=1):
    error = noise.pauli_error([("X", P), ("I", 1 - P)])
    return error if n_qubits == 1 else error.tensor(flip(n_qubits - 1))


def model_with(error, names, qubits=None, **params):
    model = noise.NoiseModel(**params)
    if qubits is None:
        model.add_all_qubit_quantum_error(error, names, warnings=False)
    else:
        model.add_quantum_error(error, names, qubits, warnings=False)
    return model


def z_values(circuit, backend, x=(), row=()):
    executable = backend.compile(circuit, z_observables(circuit.num_qubits), inputs=x, weights=[])
    return executable.expectations(np.array([row], dtype=float), np.zeros(0))[0]


@pytest.mark.parametrize("n_qubits", [2, 10, 11])
def test_a_device_that_reads_by_coin_flip_reads_nothing_at_any_width(n_qubits):
    model = model_with(noise.pauli_error([("X", 0.5), ("I", 0.5)]), "measure")
    circuit = QuantumCircuit(n_qubits)
    circuit.ry(0.7, range(n_qubits))
    values = z_values(circuit, AerBackend(shots=2000, seed=0, noise_model=model))
    assert abs(values).max() < 5 / np.sqrt(2000)


def test_errors_on_measuring_some_qubits_come_before_their_readout_errors():
    model = model_with(noise.amplitude_damping_error(0.4), "measure", [1])
    model.add_readout_error([[0.9, 0.1], [0.3, 0.7]], [1])
    circuit = QuantumCircuit(3)
    circuit.x([0, 1, 2])
    one = 0.6 * 0.7 + 0.4 * 0.1
    values = z_values(circuit, AerBackend(noise_model=model))
    np.testing.assert_allclose(values, [-1, 1 - 2 * one, -1], atol=1e-12)


def test_joint_errors_of_measured_qubits_are_refused_by_name():
    circuit = QuantumCircuit(3)
    joint = noise.NoiseModel()
    joint.add_readout_error(np.full((4, 4), 0.25), [2, 1])
    for model in (joint, model_with(flip(2), "measure", [2, 1])):
        with pytest.raises(ValueError, match=r"'measure'.*\(2, 1\).*own error"):
            z_values(circuit, AerBackend(noise_model=model, shots=5))
        elsewhere = AerBackend(noise_model=model).compile(
            circuit, [SparsePauliOp("IIZ")], inputs=[], weights=[]
        )
        assert elsewhere.expectations(np.zeros((1, 0)), np.zeros(0)) == 1


@pytest.mark.parametrize("method", ["statevector", "matrix_product_state", "stabilizer"])
def test_trajectories_obey_the_seed_and_more_shots_narrow_them(method):
    circuit = QuantumCircuit(9 if method == "statevector" else 3)
    circuit.h(range(circuit.num_qubits))
    model = model_with(flip(), "h")

    def values(shots, seed, n_rows=1):
        executable = AerBackend(shots, noise_model=model, method=method, seed=seed).compile(
            circuit, z_observables(circuit.num_qubits), inputs=[], weights=[]
        )
        return executable.expectations(np.zeros((n_rows, 0)), np.zeros(0))

    np.testing.assert_array_equal(values(300, 4), values(300, 4))
    assert not np.array_equal(values(300, 4), values(300, 5))
    few, many = values(30, 0, 25).std(), values(480, 0, 25).std()
    assert 2.9 < few / many < 5.5


def test_fits_on_noisy_trajectories_are_equal_for_equal_seeds():
    from skqmu import QNNClassifier

    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2
    backend = AerBackend(shots=30, noise="depolarizing:0.02", method="statevector", seed=1)
    params = [
        QNNClassifier(n_layers=1, max_iter=2, backend=backend, random_state=0).fit(X, y).params_
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*params)


def test_noisy_state_vectors_take_about_as_long_as_density_matrices():
    qnn = build_circuit("angle", "strong", n_features=4, n_qubits=4)
    seconds = {}
    for method in ("density_matrix", "statevector"):
        executable = AerBackend(1024, noise="depolarizing:0.02", method=method, seed=0).compile(
            qnn.circuit, z_observables(4), inputs=qnn.inputs, weights=qnn.weights
        )
        inputs, weights = np.ones((20, 4)), np.ones(len(qnn.weights))
        executable.expectations(inputs, weights)
        started = time.process_time()
        for _ in range(3):
            executable.expectations(inputs, weights)
        seconds[method] = time.process_time() - started
    assert seconds["statevector"] < 4 * seconds["density_matrix"]


def test_labels_tell_noisy_gates_from_others_of_the_same_name():
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(2)
    for qubit, label in ((0, "worn"), (1, None)):
        circuit.append(RYGate(x[0], label=label), [qubit])
        circuit.append(RYGate(0.0, label=label), [qubit])
    values = z_values(circuit, AerBackend(noise_model=model_with(flip(), "worn")), x, [0.4])
    np.testing.assert_allclose(values, np.cos(0.4) * np.array([SHRINK**2, 1]), atol=1e-12)
    values = z_values(circuit, AerBackend(noise_model=model_with(flip(), "ry")), x, [0.4])
    np.testing.assert_allclose(values, np.cos(0.4) * np.array([1, SHRINK**2]), atol=1e-12)


def inner_gate():
    inner = QuantumCircuit(1, name="feature_map")
    inner.z(0)
    inner.z(0)
    return inner.to_gate()


@pytest.mark.parametrize(
    ("name", "put"),
    [
        ("unitary", lambda c: c.unitary(np.eye(2), [0])),
        ("id", lambda c: c.id(0)),
        ("delay", lambda c: c.delay(100, 0)),
        ("initialize", lambda c: c.initialize([1, 0], 0)),
        ("feature_map", lambda c: c.append(inner_gate(), [0])),
        ("p", lambda c: c.p(0.3, 0)),
        ("diagonal", lambda c: c.append(_diagonal(), [0])),
    ],
)
def test_an_error_on_any_instruction_acts_once_though_it_runs_as_others(name, put):
    circuit = QuantumCircuit(1)
    put(circuit)
    values = z_values(circuit, AerBackend(noise_model=model_with(flip(), name)))
    np.testing.assert_allclose(values, [SHRINK], atol=1e-12)


def _diagonal():
    from qiskit.circuit.library import DiagonalGate

    return DiagonalGate([1, 1j])


def test_gates_in_a_composed_one_meet_their_own_errors():
    circuit = QuantumCircuit(1)
    circuit.append(inner_gate(), [0])
    values = z_values(circuit, AerBackend(noise_model=model_with(flip(), "z")))
    np.testing.assert_allclose(values, [SHRINK**2], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "put"),
    [
        ("barrier", lambda c: c.barrier(0)),
        ("pauli", lambda c: c.append(PauliGate("Y"), [0])),
        ("cx_o0", lambda c: c.append(CXGate(ctrl_state=0), [0, 1])),
    ],
)
def test_what_aer_would_never_apply_is_refused_before_anything_runs(name, put):
    circuit = QuantumCircuit(2)
    put(circuit)
    error = flip(2 if name.startswith("c") else 1)
    with pytest.raises(ValueError, match=f"noise_model has an error on '{name}'.*attach"):
        AerBackend(noise_model=model_with(error, name)).compile(
            circuit, z_observables(2), inputs=[], weights=[]
        )
    # It is the instruction that is refused, not the model.
    plain = QuantumCircuit(2)
    z_values(plain, AerBackend(noise_model=model_with(error, name)))


def test_an_error_wider_than_its_instruction_is_refused():
    circuit = QuantumCircuit(2)
    circuit.append(RXGate(0.1, label="mine"), [1])
    with pytest.raises(ValueError, match="'mine' that cannot act: an error of 2 qubits"):
        z_values(circuit, AerBackend(noise_model=model_with(flip(2), "mine")))


def test_noise_by_word_and_of_devices_does_not_care_for_labels():
    pytest.importorskip("qiskit_ibm_runtime")
    plain, labelled = QuantumCircuit(2), QuantumCircuit(2)
    for circuit, label in ((plain, None), (labelled, "mine")):
        circuit.append(RXGate(0.4, label=label), [0])
        circuit.append(CXGate(label=label), [0, 1])
    for word in ("depolarizing:0.1", "fake_manila"):
        np.testing.assert_array_equal(
            *(z_values(circuit, AerBackend(noise=word)) for circuit in (plain, labelled))
        )
    executable = RuntimeBackend("fake_manila").compile(
        labelled, z_observables(2), inputs=[], weights=[]
    )
    assert not any(i.operation.label for c in executable.physical for i in c.data)


def test_gradients_under_errors_on_labels_and_measurements_are_those_of_the_values():
    w = ParameterVector("w", 2)
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.crx(w[0], 0, 1)
    circuit.append(RYGate(w[1], label="mine"), [0])
    circuit.cp(w[0] * w[1], 0, 1)
    circuit.unitary(random_unitary(4, seed=3), [0, 1])
    model = model_with(noise.amplitude_damping_error(0.3), ["mine", "measure"])
    model.add_all_qubit_quantum_error(noise.depolarizing_error(0.1, 2), ["crx", "cp", "unitary"])
    observables = [SparsePauliOp("XZ"), SparsePauliOp("ZI")]
    executable = AerBackend(noise_model=model).compile(circuit, observables, inputs=[], weights=w)
    point, inputs, step = np.array([0.4, -1.1]), np.zeros((1, 0)), 1e-5
    _, gradient = executable.vjp(inputs, point, np.ones((1, 2)))
    numeric = [
        sum(s * executable.expectations(inputs, point + s * step * e).sum() for s in (1, -1))
        / (2 * step)
        for e in np.eye(2)
    ]
    np.testing.assert_allclose(gradient, numeric, atol=1e-8)
    ideal = StatevectorBackend().compile(circuit, observables, inputs=[], weights=w)
    assert abs(ideal.expectations(inputs, point) - executable.expectations(inputs, point)).max() > 0


def test_a_model_of_a_devices_gates_is_met_by_circuits_of_other_gates():
    circuit = QuantumCircuit(2)
    circuit.ry(np.pi / 2, [0, 1])
    circuit.cz(0, 1)
    for basis in (None, ["rz", "sx", "x", "cx"]):
        model = model_with(noise.depolarizing_error(0.1, 1), ["sx", "x"], basis_gates=basis)
        executable = AerBackend(noise_model=model).compile(
            circuit, [SparsePauliOp("ZX")], inputs=[], weights=[]
        )
        n_turns = executable.physical[0].count_ops()["sx"]
        value = executable.expectations(np.zeros((1, 0)), np.zeros(0))
        assert n_turns > 0
        assert 0.9**n_turns - 1e-12 <= value < 0.95


def test_relaxation_during_delays_belongs_to_a_models_identity_and_acts():
    pytest.importorskip("qiskit_ibm_runtime")
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    device = FakeManilaV2()
    settings = {"gate_error": False, "readout_error": False}
    models = [
        noise.NoiseModel.from_backend(device, thermal_relaxation=on, **settings)
        for on in (True, False)
    ]
    assert len({AerBackend(noise_model=model).identity() for model in models}) == 2
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.delay(50, 0, "us")
    relaxed, kept = (z_values(circuit, AerBackend(noise_model=model))[0] for model in models)
    assert kept == pytest.approx(-1)
    assert relaxed > 1 - 2 * np.exp(-50e-6 / device.target.qubit_properties[0].t1) - 1e-3


def test_methods_say_what_they_cannot_run_before_anything_runs():
    circuit = QuantumCircuit(1)
    circuit.ry(0.3, 0)
    with pytest.raises(ValueError, match="'stabilizer' cannot run 'ry'"):
        z_values(circuit, AerBackend(shots=10, method="stabilizer"))
    circuit = QuantumCircuit(1)
    circuit.h(0)
    model = model_with(noise.amplitude_damping_error(0.1), "h")
    with pytest.raises(ValueError, match="'stabilizer' cannot run 'kraus', found in the noise"):
        z_values(circuit, AerBackend(shots=10, method="stabilizer", noise_model=model))
    with pytest.raises(ValueError, match="approximates"):
        z_values(circuit, AerBackend(method="extended_stabilizer"))
    with pytest.raises(ValueError, match="method"):
        z_values(circuit, AerBackend(method="unitary"))


def test_a_gate_that_someone_calls_h_is_not_aers_h():
    inner = QuantumCircuit(1, name="h")
    inner.x(0)
    circuit = QuantumCircuit(1)
    gate = inner.to_gate()
    assert type(gate) is Gate
    circuit.append(gate, [0])
    values = z_values(circuit, AerBackend(noise_model=model_with(flip(), "x")))
    np.testing.assert_allclose(values, [-SHRINK], atol=1e-12)
