"""`AerBackend` beside qiskit-aer used directly: the same circuit, the same noise model.

The reference never touches skqmu. Sampled values stand beside counts of Aer's own run of the
circuit with measurements. Exact ones come from Aer's density matrix of the circuit as
written, with an identity gate labelled "measure" where each measurement would be (Aer looks
an error up by label, so the gate meets what the measurement meets) and the assignment
matrices of readout errors multiplied on the distribution.

Random cases: circuits up to 12 qubits; errors on gates everywhere and on some qubits, on
labels, on "measure", "unitary", "diagonal", "delay", "initialize", "reset" and "barrier",
readout errors of one qubit and of several, thermal relaxation; every simulation method. What
may be refused is predicted from the case, and is a small part.
"""

import logging
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import DiagonalGate, IGate, RXGate, RYGate, UnitaryGate
from qiskit.quantum_info import SparsePauliOp, random_unitary
from scipy import stats

from skqmu.backends import AerBackend
from skqmu.exceptions import BackendError

pytest.importorskip("qiskit_aer")

ANGLED = {"rx": 1, "ry": 1, "rz": 1, "p": 1, "rxx": 2, "rzz": 2, "cp": 2, "rzx": 2}
FIXED = {"h": 1, "x": 1, "s": 1, "t": 1, "sx": 1, "id": 1, "cx": 2, "cz": 2, "swap": 2, "ecr": 2}
CLIFFORD = {"h": 1, "x": 1, "s": 1, "sdg": 1, "sx": 1, "cx": 2, "cz": 2, "swap": 2}
LABELS = {"my_rx": 1, "my_ry": 1, "my_unitary": 2}
# What the whole family of comparisons may fail by chance.
LEVEL = 1e-3
SHOTS = 1000
# Aer 0.18 cannot draw trajectories of some errors of two qubits.
KRAUS = "Kraus is empty"


@pytest.fixture(autouse=True)
def _quiet():
    """Aer logs an error for each kind of noise that is given twice."""
    logger = logging.getLogger("qiskit_aer")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@dataclass
class Case:
    """A circuit, its noise, and what Aer cannot do of it."""

    circuit: QuantumCircuit
    parameters: list
    values: np.ndarray
    model: object
    observables: list
    readout: dict = field(default_factory=dict)
    refused: str | None = None

    @property
    def bound(self):
        numbers = dict(zip(self.parameters, self.values, strict=True))
        return self.circuit.assign_parameters(numbers, strict=False)

    def ours(self, **settings):
        executable = AerBackend(noise_model=self.model, **settings).compile(
            self.circuit, self.observables, inputs=self.parameters, weights=[]
        )
        return executable.expectations(self.values[None], np.zeros(0))[0]


def channel(rng, width, clifford=False):
    """A random error: Pauli, depolarizing, damping, thermal relaxation, coherent, reset."""
    from qiskit_aer import noise

    def single():
        kind = rng.integers(2 if clifford else 6)
        if kind == 0:
            p = rng.dirichlet([4, 1, 1, 1])
            return noise.pauli_error(list(zip("IXYZ", p, strict=True)))
        if kind == 1:
            return noise.depolarizing_error(rng.uniform(0.02, 0.4), 1)
        if kind == 2:
            return noise.amplitude_damping_error(rng.uniform(0.05, 0.5), rng.uniform(0, 1))
        if kind == 3:
            t1 = rng.uniform(20, 80)
            return noise.thermal_relaxation_error(
                t1, rng.uniform(0.3, 2) * t1, rng.uniform(2, 40), rng.uniform(0, 0.3)
            )
        if kind == 4:
            turn = RXGate(rng.uniform(0.1, 0.8)).to_matrix()
            return noise.coherent_unitary_error(turn)
        return noise.reset_error(rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.3))

    if width == 2 and rng.integers(2):
        return noise.depolarizing_error(rng.uniform(0.02, 0.4), 2)
    error = single()
    return error if width == 1 else error.tensor(single())


def random_circuit(rng, n_qubits, clifford, n_gates):
    """Circuit of named, labelled and composite-looking instructions, and the widths of names."""
    x = ParameterVector("x", 4)
    circuit, present = QuantumCircuit(n_qubits), {}
    if not clifford and rng.integers(8) == 0:
        circuit.initialize([0.6, 0.8], 0)
        present["initialize"] = 1
    kinds = CLIFFORD if clifford else {**ANGLED, **FIXED, "label": 2, "unitary": 2, "diagonal": 1}
    for _ in range(n_gates):
        kind = str(rng.choice([*kinds, "delay", "barrier"]))
        width = kinds.get(kind, 1)
        if width > n_qubits:
            continue
        qubits = [int(q) for q in rng.permutation(n_qubits)[:width]]
        angle = x[rng.integers(4)] if rng.integers(2) else float(rng.uniform(-3, 3))
        if kind == "label":
            kind = str(rng.choice([*LABELS]))
            width = LABELS[kind]
            gate = {
                "my_rx": lambda angle=angle: RXGate(angle, label="my_rx"),
                "my_ry": lambda angle=angle: RYGate(angle, label="my_ry"),
                "my_unitary": lambda: UnitaryGate(
                    random_unitary(4, seed=int(rng.integers(2**31))), label="my_unitary"
                ),
            }[kind]()
            circuit.append(gate, qubits[:width])
        elif kind == "unitary":
            circuit.unitary(random_unitary(4, seed=int(rng.integers(2**31))), qubits)
        elif kind == "diagonal":
            circuit.append(DiagonalGate(list(np.exp(1j * rng.uniform(-3, 3, 2)))), qubits)
        elif kind == "delay":
            circuit.delay(100, qubits)
        elif kind == "barrier":
            circuit.barrier(qubits)
        elif kind in ANGLED and kind in kinds:
            getattr(circuit, kind)(angle, *qubits)
        else:
            getattr(circuit, kind)(*qubits)
        present[kind] = width
    return circuit, list(x), present


def random_case(seed, n_qubits, clifford=False, n_gates=None):
    """One case; the same seed is the same case."""
    from qiskit_aer.noise import NoiseModel, ReadoutError

    rng = np.random.default_rng([13, seed])
    n_gates = 3 * n_qubits + 6 if n_gates is None else n_gates
    circuit, x, present = random_circuit(rng, n_qubits, clifford, n_gates)
    labels = ["".join(rng.choice(list("IIXYZ"), n_qubits)) for _ in range(3)]
    z = [("Z", [q], 1.0) for q in range(n_qubits)]
    observables = [SparsePauliOp.from_sparse_list([term], n_qubits) for term in z]
    observables += [SparsePauliOp(label) for label in labels if set(label) != {"I"}]
    case = Case(circuit, x, rng.uniform(-3, 3, 4), NoiseModel(), observables)

    def ascending():
        return sorted(int(q) for q in rng.permutation(n_qubits)[:2])

    names = {n: w for n, w in present.items() if n != "barrier"} | {"reset": 1, "y": 1}
    for name in rng.permutation([*names])[: rng.integers(1, 5)]:
        name, width = str(name), names[str(name)]
        if name == "y" and "sx" not in present and "h" not in present:
            continue
        if rng.integers(3):
            case.model.add_all_qubit_quantum_error(channel(rng, width, clifford), name)
        if rng.integers(3) == 0:  # overrides on these qubits, in this order
            qubits = [int(q) for q in rng.permutation(n_qubits)[:width]]
            case.model.add_quantum_error(channel(rng, width, clifford), name, qubits)
    if rng.integers(3):
        case.model.add_all_qubit_quantum_error(channel(rng, 1, clifford), "measure")
    if rng.integers(3) == 0:
        qubit = int(rng.integers(n_qubits))
        case.model.add_quantum_error(channel(rng, 1, clifford), "measure", [qubit])
    for qubit in [None, *range(n_qubits)]:
        if rng.integers(3) == 0:
            a, b = rng.uniform(0, 0.4, 2)
            matrix = np.array([[1 - a, a], [b, 1 - b]])
            case.readout[qubit] = matrix
            if qubit is None:
                case.model.add_all_qubit_readout_error(ReadoutError(matrix))
            else:
                case.model.add_readout_error(ReadoutError(matrix), [qubit])
    if rng.integers(25) == 0 and n_qubits > 1:
        matrix = rng.dirichlet(np.ones(4), 4)
        case.model.add_readout_error(ReadoutError(matrix), ascending())
        case.refused = "measure"
    elif "barrier" in present and rng.integers(25) == 0:
        case.model.add_all_qubit_quantum_error(channel(rng, 1, clifford), "barrier")
        case.refused = "barrier"
    return case


# --------------------------------------------------------------------------- the reference


def turned(circuit, pauli):
    """The circuit with the axes of a Pauli string turned to Z, and the qubits it is on."""
    result = QuantumCircuit(*circuit.qregs)
    result.compose(circuit, inplace=True)
    support = []
    for qubit, letter in enumerate(reversed(pauli)):
        if letter == "Y":
            result.sdg(qubit)
        if letter in "XY":
            result.h(qubit)
        if letter != "I":
            support.append(qubit)
    return result, support


def without_initialize(circuit):
    """The circuit with a gate in place of `initialize`, which Aer's density matrix lacks."""
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.operation.name == "initialize":
            gate = RYGate(2 * np.arctan2(0.8, 0.6), label="initialize")
            result.append(gate, instruction.qubits)
        else:
            result.append(instruction)
    return result


def aer(method, model, **options):
    from qiskit_aer import AerSimulator

    return AerSimulator(method=method, noise_model=model, max_parallel_threads=1, **options)


def exact_values(case):
    """Expectation values of the observables by Aer's density matrix."""
    values, z_distribution = [], None
    for observable in case.observables:
        pauli = observable.paulis[0].to_label()
        diagonal = set(pauli) <= {"I", "Z"}
        if not diagonal or z_distribution is None:
            circuit, support = turned(case.bound, pauli)
            if diagonal:
                support = list(range(circuit.num_qubits))
            for qubit in support:
                circuit.append(IGate(label="measure"), [qubit])
            circuit.save_probabilities(support)
            # From 8 qubits on Aer would fuse the identity gates, their errors with them.
            simulator = aer("density_matrix", case.model, fusion_enable=False)
            result = simulator.run(circuit, shots=1).result()
            assert result.success, result.status
            found = result.data()["probabilities"].reshape([2] * len(support))
            for place, qubit in enumerate(support):
                matrix = case.readout.get(qubit, case.readout.get(None))
                if matrix is not None:
                    axis = len(support) - 1 - place
                    found = np.moveaxis(np.tensordot(found, matrix, (axis, 0)), -1, axis)
            if diagonal:
                z_distribution = found
        found = z_distribution if diagonal else found
        n_bits = found.ndim
        kept = [q for q, letter in enumerate(reversed(pauli)) if letter != "I"]
        places = kept if diagonal else range(n_bits)
        signs = np.ones([1] * n_bits)
        for place in places:
            shape = [1] * n_bits
            shape[n_bits - 1 - place] = 2
            signs = signs * np.array([1.0, -1.0]).reshape(shape)
        values.append((found * signs).sum())
    return np.array(values)


def counted_odd(case, shots, seed, method="statevector"):
    """For each observable, how many of Aer's own shots have odd parity."""
    odd, z_counts = [], None
    for observable in case.observables:
        pauli = observable.paulis[0].to_label()
        diagonal = set(pauli) <= {"I", "Z"}
        if not diagonal or z_counts is None:
            circuit, support = turned(case.bound, pauli)
            if diagonal:
                support = list(range(circuit.num_qubits))
            measured = QuantumCircuit(circuit.num_qubits, len(support))
            measured.compose(circuit, range(circuit.num_qubits), inplace=True)
            measured.measure(support, range(len(support)))
            job = aer(method, case.model).run(measured, shots=shots, seed_simulator=seed)
            result = job.result()
            if not result.success and KRAUS in result.status:
                job = aer("density_matrix", case.model).run(
                    without_initialize(measured), shots=shots, seed_simulator=seed
                )
                result = job.result()
            assert result.success, result.status
            counts = result.get_counts()
            if diagonal:
                z_counts = counts
        counts = z_counts if diagonal else counts
        kept = [q for q, letter in enumerate(reversed(pauli)) if letter != "I"]
        places = kept if diagonal else range(len(kept))
        odd.append(
            sum(
                number
                for bits, number in counts.items()
                if sum(bits[::-1][place] == "1" for place in places) % 2
            )
        )
    return np.array(odd)


def two_sided(ours, theirs, shots):
    """P-values that two counts out of `shots` each have one probability (exact)."""
    law = stats.hypergeom(2 * shots, ours + theirs, shots)
    return np.minimum(1.0, 2 * np.minimum(law.cdf(ours), law.sf(ours - 1)))


# --------------------------------------------------------------------------- comparisons


def compare_exact(seeds):
    """Compare; returns how many cases were refused."""
    n_refused = 0
    for seed, n_qubits in seeds:
        case = random_case(seed, n_qubits)
        if case.refused:
            n_refused += 1
            with pytest.raises(ValueError, match=f"noise_model has an error on '{case.refused}'"):
                case.ours()
            continue
        expected = exact_values(replace(case, circuit=without_initialize(case.circuit)))
        np.testing.assert_allclose(case.ours(), expected, atol=1e-8, err_msg=f"{seed}, {n_qubits}")
    return n_refused


def compare_sampled(settings):
    """Compare; returns the p-values, and how many cases were refused."""
    p_values, n_refused = [], 0
    for seed, n_qubits, method in settings:
        clifford = "stabilizer" in method
        case = random_case(seed, n_qubits, clifford)
        if case.refused:
            n_refused += 1
            with pytest.raises(ValueError, match=f"noise_model has an error on '{case.refused}'"):
                case.ours(shots=SHOTS, method=method)
            continue
        try:
            values = case.ours(shots=SHOTS, method=method, seed=seed)
        except BackendError as error:
            if KRAUS not in str(error) or "density_matrix" not in str(error):
                raise
            n_refused += 1
            continue
        ours = np.rint((1 - values) * SHOTS / 2).astype(int)
        reference = "stabilizer" if clifford else "statevector"
        found = two_sided(ours, counted_odd(case, SHOTS, seed + 1, reference), SHOTS)
        p_values.append((found.min(), len(found), seed, n_qubits, method))
    return p_values, n_refused


def assert_at_level(p_values):
    """Bonferroni over all values of all cases."""
    total = sum(number for _, number, *_ in p_values)
    lowest = min(p_values)
    assert lowest[0] > LEVEL / total, (lowest, total)


METHODS = ("automatic", "statevector", "density_matrix", "matrix_product_state", "stabilizer")


def exact_sizes(n_cases):
    """Most cases small, some at the switch of methods and beyond."""
    return [
        (seed, 12 if seed == 150 else 11 if seed == 50 else 10 if seed % 50 == 7 else 2 + seed % 7)
        for seed in range(n_cases)
    ]


def sampled_settings(n_cases):
    """Every method on every size from 2 to 12, density matrices of more than 10 rarely."""
    settings = []
    for seed in range(n_cases):
        method = METHODS[seed % len(METHODS)]
        if seed % 37 == 36:
            method = "extended_stabilizer"
        wide = method in ("statevector", "stabilizer", "extended_stabilizer")
        n_qubits = 2 + seed // len(METHODS) % (11 if wide else 7)
        if method == "automatic" and seed % 75 == 0:
            n_qubits = 10 + seed // 75 % 3
        settings.append((1000 + seed, n_qubits, method))
    return settings


def test_exact_values_under_random_noise_are_those_of_aer_used_directly():
    seeds = exact_sizes(40)[5:]
    assert compare_exact(seeds) <= len(seeds) // 10


@pytest.mark.slow
def test_sampled_values_under_random_noise_are_those_of_aer_used_directly():
    settings = [s for s in sampled_settings(300)[5::11] if s[1] < 9 or "stabilizer" in s[2]]
    settings.append((1000, 10, "automatic"))
    p_values, n_refused = compare_sampled(settings)
    assert_at_level(p_values)
    assert n_refused <= len(settings) // 10


@pytest.mark.slow
def test_three_hundred_exact_values_are_those_of_aer_used_directly():
    seeds = exact_sizes(330)
    n_refused = compare_exact(seeds)
    assert n_refused <= 30  # and so 300 comparisons


@pytest.mark.slow
def test_three_hundred_sampled_values_are_those_of_aer_used_directly():
    settings = sampled_settings(330)
    p_values, n_refused = compare_sampled(settings)
    assert_at_level(p_values)
    assert n_refused <= 30


def test_the_exact_reference_is_the_law_of_the_sampled_one():
    p_values = []
    for seed in range(500, 508):
        case = random_case(seed, 3)
        if case.refused:
            continue
        odd = counted_odd(case, 4000, seed)
        law = (1 - exact_values(replace(case, circuit=without_initialize(case.circuit)))) / 2
        law = np.clip(law, 0, 1)
        p_values += [stats.binomtest(k, 4000, p).pvalue for k, p in zip(odd, law, strict=True)]
    assert min(p_values) > LEVEL / len(p_values)
