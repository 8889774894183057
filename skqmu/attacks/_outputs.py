"""What an attacker reads off a classifier's output: probabilities in known columns, or labels."""

import numpy as np

from ..metrics.signals import align_columns, encode_labels

__all__ = ["query_labels", "query_proba"]


def query_proba(model, X, classes, n_queries=1):
    """Ask a classifier `n_queries` times for probabilities and average the answers.

    Parameters
    ----------
    model : classifier with ``predict_proba``
    X : rows, as the classifier takes them
    classes : ndarray of labels
        Order of the columns of the answer.
    n_queries : int, default=1
        Averaging K answers of a finite-shot model acts as K times the shots.

    Returns
    -------
    ndarray of shape (n, n_classes), float64

    Raises
    ------
    TypeError
        The classifier has no ``predict_proba``.
    ValueError
        It answered with values that are not probabilities.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skqmu.attacks.tools import query_proba
    >>> model = DummyClassifier().fit([[0.0]] * 4, ["a", "a", "a", "b"])
    >>> query_proba(model, [[0.0]], ["c", "b", "a"])
    array([[0.  , 0.25, 0.75]])
    """
    if not hasattr(model, "predict_proba"):
        raise TypeError(
            f"{type(model).__name__} has no predict_proba, which this attack queries. Wrap it "
            "in CalibratedClassifierCV, or use LabelOnlyAttack, which needs predict only."
        )
    total = 0.0
    for _ in range(n_queries):
        proba = np.asarray(model.predict_proba(X), dtype=np.float64)
        if proba.ndim != 2:
            raise ValueError(
                f"predict_proba of {type(model).__name__} returned shape {proba.shape}; "
                "membership attacks need single-output classifiers, shape (n, n_classes)."
            )
        bad = ~(np.isfinite(proba) & (proba >= -1e-9) & (proba <= 1 + 1e-6)).all(axis=1)
        if bad.any():
            raise ValueError(
                f"predict_proba of {type(model).__name__} returned values outside [0, 1] or "
                f"not finite in {bad.sum()} of {bad.size} rows (first: row "
                f"{np.flatnonzero(bad)[0]}); the model is broken, and so would the attack be."
            )
        total = total + np.clip(proba, 0.0, 1.0)
    return align_columns(total / n_queries, model.classes_, classes)


def query_labels(model, X, classes):
    """Ask a classifier for labels; return column numbers of `classes`, shape (n,)."""
    return encode_labels(model.predict(X), classes, name="predict(X)")
