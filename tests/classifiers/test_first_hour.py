"""The obvious pipeline learns at defaults, or says before the fact why it cannot."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_circles
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale

from skqmu import HybridQNNClassifier, QNNClassifier
from skqmu.backends import AerBackend
from skqmu.exceptions import EncodingWarning
from skqmu.unlearning import FineTune, SelectiveDampening

BOTH = [QNNClassifier, HybridQNNClassifier]
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
QUIET = {"max_iter": 5, "random_state": 0}


def digits(n_rows=600):
    X, y = load_digits(return_X_y=True)
    return X[:n_rows], y[:n_rows]


# --------------------------------------------------------------------- defaults that learn


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("data", "steps", "enough"),
    [
        (load_wine(return_X_y=True), [StandardScaler(), PCA(6)], 0.93),
        (load_breast_cancer(return_X_y=True), [StandardScaler(), PCA(8)], 0.93),
        (digits(), [StandardScaler(), PCA(8)], 0.75),
        (make_circles(300, noise=0.1, factor=0.5, random_state=1), [StandardScaler()], 0.95),
    ],
    ids=["wine", "breast_cancer", "digits", "circles"],
)
def test_principal_components_without_another_scaler_are_learned_without_a_warning(
    kind, data, steps, enough
):
    model = make_pipeline(*steps, kind(random_state=0))
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cross_val_score(model, *data, cv=folds).mean() >= enough


def test_one_outlier_of_a_million_changes_next_to_nothing():
    X, y = load_wine(return_X_y=True)
    X = scale(X)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
    spoilt = X.copy()
    spoilt[3, 2] = 1e6
    clean = QNNClassifier(random_state=0).fit(X, y).score(X_test, y_test)
    assert QNNClassifier(random_state=0).fit(spoilt, y).score(X_test, y_test) >= clean - 0.05


def test_a_constant_feature_changes_nothing_that_matters():
    X = np.column_stack([scale(X_IRIS), np.full(150, 7.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert QNNClassifier(random_state=0).fit(X, Y_IRIS).score(X, Y_IRIS) >= 0.93


def test_large_features_of_either_sign_are_told_apart_all_the_same():
    X, y = load_wine(return_X_y=True)
    model = make_pipeline(
        StandardScaler(), FunctionTransformer(lambda X: 50 * X), QNNClassifier(random_state=0)
    )
    with pytest.warns(EncodingWarning):
        scores = cross_val_score(model, X, y, cv=StratifiedKFold(2, shuffle=True, random_state=0))
    assert scores.mean() >= 0.8


# ------------------------------------------------------------------- warnings before the fact


@pytest.mark.parametrize("kind", BOTH)
def test_features_a_thousand_times_too_large_are_named_before_training(kind):
    X = 1000 * scale(load_wine(return_X_y=True)[0])
    with pytest.warns(EncodingWarning, match="StandardScaler") as told:
        kind(**QUIET).fit(X, load_wine().target)
    assert sum(issubclass(w.category, EncodingWarning) for w in told) == 1


def test_the_warning_names_the_columns_that_are_at_fault():
    frame = pd.DataFrame(scale(X_IRIS), columns=["a", "b", "c", "d"])
    frame["c"] = 5000 + frame["c"]
    with pytest.warns(EncodingWarning, match=r"1 of 4 features.*values of c \(5e\+03 to"):
        QNNClassifier(**QUIET).fit(frame, Y_IRIS)


def test_without_a_scale_features_beyond_a_period_are_named():
    components = PCA(3).fit_transform(scale(load_breast_cancer().data))
    with pytest.warns(EncodingWarning, match=r"period of encoding='angle' \(6.28\)"):
        QNNClassifier(input_scale=None, **QUIET).fit(components, load_breast_cancer().target)
    with warnings.catch_warnings():
        warnings.simplefilter("error", EncodingWarning)
        QNNClassifier(input_scale=None, **QUIET).fit(scale(X_IRIS), Y_IRIS)


def own_circuit(angle=lambda feature: feature, turn=QuantumCircuit.ry):
    circuit = QuantumCircuit(4)
    for qubit in range(4):
        turn(circuit, angle(Parameter(f"x{qubit}")), qubit)
        circuit.rx(Parameter(f"w{qubit}"), qubit)
    return circuit


def test_in_a_circuit_of_ones_own_features_beyond_a_period_are_named():
    X = scale(X_IRIS)
    X[:, 2] *= 10
    with pytest.warns(EncodingWarning, match=r"1 of 4 features .* values of 2 .*\(6\.28\)"):
        QNNClassifier(circuit=own_circuit(), **QUIET).fit(X, Y_IRIS)
    twice = own_circuit(lambda feature: 2 * feature)
    with pytest.warns(EncodingWarning, match=r"1 of 4 features .* values of 2 .*\(3\.14\)"):
        QNNClassifier(circuit=twice, **QUIET).fit(X, Y_IRIS)


@pytest.mark.parametrize(
    ("circuit", "factor"),
    [
        (own_circuit(), 1),
        (own_circuit(lambda feature: feature / 10), 10),
        (own_circuit(turn=lambda circuit, angle, q: circuit.cry(angle, q, (q + 1) % 4)), 3),
        (own_circuit(lambda feature: feature.arctan()), 100),
    ],
    ids=["within", "scaled inside", "controlled", "bounded inside"],
)
def test_features_whose_period_is_another_are_left_alone(circuit, factor):
    with warnings.catch_warnings():
        warnings.simplefilter("error", EncodingWarning)
        QNNClassifier(circuit=circuit, **QUIET).fit(factor * scale(X_IRIS), Y_IRIS)


def test_a_circuit_that_only_its_backend_holds_is_fitted_and_not_warned_of():
    circuit = QuantumCircuit(40)
    circuit.compose(own_circuit(), range(4), inplace=True)
    backend = AerBackend(method="matrix_product_state", shots=20)
    clf = QNNClassifier(circuit=circuit, backend=backend, observables="z", solver="spsa", **QUIET)
    with warnings.catch_warnings():
        warnings.simplefilter("error", EncodingWarning)
        clf.fit(10 * scale(X_IRIS)[::30], Y_IRIS[::30])
    assert len(clf.predict(X_IRIS[:2])) == 2


def test_a_fit_that_learned_nothing_says_so():
    X = np.zeros((60, 3))
    y = np.arange(60) % 3
    with pytest.warns(ConvergenceWarning, match="guessing by class frequency has 1.1"):
        QNNClassifier(random_state=0).fit(X, y)


def test_a_fit_cut_short_says_so_and_one_on_its_plateau_does_not():
    X = scale(X_IRIS)
    with pytest.warns(ConvergenceWarning, match="max_iter=12 was reached far from a plateau"):
        QNNClassifier(max_iter=12, random_state=0).fit(X, Y_IRIS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        QNNClassifier(random_state=0).fit(X, Y_IRIS)


def test_retraining_and_single_passes_do_not_repeat_the_warnings():
    X = 1000 * scale(X_IRIS)
    with pytest.warns(EncodingWarning):
        clf = QNNClassifier(**QUIET).fit(X, Y_IRIS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.unlearn(index=[0])
        clf.partial_fit(X[1:], Y_IRIS[1:])


# ------------------------------------------------------------------------ the input scale


def test_the_scale_is_a_parameter_that_training_moves_and_nothing_is_fitted_to_the_data():
    X = scale(X_IRIS)
    start = QNNClassifier(max_iter=1, learning_rate_init=1e-12, random_state=0).fit(X, Y_IRIS)
    np.testing.assert_allclose(start.input_scale_, 1.0)
    clf = QNNClassifier(max_iter=20, random_state=0).fit(X, Y_IRIS)
    assert clf.input_scale_.shape == (4,)
    assert (clf.input_scale_ != 1.0).all()
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.input_scale_, clf.input_scale_)
    np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))


def test_a_circuit_trained_elsewhere_comes_with_its_scales():
    X = scale(X_IRIS)
    trained = QNNClassifier(max_iter=30, random_state=0).fit(X[::2], Y_IRIS[::2])
    head = QNNClassifier(
        trainable="head",
        head="ridge",
        circuit_weights=trained.circuit_weights_,
        input_scale=trained.input_scale_,
    ).fit(X[1::2], Y_IRIS[1::2])
    np.testing.assert_allclose(head.input_scale_, trained.input_scale_)
    assert head.score(X, Y_IRIS) >= 0.9
    clone(head).fit(X, Y_IRIS)


def test_a_trained_head_leaves_the_scale_where_it_is():
    clf = QNNClassifier(trainable="head", max_iter=5, random_state=0).fit(X_IRIS, Y_IRIS)
    np.testing.assert_array_equal(clf.input_scale_, 1.0)


@pytest.mark.parametrize("strategy", [SelectiveDampening(alpha=1e-9, lam=0.01), FineTune(l1=0.5)])
def test_dampening_and_sparsity_do_not_pull_the_scale_to_its_start(strategy):
    clf = QNNClassifier(max_iter=40, random_state=0).fit(scale(X_IRIS), Y_IRIS)
    before = np.log(clf.input_scale_)
    clf.unlearn(index=range(5), strategy=strategy)
    after = np.log(clf.input_scale_)
    assert np.abs(after).sum() > 0.8 * np.abs(before).sum()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"encoding": "amplitude"}, None),
        ({"input_scale": None}, None),
        ({"input_scale": 0.25}, np.full(4, 0.25)),
        ({"input_scale": [1, 2, 3, 4]}, np.array([1.0, 2.0, 3.0, 4.0])),
        ({"encoding": "iqp", "input_scale": 2.0}, np.full(4, 2.0)),
    ],
)
def test_fixed_scales_are_what_was_asked_for(parameters, expected):
    clf = QNNClassifier(**parameters, **QUIET).fit(scale(X_IRIS) / 2, Y_IRIS)
    if expected is None:
        assert clf.input_scale_ is None
    else:
        np.testing.assert_array_equal(clf.input_scale_, expected)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"input_scale": [1.0, 2.0]}, "each of the 4 inputs"),
        ({"input_scale": [1.0, 2.0, -1.0, 1.0]}, "positive"),
        ({"input_scale": "learnt"}, "input_scale"),
        ({"input_scale": "learned", "encoding": "amplitude"}, "norm"),
    ],
)
def test_a_scale_that_cannot_be_is_refused_by_name(parameters, message):
    for kind in BOTH:
        if kind is HybridQNNClassifier:
            parameters = {"front_end": "none", **parameters}
        with pytest.raises(ValueError, match=message):
            kind(**parameters, **QUIET).fit(X_IRIS, Y_IRIS)


def test_the_study_s_squashing_is_one_value_away():
    X = scale(X_IRIS)
    ours = HybridQNNClassifier(**QUIET).fit(X, Y_IRIS)
    theirs = HybridQNNClassifier(input_scale=None, **QUIET).fit(X, Y_IRIS)
    names = [layer.name for layer in theirs._network().layers]
    assert "pi_tanh" in names
    assert "input_scale" not in names
    assert (ours.predict_proba(X) != theirs.predict_proba(X)).any()


def test_learned_scales_train_on_a_sampled_backend_too():
    X = scale(X_IRIS)[::10]
    clf = QNNClassifier(
        n_qubits=2, n_layers=1, backend=AerBackend(shots=200), max_iter=3, random_state=0
    )
    cost = clf.estimate_cost(X, Y_IRIS[::10])
    clf.fit(X, Y_IRIS[::10])
    assert (clf.input_scale_ != 1.0).all()
    assert cost["circuits"] == clf.fit_cost_["circuits"]
    fixed = clone(clf).set_params(input_scale=1.0).fit(X, Y_IRIS[::10])
    assert fixed.fit_cost_["circuits"] < clf.fit_cost_["circuits"]
