"""`make_memorisation`: the Bayes error and the label noise are what was asked for."""

import numpy as np
import pytest

from skqmu.datasets import make_memorisation


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.parametrize("bayes_error", [0.001, 0.05, 0.3])
def test_the_nearest_class_mean_errs_as_often_as_asked(n_classes, bayes_error):
    n = 60_000
    X, y = make_memorisation(
        n, 7, n_classes=n_classes, bayes_error=bayes_error, label_noise=0, random_state=0
    )
    means = np.array([X[y == k].mean(axis=0) for k in range(n_classes)])
    nearest = ((X[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    error = (nearest != y).mean()
    # four binomial standard deviations
    assert abs(error - bayes_error) < 4 * np.sqrt(bayes_error * (1 - bayes_error) / n)


def test_exactly_the_asked_share_is_corrupted_and_every_corrupted_label_is_wrong():
    kwargs = {"n_features": 5, "n_classes": 4, "bayes_error": 1e-6, "random_state": 3}
    X, y, noisy = make_memorisation(500, **kwargs, label_noise=0.3, return_noisy=True)
    X0, clean = make_memorisation(500, **kwargs, label_noise=0)
    np.testing.assert_array_equal(X, X0)
    assert noisy.sum() == 150
    np.testing.assert_array_equal(noisy, y != clean)
    assert set(y[noisy]) == {0, 1, 2, 3}


def test_classes_are_balanced_before_corruption():
    _, y = make_memorisation(101, n_classes=3, label_noise=0, random_state=0)
    assert sorted(np.bincount(y)) == [33, 34, 34]


def test_a_seed_decides_everything():
    first, second, other = (make_memorisation(40, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert (first[0] != other[0]).any()


def test_label_noise_dials_the_memorisation_gap():
    """A nearest-neighbour model fits every label: its gap to fresh data grows with noise."""
    from sklearn.neighbors import KNeighborsClassifier

    gaps = []
    for noise in (0.0, 0.2, 0.4):
        X, y = make_memorisation(2000, bayes_error=0.01, label_noise=noise, random_state=0)
        model = KNeighborsClassifier(n_neighbors=1).fit(X[:1000], y[:1000])
        gaps.append(model.score(X[:1000], y[:1000]) - model.score(X[1000:], y[1000:]))
    assert gaps[0] < 0.05
    assert gaps[0] + 0.2 < gaps[1]
    assert gaps[1] + 0.1 < gaps[2]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n_classes": 1}, "n_classes=1 must be at least 2"),
        ({"n_samples": 3}, "at least 2 rows a class, 4"),
        ({"n_classes": 6, "n_features": 4}, "use at least 5"),
        ({"bayes_error": 0}, "strictly between 0 and 0.5"),
        ({"bayes_error": 0.5}, "strictly between 0 and 0.5"),
        ({"label_noise": 1}, r"\[0, 1\)"),
        ({"label_noise": float("nan")}, r"\[0, 1\)"),
    ],
)
def test_a_parameter_outside_its_range_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_memorisation(**kwargs)
