"""Models of any kind as targets: adapters that make classifiers of them."""

from ._answer_table import TableTarget
from ._as_target import adapted, as_target, model_name
from ._black_box import BlackBoxTarget
from ._qiskit_ml_model import QiskitMLTarget
from ._skorch_net import SkorchTarget
from ._torch_module import TorchTarget

__all__ = [
    "BlackBoxTarget",
    "QiskitMLTarget",
    "SkorchTarget",
    "TableTarget",
    "TorchTarget",
    "adapted",
    "as_target",
    "model_name",
]
