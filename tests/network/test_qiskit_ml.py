"""Networks of qiskit-machine-learning as layers: numbers, counts, the classifier around them."""

import pickle

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV

from skqmu import HybridQNNClassifier
from skqmu.attacks import LiRAAttack, ThresholdAttack
from skqmu.backends import StatevectorBackend
from skqmu.circuits import z_observables
from skqmu.network import Meter, Network, QiskitMLLayer, QuantumLayer

X, Y = make_blobs(30, 2, centers=2, cluster_std=0.5, random_state=0)
X = (X - X.mean(axis=0)) / X.std(axis=0)
# Names sorted otherwise than inputs, then weights.
DATA, WEIGHTS = ParameterVector("z", 2), ParameterVector("a", 4)
N_WEIGHTS = len(WEIGHTS)


def circuit():
    qc = QuantumCircuit(2)
    for qubit in range(2):
        qc.ry(DATA[qubit], qubit)
        qc.rx(WEIGHTS[qubit], qubit)
    qc.cz(0, 1)
    for qubit in range(2):
        qc.ry(WEIGHTS[2 + qubit], qubit)
    return qc


def estimator_qnn(**options):
    return EstimatorQNN(
        circuit=circuit(),
        observables=z_observables(2),
        input_params=list(DATA),
        weight_params=list(WEIGHTS),
        **{"default_precision": 0.0, **options},
    )


def own_layer():
    return QuantumLayer(
        StatevectorBackend().compile(
            circuit(), z_observables(2), inputs=list(DATA), weights=list(WEIGHTS)
        )
    )


def classifier(core, **options):
    options = {"front_end": "none", "head_layers": (), "learning_rate_init": 0.2, **options}
    return HybridQNNClassifier(core=core, max_iter=4, random_state=0, batch_size=15, **options)


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("need_inputs", [False, True])
def test_values_and_gradients_are_those_of_the_own_layer(per_sample, need_inputs):
    rng = np.random.default_rng(0)
    inputs, weights, cotangents = (
        rng.normal(size=(3, 2)),
        rng.normal(size=4),
        rng.normal(size=(3, 2)),
    )
    qnn = estimator_qnn()
    results = []
    for layer in (QiskitMLLayer(qnn), own_layer()):
        outputs, tape = layer.forward(weights, inputs)
        d_params, d_inputs = layer.backward(
            weights, tape, cotangents, per_sample=per_sample, need_inputs=need_inputs
        )
        results.append((outputs, d_params, d_inputs))
    for theirs, ours in zip(*results, strict=True):
        if ours is None:
            assert theirs is None
        else:
            np.testing.assert_allclose(theirs, ours, atol=1e-8)
    assert qnn.input_gradients is False  # the object given stays as it was


def test_the_meter_counts_every_circuit_submitted():
    network = Network([QiskitMLLayer(estimator_qnn())])
    _, tape = network.forward(np.zeros(N_WEIGHTS), X[:3])
    assert network.meter == Meter(forward_rows=3, circuits=3 * 2)
    network.backward(tape, np.ones((3, 2)))
    assert network.meter.circuits == 3 * 2 + 3 * 2 * 2 * N_WEIGHTS


def test_no_rows_give_no_outputs():
    layer = QiskitMLLayer(estimator_qnn())
    outputs, tape = layer.forward(np.zeros(4), np.zeros((0, 2)))
    assert outputs.shape == (0, 2)
    d_params, _ = layer.backward(np.zeros(4), tape, outputs, per_sample=False, need_inputs=False)
    np.testing.assert_array_equal(d_params, np.zeros(4))


@pytest.fixture(scope="module")
def fitted():
    return classifier(estimator_qnn()).fit(X, Y)


def test_a_fit_follows_the_same_path_as_with_the_own_circuit(fitted):
    encoding, ansatz = QuantumCircuit(2), QuantumCircuit(2)
    for qubit in range(2):
        encoding.ry(DATA[qubit], qubit)
        ansatz.rx(WEIGHTS[qubit], qubit)
    ansatz.cz(0, 1)
    for qubit in range(2):
        ansatz.ry(WEIGHTS[2 + qubit], qubit)
    circuit = {"encoding": encoding, "ansatz": ansatz, "n_layers": 1, "observables": "z"}
    own = classifier("quantum", **circuit).fit(X, Y)
    np.testing.assert_allclose(fitted.params_, own.params_, atol=1e-8)
    assert fitted.score(X, Y) >= 0.9


@pytest.mark.parametrize("strategy", ["retrain", "gradient_ascent", "fisher_forgetting"])
def test_rows_are_unlearned(fitted, strategy):
    reference = {"X_reference": X[:6] + 0.1, "y_reference": Y[:6]}
    options = {} if strategy == "retrain" else reference
    clf = pickle.loads(pickle.dumps(fitted)).unlearn(X[:3], Y[:3], strategy=strategy, **options)
    assert not np.array_equal(clf.params_, fitted.params_)
    assert len(clf.unlearning_log_) == 1


def test_an_attack_trains_shadows_and_scores_members():
    target = classifier(estimator_qnn()).set_params(max_iter=1).fit(X[:8], Y[:8])
    attack = ThresholdAttack(target, n_shadows=2, random_state=0).fit(X[:16], Y[:16])
    scores = attack.decision_function(X[:8], Y[:8])
    assert scores.shape == (8,)
    assert np.isfinite(scores).all()


def test_clone_and_pickle_predict_the_same(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X[:4]), fitted.predict_proba(X[:4]))
    assert isinstance(clone(fitted).core, EstimatorQNN)


def test_weights_trained_elsewhere_are_taken_over(fitted):
    weights = fitted.get_weights()
    twin = HybridQNNClassifier.from_weights(
        weights,
        classes=[0, 1],
        X=X,
        y=Y,
        **{
            k: v
            for k, v in fitted.get_params().items()
            if k in ("core", "front_end", "head_layers")
        },
    )
    np.testing.assert_array_equal(twin.predict_proba(X[:4]), fitted.predict_proba(X[:4]))


def test_a_network_that_samples_is_tagged():
    assert classifier(estimator_qnn(default_precision=0.1)).__sklearn_tags__().non_deterministic
    assert not classifier(estimator_qnn()).__sklearn_tags__().non_deterministic


def test_a_sampler_s_probabilities_are_the_outputs():
    qnn = SamplerQNN(
        circuit=circuit(),
        input_params=list(DATA),
        weight_params=list(WEIGHTS),
        interpret=int,
        output_shape=4,
    )
    clf = classifier(qnn, front_end="dense").set_params(max_iter=1).fit(X[:6], [0, 1] * 3)
    assert clf.get_weights()["head.0.kernel"].shape == (4, 2)
    pickle.loads(pickle.dumps(clf)).predict(X[:2])
    outputs, _ = QiskitMLLayer(qnn).forward(np.zeros(4), X[:2])
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0)


class _NoNetwork:
    def forward(self):
        """Do nothing."""

    def backward(self):
        """Do nothing."""


def test_wrong_cores_are_named():
    with pytest.raises(ValueError, match="core must be an EstimatorQNN"):
        classifier(_NoNetwork()).fit(X, Y)
    with pytest.raises(ValueError, match="'core' parameter"):
        classifier(3).fit(X, Y)
    blind = EstimatorQNN(circuit=circuit(), weight_params=[*DATA, *WEIGHTS])
    with pytest.raises(ValueError, match="without inputs"):
        classifier(blind).fit(X, Y)
    with pytest.raises(ValueError, match="core takes 2 inputs"):
        classifier(estimator_qnn()).fit(np.c_[X, X], Y)
    with pytest.raises(ValueError, match="read fit_cost_"):
        classifier(estimator_qnn()).estimate_cost(X, Y)


def aer_core(kind):
    """An EstimatorQNN or SamplerQNN on a sampling primitive of Aer."""
    primitives = pytest.importorskip("qiskit_aer.primitives")
    if kind == "estimator":
        primitive = primitives.EstimatorV2(options={"default_precision": 1 / 16})
        return estimator_qnn(estimator=primitive, default_precision=1 / 16)
    return SamplerQNN(
        circuit=circuit(),
        sampler=primitives.SamplerV2(default_shots=256),
        input_params=list(DATA),
        weight_params=list(WEIGHTS),
        interpret=int,
        output_shape=4,
    )


@pytest.mark.parametrize("kind", ["estimator", "sampler"])
def test_models_on_aer_are_searched_over_and_attacked(kind):
    model = classifier(aer_core(kind), solver="spsa")
    model.set_params(max_iter=3)
    search = GridSearchCV(
        model, {"learning_rate_init": [0.01, 0.05]}, cv=2, n_jobs=2, error_score="raise"
    ).fit(X[:12], Y[:12])
    best = pickle.loads(pickle.dumps(search.best_estimator_))
    assert best.fit_cost_["circuits"] > 0
    assert best.predict_proba(X[12:16]).shape == (4, 2)
    attack = LiRAAttack(best, n_shadows=4, random_state=0).fit(X[:16], Y[:16])
    scores = attack.decision_function(X[:16], Y[:16])
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > 8
    assert not best.unlearn(X[:2]).is_member(X[:2]).any()


@pytest.mark.parametrize("kind", ["estimator", "sampler"])
def test_a_model_on_aer_learns_by_its_own_gradients(kind):
    clf = classifier(aer_core(kind)).fit(X[:12], Y[:12])
    assert clf.fit_cost_["gradient_rows"] == 48
    assert clf.loss_ < clf.loss_curve_[0]
