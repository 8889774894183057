"""`DifferentialPrivacy` is a value; what it draws is not.

This file looks inside.
"""

import copy
import os
import pickle

import numpy as np
import pytest
from scipy.stats import binom, kstest
from sklearn.base import clone

from skqmu import QNNClassifier
from skqmu._identity import Unidentifiable, digest
from skqmu.privacy import DifferentialPrivacy, PrivateObjective, _entropy
from skqmu.privacy._private_objective import clipped
from skqmu.training import Records

rng = np.random.default_rng(0)


def objective(n=6, n_rows=None, batch_size=10**6, **params):
    privacy = DifferentialPrivacy(**{"delta": 1e-4, **params})
    plan = privacy.plan(n_rows=n if n_rows is None else n_rows, batch_size=batch_size, max_iter=3)
    records = Records(np.zeros((n, 1)), np.eye(2)[np.arange(n) % 2], np.ones(n))
    return PrivateObjective(records, plan)


def test_it_is_a_value_whose_parameters_are_searched():
    privacy = DifferentialPrivacy(2.0, clip=0.5, classes=[0, 1])
    for same in (clone(privacy), pickle.loads(pickle.dumps(privacy)), copy.deepcopy(privacy)):
        assert repr(same) == repr(privacy)
    clf = QNNClassifier(privacy=privacy).set_params(privacy__epsilon=5.0)
    assert clf.get_params()["privacy__epsilon"] == 5.0
    assert clone(clf).privacy.epsilon == 5.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epsilon", 0), ("epsilon", -1.0), ("epsilon", "small"), ("delta", 0), ("delta", 1.0),
        ("clip", 0.0), ("noise_multiplier", -1), ("sampling", "shuffled"), ("n_public", 0),
        ("classes", "private"),
    ],
)  # fmt: skip
def test_parameters_that_are_none_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        DifferentialPrivacy(**{name: value}).validate()


def test_no_cache_can_name_a_private_fit():
    with pytest.raises(Unidentifiable, match="draw again"):
        digest(QNNClassifier(privacy=DifferentialPrivacy(), random_state=0))


def test_who_says_which_classes_are_public():
    with pytest.raises(ValueError, match=r"fit\(X, y, classes="):
        DifferentialPrivacy().public_classes(None)
    assert DifferentialPrivacy().public_classes([0, 1]) == [0, 1]
    assert DifferentialPrivacy(classes=[0, 1]).public_classes(None) == [0, 1]
    assert DifferentialPrivacy(classes="public").public_classes(None) is None
    assert DifferentialPrivacy(classes=[1, 0]).public_classes([0, 1]) == [0, 1]
    with pytest.raises(ValueError, match="differ; pass one of them"):
        DifferentialPrivacy(classes=[0, 1]).public_classes([0, 1, 2])


# --- the plan -----------------------------------------------------------------------------


def test_a_plan_goes_by_the_public_number_of_rows_alone():
    plans = [
        DifferentialPrivacy(0.3, n_public=100).plan(n_rows=n, batch_size=10, max_iter=2)
        for n in (7, 100, 130)
    ]
    assert plans[0] == plans[1] == plans[2]
    assert (plans[0].n_steps, plans[0].sampling_rate, plans[0].n_public) == (20, 0.1, 100)


def test_all_rows_take_part_whatever_the_batch_size_says():
    plan = DifferentialPrivacy(sampling="full").plan(n_rows=100, batch_size=10, max_iter=2)
    assert (plan.n_steps, plan.sampling_rate) == (2, 1.0)


# --- what is summed ---------------------------------------------------------------------


def test_no_row_of_a_sum_is_longer_than_the_clip():
    gradients = rng.normal(size=(200, 5)) * 10.0 ** rng.uniform(-150, 150, size=(200, 1))
    gradients[:3] = [[np.nan] * 5, [np.inf, 0, 0, 0, 0], [0.0] * 5]
    gradients[3] = 1e308
    gradients[4] = 1e-300
    for clip in (1e-3, 1.0, 1e5):
        cut = clipped(gradients, clip)
        assert np.isfinite(cut).all()
        assert np.linalg.norm(cut, axis=1).max() <= clip
        assert not cut[:3].any()
        kept = np.linalg.norm(gradients[5:], axis=1) < clip
        np.testing.assert_array_equal(cut[5:][kept], gradients[5:][kept])
        long = np.linalg.norm(cut[5:][~kept], axis=1)
        np.testing.assert_allclose(long, clip, rtol=1e-12)


def test_one_row_moves_the_sum_by_no_more_than_the_clip_over_the_public_number(monkeypatch):
    monkeypatch.setattr("skqmu.privacy._private_objective.gaussians", np.zeros)
    loss = objective(clip=0.3, n_rows=50)
    rows = rng.normal(size=(20, 4)) * 100
    whole = loss.aggregate(rows)
    for i in range(20):
        moved = np.linalg.norm(whole - loss.aggregate(np.delete(rows, i, axis=0)))
        assert moved <= 0.3 / 50 * (1 + 1e-12)
    np.testing.assert_allclose(loss.aggregate(rows[:1]), clipped(rows[:1], 0.3)[0] / 50)


def test_noise_has_the_spread_that_was_accounted_for():
    loss = objective(n_rows=10, clip=0.5, epsilon=2.0)
    plan = loss.plan
    sigma = plan.noise_multiplier * 0.5 / 10
    drawn = np.concatenate([loss.aggregate(np.zeros((0, 50))) for _ in range(400)])
    assert kstest(drawn / sigma, "norm").pvalue > 1e-4
    # of 20,000 draws the spread is known to half a per cent: a tenth less noise would show
    assert drawn.std() == pytest.approx(sigma, rel=0.03)


def test_samples_are_poisson_samples_some_of_them_empty():
    loss = objective(n=20, n_rows=20, batch_size=2, epsilon=0.3)
    sizes, taken = [], np.zeros(20)
    for epoch in range(200):
        for ((name, rows),) in loss.batches(epoch, 2, None):
            assert name == "train"
            sizes.append(len(rows))
            taken[rows] += 1
    n = len(sizes)
    assert n == 2000
    counts = np.bincount(sizes, minlength=21)
    expected = n * binom.pmf(np.arange(21), 20, 0.1)
    few = expected > 20
    assert (np.abs(counts - expected)[few] < 5 * np.sqrt(expected[few])).all()
    assert counts[0] > 0
    assert np.abs(taken - n / 10).max() < 5 * np.sqrt(n * 0.09)


# --- draws ------------------------------------------------------------------------------


def test_draws_are_normal_and_come_from_the_operating_system_alone(monkeypatch):
    draws = _entropy.gaussians(20_000)
    assert kstest(draws, "norm").pvalue > 1e-4
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert not np.array_equal(_entropy.gaussians(5), _entropy.gaussians(5))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    for byte in (b"\x00", b"\xff"):  # the ends of what may come
        monkeypatch.setattr(os, "urandom", lambda n, byte=byte: byte * n)
        assert np.isfinite(_entropy.gaussians(3)).all()
    assert not len(_entropy.coins(9, 0.5))  # ones: no coin is below a half
