"""Choosing among candidates that trade one score for another: the front, and a point on it."""

import numpy as np

from .._validation import check_choice

_CHOICES = ("nearest", "first")


def non_dominated(values):
    """Rows that no other row equals or beats everywhere and beats somewhere.

    Parameters
    ----------
    values : array-like of shape (n, m)
        Greater is better.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    values = np.asarray(values, dtype=float)
    keep = np.ones(len(values), dtype=bool)
    for row, value in enumerate(values):
        as_good = (values >= value).all(axis=1)
        better = (values > value).any(axis=1)
        keep[row] = not (as_good & better).any()
    return keep


class pareto:
    """For ``refit=``: choose a candidate on the front of several scores.

    Parameters
    ----------
    *scores : str
        Names of scores as in ``scoring=``; greater is better, as for all scorers.
    at_least : dict of str to float, default=None
        Floors; candidates below one are not chosen unless none is above all.
    weights : dict of str to float, default=None
        Importance of each score for ``choose="nearest"``, 1 where not named.
    choose : {"nearest", "first"}, default="nearest"
        On the front: the candidate nearest to the best of every score, each scaled by its range
        over the candidates; or the best in the first score.

    Examples
    --------
    >>> from skqmu.metrics import pareto
    >>> refit = pareto("accuracy", "neg_mia_advantage", at_least={"accuracy": 0.8})
    >>> refit({
    ...     "mean_test_accuracy": [0.95, 0.90, 0.60],
    ...     "mean_test_neg_mia_advantage": [-0.40, -0.10, 0.00],
    ... })
    1
    """

    def __init__(self, *scores, at_least=None, weights=None, choose="nearest"):
        self.scores = scores
        self.at_least = at_least
        self.weights = weights
        self.choose = choose

    def __repr__(self):
        parts = [repr(score) for score in self.scores]
        parts += [
            f"{name}={getattr(self, name)!r}"
            for name, default in (("at_least", None), ("weights", None), ("choose", "nearest"))
            if getattr(self, name) != default
        ]
        return f"pareto({', '.join(parts)})"

    def __call__(self, cv_results):
        """Return the position of the chosen candidate.

        Parameters
        ----------
        cv_results : dict
            ``cv_results_`` of a search.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            Fewer than two scores, a score that the search did not compute, or no candidate
            with all scores.
        """
        check_choice("choose", self.choose, _CHOICES)
        values = score_table(cv_results, self.scores)
        allowed = np.isfinite(values).all(axis=1)
        if not allowed.any():
            raise ValueError(
                f"no candidate has finite scores for all of {list(self.scores)}: see the warnings "
                "of the search, or set error_score='raise'."
            )
        floors = dict(self.at_least or {})
        weights = dict(self.weights or {})
        for name in (*floors, *weights):
            check_choice("score", name, self.scores)
        above = allowed.copy()
        for name, floor in floors.items():
            above &= values[:, self.scores.index(name)] >= floor
        allowed = above if above.any() else allowed
        rows = np.flatnonzero(allowed)
        rows = rows[non_dominated(values[rows])]
        if self.choose == "first":
            return int(rows[np.argmax(values[rows, 0])])
        finite = values[np.isfinite(values).all(axis=1)]
        best, span = finite.max(axis=0), np.ptp(finite, axis=0)
        short = (best - values[rows]) / np.where(span > 0, span, 1.0)
        weight = np.array([float(weights.get(name, 1.0)) for name in self.scores])
        return int(rows[np.argmin(((weight * short) ** 2).sum(axis=1))])


def score_table(cv_results, scores):
    """Mean test scores of all candidates, shape (n_candidates, n_scores)."""
    if len(scores) < 2:
        raise ValueError(f"pareto needs at least two scores; got {list(scores)}.")
    known = [key[len("mean_test_") :] for key in cv_results if key.startswith("mean_test_")]
    columns = [cv_results[f"mean_test_{check_choice('score', s, known)}"] for s in scores]
    return np.column_stack([np.asarray(column, dtype=float) for column in columns])
