"""Scorers: leakage and forgetting in searches, pipelines, folds, and their clear errors.

This file looks inside.
"""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skqmu import QNNClassifier, UnlearningClassifier
from skqmu.exceptions import ResolutionWarning, UnlearningWarning
from skqmu.metrics import (
    make_privacy_scorer,
    neg_forget_gap,
    neg_mia_advantage,
    neg_mia_distinguishability,
    neg_retain_gap,
    neg_tpr_at_1pct_fpr,
    oracle_agreement,
    pareto,
    privacy_scoring,
    tug_of_war,
    uqi,
)
from skqmu.metrics._pareto import non_dominated
from skqmu.metrics._scoring_case import class_matched, same_rows, scoring_case

X, Y = make_classification(
    240, n_features=6, n_informative=4, flip_y=0.3, n_classes=3, random_state=0
)
FORGET = np.random.default_rng(0).random(240) < 0.3
FOLDS = StratifiedKFold(3)
# each fold has too few records for a rate at 1 %, and the small folds a class may miss
pytestmark = pytest.mark.filterwarnings("ignore::skqmu.exceptions.ResolutionWarning")


class Forgetter(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Holds what scorers read of a fitted UnlearningClassifier; `honest=False` forgets nothing."""

    def __init__(self, estimator, honest=True, n_oracles=0):
        self.estimator = estimator
        self.honest = honest
        self.n_oracles = n_oracles

    def fit(self, X, y, forget=None):
        X, y, forget = np.asarray(X), np.asarray(y), np.asarray(forget)
        self.classes_ = np.unique(y)
        self.X_forget_, self.y_forget_ = X[forget], y[forget]
        self.X_retain_, self.y_retain_ = X[~forget], y[~forget]
        self.original_ = clone(self.estimator).fit(X, y)
        retrained = clone(self.estimator).fit(X[~forget], y[~forget])
        self.estimator_ = retrained if self.honest else self.original_
        self.oracles_ = [clone(retrained).fit(X[~forget], y[~forget])] * self.n_oracles
        return self

    def predict(self, X):
        return self.estimator_.predict(X)

    def predict_proba(self, X):
        return self.estimator_.predict_proba(X)


def nearest():
    return KNeighborsClassifier(1)  # remembers every record


def fitted(**kwargs):
    half = np.arange(240) < 160
    model = Forgetter(nearest(), **kwargs).fit(X[half], Y[half], forget=FORGET[half])
    return model, X[~half], Y[~half]


def test_leak_scorers_tell_what_was_forgotten_from_what_was_not():
    for scorer in (neg_mia_advantage, neg_mia_distinguishability):
        honest, leaky = scorer(*fitted()), scorer(*fitted(honest=False))
        assert abs(honest) < 0.15
        assert leaky < honest - 0.1
    kept = neg_mia_advantage(*fitted(honest=False))
    assert kept < -0.2


def test_scores_are_the_metrics_by_hand():
    model, rows, labels = fitted(honest=False, n_oracles=2)
    oracle = model.oracles_[0]

    def accuracy(m, a, b):
        return np.mean(m.predict(a) == b)

    sets = {
        "forget": (model.X_forget_, model.y_forget_),
        "retain": (model.X_retain_, model.y_retain_),
        "test": (rows, labels),
    }
    gaps = {
        name: abs(accuracy(model, *pair) - accuracy(oracle, *pair)) for name, pair in sets.items()
    }
    assert neg_forget_gap(model, rows, labels) == pytest.approx(-gaps["forget"])
    assert gaps["forget"] > 0.2
    assert neg_retain_gap(model, rows, labels) == pytest.approx(-gaps["retain"])
    assert tug_of_war(model, rows, labels) == pytest.approx(
        np.prod([1 - gap for gap in gaps.values()])
    )
    agreement = np.mean(model.predict(rows) == oracle.predict(rows))
    assert oracle_agreement(model, rows, labels) == pytest.approx(agreement)
    assert uqi(model, rows, labels) == 0  # nothing was done to the original
    assert uqi(*fitted()) > 0.1


@pytest.mark.parametrize("scorer", [neg_forget_gap, neg_retain_gap, oracle_agreement, tug_of_war])
def test_scores_that_need_oracles_say_how_to_get_them(scorer):
    with pytest.raises(ValueError, match="n_oracles=0: set n_oracles=3"):
        scorer(*fitted())


def test_the_rate_at_one_percent_needs_a_hundred_non_members():
    with pytest.warns(ResolutionWarning, match="cannot resolve"):
        assert np.isnan(neg_tpr_at_1pct_fpr(*fitted()))
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(900, 2)), rng.integers(0, 2, 900)
    forget = np.arange(300) < 100
    model = Forgetter(nearest(), honest=False).fit(rows[:300], labels[:300], forget=forget)
    value = neg_tpr_at_1pct_fpr(model, rows[300:], labels[300:])
    assert -1 <= value <= 0


def test_training_rows_do_not_count_as_non_members():
    """Guard 4: rows that were trained on are not taken for records never seen."""
    model, rows, labels = fitted(honest=False)
    mixed_rows = np.concatenate([rows, model.X_retain_ + 1e-13])
    mixed_labels = np.concatenate([labels, model.y_retain_])
    assert neg_mia_advantage(model, mixed_rows, mixed_labels) == neg_mia_advantage(
        model, rows, labels
    )
    for scorer in (neg_mia_advantage, neg_mia_distinguishability, neg_tpr_at_1pct_fpr):
        with pytest.warns(ResolutionWarning, match="there is no non-member"):
            assert np.isnan(scorer(model, model.X_retain_, model.y_retain_))


def test_non_members_have_the_members_class_proportions():
    case = scoring_case(*fitted(), needs=("members",))
    shares = [
        np.bincount(labels, minlength=3) / len(labels)
        for labels in (case.y_member, case.y_nonmember)
    ]
    assert np.abs(shares[0] - shares[1]).max() < 0.05
    rows = np.arange(20.0).reshape(-1, 1)
    members, others = class_matched(rows[:4], list("aaab"), rows[4:], list("aaaaaaabbbccccdd"))
    assert sorted(members[1]) == list("aaab")
    assert sorted(others[1]) == list("aaaaaaabb")


def test_members_of_a_class_that_no_held_out_row_has_are_left_out_aloud():
    rows = np.arange(8.0).reshape(-1, 1)
    with pytest.warns(ResolutionWarning, match=r"class \['z'\]: the 2 members"):
        members, others = class_matched(rows[:4], list("azza"), rows[4:], list("aaab"))
    assert list(members[1]) == list("aa")
    assert list(others[1]) == list("aaa")
    with pytest.raises(ValueError, match="no held-out row of class"):
        class_matched(rows[:2], list("zz"), rows[2:], list("aabbcc"))
    with pytest.raises(ValueError, match="no held-out row"):
        class_matched(rows[:0], [], rows[2:], list("aabbcc"))


def test_same_rows_are_found_up_to_their_last_bits():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(300, 50)) * 100
    asked = np.concatenate([reference[::7] * (1 + 1e-15), rng.normal(size=(40, 50)) * 100])
    found = same_rows(asked, reference)
    assert found[: len(reference[::7])].all()
    assert not found[len(reference[::7]) :].any()
    assert not same_rows(asked, reference[:0]).any()
    assert not same_rows(reference + 1e-3, reference).any()


def test_searches_over_leakage_through_a_pipeline_give_equal_scores_for_every_n_jobs():
    one, two = _search(1), _search(2)
    assert one.best_params_ == {"forgetter__honest": True}
    for name in one.scorer_:
        column = f"mean_test_{name}"
        assert one.cv_results_[column].tolist() == two.cv_results_[column].tolist()
        assert np.isfinite(one.cv_results_[column]).all()


def _search(n_jobs):
    model = Forgetter(nearest(), n_oracles=1)
    return GridSearchCV(
        Pipeline([("scale", StandardScaler()), ("pca", PCA(4)), ("forgetter", model)]),
        {"forgetter__honest": [False, True]},
        scoring=privacy_scoring("accuracy", "neg_mia_advantage", "neg_forget_gap", "tug_of_war"),
        refit="neg_mia_advantage",
        cv=FOLDS,
        n_jobs=n_jobs,
        error_score="raise",
    ).fit(X, Y, forgetter__forget=FORGET)


def test_scorers_work_with_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        model = Forgetter(nearest()).set_fit_request(forget=True)
        search = GridSearchCV(
            make_pipeline(StandardScaler(), model),
            {"forgetter__honest": [False, True]},
            scoring=privacy_scoring("accuracy", "neg_mia_distinguishability", "uqi"),
            refit=pareto("neg_mia_distinguishability", "accuracy", choose="first"),
            cv=FOLDS,
            error_score="raise",
        ).fit(X, Y, forget=FORGET)
        assert search.best_params_ == {"forgetter__honest": True}


@pytest.mark.filterwarnings("ignore:One or more of the train scores are non-finite")
def test_scorers_work_in_halving_searches_and_cross_validation():
    search = HalvingGridSearchCV(
        Forgetter(nearest()),
        {"honest": [False, True]},
        scoring=neg_mia_advantage,
        cv=FOLDS,
        min_resources=120,
        random_state=0,
        error_score="raise",
    ).fit(X, Y, forget=FORGET)
    assert search.best_params_ == {"honest": True}
    scores = cross_validate(
        Forgetter(nearest(), n_oracles=1),
        X,
        Y,
        cv=FOLDS,
        params={"forget": FORGET},
        scoring=privacy_scoring("accuracy", own=make_privacy_scorer(_still_known)),
        error_score="raise",
    )
    assert np.all(scores["test_own"] < 0.9)


def _still_known(case):
    return np.mean(case.model.predict(case.X_forget) == case.y_forget)


def test_own_scorers_get_the_case_and_ask_for_what_they_need():
    model, rows, labels = fitted(n_oracles=1)

    def sizes(case, scale=1):
        return scale * len(case.X_nonmember)

    scorer = make_privacy_scorer(sizes, needs=["members"], greater_is_better=False, scale=2)
    assert scorer(model, rows, labels) < 0
    assert repr(scorer) == "make_privacy_scorer(sizes, scale=2)"
    lazy = make_privacy_scorer(sizes)
    assert lazy(model, rows, labels) == 0  # nobody asked for fair non-members
    with pytest.raises(ValueError, match="Did you mean 'oracles'"):
        make_privacy_scorer(sizes, needs=["oracle"])
    with pytest.raises(ValueError, match="n_oracles=0"):
        make_privacy_scorer(sizes, needs="oracles")(*fitted())
    variant = make_privacy_scorer("neg_mia_advantage", signal="correct")
    assert variant(model, rows, labels) == neg_mia_advantage(model, rows, labels, signal="correct")
    assert pickle.loads(pickle.dumps(variant))(model, rows, labels) == variant(model, rows, labels)
    with pytest.raises(TypeError, match="function of a ScoringCase"):
        make_privacy_scorer(3)


def test_scoring_dicts_mix_names_and_suggest_the_nearest():
    scoring = privacy_scoring("accuracy", "uqi", "neg_log_loss", mine=uqi)
    assert list(scoring) == ["accuracy", "uqi", "neg_log_loss", "mine"]
    with pytest.raises(ValueError, match="Did you mean 'neg_mia_advantage'"):
        privacy_scoring("mia_advantage")
    with pytest.raises(ValueError, match="at least one name"):
        privacy_scoring()
    with pytest.raises(TypeError, match="must be callable"):
        privacy_scoring(mine="accuracy")


class Recorded(KNeighborsClassifier):
    """A plain classifier that knows its members."""

    def is_member(self, rows, labels=None):
        return same_rows(np.asarray(rows), self._fit_X)


def test_a_plain_classifier_is_scored_on_its_own_record():
    model = Recorded(1).fit(X[:120], Y[:120])
    assert neg_mia_advantage(model, X, Y) < -0.2
    with pytest.raises(ValueError, match="none of the 120 rows is a member"):
        neg_mia_advantage(model, X[120:], Y[120:])
    with pytest.raises(ValueError, match="knows no forget set"):
        uqi(model, X, Y)
    with pytest.raises(ValueError, match="keeps no record of its members"):
        neg_mia_advantage(nearest().fit(X, Y), X, Y)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        neg_mia_advantage(nearest(), X, Y)
    with pytest.raises(ValueError, match="240 rows and y 239"):
        neg_mia_advantage(model, X, Y[1:])


def test_an_estimator_that_forgot_nothing_says_so():
    half = np.arange(240) < 160
    model = Forgetter(nearest(), n_oracles=1).fit(X[half], Y[half], forget=np.zeros(160, bool))
    for scorer in (neg_mia_advantage, neg_forget_gap, tug_of_war, uqi):
        with pytest.raises(ValueError, match=r"forgot no record.*forget=mask"):
            scorer(model, X[~half], Y[~half])
    assert neg_retain_gap(model, X[~half], Y[~half]) == 0
    assert oracle_agreement(model, X[~half], Y[~half]) == 1


def test_sparse_rows_and_rows_of_strings_are_told_apart():
    rows = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, np.nan]])
    assert same_rows(csr_matrix(rows[:2]), rows[:1]).tolist() == [True, False]
    assert same_rows(rows, rows[2:]).tolist() == [False, False, True]
    words = np.array([["a", 1], ["b", 2]], dtype=object)
    assert same_rows(words, words[1:]).tolist() == [False, True]
    half = np.arange(240) < 160
    model = Forgetter(LogisticRegression()).fit(X[half], Y[half], forget=FORGET[half])
    dense = neg_mia_advantage(model, X[~half], Y[~half])
    model.X_forget_, model.X_retain_ = map(csr_matrix, (model.X_forget_, model.X_retain_))
    assert neg_mia_advantage(model, csr_matrix(X[~half]), Y[~half]) == pytest.approx(dense)


def test_the_real_meta_estimator_on_frames_and_pipelines():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:90], columns=list("abcdef"))
    columns = make_pipeline(
        ColumnTransformer([("scale", StandardScaler(), ["a", "b", "c"])]), KNeighborsClassifier(1)
    )
    model = UnlearningClassifier(columns, "retrain", n_oracles=1)
    model.fit(frame[:60], Y[:60], forget=FORGET[:60])
    scores = privacy_scoring("neg_mia_advantage", "tug_of_war", "uqi", "oracle_agreement")
    for scorer in scores.values():
        assert np.isfinite(scorer(model, frame[60:], Y[60:90]))


def test_the_real_meta_estimator_in_a_search():
    search = GridSearchCV(
        make_pipeline(
            StandardScaler(),
            UnlearningClassifier(
                QNNClassifier(max_iter=2, random_state=0), "gradient_ascent", n_oracles=1
            ),
        ),
        {"unlearningclassifier__strategy": ["gradient_ascent", "retrain"]},
        scoring=privacy_scoring("accuracy", "neg_mia_advantage", "neg_forget_gap", "uqi"),
        refit=pareto("accuracy", "neg_mia_advantage", "neg_forget_gap"),
        cv=2,
        error_score="raise",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X[:80, :2], Y[:80], unlearningclassifier__forget=FORGET[:80])
    table = [search.cv_results_[f"mean_test_{name}"] for name in search.scorer_]
    assert np.isfinite(table).all()


def test_signals_without_probabilities_and_with_infinite_ones():
    half = np.arange(240) < 160
    labels_only = Forgetter(LinearSVC()).fit(X[half], Y[half], forget=FORGET[half])
    with pytest.raises(ValueError, match="signal='correct'"):
        neg_mia_advantage(labels_only, X[~half], Y[~half])
    assert np.isfinite(neg_mia_advantage(labels_only, X[~half], Y[~half], signal="correct"))
    for signal in ("logit", "confidence", "entropy"):  # 1-nearest neighbour: only 0 and 1
        assert np.isfinite(neg_mia_advantage(*fitted(), signal=signal))
    with pytest.raises(ValueError, match="Did you mean 'logit'"):
        neg_mia_advantage(*fitted(), signal="logits")


def test_labels_of_every_kind_and_a_forgotten_class():
    names = np.array(["cat", "dog", "emu"])[Y]
    half = np.arange(240) < 160
    forget = names[half] == "cat"
    model = Forgetter(nearest(), n_oracles=1).fit(X[half], names[half], forget=forget)
    scores = privacy_scoring("neg_mia_advantage", "neg_forget_gap", "tug_of_war", "uqi")
    for scorer in scores.values():
        assert np.isfinite(scorer(model, X[~half], names[~half]))
    binary = Forgetter(nearest()).fit(X[half], Y[half] > 0, forget=FORGET[half])
    assert np.isfinite(neg_mia_advantage(binary, X[~half], Y[~half] > 0))


def test_scorers_average_to_zero_without_a_leak():
    """A model that never saw the forget set: 60 problems, mean within its binomial error."""
    values = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows, labels = rng.normal(size=(120, 3)), rng.integers(0, 2, 120)
        model = Forgetter(KNeighborsClassifier(5)).fit(
            rows[:80], labels[:80], forget=np.arange(80) < 30
        )
        values.append(
            [
                s(model, rows[80:], labels[80:])
                for s in (neg_mia_advantage, neg_mia_distinguishability)
            ]
        )
    mean, error = np.mean(values, axis=0), np.std(values, axis=0) / np.sqrt(60)
    assert np.all(np.abs(mean) < 4 * error)
    assert np.all(error < 0.03)


# --- pareto --------------------------------------------------------------------------------

RESULTS = {
    "mean_test_a": np.array([0.95, 0.90, 0.60, np.nan, 0.89]),
    "mean_test_b": np.array([-0.40, -0.10, 0.0, 0.0, -0.2]),
}


def test_non_dominated_rows():
    values = np.array([[1, 0], [0, 1], [0, 0], [1, 0], [0.5, 0.5]])
    assert non_dominated(values).tolist() == [True, True, False, True, True]


def test_pareto_chooses_on_the_front():
    assert pareto("a", "b")(RESULTS) == 1
    assert pareto("a", "b", choose="first")(RESULTS) == 0
    assert pareto("a", "b", at_least={"a": 0.92})(RESULTS) == 0
    assert pareto("b", "a", choose="first", at_least={"a": 0.7})(RESULTS) == 1
    assert pareto("a", "b", weights={"b": 100})(RESULTS) == 2
    assert pareto("a", "b", at_least={"a": 2.0})(RESULTS) == 1  # none reaches it: all are allowed
    assert repr(pareto("a", "b", choose="first")) == "pareto('a', 'b', choose='first')"
    assert pickle.loads(pickle.dumps(pareto("a", "b")))(RESULTS) == 1


def test_pareto_names_bad_requests():
    with pytest.raises(ValueError, match="at least two scores"):
        pareto("a")(RESULTS)
    with pytest.raises(ValueError, match="score='c' is unknown"):
        pareto("a", "c")(RESULTS)
    with pytest.raises(ValueError, match="score='c' is unknown"):
        pareto("a", "b", at_least={"c": 1})(RESULTS)
    with pytest.raises(ValueError, match="Did you mean 'nearest'"):
        pareto("a", "b", choose="neares")(RESULTS)
    with pytest.raises(ValueError, match="no candidate has finite scores"):
        pareto("a", "b")({"mean_test_a": [np.nan], "mean_test_b": [1.0]})


def test_no_scorer_warns_of_anything_else():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neg_mia_advantage(*fitted())
