"""Retraining: equal to a fit on what stays, bit by bit, or a draw of its own."""

import numpy as np
import pytest

from skqmu import QNNClassifier
from skqmu.unlearning import Certificate, Retrain

VARIANTS = {
    "default": {},
    "mini-batches": {"batch_size": 7},
    "early stopping": {"early_stopping": True, "batch_size": 9, "max_iter": 12},
    "sgd": {"solver": "sgd", "alpha": 0.1},
    "balanced": {"class_weight": "balanced"},
    "class weights": {"class_weight": {0: 2.0}},
    "tolerance": {"max_iter": 60, "tol": 0.02, "n_iter_no_change": 2},
    "updates": {"log_updates": True, "batch_size": 11},
    "fixed circuit": {"trainable": "head"},
    "ridge": {"trainable": "head", "head": "ridge"},
    "logistic": {"trainable": "head", "head": "logistic", "objective_noise": 1.0},
    "random state": {"random_state": np.random.RandomState},
}
FITTED = ("history_", "loss_curve_", "loss_", "n_iter_", "stop_reason_")


def classifier(**params):
    if params.get("random_state") is np.random.RandomState:
        params["random_state"] = np.random.RandomState(4)
    return QNNClassifier(**{"n_layers": 1, "max_iter": 6, "random_state": 4, **params})


def without_time(value):
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{**row, "seconds": 0} for row in value]
    return value


@pytest.mark.parametrize("request_for", ["some rows", "a whole class", "one row"])
@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_seeds_give_what_fit_without_the_rows_gives(data, name, request_for):
    X, y, w = data.X, data.y, np.linspace(1, 2, 30)
    gone = {
        "some rows": data.mask,
        "a whole class": y == 1,
        "one row": np.arange(30) == 17,
    }[request_for]
    clf = classifier(**VARIANTS[name]).fit(X, y, sample_weight=w)
    clf.unlearn(X[gone], strategy=Retrain("same"))
    alone = classifier(**VARIANTS[name])
    alone.fit(X[~gone], y[~gone], sample_weight=w[~gone], classes=[0, 1, 2])
    np.testing.assert_array_equal(clf.params_, alone.params_)
    np.testing.assert_array_equal(clf.predict_proba(X), alone.predict_proba(X))
    for attribute in FITTED:
        assert without_time(getattr(clf, attribute)) == without_time(getattr(alone, attribute))
    assert clf.fit_cost_["gradient_rows"] == alone.fit_cost_["gradient_rows"]
    np.testing.assert_array_equal(clf._fitted.members.held_out, alone._fitted.members.held_out)
    # and again, from the state that the request left
    clf.unlearn(index=[20, 21], strategy=Retrain("same"))
    stays = ~gone & ~np.isin(np.arange(30), [20, 21])
    alone = classifier(**VARIANTS[name])
    alone.fit(X[stays], y[stays], sample_weight=w[stays], classes=[0, 1, 2])
    np.testing.assert_array_equal(clf.params_, alone.params_)


def test_new_seeds_give_other_draws_that_repeat(data):
    X, y, gone = data.X, data.y, data.mask
    same, first, second = (
        classifier().fit(X, y).unlearn(X[gone], strategy=Retrain(which)).params_
        for which in ("same", "new", "new")
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - same).max() > 0.1
    other_seed = classifier(random_state=5).fit(X, y).unlearn(X[gone]).params_
    assert np.abs(other_seed - first).max() > 0.1


def test_the_result_does_not_depend_on_the_forgotten_rows(data):
    """The definition of exact: whatever was forgotten, the model is the same."""
    X, y, gone = data.X.copy(), data.y.copy(), data.mask
    results = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X[gone], y[gone] = rng.normal(size=(6, 2)) * 9, rng.integers(3, size=6)
        clf = classifier(batch_size=8, early_stopping=True).fit(X, y)
        results.append(clf.unlearn(index=gone).params_)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_the_log_of_a_refit(data):
    clf = classifier(early_stopping=True, batch_size=7, max_iter=5, tol=0.0).fit(data.X, data.y)
    clf.unlearn(data.X_f)
    entry = clf.unlearning_log_[-1]
    assert (entry["strategy"], entry["kind"]) == ("Retrain", "exact")
    assert entry["certificate"]["kind"] == "exact"
    assert Certificate.from_dict(entry["certificate"]).budget_left is None
    n_trained = 24 - 3  # a tenth, rounded up, is the validation part
    assert entry["n_epochs"] == 5
    assert entry["n_steps"] == 5 * 3
    assert entry["cost"]["gradient_rows"] == 5 * n_trained
    assert entry["stop_reason"].startswith("retrained from scratch")


def test_a_bad_choice_of_seeds_is_refused(data):
    clf = classifier().fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"Did you mean 'same'|same"):
        clf.unlearn(data.X_f, strategy=Retrain("sane"))
    assert clf.unlearning_log_ == []
