"""Wishes that users of PennyLane reported, granted here or told how."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from skqmu import HybridQNNClassifier, QNNClassifier, audit
from skqmu.attacks import LiRAAttack, ThresholdAttack, as_target
from skqmu.backends import StatevectorBackend
from skqmu.circuits import build_circuit, z_observables
from skqmu.network import TorchLayer


@pytest.fixture(scope="module")
def qml():
    return pytest.importorskip("pennylane")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def two_qubits(qml, device="default.qubit", returns=list, shots=None, **options):
    """A layer of two qubits with six weights."""

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.StronglyEntanglingLayers(weights, wires=range(2))
        return returns(qml.expval(qml.PauliZ(i)) for i in range(2))

    node = qml.QNode(circuit, qml.device(device, wires=2), interface="torch", **options)
    if shots is not None:
        node = qml.set_shots(node, shots)
    return qml.qnn.TorchLayer(node, {"weights": (1, 2, 3)})


def trained(torch, module, X, y, n_steps=5):
    optimizer = torch.optim.Adam(module.parameters(), 0.1)
    rows, labels = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    for _ in range(n_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(rows), labels).backward()
        optimizer.step()
    return module


# PennyLaneAI/pennylane#5762
def test_a_node_that_returns_a_tuple_is_told_to_return_a_list(qml, torch, two_classes):
    X, y = two_classes
    with pytest.raises(ValueError, match=r"for 24 rows.*must return a list of measurements"):
        as_target(two_qubits(qml, returns=tuple), classes=2, output="logits").predict_proba(X)
    target = as_target(two_qubits(qml), classes=2, output="logits")
    batch = target.predict_proba(X)
    alone = np.concatenate([target.predict_proba(row[None]) for row in X])
    np.testing.assert_allclose(batch, alone, atol=1e-6)
    assert ThresholdAttack(target, n_shadows=0).fit(X, y).decision_function(X, y).shape == (24,)


# PennyLaneAI/pennylane#5319
def test_a_torch_layer_with_shots_is_a_target_that_says_so(qml, torch, two_classes):
    X, y = two_classes
    layer = two_qubits(qml, shots=20, diff_method="parameter-shift")
    target = as_target(layer, classes=2, output="logits", shots=20)
    assert np.abs(target.predict_proba(X) - target.predict_proba(X)).max() > 1e-3
    attack = ThresholdAttack(target, n_shadows=0, n_queries=4).fit(X, y)
    assert (attack.threat_model_.shots, attack.threat_model_.n_queries) == (20, 4)


# PennyLaneAI/pennylane#6078
def test_a_torch_layer_by_parameter_shift_has_the_gradient_of_backpropagation(qml, torch):
    rows, results = np.array([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]]), []
    for method in ("parameter-shift", "backprop"):
        layer = two_qubits(qml, diff_method=method)
        with torch.no_grad():
            layer.weights.copy_(torch.linspace(0.1, 0.6, 6).reshape(1, 2, 3))
        front = TorchLayer("front.0", layer, n_inputs=2, dtype="float64")
        params = front.initial(np.random.default_rng(0))
        _, tape = front.forward(params, rows)
        gradient, _ = front.backward(
            params, tape, np.ones((3, 2)), per_sample=False, need_inputs=False
        )
        results.append(gradient)
    assert np.abs(results[0]).max() > 1e-2
    np.testing.assert_allclose(results[0], results[1], atol=1e-9)


# PennyLaneAI/pennylane#6078
def test_gradients_of_each_row_add_up_whatever_is_in_the_module(qml, torch):
    rows = np.array([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]])
    layer = TorchLayer("front.0", two_qubits(qml), n_inputs=2, dtype="float64")
    params = layer.initial(np.random.default_rng(0))
    outputs, tape = layer.forward(params, rows)
    cotangent = np.arange(6.0).reshape(3, 2)
    whole, _ = layer.backward(params, tape, cotangent, per_sample=False, need_inputs=False)
    each, _ = layer.backward(params, tape, cotangent, per_sample=True, need_inputs=False)
    assert outputs.shape == (3, 2)
    assert each.shape == (3, 6)
    assert np.abs(each).max() > 1e-3
    np.testing.assert_allclose(each.sum(axis=0), whole, atol=1e-9)


# PennyLaneAI/pennylane#2204
def test_a_model_with_a_torch_layer_in_front_forgets_and_keeps_what_is_frozen(
    qml, torch, two_classes
):
    X, y = two_classes[0][:12], two_classes[1][:12]
    torch.manual_seed(0)
    front = torch.nn.Sequential(two_qubits(qml), torch.nn.Linear(2, 2))
    front[0].requires_grad_(False)
    model = HybridQNNClassifier(front_end=front, n_qubits=2, max_iter=4, random_state=0).fit(X, y)
    given = front[0].weights.detach().numpy()
    for strategy in ("retrain", "gradient_ascent"):
        rows = X[:1]
        X = X[1:]
        model.unlearn(rows, strategy=strategy)
        np.testing.assert_array_equal(model.get_weights()["front.0.0.weights"], given)
    assert not model.is_member(rows).any()


# PennyLaneAI/pennylane#898
def test_each_group_of_weights_starts_where_it_is_told(qml, torch):
    layer = two_qubits(qml)
    with torch.no_grad():
        layer.weights.fill_(0.25)
    front = torch.nn.Sequential(layer, torch.nn.Linear(2, 2))
    told = TorchLayer("front.0", front, n_inputs=2)
    start = told.initial(np.random.default_rng(1))
    np.testing.assert_array_equal(start[:6], 0.25)
    np.testing.assert_allclose(start[6:10], front[1].weight.detach().numpy().ravel())
    again = TorchLayer("front.0", front, n_inputs=2, reset="all").initial(np.random.default_rng(1))
    assert np.abs(again[6:] - start[6:]).max() > 1e-3


# PennyLaneAI/pennylane-lightning#677
def test_a_module_on_a_device_that_cannot_be_copied_is_a_target_all_the_same(
    qml, torch, two_classes
):
    X, y = two_classes
    layer = two_qubits(qml, device="lightning.qubit").eval()
    target = as_target(layer, classes=2, output="logits")
    exact = as_target(two_qubits(qml), classes=2, output="logits")
    with torch.no_grad():
        exact.model.weights.copy_(layer.weights)
    np.testing.assert_allclose(target.predict_proba(X), exact.predict_proba(X), atol=1e-5)
    attack = LiRAAttack(target, as_classical(), n_shadows=4, online=False, random_state=0)
    assert np.isfinite(attack.fit(X, y).decision_function(X, y)).all()


def as_classical():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


# PennyLaneAI/pennylane#2204
def test_a_torch_layer_is_audited_once_it_is_said_how_to_train_it(qml, torch, two_classes):
    X, y = two_classes

    def train(rows, labels):
        module = torch.nn.Sequential(two_qubits(qml), torch.nn.Linear(2, 2))
        return trained(torch, module, rows, labels)

    target = as_target(train(X, y), classes=2, output="logits", retrain=train)
    report = audit(target, X, y, forget="fraction:0.2", attacks="loss", n_oracles=2, random_state=0)
    (scenario,) = report.data["scenarios"]
    assert [model["role"] for model in scenario["models"]].count("oracle") == 2
    assert "Sequential" in str(report)


# PennyLaneAI/pennylane#3379
@pytest.mark.parametrize("n_features", [3, 5, 6])
def test_features_that_are_no_power_of_two_are_amplitudes(n_features):
    X, y = make_blobs(16, n_features=n_features, centers=2, random_state=0)
    model = QNNClassifier(encoding="amplitude", n_layers=1, max_iter=8, random_state=0).fit(X, y)
    assert 2**model.n_qubits_ >= n_features
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


# PennyLaneAI/pennylane#365
def test_amplitudes_need_no_norm_of_one_to_the_last_digit():
    X, y = make_blobs(16, n_features=4, centers=2, random_state=0)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    model = QNNClassifier(encoding="amplitude", n_layers=1, max_iter=3, random_state=0).fit(unit, y)
    nearly = unit * (1 + 1e-7)
    np.testing.assert_allclose(model.predict_proba(nearly), model.predict_proba(unit), atol=1e-6)


# PennyLaneAI/pennylane#2037
def test_one_set_of_weights_serves_a_batch_of_rows():
    qnn = build_circuit("angle", "strong", n_features=2, n_qubits=2, n_layers=1)
    executable = StatevectorBackend().compile(
        qnn.circuit, z_observables(2), inputs=qnn.inputs, weights=qnn.weights
    )
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(7, 2)), rng.normal(size=len(qnn.weights))
    batch = executable.expectations(rows, weights)
    alone = np.concatenate([executable.expectations(row[None], weights) for row in rows])
    np.testing.assert_allclose(batch, alone, atol=1e-12)
    cotangent = rng.normal(size=batch.shape)
    _, gradient = executable.vjp(rows, weights, cotangent)
    parts = [
        executable.vjp(row[None], weights, part[None])[1]
        for row, part in zip(rows, cotangent, strict=True)
    ]
    np.testing.assert_allclose(gradient, np.sum(parts, axis=0), atol=1e-10)


# PennyLaneAI/pennylane#10170
def test_a_batch_of_rows_gives_a_value_for_each_row_and_observable():
    qnn = build_circuit("angle", "strong", n_features=3, n_qubits=3, n_layers=1)
    executable = StatevectorBackend().compile(
        qnn.circuit, z_observables(3), inputs=qnn.inputs, weights=qnn.weights
    )
    for n in (0, 1, 6):
        assert executable.expectations(np.zeros((n, 3)), np.zeros(len(qnn.weights))).shape == (n, 3)
    with pytest.raises(ValueError, match=r"inputs must have shape \(n_samples, 3\)"):
        executable.expectations(np.zeros((4, 2)), np.zeros(len(qnn.weights)))


# PennyLaneAI/pennylane#2204
def test_a_hybrid_with_a_node_of_a_module_is_pickled(qml, torch, two_classes):
    X, y = two_classes
    cloudpickle = pytest.importorskip("cloudpickle")
    front = torch.nn.Sequential(two_qubits(qml), torch.nn.Linear(2, 2))
    model = HybridQNNClassifier(front_end=front, n_qubits=2, max_iter=2, random_state=0).fit(X, y)
    read = pickle.loads(cloudpickle.dumps(model))
    np.testing.assert_array_equal(read.predict_proba(X), model.predict_proba(X))
