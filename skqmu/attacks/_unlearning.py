"""Does unlearning leave a trace? A record trained and forgotten against one never trained."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import logsumexp
from scipy.stats import rankdata

from .._validation import check_choice
from ..metrics.signals import encode_labels
from ._guards import check_evaluation
from ._lira import LiRAAttack
from ._result import AttackResult, attack_result

__all__ = ["UnlearningAttack", "UnlearningResult"]


@dataclass(frozen=True)
class UnlearningResult:
    """What an unlearning-aware attack found, by population and by record.

    Parameters
    ----------
    forgotten : AttackResult or None
        Forgotten records against candidates that were never trained on.
    retained : AttackResult or None
        Retained records against others that were never trained on.
    records : dict of ndarray of shape (n_pool,)
        For each record of the pool, from the shadows alone:

        - ``candidate``: bool, in the mask of forgetting;
        - ``auc``: area under the ROC curve of its logit, models that trained on it (and
          forgot it, if a candidate) against models that never did;
        - ``auc_before``: the same before the models unlearned;
        - ``auc_se``: standard error of an AUC of 1/2 from so few models;
        - ``mu_in``, ``mu_out``: median logits.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks import UnlearningResult
    >>> records = {"candidate": np.array([True, False]), "auc": np.array([0.5, 0.9]),
    ...            "auc_before": np.array([0.9, 0.6]), "auc_se": np.array([0.1, 0.1])}
    >>> print(UnlearningResult(None, None, records))
    candidates for forgetting: 1 records, mean |AUC - 1/2| 0.400 before, 0.000 after unlearning; 0 more exposed than before
    retained: 1 records, mean |AUC - 1/2| 0.100 before, 0.400 after unlearning; 1 more exposed than before
    """  # noqa: E501

    forgotten: AttackResult | None
    retained: AttackResult | None
    records: dict

    def worse(self):
        """Return which records are more exposed after unlearning than before.

        Returns
        -------
        ndarray of shape (n_pool,), bool
            Whose AUC moved away from 1/2 by more than two standard errors of a difference.
        """
        after, before = (np.abs(self.records[k] - 0.5) for k in ("auc", "auc_before"))
        return after - before > 2 * np.sqrt(2) * self.records["auc_se"]

    def summary(self):
        """Return the lines a reader needs.

        Returns
        -------
        str
        """
        lines, worse = [], self.worse()
        for name, mine in (
            ("candidates for forgetting", self.records["candidate"]),
            ("retained", ~self.records["candidate"]),
        ):
            if not mine.any():
                continue
            before, after = (
                np.abs(self.records[k][mine] - 0.5).mean() for k in ("auc_before", "auc")
            )
            lines.append(
                f"{name}: {mine.sum()} records, mean |AUC - 1/2| {before:.3f} before, "
                f"{after:.3f} after unlearning; {worse[mine].sum()} more exposed than before"
            )
        for name, result in (("forgotten", self.forgotten), ("retained", self.retained)):
            if result is not None:
                lines.append(f"-- {name} records of the target\n{result}")
        return "\n".join(lines)

    __str__ = summary

    def to_dict(self):
        """Return plain Python values that strict JSON holds.

        Returns
        -------
        dict
        """
        parts = {name: getattr(self, name) for name in ("forgotten", "retained")}
        plain = {name: None if part is None else part.to_dict() for name, part in parts.items()}
        return {**plain, "records": {k: v.tolist() for k, v in self.records.items()}}


class UnlearningAttack(LiRAAttack):
    """U-LiRA: likelihood ratio of "trained, then unlearned" against "never trained".

    Each shadow is trained on half of the pool and then unlearns those of the candidates for
    forgetting (a mask over the pool) that it was trained on. So of each candidate's logit
    the shadows show two distributions, forgotten and never trained, and of every other
    record two more, retained and never trained, all of models that have unlearned.

    Make the candidates the target's forget set together with as many held-out records of
    the same classes: then shadows forget sets of the target's size.

    Parameters
    ----------
    target : fitted classifier
        That has unlearned. Never touched.
    shadow_estimator : classifier or None, default=None
        With ``unlearn(X_forget, y_forget)``, or a pipeline that ends in one, unless
        `unlearn` is given; ``None`` clones the target.
    unlearn : callable or None, default=None
        ``unlearn(model, X_forget, y_forget)``, returns the unlearned model or changes it.
    variance : {"auto", "record", "pooled"}, default="auto"
        As in :class:`LiRAAttack`; pooled over all records.
    density : {"normal", "kernel"}, default="normal"
        Law of a record's logits within each of the four populations: a normal one, or an
        estimate by Gaussian kernels, for laws with two humps (forgotten by some models, not by
        others), on 16 shadows or more. It keeps the logits of all shadows.
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
        As in :class:`LiRAAttack`.
    statistics_ : dict of ndarray of shape (n_pool,)
    candidates_ : ndarray of shape (n_pool,), bool
    shadow_pool_ : ShadowPool
    threat_model_ : ThreatModel
    classes_ : ndarray, [False, True]
    target_classes_ : ndarray

    Notes
    -----
    J. Hayes et al., "Inexact Unlearning Needs More Careful Evaluations to Avoid a False
    Sense of Privacy", arXiv 2403.01218, algorithm 1. Deviations: all candidates are
    unlearned in one request, as the target did; "never trained" models have unlearned too
    (other records), as the target has; medians. ``density="kernel"`` follows RULI (arXiv
    2506.13009): kernels of width ``1.06 s m^(-1/5)`` around the m logits of a side, s as by
    `variance`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skqmu.attacks import UnlearningAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> def forget_nothing(model, X, y):
    ...     return model
    >>> target = GaussianNB().fit(X[::2], y[::2])
    >>> attack = UnlearningAttack(
    ...     target, unlearn=forget_nothing, n_shadows=8, random_state=0)
    >>> candidates = np.arange(len(y)) < 100
    >>> result = attack.fit(X, y, forget=candidates).report()
    >>> bool((result.records["auc"] == result.records["auc_before"]).all())
    True
    """

    fit_requires = frozenset({"forget"})
    # not in audits: its shadows unlearn, which the audit's do not
    audit_names: ClassVar[dict] = {}
    online = True

    def __init__(
        self,
        target,
        shadow_estimator=None,
        *,
        unlearn=None,
        variance="auto",
        density="normal",
        n_shadows=64,
        n_queries=1,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.target = target
        self.shadow_estimator = shadow_estimator
        self.unlearn = unlearn
        self.variance = variance
        self.density = density
        self.n_shadows = n_shadows
        self.n_queries = n_queries
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X_pool=None, y_pool=None, *, forget=None, pool=None):
        """Train shadows on the attacker's pool and let them unlearn.

        Parameters
        ----------
        X_pool : array-like, sparse matrix or data frame of shape (n_pool, n_features)
        y_pool : array-like of shape (n_pool,)
        forget : array-like of shape (n_pool,), bool
            Candidates: the target's forget set and held-out records of the same classes.
        pool : ShadowPool or None, default=None
            Shadows fitted with ``forget=``; the other arguments are then left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            No pool, or neither or both of `forget` and `pool`.
        """
        if (forget is None) == (pool is None):
            raise ValueError("fit needs X_pool, y_pool and forget=, or pool= and nothing else.")
        self._check_variance()
        if pool is None:
            if X_pool is None:
                raise ValueError("fit needs X_pool and y_pool, or pool=.")
            X, _, labels = self._start_fit(X_pool, y_pool)
            pool = self._make_pool().set_params(unlearn=self.unlearn)
            pool.fit(X, labels, forget=forget)
            X_pool = None
        super().fit(X_pool, pool=pool)
        self.candidates_ = self.shadow_pool_.candidates_
        return self

    def _check_variance(self):
        super()._check_variance()
        check_choice("density", self.density, ("normal", "kernel"))

    def _summarise(self, signals, inside):
        statistics = super()._summarise(signals, inside)
        if self.density == "kernel":
            statistics |= {"logits": signals.T, "inside": inside.T}
        return statistics

    def _compare(self, signal, statistics, whole, population):
        scores = super()._compare(signal, statistics, whole, population)
        if self.density == "normal":
            return scores
        known = statistics["inside"].any(axis=1)
        sides = [
            _log_density(signal, statistics["logits"], mask, self._spread(statistics, whole, side))
            for side, mask in (("in", statistics["inside"]), ("out", ~statistics["inside"]))
        ]
        return np.where(known, sides[0] - sides[1], scores)

    def _adopt(self, pool, X_pool):
        pool = super()._adopt(pool, X_pool)
        if pool.forgotten_ is None:
            raise ValueError("the shadows of this pool have not unlearned: fit it with forget=.")
        return pool

    def _facts(self):
        return {"notes": ("shadows have unlearned the candidates they were trained on.",)}

    def report(self):
        """Return what the shadows alone show of each record.

        Returns
        -------
        UnlearningResult
            Without population results, which need the target; see :meth:`evaluate_groups`.
        """
        return UnlearningResult(None, None, self._record_table())

    def evaluate_groups(self, X, y, membership, **options):
        """Attack the forgotten and the retained records of the target apart.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
            Records of the pool.
        y : array-like of shape (n,)
        membership : array-like of shape (n,), bool
            Which records the target was EVER trained on, the forgotten ones included.
        **options : object
            Passed to :func:`skqmu.metrics.membership_result`.

        Returns
        -------
        UnlearningResult
            A group without members or without non-members is None.

        Raises
        ------
        ValueError
            A record is not in the pool, or neither group has both kinds.
        """
        X, columns, labels = self._records(X, y)
        membership = check_evaluation(self._adapted, X, labels, membership)
        at = self.shadow_pool_.locate(X, labels)
        if (at < 0).any():
            raise ValueError(
                f"{(at < 0).sum()} of {at.size} records are not in the pool (first: row "
                f"{np.flatnonzero(at < 0)[0]}); whether they were candidates is not known."
            )
        scores, candidate = self._score(X, columns, labels), self.candidates_[at]
        groups = [
            attack_result(
                scores[mine & membership], scores[mine & ~membership], self.threat_model_, **options
            )
            if (mine & membership).any() and (mine & ~membership).any()
            else None
            for mine in (candidate, ~candidate)
        ]
        if groups == [None, None]:
            raise ValueError(
                "neither the candidates for forgetting nor the others hold both members and "
                "non-members of the target; put held-out records of both kinds into the pool."
            )
        return UnlearningResult(*groups, self._record_table())

    def _record_table(self):
        pool = self.shadow_pool_
        y = encode_labels(pool.y_, self.target_classes_)
        table = {
            "candidate": self.candidates_,
            "mu_in": self.statistics_["mu_in"],
            "mu_out": self.statistics_["mu_out"],
        }
        for name, before in (("auc", False), ("auc_before", True)):
            table[name] = np.concatenate(
                [
                    masked_auc(signals, pool.members_[:, rows])
                    for rows, signals in self._signals(pool, pool.outputs(before=before), y)
                ]
            )
        n_in = pool.members_.sum(axis=0)
        n_out = pool.n_shadows - n_in
        table["auc_se"] = np.sqrt((n_in + n_out + 1) / (12 * n_in * n_out))
        return table


def _log_density(at, values, mask, spread):
    """Logarithm of the kernel estimate of each row's values where `mask`, at a point each.

    Parameters
    ----------
    at : ndarray of shape (n,)
    values, mask : ndarray of shape (n, m)
    spread : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,)
        -inf where the mask holds no value.
    """
    count = mask.sum(axis=1)
    width = 1.06 * spread * np.maximum(count, 1) ** -0.2
    z = (at[:, None] - values) / width[:, None]
    # -inf everywhere is what a side without values is; NumPy warns of its logarithm
    with np.errstate(divide="ignore"):
        total = logsumexp(-0.5 * z**2, axis=1, b=mask)
        return total - np.log(count) - np.log(width) - 0.5 * np.log(2 * np.pi)


def masked_auc(values, mask):
    """Return for each column P(value where mask > value elsewhere), ties counted half.

    Parameters
    ----------
    values : ndarray of shape (m, n)
    mask : ndarray of shape (m, n), bool
        With both kinds in every column.

    Returns
    -------
    ndarray of shape (n,)
    """
    ranks = rankdata(values, axis=0)
    n_in = mask.sum(axis=0)
    wins = np.where(mask, ranks, 0.0).sum(axis=0) - n_in * (n_in + 1) / 2
    return wins / (n_in * (values.shape[0] - n_in))
