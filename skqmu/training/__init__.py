"""The one training loop, its solvers, its objectives and its hooks."""

from ._heads import LogisticHead, RidgeHead
from ._hooks import (
    Checkpoint,
    EarlyStopping,
    EpochPrinter,
    Progress,
    SklearnCallbacks,
    Tolerance,
    UpdateLog,
)
from ._loop import Hook, Point, TrainingRun, train
from ._objective import Objective, Records
from ._solvers import SGD, Adam, Solver

__all__ = [
    "SGD",
    "Adam",
    "Checkpoint",
    "EarlyStopping",
    "EpochPrinter",
    "Hook",
    "LogisticHead",
    "Objective",
    "Point",
    "Progress",
    "Records",
    "RidgeHead",
    "SklearnCallbacks",
    "Solver",
    "Tolerance",
    "TrainingRun",
    "UpdateLog",
    "train",
]
