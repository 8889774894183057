"""Classifiers of quantum states, and the published network of fixed readout.

This file looks inside.
"""

import copy
import warnings

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Statevector
from sklearn.base import clone

import skqmu
from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier
from skqmu.datasets import corrupt, make_tfim, make_xxz, row_states
from skqmu.exceptions import CircuitError, InputRowsError
from skqmu.privacy import DifferentialPrivacy
from skqmu.unlearning import STRATEGIES

DATA = make_xxz(40, n_qubits=4)
PUBLISHED = {
    "encoding": "state",
    "ansatz": "rotations_rzz",
    "n_layers": 2,
    "observables": ["ZIII"],
    "head": "fixed",
    "head_gain": 5.0,
    "initial_std": 0.01,
    "learning_rate_init": 0.03,
    "max_iter": 20,
    "random_state": 0,
}
# What the parts that are fixed or trained in another way take the place of.
WITHOUT = {"head": "softmax", "head_gain": 1.0, "observables": "zz"}


def published(**changed):
    return QNNClassifier(**{**PUBLISHED, **changed})


@pytest.fixture(scope="module")
def fitted():
    return quietly(published(log_updates=True).fit, DATA.X, DATA.y)


def quietly(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def by_qiskit(states, weights, n_qubits, n_layers):
    """p(1) = sigmoid(5 <Z on the last qubit>), the circuit gate by gate."""
    circuit, angles = QuantumCircuit(n_qubits), iter(weights)
    for _ in range(n_layers):
        for q in range(n_qubits):
            circuit.rx(next(angles), q)
            circuit.ry(next(angles), q)
            circuit.rx(next(angles), q)
        for q in range(n_qubits):
            circuit.rzz(next(angles), q, (q + 1) % n_qubits)
    assert next(angles, None) is None
    z = [
        Statevector(state).evolve(circuit).probabilities([n_qubits - 1]) @ [1, -1]
        for state in states
    ]
    return 1 / (1 + np.exp(-5 * np.array(z)))


def test_the_published_network_is_its_parts(fitted):
    proba = fitted.predict_proba(DATA.X[::7])
    expected = by_qiskit(row_states(DATA.X[::7]), fitted.params_, 4, 2)
    np.testing.assert_allclose(proba[:, 1], expected, rtol=0, atol=1e-10)
    assert fitted.n_qubits_ == 4
    assert fitted.score(DATA.X, DATA.y) > 0.8
    assert fitted.input_scale_ is None


@pytest.mark.parametrize(
    ("n_qubits", "n_layers", "encoding", "n_weights"),
    [(12, 4, "state", 192), (10, 6, "unnormalised", 240)],
)
def test_the_published_sizes(n_qubits, n_layers, encoding, n_weights):
    n_features = 2 ** (n_qubits + (encoding == "state"))
    X = np.random.default_rng(0).normal(size=(6, n_features))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    clf = published(
        encoding=encoding, n_layers=n_layers, observables=["Z" + "I" * (n_qubits - 1)],
        max_iter=1, learning_rate_init=1e-9,
    )  # fmt: skip
    quietly(clf.fit, X, [0, 1] * 3)
    assert clf.n_qubits_ == n_qubits
    assert clf.params_.shape == (n_weights,)
    # the start, which that rate does not leave: normal with deviation .01
    assert abs(clf.params_.mean()) < 0.01 * 4 / np.sqrt(n_weights)
    assert clf.params_.std() == pytest.approx(0.01, rel=4 / np.sqrt(2 * n_weights))


def test_a_fixed_head_of_many_classes_reads_one_observable_each():
    X = np.random.default_rng(1).normal(size=(30, 3))
    y = X.argmax(axis=1)
    clf = QNNClassifier(
        head="fixed", head_gain=4.0, observables="z", n_qubits=3, max_iter=3, random_state=0
    )
    quietly(clf.fit, X, y)
    twin = QNNClassifier(observables="z", n_qubits=3, max_iter=3, random_state=0)
    layer = clf._network().layers[1]
    values = clf._network().outputs(clf.params_, X, n_layers=2)
    assert type(layer).__name__ == "QuantumLayer"
    expected = np.exp(4 * values) / np.exp(4 * values).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=0, atol=1e-12)
    assert len(quietly(twin.fit, X, y).params_) == len(clf.params_) + 4 * 3


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_mechanism_either_runs_on_states_or_says_why_not(fitted, name):
    clf = copy.deepcopy(fitted).set_params(unlearning=name)
    cannot = {
        "certified_removal": "objective_noise",
        "exact_downdate": "cannot vouch for circuit weights",
        "last_layer_refit": "ends in FixedGain",
        "private_by_training": "not trained so",
        "statistics_downdate": "keeps none",
    }
    if name in cannot:
        with pytest.raises(ValueError, match=cannot[name]):
            clf.unlearn(index=[1, 2])
        return
    quietly(clf.unlearn, index=[1, 2])
    assert clf.unlearning_log_[-1]["status"] in ("done", "short of target")
    assert not clf.is_member(DATA.X[1:2])[0]
    assert np.isfinite(clf.predict_proba(DATA.X)).all()


def test_what_is_made_up_beside_states_is_a_state():
    network = quietly(published(max_iter=1).fit, DATA.X, DATA.y)._network()
    rng = np.random.default_rng(0)
    moved = network.nearest_inputs(DATA.X + rng.normal(size=DATA.X.shape))
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-14)
    other = published(encoding="amplitude", max_iter=1)
    quietly(other.fit, DATA.X[:, :16], DATA.y)
    rows = DATA.X[:, :16] * 3
    assert other._network().nearest_inputs(rows) is rows


def test_solved_heads_linear_losses_and_private_fits_take_states():
    for changed, strategy, kind in (
        ({"trainable": "head", "head": "ridge"}, "exact_downdate", "exact"),
        (
            {"trainable": "head", "head": "logistic", "objective_noise": 0.1},
            "certified_removal",
            "certified",
        ),
        ({"loss": "linear"}, "statistics_downdate", "exact"),
    ):
        clf = published(**{**WITHOUT, **changed}, unlearning=strategy)
        quietly(clf.fit, DATA.X, DATA.y)
        quietly(clf.unlearn, index=[0, 39])
        assert clf.unlearning_log_[-1]["kind"] == kind
    private = published(privacy=DifferentialPrivacy(3.0, classes=[0, 1]), max_iter=2)
    quietly(private.fit, DATA.X, DATA.y)
    assert 0 < private.epsilon_ <= 3.0


def test_statistics_of_states_give_the_loss_of_the_rows():
    clf = quietly(published(**WITHOUT, loss="linear").fit, DATA.X, DATA.y)
    states = row_states(DATA.X)
    expected = [states[k].T @ states[k].conj() for k in (DATA.y == 0, DATA.y == 1)]
    np.testing.assert_allclose(clf.class_statistics_, expected, rtol=0, atol=1e-10)


def test_states_in_shards_files_clones_and_further_passes(tmp_path, fitted):
    skqmu.save(fitted, tmp_path / "model.skops")
    again = skqmu.load(tmp_path / "model.skops")
    np.testing.assert_array_equal(again.predict_proba(DATA.X), fitted.predict_proba(DATA.X))
    twin = quietly(clone(fitted).fit, DATA.X, DATA.y)
    np.testing.assert_array_equal(twin.params_, fitted.params_)
    shards = ShardedClassifier(published(max_iter=2), n_shards=2, random_state=0)
    quietly(shards.fit, DATA.X, DATA.y)
    quietly(shards.unlearn, index=[3])
    further = published()
    quietly(further.partial_fit, DATA.X, DATA.y, classes=[0, 1])
    assert further.n_iter_ == 1


@pytest.mark.parametrize("encoding", ["state", "unnormalised"])
def test_many_models_side_by_side_are_those_of_single_fits(encoding):
    X = DATA.X if encoding == "state" else DATA.X[:, :16] * np.linspace(1, 3, 40)[:, None]
    models = [published(encoding=encoding, random_state=s, max_iter=3) for s in range(3)]
    alone = [quietly(clone(model).fit, X, DATA.y) for model in models]
    quietly(QNNClassifier.fit_many, models, [X] * 3, [DATA.y] * 3)
    for one, other in zip(models, alone, strict=True):
        np.testing.assert_array_equal(one.params_, other.params_)


def test_a_fitted_circuit_is_a_circuit_of_ones_own(fitted):
    """Its rows are known to be states, by the gate that takes them."""
    clf = published(encoding="angle", ansatz="strong", n_layers=None, unlearning="fine_tune")
    clf.set_params(circuit=fitted.circuit_, inputs="x", max_iter=2)
    quietly(clf.fit, DATA.X, DATA.y)
    assert clf._network().layers[0].unit_inputs
    quietly(clf.unlearn, index=[5])
    assert clf.unlearning_log_[-1]["status"] == "done"


def test_the_answers_do_not_see_a_global_phase(fitted):
    states = row_states(DATA.X[:5]) * np.exp(1.3j)
    X = skqmu.datasets.state_rows(states)
    np.testing.assert_allclose(
        fitted.predict_proba(X), fitted.predict_proba(DATA.X[:5]), rtol=0, atol=1e-12
    )


def test_measured_answers_equal_exact_ones(fitted):
    clf = copy.deepcopy(fitted)
    exact = clf.predict_proba(DATA.X[:6])
    clf.set_params(backend="aer")
    np.testing.assert_allclose(clf.predict_proba(DATA.X[:6]), exact, rtol=0, atol=1e-10)


def test_rows_that_are_no_states_are_named():
    X = DATA.X.copy()
    X[17] *= 1.5
    with pytest.raises(InputRowsError, match=r"the norm is 1\.5 .*row 17"):
        quietly(published(batch_size=8).fit, X, DATA.y)
    with pytest.raises(CircuitError, match=r"takes 64 features, 32 real parts.*got 33"):
        quietly(published(observables=["ZIIII"]).fit, np.ones((4, 33)), [0, 1, 0, 1])
    way_out = r"Complex data not supported: .* skqmu\.datasets\.state_rows\(X\)"
    for states in (row_states(DATA.X), [Statevector(state) for state in row_states(DATA.X)]):
        with pytest.raises(ValueError, match=way_out):
            quietly(published().fit, states, DATA.y)
    with pytest.raises(ValueError, match=way_out):
        corrupt(row_states(DATA.X), DATA.y)
    with pytest.raises(ValueError, match="no angle"):
        quietly(published(input_scale=1.0).fit, DATA.X, DATA.y)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"head_gain": 2.0, "head": "softmax", "observables": "z"}, "head_gain=2.0 belongs to"),
        ({"trainable": "head"}, "nothing to train"),
        ({"alpha": 0.1}, "penalises the kernel"),
        ({"observables": "z"}, r"observables has 4\. .*\['ZIII'\]"),
        ({"loss": "linear"}, "loss='linear' reads probabilities"),
        ({"encoding": "unnormalised", "backend": "aer"}, "backend='aer' prepares states"),
        ({**WITHOUT, "encoding": "unnormalised", "loss": "linear"}, "loss='linear' reads"),
        (
            {**WITHOUT, "encoding": "unnormalised", "trainable": "head", "head": "ridge"},
            "rests on expectation values between -1 and 1",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(changed, message):
    clf = published(**changed)
    X = DATA.X[:, :16] if changed.get("encoding") == "unnormalised" else DATA.X
    with pytest.raises(ValueError, match=message):
        clf.fit(X, DATA.y)


@pytest.mark.parametrize("encoding", ["state", "unnormalised"])
def test_a_front_end_makes_no_states(encoding):
    with pytest.raises(ValueError, match="a front-end would change them"):
        HybridQNNClassifier(encoding=encoding).fit(DATA.X, DATA.y)


def test_three_classes_of_states():
    data = make_tfim(30, n_qubits=3)
    y = np.repeat([0, 1, 2], 10)
    clf = QNNClassifier(encoding="state", n_layers=1, max_iter=5, random_state=0)
    assert quietly(clf.fit, data.X, y).predict_proba(data.X).shape == (30, 3)
