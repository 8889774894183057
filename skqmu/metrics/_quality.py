"""Forgetting quality of the NeurIPS 2023 challenge, as an interval.

For every forget record, attackers look at one output of an unlearned model and one of an oracle
and tell them apart with some error; the privacy parameter that these errors refute is the
record's epsilon.
"""

from dataclasses import dataclass

import numpy as np

from ._inputs import check_level
from ._rates import clopper_pearson

_MAX_CUTS = 128


@dataclass(frozen=True)
class ForgettingQuality:
    """Result of :func:`forgetting_quality`.

    Parameters
    ----------
    value : float
        The challenge's figure F, between 0 and 1; 1 = no attacker told any record.
    low, high : float
        What F can be given that the error rates are known from finitely many models.
    level : float
    epsilon, epsilon_low, epsilon_high : tuple of float
        A record's plug-in epsilon and its limits; ``inf`` where it is not bounded.
    n_unlearned, n_oracle : int
        Models of either kind.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import forgetting_quality
    >>> rng = np.random.default_rng(0)
    >>> result = forgetting_quality(rng.normal(size=(32, 8)), rng.normal(size=(32, 8)))
    >>> result.low <= result.value <= result.high
    True
    >>> round(result.largest_certifiable, 1)
    3.5
    """

    value: float
    low: float
    high: float
    level: float
    epsilon: tuple
    epsilon_low: tuple
    epsilon_high: tuple
    n_unlearned: int
    n_oracle: int

    @property
    def largest_certifiable(self):
        """Largest epsilon that this many models can refute at all, about ln N."""
        n = min(self.n_unlearned, self.n_oracle)
        return float(np.log(n))

    def __str__(self):
        return (
            f"forgetting quality {self.value:.3f}, {self.level:.0%} interval [{self.low:.3f}, "
            f"{self.high:.3f}] from {self.n_unlearned} unlearned and {self.n_oracle} oracle models "
            f"({len(self.epsilon)} records; no epsilon above {self.largest_certifiable:.1f} can "
            "be seen with so many)"
        )


def forgetting_quality(unlearned, oracle, *, delta=0.01, bin_width=0.5, n_bins=13, level=0.95):
    """Forgetting quality F (Triantafillou et al. 2024, arXiv 2406.09073), with its uncertainty.

    Parameters
    ----------
    unlearned : array-like of shape (N, n_records)
        One number a model and forget record, for example the logit of the probability of the
        true class, from models that trained on the forget set and unlearned it.
    oracle : array-like of shape (M, n_records)
        The same from models that never saw the forget set.
    delta : float, default=0.01
    bin_width : float, default=0.5
        Of epsilon.
    n_bins : int, default=13
        Larger epsilons count as the last bin.
    level : float, default=0.95
        Of the limits of each record's epsilon.

    Returns
    -------
    ForgettingQuality

    Notes
    -----
    ``epsilon = max over attacks of max(ln(1 - delta - FPR) - ln FNR, ln(1 - delta - FNR) -
    ln FPR)``; an attack without any error gives ``inf``, one whose errors are 0 on one side only
    is not counted (the challenge's rule).  ``H = 2 / 2**bin`` with the bins counted from 1,
    ``F = mean H``.  Attacks: "the output lies between two cuts" and its opposite, for all pairs
    of at most 128 cuts and the two ends, single thresholds among them.

    N models show at most an epsilon of about ln N, and choosing the best of many attacks on the
    models it is rated on overstates it.  Lower limit of epsilon: chosen on one half of the
    models, rated on the other with Clopper-Pearson limits.  Upper limit: the largest over the
    attacks.  F is decreasing in epsilon, and its limits are the means over the records, which
    is cautious.

    Raises
    ------
    ValueError
        Fewer than two models of a kind, different numbers of records, values not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import forgetting_quality
    >>> rng = np.random.default_rng(0)
    >>> same = forgetting_quality(rng.normal(size=(64, 20)), rng.normal(size=(64, 20)))
    >>> other = forgetting_quality(rng.normal(9, 1, (64, 20)), rng.normal(size=(64, 20)))
    >>> other.high < same.low + 0.5 and other.value < same.value
    True
    """
    check_level(level)
    unlearned, oracle = _check(unlearned, "unlearned"), _check(oracle, "oracle")
    if unlearned.shape[1] != oracle.shape[1]:
        raise ValueError(
            f"unlearned holds {unlearned.shape[1]} records, oracle {oracle.shape[1]}: they must "
            "be the same ones."
        )
    if not 0 <= delta < 0.5 or not bin_width > 0 or n_bins < 1:
        raise ValueError(
            f"delta={delta!r} must be in [0, 0.5), bin_width={bin_width!r} positive and "
            f"n_bins={n_bins!r} at least 1."
        )
    tail = 1 - level
    columns = [
        (
            _plug_in(*_counts(u, o), len(u), len(o), delta).max(initial=0.0),
            max(
                _split_limit(u[::2], o[::2], u[1::2], o[1::2], delta, 1 - tail / 4),
                _split_limit(u[1::2], o[1::2], u[::2], o[::2], delta, 1 - tail / 4),
            ),
            _upper_limit(u, o, delta, 1 - tail / 2),
        )
        for u, o in zip(unlearned.T, oracle.T, strict=True)
    ]
    epsilon, low, high = np.array(columns).T
    low, high = np.minimum(low, epsilon), np.maximum(high, epsilon)

    def quality(values):
        bins = np.minimum(np.floor(values / bin_width), n_bins - 1)
        return float(np.mean(2.0**-bins))

    return ForgettingQuality(
        quality(epsilon),
        quality(high),
        quality(low),
        float(level),
        tuple(epsilon.tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
        len(unlearned),
        len(oracle),
    )


def _check(values, name):
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 1:
        raise ValueError(
            f"{name} must have shape (n_models, n_records) with at least two models and one "
            f"record; got {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite; clip probabilities before taking logits.")
    return values


def _cuts(unlearned, oracle):
    """Between-value cuts: all, or spaced evenly and with those that separate the kinds best."""
    values = np.unique(np.concatenate([unlearned, oracle]))
    cuts = (values[1:] + values[:-1]) / 2
    if len(cuts) <= _MAX_CUTS:
        return cuts
    share = [np.searchsorted(np.sort(x), cuts) / len(x) for x in (unlearned, oracle)]
    lead = share[0] - share[1]
    spaced = np.linspace(0, len(cuts) - 1, _MAX_CUTS - 2).astype(int)
    return cuts[np.unique(np.append(spaced, [np.argmax(lead), np.argmin(lead)]))]


def _inside(values, cuts):
    """How many values lie in each interval between two of (-inf, cuts, inf)."""
    below = np.concatenate([[0], np.searchsorted(np.sort(values), cuts), [len(values)]])
    first, last = np.triu_indices(len(below), 1)
    return below[last] - below[first]


def _counts(unlearned, oracle, cuts=None):
    """Errors of each attack: oracle outputs called unlearned, unlearned outputs missed."""
    cuts = _cuts(unlearned, oracle) if cuts is None else cuts
    hit, false = _inside(unlearned, cuts), _inside(oracle, cuts)
    # the opposite attack ("outside the interval") has both counts turned round
    false = np.concatenate([false, len(oracle) - false])
    missed = np.concatenate([len(unlearned) - hit, hit])
    return false, missed


def _refuted(fpr, fnr, delta):
    """Epsilon that two error rates refute; -inf where they refute none, inf where any."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one = np.log(np.maximum(1 - delta - fpr, 0)) - np.log(fnr)
        two = np.log(np.maximum(1 - delta - fnr, 0)) - np.log(fpr)
    return np.fmax(
        np.nan_to_num(one, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
        np.nan_to_num(two, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
    )


def _plug_in(false, missed, n_unlearned, n_oracle, delta):
    value = _refuted(false / n_oracle, missed / n_unlearned, delta)
    one_sided = (false == 0) != (missed == 0)
    return np.where(one_sided, -np.inf, value)


def _split_limit(unlearned, oracle, unlearned2, oracle2, delta, level):
    """Lower limit: the best attack on the first models, rated on the second."""
    cuts = _cuts(unlearned, oracle)
    false, missed = _counts(unlearned, oracle, cuts)
    # add one half to each error: an attack without errors on few models is not the best yet
    value = _refuted(
        (false + 0.5) / (len(oracle) + 1), (missed + 0.5) / (len(unlearned) + 1), delta
    )
    best = int(np.argmax(value))
    false, missed = (count[best] for count in _counts(unlearned2, oracle2, cuts))
    fpr = clopper_pearson(false, len(oracle2), level)[1]
    fnr = clopper_pearson(missed, len(unlearned2), level)[1]
    return max(0.0, float(_refuted(fpr, fnr, delta)))


def _upper_limit(unlearned, oracle, delta, level):
    false, missed = _counts(unlearned, oracle)
    table_o = clopper_pearson(np.arange(len(oracle) + 1), len(oracle), level)[0]
    table_u = clopper_pearson(np.arange(len(unlearned) + 1), len(unlearned), level)[0]
    return max(0.0, float(_refuted(table_o[false], table_u[missed], delta).max()))
