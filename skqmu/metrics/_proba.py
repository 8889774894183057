"""Two models on the same rows with the same columns: the one place where they are aligned.

Every comparison of models goes through here.  It takes fitted estimators and ONE `X` and asks
all of them itself, so rows cannot be in different orders; columns are matched by `classes_`.
Attacks align the answers of shadows here, too.
"""

import numpy as np
from sklearn.exceptions import NotFittedError

__all__ = [
    "align_columns",
    "aligned_predictions",
    "aligned_probabilities",
    "class_union",
    "encode_labels",
    "probabilities",
]


def encode_labels(y, classes, *, name="y"):
    """Turn labels into column numbers of `classes`.

    Parameters
    ----------
    y : array-like of shape (n,)
    classes : array-like of shape (n_classes,)
    name : str, default="y"
        What the labels are called in the error message.

    Returns
    -------
    ndarray of shape (n,), int64

    Raises
    ------
    ValueError
        A label is not one of `classes`.

    Examples
    --------
    >>> from skqmu.metrics.signals import encode_labels
    >>> encode_labels(["yes", "no", "yes"], ["no", "yes"])
    array([1, 0, 1])
    """
    # dictionaries, not searchsorted: labels of mixed types need not be comparable
    columns = {label: k for k, label in enumerate(np.asarray(classes).tolist())}
    labels = np.asarray(y).tolist()
    unknown = sorted({repr(label) for label in labels if label not in columns})
    if unknown:
        raise ValueError(
            f"{name} holds labels that the classifier does not know: "
            f"{', '.join(unknown[:5])}{', ...' if len(unknown) > 5 else ''}; "
            f"known: {', '.join(map(repr, list(columns)[:20]))}. "
            "Leave those rows out, or attack a classifier that was trained on them."
        )
    return np.fromiter((columns[label] for label in labels), dtype=np.int64, count=len(labels))


def align_columns(proba, classes_from, classes_to):
    """Reorder probability columns to `classes_to`; classes never seen get probability 0.

    Parameters
    ----------
    proba : ndarray of shape (n, len(classes_from))
    classes_from, classes_to : array-like of labels

    Returns
    -------
    ndarray of shape (n, len(classes_to))

    Raises
    ------
    ValueError
        A class of `classes_from` is not one of `classes_to`.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics.signals import align_columns
    >>> align_columns(np.array([[0.8, 0.2]]), ["b", "a"], ["a", "b", "c"])
    array([[0.2, 0.8, 0. ]])
    """
    proba = np.asarray(proba, dtype=np.float64)
    columns = encode_labels(classes_from, classes_to, name="classes_")
    aligned = np.zeros((proba.shape[0], len(classes_to)))
    aligned[:, columns] = proba
    return aligned


def is_estimator(value):
    """Whether `value` is something one can ask for predictions."""
    return hasattr(value, "predict") or hasattr(value, "predict_proba")


def classes_of(estimator):
    """Return ``estimator.classes_``, or say that it is not fitted."""
    try:
        return np.asarray(estimator.classes_)
    except AttributeError:
        raise NotFittedError(
            f"{type(estimator).__name__} has no classes_: a fitted classifier is needed."
        ) from None


def class_union(estimators):
    """Sorted union of the classes that the estimators know."""
    return np.unique(np.concatenate([classes_of(e) for e in estimators]))


def probabilities(estimator, X, classes=None):
    """Probabilities of `estimator` on `X`, in the columns of `classes`.

    Parameters
    ----------
    estimator : fitted classifier with ``predict_proba``
    X : array-like of shape (n, d)
    classes : array-like of shape (c,), default=None
        Columns wanted; a class that the estimator does not know gets probability 0.

    Returns
    -------
    ndarray of shape (n, c)

    Raises
    ------
    ValueError
        The estimator knows a class that `classes` does not hold, or returns ``nan``.
    """
    own = classes_of(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{type(estimator).__name__} has no predict_proba; wrap it in "
            "sklearn.calibration.CalibratedClassifierCV or use a metric of labels only."
        )
    raw = np.asarray(estimator.predict_proba(X), dtype=float)
    if np.isnan(raw).any():
        raise ValueError(
            f"{type(estimator).__name__}.predict_proba returned nan on "
            f"{int(np.isnan(raw).any(axis=1).sum())} row(s)."
        )
    if classes is None:
        return raw
    return align_columns(raw, own, classes)


def aligned_probabilities(models, X, retained=None):
    """Probabilities of several models on one `X`, columns matched.

    Parameters
    ----------
    models : list
        Fitted classifiers; or, with ``X=None``, arrays of shape (n, c) whose rows and columns
        the caller has matched.
    X : array-like of shape (n, d) or None
    retained : array-like, default=None
        Classes to keep (for arrays: column positions); the rest is dropped.

    Returns
    -------
    probabilities : list of ndarray, each of shape (n, c)
    classes : ndarray of shape (c,)

    Raises
    ------
    ValueError
        Estimators without `X`, arrays with `X`, or arrays of different shapes.
    """
    if X is None:
        arrays = _check_arrays(models)
        classes = np.arange(arrays[0].shape[1])
    elif all(is_estimator(model) for model in models):
        classes = class_union(models)
        arrays = [probabilities(model, X, classes) for model in models]
    else:
        raise ValueError(
            "with X given, every model must be a fitted classifier: a probability array made "
            "elsewhere may hold the rows in another order. Pass estimators, or arrays only and "
            "X=None."
        )
    if retained is None:
        return arrays, classes
    retained = np.unique(np.asarray(retained))
    missing = np.setdiff1d(retained, classes)
    if len(missing) or len(retained) == 0:
        raise ValueError(
            f"retained={retained.tolist()} must name at least one of the classes "
            f"{classes.tolist()} and no other."
        )
    keep = np.isin(classes, retained)
    return [array[:, keep] for array in arrays], classes[keep]


def _check_arrays(models):
    if any(is_estimator(model) for model in models):
        raise ValueError("X is needed to compare estimators: pass the rows to compare them on.")
    arrays = [np.asarray(model, dtype=float) for model in models]
    for array in arrays:
        if array.ndim != 2 or array.shape != arrays[0].shape or array.size == 0:
            raise ValueError(
                "probability arrays must all have one shape (n, c) with n, c >= 1; got "
                f"{[a.shape for a in arrays]}."
            )
        if not np.isfinite(array).all() or array.min() < -1e-9:
            raise ValueError("probability arrays must be finite and not negative.")
    return arrays


def aligned_predictions(models, X):
    """Predicted labels of several models on one `X` (or of arrays with ``X=None``).

    Returns
    -------
    list of ndarray of shape (n,)
    """
    if X is None:
        labels = [np.asarray(model) for model in models]
        if any(is_estimator(model) for model in models):
            raise ValueError("X is needed to compare estimators: pass the rows.")
        if any(x.ndim != 1 or len(x) != len(labels[0]) or len(x) == 0 for x in labels):
            raise ValueError(
                "label arrays must be one-dimensional and equally long; got shapes "
                f"{[x.shape for x in labels]}."
            )
        return labels
    if not all(is_estimator(model) for model in models):
        raise ValueError("with X given, every model must be a fitted classifier.")
    return [np.asarray(model.predict(X)) for model in models]
