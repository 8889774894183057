"""Which types a model file may name without being asked: those that cannot do harm by being made.

A ``.skops`` file says by name what is to be made, and with which attributes. Whoever wrote it chose
both. What stands here does nothing but hold attributes when it is made so; a type that deletes
files, opens connections, reads pickles or trusts sizes that it is told does not stand here.
"""

import importlib
import inspect
from functools import cache

__all__ = ["is_trusted", "why_not"]

# What fitted estimators of skqmu hold beside their parameters.
_STATE = frozenset(
    {
        "skqmu._matching.RowLaw",
        "skqmu._row_layout.Layout",
        "skqmu.backends._noise_stream.NoiseStream",
        "skqmu.classifiers._baseline.Baseline",
        "skqmu.classifiers._member_ids.MemberIds",
        "skqmu.classifiers._members.MemberRecord",
        "skqmu.classifiers.deletion._log_entry.LoggedRequest",
        "skqmu.classifiers.state._attributes.CircuitState",
        "skqmu.classifiers.state._attributes.ExperimentState",
        "skqmu.classifiers.state._attributes.ShardedState",
        "skqmu.privacy._differential_privacy.PrivacyPlan",
        "skqmu.privacy._record.PrivacyRecord",
        "skqmu.statistics._class_statistics.ClassStatistics",
        "skqmu.unlearning._importance.Importance",
    }
)
# Plain values of Python; and classes of scikit-learn that hold attributes and are no estimators,
# which skops trusts by itself. The arrays of a tree are checked when it is loaded.
_OTHERS = frozenset(
    {
        "builtins.frozenset",
        "numpy.dtype",
        "pathlib.PosixPath",
        "pathlib.WindowsPath",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils._metadata_requests.MetadataRequest",  # of searches, until 1.8
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
    }
)
# Rooms whose public estimators are parameters and nothing else until they are fitted.
_ROOMS = ("backends", "classifiers", "privacy", "unlearning")
_REASONS = {
    "skqmu._owned.OwnedFile": "the next request deletes the checkpoint or journal that it names",
    "skqmu.classifiers._meta.CachedFit": "the next request deletes the cache entry that it names",
    "joblib.memory.MemorizedResult": "it reads a pickle and deletes a folder, both by name",
    "joblib._store_backends.FileSystemStoreBackend": "it says in which folder",
    "skqmu.backends.runtime._runtime.RuntimeBackend": "it spends the time of your account",
    "skqmu.backends.given._given_backend.PrimitiveBackend": "it holds an object of somebody's own",
}


def is_trusted(name):
    """Whether a type, by its full name, may be made for any file that names it."""
    if name in _REASONS:
        return False
    room = name.split(".")[1] if name.startswith("skqmu.") else None
    return name in _STATE | _OTHERS or (room in _ROOMS and name in _public_estimators(room))


def why_not(name):
    """Return a type's name, and in brackets why it is not trusted, where that is known."""
    reason = _REASONS.get(name)
    return name if reason is None else f"{name} ({reason})"


@cache
def _public_estimators(room):
    from sklearn.base import BaseEstimator

    module = importlib.import_module(f"skqmu.{room}")
    exported = [getattr(module, name) for name in module.__all__]
    return {
        f"{each.__module__}.{each.__qualname__}"
        for each in exported
        if inspect.isclass(each) and issubclass(each, BaseEstimator)
    }
