"""Elementwise functions between layers; no parameters."""

from typing import Any

import numpy as np
from scipy.special import expit

from .._validation import check_choice
from ._layers import Layer, no_slopes

__all__ = ["Activation", "activations"]

_LEAK = 0.01


def _relu(x):
    return np.maximum(x, 0.0)


def _elu(x):
    # expm1 of the negative part alone: the other branch must not overflow.
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


# name -> (function, its derivative from (inputs, outputs))
_FUNCTIONS = {
    "elu": (_elu, lambda x, y: np.where(x > 0, 1.0, y + 1.0)),
    "leaky_relu": (
        lambda x: np.where(x > 0, x, _LEAK * x),
        lambda x, y: np.where(x > 0, 1.0, _LEAK),
    ),
    "pi_tanh": (lambda x: np.pi * np.tanh(x), lambda x, y: np.pi - y**2 / np.pi),
    "relu": (_relu, lambda x, y: (x > 0).astype(float)),
    "sigmoid": (expit, lambda x, y: y * (1.0 - y)),
    "tanh": (np.tanh, lambda x, y: 1.0 - y**2),
}


def activations() -> list[str]:
    """Return the names of the activations.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from skqmu.network import activations
    >>> activations()
    ['elu', 'leaky_relu', 'pi_tanh', 'relu', 'sigmoid', 'tanh']
    """
    return sorted(_FUNCTIONS)


class Activation(Layer):
    """An elementwise function.

    Parameters
    ----------
    function : {"relu", "leaky_relu", "elu", "tanh", "pi_tanh", "sigmoid"}
        ``"leaky_relu"`` has slope 0.01 below 0, ``"elu"`` ``e^x - 1``; ``"pi_tanh"`` is
        ``pi * tanh(x)``: any number becomes an angle in (-pi, pi).

    Raises
    ------
    ValueError
        An unknown name (with the nearest valid one).

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import Activation
    >>> Activation("relu").outputs(np.zeros(0), np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    takes_models = True

    def __init__(self, function: str):
        self.function = check_choice("activation", function, activations())
        self.name = function

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        outputs = _FUNCTIONS[self.function][0](inputs)
        return outputs, (inputs, outputs)

    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        slope = _FUNCTIONS[self.function][1]
        d_inputs = d_outputs * slope(*tape) if need_inputs else None
        return no_slopes(d_outputs, per_sample), d_inputs
