"""A linear head as an attacker reads it: weights, features, loss, penalty."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.linear_model import (
    LogisticRegression,
    RidgeClassifier,
    RidgeClassifierCV,
)
from sklearn.pipeline import Pipeline

from .._validation import check_choice
from ._estimators import layers

__all__ = ["HEADS", "Head", "has_head", "read_head"]

#: losses of a head whose answer to a deletion is known to first order
HEADS = ("ridge", "softmax", "logistic")


@dataclass(frozen=True)
class Head:
    """Weights of a linear head with what its update after a deletion follows from.

    It minimises ``sum_i l(phi_i W, t_i) + penalty / 2 |W|^2`` (of ``"ridge"``, half of the
    squared error and of the penalty), the penalty times the number of rows where
    `penalty_per_row`.

    Parameters
    ----------
    kind : {"ridge", "softmax", "logistic"}
    coef : ndarray of shape (D, K)
        The intercept's row last.
    penalty : ndarray of shape (D,)
    penalty_per_row : bool
    targets : ndarray of shape (n_classes, K)
        What the columns of each class should be.
    features : callable
        Rows to an array of shape (n, D).
    """

    kind: str
    coef: np.ndarray
    penalty: np.ndarray
    penalty_per_row: bool
    targets: np.ndarray
    features: object

    def answers(self, phi, coef=None):
        """Outputs in the scale of the targets, shape (n, K)."""
        outputs = phi @ (self.coef if coef is None else coef)
        if self.kind == "softmax":
            return softmax(outputs, axis=1)
        return expit(outputs) if self.kind == "logistic" else outputs

    def residuals(self, phi, y):
        """Gradient of each row's loss by its outputs, shape (n, K)."""
        return self.answers(phi) - self.targets[y]

    def curvature(self, phi, direction, coef):
        """Hessian of the rows' summed loss at `coef`, applied to `direction`."""
        change = phi @ direction
        if self.kind == "softmax":
            p = self.answers(phi, coef)
            change = p * (change - (p * change).sum(axis=1, keepdims=True))
        elif self.kind == "logistic":
            p = self.answers(phi, coef)
            change = p * (1 - p) * change
        return phi.T @ change


def has_head(model):
    """Whether the weights of a linear head can be read off a fitted classifier."""
    return any(hasattr(part, "head_coef_") or hasattr(part, "coef_") for part in layers(model))


def read_head(model, kind=None, penalty=None):
    """Read a fitted classifier's head off its public attributes.

    Parameters
    ----------
    model : fitted classifier
        With ``head_coef_`` and ``head_features`` (those of this library), or with scikit-learn's
        ``coef_`` and ``intercept_``; also at the end of a pipeline.
    kind : {"ridge", "softmax", "logistic"} or None
        None: as the model says (`RidgeClassifier`, `LogisticRegression` and this library's do).
    penalty : float or None

    Raises
    ------
    TypeError
        No linear head, or one whose loss is not known.
    """
    prepare = []
    for part in layers(model):
        if isinstance(part, Pipeline):
            prepare.append(part[:-1])
        elif hasattr(part, "head_coef_"):
            return _own_head(part, prepare, kind, penalty)
        elif hasattr(part, "coef_"):
            return _linear_head(part, prepare, kind, penalty)
    raise TypeError(
        f"{type(model).__name__} shows no linear head (head_coef_ and head_features, or coef_ and "
        "intercept_); use access='answers', which asks for probabilities only."
    )


def _through(prepare, X):
    for steps in prepare:
        X = steps.transform(X) if len(steps.steps) else X
    return X


def _own_head(model, prepare, kind, penalty):
    kind = check_choice("head", kind or model.head_kind_, HEADS)
    coef = np.asarray(model.head_coef_, dtype=float).T
    strength = np.full(len(coef), float(model.head_penalty_ if penalty is None else penalty))
    per_row = kind == "logistic"
    if not per_row:
        strength[-1] = 0.0
    return Head(
        kind, coef, strength, per_row, _targets(kind, len(model.classes_), coef.shape[1], 0.0),
        lambda X: np.asarray(model.head_features(_through(prepare, X)), dtype=float),
    )  # fmt: skip


def _linear_head(model, prepare, kind, penalty):
    coef = np.atleast_2d(model.coef_).astype(float)
    n_classes = len(model.classes_)
    if kind is None:
        kind = _kind_of(model, len(coef))
    kind = check_choice("head", kind, HEADS)
    penalty = _penalty_of(model) if penalty is None else penalty
    constant = bool(getattr(model, "fit_intercept", True))
    intercept = np.broadcast_to(np.asarray(model.intercept_, dtype=float), (len(coef),))
    strength = np.append(np.full(coef.shape[1], float(penalty)), 0.0)

    def features(X):
        X = _through(prepare, X)
        X = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=float)
        return np.column_stack([X, np.full(len(X), float(constant))])

    low = -1.0 if kind == "ridge" else 0.0
    return Head(
        kind,
        np.column_stack([coef, intercept]).T,
        strength,
        False,
        _targets(kind, n_classes, len(coef), low),
        features,
    )


def _kind_of(model, n_columns):
    if isinstance(model, RidgeClassifier | RidgeClassifierCV):
        return "ridge"
    if isinstance(model, LogisticRegression):
        return "logistic" if n_columns == 1 or model.solver == "liblinear" else "softmax"
    raise TypeError(
        f"the loss that {type(model).__name__} minimises is not known here; say head='ridge', "
        "'softmax' or 'logistic' and penalty=, whichever comes closest, or use access='answers'."
    )


def _penalty_of(model):
    """The penalty on the summed loss."""
    if hasattr(model, "alpha_"):
        return float(np.mean(model.alpha_))
    if hasattr(model, "C_"):
        return float(np.mean(1.0 / np.asarray(model.C_)))
    if isinstance(model, LogisticRegression):
        return 1.0 / model.C
    return float(np.mean(getattr(model, "alpha", 0.0)))


def _targets(kind, n_classes, n_columns, low):
    """Targets of each class: `low` and 1 in a column for each class, or in one for the second."""
    if n_columns == 1:
        return np.array([[low], [1.0]]) if n_classes == 2 else np.ones((n_classes, 1))
    if n_columns != n_classes:
        raise TypeError(
            f"a head of {n_columns} columns for {n_classes} classes is not one that deletions "
            "can be read off; use access='answers'."
        )
    return np.where(np.eye(n_classes, dtype=bool), 1.0, low)
