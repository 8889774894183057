"""What an attacker may learn of a classifier without importing it: unwrap, seed, inspect."""

import numbers

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._identity import settings_line
from .._validation import check_choice
from ..exceptions import MemberRecordError

__all__ = [
    "check_target",
    "entropy_from",
    "known_members",
    "layers",
    "not_asked",
    "settings_of",
    "shots_of",
    "unwrap",
    "with_seed",
]


def unwrap(estimator):
    """Take the :class:`~sklearn.frozen.FrozenEstimator` off, however often it was put on."""
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator


def layers(estimator):
    """Yield the estimator, what it wraps, what that wraps, ...: fitted parts first."""
    while estimator is not None:
        yield estimator
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        else:
            inner = (getattr(estimator, name, None) for name in ("best_estimator_", "estimator_"))
            estimator = next((model for model in inner if hasattr(model, "predict")), None)


def check_target(target):
    """Raise unless `target` is a fitted single-output classifier.

    Parameters
    ----------
    target : object

    Returns
    -------
    ndarray of shape (n_classes,)
        Its `classes_`.

    Raises
    ------
    TypeError
        It is a class, or not a classifier.
    NotFittedError
        It is not fitted; attacks never fit their target.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.attacks.tools import check_target
    >>> check_target(LogisticRegression().fit([[0.0], [1.0]], ["no", "yes"]))
    array(['no', 'yes'], dtype='<U3')
    """
    if isinstance(target, type):
        raise TypeError(
            f"target={target.__name__} is a class; pass a fitted classifier, for example "
            f"{target.__name__}(...).fit(X, y)."
        )
    inner = unwrap(target)
    if not hasattr(inner, "predict"):
        raise TypeError(
            f"target must be a fitted classifier; got {inner!r} of type {type(inner).__name__}. "
            "skqmu.attacks.as_target makes one of functions, torch modules and tables of answers."
        )
    if hasattr(inner, "__sklearn_tags__") and not is_classifier(inner):
        raise TypeError(f"target={type(inner).__name__} is no classifier.")
    try:
        check_is_fitted(inner)
        classes = inner.classes_
    except (NotFittedError, AttributeError):
        raise NotFittedError(
            f"target={type(inner).__name__} is not fitted. An attack never fits its target: "
            "fit it first, then pass it."
        ) from None
    if isinstance(classes, list):
        raise TypeError(
            f"target={type(inner).__name__} predicts {len(classes)} outputs; membership "
            "attacks need a single-output classifier."
        )
    return np.asarray(classes)


def with_seed(estimator, seed_sequence):
    """Set every ``random_state`` among the (nested) parameters from one seed, in place.

    Parameters
    ----------
    estimator : estimator
    seed_sequence : int, SeedSequence or None
        What ``numpy.random.default_rng`` takes.

    Returns
    -------
    estimator
        `estimator` itself.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu.attacks.tools import with_seed
    >>> seeds = [with_seed(LogisticRegression(), seed).random_state for seed in (0, 0, 1)]
    >>> seeds[0] == seeds[1], seeds[0] == seeds[2]
    (True, False)
    """
    names = sorted(
        name
        for name, value in estimator.get_params(deep=True).items()
        # scikit-learn marks parameters on their way out by a text
        if (name == "random_state" or name.endswith("__random_state"))
        and not isinstance(value, str)
    )
    if names:
        seeds = np.random.default_rng(seed_sequence).integers(2**31 - 1, size=len(names))
        estimator.set_params(**dict(zip(names, map(int, seeds), strict=True)))
    return estimator


def entropy_from(random_state):
    """Return one integer of entropy; ``None`` never touches NumPy's global generator.

    Parameters
    ----------
    random_state : None, int, SeedSequence, RandomState or Generator

    Returns
    -------
    int
        For ``numpy.random.SeedSequence``.

    Raises
    ------
    ValueError
        A negative integer.
    TypeError
        `random_state` is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.attacks.tools import entropy_from
    >>> entropy_from(7)
    7
    >>> generator = np.random.default_rng(0)
    >>> entropy_from(generator) == entropy_from(generator)  # a generator moves on
    False
    """
    if random_state is None:
        return np.random.SeedSequence().entropy
    if isinstance(random_state, numbers.Integral):
        if random_state < 0:
            raise ValueError(f"random_state={random_state} must not be negative.")
        return int(random_state)
    if isinstance(random_state, np.random.SeedSequence):
        words = random_state.generate_state(4)
        return int.from_bytes(words.tobytes(), "little")
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63 - 1))
    raise TypeError(
        f"random_state={random_state!r} must be None, an int, a SeedSequence, a RandomState "
        "or a Generator."
    )


def shots_of(estimator):
    """Return the shots behind one answer: a number, ``None`` when exact, or "unknown".

    Read off the fitted ``backend_`` (a name made an object; what it counts before what it was
    given) of the classifier or of what it wraps, else off its parameter ``backend``; an adapter
    says it. A classifier without backend is exact unless its tags say that it answers the same
    question differently each time.
    """
    for layer in layers(estimator):
        if hasattr(layer, "answer_shots"):
            return layer.answer_shots
        found = hasattr(layer, "backend_")
        backend = layer.backend_ if found else getattr(layer, "backend", None)
        shots = getattr(backend, "shots_", getattr(backend, "shots", None))
        if isinstance(shots, numbers.Integral):
            return int(shots)
        if found and backend is not None:
            return None if getattr(backend, "exact", True) else "unknown"
    sampled = any(
        hasattr(layer, "__sklearn_tags__") and get_tags(layer).non_deterministic
        for layer in layers(estimator)
    )
    return "unknown" if sampled else None


def not_asked(target):
    """What cannot be asked of a target that stands in an adapter, in sentences."""
    return next((layer.not_asked for layer in layers(target) if hasattr(layer, "not_asked")), ())


def settings_of(estimator):
    """Return the estimator's settings on one line, for the threat model."""
    return settings_line(estimator)


def known_members(target, X, y):
    """Ask the target's member record which rows it is trained on now.

    Parameters
    ----------
    target : fitted classifier
        Also a pipeline or a frozen one.
    X : array-like of shape (n, n_features)
        As the target takes it.
    y : array-like of shape (n,)

    Returns
    -------
    ndarray of bool of shape (n,), or None
        ``None`` when the target keeps no record.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skqmu import QNNClassifier
    >>> from skqmu.attacks.tools import known_members
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 1])
    >>> known_members(QNNClassifier(max_iter=30, random_state=0).fit(X[:2], y[:2]), X, y)
    array([ True,  True, False])
    >>> known_members(LogisticRegression().fit(X, y), X, y) is None
    True
    """
    for layer in layers(target):
        if isinstance(layer, Pipeline):
            X = layer[:-1].transform(X) if len(layer.steps) > 1 else X
        elif hasattr(layer, "is_member"):
            try:
                return np.asarray(layer.is_member(X, y), dtype=bool)
            except MemberRecordError:
                return None
    return None


def check_query_method(model, query):
    """Raise unless `model` answers the kind of query that the attack makes."""
    query = check_choice("query", query, ("proba", "label"))
    method = {"proba": "predict_proba", "label": "predict"}[query]
    if not hasattr(model, method):
        raise TypeError(
            f"{type(unwrap(model)).__name__} has no {method}, which this attack queries. Wrap "
            "it in CalibratedClassifierCV, or use LabelOnlyAttack, which needs predict only."
        )
