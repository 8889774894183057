"""Classifiers that can forget, as scikit-learn estimators."""

from ._hybrid import HybridQNNClassifier
from ._pipeline import unlearn
from ._qnn import QNNClassifier
from ._release import release
from ._sharded import ShardedClassifier
from ._suggest import StrategyTable, suggest_strategy
from ._unlearning_classifier import UnlearningClassifier

__all__ = [
    "HybridQNNClassifier",
    "QNNClassifier",
    "ShardedClassifier",
    "StrategyTable",
    "UnlearningClassifier",
    "release",
    "suggest_strategy",
    "unlearn",
]
