"""Dropout: in training, each value is left out at random; in prediction, none is."""

from typing import Any

import numpy as np

from ._layers import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """Set a share of the values to 0 in training, and scale up the others.

    Parameters
    ----------
    rate : float
        Probability of a value to be left out, in [0, 1).

    Raises
    ------
    ValueError
        A rate out of range.

    Notes
    -----
    Srivastava et al. 2014, in the inverted form: what is kept is divided by
    ``1 - rate`` in training, so that prediction is the identity.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Dropout
    >>> layer, ones = Dropout(0.5), np.ones((1, 4))
    >>> layer.outputs(np.zeros(0), ones)
    array([[1., 1., 1., 1.]])
    >>> layer.forward_training(np.zeros(0), ones, np.random.default_rng(0))[0]
    array([[2., 0., 0., 0.]])
    """

    name = "dropout"
    has_training_mode = True

    def __init__(self, rate: float):
        if not 0 <= rate < 1:
            raise ValueError(f"the rate of dropout must lie in [0, 1); got {rate!r}.")
        self.rate = rate

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        return inputs, None

    def forward_training(
        self,
        params: np.ndarray,
        inputs: np.ndarray,
        rng: np.random.Generator,
        *,
        to_forget: bool = False,
    ) -> tuple[np.ndarray, Any, np.ndarray | None]:
        factor = (rng.random(inputs.shape) >= self.rate) / (1.0 - self.rate)
        return inputs * factor, factor, None

    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        d_params = np.zeros((len(d_outputs), 0) if per_sample else 0)
        return d_params, d_outputs if tape is None else d_outputs * tape
