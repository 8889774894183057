"""The state of a fitted estimator: who may change it when, and how all of it changes at once.

No other module of the package writes a fitted attribute.
"""

from ._attributes import (
    MODEL,
    CircuitState,
    ExperimentState,
    ShardedState,
    StateMixin,
    fitted_state,
    kept_files,
    origin,
    share_files,
)
from ._turns import exclusive
from ._writing import OutdatedError, Writing, as_fitted, changing_along, reads

__all__ = [
    "MODEL",
    "CircuitState",
    "ExperimentState",
    "OutdatedError",
    "ShardedState",
    "StateMixin",
    "Writing",
    "as_fitted",
    "changing_along",
    "exclusive",
    "fitted_state",
    "kept_files",
    "origin",
    "reads",
    "share_files",
]
