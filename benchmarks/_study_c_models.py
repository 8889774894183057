"""Models of Study C: the published circuit and MLP, and twins, all trained by one loop."""

from dataclasses import dataclass

import numpy as np
from qiskit.quantum_info import SparsePauliOp
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit
from skqmu.network import Activation, Dense, Dropout, FixedGain, Network, QuantumLayer, softmax
from skqmu.training import Adam, Hook, Objective, Point, Records, TrainingRun, train

__all__ = [
    "CLOSED_FORMS",
    "GAIN",
    "Curve",
    "Trained",
    "accuracies",
    "begin",
    "circuit",
    "classical",
    "closed_form",
    "mlp",
    "projection",
    "records",
    "run",
]

GAIN = 5.0  # p(1) = sigmoid(5 <Z>)


def circuit(task, n_features, *, inputs="published", depth=None, std=0.01, n_qubits=None):
    """The published circuit as a network: (RX RY RX, ring of RZZ) x depth, sigmoid(5 <Z>).

    "The last qubit" of the published code is the lowest bit of a basis state's number, which
    in qiskit is qubit 0.
    """
    n = task.n_qubits if n_qubits is None else n_qubits
    if task.quantum:
        encoding = "state"
    else:
        encoding = "unnormalised" if inputs == "published" else "amplitude"
    built = build_circuit(
        encoding,
        "rotations_rzz",
        n_features=n_features,
        n_qubits=n,
        n_layers=task.depth if depth is None else depth,
        entanglement="ring",
    )
    executable = StatevectorBackend().compile(
        built.circuit,
        [SparsePauliOp("I" * (n - 1) + "Z")],
        inputs=built.inputs,
        weights=built.weights,
    )
    return Network([QuantumLayer(executable, initial_std=std), FixedGain(GAIN)])


def mlp(n_features, hidden, *, dropout=0.0, gain=1.0, tanh=False):
    """ReLU layers and one sigmoid output; `tanh` bounds the logit by `gain`, as a circuit's is."""
    layers, width = [], n_features
    for k, units in enumerate(hidden):
        layers += [Dense(f"hidden.{k}", width, units), Activation("relu")]
        if dropout:
            layers.append(Dropout(dropout))
        width = units
    layers.append(Dense("out", width, 1))
    if tanh:
        layers.append(Activation("tanh"))
    return Network([*layers, FixedGain(gain)])


def classical(X, task):
    """Rows as classical models take them: states without their imaginary parts, which are all 0.

    No weight on a feature that is always 0 would ever move. (The published MLP has 8192 inputs.)
    """
    return X[:, : X.shape[1] // 2] if task.quantum else X


def projection(n_features, n_outputs, seed):
    """A fixed random projection, shape (n_features, n_outputs): nothing of it is trained."""
    rng = np.random.default_rng([seed, 77])
    return rng.normal(size=(n_features, n_outputs)) / np.sqrt(n_outputs)


def records(X, y, weights=None):
    """Rows with labels 0 or 1 as the loop takes them."""
    return Records(X, np.eye(2)[y], np.ones(len(y)) if weights is None else weights)


class Curve(Hook):
    """Accuracies after some epochs, on each of some sets.

    Parameters
    ----------
    sets : dict of str to (X, y)
    every : int
        Epochs between two looks; the last one is always looked at.
    """

    def __init__(self, sets, every=1):
        self.sets, self.every, self.rows = sets, every, []

    def after_epoch(self, run):
        done = run.point.epoch
        if done % self.every == 0 or done == run.max_iter:
            found = accuracies(run.network, run.point.params, self.sets)
            self.rows.append({"epoch": done, **found})
        return False


def accuracies(network, params, sets):
    """Share of right answers in each set; sets of the same rows are asked once."""
    asked, found = {}, {}
    for name, (X, y) in sets.items():
        if id(X) not in asked:
            asked[id(X)] = network.logits(params, X).argmax(axis=1)
        found[name] = float((asked[id(X)] == y).mean())
    return found


@dataclass(frozen=True)
class Trained:
    """A network after training.

    Attributes
    ----------
    network : Network
    params : ndarray
    curve : list of dict
    gradient_rows : int
        Rows whose gradient was taken.
    """

    network: Network
    params: np.ndarray
    curve: list
    gradient_rows: int

    def proba(self, X):
        """Probability of class 1."""
        return softmax(self.network.logits(self.params, X), axis=1)[:, 1]


def begin(network, seed):
    """Initial parameters."""
    return network.initial(np.random.default_rng([seed, 1]))


def run(network, objective, *, rate, epochs, batch_size, seed, start=None, curve=None):
    """Train by Adam; the same loop for circuits and twins."""
    if not isinstance(objective, Objective):
        objective = Objective(objective)
    curve = curve or Curve({}, every=epochs)
    own = TrainingRun(
        network=network,
        objective=objective,
        solver=Adam(rate),
        point=Point(begin(network, seed) if start is None else start),
        seed=np.random.SeedSequence([seed, 2]),
        max_iter=epochs,
        batch_size=batch_size,
    )
    params = train(own, [curve]).params
    return Trained(network, params, curve.rows, int(own.cost.get("gradient_rows", 0)))


# ------------------------------------------------------------------- twins in closed form

CLOSED_FORMS = ("logistic_regression", "ridge_random_features", "kernel_svm")


def fidelities(A, B):
    """|<a|b>|^2 of states that are real."""
    return (A @ B.T) ** 2


def closed_form(name, task, strength, seed):
    """A classical model that is solved; `strength` is the inverse of its penalty."""
    if name == "logistic_regression":
        return LogisticRegression(C=strength, max_iter=2000)
    if name == "ridge_random_features":
        features = RBFSampler(gamma="scale", n_components=240, random_state=seed)
        scale = [] if task.quantum else [StandardScaler()]
        return make_pipeline(*scale, features, RidgeClassifier(alpha=1 / strength))
    kernel = fidelities if task.quantum else "rbf"
    return SVC(C=strength, kernel=kernel)
