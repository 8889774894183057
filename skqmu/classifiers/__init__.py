"""Classifiers that can forget, as scikit-learn estimators."""

from ._hybrid import HybridQNNClassifier
from ._pipeline import unlearn
from ._qnn import QNNClassifier
from ._release import release
from ._sharded import ShardedClassifier
from ._suggest import StrategyTable, suggest_strategy
from ._suggest_dp import PrivacySuggestion, suggest_dp
from ._unlearning_classifier import UnlearningClassifier

__all__ = [
    "HybridQNNClassifier",
    "PrivacySuggestion",
    "QNNClassifier",
    "ShardedClassifier",
    "StrategyTable",
    "UnlearningClassifier",
    "release",
    "suggest_dp",
    "suggest_strategy",
    "unlearn",
]
