"""A model's answers, written down once and asked for by row numbers."""

import numpy as np

__all__ = ["RecordedAnswers"]


class RecordedAnswers:
    """Probabilities of a model on fixed rows, which the metrics can ask as if it were the model.

    Rows are asked for by their numbers, so no row costs a second circuit, and rows cannot
    change their order.

    Parameters
    ----------
    proba : array-like of shape (n_rows, n_classes)
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns; None: the column numbers.

    Attributes
    ----------
    proba : ndarray of shape (n_rows, n_classes)
    classes_ : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        `proba` is no table of probabilities, or `classes` does not fit its columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import RecordedAnswers
    >>> model = RecordedAnswers([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> model.predict(np.array([2, 1]))
    array([0, 1])
    """

    def __init__(self, proba, classes=None):
        self.proba = np.asarray(proba, dtype=float)
        if self.proba.ndim != 2 or not self.proba.size:
            raise ValueError(f"proba must have shape (n_rows, n_classes); got {self.proba.shape}.")
        if not (np.isfinite(self.proba).all() and self.proba.min() >= -1e-9):
            raise ValueError("proba must be finite and not negative.")
        n_classes = self.proba.shape[1]
        self.classes_ = np.arange(n_classes) if classes is None else np.asarray(classes)
        if self.classes_.shape != (n_classes,):
            raise ValueError(
                f"classes has shape {self.classes_.shape}; proba has {n_classes} columns."
            )

    def predict_proba(self, rows):
        """Probabilities of the rows with these numbers.

        Parameters
        ----------
        rows : array-like of int of shape (n,)

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        return self.proba[np.asarray(rows)]

    def predict(self, rows):
        """Most probable class of the rows with these numbers.

        Parameters
        ----------
        rows : array-like of int of shape (n,)

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]
