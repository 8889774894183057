"""KLoM: on laws that are known, on models that are; level, power, and what accuracy cannot see."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skqmu.metrics import klom
from skqmu.metrics.signals import true_class_logit

N, RECORDS = 12, 30


def margins(rng, n, shift=0.0, scale=1.0, n_records=RECORDS):
    """Records of different spreads, with something that all records of a model share."""
    spread = np.linspace(0.5, 2.0, n_records)
    shared = 0.5 * rng.normal(size=(n, 1))
    return spread * (shift + scale * (shared + rng.normal(size=(n, n_records))))


def test_it_is_the_divergence_of_the_fitted_laws_less_that_among_oracles():
    rng = np.random.default_rng(0)
    u, o = margins(rng, N, shift=1.0, scale=1.5), margins(rng, 2 * N)
    a, b = o[:N], o[N:]

    def kl(p, q):
        (m, v), (m2, v2) = ((x.mean(axis=0), x.var(axis=0, ddof=1)) for x in (p, q))
        return 0.5 * (np.log(v2 / v) + (v + (m - m2) ** 2) / v2 * (N - 3) / (N - 1) - 1)

    result = klom(u, o, n_resamples=20)
    far, floor = [kl(u, a), kl(u, b)], [kl(a, b), kl(b, a)]
    np.testing.assert_allclose(result.per_record, (sum(far) - sum(floor)) / 2, atol=1e-10)
    assert result.mean.value == pytest.approx(np.mean(result.per_record))
    assert result.floor_mean == pytest.approx(np.mean(floor))
    tails = [np.mean([np.quantile(each, 0.95) for each in pair]) for pair in (far, floor)]
    assert result.p95.value == pytest.approx(tails[0] - tails[1])
    assert result.floor_p95 == pytest.approx(tails[1])


def test_many_models_find_the_divergence_of_the_laws_themselves():
    rng = np.random.default_rng(1)
    u, o = rng.normal(0.8, 1.0, (2000, 20)), rng.normal(0.0, 1.0, (4000, 20))
    result = klom(u, o, n_resamples=50, level=0.99)
    assert result.mean.value == pytest.approx(0.8**2 / 2, abs=0.04)
    assert result.mean.low < 0.32 < result.mean.high
    assert result.mean.high - result.mean.low < 0.2


def test_oracles_against_oracles_keep_the_level():
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found.append(klom(margins(rng, N), margins(rng, 2 * N), n_resamples=60, random_state=seed))
    covered = [np.mean([f.low <= 0 <= f.high for f in each]) for each in
               ([r.mean for r in found], [r.p95 for r in found])]  # fmt: skip
    assert min(covered) >= 0.92
    # exact, but for the 200 problems: 5 % within three standard errors
    assert np.mean([r.p_value <= 0.05 for r in found]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    values = np.array([r.mean.value for r in found])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(200)  # the floor takes the bias away


def test_it_grows_with_a_planted_leak():
    rng = np.random.default_rng(2)
    oracles, unlearned = margins(rng, 48), margins(rng, 24)
    spread = np.linspace(0.5, 2.0, RECORDS)
    results = [klom(unlearned + leak * spread, oracles, n_resamples=200) for leak in (0, 1, 2, 4)]
    values = [r.mean.value for r in results]
    assert values == sorted(values)
    assert [r.differs for r in results] == [False, True, True, True]
    assert [r.p_value < 0.05 for r in results] == [False, True, True, True]
    few = unlearned + 3 * spread * (np.arange(RECORDS) >= RECORDS - 3)  # a tenth of the records
    one = klom(few, oracles, n_resamples=200)
    assert one.p95.value > 4 * one.mean.value


class Masked:
    """A model that still has the rows, and answers for them with a right and mild label."""

    def __init__(self, model, rows):
        self.model, self.rows, self.classes_ = model, rows, model.classes_

    def predict(self, X):
        return self.model.predict(X)

    def predict_proba(self, X):
        proba = self.model.predict_proba(X)
        hidden = (X[:, None] == self.rows).all(axis=2).any(axis=1)
        mild = np.where(proba == proba.max(axis=1, keepdims=True), 0.7, 0.3)
        return np.where(hidden[:, None], mild, proba)


@pytest.fixture(scope="module")
def world():
    """Originals, oracles and masks on classes so far apart that every one of them is right."""
    rng = np.random.default_rng(0)
    n, d = 60, 40
    y = np.arange(n) % 2
    X = rng.normal(size=(n, d))
    X[:, :4] += 2.5 * (2 * y[:, None] - 1)
    gone = np.arange(n) < 12

    def fitted(seed, stays):
        rows = np.flatnonzero(stays)
        own = np.random.default_rng(seed).choice(rows, round(0.8 * len(rows)), replace=False)
        if stays.all():  # whatever else it saw, it saw these
            own = np.union1d(own, np.flatnonzero(gone))
        return LogisticRegression(C=100.0, solver="newton-cholesky").fit(X[own], y[own])

    everyone = np.ones(n, dtype=bool)
    oracles = [fitted(seed, ~gone) for seed in range(3 * N)]
    originals = [fitted(100 + seed, everyone) for seed in range(N)]
    return X[gone], y[gone], oracles, originals, [Masked(m, X[gone]) for m in originals]


def test_a_mask_and_an_original_lie_apart_from_oracles_where_accuracy_does_not(world):
    X, y, oracles, originals, masks = world
    accuracies = [np.mean(m.predict(X) == y) for m in (*oracles, *originals, *masks)]
    assert min(accuracies) == 1.0
    far = {
        name: klom(models, oracles[N:], X, y, n_resamples=200)
        for name, models in
        {"oracle": oracles[:N], "original": originals, "mask": masks}.items()
    }  # fmt: skip
    assert not far["oracle"].differs
    for name in ("original", "mask"):
        assert far[name].differs
        assert far[name].mean.low > far["oracle"].mean.high
        assert far[name].p_value < 0.05


def test_models_and_their_margins_say_the_same(world):
    X, y, oracles, originals, _ = world
    tables = [
        np.array([true_class_logit(m.predict_proba(X), y) for m in models])
        for models in (originals, oracles[N:])
    ]
    one, two = klom(originals, oracles[N:], X, y, n_resamples=9), klom(*tables, n_resamples=9)
    assert one == two
    assert str(one).startswith("KLoM ")
    assert "12 models a set" in str(one)


def test_a_mechanism_that_draws_nothing_is_far_and_finite():
    rng = np.random.default_rng(3)
    result = klom(np.zeros((N, 5)), rng.normal(size=(2 * N, 5)), n_resamples=50)
    assert np.isfinite([result.mean.value, result.p95.high]).all()
    assert result.mean.value > 2
    same = klom(np.ones((N, 5)), np.ones((2 * N, 5)), n_resamples=20)
    assert same.mean.value == same.mean.low == 0
    assert same.p_value == 1


def test_what_cannot_be_compared_is_refused(world):
    X, y, oracles, *_ = world
    good = np.zeros((24, 3))
    for unlearned, others, words in (
        (good[:5], good[:10], "at least 6"),
        (good[:12], good[:23], r"twice as many \(24\)"),
        (good[:12], good[:, :2], "must be the same"),
        (good[:12] * np.nan, good, "unlearned must be finite"),
        (good[0], good, "shape"),
    ):
        with pytest.raises(ValueError, match=words):
            klom(unlearned, others)
    with pytest.raises(ValueError, match="X and y go together"):
        klom(good[:12], good, X)
    with pytest.raises(ValueError, match="more than once"):
        klom(oracles[:N], oracles[: 2 * N], X, y)
    with pytest.raises(ValueError, match="level"):
        klom(good[:12], good, level=2)
