"""One signal of the output, compared with one threshold."""

from typing import ClassVar

import numpy as np
from scipy.stats import rankdata

from .._validation import check_choice
from ..metrics.signals import SIGNALS, align_columns
from ._attack import ShadowAttack

__all__ = ["ThresholdAttack"]


class ThresholdAttack(ShadowAttack):
    """Threshold on a signal of the target's output.

    The signals (all oriented so that larger means more likely a member):

    - ``"loss"``: minus the cross-entropy, ln p_y (Yeom et al., 2018);
    - ``"confidence"``: max_c p_c (Salem et al., 2019);
    - ``"true_confidence"``: p_y;
    - ``"entropy"``: sum_c p_c ln p_c;
    - ``"modified_entropy"``: (1 - p_y) ln p_y + sum_{c != y} p_c ln(1 - p_c) (Song & Mittal,
      2021, equation 8);
    - ``"logit"``: ln p_y - ln sum_{c != y} p_c (Carlini et al., 2022, equation 4), the loss
      without its saturation.

    Parameters
    ----------
    target : fitted classifier
        With ``predict_proba``; also a pipeline or a
        :class:`~sklearn.frozen.FrozenEstimator`, or what
        :func:`as_target` makes of another model. Never refitted.
    shadow_estimator : classifier or None, default=None
        What the attacker trains as a stand-in; ``None`` clones the target.
    signal : str, default="loss"
        One of the above.
    per_class : bool, default=False
        Subtract from each record's signal a threshold of its class, the one that separates
        the shadows' members of that class from their non-members best (Song & Mittal,
        2021, section 4). Needs shadows.
    n_shadows : int, default=16
        Even. They serve the thresholds (``predict``, ``predict_proba``, `per_class`) and, but for
        `per_class`, are trained when these are first asked for: ``decision_function`` and
        ``evaluate`` do without. With 0 there are none.
    n_queries : int, default=1
        Answers averaged for each record, for targets that are sampled.
    memory : None, str, path-like or joblib.Memory, default=None
        Cache of the shadows; see :class:`ShadowPool`.
    n_jobs : int or None, default=None
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
    verbose : int, default=0

    Attributes
    ----------
    thresholds_ : ndarray of shape (n_classes,)
        One for each class of the target, all equal unless `per_class`; 0 without shadows.
    shadow_pool_ : ShadowPool
        Trained when it, or `thresholds_`, is first asked for.
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu.attacks import ThresholdAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X_in, X_out, y_in, y_out = train_test_split(X, y, test_size=0.5, random_state=0)
    >>> target = DecisionTreeClassifier(random_state=0).fit(X_in, y_in)
    >>> attack = ThresholdAttack(target, n_shadows=4, random_state=0).fit(X, y)
    >>> print(attack.predict(X_in, y_in).mean())    # it has learned its members by heart
    1.0
    """

    needs_shadows = False
    audit_names: ClassVar[dict] = {signal: {"signal": signal} for signal in SIGNALS}

    def __init__(
        self,
        target,
        shadow_estimator=None,
        *,
        signal="loss",
        per_class=False,
        n_shadows=16,
        n_queries=1,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.target = target
        self.shadow_estimator = shadow_estimator
        self.signal = signal
        self.per_class = per_class
        self.n_shadows = n_shadows
        self.n_queries = n_queries
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X_pool=None, y_pool=None, *, pool=None):
        """Take the attacker's pool, of which shadows are trained when they are needed.

        Parameters
        ----------
        X_pool : array-like, sparse matrix or data frame of shape (n_pool, n_features)
        y_pool : array-like of shape (n_pool,)
        pool : ShadowPool or None, default=None
            Fitted shadows to share; X_pool and y_pool are then left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            No pool, or ``per_class=True`` without shadows.
        """
        check_choice("signal", self.signal, SIGNALS)
        if pool is not None or self.n_shadows != 0:
            return super().fit(X_pool, y_pool, pool=pool)
        if self.per_class:
            raise ValueError("per_class=True learns thresholds from shadows; n_shadows=0 has none.")
        if X_pool is None:
            raise ValueError("fit needs X_pool and y_pool, or pool=.")
        _, _, labels = self._start_fit(X_pool, y_pool)
        for name in (*self._of_shadows, "_waiting"):
            self.__dict__.pop(name, None)
        self.thresholds_ = np.zeros(self.target_classes_.size)
        return self._finish_fit(labels)

    def _shadows_wait(self):
        return not self.per_class

    def _can_calibrate(self):
        return self.n_shadows != 0 or hasattr(self, "_calibration") or hasattr(self, "shadow_pool_")

    def _learn(self, pool, y):
        n_classes = self.target_classes_.size
        signals, members, columns = [], [], []
        for s in self._sample(pool):
            signals.append(self._signal_of(pool, y, s))
            members.append(pool.members_[s])
            columns.append(y)
        signals, members, columns = map(np.concatenate, (signals, members, columns))
        self.thresholds_ = np.full(n_classes, best_threshold(signals, members))
        if self.per_class:
            for k in np.unique(y):
                mine = columns == k
                self.thresholds_[k] = best_threshold(signals[mine], members[mine])

    def _sample(self, pool):
        # enough for a threshold, and a number of them that memory does not depend on
        return range(min(pool.n_shadows, 16))

    def _signal_of(self, pool, y, shadow):
        proba = align_columns(pool.outputs().one(shadow), pool.classes_, self.target_classes_)
        return self._values(proba, y)

    def _values(self, proba, y):
        """The signal, shape (n,), of probabilities (n, n_classes) and indices of classes."""
        return SIGNALS[self.signal](proba, y)

    def _shadow_scores(self, pool, y, shadows, learned):
        for s in shadows:
            yield self._offset(self._signal_of(pool, y, s), y)

    def _offset(self, signal, y):
        return signal - self.thresholds_[y] if self.per_class else signal

    def _score(self, X, y, labels):
        return self._offset(self._values(self._ask(X), y), y)


def best_threshold(scores, members):
    """Return the threshold with the largest difference of the two rates, scores > t.

    Midway between two scores; with no difference at all, the median. Scores in ties count
    as one.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    members : ndarray of shape (n,), bool

    Returns
    -------
    float
    """
    values = np.unique(scores)
    if values.size < 2 or members.all() or not members.any():
        return float(np.median(scores))
    rank = rankdata(scores, method="dense").astype(np.int64) - 1
    inside = np.bincount(rank[members], minlength=values.size) / members.sum()
    outside = np.bincount(rank[~members], minlength=values.size) / (~members).sum()
    # advantage of cutting between values[k] and values[k + 1]
    advantage = np.cumsum(outside - inside)[:-1]
    k = int(np.argmax(advantage))
    return float((values[k] + values[k + 1]) / 2)
