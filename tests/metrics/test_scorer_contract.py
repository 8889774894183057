"""Every scorer that the package exports keeps one contract; a new one is found by its name."""

import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

import skqmu.metrics
from skqmu import UnlearningClassifier
from skqmu.metrics import SCORERS, make_privacy_scorer, privacy_scoring

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 2))
# half of the labels is noise: what a model knows of these rows it knows by heart
Y = np.where(RNG.random(900) < 0.5, RNG.integers(2, size=900), X[:, 0] > 0).astype(int)
FORGET = RNG.random(900) < 0.3
FOLDS = StratifiedKFold(3)


class Memory(KNeighborsClassifier):
    """Knows its rows by heart, and forgets well, not at all, or everything it knew."""

    def __init__(self, way="well"):
        super().__init__(25, weights="distance")
        self.way = way

    def fit(self, X, y):
        self.rows_, self.labels_ = X, y
        return super().fit(X, y)

    def unlearn(self, X_forget=None, y_forget=None, *, index=None):
        stays = np.delete(np.arange(len(self.rows_)), index)
        if self.way == "well":
            return self.fit(self.rows_[stays], self.labels_[stays])
        if self.way == "ruined":
            return super().fit(self.rows_[:50] + 1e3, np.arange(50) % 2)
        return self


def searched(scorer, n_oracles=1):
    return GridSearchCV(
        UnlearningClassifier(Memory(), n_oracles=n_oracles),
        {"estimator__way": ["well", "not", "ruined"]},
        scoring=scorer,
        cv=FOLDS,
        error_score="raise",
    ).fit(X, Y, forget=FORGET)


@pytest.fixture(scope="module")
def fitted():
    model = UnlearningClassifier(Memory(), n_oracles=1)
    return model.fit(X[:600], Y[:600], forget=FORGET[:600]), X[600:], Y[600:]


def test_the_scorers_are_all_that_is_exported_and_called_as_scikit_learn_calls_them():
    called = {
        name
        for name in skqmu.metrics.__all__
        if not inspect.isclass(getattr(skqmu.metrics, name))
        and callable(getattr(skqmu.metrics, name))
        and [*inspect.signature(getattr(skqmu.metrics, name)).parameters][:3]
        == ["estimator", "X", "y"]
    }
    assert called == set(SCORERS)
    assert "neg_mia_advantage" in SCORERS
    assert "uqi_score" not in SCORERS
    assert list(privacy_scoring(*SCORERS)) == list(SCORERS)


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_is_a_number_and_what_else_it_takes_is_by_keyword(name, fitted):
    scorer = SCORERS[name]
    value = scorer(*fitted)
    assert type(value) is float
    assert np.isfinite(value)
    for each in list(inspect.signature(scorer).parameters.values())[3:]:
        assert each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD)
    assert scorer(*fitted) == value  # asking changes nothing


@pytest.mark.parametrize("name", SCORERS)
def test_greater_is_better_in_a_search(name):
    search = searched(SCORERS[name])
    scores = dict(
        zip(search.cv_results_["param_estimator__way"], search.cv_results_["mean_test_score"],
            strict=True)
    )  # fmt: skip
    assert np.isfinite(list(scores.values())).all()
    # of the two ways to go wrong every scorer punishes one at least
    worst = min(scores, key=scores.get)
    assert worst != "well"
    assert scores["well"] > scores[worst] + 0.02


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_works_in_cross_validation_under_every_name(name):
    model = UnlearningClassifier(Memory(), n_oracles=1)
    options = {"cv": FOLDS, "params": {"forget": FORGET}, "error_score": "raise"}
    scores = cross_val_score(model, X, Y, scoring=SCORERS[name], **options)
    assert np.isfinite(scores).all()
    by_name = privacy_scoring(name)[name]
    assert cross_val_score(model, X, Y, scoring=by_name, **options).tolist() == scores.tolist()


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_is_copied_with_a_search_and_pickled(name, fitted):
    scorer = SCORERS[name]
    search = clone(GridSearchCV(fitted[0], {"n_oracles": [1]}, scoring=scorer))
    for copy in (pickle.loads(pickle.dumps(scorer)), search.scoring):
        assert copy(*fitted) == scorer(*fitted)
    turned = make_privacy_scorer(name, greater_is_better=False)
    again = pickle.loads(pickle.dumps(turned))
    assert again(*fitted) == -scorer(*fitted)


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_without_oracles_works_or_says_how_to_get_them(name):
    scorer = SCORERS[name]
    model = UnlearningClassifier(Memory()).fit(X[:600], Y[:600], forget=FORGET[:600])
    # what compares with them says so in its docstring, and no other asks for them
    if "n_oracles >= 1" in scorer.__doc__ or "oracles" in getattr(scorer, "needs", ()):
        with pytest.raises(ValueError, match="n_oracles=0: set n_oracles=3 or more"):
            scorer(model, X[600:], Y[600:])
    else:
        assert np.isfinite(scorer(model, X[600:], Y[600:]))


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_refuses_a_model_that_is_not_fitted_and_rows_that_do_not_fit(name, fitted):
    with pytest.raises(ValueError, match="not fitted"):
        SCORERS[name](Memory(), X, Y)
    with pytest.raises(ValueError, match="300 rows and y 299"):
        SCORERS[name](*fitted[:2], Y[601:])
