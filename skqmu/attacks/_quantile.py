"""An attack without shadows: how surprising is this logit for a non-member like this?"""

import numbers

import numpy as np
from scipy import sparse
from scipy.special import ndtr, ndtri
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_array

from ..metrics.signals import resolution, true_class_logit
from ._attack import Attack
from ._estimators import entropy_from, known_members, unwrap, with_seed
from ._records import RecordIndex, check_count, record_keys

__all__ = ["QuantileAttack"]


class QuantileAttack(Attack):
    """Quantile regression of the logit on the record, over non-members.

    On records that the target was NOT trained on, quantiles of the true class's logit phi
    are regressed on the row and its label. A record is suspicious when its own phi is above
    a high quantile of what its row makes expect. The score is the normal quantile of phi's
    place among the predicted quantiles: linear between them, and beyond the outermost ones
    continued with the slope of the nearest two.

    Parameters
    ----------
    target : fitted classifier
        With ``predict_proba``; also a pipeline or a
        :class:`~sklearn.frozen.FrozenEstimator`, or what
        :func:`as_target` makes of another model. Never refitted.
    regressor : regressor or None, default=None
        With a parameter ``quantile`` (or ``alpha``) for the level; ``None`` is gradient
        boosting of 50 rounds.
    levels : sequence of float, default=(0.1, 0.3, 0.5, 0.7, 0.9, 0.97)
        Increasing, in (0, 1), two at least.
    alpha : float, default=0.05
        False-positive rate that ``predict`` aims at.
    cv : int, default=3
        Folds: every record is scored by the regressors of one fold, which did not see it;
        other records by those of a fold that their values choose, so that they compare.
    n_queries : int, default=1
        Answers averaged for each record, where the target is sampled.
    random_state : None, int, SeedSequence, RandomState or Generator, default=None

    Attributes
    ----------
    eps_ : float
        Probabilities nearer to 0 or 1 count as this near; see :class:`LiRAAttack`.
    regressors_ : list of list of regressors
        By fold and level.
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Notes
    -----
    M. Bertran et al., "Scalable Membership Inference Attacks via Quantile Regression",
    NeurIPS 2023. Deviations: several levels at once (sorted where they cross) instead of a
    single one, boosted trees instead of a network, cross-fitting.

    ``predict_proba`` is Phi(score), one minus the p-value of "not a member"; without
    members to look at it is no posterior.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skqmu.attacks import QuantileAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> target = RandomForestClassifier(10, random_state=0).fit(X[::2], y[::2])
    >>> attack = QuantileAttack(target, random_state=0).fit(X[1::2], y[1::2])
    >>> inside = attack.decision_function(X[::2], y[::2])
    >>> bool(inside.mean() > attack.decision_function(X[1::2], y[1::2]).mean())
    True
    """

    def __init__(
        self,
        target,
        *,
        regressor=None,
        levels=(0.1, 0.3, 0.5, 0.7, 0.9, 0.97),
        alpha=0.05,
        cv=3,
        n_queries=1,
        random_state=None,
    ):
        self.target = target
        self.regressor = regressor
        self.levels = levels
        self.alpha = alpha
        self.cv = cv
        self.n_queries = n_queries
        self.random_state = random_state

    def fit(self, X_pool, y_pool):
        """Learn what non-members' logits look like.

        Parameters
        ----------
        X_pool : array-like, sparse matrix or data frame of shape (n_pool, n_features)
            Records that the target was NOT trained on.
        y_pool : array-like of shape (n_pool,)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            The target's member record knows some of them.
        """
        levels = self._check_params()
        X, y, labels = self._start_fit(X_pool, y_pool)
        known = known_members(self._adapted, X, labels)
        if known is not None and known.any():
            raise ValueError(
                f"{known.sum()} of {known.size} records of the pool are in the target's "
                f"training set (first: row {np.flatnonzero(known)[0]}); this attack learns "
                "from non-members only."
            )
        index = RecordIndex(X, labels)
        if index.n_groups < 2 * self.cv:
            raise ValueError(
                f"the pool holds {index.n_groups} distinct records; cv={self.cv} folds need "
                f"{2 * self.cv} at least."
            )
        seed, *seeds = np.random.SeedSequence(entropy_from(self.random_state)).spawn(1 + self.cv)
        # copies of a record share its fold
        fold_of = np.random.default_rng(seed).permutation(index.n_groups) % self.cv
        folds = fold_of[index.groups]
        proba = self._ask(X)
        self.eps_ = resolution([(proba, y)])
        phi = true_class_logit(proba, y, self.eps_)
        rows = self._regression_rows(X, y)
        self.regressors_ = [
            [
                self._regressor(level, seeds[k]).fit(rows[folds != k], phi[folds != k])
                for level in levels
            ]
            for k in range(self.cv)
        ]
        # discrete answers make quantiles equal; a spread of zero would divide by it
        self._floor = max(1e-3, 1e-3 * float(np.ptp(phi)))
        self._index, self._folds, self._levels = index, folds, levels
        return self._finish_fit(labels, notes=("the pool must hold non-members only.",))

    def _check_params(self):
        levels = np.asarray(self.levels, dtype=np.float64)
        if (
            levels.ndim != 1
            or levels.size < 2
            or not ((levels > 0) & (levels < 1)).all()
            or not (np.diff(levels) > 0).all()
        ):
            raise ValueError(
                f"levels={self.levels!r} must be two or more increasing numbers in (0, 1)."
            )
        if not isinstance(self.alpha, numbers.Real) or not 0 < self.alpha < 1:
            raise ValueError(f"alpha={self.alpha!r} must be in (0, 1).")
        check_count("cv", self.cv, 2)
        return levels

    def _regressor(self, level, seed):
        if self.regressor is None:
            regressor = HistGradientBoostingRegressor(
                loss="quantile", quantile=0.5, max_iter=50, early_stopping=False
            )
        else:
            regressor = clone(self.regressor)
        names = [n for n in ("quantile", "alpha") if n in regressor.get_params(deep=False)]
        if not names:
            raise TypeError(f"regressor={regressor!r} has no parameter 'quantile' or 'alpha'.")
        return with_seed(regressor.set_params(**{names[0]: level}), seed)

    def _regression_rows(self, X, y):
        target = unwrap(self._adapted)
        if sparse.issparse(X):
            X = X.toarray()
        try:
            X = check_array(X, dtype=np.float64, ensure_all_finite=False)
        except ValueError:
            if not isinstance(target, Pipeline) or len(target.steps) < 2:
                raise
            # text or categories: what the pipeline's own first steps make of them
            X = target[:-1].transform(X)
            X = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
        return np.hstack((X, np.eye(self.target_classes_.size)[y]))

    def _score(self, X, y, labels):
        phi = true_class_logit(self._ask(X), y, self.eps_)
        rows = self._regression_rows(X, y)
        at = self._index.locate(X, labels)
        # by a record's own bytes: at random, and the same whatever its neighbours are
        drawn = np.array([key[0] % self.cv for key in record_keys(X, labels)])
        folds = np.where(at >= 0, self._folds[at], drawn)
        expected = np.empty((phi.size, self._levels.size))
        for fold in np.unique(folds):
            mine = folds == fold
            for k, regressor in enumerate(self.regressors_[fold]):
                expected[mine, k] = regressor.predict(rows[mine])
        return normal_score(phi, np.sort(expected, axis=1), ndtri(self._levels), self._floor)

    def predict_proba(self, X, y):
        """Return Phi(score): the share of non-members like this that are less suspicious.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)

        Returns
        -------
        ndarray of shape (n, 2)
        """
        level = ndtr(self.decision_function(X, y))
        return np.column_stack((1.0 - level, level))

    def predict(self, X, y):
        """Say which records are members, at a false-positive rate of about `alpha`.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)

        Returns
        -------
        ndarray of shape (n,), bool
        """
        return self.decision_function(X, y) > ndtri(1.0 - self.alpha)


def normal_score(phi, quantiles, z, floor):
    """Return the normal quantile of each phi's place among its predicted quantiles.

    Parameters
    ----------
    phi : ndarray of shape (n,)
    quantiles : ndarray of shape (n, n_levels), increasing along rows
    z : ndarray of shape (n_levels,)
        Normal quantiles of the levels, strictly increasing.
    floor : float
        Least distance of two quantiles for each unit of z.

    Returns
    -------
    ndarray of shape (n,)
        Increasing in phi, and linear between and beyond the quantiles.
    """
    step = np.diff(z)
    widths = np.maximum(np.diff(quantiles, axis=1), floor * step)
    knots = np.hstack((quantiles[:, :1], quantiles[:, :1] + np.cumsum(widths, axis=1)))
    # the segment of phi; those outside belong to the first and the last one
    k = np.clip((phi[:, None] >= knots).sum(axis=1) - 1, 0, step.size - 1)
    rows = np.arange(phi.size)
    return z[k] + (phi - knots[rows, k]) / widths[rows, k] * step[k]
