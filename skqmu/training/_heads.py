"""Heads with a convex loss on fixed features: solved to the end instead of trained."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, softmax

__all__ = ["LogisticHead", "RidgeHead", "SoftmaxHead"]


@dataclass(frozen=True)
class LogisticHead:
    """One-vs-rest logistic regressions with a penalty and a random linear term.

    For each column k minimises, over the weights of a row's features phi,
    ``sum_i s_i l(y_ik phi_i.w) + (penalty n / 2) |w|^2 + b_k.w`` with ``l(z) = ln(1 + e^-z)``,
    ``y = +-1`` and ``n = sum_i s_i``. `|phi| <= 1` is what the certificate needs.

    Parameters
    ----------
    penalty : float
        Lambda of Guo et al. 2020 (arXiv 1911.03030), per row.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import LogisticHead
    >>> phi, signs = np.array([[0.5], [-0.5]]), np.array([[1.0], [-1.0]])
    >>> head = LogisticHead(penalty=0.1)
    >>> w = head.solve(phi, signs, np.ones(2), np.zeros((1, 1)))
    >>> bool(abs(head.gradient(w, phi, signs, np.ones(2))).max() < 1e-9)
    True
    """

    penalty: float

    def loss(
        self, w: np.ndarray, phi: np.ndarray, signs: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Value of the unperturbed objective for each column, shape (K,).

        Parameters
        ----------
        w : ndarray of shape (D, K)
        phi : ndarray of shape (n, D)
        signs : ndarray of shape (n, K)
        weights : ndarray of shape (n,)
        """
        data = -(weights @ log_expit(signs * (phi @ w)))
        return data + 0.5 * self.penalty * weights.sum() * (w**2).sum(axis=0)

    def gradient(
        self, w: np.ndarray, phi: np.ndarray, signs: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Gradient of the unperturbed objective, shape (D, K).

        Parameters
        ----------
        w : ndarray of shape (D, K)
        phi : ndarray of shape (n, D)
        signs : ndarray of shape (n, K)
        weights : ndarray of shape (n,)
        """
        slope = -signs * expit(-signs * (phi @ w)) * weights[:, None]
        return phi.T @ slope + self.penalty * weights.sum() * w

    def hessian(self, w: np.ndarray, phi: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Hessian of one column, shape (D, D).

        Parameters
        ----------
        w : ndarray of shape (D,)
        phi : ndarray of shape (n, D)
        weights : ndarray of shape (n,)
        """
        p = expit(phi @ w)
        curvature = weights * p * (1 - p)
        return (phi.T * curvature) @ phi + self.penalty * weights.sum() * np.eye(len(w))

    def solve(
        self, phi: np.ndarray, signs: np.ndarray, weights: np.ndarray, noise: np.ndarray
    ) -> np.ndarray:
        """Minimise the perturbed objective; returns weights of shape (D, K).

        Parameters
        ----------
        phi : ndarray of shape (n, D)
        signs : ndarray of shape (n, K)
        weights : ndarray of shape (n,)
        noise : ndarray of shape (D, K)
            The linear terms b.
        """
        columns = [
            self._solve_column(phi, signs[:, [k]], weights, noise[:, k])
            for k in range(signs.shape[1])
        ]
        return np.stack(columns, axis=1)

    def _solve_column(self, phi, signs, weights, noise):
        def value(w):
            return float(self.loss(w[:, None], phi, signs, weights)[0] + noise @ w)

        def slope(w):
            return self.gradient(w[:, None], phi, signs, weights)[:, 0] + noise

        w = minimize(
            value,
            np.zeros(phi.shape[1]),
            jac=slope,
            hess=lambda w: self.hessian(w, phi, weights),
            method="trust-exact",
            options={"gtol": 1e-8, "maxiter": 500},
        ).x
        # Newton's last steps: the certificate starts from what gradient is left.
        for _ in range(3):
            w = w - np.linalg.solve(self.hessian(w, phi, weights), slope(w))
        return w


@dataclass(frozen=True)
class RidgeHead:
    """Least squares on one-hot targets with an unpenalised intercept.

    Minimises ``sum_i s_i |phi_i.w - t_i|^2 + penalty |w|^2`` over all but the last row of w,
    the intercept (the last feature is 1). No centring: rows can be taken out again.

    Parameters
    ----------
    penalty : float
        On the summed loss.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import RidgeHead
    >>> phi = np.array([[-1.0, 1.0], [1.0, 1.0]])
    >>> gram, moment = RidgeHead.moments(phi, np.array([[0.0], [2.0]]), np.ones(2))
    >>> RidgeHead(penalty=2.0).solve(gram, moment).ravel()
    array([0.5, 1. ])
    """

    penalty: float

    @staticmethod
    def moments(
        phi: np.ndarray, targets: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gram matrix and moment: all that the solution depends on.

        Parameters
        ----------
        phi : ndarray of shape (n, D)
            The last feature is 1.
        targets : ndarray of shape (n, K)
        weights : ndarray of shape (n,)

        Returns
        -------
        gram : ndarray of shape (D, D)
        moment : ndarray of shape (D, K)
        """
        weighted = phi * weights[:, None]
        return weighted.T @ phi, weighted.T @ targets

    def solve(self, gram: np.ndarray, moment: np.ndarray) -> np.ndarray:
        """Weights of shape (D, K).

        Parameters
        ----------
        gram : ndarray of shape (D, D)
        moment : ndarray of shape (D, K)

        Raises
        ------
        numpy.linalg.LinAlgError
            The matrix is not positive definite, as where `penalty` is 0 and features depend on one
            another.
        """
        penalties = np.full(len(gram), float(self.penalty))
        penalties[-1] = 0.0
        return cho_solve(cho_factor(gram + np.diag(penalties)), moment)


@dataclass(frozen=True)
class SoftmaxHead:
    """Multinomial logistic regression on soft targets, every weight penalised.

    Minimises ``sum_i s_i CE(t_i, softmax(phi_i W)) + (penalty n / 2) |W|^2``. The penalty
    takes in the intercept (a feature that is 1), so that there is one minimum even where a
    class has no row left: its logit settles low instead of falling for ever.

    Parameters
    ----------
    penalty : float
        Per row; above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.training import SoftmaxHead
    >>> phi, targets = np.array([[1.0], [-1.0]]), np.eye(2)
    >>> SoftmaxHead(penalty=0.1).solve(phi, targets, np.ones(2), n=2.0).round(3)
    array([[ 1.064, -1.064]])
    """

    penalty: float

    def solve(
        self, phi: np.ndarray, targets: np.ndarray, weights: np.ndarray, n: float
    ) -> np.ndarray:
        """Weights of shape (D, C).

        Parameters
        ----------
        phi : ndarray of shape (rows, D)
        targets : ndarray of shape (rows, C)
            Soft targets; rows sum to 1.
        weights : ndarray of shape (rows,)
        n : float
            The number of rows that the penalty counts.
        """
        shape = (phi.shape[1], targets.shape[1])
        weights = weights[:, None] / n

        def value_and_slope(w):
            w = w.reshape(shape)
            log_p = log_softmax(phi @ w, axis=1)
            value = -float((weights * targets * log_p).sum()) + 0.5 * self.penalty * (w**2).sum()
            slope = phi.T @ (weights * (np.exp(log_p) - targets)) + self.penalty * w
            return value, slope.ravel()

        def curvature(w, direction):
            p = softmax(phi @ w.reshape(shape), axis=1)
            change = phi @ direction.reshape(shape)
            change = p * (change - (p * change).sum(axis=1, keepdims=True))
            return (phi.T @ (weights * change)).ravel() + self.penalty * direction

        return minimize(
            value_and_slope,
            np.zeros(shape[0] * shape[1]),
            jac=True,
            hessp=curvature,
            method="trust-ncg",
            options={"gtol": 1e-8, "maxiter": 500},
        ).x.reshape(shape)
