"""Layers over one flat parameter vector, and losses on their logits."""

from ._layers import Dense, Layer, OneVsRest, QuantumLayer
from ._losses import cross_entropy, cross_entropy_gradient, entropy, log_softmax, softmax
from ._network import Meter, Network
from ._parameters import ParameterLayout

__all__ = [
    "Dense",
    "Layer",
    "Meter",
    "Network",
    "OneVsRest",
    "ParameterLayout",
    "QuantumLayer",
    "cross_entropy",
    "cross_entropy_gradient",
    "entropy",
    "log_softmax",
    "softmax",
]
