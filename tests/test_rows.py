"""Rows of any table are taken, joined and compared without being made anything else.

This file looks inside.
"""

import numpy as np
import pandas as pd
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from skqmu._row_layout import Layout, same_rows
from skqmu._rows import as_table, cut, join, n_columns, row_bytes, take

NUMBERS = np.array([[1.5, 0.0], [np.nan, 2.0], [3.5, -1.0], [1.5, 4.0]])
MIXED = pd.DataFrame(
    {
        "age": [31.0, np.nan, 52.5, 31.0],
        "visits": pd.array([1, None, 3, 1], dtype="Int64"),
        "town": ["Ulm", "Bern", None, "Ulm"],
        "tariff": pd.Categorical(["a", "b", "a", "c"]),
        "since": pd.to_datetime(["2020-01-01", "2021-05-06", None, "2020-01-02"]),
        "active": [True, False, True, True],
    }
)
TABLES = {
    "numbers": NUMBERS,
    "single precision": NUMBERS.astype(np.float32),
    "objects": np.array([[1, "x"], [2, "y"], [None, "x"], [1, "z"]], dtype=object),
    "pandas": MIXED,
    "pandas, numbers alone": MIXED[["age", "active"]].assign(k=[1, 2, 3, 4]),
    "polars": polars.from_dict(
        {"age": [31.0, None, 52.5, 31.0], "town": ["Ulm", "Bern", None, "x"]}
    ),
    "texts": ["a b", "b", "001", "1"],
    "series of texts": pd.Series(["a b", "b", "001", "1"]),
    "sparse": sparse.csc_array([[0, 1.0], [2, 0], [0, 0], [0, 2]]),
    "dates": np.array([["2020-01-01"], ["2020-01-02"], ["2020-01-03"], ["2020-01-04"]]).astype(
        "M8[D]"
    ),
}


@pytest.fixture(params=TABLES)
def table(request):
    return as_table(TABLES[request.param])


def test_rows_are_told_apart_and_found_again(table):
    rows = np.array([2, 0])
    assert same_rows(take(table, rows), table).tolist() == [True, True]
    assert same_rows(table, take(table, rows)).tolist() == [True, False, True, False]
    keys = row_bytes(table)
    assert len(set(keys)) == 4
    assert row_bytes(take(table, rows)) == [keys[2], keys[0]]
    assert row_bytes(take(table, np.arange(4) == 1)) == [keys[1]]


def test_joined_rows_are_the_rows_in_their_order(table):
    both = join(take(table, [3]), take(table, [0, 1]))
    assert type(both) is type(table)
    assert row_bytes(both) == row_bytes(take(table, [3, 0, 1]))
    assert n_columns(both) == n_columns(table)


def test_rows_do_not_depend_on_the_kind_of_table():
    frame = polars.from_dict({"a": [1, 2], "b": ["x", None], "c": [0.5, None]})
    same = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None], "c": [0.5, np.nan]})
    objects = np.array([[1, "x", 0.5], [2, None, None]], dtype=object)
    assert row_bytes(frame) == row_bytes(same) == row_bytes(objects)
    assert row_bytes(pd.DataFrame(NUMBERS)) == row_bytes(NUMBERS)


def test_a_text_is_no_number_and_no_other_text():
    rows = np.array([["1"], [1], ["01"], ["1.0"], [True]], dtype=object)
    keys = row_bytes(rows)
    assert len(set(keys)) == 4
    assert keys[1] == keys[4]


def test_large_whole_numbers_are_told_apart_where_floats_are_not():
    ids = np.array([[2**60], [2**60 + 1]])
    assert ids[0, 0].astype(float) == ids[1, 0].astype(float)
    assert len(set(row_bytes(ids))) == 2
    assert same_rows(ids, ids[:1]).tolist() == [True, False]


def test_numbers_are_found_within_rounding_and_the_rest_exactly():
    frame = pd.DataFrame({"x": [0.1, 0.2, 0.3], "who": ["a", "b", "c"]})
    near = frame.assign(x=frame.x * (1 + 1e-12))
    assert same_rows(near, frame).all()
    assert not same_rows(frame.assign(x=frame.x * 1.001), frame).any()
    assert not same_rows(frame.assign(who=["A", "B", "C"]), frame).any()


def test_missing_equals_missing_and_nothing_else():
    table = np.array([[np.nan, 1.0], [0.0, 1.0]])
    asked = np.array([[np.nan, 1.0], [0.0, 1.0], [1.0, np.nan], [1.0, 1.0]])
    assert same_rows(asked, table).tolist() == [True, True, False, False]
    words = np.array([["a", 1.0], [0.0, 1.0]], dtype=object)
    assert same_rows(words, table).tolist() == [False, True]


def test_other_columns_are_refused_by_name():
    layout = Layout.of(MIXED)
    with pytest.raises(ValueError, match=r"X has 5 columns; the rows to compare with 6"):
        layout.numbers(MIXED.drop(columns="town"))
    with pytest.raises(ValueError, match=r"same columns in the same order"):
        layout.numbers(MIXED[MIXED.columns[::-1]])


def test_what_is_cut_out_holds_nothing_of_the_others():
    left = cut(MIXED, np.array([0, 2]))
    assert left.tariff.cat.categories.tolist() == ["a"]
    assert MIXED.tariff.cat.categories.tolist() == ["a", "b", "c"]


def test_only_an_array_of_numbers_is_plain():
    plain = {name for name, X in TABLES.items() if Layout.of(as_table(X)).is_plain}
    assert plain == set()
    assert Layout.of(NUMBERS[:1]).is_plain


def test_a_large_sparse_table_is_never_made_dense():
    X = sparse.csr_array(sparse.random(50, 10**6, density=1e-5, random_state=0))
    assert Layout.of(X).numbers(X).shape == (50, 2)
    assert same_rows(X[[4, 7]], X).all()


@given(arrays(float, (5, 2), elements=st.floats(-1e6, 1e6)), st.permutations(range(5)))
def test_rows_in_another_order_are_the_same_rows(X, order):
    assert same_rows(X[order], X).all()
    assert row_bytes(X[order]) == [row_bytes(X)[i] for i in order]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (MIXED.iloc[:0], "X has no rows"),
        (np.array([[np.inf]]), "infinity"),
        (np.zeros((2, 2, 2)), "has shape"),
        (pd.DataFrame({"a": [np.inf]}), "infinity"),
    ],
)
def test_what_is_no_table_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        as_table(X)


def test_missing_numbers_are_refused_where_the_model_takes_none():
    with pytest.raises(ValueError, match="NaN"):
        as_table(NUMBERS, allow_nan=False)
