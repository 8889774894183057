"""Taking rows out of a ridge head equals never having put them in."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skqmu import QNNClassifier
from skqmu.backends import AerBackend
from skqmu.exceptions import AlreadyForgottenError, MemberRecordError
from skqmu.unlearning import ExactDowndate

KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    # Iris holds a row twice; a request by rows forgets both copies.
    _, first = np.unique(X, axis=0, return_index=True)
    rows = np.random.default_rng(0).permutation(first)
    return scale(X)[rows], y[rows]


def ridge(**changes):
    return QNNClassifier(
        **{"trainable": "head", "head": "ridge", "n_layers": 1, "random_state": 0, **changes}
    )


@pytest.mark.parametrize("n_deleted", [1, 10, 100])
@pytest.mark.parametrize("how", ["together", "one by one", "backwards"])
def test_equals_refitting(iris, n_deleted, how):
    X, y = iris
    clf = ridge().fit(X, y)
    rows = np.random.default_rng(n_deleted).choice(len(X), n_deleted, replace=False)
    requests = {"together": [rows], "one by one": rows[:, None], "backwards": rows[::-1, None]}
    for request in requests[how]:
        clf.unlearn(X[request], strategy="exact_downdate")
    staying = np.delete(np.arange(len(X)), rows)
    refitted = ridge().fit(X[staying], y[staying], classes=np.unique(y))
    np.testing.assert_allclose(clf.params_, refitted.params_, rtol=0, atol=1e-8)
    assert not clf.is_member(X[rows]).any()


def test_equals_refitting_with_sample_and_class_weights(iris):
    X, y = iris
    weights = np.random.default_rng(1).uniform(0.2, 3.0, len(X))
    clf = ridge(class_weight={0: 2.0, 2: 0.5}).fit(X, y, sample_weight=weights)
    for row in range(10):
        clf.unlearn(X[[row]], strategy="exact_downdate")
    refitted = clone(clf).fit(X[10:], y[10:], sample_weight=weights[10:])
    np.testing.assert_allclose(clf.params_, refitted.params_, rtol=0, atol=1e-8)


def test_equals_refitting_after_a_whole_class(iris):
    X, y = iris
    clf = ridge().fit(X, y).unlearn(X[y == 1], strategy=ExactDowndate())
    refitted = ridge().fit(X[y != 1], y[y != 1], classes=[0, 1, 2])
    np.testing.assert_allclose(clf.params_, refitted.params_, rtol=0, atol=1e-8)
    assert clf.unlearning_log_[-1]["classes_removed"] == [1]


@pytest.mark.parametrize("store_data", ["fingerprints", "none"])
def test_needs_no_stored_rows(iris, store_data):
    X, y = iris
    key = {"fingerprint_key": KEY} if store_data == "fingerprints" else {}
    clf = ridge(store_data=store_data).fit(X, y, **key)
    clf.unlearn(X[:10], y[:10], strategy="exact_downdate", **key)
    refitted = ridge().fit(X[10:], y[10:])
    np.testing.assert_allclose(clf.params_, refitted.params_, rtol=0, atol=1e-8)
    said = {a["text"]: a["checked"] for a in clf.unlearning_log_[-1]["certificate"]["assumptions"]}
    assert said["the rows were trained on"] is (store_data == "fingerprints")


def test_refuses_unknown_weights(iris):
    X, y = iris
    clf = ridge(store_data="none").fit(X, y, sample_weight=np.linspace(1, 2, len(X)))
    before = clf.params_
    with pytest.raises(ValueError, match="kept none of them"):
        clf.unlearn(X[:1], y[:1], strategy="exact_downdate")
    assert clf.params_ is before


def test_refuses_rows_whose_absence_no_data_could_explain(iris):
    X, y = iris
    clf = ridge(store_data="none").fit(X[:5], y[:5], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="cannot have been trained on"):
        clf.unlearn(X[50:54], y[50:54], strategy="exact_downdate")


def test_refuses_circuit_weights_that_saw_the_rows(iris):
    X, y = iris
    clf = QNNClassifier(max_iter=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="cannot vouch for circuit weights that were trained"):
        clf.unlearn(X[:1], strategy="exact_downdate")


def test_refuses_another_head(iris):
    X, y = iris
    clf = ridge(head="logistic", objective_noise=1.0).fit(X, y)
    with pytest.raises(ValueError, match="needs a ridge head"):
        clf.unlearn(X[:1], strategy="exact_downdate")


def test_refuses_features_of_another_backend(iris):
    X, y = iris
    turned = ridge(circuit_weights=np.zeros(12)).fit(X, y)
    turned.params_ = turned.params_.copy()
    turned.params_[0] += 0.3  # as another device would turn the state
    with pytest.raises(ValueError, match="backend that is set now gives others"):
        turned.unlearn(X[:1], strategy="exact_downdate")


def test_refuses_features_with_sampling_noise(iris):
    X, y = iris
    sampled = AerBackend(shots=64)
    noisy_fit = ridge(backend=sampled).fit(X[:20], y[:20])
    noisy_fit.set_params(backend="statevector")
    with pytest.raises(ValueError, match="a sampled backend draws new ones"):
        noisy_fit.unlearn(X[:1], strategy="exact_downdate")
    noisy_now = ridge().fit(X, y).set_params(backend=sampled)
    with pytest.raises(ValueError, match="a sampled backend draws new ones"):
        noisy_now.unlearn(X[:1], strategy="exact_downdate")


def test_refuses_a_head_that_another_strategy_moved(iris):
    X, y = iris
    clf = ridge().fit(X, y).unlearn(X[:1], strategy="fine_tune")
    with pytest.raises(ValueError, match="another strategy has moved the head"):
        clf.unlearn(X[1:2], strategy="exact_downdate")
    clf.unlearn(X[1:2], strategy="retrain").unlearn(X[2:3], strategy="exact_downdate")


def test_balanced_class_weights_are_refused_by_fit(iris):
    with pytest.raises(ValueError, match="no row can be taken out"):
        ridge(class_weight="balanced").fit(*iris)


def test_asking_twice_says_so_and_changes_nothing(iris):
    X, y = iris
    clf = ridge().fit(X, y).unlearn(X[:3], strategy="exact_downdate")
    before = clf.params_
    with pytest.raises(AlreadyForgottenError):
        clf.unlearn(X[:3], strategy="exact_downdate")
    assert clf.params_ is before


def test_objective_noise_is_what_certified_removal_misses(iris):
    X, y = iris
    clf = ridge(head="logistic").fit(X, y)
    with pytest.raises(MemberRecordError, match="objective_noise"):
        clf.unlearn(X[:1], strategy="certified_removal")
