"""The attacker with two versions: what it finds, what it must not find, what it refuses."""

import pickle

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.tree import DecisionTreeClassifier

from skqmu import QNNClassifier
from skqmu.attacks import UpdateAttack, UpdateResult, statistics_scores

N = 120


def problem(seed, n_classes=3, n=400):
    X, y = make_classification(
        n, 8, n_informative=6, n_redundant=0, n_classes=n_classes, class_sep=0.8, random_state=seed
    )
    return scale(X), y


def versions(make, X, y, deleted, n=N):
    rows = np.setdiff1d(np.arange(n), deleted)
    return make().fit(X[:n], y[:n]), make().fit(X[rows], y[rows])


def logistic():
    return LogisticRegression(tol=1e-8, max_iter=2000)


# -- finding the row ------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_ridge_reconstruction_with_the_true_gram_matrix_is_exact(n_classes):
    X, y = problem(0, n_classes)
    before, after = versions(RidgeClassifier, X, y, [7])
    attack = UpdateAttack(before, after, access="weights").fit(X[:N], y[:N])
    truth = np.append(X[7], 1.0)
    found = attack.reconstruct()
    assert found.features[0] == pytest.approx(truth / np.linalg.norm(truth), abs=1e-6)
    assert found.cosine(truth) == pytest.approx(1.0, abs=1e-12)
    assert found.label == y[7]


def test_ridge_reconstruction_of_a_quantum_head_is_exact():
    X, y = load_iris(return_X_y=True)
    clf = QNNClassifier(trainable="head", head="ridge", random_state=0).fit(X, y)
    after = pickle.loads(pickle.dumps(clf)).unlearn(index=[60], strategy="exact_downdate")
    attack = UpdateAttack(clf, after).fit(X, y)
    assert attack.access_ == "weights"
    truth = clf.head_features(X[[60]])[0]
    assert attack.reconstruct().features[0] == pytest.approx(
        truth / np.linalg.norm(truth), abs=1e-6
    )
    assert attack.evaluate(X, y, np.arange(150) == 60).ranks == ((1.0,),)


def test_span_of_several_rows_with_the_true_gram_matrix():
    X, y = problem(1, 6)
    gone = [3, 11, 40]
    before, after = versions(RidgeClassifier, X, y, gone)
    attack = UpdateAttack(before, after, n_deleted=3).fit(X[:N], y[:N])
    found = attack.reconstruct()
    assert found.features.shape == (3, 9)
    for row in gone:
        assert found.cosine(np.append(X[row], 1.0)) == pytest.approx(1.0, abs=1e-6)
    assert attack.evaluate(X[:N], y[:N], np.isin(np.arange(N), gone)).found == 1.0


@pytest.mark.parametrize("make", [RidgeClassifier, logistic])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_deleted_row_comes_first_with_public_rows(make, n_classes):
    X, y = problem(2, n_classes, n=600)
    results = []
    for row in range(8):
        before, after = versions(make, X, y, [row])
        attack = UpdateAttack(before, after, n_rows=N).fit(X[300:], y[300:])
        results.append(attack.evaluate(X[:300], y[:300], np.arange(300) == row))
    pooled = UpdateResult.pool(results)
    assert pooled.n_requests == 8
    assert pooled.top(5).value >= 0.75
    assert pooled.auc.value > 0.97


def test_answers_find_the_row_of_a_softmax_head():
    X, y = problem(3, 4)
    results = []
    for row in range(8):
        before, after = versions(logistic, X, y, [row])
        attack = UpdateAttack(before, after, access="answers").fit(X[200:], y[200:])
        results.append(attack.evaluate(X[:200], y[:200], np.arange(200) == row))
    assert UpdateResult.pool(results).top(5).value >= 0.75


def test_the_row_itself_is_rebuilt_through_the_feature_map():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    clf = QNNClassifier(trainable="head", head="ridge", random_state=0).fit(X[:75], y[:75])
    after = pickle.loads(pickle.dumps(clf)).unlearn(index=[4], strategy="exact_downdate")
    attack = UpdateAttack(clf, after).fit(X[75:], y[75:])
    plain, sought = attack.reconstruct(), attack.reconstruct(invert=True)
    truth = clf.head_features(X[[4]])[0]
    assert sought.cosine(truth) > max(0.999, plain.cosine(truth) - 1e-9)
    assert sought.row == pytest.approx(X[4], abs=0.1)


def test_statistics_differ_by_the_state_of_the_row():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(50, 8)) + 1j * rng.normal(size=(50, 8))
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    y = rng.integers(0, 3, 50)
    outer = states[:, :, None] * states[:, None, :].conj()
    before = np.stack([outer[y == c].sum(axis=0) for c in range(3)])
    after = before.copy()
    after[y[17]] -= outer[17]
    scores = statistics_scores(before, after, states, y)
    assert scores.argmax() == 17
    assert scores[17] == pytest.approx(1.0)
    assert scores[y != y[17]] == pytest.approx(0.0, abs=1e-12)
    assert scores.max() < 1 + 1e-9
    assert (statistics_scores(before, before, states, y) == 0).all()
    with pytest.raises(ValueError, match="not those of one model"):
        statistics_scores(before, after[:2], states, y)
    with pytest.raises(ValueError, match="8 amplitudes"):
        statistics_scores(before, after, states[:, :4], y)


# -- not finding what is not there ----------------------------------------------------------


def null_p_value(seed, access):
    """p-value of a row that is in both versions (even seeds) or in neither (odd)."""
    X, y = problem(seed)
    row = N - 1 if seed % 2 == 0 else N
    # a ridge classifier gives no probabilities
    make = RidgeClassifier if access == "weights" and seed % 4 < 2 else logistic
    before, after = versions(make, X, y, [0])
    attack = UpdateAttack(before, after, access=access, n_rows=N)
    return attack.fit(X[200:], y[200:]).p_values(X[[row]], y[[row]])[0]


def assert_level_held(access, n_problems):
    p = np.array([null_p_value(seed, access) for seed in range(n_problems)])
    for level in (0.05, 0.2):
        hits = (p <= level).sum()
        # one-sided: as many would be rare (1 in 1000) even at exactly this level
        assert binom.sf(hits - 1, n_problems, level) > 1e-3, (level, hits)


@pytest.mark.parametrize("access", ["weights", "answers"])
def test_level_is_held_under_the_null(access):
    assert_level_held(access, 40)


@pytest.mark.slow
@pytest.mark.parametrize("access", ["weights", "answers"])
def test_level_is_held_under_the_null_over_300_problems(access):
    assert_level_held(access, 300)


def test_p_values_reject_for_the_deleted_row():
    p = []
    for seed in range(10):
        X, y = problem(seed)
        before, after = versions(RidgeClassifier, X, y, [0])
        attack = UpdateAttack(before, after, n_rows=N).fit(X[200:], y[200:])
        p.append(attack.p_values(X[[0]], y[[0]])[0])
    assert np.median(p) < 0.01


@pytest.mark.parametrize("access", ["weights", "answers"])
@pytest.mark.parametrize("n_deleted", [1, 3])
def test_two_equal_versions_tell_nothing(access, n_deleted):
    X, y = problem(0)
    model = logistic().fit(X[:N], y[:N])
    attack = UpdateAttack(model, model, access=access, n_deleted=n_deleted).fit(X[N:], y[N:])
    assert (attack.decision_function(X[:N], y[:N]) == 0).all()
    assert (attack.p_values(X[:N], y[:N]) == 1).all()
    result = attack.evaluate(X[:N], y[:N], np.arange(N) == 3)
    assert result.aucs == (0.5,)
    assert result.top(5).value == 0.0
    if access == "weights":
        with pytest.raises(ValueError, match="versions are the same"):
            attack.reconstruct()


# -- any classifier, any labels -------------------------------------------------------------


@pytest.mark.parametrize("labels", [["a", "b", "c"], [10, -3, 7], [True, False, True]])
def test_any_labels(labels):
    X, y = problem(5, 2 if labels[0] is True else 3)
    y = np.array(labels)[y]
    before, after = versions(logistic, X, y, [2])
    attack = UpdateAttack(before, after, access="weights", n_rows=N).fit(X[N:], y[N:])
    assert attack.evaluate(X[:N], y[:N], np.arange(N) == 2).ranks[0][0] <= 5
    assert attack.reconstruct().label == y[2]


def test_pipelines_and_frozen_versions():
    X, y = load_breast_cancer(return_X_y=True)
    steps = StandardScaler().fit(X[300:])

    def make():
        return make_pipeline(FrozenEstimator(steps), RidgeClassifier())

    before, after = versions(make, X, y, [5])
    attack = UpdateAttack(FrozenEstimator(before), after, n_rows=N).fit(X[300:], y[300:])
    assert attack.access_ == "weights"
    assert attack.evaluate(X[:200], y[:200], np.arange(200) == 5).ranks[0][0] <= 5


def test_other_classifiers_answer():
    X, y = problem(1)
    before, after = versions(GaussianNB, X, y, [0])
    attack = UpdateAttack(before, after).fit(X[200:], y[200:])
    assert attack.access_ == "answers"
    assert attack.evaluate(X[:N], y[:N], np.arange(N) == 0).ranks[0][0] < N / 2
    with pytest.raises(TypeError, match="access='answers'"):
        UpdateAttack(before, after, access="weights").fit(X[200:], y[200:])
    with pytest.raises(ValueError, match="shows no weights"):
        attack.reconstruct()


def test_other_linear_models_need_a_loss():
    X, y = problem(1)
    make = lambda: SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)  # noqa: E731
    before, after = versions(make, X, y, [0])
    with pytest.raises(TypeError, match="say head='ridge'"):
        UpdateAttack(before, after, access="weights").fit(X[200:], y[200:])
    attack = UpdateAttack(before, after, access="weights", head="logistic", penalty=0.01 * N)
    assert attack.fit(X[200:], y[200:]).gradient_.shape == (9, 3)


def test_one_class():
    X, y = load_iris(return_X_y=True)
    y = np.zeros(150, dtype=int)
    clf = QNNClassifier(trainable="head", head="ridge", random_state=0).fit(X, y)
    after = pickle.loads(pickle.dumps(clf)).unlearn(index=[0], strategy="exact_downdate")
    for access in ("weights", "answers"):
        attack = UpdateAttack(clf, after, access=access).fit(X[50:], y[50:])
        scores = attack.decision_function(X[:50], y[:50])
        assert scores.shape == (50,)
        assert np.isfinite(scores).all()


def test_class_deleted_whole():
    X, y = load_iris(return_X_y=True)
    clf = QNNClassifier(trainable="head", head="ridge", random_state=0).fit(X, y)
    gone = np.flatnonzero(y == 2)
    after = pickle.loads(pickle.dumps(clf)).unlearn(index=gone, strategy="exact_downdate")
    attack = UpdateAttack(clf, after, n_deleted=50).fit(X, y)
    # 33 numbers do not say which 50 of 150 rows went: which solution is found, and .887 or .9, goes
    # by rounding
    assert attack.evaluate(X, y, y == 2).aucs[0] > 0.85


# -- refusals -------------------------------------------------------------------------------


def test_versions_must_be_of_one_model():
    X, y = problem(0)
    model = logistic().fit(X, y)
    with pytest.raises(ValueError, match="Keep the class list"):
        UpdateAttack(model, logistic().fit(X[y < 2], y[y < 2])).fit(X, y)
    with pytest.raises(ValueError, match="takes 8 features and after 5"):
        UpdateAttack(model, logistic().fit(X[:, :5], y)).fit(X, y)
    with pytest.raises(ValueError, match="cannot be subtracted; use access='answers'"):
        UpdateAttack(model, RidgeClassifier().fit(X, y), access="weights").fit(X, y)
    scaled = [make_pipeline(StandardScaler(), logistic()).fit(X[s:], y[s:]) for s in (0, 50)]
    with pytest.raises(ValueError, match="different features for the same rows"):
        UpdateAttack(*scaled, access="weights").fit(X, y)
    assert UpdateAttack(*scaled).fit(X, y).access_ == "answers"
    with pytest.raises(TypeError, match="predict_proba"):
        UpdateAttack(model, RidgeClassifier().fit(X, y)).fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"access": "both"}, "access"),
        ({"n_deleted": 0}, "n_deleted"),
        ({"n_rows": 1}, "n_rows"),
        ({"head": "hinge"}, "head"),
        ({"penalty": -1.0}, "penalty"),
        ({"n_queries": 0}, "n_queries"),
    ],
)
def test_parameters_are_checked(params, message):
    X, y = problem(0)
    model = logistic().fit(X, y)
    with pytest.raises(ValueError, match=message):
        UpdateAttack(model, model, **params).fit(X, y)


def test_masks_are_checked():
    X, y = problem(0)
    attack = UpdateAttack(*versions(logistic, X, y, [0])).fit(X, y)
    with pytest.raises(ValueError, match="boolean mask"):
        attack.evaluate(X, y, [0])
    with pytest.raises(ValueError, match="candidates of both kinds"):
        attack.evaluate(X, y, np.zeros(len(y), dtype=bool))
    two = UpdateAttack(*versions(logistic, X, y, [0, 1]), n_deleted=2).fit(X, y)
    with pytest.raises(ValueError, match="seeks one row"):
        two.reconstruct(invert=True)


def test_clone_and_pickle():
    X, y = problem(0)
    before, after = versions(DecisionTreeClassifier, X, y, [0])
    attack = UpdateAttack(before, after, n_deleted=2)
    copy = clone(attack)
    assert copy.before is before
    assert copy.after is after
    assert copy.n_deleted == 2
    attack.fit(X, y)
    again = pickle.loads(pickle.dumps(attack))
    assert (again.decision_function(X, y) == attack.decision_function(X, y)).all()


def test_result_says_what_the_attacker_knew():
    X, y = problem(0)
    attack = UpdateAttack(*versions(logistic, X, y, [0, 1]), n_deleted=2).fit(X, y)
    result = attack.evaluate(X, y, np.arange(len(y)) < 2)
    text = str(result)
    assert "Two versions" in text
    assert "HOLDS the head's weights" in text
    assert "AUC" in text
    assert result.to_dict()["n_requests"] == 1
    with pytest.raises(ValueError, match="empty"):
        UpdateResult.pool([])
