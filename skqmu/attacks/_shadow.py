"""One shadow, in a worker: trained, made to forget, asked, pickled."""

import pickle
from contextlib import contextmanager

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .._fit_many import fit_many, unlearn_many, unlearns_many
from .._rows import take
from ..exceptions import ShadowFitError
from ._cloudpickle import cloudpickle
from ._estimators import settings_of, with_seed
from ._outputs import query_proba

__all__ = ["Query", "Shadow", "apply", "train_shadows"]


class Shadow:
    """What one shadow is made from, apart from the data that all share."""

    def __init__(self, index, template, unlearn, seed, classes, n_queries):
        self.index, self.template, self.unlearn = index, template, unlearn
        self.seed, self.classes, self.n_queries = seed, classes, n_queries

    def outputs(self, model, X):
        return query_proba(model, X, self.classes, self.n_queries)


def train_shadows(shadows, X, y, rows, forget):
    """Train some shadows, in a worker, side by side where their class allows it.

    Parameters
    ----------
    shadows : list of Shadow
    X, y : the pool
    rows : list of ndarray of int
        Of each shadow: what it is trained on.
    forget : list of (ndarray of int or None)
        What it is to forget then.

    Returns
    -------
    list of (int, bytes, dict)
        Number, pickle and outputs on the pool of each.
    """
    models = [with_seed(clone(shadow.template), shadow.seed) for shadow in shadows]
    failures = fit_many(models, [take(X, own) for own in rows], [y[own] for own in rows])
    outputs = [{} for _ in shadows]

    def ask(when):
        for place, (shadow, model) in enumerate(zip(shadows, models, strict=True)):
            with _told(shadow, y, rows[place]):
                if place in failures:
                    raise failures[place]
                if hasattr(model, "predict_proba"):
                    outputs[place][when] = shadow.outputs(model, X)

    if forget[0] is not None:
        ask("before")
        models, failures = _after_requests(shadows, models, X, y, rows, forget)
    ask("after")
    # cloudpickle: a class defined in the user's script is known to the worker by value only
    return [
        (shadow.index, cloudpickle.dumps(_release(model)), own)
        for shadow, model, own in zip(shadows, models, outputs, strict=True)
    ]


def _after_requests(shadows, models, X, y, rows, forget):
    """Models that have unlearned, and the errors of those that could not, by place."""
    asked = [place for place, own in enumerate(forget) if own.size]
    parts = {place: (take(X, forget[place]), y[forget[place]]) for place in asked}
    if shadows[0].unlearn is None and unlearns_many(models[0]) and asked:
        inputs, labels = zip(*parts.values(), strict=True)
        failed = unlearn_many([models[place] for place in asked], inputs, labels)
        return models, {asked[number]: error for number, error in failed.items()}
    for place in asked:
        with _told(shadows[place], y, rows[place]):
            models[place] = _unlearn(shadows[place].unlearn, models[place], *parts[place])
    return models, {}


@contextmanager
def _told(shadow, y, rows):
    """Context in which an error is that of a shadow."""
    try:
        yield
    except Exception as error:
        raise _failure_of(shadow, error, y, rows) from error


def _failure_of(shadow, error, y, rows):
    """The error of a shadow that failed."""
    seen = np.unique(y[rows])
    single = (
        f" Its half of the pool holds the single class {seen[0]!r}: the pool needs two "
        "distinct records of two classes at least."
        if seen.size == 1 and shadow.classes.size > 1
        else ""
    )
    return ShadowFitError(
        f"shadow {shadow.index} ({settings_of(shadow.template)}, {rows.size} records, "
        f"{seen.size} of {shadow.classes.size} classes) failed with "
        f"{type(error).__name__}: {error}.{single}"
    )


def _release(model):
    """Let go of the member record of a shadow, which nobody asks: smaller, and private."""
    if hasattr(model, "release"):
        return model.release()
    if isinstance(model, Pipeline):
        name, final = model.steps[-1]
        model.steps[-1] = name, _release(final)
    return model


def _unlearn(unlearn, model, X, y):
    if unlearn is not None:
        result = unlearn(model, X, y)
        return model if result is None else result
    if hasattr(model, "unlearn"):
        return model.unlearn(X, y)
    if isinstance(model, Pipeline):
        _unlearn(None, model.steps[-1][1], model[:-1].transform(X) if len(model) > 1 else X, y)
        return model
    raise TypeError(
        f"{type(model).__name__} has no unlearn(X_forget, y_forget); pass "
        "unlearn=callable(model, X_forget, y_forget)."
    )


class Query:
    """Ask a model for probabilities, with other parameters than it was fitted with."""

    def __init__(self, classes, n_queries, params):
        self.classes, self.n_queries, self.params = classes, n_queries, params

    def __call__(self, model, X):
        if self.params:
            model.set_params(**self.params)
        return query_proba(model, X, self.classes, self.n_queries)


def apply(index, function, model, *args):
    """Load a model and apply a function to it, in a worker; return its number, too."""
    return index, np.asarray(function(pickle.loads(model), *args))
