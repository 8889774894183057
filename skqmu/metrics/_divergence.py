"""How far a model's outputs are from an oracle's, on the same rows."""

import warnings

import numpy as np
from scipy.special import rel_entr

from .._validation import check_choice
from ..exceptions import ResolutionWarning
from ._inputs import as_generator, check_level
from ._interval import Estimate, record_mean
from ._proba import aligned_predictions, aligned_probabilities

_DIRECTIONS = ("model_to_oracle", "oracle_to_model")


def kl_to_oracle(model, oracle, X=None, *, retained=None, direction="model_to_oracle", eps=1e-8):
    """Mean Kullback-Leibler divergence between a model and an oracle, in nats.

    Parameters
    ----------
    model, oracle : fitted classifiers, or arrays of shape (n, c) with ``X=None``
        `oracle`: the same estimator trained without the forget set.
    X : array-like of shape (n, d), default=None
        The rows; both models are asked here, so they cannot be in different orders.
    retained : array-like, default=None
        When a whole class was forgotten: the classes that are left.  Both outputs are
        restricted to them and renormalised, so that the divergence measures what is retained
        and not the forgotten class's column.
    direction : {"model_to_oracle", "oracle_to_model"}, default="model_to_oracle"
        KL(model || oracle), as the study HQML (arXiv 2512.19253) computes it, or
        KL(oracle || model).
    eps : float, default=1e-8
        Probabilities are raised to at least this before they are renormalised; it bounds the
        divergence (by ``ln(1 / eps)``, about 18.4) where a probability is exactly 0.

    Returns
    -------
    float
        0 if and only if the outputs agree; two oracles that differ by their seeds are not at 0:
        see :func:`oracle_equivalence`.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import kl_to_oracle
    >>> model, oracle = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    >>> round(kl_to_oracle(model, oracle), 4)
    0.1438
    """
    each = kl_per_record(model, oracle, X, retained=retained, direction=direction, eps=eps)
    return float(each.mean())


def js_to_oracle(model, oracle, X=None, *, retained=None, base=np.e, eps=1e-8):
    """Mean Jensen-Shannon divergence between a model and an oracle.

    Parameters
    ----------
    model, oracle, X, retained, eps
        As for :func:`kl_to_oracle`.
    base : float, default=e
        Of the logarithm: the value lies between 0 and ``log_base(2)``.

    Returns
    -------
    float
        Symmetric; the divergence, not its square root.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import js_to_oracle
    >>> round(js_to_oracle(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), base=2), 4)
    1.0
    """
    return float(js_per_record(model, oracle, X, retained, base, eps).mean())


def agreement_score(model, oracle, X=None):
    """Share of rows on which a model and an oracle predict the same label.

    Parameters
    ----------
    model, oracle : fitted classifiers, or arrays of labels with ``X=None``
    X : array-like of shape (n, d), default=None

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> from skqmu.metrics import agreement_score
    >>> agreement_score(["a", "b", "a", "a"], ["a", "b", "b", "a"])
    0.75
    """
    one, two = aligned_predictions([model, oracle], X)
    return float(np.mean(one == two))


def zrf_score(model, random_twin, X_forget=None, *, base=2, eps=1e-8):
    """Zero-retrain forgetting score (Chundawat et al. 2023): 1 - JS(model, random twin).

    Parameters
    ----------
    model : fitted classifier, or array of shape (n, c) with ``X_forget=None``
    random_twin : the same kind of model, untrained; or a list of several
        With a list the mean over the twins is returned: one random initialisation is a matter
        of luck.
    X_forget : array-like of shape (n, d), default=None
    base : float, default=2
        Of the logarithm.  The paper says that the score lies between 0 and 1, which holds for
        base 2; its text does not name the base.
    eps : float, default=1e-8

    Returns
    -------
    float
        1 where the model answers on the forget set like a random one.  It is not a target: an
        oracle that still generalises scores below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import zrf_score
    >>> sure, unsure = np.array([[0.99, 0.01]]), np.array([[0.5, 0.5]])
    >>> zrf_score(unsure, unsure) > zrf_score(sure, unsure)
    True
    """
    twins = random_twin if isinstance(random_twin, list | tuple) else [random_twin]
    scores = [1 - js_to_oracle(model, twin, X_forget, base=base, eps=eps) for twin in twins]
    return float(np.mean(scores))


def kl_per_record(model, oracle, X=None, *, retained=None, direction="model_to_oracle", eps=1e-8):
    """Kullback-Leibler divergence between a model and an oracle for every row, in nats.

    Parameters
    ----------
    model, oracle, X, retained, direction, eps
        As for :func:`kl_to_oracle`, which is the mean of this over the rows.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> import numpy as np
    >>> from skqmu.metrics import kl_per_record
    >>> model, oracle = np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[0.25, 0.75], [0.9, 0.1]])
    >>> kl_per_record(model, oracle).round(4)
    array([0.1438, 0.    ])
    """
    check_choice("direction", direction, _DIRECTIONS)
    p, q = _floored([model, oracle], X, retained, eps)
    if direction == "oracle_to_model":
        p, q = q, p
    return rel_entr(p, q).sum(axis=1)


def js_per_record(model, oracle, X, retained=None, base=np.e, eps=1e-8):
    """Divergence of every row, shape (n,)."""
    if not base > 1:
        raise ValueError(f"base={base!r} must be larger than 1.")
    p, q = _floored([model, oracle], X, retained, eps)
    middle = (p + q) / 2
    both = rel_entr(p, middle).sum(axis=1) + rel_entr(q, middle).sum(axis=1)
    return np.maximum(both, 0.0) / (2 * np.log(base))


def divergence_estimate(per_record, level, random_state=None, n_resamples=2000):
    """Mean of a divergence over records with its studentised bootstrap interval.

    Returns
    -------
    Estimate
    """
    check_level(level)
    if len(per_record) == 1:
        warnings.warn(
            "one record has no spread: the interval of its divergence is infinite.",
            ResolutionWarning,
            stacklevel=3,
        )
        return Estimate(float(per_record[0]), 0.0, np.inf, level)
    estimate = record_mean(per_record, level, n_resamples, as_generator(random_state))
    return estimate._replace(low=max(0.0, estimate.low))


def _floored(models, X, retained, eps):
    if not 0 < eps < 0.1:
        raise ValueError(f"eps={eps!r} must be between 0 and 0.1.")
    arrays, _ = aligned_probabilities(models, X, retained)
    arrays = [np.maximum(array, eps) for array in arrays]
    return [array / array.sum(axis=1, keepdims=True) for array in arrays]
