"""Data to learn and to forget: loaders, forget splits, and data with dialled memorisation."""

from skqmu.datasets._forget import forget_split
from skqmu.datasets._large import load_covertype, load_fashion_mnist, load_mnist
from skqmu.datasets._load import EMBEDDED, load
from skqmu.datasets._synthetic import make_memorisation

__all__ = [
    "EMBEDDED",
    "forget_split",
    "load",
    "load_covertype",
    "load_fashion_mnist",
    "load_mnist",
    "make_memorisation",
]
