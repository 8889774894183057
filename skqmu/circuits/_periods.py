"""The period of the outputs in each weight, from the spectra of the gates it turns."""

from fractions import Fraction
from math import gcd, lcm

import numpy as np

from ._trees import affine_form

__all__ = ["weight_periods"]

_LARGEST_DENOMINATOR = 1000


def weight_periods(rotations, nodes, n_weights):
    """Return the period of every weight, shape (n_weights,); inf where there is none.

    A gate ``V diag(exp(i a s)) V^dagger`` turns expectation values with the frequencies
    ``s_j - s_k``: 1 for a Pauli rotation (period 2 pi although the state changes sign), 1/2
    as well for a controlled one (period 4 pi). A weight that enters several angles with
    constant slopes has the common period of all; one that multiplies an input or another
    weight, or enters a function, has none.

    Parameters
    ----------
    rotations : list of Rotation
    nodes : list
        The angle map's tree of each column.
    n_weights : int
    """
    frequencies = [set() for _ in range(n_weights)]
    for rotation in rotations:
        node = nodes[rotation.column]
        steps = {abs(d) for d in np.subtract.outer(rotation.spectrum, rotation.spectrum).flat}
        steps.discard(0.0)
        for weight in _weights_in(node):
            slope = _constant_slope(node, weight)
            if slope is None:
                frequencies[weight].add(np.nan)
            elif slope:
                frequencies[weight].update(abs(slope) * step for step in steps)
    return np.array([_period(found) for found in frequencies], dtype=float)


def _weights_in(node):
    if node[0] == "w":
        return {node[1]}
    if node[0] in ("x", "c"):
        return set()
    return set().union(*map(_weights_in, node[1:]))


def _constant(node):
    """Return the value of a tree without parameters, else None."""
    form = affine_form(node)
    return form[0] if form is not None and not form[1] else None


def _constant_slope(node, weight):
    """Return d node / d weight where it is a constant, else None."""
    kind = node[0]
    if kind == "w":
        return 1.0 if node[1] == weight else 0.0
    if weight not in _weights_in(node):
        return 0.0
    if kind == "CONJ":
        return _constant_slope(node[1], weight)
    if kind not in ("ADD", "SUB", "MUL", "DIV"):
        return None
    left, right = (_constant_slope(child, weight) for child in node[1:])
    if left is None or right is None:
        return None
    if kind in ("ADD", "SUB"):
        return left + right if kind == "ADD" else left - right
    values = [_constant(child) for child in node[1:]]
    if kind == "MUL" and values[1] is not None:
        return left * values[1]
    if kind == "MUL" and values[0] is not None:
        return right * values[0]
    if kind == "DIV" and values[1]:
        return left / values[1]
    return None


def _period(frequencies):
    """Return the shortest common period of some frequencies, or inf."""
    if not frequencies or np.isnan(list(frequencies)).any():
        return np.inf
    unit = min(frequencies)
    ratios = [Fraction(f / unit).limit_denominator(_LARGEST_DENOMINATOR) for f in frequencies]
    if any(
        abs(float(ratio) - f / unit) > 1e-9 * f / unit
        for ratio, f in zip(ratios, frequencies, strict=True)
    ):
        return np.inf
    common = lcm(*(ratio.denominator for ratio in ratios))
    numerators = [int(ratio * common) for ratio in ratios]
    return 2 * np.pi / (unit * gcd(*numerators) / common)
