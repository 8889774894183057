"""Which row's absence explains a change: of weights, of answers, of statistics."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

__all__ = [
    "AnswerChange",
    "cosines",
    "inverse_root",
    "statistics_scores",
    "update_gradient",
    "weight_scores",
]

# Of 1 - cos^2: directions closer than this are one direction, to rounding.
_SAME = 1e-12
# Candidates among which several deleted rows are sought at once.
_MOST_TOGETHER = 2000


def update_gradient(before, after, phi, n_rows, n_deleted):
    """Undo the solver: the deleted rows' summed gradient, from two versions of a head.

    All rows' gradient is 0 at W_before; at W_after it is that of the deleted rows. Along the
    way it changes by the Hessian: ``H (W_after - W_before) = sum_deleted phi_i r_i'``, exactly
    for a ridge head (H = G + lambda I), to second order for the others (H at the midpoint).

    Parameters
    ----------
    before, after : Head
    phi : ndarray of shape (n_public, D)
        Features of rows that stand in for the training rows.
    n_rows : float
        Training rows before the deletion.
    n_deleted : int

    Returns
    -------
    gradient : ndarray of shape (D, K)
    gram : ndarray of shape (D, D)
        Of the public rows, scaled to `n_rows`: the metric in which errors of an estimate from
        public rows are alike in all directions.
    """
    change = after.coef - before.coef
    share = n_rows / len(phi)
    gradient = share * before.curvature(phi, change, (before.coef + after.coef) / 2)
    penalty = before.penalty[:, None]
    if before.penalty_per_row:
        gradient += n_rows * penalty * change - n_deleted * penalty * after.coef
    else:
        gradient += penalty * change
    return gradient, share * phi.T @ phi


def weight_scores(gradient, gram, phi, residuals, n_deleted):
    """Score candidates by how well ``phi_i r_i'`` explains the gradient that was found.

    Parameters
    ----------
    gradient : ndarray of shape (D, K)
    gram : ndarray of shape (D, D)
    phi : ndarray of shape (n, D)
    residuals : ndarray of shape (n, K)
    n_deleted : int

    Returns
    -------
    ndarray of shape (n,)
    """
    white = inverse_root(gram)
    found, phi = white @ gradient, phi @ white
    if not np.linalg.norm(found) > 0:
        return np.zeros(len(phi))
    if n_deleted == 1:
        return _one(found, phi, residuals)
    return _several(found, phi, residuals)


def _one(found, phi, residuals):
    """Log-likelihood of one row: both singular directions of the change, and its sign."""
    left, size, right = np.linalg.svd(found, full_matrices=False)
    across = cosines(phi, left[:, 0])
    along = cosines(residuals, right[0])
    d, k = phi.shape[1], _dimension(residuals)
    # what one row leaves unexplained bounds how far its directions can be trusted
    rest = 1.0 - size[0] ** 2 / (size**2).sum()
    scores = _direction(across, d, rest) + _direction(along, k, rest)
    return np.where(across * along > 0, scores, -scores - 1.0)


def _direction(cosines, dimension, noise):
    """Profile log-likelihood of a direction in so many dimensions, its noise unknown."""
    apart = 1.0 - np.minimum(cosines**2, 1.0) + max(noise, _SAME)
    return -0.5 * (dimension - 1) * np.log(apart)


def _dimension(residuals):
    """Dimensions that residuals can vary in: those of classes sum to 0."""
    k = residuals.shape[1]
    sums = np.abs(residuals.sum(axis=1)).max(initial=0.0)
    closed = k > 1 and sums <= 1e-6 * np.abs(residuals).max(initial=1e-300)
    return k - 1 if closed else k


def _several(found, phi, residuals):
    """Share of each candidate in the sum that explains the change best, none negative."""
    size = np.linalg.norm(phi, axis=1) * np.linalg.norm(residuals, axis=1)
    overlap = np.einsum("nd,dk,nk->n", phi, found, residuals)
    match = overlap / np.maximum(size, 1e-300) / np.linalg.norm(found)
    chosen = np.argsort(-match)[:_MOST_TOGETHER]
    design = (phi[chosen, :, None] * residuals[chosen, None, :]).reshape(len(chosen), -1)
    share, _ = nnls(design.T, found.ravel(), maxiter=30 * len(chosen))
    scores = match * 1e-3  # in order where the sum gives several a share of 0
    scores[chosen] += np.minimum(share, 1.0)
    return scores


@dataclass(frozen=True)
class AnswerChange:
    """How answers moved between two versions, learned from public rows.

    Without a row its own logits move against the pull of its label: along its residual
    ``p - t``. Where one row was deleted and little else changed, the logits of ALL rows move
    along that row's residual, which tells it from its neighbours.

    Parameters
    ----------
    spread : float
        Root mean square of the movement.
    direction : ndarray of shape (K,)
        In which most rows moved, up to its sign.
    rest : float
        Share of the movement in other directions, from 0 to 1.
    """

    spread: float
    direction: np.ndarray
    rest: float

    @classmethod
    def of(cls, change):
        """Learn from logits after minus before, centred over classes, of shape (n, K)."""
        _, size, right = np.linalg.svd(change, full_matrices=False)
        total = (size**2).sum()
        rest = 1.0 - size[0] ** 2 / total if total > 0 else 1.0
        return cls(float(np.sqrt((change**2).mean())), right[0], float(rest))

    def scores(self, change, residuals, n_deleted):
        """Score candidates by how their own answers moved.

        Parameters
        ----------
        change, residuals : ndarray of shape (n, K)
        n_deleted : int
        """
        if not self.spread > 0:
            return np.zeros(len(change))
        length = np.maximum(np.linalg.norm(residuals, axis=1), 1e-300)
        own = (change * residuals).sum(axis=1) / length / self.spread
        k = _dimension(residuals)
        if n_deleted > 1 or k < 2:
            return own
        # the sign of a singular vector is free; own movement goes with the residual
        along = np.where(own > 0, np.abs(cosines(residuals, self.direction)), 0.0)
        return own + _direction(along, k, self.rest)


def statistics_scores(before, after, states, y):
    """Score candidates by the statistics of a linear loss in two versions.

    ``S_c = sum over rows of class c of w_i |x_i><x_i|``: the difference of a deletion is the
    deleted rows' own states. A candidate scores ``<x|S_before - S_after|x>`` of its class,
    relative to the largest eigenvalue: 1 for a single deleted row itself.

    Parameters
    ----------
    before, after : array-like of shape (n_classes, 2**q, 2**q)
        Class statistics of the two versions, Hermitian.
    states : array-like of shape (n, 2**q)
        Encoded pure states of the candidates.
    y : array-like of shape (n,), int
        Columns of their classes.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        Statistics or states of shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks import statistics_scores
    >>> states = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> outer = states[:, :, None] * states[:, None, :]
    >>> before = np.stack([outer.sum(axis=0)])
    >>> after = np.stack([outer[0] + outer[2]])
    >>> statistics_scores(before, after, states, [0, 0, 0]).round(2)
    array([0.36, 1.  , 0.64])
    """
    before, after, states = map(np.asarray, (before, after, states))
    if before.shape != after.shape or before.ndim != 3:
        raise ValueError(
            f"statistics of shape {before.shape} before and {after.shape} after are not those of "
            "one model; both need shape (n_classes, 2**q, 2**q)."
        )
    if states.ndim != 2 or states.shape[1] != before.shape[1]:
        raise ValueError(
            f"states has shape {states.shape}; statistics of {before.shape[1]} amplitudes need "
            f"(n, {before.shape[1]})."
        )
    difference = before - after
    largest = np.abs(np.linalg.eigvalsh(difference)).max()
    if not largest > 0:
        return np.zeros(len(states))
    mine = difference[np.asarray(y, dtype=np.int64)]
    return np.einsum("na,nab,nb->n", states.conj(), mine, states).real / largest


def cosines(rows, direction):
    lengths = np.maximum(np.linalg.norm(rows, axis=1), 1e-300)
    return rows @ direction / lengths


def inverse_root(gram):
    """Symmetric inverse square root; directions that no row has stay out."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-12 * values[-1]
    vectors = vectors[:, kept]
    return (vectors / np.sqrt(values[kept])) @ vectors.T
