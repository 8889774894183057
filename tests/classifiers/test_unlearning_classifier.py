"""`UnlearningClassifier`: one experiment as one estimator."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu.exceptions import UnlearningWarning
from skqmu.unlearning import FineTune, GradientAscent, Retrain


@parametrize_with_checks(
    [
        UnlearningClassifier(LogisticRegression()),
        UnlearningClassifier(QNNClassifier(max_iter=60, n_layers=2)),
    ]
)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


def test_a_strategy_s_name_has_no_parameters_to_search():
    with pytest.raises(ValueError, match=r"strategy='scrub' is a name. .* strategy=SCRUB\(\),"):
        UnlearningClassifier(qnn(), "scrub").set_params(strategy__lam_r=2.0)
    with pytest.raises(ValueError, match=r"such as strategy=GradientAscent\(\),"):
        UnlearningClassifier(qnn()).set_params(strategy="gradient_ascent", strategy__max_iter=2)
    with pytest.raises(ValueError, match=r"Did you mean 'scrub'"):
        UnlearningClassifier(qnn()).set_params(strategy="scrubb", strategy__max_iter=2)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="module")
def mask():
    return np.arange(150) % 10 == 0


def qnn(**changes):
    return QNNClassifier(**{"n_layers": 1, "max_iter": 5, "random_state": 0, **changes})


def test_trains_then_forgets(iris, mask):
    X, y = iris
    clf = UnlearningClassifier(qnn(), FineTune(max_iter=2)).fit(X, y, forget=mask)
    plain = qnn().fit(X, y)
    np.testing.assert_array_equal(clf.original_.params_, plain.params_)
    plain.unlearn(index=np.flatnonzero(mask), strategy=FineTune(max_iter=2))
    np.testing.assert_array_equal(clf.estimator_.params_, plain.params_)
    assert clf.unlearning_log_[-1]["n_forget"] == mask.sum()
    np.testing.assert_array_equal(clf.X_forget_, X[mask])
    np.testing.assert_array_equal(clf.y_retain_, y[~mask])


def test_oracles_are_fits_without_the_rows_with_seeds_of_their_own(iris, mask):
    X, y = iris
    clf = UnlearningClassifier(qnn(), n_oracles=3, random_state=5).fit(X, y, forget=mask)
    again = UnlearningClassifier(qnn(), n_oracles=3, random_state=5, n_jobs=2)
    again.fit(X, y, forget=mask)
    ends = [oracle.params_ for oracle in clf.oracles_]
    assert len({tuple(end) for end in ends}) == 3
    for one, other in zip(ends, again.oracles_, strict=True):
        np.testing.assert_array_equal(one, other.params_)
    for oracle in clf.oracles_:
        twin = qnn(random_state=oracle.random_state).fit(X[~mask], y[~mask])
        np.testing.assert_array_equal(oracle.params_, twin.params_)


def test_a_copy_that_the_mask_does_not_name_stays(iris):
    X, y = iris
    X, y = np.vstack([X, X[:1]]), np.r_[y, y[:1]]
    mask = np.arange(151) == 0
    clf = UnlearningClassifier(qnn(), Retrain(random_state="same")).fit(X, y, forget=mask)
    assert clf.unlearning_log_[-1]["n_forget"] == 1
    assert clf.is_member(X[:1]).all()
    twin = qnn().fit(X[1:], y[1:])
    np.testing.assert_array_equal(clf.estimator_.params_, twin.params_)


def test_any_classifier_with_retrain(iris, mask):
    X, y = iris
    tree = DecisionTreeClassifier(random_state=0)
    clf = UnlearningClassifier(tree).fit(X, y, forget=mask)
    twin = DecisionTreeClassifier(random_state=0).fit(X[~mask], y[~mask])
    np.testing.assert_array_equal(clf.predict(X), twin.predict(X))
    with pytest.raises(TypeError, match="no method unlearn"):
        UnlearningClassifier(tree, "gradient_ascent").fit(X, y, forget=mask)


def test_a_removed_class_keeps_its_column(iris):
    X, y = iris
    for estimator in (DecisionTreeClassifier(), qnn()):
        clf = UnlearningClassifier(estimator).fit(X, y, forget=y == 1)
        assert clf.predict_proba(X).shape == (150, 3)
        assert clf.classes_.tolist() == [0, 1, 2]
    assert (
        UnlearningClassifier(DecisionTreeClassifier())
        .fit(X, y, forget=y == 1)
        .predict_proba(X)[:, 1]
        == 0
    ).all()


def test_sharded_classifiers_forget_their_own_way(iris, mask):
    X, y = iris
    sharded = ShardedClassifier(LogisticRegression(), random_state=0)
    clf = UnlearningClassifier(sharded).fit(X, y, forget=mask)
    assert clf.unlearning_log_[-1]["strategy"] == "ShardedRetrain"
    assert clf.unlearning_log_[-1]["n_forget"] == mask.sum()
    clf.unlearn(X[1:2])
    assert len(clf.unlearning_log_) == 2
    with pytest.raises(TypeError, match="takes a strategy"):
        UnlearningClassifier(sharded, "fine_tune").fit(X, y, forget=mask)


@pytest.mark.parametrize("strategy", ["fine_tune", "retrain"])
def test_estimators_that_store_nothing_are_handed_the_rows(iris, mask, strategy):
    X, y = iris
    clf = UnlearningClassifier(qnn(store_data="none"), strategy).fit(X, y, forget=mask)
    assert clf.unlearning_log_[-1]["n_forget"] == mask.sum()
    assert clf.unlearning_log_[-1]["n_retain"] == (~mask).sum()


def test_rows_of_zero_weight_were_never_trained_on(iris, mask):
    X, y = iris
    weights = np.ones(150)
    weights[:30] = 0
    clf = UnlearningClassifier(qnn()).fit(X, y, forget=mask, sample_weight=weights)
    assert clf.unlearning_log_[-1]["n_forget"] == mask[30:].sum()
    with pytest.warns(UnlearningWarning, match="zero weight"):
        UnlearningClassifier(qnn()).fit(X, y, forget=np.arange(150) < 5, sample_weight=weights)


def test_pipelines_forget_at_their_last_step(iris, mask):
    X, y = iris
    clf = UnlearningClassifier(make_pipeline(StandardScaler(), qnn()))
    with pytest.warns(UnlearningWarning, match="StandardScaler"):
        clf.fit(X, y, forget=mask)
    assert clf.unlearning_log_[-1]["n_forget"] == mask.sum()
    assert clf.predict_proba(X).shape == (150, 3)


def test_strategies_are_searchable(iris, mask):
    X, y = iris
    search = GridSearchCV(
        UnlearningClassifier(qnn(), GradientAscent(stop=None)),
        {"strategy__max_iter": [1, 4], "estimator__n_layers": [1, 2]},
        cv=2,
    )
    search.fit(X, y, forget=mask)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.unlearning_log_[-1]["params"]["max_iter"] in (1, 4)


def test_a_fold_without_rows_to_forget_warns(iris):
    X, y = iris
    with pytest.warns(UnlearningWarning, match="forget names no row"):
        clf = UnlearningClassifier(qnn()).fit(X, y, forget=np.zeros(150, dtype=bool))
    assert clf.estimator_ is clf.original_
    original = clf.original_
    clf.unlearn(X[:1])
    assert original.unlearning_log_ == []
    scores = cross_validate(UnlearningClassifier(qnn()), X, y, cv=2)
    assert len(scores["test_score"]) == 2


# On a loaded machine joblib finds its own hashing slow.
@pytest.mark.filterwarnings("ignore:Persisting input arguments")
def test_memory_shares_base_fits_between_strategies(iris, mask, tmp_path, monkeypatch):
    X, y = iris
    fits = []
    fit = QNNClassifier.fit

    def counting(self, *args, **kwargs):
        fits.append(1)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(QNNClassifier, "fit", counting)
    ends = []
    for memory in (None, str(tmp_path)):
        fits.clear()
        for strategy in (FineTune(max_iter=1), FineTune(max_iter=2)):
            clf = UnlearningClassifier(
                qnn(), strategy, memory=memory, n_oracles=1, random_state=0
            ).fit(X, y, forget=mask)
            ends.append(clf.estimator_.params_)
        assert len(fits) == (4 if memory is None else 2)
    np.testing.assert_array_equal(ends[0], ends[2])
    np.testing.assert_array_equal(ends[1], ends[3])
    fits.clear()
    unseeded = UnlearningClassifier(qnn(random_state=None), memory=str(tmp_path))
    for _ in range(2):
        unseeded.fit(X, y, forget=mask)
    assert len(fits) == 2  # one draw must not pass for another


@pytest.mark.parametrize(
    ("forget", "said"),
    [
        ([0, 3], "boolean mask"),
        (np.ones(150, dtype=bool), "names every row"),
        (np.ones(3, dtype=bool), "expected"),
    ],
)
def test_wrong_masks_are_refused(iris, forget, said):
    with pytest.raises(ValueError, match=said):
        UnlearningClassifier(qnn()).fit(*iris, forget=forget)


def test_wrong_parameters_are_refused(iris, mask):
    with pytest.raises(ValueError, match="n_oracles=-1"):
        UnlearningClassifier(qnn(), n_oracles=-1).fit(*iris, forget=mask)
    with pytest.raises(TypeError, match="memory must be"):
        UnlearningClassifier(qnn(), memory=3).fit(*iris, forget=mask)
    with pytest.raises(ValueError, match="gradient_ascent"):
        UnlearningClassifier(qnn(), "gradient_ascend").fit(*iris, forget=mask)


def test_a_model_without_unlearn_says_what_a_request_to_it_takes():
    X, y = load_iris(return_X_y=True)
    clf = UnlearningClassifier(LogisticRegression(max_iter=500)).fit(X, y)
    with pytest.raises(TypeError, match=r"report='none': LogisticRegression has no unlearn"):
        clf.unlearn(X[:1], report="none")
    assert clf.unlearn(X[:1]).unlearning_log_[-1]["status"] == "done"
