"""The statevector engine against qiskit and finite differences, on circuits of all kinds."""

import gc
import pickle
import tracemalloc
import weakref
from itertools import product

import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector
from sklearn.base import clone

from skqmu.backends import StatevectorBackend
from skqmu.circuits import (
    AmplitudeGate,
    Probabilities,
    ansatze,
    build_circuit,
    encodings,
    entanglements,
    z_observables,
)
from skqmu.exceptions import CircuitError

N_RANDOM = 300
N_GROUPS = 30


def compiled(
    n_qubits=4, encoding="angle", ansatz="strong", observables=None, n_layers=2, **options
):
    """Return an executable of a named circuit; backend options begin with `backend_`."""
    backend = {k.removeprefix("backend_"): v for k, v in options.items() if "backend_" in k}
    options = {k: v for k, v in options.items() if "backend_" not in k}
    qnn = build_circuit(
        encoding, ansatz, n_features=4, n_qubits=n_qubits, n_layers=n_layers, **options
    )
    return StatevectorBackend(**backend).compile(
        qnn.circuit,
        z_observables(n_qubits) if observables is None else observables,
        inputs=qnn.inputs,
        weights=qnn.weights,
    )


def numbers(executable, n_rows=5, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n_rows, executable.n_inputs)),
        rng.normal(size=executable.n_weights),
        rng.normal(size=(n_rows, executable.n_outputs)),
    )


class TestRandomCircuits:
    """Over the whole standard gate set, with expressions, by groups of seeds."""

    @staticmethod
    def seeds(group):
        return range(group, N_RANDOM, N_GROUPS)

    @staticmethod
    def case(kit, seed):
        rng = np.random.default_rng(seed)
        n_qubits = int(rng.integers(1, 7))
        circuit, x, w = kit.random_circuit(rng, n_qubits, int(rng.integers(1, 40)))
        observables = kit.random_observables(rng, n_qubits)
        return circuit, observables, x, w, rng.normal(size=(3, 3)), rng.normal(size=4), rng

    @pytest.mark.parametrize("group", range(N_GROUPS))
    def test_values_and_gradients(self, kit, group):
        for seed in self.seeds(group):
            circuit, observables, x, w, inputs, weights, rng = self.case(kit, seed)
            executable = StatevectorBackend().compile(circuit, observables, inputs=x, weights=w)
            values, tape = executable.forward(inputs, weights)
            reference = kit.reference_values(circuit, observables, x, w, inputs, weights)
            np.testing.assert_allclose(values, reference, atol=1e-10, err_msg=f"seed {seed}")

            cotangent = rng.normal(size=values.shape)
            d_inputs, d_weights = executable.backward(tape, cotangent)

            numeric = kit.numerical_gradient(executable, inputs, weights, cotangent)
            actual = np.concatenate([d_inputs.ravel(), d_weights])
            scale = 1 + np.abs(numeric).max()
            assert np.abs(actual - numeric).max() < 1e-6 * scale, f"seed {seed}"

    @pytest.mark.parametrize("group", range(N_GROUPS))
    def test_every_fusion_is_the_same_function(self, kit, group):
        for seed in self.seeds(group):
            circuit, observables, x, w, inputs, weights, rng = self.case(kit, seed)
            results = []
            cotangent = rng.normal(size=(3, 3))
            for fusion in ("none", "auto", 2):
                executable = StatevectorBackend(fusion=fusion).compile(
                    circuit, observables, inputs=x, weights=w
                )
                values, tape = executable.forward(inputs, weights)
                d_inputs, d_weights = executable.backward(tape, cotangent)
                same, by_record = executable.backward(tape, cotangent, per_sample=True)
                np.testing.assert_allclose(by_record.sum(axis=0), d_weights, atol=1e-10)
                np.testing.assert_allclose(same, d_inputs, atol=1e-12)
                results.append((values, d_inputs, d_weights))
            for other in results[1:]:
                np.testing.assert_allclose(other[0], results[0][0], atol=1e-12)
                for ours, theirs in zip(other[1:], results[0][1:], strict=True):
                    np.testing.assert_allclose(ours, theirs, atol=1e-11, rtol=1e-11)

    @pytest.mark.parametrize("group", range(N_GROUPS))
    def test_quantum_fisher_information(self, kit, group):
        """Against 4 (<d psi|d psi> - |<psi|d psi>|^2) with numerical d psi."""
        for seed in self.seeds(group):
            circuit, observables, x, w, inputs, weights, _ = self.case(kit, seed)
            executable = StatevectorBackend().compile(circuit, observables, inputs=x, weights=w)
            states = executable.statevectors(inputs, weights)
            for row, state in zip(inputs, states, strict=True):
                reference = kit.reference_state(circuit, x, w, row, weights).data
                assert abs(abs(np.vdot(reference, state)) - 1) < 1e-10
            information = executable.quantum_fisher(inputs, weights)
            by_rows = StatevectorBackend().compile(
                circuit, observables, inputs=[*x, *w], weights=[]
            )
            expected = kit.numerical_fisher(by_rows, inputs, weights)
            np.testing.assert_allclose(information, expected, atol=1e-5, rtol=1e-5)


def classical_circuit(rng, circuit, n_gates=40):
    """Append gates that only move and flip amplitudes."""
    for _ in range(n_gates):
        a, b, c = map(int, rng.permutation(circuit.num_qubits)[:3])
        name, qubits = [
            ("x", (a,)),
            ("cx", (a, b)),
            ("ccx", (a, b, c)),
            ("swap", (a, b)),
            ("cz", (a, b)),
        ][rng.integers(5)]
        getattr(circuit, name)(*qubits)
    return circuit


@pytest.mark.parametrize("fusion", ["none", 1, 2, 5, "auto"])
def test_moving_amplitudes_does_not_round(fusion):
    """X, CX, CCX, SWAP and CZ on basis states: exactly what a bit machine computes."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        circuit = classical_circuit(rng, QuantumCircuit(5))
        executable = StatevectorBackend(fusion=fusion).compile(
            circuit, Probabilities(5), inputs=[], weights=[]
        )
        values = executable.expectations(np.zeros((2, 0)), np.zeros(0))
        expected = np.round(Statevector(circuit).probabilities())
        np.testing.assert_array_equal(values, [expected, expected])


def test_a_turned_qubit_is_moved_bit_for_bit_whatever_fuses():
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(5)
    circuit.ry(x[0], 0)
    classical_circuit(np.random.default_rng(0), circuit)
    inputs = np.random.default_rng(1).normal(size=(7, 1))
    results = [
        StatevectorBackend(fusion=fusion)
        .compile(circuit, Probabilities(5), inputs=x, weights=[])
        .expectations(inputs, np.zeros(0))
        for fusion in (1, 2, 5, "auto")
    ]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("ansatz", ansatze())
@pytest.mark.parametrize("encoding", sorted({*encodings()} - {"state", "unnormalised"}))
def test_named_circuits(kit, encoding, ansatz):
    """Each encoding x ansatz x entanglement x readout of 2 and 3 classes, twice reuploaded."""
    for entanglement, reuploading, n_outputs in product(entanglements(), (False, True), (2, 3)):
        if encoding == "amplitude" and reuploading:
            continue
        executable = compiled(
            3,
            encoding,
            ansatz,
            z_observables(3)[:n_outputs],
            entanglement=entanglement,
            reuploading=reuploading,
        )
        inputs, weights, cotangent = numbers(executable, 2)
        d_inputs, d_weights = executable.vjp(inputs, weights, cotangent)

        numeric = kit.numerical_gradient(executable, inputs, weights, cotangent)
        actual = np.concatenate([d_inputs.ravel(), d_weights])
        assert np.abs(actual - numeric).max() < 1e-6 * (1e-3 + np.abs(numeric).max())


class TestReadouts:
    @pytest.mark.parametrize("mode", ["all", "first", "parity"])
    @pytest.mark.parametrize("n_outcomes", [None, 2, 3])
    def test_probabilities_agree_with_qiskit(self, kit, mode, n_outcomes):
        if mode == "all" and n_outcomes is not None:
            pytest.skip("all outcomes have one number")
        rng = np.random.default_rng(5)
        circuit, x, w = kit.random_circuit(rng, 4, 25)
        readout = Probabilities(4, mode, n_outcomes)
        executable = StatevectorBackend().compile(circuit, readout, inputs=x, weights=w)
        inputs, weights, cotangent = numbers(executable, 3)
        values = executable.expectations(inputs, weights)
        for row, actual in zip(inputs, values, strict=True):
            basis = kit.reference_state(circuit, x, w, row, weights).probabilities()
            expected = np.bincount(readout.labels, basis, minlength=len(readout))
            np.testing.assert_allclose(actual, expected, atol=1e-12)
        np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-12)
        d_weights = executable.vjp(inputs, weights, np.ones_like(cotangent))[1]
        np.testing.assert_allclose(d_weights, 0.0, atol=1e-12)

    def test_all_outcomes_of_many_qubits_take_no_table_of_their_square(self):
        circuit = QuantumCircuit(12)
        w = ParameterVector("w", 12)
        for qubit in range(12):
            circuit.ry(w[qubit], qubit)
        executable = StatevectorBackend().compile(circuit, Probabilities(12), inputs=[], weights=w)
        tracemalloc.start()
        values, tape = executable.forward(np.zeros((2, 0)), np.zeros(12))
        executable.backward(tape, np.ones_like(values))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8e6  # a dense table would take 134 MB
        np.testing.assert_allclose(values[:, 0], 1.0)

    def test_parity_is_the_product_of_all_z(self, kit):
        rng = np.random.default_rng(6)
        circuit, x, w = kit.random_circuit(rng, 3, 20)
        parity = StatevectorBackend().compile(
            circuit, Probabilities(3, "parity"), inputs=x, weights=w
        )
        product_z = StatevectorBackend().compile(
            circuit, [SparsePauliOp("ZZZ")], inputs=x, weights=w
        )
        inputs, weights, _ = numbers(parity)
        even = parity.expectations(inputs, weights)[:, :1]
        z = product_z.expectations(inputs, weights)
        np.testing.assert_allclose(even, (1 + z) / 2, atol=1e-12)

    def test_identity_terms_and_real_offsets_are_constants(self):
        w = Parameter("w")
        circuit = QuantumCircuit(2)
        circuit.ry(w, 0)
        observables = [SparsePauliOp(["II", "IZ"], [0.5, 2.0]), SparsePauliOp("II")]
        executable = StatevectorBackend().compile(circuit, observables, inputs=[], weights=[w])
        values = executable.expectations(np.zeros((1, 0)), np.array([0.3]))
        np.testing.assert_allclose(values, [[0.5 + 2 * np.cos(0.3), 1.0]], atol=1e-14)


class TestAmplitudeEncoding:
    def test_rows_of_zeros_are_named(self):
        executable = compiled(2, "amplitude", backend_chunk_size=2)
        inputs = np.ones((5, 4))
        inputs[3] = 0.0
        with pytest.raises(ValueError, match="rows of zeros: row 3;"):
            executable.expectations(inputs, np.zeros(executable.n_weights))
        with pytest.raises(ValueError, match="row 3"):
            executable.quantum_fisher(inputs, np.zeros(executable.n_weights))

    @pytest.mark.parametrize("scale", [1e-200, 1e200])
    def test_tiny_and_huge_rows_are_normalised(self, scale):
        executable = compiled(2, "amplitude")
        inputs, weights, cotangent = numbers(executable)
        plain = executable.expectations(inputs, weights)
        np.testing.assert_allclose(executable.expectations(inputs * scale, weights), plain)
        d_plain = executable.vjp(inputs, weights, cotangent)[0]
        d_scaled = executable.vjp(inputs * scale, weights, cotangent)[0]
        np.testing.assert_allclose(d_scaled * scale, d_plain, rtol=1e-9)

    def test_values_that_depend_on_weights_and_a_part_of_the_register(self, kit):
        """Prepared qubits beside others, order reversed, with weights among the amplitudes."""
        x, w = ParameterVector("x", 3), ParameterVector("w", 3)
        circuit = QuantumCircuit(3)
        circuit.ry(w[2], 1)
        circuit.append(AmplitudeGate(2, [x[0], w[0] * x[1], x[2], w[1] + w[0]]), [2, 0])
        circuit.cx(0, 1)
        circuit.ry(w[0], 2)
        circuit.cz(1, 2)
        circuit.rx(w[1], 1)
        observables = kit.random_observables(np.random.default_rng(0), 3)
        executable = StatevectorBackend().compile(circuit, observables, inputs=x, weights=w)
        inputs, weights, cotangent = numbers(executable, 2)

        numeric = kit.numerical_gradient(executable, inputs, weights, cotangent)
        d_inputs, d_weights = executable.vjp(inputs, weights, cotangent)
        np.testing.assert_allclose(
            np.concatenate([d_inputs.ravel(), d_weights]), numeric, atol=1e-7
        )

        states = executable.statevectors(inputs, weights)
        row = inputs[1]
        values = np.array([row[0], weights[0] * row[1], row[2], weights[1] + weights[0]])
        reference = QuantumCircuit(3)
        reference.ry(weights[2], 1)
        reference.prepare_state(Statevector(values / np.linalg.norm(values)), [2, 0])
        reference.cx(0, 1)
        reference.ry(weights[0], 2)
        reference.cz(1, 2)
        reference.rx(weights[1], 1)
        assert abs(np.vdot(Statevector(reference).data, states[1])) == pytest.approx(1, abs=1e-10)

        by_rows = StatevectorBackend().compile(circuit, observables, inputs=[*x, *w], weights=[])
        np.testing.assert_allclose(
            executable.quantum_fisher(inputs, weights),
            kit.numerical_fisher(by_rows, inputs, weights),
            atol=1e-7,
        )


class TestDerivatives:
    def test_jacobian_rows_are_vjps_of_unit_cotangents(self):
        executable = compiled()
        inputs, weights, _ = numbers(executable)
        d_inputs, d_weights = executable.jacobian(inputs, weights)
        assert d_inputs.shape == (5, 4, 4)
        assert d_weights.shape == (5, 4, executable.n_weights)
        for output in range(4):
            cotangent = np.zeros((5, 4))
            cotangent[2, output] = 1.0
            expected = executable.vjp(inputs, weights, cotangent)
            np.testing.assert_allclose(d_inputs[2, output], expected[0][2], atol=1e-13)
            np.testing.assert_allclose(d_weights[2, output], expected[1], atol=1e-13)

    def test_single_pauli_rotation_information_is_a_fidelity(self):
        """F = 1 - |<psi(theta)|psi(theta + pi)>|^2 for one unit rotation (methods, section 1)."""
        executable = compiled(3, "angle", "rotations_cz")
        inputs, weights, _ = numbers(executable)
        information = executable.quantum_fisher(inputs, weights)
        states = executable.statevectors(inputs, weights)
        for k in range(executable.n_weights):
            moved = weights.copy()
            moved[k] += np.pi
            other = executable.statevectors(inputs, moved)
            fidelity = np.abs((states.conj() * other).sum(axis=1)) ** 2
            np.testing.assert_allclose(information[:, k], 1 - fidelity, atol=1e-12)

    def test_average_information_is_the_mean_over_records(self):
        executable = compiled()
        inputs, weights, _ = numbers(executable)
        np.testing.assert_allclose(
            executable.quantum_fisher(inputs, weights, average=True),
            executable.quantum_fisher(inputs, weights).mean(axis=0),
        )

    def test_what_is_not_needed_is_none_and_leaves_the_rest_alone(self):
        executable = compiled()
        inputs, weights, cotangent = numbers(executable)
        _, tape = executable.forward(inputs, weights)
        d_inputs, d_weights = executable.backward(tape, cotangent)
        nothing, only_weights = executable.backward(tape, cotangent, need_inputs=False)
        assert nothing is None
        np.testing.assert_array_equal(only_weights, d_weights)
        only_inputs, nothing = executable.backward(tape, cotangent, need_weights=False)
        assert nothing is None
        np.testing.assert_array_equal(only_inputs, d_inputs)

    def test_weights_in_record_dependent_angles_need_no_inputs(self, kit):
        x, w = ParameterVector("x", 1), ParameterVector("w", 1)
        circuit = QuantumCircuit(1)
        circuit.ry(x[0] * w[0], 0)
        executable = StatevectorBackend().compile(circuit, z_observables(1), inputs=x, weights=w)
        _, tape = executable.forward(np.array([[0.7]]), np.array([0.4]))
        d_weights = executable.backward(tape, np.ones((1, 1)), need_inputs=False)[1]
        assert d_weights[0] == pytest.approx(-0.7 * np.sin(0.28))

    def test_a_tape_serves_any_number_of_backward_passes(self):
        executable = compiled()
        inputs, weights, cotangent = numbers(executable)
        _, tape = executable.forward(inputs, weights)
        first = executable.backward(tape, cotangent)
        executable.expectations(inputs + 1, weights)  # must not touch the tape's buffers
        executable.forward(inputs - 1, weights)
        again = executable.backward(tape, cotangent)
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize("periodic", ["angle", "iqp"])
    def test_values_have_the_stated_periods(self, periodic):
        executable = compiled(3, periodic, "efficient_su2")
        inputs, weights, _ = numbers(executable)
        values = executable.expectations(inputs, weights)
        assert np.isfinite(executable.weight_periods).all()
        for k, period in enumerate(executable.weight_periods):
            moved = weights.copy()
            moved[k] += period
            np.testing.assert_allclose(executable.expectations(inputs, moved), values, atol=1e-12)


class TestModels:
    @pytest.mark.parametrize("own_inputs", [False, True])
    @pytest.mark.parametrize("per_sample", [False, True])
    def test_a_leading_axis_is_a_loop_over_models(self, kit, own_inputs, per_sample):
        rng = np.random.default_rng(3)
        circuit, x, w = kit.random_circuit(rng, 4, 30)
        observables = kit.random_observables(rng, 4)
        executable = StatevectorBackend().compile(circuit, observables, inputs=x, weights=w)
        inputs = rng.normal(size=(3, 5, 3)) if own_inputs else rng.normal(size=(5, 3))
        weights, cotangent = rng.normal(size=(3, 4)), rng.normal(size=(3, 5, 3))
        values, tape = executable.forward(inputs, weights)
        d_inputs, d_weights = executable.backward(tape, cotangent, per_sample=per_sample)
        for m in range(3):
            one = inputs[m] if own_inputs else inputs
            np.testing.assert_allclose(
                values[m], executable.expectations(one, weights[m]), atol=1e-12
            )
            expected = executable.vjp(one, weights[m], cotangent[m], per_sample=per_sample)
            np.testing.assert_allclose(d_inputs[m], expected[0], atol=1e-11)
            np.testing.assert_allclose(d_weights[m], expected[1], atol=1e-11)

    @pytest.mark.parametrize("encoding", ["angle", "angle_xyz", "iqp", "amplitude"])
    @pytest.mark.parametrize("ansatz", ["strong", "efficient_su2"])
    @pytest.mark.parametrize("n_qubits", [2, 5])
    def test_not_a_bit_of_a_model_depends_on_those_beside_it(self, encoding, ansatz, n_qubits):
        executable = compiled(n_qubits, encoding, ansatz)
        rng = np.random.default_rng(n_qubits)
        inputs = rng.normal(size=(5, 17, executable.n_inputs))
        weights = rng.normal(size=(5, executable.n_weights))
        cotangent = rng.normal(size=(5, 17, executable.n_outputs))
        values, tape = executable.forward(inputs, weights)
        slopes = executable.backward(tape, cotangent)
        for m in range(5):
            own, tape = executable.forward(inputs[m], weights[m])
            np.testing.assert_array_equal(values[m], own)
            for found, alone in zip(slopes, executable.backward(tape, cotangent[m]), strict=True):
                np.testing.assert_array_equal(found[m], alone)

    @pytest.mark.parametrize("n_qubits", [2, 4, 8, 10])
    @pytest.mark.parametrize("n_rows", [0, 1, 75, 5000])
    @pytest.mark.parametrize("max_memory", [2**20, 2**30])
    def test_models_at_once_fit_into_memory_and_one_chunk(self, n_qubits, n_rows, max_memory):
        executable = compiled(n_qubits, "angle", backend_max_memory=max_memory)
        n_models = executable.models_at_once(n_rows)
        assert isinstance(n_models, int)
        assert n_models >= 1
        if n_models > 1:
            chunks = list(executable._chunks(n_models, n_rows))
            assert all(rows == slice(0, n_rows) for _, rows in chunks)
            assert [m for models, _ in chunks for m in range(n_models)[models]] == [
                m for m in range(n_models) if n_rows
            ]
            assert n_models * n_rows * executable._record_bytes <= max_memory
        assert executable.models_at_once(n_rows + 1) <= n_models


class TestBuffers:
    @pytest.mark.parametrize("n_qubits", [4, 6, 8, 10])
    @pytest.mark.parametrize("n_models", [1, 3])
    def test_passes_leave_no_more_than_the_first_ones_did(self, n_qubits, n_models):
        executable = compiled(n_qubits)
        inputs, weights, cotangent = numbers(executable, 5)
        weights = np.stack([weights] * n_models)
        cotangent = np.stack([cotangent] * n_models)

        def held(n_passes):
            for _ in range(n_passes):
                executable.vjp(inputs, weights, cotangent)
            (workspace,) = executable._engine._workspaces
            return workspace.held

        assert held(40) == held(3) > 0

    def test_nor_do_those_of_random_circuits(self, kit):
        rng = np.random.default_rng(5)
        for _ in range(12):
            circuit, x, w = kit.random_circuit(rng, 6, 25)
            observables = kit.random_observables(rng, 6)
            executable = StatevectorBackend().compile(circuit, observables, inputs=x, weights=w)
            inputs, weights, cotangent = numbers(executable, 5)
            found = []
            for _ in range(30):
                executable.vjp(inputs, weights, cotangent)
                found.append(sum(run.held for run in executable._engine._workspaces))
            assert found[-1] <= found[4]


class TestChunks:
    @pytest.mark.parametrize("encoding", ["angle", "iqp", "amplitude"])
    @pytest.mark.parametrize(
        "options", [{"chunk_size": 1}, {"chunk_size": 7}, {"max_memory": 30_000}]
    )
    def test_results_do_not_depend_on_the_chunking(self, encoding, options):
        plain = compiled(4, encoding)
        chunked = compiled(4, encoding, **{f"backend_{k}": v for k, v in options.items()})
        inputs, weights, cotangent = numbers(plain, 33)
        np.testing.assert_allclose(
            chunked.expectations(inputs, weights), plain.expectations(inputs, weights), atol=1e-12
        )
        for per_sample in (False, True):
            ours = chunked.vjp(inputs, weights, cotangent, per_sample=per_sample)
            theirs = plain.vjp(inputs, weights, cotangent, per_sample=per_sample)
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-12)

    def test_an_empty_batch_gives_empty_results(self):
        executable = compiled()
        inputs, weights, _ = numbers(executable, 0)
        assert executable.expectations(inputs, weights).shape == (0, 4)
        d_inputs, d_weights = executable.vjp(inputs, weights, np.zeros((0, 4)))
        assert d_inputs.shape == (0, 4)
        np.testing.assert_array_equal(d_weights, 0.0)
        assert executable.quantum_fisher(inputs, weights).shape == (0, executable.n_weights)

    def test_twelve_qubits_stay_under_400_mb(self):
        executable = compiled(12, "angle_xyz", "strong", n_layers=4)
        inputs, weights, cotangent = numbers(executable, 64)
        tracemalloc.start()
        executable.vjp(inputs, weights, cotangent)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 400e6

    @pytest.mark.slow
    def test_sixteen_qubits_run_in_chunks_within_the_stated_memory(self):
        limit = 300 * 2**20
        executable = compiled(16, "angle", "strong", n_layers=4, backend_max_memory=limit)
        inputs, weights, cotangent = numbers(executable, 256)
        tracemalloc.start()
        d_inputs, _ = executable.vjp(inputs, weights, cotangent)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.2 * limit
        one = executable.vjp(inputs[:1], weights, cotangent[:1])[0]
        np.testing.assert_allclose(d_inputs[:1], one, atol=1e-12)

    def test_dropping_an_executable_frees_its_buffers_without_the_garbage_collector(self):
        """A circle of references once let a loop over many circuits grow by gigabytes."""
        executable = compiled(6)
        inputs, weights, cotangent = numbers(executable, 64)
        executable.vjp(inputs, weights, cotangent)
        engine = weakref.ref(executable._engine)
        gc.disable()
        try:
            del executable
            assert engine() is None
        finally:
            gc.enable()

    def test_buffers_kept_for_later_passes_are_bounded(self):
        executable = compiled(6, backend_max_memory=2_000_000)
        for n_rows in range(1, 40):
            inputs, weights, cotangent = numbers(executable, n_rows)
            executable.vjp(inputs, weights, cotangent)
            kept = executable._engine._workspaces
            assert len(kept) <= 4
            assert sum(run.nbytes for run in kept) <= 2_000_000

    def test_more_qubits_than_memory_holds_says_the_bytes(self):
        with pytest.raises(CircuitError, match=r"34 qubits takes 274,877,906,944 bytes"):
            compiled(34)
        with pytest.raises(CircuitError, match="max_memory=5,000"):
            compiled(8, backend_max_memory=5000)


class TestPrecision:
    def test_single_precision_is_close_and_single(self):
        double, single = compiled(6), compiled(6, backend_dtype="complex64")
        inputs, weights, cotangent = numbers(double, 20)
        np.testing.assert_allclose(
            single.expectations(inputs, weights), double.expectations(inputs, weights), atol=5e-6
        )
        for ours, theirs in zip(
            single.vjp(inputs, weights, cotangent),
            double.vjp(inputs, weights, cotangent),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, atol=5e-5)
        _, tape = single.forward(inputs, weights)
        states = [s for run in tape.runs.values() for s in run.states if s is not None]
        assert {state.dtype for state in states} == {np.dtype("complex64")}

    @pytest.mark.parametrize("encoding", ["iqp", "amplitude"])
    def test_single_precision_of_other_encodings(self, encoding):
        double, single = compiled(4, encoding), compiled(4, encoding, backend_dtype="complex64")
        inputs, weights, cotangent = numbers(double)
        for per_sample in (False, True):
            for ours, theirs in zip(
                single.vjp(inputs, weights, cotangent, per_sample=per_sample),
                double.vjp(inputs, weights, cotangent, per_sample=per_sample),
                strict=True,
            ):
                np.testing.assert_allclose(ours, theirs, atol=1e-4)


class TestBackendIsAValue:
    def test_clone_pickle_and_repr(self):
        backend = StatevectorBackend("complex64", n_threads=2, max_memory=10**6, fusion=3)
        for copy in (clone(backend), pickle.loads(pickle.dumps(backend))):
            assert copy.get_params() == backend.get_params()
        assert repr(backend).startswith("StatevectorBackend(")
        assert backend.exact
        assert not backend.sampled

    def test_a_used_backend_pickles_as_its_parameters(self):
        backend = StatevectorBackend()
        before = pickle.dumps(backend)
        qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2)
        backend.compile(qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights)
        assert pickle.dumps(backend) == before

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"dtype": "complex46"}, "Did you mean 'complex64'"),
            ({"dtype": float}, "dtype="),
            ({"n_threads": 0}, "n_threads=0 must be an integer >= 1 or None"),
            ({"max_memory": None}, "max_memory=None must be an integer >= 1"),
            ({"chunk_size": 1.5}, "chunk_size=1.5"),
            ({"fusion": "atuo"}, "Did you mean 'auto'"),
            ({"fusion": 0}, "1 to 12 qubits"),
            ({"fusion": None}, "fusion=None"),
        ],
    )
    def test_wrong_parameters_are_refused_when_compiling(self, parameters, message):
        backend = StatevectorBackend(**parameters)
        with pytest.raises(ValueError, match=message):
            backend.compile(QuantumCircuit(1), z_observables(1), inputs=[], weights=[])


class TestBadInput:
    @pytest.fixture
    def executable(self):
        return compiled(2)

    @pytest.mark.parametrize(
        ("inputs", "weights", "message"),
        [
            (np.zeros((2, 3)), None, r"shape \(n_samples, 4\)"),
            (np.zeros(4), None, r"shape \(n_samples, 4\)"),
            (np.full((2, 4), np.nan), None, "inputs hold NaN"),
            (np.full((2, 4), np.inf), None, "inputs hold NaN or infinity"),
            (None, np.zeros(3), r"weights must have shape"),
            (None, np.nan, "weights hold NaN"),
        ],
    )
    def test_wrong_numbers(self, executable, inputs, weights, message):
        inputs = np.zeros((2, 4)) if inputs is None else inputs
        plain = np.zeros(executable.n_weights)
        weights = plain + weights if np.ndim(weights) == 0 and weights is not None else weights
        with pytest.raises(ValueError, match=message):
            executable.forward(inputs, plain if weights is None else weights)

    def test_a_cotangent_of_another_shape(self, executable):
        inputs, weights, _ = numbers(executable)
        _, tape = executable.forward(inputs, weights)
        with pytest.raises(ValueError, match=r"cotangent must have shape \(5, 2\)"):
            executable.backward(tape, np.zeros((5, 3)))

    def test_model_axes_that_do_not_fit(self, executable):
        weights = np.zeros((3, executable.n_weights))
        with pytest.raises(ValueError, match="models"):
            executable.forward(np.zeros((2, 5, 4)), weights)
        with pytest.raises(ValueError, match="one model"):
            executable.quantum_fisher(np.zeros((5, 4)), weights)
        with pytest.raises(ValueError, match="one model"):
            executable.jacobian(np.zeros((5, 4)), weights)

    def test_repeated_and_alien_parameters(self):
        w = Parameter("w")
        circuit = QuantumCircuit(1)
        circuit.ry(w, 0)
        backend = StatevectorBackend()
        with pytest.raises(CircuitError, match="holds a parameter twice"):
            backend.compile(circuit, z_observables(1), inputs=[], weights=[w, w])
        with pytest.raises(CircuitError, match="qiskit Parameters"):
            backend.compile(circuit, z_observables(1), inputs=["w"], weights=[w])
        with pytest.raises(CircuitError, match="both inputs and weights"):
            backend.compile(circuit, z_observables(1), inputs=[w], weights=[w])


@pytest.mark.parametrize("times", range(1, 8))
def test_an_angle_may_turn_a_qubit_several_times_in_a_row(kit, times):
    """Equal angles of one run are merged: odd and even numbers, beside others, in pieces."""
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        for i in range(times):
            getattr(circuit, ("rx", "ry", "rz")[i % 3])(x[qubit], qubit)
        circuit.rx(0.5 * x[1 - qubit] + 0.2, qubit)
        circuit.ry(x[qubit], qubit)
    circuit.cx(0, 1)
    observables = kit.random_observables(np.random.default_rng(0), 2)
    executable = StatevectorBackend().compile(circuit, observables, inputs=x, weights=[])
    inputs, weights, cotangent = numbers(executable, 3)
    np.testing.assert_allclose(
        executable.expectations(inputs, weights),
        kit.reference_values(circuit, observables, list(x), [], inputs, weights),
        atol=1e-12,
    )
    numeric = kit.numerical_gradient(executable, inputs, weights, cotangent)
    np.testing.assert_allclose(
        executable.vjp(inputs, weights, cotangent)[0].ravel(), numeric, atol=1e-8
    )


def test_one_qubit_and_no_parameters():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    executable = StatevectorBackend().compile(circuit, [SparsePauliOp("X")], inputs=[], weights=[])
    np.testing.assert_allclose(executable.expectations(np.zeros((2, 0)), np.zeros(0)), 1.0)


def test_unused_parameters_have_zero_slope_and_no_period():
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    circuit = QuantumCircuit(1)
    circuit.ry(x[0] + w[0], 0)
    executable = StatevectorBackend().compile(circuit, z_observables(1), inputs=x, weights=w)
    inputs, weights, cotangent = numbers(executable)
    d_inputs, d_weights = executable.vjp(inputs, weights, cotangent)
    np.testing.assert_array_equal(d_inputs[:, 1], 0.0)
    assert d_weights[1] == 0.0
    assert executable.weight_periods[1] == np.inf
