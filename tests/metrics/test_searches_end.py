"""A search whose models cannot be scored ends with the cause, and never picks among nan."""

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skqmu import QNNClassifier, UnlearningClassifier
from skqmu.datasets import ForgetKFold
from skqmu.exceptions import SearchError, UnscorableError
from skqmu.metrics import (
    SCORERS,
    ParetoDisplay,
    make_privacy_scorer,
    neg_forget_gap,
    neg_mia_advantage,
    privacy_scoring,
)

pytestmark = pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
y = np.arange(60) % 2
X[:, 0] += 2 * y
FORGET = np.arange(60) < 6
GRID = {"estimator__C": [0.1, 1.0]}


def candidate(**params):
    return UnlearningClassifier(LogisticRegression(), n_oracles=1, random_state=0, **params)


def search(estimator, scoring, grid=GRID, **options):
    return GridSearchCV(estimator, grid, **{"scoring": scoring, "cv": 3} | options)


ONE = {"one": neg_mia_advantage}
MANY = privacy_scoring("accuracy", "neg_mia_advantage")


@pytest.mark.parametrize(
    ("scoring", "options"),
    [
        (neg_mia_advantage, {}),
        (neg_forget_gap, {"error_score": 0.0}),
        (ONE, {"refit": "one"}),
        (MANY, {"refit": "accuracy"}),
        (make_privacy_scorer("neg_mia_advantage", signal="loss"), {}),
        (make_privacy_scorer(lambda case: 1.0, needs="forget"), {}),
    ],
    ids=["one", "zero instead of nan", "a dict", "beside accuracy", "a variant", "one's own"],
)
def test_a_forgotten_forget_ends_a_search_with_the_cause(scoring, options):
    with pytest.raises(SearchError, match=r"forgot no record.*pass fit\(X, y, forget=mask\)"):
        search(candidate(), scoring, **options).fit(X, y)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_fold_without_forgotten_rows_ends_a_search(n_jobs):
    folds = StratifiedKFold(3)
    mask = np.isin(np.arange(60), next(folds.split(X, y))[1][:4])
    found = search(candidate(), neg_mia_advantage, cv=folds, n_jobs=n_jobs)
    with (
        joblib.parallel_config("threading"),
        pytest.raises(SearchError, match="every fold must hold forgotten records"),
    ):
        found.fit(X, y, forget=mask)


def test_words_that_mean_nothing_in_a_fold_are_no_typing_error_there():
    folds = StratifiedKFold(3)
    mask = np.isin(np.arange(60), next(folds.split(X, y))[1][:4])
    ids = np.where(mask, "a", "b")
    with pytest.raises(SearchError, match="every fold must hold forgotten records"):
        search(candidate(), neg_mia_advantage, cv=folds).fit(X, y, forget="ids:a", ids=ids)
    with pytest.raises(ValueError, match="1 of 1 ids are those of no row: 'z'"):
        search(candidate(), "accuracy", cv=folds).fit(X, y, forget="ids:z", ids=ids)


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_a_plain_classifier_ends_a_search_under_every_scorer(name):
    qnn = QNNClassifier(n_qubits=3, n_layers=1, max_iter=1, random_state=0)
    for model in (qnn, make_pipeline(StandardScaler(), qnn)):
        with pytest.raises(SearchError, match=r"[Ww]rap it"):
            cross_validate(model, X, y, scoring=SCORERS[name], cv=2)


def test_missing_oracles_and_missing_non_members_end_a_search():
    with pytest.raises(SearchError, match="n_oracles=0: set n_oracles=3"):
        search(candidate().set_params(n_oracles=0), neg_forget_gap).fit(X, y, forget=FORGET)
    three = np.where(np.arange(60) < 20, 2, y)
    found = search(candidate(), neg_mia_advantage, cv=[(np.arange(0, 40), np.arange(40, 60))])
    with pytest.raises(SearchError, match=r"no held-out row of class \[2\].*ForgetKFold"):
        found.fit(X, three, forget=three == 2)


def test_outside_a_search_the_scorer_raises():
    model = candidate().fit(X, y, forget=np.zeros(60, dtype=bool))
    for scorer in (neg_mia_advantage, make_privacy_scorer("neg_mia_advantage", signal="loss")):
        with pytest.raises(UnscorableError, match="forgot no record"):
            scorer(model, X, y)


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_one_candidate_that_fails_is_still_scikit_learn_s_matter():
    grid = {"strategy": ["retrain", "no such strategy"]}
    folds = ForgetKFold(2, forget=FORGET, random_state=0)
    with pytest.warns(sklearn.exceptions.FitFailedWarning):
        found = search(candidate(), neg_mia_advantage, grid, cv=folds).fit(X, y, forget=FORGET)
    assert found.best_params_ == {"strategy": "retrain"}


def test_errors_of_one_s_own_function_are_still_scores_that_failed():
    def broken(case):
        raise ValueError("not today")

    with pytest.warns(UserWarning, match="not today"):
        scores = cross_val_score(
            candidate(), X, y, scoring=make_privacy_scorer(broken), cv=2, params={"forget": FORGET}
        )
    assert np.isnan(scores).all()


@pytest.mark.parametrize("forget", [FORGET, "x0 > 2.2", "class:1"], ids=["mask", "words", "class"])
def test_forget_folds_let_every_candidate_be_scored(forget):
    three = np.where(np.arange(60) % 3 == 0, 2, y)
    cv = ForgetKFold(3, forget=forget, random_state=0)
    scoring = privacy_scoring("accuracy", "neg_mia_advantage", "neg_forget_gap")
    found = search(candidate(), scoring, cv=cv, refit="accuracy").fit(X, three, forget=forget)
    for name in scoring:
        assert np.isfinite(found.cv_results_[f"mean_test_{name}"]).all()
    ParetoDisplay.from_estimator(found, "accuracy", "neg_mia_advantage")


def test_metadata_routing_carries_the_mask_and_ends_the_same():
    with sklearn.config_context(enable_metadata_routing=True):
        routed = candidate().set_fit_request(forget=True)
        found = search(routed, neg_mia_advantage, cv=ForgetKFold(3, forget=FORGET))
        assert np.isfinite(found.fit(X, y, forget=FORGET).best_score_)
        with pytest.raises(SearchError, match="forgot no record"):
            search(routed, neg_mia_advantage).fit(X, y)


def test_an_empty_front_is_refused_with_the_reason():
    nan = [np.nan, np.nan]
    with pytest.raises(
        ValueError, match=r"none of the 2 candidates has both .*missing: x of 2, y of"
    ):
        ParetoDisplay.from_predictions(nan, [0.1, 0.2])
    with pytest.raises(ValueError, match="error_score='raise'"):
        ParetoDisplay.from_predictions([np.nan, 0.1], [0.2, np.nan])
