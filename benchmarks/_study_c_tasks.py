"""Rows of Study C: digits 1 against 9, and ground states of a spin chain, as published and sound.

A task gives, for a protocol and a seed, three parts: rows to train on, rows to choose by, rows to
judge by. In the published protocol the last two are the same.
"""

from dataclasses import dataclass, replace

import numpy as np

from skqmu.datasets import corrupt, load_mnist, make_xxz, row_states, state_rows

__all__ = [
    "QUICK_EPOCHS",
    "TASKS",
    "Parts",
    "Task",
    "corrupted",
    "load_images",
    "parts_of",
    "qubits",
    "with_random_phases",
]

_DIGITS = (1, 9)
_N_QUBITS = 12


@dataclass(frozen=True)
class Task:
    """What is trained on, and by which steps.

    Attributes
    ----------
    name : str
    n_qubits, depth : int
        Of the published circuit.
    epochs, batch_size : int
        Of the circuit; the published MLP of the chain has 400 epochs.
    learning_rate : float
        Of the circuit.
    mlp : dict
        ``hidden``, ``learning_rate``, ``epochs``, ``batch_size`` of the published MLP, and those
        of the one that unlearns under ``unlearns``.
    unlearning_rates : dict
        Learning rate of the 50 steps, by model.
    """

    name: str
    n_qubits: int
    depth: int
    epochs: int
    batch_size: int
    learning_rate: float
    mlp: dict
    unlearning_rates: dict

    @property
    def quantum(self):
        """Whether rows are states."""
        return self.name == "xxz"


TASKS = {
    "mnist": Task(
        "mnist", 10, 6, 100, 256, 0.005,
        {
            "hidden": (64, 16), "learning_rate": 0.005, "epochs": 100, "batch_size": 256,
            "unlearns": {"hidden": (16, 4), "learning_rate": 0.01, "epochs": 100,
                         "batch_size": 128},
        },
        {"QNN": 0.01, "MLP": 0.001},
    ),
    "xxz": Task(
        "xxz", _N_QUBITS, 4, 200, 32, 0.03,
        {
            "hidden": (64, 16), "learning_rate": 0.01, "epochs": 400, "batch_size": 32,
            "unlearns": {"hidden": (64, 16), "learning_rate": 0.01, "epochs": 400,
                         "batch_size": 32},
        },
        {"QNN": 0.01, "MLP": 0.01},
    ),
}  # fmt: skip

# rows to train on, to choose by, to judge by
_SIZES = {"mnist": (500, 500, 1000), "xxz": (82, 82, 200)}
_QUICK = {"mnist": (60, 60, 200), "xxz": (16, 16, 40)}
#: Epochs of a quick run, and the qubits of its chain.
QUICK_EPOCHS, QUICK_QUBITS = 15, 6


def qubits(task, quick):
    """Qubits of a task's circuit."""
    return QUICK_QUBITS if quick and task.quantum else task.n_qubits


@dataclass(frozen=True)
class Parts:
    """Rows and labels in truth; `bad` are rows whose labels or features were made bad.

    Attributes
    ----------
    X, y : the rows to train on
    X_val, y_val : to choose by
    X_test, y_test : to judge by
    bad : ndarray of bool
    y_true : ndarray
        Labels of the training rows in truth.
    """

    X: np.ndarray
    y: np.ndarray
    X_val: np.ndarray
    y_val: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    bad: np.ndarray | None = None
    y_true: np.ndarray | None = None


def load_images(path):
    """The digits 1 and 9 of MNIST in the original order: pixels, labels, whether to train on."""
    data = load_mnist(path, classes=_DIGITS)
    order = np.argsort(data.index, kind="stable")
    return data.X[order], (data.y[order] == _DIGITS[1]).astype(int), data.index[order] < 60_000


def _columns_normalised(X):
    """The slip of the published script: each image's columns have norm 1, the image has not."""
    images = X.reshape(len(X), 28, 28)
    norms = np.linalg.norm(images, axis=1, keepdims=True)
    return (images / np.where(norms > 0, norms, 1)).reshape(len(X), -1)


def _unit(X):
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def parts_of(task, protocol, seed, images=None, *, inputs="published", quick=False):
    """Training, validation and test rows.

    Parameters
    ----------
    task : Task
    protocol : {"published", "sound"}
        ``"published"``: the first rows in the original order, or interleaved points of one grid,
        whatever the seed; all test rows that are 1 or 9 (accuracies of the released curves are
        multiples of 1/2144) and 84 states (multiples of 1/84) are chosen by AND judged by.
        ``"sound"``: rows of the seed's own, three parts that share none.
    seed : int
    images : tuple
        From `load_images`.
    inputs : {"published", "unit"}, default="published"
        Of digits: columns of norm 1, or rows of norm 1 of plain pixels.
    quick : bool, default=False
        Fewer rows, to see whether everything runs.
    """
    if task.quantum:
        return _chain(protocol, seed, quick)
    X, y, is_train = images
    X = _columns_normalised(X) if inputs == "published" else _unit(X)
    n, n_val, n_test = (_QUICK if quick else _SIZES)[task.name]
    if protocol == "published":
        rows = _first_of_each(y, np.flatnonzero(is_train), n // 2)
        held = np.flatnonzero(~is_train)[: n_test if quick else None]
        return Parts(X[rows], y[rows], X[held], y[held], X[held], y[held])
    rng = np.random.default_rng([seed, 24])
    train = rng.permutation(np.flatnonzero(is_train))
    rows = _first_of_each(y, train, n // 2)
    val = _first_of_each(y, np.setdiff1d(train, rows)[rng.permutation(len(train) - n)], n_val // 2)
    test = rng.permutation(np.flatnonzero(~is_train))[:n_test]
    return Parts(X[rows], y[rows], X[val], y[val], X[test], y[test])


def _first_of_each(y, rows, n):
    return np.concatenate([rows[y[rows] == label][:n] for label in (0, 1)])


def _chain(protocol, seed, quick):
    n, n_val, n_test = (_QUICK if quick else _SIZES)["xxz"]
    n_qubits = QUICK_QUBITS if quick else _N_QUBITS
    if protocol == "published":
        # neighbours of one grid by turns; 84 to judge by, as released
        data = make_xxz(n + n_val + 2, n_qubits)
        even = np.arange(len(data.y)) % 2 == 0
        even[-2] = False  # 82 and 84
        X, y, held = data.X, data.y, ~even
        return Parts(X[even], y[even], X[held], y[held], X[held], y[held])
    data = make_xxz(n + n_val + n_test, n_qubits, spacing="random", random_state=seed)
    order = np.random.default_rng([seed, 12]).permutation(len(data.y))
    cuts = np.split(order, [n, n + n_val])
    return Parts(*(part for rows in cuts for part in (data.X[rows], data.y[rows])))


def with_random_phases(parts):
    """States of the published protocol, each times a number of norm 1 of its own.

    The same states, as an eigensolver of complex matrices may return them: a circuit answers as
    before, a classical model of real and imaginary parts does not.
    """
    rng = np.random.default_rng(24)

    def turned(X):
        return state_rows(row_states(X) * np.exp(2j * np.pi * rng.random((len(X), 1))))

    X, held = turned(parts.X), turned(parts.X_val)
    return replace(parts, X=X, X_val=held, X_test=held)


def corrupted(parts, kind, rate, seed):
    """The parts with bad rows to train on; features become unit vectors of noise."""
    noise = {"noise": "unit"} if kind == "feature_noise" else {}
    made = corrupt(parts.X, parts.y, kind, rate=rate, random_state=seed, **noise)
    return replace(parts, X=made.X, y=made.y, bad=made.bad, y_true=made.y_clean)
