"""The likelihood-ratio attack: is this logit likelier with the record in, or out?"""

from typing import ClassVar

import numpy as np
from scipy.special import log_ndtr

from .._validation import check_choice
from ..metrics.signals import resolution, true_class_logit
from ._per_record import PerRecordAttack, masked_median, masked_moments

__all__ = ["LiRAAttack"]

# a standard deviation of logits below this is rounding, not spread between shadows
SMALLEST_SPREAD = 1e-6


class LiRAAttack(PerRecordAttack):
    """Likelihood-ratio attack on the logit of the true class.

    With phi = ln p_y - ln sum_{c != y} p_c of the target on a record, and mu, s its median
    and spread over the shadows that were trained with the record (in) and without (out):

    - online: ln N(phi; mu_in, s_in) - ln N(phi; mu_out, s_out);
    - offline, and for every record outside the pool, which no shadow was trained on:
      Phi((phi - mu_out) / s_out), given as its log-odds ln Phi(z) - ln Phi(-z). That is the
      same ranking, without the ties at 1 that rounding makes beyond z = 8.

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
    variance : {"auto", "record", "pooled"}, default="auto"
        Spread of each record by itself, or one for all records (within records, their
        degrees of freedom added up); ``"auto"`` pools below 64 shadows.
    n_shadows : int, default=64
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
    eps_ : float
        Probabilities nearer to 0 or 1 count as this near: 1e-9, or, for shadows that answer
        in steps with exact zeros (trees, neighbours), half a step.
    statistics_ : dict of ndarray of shape (n_pool,)
        ``mu_in``, ``mu_out``, and ``ss_*``, ``dof_*``: sums of squared deviations with
        their degrees of freedom.
    shadow_pool_ : ShadowPool
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Notes
    -----
    N. Carlini et al., "Membership Inference Attacks From First Principles", S&P 2022,
    algorithm 1 and equation 4. Deviations: medians instead of means; the pooled variance
    is the one within records (theirs also holds the spread between records); logits are
    clipped to +-ln((1 - eps)/eps), where probabilities of exactly 0 and 1 would make them
    infinite; no augmented queries (rows are not images).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skqmu.attacks import LiRAAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> target = RandomForestClassifier(10, random_state=0).fit(X[::2], y[::2])
    >>> attack = LiRAAttack(target, n_shadows=8, random_state=0).fit(X, y)
    >>> scores = attack.decision_function(X, y)
    >>> bool(scores[::2].mean() > scores[1::2].mean())
    True
    """

    audit_names: ClassVar[dict] = {"lira": {"online": True}, "lira_offline": {"online": False}}

    def __init__(
        self,
        target,
        shadow_estimator=None,
        *,
        online=True,
        variance="auto",
        n_shadows=64,
        n_queries=1,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.target = target
        self.shadow_estimator = shadow_estimator
        self.online = online
        self.variance = variance
        self.n_shadows = n_shadows
        self.n_queries = n_queries
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X_pool=None, y_pool=None, *, pool=None):
        """Train shadows on the attacker's pool, or take those of another attack.

        Parameters
        ----------
        X_pool : array-like, sparse matrix or data frame of shape (n_pool, n_features)
            Records of the attacker's world, those to be attacked among them (online).
        y_pool : array-like of shape (n_pool,)
        pool : ShadowPool or None, default=None
            Fitted shadows to share; X_pool and y_pool are then left out.

        Returns
        -------
        self
        """
        self._check_variance()
        return super().fit(X_pool, y_pool, pool=pool)

    def _check_variance(self):
        check_choice("variance", self.variance, ("auto", "record", "pooled"))

    def _observe(self, proba, y):
        return true_class_logit(proba, y, self.eps_)

    def _learn(self, pool, y, **given):
        self.eps_ = resolution(
            (self._aligned(pool, block), y[rows]) for rows, block in pool.outputs().blocks()
        )
        return super()._learn(pool, y, **given)

    def _summarise(self, signals, inside):
        statistics = {}
        for side, mask in (("in", inside), ("out", ~inside)):
            _, squares, count = masked_moments(signals, mask)
            statistics[f"mu_{side}"] = masked_median(signals, mask)
            statistics[f"ss_{side}"] = squares
            statistics[f"dof_{side}"] = np.maximum(count - 1, 0)
        return statistics

    def _join(self, statistics):
        return {
            side: statistics[f"ss_{side}"].sum() / max(statistics[f"dof_{side}"].sum(), 1)
            for side in ("in", "out")
        }

    def _spread(self, statistics, whole, side):
        squares, dof = statistics[f"ss_{side}"], statistics[f"dof_{side}"]
        pooled = self.variance == "pooled" or (
            # the last clause: one record alone cannot have a spread of its own
            self.variance == "auto" and self._n_observed(statistics) < 64
        )
        if pooled:
            variance = np.full(squares.shape, whole[side])
        else:
            variance = np.where(dof > 0, squares / np.maximum(dof, 1), whole[side])
        return np.maximum(np.sqrt(variance), SMALLEST_SPREAD)

    def _n_observed(self, statistics):
        # shadows that saw this record, in or out
        return int((statistics["dof_in"] + statistics["dof_out"]).max(initial=0)) + 2

    def _compare(self, signal, statistics, whole, population):
        s_out = self._spread(statistics, whole, "out")
        z_out = (signal - statistics["mu_out"]) / s_out
        offline = log_ndtr(z_out) - log_ndtr(-z_out)
        if not self.online:
            return offline
        s_in = self._spread(statistics, whole, "in")
        z_in = (signal - statistics["mu_in"]) / s_in
        online = 0.5 * (z_out**2 - z_in**2) + np.log(s_out) - np.log(s_in)
        return np.where(np.isnan(statistics["mu_in"]), offline, online)
