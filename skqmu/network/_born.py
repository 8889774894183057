"""The last layer of a model that is read out and not trained: probabilities as they are."""

from typing import Any

import numpy as np

from ._layers import Layer, no_slopes

__all__ = ["BornLogits"]

# What double precision cannot tell from 0 beside 1; and a logarithm that is a number.
_LEAST = np.finfo(float).eps


class BornLogits(Layer):
    """Logits whose softmax is the outcome probabilities that come in: their logarithms.

    Probabilities below 2^-52 count as 2^-52, so that a loss is a number.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import BornLogits, softmax
    >>> logits, _ = BornLogits().forward(np.zeros(0), np.array([[0.25, 0.75]]))
    >>> softmax(logits, axis=1)
    array([[0.25, 0.75]])
    """

    name = "born"
    takes_models = True

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        return np.log(np.maximum(inputs, _LEAST)), inputs

    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        d_inputs = None
        if need_inputs:
            d_inputs = np.where(tape > _LEAST, d_outputs / np.maximum(tape, _LEAST), 0.0)
        return no_slopes(d_outputs, per_sample), d_inputs
