"""How shards are trained, and how they forget: those that hold a row, from its slice on."""

import secrets
from numbers import Integral

import joblib
import numpy as np
from sklearn.dummy import DummyClassifier

from .._fit_many import fits_many
from .._rows import take
from .._side_by_side import chunks, finished_jobs
from ..unlearning import UPSTREAM, Assumption, Certificate
from ._baseline import sampled_rows
from ._meta import ForgottenFits, as_memory, cached_call
from ._shards import (
    RemovedModels,
    StoredModel,
    entries_beyond,
    loaded,
    remove_files,
    slices_of,
    train_shard,
    train_shards,
)
from .deletion import (
    MOST_MEASURED,
    Done,
    Found,
    LogEntry,
    Way,
    assuming,
    digest_of,
    forget_rows,
    notes_on,
    reach_of,
)
from .state import fitted_state

__all__ = ["ByShards", "ShardTraining", "expected_refit_fraction"]


class ShardTraining:
    """Training of all shards of a `ShardedClassifier`, or of some.

    Parameters
    ----------
    model : ShardedClassifier
        Working copy.
    members : MemberRecord
    assignment : ndarray of int of shape (n_rows, 2)
    classes : ndarray
    seeds : list of numpy.random.SeedSequence
    folder : OwnedFolder or None
    memory : joblib.Memory
        Where shards are kept as they are finished, if the model's seed is fixed.

    Attributes
    ----------
    kept : dict of (int or None) to tuple of CachedFit
        By shard; see `ShardedState`.
    costs : list of dict
        Of each model that was trained, also where the training failed.
    stored : list of pathlib.Path
        Files that were written.
    """

    def __init__(self, model, members, assignment, classes, seeds, folder, memory):
        self.model = model
        self.members = members
        self.assignment = assignment
        self.classes = classes
        self.seeds = seeds
        self.folder = folder
        # An unseeded fit is never asked for again.
        self.memory = memory if isinstance(model.random_state, Integral) else as_memory(None)
        self.kept = {}
        self.costs = []
        self.stored = []

    @property
    def cost(self):
        """Sum of the costs; nan where a model does not count them."""
        names = ("forward_rows", "gradient_rows", "circuits", "shots")
        return {name: sum(cost[name] for cost in self.costs) for name in names}

    def run(self, first, old=()):
        """Models of all shards, kept up to slice ``first[shard]``, trained from there."""
        model, n_slices = self.model, self.model.n_slices
        refitted = [shard for shard, start in enumerate(first) if start < n_slices]
        models = [list(slices) for slices in old or [()] * model.n_shards]
        try:
            for shard, new, kept in self._trained(refitted, first, old):
                self.kept[shard] = (*self.kept.get(shard, ()), *[kept] * (kept is not None))
                self.costs += _costs_of(new)
                models[shard][first[shard] :] = [self._stored(each, shard) for each in new]
        except BaseException as error:
            self.costs += getattr(error, "costs", ())
            raise
        return models

    def _trained(self, shards, first, old):
        """Yield each shard with its new models and where the cache keeps them, as they come."""
        model = self.model
        rows = {
            shard: slices_of(self.members, self.assignment, self.classes, shard, model.n_slices)
            for shard in shards
        }
        if model.n_slices == 1 and self.memory.store_backend is None and fits_many(model.estimator):
            parts = chunks(shards, model.n_jobs)
            jobs = [
                (
                    model.estimator,
                    [self.seeds[shard] for shard in chunk],
                    [rows[shard][0] for shard in chunk],
                    self.classes,
                )
                for chunk in parts
            ]
            for i, found in finished_jobs(train_shards, jobs, n_jobs=model.n_jobs):
                for shard, new in zip(parts[i], found, strict=True):
                    yield shard, [new], None
            return
        jobs = [
            (
                self.memory,
                train_shard,
                model.estimator,
                self.seeds[shard],
                rows[shard],
                self.classes,
                first[shard],
                loaded(old[shard][first[shard] - 1]) if old and first[shard] else None,
            )
            for shard in shards
        ]
        for i, (new, kept) in finished_jobs(cached_call, jobs, n_jobs=model.n_jobs):
            yield shards[i], new, kept

    def keep_also(self, earlier):
        """Know the entries of an earlier fit, whose rows lay in whatever shards it had."""
        self.kept[None] = entries_beyond(earlier, self.kept)

    def _stored(self, model, shard):
        if self.folder is None or model is None:
            return model
        name = f"{shard:04d}-{secrets.token_hex(8)}.npz"
        self.stored.append(self.folder.path / name)
        return StoredModel(model, self.folder, name)


def _costs_of(models):
    """What training each of the models has cost, nan where it does not count it."""
    unknown = dict.fromkeys(("forward_rows", "gradient_rows", "circuits", "shots"), np.nan)
    return [
        getattr(model, "fit_cost_", unknown)
        for model in models
        if model is not None and not isinstance(model, DummyClassifier)
    ]


def expected_refit_fraction(model, assignment):
    """Mean over the rows of what their deletion costs, over the cost of all."""
    counts = np.zeros((model.n_shards, model.n_slices))
    np.add.at(counts, tuple(assignment.T), 1)
    work = counts.cumsum(axis=1)
    from_slice = work[:, ::-1].cumsum(axis=1)[:, ::-1]
    return float((counts * from_slice).sum() / counts.sum() / work.sum())


class ByShards(Way):
    """A request to a `ShardedClassifier`.

    Parameters
    ----------
    model : ShardedClassifier
        Working copy.
    arguments : tuple
        Of the request, as `forget_rows` takes them.
    report : {"none", "sample", "full"}
    """

    def __init__(self, model, arguments, report):
        self.model = model
        self.arguments = arguments
        self.report = report
        self.training = None

    def entry(self):
        params = {"n_shards": self.model.n_shards, "n_slices": self.model.n_slices}
        return LogEntry("ShardedRetrain", params, "exact")

    def match(self):
        model, state = self.model, fitted_state(self.model)
        forget = forget_rows(model, *self.arguments)
        members = state.members.without(forget.entries)
        assignment = np.delete(model.assignment_, forget.entries, axis=0)
        first = self._first_slices(forget.entries)
        self.training = ShardTraining(
            model,
            members,
            assignment,
            model.classes_,
            state.seeds,
            state.folder,
            as_memory(model.memory),
        )
        return Found(
            n_forget=len(forget),
            n_more=forget.n_more,
            n_retain=len(members),
            classes_removed=model.classes_[np.setdiff1d(forget.labels, members.labels)].tolist(),
            asked=(forget, first),
            facts={
                **forget.facts,
                "shards_refitted": sum(start < model.n_slices for start in first),
            },
        )

    def carry_out(self, found):
        forget, first = found.asked
        model, training = self.model, self.training
        old = model.models_
        measured = self._measured(forget)
        measures = {"before": measured(model)} if measured else {}
        models = training.run(first, old)
        known = fitted_state(model).cached_fits
        touched = {shard: known.get(shard, ()) for shard in (None, *training.kept)}
        stale = entries_beyond(touched, training.kept)
        replaced = _replaced(old, models, first, model.n_slices, training.folder)
        changes = {
            "models_": models,
            "members": training.members,
            "assignment_": training.assignment,
            "expected_refit_fraction_": expected_refit_fraction(model, training.assignment),
            "cached_fits": {**known, None: (), **training.kept},
            "leftovers": (replaced, *[ForgottenFits(stale)] * bool(stale)),
        }
        digests = [_digest(each, first, model.n_slices) for each in (old, models)]
        model._become(models_=models)
        if measured:
            measures["after"] = measured(model)
        given = model._given_parts()
        certificate = Certificate("exact", assumptions=[Assumption(UPSTREAM, checked=False)])
        facts = {
            **measures,
            "digests": digests,
            "certificate": assuming(certificate, given),
            "beyond_reach": reach_of(given),
        }
        return Done(facts, notes_on(given), changes)

    def costs(self):
        return {"cost": {} if self.training is None else self.training.cost}

    def undo(self):
        if self.training is not None:
            remove_files(self.training.stored)

    def _first_slices(self, entries):
        """First slice to train in each shard: that with one of the entries; n_slices: none."""
        first = [self.model.n_slices] * self.model.n_shards
        for shard, number in self.model.assignment_[entries]:
            first[shard] = min(first[shard], int(number))
        return [self._readable(shard, number) for shard, number in enumerate(first)]

    def _readable(self, shard, number):
        """The slice to train from: the first one, where the one before it is damaged."""
        if 0 < number < self.model.n_slices:
            try:
                loaded(self.model.models_[shard][number - 1])
            except (OSError, ValueError):
                return 0
        return number

    def _measured(self, forget):
        """Function from the model to its accuracies on rows of both parts; None: none is asked."""
        if self.report == "none":
            return None
        most = MOST_MEASURED if self.report == "sample" else None
        record = fitted_state(self.model).members
        staying = np.delete(np.arange(len(record)), forget.entries)
        parts = {
            name: entries[sampled_rows(len(entries), 0, most)]
            for name, entries in (("forget", forget.entries), ("retain", staying))
        }

        def accuracies(model):
            return {
                f"{name}_accuracy": np.mean(
                    model.predict(take(record.given, rows)) == model.classes_[record.labels[rows]]
                )
                for name, rows in parts.items()
            }

        return accuracies


def _digest(models, first, n_slices):
    """Digest of the models that predict, of those shards that a request refits."""
    last = [s[-1] for s, start in zip(models, first, strict=True) if start < n_slices]
    # (of a model in a file it is known, also where the file is damaged)
    return joblib.hash([m.digest if isinstance(m, StoredModel) else digest_of(m) for m in last])


def _replaced(old, new, first, n_slices, folder):
    """The models that new ones stand for."""
    starts = list(zip(old, new, first, strict=True))
    return RemovedModels(
        [model for was, _, start in starts for model in was[start:]],
        [model for _, now, start in starts if start < n_slices for model in now],
        folder,
    )
