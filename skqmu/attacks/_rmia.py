"""The relative attack: does this record gain more from this model than others do?"""

import numbers
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..metrics.signals import SIGNALS, align_columns, encode_labels
from ._estimators import unwrap
from ._per_record import PerRecordAttack, masked_moments
from ._records import check_records

__all__ = ["RMIAAttack"]

# a probability below this is none; the ratio to it would be infinite
SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class _Outsiders:
    """Records of a population that nobody trained on, and the shadows' answers on them."""

    X: object
    y: np.ndarray
    statistics: dict
    outputs: object
    classes: np.ndarray


class RMIAAttack(PerRecordAttack):
    """Robust membership inference attack: likelihood ratios against a population.

    With p(x|theta) the target's probability of the true label and p(x) its mean over
    shadows, the score of x is the share of population records z with

        (p(x|theta) / p(x)) / (p(z|theta) / p(z)) > gamma.

    - online: p(x) = (mean_in + mean_out) / 2;
    - offline, and for every record outside the pool: p(x) = ((1 + a) mean_out + 1 - a) / 2.

    Parameters
    ----------
    target : fitted classifier
        With ``predict_proba``; also a pipeline or a
        :class:`~sklearn.frozen.FrozenEstimator`, or what
        :func:`as_target` makes of another model. Never refitted.
    shadow_estimator : classifier or None, default=None
        What the attacker trains as a stand-in; ``None`` clones the target.
    online : bool, default=True
        Whether shadows trained on a record take part in its score.
    gamma : float, default=1.0
        Positive.
    a : float, default=0.3
        Between 0 and 1: how far members' probabilities are above non-members', offline.
    n_shadows : int, default=16
        Even, at least 4.
    n_queries : int, default=1
        Answers averaged for each record, of target and shadows, where they are sampled.
    memory : None, str, path-like or joblib.Memory, default=None
        Cache of the shadows; see :class:`ShadowPool`.
    n_jobs : int or None, default=None
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
    verbose : int, default=0

    Attributes
    ----------
    statistics_ : dict of ndarray of shape (n_pool,)
        ``mean_in``, ``mean_out``.
    shadow_pool_ : ShadowPool
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Notes
    -----
    S. Zarifzadeh, P. Liu, R. Shokri, "Low-Cost High-Power Membership Inference Attacks",
    ICML 2024, equations 2, 10 and 11. Deviations: the population is the pool unless given
    (its size is the resolution of the score; the ranking of records does not depend on
    it), probabilities are plain softmax values, no augmented queries.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skqmu.attacks import RMIAAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> target = RandomForestClassifier(10, random_state=0).fit(X[::2], y[::2])
    >>> attack = RMIAAttack(target, n_shadows=8, random_state=0).fit(X, y)
    >>> scores = attack.decision_function(X, y)
    >>> bool(scores[::2].mean() > scores[1::2].mean())
    True
    """

    uses_population = True
    audit_names: ClassVar[dict] = {"rmia": {"online": True}, "rmia_offline": {"online": False}}

    def __init__(
        self,
        target,
        shadow_estimator=None,
        *,
        online=True,
        gamma=1.0,
        a=0.3,
        n_shadows=16,
        n_queries=1,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.target = target
        self.shadow_estimator = shadow_estimator
        self.online = online
        self.gamma = gamma
        self.a = a
        self.n_shadows = n_shadows
        self.n_queries = n_queries
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X_pool=None, y_pool=None, *, pool=None, X_population=None, y_population=None):
        """Train shadows on the attacker's pool, or take those of another attack.

        Parameters
        ----------
        X_pool : array-like, sparse matrix or data frame of shape (n_pool, n_features)
            Records of the attacker's world, those to be attacked among them (online).
        y_pool : array-like of shape (n_pool,)
        pool : ShadowPool or None, default=None
            Fitted shadows to share; X_pool and y_pool are then left out.
        X_population, y_population : array-like or None, default=None
            Records z that nobody trained on; ``None`` takes the pool.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            `gamma` is not positive, or `a` is not between 0 and 1.
        """
        if not isinstance(self.gamma, numbers.Real) or not self.gamma > 0:
            raise ValueError(f"gamma={self.gamma!r} must be a positive number.")
        if not isinstance(self.a, numbers.Real) or not 0 <= self.a <= 1:
            raise ValueError(f"a={self.a!r} must be between 0 and 1.")
        self._check_target()
        population = None
        if X_population is not None:
            X, labels = check_records(
                X_population, y_population, unwrap(self._adapted), suffix="_population"
            )
            population = X, encode_labels(labels, self.target_classes_, name="y_population")
        return self._fit(X_pool, y_pool, pool, population=population)

    def _observe(self, proba, y):
        return SIGNALS["true_confidence"](proba, y)

    def _summarise(self, signals, inside):
        mean_in, _, _ = masked_moments(signals, inside)
        mean_out, _, _ = masked_moments(signals, ~inside)
        return {"mean_in": mean_in, "mean_out": mean_out}

    def _ratio(self, signal, statistics, online):
        if online:
            expected = (statistics["mean_in"] + statistics["mean_out"]) / 2
        else:
            expected = ((1 + self.a) * statistics["mean_out"] + 1 - self.a) / 2
        return signal / np.maximum(expected, SMALLEST_PROBABILITY)

    def _outsiders(self, pool, population=None):
        if population is None:
            return None
        X, y = population
        outputs = pool.query(X)
        outside = np.zeros(outputs.shape[:2], dtype=bool)
        (statistics,) = self._reduce(pool, outputs, y, outside)
        return _Outsiders(X, y, statistics, outputs, pool.classes_)

    def _population(self, outsiders, model, signal, statistics):
        """Return the sorted ratios of the population, for scores of both kinds."""
        if outsiders is None:
            kinds = {kind: self._ratio(signal, statistics, kind) for kind in (True, False)}
            # one shadow taken out may leave a record without any inside
            return {kind: np.sort(values[~np.isnan(values)]) for kind, values in kinds.items()}
        if model is None:
            proba = self._ask(outsiders.X)
        else:
            answers = outsiders.outputs.one(model)
            proba = align_columns(answers, outsiders.classes, self.target_classes_)
        signal = self._observe(proba, outsiders.y)
        ratios = np.sort(self._ratio(signal, outsiders.statistics, False))
        return {True: ratios, False: ratios}

    def _compare(self, signal, statistics, whole, population):
        scores = np.empty(signal.shape)
        online = ~np.isnan(statistics["mean_in"]) & bool(self.online)
        for kind in (True, False):
            mine = online == kind
            part = {name: values[mine] for name, values in statistics.items()}
            ratios = population[kind]
            below = np.searchsorted(
                ratios * self.gamma, self._ratio(signal[mine], part, kind), side="left"
            )
            scores[mine] = below / ratios.size
        return scores
