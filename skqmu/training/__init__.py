"""The one training loop, its solvers, its objectives and its hooks."""

from ._checkpoint import Checkpoint
from ._fit_result import FitResult
from ._heads import LogisticHead, RidgeHead, SoftmaxHead
from ._hook import Hook
from ._hooks import (
    EarlyStopping,
    EpochPrinter,
    Progress,
    SklearnCallbacks,
    Tolerance,
    UpdateLog,
)
from ._loop import train
from ._many import can_train_many, many_obstacle, train_many
from ._minimize import Minimizer
from ._objective import Objective, Records, shared_steps
from ._optimizers import OPTIMIZERS, check_optimizer, optimizer_identity, resolve_optimizer
from ._solvers import SGD, Adam, Solver
from ._statistics_objective import StatisticsObjective
from ._together import train_together
from ._training_run import Point, TrainingRun

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "Checkpoint",
    "EarlyStopping",
    "EpochPrinter",
    "FitResult",
    "Hook",
    "LogisticHead",
    "Minimizer",
    "Objective",
    "Point",
    "Progress",
    "Records",
    "RidgeHead",
    "SklearnCallbacks",
    "SoftmaxHead",
    "Solver",
    "StatisticsObjective",
    "Tolerance",
    "TrainingRun",
    "UpdateLog",
    "can_train_many",
    "check_optimizer",
    "many_obstacle",
    "optimizer_identity",
    "resolve_optimizer",
    "shared_steps",
    "train",
    "train_many",
    "train_together",
]
