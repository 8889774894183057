"""A linear loss on sums over rows: against the rows themselves, and what it must refuse.

This file looks inside: the sums are compared bit by bit.
"""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier
from skqmu.attacks import UpdateAttack, statistics_scores
from skqmu.backends import AerBackend
from skqmu.circuits import Probabilities, build_circuit
from skqmu.exceptions import CircuitError
from skqmu.network import BornLogits, InputScale, Network, QuantumLayer
from skqmu.training import SGD, Adam

KEY = b"0123456789abcdef0123456789abcdef"
STRATEGY = {"strategy": "statistics_downdate", "report": "none"}


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    _, first = np.unique(X, axis=0, return_index=True)
    rows = np.random.default_rng(0).permutation(first)
    return scale(X)[rows], y[rows]


def linear(**changes):
    given = {"n_layers": 1, "max_iter": 12, "tol": 0.0, "random_state": 0, **changes}
    return QNNClassifier(loss="linear", **given)


def trained_on_rows(clf, X, y, weights):
    """Parameters after the same steps on the rows' own loss: circuit, states and batches."""
    n_qubits, n_classes = clf.n_qubits_, len(clf.classes_)
    names = ("encoding", "ansatz", "n_layers", "entanglement")
    qnn = build_circuit(
        n_features=X.shape[1], n_qubits=n_qubits, **{name: getattr(clf, name) for name in names}
    )
    readout = Probabilities(n_qubits, "first", n_classes)
    run = clf.backend_.compile(qnn.circuit, readout, inputs=qnn.inputs, weights=qnn.weights)
    bound = 0.75 * np.pi / -(-X.shape[1] // n_qubits)
    before = InputScale(np.full(X.shape[1], bound), learned=False)
    network = Network([before, QuantumLayer(run)])
    params = clf._initial_params(network, np.random.SeedSequence(clf._fitted.seed))
    kinds = {"adam": Adam, "sgd": lambda rate: SGD(rate, momentum=clf.momentum, nesterov=True)}
    solver, moments = kinds[clf.solver](clf.learning_rate_init), None
    each = weights / weights.sum()
    for _ in range(clf.max_iter):
        _, tape = network.forward(params, X)
        slopes, _ = network.backward(tape, -each[:, None] * np.eye(n_classes)[y])
        # Adam would make steps of the rounding errors of weights that cannot matter.
        slopes[np.abs(slopes) < 1e-14] = 0.0
        params, moments = solver.step(params, slopes, moments)
    return params


@pytest.mark.parametrize("n_deleted", [1, 10, 100])
@pytest.mark.parametrize("how", ["together", "one by one", "backwards"])
def test_a_downdate_equals_training_on_the_rows_that_stay(iris, n_deleted, how):
    X, y = iris
    clf = linear(max_iter=30 if n_deleted < 100 else 4).fit(X, y)
    rows = np.random.default_rng(n_deleted).choice(len(X), n_deleted, replace=False)
    requests = {"together": [rows], "one by one": rows[:, None], "backwards": rows[::-1, None]}
    for request in requests[how]:
        clf.unlearn(X[request], **STRATEGY)
    staying = np.setdiff1d(np.arange(len(X)), rows)
    expected = trained_on_rows(clf, X[staying], y[staying], np.ones(len(staying)))
    np.testing.assert_allclose(clf.params_, expected, rtol=0, atol=1e-9)
    never = clone(clf).fit(X[staying], y[staying], classes=[0, 1, 2])
    assert (clf.params_ == never.params_).all()
    assert clf._fitted.statistics == never._fitted.statistics
    assert not clf.is_member(X[rows]).any()
    assert clf.is_member(X[staying]).all()


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("class_weight", [None, {0: 2.0, 2: 0.5}, "balanced"])
def test_weights_of_rows_and_classes_are_those_of_the_rows(iris, solver, class_weight):
    X, y = iris[0][:60], iris[1][:60]
    weights = np.random.default_rng(1).uniform(0.2, 3.0, len(X))
    clf = linear(class_weight=class_weight, solver=solver)
    clf.fit(X, y, sample_weight=weights).unlearn(X[:7], **STRATEGY)
    factors = np.ones(3)
    if class_weight == "balanced":
        factors = 1 / np.bincount(y[7:], weights[7:])
    elif class_weight:
        factors = np.array([2.0, 1.0, 0.5])
    expected = trained_on_rows(clf, X[7:], y[7:], weights[7:] * factors[y[7:]])
    np.testing.assert_allclose(clf.params_, expected, rtol=0, atol=1e-9)
    never = clone(clf).fit(X[7:], y[7:], sample_weight=weights[7:])
    assert (clf.params_ == never.params_).all()


def test_probabilities_are_born_frequencies(iris):
    X, y = iris
    clf = linear().fit(X, y)
    sampled = clf.predict_proba(X[:4])
    np.testing.assert_allclose(sampled.sum(axis=1), 1.0, atol=1e-12)
    each = clf.predict_proba(X)[np.arange(len(y)), y]
    after = clone(clf).set_params(max_iter=13).fit(X, y)
    assert after.history_[12]["loss"] == pytest.approx(1 - each.mean(), abs=1e-12)
    shots = clf.set_params(backend=AerBackend(shots=4000, seed=0)).predict_proba(X[:4])
    np.testing.assert_allclose(shots, sampled, atol=0.05)


def test_more_rows_are_added_and_equal_a_fit_of_all(iris):
    X, y = iris
    parts = linear().fit(X[:50], y[:50]).partial_fit(X[50:51], y[50:51]).partial_fit(X[51:], y[51:])
    whole = linear().fit(X, y)
    assert (parts.params_ == whole.params_).all()
    assert parts.history_[-1]["loss"] == whole.history_[-1]["loss"]
    assert len(parts.history_) == parts.n_iter_ == whole.n_iter_
    assert (parts.class_counts_ == whole.class_counts_).all()
    parts.unlearn(index=[3, 50, 80], **STRATEGY)
    whole.unlearn(X[[3, 50, 80]], **STRATEGY)
    assert (parts.params_ == whole.params_).all()
    first = linear().partial_fit(X, y, classes=[0, 1, 2])
    assert (first.params_ == linear().fit(X, y).params_).all()


@pytest.mark.parametrize("store_data", ["rows", "fingerprints"])
def test_a_row_that_comes_again_counts_again_and_goes_with_all_its_copies(iris, store_data):
    X, y = iris
    key = {"fingerprint_key": KEY} if store_data == "fingerprints" else {}
    clf = linear(store_data=store_data).fit(X, y, **key).partial_fit(X[:5], y[:5], **key)
    assert clf.class_counts_.sum() == len(X) + 5
    with pytest.warns(UserWarning, match="1 more stored"):
        clf.unlearn(X[:1], **STRATEGY, **key)
    rest = np.r_[1 : len(X), 1:5]
    never = linear().fit(X[rest], y[rest])
    assert (clf.params_ == never.params_).all()
    assert not clf.is_member(X[:1], **key).any()


@pytest.mark.parametrize("store_data", ["fingerprints", "none"])
def test_no_stored_rows_are_needed(iris, store_data):
    X, y = iris
    key = {"fingerprint_key": KEY} if store_data == "fingerprints" else {}
    clf = linear(store_data=store_data).fit(X, y, **key)
    clf.unlearn(X[:10], y[:10], **STRATEGY, **key)
    assert (clf.params_ == linear().fit(X[10:], y[10:]).params_).all()
    said = {a["text"]: a["checked"] for a in clf.unlearning_log_[-1]["certificate"]["assumptions"]}
    assert said["the rows were trained on"] is (store_data == "fingerprints")
    assert said["the rows are those of fit, bit by bit"] is (store_data == "fingerprints")


def test_rows_that_are_equal_up_to_rounding_only(iris):
    """Stored rows are subtracted as they were fitted; hashes tell that others are not these."""
    X, y = iris
    near = X[:1] * (1 + 2e-15)
    assert (near != X[:1]).any()
    clf = linear().fit(X, y).unlearn(near, **STRATEGY)
    assert (clf.params_ == linear().fit(X[1:], y[1:]).params_).all()
    hashed = linear(store_data="fingerprints").fit(X, y, fingerprint_key=KEY)
    before = pickle.dumps(hashed)
    with pytest.raises(ValueError, match=r"up to rounding only\. Pass the rows as they were"):
        hashed.unlearn(near, **STRATEGY, fingerprint_key=KEY)
    assert pickle.dumps(hashed) == before


def test_unknown_weights_are_refused(iris):
    X, y = iris
    weighted = linear(store_data="none").fit(X, y, sample_weight=np.linspace(1, 2, len(X)))
    with pytest.raises(ValueError, match="kept none of them"):
        weighted.unlearn(X[:1], y[:1], **STRATEGY)
    # In each class they average 1: the sums of the weights alone would not tell.
    level = np.ones(len(X))
    for label in range(3):
        level[np.flatnonzero(y == label)[:2]] = 0.5, 1.5
    weighted = linear(store_data="none").fit(X, y, sample_weight=level)
    with pytest.raises(ValueError, match="kept none of them"):
        weighted.unlearn(X[-1:], y[-1:], **STRATEGY)
    with pytest.raises(ValueError, match=r"row 3.*Divide the weights"):
        linear().fit(X, y, sample_weight=np.where(np.arange(len(X)) == 3, 1e-9, 1.0))


def test_rows_that_were_never_there_are_refused(iris):
    X, y = iris
    clf = linear(store_data="none").fit(X[:5], y[:5], classes=[0, 1, 2])
    before = clf.params_, clf._fitted.statistics
    with pytest.raises(ValueError, match="never added"):
        clf.unlearn(X[50:90], y[50:90], **STRATEGY)
    assert clf.params_ is before[0]
    assert clf._fitted.statistics is before[1]
    assert clf.unlearning_log_[-1]["status"] == "failed"


def test_statistics_of_another_machine_are_not_subtracted_from(iris, monkeypatch):
    X, y = iris
    clf = linear().fit(X, y)
    from skqmu.statistics import _fixed_encoding

    honest = _fixed_encoding._phase

    def other(angles, factor):
        cos, sin = honest(angles, factor)
        return cos, np.nextafter(sin, 2)

    monkeypatch.setattr(_fixed_encoding, "_phase", other)
    with pytest.raises(ValueError, match="Send the request where the model was fitted"):
        clf.unlearn(X[:1], **STRATEGY)
    clf.unlearn(X[:1], strategy="retrain").unlearn(X[1:2], **STRATEGY)
    assert clf.unlearning_log_[-1]["status"] == "done"


def test_every_other_strategy_is_refused_and_a_retraining_makes_the_sums_anew(iris):
    X, y = iris
    clf = linear().fit(X, y)
    for strategy in ("fine_tune", "scrub", "exact_downdate", "neg_grad_plus"):
        with pytest.raises(ValueError, match="'statistics_downdate'"):
            clf.unlearn(X[:1], strategy=strategy)
    same = pickle.loads(pickle.dumps(clf)).unlearn(X[:3], **STRATEGY)
    from skqmu.unlearning import Retrain

    clf.unlearn(X[:3], strategy=Retrain(random_state="same"))
    assert (clf.params_ == same.params_).all()
    assert clf._fitted.statistics == same._fitted.statistics
    clf.unlearn(X[3:4], strategy="retrain").unlearn(X[4:5], **STRATEGY)
    assert (clf.params_ == same.unlearn(X[3:5], **STRATEGY).params_).all()


def test_a_whole_class_may_go(iris):
    X, y = iris
    clf = linear().fit(X, y).unlearn(X[y == 1], **STRATEGY)
    assert clf.unlearning_log_[-1]["classes_removed"] == [1]
    assert (clf.params_ == linear().fit(X[y != 1], y[y != 1], classes=[0, 1, 2]).params_).all()
    assert clf.class_counts_[1] == 0


def test_what_the_report_measures_does_not_change_the_result(iris):
    X, y = iris
    quiet = linear().fit(X, y).unlearn(X[:2], **STRATEGY)
    told = linear().fit(X, y).unlearn(X[:2], strategy="statistics_downdate")
    assert (quiet.params_ == told.params_).all()
    entry = told.unlearning_log_[-1]
    assert entry["n_retain"] == len(X) - 2
    assert 0 < entry["after"]["retain_accuracy"] <= 1
    assert quiet.unlearning_log_[-1]["n_retain"] is None


def test_a_release_holds_no_sums_and_a_pickle_no_residue(iris):
    X, y = iris
    clf = linear().fit(X, y)
    row = clf.encoded_states(X[:1])[0]
    clf.unlearn(X[:1], **STRATEGY)
    never = linear().fit(X[1:], y[1:])
    mine, theirs = (pickle.dumps(c._fitted.statistics) for c in (clf, never))
    assert mine == theirs
    copy = pickle.loads(pickle.dumps(clf))
    left = copy.class_statistics_ - never.class_statistics_
    assert not left.any()
    assert row.tobytes() not in pickle.dumps(clf)
    released = pickle.loads(pickle.dumps(clf.release()))
    assert (released.predict_proba(X) == clf.predict_proba(X)).all()
    assert released._fitted.statistics is None
    size = clf._fitted.statistics.nbytes
    assert len(pickle.dumps(released)) < size < len(pickle.dumps(clf))
    with pytest.raises(AttributeError, match="released copy holds none"):
        _ = released.class_statistics_


def test_the_difference_of_two_versions_is_the_deleted_rows_state(iris):
    X, y = iris
    clf = linear().fit(X, y)
    before = clf.class_statistics_
    after = clf.unlearn(X[30:31], **STRATEGY).class_statistics_
    gone = (before - after)[y[30]]
    state = clf.encoded_states(X[30:31])[0]
    np.testing.assert_allclose(gone, np.outer(state, state.conj()), atol=1e-10)
    scores = statistics_scores(before, after, clf.encoded_states(X), y)
    assert scores.argmax() == 30
    with pytest.raises(AttributeError, match="loss='linear'"):
        QNNClassifier(max_iter=1, random_state=0).fit(X, y).encoded_states(X)


def test_who_sees_answers_of_both_versions_attacks_it_as_any_model(iris):
    X, y = iris
    before = linear().fit(X[:100], y[:100])
    after = pickle.loads(pickle.dumps(before)).unlearn(X[3:4], **STRATEGY)
    attack = UpdateAttack(before, after).fit(X[100:], y[100:])
    assert attack.access_ == "answers"
    result = attack.evaluate(X[:100], y[:100], np.arange(100) == 3)
    assert 1 <= result.ranks[0][0] <= 100


REFUSED = {
    "trainable": "head",
    "observables": ["Z"],
    "reuploading": True,
    "batch_size": 10,
    "early_stopping": True,
    "log_updates": True,
    "warm_start": True,
    "alpha": 0.1,
    "input_scale": "learned",
    "solver": "spsa",
    "circuit_weights": np.zeros(12),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_sums_cannot_carry_is_refused(iris, name):
    with pytest.raises(ValueError, match=rf"loss='linear' .*got {name}=.*Use "):
        linear(**{name: REFUSED[name]}).fit(*iris)


def test_inexact_backends_and_weights_before_features_are_refused(iris):
    X, y = iris
    with pytest.raises(ValueError, match="exact states"):
        linear(backend=AerBackend(shots=10)).fit(X, y)
    fitted = linear().fit(X, y).set_params(backend=AerBackend(shots=10))
    with pytest.raises(ValueError, match="predictions run on any backend"):
        fitted.unlearn(X[:1], **STRATEGY)
    encoding = build_circuit("angle", "strong", n_features=4, n_qubits=4).circuit
    with pytest.raises((CircuitError, ValueError)):
        linear(encoding=encoding).fit(X, y)
    with pytest.raises(CircuitError, match="n_outcomes=3"):
        linear(n_qubits=1).fit(X, y)


def test_shards_take_one_slice(iris):
    X, y = iris
    clf = ShardedClassifier(linear(), n_shards=2, random_state=0).fit(X, y)
    clf.unlearn(X[:2])
    assert not clf.is_member(X[:2]).any()
    with pytest.raises(ValueError, match=r"partial_fit adds rows"):
        ShardedClassifier(linear(), n_shards=2, n_slices=2, random_state=0).fit(X, y)


def test_a_checkpoint_is_resumed_on_the_same_sums_only(iris, tmp_path):
    X, y = iris
    path = tmp_path / "run.npz"

    class Stop(Exception):
        pass

    def stopped(clf, epochs):
        from skqmu.training import StatisticsObjective

        honest, calls = StatisticsObjective.risk, []

        def risk(self, params):
            calls.append(1)
            if len(calls) > epochs:
                raise Stop
            return honest(self, params)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StatisticsObjective, "risk", risk)
            with pytest.raises(Stop):
                clf.fit(X, y)

    clf = linear(checkpoint=path)
    stopped(clf, 5)
    with pytest.raises(ValueError, match="other data"):
        linear(checkpoint=path).fit(X[1:], y[1:])
    clf.fit(X, y)
    assert (clf.params_ == linear().fit(X, y).params_).all()


def test_many_models_and_costs(iris):
    X, y = iris
    models = [linear(random_state=seed) for seed in range(3)]
    assert QNNClassifier.fit_many(models, [X] * 3, [y] * 3) == {}
    assert (models[1].params_ == linear(random_state=1).fit(X, y).params_).all()
    clf = linear(n_iter_no_change=50)
    cost = clf.estimate_cost(X, y)
    assert cost["gradient_rows"] == clf.fit(X, y).fit_cost_["gradient_rows"] == 12 * 2**4
    cost = clf.estimate_cost(X, y, method="unlearn", forget=[0], strategy="statistics_downdate")
    spent = clf.unlearn(index=[0], strategy="statistics_downdate").unlearning_log_[-1]
    assert cost["gradient_rows"] == spent["cost"]["gradient_rows"]


def test_other_classifiers_have_no_such_loss():
    assert "loss" not in HybridQNNClassifier().get_params()


def test_born_logits_have_the_slopes_of_logarithms():
    layer, p = BornLogits(), np.array([[0.2, 0.8], [0.0, 1.0]])
    logits, tape = layer.forward(np.zeros(0), p)
    assert np.isfinite(logits).all()
    slopes = layer.backward(np.zeros(0), tape, np.ones((2, 2)), per_sample=False, need_inputs=True)[
        1
    ]
    np.testing.assert_allclose(slopes, [[5.0, 1.25], [0.0, 1.0]])
