"""Batch normalisation, its running statistics kept beside the parameters."""

from typing import Any

import numpy as np

from ._layers import Layer

__all__ = ["BatchNorm"]


class BatchNorm(Layer):
    """Normalise each feature, then scale and shift it.

    In training by mean and variance of the batch, which also move the running statistics
    (buffers) by `momentum`; in prediction by these. The group is the scale, then the shift.

    Parameters
    ----------
    name : str
    n_features : int
    momentum : float, default=0.1
        ``running = (1 - momentum) * running + momentum * batch``.
    epsilon : float, default=1e-5
        Added to variances.

    Notes
    -----
    Ioffe & Szegedy 2015, Algorithms 1 and 2. As in PyTorch, a batch is normalised by its
    biased variance and the running one takes the unbiased. Deviations, so that buffers
    never hold what is to be forgotten: a batch of rows to forget is normalised by the
    running statistics and does not move them; so is a batch of a single row, which has no
    variance.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import BatchNorm
    >>> layer = BatchNorm("head.1", n_features=1)
    >>> own = np.concatenate([layer.initial(None), layer.initial_buffers()])
    >>> outputs, _, buffers = layer.forward_training(own, np.array([[1.0], [3.0]]), None)
    >>> outputs.round(3).ravel(), buffers
    (array([-1.,  1.]), array([0.2, 1.1]))
    """

    has_training_mode = True

    def __init__(self, name: str, n_features: int, *, momentum: float = 0.1, epsilon: float = 1e-5):
        self.name = name
        self.n_features = n_features
        self.momentum = momentum
        self.epsilon = epsilon
        self.n_parameters = self.n_buffers = 2 * n_features

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        return np.repeat([1.0, 0.0], self.n_features)

    def initial_buffers(self) -> np.ndarray:
        return np.repeat([0.0, 1.0], self.n_features)

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("scale", "shift", "mean", "variance"), (self.n_features,))

    def _normalised(self, params, inputs, mean, variance, from_batch):
        scale, shift = params[: self.n_features], params[self.n_features : 2 * self.n_features]
        inverse = 1.0 / np.sqrt(variance + self.epsilon)
        normal = (inputs - mean) * inverse
        return normal * scale + shift, (normal, inverse, from_batch)

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        _, _, mean, variance = params.reshape(4, self.n_features)
        return self._normalised(params, inputs, mean, variance, False)

    def forward_training(
        self,
        params: np.ndarray,
        inputs: np.ndarray,
        rng: np.random.Generator,
        *,
        to_forget: bool = False,
    ) -> tuple[np.ndarray, Any, np.ndarray | None]:
        n = len(inputs)
        if to_forget or n < 2:
            return *self.forward(params, inputs), None
        mean, variance = inputs.mean(axis=0), inputs.var(axis=0)
        running = params[2 * self.n_features :]
        batch = np.concatenate([mean, variance * (n / (n - 1))])
        buffers = (1.0 - self.momentum) * running + self.momentum * batch
        return *self._normalised(params, inputs, mean, variance, True), buffers

    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        normal, inverse, from_batch = tape
        if per_sample and from_batch:
            raise ValueError(
                "a batch that is normalised by its own statistics has no gradient of a single "
                "record; take per-sample gradients in prediction mode."
            )
        d_scale = d_outputs * normal
        if per_sample:
            d_params = np.concatenate([d_scale, d_outputs], axis=1)
        else:
            d_params = np.concatenate([d_scale.sum(axis=0), d_outputs.sum(axis=0)])
        if not need_inputs:
            return d_params, None
        d_normal = d_outputs * params[: self.n_features]
        if from_batch:
            # The batch's mean and variance depend on every row of it.
            d_normal = d_normal - d_normal.mean(axis=0) - normal * (d_normal * normal).mean(axis=0)
        return d_params, d_normal * inverse
