"""`ShardedClassifier` (SISA): exact deletion by retraining only what saw the row."""

import secrets
from numbers import Integral
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets

from .._owned import OwnedFolder
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
from ._deletion import clear_leftovers
from ._given import assuming, given_parts, notes_on, reach_of
from ._log_entry import LogEntry
from ._members import MemberRecord, encoded_labels, more_than_named, tell_of_copies
from ._meta import aligned_proba, draw_seed, released
from ._shards import RemovedModels, StoredModel, loaded, remove_files, slices_of, train_shard
from ._state import OutdatedError, StateMixin, Writing, exclusive, origin, reads

__all__ = ["ShardedClassifier"]


class ShardedClassifier(StateMixin, MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
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
    deletion refits with the values of `fit`. `aggregation` and `n_jobs` act at once. Requests
    from several threads are carried out one after another.

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

    _live_params = frozenset({"aggregation", "n_jobs"})

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

    @exclusive
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
        clear_leftovers(self)
        earlier = getattr(self, "_folder", None)
        with Writing(self) as work:
            work.model._fit(X, y, assignment)
            work.commit()
        if earlier is not None:
            earlier.remove()
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
        self._folder = None
        if self.checkpoint_dir is not None:
            self._folder = OwnedFolder(self.checkpoint_dir, "slices")
        first, costs = [0] * self.n_shards, []
        try:
            models = self._train(members, assignment, classes, shard_seeds, first, [], costs, [])
        except BaseException:
            if self._folder is not None:
                self._folder.remove()
            raise
        self._fitted_params = self._own_params()
        self.classes_ = classes
        self.assignment_ = assignment
        self._members = members
        self._seeds = shard_seeds
        self.models_ = models
        self.fit_cost_ = _summed(costs)
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

    def _train(self, members, assignment, classes, seeds, first, old, costs, stored):
        """Models of all shards, kept up to slice ``first[shard]``, trained from there.

        What the shards' training has cost is added to `costs`, and the files that models are
        written to, to `stored`, also where it fails.
        """
        trained = joblib.Parallel(n_jobs=self.n_jobs, return_as="generator")(
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
        models = [list(slices) for slices in old or [()] * self.n_shards]
        refitted = [shard for shard in range(self.n_shards) if first[shard] < self.n_slices]
        try:
            for shard, new in zip(refitted, trained, strict=True):
                costs += _costs_of(new)
                models[shard][first[shard] :] = [self._store(m, shard, stored) for m in new]
        except BaseException as error:
            costs += getattr(error, "costs", ())
            raise
        return models

    def _store(self, model, shard, stored):
        if self._folder is None or model is None:
            return model
        name = f"{shard:04d}-{secrets.token_hex(8)}.npz"
        stored.append(self._folder.path / name)
        return StoredModel(model, self._folder, name)

    def _load(self, model):
        try:
            return loaded(model)
        except FileNotFoundError as error:
            if vars(origin(self)).get("models_") is not self.models_:
                raise OutdatedError from error  # a request has deleted it meanwhile
            raise

    def _expected_refit_fraction(self):
        """Mean over the rows of what their deletion costs, over the cost of all."""
        counts = np.zeros((self.n_shards, self.n_slices))
        np.add.at(counts, tuple(self.assignment_.T), 1)
        work = counts.cumsum(axis=1)
        from_slice = work[:, ::-1].cumsum(axis=1)[:, ::-1]
        return float((counts * from_slice).sum() / counts.sum() / work.sum())

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
        X = validate_data(self, X, dtype=np.float64, reset=False)
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
        X = validate_data(self, X, dtype=np.float64, reset=False)
        labels = None if y is None else encoded_labels(y, self.classes_, len(X), "y")
        return np.array(
            [
                len(entries) > 0
                and (labels is None or bool((self._members.labels[entries] == labels[i]).any()))
                for i, entries in enumerate(self._record().match(X))
            ]
        )

    @exclusive
    def unlearn(self, X_forget=None, y_forget=None, *, index=None):
        """Forget rows by refitting, in their shards, from the first slice that holds one.

        Parameters
        ----------
        X_forget : array-like of shape (k, n_features), default=None
            Every copy of each row is forgotten, with a warning where they are more than the
            rows named; `y_forget` restricts the copies.
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

        Notes
        -----
        A request that fails or is interrupted midway changes nothing but the log, which says
        what was spent.
        """
        check_is_fitted(self, "models_")
        clear_leftovers(self)
        with Writing(self, fitted_params=True) as work:
            work.model._forget(work, X_forget, y_forget, index)
        clear_leftovers(self)
        return self

    def _forget(self, work, X_forget, y_forget, index):
        """Carry a request out on this working copy, and commit."""
        params = {"n_shards": self.n_shards, "n_slices": self.n_slices}
        entry, costs, stored = LogEntry("ShardedRetrain", params, "exact"), [], []
        try:
            entries, n_more = self._entries(X_forget, y_forget, index)
            first = self._first_slices(entries)
            # Before anything is done: who makes warnings errors keeps the copies.
            about_copies = tell_of_copies(n_more, len(entries))
            old, record, seeds = self.models_, self._record(), self._seeds
            keep = np.ones(len(record), dtype=bool)
            keep[entries] = False
            members, assignment = record.without(entries), self.assignment_[keep]
            removed = np.setdiff1d(record.labels[entries], members.labels)
            entry.found(
                n_more=n_more,
                n_forget=len(entries),
                n_retain=len(members),
                classes_removed=self.classes_[removed].tolist(),
                shards_refitted=int(sum(f < self.n_slices for f in first)),
            )
            models = self._train(
                members, assignment, self.classes_, seeds, first, old, costs, stored
            )
            given = self._given_parts(models)
            certificate = Certificate("exact", assumptions=[Assumption(UPSTREAM, checked=False)])
            entry.done(
                cost=_summed(costs),
                certificate=assuming(certificate, given),
                notes=[*about_copies, *notes_on(given)],
                beyond_reach=reach_of(given),
            )
            self.models_, self._members, self.assignment_ = models, members, assignment
            self.expected_refit_fraction_ = self._expected_refit_fraction()
            self.unlearning_log_ = [*self.unlearning_log_, entry.facts]
            self._leftovers = (self._replaced(old, first),)
            work.commit()
        except BaseException as error:
            if work.committed:
                raise  # an interrupt in the last moment: the request is done
            remove_files(stored)
            if not entry.is_none(error):
                work.log(entry.failed(error, cost=_summed(costs)))
            raise

    def _replaced(self, old, first):
        """The models that new ones stand for."""
        starts = list(zip(old, self.models_, first, strict=True))
        return RemovedModels(
            [model for was, _, start in starts for model in was[start:]],
            [model for _, now, start in starts if start < self.n_slices for model in now],
            self._folder,
        )

    def _first_slices(self, entries):
        """First slice to train in each shard: that with one of the entries; n_slices where none."""
        n_rows = len(self._record())
        if len(entries) == n_rows:
            raise ValueError(f"the request names all {n_rows} rows; delete the estimator instead.")
        first = [self.n_slices] * self.n_shards
        for shard, number in self.assignment_[entries]:
            first[shard] = min(first[shard], int(number))
        return [self._readable(shard, number) for shard, number in enumerate(first)]

    def _given_parts(self, models=None):
        """What the shards' models were given (a dict of str), the same for each of them."""
        shards = self.models_ if models is None else models
        models = (self._load(slices[-1]) for slices in shards)
        return next(filter(None, map(given_parts, models)), {})

    def _readable(self, shard, number):
        """The slice to train from: the first one, where the one before it is damaged."""
        if 0 < number < self.n_slices:
            try:
                loaded(self.models_[shard][number - 1])
            except (OSError, ValueError):
                return 0
        return number

    def _entries(self, X, y, index):
        """Entries of a request, and how many of them are copies that it does not name."""
        if (X is None) == (index is None):
            raise ValueError("name the rows to forget either by X_forget= or by index=.")
        n_more = 0
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
            matches = self._record().meant(X, labels)
            entries, n_more = np.unique(np.concatenate(matches)), more_than_named(matches)
        if len(entries) == 0:
            raise ValueError("index= names no rows: there is nothing to forget.")
        return entries, n_more

    def _record(self):
        if self._members is None:
            raise MemberRecordError(
                "this is a released copy: it predicts and holds no member record. Send the request "
                "to the estimator that release() was called on."
            )
        return self._members

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
            state.pop("_leftovers", None)
            return {**state, "models_": models, "_folder": None}

    @reads
    def release(self):
        """A copy that only predicts, without rows, earlier slices and log.

        Returns
        -------
        ShardedClassifier
        """
        check_is_fitted(self, "models_")
        copied = clone(self)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(copied, name, getattr(self, name))
        last = [self._load(slices[-1]) for slices in self.models_]
        copied.models_ = [[released(model)] for model in last]
        copied._members = None
        copied._folder = None
        return copied


def _costs_of(models):
    """What training each of the models has cost, nan where it does not count it."""
    unknown = dict.fromkeys(("forward_rows", "gradient_rows", "circuits", "shots"), np.nan)
    return [
        getattr(model, "fit_cost_", unknown)
        for model in models
        if model is not None and not isinstance(model, DummyClassifier)
    ]


def _summed(costs):
    names = ("forward_rows", "gradient_rows", "circuits", "shots")
    return {name: sum(cost[name] for cost in costs) for name in names}
