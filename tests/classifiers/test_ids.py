"""Rows by whose they are: a request names ids, all of their rows go, and nothing of the ids stays.

This file looks inside: at the member record and at pickles.
"""

import copy
import json
import pickle
import uuid

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

import skqmu
from skqmu import HybridQNNClassifier, QNNClassifier, ShardedClassifier, UnlearningClassifier
from skqmu._ids import as_ids, id_key
from skqmu.classifiers._member_ids import AskedIds, entries_of_ids
from skqmu.exceptions import (
    AlreadyForgottenError,
    MemberRecordError,
    NotATrainingSampleError,
    UnlearningWarning,
)

pytestmark = pytest.mark.filterwarnings("ignore:upstream steps were fitted")

KEY = b"k" * 32
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
y = np.digitize(X[:, 0] + 0.3 * RNG.normal(size=40), [-0.4, 0.4])
# two rows a person, words that are found in no other place
IDS = [f"Xylander-{i // 2:02d}-Quux" for i in range(40)]


NEW = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
UNSHUFFLED = {"cv": KFold(2)} if NEW else {"cv": 2, "shuffle": False}


def qnn(**params):
    small = {"n_qubits": 3, "n_layers": 1, "max_iter": 1, "random_state": 0}
    return QNNClassifier(**small | params)


CLASSIFIERS = {
    "qnn": qnn(),
    "linear": qnn(loss="linear"),
    "head": qnn(trainable="head", head="ridge"),
    "hybrid": HybridQNNClassifier(max_iter=1, random_state=0),
    "shards": ShardedClassifier(LogisticRegression(), n_shards=3, random_state=0),
    "experiment": UnlearningClassifier(qnn(), random_state=0),
    "refits": UnlearningClassifier(LogisticRegression(), random_state=0),
}
no_mask = pytest.mark.filterwarnings("ignore:forget names no row")


def fitted(name, ids=IDS, **how):
    model = sklearn.clone(CLASSIFIERS[name])
    if name in ("experiment", "refits"):
        how.setdefault("forget", np.zeros(40, dtype=bool))
    return model.fit(X, y, ids=ids, **how)


def holds(model, word):
    """Whether a pickle of a model has a text in it, in whatever way it is written there."""
    data = pickle.dumps(model)
    return any(word.encode(code) in data for code in ("utf-8", "utf-16-le", "utf-32-le"))


# --- requests -------------------------------------------------------------------------------


@no_mask
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_row_of_an_id_goes_and_nothing_of_the_id_stays(name):
    model = fitted(name)
    assert holds(model, IDS[6])
    by_position = fitted(name)
    assert model.unlearn(ids=[IDS[6], IDS[20]]) is model
    by_position.unlearn(index=[6, 7, 20, 21])
    np.testing.assert_array_equal(model.predict_proba(X), by_position.predict_proba(X))
    assert model.is_member(X).tolist() == [i not in (6, 7, 20, 21) for i in range(40)]
    entry = model.unlearning_log_[-1]
    assert (entry["n_forget"], entry["n_ids"], entry["n_requested"]) == (4, 2, 4)
    assert "n_ids" not in by_position.unlearning_log_[-1]
    assert holds(model, IDS[8])
    assert not holds(model, IDS[6])
    assert not holds(model, IDS[20])
    assert "Xylander" not in json.dumps(model.unlearning_log_)
    assert not holds(model.release(), "Xylander")


@no_mask
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_ids_that_are_unknown_or_gone_are_named_and_nothing_changes(name):
    model = fitted(name).unlearn(ids=IDS[6:8])
    before = model.predict_proba(X)
    with pytest.raises(AlreadyForgottenError, match=f"1 of 1 ids are already forgotten .'{IDS[6]}"):
        model.unlearn(ids=[IDS[6]])
    with pytest.raises(NotATrainingSampleError, match=r"2 of 3 ids are those of no row.*'zoe', 7"):
        model.unlearn(ids=[IDS[0], "zoe", 7])
    with pytest.raises(NotATrainingSampleError, match="1 of them are already forgotten") as caught:
        model.unlearn(ids=["zoe", IDS[0], IDS[6]])
    assert caught.value.rows == (0, 2)
    again = pickle.loads(pickle.dumps(model))
    with pytest.raises(NotATrainingSampleError, match="leave no trace in a saved model"):
        again.unlearn(ids=[IDS[6]])
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert len(model.unlearning_log_) == 1
    assert again.unlearn(ids=[IDS[0]]).is_member(X[:2]).tolist() == [False, False]


def test_an_id_is_gone_when_its_last_row_is():
    model = fitted("qnn").unlearn(index=[6])
    assert holds(model, IDS[6])
    model.unlearn(X[7:8])
    assert not holds(model, IDS[6])
    with pytest.raises(AlreadyForgottenError, match="1 of 1 ids are already forgotten"):
        model.unlearn(ids=[IDS[6]])


def test_equal_rows_of_other_people_stay():
    twice = np.concatenate([X, X[:2]])
    model = qnn().fit(twice, [*y, *y[:2]], ids=[*IDS, "a", "b"]).unlearn(ids=["a"])
    assert model.is_member(X[:2]).all()
    with pytest.raises(AlreadyForgottenError):
        model.unlearn(ids=["a"])
    with pytest.warns(UnlearningWarning, match="1 more stored rows equal them"):
        model.unlearn(X[1:2])  # by the row itself every copy is meant
    with pytest.raises(AlreadyForgottenError):
        model.unlearn(ids=["b"])


@no_mask
@pytest.mark.parametrize("name", ["qnn", "shards", "experiment", "refits"])
def test_words_name_ids_classes_and_columns(name, tmp_path):
    (tmp_path / "ids.txt").write_text(f"{IDS[2]}\n{IDS[4]}\n")
    model = fitted(name)
    model.unlearn(f"ids:{IDS[0]}")
    model.unlearn(f"ids:@{tmp_path / 'ids.txt'}")
    assert [entry["n_ids"] for entry in model.unlearning_log_] == [1, 2]
    model.unlearn("x1 >= 1.2")
    assert not model.is_member(X[X[:, 1] >= 1.2]).any()
    assert model.is_member(X).sum() == 40 - len({*range(6), *np.flatnonzero(X[:, 1] >= 1.2)})
    model.unlearn("class:1")
    assert not model.is_member(X[y == 1]).any()
    with pytest.raises(NotATrainingSampleError, match=r"X_forget='x1 >= 99' means none"):
        model.unlearn("x1 >= 99")
    with pytest.raises(ValueError, match="X_forget='class:1': there is no class '1'"):
        model.unlearn("class:1")
    with pytest.raises(ValueError, match="y_forget= goes with X_forget=; with words"):
        model.unlearn("class:0", [0])


def test_columns_of_a_frame_are_named_where_rows_are_kept_as_they_are():
    frame = pd.DataFrame({"age": np.arange(40), "city": list("ab") * 20})
    encode = make_column_transformer(("passthrough", ["age"]))
    for model in (
        ShardedClassifier(make_pipeline(encode, LogisticRegression()), random_state=0),
        UnlearningClassifier(make_pipeline(encode, LogisticRegression())),
    ):
        how = {"forget": "age >= 38"} if hasattr(model, "strategy") else {}
        model.fit(frame, y, ids="index", **how)
        model.unlearn("city == b")
        assert not model.is_member(frame.iloc[1::2]).any()
        model.unlearn(ids=[0])
        assert not model.is_member(frame.iloc[:1]).any()


# --- what is stored -------------------------------------------------------------------------


def test_fingerprints_keep_hashes_of_ids_and_ask_for_all_rows_of_theirs():
    model = qnn(store_data="fingerprints").fit(X, y, ids=IDS, fingerprint_key=KEY)
    assert not holds(model, "Xylander")
    rest = {
        "X_retain": np.delete(X, [6, 7], 0),
        "y_retain": np.delete(y, [6, 7]),
        "fingerprint_key": KEY,
    }
    with pytest.raises(MemberRecordError, match=r"ids= needs the rows themselves.*beside it"):
        model.unlearn(ids=[IDS[6]], **rest)
    with pytest.raises(MemberRecordError, match="have 2 rows, of which X_forget lacks 1"):
        model.unlearn(X[6:7], ids=[IDS[6]], **rest)
    with pytest.raises(NotATrainingSampleError, match="1 rows of X_forget are not rows of the ids"):
        model.unlearn(X[6:9], ids=[IDS[6]], **rest)
    with pytest.raises(MemberRecordError, match="not the key that was given to fit"):
        model.unlearn(X[6:8], ids=[IDS[6]], **rest | {"fingerprint_key": b"l" * 32})
    with pytest.raises(MemberRecordError, match="means rows that the classifier must hold"):
        model.unlearn("class:0", **rest)
    record = model._fitted.members
    model.unlearn(X[6:8], ids=[IDS[6]], **rest)
    assert model.unlearning_log_[-1]["n_ids"] == 1
    gone = record.ids.values[6].tobytes()
    assert gone in pickle.dumps(record)
    assert gone not in pickle.dumps(model)
    with pytest.raises(AlreadyForgottenError):
        model.unlearn(X[6:8], ids=[IDS[6]], **rest)


def test_hashes_of_ids_need_ids_that_are_told_alike_everywhere():
    model = qnn(store_data="fingerprints")
    for ids in (
        np.arange(40),
        [(1, "a", i) for i in range(40)],
        [uuid.UUID(int=i) for i in range(40)],
    ):
        model.fit(X, y, ids=ids, fingerprint_key=KEY)
    with pytest.raises(TypeError, match="an id must be a text, a number"):
        model.fit(X, y, ids=[frozenset([i]) for i in range(40)], fingerprint_key=KEY)


def test_nothing_stored_means_no_ids():
    with pytest.raises(
        MemberRecordError, match=r'store_data="none" stores nothing.*"fingerprints"'
    ):
        qnn(store_data="none").fit(X, y, ids=IDS)
    with pytest.raises(MemberRecordError, match='store_data="none"'):
        qnn(store_data="none").fit(X, y).unlearn(ids=["a"])
    with pytest.raises(MemberRecordError, match=r"fitted without: fit\(X, y, ids="):
        qnn().fit(X, y).unlearn(ids=["a"])


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"ids": "Anna"}, r"must be a list of ids; for a single one write ids=\['Anna'\]"),
        ({"ids": 7}, "must be a list of ids"),
        ({"ids": []}, "names no id"),
        ({"ids": [[1]]}, "which is not hashable"),
        ({"ids": [None]}, "holds no id for 1 rows"),
        ({"ids": IDS[:1], "index": [0]}, r"got index= and ids="),
        ({"ids": IDS[:1], "y_forget": [0]}, "y_forget= goes with X_forget=; with ids="),
        ({}, "got neither"),
    ],
)
def test_requests_that_name_ids_wrongly_say_how(request_, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fitted("qnn").unlearn(**request_)


# --- what an id is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "asked", "rows"),
    [
        (range(40), [np.int64(3)], [3]),
        (np.arange(40), [3], [3]),
        (np.arange(40.0), [3], [3]),
        (np.arange(40).astype("int8"), [3.0], [3]),
        ([1, "1", *range(2, 40)], ["1"], [1]),
        ([1, "1", *range(2, 40)], [1], [0]),
        ([True, 1, "True", *range(3, 40)], [True], [0]),
        ([(i, "a") for i in range(40)], [(3, "a")], [3]),
        ([2**70 + i for i in range(40)], [2**70 + 3], [3]),
        ([f"a{i}\0" for i in range(40)], ["a3\0"], [3]),
        (np.array([f"p{i}" for i in range(40)], dtype=object), [np.str_("p3")], [3]),
        (pd.Series(range(40)), [3], [3]),
        (pd.array([f"p{i}" for i in range(40)], dtype="string"), ["p3"], [3]),
        (pd.to_datetime(["2024"] * 3 + ["2025"] * 37), [pd.Timestamp("2024")], [0, 1, 2]),
    ],
)
def test_ids_are_of_any_hashable_kind_and_equal_where_they_mean_the_same(ids, asked, rows):
    model = qnn().fit(X, y, ids=ids).unlearn(ids=asked)
    assert np.flatnonzero(~model.is_member(X)).tolist() == rows
    assert pickle.loads(pickle.dumps(model))._fitted.members.ids is not None


@settings(deadline=None)
@given(
    ids=st.lists(
        st.one_of(
            st.integers(-(2**65), 2**65),
            st.text(max_size=4),
            st.booleans(),
            st.tuples(st.integers(0, 3), st.text(max_size=2)),
            st.floats(allow_nan=False, width=16),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_an_array_of_ids_gives_back_what_it_was_given(ids):
    assert [id_key(value) for value in as_ids(ids).tolist()] == [id_key(value) for value in ids]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (IDS[:39], "ids holds 39 ids for 40 rows; pass one a row"),
        ([None, *IDS[1:]], r"no id for 1 rows \(0\)"),
        ([float("nan"), *range(39)], "no id for 1 rows"),
        ([pd.NA, *range(39)], "no id for 1 rows"),
        ([[1]] * 40, "not hashable"),
        ("ann", "must be a sequence of ids"),
        ("index", "takes the names of a pandas frame.*pass the ids themselves: ids=frame.index"),
        (np.zeros((40, 2)), "not hashable"),
    ],
)
def test_ids_are_checked_before_anything_is_trained(ids, message):
    for name in ("qnn", "shards", "refits"):
        model = sklearn.clone(CLASSIFIERS[name])
        with pytest.raises((ValueError, TypeError), match=message):
            model.fit(X, y, ids=ids)
        assert not hasattr(model, "classes_")


def test_the_names_of_a_frame_s_rows_are_ids_where_they_are_asked_for():
    frame = pd.DataFrame(X, index=IDS)
    model = qnn().fit(frame, y)
    with pytest.raises(MemberRecordError, match="fitted without"):
        model.unlearn(ids=IDS[:1])
    model.fit(frame, y, ids="index").unlearn(ids=IDS[:1])
    assert np.flatnonzero(~model.is_member(frame)).tolist() == [0, 1]


# --- going on, failing ----------------------------------------------------------------------


def test_rows_that_come_in_parts_keep_their_ids():
    model = qnn()
    for start in (0, 20, 0):  # the first part comes again, and counts once
        part = slice(start, start + 20)
        model.partial_fit(X[part], y[part], [0, 1, 2], ids=IDS[part])
    assert len(model._fitted.members) == 40
    model.partial_fit(X[:1], y[:1], ids=["somebody else"])
    assert len(model._fitted.members) == 41
    model.unlearn(ids=[IDS[0]])
    assert model.is_member(X[:2]).tolist() == [True, False]
    with pytest.raises(ValueError, match="before had rows with ids, this one has rows without"):
        model.partial_fit(X[:2], y[:2])
    other = qnn().partial_fit(X, y, [0, 1, 2])
    with pytest.raises(ValueError, match="before had rows without ids, this one has rows with"):
        other.partial_fit(X, y, ids=IDS)
    warm = qnn(warm_start=True).fit(X[:20], y[:20], ids=IDS[:20]).fit(X, y, ids=IDS)
    assert len(warm._fitted.members) == 40
    assert warm.unlearn(ids=[IDS[38]]).is_member(X).sum() == 38


def test_rows_that_come_again_in_a_sum_are_more_rows_of_their_id():
    model = qnn(loss="linear")
    for _ in range(2):
        model.partial_fit(X, y, [0, 1, 2], ids=IDS)
    assert len(model._fitted.members) == 80
    model.unlearn(ids=IDS[6:7])
    assert model.unlearning_log_[-1]["n_forget"] == 4


def test_rows_of_no_weight_have_no_id():
    model = qnn().fit(X, y, sample_weight=np.arange(40) >= 2, ids=IDS)
    assert not holds(model, IDS[0])
    with pytest.raises(NotATrainingSampleError, match="those of no row"):
        model.unlearn(ids=[IDS[0]])


def test_a_request_that_fails_leaves_the_ids_as_they_were(monkeypatch):
    model = fitted("qnn")
    with monkeypatch.context() as broken:
        broken.setattr("skqmu.unlearning._retrain.Retrain.unlearn", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.unlearn(ids=[IDS[6]])
    assert model.unlearning_log_[-1]["status"] == "failed"
    assert "Xylander" not in json.dumps(model.unlearning_log_)
    assert model.is_member(X).all()
    assert model.unlearn(ids=[IDS[6]]).is_member(X).sum() == 38


def test_copies_remember_ids_that_are_gone_within_their_process():
    model = fitted("qnn").unlearn(ids=[IDS[6]])
    with pytest.raises(AlreadyForgottenError):
        copy.deepcopy(model).unlearn(ids=[IDS[6]])


def test_ids_change_no_number():
    plain, told = qnn().fit(X, y), fitted("qnn")
    np.testing.assert_array_equal(plain.params_, told.params_)


# --- pipelines, searches --------------------------------------------------------------------


def test_a_pipeline_passes_ids_to_its_last_step():
    model = make_pipeline(StandardScaler(), qnn()).fit(X, y, qnnclassifier__ids=IDS)
    assert skqmu.unlearn(model, ids=[IDS[6]]) is model
    skqmu.unlearn(model, f"ids:{IDS[8]}")
    skqmu.unlearn(model, "class:0")
    assert [e["n_forget"] for e in model[-1].unlearning_log_][:2] == [2, 2]
    with pytest.raises(ValueError, match="speaks of the pipeline's own columns"):
        skqmu.unlearn(model, "x0 > 0")
    with pytest.raises(ValueError, match=r"index.*is a ndarray here .a step before"):
        make_pipeline(StandardScaler(), qnn()).fit(
            pd.DataFrame(X, index=IDS), y, qnnclassifier__ids="index"
        )


@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
@pytest.mark.parametrize("last", ["qnn", "shards"])
def test_a_pipeline_that_is_fitted_anew_knows_whose_the_rest_is(last):
    model = make_pipeline(StandardScaler(), sklearn.clone(CLASSIFIERS[last]))
    model.fit(X, y, **{f"{model.steps[-1][0]}__ids": IDS})
    order = RNG.permutation(np.delete(np.arange(40), [6, 7]))
    skqmu.unlearn(model, ids=[IDS[6]], upstream="refit", X_retain=X[order], y_retain=y[order])
    assert not holds(model, IDS[6])
    for i in (0, 21, 39):
        skqmu.unlearn(model, ids=[IDS[i]])
        pair = X[[i - i % 2, i - i % 2 + 1]]
        assert not model[-1].is_member(model[:-1].transform(pair)).any()
    with pytest.raises(AlreadyForgottenError):
        skqmu.unlearn(model, ids=[IDS[0]])


@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
def test_equal_rows_of_two_people_are_told_apart_by_nothing_when_one_is_missing():
    twice, labels = np.concatenate([X, X[:1]]), np.append(y, y[0])
    model = make_pipeline(StandardScaler(), qnn())
    model.fit(twice, labels, qnnclassifier__ids=[*IDS, "other"])
    stay = {"X_retain": X[np.arange(40) != 7], "y_retain": y[np.arange(40) != 7]}
    with pytest.raises(ValueError, match="holds 1 of 2 equal rows that belong to 2 ids"):
        skqmu.unlearn(model, index=[7], upstream="refit", **stay)


@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
def test_an_equal_row_of_somebody_else_stays_when_a_pipeline_is_fitted_anew():
    twice, labels = np.concatenate([X, X[:1]]), np.append(y, y[0])
    for request in ({"ids": ["other"]}, {"index": [40]}):
        model = make_pipeline(StandardScaler(), qnn())
        model.fit(twice, labels, qnnclassifier__ids=[*IDS, "other"])
        before = model.predict_proba(X)
        with pytest.raises(ValueError, match="1 rows of X_retain are among those to forget"):
            skqmu.unlearn(model, **request, upstream="refit", X_retain=twice, y_retain=labels)
        np.testing.assert_array_equal(model.predict_proba(X), before)
        skqmu.unlearn(model, **request, upstream="refit", X_retain=X, y_retain=y)
        assert not holds(model, "other")
        np.testing.assert_array_equal(model[-1].ids_, IDS)
        skqmu.unlearn(model, ids=[IDS[0]])
        assert not model[-1].is_member(model[:-1].transform(X[:2])).any()


@pytest.mark.filterwarnings("ignore::skqmu.exceptions.UnlearningWarning")
def test_steps_that_cross_fit_are_no_matter_to_ids():
    codes = RNG.integers(0, 3, size=(40, 2)).astype(float)
    model = make_pipeline(TargetEncoder(**UNSHUFFLED), qnn(n_qubits=2))
    model.fit(codes, y, qnnclassifier__ids=IDS)
    keep = np.delete(np.arange(40), [6, 7])
    rest = {"X_retain": codes[keep], "y_retain": y[keep]}
    skqmu.unlearn(model, ids=[IDS[6]], upstream="refit", **rest)
    assert skqmu.unlearn(model, ids=[IDS[8]])[-1].unlearning_log_[-1]["n_forget"] == 2


def test_searches_slice_ids_with_the_rows():
    search = GridSearchCV(qnn(), {"alpha": [0.0, 0.1]}, cv=2).fit(X, y, ids=IDS)
    search.best_estimator_.unlearn(ids=[IDS[6]])
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(StandardScaler(), qnn().set_fit_request(ids=True))
        search = GridSearchCV(model, {"qnnclassifier__alpha": [0.0, 0.1]}, cv=2)
        search.fit(X, y, ids=IDS)
        skqmu.unlearn(search.best_estimator_, ids=[IDS[6]])
        inner = UnlearningClassifier(make_pipeline(StandardScaler(), qnn()))
        outer = GridSearchCV(
            inner.set_fit_request(ids=True, forget=True),
            {"estimator__qnnclassifier__alpha": [0.0, 0.1]},
            cv=2,
        )
        outer.fit(X, y, ids=np.array(IDS), forget=np.arange(40) % 5 == 0)
    outer.best_estimator_.unlearn(ids=[IDS[6]])


# --- experiments ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["experiment", "refits"])
@pytest.mark.parametrize("saved", [False, True], ids=["fresh", "saved"])
def test_ids_of_the_mask_are_known_as_long_as_the_experiment_lasts(name, saved):
    model = fitted(name, forget=f"ids:{IDS[0]},{IDS[8]}")
    assert len(model.y_forget_) == 4
    if saved:
        model = pickle.loads(pickle.dumps(model))
    assert holds(model, IDS[0])
    with pytest.warns(UnlearningWarning, match="were forgotten by fit"):
        model.unlearn(ids=[IDS[0]])
    assert not holds(model, IDS[0])
    assert not hasattr(model, "X_forget_")
    model.unlearn(f"ids:{IDS[6]}")
    assert not holds(model, IDS[6])


def test_words_of_a_mask_are_resolved_on_the_rows_of_the_fit():
    model = UnlearningClassifier(LogisticRegression(), random_state=0)
    assert len(model.fit(X, y, forget="fraction:0.1").y_forget_) == 4
    np.testing.assert_array_equal(model.fit(X, y, forget="x0 < -0.5").X_forget_, X[X[:, 0] < -0.5])
    for forget, message in (
        ("class:7", "no class '7'"),
        ("x0 > 99", "selects no row"),
        ("ids:ann", "needs ids=, one a row"),
        ("x0 < 99", "names every row"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y, forget=forget)


def test_an_estimator_that_would_not_know_the_ids_is_refused():
    class Other(LogisticRegression):
        def unlearn(self, X_forget=None, y_forget=None):
            """Forget nothing."""

    with pytest.raises(TypeError, match=r"Other\.fit takes none"):
        UnlearningClassifier(Other()).fit(X, y, ids=IDS)


def test_ids_asked_for_as_text_may_be_numbers():
    record = qnn().fit(X, y, ids=np.arange(40))._fitted.members
    assert entries_of_ids(record, AskedIds(["7", "3"], written=True)).tolist() == [3, 7]
