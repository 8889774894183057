"""QNNClassifier on any labels, any width, any number of classes, and on bad input."""

import pickle

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skqmu import QNNClassifier
from skqmu.backends import BACKENDS, AerBackend
from skqmu.exceptions import CircuitError
from skqmu.network import softmax

# --- labels ------------------------------------------------------------------------------

LABELS = {
    "0 and 1": [0, 1],
    "1 and 2": [1, 2],
    "-1 and 1": [-1, 1],
    "booleans": [False, True],
    "strings": ["no", "yes"],
    "whole floats": [1.0, 3.0],
    "objects": np.array(["b", "a"], dtype=object),
    "three": [0, 1, 2],
    "three strings": ["setosa", "versicolor", "virginica"],
    "gaps": [-7, 0, 1000],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_labels_of_any_type_give_the_same_model(small, blobs, labels):
    X, y = blobs
    labels = np.sort(np.asarray(labels))
    kept = y < len(labels)
    X, y = X[kept], y[kept]
    plain = small().fit(X, y)
    clf = small().fit(X, labels[y])
    np.testing.assert_array_equal(clf.classes_, labels)
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(clf.predict(X), labels[plain.predict(X)])
    assert clf.predict(X).dtype == clf.classes_.dtype
    assert clf.score(X, labels[y]) == plain.score(X, y)


def test_two_labels_that_are_not_0_and_1_are_told_apart():
    rng = np.random.default_rng(0)
    y = np.repeat([1, 2], 30)
    X = rng.normal(size=(60, 2)) * 0.2 + (y == 2)[:, None]
    clf = QNNClassifier(max_iter=60, random_state=0).fit(X, y)
    assert clf.score(X, y) == 1.0
    assert set(clf.predict(X)) == {1, 2}


def test_one_class_in_a_batch_is_a_batch_like_any_other(small, blobs):
    X, y = blobs
    clf = small(batch_size=1).fit(X, y)
    assert np.isfinite(clf.loss_)
    clf.partial_fit(X[y == 1], y[y == 1])
    assert clf.classes_.tolist() == [0, 1, 2]


def test_a_single_class_is_predicted_with_certainty(small, blobs):
    X, _ = blobs
    clf = small().fit(X, np.full(60, "only"))
    assert clf.predict(X).tolist() == ["only"] * 60
    np.testing.assert_array_equal(clf.predict_proba(X), np.ones((60, 1)))
    assert clf.loss_ == 0
    for head in ("ridge", "logistic"):
        clf = small(trainable="head", head=head).fit(X, np.full(60, "only"))
        np.testing.assert_allclose(clf.predict_proba(X), np.ones((60, 1)))


def test_twenty_classes(small):
    rng = np.random.default_rng(1)
    y = np.arange(100) % 20
    X = rng.normal(size=(100, 3))
    clf = small(n_qubits=3).fit(X, y)
    assert clf.predict_proba(X).shape == (100, 20)
    assert len(clf.classes_) == 20
    clf.unlearn(X[y == 7])
    assert clf.predict_proba(X).shape == (100, 20)


def test_classes_may_be_named_that_y_lacks(small, blobs):
    X, y = blobs
    clf = small().fit(X[y < 2], y[y < 2], classes=[0, 1, 2, 5])
    assert clf.classes_.tolist() == [0, 1, 2, 5]
    assert clf.predict_proba(X).shape == (60, 4)
    with pytest.raises(ValueError, match=r"y holds classes \[2\] that are not in classes=\[0, 1\]"):
        small().fit(X, y, classes=[0, 1])


# --- inputs ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:the request names 1 rows")  # many rows of bools are equal
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8, bool])
def test_numbers_of_any_type_are_read_as_double_precision(small, blobs, dtype):
    X, y = blobs
    X = (np.round(X * 3)).astype(dtype)
    clf = small().fit(X, y)
    expected = small().fit(X.astype(float), y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X.astype(float)))
    assert clf.predict_proba(X).dtype == np.float64
    clf.unlearn(X[:1])


@pytest.mark.parametrize("n_features", [1, 2, 3, 8, 11])
@pytest.mark.parametrize("encoding", ["angle", "angle_xyz", "iqp", "amplitude"])
def test_any_number_of_features(n_features, encoding):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(12, n_features)), np.arange(12) % 2
    clf = QNNClassifier(encoding, n_layers=1, max_iter=2, random_state=0).fit(X, y)
    expected = {"amplitude": max(2, int(np.ceil(np.log2(n_features))))}
    assert clf.n_qubits_ == expected.get(encoding, min(max(4, n_features), 8))
    assert np.isfinite(clf.predict_proba(X)).all()


def test_rows_are_predicted_alone_as_among_others(small, blobs):
    X, y = blobs
    clf = small().fit(X, y)
    together = clf.predict_proba(X)
    alone = np.concatenate([clf.predict_proba(row[None]) for row in X])
    np.testing.assert_allclose(alone, together, rtol=1e-12)
    np.testing.assert_allclose(np.exp(clf.predict_log_proba(X)), together, rtol=1e-12)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[together.argmax(axis=1)])


def test_the_prediction_is_the_softmax_of_a_linear_head_on_z(small, blobs):
    X, y = blobs
    clf = small(observables="z").fit(X, y)
    n_circuit = X.shape[1] + len(clf.circuit_weights_)  # the scales, then the weights
    kernel, bias = clf.params_[n_circuit:-3].reshape(2, 3), clf.params_[-3:]
    circuit = clf._network().outputs(clf.params_, X, n_layers=2)
    np.testing.assert_allclose(
        clf.predict_proba(X), softmax(circuit @ kernel + bias, axis=1), rtol=1e-12
    )


def test_a_circuit_of_one_s_own(blobs):
    X, y = blobs
    x, w = ParameterVector("in", 3), ParameterVector("theta", 2)
    encoder, ansatz = QuantumCircuit(2), QuantumCircuit(2)
    encoder.rx(x[0], 0)
    encoder.ry(x[1] * x[2], 1)
    ansatz.ry(w[0], 0)
    ansatz.cx(0, 1)
    ansatz.rz(2 * w[1], 1)
    ansatz.h(1)
    clf = QNNClassifier(encoder, ansatz=ansatz, n_layers=2, max_iter=3, random_state=0).fit(X, y)
    assert clf.n_qubits_ == 2
    assert len(clf.circuit_weights_) == 4
    clf.unlearn(X[:2])


def test_observables_of_one_s_own(small, blobs):
    X, y = blobs
    observables = [SparsePauliOp("XX"), SparsePauliOp(["ZI", "IY"], [0.5, -0.5])]
    clf = small(observables=observables, input_scale=1.0).fit(X, y)
    assert clf.params_.shape == (6 + 2 * 3 + 3,)
    assert small(observables="zz", input_scale=1.0).fit(X, y).params_.shape == (6 + 3 * 3 + 3,)
    with pytest.raises(ValueError, match="observables is empty"):
        small(observables=[]).fit(X, y)


# --- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"backend": "statevektor"}, "Did you mean 'statevector'"),
        ({"encoding": "angel"}, "Did you mean 'angle'"),
        ({"ansatz": "stong"}, "Did you mean 'strong'"),
        ({"entanglement": "rings"}, "Did you mean 'ring'"),
        ({"solver": "adm"}, "Did you mean 'adam'"),
        ({"store_data": "row"}, "Did you mean 'rows'"),
        ({"head": "rigde"}, "Did you mean 'ridge'"),
        ({"n_qubits": 0}, "n_qubits"),
        ({"n_layers": 0}, "n_layers"),
        ({"max_iter": 0}, "max_iter"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate_init": 0.0}, "learning_rate_init"),
        ({"learning_rate_init": -1}, "learning_rate_init"),
        ({"learning_rate_init": np.nan}, "learning_rate_init"),
        ({"alpha": -1.0}, "alpha"),
        ({"momentum": 1.5}, "momentum"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"random_state": "seed"}, "random_state"),
        ({"class_weight": "balance"}, "Did you mean 'balanced'"),
        ({"class_weight": {0: -1.0}}, "must be a finite number"),
        ({"class_weight": {0: 0.0, 1: 0.0, 2: 0.0}}, "every row the weight 0"),
        ({"class_weight": {7: 1.0}}, "which are not among the classes"),
        ({"unlearning": "retrian"}, "Did you mean 'retrain'"),
        ({"head": "ridge"}, "needs trainable='head'"),
        ({"objective_noise": 1.0}, "belongs to head='logistic'"),
        ({"trainable": "head", "circuit_weights": [1.0]}, "must be 6 finite numbers"),
        ({"log_updates": True, "store_data": "none"}, "log_updates"),
        ({"checkpoint": "file", "random_state": None}, "needs an integer random_state"),
    ],
)
def test_a_bad_parameter_is_named_with_the_way_out(small, blobs, params, message):
    X, y = blobs
    clf = small(**params)
    with pytest.raises((ValueError, TypeError), match=message):
        clf.fit(X, y)
    assert vars(clf) == clf.get_params(deep=False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_refused_everywhere(small, blobs, value):
    X, y = blobs
    bad = X.copy()
    bad[7, 1] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        small().fit(bad, y)
    clf = small().fit(X, y)
    calls = [
        lambda: clf.predict(bad),
        lambda: clf.predict_proba(bad),
        lambda: clf.partial_fit(bad, y),
        lambda: clf.unlearn(bad[7:8]),
        lambda: clf.is_member(bad),
        lambda: clf.unlearn(X[:1], X_retain=bad, y_retain=y),
        lambda: clf.unlearn(X[:1], X_reference=bad, y_reference=y),
    ]
    before = clf.predict_proba(X)
    for call in calls:
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            call()
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_a_wrong_width_is_refused_everywhere(small, blobs):
    X, y = blobs
    clf = small().fit(X, y)
    for call in (
        lambda: clf.predict(X[:, :2]),
        lambda: clf.partial_fit(X[:, :2], y),
        lambda: clf.unlearn(X[:1, :2]),
        lambda: clf.unlearn(X[:1], X_retain=X[1:, :2], y_retain=y[1:]),
    ):
        with pytest.raises(ValueError, match="2 features, but QNNClassifier is expecting 3"):
            call()


def test_an_encoding_that_does_not_fit_says_so(blobs):
    X, y = blobs
    with pytest.raises((CircuitError, ValueError), match="amplitude"):
        QNNClassifier("amplitude", n_qubits=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="zeros"):
        QNNClassifier("amplitude", random_state=0, max_iter=2).fit(np.zeros((60, 3)), y)


def test_more_qubits_than_memory_holds_is_refused_with_the_bytes(blobs):
    X, y = blobs
    with pytest.raises(
        (MemoryError, CircuitError, ValueError, RuntimeError), match=r"[GMTP]i?B|bytes"
    ):
        QNNClassifier(n_qubits=60, n_layers=1, random_state=0).fit(X, y)


def test_nothing_works_before_fit(blobs):
    X, _ = blobs
    clf = QNNClassifier()
    for call in (
        lambda: clf.predict(X),
        lambda: clf.unlearn(X[:1]),
        lambda: clf.is_member(X),
        clf.release,
        lambda: clf.n_qubits_,
        lambda: clf.circuit_weights_,
    ):
        with pytest.raises(NotFittedError):
            call()


# --- it learns ---------------------------------------------------------------------------


def iris_accuracy(seed):
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), QNNClassifier(random_state=seed))
    return cross_val_score(model, X, y, cv=5).mean()


def test_iris_in_five_folds():
    assert iris_accuracy(seed=0) >= 0.95


@pytest.mark.slow
def test_iris_in_five_folds_over_seeds():
    means = [iris_accuracy(seed) for seed in range(1, 11)]
    assert np.mean(means) >= 0.955, means
    assert min(means) >= 0.95 - 1e-9, means


# --- the fitted backend --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["statevector", "aer"])
def test_the_fitted_backend_is_an_object_and_follows_the_parameter(small, blobs, name):
    X, y = blobs
    clf = small(backend=name)
    assert not hasattr(clf, "backend_")
    clf.fit(X, y)
    assert isinstance(clf.backend_, BACKENDS[name])
    assert clf.backend == name
    assert "backend_" not in vars(clf)
    again = pickle.loads(pickle.dumps(clf))
    assert repr(again.backend_) == repr(clf.backend_)
    assert not hasattr(clone(clf), "backend_")
    exact = clf.predict_proba(X)
    # what predict uses, and what is said to be used, change together
    clf.set_params(backend=AerBackend(shots=16))
    assert clf.backend_.shots == 16
    assert get_tags(clf).non_deterministic
    assert not np.array_equal(clf.predict_proba(X), exact)
    clf.set_params(backend=name)
    assert clf.backend_.exact
    assert not get_tags(clf).non_deterministic
    np.testing.assert_allclose(clf.predict_proba(X), exact, rtol=1e-9, atol=1e-12)
    clf.set_params(backend="statevectr")
    assert not get_tags(clf).non_deterministic
    with pytest.raises(ValueError, match="Did you mean"):
        clf.predict(X)
