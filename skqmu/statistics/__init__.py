"""Training data as sums over rows: what a loss that is linear in the states depends on.

A room of its own, between `network` and `training`: statistics are data, as rows are, so
whoever trains, forgets or keeps models uses them; and of the rooms before, they need circuits
and the exact engine alone.
"""

from ._class_statistics import ClassStatistics
from ._fixed_encoding import FixedEncoding
from ._statistics_program import Risk, StatisticsProgram, split_circuit

__all__ = ["ClassStatistics", "FixedEncoding", "Risk", "StatisticsProgram", "split_circuit"]
