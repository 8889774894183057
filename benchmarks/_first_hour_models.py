"""The models of `first_hour.py`: this library's, scikit-learn's, and the pairs for the pace."""

from importlib import import_module
from importlib.util import find_spec

import _first_hour_peers as peers
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

__all__ = ["BASELINE", "CLASSICAL", "OURS", "PACE", "PEERS", "available", "build", "pace_pair"]

OURS = ("QNNClassifier", "HybridQNNClassifier")
BASELINE = "LogisticRegression"
CLASSICAL = {
    BASELINE: lambda seed: LogisticRegression(max_iter=2000),
    "MLPClassifier": lambda seed: MLPClassifier(random_state=seed),
    "MLPClassifier (16)": lambda seed: MLPClassifier((16,), random_state=seed),
    "SVC": lambda seed: SVC(),
}
PEERS = peers.PEERS

# What the defaults were before; both run all of these epochs.
_EPOCHS = {"max_iter": 30, "n_iter_no_change": 30, "tol": 0.0}
PACE = {
    "QNNClassifier": {"input_scale": None, "observables": "z"},
    "HybridQNNClassifier": {
        "input_scale": None, "observables": "z", "n_qubits": 4, "learning_rate_init": 0.01,
    },
}  # fmt: skip


def available(name):
    """Whether what a model needs is installed."""
    return all(_found(package) for package in PEERS[name].needs) if name in PEERS else True


def _found(package):
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def build(name, n_features, n_classes, seed):
    """A model at its defaults.

    Parameters
    ----------
    name : str
    n_features, n_classes : int
        Peers that build nothing by themselves are built for these.
    seed : int

    Returns
    -------
    object
        With ``fit`` and ``predict``.
    """
    if name in OURS:
        return getattr(import_module("skqmu"), name)(random_state=seed)
    if name in CLASSICAL:
        return CLASSICAL[name](seed)
    return PEERS[name].build(n_features, n_classes, seed)


def pace_pair(name, seed):
    """A model at its defaults, and at what they were before, for equal epochs."""
    kind = getattr(import_module("skqmu"), name)
    return (
        kind(**_EPOCHS, random_state=seed),
        kind(**_EPOCHS, **PACE[name], random_state=seed),
    )
