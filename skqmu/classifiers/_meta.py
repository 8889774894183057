"""What the meta-estimators share: seeds, probabilities on a fixed class list, sub-fits."""

import inspect
from contextlib import contextmanager

import numpy as np
from joblib import Memory
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

__all__ = [
    "aligned_proba",
    "as_memory",
    "fit_clone",
    "forgets",
    "has_seed",
    "telling_costs",
    "with_seed",
]


def forgets(estimator):
    """Whether an estimator, or the last step of a pipeline, has `unlearn`."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    return hasattr(last, "unlearn")


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
    copy = clone(estimator)
    rng = np.random.default_rng(seed)
    names = sorted(
        name
        for name, value in copy.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state" and (value is None or not only_unset)
    )
    return copy.set_params(**{name: int(rng.integers(2**31 - 1)) for name in names})


def draw_seed(random_state):
    """SeedSequence from any scikit-learn `random_state`."""
    return np.random.SeedSequence(
        int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    )


def as_memory(memory):
    """Joblib's Memory from a path, a Memory or None."""
    if memory is None or isinstance(memory, str):
        return Memory(memory, verbose=0)
    if not hasattr(memory, "cache"):
        raise TypeError(
            f"memory must be a path, a joblib.Memory or None; got {type(memory).__name__}."
        )
    return memory


def fit_clone(estimator, X, y, classes, sample_weight=None):
    """Fit a clone; ours learn the whole class list, others the classes that they see."""
    model = clone(estimator)
    if sample_weight is None:
        weights = {}
    elif isinstance(model, Pipeline):
        weights = {f"{model.steps[-1][0]}__sample_weight": sample_weight}
    else:
        weights = {"sample_weight": sample_weight}
    if not isinstance(model, Pipeline) and "classes" in inspect.signature(model.fit).parameters:
        weights["classes"] = classes
    with telling_costs() as models:
        models.append(model)
        return model.fit(X, y, **weights)


@contextmanager
def telling_costs():
    """Context of fits; an error that ends it says, as ``costs``, what they had spent by then.

    Yields
    ------
    list
        For the models; those that count their costs have `fit_cost_`.
    """
    models = []
    try:
        yield models
    except BaseException as error:
        spent = [model.fit_cost_ for model in models if hasattr(model, "fit_cost_")]
        error.costs = [*getattr(error, "costs", ()), *spent]
        raise


def aligned_proba(model, X, classes):
    """Probabilities with a column for each of `classes`; 0 where the model knows none."""
    known = model.predict_proba(X)
    proba = np.zeros((len(known), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = known
    return proba
