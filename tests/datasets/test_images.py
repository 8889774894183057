"""The packaged images, and the rows of Study H.

This file looks inside.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skqmu.datasets import load_fashion_mnist, load_fashion_sample, load_mnist, study_h_split
from skqmu.datasets._study_h import _torch_randperm

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def test_the_packaged_sample_holds_twenty_images_a_class_and_its_notice():
    sample = load_fashion_sample()
    assert sample.X.shape == (200, 784)
    assert 0.0 <= sample.X.min() < sample.X.max() <= 1.0
    assert np.bincount(sample.y).tolist() == [20] * 10
    notice = files("skqmu.datasets") / "data" / "FASHION_MNIST_LICENSE.txt"
    assert "Zalando SE" in notice.read_text(encoding="utf-8")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_the_packaged_sample_is_a_part_of_the_original():
    sample, whole = load_fashion_sample(), load_fashion_mnist(SHARED / "fashion_mnist_8000.npz")
    rows = np.searchsorted(whole.index, sample.index)
    np.testing.assert_array_equal(whole.X[rows], sample.X)
    np.testing.assert_array_equal(whole.y[rows], sample.y)


@pytest.mark.parametrize("n", [1, 2, 5, 700])
def test_permutations_are_those_of_torch(n):
    torch = pytest.importorskip("torch", reason="compares with torch's own generator")
    generator, rng = torch.Generator().manual_seed(3), np.random.RandomState(3)
    for size in (n, n + 1, 10):
        wanted = torch.randperm(size, generator=generator).numpy()
        assert np.array_equal(_torch_randperm(size, rng), wanted)


def test_permutations_are_those_recorded_from_torch():
    # torch.randperm(10, generator=torch.Generator().manual_seed(0)), torch 2.13.0
    assert _torch_randperm(10, np.random.RandomState(0)).tolist() == [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]


def test_the_split_is_disjoint_stratified_and_the_forget_sets_are_training_rows():
    y = np.repeat(np.arange(4), 50)[np.random.default_rng(0).permutation(200)]
    split = study_h_split(y, n_per_class=30)
    assert len(np.union1d(split.train, split.test)) == 120
    assert np.bincount(y[split.train]).tolist() == [24] * 4
    assert np.bincount(y[split.test]).tolist() == [6] * 4
    for part in (split.forget_subset, split.forget_class):
        assert np.isin(part, split.train).all()
    assert set(split.forget_class) == set(split.train[y[split.train] == 0])
    assert np.array_equal(split.train, study_h_split(y, n_per_class=30).train)
    other = study_h_split(y, n_per_class=30, random_state=1)
    assert set(other.train) != set(split.train)


def test_iris_has_the_study_s_counts_and_too_few_rows_are_refused():
    y = load_iris().target
    split = study_h_split(y)
    assert [len(split.train), len(split.test), len(split.forget_subset)] == [120, 30, 3]
    with pytest.raises(ValueError, match="has 50 rows"):
        study_h_split(y, n_per_class=51)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_complete_files_give_the_study_s_counts():
    mnist = load_mnist(SHARED / "mnist_70000.npz")
    split = study_h_split(mnist.y, n_per_class=200)
    assert [len(split[p]) for p in ("train", "test", "forget_subset", "forget_class")] == [
        1600,
        400,
        32,
        160,
    ]
