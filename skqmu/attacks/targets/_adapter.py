"""What every adapter is: a classifier around a model that is trained already."""

import inspect
import sys
import threading
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from ..._site_links import SiteLinksMixin
from ..._validation import check_is_fitted, validate_data
from ...exceptions import NoCloneError

__all__ = ["TargetAdapter", "class_list", "is_a", "one_at_a_time", "seeded_torch"]


_TURN = threading.RLock()


@contextmanager
def one_at_a_time():
    """Work that draws from a generator of the whole process, or sets modes of a shared module."""
    with _TURN:
        yield


def is_a(model, module, name):
    """Whether a model is of a class of a package, which is not imported for it."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(model, kind)


def class_list(classes):
    """Labels of the columns: an array as given, 0 to n - 1 for a number n."""
    if classes is None:
        return None
    if isinstance(classes, int | np.integer) and not isinstance(classes, bool):
        classes = range(classes)
    labels = np.asarray(classes)
    if labels.ndim != 1 or len(labels) < 2 or len(set(labels.tolist())) < len(labels):
        raise ValueError(
            f"classes={classes!r} must be the labels of the answer's columns, in their order: two "
            "or more, each once (or their number, for 0, 1, ...)."
        )
    return labels


@contextmanager
def seeded_torch(random_state):
    """Training whose draws from torch's global generator come from a seed; it is put back."""
    torch = sys.modules.get("torch")
    if torch is None or random_state is None:
        yield
        return
    with one_at_a_time(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(random_state))
        yield


def answering(method):
    """For `available_if`: whether the adapter's model answers by a method."""
    return lambda adapter: method in adapter._answers_by()


class TargetAdapter(ClassifierMixin, SiteLinksMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of the adapters: they answer with the model that they were given.

    A subclass has the parameters `model`, `classes` and, where it can be trained anew otherwise
    than by its own knowledge, `retrain` and `random_state`; it says how the model is asked
    (:meth:`_proba`, :meth:`_labels`). The model that was given is never changed. `fit` trains
    another one, which the adapter then answers with; a clone has the model that was given.
    """

    # -- for subclasses -------------------------------------------------------------------

    @abstractmethod
    def _proba(self, model, X):
        """Probabilities of shape (n, n_classes), in the columns of ``classes_``."""

    def _labels(self, model, X):
        """Labels of shape (n,)."""
        return self.classes_[np.argmax(self._proba(model, X), axis=1)]

    def _answers_by(self):
        return {"predict", "predict_proba"}

    def _train(self, X, y, seed):
        """A model trained anew; `seed` is an int or None."""
        function = getattr(self, "retrain", None)
        if function is None:
            raise NoCloneError(self._no_clone())
        names = inspect.signature(function).parameters
        seeds = {"random_state": seed} if "random_state" in names else {}
        with seeded_torch(seed):
            return function(X, y, **seeds)

    def _retrains(self):
        return getattr(self, "retrain", None) is not None

    def check_trainable(self):
        """Raise unless other models like this one can be trained.

        Raises
        ------
        NoCloneError
            It is not known how.
        """
        if not self._retrains():
            raise NoCloneError(self._no_clone())

    def _no_clone(self):
        return (
            f"no other {self._model_name()} can be trained here: {type(self).__name__} holds one "
            f"that is trained already. Pass {self._way_to_clones()}"
        )

    def _way_to_clones(self):
        return (
            "retrain=function, with function(X, y) training one like it; or, to an attack, "
            "shadow_estimator=, a classifier that stands in for it. Without shadows: "
            "QuantileAttack, and n_shadows=0 of ThresholdAttack and LabelOnlyAttack."
        )

    def _model_name(self):
        model = getattr(self, "model", None)
        return getattr(model, "__name__", type(model).__name__)

    @property
    def answer_shots(self):
        """Shots behind an answer: a number, None where it is exact, or "unknown"."""
        return getattr(self, "shots", None)

    @property
    def not_asked(self):
        """What cannot be asked of the model, in sentences; for threat models."""
        answers = self._answers_by()
        told = [] if "predict_proba" in answers else ["the target answers with labels only."]
        if not self._retrains():
            told.append(
                "no clone of the target can be trained: shadows, if any, are of another kind."
            )
        return tuple(told)

    # -- scikit-learn ---------------------------------------------------------------------

    @property
    def classes_(self):
        """Labels of the columns."""
        found = vars(self).get("_classes")
        found = self._given_classes() if found is None else found
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no classes_ before fit.")
        return found

    def _given_classes(self):
        return class_list(self.classes)

    def fit(self, X, y):
        """Train another model, and answer with it from then on.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,)

        Returns
        -------
        self

        Raises
        ------
        NoCloneError
            It is not known how to train one.
        """
        self.check_trainable()
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        seed = getattr(self, "random_state", None)
        if seed is not None:
            seed = int(np.random.default_rng(seed).integers(2**31 - 1))
        classes = self._classes_for(y)
        self.model_ = self._train(X, y, seed)
        self._classes = classes
        return self

    def _classes_for(self, y):
        """Columns of a model that is trained on these labels."""
        given, found = self._given_classes(), np.unique(y)
        if given is None:
            return found
        unknown = [label for label in found.tolist() if label not in given.tolist()]
        if unknown:
            raise ValueError(
                f"y holds labels that classes= does not: {', '.join(map(repr, unknown[:5]))}; it "
                f"has {', '.join(map(repr, given.tolist()[:10]))}."
            )
        return given

    def predict(self, X):
        """Labels of rows, shape (n,).

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows as the model takes them.

        Returns
        -------
        ndarray of shape (n,)
        """
        model, X = self._current(), self._rows(X)
        return self._labels(model, X)

    @available_if(answering("predict_proba"))
    def predict_proba(self, X):
        """Probabilities of rows, shape (n, n_classes).

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows as the model takes them.

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        model, X = self._current(), self._rows(X)
        return self._proba(model, X)

    def _current(self):
        check_is_fitted(self)
        return vars(self).get("model_", getattr(self, "model", None))

    def _rows(self, X):
        # what was never fitted here takes what its model takes
        return validate_data(self, X, reset=False) if "model_" in vars(self) else X

    def __sklearn_is_fitted__(self):
        return "model_" in vars(self) or getattr(self, "model", None) is not None

    def release(self):
        """Return a copy that answers with the model it answers with now, and trains none.

        Returns
        -------
        TargetAdapter
        """
        copy = clone(self)
        current = {"model": self._current(), "classes": self.classes_, "retrain": None}
        copy.set_params(**{k: v for k, v in current.items() if k in copy.get_params(deep=False)})
        return copy

    def __sklearn_clone__(self):
        # the model is shared, never copied: whoever clones a classifier wants to train another
        return type(self)(**self.get_params(deep=False))
