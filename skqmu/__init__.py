"""Quantum machine unlearning with scikit-learn: one door to every room, opened on demand.

The names below are resolved when they are first used (PEP 562), so that ``import skqmu``
costs next to nothing and imports neither qiskit nor any other heavy package.

Examples
--------
>>> import skqmu
>>> "audit" in dir(skqmu)
True
"""

import importlib

__version__ = "0.2.0"

# public name -> the room that defines it
_HOME = {
    "HybridQNNClassifier": "classifiers",
    "QNNClassifier": "classifiers",
    "ShardedClassifier": "classifiers",
    "UnlearningClassifier": "classifiers",
    "load": "_model_files",
    "save": "_model_files",
    "release": "classifiers",
    "unlearn": "classifiers",
    "show_versions": "utils",
}
_ROOMS = (
    "attacks",
    "audit",
    "backends",
    "circuits",
    "classifiers",
    "datasets",
    "exceptions",
    "ledger",
    "metrics",
    "network",
    "privacy",
    "training",
    "unlearning",
    "utils",
)

__all__ = ["__version__", "audit", *_HOME]


def __getattr__(name):
    # "audit" is a room as well as a verb: the module itself can be called (see skqmu.audit).
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_ROOMS})
