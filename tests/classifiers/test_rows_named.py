"""Errors about rows name them as the user numbers them: in the data of the call."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from sklearn.datasets import load_wine

from skqmu import HybridQNNClassifier, QNNClassifier
from skqmu.backends import AerBackend, StatevectorBackend
from skqmu.exceptions import InputRowsError


def wine():
    X, y = load_wine(return_X_y=True)
    X = X[::2, :4] / X[:, :4].std(axis=0)
    broken = X.copy()
    broken[[23, 61]] = 0
    return X, broken, y[::2]


@pytest.mark.parametrize(
    "parameters",
    [
        {"batch_size": 8},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"trainable": "head", "head": "ridge"},
        {"backend": StatevectorBackend(chunk_size=5)},
        {"backend": AerBackend(shots=8), "batch_size": 16, "solver": "sgd"},
        {"solver": "cobyla"},
    ],
    ids=str,
)
def test_rows_of_zeros_are_numbered_as_given(parameters):
    X, broken, y = wine()
    clf = QNNClassifier(encoding="amplitude", n_layers=1, max_iter=1, random_state=0, **parameters)
    first = (23,) if "chunk_size" in str(parameters) else (23, 61)
    weights = np.where(np.arange(len(X)) % 5 == 1, 0.0, 1.0)  # 61 is left out
    for options, rows in (({}, first), ({"sample_weight": weights}, (23,))):
        with pytest.raises(InputRowsError, match=r"rows? 23") as told:
            clf.fit(broken, y, **options)
        assert told.value.rows == rows
    assert not hasattr(clf, "params_")
    clf.fit(X, y)
    calls = [lambda: clf.predict(broken)]
    if hasattr(clf, "partial_fit"):
        calls.append(lambda: clf.partial_fit(broken, y))
    for call in calls:
        with pytest.raises(InputRowsError) as told:
            call()
        assert told.value.rows == first


def test_rows_outside_an_expression_s_domain_are_numbered_as_given():
    X, _, y = wine()
    x = ParameterVector("x", 4)
    circuit = QuantumCircuit(4)
    for i in range(4):
        circuit.ry(x[i].arcsin(), i)
    X = X / (2 * np.abs(X).max())
    broken = X.copy()
    broken[[12, 70], 2] = 1.5
    clf = QNNClassifier(encoding=circuit, n_layers=1, max_iter=1, batch_size=9, random_state=0)
    with pytest.raises(InputRowsError, match="rows 12, 70"):
        clf.fit(broken, y)
    clf.fit(X, y)
    with pytest.raises(InputRowsError, match="rows 12, 70"):
        clf.predict_proba(broken)


def test_a_hybrid_names_rows_too():
    _, broken, y = wine()
    clf = HybridQNNClassifier(front_end="none", encoding="amplitude", max_iter=1, batch_size=7)
    with pytest.raises(InputRowsError, match="rows 23, 61"):
        clf.fit(broken, y)


def test_a_request_without_a_record_says_which_of_its_arrays():
    X, broken, y = wine()
    clf = QNNClassifier(
        encoding="amplitude", n_layers=1, max_iter=1, random_state=0, store_data="none"
    ).fit(X, y)
    with pytest.raises(InputRowsError, match=r"row 3;.*Rows of X_forget"):
        clf.unlearn(broken[20:25], y[20:25], strategy="gradient_ascent")
    with pytest.raises(InputRowsError, match=r"rows 3, 41;.*Rows of X_retain"):
        clf.unlearn(X[:20], y[:20], X_retain=broken[20:], y_retain=y[20:], strategy="fine_tune")


def test_given_circuit_weights_are_refused_by_name_where_the_circuit_is_trained():
    X, _, y = wine()
    plain = QNNClassifier(n_layers=1, max_iter=1, random_state=0).fit(X, y)
    weights = np.linspace(0, 1, len(plain.circuit_weights_))
    for given in (weights, weights.tolist(), weights[:1]):
        clf = QNNClassifier(n_layers=1, circuit_weights=given)
        with pytest.raises(ValueError, match=r"circuit_weights=<array of shape .*trainable='head'"):
            clf.fit(X, y)
        plain.set_params(circuit_weights=given)
        for call in (plain.fit, plain.estimate_cost):
            with pytest.raises(ValueError, match="circuit_weights=<array of shape"):
                call(X, y)
        plain.set_params(circuit_weights=None)
