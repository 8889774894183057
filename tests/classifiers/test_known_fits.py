"""Candidates of a search share fits: the same numbers, less work, and nothing left after a request.

This file looks inside.
"""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

from skqmu import QNNClassifier, UnlearningClassifier, training
from skqmu._same_state import same_state
from skqmu.backends import AerBackend
from skqmu.classifiers import _known_fits, _one_fit
from skqmu.metrics import make_privacy_scorer
from skqmu.unlearning import GradientAscent, NegGradPlus

X, Y = load_iris(return_X_y=True)
X = scale(X)
MASK = np.arange(len(X)) % 10 == 0


def model(**settings):
    return QNNClassifier(**{"n_layers": 1, "max_iter": 4, "random_state": 0, **settings})


@pytest.fixture(autouse=True)
def nothing_known():
    _known_fits._KNOWN.clear()
    yield
    _known_fits._KNOWN.clear()


@pytest.fixture
def fits(monkeypatch):
    """Seeds of the fits that were trained."""
    trained = []
    inside = _one_fit._trained

    def counted(estimator, network, data, seed, *more):
        trained.append(seed)
        return inside(estimator, network, data, seed, *more)

    # a generator function: what is counted is what was begun
    def begun(*arguments):
        result = yield from counted(*arguments)
        return result

    monkeypatch.setattr(_one_fit, "_trained", begun)
    return trained


def experiment(strategy, estimator=None, **settings):
    estimator = model() if estimator is None else estimator
    return UnlearningClassifier(estimator, strategy, **{"random_state": 0, **settings})


def test_the_second_candidate_trains_nothing_and_ends_with_the_same_numbers(fits):
    first = experiment(GradientAscent(), n_oracles=2).fit(X, Y, forget=MASK)
    n_first = len(fits)
    assert n_first == 3
    second = experiment(NegGradPlus(), n_oracles=2).fit(X, Y, forget=MASK)
    assert len(fits) == n_first
    _known_fits._KNOWN.clear()
    alone = experiment(NegGradPlus(), n_oracles=2).fit(X, Y, forget=MASK)
    assert len(fits) == 2 * n_first
    for one, other in ((second.original_, alone.original_), (second.estimator_, alone.estimator_)):
        assert np.array_equal(one.params_, other.params_)
        assert one.fit_cost_ == other.fit_cost_
        losses = ([row["loss"] for row in each.history_] for each in (one, other))
        assert next(losses) == next(losses)
    assert np.array_equal(first.original_.params_, second.original_.params_)
    for one, other in zip(second.oracles_, alone.oracles_, strict=True):
        assert np.array_equal(one.predict_proba(X), other.predict_proba(X))


def test_a_model_that_was_known_is_whole():
    experiment(GradientAscent()).fit(X, Y, forget=MASK)
    known = experiment(GradientAscent()).fit(X, Y, forget=MASK).original_
    _known_fits._KNOWN.clear()
    fresh = experiment(GradientAscent()).fit(X, Y, forget=MASK).original_
    assert same_state(known, fresh, but=("time", "seconds", "cpu_seconds")) is None
    for each in (known, fresh):
        each.unlearn(X[3:5])
        each.partial_fit(X[:20], Y[:20])
    assert np.array_equal(known.params_, fresh.params_)


def test_what_one_model_does_later_changes_no_other(fits):
    first = experiment(GradientAscent()).fit(X, Y, forget=MASK)
    first.original_.params_[:] = 7.0
    first.original_.history_[0]["loss"] = -1.0
    second = experiment(GradientAscent()).fit(X, Y, forget=MASK)
    assert len(fits) == 1
    assert not np.any(second.original_.params_ == 7.0)
    assert second.original_.history_[0]["loss"] > 0


@pytest.mark.parametrize(
    "other",
    [
        {"max_iter": 5},
        {"random_state": 1},
        {"learning_rate_init": 0.1},
        {"class_weight": "balanced"},
        {"store_data": "none"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_differs_in_anything_is_fitted(fits, other):
    experiment("retrain").fit(X, Y, forget=MASK)
    before = len(fits)
    experiment("retrain", model(**other)).fit(X, Y, forget=MASK)
    assert len(fits) > before


def test_other_rows_labels_weights_and_orders_are_fitted(fits):
    def more(*data, **how):
        before = len(fits)
        experiment(GradientAscent()).fit(*data, forget=MASK, **how)
        return len(fits) - before

    assert more(X, Y) == 1
    assert more(X, Y) == 0
    assert more(X + 1e-15, Y) == 1
    assert more(X[::-1], Y[::-1]) == 1
    assert more(X, (Y + 1) % 3) == 1
    assert more(X, Y, sample_weight=np.linspace(1, 2, len(X))) == 1


def test_without_a_seed_with_shots_with_logged_updates_nothing_is_shared(fits):
    for estimator in (
        model(random_state=None),
        model(log_updates=True),
        model(backend=AerBackend(shots=20), max_iter=1),
    ):
        for _ in range(2):
            UnlearningClassifier(estimator, "retrain").fit(X[:20], Y[:20], forget=MASK[:20])
    assert len(_known_fits._KNOWN) == 0


def test_plain_fits_are_not_kept():
    model().fit(X, Y)
    assert len(_known_fits._KNOWN) == 0


@pytest.mark.parametrize("end", ["unlearn", "release", "another model's request"])
def test_a_request_and_a_release_leave_nothing(end):
    found = experiment(GradientAscent()).fit(X, Y, forget=MASK)
    assert len(_known_fits._KNOWN) > 0
    if end == "unlearn":
        found.unlearn(X[1:3])
    elif end == "release":
        found.release()
    else:
        other = model().fit(X, Y)
        with pytest.raises(ValueError, match="never trained"):
            other.unlearn(X[:1] + 7)
    assert len(_known_fits._KNOWN) == 0


def test_no_row_is_kept():
    rows = X + np.pi
    experiment(GradientAscent(), n_oracles=1).fit(rows, Y, forget=MASK)
    kept = pickle.dumps(list(_known_fits._KNOWN._found.values()))
    assert not any(value.tobytes() in kept for value in rows.ravel())
    assert len(kept) < 60_000


def test_the_number_of_fits_that_are_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(_known_fits, "_MOST_FITS", 2)
    for seed in range(4):
        experiment(GradientAscent(), random_state=seed).fit(X, Y, forget=MASK)
    for seed in range(4):
        experiment(GradientAscent(), model(random_state=seed)).fit(X, Y, forget=MASK)
    assert len(_known_fits._KNOWN) == 2
    monkeypatch.setattr(_known_fits, "_MOST_BYTES", 0)
    experiment(GradientAscent(), model(random_state=9)).fit(X, Y, forget=MASK)
    assert len(_known_fits._KNOWN) == 0


def test_a_search_fits_each_fold_once_and_scores_as_it_did(fits):
    estimator = experiment(GradientAscent(), make_pipeline(model()), n_oracles=1)
    grid = {"strategy": [GradientAscent(), NegGradPlus(), "retrain"]}
    scorer = make_privacy_scorer("neg_forget_gap")

    def search():
        return GridSearchCV(clone(estimator), grid, scoring=scorer, cv=3, refit=False).fit(
            X, Y, forget=MASK
        )

    shared = search().cv_results_["mean_test_score"]
    # an original and an oracle a fold, and what retraining itself trains
    assert len(fits) == 3 * (1 + 1) + 3
    _known_fits._KNOWN.clear()
    _known_fits._MOST_FITS, before = 0, _known_fits._MOST_FITS
    try:
        alone = search().cv_results_["mean_test_score"]
    finally:
        _known_fits._MOST_FITS = before
    np.testing.assert_array_equal(shared, alone)
    assert np.isfinite(shared).all()


def test_an_interrupted_fit_is_not_kept(monkeypatch):
    class Stop(training.Hook):
        def after_epoch(self, run):
            raise KeyboardInterrupt

    monkeypatch.setattr(_one_fit, "loop_hooks", lambda *a, **k: [Stop()])
    with pytest.raises(KeyboardInterrupt):
        experiment(GradientAscent()).fit(X, Y, forget=MASK)
    assert len(_known_fits._KNOWN) == 0
