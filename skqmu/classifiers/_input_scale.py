"""The parameter `input_scale`: how the features of a row become a circuit's angles."""

from numbers import Real

import numpy as np

from .._validation import Interval, StrOptions, check_is_fitted
from ..network import InputScale
from .state import reads

__all__ = ["PERIODS", "InputScaleMixin", "input_scale_layers", "resolved_input_scale"]

# After what an encoding repeats itself, in what its features are taken for.
PERIODS = {"angle": 2 * np.pi, "angle_xyz": 2 * np.pi, "iqp": np.pi}
# Largest angle. Less than half a period, so that values of either sign stay apart however large
# they are: at half a period both ends would be one state.
_BOUNDS = {encoding: 0.375 * period for encoding, period in PERIODS.items()}


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
    @reads
    def input_scale_(self):
        """Radians a unit of each feature near 0; None where features are angles as they stand."""
        check_is_fitted(self, "params_")
        network = self._network()
        for layer in network.layers:
            if isinstance(layer, InputScale):
                part = network.layout.slices.get(layer.name, slice(0))
                return layer.scales(self.params_[part]).copy()
        return None


def resolved_input_scale(
    value, *, encoding, n_inputs, searched=False, behind_layers=False, foreign=False
):
    """The parameter for the network at hand: ``"learned"``, an array of scales, or None.

    Parameters
    ----------
    value : {"auto", "learned"}, float, array-like or None
        The parameter.
    encoding : str or None
        None: a circuit of the user's.
    n_inputs : int
        Of the circuit.
    searched : bool, default=False
        Whether an optimizer searches the parameters: the fewer the better.
    behind_layers : bool, default=False
        Whether a front-end stands before the circuit.
    foreign : bool, default=False
        Whether the circuit is one of qiskit-machine-learning, whose encoding is not known.
    """
    named = encoding is not None and not foreign
    if named and encoding not in _BOUNDS:
        if value is None or (isinstance(value, str) and value == "auto"):
            return None
        raise ValueError(
            f"input_scale={value!r} makes angles of numbers, and encoding={encoding!r} takes a row "
            "for amplitudes (its norm is no angle); leave input_scale='auto'."
        )
    if value is None:
        return None
    if isinstance(value, str) and value == "auto":
        if not (named or behind_layers):
            return None
        return np.ones(n_inputs) if searched else "learned"
    if isinstance(value, str):
        return value
    scale = np.asarray(value, dtype=float)
    if scale.shape not in ((), (n_inputs,)) or not (np.isfinite(scale) & (scale > 0)).all():
        raise ValueError(
            f"input_scale={value!r} must be 'auto', 'learned', None, a positive number or one for "
            f"each of the {n_inputs} inputs of the circuit."
        )
    return np.broadcast_to(scale, n_inputs).copy()


def input_scale_layers(structure, n_inputs):
    """The layer before the circuit, in a list; empty where its inputs are angles as they stand."""
    scale = structure["input_scale"]
    if scale is None:
        return []
    bound = _BOUNDS["angle"]
    named = structure["circuit"] is None and isinstance(structure["encoding"], str)
    if named and structure["n_qubits"] is not None:
        # Rotations of one qubit add up: what folds onto it stays within the bound together.
        bound = _BOUNDS[structure["encoding"]] / -(-n_inputs // structure["n_qubits"])
    learned = isinstance(scale, str)
    return [InputScale(np.full(n_inputs, bound), scale=1.0 if learned else scale, learned=learned)]
