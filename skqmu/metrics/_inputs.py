"""Checks shared by the metrics: scores, levels, random states."""

import numbers

import numpy as np

__all__ = ["as_generator", "check_level", "check_scores", "check_vector"]


def check_level(level):
    """Return `level` if it is a number in (0, 1), else raise."""
    if not isinstance(level, numbers.Real) or not 0 < level < 1:
        raise ValueError(f"level={level!r} must be a number between 0 and 1, for example 0.95.")
    return float(level)


def check_vector(name, values, *, finite=True, minimum=1):
    """Return `values` as a float vector, or say what is wrong with it.

    Parameters
    ----------
    name : str
    values : array-like of shape (n,)
    finite : bool, default=True
        Whether infinities are refused (``nan`` always is).
    minimum : int, default=1
        Smallest length.

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    ValueError
    """
    try:
        vector = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from None
    if vector.ndim == 2 and vector.shape[1] == 1:
        vector = vector[:, 0]
    if vector.ndim != 1:
        raise ValueError(
            f"{name} must be one-dimensional, one number a record; got shape {vector.shape}."
        )
    if len(vector) < minimum:
        raise ValueError(f"{name} holds {len(vector)} value(s); at least {minimum} needed.")
    if np.isnan(vector).any():
        rows = np.flatnonzero(np.isnan(vector))
        raise ValueError(f"{name} is nan at {len(rows)} position(s), first {rows[:5].tolist()}.")
    if finite and not np.isfinite(vector).all():
        rows = np.flatnonzero(~np.isfinite(vector))
        raise ValueError(
            f"{name} is infinite at {len(rows)} position(s), first {rows[:5].tolist()}."
        )
    return vector


def check_scores(scores_member, scores_nonmember):
    """Return both score samples as float vectors; infinities are legitimate scores."""
    return (
        check_vector("scores_member", scores_member, finite=False),
        check_vector("scores_nonmember", scores_nonmember, finite=False),
    )


def as_generator(random_state):
    """Return a Generator; None is one fixed seed, so that measuring twice agrees.

    Parameters
    ----------
    random_state : int, SeedSequence, RandomState, Generator or None
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4))
    return np.random.default_rng(0 if random_state is None else random_state)
