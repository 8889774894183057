"""`skqmu.unlearn`: a deletion request through a fitted pipeline.

This file looks inside.
"""

import copy
import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)

import skqmu
from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu._same_state import same_state
from skqmu.exceptions import AlreadyForgottenError, NotATrainingSampleError, UnlearningWarning
from skqmu.unlearning import Retrain


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
    assert "upstream='refit', with X_retain" in " ".join(entry["notes"])
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
    with pytest.raises(TypeError, match=r"^LogisticRegression has no method unlearn"):
        skqmu.unlearn(LogisticRegression().fit(X, y), X[:1])
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    with pytest.raises(TypeError, match="step of the pipeline, LogisticRegression, has no"):
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
        warnings.simplefilter("ignore", ConvergenceWarning)  # three epochs
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


# --- steps of every kind --------------------------------------------------------------------


def toy(n=60):
    """Two numbers and a category that says something about the label."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    category = np.where(rng.random(n) < 0.7, y, rng.integers(3, size=n)).astype(float)
    return np.column_stack((rng.normal(size=(n, 2)) + y[:, None], category)), y


def quick(**params):
    return QNNClassifier(**{"max_iter": 2, "n_layers": 1, "random_state": 0, **params})


NUMBERS, CATEGORY = [0, 1], [2]
NEW = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
UNSHUFFLED = {"cv": KFold(3)} if NEW else {"cv": 3, "shuffle": False}
STEPS = {
    "a column transformer": lambda: [
        ColumnTransformer(
            [("numbers", StandardScaler(), NUMBERS), ("category", OneHotEncoder(), CATEGORY)]
        )
    ],
    "a union": lambda: [make_union(PCA(2), make_pipeline(StandardScaler(), PCA(1)))],
    "a nested pipeline": lambda: [make_pipeline(StandardScaler(), PCA(2)), Normalizer()],
    "a selector that needs labels": lambda: [StandardScaler(), SelectKBest(k=2)],
    "passthrough": lambda: ["passthrough", StandardScaler(), "passthrough"],
    "nothing but passthrough": lambda: ["passthrough"],
    "a step that learns nothing": lambda: [FunctionTransformer(np.tanh)],
}


@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested last step"])
def test_steps_of_every_kind_are_left_or_fitted_anew(name, nested):
    X, y = toy()
    last = make_pipeline(StandardScaler(), quick()) if nested else quick()
    model = make_pipeline(*STEPS[name](), last).fit(X, y)
    left, anew = copy.deepcopy(model), copy.deepcopy(model)
    assert skqmu.unlearn(left, X[:4]) is left
    assert skqmu.unlearn(anew, X[:4], X_retain=X[4:], y_retain=y[4:], upstream="refit") is anew
    expected = clone(model).fit(X[4:], y[4:])
    np.testing.assert_array_equal(anew.predict_proba(X), expected.predict_proba(X))
    for changed in (left, anew):
        clf = changed[-1][-1] if nested else changed[-1]
        assert clf.unlearning_log_[-1]["n_forget"] == 4
        assert clf.unlearning_log_[-1]["n_retain"] == 56
        rows = changed[:-1].transform(X)
        rows = changed[-1][:-1].transform(rows) if nested else rows
        np.testing.assert_array_equal(clf.is_member(rows), np.arange(60) >= 4)


def test_an_encoder_that_cross_fits_is_named_and_index_is_the_way():
    X, y = toy()
    model = make_pipeline(
        ColumnTransformer(
            [("target", TargetEncoder(**UNSHUFFLED), CATEGORY), ("rest", PCA(2), NUMBERS)]
        ),
        quick(),
    ).fit(X, y)
    before = [dict(vars(copy.deepcopy(step))) for _, step in model.steps]
    rest = {"X_retain": X[4:], "y_retain": y[4:]}
    hint = r"columntransformer\.target \(TargetEncoder\) makes of a row something else"
    for request in ({"X_forget": X[:4]}, {"X_forget": X[:4], "upstream": "refit", **rest}):
        with pytest.raises(NotATrainingSampleError, match=hint):
            skqmu.unlearn(model, **request)
    mixed = {"X_retain": X[:3:-1], "y_retain": y[:3:-1]}
    with pytest.raises(ValueError, match="in the order of fit"):
        skqmu.unlearn(model, index=range(4), upstream="refit", **mixed)
    for state, (_, step) in zip(before, model.steps, strict=True):
        assert same_state(state, dict(vars(step))) is None
    left = copy.deepcopy(model)
    with pytest.warns(UnlearningWarning, match="columntransformer"):
        skqmu.unlearn(left, index=range(4))
    assert left[-1].unlearning_log_[-1]["n_forget"] == 4
    skqmu.unlearn(model, index=range(4), upstream="refit", **rest)
    expected = clone(model).fit(X[4:], y[4:])
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model[-1].unlearning_log_[-1]["n_forget"] == 4


def test_a_data_frame_goes_through_by_the_names_of_its_columns():
    pd = pytest.importorskip("pandas")
    X, y = toy()
    frame = pd.DataFrame(X, columns=["a", "b", "kind"])
    model = make_pipeline(
        ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("k", OneHotEncoder(), ["kind"])]),
        quick(),
    ).fit(frame, y)
    rest = {"X_retain": frame[4:], "y_retain": y[4:], "upstream": "refit"}
    skqmu.unlearn(model, frame[:4], **rest)
    expected = clone(model).fit(frame[4:], y[4:])
    np.testing.assert_array_equal(model.predict_proba(frame), expected.predict_proba(frame))


def test_sparse_rows_are_counted_and_found():
    X, y = toy()
    X = sparse.csr_array(np.abs(X) * (np.abs(X) > 0.3))
    model = make_pipeline(MaxAbsScaler(), TruncatedSVD(2, random_state=0), quick()).fit(X, y)
    skqmu.unlearn(model, X[:4], X_retain=X[4:], y_retain=y[4:], upstream="refit")
    assert model[-1].unlearning_log_[-1]["n_forget"] == 4


class Breaks(StandardScaler):
    """A step that can be fitted once."""

    broken = False

    def fit(self, X, y=None):
        if Breaks.broken:
            raise RuntimeError("the second fit failed")
        return super().fit(X, y)


@pytest.mark.parametrize("kind", ["a step", "the classifier"])
def test_a_refit_that_fails_half_way_changes_nothing(kind, monkeypatch, tmp_path):
    X, y = toy()
    checkpoint = tmp_path / "checkpoint"
    model = make_pipeline(Breaks(), PCA(2), quick(checkpoint=str(checkpoint))).fit(X, y)
    before = [dict(vars(copy.deepcopy(step))) for _, step in model.steps]
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert files
    if kind == "a step":
        monkeypatch.setattr(Breaks, "broken", True)
    else:
        monkeypatch.setattr(
            QNNClassifier,
            "_adopt",
            lambda *args, **more: (_ for _ in ()).throw(RuntimeError("failed")),
        )
    with pytest.raises(RuntimeError, match="failed"):
        skqmu.unlearn(model, X[:4], X_retain=X[4:], y_retain=y[4:], upstream="refit")
    for state, (_, step) in zip(before, model.steps, strict=True):
        assert same_state(state, dict(vars(step))) is None
    assert files == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.undo()
    skqmu.unlearn(model, X[:4], X_retain=X[4:], y_retain=y[4:], upstream="refit")
    # what the old model left in files is gone with it
    assert not set(files) & {path for path in tmp_path.rglob("*") if path.is_file()}
    assert "was deleted" in " ".join(model[-1].unlearning_log_[-1]["notes"])


def test_a_refit_trains_once_and_says_what_it_proves():
    X, y = toy()
    fits = []

    class Counted(QNNClassifier):
        def _adopt(self, *args, **kwargs):
            fits.append(1)
            return super()._adopt(*args, **kwargs)

    model = make_pipeline(StandardScaler(), Counted(max_iter=2, n_layers=1, random_state=0)).fit(
        X, y
    )
    fits.clear()
    skqmu.unlearn(model, X[:4], X_retain=X[4:], y_retain=y[4:], upstream="refit")
    assert len(fits) == 1
    entry = model[-1].unlearning_log_[-1]
    assert entry["kind"] == entry["certificate"]["kind"] == "exact"
    assert "hyper-parameter" in entry["certificate"]["assumptions"][0]["text"]
    assert "fitted or" not in entry["certificate"]["assumptions"][0]["text"]
    assert entry["cost"] == model[-1].fit_cost_


def test_frozen_steps_are_left_and_named():
    X, y = toy()
    frozen = FrozenEstimator(StandardScaler().fit(X))
    model = make_pipeline(frozen, PCA(2), quick()).fit(X, y)
    with pytest.warns(UnlearningWarning, match="frozen steps were left as they are: frozen"):
        skqmu.unlearn(model, X[:4], X_retain=X[4:], y_retain=y[4:], upstream="refit")
    certificate = model[-1].unlearning_log_[-1]["certificate"]
    assert "nothing before the estimator" in certificate["assumptions"][0]["text"]


def test_a_frozen_step_is_not_said_to_have_seen_the_rows():
    X, y = toy()
    model = make_pipeline(FrozenEstimator(StandardScaler().fit(X[8:])), quick()).fit(X, y)
    with pytest.warns(UnlearningWarning) as told:
        skqmu.unlearn(model, X[:4])
    said = [str(each.message) for each in told]
    assert any(text.startswith("frozen steps were left as they are: frozen") for text in said)
    assert not any("were fitted on the forgotten rows too" in text for text in said)
    assert any("frozen steps" in note for note in model[-1].unlearning_log_[-1]["notes"])


def test_shards_are_refitted_behind_new_steps():
    X, y = toy()
    model = make_pipeline(StandardScaler(), ShardedClassifier(quick(), n_shards=2, random_state=0))
    model.fit(X, y)
    rest = {"X_retain": X[4:], "y_retain": y[4:], "upstream": "refit"}
    with pytest.raises(NotATrainingSampleError):
        skqmu.unlearn(model, X[:4] + 1, **rest)
    with pytest.raises(ValueError, match="either forgotten or retained"):
        skqmu.unlearn(model, X[:8], **rest)
    skqmu.unlearn(model, X[:4], **rest)
    expected = clone(model).fit(X[4:], y[4:])
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model[-1].unlearning_log_[-1]["n_forget"] == 4


def test_arguments_that_a_refit_does_not_know_are_named(digits, fitted):
    X, y = digits
    model = copy.deepcopy(fitted)
    with pytest.raises(TypeError, match=r"unlearn takes no n_steps .*fingerprint_key, ids, index"):
        skqmu.unlearn(model, X[:1], X_retain=X[1:], y_retain=y[1:], upstream="refit", n_steps=3)
    assert same_state(model, fitted) is None


def test_a_last_step_without_a_record_of_its_own_is_refused_for_a_refit():
    X, y = toy()
    forget = np.arange(60) < 4
    model = make_pipeline(StandardScaler(), UnlearningClassifier(quick()))
    model.fit(X, y, unlearningclassifier__forget=forget)
    with pytest.raises(TypeError, match="UnlearningClassifier has none that it knows"):
        skqmu.unlearn(model, X[5:9], X_retain=X[9:], y_retain=y[9:], upstream="refit")
    search = make_pipeline(StandardScaler(), GridSearchCV(quick(), {"n_layers": [1]}, cv=2))
    with pytest.raises(TypeError, match="the last step of the pipeline, GridSearchCV"):
        skqmu.unlearn(search.fit(X, y), X[:4])
