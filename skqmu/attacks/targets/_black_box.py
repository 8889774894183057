"""Functions, and objects that only answer, as targets."""

import numpy as np

from ..._validation import check_choice
from ._adapter import TargetAdapter, class_list
from ._read_answers import OUTPUTS, as_labels, as_probabilities

__all__ = ["BlackBoxTarget"]


class BlackBoxTarget(TargetAdapter):
    """Whatever answers about rows, as a target: a function, or an object that predicts.

    Parameters
    ----------
    model : callable, object with ``predict_proba`` or ``predict``, or None, default=None
        A function takes rows of shape (n, n_features) and returns what `output` says. None:
        nothing yet, `fit` trains the first one by `retrain`.
    classes : array-like of labels, int or None, default=None
        Labels of the answer's columns, in their order; an int n stands for 0 to n - 1. None:
        the model's own ``classes_``; without a model, those of `fit`.
    output : {"probabilities", "logits", "log_probabilities", "expectations", "labels"} or None, \
default=None
        What the answers are: of shape (n, n_classes) for more than labels, or one number a row,
        about the second of two classes. ``"expectations"`` are in [-1, 1]. None: probabilities,
        or labels of an object without ``predict_proba``.
    retrain : callable or None, default=None
        ``retrain(X, y)`` returns a model like `model`, trained on these rows; it is given
        ``random_state=`` (an int or None) where it takes that. Attacks then train shadows of the
        target's kind, and an audit originals and oracles. None: there are none.
    shots : int, None or "unknown", default=None
        Shots behind one answer, for the threat model; None: it is exact.
    random_state : int or None, default=None
        What `retrain` is given comes from it. torch's generator is seeded for it, too, and put
        back.

    Attributes
    ----------
    classes_ : ndarray
    model_ : object
        After `fit`: the model that answers now.
    n_features_in_ : int
        After `fit`.

    See Also
    --------
    as_target : Chooses the adapter.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skqmu.attacks import BlackBoxTarget, ThresholdAttack
    >>> X, y = load_iris(return_X_y=True)
    >>> service = GaussianNB().fit(X[::2], y[::2]).predict_proba  # answers, and nothing more
    >>> target = BlackBoxTarget(service, classes=[0, 1, 2])
    >>> attack = ThresholdAttack(target, n_shadows=0).fit(X, y)
    >>> attack.decision_function(X, y).shape
    (150,)
    """

    def __init__(
        self,
        model=None,
        *,
        classes=None,
        output=None,
        retrain=None,
        shots=None,
        random_state=None,
    ):
        self.model = model
        self.classes = classes
        self.output = output
        self.retrain = retrain
        self.shots = shots
        self.random_state = random_state

    def _output(self):
        if self.output is not None:
            return check_choice("output", self.output, (*OUTPUTS, "labels"))
        model = vars(self).get("model_", self.model)
        asked = callable(model) or hasattr(model, "predict_proba") or model is None
        return "probabilities" if asked else "labels"

    def _answers_by(self):
        return {"predict"} if self._output() == "labels" else {"predict", "predict_proba"}

    def _given_classes(self):
        given = self.classes
        if given is None:
            given = getattr(self.model, "classes_", None)
        return class_list(given)

    def _labels(self, model, X):
        if self._output() != "labels":
            return super()._labels(model, X)
        ask = model.predict if hasattr(model, "predict") else model
        return as_labels(ask(X), _length(X), self._model_name())

    def _proba(self, model, X):
        ask = model.predict_proba if hasattr(model, "predict_proba") else model
        what = self._model_name()
        return as_probabilities(ask(X), self._output(), self.classes_, _length(X), what)


def _length(X):
    return X.shape[0] if hasattr(X, "shape") else len(np.asarray(X))
