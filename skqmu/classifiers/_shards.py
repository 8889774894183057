"""One shard of `ShardedClassifier`: its slices, and its models from one slice to the next."""

import copy

import numpy as np
from sklearn.dummy import DummyClassifier

from ._meta import fit_clone, telling_costs, with_seed

__all__ = ["slices_of", "train_shard"]


def slices_of(members, assignment, classes, shard, n_slices):
    """Rows of a shard, cumulated slice by slice: (X, y) each."""
    parts = []
    for number in range(n_slices):
        rows = (assignment[:, 0] == shard) & (assignment[:, 1] <= number)
        parts.append((members.X[rows], classes[members.labels[rows]]))
    return parts


def _can_go_on(model, y, classes):
    """Whether the model of the slices before knows the classes that the next one brings."""
    if isinstance(model, DummyClassifier):
        return False
    known = (model.steps[-1][1] if hasattr(model, "steps") else model).classes_
    return np.array_equal(known, np.unique(y)) or np.array_equal(known, classes)


def train_shard(estimator, seed, slices, classes, first, model):
    """Models of the slices from `first` on, each going on from the one before."""
    with telling_costs() as models:
        return _train_slices(models, estimator, seed, slices, classes, first, model)


def _train_slices(models, estimator, seed, slices, classes, first, model):
    for number, (X, y) in enumerate(slices):
        if number < first:
            continue
        if len(X) == 0:
            models.append(None)
            continue
        if len(np.unique(y)) == 1:
            # Most classifiers refuse a single class; nothing else can be learned from it.
            model, trained = DummyClassifier(strategy="prior").fit(X, y), None
        elif model is None or not _can_go_on(model, y, classes):
            trained = with_seed(estimator, seed)
        else:
            trained = copy.deepcopy(model)
        if trained is not None:
            if len(slices) > 1:
                trained.set_params(warm_start=True)
            fresh = not hasattr(trained, "classes_")
            model = fit_clone(trained, X, y, classes) if fresh else _gone_on(trained, X, y)
        models.append(model)
    return models


def _gone_on(model, X, y):
    # Its cost is that of the slice before until the fit has begun.
    vars(model).pop("fit_cost_", None)
    with telling_costs() as models:
        models.append(model)
        return model.fit(X, y)
