"""Parts of a pass over many runs: which batches share one, and solvers' steps.

This file looks inside.
"""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skqmu.training import SGD, Adam
from skqmu.training import _many_pass as inside

sizes = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple), max_size=60)


@settings(deadline=None)
@given(sizes=sizes, most=st.integers(1, 9))
def test_every_batch_is_in_one_group_of_its_own_sizes(sizes, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inside, "models_at_once", lambda _, n_rows, start: max(1, most - n_rows))
        groups = inside.grouped(sizes, network=None)
    assert sorted(place for group in groups for place in group) == list(range(len(sizes)))
    lengths = {}
    for group in groups:
        (own,) = {sizes[place] for place in group}
        assert 1 <= len(group) <= max(1, most - sum(own))
        lengths.setdefault(own, []).append(len(group))
    for own, found in lengths.items():
        assert max(found) - min(found) <= 1
        assert len(found) == -(-Counter(sizes)[own] // max(1, most - sum(own)))


rates = st.floats(1e-4, 10.0)
fractions = st.floats(0.0, 0.999)
adams = st.builds(
    lambda rate, one, two, small: Adam(rate, beta_1=one, beta_2=two, epsilon=small),
    *(rates, fractions, fractions, st.floats(1e-10, 1e-2)),
)
sgds = st.builds(
    lambda rate, momentum, ahead: SGD(rate, momentum=momentum, nesterov=ahead),
    *(rates, fractions, st.booleans()),
)


@settings(deadline=None)
@given(
    solvers=st.one_of(st.lists(adams, min_size=1), st.lists(sgds, min_size=1)),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_step_of_many_is_the_step_of_each_to_the_last_bit(solvers, seed):
    rng = np.random.default_rng(seed)
    params = rng.normal(size=(len(solvers), 5))
    moments = [None] * len(solvers)
    for number, solver in enumerate(solvers):  # each at a step of its own
        for _ in range(number % 4):
            gradient = rng.normal(size=5)
            params[number], moments[number] = solver.step(params[number], gradient, moments[number])
    gradients = rng.normal(size=params.shape) * 10.0 ** rng.integers(-12, 3)
    gradients[:, 0] = 0.0
    kept = params.copy()
    after, later = type(solvers[0]).step_many(solvers, params, gradients, moments)
    np.testing.assert_array_equal(params, kept)
    for number, solver in enumerate(solvers):
        own, moment = solver.step(params[number], gradients[number], moments[number])
        np.testing.assert_array_equal(after[number], own)
        for found, expected in zip(_parts(later[number]), _parts(moment), strict=True):
            assert type(found) is type(expected)
            np.testing.assert_array_equal(found, expected)


def _parts(moments):
    return moments if isinstance(moments, tuple) else (moments,)
