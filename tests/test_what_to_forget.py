"""What to forget, in words, positions or rows: what is said is what is meant, or an error says why.

This file looks inside: whoever takes what to forget resolves it by these functions.
"""

import string

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.naive_bayes import GaussianNB

from skqmu import QNNClassifier, UnlearningClassifier
from skqmu._what_to_forget import parsed, positions_of, with_target_names
from skqmu.audit import audit
from skqmu.datasets import ForgetKFold, corrupt, forget_split, load

Y = np.array([0, 0, 0, 1, 1, 1, 2, 2])
FRAME = pd.DataFrame(
    {
        "age": [20, 30, 40, 50, 60, 70, 80, 90],
        "city": ["Basel", "Bern", "Basel", None, "Genf", "Bern", "Basel", "Chur"],
        "zip code": ["0400", "3000", "4051", "8000", "1200", "3001", "4000", "7000"],
        "score": [0.5, np.nan, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
        "seen": pd.to_datetime(["2024-01-01"] * 4 + ["2025-06-01"] * 4),
        "kind": pd.Categorical(list("aabbccab")),
        "n": pd.array([1, 2, None, 4, 5, 6, 7, 8], dtype="Int64"),
        "flag": [True, False] * 4,
    }
)
IDS = ["ann", "bob", "ann", "cat", "dan", "eve", "bob", "7"]


def meant(forget, **how):
    return positions_of(forget, Y, **{"X": FRAME, "ids": IDS} | how).tolist()


# --- conditions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("age == 40", [2]),
        ("age==40.0", [2]),
        ("age != 40", [0, 1, 3, 4, 5, 6, 7]),
        ("age < 40", [0, 1]),
        ("age <= 40", [0, 1, 2]),
        ("age>60", [5, 6, 7]),
        ("age >= 60", [4, 5, 6, 7]),
        ("age in [20, 90]", [0, 7]),
        ("age not in (20, 90)", [1, 2, 3, 4, 5, 6]),
        ("city == Basel", [0, 2, 6]),
        ("city == 'Basel'", [0, 2, 6]),
        ("city != Basel", [1, 4, 5, 7]),  # the fourth is missing
        ("city in [Basel, Chur]", [0, 2, 6, 7]),
        ('city in ["Basel", "Chur"]', [0, 2, 6, 7]),
        ("city not in [Basel, Chur]", [1, 4, 5]),
        ("city < Bern", [0, 2, 6]),
        ("`zip code` == 0400", [0]),
        ("zip code == 4051", [2]),
        ("score != 1.5", [0, 3, 4, 5, 6, 7]),
        ("score >= 5.5", [6, 7]),
        ("seen >= 2025-01-01", [4, 5, 6, 7]),
        ("seen == '2024-01-01'", [0, 1, 2, 3]),
        ("kind == a", [0, 1, 6]),
        ("n == 4", [3]),
        ("n < 5", [0, 1, 3]),
        ("flag == True", [0, 2, 4, 6]),
        ("flag == False", [1, 3, 5, 7]),
    ],
)
def test_a_condition_means_the_rows_that_meet_it(text, rows):
    assert meant(text) == rows


@pytest.mark.parametrize(
    "X",
    [
        np.arange(24.0).reshape(8, 3),
        np.arange(24, dtype=object).reshape(8, 3),
        sparse.csr_matrix(np.arange(24.0).reshape(8, 3)),
        np.arange(24.0).reshape(8, 3).tolist(),
    ],
    ids=["array", "objects", "sparse", "lists"],
)
def test_columns_of_an_array_are_numbered(X):
    assert meant("x1 >= 13", X=X) == [4, 5, 6, 7]
    assert meant("1 >= 13", X=X) == [4, 5, 6, 7]
    with pytest.raises(ValueError, match=r"columns are x0 to x2 \(or 0 to 2\); pass a data frame"):
        meant("x3 == 0", X=X)


def test_a_polars_frame_is_asked_likewise():
    X = pl.DataFrame({"age": list(range(8)), "city": list("aabbccdd")})
    assert meant("age > 5", X=X) == [6, 7]
    assert meant("city in [a, d]", X=X) == [0, 1, 6, 7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agee == 40", r"no column that is called 'agee'; the columns are age, .*mean 'age'"),
        ("age == forty", "column 'age' holds numbers, and 'forty' is none"),
        ("age < forty", "column 'age' and 'forty' have no order"),
        ("city in Basel", r"'Basel' is no list; write COLUMN in \[A, B\]"),
        ("seen > soon", "column 'seen' holds dates, and 'soon' is none"),
        ("age == None", r"what is missing equals nothing; pass a boolean mask"),
        ("age == [1, 2]", "is no number and no text"),
        ("age == __import__('os').getcwd()", "column 'age' holds numbers"),
        ("age", "not understood; use 'class:LABEL'"),
        ("clas:1", r"not understood.*Did you mean 'class'"),
    ],
)
def test_a_condition_that_cannot_be_met_says_why(text, message):
    with pytest.raises(ValueError, match=message):
        meant(text)


def test_a_condition_needs_rows_with_columns():
    with pytest.raises(ValueError, match="needs X, the rows, which are not known here"):
        meant("age == 40", X=None)
    with pytest.raises(ValueError, match="texts and have no columns"):
        meant("age == 40", X=["a text"] * 8)
    twice = pd.DataFrame(np.zeros((8, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match="two columns are called 'a'"):
        meant("a == 0", X=twice)


VALUES = st.lists(st.integers(-5, 5), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(values=VALUES, bound=st.integers(-5, 5), other=st.integers(-5, 5))
def test_comparisons_divide_the_rows(values, bound, other):
    X, y = np.array(values, dtype=float)[:, None], np.zeros(len(values))
    rows = {
        sign: set(positions_of(f"x0 {sign} {bound}", y, X=X).tolist())
        for sign in ("==", "!=", "<", "<=", ">", ">=")
    }
    everyone = set(range(len(values)))
    assert rows["=="] | rows["!="] == everyone == rows["<"] | rows[">="] == rows[">"] | rows["<="]
    assert not rows["=="] & rows["!="]
    assert rows["<="] == rows["<"] | rows["=="]
    within = set(positions_of(f"x0 in [{bound}, {other}]", y, X=X).tolist())
    without = set(positions_of(f"x0 not in [{bound}, {other}]", y, X=X).tolist())
    assert within == rows["=="] | set(positions_of(f"x0 == {other}", y, X=X).tolist())
    assert without == everyone - within
    assert rows["<"] == {i for i, value in enumerate(values) if value < bound}


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(
        st.text(string.ascii_letters + " '\"=<>", min_size=1), min_size=1, max_size=6
    ).map(lambda words: [word.strip() or "w" for word in words]),
    data=st.data(),
)
def test_any_text_can_be_asked_for_by_how_python_writes_it(words, data):
    word = data.draw(st.sampled_from(words))
    X = pd.DataFrame({"c": words})
    rows = positions_of(f"c == {word!r}", np.zeros(len(words)), X=X).tolist()
    assert rows == [i for i, other in enumerate(words) if other == word]


# --- ids ------------------------------------------------------------------------------------


def test_ids_mean_every_row_of_theirs():
    assert meant("ids:ann") == [0, 2]
    assert meant("ids: bob , eve") == [1, 5, 6]
    assert meant("ids:7") == [7]


def test_ids_of_a_file_are_those_of_its_lines(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("\ufeffbob\n\n  eve  \r\n", encoding="utf-8")
    assert meant(f"ids:@{path}") == [1, 5, 6]
    path.write_text("Muster, Anna\n")
    assert meant(f"ids:@{path}", ids=["Muster, Anna", *IDS[1:]]) == [0]
    path.write_text("\n")
    with pytest.raises(ValueError, match="the file holds no id; write one a line"):
        meant(f"ids:@{path}")
    with pytest.raises(ValueError, match=r"cannot be read \(FileNotFoundError.*one id a line"):
        meant("ids:@nowhere.txt")


def test_numbers_are_asked_for_as_they_are_written():
    assert meant("ids:7,9", ids=np.arange(3, 11)) == [4, 6]
    assert meant("ids:7", ids=np.arange(3.0, 11.0)) == [4]
    both = [1, "1", 2, 3, 4, 5, 6, 7]
    assert meant("ids:2", ids=both) == [2]
    with pytest.raises(ValueError, match=r"'1' may mean '1' and 1, which are different ids"):
        meant("ids:1", ids=both)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ids:zoe", "1 of 1 ids are those of no row: 'zoe'"),
        ("ids:ann,bop", r"1 of 2 ids are those of no row: 'bop'.*Did you mean 'bob'"),
        ("ids:", "holds an empty id"),
        ("ids:ann,,bob", "holds an empty id; write ids:a,b,c, or ids:@FILE"),
    ],
)
def test_ids_of_no_row_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        meant(text)


def test_ids_must_be_known_and_one_a_row():
    with pytest.raises(ValueError, match=r"needs ids=, one a row, which are not known here"):
        meant("ids:ann", ids=None)
    with pytest.raises(ValueError, match="ids holds 7 ids for 8 rows; pass one a row"):
        meant("ids:ann", ids=IDS[:7])
    with pytest.raises(ValueError, match=r"no id for 2 rows \(1, 3\)"):
        meant("ids:ann", ids=["ann", None, "b", float("nan"), *IDS[4:]])
    with pytest.raises(TypeError, match=r"ids\[0\] is a list, which is not hashable"):
        meant("ids:ann", ids=[[1], *IDS[1:]])


# --- classes, rows --------------------------------------------------------------------------


def test_names_of_classes_are_taken_beside_their_labels():
    wine = load("wine")
    names = wine.target_names
    for k, name in enumerate(names):
        mask = forget_split(wine.y, f"class:{name}", target_names=names)
        np.testing.assert_array_equal(mask, wine.y == k)
        np.testing.assert_array_equal(mask, forget_split(wine.y, f"class:{k}", target_names=names))
        assert with_target_names(f"class: {name}", names) == f"class:{k}"
    with pytest.raises(ValueError, match=r"no class 'class_7'; the classes are 0, 1, 2 \(class_0"):
        forget_split(wine.y, "class:class_7", target_names=names)
    for other in ("class:0", "fraction:0.1", "class == class_0", [1, 2]):
        assert with_target_names(other, names) == other


def test_rows_mean_themselves_and_their_copies():
    X = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [5.0, 6.0]])
    assert positions_of(X[:1], np.zeros(4), X=X).tolist() == [0, 2]
    frame = pd.DataFrame({"a": list("xyxz"), "b": [1, 2, 1, 3]})
    assert positions_of(frame.iloc[[0, 3]], np.zeros(4), X=frame).tolist() == [0, 2, 3]
    with pytest.raises(ValueError, match=r"1 of 2 rows are not among those of X \(rows 1\)"):
        positions_of([[1.0, 2.0], [9.0, 9.0]], np.zeros(4), X=X)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n=st.integers(2, 20))
def test_positions_masks_ids_and_rows_that_mean_the_same_are_the_same(data, n):
    wanted = data.draw(st.lists(st.integers(0, n - 1), unique=True, min_size=1))
    mask = np.isin(np.arange(n), wanted)
    X, y = np.arange(2.0 * n).reshape(n, 2), np.zeros(n)
    told = f"ids:{','.join(map(str, wanted))}"
    for forget in (wanted, mask, X[wanted], told, f"x0 in {[2 * i for i in wanted]}"):
        rows = positions_of(forget, y, X=X, ids=np.arange(n))
        assert rows.tolist() == sorted(wanted)


@given(text=st.text(max_size=30))
def test_any_text_is_understood_or_refused(text):
    try:
        told = parsed(text).kind
    except ValueError as error:
        told = str(error)
    assert told in ("class", "fraction", "ids", "condition") or told.startswith("forget=")


# --- where it is said -----------------------------------------------------------------------


def test_an_audit_takes_a_condition_on_any_table():
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(20, 90, 80), "city": rng.choice(list("abc"), 80)})
    y = (X["age"] + rng.normal(0, 9, 80) > 55).astype(int).to_numpy()
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough"
    )
    report = audit(
        make_pipeline(encoder, LogisticRegression()),
        X,
        y,
        forget=["city == a", "age in [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]"],
        attacks=("loss",),
        n_shadows=0,
        n_oracles=1,
        random_state=0,
    )
    assert next(iter(report.scenarios)) == "city == a"


# --- rows that are made bad ------------------------------------------------------------------

LABELS = np.repeat(["a", "b", "c"], [40, 30, 20])
ROWS = np.arange(180.0).reshape(90, 2)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("corrupt:label_flip:0.3", {"kind": "label_flip", "rate": 0.3}),
        (" corrupt : feature_noise : 0.5 ", {"kind": "feature_noise", "rate": 0.5}),
        ("corrupt:label_flip:.9:balanced=no", {"rate": 0.9, "balanced": False}),
        ("corrupt:confusion:0.5", {"kind": "confusion", "rate": 0.5}),
        (
            "corrupt:confusion:1:classes=b, c:balanced=no",
            {"kind": "confusion", "rate": 1, "classes": ["b", "c"], "balanced": False},
        ),
        (
            "corrupt:feature_noise:0.2:noise=unit",
            {"kind": "feature_noise", "rate": 0.2, "noise": "unit"},
        ),
    ],
)
def test_bad_rows_are_those_that_corrupt_makes_with_the_same_seed(text, options):
    mask = forget_split(LABELS, text, random_state=3)
    np.testing.assert_array_equal(mask, corrupt(ROWS, LABELS, **options, random_state=3).bad)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 1), st.floats(0.05, 0.6), st.integers(0, 10**6))
def test_a_share_of_the_bad_rows_is_known_of_each_class_alike(known, rate, seed):
    text = f"corrupt:label_flip:{rate}"
    bad = forget_split(LABELS, text, random_state=seed)
    wanted = round(known * bad.sum())
    if not wanted:
        with pytest.raises(ValueError, match="raise the rate, or the share that is known"):
            forget_split(LABELS, f"{text}:known={known}", random_state=seed)
        return
    some = forget_split(LABELS, f"{text}:known={known}", random_state=seed)
    assert some.sum() == wanted
    assert not (some & ~bad).any()
    for label in "abc":
        own = np.equal(LABELS, label)
        assert abs((some & own).sum() - known * (bad & own).sum()) <= 1.5
    fewer = round(known / 2 * bad.sum())
    if fewer:
        half = forget_split(LABELS, f"{text}:known={known / 2}", random_state=seed)
        assert not (half & ~some).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("corrupt:label_flip", "rate='' must be a share above 0 and at most 1; use 'corrupt:"),
        ("corrupt:", "the kind='' is unknown; allowed: 'confusion'"),
        ("corrupt:label_flips:0.3", "Did you mean 'label_flip'"),
        ("corrupt:label_flip:0", "rate='0' must be a share above 0"),
        ("corrupt:label_flip:1.5", "rate='1.5'"),
        ("corrupt:label_flip:nan", "rate='nan'"),
        ("corrupt:label_flip:30%", "rate='30%'"),
        ("corrupt:label_flip:0.3:known=0", "known='0'"),
        ("corrupt:label_flip:0.3:known", "'known' is not understood; options are known=..."),
        ("corrupt:label_flip:0.3:known=.1:known=.5", "says known twice"),
        ("corrupt:label_flip:0.3:0.5", "'0.5' is not understood"),
        ("corrupt:label_flip:0.3:balanced=maybe", "balanced='maybe' must be yes or no"),
        ("corrupt:label_flip:0.3:classes=a,b", "classes=.* belongs to kind='confusion'"),
        ("corrupt:confusion:0.3:classes=a", "must be two classes of y"),
        ("corrupt:confusion:0.3:classes=a,x", "there is no class 'x'; the classes are a, b, c"),
        ("corrupt:feature_noise:0.3:noise=uni", "Did you mean 'unit'"),
        ("corrupt:label_flip:0.9", "27 of each class, and class 'c' has 20 rows.*:balanced=no"),
        ("corrupt:label_flip:0.001", "is none of 90 rows"),
        ("corupt:label_flip:0.3", "Did you mean 'corrupt'"),
    ],
)
def test_what_makes_no_rows_bad_says_why(text, message):
    with pytest.raises(ValueError, match=message):
        forget_split(LABELS, text, random_state=0)


def test_classes_to_confuse_may_be_said_by_their_names():
    y, names = np.repeat([0, 1, 2], 20), ["ash", "beech", "oak"]
    mask = forget_split(
        y, "corrupt:confusion:0.5:classes=ash,oak", target_names=names, random_state=0
    )
    assert set(y[mask]) == {0, 2}
    said = with_target_names("corrupt:confusion:0.5:classes=ash,oak:known=0.5", names)
    assert said == "corrupt:confusion:0.5:classes=0,2:known=0.5"


def test_a_model_that_is_trained_already_has_no_rows_that_could_be_made_bad():
    X, y = ROWS, np.arange(90) % 2
    way_out = r"forget\s+data.bad"
    with pytest.raises(ValueError, match=way_out):
        positions_of("corrupt:label_flip:0.3", y)
    model = QNNClassifier(n_qubits=2, max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=way_out):
        model.unlearn("corrupt:label_flip:0.3")
    with pytest.raises(ValueError, match=way_out):
        UnlearningClassifier(GaussianNB()).fit(X, y, forget="corrupt:label_flip:0.3")
    with pytest.raises(ValueError, match=r"forget=data\.bad"):
        list(ForgetKFold(forget="corrupt:label_flip:0.3").split(X, y))
