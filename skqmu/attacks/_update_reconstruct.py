"""The deleted row itself: its features, its label, and where they can be inverted its values."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from ._update_match import cosines, inverse_root

__all__ = ["Reconstruction", "rebuild"]

# Public rows from which the search for the deleted row starts.
_N_STARTS = 3
# Classes that a search tries.
_N_LABELS = 3
# How much closer the rebuilt row keeps to the direction of the residual, which two versions
# show without error, than to that of the features, which an estimate of the Hessian blurs.
_TRUST = 10.0


@dataclass(frozen=True)
class Reconstruction:
    """What two versions show of the deleted row or rows.

    Parameters
    ----------
    features : ndarray of shape (n_found, n_head_features)
        Of one deleted row its feature vector, of length 1 and with the intercept's entry (the
        last one) positive; of k rows an orthonormal basis of (part of) what they span.
    label : object or None
        Class of the deleted row; None for several.
    row : ndarray of shape (n_features,) or None
        The row in the classifier's own input, where it was sought (``invert=True``).
    row_features : ndarray of shape (n_head_features,) or None
        Features of `row`, of length 1: the better estimate of the two, as it lies where
        features of rows can lie.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks import Reconstruction
    >>> found = Reconstruction(np.array([[0.6, 0.8]]), label=1)
    >>> found.cosine([3.0, 4.0])
    1.0
    """

    features: np.ndarray
    label: object = None
    row: np.ndarray | None = None
    row_features: np.ndarray | None = None

    def cosine(self, truth):
        """Cosine of the angle between true features and what was found.

        Parameters
        ----------
        truth : array-like of shape (n_head_features,)

        Returns
        -------
        float
            With `row_features` where there are any, else with `features` (of several rows:
            with their span).

        Raises
        ------
        ValueError
            `truth` has another shape than the features.
        """
        truth = np.asarray(truth, dtype=float)
        basis = self.features if self.row_features is None else self.row_features[None]
        if truth.shape != basis.shape[1:]:
            raise ValueError(f"truth has shape {truth.shape}; features have {basis.shape[1:]}.")
        return float(np.linalg.norm(basis @ truth) / np.linalg.norm(truth))


def rebuild(gradient, gram, head, classes, n_deleted, phi, public=None):
    """Rebuild the deleted row or rows from the gradient that :func:`update_gradient` found.

    Parameters
    ----------
    gradient : ndarray of shape (D, K)
    gram : ndarray of shape (D, D)
    head : Head
        After the deletion.
    classes : ndarray
    n_deleted : int
    phi : ndarray of shape (n, D)
        Features of the public rows.
    public : ndarray of shape (n, n_features) or None
        The rows, from which a search for the deleted one starts; None: no search.
    """
    left, size, right = np.linalg.svd(gradient, full_matrices=False)
    rank = min(n_deleted, int((size > 1e-10 * size[0]).sum())) if size[0] > 0 else 0
    if not rank:
        raise ValueError("the two versions are the same: there is no deletion to rebuild.")
    if n_deleted > 1:
        return Reconstruction(left[:, :rank].T)
    sign = _sign(left[:, 0], right[0])
    features, residual = sign * left[:, 0], sign * right[0]
    labels = _labels(features * _length(features, phi), residual, head)
    if public is None:
        return Reconstruction(features[None], classes[labels[0]])
    misfit = _Misfit(features, residual, gram, head)
    row, label = _search(misfit, labels[:_N_LABELS], phi, public)
    found = head.features(row[None])[0]
    return Reconstruction(features[None], classes[label], row, found / np.linalg.norm(found))


def _sign(left, right):
    """Of a singular pair: the intercept's entry is positive, or the pull of the label down."""
    if abs(left[-1]) > 1e-9:
        return np.sign(left[-1])
    return -np.sign(right[np.argmax(np.abs(right))])


def _length(features, phi):
    """How long the rebuilt vector should be: its intercept is a constant, where there is one."""
    if abs(features[-1]) > 1e-9:
        return phi[0, -1] / features[-1]
    return np.linalg.norm(phi, axis=1).mean()


def _labels(features, residual, head):
    """Classes by how well their targets leave the residual that was seen, best first."""
    phi = np.tile(features, (len(head.targets), 1))
    columns = np.arange(len(head.targets))
    return np.argsort(-cosines(head.residuals(phi, columns), residual))


class _Misfit:
    """Distance of rows from what was found, in features and in residuals."""

    def __init__(self, features, residual, gram, head):
        self.white, self.residual, self.head = inverse_root(gram), residual, head
        self.aim = _unit(features @ self.white)

    def of_features(self, phi, label):
        """Errors of rows of a class, shape (n, D + K)."""
        left = self.head.residuals(phi, np.full(len(phi), label))
        off = _unit(phi @ self.white) - self.aim
        return np.column_stack([off, _TRUST * (_unit(left) - self.residual)])

    def fit(self, start, label):
        """The row next to `start` that fits best."""
        step = 1e-6 * max(1.0, np.abs(start).max())

        def errors(row):
            return self.of_features(self.head.features(row[None]), label)[0]

        def slopes(row):
            moved = row + step * np.vstack([np.eye(len(row)), -np.eye(len(row))])
            up, down = np.split(self.of_features(self.head.features(moved), label), 2)
            return (up - down).T / (2 * step)

        return least_squares(errors, start, jac=slopes, x_scale="jac", max_nfev=100)


def _search(misfit, labels, phi, public):
    best = None
    for label in labels:
        nearest = np.argsort((misfit.of_features(phi, label) ** 2).sum(axis=1))[:_N_STARTS]
        for start in public[nearest]:
            found = misfit.fit(start, label)
            if best is None or found.cost < best[0].cost:
                best = found, label
    return best[0].x, best[1]


def _unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-300)
