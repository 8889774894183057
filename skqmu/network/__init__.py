"""Layers over one flat parameter vector, and losses on their logits."""

from ._activations import Activation, activations
from ._batchnorm import BatchNorm
from ._born import BornLogits
from ._dropout import Dropout
from ._gain import FixedGain
from ._layers import Dense, Layer, OneVsRest, QuantumLayer
from ._losses import (
    cross_entropy,
    cross_entropy_gradient,
    entropy,
    entropy_gradient,
    log_softmax,
    softmax,
    weighted_cross_entropy,
)
from ._meter import Meter
from ._models_axis import forward_many, models_at_once
from ._network import Network
from ._parameters import ParameterLayout
from ._qiskit_ml import QiskitMLLayer, check_neural_network
from ._scale_layer import InputScale
from ._torch import TorchLayer, import_torch

__all__ = [
    "Activation",
    "BatchNorm",
    "BornLogits",
    "Dense",
    "Dropout",
    "FixedGain",
    "InputScale",
    "Layer",
    "Meter",
    "Network",
    "OneVsRest",
    "ParameterLayout",
    "QiskitMLLayer",
    "QuantumLayer",
    "TorchLayer",
    "activations",
    "check_neural_network",
    "cross_entropy",
    "cross_entropy_gradient",
    "entropy",
    "entropy_gradient",
    "forward_many",
    "import_torch",
    "log_softmax",
    "models_at_once",
    "softmax",
    "weighted_cross_entropy",
]
