"""`ShardedClassifier` (SISA): exact deletion by retraining only what saw the row."""

import time
from numbers import Integral
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets

from .._validation import (
    HasMethods,
    Interval,
    StrOptions,
    check_is_fitted,
    validate_data,
    validate_params,
)
from ..exceptions import MemberRecordError
from ..unlearning import UPSTREAM, Assumption, Certificate
from ._deletion import BEYOND_REACH
from ._fitting import all_or_nothing
from ._members import MemberRecord, encoded_labels
from ._meta import aligned_proba, draw_seed
from ._shards import slices_of, train_shard

__all__ = ["ShardedClassifier"]


class ShardedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Sharded, isolated, sliced and aggregated training (SISA) of any classifier.

    The rows are dealt to shards, and each shard trains a model of its own, slice by slice.
    A deletion refits the shards that hold a forgotten row, from the first slice that does,
    and nothing else.

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
        Keep slices' models in files of a directory of its own instead of in memory. Files
        of models that saw a forgotten row are deleted.
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
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        n_shards=4,
        n_slices=1,
        aggregation="mean",
        checkpoint_dir=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_shards = n_shards
        self.n_slices = n_slices
        self.aggregation = aggregation
        self.checkpoint_dir = checkpoint_dir
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.classifier_tags = inner.classifier_tags
        tags.classifier_tags.multi_label = False
        tags.non_deterministic = inner.non_deterministic
        tags.target_tags.single_output = True
        return tags

    # ------------------------------------------------------------------------- fitting

    def fit(self, X, y, *, assignment=None):
        """Deal the rows and train the shards.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        assignment : array-like of int of shape (n_samples, 2), default=None
            Shard and slice of each row; None: dealt.

        Returns
        -------
        self : object
        """
        with all_or_nothing(self):
            replaced = [m for slices in getattr(self, "models_", ()) for m in slices]
            self._fit(X, y, assignment)
        self._discard(replaced, self.models_)
        return self

    def _fit(self, X, y, assignment):
        validate_params(self)
        if self.n_slices > 1 and "warm_start" not in self.estimator.get_params():
            raise ValueError(
                f"n_slices={self.n_slices} needs an estimator with warm_start, which "
                f"{type(self.estimator).__name__} lacks; use n_slices=1."
            )
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        seed = draw_seed(self.random_state)
        deal, *shard_seeds = seed.spawn(1 + self.n_shards)
        if assignment is None:
            assignment = self._dealt(labels, np.random.default_rng(deal))
        else:
            assignment = self._checked_assignment(assignment, len(X))
        members = MemberRecord.of(
            "rows", X, labels, np.ones(len(X)), positions=np.arange(len(X)), n_seen=len(X)
        )
        models = self._train(members, assignment, classes, shard_seeds, [0] * self.n_shards, None)
        self.classes_ = classes
        self.assignment_ = assignment
        self._members = members
        self._seeds = shard_seeds
        self.models_ = models
        self.fit_cost_ = self._cost(model for slices in models for model in slices)
        self.unlearning_log_ = []
        self.expected_refit_fraction_ = self._expected_refit_fraction()

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

    def _train(self, members, assignment, classes, seeds, first, old):
        """Models of all shards, kept up to slice ``first[shard]``, trained from there."""
        fitted = joblib.Parallel(n_jobs=self.n_jobs)(
            joblib.delayed(train_shard)(
                self.estimator,
                seeds[shard],
                slices_of(members, assignment, classes, shard, self.n_slices),
                classes,
                first[shard],
                self._load(old[shard][first[shard] - 1]) if old and first[shard] else None,
            )
            for shard in range(self.n_shards)
            if first[shard] < self.n_slices
        )
        fitted = iter(fitted)
        return [
            [*(old[shard][: first[shard]] if old else []), *(self._store(m) for m in next(fitted))]
            if first[shard] < self.n_slices
            else old[shard]
            for shard in range(self.n_shards)
        ]

    def _store(self, model):
        if self.checkpoint_dir is None or model is None:
            return model
        directory = Path(self.checkpoint_dir)
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"slice-{joblib.hash(model)}.joblib"
        joblib.dump(model, path)
        return path

    @staticmethod
    def _load(stored):
        return joblib.load(stored) if isinstance(stored, Path) else stored

    def _cost(self, models):
        """What training the models cost, summed; nan where they do not count it."""
        unknown = dict.fromkeys(("forward_rows", "gradient_rows", "circuits", "shots"), np.nan)
        fitted = [self._load(model) for model in models if model is not None]
        costs = [
            getattr(model, "fit_cost_", unknown)
            for model in fitted
            if not isinstance(model, DummyClassifier)
        ]
        return {name: sum(cost[name] for cost in costs) for name in unknown}

    def _expected_refit_fraction(self):
        """Mean over the rows of what their deletion costs, over the cost of all."""
        counts = np.zeros((self.n_shards, self.n_slices))
        np.add.at(counts, tuple(self.assignment_.T), 1)
        work = counts.cumsum(axis=1)
        from_slice = work[:, ::-1].cumsum(axis=1)[:, ::-1]
        return float((counts * from_slice).sum() / counts.sum() / work.sum())

    # ---------------------------------------------------------------------- prediction

    @property
    def backend_(self):
        """The backend that the shards' models predict on; None where all are constants."""
        check_is_fitted(self, "models_")
        models = (self._load(slices[-1]) for slices in self.models_ if slices[-1] is not None)
        # a shard with one class has a constant in the place of a model
        found = (model.backend_ for model in models if not isinstance(model, DummyClassifier))
        return next(found, None)

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
        X = validate_data(self, X, dtype=np.float64, reset=False)
        models = [self._load(slices[-1]) for slices in self.models_ if slices[-1] is not None]
        proba = np.stack([aligned_proba(model, X, self.classes_) for model in models])
        if self.aggregation == "vote":
            proba = np.eye(len(self.classes_))[proba.argmax(axis=2)]
        return proba.mean(axis=0)

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
        X = validate_data(self, X, dtype=np.float64, reset=False)
        labels = None if y is None else encoded_labels(y, self.classes_, len(X), "y")
        return np.array(
            [
                len(entries) > 0
                and (labels is None or bool((self._members.labels[entries] == labels[i]).any()))
                for i, entries in enumerate(self._record().match(X))
            ]
        )

    def unlearn(self, X_forget=None, y_forget=None, *, index=None):
        """Forget rows by refitting, in their shards, from the first slice that holds one.

        Parameters
        ----------
        X_forget : array-like of shape (k, n_features), default=None
            Every copy of each row is forgotten; `y_forget` restricts the copies.
        y_forget : array-like of shape (k,), default=None
        index : array-like of int or bool, default=None
            Positions in the data given to `fit`, instead of rows.

        Returns
        -------
        self : object

        Raises
        ------
        NotATrainingSampleError, AlreadyForgottenError, ValueError
            The estimator is as it was before.
        """
        check_is_fitted(self, "models_")
        started = time.perf_counter()
        record = self._record()
        entries = self._entries(X_forget, y_forget, index)
        if len(entries) == len(record):
            raise ValueError(
                f"the request names all {len(record)} rows; delete the estimator instead."
            )
        first = [self.n_slices] * self.n_shards
        for shard, number in self.assignment_[entries]:
            first[shard] = min(first[shard], int(number))
        keep = np.ones(len(record), dtype=bool)
        keep[entries] = False
        members, assignment = record.without(entries), self.assignment_[keep]
        entry = {
            "strategy": "ShardedRetrain",
            "params": {"n_shards": self.n_shards, "n_slices": self.n_slices},
            "kind": "exact",
            "status": "done",
            "n_forget": len(entries),
            "n_retain": len(members),
            "classes_removed": self.classes_[
                np.setdiff1d(record.labels[entries], members.labels)
            ].tolist(),
            "shards_refitted": int(sum(f < self.n_slices for f in first)),
        }
        try:
            models = self._train(
                members, assignment, self.classes_, self._seeds, first, self.models_
            )
        except BaseException as error:
            entry.update(
                status="interrupted" if isinstance(error, KeyboardInterrupt) else "failed",
                error=f"{type(error).__name__}: {error}",
                seconds=time.perf_counter() - started,
            )
            self.unlearning_log_ = [*self.unlearning_log_, entry]
            raise
        entry.update(
            seconds=time.perf_counter() - started,
            cost=self._cost(m for s, f in zip(models, first, strict=True) for m in s[f:]),
            certificate=Certificate("exact", assumptions=[Assumption(UPSTREAM, checked=False)]),
            notes=[],
            beyond_reach=BEYOND_REACH,
        )
        removed = [m for s, f in zip(self.models_, first, strict=True) for m in s[f:]]
        # At once, and before files go: an interrupt finds the old models or the new.
        vars(self).update(
            models_=models,
            _members=members,
            assignment_=assignment,
            unlearning_log_=[*self.unlearning_log_, entry],
        )
        self.expected_refit_fraction_ = self._expected_refit_fraction()
        entry["notes"] += self._discard(removed, models)
        return self

    def _entries(self, X, y, index):
        if (X is None) == (index is None):
            raise ValueError("name the rows to forget either by X_forget= or by index=.")
        if index is not None:
            if y is not None:
                raise ValueError("y_forget= goes with X_forget=.")
            entries = self._record().locate(index)
        else:
            if np.shape(X)[:1] == (0,):
                raise ValueError("X_forget holds no rows: there is nothing to forget.")
            X = validate_data(self, X, dtype=np.float64, reset=False)
            labels = None
            if y is not None:
                labels = encoded_labels(y, self.classes_, len(X), "y_forget")
            entries = self._record().find(X, labels)
        if len(entries) == 0:
            raise ValueError("index= names no rows: there is nothing to forget.")
        return entries

    def _record(self):
        if self._members is None:
            raise MemberRecordError(
                "this is a released copy: it predicts and holds no member record. Send the request "
                "to the estimator that release() was called on."
            )
        return self._members

    def _discard(self, removed, models):
        """Delete files of models that saw a forgotten row."""
        kept = {model for slices in models for model in slices if isinstance(model, Path)}
        files = {model for model in removed if isinstance(model, Path)} - kept
        left = []
        for path in files:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                left.append(str(path))
        notes = [f"{len(files) - len(left)} slice files were deleted."] if files else []
        if left:
            notes.append(f"slice files that saw the rows could not be deleted: {', '.join(left)}.")
        return notes

    def release(self):
        """A copy that only predicts, without rows, earlier slices and log.

        Returns
        -------
        ShardedClassifier
        """
        check_is_fitted(self, "models_")
        released = clone(self)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(released, name, getattr(self, name))
        last = [self._load(slices[-1]) for slices in self.models_]
        released.models_ = [[m.release() if hasattr(m, "release") else m] for m in last]
        released._members = None
        return released
