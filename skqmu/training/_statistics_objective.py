"""Training on sums over rows: the objective of a loss that is linear in the encoded states."""

import numpy as np

from ..statistics import Risk
from ._objective import Objective, Records

__all__ = ["StatisticsObjective"]


class StatisticsObjective(Objective):
    """Minimise a loss that knows the rows by their class statistics alone.

    Its one stream holds no row: a step goes through the basis states that the circuit's
    unitary is made of, however many rows the sums are over.

    Parameters
    ----------
    risk : Risk
    part : slice
        The circuit's weights in the flat vector.
    size : int
        Of the flat vector.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.circuits import build_circuit
    >>> from skqmu.statistics import StatisticsProgram
    >>> from skqmu.training import StatisticsObjective
    >>> qnn = build_circuit("angle", "strong", n_features=1, n_qubits=1)
    >>> program = StatisticsProgram(*qnn, n_classes=2, backend=StatevectorBackend())
    >>> X, labels = np.array([[0.0], [np.pi]]), np.array([0, 1])
    >>> risk = program.risk(program.of(X, labels, np.ones(2)))
    >>> n = program.n_weights
    >>> objective = StatisticsObjective(risk, slice(0, n), size=n)
    >>> loss, gradient = objective.risk(np.zeros(n))  # the circuit tells the two rows apart
    >>> abs(round(loss, 9)), objective.guessing()
    (0.0, 0.5)
    """

    def __init__(self, risk: Risk, part: slice, size: int):
        n = risk.n_columns
        columns = Records(np.zeros((n, 0)), np.tile(risk.shares, (n, 1)), np.ones(n))
        super().__init__({"train": columns})
        self.statistics_risk = risk
        self.part, self.size = part, size

    def risk(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient at a flat vector, which the statistics give without a row.

        Parameters
        ----------
        params : ndarray of shape (size,)

        Returns
        -------
        loss : float
        gradient : ndarray of shape (size,)
            0 outside of the circuit's weights.
        """
        value, slopes = self.statistics_risk.value_and_gradient(params[self.part])
        gradient = np.zeros(self.size)
        gradient[self.part] = slopes
        return value, gradient

    def guessing(self) -> float:
        """Loss of naming the largest class each time."""
        return 1.0 - float(self.statistics_risk.shares.max())

    def fingerprint(self) -> list[np.ndarray]:
        """What the loss depends on beside the flat vector, as arrays."""
        return [self.statistics_risk.operators.view(float)]
