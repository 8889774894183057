"""Ways to differentiate what can only be measured: shifts, random directions, a twin.

Each is a value that an executable asks for ``d (sum of cotangent * expectation values)``.
"""

from abc import ABC, abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator

from ..._site_links import SiteLinksMixin
from ..._validation import Interval, resolve, validate_params
from ._shift import shift_rule

__all__ = ["GRADIENTS", "AdjointGradient", "GradientMethod", "ParameterShift", "SPSAGradient"]


class GradientMethod(SiteLinksMixin, BaseEstimator, ABC):
    """Base of the ways to differentiate a measured circuit.

    Examples
    --------
    >>> from skqmu.backends import GradientMethod, ParameterShift
    >>> isinstance(ParameterShift(), GradientMethod)
    True
    """

    _parameter_constraints: dict = {}

    @abstractmethod
    def backward(self, executable, tape, cotangent, *, per_sample, need_inputs, need_weights):
        """Return ``(d_inputs, d_weights)``; see `Executable.backward`."""

    @abstractmethod
    def n_evaluations(self, executable, *, need_inputs, need_weights=True):
        """Circuits that a gradient runs for each record."""

    def validate(self):
        """Check the parameters."""
        validate_params(self)


class ParameterShift(GradientMethod):
    """Every occurrence of every angle, shifted by the rule of its gate: one broadcast PUB.

    Unbiased at any number of shots, and for noise that does not depend on the angles. The
    rules follow from the circuit that runs (Wierichs et al. 2022, arXiv 2107.12390):
    two terms for a Pauli rotation, four for a controlled one. An amplitude encoding is
    shifted along great circles of the state space: with u the unit vector of a record and v
    orthogonal to it, the expectation value of cos(s) u + sin(s) v has the frequency 2 in s.

    Examples
    --------
    >>> from skqmu.backends import ParameterShift
    >>> ParameterShift()
    ParameterShift()
    """

    def backward(self, executable, tape, cotangent, *, per_sample, need_inputs, need_weights):
        columns, pull = tape.columns, executable.columns
        wanted = _wanted(pull, need_inputs, need_weights)
        rows, slots = [], []
        for column in wanted:
            if column < pull.n_rotations:
                rule = shift_rule(executable.frequencies[column])
                for shift, factor in zip(rule.shifts, rule.coefficients, strict=True):
                    moved = columns.copy()
                    moved[:, column] += shift
                    rows.append(moved)
                    slots.append((column, factor))
        for own in (each.columns for each in pull.preparations):
            if any(column in wanted for column in range(own.start, own.stop)):
                self._turn(columns, own, rows, slots)
        slopes = np.zeros_like(columns)
        if rows:
            values = executable.run(np.concatenate(rows)).reshape(len(rows), *cotangent.shape)
            weighed = np.einsum("rbm,bm->rb", values, cotangent)
            for (column, factor), row in zip(slots, weighed, strict=True):
                slopes[:, column] += factor * row
        d_inputs, d_weights = pull.pullback(tape.angles, slopes, per_sample=per_sample)
        return d_inputs if need_inputs else None, d_weights if need_weights else None

    @staticmethod
    def _turn(columns, own, rows, slots):
        """Turn each record's unit vector by +-pi/4 towards each axis (frequency 2)."""
        values = columns[:, own]
        norms = np.linalg.norm(values, axis=1, keepdims=True)
        units = values / norms
        for k in range(values.shape[1]):
            towards = -units * units[:, k : k + 1]
            towards[:, k] += 1.0
            length = np.linalg.norm(towards, axis=1, keepdims=True)
            direction = np.divide(towards, length, out=np.zeros_like(towards), where=length > 0)
            for sign in (1.0, -1.0):
                moved = columns.copy()
                moved[:, own] = np.sqrt(0.5) * (units + sign * direction)
                rows.append(moved)
                slots.append((own.start + k, sign * (length / norms)[:, 0]))

    def n_evaluations(self, executable, *, need_inputs, need_weights=True):
        pull = executable.columns
        wanted = _wanted(pull, need_inputs, need_weights)
        return sum(
            len(shift_rule(executable.frequencies[c])) if c < pull.n_rotations else 2
            for c in wanted
        )


def _wanted(columns, need_inputs, need_weights):
    """Columns whose slope matters: those that hold a wanted parameter."""
    kinds = columns.leaf_kinds
    wanted = set()
    for column, held in enumerate(kinds):
        if (need_inputs and "x" in held) or (need_weights and "w" in held):
            wanted.add(column)
    for own in (
        each.columns for each in columns.preparations
    ):  # an encoding's values move together
        span = set(range(own.start, own.stop))
        if wanted & span:
            wanted |= span
    return sorted(wanted)


class SPSAGradient(GradientMethod):
    """Simultaneous perturbation: two evaluations a record, whatever the number of angles.

    Spall (1992), eq. 2.2: all parameters move by `step` times random signs, and the
    difference quotient is shared out by the signs. Inputs, where their gradient is asked
    for, move at the same time with signs of their own. The mean over `n_directions` has an
    error that falls as its square root; a finite `step` leaves a bias of order step^2.

    Parameters
    ----------
    n_directions : int, default=1
        Averaged pairs of evaluations.
    step : float, default=0.2
        In radians for angles. Shot noise enters divided by it.

    Examples
    --------
    >>> from skqmu.backends import SPSAGradient
    >>> SPSAGradient(n_directions=4)
    SPSAGradient(n_directions=4)
    """

    _parameter_constraints = {
        "n_directions": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, n_directions=1, step=0.2):
        self.n_directions = n_directions
        self.step = step

    def backward(self, executable, tape, cotangent, *, per_sample, need_inputs, need_weights):
        inputs, weights = tape.inputs, tape.weights
        rng = np.random.default_rng(executable.draw())
        columns, signs = [], []
        for _ in range(self.n_directions):
            on_weights = _signs(rng, weights.shape) * float(need_weights)
            on_inputs = _signs(rng, inputs.shape) * float(need_inputs)
            signs.append((on_inputs, on_weights))
            for direction in (self.step, -self.step):
                moved, _ = executable.columns.evaluate(
                    inputs + direction * on_inputs, weights + direction * on_weights
                )
                columns.append(moved)
        values = executable.run(np.concatenate(columns))
        values = values.reshape(self.n_directions, 2, *cotangent.shape)
        quotients = np.einsum("kbm,bm->kb", values[:, 0] - values[:, 1], cotangent)
        quotients /= 2 * self.step * self.n_directions
        d_inputs = np.zeros_like(inputs)
        d_weights = np.zeros((len(inputs), len(weights)) if per_sample else len(weights))
        for quotient, (on_inputs, on_weights) in zip(quotients, signs, strict=True):
            d_inputs += quotient[:, None] * on_inputs
            if per_sample:
                d_weights += quotient[:, None] * on_weights
            else:
                d_weights += quotient.sum() * on_weights
        return d_inputs if need_inputs else None, d_weights if need_weights else None

    def n_evaluations(self, executable, *, need_inputs, need_weights=True):
        return 2 * self.n_directions


def _signs(rng, shape):
    return rng.integers(0, 2, shape) * 2.0 - 1.0


class AdjointGradient(GradientMethod):
    """Values from the backend, gradients from an exact state vector of the same circuit.

    Costs no circuits. On a noiseless simulator it is the gradient; on a device it is that
    of the ideal circuit, which is what the device's values are near to.

    Examples
    --------
    >>> from skqmu.backends import AdjointGradient
    >>> AdjointGradient()
    AdjointGradient()
    """

    def backward(self, executable, tape, cotangent, *, per_sample, need_inputs, need_weights):
        twin = executable.twin
        _, exact = twin.forward(tape.inputs, tape.weights)
        return twin.backward(
            exact,
            cotangent,
            per_sample=per_sample,
            need_inputs=need_inputs,
            need_weights=need_weights,
        )

    def n_evaluations(self, executable, *, need_inputs, need_weights=True):
        return 0


GRADIENTS = {
    "parameter_shift": ParameterShift,
    "spsa": SPSAGradient,
    "adjoint": AdjointGradient,
}


def resolve_gradient(value):
    """Turn a name into a gradient method with its defaults; check its parameters."""
    method = resolve("gradient", value, {**GRADIENTS, "auto": None}, GradientMethod)
    method.validate()
    return method
