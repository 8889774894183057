"""The loss of the retained rows around a point: its gradient, and its Hessian by differences."""

import numpy as np

from ..network import cross_entropy_gradient

__all__ = ["Surface", "conjugate_gradients", "exact_step"]

# Of a central difference of gradients in double precision: its error is some 1e-9, of
# which the root of the precision would make 1e-8; and in single precision.
_STEP, _STEP_SINGLE = 2.0**-17, 2.0**-8
# Curvature that such a difference tells from 0, in double and in single precision.
_RESOLVED, _RESOLVED_SINGLE = 1e-7, 1e-3
# Rows whose gradients are taken at once.
_CHUNK = 4096
# Of the right-hand side: what conjugate gradients leave.
_ENOUGH = 1e-8


class Surface:
    """Mean weighted cross-entropy of the retained rows, and `fit`'s penalty.

    As predictions see the rows: running statistics stay, and nothing is dropped.

    Parameters
    ----------
    request : UnlearningRequest

    Attributes
    ----------
    moving : ndarray of int
        Places, in the flat vector, of the weights that fit may move.
    resolved : float
        Curvature that is told from 0.
    n_gradients : int
        Passes over all retained rows.
    target : ndarray of shape (n_moving,) or 0
        Gradient at which a step aims.
    """

    def __init__(self, request):
        self.network, self.records = request.network, request.retain
        self.alpha = request.alpha
        layout, trainable = self.network.layout, request.trainable
        free = np.ones(layout.size, dtype=bool) if trainable is None else trainable
        self.moving = np.flatnonzero(free[: layout.n_parameters])
        self.wanted = free
        single = _is_single(self.network)
        self.step = _STEP_SINGLE if single else _STEP
        self.resolved = _RESOLVED_SINGLE if single else _RESOLVED
        self.n_gradients = 0
        self.target: np.ndarray | float = 0.0

    def gradient(self, params):
        """Gradient by the weights that move, shape (n_moving,), less the `target`."""
        self.n_gradients += 1
        found = self._summed(params, self.records) / self.records.weights.sum()
        return found + self._penalty(params, len(self.records)) - self.target

    def aim_at_what_training_left(self, params, forgotten):
        """Let the target be the gradient of all rows, those to forget among them, at a point."""
        parts = (self.records, forgotten)
        weight, n = sum(part.weights.sum() for part in parts), sum(map(len, parts))
        found = sum(self._summed(params, part) for part in parts) / weight
        self.n_gradients += 1
        self.target = found + self._penalty(params, n)

    def _summed(self, params, records):
        total = np.zeros(len(params))
        for start in range(0, len(records), _CHUNK):
            batch = records[slice(start, start + _CHUNK)]
            logits, tape = self.network.forward(params, batch.X)
            slopes = cross_entropy_gradient(logits, batch.targets, batch.weights)
            total += self.network.backward(tape, slopes, wanted=self.wanted)[0]
        return total[self.moving]

    def _penalty(self, params, n_rows):
        return (self.alpha / n_rows * self.network.decayed * params)[self.moving]

    def moved(self, params, step):
        """Flat vector after a step of the weights that move."""
        params = params.copy()
        params[self.moving] += step
        return params

    def product(self, params, direction):
        """Hessian times a direction: the central difference of two gradients."""
        size = np.linalg.norm(direction)
        if size == 0:
            return np.zeros(len(direction))
        offset = direction * (self.step / size)
        ahead, behind = (self.gradient(self.moved(params, s * offset)) for s in (1, -1))
        return (ahead - behind) * (size / (2 * self.step))

    def hessian(self, params):
        """All of it, two gradients a weight; symmetric."""
        columns = [self.product(params, unit) for unit in np.eye(len(self.moving))]
        whole = np.array(columns).reshape(len(self.moving), -1)
        return (whole + whole.T) / 2


def _is_single(network):
    single = (getattr(e, "dtype", complex) == np.dtype("complex64") for e in network.executables)
    return any(single) or not all(layer.batch_free for layer in network.layers)


def exact_step(surface, params, damping):
    """Newton step from the whole Hessian, and the least damped curvature.

    Directions in which the damped curvature is not positive are left out: along these the
    gradient leads to no minimum, or nothing changes.

    Returns
    -------
    step : ndarray of shape (n_moving,)
    least : float
    """
    slopes = surface.gradient(params)
    values, vectors = np.linalg.eigh(surface.hessian(params))
    values = values + damping
    along = vectors.T @ slopes
    kept = values > surface.resolved
    step = np.zeros(len(values))
    step[kept] = -along[kept] / values[kept]
    return vectors @ step, float(values.min(initial=np.inf))


def conjugate_gradients(surface, params, damping, most):
    """Newton step by products with the Hessian, and the least damped curvature that was met.

    Parameters
    ----------
    surface : Surface
    params : ndarray of shape (n_parameters,)
    damping : float
    most : int
        Products.

    Returns
    -------
    step : ndarray of shape (n_moving,)
        Where a direction without positive curvature is met, that before it (Steihaug 1983).
    least : float
    """
    left = -surface.gradient(params)
    enough = _ENOUGH * np.linalg.norm(left)
    step, direction, least = np.zeros(len(left)), left.copy(), np.inf
    for _ in range(min(most, len(left))):
        square = left @ left
        if np.sqrt(square) <= enough:
            break
        bent = surface.product(params, direction) + damping * direction
        curvature = float(direction @ bent / (direction @ direction))
        least = min(least, curvature)
        if curvature <= surface.resolved:
            break
        length = square / (direction @ bent)
        step += length * direction
        left = left - length * bent
        direction = left + (left @ left / square) * direction
    return step, least
