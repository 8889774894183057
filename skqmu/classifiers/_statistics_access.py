"""The sums over rows of a linear loss, as an outsider may read them."""

import numpy as np

from .._validation import check_is_fitted, validate_data
from .state import fitted_state, reads

__all__ = ["StatisticsAccessMixin"]


class StatisticsAccessMixin:
    """Public attributes of a classifier that is trained on class statistics."""

    @property
    @reads
    def class_statistics_(self):
        """``S_c = sum w |x><x|``, complex, of shape (n_classes, 2**n_qubits, 2**n_qubits).

        Only with ``loss="linear"``, and not of a released copy.
        """
        return self._known_statistics("class_statistics_").matrices()

    @property
    @reads
    def class_counts_(self):
        """Rows of each class in the statistics, shape (n_classes,); see `class_statistics_`."""
        return np.array(self._known_statistics("class_counts_").counts)

    @reads
    def encoded_states(self, X):
        """States of rows behind the fixed encoding: what the class statistics are made of.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of complex of shape (n_samples, 2**n_qubits)
            The lowest qubit in the lowest bit.

        Raises
        ------
        AttributeError
            The classifier was fitted with another loss than ``"linear"``.

        Examples
        --------
        >>> import numpy as np
        >>> from skqmu import QNNClassifier
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
        >>> clf = QNNClassifier(loss="linear", n_qubits=2, max_iter=3, random_state=0).fit(X, y)
        >>> states = clf.encoded_states(X[:2])
        >>> bool(np.allclose(clf.class_statistics_[0], states.T @ states.conj()))
        True
        """
        check_is_fitted(self, "params_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if not self._trains_on_statistics():
            raise AttributeError(self._no_statistics("encoded_states"))
        real, imag = self._statistics_program(len(self.classes_)).encoding.states(X)
        return (real + 1j * imag).T

    def _known_statistics(self, name):
        check_is_fitted(self, "params_")
        statistics = fitted_state(self).statistics
        if statistics is None:
            raise AttributeError(self._no_statistics(name))
        return statistics

    def _no_statistics(self, name):
        return (
            f"{name}: this {type(self).__name__} keeps no class statistics; fit with "
            "loss='linear' (a released copy holds none)."
        )
