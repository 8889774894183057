"""Small data and a small classifier: two qubits, one layer, few epochs."""

import numpy as np
import pytest

from skqmu import QNNClassifier


@pytest.fixture
def blobs():
    """60 rows of 3 features in 3 classes, in a random order."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(60) % 3)
    return rng.normal(size=(60, 3)) * 0.5 + rng.normal(size=(3, 3))[y], y


@pytest.fixture
def small():
    """A factory of classifiers that train in milliseconds."""

    def make(**params):
        params = {"n_qubits": 2, "n_layers": 1, "max_iter": 5, "random_state": 0, **params}
        return QNNClassifier(**params)

    return make


def _plain_circuit(X, angles, n_qubits, n_layers):
    """<Z> after RX RY RZ(x), then layers of RX RY RZ(w) and a CZ ring; qubit 0 first."""
    i = 1j

    def rx(t):
        return np.array([[np.cos(t / 2), -i * np.sin(t / 2)], [-i * np.sin(t / 2), np.cos(t / 2)]])

    def ry(t):
        return np.array([[np.cos(t / 2), -np.sin(t / 2)], [np.sin(t / 2), np.cos(t / 2)]])

    def rz(t):
        return np.diag([np.exp(-i * t / 2), np.exp(i * t / 2)])

    def turn(state, gates):
        for q, gate in enumerate(gates):
            state = np.moveaxis(np.tensordot(gate, state, axes=(1, q)), 0, q)
        return state

    values = []
    for row in X:
        state = np.zeros((2,) * n_qubits, complex)
        state[(0,) * n_qubits] = 1.0
        state = turn(state, [rz(x) @ ry(x) @ rx(x) for x in row])
        for layer in angles.reshape(n_layers, n_qubits, 3):
            state = turn(state, [rz(c) @ ry(b) @ rx(a) for a, b, c in layer])
            for a in range(n_qubits):
                both = [slice(None)] * n_qubits
                both[a] = both[(a + 1) % n_qubits] = 1
                state[tuple(both)] *= -1
        p = np.abs(state) ** 2
        values.append(
            [
                p.sum(axis=tuple(k for k in range(n_qubits) if k != q)) @ [1, -1]
                for q in range(n_qubits)
            ]
        )
    return np.array(values)


@pytest.fixture
def plain_circuit():
    """A circuit of Study H in plain NumPy, gate by gate: (X, angles, n_qubits, n_layers)."""
    return _plain_circuit
