"""Embedded data arrive in one shape, and a wrong name names the right one."""

import numpy as np
import pytest

from skqmu.datasets import EMBEDDED, load


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_embedded_set_has_float_rows_and_one_name_a_class(name):
    data = load(name)
    assert data.X.dtype == np.float64
    assert data.X.shape == (len(data.y), len(data.feature_names))
    assert np.isfinite(data.X).all()
    assert sorted(set(data.y)) == list(range(len(data.target_names)))
    assert data.name == name


def test_an_unknown_name_raises_with_the_nearest_one():
    with pytest.raises(ValueError, match=r"name='irsi' is unknown.*Did you mean 'iris'"):
        load("irsi")
