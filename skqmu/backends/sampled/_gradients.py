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
    >>> import numpy as np
    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from skqmu.backends import AerBackend, GradientMethod
    >>> from skqmu.circuits import z_observables
    >>> class Difference(GradientMethod):
    ...     def backward(
    ...         self, executable, tape, cotangent, *, per_sample, need_inputs, need_weights
    ...     ):
    ...         slopes = np.zeros((len(tape.inputs), len(tape.weights)))
    ...         for k, step in enumerate(1e-4 * np.eye(len(tape.weights))):
    ...             above, _ = executable.forward(tape.inputs, tape.weights + step)
    ...             below, _ = executable.forward(tape.inputs, tape.weights - step)
    ...             slopes[:, k] = (cotangent * (above - below)).sum(axis=1) / 2e-4
    ...         return None, slopes if per_sample else slopes.sum(axis=0)
    ...
    ...     def n_evaluations(self, executable, *, need_inputs, need_weights=True):
    ...         return 2 * executable.n_weights
    >>> x, w, circuit = Parameter("x"), Parameter("w"), QuantumCircuit(1)
    >>> _ = circuit.ry(x, 0), circuit.ry(w, 0)
    >>> backend = AerBackend(shots=None, gradient=Difference())
    >>> executable = backend.compile(circuit, z_observables(1), inputs=[x], weights=[w])
    >>> values, tape = executable.forward([[0.0]], [np.pi / 2])
    >>> _, d_weights = executable.backward(tape, np.ones((1, 1)), need_inputs=False)
    >>> d_weights.round(6)  # of cos(w)
    array([-1.])
    >>> executable.spent.circuits  # a value and two to differentiate it
    3
    """

    _parameter_constraints: dict = {}

    @abstractmethod
    def backward(self, executable, tape, cotangent, *, per_sample, need_inputs, need_weights):
        """Return ``(d_inputs, d_weights)`` of ``sum(cotangent * values)``.

        Parameters
        ----------
        executable : PrimitiveExecutable
            Who asks: `run` evaluates columns of angles, `forward` inputs and weights.
        tape : object
            From its `forward`; has `inputs` and `weights`.
        cotangent : ndarray of shape (B, n_outputs)
        per_sample : bool
            Whether the weights' gradient of each record is kept apart.
        need_inputs, need_weights : bool
            None is returned for what is not needed.

        Returns
        -------
        d_inputs : ndarray of shape (B, n_inputs) or None
        d_weights : ndarray of shape (n_weights,), (B, n_weights) with `per_sample`, or None
        """

    @abstractmethod
    def n_evaluations(self, executable, *, need_inputs, need_weights=True):
        """Circuits that a gradient runs for each record.

        Parameters
        ----------
        executable : PrimitiveExecutable
        need_inputs : bool
        need_weights : bool, default=True

        Returns
        -------
        int
            Evaluations of all observables; each is a circuit a measurement setting.
        """

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
    >>> import numpy as np
    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from skqmu.backends import AerBackend, ParameterShift
    >>> from skqmu.circuits import z_observables
    >>> x, w, circuit = Parameter("x"), Parameter("w"), QuantumCircuit(1)
    >>> _ = circuit.ry(x, 0), circuit.ry(w, 0)
    >>> backend = AerBackend(shots=None, gradient=ParameterShift())
    >>> executable = backend.compile(circuit, z_observables(1), inputs=[x], weights=[w])
    >>> values, tape = executable.forward([[0.0]], [np.pi / 2])
    >>> _, d_weights = executable.backward(tape, np.ones((1, 1)), need_inputs=False)
    >>> d_weights.round(6), executable.gradient.n_evaluations(executable, need_inputs=False)
    (array([-1.]), 2)
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
    >>> import numpy as np
    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from skqmu.backends import AerBackend, SPSAGradient
    >>> from skqmu.circuits import z_observables
    >>> x, w, circuit = Parameter("x"), Parameter("w"), QuantumCircuit(1)
    >>> _ = circuit.ry(x, 0), circuit.ry(w, 0)
    >>> backend = AerBackend(shots=None, gradient=SPSAGradient(step=0.1))
    >>> executable = backend.compile(circuit, z_observables(1), inputs=[x], weights=[w])
    >>> values, tape = executable.forward([[0.0]], [np.pi / 2])
    >>> _, d_weights = executable.backward(tape, np.ones((1, 1)), need_inputs=False)
    >>> d_weights.round(3), executable.gradient.n_evaluations(executable, need_inputs=False)
    (array([-0.998]), 2)
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
    >>> import numpy as np
    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> from skqmu.backends import AdjointGradient, AerBackend
    >>> from skqmu.circuits import z_observables
    >>> x, w, circuit = Parameter("x"), Parameter("w"), QuantumCircuit(1)
    >>> _ = circuit.ry(x, 0), circuit.ry(w, 0)
    >>> backend = AerBackend(shots=10, gradient=AdjointGradient(), seed=0)
    >>> executable = backend.compile(circuit, z_observables(1), inputs=[x], weights=[w])
    >>> values, tape = executable.forward([[0.0]], [np.pi / 2])
    >>> _, d_weights = executable.backward(tape, np.ones((1, 1)), need_inputs=False)
    >>> d_weights.round(6), executable.spent.shots  # of the value alone
    (array([-1.]), 10)
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
