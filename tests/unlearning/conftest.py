"""A two-qubit classifier, and the same model written out with plain NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest

from skqmu import QNNClassifier

RATE = 0.1


def _rotation(axis, angle):
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    return {
        "x": np.array([[c, -1j * s], [-1j * s, c]]),
        "y": np.array([[c, -s], [s, c]]),
        "z": np.array([[np.exp(-1j * angle / 2), 0], [0, np.exp(1j * angle / 2)]]),
    }[axis]


def hand_logits(params, X, n_classes=3):
    """RY(x) on each qubit; RX, RY, RZ on each, then CZ; <Z> of both; a linear head."""
    quantum, kernel, bias = np.split(params, [6, 6 + 2 * n_classes])
    gates = []
    for q in range(2):
        a, b, c = quantum[3 * q : 3 * q + 3]
        gates.append(_rotation("z", c) @ _rotation("y", b) @ _rotation("x", a))
    outputs = []
    for x in X:
        one, two = (gates[q] @ _rotation("y", x[q]) @ np.array([1.0, 0.0]) for q in range(2))
        state = np.kron(one, two) * np.array([1, 1, 1, -1])
        p = np.abs(state) ** 2
        outputs.append([p[0] + p[1] - p[2] - p[3], p[0] - p[1] + p[2] - p[3]])
    return np.array(outputs) @ kernel.reshape(2, n_classes) + bias


def hand_log_proba(params, X, temperature=1.0):
    logits = hand_logits(params, X) / temperature
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def hand_ce(params, X, y):
    """Mean cross-entropy; `y` holds class indices or soft targets."""
    targets = np.eye(3)[y] if np.ndim(y) == 1 else y
    return -(targets * hand_log_proba(params, X)).sum(axis=1).mean()


def hand_kl(teacher, params, X, temperature=1.0):
    """Mean KL(teacher || model), with the teacher's probabilities given."""
    log_p = hand_log_proba(params, X, temperature)
    return (teacher * (np.log(teacher) - log_p)).sum(axis=1).mean()


def slope(value, params, step=1e-5):
    """Gradient by central differences."""
    moves = step * np.eye(len(params))
    return np.array([(value(params + m) - value(params - m)) / (2 * step) for m in moves])


@pytest.fixture(scope="session")
def hand():
    return SimpleNamespace(
        rate=RATE,
        logits=hand_logits,
        log_proba=hand_log_proba,
        proba=lambda params, X, temperature=1.0: np.exp(hand_log_proba(params, X, temperature)),
        ce=hand_ce,
        kl=hand_kl,
        slope=slope,
    )


@pytest.fixture(scope="session")
def data():
    """30 rows of three classes; the first six are to be forgotten."""
    rng = np.random.default_rng(5)
    y = np.tile([0, 1, 2], 10)
    X = rng.normal(size=(30, 2)) + np.array([[0, 0], [1.5, 0], [0, 1.5]])[y]
    forget = np.arange(30) < 6
    return SimpleNamespace(X=X, y=y, mask=forget, X_f=X[:6], y_f=y[:6], X_r=X[6:], y_r=y[6:])


def small_classifier(**changes):
    """Plain gradient steps over all rows at once, so that a step can be written down."""
    chosen = {
        "input_scale": None,
        "observables": "z",
        "ansatz": "rotations_cz",
        "n_qubits": 2,
        "n_layers": 1,
        "solver": "sgd",
        "momentum": 0.0,
        "nesterovs_momentum": False,
        "learning_rate_init": RATE,
        "batch_size": 1000,
        "max_iter": 40,
        "random_state": 3,
        **changes,
    }
    return QNNClassifier(**chosen)


@pytest.fixture
def make_classifier():
    return small_classifier


@pytest.fixture
def trained(data):
    """The small classifier, fitted; fresh for each test."""
    return small_classifier().fit(data.X, data.y)
