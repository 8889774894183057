"""What every attack is: a meta-estimator over a fitted classifier that it never fits."""

import threading
from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils.metaestimators import available_if

from .._site_links import SiteLinksMixin
from .._validation import check_is_fitted
from ..metrics.signals import encode_labels
from ._calibration import Calibration
from ._estimators import (
    check_query_method,
    check_target,
    entropy_from,
    not_asked,
    settings_of,
    shots_of,
    unwrap,
)
from ._guards import check_evaluation, n_requests, warn_if_stale
from ._outputs import query_labels, query_proba
from ._pool import ShadowPool
from ._records import check_count, check_records
from ._result import attack_result
from ._threat_model import ThreatModel
from .targets import adapted

__all__ = ["Attack", "ShadowAttack"]

# Held while shadows that waited are trained: an attack may be asked from several threads.
_TRAINING = threading.RLock()


def _is_calibrated(attack):
    return attack._can_calibrate()


class Attack(MetaEstimatorMixin, SiteLinksMixin, BaseEstimator, metaclass=ABCMeta):
    """Base class of all attacks.

    A subclass sets ``query``, fits what it needs in ``fit`` (ending with
    :meth:`_finish_fit`) and returns scores from :meth:`_score`. `target` is shared by
    :func:`~sklearn.base.clone`, never cloned: a clone attacks the same fitted model.
    """

    query = "proba"
    # what fit needs beside the pool ("membership", "forget"); read by check_attack
    fit_requires: frozenset[str] = frozenset()

    @property
    def _adapted(self):
        """The target, in the adapter that it needs to be asked, if any."""
        return adapted(self.target)

    # -- for subclasses -------------------------------------------------------------------

    @abstractmethod
    def _score(self, X, y, labels):
        """Return scores of checked records; `y` are columns, `labels` as they were given."""

    def _can_calibrate(self):
        return True

    def _start_fit(self, X, y):
        """Check target and pool; return the records with labels as columns."""
        self._check_target()
        X, labels = check_records(X, y, unwrap(self._adapted), suffix="_pool")
        return X, encode_labels(labels, self.target_classes_, name="y_pool"), labels

    def _check_target(self):
        check_count("n_queries", self.n_queries, 1)
        self.target_classes_ = check_target(self._adapted)
        check_query_method(self._adapted, self.query)
        self.classes_ = np.array([False, True])
        if hasattr(self._adapted, "n_features_in_"):
            self.n_features_in_ = self._adapted.n_features_in_

    def _finish_fit(self, labels, **facts):
        """State the threat model."""
        self._n_forgotten = n_requests(self._adapted)
        _, counts = np.unique(labels, return_counts=True)
        facts = {
            "query": self.query,
            "n_queries": self.n_queries,
            "shots": shots_of(self._adapted),
            **facts,
        }
        facts["notes"] = (*facts.get("notes", ()), *not_asked(self._adapted))
        self.threat_model_ = ThreatModel(
            attack=type(self).__name__,
            pool=f"{labels.shape[0]} records of {counts.size} classes"
            + (f" ({', '.join(map(str, counts))})" if counts.size <= 20 else ""),
            **facts,
        )
        return self

    def _ask(self, X, model=None):
        """Return the probabilities that the target (or another model) answers with."""
        model = self._adapted if model is None else model
        return query_proba(model, X, self.target_classes_, self.n_queries)

    def _ask_labels(self, X, model=None):
        model = self._adapted if model is None else model
        return query_labels(model, X, self.target_classes_)

    def _records(self, X, y):
        check_is_fitted(self)
        warn_if_stale(self._adapted, self._n_forgotten)
        X, labels = check_records(X, y, unwrap(self._adapted))
        return X, encode_labels(labels, self.target_classes_), labels

    # -- for users ------------------------------------------------------------------------

    def decision_function(self, X, y):
        """Score records: the larger, the more likely a member.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)
            True labels; a record is a row with its label.

        Returns
        -------
        ndarray of shape (n,)
        """
        X, columns, labels = self._records(X, y)
        return self._score(X, columns, labels)

    @available_if(_is_calibrated)
    def predict_proba(self, X, y):
        """Return the probability of being a member, at even prior odds.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)

        Returns
        -------
        ndarray of shape (n, 2)
            Columns as in ``classes_``: non-member, member.
        """
        scores = self.decision_function(X, y)
        p = self._calibration.proba(scores)
        return np.column_stack((1.0 - p, p))

    @available_if(_is_calibrated)
    def predict(self, X, y):
        """Say which records are members.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)

        Returns
        -------
        ndarray of shape (n,), bool
        """
        return self.predict_proba(X, y)[:, 1] > 0.5

    def evaluate(self, X, y, membership, **options):
        """Attack records of known membership and measure how well it went.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)
        membership : array-like of shape (n,), bool
            Which records the target was trained on. Only this method sees it, and only
            after the scores are made.
        **options : object
            Passed to :func:`skqmu.metrics.membership_result`.

        Returns
        -------
        AttackResult
            A :class:`skqmu.metrics.MembershipResult`, so with intervals, that carries the
            threat model.

        Raises
        ------
        ValueError
            A record said to be no member is in the target's member record, or the other
            way round.

        Warns
        -----
        ThreatModelWarning
            Members and non-members differ in something else than membership: classes, or
            (for attacks with shadows) being in the attacker's pool.
        """
        X, columns, labels = self._records(X, y)
        membership = check_evaluation(self._adapted, X, labels, membership)
        self._check_fairness(X, labels, membership)
        scores = self._score(X, columns, labels)
        threat_model = self._stated(X, labels)
        return attack_result(scores[membership], scores[~membership], threat_model, **options)

    def _stated(self, X, labels):
        """Threat model of the scores of these very records."""
        return self.threat_model_

    def _check_fairness(self, X, labels, membership):
        """Warn of differences between members and non-members that this attack would see."""

    def __sklearn_is_fitted__(self):
        return hasattr(self, "threat_model_")

    def __sklearn_clone__(self):
        params = {
            name: value if name == "target" else clone(value, safe=False)
            for name, value in self.get_params(deep=False).items()
        }
        copy = type(self)(**params)
        if hasattr(self, "_metadata_request"):
            copy._metadata_request = clone(self._metadata_request, safe=False)
        return copy


class ShadowAttack(Attack):
    """Base class of attacks that learn from shadow models.

    A subclass learns from the pool in :meth:`_learn`, and offers :meth:`_shadow_scores`, the
    scores that it would give had a shadow been the target: on these, whose membership the
    attacker knows, probabilities are calibrated.
    """

    # shadows that play the target for the calibration
    _n_calibration = 8
    # False where n_shadows=0 does
    needs_shadows = True
    # whether scores are relative to those of the pool's records (RMIA); saves a query of the pool
    uses_population = False

    @abstractmethod
    def _learn(self, pool, y, **given):
        """Learn from the pool's shadows; `y` are the pool's labels as columns.

        `given` is what a subclass's ``fit`` was given beside the pool. What this returns is
        needed by the calibration alone: :meth:`_shadow_scores` gets it, and nobody keeps it.
        """

    @abstractmethod
    def _shadow_scores(self, pool, y, shadows, learned):
        """Yield the scores of the pool's records for each of `shadows` as the target."""

    def fit(self, X_pool=None, y_pool=None, *, pool=None):
        """Train shadows on the attacker's pool, or take those of another attack.

        Parameters
        ----------
        X_pool : array-like, sparse matrix or data frame of shape (n_pool, n_features)
            Records of the attacker's world. Those to be attacked may, and for an online
            attack should, be among them: nothing says which the target was trained on.
        y_pool : array-like of shape (n_pool,)
        pool : ShadowPool or None, default=None
            Fitted shadows to share, such as ``other_attack.shadow_pool_``; X_pool and
            y_pool are then left out, and this attack's shadow parameters are not used.

        Returns
        -------
        self
        """
        return self._fit(X_pool, y_pool, pool)

    def _fit(self, X_pool, y_pool, pool, **given):
        self._check_target()
        self.__dict__.pop("_waiting", None)
        if pool is None:
            if X_pool is None:
                raise ValueError("fit needs X_pool and y_pool, or pool=.")
            X, _, labels = self._start_fit(X_pool, y_pool)
            pool = self._make_pool()
            if self._shadows_wait():
                return self._wait(pool, X, labels)
            pool.fit(X, labels)
        else:
            pool = self._adopt(pool, X_pool)
        self._learn_from(pool, **given)
        return self._finish_fit(
            pool.y_, shadow_estimator=pool.settings_, n_shadows=pool.n_shadows, **self._facts()
        )

    def _learn_from(self, pool, **given):
        y = encode_labels(pool.y_, self.target_classes_, name="y_pool")
        learned = self._learn(pool, y, **given)
        if self._can_calibrate():
            self._calibration = self._calibrate(pool, y, learned)
        self.shadow_pool_ = pool

    # -- shadows that are trained when they are needed --------------------------------------

    def _shadows_wait(self):
        """Whether scores do without shadows, which then wait for whoever wants probabilities."""
        return False

    def _wait(self, pool, X, labels):
        """End `fit` with everything checked and drawn, and no shadow trained yet."""
        for name in self._of_shadows:
            self.__dict__.pop(name, None)
        template = pool.check(X, labels)
        self._waiting = pool, X, labels
        return self._finish_fit(
            labels,
            shadow_estimator=settings_of(template),
            n_shadows=pool.n_shadows,
            **self._facts(),
        )

    # what shadows are needed for
    _of_shadows = ("thresholds_", "shadow_pool_", "_calibration")

    def __getattr__(self, name):
        # only where there is no such attribute; an interrupt leaves the shadows waiting
        if name in self._of_shadows and "_waiting" in vars(self):
            with _TRAINING:
                if "_waiting" in vars(self):  # else another thread has trained them
                    pool, X, labels = self._waiting
                    self._learn_from(pool.fit(X, labels))
                    self.__dict__.pop("_waiting", None)
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def for_audit(cls, case, **parameters):
        """Make this attack against a model of an audit, and fit it.

        Parameters
        ----------
        case : AttackCase
            With shadows, unless the class can do without.
        **parameters : object
            Of the attack; of those that an audit knows a class names its own in
            ``audit_names``.

        Returns
        -------
        Attack
            Fitted.
        """
        n_shadows = 0 if case.pool is None else case.pool.n_shadows
        attack = cls(case.target, n_shadows=n_shadows, random_state=case.random_state, **parameters)
        if case.pool is None:
            return attack.fit(case.X_public, case.y_public)
        return attack.fit(pool=case.pool)

    def _facts(self):
        return {}

    def _n_shadow_queries(self):
        # shadows are asked as often as the target: averages of K have another spread
        return self.n_queries

    def _make_pool(self):
        source = self._adapted if self.shadow_estimator is None else self.shadow_estimator
        # drawn once a fit, here, so that a RandomState passed in advances once
        return ShadowPool(
            source,
            n_shadows=self.n_shadows,
            n_queries=self._n_shadow_queries(),
            memory=self.memory,
            n_jobs=self.n_jobs,
            random_state=entropy_from(self.random_state),
            verbose=self.verbose,
        )

    def _adopt(self, pool, X_pool):
        if X_pool is not None:
            raise ValueError(
                "pass either X_pool and y_pool, or pool=: a fitted pool brings its own records."
            )
        if not isinstance(pool, ShadowPool):
            raise TypeError(f"pool must be a fitted ShadowPool; got {type(pool).__name__}.")
        check_is_fitted(pool)
        # labels are asked of the shadows anew, whatever the pool's probabilities average
        if self.query == "proba" and pool.n_queries != self.n_queries:
            raise ValueError(
                f"n_queries={self.n_queries}, but the shadows of this pool were asked "
                f"{pool.n_queries} time(s): their answers have another spread than the "
                "target's. Use one number for both."
            )
        return pool

    def _calibration_shadows(self, pool):
        step = max(1, pool.n_shadows // self._n_calibration)
        return np.arange(0, pool.n_shadows, step)[: self._n_calibration]

    def _calibrate(self, pool, y, learned):
        shadows = self._calibration_shadows(pool)
        scores = list(self._shadow_scores(pool, y, shadows, learned))
        return Calibration.fit(np.concatenate(scores), pool.members_[shadows].ravel())
