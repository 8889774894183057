"""Is a model indistinguishable from retraining?  Two one-sided tests against several oracles.

Two oracles differ by their seeds alone.  A model "equals retraining" if its difference from the
oracles' mean is provably smaller than a margin that the user names, in view of the oracles' spread
and of the finite number of records.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import t

_MAX_FACTOR = 10_000.0


@dataclass(frozen=True)
class EquivalenceResult:
    """Result of :func:`oracle_equivalence`.

    Parameters
    ----------
    equivalent : bool
        Whether the difference is provably within `delta` at level `alpha`.
    difference : float
        The model's value less the oracles' mean.
    low, high : float
        Interval of the difference at level ``1 - 2 alpha``; equivalent means that it lies
        within ``(-delta, delta)``.
    p_value : float
        Larger of the two one-sided tests' p-values.
    delta, alpha : float
    model_value : float
    oracle_mean, oracle_std, oracle_low, oracle_high : float
        Mean, standard deviation, smallest and largest of the oracles' own values: the noise
        floor.
    position : float
        Share of the oracles that the model exceeds, ties counted half; inside the floor is
        neither 0 nor 1.
    inside : bool
        Whether the model's value lies between the smallest and the largest oracle.
    n_models, n_oracles : int
    n_records : int or None
    oracles_needed, records_needed : int or None
        How many of each would show equivalence with a power of .9 if difference and spread
        stay what they are; None where no number would (the difference itself reaches `delta`),
        where it is beyond ten thousand times as many, or where records were not given.

    Examples
    --------
    >>> from skqmu.metrics import oracle_equivalence
    >>> result = oracle_equivalence(0.7, [0.9, 0.7, 0.8, 0.84], delta=0.2)
    >>> result.equivalent, result.oracles_needed > 4
    (False, True)
    """

    equivalent: bool
    difference: float
    low: float
    high: float
    p_value: float
    delta: float
    alpha: float
    model_value: float
    oracle_mean: float
    oracle_std: float
    oracle_low: float
    oracle_high: float
    position: float
    inside: bool
    n_models: int
    n_oracles: int
    n_records: int | None
    oracles_needed: int | None
    records_needed: int | None

    @property
    def has_spread(self):
        """Whether anything says how uncertain the difference is; if not, nothing is shown."""
        return self.n_records is not None or self.oracle_std > 0

    @property
    def sentence(self):
        """The result in words."""
        size = f"{self.n_oracles} oracles"
        if self.n_records is not None:
            size += f", {self.n_records} records"
        found = (
            f"difference {self.difference:+.4g}, {1 - 2 * self.alpha:.0%} interval "
            f"[{self.low:.4g}, {self.high:.4g}]; {size}"
        )
        place = "inside" if self.inside else "outside"
        floor = (
            f" The model lies {place} the oracles' own range "
            f"[{self.oracle_low:.4g}, {self.oracle_high:.4g}]."
        )
        if self.equivalent:
            return (
                f"Indistinguishable from retraining within delta = {self.delta:g} at level "
                f"{self.alpha:g} ({found})." + floor
            )
        head = (
            f"Not shown to be indistinguishable from retraining within delta = {self.delta:g} at "
            f"level {self.alpha:g} ({found})."
        )
        if not self.has_spread:
            tail = (
                " All values are equal, so nothing says how far another oracle would lie; pass "
                "one number a record."
            )
        elif self.low > self.delta or self.high < -self.delta:
            tail = " It differs by more than delta."
        elif self.oracles_needed is None and abs(self.difference) < self.delta:
            tail = f" To show it would take more than {_MAX_FACTOR:g} times as many."
        elif self.oracles_needed is None:
            tail = (
                " The difference itself reaches delta: if it is real, no number of oracles or "
                "records would show equivalence."
            )
        else:
            need = f"{self.oracles_needed} oracles"
            if self.records_needed is not None:
                need += f" and {self.records_needed} records"
            tail = f" If the difference stays what it is, about {need} would show it."
        return head + tail + floor

    def to_dict(self):
        """Return plain Python values, with the sentence.

        Returns
        -------
        dict
        """
        return {**asdict(self), "sentence": self.sentence}

    def __str__(self):
        return self.sentence


def oracle_equivalence(model_values, oracle_values, *, delta, alpha=0.05):
    """Test whether a model is within `delta` of retraining, given K oracles.

    Parameters
    ----------
    model_values : float, or array-like of shape (n,), (M,) or (M, n)
        The measure for the model.  With records, one number a record (whether it was right, its
        loss, ...), shape (n,), or (M, n) for M unlearned models; without, one number a model.
    oracle_values : array-like of shape (K, n) or (K,)
        The same measure for K >= 2 oracles on the same records in the same order, or one number
        an oracle.  Without records, the records' sampling error is not part of the test:
        the statement then holds for these records only, and oracles that all have one value
        show nothing: their spread is not known.
    delta : float
        Margin, in units of the measure, that the user holds to be the same.
    alpha : float, default=0.05
        Level of the test: an inequivalent model passes at most this often.

    Returns
    -------
    EquivalenceResult

    Raises
    ------
    ValueError
        Fewer than two oracles (their spread is the yardstick), shapes that do not match,
        values that are not finite, ``delta <= 0``.

    Notes
    -----
    Schuirmann's (1987) two one-sided t tests.  The variance of the difference adds the oracles'
    (between seeds), the models' if there are several, and the records' of the paired
    differences; degrees of freedom after Satterthwaite (1946).  Where every value is 0 or 1 a
    record is added at either extreme (Bonett and Price 2012), so that a handful of agreeing
    records does not pass for proof.

    Examples
    --------
    >>> from skqmu.metrics import oracle_equivalence
    >>> result = oracle_equivalence(0.91, [0.90, 0.92, 0.91, 0.93, 0.90], delta=0.05)
    >>> result.equivalent, result.inside
    (True, True)
    >>> print(oracle_equivalence(0.80, [0.90, 0.92, 0.91], delta=0.05).sentence[:33])
    Not shown to be indistinguishable
    """
    model, oracles = _shape(model_values, oracle_values)
    if not np.isfinite(delta) or delta <= 0:
        raise ValueError(f"delta={delta!r} must be a positive number.")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha={alpha!r} must be between 0 and 0.5.")
    n = oracles.shape[1]
    own, floor = model.mean(axis=1), oracles.mean(axis=1)
    difference = float(own.mean() - floor.mean())
    parts = [(floor.var(ddof=1) / len(floor), len(floor) - 1)]
    if len(own) > 1:
        parts.append((own.var(ddof=1) / len(own), len(own) - 1))
    if n > 1:
        paired = model.mean(axis=0) - oracles.mean(axis=0)
        if np.isin(model, (0, 1)).all() and np.isin(oracles, (0, 1)).all():
            paired = np.concatenate([paired, [1, -1]])
        parts.append((paired.var(ddof=1) / len(paired), len(paired) - 1))
    se, df = _pool(parts)
    half = t.isf(alpha, df) * se
    low, high = difference - half, difference + half
    need = _factor_needed(parts, delta - abs(difference), alpha)
    records = n if n > 1 else None
    # equal values of a few oracles, without records: an accuracy of 0 thrice is no spread of 0
    known = records is not None or floor.std() > 0
    return EquivalenceResult(
        equivalent=bool(known and -delta < low and high < delta),
        difference=difference,
        low=float(low),
        high=float(high),
        p_value=_p_value(delta - abs(difference), se, df) if known else 1.0,
        delta=float(delta),
        alpha=float(alpha),
        model_value=float(own.mean()),
        oracle_mean=float(floor.mean()),
        oracle_std=float(floor.std(ddof=1)),
        oracle_low=float(floor.min()),
        oracle_high=float(floor.max()),
        position=float(np.mean((own.mean() > floor) + 0.5 * (own.mean() == floor))),
        inside=bool(floor.min() <= own.mean() <= floor.max()),
        n_models=len(own),
        n_oracles=len(floor),
        n_records=records,
        oracles_needed=None if need is None else int(np.ceil(len(floor) * need)),
        records_needed=None if need is None or records is None else int(np.ceil(n * need)),
    )


def _shape(model_values, oracle_values):
    """Both as (models, records); without records there is one column."""
    model = np.asarray(model_values, dtype=float)
    oracles = np.asarray(oracle_values, dtype=float)
    if not (np.isfinite(model).all() and np.isfinite(oracles).all()):
        raise ValueError("model_values and oracle_values must be finite.")
    if oracles.ndim not in (1, 2) or len(oracles) < 2 or oracles.size < len(oracles):
        raise ValueError(
            f"oracle_values has shape {oracles.shape}; at least two oracles are needed, as (K,) "
            "or (K, n): their spread is the yardstick."
        )
    if oracles.ndim == 1:
        if model.ndim > 1 or model.size == 0:
            raise ValueError(
                f"oracle_values is one number an oracle; model_values of shape {model.shape} must "
                "be one number a model."
            )
        return model.reshape(-1, 1), oracles[:, None]
    model = np.atleast_2d(model)
    if model.ndim != 2 or model.shape[1] != oracles.shape[1] or len(model) == 0:
        raise ValueError(
            f"model_values of shape {np.shape(model_values)} does not hold the {oracles.shape[1]} "
            "records of oracle_values."
        )
    return model, oracles


def _pool(parts, factor=1.0):
    """Standard error and Satterthwaite's degrees of freedom, with every sample `factor` as big."""
    variances = np.array([variance for variance, _ in parts]) / factor
    total = variances.sum()
    if total == 0:
        return 0.0, 1.0
    dfs = np.maximum([(df + 1) * factor - 1 for _, df in parts], 1.0)
    return float(np.sqrt(total)), float(total**2 / (variances**2 / dfs).sum())


def _p_value(room, se, df):
    if se == 0:
        return 0.0 if room > 0 else 1.0
    return float(t.sf(room / se, df))


def _factor_needed(parts, room, alpha, power=0.9):
    """How many times as many oracles and records give the test its power, or None."""
    if room <= 0:
        return None

    def enough(factor):
        se, df = _pool(parts, factor)
        return room >= (t.isf(alpha, df) + t.ppf(power, df)) * se

    low, high = 0.0, 1.0
    fewest = 2 / (parts[0][1] + 1)  # two oracles are the least that have a spread
    if enough(fewest):
        return fewest
    low = fewest
    while not enough(high):
        low, high = high, 2 * high
        if high > _MAX_FACTOR:
            return None
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
