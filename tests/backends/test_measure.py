"""Measurement settings: what commutes is read together, and read rightly.

This file looks inside.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import StatevectorSampler
from qiskit.quantum_info import SparsePauliOp, Statevector

from skqmu.backends.sampled._settings import MeasurementPlan
from skqmu.circuits import z_observables
from skqmu.exceptions import CircuitError


def _state(seed, n_qubits):
    rng = np.random.default_rng(seed)
    amplitudes = rng.normal(size=2**n_qubits) + 1j * rng.normal(size=2**n_qubits)
    circuit = QuantumCircuit(n_qubits)
    circuit.prepare_state(Statevector(amplitudes / np.linalg.norm(amplitudes)))
    return circuit


_paulis = st.lists(
    st.tuples(st.text("IXYZ", min_size=3, max_size=3), st.floats(-2, 2)), min_size=1, max_size=4
)


@settings(max_examples=30, deadline=None)
@given(st.lists(_paulis, min_size=1, max_size=4), st.integers(0, 1000))
def test_settings_give_every_observable_of_any_state(observables, seed):
    circuit = _state(seed, 3)
    operators = [SparsePauliOp.from_list(terms) for terms in observables]
    plan = MeasurementPlan(operators, 3)
    estimates = []
    for setting in plan.settings:
        measured = setting.measured(circuit)
        measured.remove_final_measurements()
        state = Statevector(measured)
        estimates.append(setting.from_probabilities(state.probabilities(setting.qubits)[None]))
    expected = [Statevector(circuit).expectation_value(o).real for o in operators]
    np.testing.assert_allclose(plan.combine(estimates, 1)[0], expected, atol=1e-10)


def test_all_z_and_their_products_are_one_setting():
    products = [SparsePauliOp("ZZII"), SparsePauliOp("ZZZZ")]
    plan = MeasurementPlan([*z_observables(4), *products], 4)
    assert len(plan.settings) == 1
    assert plan.settings[0].axes == dict.fromkeys(range(4), "Z")


def test_terms_that_clash_on_a_qubit_are_measured_apart():
    plan = MeasurementPlan([SparsePauliOp(["XX", "ZZ", "YY"])], 2)
    assert len(plan.settings) == 3


def test_only_qubits_that_matter_are_measured():
    plan = MeasurementPlan([SparsePauliOp("IIZII")], 5)
    assert plan.settings[0].qubits == [2]


def test_bits_and_frequencies_of_one_run_give_the_same_estimate():
    circuit = _state(3, 4)
    plan = MeasurementPlan([*z_observables(4), SparsePauliOp("ZIZZ")], 4)
    bits = StatevectorSampler(seed=0).run([plan.settings[0].measured(circuit)], shots=500)
    bits = bits.result()[0].data.meas
    frequencies = np.zeros((1, 16))
    for outcome, count in bits.get_int_counts().items():
        frequencies[0, outcome] = count / 500
    np.testing.assert_allclose(
        plan.settings[0].from_bits(bits.reshape(1)),
        plan.settings[0].from_probabilities(frequencies),
        atol=1e-12,
    )


def test_the_identity_needs_no_measurement():
    plan = MeasurementPlan([SparsePauliOp(["II", "ZI"], [2.0, 1.0]), SparsePauliOp("II")], 2)
    np.testing.assert_array_equal(plan.constant, [2.0, 1.0])
    assert plan.paulis == ["ZI"]


def test_what_is_not_hermitian_is_refused():
    with pytest.raises(CircuitError, match="not Hermitian"):
        MeasurementPlan([SparsePauliOp("X", [1j])], 1)


def test_observables_of_another_width_are_refused():
    with pytest.raises(CircuitError, match="acts on 2 qubits, the circuit has 3"):
        MeasurementPlan([SparsePauliOp("XX")], 3)
