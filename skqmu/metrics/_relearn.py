"""How fast a model learns again what it was meant to have forgotten.

Knowledge that is only covered up comes back in a few steps; an oracle has to learn it anew.
"""

import copy
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import log_loss

from ._inputs import check_vector
from ._proba import classes_of, is_estimator, probabilities


@dataclass(frozen=True)
class RelearnTime:
    """Steps that a model and its oracle need to regain the forget loss of the original.

    Parameters
    ----------
    steps, oracle_steps : int or float
        First step at which the loss is at most `target`; ``inf`` if it never was.
    ratio : float
        ``steps / oracle_steps``: 1 = like the oracle, below 1 = something had stayed.
    target : float
        The loss to regain.
    max_steps : int
        How far the longer of the two curves was followed.

    Examples
    --------
    >>> from skqmu.metrics import relearn_time
    >>> relearn_time([2.0, 1.0, 0.5], [2.0, 1.5, 1.2, 0.9, 0.5], target=0.5)
    RelearnTime(steps=2, oracle_steps=4, ratio=0.5, target=0.5, max_steps=4)
    """

    steps: float
    oracle_steps: float
    ratio: float
    target: float
    max_steps: int


def relearn_time(model, oracle, X=None, y=None, *, target, max_steps=100):
    """Steps to regain the original's forget loss, relative to the oracle's.

    Parameters
    ----------
    model, oracle : fitted classifiers with ``partial_fit``, or loss curves
        Classifiers are copied, never changed; each gets `max_steps` calls of
        ``partial_fit(X, y)``.  A curve is the forget loss before relearning and after each
        step, shape (n_steps + 1,), with ``X=None``; `model` and `oracle` must have been
        trained with the same step.
    X : array-like of shape (n, d), default=None
        The forgotten rows.
    y : array-like of shape (n,), default=None
        Their labels.
    target : float
        The forget loss (mean cross-entropy, nats) of the original before unlearning.
    max_steps : int, default=100

    Returns
    -------
    RelearnTime

    Raises
    ------
    ValueError
        The two kinds are mixed, ``partial_fit`` is missing, or neither curve ever reaches the
        target (no ratio is known then).

    Examples
    --------
    >>> from skqmu.metrics import relearn_time
    >>> covered_up, oracle = [2.0, 0.4, 0.1], [1.5, 1.2, 0.9, 0.6, 0.3, 0.2]
    >>> relearn_time(covered_up, oracle, target=0.4).ratio
    0.25
    """
    estimators = [is_estimator(m) for m in (model, oracle)]
    if any(estimators) != all(estimators) or any(estimators) != (X is not None):
        raise ValueError("give two classifiers with X and y, or two loss curves without.")
    if not np.isfinite(target):
        raise ValueError(f"target={target!r} must be a finite loss.")
    if all(estimators):
        curves = [_relearn(m, X, y, float(target), int(max_steps)) for m in (model, oracle)]
    else:
        curves = [
            check_vector(name, curve, finite=False)
            for name, curve in (("model", model), ("oracle", oracle))
        ]
    steps, oracle_steps = (_first_below(curve, target) for curve in curves)
    followed = max(len(curve) for curve in curves) - 1
    if np.isinf(steps) and np.isinf(oracle_steps):
        raise ValueError(
            f"neither model regains the forget loss {target:.4g} within {followed} steps: raise "
            "max_steps, or the size of a step."
        )
    if oracle_steps == 0:  # the oracle never lost it: equal if the model has not either
        ratio = 1.0 if steps == 0 else np.inf
    else:
        ratio = steps / oracle_steps
    return RelearnTime(steps, oracle_steps, float(ratio), float(target), followed)


def _first_below(curve, target):
    reached = np.flatnonzero(curve <= target + 1e-12)
    return int(reached[0]) if len(reached) else np.inf


def _relearn(model, X, y, target, max_steps):
    if not hasattr(model, "partial_fit"):
        raise ValueError(
            f"{type(model).__name__} has no partial_fit: pass the loss curves of your own "
            "relearning instead."
        )
    y = np.asarray(y)
    model, losses = copy.deepcopy(model), []
    labels = np.unique(np.concatenate([classes_of(model), y]))
    for step in range(max_steps + 1):
        if step:
            model.partial_fit(X, y)
        proba = np.clip(probabilities(model, X, labels), 1e-15, None)
        proba /= proba.sum(axis=1, keepdims=True)
        if len(labels) > 1:
            losses.append(log_loss(y, proba, labels=labels))
        else:
            losses.append(0.0)
        if losses[-1] <= target:
            break
    return np.array(losses)
