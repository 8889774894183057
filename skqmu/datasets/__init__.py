"""Data to learn and to forget: loaders, forget splits, and data with dialled memorisation."""

from skqmu.datasets._forget import forget_split
from skqmu.datasets._load import EMBEDDED, load
from skqmu.datasets._synthetic import make_memorisation

__all__ = ["EMBEDDED", "forget_split", "load", "make_memorisation"]
