"""Attacks that see labels only: is it right, and how firmly?"""

from typing import ClassVar

import numpy as np

from .._rows import columns_of, measured_columns, n_columns, with_columns
from .._validation import check_choice
from ._attack import ShadowAttack
from ._estimators import entropy_from
from ._outputs import query_labels
from ._records import check_count

__all__ = ["LabelOnlyAttack"]


class LabelOnlyAttack(ShadowAttack):
    """Correctness of the predicted label, and its robustness.

    The score is 1 for a right answer (0 for a wrong one) plus the share of further answers
    that are right, so right records always come before wrong ones:

    - ``perturbation="noise"``: answers on rows with Gaussian noise added, of several
      strengths, in units of each feature's standard deviation over the pool (in a table of mixed
      columns to those with fractions alone: whole numbers may be codes);
    - ``"shots"``: answers on the same row again, which differ when the target is sampled;
    - ``"none"``: no further answers (the gap attack of Yeom et al., 2018).

    Parameters
    ----------
    target : fitted classifier
        ``predict`` is all that is asked. Also a pipeline or a
        :class:`~sklearn.frozen.FrozenEstimator`, or what
        :func:`as_target` makes of another model. Never refitted.
    shadow_estimator : classifier or None, default=None
        What the attacker trains as a stand-in; ``None`` clones the target.
    perturbation : {"noise", "shots", "none"}, default="noise"
    scales : sequence of float, default=(0.1, 0.2, 0.4, 0.8)
        Strengths of the noise, taken in turns.
    n_queries : int, default=16
        Further answers for each record.
    n_shadows : int, default=8
        Even. Shadows give the threshold of ``predict`` and ``predict_proba``, and are trained
        when these are first asked for; with 0 there are none, and only ``decision_function`` and
        ``evaluate`` work.
    memory : None, str, path-like or joblib.Memory, default=None
        Cache of the shadows; see :class:`ShadowPool`.
    n_jobs : int or None, default=None
    random_state : None, int, SeedSequence, RandomState or Generator, default=None
    verbose : int, default=0

    Attributes
    ----------
    noise_ : ndarray of shape (n_queries, n_features)
        Directions, the same for every record: a score does not depend on a record's
        neighbours. Only with ``perturbation="noise"``.
    shadow_pool_ : ShadowPool
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Notes
    -----
    C. Choquette-Choo, F. Tramer, N. Carlini, N. Papernot, "Label-Only Membership Inference
    Attacks", ICML 2021, section 4. Deviations: a share of right answers instead of the
    distance found by HopSkipJump, and the variant with repeated finite-shot answers.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu.attacks import LabelOnlyAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> target = DecisionTreeClassifier(random_state=0).fit(X[::2], y[::2])
    >>> attack = LabelOnlyAttack(target, n_shadows=4, random_state=0).fit(X, y)
    >>> scores = attack.decision_function(X, y)
    >>> bool(scores[::2].mean() > scores[1::2].mean())
    True
    """

    query = "label"
    # not in audits: it asks more than once a record, which they do not count
    audit_names: ClassVar[dict] = {}

    def __init__(
        self,
        target,
        shadow_estimator=None,
        *,
        perturbation="noise",
        scales=(0.1, 0.2, 0.4, 0.8),
        n_queries=16,
        n_shadows=8,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.target = target
        self.shadow_estimator = shadow_estimator
        self.perturbation = perturbation
        self.scales = scales
        self.n_queries = n_queries
        self.n_shadows = n_shadows
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X_pool=None, y_pool=None, *, pool=None):
        """Draw the noise, and train shadows on the attacker's pool or take those given.

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
            `scales` are not positive numbers, or there is no pool.
        """
        check_choice("perturbation", self.perturbation, ("noise", "shots", "none"))
        scales = np.asarray(self.scales, dtype=np.float64)
        if scales.ndim != 1 or scales.size == 0 or not (scales > 0).all():
            raise ValueError(f"scales={self.scales!r} must be one or more positive numbers.")
        if pool is not None or self.n_shadows != 0:
            return super().fit(X_pool, y_pool, pool=pool)
        if X_pool is None:
            raise ValueError("fit needs X_pool and y_pool, or pool=.")
        X, _, labels = self._start_fit(X_pool, y_pool)
        self._draw_noise(X)
        for name in (*self._of_shadows, "_waiting"):
            self.__dict__.pop(name, None)
        return self._finish_fit(labels, **self._facts())

    def _shadows_wait(self):
        return True

    def _wait(self, pool, X, labels):
        check_count("n_queries", self.n_queries, 1)
        self._draw_noise(X)
        return super()._wait(pool, X, labels)

    def _facts(self):
        further = 0 if self.perturbation == "none" else self.n_queries
        return {"n_queries": 1 + further, "notes": (f"perturbation={self.perturbation!r}.",)}

    def _can_calibrate(self):
        return self.n_shadows != 0 or hasattr(self, "_calibration") or hasattr(self, "shadow_pool_")

    def _n_shadow_queries(self):
        # the pool's probabilities are not looked at
        return 1

    def _learn(self, pool, y):
        check_count("n_queries", self.n_queries, 1)
        if "_waiting" not in vars(self):  # else drawn by fit
            self._draw_noise(pool.X_)

    def _draw_noise(self, X):
        if self.perturbation == "noise":
            spread = np.zeros(n_columns(X))
            for j, spread_of in _spreads(X).items():
                spread[j] = spread_of
            rng = np.random.default_rng(np.random.SeedSequence(entropy_from(self.random_state)))
            scales = np.resize(np.asarray(self.scales, dtype=np.float64), self.n_queries)
            self.noise_ = rng.standard_normal((self.n_queries, spread.size))
            self.noise_ *= scales[:, None] * spread
        else:
            self.__dict__.pop("noise_", None)

    def _observe(self):
        noise = {
            "noise": lambda: list(self.noise_),
            "shots": lambda: [None] * self.n_queries,
            "none": lambda: [],
        }[self.perturbation]()
        return _Robustness(self.target_classes_, noise)

    def _shadow_scores(self, pool, y, shadows, learned):
        scores = pool.map(self._observe(), pool.X_, y, shadows=[int(s) for s in shadows])
        for k in range(len(shadows)):
            yield scores.one(k)

    def _score(self, X, y, labels):
        return self._observe()(self._adapted, X, y)


class _Robustness:
    """The score, as something that workers can be sent."""

    def __init__(self, classes, noise):
        self.classes, self.noise = classes, noise

    def __call__(self, model, X, y):
        score = (query_labels(model, X, self.classes) == y).astype(np.float64)
        for direction in self.noise:
            rows = X if direction is None else _add(X, direction)
            right = query_labels(model, rows, self.classes) == y
            score += right / len(self.noise)
        return score


def _add(X, direction):
    if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
        return X + direction
    columns = columns_of(X)
    return with_columns(X, {j: columns[j] + direction[j] for j in np.flatnonzero(direction)})


def _spreads(X):
    """Standard deviation of each column that noise can be added to."""
    if getattr(X, "ndim", 2) == 1 or not (columns := measured_columns(X)):
        raise ValueError(
            "perturbation='noise' needs columns of measured numbers; use 'shots' or 'none' where "
            "rows have none."
        )
    return {j: np.nanstd(values) for j, values in columns.items()}
