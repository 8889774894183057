"""`ShardedClassifier` (SISA): exact deletion by retraining only what saw the row."""

from dataclasses import replace
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets

from .._owned import OwnedFolder
from .._site_links import SiteLinksMixin
from .._validation import (
    HasMethods,
    Interval,
    StrOptions,
    check_choice,
    check_is_fitted,
    validate_params,
)
from ._asked_members import are_members, ids_of
from ._by_shards import ByShards, ShardTraining, expected_refit_fraction
from ._known_fits import forget_known_fits
from ._log_trimming import TrimmingMixin
from ._member_ids import given_ids
from ._members import MemberRecord
from ._meta import aligned_proba, as_memory, draw_seed
from ._release import predict_only
from ._shards import RemovedFolder, loaded
from ._tables import checked_rows, checked_training
from .deletion import REPORTS, carry_out, given_parts
from .state import (
    MODEL,
    OutdatedError,
    ShardedState,
    StateMixin,
    Writing,
    exclusive,
    fitted_state,
    origin,
    reads,
)

__all__ = ["ShardedClassifier"]


class ShardedClassifier(
    TrimmingMixin, StateMixin, MetaEstimatorMixin, ClassifierMixin, SiteLinksMixin, BaseEstimator
):
    """Sharded, isolated, sliced and aggregated training (SISA) of any classifier.

    The rows are dealt to shards, and each shard trains a model of its own, slice by slice.
    A deletion refits the shards that hold a forgotten row, from the first slice that does,
    and nothing else. "Exact" compares one version of the model with one retrained without the
    rows: whoever also holds the version before the deletion may tell who was deleted.

    Parameters
    ----------
    estimator : classifier
        With `n_slices` above 1, one with `warm_start`.
    n_shards : int, default=4
    n_slices : int, default=1
        Slice r trains on the rows of slices 1 to r, going on from slice r - 1.
    aggregation : {"mean", "vote"}, default="mean"
        Of the shards' probabilities, or of their predicted classes.
    checkpoint_dir : path-like or None, default=None
        Keep slices' arrays in files instead of in memory, in a folder of this fit's own below
        this one. Files of models that saw a forgotten row are deleted; all are gone with the
        estimator. A copy or a pickle holds the models itself and keeps no files.
    memory : str, path-like, joblib.Memory or None, default=None
        Keeps each shard when it is trained, by settings, rows and seed: a `fit` or a request that
        was cut off, by whatever, goes on from there when it is asked again. Needs an integer
        `random_state`. The cache holds models and rows: treat it like the data. `unlearn`
        deletes the entries of shards that it refits.
    n_jobs : int or None, default=None
        Shards that train at once.
    random_state : int, RandomState instance or None, default=None
        Of the dealing and of the shards' models.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    assignment_ : ndarray of int of shape (n_rows, 2)
        Shard and slice of each row that is left, in the order of `fit`.
    expected_refit_fraction_ : float
        Expected cost of deleting one random row, as a share of the rows that a whole
        training goes through.
    backend_ : BaseBackend
        Of the shards' models, where they have one.
    fit_cost_ : dict
        Rows, circuits and shots of all shards' training (nan where they do not count them).
    unlearning_log_ : list of dict

    Notes
    -----
    Source: Bourtoule et al. 2021 (arXiv 1912.03817). Rows are dealt class by class, so that
    shards know all classes as far as rows suffice (the paper deals at random); a shard with
    rows of one class only predicts that class; a slice that brings a class which the model
    before it does not know starts afresh. The result of a deletion equals `fit` on the
    remaining rows with the same assignment and seeds, exactly.

    Parameters that are set after `fit` act at the next `fit`, those of the `estimator` too; a
    deletion refits with the values of `fit`. `aggregation`, `memory` and `n_jobs` act at once.
    Requests from several threads are carried out one after another.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu import ShardedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = ShardedClassifier(LogisticRegression(max_iter=500), n_shards=5, random_state=0)
    >>> clf = clf.fit(X, y).unlearn(X[:1])
    >>> round(clf.expected_refit_fraction_, 2), clf.unlearning_log_[-1]["shards_refitted"]
    (0.2, 1)
    """

    kind = "exact"
    source = "Bourtoule et al. 2021 (arXiv 1912.03817)"
    formula = "refit the shards that hold a row of D_f, from the first slice that does"
    advice = "Exact for any classifier, at a share of the cost; weaker models for it."
    damage = "none"
    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "n_shards": [Interval(Integral, 1, None, closed="left")],
        "n_slices": [Interval(Integral, 1, None, closed="left")],
        "aggregation": [StrOptions({"mean", "vote"})],
        "checkpoint_dir": [str, Path, None],
        "memory": [str, Path, HasMethods(["cache"]), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    _live_params = frozenset({"aggregation", "memory", "n_jobs"})

    def __init__(
        self,
        estimator,
        *,
        n_shards=4,
        n_slices=1,
        aggregation="mean",
        checkpoint_dir=None,
        memory=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_shards = n_shards
        self.n_slices = n_slices
        self.aggregation = aggregation
        self.checkpoint_dir = checkpoint_dir
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.classifier_tags = inner.classifier_tags
        tags.classifier_tags.multi_label = False
        tags.non_deterministic = inner.non_deterministic
        tags.target_tags.single_output = True
        tags.input_tags = inner.input_tags
        return tags

    # ------------------------------------------------------------------------- fitting

    @exclusive
    def fit(self, X, y, *, assignment=None, ids=None):
        """Deal the rows and train the shards.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        assignment : array-like of int of shape (n_samples, 2), default=None
            Shard and slice of each row; None: dealt.
        ids : array-like of shape (n_samples,) or "index", default=None
            Whose each row is, so that a request may name ids: texts, whole numbers, anything
            hashable; several rows may have one id. ``"index"``: the names of a data frame's rows.

        Returns
        -------
        self : object
        """
        with Writing(self) as work:
            work.model._fit(X, y, assignment, ids)
            work.commit()
        return self

    def _fit(self, X, y, assignment, ids):
        validate_params(self)
        if self.n_slices > 1 and "warm_start" not in self.estimator.get_params():
            raise ValueError(
                f"n_slices={self.n_slices} needs an estimator with warm_start, which "
                f"{type(self.estimator).__name__} lacks; use n_slices=1."
            )
        ids = None if ids is None else given_ids(ids, X, "rows")
        X, y = checked_training(self, X, y)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        seed = draw_seed(self.random_state)
        deal, *shard_seeds = seed.spawn(1 + self.n_shards)
        if assignment is None:
            assignment = self._dealt(labels, np.random.default_rng(deal))
        else:
            assignment = self._checked_assignment(assignment, len(y))
        rows = {"positions": np.arange(len(y)), "n_seen": len(y), "ids": ids}
        members = MemberRecord.of_table(X, labels, np.ones(len(y)), **rows)
        folder = None
        if self.checkpoint_dir is not None:
            folder = OwnedFolder(self.checkpoint_dir, "slices")
        memory = as_memory(self.memory)
        training = ShardTraining(self, members, assignment, classes, shard_seeds, folder, memory)
        try:
            models = training.run([0] * self.n_shards)
        except BaseException:
            if folder is not None:
                folder.remove()
            raise
        earlier = fitted_state(self)
        if earlier is not None:  # what an earlier fit has kept goes with the next request, too
            training.keep_also(earlier.cached_fits)
        folder_before = getattr(earlier, "folder", None)
        self._become(
            ShardedState(
                settings=self._own_params(),
                seeds=shard_seeds,
                members=members,
                folder=folder,
                cached_fits=training.kept,
                leftovers=() if folder_before is None else (RemovedFolder(folder_before),),
            ),
            classes_=classes,
            assignment_=assignment,
            models_=models,
            fit_cost_=training.cost,
            unlearning_log_=[],
            expected_refit_fraction_=expected_refit_fraction(self, assignment),
        )

    def _dealt(self, labels, rng):
        """Shard and slice of each row: every class is dealt evenly, slice by slice."""
        n_hands = self.n_shards * self.n_slices
        hands = np.empty(len(labels), dtype=int)
        dealt = 0
        for label in np.unique(labels):
            mine = rng.permutation(np.flatnonzero(labels == label))
            hands[mine] = (dealt + np.arange(len(mine))) % n_hands
            dealt += len(mine)
        return np.stack([hands % self.n_shards, hands // self.n_shards], axis=1)

    def _checked_assignment(self, assignment, n_rows):
        assignment = np.asarray(assignment)
        limits = (self.n_shards, self.n_slices)
        if assignment.shape != (n_rows, 2) or not np.issubdtype(assignment.dtype, np.integer):
            raise ValueError(
                f"assignment must hold a shard and a slice for each of {n_rows} rows, integers of "
                f"shape ({n_rows}, 2); got {assignment.dtype} of shape {assignment.shape}."
            )
        if (assignment < 0).any() or (assignment >= limits).any():
            raise ValueError(
                f"assignment names shards or slices outside 0..{limits[0] - 1} and "
                f"0..{limits[1] - 1}."
            )
        return assignment

    def _load(self, model):
        try:
            return loaded(model)
        except FileNotFoundError as error:
            if vars(origin(self)).get("models_") is not self.models_:
                raise OutdatedError from error  # a request has deleted it meanwhile
            raise

    # ---------------------------------------------------------------------- prediction

    @property
    @reads
    def backend_(self):
        """The backend that the shards' models predict on; None where all are constants."""
        check_is_fitted(self, "models_")
        models = (self._load(slices[-1]) for slices in self.models_ if slices[-1] is not None)
        # a shard with one class has a constant in the place of a model
        found = (model.backend_ for model in models if not isinstance(model, DummyClassifier))
        return next(found, None)

    @reads
    def predict_proba(self, X):
        """Aggregated probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Mean over the shards, or the share of their votes.
        """
        check_is_fitted(self, "models_")
        X = checked_rows(self, X)
        models = [self._load(slices[-1]) for slices in self.models_ if slices[-1] is not None]
        proba = np.stack([aligned_proba(model, X, self.classes_) for model in models])
        if self.aggregation == "vote":
            proba = np.eye(len(self.classes_))[proba.argmax(axis=2)]
        return proba.mean(axis=0)

    @reads
    def predict(self, X):
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        columns = self.predict_proba(X).argmax(axis=1)
        return self.classes_[columns]

    # ---------------------------------------------------------------------- forgetting

    @reads
    def is_member(self, X, y=None):
        """Which rows the shards were trained on and have not forgotten.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None

        Returns
        -------
        ndarray of bool of shape (n_samples,)
        """
        check_is_fitted(self, "models_")
        return are_members(self, X, y)

    @property
    @reads
    def ids_(self):
        """Ids of the rows that are remembered, one a row; None without ids."""
        check_is_fitted(self, "models_")
        return ids_of(self)

    @exclusive
    def unlearn(
        self, X_forget=None, y_forget=None, *, index=None, ids=None, report="none", timeout=None
    ):
        """Forget rows by refitting, in their shards, from the first slice that holds one.

        Parameters
        ----------
        X_forget : array-like of shape (k, n_features) or str, default=None
            Every copy of each row is forgotten, with a warning where they are more than the
            rows named; `y_forget` restricts the copies. Or words for rows: ``"class:LABEL"``,
            ``"age >= 65"``, ``"ids:A,B"``; see :func:`skqmu.datasets.forget_split`.
        y_forget : array-like of shape (k,), default=None
        index : array-like of int or bool, default=None
            Positions in the data given to `fit`, instead of rows.
        ids : sequence of hashable, default=None
            Ids that were given to ``fit(ids=)``: every row of each.
        report : {"none", "sample", "full"}, default="none"
            How many rows are predicted before and after, for the log: none; at most 200 of the
            forgotten and 200 of the retained ones; or all. On a sampled backend predictions
            cost shots and advance the stream of noise.
        timeout : float or None, default=None
            Seconds to wait while another thread changes this estimator; None: as long as it
            takes.

        Returns
        -------
        self : object

        Raises
        ------
        NotATrainingSampleError, AlreadyForgottenError, ValueError, BusyError
            The estimator is as it was before.

        Notes
        -----
        A request that fails or is interrupted midway changes nothing but the log, which says
        what was spent.
        """
        check_is_fitted(self, "models_")
        check_choice("report", report, REPORTS)
        with Writing(self, fitted_params=True) as work:
            carry_out(work, ByShards(work.model, (X_forget, y_forget, index, None, ids), report))
        return self

    def _given_parts(self):
        """What the shards' models were given (a dict of str), the same for each of them."""
        models = (self._load(slices[-1]) for slices in self.models_)
        return next(filter(None, map(given_parts, models)), {})

    def __getstate__(self):
        while True:
            state = super().__getstate__()
            if "models_" not in state:
                return state
            # A copy, or what comes out of a pickle, owns no files and needs none.
            try:
                models = [[loaded(model) for model in slices] for slices in state["models_"]]
            except FileNotFoundError:
                if vars(self).get("models_") is state["models_"]:
                    raise
                continue  # a request has deleted it meanwhile
            fitted = replace(state["_fitted"], folder=None, leftovers=())
            return {**state, "models_": models, "_fitted": fitted}

    @reads
    def release(self):
        """A copy that only predicts, without rows, earlier slices and log.

        Returns
        -------
        ShardedClassifier
        """
        check_is_fitted(self, "models_")
        forget_known_fits()
        copied = clone(self)
        last = [self._load(slices[-1]) for slices in self.models_]
        copied._become(
            ShardedState(settings=fitted_state(self).settings, seeds=[]),
            models_=[[predict_only(model)] for model in last],
            **{name: vars(self)[name] for name in MODEL if name in vars(self)},
        )
        return copied
