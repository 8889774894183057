"""The models that an audit sets side by side: original, oracles, unlearned copies."""

import copy
import inspect
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from .._fit_many import fit_many, last_step
from .._identity import settings_line
from .._rows import take
from .._site_links import SiteLinksMixin
from ..attacks.tools import align_columns, shadow_template, with_seed
from ..exceptions import UnlearningError
from ._epochs import Course

__all__ = [
    "Model",
    "can_unlearn",
    "fit_model",
    "fit_models",
    "is_default",
    "strategy_label",
    "takes_strategy",
    "unlearn_copy",
]


@dataclass
class Model:
    """A fitted classifier with its part in the audit.

    Attributes
    ----------
    name : str
    role : {"original", "oracle", "mechanism"}
    estimator : fitted classifier or None
        None when the mechanism failed.
    cost : dict
        What it took (guard 12): seconds, and samples, gradient evaluations, circuits and
        shots where the estimator counts them.
    kind : str or None
        What the mechanism may claim ("exact", "certified", "approximate").
    error : str or None
    notes : list of str
    course : Course or None
        What it answered at each epoch of its request, where somebody followed it.
    """

    name: str
    role: str
    estimator: object
    cost: dict
    kind: str | None = None
    error: str | None = None
    notes: list = field(default_factory=list)
    course: object = None


class PaddedClassifier(ClassifierMixin, SiteLinksMixin, BaseEstimator):
    """A fitted classifier that has never heard of some classes, with columns for them.

    An oracle of a class removal is trained without the class, so its probabilities lack
    the column. Here the column exists and is 0.

    Parameters
    ----------
    estimator : fitted classifier
    classes : ndarray
        All labels, in order.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skqmu.audit._models import PaddedClassifier
    >>> tree = DecisionTreeClassifier().fit([[0.0], [1.0]], ["a", "c"])
    >>> PaddedClassifier(tree, np.array(["a", "b", "c"])).predict_proba([[0.0]])
    array([[1., 0., 0.]])
    """

    def __init__(self, estimator, classes):
        self.estimator = estimator
        self.classes = classes

    @property
    def classes_(self):
        """All labels, those never seen included."""
        return self.classes

    @property
    def estimator_(self):
        """The classifier, where whoever looks for a model's parts looks for it."""
        return self.estimator

    @property
    def n_features_in_(self):
        """Width of a row."""
        return self.estimator.n_features_in_

    def fit(self, X, y):
        """Do nothing: it is fitted as long as it lives.

        Parameters
        ----------
        X, y : ignored
        """
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        """Labels, as the classifier gives them."""
        return self.estimator.predict(X)

    def predict_proba(self, X):
        """Probabilities, shape (n, len(classes_)); 0 for classes never seen."""
        return align_columns(self.estimator.predict_proba(X), self.estimator.classes_, self.classes)


def can_unlearn(estimator):
    """Whether the classifier, or the end of the pipeline, has ``unlearn``."""
    return callable(getattr(last_step(estimator), "unlearn", None))


def takes_strategy(estimator):
    """Whether its ``unlearn`` can be told how."""
    return "strategy" in inspect.signature(last_step(estimator).unlearn).parameters


def is_default(strategy):
    """Whether the classifier is asked to forget in its own way."""
    return isinstance(strategy, str) and strategy == "default"


def _counts(cost):
    """Keep the known numbers of what an estimator says it spent; nan and None are not known."""
    known = ("forward_rows", "gradient_rows", "circuits", "shots")
    given = {name: cost[name] for name in known if cost.get(name) is not None} if cost else {}
    return {name: int(value) for name, value in given.items() if np.isfinite(value)}


def strategy_label(strategy):
    """Return a mechanism's name: the string itself, or the object's settings on one line."""
    return strategy if isinstance(strategy, str) else settings_line(strategy)


def fit_model(template, X, y, *, name, role, seed, classes=None):
    """Train a fresh clone on `X`, `y` with its own seed.

    Parameters
    ----------
    template : classifier
    X, y : rows and labels
    name, role : str
    seed : numpy.random.SeedSequence
    classes : ndarray or None, default=None
        All labels that the model shall have columns for, where `y` may lack some.
    """
    (model,) = fit_models(template, X, y, names=[name], role=role, seeds=[seed], classes=classes)
    return model


def fit_models(template, X, y, *, names, role, seeds, classes=None):
    """Train fresh clones on the same rows, side by side where their class allows it.

    Parameters and result are those of `fit_model`, for many; seconds are shared evenly.
    """
    estimators = [with_seed(shadow_template(template), seed) for seed in seeds]
    start, cpu = time.perf_counter(), time.process_time()
    n = len(estimators)
    failures = fit_many(estimators, [X] * n, [y] * n, classes=classes)
    for error in failures.values():
        raise error
    shares = {
        "seconds": (time.perf_counter() - start) / n,
        "cpu_seconds": (time.process_time() - cpu) / n,
    }
    models = []
    for name, estimator in zip(names, estimators, strict=True):
        cost = {**shares, **_counts(getattr(last_step(estimator), "fit_cost_", None))}
        if classes is not None and not np.array_equal(estimator.classes_, classes):
            estimator = PaddedClassifier(estimator, classes)
        models.append(Model(name=name, role=role, estimator=estimator, cost=cost, kind=None))
    return models


def unlearn_copy(original, strategy, data, scenario, *, name, follow=False):
    """Let a copy of the original forget; the original stays as it is.

    A mechanism that fails is a result (:class:`Model` with ``error``); a request that the
    classifier does not understand is an error of the caller and is raised.

    Parameters
    ----------
    original : Model
    strategy : str or object
        What ``unlearn(strategy=...)`` takes; ``"default"`` leaves it to the classifier.
    data : Data
    scenario : Scenario
    name : str
    follow : bool, default=False
        Whether the epochs of the request are followed; it costs what the mechanism does not.
    """
    estimator = copy.deepcopy(original.estimator)
    final, notes = last_step(estimator), []
    options = _request(estimator, strategy, data, scenario)
    course = Course(data, estimator) if follow else None
    if follow:
        options["watch"] = course
    if final is not estimator:
        seen = [step for step, part in estimator.steps[:-1] if part not in (None, "passthrough")]
        if seen:
            notes.append(
                f"the pipeline's steps {', '.join(seen)} were fitted on the forgotten rows too and "
                "are left as they are."
            )
    error = None
    start, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            final.unlearn(**options)
        except UnlearningError as failure:
            error = str(failure)
    cost = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
    if follow:
        cost = {unit: max(0.0, cost[unit] - getattr(course, unit)) for unit in cost}
    notes.extend(str(warning.message) for warning in caught)
    entry = _last_entry(final)
    cost.update(_counts(entry.get("cost")))
    notes.extend(map(str, entry.get("notes", ())))
    if entry.get("stop_reason"):
        notes.append(f"ended by: {entry['stop_reason']}.")
    return Model(
        name=name,
        role="mechanism",
        estimator=estimator if error is None else None,
        cost=cost,
        kind=entry.get("kind"),
        error=error,
        notes=list(dict.fromkeys(notes)),
        course=course,
    )


def _request(estimator, strategy, data, scenario):
    """Return the keyword arguments for the final estimator's ``unlearn``."""
    final = last_step(estimator)

    def rows(X):
        return X if final is estimator or len(estimator.steps) == 1 else estimator[:-1].transform(X)

    accepted = inspect.signature(final.unlearn).parameters
    asked = scenario.request
    options = {"X_forget": rows(take(data.X, asked)), "y_forget": data.y[asked]}
    if "X_reference" in accepted and len(data.y_reference):
        options.update(X_reference=rows(data.X_reference), y_reference=data.y_reference)
    if getattr(final, "store_data", "rows") != "rows" and "X_retain" in accepted:
        stays = ~scenario.forget
        options.update(X_retain=rows(take(data.X, stays)), y_retain=data.y[stays])
    if is_default(strategy):
        return options
    return {**options, "strategy": strategy if isinstance(strategy, str) else clone(strategy)}


def _last_entry(final):
    """Return the newest log entry as a dict; empty where the classifier keeps no log."""
    log = getattr(final, "unlearning_log_", None)
    return dict(log[-1]) if log else {}
