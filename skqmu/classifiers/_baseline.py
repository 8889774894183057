"""What the model of the last fit made of some rows: what later damage is judged by."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..network import cross_entropy
from ..unlearning import Yardstick, noise_scale, rows_beside

__all__ = ["Baseline", "sampled_rows"]

# Child of the fit's seed that chooses rows to look at.
_SAMPLE = 3_000_000


def sampled_rows(n_rows, seed, most):
    """Places of at most so many of some rows, in order; a smaller sample is part of a greater.

    Parameters
    ----------
    n_rows : int
    seed : int
        Of the fit.
    most : int or None
        None: all.
    """
    if most is None or n_rows <= most:
        return np.arange(n_rows)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_SAMPLE,)))
    return np.sort(rng.permutation(n_rows)[:most])


@dataclass(frozen=True)
class Baseline:
    """Loss of some retained rows at the last fit, and whether they were right.

    Taken at the first approximate request after a fit, when its parameters are still those
    of the fit. Rows are known by their positions, so that forgotten ones can be left out;
    where no member record is kept, by their class alone.

    Attributes
    ----------
    positions : ndarray of int of shape (n,) or None
        In the data given to `fit`.
    labels : ndarray of int of shape (n,)
    loss, hits : ndarray of shape (n,)
    loss_beside : ndarray of shape (n,) or None
        Beside the rows (see `rows_beside`); None where circuits are counted.
    scale : ndarray of shape (n_features,) or None
        How far beside.
    seed : int
        Of what lies beside.
    """

    positions: np.ndarray | None
    labels: np.ndarray
    loss: np.ndarray
    hits: np.ndarray
    loss_beside: np.ndarray | None
    scale: np.ndarray | None
    seed: int

    #: Rows that are looked at: paired with themselves, a loss of two points of accuracy shows to
    #: within one.
    MOST_ROWS: ClassVar[int] = 500

    @classmethod
    def of(cls, request, rows, positions, loss, hits, seed):
        """Of a sample of the retained rows.

        Parameters
        ----------
        request : UnlearningRequest
            With the parameters of the last fit.
        rows : ndarray of int of shape (m,)
            The sample (see `sampled_rows`).
        positions : ndarray of int of shape (n,) or None
            Of all retained rows.
        loss, hits : ndarray of shape (m,)
            Of the sample, measured.
        seed : int
        """
        records = request.retain[rows]
        positions = None if positions is None else positions[rows]
        scale = loss_beside = None
        if not request.network.counts_circuits:
            scale = noise_scale(records.X)
            beside = _beside(request.network, records, positions, scale, seed)
            logits = request.network.logits(request.params, beside)
            loss_beside = cross_entropy(logits, records.targets)
        return cls(positions, records.labels, loss, hits, loss_beside, scale, seed)

    def without(self, positions):
        """Without what is known of rows that were forgotten."""
        if self.positions is None or positions is None:
            return self
        stay = ~np.isin(self.positions, positions)
        return replace(
            self,
            positions=self.positions[stay],
            labels=self.labels[stay],
            loss=self.loss[stay],
            hits=self.hits[stay],
            loss_beside=None if self.loss_beside is None else self.loss_beside[stay],
        )

    def yardstick(self, network, records, positions):
        """`Yardstick` over those of the given retained rows that the baseline knows.

        Parameters
        ----------
        network : Network
        records : Records
        positions : ndarray of int or None

        Returns
        -------
        Yardstick or None
            None: it knows none.
        """
        known = (self.loss, self.hits)
        known += () if self.loss_beside is None else (self.loss_beside,)
        if self.positions is not None and positions is not None:
            _, rows, mine = np.intersect1d(positions, self.positions, return_indices=True)
            if len(rows):
                own = [values[mine] for values in known]
                return self._over(network, records[rows], positions[rows], *own)
        rows = np.flatnonzero(np.isin(records.labels, self.labels))[: self.MOST_ROWS]
        if not len(rows):
            return None
        records = records[rows]
        by_class = (
            np.array([values[self.labels == label].mean() for label in records.labels])
            for values in known
        )
        return self._over(network, records, None, *by_class)

    def _over(self, network, records, positions, loss, hits, loss_beside=None):
        if loss_beside is None:
            return Yardstick(records, loss, hits)
        beside = _beside(network, records, positions, self.scale, self.seed)
        return Yardstick(records, loss, hits, beside, loss_beside)


def _beside(network, records, positions, scale, seed):
    numbers = np.arange(len(records)) if positions is None else positions
    return network.nearest_inputs(rows_beside(records.X, scale, numbers, seed))
