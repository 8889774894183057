"""Sums over rows in the place of rows, as the strategy that subtracts sees them."""

from collections.abc import Callable
from dataclasses import dataclass

from ..statistics import ClassStatistics

__all__ = ["StatisticsView"]


@dataclass(frozen=True)
class StatisticsView:
    """What a classifier with a linear loss knows of its training rows.

    Parameters
    ----------
    known : ClassStatistics
        Of all rows that it was trained on.
    same_encoding : bool
        Whether rows have, here and now, the states that they had when they were added.
    weights_known : bool
        Whether the forgotten rows' weights are those with which they were added.
    bits_known : bool or None
        Whether the forgotten rows are, bit by bit, those that were added; None: nobody can tell.
    members_checked : bool
        Whether a member record says that the rows were trained on.
    of_forgotten : callable
        Gives the statistics of the rows to forget.
    refit : callable
        From statistics to the `FitResult` of training on them, from the start and with the
        steps of the fit.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.backends import StatevectorBackend
    >>> from skqmu.circuits import build_circuit
    >>> from skqmu.statistics import StatisticsProgram
    >>> from skqmu.unlearning import StatisticsView
    >>> qnn = build_circuit("angle", "strong", n_features=1, n_qubits=1)
    >>> program = StatisticsProgram(*qnn, n_classes=2, backend=StatevectorBackend())
    >>> X, labels, weights = np.array([[0.1], [0.2], [0.3]]), np.array([0, 1, 1]), np.ones(3)
    >>> view = StatisticsView(
    ...     known=program.of(X, labels, weights),
    ...     same_encoding=True,
    ...     weights_known=True,
    ...     bits_known=True,
    ...     members_checked=True,
    ...     of_forgotten=lambda: program.of(X[:1], labels[:1], weights[:1]),
    ...     refit=None,
    ... )
    >>> (view.known - view.of_forgotten()).counts
    (0, 2)
    """

    known: ClassStatistics
    same_encoding: bool
    weights_known: bool
    bits_known: bool | None
    members_checked: bool
    of_forgotten: Callable
    refit: Callable
