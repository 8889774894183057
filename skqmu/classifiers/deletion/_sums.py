"""Sums over rows in a request: what a linear loss has in the place of its training rows."""

import numpy as np

from ...unlearning import StatisticsView
from .._on_statistics import linear_class_factors
from .._one_fit import fit_on_statistics
from ..state import fitted_state

__all__ = ["scaled_by_statistics", "statistics_view"]


def scaled_by_statistics(estimator, parts):
    """Weights of rows as the loss uses them, averaging 1 over all rows that the sums are of.

    Parameters
    ----------
    estimator : fitted classifier
    parts : list of MeantRows

    Returns
    -------
    ndarray
        As `scaled_weights` gives, at a cost that does not depend on the other rows.
    """
    known = fitted_state(estimator).statistics
    factors = linear_class_factors(known, estimator.class_weight, estimator.classes_)
    mean = factors @ known.weights / sum(known.counts)
    own = [part.weights * factors[part.labels] for part in parts]
    return np.concatenate(own) / mean


def statistics_view(estimator, forget, watching):
    """The sums over rows, as a strategy sees them.

    Parameters
    ----------
    estimator : fitted classifier
    forget : MeantRows
    watching : callable
        To the hooks that watch a refit.
    """
    state = fitted_state(estimator)
    known, recorded = state.statistics, state.members.mode != "none"
    program = estimator._statistics_program(len(estimator.classes_))
    return StatisticsView(
        known=known,
        same_encoding=known.origin == program.origin,
        weights_known=recorded or known.has_unit_weights,
        bits_known=forget.bits_known,
        members_checked=recorded,
        of_forgotten=lambda: program.of(forget.X, forget.labels, forget.weights),
        refit=lambda left: fit_on_statistics(estimator, program, left, watching()),
    )
