"""A readout that nothing trains: logits are expectation values times a fixed gain."""

from typing import Any

import numpy as np

from ._layers import Layer, no_slopes

__all__ = ["FixedGain"]


class FixedGain(Layer):
    """Logits of a softmax: each input times a gain.

    A single input z stands for two classes, with logits ``-gain z / 2`` and ``gain z / 2``, so
    that the second class has the probability ``sigmoid(gain z)``.

    Parameters
    ----------
    gain : float

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import FixedGain, softmax
    >>> logits, _ = FixedGain(5.0).forward(np.zeros(0), np.array([[0.2]]))
    >>> logits, softmax(logits, axis=1).round(4)
    (array([[-0.5,  0.5]]), array([[0.2689, 0.7311]]))
    """

    name = "fixed_gain"
    takes_models = True

    def __init__(self, gain: float):
        self.gain = float(gain)

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        if inputs.shape[-1] > 1:
            return self.gain * inputs, False
        half = 0.5 * self.gain * inputs
        return np.concatenate([-half, half], axis=-1), True

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
            single = tape
            slope = (d_outputs[..., 1:] - d_outputs[..., :1]) / 2 if single else d_outputs
            d_inputs = self.gain * slope
        return no_slopes(d_outputs, per_sample), d_inputs
