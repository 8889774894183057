"""What fitted estimators hold: public attributes, and one immutable object for all the rest."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from ...backends import NoiseStream

__all__ = [
    "MODEL",
    "CircuitState",
    "ExperimentState",
    "ShardedState",
    "StateMixin",
    "fitted_state",
    "kept_files",
    "origin",
    "share_files",
]

# Public attributes without which there is no prediction.
MODEL = ("params_", "classes_", "n_features_in_", "feature_names_in_")

# Of pickles and model files. 1: attributes one by one; 2: hashes in lists, no ids (skqmu 0.1).
_FORMAT = 3


@dataclass(frozen=True)
class CircuitState:
    """What a classifier that holds a circuit knows beside its public attributes.

    Attributes
    ----------
    settings : dict
        The parameters that it was fitted with, but for those that act at once.
    structure : dict
        Everything that the network's shape depends on, but the classes.
    seed : int or None
        What `fit` drew from `random_state`; None: a released copy.
    noise : NoiseStream
        Of sampled backends.
    n_fits : int
        Calls of `fit` and `partial_fit` that the model came from.
    members : MemberRecord or None
        None: a released copy.
    moments : tuple of (str, object) or None
        The solver, and where it stood.
    updates : list of (ndarray of int, ndarray) or None
        With ``log_updates``: positions of a step's rows, and the step.
    importances : dict of str to Importance
    head_state : dict or None
        Of a solved head.
    statistics : ClassStatistics or None
        Of a linear loss: the sums over rows that it is trained on.
    privacy : PrivacyRecord or None
        Of private fits: what they promise.
    baseline : Baseline or None
        What harm is judged by since the last fit.
    files : tuple of OwnedFile
        Left behind by this model.
    leftovers : tuple
        Of the state before, still to be deleted (see `sweep`).
    """

    settings: Mapping
    structure: Mapping
    seed: int | None
    noise: NoiseStream
    n_fits: int = 0
    members: Any = None
    moments: tuple | None = None
    updates: list | None = None
    importances: Mapping = field(default_factory=dict)
    head_state: Mapping | None = None
    statistics: Any = None
    privacy: Any = None
    baseline: Any = None
    files: tuple = ()
    leftovers: tuple = ()

    def __getstate__(self):
        # A copy knows the files, to name them, and owns none.
        files = {name: tuple(map(copy.copy, getattr(self, name))) for name in _FILES}
        return {**vars(self), **files}


_FILES = ("files", "leftovers")


@dataclass(frozen=True)
class ShardedState:
    """What a `ShardedClassifier` knows beside its public attributes.

    Attributes
    ----------
    settings : dict
        The parameters that it was fitted with, but for those that act at once.
    seeds : list of numpy.random.SeedSequence
        Of the shards.
    members : MemberRecord or None
        None: a released copy.
    folder : OwnedFolder or None
        Of the slices' files.
    cached_fits : dict of (int or None) to tuple of CachedFit
        By shard: entries of the cache that hold what it was trained on; under None those of
        earlier fits, whose shards had other rows.
    leftovers : tuple
        Of the state before, still to be deleted (see `sweep`).
    """

    settings: Mapping
    seeds: list
    members: Any = None
    folder: Any = None
    cached_fits: Mapping = field(default_factory=dict)
    leftovers: tuple = ()

    def __getstate__(self):
        # Plain values, that any kind of file can hold.
        seeds = [tuple(seed.state.items()) for seed in self.seeds]
        return {**vars(self), "seeds": seeds, "cached_fits": list(self.cached_fits.items())}

    def __setstate__(self, state):
        seeds = [np.random.SeedSequence(**dict(seed)) for seed in state["seeds"]]
        vars(self).update(state, seeds=seeds, cached_fits=dict(state["cached_fits"]))


@dataclass(frozen=True)
class ExperimentState:
    """What an `UnlearningClassifier` knows beside its public attributes.

    Attributes
    ----------
    cached_fits : tuple of CachedFit
        Entries of the cache that hold what it was trained on.
    leftovers : tuple
        Of the state before, still to be deleted (see `sweep`).
    base : classifier or None
        What is fitted again on a request, unfitted; None: the model forgets itself.
    members : MemberRecord or None
        Of that model.
    mask_ids : MemberIds or None
        Of the rows of the mask, as long as these are kept.
    """

    cached_fits: tuple = ()
    leftovers: tuple = ()
    base: Any = None
    members: Any = None
    mask_ids: Any = None


def fitted_state(estimator):
    """The private part of an estimator's fitted state; None where there is none."""
    return vars(estimator).get("_fitted")


def kept_files(model):
    """Files that a model left behind and owns; none where it is of another library."""
    return getattr(vars(model).get("_fitted"), "files", ()) if hasattr(model, "__dict__") else ()


def share_files(heir, model):
    """Let a copy own, too, the files of the model whose place it is to take."""
    files = {file.path: file for file in (*kept_files(heir), *kept_files(model))}
    if files and heir is not model:
        vars(heir)["_fitted"] = replace(fitted_state(heir), files=tuple(files.values()))


def origin(estimator):
    """The estimator that a working copy was made of; any other is its own."""
    return vars(estimator).get("_origin", estimator)


class StateMixin:
    """An estimator whose fitted state is taken whole, as `_fitted` and public attributes."""

    #: Parameters that no refit reads, or that say how the next request is to be done: they
    #: act at once when they are set after `fit`. All the others act at the next `fit`.
    _live_params: frozenset[str] = frozenset()

    def _become(self, fitted=None, **changes):
        """Give a working copy, or an estimator that is not fitted yet, another state.

        Parameters
        ----------
        fitted : CircuitState, ShardedState or ExperimentState, default=None
            In the place of the one that is there.
        **changes : object
            Public attributes, whose names end in an underscore, and fields of the private part.
        """
        known = fitted_state(self)
        if origin(self) is self and known is not None:
            raise RuntimeError(f"a fitted {type(self).__name__} is changed by Writing alone.")
        public = {name: changes.pop(name) for name in list(changes) if name.endswith("_")}
        fitted = known if fitted is None else fitted
        vars(self).update(public, _fitted=replace(fitted, **changes) if changes else fitted)

    def _take_settings(self):
        """Let a working copy have, as parameters, the settings of its state."""
        vars(self).update(fitted_state(self).settings)

    def _drop(self, *names):
        """Let a working copy have these public attributes no longer."""
        for name in names:
            vars(self).pop(name, None)

    def __getstate__(self):
        state = {**super().__getstate__(), "_state_format": _FORMAT}
        if "_fitted" in state:
            state["_fitted"] = copy.copy(state["_fitted"])  # which owns no files
        return state

    def __setstate__(self, state):
        state = dict(state)
        found = state.pop("_state_format", 1)
        fitted = any(name.endswith("_") and not name.startswith("_") for name in state)
        if found != _FORMAT and fitted:
            raise ValueError(
                f"this {type(self).__name__} was pickled by another version of skqmu (state "
                f"format {found}; this version reads {_FORMAT}). Load it with that version, or "
                "fit again; named weights (get_weights, from_weights) go between versions."
            )
        super().__setstate__(state)

    def _own_params(self):
        """The parameters as they are now, out of the reach of whoever holds their objects."""
        return {
            name: self._own_param(name, value)
            for name, value in self.get_params(deep=False).items()
            if name not in self._live_params
        }

    def _own_param(self, name, value):
        if isinstance(value, np.random.RandomState):
            known = fitted_state(self)
            return getattr(known, "seed", None)  # what fit drew from it
        watcher = getattr(value, "callback", None)
        if watcher is not None and not hasattr(value, "get_params"):
            # Who watches an optimizer is the user's own: a copy would see all, and they nothing.
            return copy.deepcopy(value, {id(watcher): watcher})
        return clone(value, safe=False)
