"""The scorers by name: all that this package exports that is called ``(estimator, X, y)``."""

from .._registry import NamedFunctions

__all__ = ["SCORERS"]

#: name of a scorer -> scorer
SCORERS = NamedFunctions("skqmu.metrics", ("estimator", "X", "y"))
