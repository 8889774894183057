"""KLoM: how far the law of a record's margin lies from that of retrained models.

One unlearned model is one draw: it may stand beside retrained ones by luck, and every single
model differs from every other. What is compared here is a procedure, by many of its models.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from ._inputs import as_generator, check_level
from ._interval import Estimate
from ._proba import aligned_probabilities, encode_labels
from .signals import true_class_logit

# Models of a kind: below, the variance of a record's margin is known to a factor of two.
_FEWEST = 6
# A spread of margins below this is that of a mechanism which draws nothing.
_SMALLEST_SPREAD = 1e-2
# Standard normal quantiles of 10 and 90 %: a scale that a few wild draws do not move.
_TAIL, _WIDTH = 0.1, 2.5631


@dataclass(frozen=True)
class KlomResult:
    """Result of :func:`klom`.

    Parameters
    ----------
    mean, p95 : Estimate
        Mean and 95th percentile over the records, in nats, the floor subtracted. 0: as far from
        oracles as oracles are; the interval may go below.
    per_record : tuple of float
        Each record's divergence less its floor; by itself a record is known poorly.
    floor_mean, floor_p95 : float
        Of oracles from other oracles, which finitely many models cannot bring to 0.
    p_value : float
        Share of permutations of the models that make the mean as large: exact where unlearned
        models and oracles have one law.
    n_models : int
        Of each of the three sets.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import klom
    >>> rng = np.random.default_rng(0)
    >>> result = klom(rng.normal(3, 1, (16, 20)), rng.normal(0, 1, (32, 20)))
    >>> result.differs
    True
    """

    mean: Estimate
    p95: Estimate
    per_record: tuple
    floor_mean: float
    floor_p95: float
    p_value: float
    n_models: int

    @property
    def differs(self):
        """Whether the interval of the mean lies above 0."""
        return self.mean.low > 0

    def __str__(self):
        return (
            f"KLoM {self.mean} in the mean, {self.p95} at the 95th percentile of "
            f"{len(self.per_record)} records (nats; {self.mean.level:.0%} intervals over "
            f"{self.n_models} models a set; floor {self.floor_mean:.3f} and {self.floor_p95:.3f} "
            f"subtracted; p = {self.p_value:.3g})"
        )


def klom(unlearned, oracles, X=None, y=None, *, level=0.95, n_resamples=1000, random_state=None):
    """KL divergence of margins between an unlearning procedure and retraining (KLoM).

    For each record, a normal law is fitted to its margin ``ln p_y - ln sum_{c != y} p_c`` over N
    unlearned models and over N oracles; the divergence of the one from the other is taken, and
    that of oracles from N other oracles, the floor, subtracted.

    Parameters
    ----------
    unlearned : array-like of shape (N, n_records), or N fitted classifiers with `X` and `y`
        Margins, one row a model; each model from a fit of its own, with a seed of its own.
    oracles : array-like of shape (2 N, n_records), or 2 N fitted classifiers
        Of models trained without the forgotten rows; no model may be among them twice, or be
        where an unlearned model began. Halves of them are compared with each other.
    X : array-like of shape (n_records, n_features), default=None
        Records: the forgotten ones, or retained and held-out ones, which a good procedure
        leaves where retraining has them.
    y : array-like of shape (n_records,), default=None
    level : float, default=0.95
    n_resamples : int, default=1000
    random_state : int, RandomState instance, Generator or None, default=None
        Of the resampling; None is one fixed seed.

    Returns
    -------
    KlomResult

    Raises
    ------
    ValueError
        Fewer than 6 unlearned models, not twice as many oracles, one model twice, different
        records, values not finite.

    Notes
    -----
    Source: Georgiev et al. 2024 (arXiv 2410.23232, appendix E.1); the benchmark of
    arXiv 2602.16400. Deviations: a normal law in the place of their histogram of 20 bins, which
    needs a hundred models; the floor; equal numbers and disjoint sets, because the divergence of
    fitted laws is biased by how many models each was fitted on; intervals.

    With U, A, B the unlearned models and both halves of the oracles, it is
    ``(KL(U|A) + KL(U|B) - KL(A|B) - KL(B|A)) / 2``, mean or percentile over the records in each
    term: of expectation 0 where all have one law. KL is that of normal laws, its quadratic part
    times ``(N - 3) / (N - 1)``, for the inverse of a fitted variance is too large by as much.

    Interval: symmetric, Student's quantile times an error by the bootstrap over models, records
    kept together, for they share the models. Near 0 the divergence is quadratic and a
    bootstrap's variance three times too large (noise upon noise); twice the variance of three
    sets drawn from the oracles alone is therefore taken off it, down to once.
    ``tests/metrics/test_klom.py`` measures coverage; it is cautious below some 30 models.

    There is no scorer of it: a search fits one model a candidate, and one model has no law.
    An over-forgetting model and a masked one lie as far from oracles as one that remembers.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import klom
    >>> rng = np.random.default_rng(0)
    >>> same = klom(rng.normal(size=(12, 30)), rng.normal(size=(24, 30)), n_resamples=200)
    >>> same.mean.low < 0 < same.mean.high
    True
    """
    check_level(level)
    margins, n = _checked(unlearned, oracles, X, y)
    # moments by sums of squares: about a record's own middle, nothing is lost
    margins = margins - margins.mean(axis=0)
    rng = as_generator(random_state)
    whole = [np.kron(row, np.ones(n))[None] for row in np.eye(3)]
    found, floor = _divergences(whole, margins, n)
    draws = {name: [] for name in ("bootstrap", "oracles", "permuted")}
    for count in _chunks(n_resamples, margins.shape[1]):
        for name, weights in zip(draws, _resampled(rng, n, count), strict=True):
            draws[name].append(_figures(*_divergences(weights, margins, n)))
    boot, null, permuted = (np.concatenate(each) for each in draws.values())
    values = _figures(found, floor)[0]
    half = student.isf((1 - level) / 2, n - 1) * _errors(boot, null)
    mean, p95 = (
        Estimate(float(v), float(v - h), float(v + h), float(level))
        for v, h in zip(values, half, strict=True)
    )
    beyond = np.sum(permuted[:, 0] >= values[0])
    return KlomResult(
        mean=mean,
        p95=p95,
        per_record=tuple((found - floor).mean(axis=0)[0].tolist()),
        floor_mean=float(floor.mean()),
        floor_p95=float(_percentile(floor)[0]),
        p_value=float((1 + beyond) / (1 + len(permuted))),
        n_models=n,
    )


def _checked(unlearned, oracles, X, y):
    """Margins of all models, unlearned ones first, and how many a set has."""
    if (X is None) != (y is None):
        raise ValueError("X and y go together: fitted classifiers need both, margins neither.")
    if X is not None:
        _refuse_twins([*unlearned, *oracles])
        unlearned, oracles = _margins(unlearned, oracles, X, y)
    parts = [
        _table(values, name) for values, name in ((unlearned, "unlearned"), (oracles, "oracles"))
    ]
    n = len(parts[0])
    if n < _FEWEST:
        raise ValueError(
            f"unlearned holds {n} models; at least {_FEWEST} are needed, better 20, for a law "
            "has to be fitted to them."
        )
    if len(parts[1]) != 2 * n:
        raise ValueError(
            f"oracles holds {len(parts[1])} models beside {n} unlearned ones; twice as many "
            f"({2 * n}) are needed: as many to compare with, and as many for the floor. Leave "
            "models out, or train more."
        )
    if parts[0].shape[1] != parts[1].shape[1]:
        raise ValueError(
            f"unlearned holds {parts[0].shape[1]} records, oracles {parts[1].shape[1]}: they must "
            "be the same ones."
        )
    return np.concatenate(parts), n


def _refuse_twins(models):
    if len({id(model) for model in models}) < len(models):
        raise ValueError(
            "a model stands among unlearned and oracles more than once; each counts as an "
            "independent draw, so train as many as are needed."
        )


def _table(values, name):
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(
            f"{name} must be margins of shape (n_models, n_records), or fitted classifiers with "
            f"X and y; got shape {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite; clip probabilities before taking logits.")
    return values


def _margins(unlearned, oracles, X, y):
    """Margins of both kinds of models."""
    arrays, classes = aligned_probabilities([*unlearned, *oracles], X)
    margins = true_class_logit(np.stack(arrays), encode_labels(y, classes))
    return np.split(margins, [len(unlearned)])


def _chunks(n_resamples, n_records):
    """Numbers of resamples at once: some 30 MB each."""
    most = max(1, 4_000_000 // n_records)
    return [min(most, n_resamples - done) for done in range(0, n_resamples, most)]


def _resampled(rng, n, count):
    """How often each model counts in each of three sets: bootstrap, null, and permutation."""
    even = np.full(n, 1 / n)
    own, blank = [rng.multinomial(n, even, count) for _ in range(3)], np.zeros((count, n))
    yield [np.hstack([own[k] if k == at else blank for at in range(3)]) for k in range(3)]
    both = np.full(2 * n, 1 / (2 * n))
    yield [np.hstack([blank, rng.multinomial(n, both, count)]) for _ in range(3)]
    place = rng.random((count, 3 * n)).argsort(axis=1) // n
    yield [(place == k).astype(float) for k in range(3)]


def _divergences(weights, margins, n):
    """Divergence from oracles and the floor, each (2, resamples, records): two ways round."""
    u, a, b = (_moments(each, margins, n) for each in weights)
    far = np.stack([_kl(u, a, n), _kl(u, b, n)])
    return far, np.stack([_kl(a, b, n), _kl(b, a, n)])


def _moments(weights, margins, n):
    mean = weights @ margins / n
    variance = (weights @ margins**2 / n - mean**2) * n / (n - 1)
    return mean, np.maximum(variance, _SMALLEST_SPREAD**2)


def _kl(one, two, n):
    """KL of fitted normal laws, without what fitting the second one adds to its square."""
    (mean, variance), (mean2, variance2) = one, two
    square = (variance + (mean - mean2) ** 2) / variance2 * (n - 3) / (n - 1)
    return 0.5 * (np.log(variance2 / variance) + square - 1)


def _figures(far, floor):
    """Mean and 95th percentile over the records, floor subtracted: (resamples, 2)."""
    mean = (far.mean(axis=2) - floor.mean(axis=2)).mean(axis=0)
    return np.stack([mean, _percentile(far) - _percentile(floor)], axis=1)


def _percentile(divergences):
    return np.quantile(divergences, 0.95, axis=2).mean(axis=0)


def _errors(boot, null):
    """Standard errors of both figures."""
    ends = [np.quantile(each, [_TAIL, 1 - _TAIL], axis=0) for each in (boot, null)]
    variance, noise = (((high - low) / _WIDTH) ** 2 for low, high in ends)
    return np.sqrt(np.minimum(variance, np.maximum(variance - 2 * noise, noise)))
