"""Models of any kind as targets: what adapters answer, train, and refuse."""

import pickle
import re

import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes, z_feature_map
from qiskit_machine_learning.algorithms import VQC, NeuralNetworkClassifier
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from qiskit_machine_learning.optimizers import COBYLA, SPSA
from qiskit_machine_learning.primitives import QMLSampler
from qiskit_machine_learning.utils import algorithm_globals
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skqmu import audit
from skqmu.attacks import (
    BlackBoxTarget,
    LabelOnlyAttack,
    LiRAAttack,
    QiskitMLTarget,
    QuantileAttack,
    RMIAAttack,
    ShadowPool,
    TableTarget,
    ThresholdAttack,
    TorchTarget,
    UpdateAttack,
    as_target,
)
from skqmu.exceptions import NoCloneError

X, Y = make_blobs(40, centers=2, cluster_std=2.0, random_state=0)
X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
NAMES = np.where(Y == 1, "up", "down")
MEMBERS = np.arange(40) < 20
FEATURES, ANSATZ = z_feature_map(2), real_amplitudes(2, reps=1)


def new_vqc(optimizer=None, **more):
    optimizer = COBYLA(maxiter=8) if optimizer is None else optimizer
    return VQC(feature_map=FEATURES, ansatz=ANSATZ, optimizer=optimizer, **more)


def estimator_qnn(**more):
    circuit = FEATURES.compose(ANSATZ)
    return EstimatorQNN(
        circuit=circuit, input_params=FEATURES.parameters, weight_params=ANSATZ.parameters, **more
    )


def sampler_qnn():
    return SamplerQNN(
        circuit=FEATURES.compose(ANSATZ),
        input_params=FEATURES.parameters,
        weight_params=ANSATZ.parameters,
        interpret=_low_bit,
        output_shape=2,
    )


def _low_bit(number):
    return number % 2


def fitted(network, labels):
    return NeuralNetworkClassifier(network, optimizer=COBYLA(maxiter=8)).fit(X[:20], labels[:20])


def figures(report):
    """What an audit measured, of each model by its name."""
    (scenario,) = report.data["scenarios"]
    return {model["name"]: model["attacks"]["loss"]["auc"] for model in scenario["models"]}


@pytest.fixture(scope="module")
def vqc():
    return new_vqc().fit(X[:20], NAMES[:20])


@pytest.fixture(scope="module")
def logistic():
    return LogisticRegression(C=20.0).fit(X[:20], Y[:20])


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


# --- qiskit-machine-learning -----------------------------------------------------------------


def test_a_vqc_answers_as_itself(vqc):
    target = as_target(vqc)
    assert target.classes_.tolist() == ["down", "up"]
    assert target.n_features_in_ == 2
    np.testing.assert_allclose(target.predict_proba(X), vqc.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(target.predict(X), vqc.predict(X))


def test_an_attack_takes_a_vqc_as_it_is_and_leaves_it_so(vqc):
    weights, point = vqc.weights.copy(), vqc.initial_point.copy()
    attack = LiRAAttack(vqc, n_shadows=4, random_state=0).fit(X, NAMES)
    adapted = LiRAAttack(as_target(vqc), n_shadows=4, random_state=0).fit(X, NAMES)
    scores = attack.decision_function(X, NAMES)
    np.testing.assert_array_equal(scores, adapted.decision_function(X, NAMES))
    assert np.unique(scores).size > 20
    np.testing.assert_array_equal(vqc.weights, weights)
    np.testing.assert_array_equal(vqc.initial_point, point)
    shadows = [attack.shadow_pool_.model(k).model.weights for k in range(4)]
    assert len({tuple(w) for w in [*shadows, weights]}) == 5
    assert attack.target is vqc
    assert clone(attack).target is vqc
    assert "VQC" in str(attack.threat_model_)


def test_one_expectation_value_is_the_probability_of_the_second_class():
    signs = 2 * Y - 1
    model = fitted(estimator_qnn(), signs)
    target = as_target(model)
    assert target.classes_.tolist() == [-1, 1]
    value = model.predict_proba(X)[:, 0]
    assert value.min() < 0  # what it calls probabilities are expectation values
    np.testing.assert_allclose(target.predict_proba(X)[:, 1], (1 + value) / 2, atol=1e-12)
    np.testing.assert_array_equal(target.predict(X), model.predict(X).ravel())
    named = as_target(model, classes=["down", "up"])
    np.testing.assert_array_equal(named.predict(X) == "up", target.predict(X) == 1)
    again = clone(named).fit(X, NAMES)
    assert again.score(X, NAMES) > 0.5
    assert again.model_ is not model


def test_labels_of_a_sampler_network_are_places():
    model = fitted(sampler_qnn(), Y)
    target = as_target(model)
    assert target.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(target.predict(X), model.predict(X))
    again = as_target(model, classes=["down", "up"], output=None)
    again = clone(again).set_params(random_state=0).fit(X, NAMES)
    assert set(again.predict(X)) <= {"down", "up"}
    assert again.score(X, NAMES) > 0.5


def test_one_hot_labels_are_places_and_classes_name_them():
    model = new_vqc().fit(X[:20], np.eye(2)[Y[:20]])
    assert as_target(model).classes_.tolist() == [0, 1]
    named = as_target(model, classes=["down", "up"])
    np.testing.assert_array_equal(named.predict(X) == "up", model.predict(X).argmax(axis=1) == 1)


def test_text_labels_on_one_expectation_value_are_refused():
    model = fitted(estimator_qnn(), NAMES)
    with pytest.raises(ValueError, match=r"towards 0 and 1.*Train it on -1 and 1"):
        QiskitMLTarget(model).classes_  # noqa: B018
    with pytest.raises(TypeError, match="towards 0 and 1"):
        ThresholdAttack(model, n_shadows=0).fit(X, NAMES)


def test_several_expectation_values_are_no_probabilities():
    from qiskit.quantum_info import SparsePauliOp

    network = estimator_qnn(observables=[SparsePauliOp("IZ"), SparsePauliOp("ZI")])
    model = fitted(network, Y)
    target = as_target(model)
    np.testing.assert_array_equal(target.predict(X), model.predict(X))
    with pytest.raises(ValueError, match=r"output=: .*'logits'"):
        target.predict_proba(X)
    logits = as_target(model, output="logits").predict_proba(X)
    np.testing.assert_allclose(logits.sum(axis=1), 1)


def test_training_anew_is_seeded_and_puts_their_generator_back():
    model = new_vqc(SPSA(maxiter=2, learning_rate=0.1, perturbation=0.1)).fit(X[:20], NAMES[:20])
    algorithm_globals.random_seed = 7
    before = algorithm_globals.random.bit_generator.state
    first, second, other = (
        QiskitMLTarget(model, random_state=seed).fit(X, NAMES).model_.weights for seed in (0, 0, 1)
    )
    assert algorithm_globals.random.bit_generator.state == before
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.slow
def test_an_unfitted_vqc_is_no_target_and_can_be_audited_as_a_fitted_one():
    with pytest.raises(NotFittedError, match="QiskitMLTarget is not fitted"):
        ThresholdAttack(new_vqc()).fit(X, NAMES)
    options = {"forget": "fraction:0.2", "attacks": "loss", "n_oracles": 1, "random_state": 0}
    fresh = audit(new_vqc(), X, NAMES, **options)
    known = audit(new_vqc().fit(X, NAMES), X, NAMES, **options)
    assert figures(fresh) == figures(known)
    assert "VQC" in str(fresh)


@pytest.mark.parametrize(("shots", "said"), [(None, None), (256, 256)], ids=["exact", "256 shots"])
def test_shots_of_a_sampler_are_stated(shots, said):
    model = new_vqc(sampler=QMLSampler(shots=shots)).fit(X[:20], NAMES[:20])
    attack = ThresholdAttack(model, n_shadows=0).fit(X, NAMES)
    assert attack.threat_model_.shots == said


def test_precision_of_an_estimator_is_stated():
    from qiskit.primitives import StatevectorEstimator

    noisy = fitted(estimator_qnn(estimator=StatevectorEstimator(seed=0)), 2 * Y - 1)
    attack = ThresholdAttack(noisy, n_shadows=0).fit(X, 2 * Y - 1)
    assert attack.threat_model_.shots == "unknown"
    exact = fitted(estimator_qnn(), 2 * Y - 1)
    assert ThresholdAttack(exact, n_shadows=0).fit(X, 2 * Y - 1).threat_model_.shots is None


def test_a_pipeline_that_ends_in_a_vqc_is_taken(vqc):
    scaled = make_pipeline(StandardScaler(), new_vqc()).fit(X[:20], NAMES[:20])
    attack = ThresholdAttack(scaled, n_shadows=2, random_state=0).fit(X, NAMES)
    inner = as_target(scaled[-1]).predict_proba(scaled[0].transform(X))
    expected = np.log(inner[np.arange(40), Y])
    np.testing.assert_allclose(attack.decision_function(X, NAMES), expected)
    assert scaled.steps[-1][1].__class__ is VQC


def test_two_versions_of_a_vqc_are_compared_by_answers(vqc):
    later = new_vqc().fit(X[:18], NAMES[:18])
    attack = UpdateAttack(vqc, later, n_deleted=2).fit(X[20:], NAMES[20:])
    assert attack.access_ == "answers"
    assert attack.decision_function(X, NAMES).shape == (40,)


# --- torch ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "read"),
    [
        ("logits", lambda t, z: t.softmax(z, -1)),
        ("log_probabilities", lambda t, z: t.log_softmax(z, -1).exp()),
        ("probabilities", lambda t, z: t.softmax(z, -1)),
    ],
    ids=["logits", "log_probabilities", "probabilities"],
)
def test_a_module_s_outputs_are_read_as_said(torch, output, read):
    last = {"log_probabilities": torch.nn.LogSoftmax(-1), "probabilities": torch.nn.Softmax(-1)}
    dense = torch.nn.Linear(2, 2).double()
    module = torch.nn.Sequential(dense, last.get(output, torch.nn.Identity()))
    proba = as_target(module, classes=2, output=output).predict_proba(X)
    with torch.no_grad():
        expected = read(torch, dense(torch.tensor(X))).numpy()
    np.testing.assert_allclose(proba, expected, atol=1e-12)


def test_one_output_is_about_the_second_class(torch):
    module = torch.nn.Linear(2, 1).double()
    with torch.no_grad():
        value = module(torch.tensor(X)).numpy()[:, 0]
    logits = as_target(module, classes=["a", "b"], output="logits")
    np.testing.assert_allclose(logits.predict_proba(X)[:, 1], 1 / (1 + np.exp(-value)))
    assert set(logits.predict(X)) <= {"a", "b"}
    bounded = torch.nn.Sequential(module, torch.nn.Tanh())
    told = as_target(bounded, classes=2, output="expectations").predict_proba(X)[:, 1]
    np.testing.assert_allclose(told, (1 + np.tanh(value)) / 2)


def test_a_module_is_asked_in_evaluation_mode_and_left_as_it_is(torch):
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)
    )
    module[0].eval()
    before = {name: part.clone() for name, part in module.state_dict().items()}
    target = as_target(module, classes=2, output="logits")
    np.testing.assert_array_equal(target.predict_proba(X), target.predict_proba(X))
    assert [part.training for part in module] == [False, True, True, True]
    after = module.state_dict()
    assert all(torch.equal(part, after[name]) for name, part in before.items())
    assert all(part.grad is None for part in module.parameters())


def test_rows_get_the_shape_that_a_module_takes(torch):
    images = np.random.default_rng(0).normal(size=(6, 16))
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 3)
    )
    target = as_target(module, classes=3, output="logits", input_shape=(1, 4, 4), batch_size=4)
    with torch.no_grad():
        rows = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 4, 4)
        expected = module(rows).softmax(-1).numpy()
    np.testing.assert_allclose(target.predict_proba(images), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"X_pool.reshape\(len\(X_pool\), -1\).*input_shape"):
        ThresholdAttack(target, n_shadows=0).fit(images.reshape(6, 1, 4, 4), np.zeros(6))


def test_a_retrained_module_is_seeded_and_torch_goes_on_as_before(torch):
    def train(rows, labels):
        module = torch.nn.Linear(2, 2)
        optimizer = torch.optim.SGD(module.parameters(), 0.5)
        for _ in range(5):
            optimizer.zero_grad()
            outputs = module(torch.tensor(rows, dtype=torch.float32))
            torch.nn.functional.cross_entropy(outputs, torch.tensor(labels)).backward()
            optimizer.step()
        return module

    target = as_target(train(X[:20], Y[:20]), classes=2, output="logits", retrain=train)
    state = torch.random.get_rng_state()
    scores = [
        LiRAAttack(target, n_shadows=4, random_state=seed).fit(X, Y).decision_function(X, Y)
        for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.random.get_rng_state(), state)
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.abs(scores[0] - scores[2]).max() > 1e-6
    report = audit(target, X, Y, forget="fraction:0.2", attacks="loss", n_oracles=2, random_state=0)
    assert "Linear" in str(report)


def test_a_module_must_return_one_tensor(torch):
    class Two(torch.nn.Module):
        def forward(self, rows):
            return rows, rows

    with pytest.raises(ValueError, match=r"returns a tuple.*one tensor"):
        as_target(Two(), classes=2, output="logits").predict_proba(X)


# --- functions, objects, tables ---------------------------------------------------------------


def test_a_function_answers_as_its_classifier(logistic):
    attacks = [
        QuantileAttack(target, random_state=0).fit(X[20:], Y[20:])
        for target in (logistic, as_target(logistic.predict_proba, classes=[0, 1]))
    ]
    scores = [attack.decision_function(X, Y) for attack in attacks]
    np.testing.assert_array_equal(*scores)


def test_one_number_a_row_is_the_second_class_s(logistic):
    def answer(rows):
        return logistic.predict_proba(rows)[:, 1]

    target = as_target(answer, classes=2)
    np.testing.assert_allclose(target.predict_proba(X), logistic.predict_proba(X))


def test_labels_alone_can_be_asked_by_the_attack_that_needs_no_more(logistic):
    target = as_target(logistic.predict, classes=2, output="labels")
    assert not hasattr(target, "predict_proba")
    attack = LabelOnlyAttack(target, n_shadows=0, random_state=0).fit(X, Y)
    own = LabelOnlyAttack(logistic, n_shadows=0, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(attack.decision_function(X, Y), own.decision_function(X, Y))
    assert "labels only" in str(attack.threat_model_.notes)
    with pytest.raises(TypeError, match=r"has no predict_proba.*LabelOnlyAttack"):
        ThresholdAttack(target, n_shadows=0).fit(X, Y)
    with pytest.raises(TypeError, match="LabelOnlyAttack"):
        audit(target, X, Y, forget="fraction:0.2")


class Service:
    """Answers, and is no estimator of scikit-learn."""

    def __init__(self, model, classes=None):
        self._model = model
        if classes is not None:
            self.classes_ = np.asarray(classes)

    def predict_proba(self, rows):
        return self._model.predict_proba(rows)


class Labeller:
    """Says labels, and is no estimator of scikit-learn."""

    def __init__(self, model):
        self._model = model

    def predict(self, rows):
        return self._model.predict(rows)


def test_an_object_that_says_its_classes_is_taken_as_it_is(logistic):
    attack = ThresholdAttack(Service(logistic, [0, 1]), n_shadows=0).fit(X, Y)
    own = ThresholdAttack(logistic, n_shadows=0).fit(X, Y)
    np.testing.assert_array_equal(attack.decision_function(X, Y), own.decision_function(X, Y))
    frozen = ThresholdAttack(as_target(FrozenEstimator(logistic)), n_shadows=0).fit(X, Y)
    assert isinstance(frozen.target, FrozenEstimator)


def test_what_must_be_said_is_said_by_name(logistic, torch):
    for target, missing in (
        (logistic.predict_proba, "classes is missing"),
        (Service(logistic), "classes is missing"),
        (Labeller(logistic), 'classes is missing.*output="labels"'),
        (torch.nn.Linear(2, 2), 'output is missing.*output="logits"'),
        ((X, logistic.predict_proba(X)), "classes is missing"),
        ("model.pkl", "as_target makes one"),
    ):
        with pytest.raises(TypeError, match=rf"{missing}|{missing}.*as_target") as found:
            ThresholdAttack(target, n_shadows=0).fit(X, Y)
        assert "as_target" in str(found.value)
    with pytest.raises(TypeError, match="cannot be asked about rows"):
        as_target("model.pkl")
    unsaid = TorchTarget(torch.nn.Linear(2, 2), output="logits")
    with pytest.raises(ValueError, match="classes is missing: a Linear"):
        ThresholdAttack(unsaid, n_shadows=0).fit(X, Y)


@pytest.mark.parametrize(
    ("answer", "settings", "message"),
    [
        (lambda rows: rows @ np.ones((2, 2)), {}, "no probabilities when read as 'probabilities'"),
        (lambda rows: np.full((len(rows), 3), 1 / 3), {}, r"shape \(40, 3\).*2 classes"),
        (lambda rows: np.zeros(len(rows), int), {}, "output='labels'"),
        (lambda rows: np.full((len(rows), 2), np.nan), {}, "40 of 40 rows"),
        (lambda rows: np.zeros((len(rows), 2)), {"output": "logit"}, "Did you mean 'logits'"),
        (lambda rows: np.zeros((len(rows), 2)), {"output": "labels"}, r"shape \(40, 2\).*labels"),
        (lambda rows: np.zeros((len(rows), 2)), {"output": "expectations"}, "no rule makes"),
    ],
    ids=["logits", "columns", "labels", "nan", "typo", "no labels", "expectations"],
)
def test_answers_that_are_something_else_are_refused(answer, settings, message):
    target = as_target(answer, classes=2, **settings)
    with pytest.raises(ValueError, match=message):
        target.predict(X)


@pytest.mark.parametrize("classes", [1, ["a"], ["a", "a"], [[0, 1]]])
def test_classes_must_name_the_columns(classes):
    with pytest.raises(ValueError, match="labels of the answer's columns"):
        as_target(lambda rows: rows, classes=classes)


def test_a_table_answers_about_its_own_rows(logistic):
    table = as_target((X, logistic.predict_proba(X)), classes=2)
    assert isinstance(table, TableTarget)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(table.predict_proba(X[order]), logistic.predict_proba(X[order]))
    np.testing.assert_array_equal(table.predict(X), logistic.predict(X))
    options = {"online": False, "n_shadows": 4, "random_state": 0}
    for make in (LiRAAttack, RMIAAttack):
        scores = [
            make(target, LogisticRegression(C=20.0), **options).fit(X, Y).decision_function(X, Y)
            for target in (table, logistic)
        ]
        np.testing.assert_array_equal(*scores)
    attack = ThresholdAttack(table, n_shadows=0).fit(X, Y)
    assert "of other rows nothing is known" in str(attack.threat_model_)
    with pytest.raises(
        ValueError, match=r"40 of 40 rows are not in the table.*perturbation='none'"
    ):
        LabelOnlyAttack(table, n_shadows=0).fit(X, Y).decision_function(X, Y)


def test_copies_in_a_table_are_averaged_and_their_labels_must_agree():
    rows = X[[0, 1, 0]]
    table = TableTarget(rows, [[0.2, 0.8], [0.5, 0.5], [0.4, 0.6]], classes=2)
    np.testing.assert_allclose(table.predict_proba(rows[:1]), [[0.3, 0.7]])
    assert TableTarget(rows, ["a", "b", "a"], output="labels").classes_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="1 answers are other labels"):
        TableTarget(rows, ["a", "b", "b"], output="labels").predict(rows)


# --- what trains, and what does not --------------------------------------------------------------


def test_without_a_clone_the_ways_out_are_named(logistic):
    target = as_target(logistic.predict_proba, classes=2)
    for attempt in (
        lambda: ThresholdAttack(target).fit(X, Y),
        lambda: LiRAAttack(target).fit(X, Y),
        lambda: ShadowPool(target).fit(X, Y),
        lambda: audit(target, X, Y, forget="fraction:0.2"),
        lambda: target.fit(X, Y),
        lambda: ThresholdAttack(make_pipeline(StandardScaler(), target).fit(X, Y)).fit(X, Y),
    ):
        with pytest.raises(NoCloneError, match=r"retrain=function.*shadow_estimator=.*Quantile"):
            attempt()
    with pytest.raises(NoCloneError, match="Pass shadow_estimator="):
        LiRAAttack(as_target((X, logistic.predict_proba(X)), classes=2)).fit(X, Y)
    offline = LiRAAttack(target, LogisticRegression(), online=False, n_shadows=4, random_state=0)
    assert "no clone of the target can be trained" in str(offline.fit(X, Y).threat_model_)


def retrained(rows, labels, random_state=None):
    return LogisticRegression(C=20.0, random_state=random_state).fit(rows, labels).predict_proba


class Training:
    """Trains, and is named without an address: workers of the tests must agree on names."""

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, rows, labels):
        return getattr(LogisticRegression(C=20.0).fit(rows, labels), self.answer)

    def __repr__(self):
        return f"Training({self.answer!r})"


def test_what_can_be_retrained_has_shadows_of_its_own_kind(logistic):
    target = as_target(logistic.predict_proba, classes=2, retrain=retrained)
    scores = [
        LiRAAttack(each, n_shadows=4, random_state=0).fit(X, Y).decision_function(X, Y)
        for each in (target, logistic)
    ]
    np.testing.assert_allclose(*scores, atol=1e-9)
    shadow = ShadowPool(target, n_shadows=2, random_state=0).fit(X, Y).model(0)
    assert shadow.retrain is None
    np.testing.assert_allclose(shadow.predict_proba(X).sum(axis=1), 1)


def test_shadows_of_adapters_are_kept_between_runs(vqc, tmp_path):
    options = {"n_shadows": 2, "random_state": 0, "memory": tmp_path}
    pools = [ShadowPool(vqc, **options).fit(X, NAMES) for _ in range(2)]
    assert [pool.n_trained_ for pool in pools] == [2, 0]
    other = new_vqc(COBYLA(maxiter=7)).fit(X[:20], NAMES[:20])
    assert ShadowPool(other, **options).fit(X, NAMES).n_trained_ == 2


def test_adapters_are_pickled_cloned_and_released(logistic, vqc):
    for target in (
        as_target(vqc),
        as_target(logistic.predict_proba, classes=2),
        TableTarget(X, logistic.predict_proba(X), classes=2),
    ):
        copy = pickle.loads(pickle.dumps(target))
        np.testing.assert_array_equal(copy.predict_proba(X), target.predict_proba(X))
        np.testing.assert_array_equal(clone(target).predict_proba(X), target.predict_proba(X))
    trained = BlackBoxTarget(logistic.predict_proba, retrain=retrained).fit(X, Y)
    np.testing.assert_array_equal(trained.release().predict_proba(X), trained.predict_proba(X))
    assert np.abs(trained.predict_proba(X) - logistic.predict_proba(X)).max() > 1e-3
    np.testing.assert_array_equal(clone(trained).model(X), logistic.predict_proba(X))


@parametrize_with_checks(
    [
        BlackBoxTarget(retrain=Training("predict_proba")),
        BlackBoxTarget(retrain=Training("predict"), output="labels"),
    ]
)
def test_adapters_are_classifiers_of_scikit_learn(estimator, check):
    check(estimator)


def test_torch_target_without_a_module_trains_its_first(torch):
    def train(rows, labels):
        return torch.nn.Linear(2, 2)

    target = TorchTarget(classes=2, output="logits", retrain=train, random_state=0)
    with pytest.raises(NotFittedError):
        target.predict(X)
    assert target.fit(X, Y).predict(X).shape == (40,)


# --- skorch -----------------------------------------------------------------------------------


def new_net(torch, **more):
    skorch = pytest.importorskip("skorch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.Tanh())
            self.head = torch.nn.Linear(6, 2)

        def forward(self, rows):
            return torch.softmax(self.head(self.body(rows)), dim=-1)

    options = {"max_epochs": 5, "lr": 0.5, "verbose": 0, "train_split": None, **more}
    return skorch.NeuralNetClassifier(Net, **options)


def test_a_net_of_skorch_is_attacked_as_it_is(torch):
    net = new_net(torch).fit(X[:20].astype("float32"), Y[:20])
    target = as_target(net)
    expected = net.predict_proba(X.astype("float32"))
    np.testing.assert_allclose(target.predict_proba(X), expected, atol=1e-6)
    scores = [
        LiRAAttack(net, n_shadows=4, random_state=0).fit(X, Y).decision_function(X, Y)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*scores)
    np.testing.assert_array_equal(net.predict_proba(X.astype("float32")), expected)


def test_an_audit_of_a_net_trains_oracles_that_differ(torch):
    net = new_net(torch)
    options = {"forget": "fraction:0.2", "attacks": "loss", "n_oracles": 2, "random_state": 0}
    reports = [figures(audit(net, X, Y, **options)) for _ in range(2)]
    assert reports[0] == reports[1]
    target = as_target(net)
    one, two = (
        clone(target).set_params(random_state=seed).fit(X, NAMES).predict_proba(X)
        for seed in (0, 1)
    )
    assert np.abs(one - two).max() > 1e-3
    assert not hasattr(net, "module_") or not net.initialized_


def test_a_trained_net_travels_by_its_weights(torch):
    target = as_target(new_net(torch)).set_params(random_state=0).fit(X, NAMES)
    cloudpickle = pytest.importorskip("cloudpickle")
    copy = pickle.loads(cloudpickle.dumps(target))
    np.testing.assert_array_equal(copy.predict_proba(X), target.predict_proba(X))
    released = pickle.loads(cloudpickle.dumps(target.release()))
    np.testing.assert_array_equal(released.predict(X), target.predict(X))


def test_the_page_of_targets_has_every_adapter():
    from pathlib import Path

    import skqmu.attacks

    page = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
    adapters = {name for name in skqmu.attacks.__all__ if name.endswith("Target")}
    assert adapters == set(re.findall(r"`(\w+Target)`", page))


def test_a_function_and_a_network_s_classifier_are_audited(logistic):
    function = as_target(logistic.predict_proba, classes=2, retrain=retrained)
    network = fitted(estimator_qnn(), 2 * Y - 1)
    for model, labels, name in (
        (function, Y, "predict_proba"),
        (network, 2 * Y - 1, "NeuralNetworkClassifier"),
    ):
        report = audit(
            model, X, labels, forget="fraction:0.2", attacks="loss", n_oracles=1, random_state=0
        )
        assert figures(report).keys() == {"original", "oracle 1", "retrain"}
        assert name in str(report)
