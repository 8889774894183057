"""Data to learn and to forget: loaders, forget splits, and data with dialled memorisation."""

from skqmu.datasets._corrupt import corrupt
from skqmu.datasets._forget import forget_split
from skqmu.datasets._forget_folds import ForgetKFold
from skqmu.datasets._large import load_covertype, load_fashion_mnist, load_mnist
from skqmu.datasets._load import EMBEDDED, load
from skqmu.datasets._quantum import make_cluster, make_tfim, make_xxz, row_states, state_rows
from skqmu.datasets._sample import load_fashion_sample
from skqmu.datasets._study_h import study_h_split
from skqmu.datasets._synthetic import make_memorisation

__all__ = [
    "EMBEDDED",
    "ForgetKFold",
    "corrupt",
    "forget_split",
    "load",
    "load_covertype",
    "load_fashion_mnist",
    "load_fashion_sample",
    "load_mnist",
    "make_cluster",
    "make_memorisation",
    "make_tfim",
    "make_xxz",
    "row_states",
    "state_rows",
    "study_h_split",
]
