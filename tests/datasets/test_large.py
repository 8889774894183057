"""Large data sets: the rows asked for, from files of the documented layout, or a clear error."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from skqmu.datasets import load_covertype, load_fashion_mnist, load_mnist

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
FILES = {
    load_mnist: SHARED / "mnist_70000.npz",
    load_fashion_mnist: SHARED / "fashion_mnist_8000.npz",
    load_covertype: SHARED / "covertype_test.csv.gz",
}
IMAGES = [load_mnist, load_fashion_mnist]


@pytest.fixture
def npz(tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 5)
    X = rng.integers(0, 256, (50, 28, 28), dtype=np.uint8)
    path = tmp_path / "images.npz"
    np.savez(path, X=X, y=y, index=np.arange(100, 150))
    return path, X, y


@pytest.mark.parametrize("load", IMAGES)
def test_images_come_as_flat_rows_in_the_order_of_the_file(load, npz):
    path, X, y = npz
    data = load(path)
    np.testing.assert_allclose(data.X, X.reshape(50, 784) / 255)
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_array_equal(data.index, np.arange(100, 150))
    assert data.X.dtype == np.float64
    assert data.X.reshape(-1, *data.image_shape).shape == (50, 28, 28)
    assert len(data.target_names) == 10


@pytest.mark.parametrize("load", IMAGES)
def test_a_draw_has_its_size_its_classes_and_its_seed(load, npz):
    path, X, _ = npz
    first, again, other = (
        load(path, n_per_class=3, classes=[1, 4], random_state=seed) for seed in (0, 0, 1)
    )
    assert np.bincount(first.y).tolist() == [0, 3, 0, 0, 3]
    np.testing.assert_array_equal(first.index, again.index)
    assert first.index.tolist() != other.index.tolist()
    np.testing.assert_allclose(first.X, X.reshape(50, 784)[first.index - 100] / 255)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": [11]}, r"classes=\[11\] must be some of \[0, 1"),
        ({"classes": []}, "must be some of"),
        ({"n_per_class": 6}, "class 0 has 5 rows; ask for 1 to 5"),
        ({"n_per_class": 0}, "ask for 1 to 5"),
    ],
)
def test_rows_that_do_not_exist_are_refused(arguments, message, npz):
    with pytest.raises(ValueError, match=message):
        load_mnist(npz[0], **arguments)


def test_files_of_another_layout_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, images=np.zeros(3))
    with pytest.raises(ValueError, match="it needs X and y"):
        load_mnist(path)
    np.savez(path, X=np.zeros((3, 28, 28)), y=np.zeros(3))
    with pytest.raises(ValueError, match="X must be uint8"):
        load_mnist(path)
    table = tmp_path / "x.csv"
    table.write_text("a,b,Cover_Type\n1,2,3\n")
    with pytest.raises(ValueError, match="its header has 3 columns"):
        load_covertype(table)
    with pytest.raises(FileNotFoundError):
        load_covertype(tmp_path / "missing.csv.gz")


def test_covertype_scales_its_numeric_columns_over_the_whole_file(tmp_path):
    rng = np.random.default_rng(0)
    values = np.column_stack(
        [rng.uniform(-50, 3000, (30, 10)), rng.integers(0, 2, (30, 44)), np.tile([1, 2, 7], 10)]
    )
    header = ",".join([f"f{i}" for i in range(54)] + ["Cover_Type"])
    path = tmp_path / "cover.csv.gz"
    with gzip.open(path, "wt") as file:
        np.savetxt(file, values, delimiter=",", header=header, comments="")
    whole, part = load_covertype(path), load_covertype(path, classes=[7])
    assert whole.X[:, :10].min() == 0
    assert whole.X[:, :10].max() == 1
    np.testing.assert_allclose(whole.X[:, 10:], values[:, 10:54])
    np.testing.assert_allclose(part.X, whole.X[whole.y == 7])
    assert whole.feature_names[0] == "f0"


@pytest.mark.parametrize("load", [load_mnist, load_fashion_mnist, load_covertype])
def test_without_a_network_the_error_says_what_to_do(load, tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with (
        pytest.warns(UserWarning, match="Retry|Invalid"),
        pytest.raises(OSError, match="Pass path= with a file that you have"),
    ):
        load(data_home=tmp_path)


@pytest.mark.parametrize("load", FILES, ids=lambda load: load.__name__)
def test_the_real_files_load(load):
    path = FILES[load]
    if not path.exists():
        pytest.skip(f"{path.name} is not here; it is not part of the package")
    data = load(path, n_per_class=20, random_state=0)
    assert set(np.bincount(data.y)) <= {0, 20}
    assert data.X.min() == 0
    assert data.X.max() <= 1
    if load is not load_covertype:
        # real images: ink in the middle, none in the corners
        mean = data.X.mean(axis=0).reshape(28, 28)
        assert mean[10:18, 10:18].mean() > 5 * mean[:2, :2].mean()
