"""The parameter `input_scale`: how the features of a row become a circuit's angles."""

from numbers import Real

import numpy as np

from .._validation import Interval, StrOptions, check_is_fitted
from ..network import InputScale

__all__ = ["InputScaleMixin", "input_scale_layers", "resolved_input_scale"]

# Largest angle, in what the features of an encoding are taken for. Less than half a period, so that
# values of either sign stay apart however large they are: at pi both ends would be one state.
_BOUNDS = {"angle": 0.75 * np.pi, "angle_xyz": 0.75 * np.pi, "iqp": 0.375 * np.pi}


class InputScaleMixin:
    """Check and report the input scale."""

    _parameter_constraints = {
        "input_scale": [
            StrOptions({"auto", "learned"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
            None,
        ],
    }

    @property
    def input_scale_(self):
        """Radians a unit of each feature near 0; None where features are angles as they stand."""
        check_is_fitted(self, "params_")
        network = self._network()
        for layer in network.layers:
            if isinstance(layer, InputScale):
                part = network.layout.slices.get(layer.name, slice(0))
                return layer.scales(self.params_[part]).copy()
        return None


def resolved_input_scale(estimator, n_features):
    """`input_scale` for the encoding at hand: ``"learned"``, an array, or None."""
    value, encoding = estimator.input_scale, estimator.encoding
    enters = getattr(estimator, "front_end", "none")
    direct = isinstance(enters, str) and enters == "none"
    ours = isinstance(getattr(estimator, "core", "quantum"), str)
    by_angle = direct and ours and isinstance(encoding, str) and encoding in _BOUNDS
    if isinstance(value, str) and value == "auto":
        return "learned" if by_angle else None
    if value is None:
        return None
    if not direct:
        raise ValueError(
            f"input_scale={value!r} scales the features that enter the circuit themselves "
            f"(front_end='none'), and this classifier has front_end={enters!r}, whose outputs "
            "pi * tanh bounds; leave input_scale='auto'."
        )
    if isinstance(encoding, str) and encoding == "amplitude":
        raise ValueError(
            f"input_scale={value!r} makes angles of features, and encoding='amplitude' divides a "
            "row by its norm; leave input_scale='auto'."
        )
    if isinstance(value, str):
        return value
    scale = np.asarray(value, dtype=float)
    if scale.shape not in ((), (n_features,)) or not (np.isfinite(scale) & (scale > 0)).all():
        raise ValueError(
            f"input_scale={value!r} must be 'auto', 'learned', None, a positive number or one for "
            f"each of the {n_features} features of X."
        )
    return np.broadcast_to(scale, n_features).copy()


def input_scale_layers(structure, n_features):
    """The layer before the circuit, in a list; none where features are angles as they stand."""
    scale = structure["input_scale"]
    if scale is None:
        return []
    encoding = structure["encoding"]
    bound = _BOUNDS[encoding] if isinstance(encoding, str) else np.pi
    # Rotations of one qubit add up: together, the features that fold onto it stay within a turn.
    bound /= -(-n_features // structure["n_qubits"]) if isinstance(encoding, str) else 1
    learned = isinstance(scale, str)
    return [
        InputScale(np.full(n_features, bound), scale=1.0 if learned else scale, learned=learned)
    ]
