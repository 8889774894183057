"""One shard of `ShardedClassifier`: its slices, and its models from one slice to the next."""

import copy
import hashlib
import os
import pickle
from contextlib import suppress

import numpy as np
from sklearn.dummy import DummyClassifier

from .._files import remove_leftovers
from .._fit_many import last_step
from .._packed import read_packed, write_packed
from .._rows import cut
from ._meta import fit_clone, fit_clones, telling_costs, with_seed
from .deletion import files_of
from .state import kept_files

__all__ = [
    "RemovedFolder",
    "RemovedModels",
    "StoredModel",
    "entries_beyond",
    "loaded",
    "remove_files",
    "slices_of",
    "train_shard",
    "train_shards",
]

_KIND = "slice"


class StoredModel:
    """A fitted model whose arrays lie in a file.

    The file holds numbers alone. What they mean stays in memory, and so does their digest: a
    file that somebody else has put in its place is found out, and nothing that a file holds is
    ever run, whatever estimator the model is.

    Parameters
    ----------
    model : fitted estimator
    folder : OwnedFolder
    name : str
        Of the file.

    Attributes
    ----------
    path : pathlib.Path
    digest : str
        Of the arrays.
    """

    def __init__(self, model, folder, name):
        buffers = []
        self._outline = pickle.dumps(model, protocol=5, buffer_callback=buffers.append)
        arrays = [np.array(buffer.raw(), dtype=np.uint8) for buffer in buffers]
        self.path = folder.path / name
        self.digest = _digest(arrays)
        write_packed(self.path, _KIND, arrays, owner=folder.owner)

    def load(self):
        """The model.

        Raises
        ------
        OSError, ValueError
            The file is gone or damaged; the message names it.
        """
        try:
            _, arrays = read_packed(self.path, _KIND)
        except ValueError as error:
            raise ValueError(f"{error}: fit again.") from error
        if not isinstance(arrays, list) or _digest(arrays) != self.digest:
            raise ValueError(f"{str(self.path)!r} is not the slice that was written: fit again.")
        return pickle.loads(self._outline, buffers=arrays)


def loaded(model):
    """The model itself, where it may be in a file."""
    return model.load() if isinstance(model, StoredModel) else model


def _digest(arrays):
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        array = np.asarray(array)
        digest.update(repr((array.shape, array.dtype.str)).encode() + array.tobytes())
    return digest.hexdigest()


def remove_files(paths):
    """Delete files; returns those that are left, as strings."""
    left = []
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        if os.path.lexists(path):
            left.append(str(path))
    return left


class RemovedFolder:
    """The folder of an earlier fit, to be deleted when the next one is in place.

    Parameters
    ----------
    folder : OwnedFolder
    """

    def __init__(self, folder):
        self.folder = folder

    def discard(self):
        """Delete it; returns what is to be said about it, a list of str."""
        left = self.folder.remove()
        return [f"{path}, of the fit before, could not be deleted." for path in left]


def entries_beyond(earlier, now):
    """Entries of the cache, by shard, that are not among other such entries.

    Parameters
    ----------
    earlier, now : dict of tuple of CachedFit

    Returns
    -------
    tuple of CachedFit
    """
    known = {repr(entry) for entries in now.values() for entry in entries}
    found = {repr(entry): entry for entries in earlier.values() for entry in entries}
    return tuple(entry for name, entry in found.items() if name not in known)


class RemovedModels:
    """Files of models that saw a forgotten row, to be deleted when others are in their place.

    Parameters
    ----------
    models : list of fitted estimator or StoredModel or None
    heirs : list of fitted estimator or StoredModel or None
        Models of the same shards that are in place then. All models of a shard draw from one
        noise stream, so that backends wrote their jobs into one journal: it goes, too.
    folder : OwnedFolder or None
        Of stored models.
    """

    def __init__(self, models, heirs, folder):
        self.slices = [model.path for model in models if isinstance(model, StoredModel)]
        self.folder = None if folder is None else folder.path
        owned = [file for model in _with_artefacts(models) for file in files_of(model)]
        self.files = {file.path: file for file in owned}
        owned += [file for m in heirs for file in kept_files(last_step(m))]
        self.twins = [f for f in owned if f.path in self.files and f is not self.files[f.path]]

    def discard(self):
        """Delete them; returns what is to be said about it, a list of str."""
        left = remove_files(self.slices)
        n_gone = len(self.slices) - len(left)
        notes = [f"{n_gone} slice files were deleted."] if self.slices else []
        if left:
            notes.append(f"slice files that saw the rows could not be deleted: {', '.join(left)}.")
        if self.folder is not None:
            half = remove_leftovers(self.folder)
            notes += [f"{path}, half a slice file, could not be deleted." for path in half]
        for file in self.twins:
            file.let_go()
        return notes + [note for file in self.files.values() for note in file.discard()]


def _with_artefacts(models):
    """Those of the models (or their last steps) that left files of their own."""
    for model in models:
        with suppress(OSError, ValueError):  # a slice that is damaged tells nothing
            model = last_step(loaded(model))
            if kept_files(model):
                yield model


def slices_of(members, assignment, classes, shard, n_slices):
    """Rows of a shard, cumulated slice by slice: (X, y) each."""
    parts = []
    for number in range(n_slices):
        rows = (assignment[:, 0] == shard) & (assignment[:, 1] <= number)
        # a model may keep the names of categories: of its own rows' alone
        parts.append((cut(members.given, rows), classes[members.labels[rows]]))
    return parts


def _can_go_on(model, y, classes):
    """Whether the model of the slices before knows the classes that the next one brings."""
    if isinstance(model, DummyClassifier):
        return False
    known = (model.steps[-1][1] if hasattr(model, "steps") else model).classes_
    return np.array_equal(known, np.unique(y)) or np.array_equal(known, classes)


def train_shards(estimator, seeds, rows, classes):
    """Models of shards of one slice each, side by side.

    Parameters
    ----------
    estimator : classifier
    seeds : list of numpy.random.SeedSequence
    rows : list of (X, y)
    classes : ndarray

    Returns
    -------
    list of fitted classifier or None
    """
    made = [_model_without_training(X, y) for X, y in rows]
    places = [i for i, (_, y) in enumerate(rows) if made[i] is None and len(y)]
    for i, model in zip(
        places,
        fit_clones(
            [with_seed(estimator, seeds[i]) for i in places],
            [rows[i][0] for i in places],
            [rows[i][1] for i in places],
            classes,
        ),
        strict=True,
    ):
        made[i] = model
    return made


def _model_without_training(X, y):
    """The model of rows that teach nothing; None where there is something to learn, or no row."""
    # Most classifiers refuse a single class; nothing else can be learned from it.
    return DummyClassifier(strategy="prior").fit(X, y) if len(np.unique(y)) == 1 else None


def train_shard(estimator, seed, slices, classes, first, model):
    """Models of the slices from `first` on, each going on from the one before."""
    with telling_costs() as models:
        return _train_slices(models, estimator, seed, slices, classes, first, model)


def _train_slices(models, estimator, seed, slices, classes, first, model):
    for number, (X, y) in enumerate(slices):
        if number < first:
            continue
        if len(y) == 0:
            models.append(None)
            continue
        constant = _model_without_training(X, y)
        if constant is not None:
            model, trained = constant, None
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
    with telling_costs(but=getattr(model, "fit_cost_", None)) as models:
        models.append(model)
        return model.fit(X, y)
