"""Attacks that train a classifier to tell members' outputs from non-members'."""

import warnings
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from scipy.special import entr
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .._validation import check_choice
from ..exceptions import ThreatModelWarning
from ..metrics.signals import align_columns, cross_entropy, true_class_logit
from ._attack import ShadowAttack
from ._calibration import Calibration
from ._estimators import entropy_from, with_seed
from ._guards import warn_if_in_sample
from ._records import RecordIndex, check_mask

__all__ = ["QNNOutputAttack", "ShadowModelAttack"]

# records of all shadows together that the attack classifier is trained on: a bound, so that
# neither time nor memory depends on the number of shadows
MAX_TRAINING_RECORDS = 20_000


class _LearnedAttack(ShadowAttack):
    """Base class: features of a record's output, and a classifier of them."""

    @abstractmethod
    def _features(self, proba, y):
        """Return features, shape (n, n_attack_features)."""

    @abstractmethod
    def _make_attack_estimator(self):
        """Return an unfitted classifier with ``predict_proba``."""

    def _fit_attack_estimator(self, features, membership, seed):
        estimator = with_seed(self._make_attack_estimator(), seed)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(f"attack_estimator={estimator!r} has no predict_proba.")
        with warnings.catch_warnings():
            # a classifier of noise (no leak) need not converge, and says nothing by it
            warnings.simplefilter("ignore", ConvergenceWarning)
            return estimator.fit(features, membership)

    def _learn(self, pool, y):
        seed, sample_seed = np.random.SeedSequence(entropy_from(self.random_state)).spawn(2)
        rng = np.random.default_rng(sample_seed)
        share = -(-MAX_TRAINING_RECORDS // pool.n_shadows)
        features, members = [], []
        for s in range(pool.n_shadows):
            rows = np.arange(len(y))
            if rows.size > share:
                rows = np.sort(rng.choice(rows, share, replace=False))
            features.append(self._shadow_features(pool, y, s, rows))
            members.append(pool.members_[s, rows])
        self.attack_estimator_ = self._fit_attack_estimator(
            np.concatenate(features), np.concatenate(members), seed
        )

    def _shadow_features(self, pool, y, shadow, rows):
        proba = pool.outputs().one(shadow)[rows]
        return self._features(align_columns(proba, pool.classes_, self.target_classes_), y[rows])

    def _shadow_scores(self, pool, y, shadows, learned):
        for s in shadows:
            yield self._log_odds(self._shadow_features(pool, y, s, np.arange(len(y))))

    def _log_odds(self, features):
        # columns are [False, True]: both kinds are in every training set
        proba = self.attack_estimator_.predict_proba(features)
        log = np.log(np.maximum(proba, np.finfo(np.float64).tiny))
        return log[:, 1] - log[:, 0]

    def _score(self, X, y, labels):
        return self._log_odds(self._features(self._ask(X), y))


class ShadowModelAttack(_LearnedAttack):
    """Attack classifier trained on the outputs of shadow models.

    Each shadow's members and non-members give one training record each: what the shadow
    answers on it, and whether it was trained on it.

    Features: the probabilities as they are with the true class as indicators beside them
    (``"raw"``), or from the largest to the smallest (``"sorted"``), whether the answer is right,
    cross-entropy, logit of the true class, entropy, and margin p_y - max_{c != y} p_c.

    Parameters
    ----------
    target : fitted classifier
        With ``predict_proba``; also a pipeline or a
        :class:`~sklearn.frozen.FrozenEstimator`, or what
        :func:`as_target` makes of another model. Never refitted.
    shadow_estimator : classifier or None, default=None
        What the attacker trains as a stand-in; ``None`` clones the target.
    attack_estimator : classifier or None, default=None
        With ``predict_proba``; ``None`` is a standard scaler and a logistic regression.
    features : {"raw", "sorted"}, default="raw"
    n_shadows : int, default=16
        Even, at least 2.
    n_queries : int, default=1
        Answers averaged for each record, of target and shadows, where they are sampled.
    memory : None, str, path-like or joblib.Memory, default=None
        Cache of the shadows; see :class:`ShadowPool`.
    n_jobs : int or None, default=None
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
    verbose : int, default=0

    Attributes
    ----------
    attack_estimator_ : classifier
    shadow_pool_ : ShadowPool
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Notes
    -----
    R. Shokri, M. Stronati, C. Song, V. Shmatikov, "Membership Inference Attacks Against
    Machine Learning Models", S&P 2017. Deviations: one attack classifier for all classes
    (their one for each class starves on small data; ``"raw"`` tells it the class), shadows
    trained on halves of one pool instead of disjoint or synthetic data, at most 20,000
    training records.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skqmu.attacks import ShadowModelAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> target = RandomForestClassifier(10, random_state=0).fit(X[::2], y[::2])
    >>> attack = ShadowModelAttack(target, n_shadows=4, random_state=0).fit(X, y)
    >>> proba = attack.predict_proba(X, y)[:, 1]
    >>> bool(proba[::2].mean() > proba[1::2].mean())
    True
    """

    def __init__(
        self,
        target,
        shadow_estimator=None,
        *,
        attack_estimator=None,
        features="raw",
        n_shadows=16,
        n_queries=1,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.target = target
        self.shadow_estimator = shadow_estimator
        self.attack_estimator = attack_estimator
        self.features = features
        self.n_shadows = n_shadows
        self.n_queries = n_queries
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_target(self):
        check_choice("features", self.features, ("sorted", "raw"))
        super()._check_target()

    def _make_attack_estimator(self):
        if self.attack_estimator is None:
            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        return clone(self.attack_estimator)

    def _features(self, proba, y):
        rows = np.arange(len(y))
        others = proba.copy()
        others[rows, y] = 0.0
        true = proba[rows, y]
        summary = (
            proba.argmax(axis=1) == y,
            cross_entropy(proba, y),
            true_class_logit(proba, y),
            entr(proba).sum(axis=1),
            true - others.max(axis=1),
        )
        if self.features == "sorted":
            first = -np.sort(-proba, axis=1)
        else:
            first = np.hstack((proba, np.eye(proba.shape[1])[y]))
        return np.column_stack((first, *summary))


class QNNOutputAttack(_LearnedAttack):
    """The attack published against quantum neural networks: a small network on the output.

    Features: the C probabilities, their maximum, whether the answer is right, and the
    cross-entropy (13 for ten classes); classifier: standard scaler and a network with two
    hidden layers of 64.

    Parameters
    ----------
    target : fitted classifier
        With ``predict_proba``; also a pipeline or a
        :class:`~sklearn.frozen.FrozenEstimator`, or what
        :func:`as_target` makes of another model. Never refitted.
    shadow_estimator : classifier or None, default=None
        What the attacker trains as a stand-in; ``None`` clones the target.
    trained_on : {"shadows", "target"}, default="shadows"
        ``"target"`` is the published protocol: the attack classifier is trained on the
        target's own members and non-members, which :meth:`fit` is then told. That is an
        auditor, who knows the answer to other questions of the same kind; it is labelled
        so in the threat model, with a warning.
    n_shadows : int, default=16
        Even, at least 2; not used with ``trained_on="target"``.
    n_queries : int, default=1
        Answers averaged for each record, of target and shadows, where they are sampled.
    memory : None, str, path-like or joblib.Memory, default=None
        Cache of the shadows; see :class:`ShadowPool`.
    n_jobs : int or None, default=None
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
    verbose : int, default=0

    Attributes
    ----------
    attack_estimator_ : classifier
    shadow_pool_ : ShadowPool
        With ``trained_on="shadows"``.
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Notes
    -----
    Su et al., arXiv 2509.06086 (2025). Deviation: standardised features.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skqmu.attacks import QNNOutputAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> target = RandomForestClassifier(10, random_state=0).fit(X[::2], y[::2])
    >>> attack = QNNOutputAttack(target, n_shadows=4, random_state=0).fit(X, y)
    >>> scores = attack.decision_function(X, y)
    >>> bool(scores[::2].mean() > scores[1::2].mean())
    True
    """

    audit_names: ClassVar[dict] = {"qnn_output": {}}

    def __init__(
        self,
        target,
        shadow_estimator=None,
        *,
        trained_on="shadows",
        n_shadows=16,
        n_queries=1,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.target = target
        self.shadow_estimator = shadow_estimator
        self.trained_on = trained_on
        self.n_shadows = n_shadows
        self.n_queries = n_queries
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @property
    def fit_requires(self):
        """What :meth:`fit` needs beside the pool."""
        return frozenset({"membership"} if self.trained_on == "target" else ())

    def fit(self, X_pool=None, y_pool=None, *, pool=None, membership=None):
        """Train the attack classifier.

        Parameters
        ----------
        X_pool : array-like, sparse matrix or data frame of shape (n_pool, n_features)
        y_pool : array-like of shape (n_pool,)
        pool : ShadowPool or None, default=None
            Fitted shadows to share; X_pool and y_pool are then left out.
        membership : array-like of shape (n_pool,), bool, or None, default=None
            Which records of the pool the target was trained on; with
            ``trained_on="target"``, and only then.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            `membership` is given to an attack on shadows, is missing in an auditor's, or holds
            one side only.
        """
        check_choice("trained_on", self.trained_on, ("shadows", "target"))
        if self.trained_on == "shadows":
            if membership is not None:
                raise ValueError(
                    "membership is the answer that the attack is to find; only "
                    "trained_on='target', an auditor's attack, may be told it."
                )
            self.__dict__.pop("_shown", None)
            return super().fit(X_pool, y_pool, pool=pool)
        if pool is not None or membership is None or X_pool is None:
            raise ValueError(
                "trained_on='target' needs X_pool, y_pool and membership=, and no shadows."
            )
        X, y, labels = self._start_fit(X_pool, y_pool)
        membership = check_mask("membership", membership, labels.shape[0])
        if membership.all() or not membership.any():
            raise ValueError("membership must hold members and non-members.")
        warnings.warn(
            "trained_on='target': this attack is shown which records the target was trained "
            "on. Its success is an auditor's, not an outsider's.",
            ThreatModelWarning,
        )
        features = self._features(self._ask(X), y)
        seed = np.random.SeedSequence(entropy_from(self.random_state))
        self.attack_estimator_ = self._fit_attack_estimator(features, membership, seed)
        self._calibration = Calibration.fit(self._log_odds(features), membership)
        self._shown = RecordIndex(X, labels)
        self.__dict__.pop("shadow_pool_", None)
        return self._finish_fit(labels, knows_members=True)

    def _check_fairness(self, X, labels, membership):
        if self.threat_model_.knows_members:
            warn_if_in_sample(self._shown.locate(X, labels) >= 0)

    def _make_attack_estimator(self):
        network = MLPClassifier((64, 64), max_iter=300, tol=1e-3)
        return make_pipeline(StandardScaler(), network)

    def _features(self, proba, y):
        return np.column_stack(
            (proba, proba.max(axis=1), proba.argmax(axis=1) == y, cross_entropy(proba, y))
        )
