"""The contract of classifiers that forget: ours pass it, and broken ones are found out.

This file looks inside.
"""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skqmu import (
    HybridQNNClassifier,
    QNNClassifier,
    ShardedClassifier,
    UnlearningClassifier,
)
from skqmu._same_state import same_state
from skqmu.unlearning import STRATEGIES, GradientAscent
from skqmu.utils.estimator_checks import (
    check_unlearner,
    parametrize_with_unlearner_checks,
    unlearner_checks,
)

SMALL = {"n_qubits": 2, "n_layers": 1, "max_iter": 2}
# Every kind of group and of state that a network has: buffers, random layers, two towers of
# dense layers around a circuit.
DEEP = {"front_layers": (3, "tanh"), "head_layers": (4, "batch_norm", "relu", "dropout:0.2")}


ESTIMATORS = {
    "all": QNNClassifier(**SMALL),
    "head": QNNClassifier(**SMALL, trainable="head"),
    "hybrid": HybridQNNClassifier(**SMALL),
    "deep_hybrid": HybridQNNClassifier(**SMALL, **DEEP),
}


def is_made_for(strategy, estimator):
    """Whether the estimator has the parameters that the strategy needs set, and goes with them."""
    needed, has = STRATEGIES[strategy]().classifier_params, estimator.get_params()
    mixes_rows = "batch_norm" in has.get("head_layers", ())
    return set(needed) <= set(has) and not ("privacy" in needed and mixes_rows)


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [(k, s) for k, e in ESTIMATORS.items() for s in STRATEGIES if is_made_for(s, e)],
)
def test_every_strategy_keeps_the_contract(kind, strategy):
    check_unlearner(ESTIMATORS[kind], strategy)


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [(k, s) for k, e in ESTIMATORS.items() for s in STRATEGIES if not is_made_for(s, e)],
)
def test_a_strategy_for_some_models_refuses_other_networks(kind, strategy):
    X, y = load_iris(return_X_y=True)
    clf = clone(ESTIMATORS[kind]).set_params(random_state=0).fit(X, y)
    before = pickle.dumps(clf)
    with pytest.raises((ValueError, RuntimeError), match="QNNClassifier") as told:
        clf.unlearn(X[:2], strategy=strategy)
    assert any(f"{word}=" in str(told.value) for word in ("head", "loss", "privacy"))
    assert pickle.dumps(clf) == before


@pytest.mark.parametrize(
    "strategy",
    [
        s if s in ("retrain", "scrub", "amnesiac") else pytest.param(s, marks=pytest.mark.slow)
        for s in STRATEGIES
        if "privacy" not in STRATEGIES[s].classifier_params  # without a validation part
    ],
)
def test_every_strategy_keeps_it_with_mini_batches_and_a_validation_part(strategy):
    estimator = QNNClassifier(**SMALL, early_stopping=True, batch_size=7, solver="sgd")
    check_unlearner(estimator, strategy)


@parametrize_with_unlearner_checks(
    [
        QNNClassifier,
        QNNClassifier(**SMALL, loss="linear"),
        UnlearningClassifier(QNNClassifier(**SMALL)),
        UnlearningClassifier(QNNClassifier(**SMALL), strategy=GradientAscent(max_iter=3)),
        ShardedClassifier(DecisionTreeClassifier()),
        ShardedClassifier(LogisticRegression(max_iter=500), n_slices=2),
        ShardedClassifier(QNNClassifier(**SMALL), n_shards=2, n_slices=2, aggregation="vote"),
    ]
)
def test_every_classifier_that_forgets_keeps_the_contract(check):
    check()


# --- what the suite must find ------------------------------------------------------------


class ReturnsNothing(QNNClassifier):
    def unlearn(self, *arguments, **more):
        super().unlearn(*arguments, **more)


class KeepsTheRecord(QNNClassifier):
    def unlearn(self, *arguments, **more):
        record = self._fitted.members
        super().unlearn(*arguments, **more)
        self._fitted = replace(self._fitted, members=record)
        return self


class KeepsTheRows(QNNClassifier):
    def unlearn(self, X_forget=None, y_forget=None, **more):
        super().unlearn(X_forget, y_forget, **more)
        self.last_ = np.array(X_forget, dtype=float) if X_forget is not None else None
        return self


class LogsTheRows(QNNClassifier):
    def unlearn(self, X_forget=None, y_forget=None, **more):
        super().unlearn(X_forget, y_forget, **more)
        if X_forget is not None:
            self.unlearning_log_[-1]["rows"] = [np.asarray(X_forget).astype(np.float32)]
        return self


class ChangesBeforeItFails(QNNClassifier):
    def unlearn(self, *arguments, **more):
        self.loss_curve_.append(0.0)
        return super().unlearn(*arguments, **more)


class IgnoresUnknownRows(QNNClassifier):
    def unlearn(self, X_forget=None, y_forget=None, **more):
        if X_forget is not None and np.ndim(X_forget) == 2 and np.isfinite(X_forget).all():
            known = self.is_member(X_forget)
            if known.any():
                X_forget = np.asarray(X_forget)[known]
                y_forget = None if y_forget is None else np.asarray(y_forget)[known]
        return super().unlearn(X_forget, y_forget, **more)


class IgnoresLabels(QNNClassifier):
    def unlearn(self, X_forget=None, y_forget=None, **more):
        return super().unlearn(X_forget, None, **more)


class LosesTheClass(QNNClassifier):
    def unlearn(self, *arguments, **more):
        super().unlearn(*arguments, **more)
        self.classes_ = self.classes_[np.unique(self._fitted.members.labels)]
        return self


class DrawsFromTheGlobalGenerator(QNNClassifier):
    def unlearn(self, *arguments, **more):
        super().unlearn(*arguments, **more)
        self.params_ = self.params_ + 1e-9 * np.random.normal(size=1)  # noqa: NPY002
        return self


class ChangesInPlace(QNNClassifier):
    def unlearn(self, *arguments, **more):
        before = self.params_
        super().unlearn(*arguments, **more)
        before[:] = self.params_
        return self

    def __deepcopy__(self, memo):
        other = copy.copy(self)
        other.unlearning_log_ = list(self.unlearning_log_)
        return other


class ReleasesTheRecord(QNNClassifier):
    def release(self):
        released = super().release()
        released._fitted = replace(released._fitted, members=self._fitted.members)
        return released


class CertifiesEverything(QNNClassifier):
    def unlearn(self, *arguments, **more):
        super().unlearn(*arguments, **more)
        self.unlearning_log_[-1]["kind"] = "approximate"
        return self


class CountsPredictions(QNNClassifier):
    n_predictions_ = 0

    def predict(self, X):
        self.n_predictions_ += 1
        return super().predict(X)


class DependsOnTheOrder(QNNClassifier):
    def unlearn(self, X_forget=None, y_forget=None, **more):
        super().unlearn(X_forget, y_forget, **more)
        if X_forget is not None:
            self.params_ = self.params_ + 1e-6 * np.asarray(X_forget)[0, 0]
        return self


class RemembersAfterFit(QNNClassifier):
    def fit(self, *arguments, **more):
        log = getattr(self, "unlearning_log_", [])
        super().fit(*arguments, **more)
        self.unlearning_log_ = log
        return self


class ForgetsOnFailure(QNNClassifier):
    def unlearn(self, *arguments, **more):
        try:
            return super().unlearn(*arguments, **more)
        except OSError:
            self.params_ = self.params_ + 1.0
            raise


class ForgetsHalfAPerson(QNNClassifier):
    def unlearn(self, *arguments, ids=None, **more):
        known = self._fitted.members.ids
        whose = [] if ids is None else known.keys()
        if ids and all(("str", name) in whose for name in ids):
            more["index"] = [whose.index(("str", name)) for name in ids]
            ids = None
        return super().unlearn(*arguments, ids=ids, **more)


class LogsTheIds(QNNClassifier):
    def unlearn(self, *arguments, ids=None, **more):
        super().unlearn(*arguments, ids=ids, **more)
        if ids is not None:
            self.unlearning_log_[-1]["whose"] = list(ids)
        return self


class KeepsTheIds(QNNClassifier):
    def unlearn(self, *arguments, ids=None, **more):
        super().unlearn(*arguments, ids=ids, **more)
        self.last_ = ids
        return self


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (ForgetsHalfAPerson, "check_ids"),
        (LogsTheIds, "check_ids"),
        (KeepsTheIds, "check_ids_leave_no_trace"),
        (ReturnsNothing, "check_returns_self_and_logs"),
        (KeepsTheRecord, "check_forgotten_rows_are_no_members"),
        (KeepsTheRecord, "check_already_forgotten"),
        (KeepsTheRows, "check_pickle_holds_no_forgotten_row"),
        (LogsTheRows, "check_pickle_holds_no_forgotten_row"),
        (ChangesBeforeItFails, "check_bad_requests"),
        (ChangesBeforeItFails, "check_no_rows"),
        (ChangesBeforeItFails, "check_all_rows"),
        (IgnoresUnknownRows, "check_unknown_rows"),
        (IgnoresUnknownRows, "check_already_forgotten"),
        (IgnoresLabels, "check_duplicates"),
        (LosesTheClass, "check_whole_class"),
        (DrawsFromTheGlobalGenerator, "check_reproducible"),
        (ChangesInPlace, "check_copies_are_independent"),
        (ReleasesTheRecord, "check_release"),
        (ReleasesTheRecord, "check_pickle_holds_no_forgotten_row"),
        (CertifiesEverything, "check_returns_self_and_logs"),
        (CountsPredictions, "check_prediction_changes_nothing"),
        (DependsOnTheOrder, "check_order_of_rows"),
        (DependsOnTheOrder, "check_order_of_requests"),
        (RemembersAfterFit, "check_fit_starts_afresh"),
        (ForgetsOnFailure, "check_failing_strategies"),
    ],
)
def test_a_broken_classifier_fails_the_check_that_is_for_it(broken, check):
    checks = dict(unlearner_checks(broken(**SMALL)))
    with pytest.raises((AssertionError, AttributeError)):
        checks[check]()
    with pytest.raises(AssertionError, match="check_"):
        check_unlearner(broken(**SMALL))


def test_the_first_check_that_fails_is_named():
    with pytest.raises(
        AssertionError, match="check_already_forgotten: AssertionError: asking twice"
    ):
        check_unlearner(IgnoresUnknownRows(**SMALL, store_data="rows"))


def test_an_unknown_strategy_is_an_error():
    with pytest.raises(AssertionError, match="strategy='retrian' is unknown"):
        check_unlearner(QNNClassifier(**SMALL), "retrian")


# --- comparing states --------------------------------------------------------------------


class Holder:
    def __init__(self, **attributes):
        vars(self).update(attributes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, True),
        (1.0, 1),
        ([1], [1, 2]),
        ({"a": 1}, {"b": 1}),
        (np.array([1.0]), np.array([1.0 + 1e-16 * 3])),
        (np.array([1.0]), np.array([1.0], dtype=np.float32)),
        (np.array([0.0]), np.array([-0.0])),
        (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object)),
        (Holder(x=Holder(y=[1])), Holder(x=Holder(y=[2]))),
        (
            DecisionTreeClassifier().fit([[0], [1]], [0, 1]),
            DecisionTreeClassifier().fit([[0]], [0]),
        ),
        (frozenset({1}), frozenset({2})),
    ],
)
def test_a_difference_is_found_at_any_depth(one, other):
    assert same_state({"k": [one]}, {"k": [other]}).startswith("['k'][0]")


def test_equal_states_are_equal():
    def make():
        tree = DecisionTreeClassifier(random_state=0).fit([[0.0], [1.0]], [0, 1])
        cycle = Holder(values=np.array([np.nan, 1.0]), tree=tree, nothing=None)
        cycle.self = cycle
        return {"a": [cycle, (np.nan, "s")], "b": np.array([None, 1], dtype=object)}

    assert same_state(make(), make()) is None
