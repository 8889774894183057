"""The first layer of a circuit's network: features of any size become angles that do not wrap."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._layers import Layer, no_slopes

__all__ = ["InputScale"]

# A solver's step moves the logarithm of a scale this many times as far as it moves an angle:
# scales have orders of magnitude to go, angles a turn.
_PACE = 3.0
# Beyond these, squares and products overflow.
_LARGEST, _LARGEST_LOG = 1e150, 690.0


class InputScale(Layer):
    """Map features to angles in (-bound, bound), each with a scale of its own.

    ``angle_j = b_j u_j / (1 + |u_j|)`` with ``u_j = s_j exp(3 w_j) x_j / b_j``: near 0 the angle
    of a feature is ``s_j exp(3 w_j)`` times its value, and no value, however large, goes once
    around. The `w` are parameters that start at 0; nothing is fitted to the data's mean or spread.

    Parameters
    ----------
    bounds : array-like of shape (n_inputs,)
        Largest angle of each feature, in radians (b).
    scale : float or array-like of shape (n_inputs,), default=1.0
        Radians a unit at the start (s).
    learned : bool, default=True
        Whether the `w` are parameters; otherwise they stay 0.
    name : str, default="input_scale"

    Notes
    -----
    Softsign rather than tanh: its slope falls off as ``1 / u**2``, not exponentially, so that
    features ten times too large are still told apart, and their scale has a gradient to come
    back by.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.network import InputScale
    >>> layer = InputScale([np.pi, np.pi])
    >>> layer.outputs(np.zeros(2), np.array([[0.5, 1e6]])).round(3)
    array([[0.431, 3.142]])
    """

    takes_models = True

    def __init__(
        self,
        bounds: ArrayLike,
        *,
        scale: ArrayLike = 1.0,
        learned: bool = True,
        name: str = "input_scale",
    ):
        self.bounds = np.asarray(bounds, dtype=float)
        self.scale = np.asarray(scale, dtype=float)
        self.name = name
        self.n_parameters = len(self.bounds) if learned else 0

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"log_scale": (self.n_parameters,)} if self.n_parameters else {}

    def scales(self, params: np.ndarray) -> np.ndarray:
        """Radians a unit of each feature near 0.

        Parameters
        ----------
        params : ndarray of shape (n_parameters,) or (M, n_parameters)

        Returns
        -------
        ndarray of shape (n_inputs,) or (M, n_inputs)
        """
        if not self.n_parameters:
            return np.broadcast_to(self.scale, self.bounds.shape)
        return self.scale * np.exp(np.minimum(_PACE * params, _LARGEST_LOG))

    def pressed(self, params: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """The ``u`` of each value: at 1 an angle is half of its bound.

        Parameters
        ----------
        params : ndarray of shape (n_parameters,) or (M, n_parameters)
        inputs : ndarray of shape (B, n_inputs) or (M, B, n_inputs)

        Returns
        -------
        ndarray of shape (B, n_inputs) or (M, B, n_inputs)
            Between -1e150 and 1e150.
        """
        with np.errstate(over="ignore"):
            u = inputs * (self.scales(params) / self.bounds)[..., None, :]
        return np.clip(u, -_LARGEST, _LARGEST)

    def forward(self, params: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, Any]:
        u = self.pressed(params, inputs)
        shrunk = 1.0 + np.abs(u)
        return self.bounds * (u / shrunk), (u, shrunk)

    def backward(
        self,
        params: np.ndarray,
        tape: Any,
        d_outputs: np.ndarray,
        *,
        per_sample: bool,
        need_inputs: bool,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        u, shrunk = tape
        slope = self.scales(params)[..., None, :] / shrunk**2 if need_inputs else None
        d_inputs = None if slope is None else d_outputs * slope
        if not self.n_parameters:
            return no_slopes(d_outputs, per_sample), d_inputs
        # In this order: u / shrunk stays below 1, however large u is.
        each = d_outputs * (_PACE * self.bounds * (u / shrunk) / shrunk)
        return each if per_sample else each.sum(axis=-2), d_inputs

    def shrinkable(self) -> np.ndarray:
        return np.zeros(self.n_parameters, dtype=bool)
