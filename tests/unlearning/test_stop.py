"""The stop rule: where an ascent ends, and when it cannot know.

This file looks inside.
"""

import copy
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.preprocessing import scale

from skqmu import QNNClassifier
from skqmu.backends import AerBackend
from skqmu.exceptions import UnlearningWarning
from skqmu.unlearning import (
    SCRUB,
    GradientAscent,
    LabelComplement,
    NegGradPlus,
    Outcome,
    SelectiveDampening,
    _stop,
)
from skqmu.unlearning._stop import class_shares
from skqmu.unlearning._unseen import left_out_loss

# Features as they stand, and <Z> alone: two weights a class, which know nothing by heart.
ANGLES = {"input_scale": None, "observables": "z", "n_qubits": 2}


def losses(model, X, y):
    return -model.predict_log_proba(X)[np.arange(len(X)), np.searchsorted(model.classes_, y)]


@pytest.fixture(scope="module")
def memorised():
    """A model that knows 40 rows, a quarter of them with wrong labels, by heart."""
    X, y = make_classification(160, 3, n_informative=3, n_redundant=0, flip_y=0.25, random_state=0)
    X = np.clip(scale(X), -3, 3)
    clf = QNNClassifier(
        n_layers=5, reuploading=True, max_iter=150, tol=0, n_iter_no_change=999, random_state=0
    ).fit(X[:40], y[:40])
    forget, unseen = losses(clf, X[:8], y[:8]).mean(), losses(clf, X[40:], y[40:]).mean()
    assert forget < 0.2 * unseen  # it does memorise
    return clf, X, y


@pytest.mark.parametrize("strategy", [GradientAscent, NegGradPlus, LabelComplement])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_an_ascent_ends_where_unseen_records_stand_whatever_its_steps(memorised, strategy, rate):
    fitted, X, y = memorised
    clf = copy.deepcopy(fitted)
    request = {"X_reference": X[40:], "y_reference": y[40:]}
    clf.unlearn(
        X[:8], strategy=strategy(learning_rate_init=rate, max_iter=200, guard=None), **request
    )
    assert clf.unlearning_log_[-1]["stop_reason"] == "stop rule: the forgotten rows look unseen"
    shares = class_shares(y[:8], y[40:])
    assert shares.sum() == pytest.approx(1)
    before, after = (shares @ losses(model, X[40:], y[40:]) for model in (fitted, clf))
    reached = losses(clf, X[:8], y[:8]).mean()
    assert reached >= min(before, after)
    # the last step is shortened until it just reaches: within a thousandth of a step
    assert reached < min(before, after) * 1.05 + 0.01


def test_without_the_rule_an_ascent_goes_on(memorised):
    fitted, X, y = memorised
    clf = copy.deepcopy(fitted)
    clf.unlearn(X[:8], strategy=GradientAscent(stop=None, guard=None, max_iter=30))
    assert clf.unlearning_log_[-1]["stop_reason"] == "max_iter"
    assert losses(clf, X[:8], y[:8]).mean() > 2 * losses(fitted, X[40:], y[40:]).mean()


def test_a_model_that_does_not_memorise_is_there_at_step_0(small_world):
    clf, X, y, X_unseen, y_unseen = small_world
    gap = losses(clf, X_unseen, y_unseen).mean() - losses(clf, X[:40], y[:40]).mean()
    worst = np.argsort(-losses(clf, X, y))[:5]
    before = clf.params_
    clf = copy.deepcopy(clf)
    clf.unlearn(index=worst, strategy="gradient_ascent", X_reference=X_unseen, y_reference=y_unseen)
    assert abs(gap) < 0.1
    entry = clf.unlearning_log_[-1]
    assert "at step 0" in entry["stop_reason"]
    assert (entry["n_epochs"], entry["n_steps"]) == (0, 0)
    np.testing.assert_array_equal(clf.params_, before)
    assert not clf.is_member(X[worst]).any()  # forgotten all the same


@pytest.fixture(scope="module")
def small_world():
    """Two parameters a class and 400 rows: nothing can be learned by heart."""
    rng = np.random.default_rng(0)
    y = np.arange(800) % 2
    X = rng.normal(size=(800, 2)) + y[:, None]
    clf = QNNClassifier(**ANGLES, n_layers=1, max_iter=40, random_state=0).fit(X[:400], y[:400])
    return clf, X[:400], y[:400], X[400:], y[400:]


@pytest.mark.parametrize("strategy", [GradientAscent, NegGradPlus, LabelComplement])
def test_a_removed_class_is_as_unlikely_on_its_rows_as_elsewhere(strategy):
    rng = np.random.default_rng(1)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 2)) * 0.5 + np.array([[0, 0], [1.5, 0], [0, 1.5]])[y]
    clf = QNNClassifier(**ANGLES, n_layers=2, max_iter=60, random_state=0).fit(X, y)
    gone = y == 1
    assert clf.predict_proba(X[gone])[:, 1].mean() > 0.5
    clf.unlearn(X[gone], strategy=strategy(max_iter=200))
    entry = clf.unlearning_log_[-1]
    assert entry["stop_reason"] == "stop rule: the forgotten rows look unseen"
    proba = clf.predict_proba(X)[:, 1]
    assert proba[gone].mean() <= proba[~gone].mean()
    assert not (clf.predict(X[gone]) == 1).any()


@pytest.mark.parametrize(("max_iter", "status"), [(4, "short of target"), (12, "done")])
def test_an_end_before_the_target_counts_where_wrong_classes_get_as_much(max_iter, status):
    rng = np.random.default_rng(1)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 2)) * 0.5 + np.array([[0, 0], [1.5, 0], [0, 1.5]])[y]
    clf = QNNClassifier(**ANGLES, n_layers=2, max_iter=60, random_state=0).fit(X, y)
    gone = y == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        clf.unlearn(X[gone], strategy=LabelComplement(max_iter=max_iter, guard=None))
    proba = clf.predict_proba(X)
    wrong = (1 - proba[~gone, y[~gone]].mean()) / 2
    tolerable = proba[gone, 1].mean() <= wrong and not (clf.predict(X[gone]) == 1).any()
    entry = clf.unlearning_log_[-1]
    assert entry["stop_reason"] == "max_iter"
    assert proba[gone, 1].mean() > proba[~gone, 1].mean()  # short of what the stop rule wants
    assert (entry["target_reached"], entry["status"]) == (tolerable, status)


@pytest.mark.filterwarnings("ignore:GradientAscent ended short")
@pytest.mark.parametrize("backend", ["statevector", "aer"])
def test_rows_that_are_asked_first_cost_less_and_change_no_decision(monkeypatch, backend):
    X, y = load_iris(return_X_y=True)
    shots = {"backend": AerBackend(shots=64, seed=0)} if backend == "aer" else {}
    clf = QNNClassifier(**{**ANGLES, "n_qubits": 4}, n_layers=1, max_iter=40, random_state=0)
    clf.fit(X, y)
    clf.set_params(**shots)
    ended = []
    for asked in (0, 8):
        monkeypatch.setattr(_stop, "_ASKED_FIRST", asked)
        copied = copy.deepcopy(clf)
        steps = {"max_iter": 2} if shots else {"max_iter": 60, "learning_rate_init": 0.005}
        strategy = GradientAscent(batch_size=25, guard=None, **steps)
        copied.unlearn(index=np.flatnonzero(y == 0), strategy=strategy)
        ended.append((copied.params_, copied.unlearning_log_[-1]["cost"]["forward_rows"]))
    (all_asked, n_all), (some_asked, n_some) = ended
    np.testing.assert_allclose(some_asked, all_asked, atol=1e-9)
    assert n_some == n_all if shots else n_some < 0.7 * n_all


def test_unseen_records_of_some_classes_stand_for_the_others(memorised):
    fitted, X, y = memorised
    only = y[40:] == 1
    assert set(y[8:16]) == {0, 1}
    clf = copy.deepcopy(fitted)
    with pytest.warns(UnlearningWarning, match="no held-out records of 1 of the forgotten"):
        clf.unlearn(
            X[8:16],
            strategy=GradientAscent(guard=None),
            X_reference=X[40:][only],
            y_reference=y[40:][only],
        )
    assert clf.unlearning_log_[-1]["reference"] == "given"


@pytest.mark.parametrize("strategy", [GradientAscent, NegGradPlus, LabelComplement, SCRUB])
def test_without_unseen_records_it_aims_at_what_a_model_without_the_rows_says(memorised, strategy):
    fitted, X, y = memorised
    clf = copy.deepcopy(fitted)
    clf.unlearn(X[:8], strategy=strategy(max_iter=200, guard=None))
    entry = clf.unlearning_log_[-1]
    assert (entry["reference"], entry["target_reached"]) == ("leave-one-out", True)
    assert entry["stop_reason"] == "stop rule: the forgotten rows look unseen"
    assert entry["cost"]["gradient_rows"] > 32 * 3  # the estimate's rows are counted
    oracles = []
    for seed in range(3):
        oracle = clone(fitted).set_params(random_state=seed + 1).fit(X[8:40], y[8:40])
        oracles.append(losses(oracle, X[:8], y[:8]).mean())
    before, after = (losses(model, X[:8], y[:8]).mean() for model in (fitted, clf))
    assert before < after < max(oracles)
    assert abs(after - np.mean(oracles)) < abs(before - np.mean(oracles))


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_the_estimate_is_near_what_retraining_without_the_rows_gives(seed):
    """Over all rows, fold by fold, as cross-validation measures the loss of unseen rows."""
    X, y = make_classification(70, 4, n_informative=4, n_redundant=0, random_state=seed)
    X = np.clip(scale(X), -2, 2)
    clf = QNNClassifier(n_layers=3, max_iter=80, random_state=0).fit(X, y)
    levels, unseen = [], []
    for start in range(0, 70, 14):
        fold = np.arange(70) // 14 == start // 14
        copied = copy.deepcopy(clf).unlearn(index=fold, strategy=Spy())
        levels.append(float(copied.unlearning_log_[-1]["stop_reason"]))
        oracle = clone(clf).set_params(random_state=1).fit(X[~fold], y[~fold])
        unseen.append(losses(oracle, X[fold], y[fold]).mean())
    members = losses(clf, X, y).mean()
    assert members < np.mean(levels) < 1.2 * np.mean(unseen) + 0.03
    assert np.mean(levels) - members > 0.4 * (np.mean(unseen) - members)


class Spy(GradientAscent):
    """Say the level that the rule would go by, and do nothing."""

    def unlearn(self, request):
        return Outcome(request.params, str(left_out_loss(request, request.forget)))


def test_without_any_rows_it_goes_by_the_loss_of_members_and_says_so(memorised):
    fitted, X, y = memorised
    clf = clone(fitted).set_params(store_data="none").fit(X[:40], y[:40])
    with pytest.warns(UnlearningWarning) as told:
        clf.unlearn(X[:8], y[:8], strategy=GradientAscent())
    said = " ".join(str(w.message) for w in told)
    assert "forget too little, or nothing" in said
    assert "nobody sees what the request costs" in said or clf.unlearning_log_[-1]["n_steps"] == 0
    entry = clf.unlearning_log_[-1]
    assert entry["reference"] == "members"
    assert entry["n_epochs"] < 50
    assert "forget too little, or nothing" in " ".join(entry["notes"])


def test_fits_own_validation_part_comes_before_any_estimate(memorised):
    _, X, y = memorised
    clf = QNNClassifier(early_stopping=True, validation_fraction=0.3, max_iter=30, random_state=0)
    clf.fit(X[:100], y[:100])
    row = np.flatnonzero(~clf._fitted.members.held_out)[0]
    clf.unlearn(index=[row], strategy=GradientAscent())
    assert clf.unlearning_log_[-1]["reference"] == "validation"


def test_a_warning_that_is_an_error_changes_nothing(memorised):
    fitted, X, _ = memorised
    clf = copy.deepcopy(fitted)
    with pytest.raises(UnlearningWarning, match="nothing was dampened"):  # errors, here
        clf.unlearn(X[:8], strategy=SelectiveDampening(alpha=1e9))
    np.testing.assert_array_equal(clf.params_, fitted.params_)
    assert clf.is_member(X[:8]).all()
    assert clf.unlearning_log_[-1]["status"] == "failed"


def test_shares_give_the_available_records_the_wanted_mix():
    wanted, available = np.array([0, 0, 0, 2]), np.array([2, 0, 0, 1, 2, 2])
    np.testing.assert_allclose(
        class_shares(wanted, available), [1 / 12, 3 / 8, 3 / 8, 0, 1 / 12, 1 / 12]
    )
