"""QNN classifiers that others ship, as their own documentation builds them, and a PennyLane model.

All of them take a qubit a feature.

Each builder takes (n_features, n_classes, seed) and returns an object with ``fit`` and ``predict``.
Their packages are imported when a builder is called.
"""

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

__all__ = ["PEERS", "Peer"]


@dataclass(frozen=True)
class Peer:
    """A classifier of others.

    Attributes
    ----------
    build : callable
    needs : dict of str to str
        Packages: the names under which they are imported, and installed.
    what : str
        What was built, in words.
    check : callable or None
        Without arguments: what `check_estimator` is asked about. None: an own wrapper, of which
        the checks would say nothing about others.
    binary : bool, default=False
        Whether it knows two classes only.
    """

    build: object
    needs: dict
    what: str
    check: object = None
    binary: bool = False

    def versions(self):
        """Of the packages."""
        return {package: version(package) for package in self.needs.values()}


class _Adapted:
    """Numbers, and labels of two classes, as another library wants them."""

    def __init__(self, model, features=None, signs=False, **fit_params):
        self.model, self.features, self.signs = model, features, signs
        self.fit_params = fit_params

    def fit(self, X, y):
        X = X if self.features is None else self.features.fit_transform(X)
        self.model.fit(X, 2 * y - 1 if self.signs else y, **self.fit_params)
        return self

    def predict(self, X):
        X = X if self.features is None else self.features.transform(X)
        y = np.ravel(self.model.predict(X))
        return (y > 0).astype(int) if self.signs else y


def _vqc(n_features, n_classes, seed):
    from qiskit_machine_learning.algorithms import VQC
    from qiskit_machine_learning.utils import algorithm_globals

    algorithm_globals.random_seed = seed
    return VQC(num_qubits=n_features, output_shape=n_classes)


def _estimator_qnn(n_features, n_classes, seed):
    from qiskit_machine_learning.algorithms import NeuralNetworkClassifier
    from qiskit_machine_learning.circuit.library import qnn_circuit
    from qiskit_machine_learning.neural_networks import EstimatorQNN
    from qiskit_machine_learning.utils import algorithm_globals

    algorithm_globals.random_seed = seed
    circuit, inputs, weights = qnn_circuit(n_features)
    qnn = EstimatorQNN(circuit=circuit, input_params=inputs, weight_params=weights)
    return _Adapted(NeuralNetworkClassifier(qnn), signs=True)


def _tno(n_features, n_classes, seed, **fit_params):
    from tno.quantum.ml.classifiers.vc import VariationalClassifier

    return _Adapted(VariationalClassifier(random_state=seed), verbose=False, **fit_params)


def _squlearn(n_features, n_classes, seed):
    from sklearn.preprocessing import MinMaxScaler
    from squlearn import Executor
    from squlearn.encoding_circuit import ChebyshevRx
    from squlearn.observables import SummedPaulis
    from squlearn.optimizers import SLSQP
    from squlearn.qnn import QNNClassifier, SquaredLoss

    n_qubits = max(4, n_features)
    observables = [SummedPaulis(n_qubits) for _ in range(n_classes)]
    model = QNNClassifier(
        ChebyshevRx(n_qubits, 2),
        SummedPaulis(n_qubits) if n_classes == 2 else observables,
        Executor("qulacs"),
        SquaredLoss(),
        SLSQP(),
        parameter_seed=seed,
        callback=None,
    )
    # The arccosine of a feature enters: as in its example, and held there for rows to come.
    return _Adapted(model, features=MinMaxScaler((-0.9, 0.9), clip=True))


def _pennylane(n_features, n_classes, seed):
    return _PennyLane(seed)


class _PennyLane:
    """Angles, strongly entangling layers, a linear head; Adam until the loss is flat.

    Batches of 32 are drawn with replacement. Training ends when the mean losses of the last two
    intervals of 200 steps differ by less than half of the standard error of the last, as
    qml-benchmarks (arXiv 2403.07059) decides it, or after 10,000 steps.
    """

    n_layers, learning_rate, batch_size, interval, max_steps = 3, 0.1, 32, 200, 10_000

    def __init__(self, seed):
        self.seed = seed

    def _build(self, n_features):
        import pennylane as qml

        wires = range(max(2, n_features))

        @qml.qnode(qml.device("default.qubit", wires=len(wires)), interface="torch")
        def circuit(x, weights):
            qml.AngleEmbedding(x, wires=range(n_features))
            qml.StronglyEntanglingLayers(weights, wires=wires)
            return [qml.expval(qml.PauliZ(wire)) for wire in wires]

        self.circuit = circuit
        return len(wires)

    def _logits(self, X):
        import torch

        expectations = torch.stack(list(self.circuit(X, self.weights)), dim=1)
        return expectations @ self.kernel + self.bias

    def fit(self, X, y):
        import torch

        rng = np.random.default_rng(self.seed)
        n_wires = self._build(X.shape[1])
        self.classes, codes = np.unique(y, return_inverse=True)
        angles = rng.uniform(0, 2 * np.pi, size=(self.n_layers, n_wires, 3))
        kernel = rng.normal(size=(n_wires, len(self.classes))) / n_wires
        self.weights, self.kernel, self.bias = (
            torch.tensor(start, requires_grad=True)
            for start in (angles, kernel, np.zeros(len(self.classes)))
        )
        optimizer = torch.optim.Adam((self.weights, self.kernel, self.bias), self.learning_rate)
        X, codes = torch.tensor(X), torch.tensor(codes)
        losses = []
        while len(losses) < self.max_steps and not self._is_flat(losses):
            batch = rng.integers(len(X), size=self.batch_size)
            loss = torch.nn.functional.cross_entropy(self._logits(X[batch]), codes[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        self.n_iter_ = len(losses)
        return self

    def _is_flat(self, losses):
        n = self.interval
        if len(losses) <= 2 * n:
            return False
        last, before = losses[-n:], losses[-2 * n : -n]
        return abs(np.mean(last) - np.mean(before)) <= np.std(last) / np.sqrt(n) / 2

    def predict(self, X):
        import torch

        with torch.no_grad():
            return self.classes[self._logits(torch.tensor(X)).argmax(1).numpy()]


_QISKIT = {"qiskit_machine_learning": "qiskit-machine-learning"}
_TORCH = {"pennylane": "pennylane", "torch": "torch"}
_TNO = {"tno.quantum.ml.classifiers.vc": "tno.quantum.ml.classifiers.vc", **_TORCH}

PEERS = {
    "sQUlearn QNNClassifier": Peer(
        _squlearn,
        {"squlearn": "squlearn", "qulacs": "qulacs"},
        "QNNClassifier(ChebyshevRx(n_qubits, 2), SummedPaulis(n_qubits), Executor('qulacs'), "
        "SquaredLoss(), SLSQP()) of its docstring, but for the simulator (its default is exact as "
        "well, and takes ten times as long); at least 4 qubits, one SummedPaulis for each of more "
        "than two classes, behind MinMaxScaler((-0.9, 0.9), clip=True)",
        lambda: _squlearn(2, 2, 0).model,
    ),
    "qiskit-machine-learning VQC": Peer(
        _vqc,
        _QISKIT,
        "VQC(num_qubits=n_features, output_shape=n_classes)",
        lambda: _vqc(2, 2, 0),
    ),
    "qiskit-machine-learning EstimatorQNN": Peer(
        _estimator_qnn,
        _QISKIT,
        "NeuralNetworkClassifier(EstimatorQNN of qnn_circuit(n_features)), labels -1 and 1",
        lambda: _estimator_qnn(2, 2, 0).model,
        binary=True,
    ),
    "TNO VariationalClassifier": Peer(
        _tno,
        _TNO,
        "VariationalClassifier().fit(X, y): its default is one step on five rows",
        lambda: _tno(2, 2, 0).model,
    ),
    "TNO VariationalClassifier, n_iter=100": Peer(
        lambda n_features, n_classes, seed: _tno(n_features, n_classes, seed, n_iter=100),
        _TNO,
        "VariationalClassifier().fit(X, y, n_iter=100): not its default, but training",
    ),
    "PennyLane": Peer(
        _pennylane,
        _TORCH,
        "AngleEmbedding, 3 StronglyEntanglingLayers, linear head; Adam at 0.1, batches of 32, "
        "until the loss is flat over intervals of 200 steps, as qml-benchmarks trains",
    ),
}
