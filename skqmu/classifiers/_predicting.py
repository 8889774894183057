"""Prediction of a fitted classifier, on whatever backend it has now."""

from weakref import WeakKeyDictionary

import numpy as np

from .._validation import check_is_fitted, validate_data
from ..backends import resolve_backend
from ..network import log_softmax, softmax

__all__ = ["PredictingMixin"]

# Networks live outside the estimators: they hold compiled circuits, which are neither
# state that `predict` may change nor anything to pickle.
_NETWORKS = WeakKeyDictionary()


class PredictingMixin:
    """`predict`, `predict_proba` and `predict_log_proba` from parameters and a structure."""

    def _backend(self):
        return resolve_backend(self.backend)

    def _network(self, n_classes=None):
        """The network for the fitted structure and the current backend, built once."""
        backend = self._backend()
        n_classes = len(self.classes_) if n_classes is None else n_classes
        key = (id(self._structure), n_classes, type(backend), repr(backend.get_params()))
        known = _NETWORKS.get(self)
        if known is None or known[0] != key:
            network = self._build_network(self._structure, self.n_features_in_, n_classes, backend)
            # The structure itself is kept, so that its id cannot be given to another.
            known = _NETWORKS[self] = (key, network, self._structure)
        return known[1]

    def _logits(self, X):
        check_is_fitted(self, "params_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with self._backend().limit_threads():
            return self._network().logits(self.params_, X)

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return softmax(self._logits(X), axis=1)

    def predict_log_proba(self, X):
        """Logarithms of `predict_proba`, exact where a probability underflows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return log_softmax(self._logits(X), axis=1)

    def predict(self, X):
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        columns = self._logits(X).argmax(axis=1)
        return self.classes_[columns]
