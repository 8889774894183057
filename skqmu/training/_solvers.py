"""First-order solvers on one flat vector."""

from abc import ABC, abstractmethod

import numpy as np

__all__ = ["SGD", "Adam", "Solver"]


class Solver(ABC):
    """A rule that turns a gradient into a step.

    A pure function: its moments go in and come out, so that a step is taken whole or
    not at all, whenever an interrupt arrives.
    """

    @abstractmethod
    def step(self, params, gradient, moments=None):
        """Return ``(params, moments)`` after one step; nothing is changed in place."""


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

    def __init__(self, learning_rate=1e-3, *, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def step(self, params, gradient, moments=None):
        n_steps, first, second = moments or (0, 0.0, 0.0)
        n_steps += 1
        first = self.beta_1 * first + (1 - self.beta_1) * gradient
        second = self.beta_2 * second + (1 - self.beta_2) * gradient**2
        scale = np.sqrt(second / (1 - self.beta_2**n_steps)) + self.epsilon
        move = first / (1 - self.beta_1**n_steps) / scale
        return params - self.learning_rate * move, (n_steps, first, second)


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

    def __init__(self, learning_rate=1e-3, *, momentum=0.9, nesterov=True):
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov

    def step(self, params, gradient, moments=None):
        velocity = 0.0 if moments is None else moments
        velocity = self.momentum * velocity - self.learning_rate * gradient
        move = velocity
        if self.nesterov:
            move = self.momentum * velocity - self.learning_rate * gradient
        return params + move, velocity
