"""Nets of skorch as targets: seeded, and given the types that they take."""

import numpy as np
from sklearn.base import clone

from ._adapter import TargetAdapter, class_list, seeded_torch
from ._read_answers import as_array, as_probabilities

__all__ = ["SkorchTarget"]


class SkorchTarget(TargetAdapter):
    """A classifier net of skorch as a target, or as what an audit trains.

    A net draws from torch's global generator, takes rows in its module's precision only, and
    labels 0 to n - 1 as int64. Here its draws come from `random_state` (so that shadows and
    oracles differ, whichever process trains them), rows and labels are passed as it takes them,
    and the net that was given is never changed.

    Parameters
    ----------
    model : skorch.NeuralNetClassifier or skorch.NeuralNetBinaryClassifier
        Fitted, or not: `fit` trains a clone of it.
    classes : array-like of labels, int or None, default=None
        Labels of a fitted net's columns; None: 0 to n - 1, which it was trained on. `fit` finds
        its own.
    random_state : int or None, default=None
        Seeds torch's generator in `fit`; it is put back. None: it goes on from where it is.

    Attributes
    ----------
    classes_ : ndarray
    model_ : net
        After `fit`: the net that answers now.
    n_features_in_ : int
        After `fit`.

    Examples
    --------
    >>> from skqmu.attacks import LiRAAttack, SkorchTarget
    >>> target = SkorchTarget(net.fit(X, y))                               # doctest: +SKIP
    >>> LiRAAttack(target, n_shadows=8, random_state=0).fit(X_pool, y_pool)  # doctest: +SKIP
    """

    def __init__(self, model, *, classes=None, random_state=None):
        self.model = model
        self.classes = classes
        self.random_state = random_state

    def _given_classes(self):
        if self.classes is not None:
            return class_list(self.classes)
        known = getattr(self.model, "classes_", None) if self._is_trained() else None
        # a net answers in columns 0 to n - 1, whatever labels it saw
        return None if known is None else np.arange(int(np.max(known)) + 1)

    def _is_trained(self):
        # initialized alone, it answers with what was drawn
        return bool(getattr(self.model, "initialized_", False)) and bool(
            len(getattr(self.model, "history_", ()))
        )

    def __sklearn_is_fitted__(self):
        return "model_" in vars(self) or self._is_trained()

    def _retrains(self):
        return True

    def _classes_for(self, y):
        return np.unique(y)

    def _train(self, X, y, seed):
        net = clone(self.model)
        _, columns = np.unique(y, return_inverse=True)
        if columns.max() == 0:
            raise ValueError("y holds 1 class; a classifier needs two or more.")
        binary = not _is_multiclass(net)
        if binary and columns.max() > 1:
            raise ValueError(
                f"{type(net).__name__} takes two classes; y holds {columns.max() + 1}: use "
                "skorch.NeuralNetClassifier."
            )
        with seeded_torch(seed):
            dtype = _dtype_of(net.initialize())
        with seeded_torch(seed):
            return net.fit(X.astype(dtype), columns.astype(dtype if binary else np.int64))

    def _proba(self, model, X):
        rows = np.asarray(X)
        answers = model.predict_proba(rows.astype(_dtype_of(model)))
        what = type(model).__name__
        if answers.ndim == 2 and answers.shape[1] > len(self.classes_):
            # a module may have outputs for classes that were not among the labels
            answers = answers[:, : len(self.classes_)]
            answers = answers / answers.sum(axis=1, keepdims=True)
        return as_probabilities(answers, "probabilities", self.classes_, len(rows), what)

    def _model_name(self):
        return type(self.model).__name__

    def __sklearn_clone__(self):
        # unlike other models, a net says what it is apart from what it learned; and a fitted
        # one travels to other processes only where its module's class can be imported there
        return type(self)(clone(self.model), classes=self.classes, random_state=self.random_state)

    def release(self):
        """Return a copy that answers with the net it answers with now.

        Returns
        -------
        SkorchTarget
        """
        copy = clone(self)
        vars(copy).update(model_=self._current(), _classes=self.classes_)
        vars(copy).update({k: v for k, v in vars(self).items() if k == "n_features_in_"})
        return copy

    def __getstate__(self):
        # as what it is and what it learned: a fitted net is pickled by the name of its module's
        # class, which another process may not know
        state = dict(super().__getstate__())
        if "model_" in state:
            net = state["model_"]
            weights = {name: as_array(part) for name, part in net.module_.state_dict().items()}
            state["model_"] = clone(net), weights
        return state

    def __setstate__(self, state):
        if "model_" in state:
            import torch

            net, weights = state["model_"]
            with seeded_torch(0):
                net.initialize()
            tensors = {name: torch.tensor(part) for name, part in weights.items()}
            net.module_.load_state_dict(tensors)
            state = {**state, "model_": net}
        super().__setstate__(state)


def _is_multiclass(net):
    from skorch import NeuralNetBinaryClassifier

    return not isinstance(net, NeuralNetBinaryClassifier)


def _dtype_of(net):
    """Precision of a net's module, as numpy has it."""
    for weight in net.module_.parameters():
        if weight.is_floating_point():
            return str(weight.dtype).removeprefix("torch.")
    return "float32"
