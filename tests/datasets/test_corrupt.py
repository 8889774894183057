"""`corrupt`: as many bad rows as asked, of the classes that were asked, and the truth kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import kstest, norm

from skqmu.datasets import corrupt

KINDS = ("label_flip", "feature_noise", "confusion")
LABELS = {
    "numbers": lambda k: k,
    "floats": lambda k: k / 2,
    "texts": lambda k: f"class {k}",
    "flags": lambda k: bool(k),
}


@st.composite
def tables(draw, most_classes=5):
    """Rows of two to five classes of any sizes, and labels of any type."""
    kind = draw(st.sampled_from(sorted(LABELS)))
    n_classes = 2 if kind == "flags" else draw(st.integers(2, most_classes))
    counts = draw(st.lists(st.integers(1, 30), min_size=n_classes, max_size=n_classes))
    codes = draw(st.permutations(np.repeat(np.arange(n_classes), counts).tolist()))
    X = np.arange(3.0 * len(codes)).reshape(-1, 3)
    return X, np.array([LABELS[kind](k) for k in codes])


def touched(y, kind):
    """Positions of the rows that this kind may make bad."""
    labels, counts = np.unique(y, return_counts=True)
    if kind == "confusion":
        labels = labels[np.argsort(-counts, kind="stable")[:2]]
    return np.flatnonzero(np.isin(y, labels)), len(labels)


@settings(max_examples=80, deadline=None)
@given(
    table=tables(),
    kind=st.sampled_from(KINDS),
    rate=st.floats(0, 1),
    balanced=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_laws(table, kind, rate, balanced, seed):
    X, y = table
    may, n_classes = touched(y, kind)
    options = {"kind": kind, "rate": rate, "balanced": balanced, "random_state": seed}
    n_bad = round(rate * len(may))
    _, counts = np.unique(y[may], return_counts=True)
    each, odd = divmod(n_bad, n_classes)
    if balanced and each + bool(odd) > counts.min():
        # whether it can be done depends on which classes give the odd ones
        if each > counts.min() or odd == n_classes:
            with pytest.raises(ValueError, match="balanced=False"):
                corrupt(X, y, **options)
        return
    data = corrupt(X, y, **options)

    assert data.bad.sum() == n_bad
    assert np.isin(np.flatnonzero(data.bad), may).all()
    np.testing.assert_array_equal(data.y_clean, y)
    np.testing.assert_array_equal(data.X_clean, X)
    assert data.y.dtype == y.dtype
    if kind == "feature_noise":
        np.testing.assert_array_equal(data.y, y)
        assert (data.X[data.bad] != X[data.bad]).any(axis=1).all()
        np.testing.assert_array_equal(data.X[~data.bad], X[~data.bad])
    else:
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.bad, data.y != y)
        assert set(data.y[data.bad]) <= set(y[may])
    if balanced:
        taken = np.unique(y[data.bad], return_counts=True)[1] if n_bad else np.zeros(1)
        assert taken.max() - (taken.min() if len(taken) == n_classes else 0) <= 1
        labels = np.unique(y)
        change = [(data.y == label).sum() - (y == label).sum() for label in labels]
        alone = odd == 1 and kind != "feature_noise"
        assert sorted(change)[:1] == [-1 if alone else 0]
        assert np.abs(change).sum() == (2 if alone else 0)

    again = corrupt(X, y, **options)
    np.testing.assert_array_equal(again.X, data.X)
    np.testing.assert_array_equal(again.y, data.y)
    fewer = corrupt(X, y, **{**options, "rate": rate / 2})
    assert not (fewer.bad & ~data.bad).any()


def test_two_classes_are_the_published_protocol():
    """Rate times n labels, half from each class, exchanged."""
    y = np.repeat(["one", "nine"], 250)
    for rate in (0, 0.1, 0.3, 0.5, 0.9):
        data = corrupt(np.zeros((500, 1)), y, rate=rate, random_state=1)
        assert [(data.bad & (y == label)).sum() for label in ("one", "nine")] == [250 * rate] * 2
        np.testing.assert_array_equal(data.y[data.bad] == "one", y[data.bad] == "nine")


def test_each_class_gives_all_others_the_same_number():
    y = np.repeat(np.arange(4), 60)
    data = corrupt(np.zeros((240, 1)), y, rate=0.5, random_state=0)
    flow = np.zeros((4, 4), dtype=int)
    np.add.at(flow, (data.y_clean[data.bad], data.y[data.bad]), 1)
    np.testing.assert_array_equal(flow, 10 * (1 - np.eye(4, dtype=int)))


@pytest.mark.parametrize("balanced", [True, False])
def test_every_row_and_every_other_label_has_its_chance(balanced):
    """Over seeds: each row is bad as often as the rate says, and goes to each other class alike."""
    y, runs = np.repeat(np.arange(3), 5), 600
    bad, flow = np.zeros(15), np.zeros((3, 3))
    for seed in range(runs):
        data = corrupt(np.zeros((15, 1)), y, rate=4 / 15, balanced=balanced, random_state=seed)
        bad += data.bad
        np.add.at(flow, (data.y_clean[data.bad], data.y[data.bad]), 1)
    expected = 4 / 15 * runs
    # five binomial standard deviations for fifteen rows, and for six flows (negatively correlated)
    assert np.abs(bad - expected).max() < 5 * np.sqrt(expected * 11 / 15)
    assert np.diag(flow).tolist() == [0, 0, 0]
    each = flow[~np.eye(3, dtype=bool)]
    assert np.abs(each - 4 * runs / 6).max() < 5 * np.sqrt(4 * runs / 6 * 2)


def test_noise_has_the_columns_scale_and_says_nothing_of_the_class():
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1], 4000)
    X = np.column_stack([rng.normal(50 + 10 * y, 3), rng.normal(-1e-3, 1e-4, len(y))])
    data = corrupt(X, y, "feature_noise", rate=0.5, random_state=0)
    noise = data.X[data.bad]
    for j in range(2):
        for label in (0, 1):
            of_class = noise[y[data.bad] == label, j]
            scaled = (of_class - X[:, j].mean()) / X[:, j].std()
            assert kstest(scaled, norm.cdf).pvalue > 1e-4
    # columns are drawn one by one
    assert abs(np.corrcoef(noise.T)[0, 1]) < 5 / np.sqrt(len(noise))


def test_unit_noise_is_a_direction():
    X, y = np.random.RandomState(0).rand(400, 3), np.arange(400) % 2
    data = corrupt(X, y, "feature_noise", rate=1, noise="unit", random_state=0)
    np.testing.assert_allclose(np.linalg.norm(data.X, axis=1), 1)
    # each coordinate of a uniform direction in three dimensions is uniform on [-1, 1]
    assert all(kstest(data.X[:, j] / 2 + 0.5, "uniform").pvalue > 1e-4 for j in range(3))


# ---------------------------------------------------------------------------------- any table


def test_a_pandas_frame_keeps_its_types_names_and_index():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(
        {
            "weight": np.linspace(0, 1, 20, dtype="float32"),
            "city": pandas.Categorical(list("abcd") * 5),
            "name": [f"n{i}" for i in range(20)],
            "code": np.arange(20) % 3,
            "lost": [0.5, np.nan] * 10,
        },
        index=np.arange(100, 120),
    )
    before = X.copy(deep=True)
    data = corrupt(X, np.arange(20) % 2, "feature_noise", rate=0.5, random_state=0)
    pandas.testing.assert_frame_equal(X, before)
    assert data.X.dtypes.equals(X.dtypes)
    assert data.X.index.equals(X.index)
    assert data.X[~data.bad].equals(X[~data.bad])
    assert set(data.X["code"]) <= {0, 1, 2}
    assert not data.X["name"][data.bad].equals(X["name"][data.bad])
    assert set(data.X["name"]) <= set(X["name"])
    assert (data.X["weight"][data.bad] != X["weight"][data.bad]).all()
    assert data.X["lost"][data.bad].notna().all()


def test_a_polars_frame_keeps_its_types():
    polars = pytest.importorskip("polars")
    X = polars.DataFrame(
        {
            "weight": polars.Series(np.linspace(0.1, 0.9, 20), dtype=polars.Float32),
            "name": [f"n{i}" for i in range(20)],
        }
    )
    data = corrupt(X, ["x", "y"] * 10, "feature_noise", rate=0.5, random_state=0)
    assert data.X.schema == X.schema
    assert data.X.filter(~data.bad).equals(X.filter(~data.bad))
    assert not data.X.filter(data.bad).equals(X.filter(data.bad))
    assert set(data.X["name"]) <= set(X["name"])


def test_a_sparse_matrix_stays_sparse():
    X = sparse.random(60, 8, density=0.3, format="csr", random_state=0)
    data = corrupt(X, np.arange(60) % 2, "feature_noise", rate=0.5, random_state=0)
    assert sparse.issparse(data.X)
    dense, clean = data.X.toarray(), X.toarray()
    np.testing.assert_array_equal(dense[~data.bad], clean[~data.bad])
    assert (dense[data.bad] != clean[data.bad]).any(axis=1).mean() > 0.8
    for j in range(8):
        assert set(dense[:, j]) <= set(clean[:, j])


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
def test_a_sparse_table_keeps_its_kind_and_whole_numbers_that_are_no_floats(kind):
    X = np.column_stack([np.full(30, 2**60 + 1), np.arange(30)])
    data = corrupt(kind(X), np.arange(30) % 2, "feature_noise", rate=0.5, random_state=0)
    assert type(data.X) is kind
    assert data.X.dtype == X.dtype
    found = data.X.toarray()
    np.testing.assert_array_equal(found[~data.bad], X[~data.bad])
    assert (found[:, 0] == 2**60 + 1).all()


def test_texts_and_mixed_rows_are_drawn_among_the_others():
    y = np.arange(30) % 3
    texts = [f"text {i}" for i in range(30)]
    data = corrupt(texts, y, "feature_noise", rate=0.5, random_state=0)
    assert set(data.X) <= set(texts)
    assert (data.X[data.bad] != data.X_clean[data.bad]).mean() > 0.8
    mixed = np.array([[f"t{i}", i + 0.5] for i in range(30)], dtype=object)
    data = corrupt(mixed, y, "feature_noise", rate=0.5, random_state=0)
    np.testing.assert_array_equal(data.X[~data.bad], mixed[~data.bad])
    assert (data.X[data.bad, 1] != mixed[data.bad, 1]).all()


def test_single_precision_stays_single():
    X = np.random.RandomState(0).rand(20, 2).astype(np.float32)
    for noise in ("columns", "unit"):
        data = corrupt(X, np.arange(20) % 2, "feature_noise", noise=noise, random_state=0)
        assert data.X.dtype == np.float32


# --------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 1.2}, r"rate=1.2 must be a share .* to make 10 % of them bad use 0.1"),
        ({"rate": -0.1}, "rate=-0.1"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"rate": True}, "rate=True"),
        ({"rate": "0.3"}, "rate='0.3'"),
        ({"kind": "label_flips"}, "Did you mean 'label_flip'"),
        ({"noise": "unif", "kind": "feature_noise"}, "Did you mean 'unit'"),
        ({"balanced": "yes"}, "balanced='yes' must be True or False"),
        ({"classes": ["a", "b"]}, "belongs to kind='confusion'"),
        ({"kind": "confusion", "classes": ["a"]}, "must be two classes of y"),
        ({"kind": "confusion", "classes": "ab"}, "must be two classes of y"),
        ({"kind": "confusion", "classes": ["a", "a"]}, "must be two classes of y"),
        ({"kind": "confusion", "classes": ["a", "z"]}, "there is no class 'z'; .* a, b, c"),
        ({"rate": 0.6}, r"6 rows bad, 2 of each class, and class 'c' has 1 rows. At most 0.3 goes"),
        ({"y": ["a"] * 10}, "y holds a single class, 'a'"),
        ({"y": ["a", "b"]}, "X has 10 rows and y has 2 labels"),
        ({"y": [[1, 2]] * 10}, "one label a row"),
        ({"y": [0.0, np.nan] * 5}, "y has no label in 5 of 10 rows"),
        ({"y": ["a", None] * 5}, "y has no label in 5 of 10 rows"),
        ({"y": np.array([1, "a"] * 5, dtype=object)}, "texts and other labels"),
        ({"X": [["a", 1.0]] * 10, "kind": "feature_noise", "noise": "unit"}, "noise='columns'"),
    ],
)
def test_errors_say_the_way_out(options, message):
    given_rows = {"X": np.ones((10, 2)), "y": list("aaaaabbbbc"), **options}
    with pytest.raises(ValueError, match=message):
        corrupt(**given_rows)


def test_an_unbalanced_draw_takes_what_a_balanced_one_cannot():
    data = corrupt(np.ones((10, 2)), list("aaaaabbbbc"), rate=0.6, balanced=False, random_state=0)
    assert data.bad.sum() == 6
    assert (data.y != data.y_clean).sum() == 6


def test_confusion_interchanges_the_classes_that_are_named():
    y = np.repeat(list("abcd"), 10)
    data = corrupt(np.ones((40, 1)), y, "confusion", rate=0.5, classes=["b", "d"], random_state=0)
    assert data.bad.sum() == 10
    assert set(zip(data.y_clean[data.bad], data.y[data.bad], strict=True)) == {
        ("b", "d"),
        ("d", "b"),
    }
