"""The attacker who knows a model before and after a deletion, and asks who was deleted."""

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone

from .._site_links import SiteLinksMixin
from .._validation import check_choice, check_is_fitted
from ..metrics.signals import encode_labels
from ._estimators import check_query_method, check_target, not_asked, shots_of, unwrap
from ._outputs import query_proba
from ._records import check_count, check_records
from ._threat_model import ThreatModel
from ._update_heads import HEADS, has_head, read_head
from ._update_match import AnswerChange, update_gradient, weight_scores
from ._update_reconstruct import rebuild
from ._update_result import update_result
from .targets import adapted

__all__ = ["UpdateAttack"]

# Below this a probability is taken to be 0: its logarithm is rounding.
_LEAST = 1e-15


class UpdateAttack(MetaEstimatorMixin, SiteLinksMixin, BaseEstimator):
    """Find the row that was deleted between two versions of a model.

    "Exact" and "certified" deletion compare ONE version with one retrained model. Who kept the
    version before a deletion compares two, and their difference may show the deleted row: that
    of a ridge head does so outright. From weights, the Hessian undoes the solver,
    ``H (W_after - W_before) = sum_deleted phi_i r_i'``, with phi the head's features and r the
    residual ``p - t`` at W_after (of a ridge head, where H = G + lambda I, this is exact); a
    candidate scores by how well its own ``phi_i r_i'`` fits. From answers, a candidate scores by
    how its own answers moved along its residual (away from its label), and by whether all
    candidates moved along that residual, as they do where one row was taken out of a model
    that is otherwise the same.

    Parameters
    ----------
    before, after : fitted classifier
        The two versions; also pipelines and :class:`~sklearn.frozen.FrozenEstimator`. Never
        fitted here, and shared, not copied, by :func:`~sklearn.base.clone`.
    access : {"auto", "weights", "answers"}, default="auto"
        ``"weights"``: the attacker reads both heads (``head_coef_`` and ``head_features`` of this
        library's classifiers, ``coef_`` and ``intercept_`` of scikit-learn's linear models);
        ``"answers"``: probabilities of the candidates only. ``"auto"``: weights where both
        versions have one head on the same features, else answers.
    n_deleted : int, default=1
        Rows of the request (or an attacker's guess).
    n_rows : int or None, default=None
        Training rows before the deletion; None takes as many as the public rows.
    head : {"ridge", "softmax", "logistic"} or None, default=None
        Loss of the head. None: as the model says; of other linear models it must be said. For
        ``access="answers"`` it says what the probabilities' logits are fitted to.
    penalty : float or None, default=None
        L2 penalty on the summed loss; None: as the model says.
    n_queries : int, default=1
        Answers averaged for each row and version, where they are sampled.

    Attributes
    ----------
    access_ : {"weights", "answers"}
        What is used.
    gradient_ : ndarray of shape (n_head_features, n_columns)
        With weights: the deleted rows' summed gradient, as far as the public rows show it. Its
        leading left singular vector is the deleted row's feature vector.
    gram_ : ndarray of shape (n_head_features, n_head_features)
        With weights: Gram matrix of the public rows, scaled to `n_rows`.
    threat_model_ : ThreatModel
    target_classes_ : ndarray

    See Also
    --------
    statistics_scores : The same from the statistics of a linear loss.
    UnlearningAttack : Sees the version after only.

    Notes
    -----
    The question is that of Chen et al. 2021 (arXiv 2005.02205), who learn it from shadow pairs
    of answers; the attack on linear models is that of Bertran et al. 2024 (arXiv 2405.20272;
    their HRec, which takes the Hessian from public rows). Fu et al. 2026 (arXiv 2605.01129)
    ask the same of retained rows, which is not built here. Equation numbers of these papers
    could not be confirmed; the formulas here are derived in `update_gradient`. Ours: matching
    candidates by both singular vectors (the right one is the residual, and of a ridge head it
    is free of the error that public rows bring), several rows at once by non-negative least
    squares, rows rebuilt through the feature map, the direction of the answers.

    What differs from the other attacks: there are two models and no pool of shadows, a
    positive is a DELETED row, not a member, and scores are comparable within one request only.
    `evaluate` therefore gives ranks, and :meth:`UpdateResult.pool` rates over requests. A row
    retained in both versions and one in neither are both negatives. Retraining can leak as
    well (Chen et al. 2021); noise at publication, new seeds and batches are measured in
    ``benchmarks/update_attack.py``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.preprocessing import scale
    >>> from skqmu.attacks import UpdateAttack
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> before = RidgeClassifier().fit(X[:300], y[:300])
    >>> after = RidgeClassifier().fit(X[1:300], y[1:300])    # without row 0
    >>> attack = UpdateAttack(before, after).fit(X[300:], y[300:])    # public rows
    >>> result = attack.evaluate(X[:100], y[:100], np.arange(100) == 0)
    >>> result.ranks
    ((1.0,),)
    """

    # in audits it needs neither shadows nor more than a look at each row
    needs_shadows = False
    uses_population = False

    def __init__(
        self,
        before,
        after,
        *,
        access="auto",
        n_deleted=1,
        n_rows=None,
        head=None,
        penalty=None,
        n_queries=1,
    ):
        self.before = before
        self.after = after
        self.access = access
        self.n_deleted = n_deleted
        self.n_rows = n_rows
        self.head = head
        self.penalty = penalty
        self.n_queries = n_queries

    @property
    def _before(self):
        return adapted(self.before)

    @property
    def _after(self):
        return adapted(self.after)

    def fit(self, X_public, y_public):
        """Take in public rows: they stand in for the training rows, and for whom it is not.

        Parameters
        ----------
        X_public : array-like, sparse matrix or data frame of shape (n_public, n_features)
            Rows like those of training; the training rows themselves give the Hessian exactly.
        y_public : array-like of shape (n_public,)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            The versions differ in classes, features, head or feature map.
        TypeError
            A version shows no head (``access="weights"``), or no probabilities.
        """
        self._check_parameters()
        self.target_classes_ = self._check_versions()
        X, labels = check_records(X_public, y_public, unwrap(self._before), suffix="_public")
        y = encode_labels(labels, self.target_classes_, name="y_public")
        self._public = X
        self.__dict__.pop("gradient_", None)
        self.access_ = self._chosen_access(X)
        if self.access_ == "weights":
            self._read_weights(X)
        else:
            for model in (self._before, self._after):
                check_query_method(model, "proba")
        self.threat_model_ = self._threat_model(len(labels))
        self._reference = self._evidence(X, y)
        if self.access_ == "answers":
            self._change = AnswerChange.of(self._reference[0])
        return self

    @classmethod
    def for_audit(cls, case, **parameters):
        """Make this attack of an audit's original and a model after the deletion, and fit it.

        Parameters
        ----------
        case : AttackCase
        **parameters : object
            Of the attack.

        Returns
        -------
        UpdateAttack
            Fitted.
        """
        before = case.target if case.original is None else case.original
        sizes = {"n_deleted": case.n_deleted, "n_rows": case.n_rows}
        attack = cls(before, case.target, **sizes, **parameters)
        return attack.fit(case.X_public, case.y_public)

    def decision_function(self, X, y):
        """Score candidates: the larger, the more likely the deleted row.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)

        Returns
        -------
        ndarray of shape (n,)
            Of meaning within one request; with several deleted rows and weights, within one
            call, as candidates share the change out among them.
        """
        return self._score(*self._evidence(*self._records(X, y)))

    def p_values(self, X, y):
        """How often a row that was not deleted would score as high, by the public rows.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)

        Returns
        -------
        ndarray of shape (n,)
            ``(1 + number of public rows with at least this score) / (1 + n_public)``: valid
            for a candidate that is exchangeable with the public rows, conservative where
            scores are tied. Not adjusted for the number of candidates.
        """
        evidence = self._evidence(*self._records(X, y))
        n = len(evidence[0])
        scores = self._score(*map(np.concatenate, zip(evidence, self._reference, strict=True)))
        public = np.sort(scores[n:])
        above = public.size - np.searchsorted(public, scores[:n], side="left")
        return (1.0 + above) / (1.0 + public.size)

    def evaluate(self, X, y, deleted, *, level=0.95):
        """Rank candidates of which it is known who was deleted.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features)
        y : array-like of shape (n,)
        deleted : array-like of shape (n,), bool
            Only this method sees it, and only after the scores are made.
        level : float, default=0.95
            Of the intervals.

        Returns
        -------
        UpdateResult
        """
        scores = self.decision_function(X, y)
        return update_result(scores, deleted, self.threat_model_, level)

    def reconstruct(self, *, invert=False):
        """Rebuild the deleted row's features from the weights, and with `invert` the row.

        Parameters
        ----------
        invert : bool, default=False
            Seek the row whose features and residual fit best, by least squares from public
            rows: for dense numeric rows with no more features than the head has.

        Returns
        -------
        Reconstruction

        Raises
        ------
        ValueError
            The attacker has answers only, the versions are the same, or rows cannot be sought.
        """
        check_is_fitted(self, "access_")
        if self.access_ != "weights":
            raise ValueError(
                "access='answers' shows no weights to rebuild a row from; fit with "
                "access='weights' (both versions need a linear head on the same features)."
            )
        return rebuild(
            self.gradient_, self.gram_, self._heads[1], self.target_classes_, self.n_deleted,
            self._phi, self._searchable() if invert else None,
        )  # fmt: skip

    # -- the two versions ----------------------------------------------------------------

    def _check_parameters(self):
        check_choice("access", self.access, ("auto", "weights", "answers"))
        check_count("n_deleted", self.n_deleted, 1)
        check_count("n_queries", self.n_queries, 1)
        if self.n_rows is not None:
            check_count("n_rows", self.n_rows, self.n_deleted + 1)
        if self.head is not None:
            check_choice("head", self.head, HEADS)
        if self.penalty is not None and not self.penalty >= 0:
            raise ValueError(f"penalty={self.penalty!r} must be None or a number of at least 0.")

    def _check_versions(self):
        classes, later = (check_target(model) for model in (self._before, self._after))
        if set(classes.tolist()) != set(later.tolist()):
            raise ValueError(
                f"before knows the classes {classes.tolist()[:8]}, after {later.tolist()[:8]}: a "
                "model fitted anew lost a class with its last row. Keep the class list (this "
                "library's unlearn does), or attack rows of the common classes with models "
                "fitted on those."
            )
        widths = [getattr(unwrap(m), "n_features_in_", None) for m in (self._before, self._after)]
        if widths[0] != widths[1]:
            raise ValueError(
                f"before takes {widths[0]} features and after {widths[1]}: these are not two "
                "versions of one model. Pass both with the steps that choose the features, as "
                "pipelines on the same raw rows."
            )
        return classes

    def _chosen_access(self, X):
        if self.access != "auto":
            return self.access
        if not (has_head(self._before) and has_head(self._after)):
            return "answers"
        try:
            self._paired_heads(X)
        except (TypeError, ValueError):
            # whoever wants to know why says access="weights"
            return "answers"
        return "weights"

    def _paired_heads(self, X):
        """Both heads and the public rows' features, checked to be of one feature map."""
        heads = [read_head(m, self.head, self.penalty) for m in (self._before, self._after)]
        if heads[0].coef.shape != heads[1].coef.shape or heads[0].kind != heads[1].kind:
            raise ValueError(
                f"before has a {heads[0].kind} head of shape {heads[0].coef.shape}, after a "
                f"{heads[1].kind} head of shape {heads[1].coef.shape}: their weights cannot be "
                "subtracted; use access='answers'."
            )
        if self._before.classes_.tolist() != self._after.classes_.tolist():
            raise ValueError(
                "before and after have their classes in different orders, and so their heads' "
                "columns; use access='answers'."
            )
        phi, later = (head.features(X) for head in heads)
        if not np.allclose(phi, later, rtol=1e-7, atol=1e-9):
            raise ValueError(
                "before and after give different features for the same rows: what comes before "
                "the head was changed by the deletion too, and the heads' weights cannot be "
                "compared; use access='answers'."
            )
        return heads, phi

    def _read_weights(self, X):
        self._heads, self._phi = self._paired_heads(X)
        n_rows = len(self._phi) if self.n_rows is None else self.n_rows
        self.gradient_, self.gram_ = update_gradient(
            *self._heads, self._phi, n_rows, self.n_deleted
        )

    def _threat_model(self, n_public):
        weights = self.access_ == "weights"
        use = "the Hessian and " if weights else ""
        sees = (
            "HOLDS the head's weights of both versions, and can compute its features."
            if weights
            else "asks both versions."
        )
        return ThreatModel(
            attack=type(self).__name__,
            pool=f"{n_public} public records (for {use}calibration)",
            query="proba",
            n_queries=self.n_queries,
            shots=shots_of(self._after),
            notes=(
                f"Two versions, before and after a deletion of {self.n_deleted} row(s): {sees}",
                "A positive is a deleted record; records of both versions, and of neither, are "
                "negatives.",
                *not_asked(self._after),
            ),
        )

    # -- scores --------------------------------------------------------------------------

    def _records(self, X, y):
        check_is_fitted(self, "access_")
        X, labels = check_records(X, y, unwrap(self._before))
        return X, encode_labels(labels, self.target_classes_)

    def _evidence(self, X, y):
        """Features or movements of rows, and their residuals."""
        if self.access_ == "weights":
            phi = self._heads[1].features(X)
            return phi, self._heads[1].residuals(phi, y)
        before, after = (self._logits(model, X) for model in (self._before, self._after))
        return after - before, self._answer_residuals(after, y)

    def _score(self, seen, residuals):
        if self.access_ == "weights":
            return weight_scores(self.gradient_, self.gram_, seen, residuals, self.n_deleted)
        return self._change.scores(seen, residuals, self.n_deleted)

    def _logits(self, model, X):
        proba = query_proba(model, X, self.target_classes_, self.n_queries)
        logits = np.log(np.maximum(proba, _LEAST))
        return logits - logits.mean(axis=1, keepdims=True)

    def _answer_residuals(self, logits, y):
        n_classes = logits.shape[1]
        targets = np.eye(n_classes)[y]
        if (self.head or getattr(unwrap(self._after), "head_kind_", None)) == "ridge":
            # outputs of a ridge head on one-hot targets sum to 1, and softmax keeps the rest
            return logits + 1.0 / n_classes - targets
        proba = np.exp(logits)
        return proba / proba.sum(axis=1, keepdims=True) - targets

    def _searchable(self):
        X = self._public
        if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "fiu":
            raise ValueError(
                "invert=True seeks a row of numbers; public rows that are sparse, text or a data "
                "frame cannot be searched from. Pass a dense array."
            )
        if X.shape[1] > self._phi.shape[1]:
            raise ValueError(
                f"invert=True: {X.shape[1]} input features cannot be told from "
                f"{self._phi.shape[1]} head features. Attack the last step of the pipeline on rows "
                "as they reach it."
            )
        if self.n_deleted > 1:
            raise ValueError("invert=True seeks one row; n_deleted is more, use invert=False.")
        return X.astype(float)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "threat_model_")

    def __sklearn_clone__(self):
        # a clone attacks the same two fitted models
        params = self.get_params(deep=False)
        shared = ("before", "after")
        return type(self)(
            **{n: v if n in shared else clone(v, safe=False) for n, v in params.items()}
        )
