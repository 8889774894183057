"""What the meta-estimators share: seeds, probabilities on a fixed class list, sub-fits."""

import os
import warnings
from contextlib import contextmanager

import numpy as np
from joblib import Memory
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from .._fit_many import fit_many, fit_one, fits_many, last_step
from .._identity import Unidentifiable, digest
from .._side_by_side import chunks, finished_jobs
from .._versions import numeric_versions

__all__ = [
    "ForgottenFits",
    "aligned_proba",
    "as_memory",
    "cached_call",
    "cached_fit",
    "cached_fits",
    "draw_seed",
    "fit_clone",
    "fit_clones",
    "forgets",
    "telling_costs",
    "with_seed",
]


def forgets(estimator):
    """Whether an estimator, or the last step of a pipeline, has `unlearn`."""
    return hasattr(last_step(estimator), "unlearn")


def has_seed(estimator):
    """Whether every `random_state` of the estimator is fixed, so that a fit is repeatable."""
    return all(
        isinstance(value, int | np.integer)
        for name, value in estimator.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state"
    )


def with_seed(estimator, seed, *, only_unset=False):
    """Clone whose every `random_state`, nested ones included, is drawn from `seed`.

    Parameters
    ----------
    estimator : estimator
    seed : numpy.random.SeedSequence
    only_unset : bool, default=False
        Leave those that are not None as they are.
    """
    seeded = clone(estimator)
    rng = np.random.default_rng(seed)
    names = sorted(
        name
        for name, value in seeded.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state" and (value is None or not only_unset)
    )
    return seeded.set_params(**{name: int(rng.integers(2**31 - 1)) for name in names})


def draw_seed(random_state):
    """SeedSequence from any scikit-learn `random_state`."""
    return np.random.SeedSequence(
        int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    )


def as_memory(memory):
    """Joblib's Memory from a path, a Memory or None."""
    if memory is None or isinstance(memory, str | os.PathLike):
        return Memory(None if memory is None else os.fspath(memory), verbose=0)
    if not hasattr(memory, "cache"):
        raise TypeError(
            f"memory must be a path, a joblib.Memory or None; got {type(memory).__name__}."
        )
    return memory


def fit_clone(estimator, X, y, classes, sample_weight=None, ids=None):
    """Fit a clone; ours learn the whole class list, others the classes that they see."""
    model = clone(estimator)
    with telling_costs() as models:
        models.append(model)
        return fit_one(model, X, y, sample_weight, _class_list(model, classes), ids)


def _class_list(model, classes):
    """The class list for a model; a pipeline's last step learns the classes that it sees."""
    return None if isinstance(model, Pipeline) else classes


@contextmanager
def telling_costs(but=None):
    """Context of fits; an error that ends it says, as ``costs``, what they had spent by then.

    Parameters
    ----------
    but : dict or None, default=None
        A cost that is known already.

    Yields
    ------
    list
        For the models; those that count their costs have `fit_cost_`.
    """
    models = []
    try:
        yield models
    except BaseException as error:
        costs = [getattr(model, "fit_cost_", None) for model in models]
        spent = [cost for cost in costs if cost is not None and cost is not but]
        error.costs = [*getattr(error, "costs", ()), *spent]
        raise


class CachedFit:
    """Where joblib keeps a fitted model: what it takes to delete it, and no row.

    Parameters
    ----------
    shelved : joblib.memory.MemorizedResult
    """

    def __init__(self, shelved):
        # joblib writes the arguments of a call, rows among them, as text beside its result.
        shelved.metadata = {}
        self._shelved = shelved

    def clear(self):
        """Delete it; returns whether it is gone."""
        self._shelved.clear()
        try:
            self._shelved.get()
        except KeyError:
            return True
        except Exception:  # whatever is left of it
            return False
        return False

    def __repr__(self):
        return repr(self._shelved)


class ForgottenFits:
    """Entries of the cache that saw a forgotten row, to be deleted when it is forgotten.

    Parameters
    ----------
    entries : tuple of CachedFit
    """

    def __init__(self, entries):
        self.entries = entries

    def discard(self):
        """Delete them; returns what is to be said about it, a list of str."""
        left = [entry for entry in self.entries if not entry.clear()]
        n_gone = len(self.entries) - len(left)
        notes = [f"{n_gone} entries of the cache (memory=) were deleted."]
        if left:
            notes.append(
                f"entries of the cache (memory=) that hold rows could not be deleted: {left}."
            )
        return notes


def _called(name, function, arguments):
    """What joblib keeps under a name that tells functions and arguments apart (see `digest`)."""
    return function(*arguments)


def cached_call(memory, function, *arguments):
    """What a function returns and, where joblib keeps it, where: a `CachedFit`, else None.

    Parameters
    ----------
    memory : joblib.Memory
    function : callable
        Of a module; all that its result depends on is among the arguments.
    *arguments : object
    """
    if memory.store_backend is None:
        return function(*arguments), None
    try:
        name = digest(numeric_versions(), function.__name__, arguments)
    except Unidentifiable as error:
        warnings.warn(f"memory= keeps no fits of this model: {error}", UserWarning)
        return function(*arguments), None
    kept = memory.cache(_called, ignore=["function", "arguments"])
    shelved = kept.call_and_shelve(name, function, arguments)
    try:
        return shelved.get(), CachedFit(shelved)
    except Exception as error:  # whatever a damaged file makes of the unpickler
        warnings.warn(
            f"{shelved!r} cannot be read ({type(error).__name__}: {error}): it is deleted, and "
            "the model fitted anew.",
            UserWarning,
        )
        shelved.clear()
        return function(*arguments), None


def cached_fit(memory, estimator, *arguments):
    """Fitted clone and where it is kept; see `fit_clone` and `cached_call`.

    An estimator is cached only where its seeds are fixed: a cached result of an unseeded fit
    would pass one draw off as another.
    """
    if not has_seed(estimator):
        return fit_clone(estimator, *arguments), None
    return cached_call(memory, fit_clone, estimator, *arguments)


def cached_fits(memory, estimators, *arguments, n_jobs=None):
    """`cached_fit` of estimators on the same rows, side by side where their class allows it.

    Returns
    -------
    list of (fitted estimator, CachedFit or None)
        In the order of the estimators.
    """
    if memory.store_backend is None and estimators and fits_many(estimators[0]):
        jobs = [(chunk, *arguments) for chunk in chunks(estimators, n_jobs)]
        found = dict(finished_jobs(_fit_on_the_same, jobs, n_jobs=n_jobs))
        return [(model, None) for i in range(len(jobs)) for model in found[i]]
    jobs = [(memory, estimator, *arguments) for estimator in estimators]
    found = dict(finished_jobs(cached_fit, jobs, n_jobs=n_jobs))
    return [found[i] for i in range(len(jobs))]


def _fit_on_the_same(estimators, X, y, classes, sample_weight=None):
    n = len(estimators)
    return fit_clones(estimators, [X] * n, [y] * n, classes, [sample_weight] * n)


def fit_clones(estimators, Xs, ys, classes, sample_weights=None):
    """`fit_clone` of estimators on rows of their own, side by side where their class allows it."""
    if not estimators:
        return []
    with telling_costs() as models:
        models += map(clone, estimators)
        failures = fit_many(
            models,
            Xs,
            ys,
            sample_weights=sample_weights,
            classes=_class_list(models[0], classes),
        )
        for error in failures.values():
            raise error
    return models


def aligned_proba(model, X, classes):
    """Probabilities with a column for each of `classes`; 0 where the model knows none."""
    known = model.predict_proba(X)
    proba = np.zeros((len(known), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = known
    return proba
