"""Wishes that users of sQUlearn reported, granted here or told how."""

import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB

from skqmu import QNNClassifier
from skqmu.backends import AerBackend


def small(**more):
    return QNNClassifier(**{"n_qubits": 2, "n_layers": 1, "max_iter": 5, "random_state": 0, **more})


def angles(gate):
    """A circuit that encodes two features by one kind of rotation."""
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        getattr(circuit, gate)(x[qubit], qubit)
    return circuit


# sQUlearn/squlearn#190
def test_qubits_and_layers_are_searched(two_classes):
    X, y = two_classes
    grid = {"n_qubits": [2, 3], "n_layers": [1, 2]}
    search = GridSearchCV(small(), grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.n_qubits_ == search.best_params_["n_qubits"]


# sQUlearn/squlearn#186
def test_a_parameter_of_an_inner_object_is_searched_by_its_own_name(two_classes):
    X, y = two_classes
    model = small(backend=AerBackend(shots=16), max_iter=1, solver="spsa")
    search = GridSearchCV(model, {"backend__shots": [16, 64]}, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_.backend.shots == search.best_params_["backend__shots"]
    assert model.backend.shots == 16


# sQUlearn/squlearn#186
def test_a_parameter_that_there_is_not_is_named(two_classes):
    with pytest.raises(ValueError, match=r"shot.*AerBackend|AerBackend.*shot"):
        small(backend=AerBackend()).set_params(backend__shot=3)
    with pytest.raises(ValueError, match=r"backend__shots.*Pass an object"):
        small().set_params(backend__shots=3)


# sQUlearn/squlearn#286
def test_a_circuit_that_was_composed_of_two_is_cloned_and_trained(two_classes):
    X, y = two_classes
    x = ParameterVector("x", 2)
    first, second = QuantumCircuit(2), QuantumCircuit(2)
    first.ry(x[0], 0)
    first.ry(x[1], 1)
    second.cx(0, 1)
    second.rz(x[0], 1)
    both = first.compose(second)
    search = GridSearchCV(
        small(encoding=both), {"learning_rate_init": [0.05, 0.2]}, cv=2, error_score="raise"
    ).fit(X, y)
    assert search.best_estimator_.encoding.num_parameters == 2
    assert search.best_score_ > 0.4


# sQUlearn/squlearn#286
@pytest.mark.xfail(strict=True, reason="scikit-learn makes an array of the circuits' parameters")
def test_circuits_are_values_of_a_search(two_classes):
    X, y = two_classes
    circuits = [angles("ry"), angles("rx")]
    search = GridSearchCV(small(), {"encoding": circuits}, cv=2, error_score="raise")
    with warnings.catch_warnings():
        # as users run it: an error out of a warning would end the array, and hide the fault
        warnings.simplefilter("ignore")
        search.fit(X, y)
    assert search.best_params_["encoding"] in circuits


# sQUlearn/squlearn#112
def test_the_loss_is_the_cross_entropy_of_the_probabilities(three_classes):
    X, y = three_classes
    model = small(max_iter=1, learning_rate_init=1e-12, tol=0).fit(X, y)
    assert model.loss_ == pytest.approx(log_loss(y, model.predict_proba(X)), abs=1e-9)


# sQUlearn/squlearn#260
def test_ensembles_of_scikit_learn_find_the_classes(three_classes):
    X, y = three_classes
    words = np.array(["a", "b", "c"])[y]
    vote = VotingClassifier([("quantum", small()), ("bayes", GaussianNB())], voting="soft")
    assert vote.fit(X, words).predict_proba(X).shape == (24, 3)
    bag = BaggingClassifier(small(max_iter=2), n_estimators=2, random_state=0).fit(X, words)
    assert bag.classes_.tolist() == ["a", "b", "c"]


# sQUlearn/squlearn#257
def test_a_clone_has_the_parameters_and_nothing_that_was_learned(two_classes):
    X, y = two_classes
    model = small(backend=AerBackend(shots=32), max_iter=1, solver="spsa").fit(X, y)
    copy = clone(model)
    assert copy.get_params(deep=False).keys() == model.get_params(deep=False).keys()
    assert copy.backend is not model.backend
    assert copy.backend.get_params() == model.backend.get_params()
    assert not hasattr(copy, "params_")


# sQUlearn/squlearn#264
def test_more_than_two_classes_are_one_output_each(three_classes):
    X, y = three_classes
    model = small(max_iter=60, n_layers=2, learning_rate_init=0.1).fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.predict_proba(X).shape == (24, 3)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


# sQUlearn/squlearn#28
def test_several_observables_are_read_at_once(two_classes):
    from qiskit.quantum_info import SparsePauliOp

    X, y = two_classes
    words = [SparsePauliOp(word) for word in ("ZI", "XX", "IY")]
    model = small(observables=words).fit(X, y)
    # scales of two features, a layer of two qubits, three values to two classes
    assert model.params_.size == 2 + 6 + 3 * 2 + 2


# sQUlearn/squlearn#190
def test_a_search_draws_settings_at_random_and_repeats_them(two_classes):
    X, y = two_classes
    grid = {"learning_rate_init": np.linspace(0.01, 0.3, 20), "entanglement": ["ring", "none"]}
    results = [
        RandomizedSearchCV(small(max_iter=2), grid, n_iter=3, cv=2, random_state=0)
        .fit(X, y)
        .cv_results_["mean_test_score"]
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*results)
