"""The head of a fitted classifier as an outsider may read it: weights, and what they act on."""

import numpy as np

from .._validation import check_is_fitted, validate_data
from ..network import Dense, OneVsRest
from .state import reads

__all__ = ["HeadAccessMixin"]


class HeadAccessMixin:
    """Public attributes of the last dense layer, in scikit-learn's orientation.

    The answers' logits are ``head_features(X) @ head_coef_.T``. For ridge and logistic heads
    the features are those in which the solved problem is stated (the last one is the
    intercept's constant; of a logistic head all are scaled to a norm of at most 1).
    """

    @property
    @reads
    def head_kind_(self):
        """Loss of the head: "softmax", "ridge" or "logistic" (one against the rest)."""
        check_is_fitted(self, "params_")
        kind = self._structure.get("head", "softmax")
        return kind if isinstance(kind, str) and kind in ("ridge", "logistic") else "softmax"

    @property
    @reads
    def head_penalty_(self):
        """Strength of the head's L2 penalty as fitted.

        On the summed loss and not on the intercept (ridge); times half the number of rows, on
        all weights (logistic); `alpha` of a trained softmax head, times one half.
        """
        check_is_fitted(self, "params_")
        solved = self.head_kind_ != "softmax"
        return float(self._structure["head_penalty"] if solved else self.alpha)

    @property
    @reads
    def head_coef_(self):
        """Weights of the head, shape (n_columns, n_head_features), the intercept last.

        One column for each class; of a logistic head with two classes one in all.
        """
        check_is_fitted(self, "params_")
        layer, _ = self._head_layer()
        kernel = self.params_[self._network().layout.slices[layer.name]]
        scale = self._head_scale(len(kernel) // layer.n_outputs)
        return (kernel.reshape(len(scale), -1) / scale[:, None]).T

    @reads
    def head_features(self, X):
        """What the head sees of rows: outputs of the layers before it, and a constant.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_head_features)

        Examples
        --------
        >>> import numpy as np
        >>> from skqmu import QNNClassifier
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
        >>> clf = QNNClassifier(trainable="head", head="ridge", random_state=0).fit(X, y)
        >>> outputs = clf.head_features(X) @ clf.head_coef_.T
        >>> bool((outputs.argmax(axis=1) == clf.predict(X)).all())
        True
        """
        check_is_fitted(self, "params_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        _, position = self._head_layer()
        with self._backend().session():
            values = self._network().outputs(self.params_, X, n_layers=position)
        values = values.reshape(len(values), -1)
        values = np.column_stack([values, np.ones(len(values))])
        return values * self._head_scale(values.shape[1])

    def _head_layer(self):
        """The last dense layer and how many layers come before it."""
        layers = self._network().layers
        position = len(layers) - (2 if isinstance(layers[-1], OneVsRest) else 1)
        if not isinstance(layers[position], Dense):
            raise AttributeError(
                f"the network of this {type(self).__name__} ends in "
                f"{type(layers[position]).__name__}, not in a dense head; read params_ instead."
            )
        return layers[position], position

    def _head_scale(self, n_features):
        """Factors that bring features to a norm of at most 1, where the head was fitted so."""
        if self.head_kind_ != "logistic":
            return np.ones(n_features)
        bounds = np.append(self._observable_bounds(), 1.0)
        return 1.0 / (bounds * np.sqrt(len(bounds)))
