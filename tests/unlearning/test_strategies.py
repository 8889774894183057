"""Laws that every strategy obeys; a new class is tested without being named here.

This file looks inside.
"""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone

from skqmu.exceptions import TrainingDivergedError, UnlearningError, UnlearningWarning
from skqmu.training import _loop
from skqmu.unlearning import (
    SCRUB,
    STRATEGIES,
    Amnesiac,
    Composite,
    FineTune,
    GradientAscent,
    LastLayersRetrain,
    LoopStrategy,
    Retrain,
    SelectiveDampening,
    UnlearningStrategy,
    resolve_strategy,
)

NEEDS = {"forget", "retain", "reference", "importance", "update_log", "objective_noise"}
LOOPS = [name for name, cls in STRATEGIES.items() if issubclass(cls, LoopStrategy)]


def needed(name):
    """What a classifier must be for a strategy that does not work on every one."""
    params = STRATEGIES[name].classifier_params
    # Where every batch holds a forgotten row, a log of updates has nothing to keep.
    return {**params, **({"batch_size": 5} if params.get("log_updates") else {})}


@pytest.fixture
def fitted(make_classifier, data):
    def fit(name, **changes):
        return make_classifier(**{"max_iter": 10, **needed(name), **changes}).fit(data.X, data.y)

    return fit


def quietly(clf, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        return clf.unlearn(*args, **kwargs)


@pytest.mark.parametrize("name", STRATEGIES)
def test_states_what_it_is(name):
    strategy = STRATEGIES[name]()
    assert isinstance(strategy, UnlearningStrategy)
    assert strategy.kind in {"exact", "certified", "approximate"}
    assert strategy.requires <= NEEDS
    assert all(getattr(strategy, text) for text in ("source", "formula", "advice"))
    assert "\n" not in strategy.formula + strategy.advice
    assert "Examples" in type(strategy).__doc__


@pytest.mark.parametrize("name", STRATEGIES)
def test_is_a_value(name):
    strategy = STRATEGIES[name]()
    for same in (clone(strategy), pickle.loads(pickle.dumps(strategy)), copy.deepcopy(strategy)):
        assert repr(same) == repr(strategy)
        assert repr(same.get_params()) == repr(strategy.get_params())


@pytest.mark.parametrize("name", STRATEGIES)
def test_name_and_object_do_the_same(fitted, data, name):
    clf = fitted(name)  # one fit: those of private training differ
    outcomes = [
        quietly(copy.deepcopy(clf), data.X_f, strategy=given).params_
        for given in (name, STRATEGIES[name]())
    ]
    np.testing.assert_array_equal(*outcomes)
    np.testing.assert_array_equal(
        quietly(copy.deepcopy(clf).set_params(unlearning=name), data.X_f).params_, outcomes[0]
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_costs_no_more_than_it_says(fitted, data, name):
    clf = quietly(fitted(name), data.X_f, strategy=name)
    entry = clf.unlearning_log_[-1]
    if not STRATEGIES[name].refits:  # these cost what a fit costs
        said = STRATEGIES[name]().gradient_rows(len(data.X_f), len(data.X_r))
        assert entry["cost"]["gradient_rows"] <= said
    assert (entry["certificate"] is None) == (entry["kind"] == "approximate")


@pytest.mark.parametrize("name", STRATEGIES)
def test_leaves_what_fit_did_not_train(make_classifier, data, name):
    if STRATEGIES[name].kind != "approximate":
        pytest.skip("a refit draws its circuit; what solves a head has tests of its own")
    clf = make_classifier(**{**needed(name), "trainable": "head", "max_iter": 5})
    clf.fit(data.X, data.y)
    before = clf.params_
    quietly(clf, data.X_f, strategy=name)
    np.testing.assert_array_equal(clf.params_[:6], before[:6])


def test_a_head_drawn_anew_is_trained_on_the_circuit_that_stays(make_classifier, data, hand):
    clf = make_classifier(trainable="head", max_iter=5).fit(data.X, data.y)
    clf.unlearn(data.X_f, strategy=LastLayersRetrain(k=2, train="all", max_iter=400))
    head = hand.slope(lambda p: hand.ce(p, data.X_r, data.y_r), clf.params_)[6:]
    assert np.linalg.norm(head) < 0.05  # at its optimum, for these circuit weights


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("how", ["nan", "interrupt"])
def test_what_fails_midway_changes_nothing(fitted, data, monkeypatch, name, how):
    clf = fitted(name)
    before, members = clf.params_, clf._fitted.members
    proba = clf.predict_proba(data.X)
    step, calls = _loop.step_alone, []

    def broken(run, asked):
        calls.append(asked)
        if len(calls) < 2:
            return step(run, asked)
        if how == "interrupt":
            raise KeyboardInterrupt
        raise TrainingDivergedError("the loss became non-finite")

    monkeypatch.setattr(_loop, "step_alone", broken)
    # SCRUB's rule asks for epochs, whatever the others ask.
    with pytest.raises(KeyboardInterrupt if how == "interrupt" else UnlearningError):
        quietly(clf, data.X_f, strategy=name)
    assert clf.params_ is before
    assert clf._fitted.members is members
    assert clf.is_member(data.X_f).all()
    np.testing.assert_array_equal(clf.predict_proba(data.X), proba)
    status = clf.unlearning_log_[-1]["status"]
    assert status == ("interrupted" if how == "interrupt" else "diverged")
    monkeypatch.undo()
    again = quietly(clf, data.X_f, strategy=name)
    np.testing.assert_array_equal(
        again.params_, quietly(fitted(name), data.X_f, strategy=name).params_
    )


def test_a_learning_rate_that_diverges_is_told_as_such(fitted, data):
    clf = fitted("gradient_ascent")
    before = clf.params_
    wild = GradientAscent(learning_rate_init=1e308, stop=None)
    with pytest.raises(UnlearningError, match="diverged and nothing was changed"):
        clf.unlearn(data.X_f, strategy=wild)
    assert clf.params_ is before
    assert clf.unlearning_log_[-1]["status"] == "diverged"


@pytest.mark.parametrize("name", ["retrain", "exact_downdate"])
def test_exact_requests_in_any_order_and_grouping_end_alike(fitted, data, name):
    strategy = Retrain(random_state="same") if name == "retrain" else name
    ends = []
    for requests in ([[0], [4], [9]], [[9, 4], [0]], [[0, 4, 9]]):
        clf = fitted(name)
        for rows in requests:
            clf.unlearn(index=rows, strategy=strategy)
        assert [entry["n_forget"] for entry in clf.unlearning_log_] == [len(r) for r in requests]
        ends.append(clf.params_)
    tolerance = 0 if name == "retrain" else 1e-10
    np.testing.assert_allclose(ends[1], ends[0], rtol=0, atol=tolerance)
    np.testing.assert_allclose(ends[2], ends[0], rtol=0, atol=tolerance)


def test_retraining_with_the_same_seed_is_a_fit_without_the_rows(fitted, make_classifier, data):
    clf = fitted("retrain", batch_size=7).unlearn(data.X_f, strategy=Retrain(random_state="same"))
    other = make_classifier(max_iter=10, batch_size=7).fit(data.X_r, data.y_r, classes=[0, 1, 2])
    np.testing.assert_array_equal(clf.params_, other.params_)


def test_retraining_a_fixed_circuit_brings_its_own_weights(make_classifier, data):
    clf = make_classifier(trainable="head", head="ridge").fit(data.X, data.y)
    before = clf.params_
    clf.unlearn(data.X_f, strategy="retrain")
    assert not np.allclose(clf.params_[:6], before[:6])
    refitted = make_classifier(trainable="head", head="ridge", circuit_weights=clf.params_[:6]).fit(
        data.X_r, data.y_r
    )
    np.testing.assert_allclose(refitted.params_, clf.params_, atol=1e-10)


def test_a_composite_is_its_parts_in_a_row(fitted, data):
    parts = [GradientAscent(max_iter=3, stop=None, guard=None), FineTune(max_iter=4)]
    together = fitted("composite").unlearn(data.X_f, strategy=Composite(parts)).params_
    first = fitted("composite").unlearn(data.X_f, strategy=parts[0])
    # The second part on the same rows: retained rows alone, from where the first one ended.
    last = fitted("composite")
    last.params_ = first.params_
    last.unlearn(data.X_f, strategy=parts[1])
    np.testing.assert_allclose(together, last.params_, atol=1e-12)


def test_composites_of_parts_that_promise_more_or_of_none_are_refused():
    with pytest.raises(ValueError, match="strategies holds Retrain, which is exact"):
        resolve_strategy(Composite(["retrain", "fine_tune"]))
    with pytest.raises(ValueError, match="strategies is empty"):
        resolve_strategy(Composite([]))
    with pytest.raises(ValueError, match="fine_tune"):
        resolve_strategy(Composite(["fine_tunes"]))


def test_nested_composites_and_their_needs():
    inner = Composite([SelectiveDampening(importance="qfi"), "fine_tune"])
    outer = Composite([Amnesiac(), inner])
    assert outer.requires == {"forget", "retain", "importance", "update_log"}
    assert outer.importance_kinds == {"qfi"}


def test_scrub_rewinds_to_the_epoch_whose_forget_error_is_that_of_unseen_records(
    make_classifier, data
):
    rng = np.random.default_rng(8)
    y_ref = np.tile([0, 1, 2], 20)
    X_ref = rng.normal(size=(60, 2)) + np.array([[0, 0], [1.5, 0], [0, 1.5]])[y_ref]
    strategy = SCRUB(rewind=True, max_iter=12, jitter=0.1)
    trace = []
    epoch = _loop._close_epoch

    def spy(run):
        epoch(run)
        trace.append(run.params)

    clf = make_classifier(max_iter=60, learning_rate_init=0.3).fit(data.X, data.y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_loop, "_close_epoch", spy)
        clf.unlearn(data.X_f, strategy=strategy, X_reference=X_ref, y_reference=y_ref)
    assert len(trace) == 12

    def error(params, X, y):
        probe = copy.copy(clf)
        probe.params_ = params
        return 1 - probe.score(X, y)

    target = np.mean([error(trace[-1], X_ref[y_ref == c], y_ref[y_ref == c]) for c in data.y_f])
    distances = [abs(error(p, data.X_f, data.y_f) - target) for p in trace]
    best = int(np.argmin(distances))
    np.testing.assert_array_equal(clf.params_, trace[best])
    assert clf.unlearning_log_[-1]["stop_reason"] == f"rewound to epoch {best + 1} of 12"


def test_rewinding_without_comparable_records_warns(fitted, data):
    clf = fitted("scrub")
    other = data.y != 0
    with pytest.warns(UnlearningWarning, match="rewind has no held-out records"):
        clf.unlearn(
            index=np.flatnonzero(data.y == 0)[:3],
            strategy=SCRUB(rewind=True, max_iter=2),
            X_reference=data.X[other] + 0.01,
            y_reference=data.y[other],
        )


def test_a_model_that_does_not_memorise_is_done_at_step_0(fitted, data):
    clf = fitted("gradient_ascent")
    before = clf.params_
    # Records on which the model does better than on the forgotten rows.
    loss = -clf.predict_log_proba(data.X_r)[np.arange(24), data.y_r]
    easy = np.concatenate(
        [np.flatnonzero(data.y_r == c)[np.argsort(loss[data.y_r == c])[:2]] for c in range(3)]
    )
    clf.unlearn(
        data.X_f,
        strategy="gradient_ascent",
        X_reference=data.X_r[easy] + 1e-3,
        y_reference=data.y_r[easy],
    )
    entry = clf.unlearning_log_[-1]
    assert entry["stop_reason"] == "stop rule: the forgotten rows already look unseen at step 0"
    np.testing.assert_array_equal(clf.params_, before)
    assert entry["n_epochs"] == 0


@pytest.mark.parametrize("name", STRATEGIES)
def test_wrong_parameters_are_refused_before_anything_happens(fitted, data, name):
    clf = fitted(name)
    for parameter in STRATEGIES[name]().get_params(deep=False):
        strategy = clone(STRATEGIES[name]()).set_params(**{parameter: object()})
        with pytest.raises((ValueError, TypeError), match=parameter):
            clf.unlearn(data.X_f, strategy=strategy)
    assert clf.unlearning_log_ == []
