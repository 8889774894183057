"""Scorers in a search: what cannot be scored at all ends it, instead of becoming nan.

scikit-learn takes an exception of a scorer for a candidate that failed, goes on with nan
(``error_score``), and picks ``best_params_`` among candidates that all have none. A score that no
candidate can have is a mistake of the search itself.
"""

import functools

from .._searches import in_cross_validation
from ..exceptions import SearchError, UnscorableError

__all__ = ["ends_searches"]


class _NoScore:
    """What a scorer hands to a search in the place of a number: the search asks, and ends.

    Outside the ``try`` around the scorer it takes `item` of what that gave, and then refuses what
    is no number, with its text.
    """

    def __init__(self, error):
        self.error = error

    def item(self):
        """Raise."""
        raise SearchError(str(self.error)) from self.error

    def __str__(self):
        return str(self.error)


def ends_searches(scorer):
    """Let a scorer end a search where no model of it can be scored.

    Outside searches and cross-validations it raises `UnscorableError`, as it did.
    """

    @functools.wraps(scorer)
    def scored(*args, **kwargs):
        try:
            return scorer(*args, **kwargs)
        except UnscorableError as error:
            if not in_cross_validation():
                raise
            return _NoScore(error)

    return scored
