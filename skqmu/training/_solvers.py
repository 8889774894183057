"""First-order solvers on one flat vector."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np

__all__ = ["SGD", "Adam", "Solver"]


class Solver(ABC):
    """A rule that turns a gradient into a step.

    A pure function: its moments go in and come out, so that a step is taken whole or
    not at all, whenever an interrupt arrives.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from skqmu.training import Solver
    >>> @dataclass(frozen=True)
    ... class SignDescent(Solver):
    ...     learning_rate: float = 0.1
    ...
    ...     def step(self, params, gradient, moments=None):
    ...         return params - self.learning_rate * np.sign(gradient), moments
    >>> SignDescent().scaled(0.5).step(np.zeros(2), np.array([3.0, -1.0]))
    (array([-0.05,  0.05]), None)
    """

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if "step" in vars(cls) and "step_many" not in vars(cls):
            # What a parent does with many models is not what this class does with one.
            cls.step_many = vars(Solver)["step_many"]  # type: ignore[method-assign]

    @abstractmethod
    def step(
        self, params: np.ndarray, gradient: np.ndarray, moments: Any = None
    ) -> tuple[np.ndarray, Any]:
        """Return ``(params, moments)`` after one step; nothing is changed in place.

        Parameters
        ----------
        params, gradient : ndarray of shape (layout.size,)
        moments : object, default=None
            What the last step returned; None before the first one.

        Returns
        -------
        params : ndarray of shape (layout.size,)
        moments : object
        """

    @classmethod
    def step_many(
        cls, solvers: Sequence[Self], params: np.ndarray, gradients: np.ndarray, moments: Sequence
    ) -> tuple[np.ndarray, list]:
        """Return ``(params, moments)`` after one step of many models.

        Parameters
        ----------
        solvers : sequence of M solvers of this class
            Each model's own, at its own learning rate.
        params, gradients : ndarray of shape (M, layout.size)
        moments : sequence of M objects
            Of models that may be at different steps.

        Returns
        -------
        params : ndarray of shape (M, layout.size)
        moments : list of M objects
        """
        each = zip(solvers, params, gradients, moments, strict=True)
        points, after = zip(*(solver.step(*own) for solver, *own in each), strict=True)
        return np.stack(points), list(after)

    def scaled(self, factor: float) -> Self:
        """The solver with `factor` times its learning rate (a dataclass, with `learning_rate`).

        Parameters
        ----------
        factor : float
        """
        if factor == 1.0:
            return self
        own: Any = self
        return replace(own, learning_rate=factor * own.learning_rate)


@dataclass(frozen=True)
class Adam(Solver):
    """Adam (Kingma & Ba 2015, Algorithm 1).

    Parameters
    ----------
    learning_rate : float
    beta_1, beta_2 : float
    epsilon : float

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import Adam
    >>> params, moments = Adam(learning_rate=0.1).step(np.zeros(2), np.array([3.0, -1.0]))
    >>> params.round(3)
    array([-0.1,  0.1])
    """

    learning_rate: float = 1e-3
    _: KW_ONLY
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def step(
        self, params: np.ndarray, gradient: np.ndarray, moments: Any = None
    ) -> tuple[np.ndarray, Any]:
        n_steps, first, second = moments or (0, 0.0, 0.0)
        n_steps += 1
        first = self.beta_1 * first + (1 - self.beta_1) * gradient
        second = self.beta_2 * second + (1 - self.beta_2) * gradient**2
        scale = np.sqrt(second / (1 - self.beta_2**n_steps)) + self.epsilon
        move = first / (1 - self.beta_1**n_steps) / scale
        return params - self.learning_rate * move, (n_steps, first, second)

    @classmethod
    def step_many(
        cls, solvers: Sequence[Self], params: np.ndarray, gradients: np.ndarray, moments: Sequence
    ) -> tuple[np.ndarray, list]:
        earlier = [own or (0, 0.0, 0.0) for own in moments]
        n_steps = [own[0] + 1 for own in earlier]
        first = _stacked([own[1] for own in earlier], params)
        second = _stacked([own[2] for own in earlier], params)
        rate, beta_1, beta_2, epsilon = _columns(tuple(solvers), _ADAM)
        first *= beta_1
        first += (1 - beta_1) * gradients
        second *= beta_2
        second += (1 - beta_2) * gradients**2
        # Powers of Python's numbers, as one model takes them: numpy's may differ in the last bit.
        own = list(zip(solvers, n_steps, strict=True))
        scale = np.sqrt(second / _column([1 - s.beta_2**n for s, n in own]))
        scale += epsilon
        move = first / _column([1 - s.beta_1**n for s, n in own]) / scale
        move *= rate
        after = [
            (n, one.copy(), two.copy()) for n, one, two in zip(n_steps, first, second, strict=True)
        ]
        return params - move, after


@dataclass(frozen=True)
class SGD(Solver):
    """Stochastic gradient descent with (Nesterov) momentum.

    Parameters
    ----------
    learning_rate : float
    momentum : float
    nesterov : bool
        Look ahead along the velocity (Sutskever et al. 2013).

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import SGD
    >>> params, moments = SGD(learning_rate=0.1, momentum=0.0).step(
    ...     np.zeros(2), np.array([3.0, -1.0])
    ... )
    >>> params
    array([-0.3,  0.1])
    """

    learning_rate: float = 1e-3
    _: KW_ONLY
    momentum: float = 0.9
    nesterov: bool = True

    def step(
        self, params: np.ndarray, gradient: np.ndarray, moments: Any = None
    ) -> tuple[np.ndarray, Any]:
        velocity = 0.0 if moments is None else moments
        velocity = self.momentum * velocity - self.learning_rate * gradient
        move = velocity
        if self.nesterov:
            move = self.momentum * velocity - self.learning_rate * gradient
        return params + move, velocity

    @classmethod
    def step_many(
        cls, solvers: Sequence[Self], params: np.ndarray, gradients: np.ndarray, moments: Sequence
    ) -> tuple[np.ndarray, list]:
        velocity = _stacked([0.0 if own is None else own for own in moments], params)
        rate, momentum, nesterov = _columns(tuple(solvers), _SGD)
        fall = rate * gradients
        velocity = momentum * velocity - fall
        ahead = nesterov != 0
        move = np.where(ahead, momentum * velocity - fall, velocity)
        return params + move, [own.copy() for own in velocity]


_ADAM = ("learning_rate", "beta_1", "beta_2", "epsilon")
_SGD = ("learning_rate", "momentum", "nesterov")


@lru_cache(maxsize=64)
def _columns(solvers, names):
    """Each setting of some solvers, as a column; they are the same ones from step to step."""
    return [_column([getattr(solver, name) for solver in solvers]) for name in names]


def _column(values):
    """One number a model, shape (M, 1)."""
    return np.array(values, dtype=float)[:, None]


def _stacked(rows, like):
    """Each model's moments, which are the number 0 before its first step, as a new array."""
    stack = np.empty_like(like)
    for place, row in enumerate(rows):
        stack[place] = row
    return stack
