"""What a pipeline takes, everything takes: audits, attacks, scorers, shards, experiments, requests.

Each kind of table has a pipeline that works on it; whatever is built around the pipeline must then
work on it too, and a deletion must be the model without the rows.
"""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skqmu
from skqmu import QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu.attacks import (
    LabelOnlyAttack,
    LiRAAttack,
    QuantileAttack,
    RMIAAttack,
    ShadowModelAttack,
    ThresholdAttack,
    UnlearningAttack,
)
from skqmu.attacks.tools import RecordIndex
from skqmu.audit import leakage
from skqmu.metrics import make_privacy_scorer

N = 60
RNG = np.random.default_rng(0)
LABELS = np.array(["no", "yes"])[np.arange(N) % 2]
NUMBERS = RNG.normal(size=(N, 3)) + (LABELS == "yes")[:, None]
GAPS = np.where(RNG.random((N, 3)) < 0.1, np.nan, NUMBERS)
TOWNS = RNG.choice(["Ulm", "Bern", "Graz"], N)
FRAME = pd.DataFrame({"age": GAPS[:, 0], "income": NUMBERS[:, 1], "town": TOWNS})
TEXTS = [f"{town} n{i % 5} m{RNG.integers(30)} k{i}" for i, town in enumerate(TOWNS)]


def tree():
    return DecisionTreeClassifier(max_depth=4, random_state=0)


def of_columns(numeric, categorical):
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numeric),
            (OneHotEncoder(handle_unknown="ignore"), categorical),
        ),
        tree(),
    )


BOOSTED = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3, random_state=0)
CASES = {
    "float32": (NUMBERS.astype(np.float32), make_pipeline(StandardScaler(), tree())),
    "float64": (NUMBERS, make_pipeline(StandardScaler(), tree())),
    "float64 with gaps": (GAPS, make_pipeline(SimpleImputer(), tree())),
    "gaps, no imputer": (GAPS, BOOSTED),
    "mixed frame": (FRAME, of_columns(["age", "income"], ["town"])),
    "categories": (FRAME.astype({"town": "category"}), of_columns(["age", "income"], ["town"])),
    "nullable": (
        FRAME.assign(age=FRAME.age.round().astype("Int64")),
        of_columns(["age", "income"], ["town"]),
    ),
    "polars": (
        polars.from_dict({name: list(FRAME[name]) for name in FRAME}),
        of_columns(["age", "income"], ["town"]),
    ),
    "sparse": (sparse.csr_matrix(np.where(NUMBERS > 0, NUMBERS, 0)), tree()),
    "texts": (TEXTS, make_pipeline(TfidfVectorizer(), LogisticRegression())),
    "objects": (
        np.array(FRAME.assign(age=NUMBERS[:, 0]), dtype=object),
        make_pipeline(
            make_column_transformer((OneHotEncoder(), [2]), remainder="passthrough"), tree()
        ),
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def _further(target):
    """How the label-only attack asks again: no noise can be added to texts."""
    return (
        {"perturbation": "none"} if "tfidfvectorizer" in getattr(target, "named_steps", ()) else {}
    )


def some(X, rows):
    """Rows in the way in which a user would take them."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return [X[i] for i in rows] if isinstance(X, list) else X[rows]


def test_audits_say_the_same_of_retraining(case):
    X, pipeline = case
    report = skqmu.audit(
        pipeline, X, LABELS, forget="fraction:0.2", attacks=("loss", "lira"), n_shadows=4,
        n_oracles=1, random_state=0,
    )  # fmt: skip
    found = report.model("fraction:0.2", "retrain")["accuracy"]["retain"]["value"]
    assert found > 0.7
    assert report.data["settings"]["n_features"] == (1 if isinstance(X, list) else X.shape[1])


def test_a_fitted_model_is_audited_and_attacked_as_it_is(case):
    X, pipeline = case
    rows = np.arange(N) < 40
    fitted = pipeline.fit(some(X, np.flatnonzero(rows)), LABELS[rows])
    before = pickle.dumps(fitted)
    options = {"prefit": True, "train": rows, "n_shadows": 4, "random_state": 0}
    report = skqmu.audit(
        fitted, X, LABELS, forget={"ten": np.arange(10)}, attacks=("loss", "lira"), n_oracles=1,
        **options,
    )  # fmt: skip
    own = (fitted.predict(some(X, np.arange(10))) == LABELS[:10]).mean()
    assert report.model("ten", "original")["accuracy"]["forget"]["value"] == pytest.approx(own)
    assert leakage(fitted, X, LABELS, **options).data["n_members"] == 40
    assert pickle.dumps(fitted) == before


@pytest.mark.parametrize(
    "attack",
    [
        lambda target: ThresholdAttack(target, n_shadows=4, random_state=0),
        lambda target: ShadowModelAttack(target, n_shadows=4, random_state=0),
        lambda target: LiRAAttack(target, n_shadows=4, random_state=0),
        lambda target: RMIAAttack(target, n_shadows=4, random_state=0),
        lambda target: LabelOnlyAttack(target, n_shadows=4, random_state=0, **_further(target)),
    ],
    ids=["threshold", "shadow model", "LiRA", "RMIA", "label only"],
)
def test_attacks_find_the_rows_of_the_pool(case, attack):
    X, pipeline = case
    target = pipeline.fit(some(X, np.arange(30)), LABELS[:30])
    made = attack(target).fit(X, LABELS)
    chosen = np.arange(5, 50, 9)
    np.testing.assert_allclose(
        made.decision_function(some(X, chosen), LABELS[chosen]),
        made.decision_function(X, LABELS)[chosen],
    )
    assert made.evaluate(X, LABELS, np.arange(N) < 30, fprs=()).n_members == 30


def test_shards_forget_exactly(case):
    X, pipeline = case
    model = ShardedClassifier(pipeline, n_shards=2, random_state=0).fit(X, LABELS)
    _forgets(model, X)
    twin = ShardedClassifier(pipeline, n_shards=2, random_state=0).fit(
        some(X, np.arange(3, N)), LABELS[3:], assignment=model.assignment_
    )
    np.testing.assert_array_equal(model.predict_proba(X), twin.predict_proba(X))


def test_experiments_around_any_pipeline_forget_exactly(case):
    X, pipeline = case
    mask = np.arange(N) >= N - 6
    model = UnlearningClassifier(pipeline, n_oracles=1).fit(X, LABELS, forget=mask)
    twin = pipeline.fit(some(X, np.flatnonzero(~mask)), LABELS[~mask])
    np.testing.assert_array_equal(model.predict_proba(X), twin.predict_proba(X))
    _forgets(model, X, known=N - 6)
    twin = pipeline.fit(some(X, np.arange(3, N - 6)), LABELS[3 : N - 6])
    np.testing.assert_array_equal(model.predict_proba(X), twin.predict_proba(X))


def _forgets(model, X, known=N):
    """Let a model forget the first three rows, by rows and by position."""
    assert model.is_member(X, LABELS).sum() == known
    model.unlearn(some(X, np.arange(2)), LABELS[:2])
    model.unlearn(index=[2])
    assert np.flatnonzero(~model.is_member(X, LABELS))[:3].tolist() == [0, 1, 2]
    assert model.is_member(X, LABELS).sum() == known - 3
    assert [entry["n_forget"] for entry in model.unlearning_log_] == [2, 1]
    with pytest.raises(skqmu.exceptions.AlreadyForgottenError):
        model.unlearn(some(X, [1]))
    with pytest.raises(skqmu.exceptions.NotATrainingSampleError):
        pickle.loads(pickle.dumps(model)).unlearn(some(X, [1]))


def test_scorers_search_over_any_table(case):
    X, pipeline = case
    mask = np.isin(np.arange(N) % 10, [0, 5])
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(
        UnlearningClassifier(pipeline, n_oracles=1),
        {"n_oracles": [1]},
        scoring={
            name: make_privacy_scorer(name) for name in ("neg_mia_advantage", "neg_forget_gap")
        },
        refit=False,
        cv=list(folds.split(np.zeros(N), [f"{y}{m}" for y, m in zip(LABELS, mask, strict=True)])),
        error_score="raise",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skqmu.exceptions.ResolutionWarning)
        search.fit(X, LABELS, forget=mask)
    assert np.isfinite(search.cv_results_["mean_test_neg_mia_advantage"]).all()
    assert np.isfinite(search.cv_results_["mean_test_neg_forget_gap"]).all()


@pytest.mark.parametrize("name", ["mixed frame", "categories", "nullable", "polars"])
def test_a_request_through_a_pipeline_is_named_by_raw_rows(name):
    X, pipeline = CASES[name]
    model = make_pipeline(pipeline[0], QNNClassifier(n_qubits=2, max_iter=2, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, LABELS)
        skqmu.unlearn(
            model, some(X, [0, 1]), LABELS[:2], upstream="refit",
            X_retain=some(X, np.arange(2, N)), y_retain=LABELS[2:],
        )  # fmt: skip
        twin = make_pipeline(pipeline[0], QNNClassifier(n_qubits=2, max_iter=2, random_state=0))
        twin.fit(some(X, np.arange(2, N)), LABELS[2:])
    assert model[-1].unlearning_log_[-1]["n_forget"] == 2
    np.testing.assert_allclose(model[0].transform(X), twin[0].transform(X))


def test_a_forgotten_row_leaves_nothing_in_a_pickle():
    X = FRAME.assign(
        town=[f"person-{i}-" for i in range(N)],
        note=pd.Categorical([f"note-{i}-" for i in range(N)]),
    )
    pipeline = of_columns(["age", "income"], [])
    for model in (
        ShardedClassifier(pipeline, n_shards=2, random_state=0).fit(X, LABELS),
        UnlearningClassifier(pipeline).fit(X, LABELS, forget=np.arange(N) == 50),
    ):
        model.unlearn(X.iloc[[7]])
        kept = pickle.dumps(model)
        assert b"person-7-" not in kept
        assert b"note-7-" not in kept
        assert b"person-8-" in kept
        assert b"person-8-" not in pickle.dumps(model.release())


def test_copies_of_a_row_are_one_record_in_any_table(case):
    X, _ = case
    rows = np.array([0, 1, 0, 2])
    index = RecordIndex(
        some(X, rows) if not isinstance(X, list) else np.array(X, object)[rows], rows
    )
    assert index.groups.tolist() == [0, 1, 0, 2]


def test_quantile_attack_and_unlearning_attack_take_frames():
    X, pipeline = CASES["mixed frame"]
    target = UnlearningClassifier(pipeline).fit(X.iloc[:40], LABELS[:40], forget=np.arange(40) < 8)
    numeric = X[["income"]].assign(age=NUMBERS[:, 0])
    plain = tree().fit(numeric.iloc[:30], LABELS[:30])
    attack = QuantileAttack(plain, cv=2).fit(numeric.iloc[30:], LABELS[30:])
    assert np.isfinite(attack.decision_function(numeric, LABELS)).all()
    attack = UnlearningAttack(target, n_shadows=4, random_state=0)
    attack.fit(X, LABELS, forget=np.arange(N) < 8)
    assert np.isfinite(attack.decision_function(X.iloc[:8], LABELS[:8])).all()


def _named_rows(kind):
    """A frame with a text of its own in each row, kept where a frame of this kind keeps it."""
    frame = pd.DataFrame({"age": NUMBERS[:, 0], "town": [f"town{i:03d}secret" for i in range(N)]})
    names = [f"name{i:03d}secret" for i in range(N)]
    if kind == "category":
        return frame.astype({"town": "category"})
    if kind == "levels of an index":
        return frame.set_axis(pd.MultiIndex.from_arrays([names, range(N)], names=["who", "row"]))
    if kind == "categories of an index":
        return frame.set_axis(pd.CategoricalIndex(names))
    enum = polars.Enum(frame["town"].tolist())
    town = polars.Series("town", frame["town"].tolist(), enum if kind == "enum" else None)
    return polars.DataFrame({"age": frame["age"].to_numpy(), "town": town})


@pytest.mark.parametrize("meta", [UnlearningClassifier, ShardedClassifier])
@pytest.mark.parametrize(
    "kind", ["category", "levels of an index", "categories of an index", "polars", "enum"]
)
def test_no_text_of_a_forgotten_row_stays(kind, meta):
    clf = meta(of_columns(["age"], ["town"]), random_state=0).fit(_named_rows(kind), LABELS)
    clf.unlearn(index=[7]).unlearn('town == "town011secret"')
    left = pickle.dumps(clf)
    for row in (7, 11):
        assert f"town{row:03d}secret".encode() not in left
        assert f"name{row:03d}secret".encode() not in left
    assert b"town013secret" in left


class _KeepsCategories(DecisionTreeClassifier):
    """As boosters do: the categories of a column's type are a part of the fitted model."""

    def fit(self, X, y):
        self.categories_ = X["town"].cat.categories.tolist()
        return super().fit(X[["age"]], y)

    def predict_proba(self, X):
        return super().predict_proba(X[["age"]])


def test_a_shard_knows_no_category_of_another_shards_rows():
    frame = _named_rows("category")
    clf = ShardedClassifier(_KeepsCategories(), n_shards=2, random_state=0).fit(frame, LABELS)
    known = [pickle.dumps(slices[-1]) for slices in clf.models_]
    for row, (shard, _) in enumerate(clf.assignment_):
        assert f"town{row:03d}secret".encode() not in known[1 - shard]
