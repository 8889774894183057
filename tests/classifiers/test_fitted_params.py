"""What is set after fit acts at the next fit: a deletion goes by what the model was fitted with.

This file looks inside.
"""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skqmu
from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu._same_state import same_state
from skqmu.backends import StatevectorBackend
from skqmu.circuits import ansatze, build_circuit
from skqmu.privacy import DifferentialPrivacy

rng = np.random.default_rng(7)
Y = np.arange(30) % 3
X = rng.normal(size=(30, 4)) * 0.4 + rng.normal(size=(3, 4))[Y]
GONE = [4, 17]

# Another valid value of every parameter: a new one must be given one here.
OTHER = {
    "encoding": "angle_xyz",
    "input_scale": 0.6,
    "ansatz": next(name for name in ansatze() if name not in ("strong", "rotations_cz")),
    "n_qubits": 3,
    "n_layers": 2,
    "entanglement": "linear",
    "reuploading": True,
    "circuit": (WHOLE := build_circuit("angle", "strong", n_features=4, n_qubits=4)),
    "inputs": list(WHOLE.inputs),
    "observables": "z",
    "trainable": "all",
    "circuit_weights": np.full(24, 0.3),
    "initial_std": 0.3,
    "head": "softmax",
    "head_gain": 2.5,
    "head_penalty": 50.0,
    "objective_noise": 0.7,
    "solver": "sgd",
    "learning_rate_init": 0.4,
    "batch_size": 3,
    "max_iter": 1,
    "alpha": 8.0,
    "tol": 5.0,
    "n_iter_no_change": 1,
    "early_stopping": True,
    "validation_fraction": 0.4,
    "momentum": 0.1,
    "nesterovs_momentum": False,
    "beta_1": 0.2,
    "beta_2": 0.3,
    "epsilon": 0.5,
    "class_weight": {0: 9.0},
    "loss": "linear",
    "privacy": DifferentialPrivacy(0.5, classes="public"),
    "warm_start": True,
    "store_data": "fingerprints",
    "log_updates": True,
    "checkpoint": "elsewhere",
    "random_state": 99,
    "verbose": 0,
    "front_end": "none",
    "front_layers": (3, "relu"),
    "image_shape": (2, 2),
    "dtype": "float64",
    "reset": "all",
    "head_layers": (5, "tanh"),
    "core": "dense",
    # of the meta-estimators
    "estimator": KNeighborsClassifier(1),
    "n_shards": 7,
    "n_slices": 1,
    "checkpoint_dir": "elsewhere",
    "n_jobs": 1,
    "n_oracles": 2,
    "memory": None,
}
# They act at once, as documented.
LIVE = {"backend", "unlearning", "strategy", "aggregation"}

QUICK = {"n_layers": 1, "max_iter": 3, "random_state": 0}
MODELS = {
    "adam": QNNClassifier(batch_size=8, alpha=0.1, **QUICK),
    "sgd": QNNClassifier(solver="sgd", batch_size=8, early_stopping=True, **QUICK),
    "weighted": QNNClassifier(class_weight={1: 3.0}, n_qubits=2, **QUICK),
    "ridge": QNNClassifier(trainable="head", head="ridge", class_weight={2: 2.0}, **QUICK),
    "logistic": QNNClassifier(
        trainable="head", head="logistic", objective_noise=0.2, head_penalty=0.3, **QUICK
    ),
    "linear": QNNClassifier(loss="linear", **QUICK),
    "fixed": QNNClassifier(
        head="fixed", head_gain=3.0, observables="z", n_qubits=3, initial_std=0.2, **QUICK
    ),
    "hybrid": HybridQNNClassifier(n_qubits=2, head_layers=(4, "relu"), **QUICK),
    "shards": ShardedClassifier(
        LogisticRegression(max_iter=50), n_shards=2, n_slices=2, random_state=0
    ),
    "experiment": UnlearningClassifier(QNNClassifier(n_qubits=2, **QUICK), random_state=0),
}
CASES = [
    (model, name)
    for model, estimator in MODELS.items()
    for name in estimator.get_params(deep=False)
    if name not in LIVE
]


@pytest.fixture(scope="module")
def fitted():
    """Fitted models, and what they are after the request, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: (model := clone(estimator).fit(X, Y), forget(copy.deepcopy(model)))
            for name, estimator in MODELS.items()
        }


def forget(model, **request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.unlearn(index=GONE, **request)


def certified(model):
    certificate = model.unlearning_log_[-1]["certificate"]
    return certificate is not None and certificate["kind"] == "exact"


@pytest.mark.parametrize(("model", "name"), CASES)
def test_a_parameter_that_is_set_after_fit_changes_no_deletion(fitted, model, name):
    before, undisturbed = fitted[model]
    clf = copy.deepcopy(before).set_params(**{name: OTHER[name]})
    np.testing.assert_array_equal(clf.predict_proba(X), before.predict_proba(X))
    forget(clf)
    np.testing.assert_array_equal(clf.predict_proba(X), undisturbed.predict_proba(X))
    assert certified(clf)
    assert certified(undisturbed)
    assert clf.get_params(deep=False)[name] is OTHER[name]


@pytest.mark.parametrize("name", list(MODELS["adam"].get_params(deep=False)))
@pytest.mark.parametrize("strategy", ["fine_tune", "selective_dampening"])
def test_nor_does_it_change_one_by_steps(fitted, strategy, name):
    if name in LIVE:
        return
    for model in ("adam", "sgd"):
        before, _ = fitted[model]
        undisturbed = forget(copy.deepcopy(before), strategy=strategy)
        clf = forget(copy.deepcopy(before).set_params(**{name: OTHER[name]}), strategy=strategy)
        np.testing.assert_array_equal(clf.params_, undisturbed.params_)


def test_all_at_once_and_after_pickling(fitted):
    for model, (before, undisturbed) in fitted.items():
        clf = copy.deepcopy(before)
        names = [n for m, n in CASES if m == model and n not in ("trainable", "head")]
        clf = pickle.loads(pickle.dumps(clf.set_params(**{n: OTHER[n] for n in names})))
        forget(clf)
        np.testing.assert_array_equal(clf.predict_proba(X), undisturbed.predict_proba(X))


def test_it_acts_at_the_next_fit(fitted):
    before, _ = fitted["shards"]
    clf = copy.deepcopy(before).set_params(n_shards=3, n_slices=1, estimator__C=0.01).fit(X, Y)
    fresh = ShardedClassifier(LogisticRegression(max_iter=50, C=0.01), n_shards=3, random_state=0)
    np.testing.assert_array_equal(clf.predict_proba(X), fresh.fit(X, Y).predict_proba(X))
    clf = copy.deepcopy(fitted["adam"][0]).set_params(n_layers=2, alpha=0.0).fit(X, Y)
    fresh = clone(MODELS["adam"]).set_params(n_layers=2, alpha=0.0).fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), fresh.predict_proba(X))


def test_partial_fit_goes_by_what_is_set_now_as_in_scikit_learn():
    clf = QNNClassifier(n_layers=1, random_state=0).partial_fit(X, Y, [0, 1, 2])
    slow, fast = (
        copy.deepcopy(clf).set_params(learning_rate_init=rate).partial_fit(X, Y).params_
        for rate in (1e-9, 0.5)
    )
    assert np.abs(slow - clf.params_).max() < 1e-6 < 0.1 < np.abs(fast - clf.params_).max()


def test_the_deletion_after_partial_fit_goes_by_the_last_call():
    make = lambda: QNNClassifier(n_layers=1, max_iter=2, random_state=0)  # noqa: E731
    clf = make().partial_fit(X, Y, [0, 1, 2]).set_params(learning_rate_init=0.3).partial_fit(X, Y)
    clf = clf.set_params(learning_rate_init=1e-9).unlearn(index=GONE, strategy=retrain_same())
    alone = make().set_params(learning_rate_init=0.3).fit(*without(GONE))
    np.testing.assert_array_equal(clf.params_, alone.params_)


def retrain_same():
    from skqmu.unlearning import Retrain

    return Retrain("same")


def without(rows):
    return np.delete(X, rows, axis=0), np.delete(Y, rows)


def test_objects_that_are_changed_in_place_after_fit_are_the_users_own():
    weights, layers = {0: 1.0, 1: 1.0, 2: 1.0}, [4, "relu"]
    estimator = HybridQNNClassifier(head_layers=layers, class_weight=weights, n_qubits=2, **QUICK)
    clf, twin = clone(estimator), clone(estimator)
    clf.set_params(head_layers=layers, class_weight=weights).fit(X, Y)
    expected = twin.fit(X, Y).unlearn(index=GONE).predict_proba(X)
    weights[0] = 100.0
    layers[0] = 9
    np.testing.assert_array_equal(clf.unlearn(index=GONE).predict_proba(X), expected)
    inner = LogisticRegression()
    shards = ShardedClassifier(inner, n_shards=2, random_state=0).fit(X, Y)
    expected = copy.deepcopy(shards).unlearn(index=GONE).predict_proba(X)
    inner.set_params(C=1e-6)
    np.testing.assert_array_equal(shards.unlearn(index=GONE).predict_proba(X), expected)


def test_a_pipeline_refitted_behind_new_steps_goes_by_them_too():
    model = make_pipeline(StandardScaler(), QNNClassifier(**QUICK)).fit(X, Y)
    rest = dict(zip(("X_retain", "y_retain"), without(GONE), strict=True), upstream="refit")
    undisturbed = skqmu.unlearn(copy.deepcopy(model), X[GONE], **rest).predict_proba(X)
    model.set_params(qnnclassifier__alpha=9.0, qnnclassifier__n_layers=2)
    skqmu.unlearn(model, X[GONE], **rest)
    np.testing.assert_array_equal(model.predict_proba(X), undisturbed)
    assert model[-1].get_params()["alpha"] == 9.0


def test_what_may_change_after_fit_acts_at_once(fitted):
    clf = copy.deepcopy(fitted["adam"][0])
    clf.set_params(unlearning="fine_tune", backend=StatevectorBackend(dtype="complex64"))
    assert forget(clf).unlearning_log_[-1]["strategy"] == "FineTune"
    assert clf.backend_.dtype == "complex64"


def test_a_released_copy_predicts_as_before_whatever_was_set(fitted):
    before, _ = fitted["hybrid"]
    clf = copy.deepcopy(before).set_params(front_end="none", image_shape=(2, 2), n_qubits=3)
    np.testing.assert_array_equal(clf.release().predict_proba(X), before.predict_proba(X))


def test_setting_parameters_is_no_part_of_the_fitted_state(fitted):
    clf = copy.deepcopy(fitted["adam"][0])
    state = {n: v for n, v in vars(copy.deepcopy(clf)).items() if n not in clf.get_params()}
    clf.set_params(alpha=3.0, ansatz="real_amplitudes")
    after = {n: v for n, v in vars(clf).items() if n not in clf.get_params()}
    assert same_state(state, after) is None
