"""Wishes that users of qiskit-machine-learning reported, granted here or told how."""

import pickle

import joblib
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import real_amplitudes, z_feature_map
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_machine_learning.algorithms import VQC
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from qiskit_machine_learning.optimizers import COBYLA
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skqmu import HybridQNNClassifier, QNNClassifier
from skqmu.attacks import LiRAAttack, QiskitMLTarget, as_target
from skqmu.backends import AerBackend, StatevectorBackend
from skqmu.network import TorchLayer

FEATURES, ANSATZ = z_feature_map(2), real_amplitudes(2, reps=1)


def new_vqc(**more):
    options = {"optimizer": COBYLA(maxiter=8), **more}
    return VQC(feature_map=FEATURES, ansatz=ANSATZ, **options)


def small(**more):
    return QNNClassifier(**{"n_qubits": 2, "n_layers": 1, "max_iter": 8, "random_state": 0, **more})


# qiskit-community/qiskit-machine-learning#267
def test_probabilities_of_every_class_from_a_vqc(three_classes):
    X, y = three_classes
    vqc = new_vqc().fit(X, y)
    proba = as_target(vqc).predict_proba(X)
    assert proba.shape == (24, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(as_target(vqc).classes_[proba.argmax(axis=1)], vqc.predict(X))


# qiskit-community/qiskit-machine-learning#240
def test_a_quantum_classifier_behind_a_scaler_is_cross_validated_by_auc(two_classes):
    X, y = two_classes
    model = make_pipeline(StandardScaler(), small(max_iter=15))
    scores = cross_val_score(model, 40 * X + 7, y, cv=3, scoring="roc_auc")
    assert scores.min() > 0.8


# qiskit-community/qiskit-machine-learning#494
def test_a_vqc_is_cloned_and_searched_like_any_classifier(two_classes):
    X, y = two_classes
    search = GridSearchCV(QiskitMLTarget(new_vqc()), {"random_state": [0, 1]}, cv=2)
    search.fit(X, y)
    assert search.best_estimator_.predict_proba(X).shape == (24, 2)
    assert search.cv_results_["mean_test_score"].max() > 0.5


# qiskit-community/qiskit-machine-learning#251
def test_four_classes_are_learned_and_the_loss_is_a_number():
    X, y = make_blobs(32, centers=[[-1, -1], [-1, 1], [1, -1], [1, 1]], cluster_std=0.1)
    model = small(max_iter=40).fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.score(X, y) > 0.6


# qiskit-community/qiskit-machine-learning#914
def test_an_estimator_network_is_trained_on_three_classes(three_classes):
    X, y = three_classes
    network = EstimatorQNN(
        circuit=FEATURES.compose(ANSATZ),
        observables=[SparsePauliOp(word) for word in ("ZI", "IZ", "ZZ")],
        input_params=FEATURES.parameters,
        weight_params=ANSATZ.parameters,
    )
    model = HybridQNNClassifier(
        core=network, front_end="none", head_layers=(), max_iter=3, random_state=0,
        learning_rate_init=0.2,
    ).fit(X[:8], y[:8])  # fmt: skip
    assert model.predict_proba(X).shape == (24, 3)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    model.unlearn(X[:2])
    assert not model.is_member(X[:2]).any()


# qiskit-community/qiskit-machine-learning#100
def test_gradients_of_a_torch_connector_add_up_over_a_batch():
    torch = pytest.importorskip("torch")
    network = EstimatorQNN(
        circuit=FEATURES.compose(ANSATZ),
        input_params=FEATURES.parameters,
        weight_params=ANSATZ.parameters,
        input_gradients=True,
    )
    connector = TorchConnector(network, initial_weights=np.linspace(0.1, 0.9, 4))
    assert isinstance(connector, torch.nn.Module)
    layer = TorchLayer("front.0", connector, n_inputs=2, dtype="float64")
    params, row = layer.initial(np.random.default_rng(0)), np.array([[0.3, -0.4]])
    gradients = []
    for n in (1, 20):
        rows = np.repeat(row, n, axis=0)
        _, tape = layer.forward(params, rows)
        gradient, _ = layer.backward(
            params, tape, np.ones((n, 1)), per_sample=False, need_inputs=True
        )
        gradients.append(gradient)
    assert np.abs(gradients[0]).max() > 1e-3
    np.testing.assert_allclose(20 * gradients[0], gradients[1], rtol=1e-6)


# qiskit-community/qiskit-machine-learning#669
def test_amplitudes_behind_a_torch_layer_have_gradients():
    torch = pytest.importorskip("torch")
    X, y = make_blobs(24, n_features=6, centers=2, cluster_std=0.5, random_state=0)
    torch.manual_seed(0)
    module = torch.nn.Linear(6, 4)
    model = HybridQNNClassifier(
        front_end=module, encoding="amplitude", n_qubits=2, max_iter=10, random_state=0
    ).fit(X, y)
    moved = model.get_weights()["front.0.weight"] - module.weight.detach().numpy()
    assert np.abs(moved).max() > 1e-3
    assert model.loss_curve_[-1] < model.loss_curve_[0]


# qiskit-community/qiskit-machine-learning#588
def test_features_in_controlled_rotations_are_trained_through(two_classes):
    X, y = two_classes
    x = ParameterVector("x", 2)
    encoding = QuantumCircuit(2)
    encoding.ry(x[0], 0)
    encoding.ry(x[1], 1)
    encoding.crx(x[0], 0, 1)
    encoding.barrier()
    model = small(encoding=encoding, max_iter=30).fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]


# qiskit-community/qiskit-machine-learning#158
def test_a_seed_repeats_a_training_and_the_world_s_generators_stay(two_classes):
    X, y = two_classes
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        small(random_state=seed, backend=AerBackend(shots=64), solver="spsa", max_iter=3)
        .fit(X, y)
        .params_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


# qiskit-community/qiskit-machine-learning#158
def test_shadows_of_a_vqc_are_drawn_by_the_attack_s_seed(two_classes):
    X, y = two_classes
    vqc = new_vqc().fit(X[:12], y[:12])
    one, same, other = (
        LiRAAttack(vqc, n_shadows=4, random_state=seed).fit(X, y).decision_function(X, y)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


# qiskit-community/qiskit-machine-learning#233
def test_a_trained_model_is_saved_and_predicts_the_same(two_classes, tmp_path):
    X, y = two_classes
    model = small().fit(X, y)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    read = pickle.loads((tmp_path / "model.pkl").read_bytes())
    np.testing.assert_array_equal(read.predict_proba(X), model.predict_proba(X))


# qiskit-community/qiskit-machine-learning#891
def test_what_is_loaded_is_fitted_and_still_forgets(two_classes, tmp_path):
    X, y = two_classes
    joblib.dump(small().fit(X, y), tmp_path / "model.joblib")
    read = joblib.load(tmp_path / "model.joblib")
    check_is_fitted(read)
    read.unlearn(X[:2])
    assert read.is_member(X[:3]).tolist() == [False, False, True]


# qiskit-community/qiskit-machine-learning#379
def test_a_hybrid_torch_model_is_saved_whole():
    pytest.importorskip("torch")
    X, y = np.random.default_rng(0).normal(size=(12, 36)), np.arange(12) % 2
    model = HybridQNNClassifier(
        front_end="cnn-s", image_shape=(6, 6), n_qubits=2, max_iter=2, random_state=0
    ).fit(X, y)
    read = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(read.predict_proba(X), model.predict_proba(X))
    assert read.get_weights().keys() == model.get_weights().keys()


# qiskit-community/qiskit-machine-learning#666
def test_raw_features_enter_as_amplitudes():
    X, y = make_blobs(24, n_features=4, centers=2, random_state=0)
    model = small(encoding="amplitude", max_iter=15).fit(X, y)
    assert model.n_qubits_ == 2
    # a row is normalized, so only its direction counts
    np.testing.assert_allclose(model.predict_proba(3 * X), model.predict_proba(X), atol=1e-9)
    assert model.score(X, y) > 0.7


# qiskit-community/qiskit-machine-learning#666
@pytest.mark.xfail(strict=True, reason="the error advises a decomposition that there is not")
def test_a_raw_feature_vector_is_told_what_to_use_instead():
    from qiskit_machine_learning.circuit.library import raw_feature_vector

    X, y = make_blobs(12, n_features=4, centers=2, random_state=0)
    with pytest.raises(ValueError, match=r"encoding=.amplitude"):
        small(encoding=raw_feature_vector(4)).fit(X, y)


# qiskit-community/qiskit-machine-learning#344
@pytest.mark.parametrize("n_features", [1, 3, 5])
def test_any_number_of_features_is_trained_on(n_features):
    X, y = make_blobs(16, n_features=n_features, centers=2, random_state=0)
    model = QNNClassifier(n_layers=1, max_iter=10, random_state=0).fit(X, y)
    assert model.n_features_in_ == n_features
    assert model.score(X, y) > 0.6


# qiskit-community/qiskit-machine-learning#632
def test_qubits_are_chosen_apart_from_features_and_classes():
    X, y = make_blobs(30, n_features=5, centers=3, random_state=0)
    model = small(n_qubits=2, max_iter=15).fit(X, y)
    assert model.n_qubits_ == 2
    assert model.predict_proba(X).shape == (30, 3)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


# qiskit-community/qiskit-machine-learning#731
def test_lists_of_zeros_and_ones_are_features():
    X, y = [[0, 1], [1, 0], [1, 1], [0, 0]] * 3, ["a", "b", "a", "b"] * 3
    model = small(n_layers=2, max_iter=120, learning_rate_init=0.2).fit(X, y)
    assert model.predict([[0, 1], [1, 0]]).tolist() == ["a", "b"]


# qiskit-community/qiskit-machine-learning#932
def test_a_feature_map_without_inputs_is_refused_by_name(two_classes):
    X, y = two_classes
    fixed = QuantumCircuit(2)
    fixed.h([0, 1])
    with pytest.raises(ValueError, match=r"0 parameters and the data 2 features"):
        small(encoding=fixed).fit(X, y)


# qiskit-community/qiskit-machine-learning#297
def test_a_batch_with_one_label_is_a_batch(two_classes):
    X, y = two_classes
    order = np.argsort(y, kind="stable")
    model = small(learning_rate_init=0.2)
    for _ in range(6):
        for rows in np.array_split(order, 4):
            model.partial_fit(X[rows], y[rows], classes=[0, 1])
    assert model.score(X, y) > 0.8


# qiskit-community/qiskit-machine-learning#835
def test_training_ends_when_nothing_improves(two_classes):
    X, y = two_classes
    model = small(max_iter=400, n_iter_no_change=3, tol=0.05).fit(X, y)
    assert model.n_iter_ < 400
    assert model.stop_reason_
    held_out = small(early_stopping=True, max_iter=400, n_iter_no_change=2).fit(X, y)
    assert held_out.n_iter_ < 400


# qiskit-community/qiskit-machine-learning#994
def test_the_loss_of_every_epoch_is_at_hand(two_classes):
    X, y = two_classes
    model = small(max_iter=5, tol=0).fit(X, y)
    assert [row["epoch"] for row in model.history_] == [1, 2, 3, 4, 5]
    assert all(np.isfinite(row["loss"]) for row in model.history_)
    told = []
    vqc = new_vqc(callback=lambda weights, loss: told.append(loss)).fit(X, y)
    told.clear()
    QiskitMLTarget(vqc, random_state=0).fit(X, y)
    assert len(told) >= 6


# qiskit-community/qiskit-machine-learning#949
def test_equal_rows_have_equal_values_where_values_are_exact():
    x, w = ParameterVector("x", 1), ParameterVector("w", 1)
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.ry(x[0], 0)
    circuit.rx(w[0], 0)
    rows = np.full((5, 1), 0.5)
    for backend in (StatevectorBackend(), AerBackend()):
        executable = backend.compile(circuit, [SparsePauliOp("Y")], inputs=x, weights=w)
        values = executable.expectations(rows, np.array([0.3]))
        expected = Statevector(circuit.assign_parameters([0.3, 0.5])).expectation_value(
            SparsePauliOp("Y")
        )
        np.testing.assert_array_equal(values, values[:1].repeat(5, axis=0))
        np.testing.assert_allclose(values[0, 0], expected.real, atol=1e-9)


# qiskit-community/qiskit-machine-learning#949
def test_equal_rows_are_drawn_apart_where_shots_are_taken():
    x, w = ParameterVector("x", 1), ParameterVector("w", 1)
    circuit = QuantumCircuit(1)
    circuit.ry(x[0], 0)
    circuit.rx(w[0], 0)
    executable = AerBackend(shots=50, seed=0).compile(
        circuit, [SparsePauliOp("Z")], inputs=x, weights=w
    )
    values = executable.expectations(np.full((40, 1), 0.5 * np.pi), np.array([0.0]))
    assert 0.5 < values.std() * np.sqrt(50) < 1.6  # one standard deviation of 50 fair coins


# qiskit-community/qiskit-machine-learning#320
def test_labels_are_words(three_classes):
    X, y = three_classes
    words = np.array(["iris", "aster", "rose"])[y]
    model = small().fit(X, words)
    assert model.classes_.tolist() == ["aster", "iris", "rose"]
    assert set(model.predict(X)) <= set(words)
    model.unlearn(X[words == "rose"])
    assert not model.is_member(X[words == "rose"]).any()


# qiskit-community/qiskit-machine-learning#326
def test_training_goes_on_from_the_file_that_was_written(two_classes, tmp_path):
    X, y = two_classes
    whole = small(max_iter=6, tol=0).fit(X, y)
    kept = small(max_iter=3, tol=0, warm_start=True).fit(X, y)
    kept = pickle.loads(pickle.dumps(kept))
    kept.fit(X, y)
    assert kept.n_iter_ == 3
    assert kept.loss_ <= whole.loss_curve_[2]
    assert clone(kept).get_params() == kept.get_params()


# qiskit-community/qiskit-machine-learning#205
def test_a_sampler_network_reads_all_bit_strings(two_classes):
    X, y = two_classes
    network = SamplerQNN(
        circuit=FEATURES.compose(ANSATZ),
        input_params=FEATURES.parameters,
        weight_params=ANSATZ.parameters,
    )
    model = HybridQNNClassifier(
        core=network, front_end="none", head_layers=(), max_iter=3, random_state=0,
        learning_rate_init=0.2,
    ).fit(X[:8], y[:8])  # fmt: skip
    assert model.get_weights()["head.0.kernel"].shape == (4, 2)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
