"""Leakage against shots, repeated queries and noise: what sampling hides, queries uncover."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone

from .._identity import settings_line
from .._site_links import SiteLinksMixin
from .._validation import check_is_fitted, did_you_mean
from ._attack import ShadowAttack
from ._estimators import unwrap
from ._records import check_count
from ._result import AttackResult
from .targets import adapted

__all__ = ["ShotCurveResult", "ShotLeakageCurve", "ShotPoint"]


@dataclass(frozen=True)
class ShotPoint:
    """One point of the curve: a setting of the target, and what leaks there.

    Parameters
    ----------
    shots : int or None
        Behind one answer; None is exact.
    n_queries : int
        Answers averaged for each record.
    noise : object or None
        Value of the noise parameter; None where it was not varied.
    result : AttackResult

    Examples
    --------
    >>> from skqmu.attacks import ShotPoint
    >>> ShotPoint(128, 8, None, None).budget
    1024
    """

    shots: int | None
    n_queries: int
    noise: object
    result: AttackResult

    @property
    def budget(self):
        """Shots spent on one record, shots times queries; None when exact."""
        return None if self.shots is None else self.shots * self.n_queries


@dataclass(frozen=True)
class ShotCurveResult:
    """Leakage at every setting that was asked for.

    Parameters
    ----------
    points : tuple of ShotPoint

    Examples
    --------
    >>> from skqmu.attacks import ShotCurveResult
    >>> ShotCurveResult(()).points
    ()
    """

    points: tuple

    def wins_at(self, auc=0.5, *, noise=None):
        """Return the cheapest setting at which the attack wins.

        Parameters
        ----------
        auc : float, default=0.5
            The attack wins where the whole interval of its AUC is above this.
        noise : object, default=None
            Among points of this noise.

        Returns
        -------
        ShotPoint or None
            With the smallest budget of shots (exact answers come last); None if it wins
            nowhere.
        """
        winning = [
            point
            for point in self.points
            if point.noise == noise and point.result.auc_interval[0] > auc
        ]
        return min(winning, key=_cost, default=None)

    def to_dict(self):
        """Return plain Python values that strict JSON holds.

        Returns
        -------
        dict
        """
        return {
            "points": [
                {
                    "shots": point.shots,
                    "n_queries": point.n_queries,
                    "noise": _plain(point.noise),
                    "budget": point.budget,
                    "result": point.result.to_dict(),
                }
                for point in self.points
            ]
        }

    def report(self, *, title=None, attack=None):
        """Return the result as a report: JSON, a page, Markdown, text.

        Parameters
        ----------
        title : str or None, default=None
            Names the target in it.
        attack : attack or None, default=None
            The one that achieved it: all its settings go into the report, rows do not.

        Returns
        -------
        ShotCurveReport
        """
        from ._attack_reports import ShotCurveReport

        return ShotCurveReport.from_result(self, title=title, attack=attack)

    def __str__(self):
        lines = [f"{'shots':>8} {'queries':>8} {'noise':>10} {'budget':>9}  AUC"]
        for point in self.points:
            low, high = point.result.auc_interval
            noise = _show(_plain(point.noise), "-")
            lines.append(
                f"{_show(point.shots):>8} {point.n_queries:>8} {noise:>10} "
                f"{_show(point.budget):>9}  {point.result.auc:.3f} [{low:.3f}, {high:.3f}]"
            )
        if self.points:
            lines.append(str(self.points[0].result.threat_model))
        return "\n".join(lines)


def _cost(point):
    budget = np.inf if point.budget is None else point.budget
    return budget, point.n_queries


def _plain(noise):
    return noise if isinstance(noise, int | float | str | None) else settings_line(noise)


def _show(value, missing="exact"):
    return missing if value is None else str(value)


class ShotLeakageCurve(MetaEstimatorMixin, SiteLinksMixin, BaseEstimator):
    """How much a sampled model leaks, against shots, repeated queries and noise.

    :class:`skqmu.metrics.ShotCurveDisplay` draws it.

    The shadows are trained once, as the attack's `shadow_estimator` says (on an exact
    backend, if time matters); at every setting the target and the shadows are asked anew,
    with the same weights and all on the target's backend, and the attack is fitted again to
    what they answer. The target itself is left alone: a copy is asked.

    Parameters
    ----------
    attack : attack with shadows
        Its target must have a parameter that sets the shots.
    shots : sequence of int or None, default=(64, 256, 1024, 8192)
        None is exact.
    n_queries : sequence of int, default=(1,)
        Numbers of answers averaged. K answers of N shots act as K N shots.
    noise : sequence of object or None, default=None
        Values of `noise_parameter`; None leaves it alone.
    shots_parameter : str, default="backend__shots"
        Name of the (nested) parameter of the target; in a pipeline it is found by its
        ending. Shadows are given what it belongs to, the backend.
    noise_parameter : str, default="backend__noise"

    Attributes
    ----------
    shadow_pool_ : ShadowPool

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu.attacks import LiRAAttack, ShotLeakageCurve
    >>> class Backend(BaseEstimator):
    ...     def __init__(self, shots=None):
    ...         self.shots = shots
    >>> class SampledTree(DecisionTreeClassifier):
    ...     def __init__(self, backend=None, random_state=None):
    ...         super().__init__(random_state=random_state)
    ...         self.backend = backend
    ...     def predict_proba(self, X):
    ...         p = super().predict_proba(X) * 0.4 + 0.2      # never sure of itself
    ...         shots, rng = self.backend.shots, self.__dict__.setdefault(
    ...             "noise_", np.random.default_rng(0))
    ...         p /= p.sum(axis=1, keepdims=True)
    ...         return p if shots is None else rng.multinomial(shots, p) / shots
    >>> X, y = load_iris(return_X_y=True)
    >>> y = np.random.default_rng(0).permutation(y)           # nothing but memory helps
    >>> target = SampledTree(Backend()).fit(X[::2], y[::2])
    >>> attack = LiRAAttack(target, n_shadows=8, random_state=0)
    >>> curve = ShotLeakageCurve(attack, shots=(8, None)).fit(X, y)
    >>> members = np.arange(150) % 2 == 0
    >>> few, exact = curve.evaluate(X, y, members, fprs=(0.1,)).points
    >>> few.result.auc < exact.result.auc
    True
    """

    def __init__(
        self,
        attack,
        *,
        shots=(64, 256, 1024, 8192),
        n_queries=(1,),
        noise=None,
        shots_parameter="backend__shots",
        noise_parameter="backend__noise",
    ):
        self.attack = attack
        self.shots = shots
        self.n_queries = n_queries
        self.noise = noise
        self.shots_parameter = shots_parameter
        self.noise_parameter = noise_parameter

    def fit(self, X_pool=None, y_pool=None, *, pool=None):
        """Train the shadows.

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
        TypeError
            An attack without shadows, or one that needs shadows that have unlearned and no `pool`.
        ValueError
            An attack with ``n_shadows=0`` and no `pool`.
        """
        if not isinstance(self.attack, ShadowAttack) or self.attack.query != "proba":
            raise TypeError(
                f"attack={self.attack!r} must be an attack with shadows that sees probabilities."
            )
        if pool is None and "forget" in self.attack.fit_requires:
            raise TypeError(
                f"attack={type(self.attack).__name__} needs shadows that have unlearned; pass "
                "pool=, fitted with forget=."
            )
        if pool is None and self.attack.n_shadows == 0:
            raise ValueError(
                f"attack={type(self.attack).__name__} has n_shadows=0, and the curve shares the "
                "attack's shadows between its points; set n_shadows (16, say), or pass pool=."
            )
        for shots in self.shots:
            if shots is not None:
                check_count("shots", shots, 1)
        for n_queries in self.n_queries:
            check_count("n_queries", n_queries, 1)
        self._settings = self._find_parameters()
        fitted = clone(self.attack)
        if pool is not None:
            fitted.set_params(n_queries=pool.n_queries)
        self.shadow_pool_ = fitted.fit(X_pool, y_pool, pool=pool).shadow_pool_
        return self

    def _find_parameters(self):
        known = unwrap(adapted(self.attack.target)).get_params(deep=True)
        names = [_find("shots_parameter", self.shots_parameter, known)]
        if self.noise is not None:
            names.append(_find("noise_parameter", self.noise_parameter, known))
        return names

    def evaluate(self, X, y, membership, **options):
        """Attack at every setting.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)
        membership : array-like of shape (n,), bool
        **options : object
            Passed to :func:`skqmu.metrics.membership_result`.

        Returns
        -------
        ShotCurveResult
        """
        check_is_fitted(self)
        # ONE copy for all settings: its noise goes on from one to the next
        target = deepcopy(unwrap(adapted(self.attack.target)))
        points = []
        for noise in [None] if self.noise is None else self.noise:
            for shots in self.shots:
                values = (shots,) if self.noise is None else (shots, noise)
                params = dict(zip(self._settings, values, strict=True))
                target.set_params(**params)
                for n_queries in self.n_queries:
                    pool = self.shadow_pool_.asked_again(
                        n_queries=n_queries, params=_owners(target, params)
                    )
                    attack = clone(self.attack).set_params(target=target, n_queries=n_queries)
                    result = attack.fit(pool=pool).evaluate(X, y, membership, **options)
                    points.append(ShotPoint(shots, int(n_queries), noise, result))
        return ShotCurveResult(tuple(points))


def _owners(target, params):
    """Return copies of the objects whose parameters were set, for the shadows.

    The whole backend, not its shots alone: shadows may have been trained on another one,
    or have a name where the target has an object.
    """
    known, owners = target.get_params(deep=True), {}
    for name in params:
        owner = name.rpartition("__")[0] or name
        owners[owner] = clone(known[owner], safe=False)
    return owners


def _find(parameter, name, known):
    if name in known:
        return name
    found = sorted(key for key in known if key.endswith(f"__{name}"))
    if len(found) == 1:
        return found[0]
    raise ValueError(
        f"{parameter}={name!r} is "
        + ("ambiguous" if found else "not a parameter")
        + f" of the target; {', '.join(found) or 'its parameters: ' + ', '.join(sorted(known))}."
        + ("" if found else did_you_mean(name, known))
        + " (Nested parameters need an object: backend=AerBackend(), not backend='aer'.)"
    )
