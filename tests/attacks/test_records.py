"""Records are found again by their values, whatever container they come in.

This file looks inside.
"""

import numpy as np
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skqmu.attacks import LiRAAttack
from skqmu.attacks._records import RecordIndex, check_rows, record_keys

X = np.array([[0.0, 1.0], [2.0, 3.0], [0.0, 1.0], [0.0, 1.0]])
y = np.array([0, 1, 0, 1])


def test_copies_are_one_group_and_another_label_is_another_record():
    index = RecordIndex(X, y)
    assert index.groups.tolist() == [0, 1, 0, 2]
    assert index.n_groups == 3


def test_records_are_located_and_others_are_not():
    index = RecordIndex(X, y)
    asked = np.array([[2.0, 3.0], [0.0, 1.0], [0.0, 1.0], [2.0, 3.0 + 1e-15]])
    assert index.locate(asked, [1, 1, 0, 0]).tolist() == [1, 3, 0, -1]


@pytest.mark.parametrize(
    "same",
    [
        lambda X: X.astype(np.float32),
        lambda X: np.asfortranarray(X),
        lambda X: X.astype(int),
        lambda X: np.repeat(X, 2, axis=0)[::2],
        lambda X: -0.0 - (-X),
        lambda X: X.astype(object),
    ],
)
def test_keys_depend_on_values_not_on_types_or_layout(same):
    assert record_keys(same(X), y) == record_keys(X, y)
    assert record_keys(X, y.astype(float)) == record_keys(X, y)


def test_keys_of_sparse_rows_do_not_depend_on_stored_zeros_or_order():
    plain = sparse.csr_matrix(X)
    padded = sparse.csr_matrix(
        (np.array([3.0, 2.0, 0.0, 1.0]), np.array([1, 0, 0, 1]), np.array([0, 2, 4])), shape=(2, 2)
    )
    assert record_keys(padded, [1, 0]) == record_keys(plain[[1, 0]], [1, 0])


def test_a_label_and_its_text_are_different():
    assert record_keys(X[:1], [1]) != record_keys(X[:1], ["1"])


def test_nan_passes_only_where_the_first_step_of_the_model_takes_it():
    gap = np.array([[np.nan, 1.0], [0.0, 1.0]])
    for taken in (
        HistGradientBoostingClassifier(),
        make_pipeline(SimpleImputer(), LogisticRegression()),
        make_column_transformer((SimpleImputer(), [0])),
    ):
        check_rows(gap, make_pipeline(taken))
    with pytest.raises(ValueError, match="NaN"):
        check_rows(gap, LogisticRegression())
    with pytest.raises(ValueError, match="infinity"):
        check_rows(np.array([[np.inf]]), HistGradientBoostingClassifier())


def test_precomputed_kernels_are_refused_with_a_reason():
    with pytest.raises(ValueError, match="precomputed"):
        check_rows(X, SVC(kernel="precomputed"))


def test_text_is_attacked():
    text = np.array([f"word{i} common{i % 3}" for i in range(40)], dtype=object)
    labels = np.arange(40) % 2
    model = make_pipeline(CountVectorizer(), LogisticRegression(C=100)).fit(text[:20], labels[:20])
    attack = LiRAAttack(model, n_shadows=8, random_state=0).fit(list(text), labels)
    scores = attack.decision_function(list(text), labels)
    assert scores[:20].mean() > scores[20:].mean()


def test_sparse_matrices_are_attacked():
    rng = np.random.default_rng(0)
    S = sparse.random(60, 30, density=0.2, format="csr", random_state=rng)
    labels = np.arange(60) % 2
    model = LogisticRegression(C=100).fit(S[:30], labels[:30])
    sparse_scores, dense_scores = (
        LiRAAttack(model, n_shadows=8, random_state=0)
        .fit(rows, labels)
        .decision_function(rows, labels)
        for rows in (S, S.toarray())
    )
    np.testing.assert_allclose(sparse_scores, dense_scores, rtol=1e-3)


def test_data_frames_with_categories_are_attacked():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"colour": rng.choice(list("rgb"), 60), "size": rng.normal(size=60)})
    labels = np.where(rng.random(60) < 0.5, "yes", "no")
    encode = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    model = make_pipeline(encode, DecisionTreeClassifier(random_state=0))
    model.fit(frame[:30], labels[:30])
    attack = LiRAAttack(model, n_shadows=8, random_state=0).fit(frame, labels)
    scores = attack.decision_function(frame, labels)
    assert scores[:30].mean() > scores[30:].mean()
    assert (attack.shadow_pool_.locate(frame, labels) >= 0).all()


def test_columns_that_the_model_does_not_know_are_told_with_the_way_out():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"id": [1, 2], "a": [0.0, 1.0], "b": [1.0, 0.0]})
    model = LogisticRegression().fit(frame[["a", "b"]], [0, 1])
    with pytest.raises(ValueError, match=r"pass X\[list\(model.feature_names_in_\)\]\."):
        check_rows(frame, model)
    assert check_rows(frame[list(model.feature_names_in_)], model).shape == (2, 2)
    with pytest.raises(ValueError, match="pass the same columns in the same order"):
        check_rows(frame.drop(columns="a"), model)


def test_a_copy_in_single_precision_is_the_record():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)), np.arange(12) % 2
    index, every = RecordIndex(X, y), np.arange(12)
    narrow = X.astype(np.float32)
    for rows in (
        narrow,
        narrow.astype(float),
        np.asfortranarray(narrow),
        pytest.importorskip("pandas").DataFrame(narrow),
    ):
        np.testing.assert_array_equal(index.locate(rows, y), every)
    np.testing.assert_array_equal(RecordIndex(narrow, y).locate(X, y), every)
    stored = RecordIndex(sparse.csr_matrix(X), y)
    np.testing.assert_array_equal(stored.locate(sparse.csr_matrix(narrow), y), every)
    assert (index.locate(X * (1 + 1e-9), y) == -1).all()
    assert (index.locate(narrow, 1 - y) == -1).all()


def test_a_copy_that_two_records_share_in_single_precision_is_neither():
    X = np.array([[0.1], [0.1 + 1e-12], [0.7], [0.7]])
    at = RecordIndex(X, np.zeros(4)).locate(X.astype(np.float32), np.zeros(4))
    assert at.tolist() == [-1, -1, 2, 2]
