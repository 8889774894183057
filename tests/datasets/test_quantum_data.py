"""Ground states against full diagonalisation, known energies, and the symmetries they claim."""

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp, Statevector
from scipy.optimize import root
from scipy.sparse.linalg import eigsh

from skqmu.datasets import make_cluster, make_tfim, make_xxz, row_states, state_rows

MAKERS = {"xxz": make_xxz, "tfim": make_tfim, "cluster": make_cluster}
COUPLINGS = [0.0, 0.37, 0.98, 1.02, 1.6, 3.0]


def hamiltonian(name, coupling, n, boundary="periodic"):
    """The documented operator, by qiskit."""
    closed = boundary == "periodic"
    bonds = [(q, (q + 1) % n) for q in range(n if closed else n - 1)]
    if name == "xxz":
        terms = [(p * 2, pair, 1.0) for pair in bonds for p in "XY"]
        terms += [("ZZ", pair, coupling) for pair in bonds]
    else:
        terms = [("X", (q,), -coupling) for q in range(n)]
    if name == "tfim":
        terms += [("ZZ", pair, -1.0) for pair in bonds]
    if name == "cluster":
        middles = range(n) if closed else range(1, n - 1)
        terms += [("ZXZ", ((q - 1) % n, q, (q + 1) % n), -1.0) for q in middles]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=n)


def projector(vectors):
    """Onto the span of columns."""
    return vectors @ vectors.conj().T


@pytest.mark.parametrize("boundary", ["periodic", "open"])
@pytest.mark.parametrize("n_qubits", [4, 6, 8])
@pytest.mark.parametrize("name", MAKERS)
def test_states_are_those_of_full_diagonalisation(name, n_qubits, boundary):
    data = MAKERS[name](couplings=COUPLINGS, n_qubits=n_qubits, boundary=boundary)
    assert data.y.tolist() == [0, 0, 0, 1, 1, 1]
    states = row_states(data.X)
    for coupling, state, energy in zip(COUPLINGS, states, data.energies, strict=True):
        matrix = hamiltonian(name, coupling, n_qubits, boundary).to_matrix()
        values, vectors = np.linalg.eigh(matrix)
        assert energy == pytest.approx(values[0], abs=1e-10)
        lowest = vectors[:, values < values[0] + 1e-8]
        ours = projector(state[:, None])
        if lowest.shape[1] == 1:
            np.testing.assert_allclose(ours, projector(lowest), rtol=0, atol=1e-10)
        else:  # degenerate: ours lies in their span
            span = projector(lowest)
            np.testing.assert_allclose(span @ ours @ span, ours, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", MAKERS)
def test_twelve_qubits_agree_with_the_whole_register(name):
    data = MAKERS[name](couplings=[0.6, 1.4], n_qubits=12)
    for coupling, state, energy in zip([0.6, 1.4], row_states(data.X), data.energies, strict=True):
        matrix = hamiltonian(name, coupling, 12).to_matrix(sparse=True)
        values = eigsh(matrix, k=2, which="SA", v0=np.ones(4096), return_eigenvectors=False)
        assert energy == pytest.approx(values.min(), abs=1e-9)
        residual = np.linalg.norm(matrix @ state - energy * state)
        assert residual < 1e-10 * np.ptp(values)  # the angle is at most residual / gap


def flips(n, places):
    return sum(1 << q for q in range(n) if q in set(places))


@pytest.mark.parametrize("n_qubits", [6, 8])
def test_degenerate_states_are_the_ones_of_the_stated_sector(n_qubits):
    n, every = n_qubits, np.arange(2**n_qubits)
    ghz = row_states(make_tfim(couplings=[0.0], n_qubits=n).X)[0]
    expected = np.zeros(2**n)
    expected[[0, -1]] = np.sqrt(0.5)
    np.testing.assert_allclose(ghz, expected, rtol=0, atol=1e-12)

    for boundary in ("periodic", "open"):
        data = make_cluster(couplings=[0.0, 0.5], n_qubits=n, boundary=boundary)
        states = row_states(data.X)
        for start in (0, 1):
            mask = flips(n, range(start, n, 2))
            np.testing.assert_allclose(states[:, every ^ mask], states, rtol=0, atol=1e-12)
        assert (states.sum(axis=1).real > 0).all()

    # Deep in the Neel phase the two lowest states of the chain are 1e-6 apart at most.
    data = make_xxz(couplings=[30.0], n_qubits=n)
    neel = row_states(data.X)[0]
    assert data.gaps[0] > 10
    sign = (-1) ** (n // 2)
    np.testing.assert_allclose(neel[every ^ (2**n - 1)], sign * neel, rtol=0, atol=1e-12)
    odd = np.bitwise_count(every & flips(n, range(1, n, 2))) & 1
    assert (neel * (1 - 2.0 * odd) > -1e-12).all()
    assert set(np.bitwise_count(every[np.abs(neel) > 1e-12])) == {n // 2}


@pytest.mark.parametrize("n_qubits", [4, 6, 10, 12])
def test_energies_of_free_fermions(n_qubits):
    n, fields = n_qubits, np.array([0.0, 0.4, 0.99, 1.01, 1.7])
    k = (2 * np.arange(n) + 1) * np.pi / n
    tfim = -np.sqrt(1 + fields[:, None] ** 2 + 2 * fields[:, None] * np.cos(k)).sum(axis=1)
    np.testing.assert_allclose(make_tfim(couplings=fields, n_qubits=n).energies, tfim, atol=1e-10)

    # Fermions that hop by two places (Majorana: Z X Z and Z Z have opposite signs).
    known = -np.sqrt(1 + fields[:, None] ** 2 - 2 * fields[:, None] * np.cos(2 * k)).sum(axis=1)
    cluster = make_cluster(couplings=fields, n_qubits=n).energies
    np.testing.assert_allclose(cluster, known, atol=1e-10)
    assert cluster[0] == pytest.approx(-n, abs=1e-10)

    # XX chain: n / 2 fermions, whose momenta are shifted by half a step where that is even.
    shift = 0.5 if (n // 2) % 2 == 0 else 0.0
    modes = np.sort(4 * np.cos(2 * np.pi * (np.arange(n) + shift) / n))
    energy = make_xxz(couplings=[0.0], n_qubits=n).energies[0]
    assert energy == pytest.approx(modes[: n // 2].sum(), abs=1e-10)


def bethe_energy(n, delta):
    """Ground state of the periodic chain by the Bethe equations (Yang and Yang 1966).

    In spins ``H = sum S S``: E = n delta / 4 - sum of the magnons' energies; ours is 4 times it.
    """
    numbers = np.arange(n // 2) - (n // 2 - 1) / 2
    if delta == 1:
        own, both = (lambda v: 2 * np.arctan(2 * v)), (lambda v: 2 * np.arctan(v))
        magnon = lambda v: 2 / (1 + 4 * v**2)  # noqa: E731
    else:
        gamma = np.arccos(delta)
        own = lambda v: 2 * np.arctan(np.tanh(v) / np.tan(gamma / 2))  # noqa: E731
        both = lambda v: 2 * np.arctan(np.tanh(v) / np.tan(gamma))  # noqa: E731
        magnon = lambda v: np.sin(gamma) ** 2 / (np.cosh(2 * v) - np.cos(gamma))  # noqa: E731

    def equations(v):
        return n * own(v) - both(v[:, None] - v).sum(axis=1) - 2 * np.pi * numbers

    found = root(equations, 0.3 * numbers / n, tol=1e-13)
    assert np.abs(found.fun).max() < 1e-9
    return 4 * (n * delta / 4 - magnon(found.x).sum())


@pytest.mark.parametrize("n_qubits", [4, 8, 12])
@pytest.mark.parametrize("delta", [0.3, 0.8, 1.0])
def test_energies_of_the_bethe_ansatz(delta, n_qubits):
    # 1 itself has no label; energies are smooth there and linear to the second order.
    near = [delta - 1e-5, delta + 1e-5] if delta == 1 else [delta]
    energy = make_xxz(couplings=near, n_qubits=n_qubits).energies.mean()
    assert energy == pytest.approx(bethe_energy(n_qubits, delta), abs=1e-8)


def test_heisenberg_chains_have_the_known_energies():
    known = {4: -8.0, 6: -4 - 2 * np.sqrt(13)}
    for n, energy in known.items():
        found = make_xxz(couplings=[1 - 1e-6, 1 + 1e-6], n_qubits=n).energies.mean()
        assert found == pytest.approx(energy, abs=1e-9)
    # Hulthen: 1 - 4 ln 2 a site without end; pi^2 / 3 / n^2 below it for a ring, up to logarithms.
    n = 14
    found = make_xxz(couplings=[1 - 1e-6, 1 + 1e-6], n_qubits=n).energies.mean() / n
    assert found == pytest.approx(1 - 4 * np.log(2) - np.pi**2 / 3 / n**2, abs=2e-3)


def test_the_default_data_have_the_documented_shape():
    data = make_xxz(20, n_qubits=6)
    assert data.X.shape == (20, 128)
    assert data.X.dtype == np.float64
    np.testing.assert_allclose(data.couplings, 0.05 + 0.1 * np.arange(20))
    assert data.y.tolist() == [0] * 10 + [1] * 10
    assert data.target_names == ["gapless", "neel"]
    assert len(data.feature_names) == 128
    np.testing.assert_allclose(np.linalg.norm(data.X, axis=1), 1, atol=1e-12)
    X, y = make_xxz(20, n_qubits=6, return_X_y=True)
    np.testing.assert_array_equal(X, data.X)
    np.testing.assert_array_equal(y, data.y)


def test_random_phases_and_couplings_follow_the_seed_and_nothing_else():
    plain = make_tfim(8, n_qubits=4, spacing="random", random_state=3)
    turned = make_tfim(8, n_qubits=4, spacing="random", phase="random", random_state=3)
    again = make_tfim(8, n_qubits=4, spacing="random", phase="random", random_state=3)
    np.testing.assert_array_equal(turned.X, again.X)
    np.testing.assert_array_equal(turned.couplings, plain.couplings)
    assert np.abs(turned.X - plain.X).max() > 0.1
    overlaps = np.abs(np.sum(row_states(turned.X).conj() * row_states(plain.X), axis=1))
    np.testing.assert_allclose(overlaps, 1, atol=1e-12)


def test_rows_and_states_are_turned_into_each_other_in_the_order_of_qiskit():
    states = [Statevector.from_label("+0r"), Statevector.from_label("1-l")]
    X = state_rows(states)
    np.testing.assert_array_equal(row_states(X), [state.data for state in states])
    # "+0r": qubit 0 is |r>, so that state 1 has the amplitude i / 2.
    np.testing.assert_allclose(X[0, [1, 9]], [0.0, 0.5], atol=1e-15)


def test_what_is_no_table_of_states_is_refused():
    for states in ([0.6, 0.8], [[0.6, 0.8], [1.0]], []):
        with pytest.raises(ValueError, match=r"states must be a list .* state_rows\(\[state\]\)"):
            state_rows(states)
    for X in ([0.6, 0.8], [[0.6, 0.8, 0.0]]):
        with pytest.raises(ValueError, match="real parts and as many imaginary parts"):
            row_states(X)


@pytest.mark.parametrize(
    ("maker", "changed", "message"),
    [
        (make_xxz, {"n_qubits": 5}, "n_qubits=5 must be an even integer >= 4"),
        (make_cluster, {"n_qubits": 3}, "must be an even integer >= 4"),
        (make_tfim, {"n_qubits": 2}, "must be an integer >= 3"),
        (make_xxz, {"n_qubits": 30}, "n_qubits=30 .* at most 24, where a row"),
        (make_tfim, {"n_samples": 1}, "n_samples=1 must be an integer >= 2"),
        (make_tfim, {"couplings": [0.5, 1.0]}, "the transition itself"),
        (make_tfim, {"n_samples": 3}, "the transition itself"),
        (make_tfim, {"couplings": [-0.5]}, "must not be negative"),
        (make_cluster, {"couplings": [-0.5]}, "must not be negative"),
        (make_xxz, {"couplings": [-1.5]}, "must exceed -1"),
        (make_xxz, {"couplings": [np.nan]}, "finite numbers"),
        (make_xxz, {"couplings": []}, "finite numbers"),
        (make_xxz, {"couplings": ["a"]}, r"couplings=\['a'\] must be a list of finite numbers"),
        (make_xxz, {"couplings": [0.5j]}, "finite numbers"),
        (make_xxz, {"couplings": 0.5}, "couplings=0.5 must be a list"),
        (make_xxz, {"n_samples": 2, "coupling_range": (0, 4)}, "another n_samples or coupling_ra"),
        (make_xxz, {"coupling_range": 2.0}, "coupling_range=2.0 must be \\(lowest, highest\\)"),
        (make_xxz, {"coupling_range": None}, "coupling_range=None must be"),
        (make_xxz, {"coupling_range": (2.0, 1.0)}, "must be \\(lowest, highest\\)"),
        (make_xxz, {"boundary": "opne"}, "Did you mean 'open'"),
        (make_xxz, {"phase": "any"}, "phase='any' is unknown"),
        (make_xxz, {"spacing": "odd"}, "spacing='odd' is unknown"),
    ],
)
def test_wrong_requests_say_what_is_allowed(maker, changed, message):
    with pytest.raises(ValueError, match=message):
        maker(**{"n_samples": 4, "n_qubits": 4, **changed})
