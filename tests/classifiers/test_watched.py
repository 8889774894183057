"""Who follows a request sees each epoch and changes nothing; runs end early by seen rows alone."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from skqmu import HybridQNNClassifier, QNNClassifier, UnlearningClassifier
from skqmu.backends import AerBackend
from skqmu.exceptions import MemberRecordError, UnlearningError
from skqmu.unlearning import Composite, FineTune, LastLayersRetrain, RetrainedTwin, StopWhen

X, Y = load_iris(return_X_y=True)
X = scale(X) + 1 / 7
SMALL = {"n_qubits": 2, "n_layers": 1, "max_iter": 4, "random_state": 0}


def qnn(**params):
    return QNNClassifier(**{**SMALL, **params}).fit(X[:90], Y[:90])


def confidence(y, proba):
    return proba.max(axis=1).mean()


class Seen(list):
    """A watcher that keeps what it is told, and asks each model something."""

    def __call__(self, epoch, model):
        self.append((epoch, model, model.predict_proba(X[:4])))


MANY = {
    "retrain": ("retrain", {}),
    "fine_tune": (FineTune(max_iter=3), {}),
    "scrub": ("scrub", {}),
    "closed form": ("selective_dampening", {}),
    "two in a row": (Composite(["selective_dampening", FineTune(max_iter=2)]), {}),
    "downdate": ("statistics_downdate", {"loss": "linear"}),
    "shots": (FineTune(max_iter=2), {"backend": AerBackend(shots=16), "max_iter": 1}),
}


@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
@pytest.mark.parametrize("name", MANY)
def test_watching_changes_nothing_of_the_result_its_noise_and_its_cost(name):
    strategy, params = MANY[name]
    alone = qnn(**params).unlearn(X[:6], strategy=strategy)
    seen = Seen()
    watched = qnn(**params).unlearn(X[:6], strategy=strategy, watch=seen)
    assert np.array_equal(watched.params_, alone.params_)
    assert np.array_equal(watched.predict_proba(X), alone.predict_proba(X))
    one, other = alone.unlearning_log_[-1], watched.unlearning_log_[-1]
    assert {k: other[k] for k in ("cost", "measuring_cost")} == {
        k: one[k] for k in ("cost", "measuring_cost")
    }
    told = other["watched"]
    assert "watched" not in one
    assert told["n_models"] == len(seen) >= 1 + (0 if name == "closed form" else 2)
    assert 0 < told["seconds"] <= other["seconds"]
    assert [epoch for epoch, _, _ in seen] == list(range(len(seen)))


def test_it_sees_the_model_before_each_epoch_and_at_the_last():
    before, seen = qnn(), Seen()
    after = qnn().unlearn(X[:6], strategy=FineTune(max_iter=3, guard=None), watch=seen)
    answers = [answer for _, _, answer in seen]
    assert len(seen) == 4
    np.testing.assert_array_equal(answers[0], before.predict_proba(X[:4]))
    np.testing.assert_array_equal(answers[-1], after.predict_proba(X[:4]))
    assert len(np.unique([answer.sum(axis=0)[0] for answer in answers])) == 4


def test_a_retraining_is_followed_from_its_own_beginning():
    seen = Seen()
    after = qnn().unlearn(X[:6], watch=seen)
    assert len(seen) == 1 + len(after.history_)
    np.testing.assert_array_equal(seen[-1][1].params_, after.params_)


def test_what_is_shown_only_predicts_and_holds_no_row():
    seen = Seen()
    qnn().unlearn(X[:6], strategy=FineTune(max_iter=1), watch=seen)
    for _, model, _ in seen:
        with pytest.raises(MemberRecordError, match="released copy"):
            model.is_member(X)
        text = pickle.dumps(model)
        assert not any(value.tobytes() in text for value in X[:90].ravel())


def test_the_teacher_of_a_twin_is_no_epoch_of_the_model():
    seen = Seen()
    twin = LastLayersRetrain(k=2, train="all", max_iter=5, batch_size=8)
    strategy = RetrainedTwin(twin=twin, max_iter=2, guard=None)
    qnn().unlearn(X[:6], strategy=strategy, watch=seen)
    assert len(seen) == 3


def test_hybrids_and_experiments_are_followed_too():
    seen = Seen()
    HybridQNNClassifier(**SMALL).fit(X[:90], Y[:90]).unlearn(
        X[:6], strategy=FineTune(max_iter=2), watch=seen
    )
    experiment = UnlearningClassifier(QNNClassifier(**SMALL), strategy=FineTune(max_iter=2))
    experiment.fit(X[:90], Y[:90]).unlearn(X[:6], watch=seen)
    assert [epoch for epoch, _, _ in seen] == [0, 1, 2] * 2


def test_a_watcher_that_fails_leaves_the_model_as_it_was():
    def fails(epoch, model):
        if epoch == 2:
            raise RuntimeError("no room left")

    clf = qnn()
    before = clf.params_
    with pytest.raises(RuntimeError, match="no room left"):
        clf.unlearn(X[:6], strategy=FineTune(max_iter=3), watch=fails)
    assert np.array_equal(clf.params_, before)
    assert clf.is_member(X[:6]).all()
    assert clf.unlearning_log_[-1]["status"] == "failed"


def test_a_watcher_cannot_end_a_run():
    with pytest.raises(ValueError, match="watch returned True"):
        qnn().unlearn(X[:6], strategy="fine_tune", watch=lambda epoch, model: True)


# --- an early end ------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["forget", "retain", "reference"])
def test_a_run_ends_when_a_metric_on_rows_that_it_may_see_passes_a_bound(on):
    asked = []

    def metric(y, proba):
        asked.append((len(y), set(y)))
        return float(len(asked))

    clf = qnn()
    clf.unlearn(
        X[:6], X_reference=X[90:], y_reference=np.ones(60, dtype=int),
        strategy=FineTune(max_iter=9, guard=None), stop_when=StopWhen(metric, on=on, above=2.5),
    )  # fmt: skip
    entry = clf.unlearning_log_[-1]
    assert entry["n_epochs"] == 3
    assert entry["stop_reason"] == f"stop_when: metric on {on} rows of 3 is above 2.5"
    n, labels = {"forget": (6, {0}), "retain": (84, {0, 1}), "reference": (60, {1})}[on]
    assert asked[0] == (n, labels)


def test_the_metric_is_that_of_the_model_as_it_is_then():
    values, seen = [], []

    def metric(y, proba):
        values.append(proba)
        return 0.0

    qnn().unlearn(
        X[:6], strategy=FineTune(max_iter=3, guard=None), stop_when=StopWhen(metric, above=1),
        watch=lambda epoch, model: seen.append(model.predict_proba(X[:6])),
    )  # fmt: skip
    for measured, predicted in zip(values, seen[1:], strict=True):
        np.testing.assert_allclose(measured, predicted, atol=1e-12)


def test_test_rows_end_no_run_and_the_error_says_why():
    with pytest.raises(ValueError, match=r"on='test'.*chosen by the rows that judge it.*watch="):
        qnn().unlearn(
            X[:6], strategy="fine_tune", stop_when=StopWhen(confidence, on="test", above=0)
        )


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"stop_when": StopWhen(confidence)}, ValueError, "give one of them"),
        ({"stop_when": StopWhen(confidence, below=1, above=0)}, ValueError, "give one of them"),
        ({"stop_when": StopWhen("accuracy", above=0)}, TypeError, "must be a function"),
        ({"stop_when": confidence}, TypeError, "must be a skqmu.unlearning.StopWhen"),
        ({"stop_when": StopWhen(confidence, on="reference", above=0)}, ValueError, "X_reference"),
        ({"watch": "accuracy"}, TypeError, "must be a function of an epoch and a model"),
        (
            {"stop_when": StopWhen(confidence, above=0), "strategy": "retrain"},
            ValueError,
            "Retrain has none of its own",
        ),
        (
            {"stop_when": StopWhen(confidence, above=0), "strategy": "selective_dampening"},
            ValueError,
            "SelectiveDampening has none of its own",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is(options, error, problem):
    clf = qnn()
    with pytest.raises(error, match=problem):
        clf.unlearn(X[:6], **{"strategy": "fine_tune", **options})
    assert clf.unlearning_log_ == []
    assert clf.is_member(X[:6]).all()


def test_a_metric_that_fails_leaves_the_model_as_it_was():
    def broken(y, proba):
        raise UnlearningError("no such column")

    clf = qnn()
    before = clf.params_
    with pytest.raises(UnlearningError, match="no such column"):
        clf.unlearn(X[:6], strategy="fine_tune", stop_when=StopWhen(broken, above=0))
    assert np.array_equal(clf.params_, before)
