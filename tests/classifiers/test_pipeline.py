"""`skqmu.unlearn`: a deletion request through a fitted pipeline."""

import copy
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

import skqmu
from skqmu import QNNClassifier
from skqmu.exceptions import AlreadyForgottenError, NotATrainingSampleError, UnlearningWarning
from skqmu.unlearning import Retrain
from skqmu.utils._same_state import same_state


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(digits):
    X, y = digits
    model = make_pipeline(
        StandardScaler(), PCA(8), QNNClassifier(max_iter=3, n_layers=1, random_state=0)
    )
    return model.fit(X, y)


def test_one_row_is_forgotten_although_alone_its_last_bits_differ(digits, fitted):
    X, y = digits
    alone, together = fitted[:-1].transform(X[41:42]), fitted[:-1].transform(X)[41:42]
    model = copy.deepcopy(fitted)
    with pytest.warns(UnlearningWarning, match=r"standardscaler \(StandardScaler\), pca \(PCA\)"):
        assert skqmu.unlearn(model, X[41:42]) is model
    entry = model[-1].unlearning_log_[-1]
    assert (entry["n_forget"], entry["n_retain"]) == (1, len(X) - 1)
    assert "Refit the pipeline without the rows" in " ".join(entry["notes"])
    assert not model[-1].is_member(alone).any()
    assert not model[-1].is_member(together).any()
    expected = QNNClassifier(max_iter=3, n_layers=1, random_state=0)
    Z = np.delete(fitted[:-1].transform(X), 41, axis=0)
    expected.fit(Z, np.delete(y, 41), classes=range(10))
    same = copy.deepcopy(fitted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnlearningWarning)
        skqmu.unlearn(same, X[41:42], strategy=Retrain("same"))
    np.testing.assert_allclose(same[-1].params_, expected.params_, atol=1e-7)


def test_every_single_row_is_found_one_at_a_time(digits, fitted):
    X, _ = digits
    clf, upstream = fitted[-1], fitted[:-1]
    stored = upstream.transform(X)
    n_different = 0
    for row, together in zip(X, stored, strict=True):
        alone = upstream.transform(row[None])
        n_different += not np.array_equal(alone[0], together)
        assert clf.is_member(alone).all()
    assert n_different > 100  # this is what the tolerance is for


@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
def test_requests_by_class_by_position_and_with_data_of_one_s_own(digits, fitted):
    X, y = digits
    model = skqmu.unlearn(copy.deepcopy(fitted), X[y == 3], y[y == 3], strategy="fine_tune")
    assert model[-1].unlearning_log_[-1]["classes_removed"] == [3]
    model = skqmu.unlearn(copy.deepcopy(fitted), index=[0, 5])
    assert model[-1].unlearning_log_[-1]["n_forget"] == 2
    model = skqmu.unlearn(
        copy.deepcopy(fitted),
        X[:5],
        X_retain=X[5:900],
        y_retain=y[5:900],
        X_reference=X[:30] + 0.5,
        y_reference=y[:30],
        strategy="neg_grad_plus",
    )
    assert model[-1].unlearning_log_[-1]["n_retain"] == 895


def test_a_request_that_cannot_be_honoured_changes_nothing_and_warns_of_nothing(digits, fitted):
    X, _ = digits
    model = copy.deepcopy(fitted)
    before = dict(vars(copy.deepcopy(model[-1])))
    for request, error in (
        (lambda: skqmu.unlearn(model, X[:1] + 1), NotATrainingSampleError),
        (lambda: skqmu.unlearn(model, X), ValueError),
        (lambda: skqmu.unlearn(model, X[:0]), ValueError),
        (lambda: skqmu.unlearn(model), ValueError),
        (lambda: skqmu.unlearn(model, X[:1, :5]), ValueError),
        (lambda: skqmu.unlearn(model, X[:1], strategy="retrian"), ValueError),
    ):
        with pytest.raises(error):
            request()
    assert same_state(before, dict(vars(model[-1]))) is None
    with pytest.warns(UnlearningWarning):
        skqmu.unlearn(model, X[:1])
    with pytest.raises(AlreadyForgottenError):
        skqmu.unlearn(model, X[:1])


def test_steps_that_learn_nothing_are_not_warned_of(small, blobs):
    X, y = blobs
    model = make_pipeline(FunctionTransformer(np.sin), Normalizer(), "passthrough", small())
    model.fit(X, y)
    skqmu.unlearn(model, X[:2])  # warnings are errors here
    assert model[-1].unlearning_log_[-1]["n_forget"] == 2
    alone = Pipeline([("qnn", small())]).fit(X, y)
    skqmu.unlearn(alone, X[:2])


def test_an_estimator_without_a_pipeline_is_asked_itself(small, blobs):
    X, y = blobs
    clf = small().fit(X, y)
    assert skqmu.unlearn(clf, X[:2]) is clf
    assert clf.unlearning_log_[-1]["n_forget"] == 2


def test_what_cannot_forget_says_so(small, blobs):
    X, y = blobs
    with pytest.raises(TypeError, match="LogisticRegression, has no method unlearn"):
        skqmu.unlearn(LogisticRegression().fit(X, y), X[:1])
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    with pytest.raises(TypeError, match="the last step of the pipeline, LogisticRegression"):
        skqmu.unlearn(model, X[:1])
    with pytest.raises(NotFittedError):
        skqmu.unlearn(make_pipeline(StandardScaler(), small()), X[:1])


# --- upstream="refit" -----------------------------------------------------------------------


def test_refitting_equals_a_pipeline_that_never_saw_the_rows(digits, fitted):
    X, y = digits
    model = copy.deepcopy(fitted)
    pca = model["pca"]
    stays = np.arange(len(X)) >= 20
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = skqmu.unlearn(model, X[:20], X_retain=X[20:], y_retain=y[20:], upstream="refit")
    assert same is model
    assert model["pca"] is pca
    expected = clone(fitted).fit(X[stays], y[stays])
    np.testing.assert_array_equal(pca.components_, expected["pca"].components_)
    np.testing.assert_array_equal(model[0].mean_, expected[0].mean_)
    np.testing.assert_array_equal(model[-1].params_, expected[-1].params_)
    entry = model[-1].unlearning_log_[-1]
    assert (entry["n_forget"], entry["n_retain"], entry["upstream"]) == (20, 1777, "refit")
    assert not model[-1].is_member(model[:-1].transform(X[:20])).any()
    assert model[-1].is_member(model[:-1].transform(X[20:40])).all()


def test_a_class_that_is_gone_stays_in_the_list_of_classes(digits, fitted):
    X, y = digits
    model = copy.deepcopy(fitted)
    stays = y != 3
    skqmu.unlearn(model, X[~stays], X_retain=X[stays], y_retain=y[stays], upstream="refit")
    assert model.classes_.tolist() == list(range(10))
    assert model[-1].unlearning_log_[-1]["classes_removed"] == [3]


def test_a_refit_that_cannot_be_made_changes_nothing(digits, fitted):
    X, y = digits
    model = copy.deepcopy(fitted)
    before = [dict(vars(copy.deepcopy(step))) for _, step in model.steps]
    rest = {"X_retain": X[5:], "y_retain": y[5:], "upstream": "refit"}
    for request, match in (
        (lambda: skqmu.unlearn(model, X[:5], upstream="refit"), "needs X_retain"),
        (lambda: skqmu.unlearn(model, X[:5] + 1, **rest), "never trained on"),
        (lambda: skqmu.unlearn(model, X[:8], **rest), "retained"),
        (lambda: skqmu.unlearn(model, X[:5], **{**rest, "X_retain": X[5:] + 1}), "trained on"),
        (lambda: skqmu.unlearn(model, X[:5], strategy="scrub", **rest), "retrains"),
        (lambda: skqmu.unlearn(model, X[:5], upstream="refti"), "Did you mean 'refit'"),
        (lambda: skqmu.unlearn(model[-1], X[:5], **rest), "Pipeline"),
    ):
        with pytest.raises(ValueError, match=match):
            request()
    for state, (_, step) in zip(before, model.steps, strict=True):
        assert same_state(state, dict(vars(step))) is None
