"""The compiler: what fuses, what is dropped, what it costs, and what it refuses.

This file looks inside.
"""

import time

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from skqmu.circuits import Probabilities, build_circuit, z_observables
from skqmu.circuits._compile import compile_program
from skqmu.circuits._fusion import cut_register
from skqmu.circuits._program import BlockOp, JoinOp, MonomialOp
from skqmu.exceptions import CircuitError


def compiled(encoding, ansatz, n_qubits, n_layers, observables=None, fusion="auto", **options):
    qnn = build_circuit(
        encoding, ansatz, n_features=n_qubits, n_qubits=n_qubits, n_layers=n_layers, **options
    )
    return compile_program(
        qnn.circuit,
        observables or z_observables(n_qubits),
        inputs=qnn.inputs,
        weights=qnn.weights,
        fusion=fusion,
    )


def kinds(program):
    return [type(op).__name__ for op in program.ops]


def test_layers_fuse_into_one_block_a_window_and_one_monomial():
    program = compiled("angle", "strong", 8, 3, fusion=4)
    assert kinds(program) == [
        *["BlockOp"] * 2,  # on the windows, while they are still a product
        "JoinOp",
        *["MonomialOp", "BlockOp", "BlockOp"] * 2,
        "MonomialOp",  # the last ring permutes what is read
    ]


def test_the_last_cz_ring_is_invisible_to_diagonal_observables():
    program = compiled("angle", "rotations_cz", 8, 2, fusion=4)
    assert kinds(program)[-3:] == ["MonomialOp", "BlockOp", "BlockOp"]
    flipped = compiled(
        "angle", "rotations_cz", 8, 2, [SparsePauliOp("X" * 8), *z_observables(8)], fusion=4
    )
    assert isinstance(flipped.ops[-1], MonomialOp)


def test_only_the_light_cone_is_computed():
    one = [z_observables(8)[0]]
    whole = compiled("angle", "strong", 8, 1, fusion=2, entanglement="linear")
    cone = compiled("angle", "rotations_cz", 8, 1, one, fusion=2, entanglement="linear")
    assert len(cone.ops) == 1
    assert len(whole.ops) > 6


def test_unentangled_windows_never_join():
    program = compiled("angle", "strong", 12, 3, entanglement="none")
    assert not any(isinstance(op, JoinOp) for op in program.ops)
    assert max(program.widths) <= 6


def test_iqp_is_one_monomial_a_repetition():
    circuit = QuantumCircuit(6)
    qnn = build_circuit("iqp", circuit, n_features=6, n_qubits=6)
    x_strings = [SparsePauliOp("X" * 6)]
    program = compile_program(qnn.circuit, x_strings, inputs=qnn.inputs, weights=[])
    monomials = [op for op in program.ops if isinstance(op, MonomialOp)]
    assert len(monomials) == 2
    assert all(op.order is None and op.phases is None for op in monomials)


def test_distant_dense_gates_are_scattered_blocks():
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(4)
    circuit.ry(x[0], range(4))
    circuit.append(QuantumCircuit(2).to_gate(), [0, 3])
    circuit.iswap(0, 3)
    circuit.ecr(0, 3)
    program = compile_program(circuit, z_observables(4), inputs=x, weights=[], fusion=2)
    assert any(isinstance(op, BlockOp) and op.axes is not None for op in program.ops)


def test_gate_by_gate_keeps_every_gate():
    program = compiled("angle", "strong", 3, 1, fusion="none")
    # On three qubits RY of a feature (basis change, diagonal, and back) and P, RY, P of
    # weights; then three CX.
    assert sum(not isinstance(op, JoinOp) for op in program.ops) == 9 + 9 + 3


def test_the_chosen_cut_is_the_cheapest_of_those_compared():
    program = compiled("angle", "strong", 10, 4)
    costs = program.summary["costs"]
    assert len(program.summary["windows"][0]) == min(costs, key=costs.get)
    assert len(costs) > 3


@pytest.mark.parametrize("n_qubits", range(1, 14))
@pytest.mark.parametrize("widest", [1, 3, 6])
def test_cuts_cover_the_register_in_order(n_qubits, widest):
    windows = cut_register(n_qubits, widest)
    assert [q for window in windows for q in window] == list(range(n_qubits))
    widths = [len(window) for window in windows]
    assert max(widths) <= widest
    assert max(widths) - min(widths) <= 1


def test_describe_shows_windows_costs_and_every_operation():
    program = compiled("angle", "strong", 8, 2)
    text = program.describe()
    assert "cost by largest window" in text
    assert text.count("\nblock") == sum(isinstance(op, BlockOp) for op in program.ops)
    assert text.count("\njoin") == sum(isinstance(op, JoinOp) for op in program.ops)
    assert text.count("\nmonomial") == sum(isinstance(op, MonomialOp) for op in program.ops)


def test_operations_count_three_products_a_block():
    qnn = build_circuit("angle", "strong", n_features=8, n_qubits=8, n_layers=2)
    program = compile_program(
        qnn.circuit, z_observables(8), inputs=qnn.inputs, weights=qnn.weights, fusion=4
    )
    # Layer 1 acts on halves of the register before they are joined, layer 2 on all of it.
    assert program.operations == 3 * 8 * 16 * (2 * 2**4 + 2 * 2**8)
    assert "products of a gradient step: 0.209 Mflop a record" in program.describe()


def test_ten_qubits_and_ten_layers_compile_within_200_ms():
    qnn = build_circuit(
        "angle_xyz", "strong", n_features=10, n_qubits=10, n_layers=10, reuploading=True
    )
    observables = z_observables(10)
    best = np.inf
    for _ in range(5):
        start = time.thread_time()
        compile_program(qnn.circuit, observables, inputs=qnn.inputs, weights=qnn.weights)
        best = min(best, time.thread_time() - start)
    assert best <= 0.2


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        ([], "observables is empty"),
        ([SparsePauliOp("Z")], "acts on 1 qubits, the circuit has 2"),
        ([SparsePauliOp(["ZZ"], [1j])], "not Hermitian"),
        (Probabilities(3), "the readout is for 3 qubits, the circuit has 2"),
    ],
)
def test_observables_that_do_not_fit(observables, message):
    with pytest.raises(CircuitError, match=message):
        compile_program(QuantumCircuit(2), observables, inputs=[], weights=[])


def test_unlisted_parameters_are_named():
    w = ParameterVector("w", 2)
    circuit = QuantumCircuit(1)
    circuit.ry(w[1], 0)
    with pytest.raises(CircuitError, match=r"'w\[1\]' is neither in inputs nor in weights"):
        compile_program(circuit, z_observables(1), inputs=[], weights=[w[0]])


class TestPeriods:
    @staticmethod
    def periods(build, n_weights=1):
        x, w = ParameterVector("x", 2), ParameterVector("w", n_weights)
        circuit = QuantumCircuit(3)
        build(circuit, x, w)
        program = compile_program(circuit, z_observables(3), inputs=x, weights=w)
        return program.weight_periods / np.pi

    @pytest.mark.parametrize(
        ("build", "expected"),
        [
            (lambda c, x, w: c.ry(w[0], 0), 2),
            (lambda c, x, w: c.rxx(w[0], 0, 2), 2),
            (lambda c, x, w: c.p(w[0], 0), 2),
            (lambda c, x, w: c.u(w[0], 0.1, 0.2, 0), 2),
            (lambda c, x, w: c.crx(w[0], 0, 1), 4),
            (lambda c, x, w: c.cu(w[0], 0.1, 0.2, 0.3, 0, 1), 4),
            (lambda c, x, w: c.cp(w[0], 0, 1), 2),
            (lambda c, x, w: c.ry(2 * w[0] + 0.3, 0), 1),
            (lambda c, x, w: c.ry(w[0] / 3, 0), 6),
            (lambda c, x, w: c.ry(w[0] + x[0], 0), 2),
            (lambda c, x, w: (c.ry(w[0] / 2, 0), c.rz(w[0] / 3, 1)), 12),
            (lambda c, x, w: c.ry(w[0] * x[0], 0), np.inf),
            (lambda c, x, w: c.ry(w[0].sin(), 0), np.inf),
            (lambda c, x, w: c.ry(w[0] ** 2, 0), np.inf),
            (lambda c, x, w: (c.ry(w[0], 0), c.rz(np.sqrt(2) * w[0], 1)), np.inf),
            (lambda c, x, w: c.ry(x[0], 0), np.inf),
        ],
    )
    def test_periods_in_units_of_pi(self, build, expected):
        assert self.periods(build)[0] == pytest.approx(expected)

    def test_products_of_weights_have_none(self):
        periods = self.periods(lambda c, x, w: c.ry(w[0] * w[1] + w[2], 0), 3)
        np.testing.assert_allclose(periods, [np.inf, np.inf, 2])


class TestProbabilities:
    def test_modes(self):
        np.testing.assert_array_equal(Probabilities(3, "parity").labels, [0, 1, 1, 0, 1, 0, 0, 1])
        np.testing.assert_array_equal(Probabilities(3, "first", 4).labels, [0, 1, 2, 3] * 2)
        np.testing.assert_array_equal(Probabilities(2, "all").labels, range(4))
        np.testing.assert_array_equal(Probabilities(2, "first", 3).labels, [0, 1, 2, 0])

    def test_is_a_value(self):
        assert Probabilities(3, "parity") == Probabilities(3, "parity", 2)
        assert hash(Probabilities(3)) == hash(Probabilities(3, "all"))
        assert eval(repr(Probabilities(3, "first", 4))) == Probabilities(3, "first", 4)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((2, "pairity"), "Did you mean 'parity'"),
            ((2, "first", 5), "allowed: 1 to 4"),
            ((2, "all", 3), "allowed: 4"),
        ],
    )
    def test_refusals(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            Probabilities(*arguments)
