"""What strategies are given: in parts, and readable as one."""

import dataclasses

import numpy as np
import pytest

from skqmu import QNNClassifier
from skqmu.unlearning import (
    HeadView,
    LoopStrategy,
    Outcome,
    UnlearningRequest,
    UnlearningStrategy,
)

ROWS = ("forget", "retain", "reference", "removed_classes", "reference_source")
TRAINER = (
    *(
        "learning_rate_init",
        "batch_size",
        "solver",
        "refit",
        "importance",
        "updates",
        "fit_loss",
        "alpha",
        "watch",
    ),
)
HEAD = {
    "problem": ("kind", "penalty", "noise"),
    "evidence": (
        *("exact", "same_features", "complete", "weights_known", "members_checked", "origin"),
    ),
    "maps": ("features", "signs", "params_of"),
}


class Reader(UnlearningStrategy):
    """Keeps the request that it was given, and changes nothing."""

    requires = frozenset({"forget", "retain"})

    def unlearn(self, request):
        Reader.seen = request
        return Outcome(request.params, "read")


@pytest.fixture
def request_(data):
    clf = QNNClassifier(trainable="head", head="ridge", n_layers=1, random_state=0)
    clf.fit(data.X, data.y).unlearn(index=[0, 3], strategy=Reader())
    return Reader.seen


def test_a_request_and_a_head_have_few_fields_and_all_their_parts_names(request_):
    assert len(dataclasses.fields(UnlearningRequest)) <= 11
    assert len(dataclasses.fields(HeadView)) <= 10
    for part, names in (("rows", ROWS), ("trainer", TRAINER)):
        whole = getattr(request_, part)
        assert {field.name for field in dataclasses.fields(whole)} == set(names)
        assert all(getattr(request_, name) is getattr(whole, name) for name in names)
    for part, names in HEAD.items():
        whole = getattr(request_.head, part)
        assert {field.name for field in dataclasses.fields(whole)} == set(names)
        assert all(getattr(request_.head, name) is getattr(whole, name) for name in names)


def test_a_request_says_what_it_is_about(request_, data):
    np.testing.assert_array_equal(request_.forget.X, data.X[[0, 3]])
    assert len(request_.retain) == len(data.X) - 2
    assert (request_.reference, request_.updates, len(request_.removed_classes)) == (None, [], 0)
    assert request_.solver(0.5).learning_rate == 0.5
    assert request_.head.features(request_.forget.X).shape == (2, len(request_.head.weights))


def test_a_copy_has_other_values_wherever_they_stand(request_):
    less = request_.forget[:1]
    other = request_.replace(forget=less, batch_size=3, yardstick=None, params=np.zeros(4))
    assert other.forget is less
    assert (other.batch_size, other.yardstick) == (3, None)
    np.testing.assert_array_equal(other.params, np.zeros(4))
    assert other.retain is request_.retain
    assert other.known is request_.known  # what one part has found out, the next one knows
    assert len(request_.forget) == 2
    with pytest.raises(TypeError, match="forgotten"):
        request_.replace(forgotten=less)


def test_parts_are_replaced_whole_too(request_):
    rows = dataclasses.replace(request_.rows, retain=None)
    assert request_.replace(rows=rows, forget=rows.forget[:1]).retain is None


def test_a_strategy_may_give_its_learning_rate_a_schedule(make_classifier, data):
    class Halved(LoopStrategy):
        requires = frozenset({"retain"})

        def objective(self, request):
            from skqmu.training import Objective

            return Objective({"retain": request.retain})

        def schedule(self, run):
            return 0.5 if run.epoch else 1.0

    def end(strategy):
        clf = make_classifier(max_iter=10).fit(data.X, data.y)
        clf.unlearn(index=[0, 3], strategy=strategy)
        return clf.params_, clf.unlearning_log_[-1]["history"]

    class Plain(Halved):
        schedule = LoopStrategy.schedule

    common = {"solver": "sgd", "guard": None}
    start = end(Plain(max_iter=1, learning_rate_init=0.1, **common))[0]
    whole = end(Plain(max_iter=2, learning_rate_init=0.1, **common))[0]
    halved, _ = end(Halved(max_iter=2, learning_rate_init=0.1, **common))
    # The same two gradients (one batch of all rows, momentum 0.9), the second one by half.
    assert not np.allclose(halved, whole, atol=1e-6)
    assert np.linalg.norm(halved - start) < np.linalg.norm(whole - start)
