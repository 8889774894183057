"""What is asked of an audit, parameter by parameter: checked before anything is trained."""

import numbers
import os
import warnings

import joblib
import numpy as np
from sklearn.base import clone, is_classifier

from .._identity import described, settings_line
from .._rows import take
from .._validation import check_choice
from ..attacks.tools import model_name
from ._attacks import ATTACKS, needs_shadows

__all__ = [
    "check_answers",
    "check_attacks",
    "check_count",
    "check_delta",
    "check_estimator",
    "check_level",
    "check_memory",
    "check_n_jobs",
    "check_title",
    "estimator_facts",
    "name_of",
]

# more models than this no machine holds: whoever asks for it has mistyped
_MOST_MODELS = 100_000
# rows of each class that show what a classifier can
_FEW = 12


def estimator_facts(estimator):
    """Return name of a classifier, its settings on one line, and in full; no credentials."""
    return {
        "name": name_of(estimator),
        "settings": settings_line(estimator),
        "described": described(estimator),
    }


def name_of(estimator):
    """Return what a classifier is called: of a pipeline its steps."""
    steps = getattr(estimator, "steps", None)
    return " > ".join(model_name(part) for _, part in steps) if steps else model_name(estimator)


def check_delta(delta):
    """Raise unless it is a share."""
    if not isinstance(delta, numbers.Real) or isinstance(delta, bool) or not 0 < delta < 1:
        raise ValueError(f"delta={delta!r} must lie strictly between 0 and 1, for example 0.1.")


def check_memory(memory, random_state):
    """Raise unless models can be kept there and found again."""
    if memory is None:
        return
    if not isinstance(memory, str | os.PathLike | joblib.Memory):
        raise ValueError(
            f"memory={memory!r} must be None, a folder, or a joblib.Memory; got "
            f"{type(memory).__name__}."
        )
    if random_state is None:
        raise ValueError(
            f"memory={memory!r} needs a random_state (got None): models are found again by what "
            "they were drawn from. Pass an integer."
        )


def check_estimator(estimator):
    """Raise unless it is a classifier; see `check_answers` for its probabilities."""
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator={estimator.__name__} is a class; pass an object, {estimator.__name__}()."
        )
    if not is_classifier(estimator):
        raise TypeError(
            f"estimator must be a scikit-learn classifier; got {type(estimator).__name__}."
        )
    if not hasattr(type(estimator), "predict_proba"):
        raise _no_proba(estimator)
    final = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    if getattr(final, "store_data", None) == "fingerprints":
        raise ValueError(
            'store_data="fingerprints" needs a key that an audit, which trains models of its own, '
            'does not have; audit the classifier with store_data="rows" or "none".'
        )


def check_answers(estimator, X, y):
    """Raise unless a classifier answers with probabilities; a few rows tell where it is open.

    Parameters
    ----------
    estimator : classifier
        Some have ``predict_proba`` only once they are fitted (`StackingClassifier`).
    X, y : table and labels
    """
    if hasattr(estimator, "predict_proba"):
        return
    rows = np.concatenate([np.flatnonzero(y == label)[:_FEW] for label in np.unique(y)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = clone(estimator).fit(take(X, rows), y[rows])
    except Exception as error:  # whatever few rows are too few for
        raise _no_proba(estimator) from error
    if not hasattr(fitted, "predict_proba"):
        raise _no_proba(estimator)


def _no_proba(estimator):
    return TypeError(
        f"{type(estimator).__name__} has no predict_proba, which losses and attacks need; wrap "
        "it in CalibratedClassifierCV, or ask what it gives away of its members by "
        "skqmu.attacks.LabelOnlyAttack."
    )


def check_count(name, value, least, why):
    """Raise unless it is a number of models that somebody may want."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}: {why}.")
    if value > _MOST_MODELS:
        raise ValueError(f"{name}={value!r} is more than {_MOST_MODELS} models.")


def check_n_jobs(n_jobs):
    """Raise unless joblib understands it."""
    whole = isinstance(n_jobs, numbers.Integral) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not whole or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r} must be an integer other than 0 (-1: one a core), or None."
        )


def check_level(level):
    """Raise unless it is a level of intervals."""
    if not isinstance(level, numbers.Real) or not 0.5 <= level < 1:
        raise ValueError(f"level={level!r} must lie in [0.5, 1), for example 0.95.")


def check_attacks(attacks, n_shadows):
    """Return the names of attacks as a tuple, with as many shadows as they need."""
    if isinstance(attacks, str):
        attacks = (attacks,)
    if not hasattr(attacks, "__iter__"):
        raise ValueError(f"attacks={attacks!r} must be a name or a list of names.")
    attacks = tuple(attacks)
    if not attacks:
        raise ValueError(f"attacks is empty; choose from {', '.join(sorted(ATTACKS))}.")
    for name in attacks:
        check_choice("attacks", name, ATTACKS)
    if len(set(attacks)) < len(attacks):
        raise ValueError(f"attacks={attacks!r} names one attack twice.")
    check_count("n_shadows", n_shadows, 0, "it is a number of models")
    if needs_shadows(attacks):
        why = "shadow attacks need a spread with and without each record"
        check_count("n_shadows", n_shadows, 4, why)
        if n_shadows % 2:
            raise ValueError(
                f"n_shadows={n_shadows} must be even: each record is in exactly half of them."
            )
    return attacks


def check_title(title):
    """Raise unless it is a text or None."""
    if title is not None and not isinstance(title, str):
        raise ValueError(f"title={title!r} must be a text or None.")
