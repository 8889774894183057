"""Classifiers that can forget, as scikit-learn estimators."""

from ._pipeline import unlearn
from ._qnn import QNNClassifier

__all__ = ["QNNClassifier", "unlearn"]
